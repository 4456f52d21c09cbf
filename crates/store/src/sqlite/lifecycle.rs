//! Orders, definitions and alerts in their tables.

use super::columns::{
    Word as _, from_json, from_nanos, text_of, to_json, to_limit, to_nanos, word_of,
};
use super::fault::Fault;
use super::history::{self, Subject};
use super::parking;
use crate::change::Park;
use crate::lifecycle::{Alert, Columns, Definition, Forget, Order, Queue, Wanted};
use duet_map::side::Side;
use jiff::Timestamp;
use rusqlite::{Connection, params};

/// How many alerts are kept.
const ALERTS_KEPT: i64 = 200;

/// Sets orders; one that is nothing out of the ordinary goes away.
pub(super) fn set_orders(tx: &Connection, orders: &[Order]) -> Result<(), Fault> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO orders (map, wanted, cause, reason, queue, up_to, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (map) DO UPDATE SET wanted = excluded.wanted, cause = excluded.cause,
             reason = excluded.reason, queue = excluded.queue, up_to = excluded.up_to,
             at = excluded.at",
    )?;
    let mut delete = tx.prepare_cached("DELETE FROM orders WHERE map = ?1")?;
    for order in orders {
        if order.wanted == Wanted::Run && order.queue == Queue::CatchUp {
            delete.execute([&order.map])?;
            continue;
        }
        insert.execute(params![
            order.map,
            order.wanted.word(),
            order.cause.word(),
            order.reason,
            order.queue.word(),
            order.up_to,
            to_nanos(order.at),
        ])?;
    }
    Ok(())
}

/// Every order, by map.
pub(super) fn orders(tx: &Connection) -> Result<Vec<Order>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT map, wanted, cause, reason, queue, up_to, at FROM orders ORDER BY map",
    )?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Order {
            map: row.get(0)?,
            wanted: word_of(row, 1)?,
            cause: word_of(row, 2)?,
            reason: row.get(3)?,
            queue: word_of(row, 4)?,
            up_to: row.get(5)?,
            at: from_nanos(row.get(6)?),
        });
    }
    Ok(found)
}

/// The last place in the journal; 0 when it is empty.
pub(super) fn last_place(tx: &Connection) -> Result<i64, Fault> {
    Ok(tx
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM journal")?
        .query_row([], |row| row.get(0))?)
}

/// Parks pending changes of a map, oldest first. Returns how many.
pub(super) fn hold(
    tx: &Connection,
    map: &str,
    up_to: i64,
    park: &Park,
    limit: usize,
    now: Timestamp,
) -> Result<u64, Fault> {
    let seqs: Vec<i64> = tx
        .prepare_cached(
            "SELECT seq FROM journal WHERE map = ?1 AND state = 'pending' AND seq <= ?2
             ORDER BY seq LIMIT ?3",
        )?
        .query_map(params![map, up_to, to_limit(limit)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let detail = format!("{}: {}", park.code, park.message);
    for seq in &seqs {
        parking::park(tx, *seq, park, now)?;
        if let Some(subject) = Subject::load(tx, *seq)? {
            history::tell(tx, &subject, "parked", &detail, now)?;
        }
    }
    Ok(seqs.len() as u64)
}

/// Every definition, by map.
pub(super) fn definitions(tx: &Connection) -> Result<Vec<Definition>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT map, version, text, columns, companies, whole, at FROM definitions ORDER BY map",
    )?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let map: String = row.get(0)?;
        found.push(Definition {
            version: row.get(1)?,
            text: row.get(2)?,
            columns: row.get(3)?,
            companies: from_json(text_of(row, 4)?, || format!("the companies of {map}"))?,
            whole: row.get(5)?,
            at: from_nanos(row.get(6)?),
            map,
        });
    }
    Ok(found)
}

/// Sets a map's definition and forgets what its pairs know no longer. A version that stood for a whole
/// image stands for it no more, and yet older rows are told by it.
pub(super) fn define(
    tx: &Connection,
    definition: &Definition,
    forget: Option<&Forget>,
) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT INTO definitions (map, version, text, columns, companies, whole, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (map) DO UPDATE SET version = excluded.version, text = excluded.text,
             columns = excluded.columns, companies = excluded.companies, whole = excluded.whole,
             at = excluded.at",
    )?
    .execute(params![
        definition.map,
        definition.version,
        definition.text,
        definition.columns,
        to_json(&definition.companies)?,
        definition.whole,
        to_nanos(definition.at),
    ])?;
    let Some(forget) = forget else {
        return Ok(());
    };
    let nothing = Columns::default();
    let (columns, moved) = match forget {
        Forget::Columns(columns) => (columns, None),
        Forget::Versions(side) => (&nothing, Some(*side)),
    };
    for side in Side::BOTH {
        let half = match side {
            Side::Left => "left_half",
            Side::Right => "right_half",
        };
        let known = if moved == Some(side) {
            "NULL".to_owned()
        } else {
            newest_version(half)
        };
        tx.prepare_cached(&format!(
            "UPDATE pairs SET revision = revision + 1,
                 {half} = json_set(json_remove({half}, '$.wrote_columns', '$.rewrote'),
                     '$.version', NULL, '$.wrote', json({known}),
                     '$.image', json_patch(json_extract({half}, '$.image'), ?2))
             WHERE map = ?1 AND state <> 'deleted'"
        ))?
        .execute(params![definition.map, removal(&columns[side])?])?;
    }
    Ok(())
}

/// The newer one of the two versions that a half knows, as JSON.
fn newest_version(half: &str) -> String {
    let (version, wrote) = (
        format!("{half} -> '$.version'"),
        format!("{half} -> '$.wrote'"),
    );
    let ordinal = |which: &str| format!("coalesce({half} ->> '$.{which}.ordinal', -1)");
    format!(
        "CASE WHEN {} > {} OR coalesce({wrote}, 'null') = 'null' THEN {version} ELSE {wrote} END",
        ordinal("version"),
        ordinal("wrote")
    )
}

/// A merge patch (RFC 7396) that removes columns.
fn removal(columns: &[String]) -> Result<String, Fault> {
    let patch: serde_json::Map<String, serde_json::Value> = columns
        .iter()
        .map(|column| (column.clone(), serde_json::Value::Null))
        .collect();
    to_json(&patch)
}

/// Keeps an alert, and the last [`ALERTS_KEPT`] of them.
pub(super) fn add_alert(tx: &Connection, alert: &Alert) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT INTO alerts (at, rule, action, map, text) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        to_nanos(alert.at),
        alert.rule,
        alert.action,
        alert.map,
        alert.text,
    ])?;
    tx.prepare_cached("DELETE FROM alerts WHERE id <= (SELECT max(id) FROM alerts) - ?1")?
        .execute([ALERTS_KEPT])?;
    Ok(())
}

/// The last alerts, newest first.
pub(super) fn alerts(tx: &Connection, limit: usize) -> Result<Vec<Alert>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT at, rule, action, map, text FROM alerts ORDER BY id DESC LIMIT ?1",
    )?;
    let rows = select.query_map([to_limit(limit)], |row| {
        Ok(Alert {
            at: from_nanos(row.get(0)?),
            rule: row.get(1)?,
            action: row.get(2)?,
            map: row.get(3)?,
            text: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
