//! Intents: what was about to be sent and is not known to have arrived or failed.

use super::columns::{Word as _, from_json, from_nanos, side_of, text_of, to_json, to_nanos};
use super::fault::Fault;
use crate::intent::{Intent, Sent};
use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use rusqlite::{Connection, Row, params};
use std::collections::HashMap;

/// The columns that [`read`] reads, in its order.
const COLUMNS: &str = "seq, map, key, to_side, source, kind, record, version_tag, row, at";

/// Makes intents durable; a second intent of the same change takes the place of the first.
pub(super) fn add(tx: &Connection, intents: &[Intent]) -> Result<(), Fault> {
    let mut insert = tx.prepare_cached(
        "INSERT OR REPLACE INTO intents (seq, map, key, to_side, source, kind, record, version_tag,
                                         row, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for intent in intents {
        let (kind, record, version, row) = match &intent.sent {
            Sent::Create { id, row } => ("create", id.as_ref(), None, Some(to_json(row)?)),
            Sent::Update { id, row, version } => {
                ("update", Some(id), version.as_ref(), Some(to_json(row)?))
            }
            Sent::Delete { id } => ("delete", Some(id), None, None),
        };
        insert.execute(params![
            intent.seq,
            intent.map,
            intent.key.0,
            intent.to.word(),
            intent.source.0,
            kind,
            record.map(|record| &record.0),
            version,
            row,
            to_nanos(intent.at),
        ])?;
    }
    Ok(())
}

/// What is known to have arrived or failed is no intent any more.
pub(super) fn end(tx: &Connection, map: &str, key: &str) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM intents WHERE map = ?1 AND key = ?2")?
        .execute([map, key])?;
    Ok(())
}

/// Moves what was sent for a record's changes along with them, from one key to another.
pub(super) fn move_of(
    tx: &Connection,
    map: &str,
    side: Side,
    source: &RecordId,
    (from, to): (&str, &str),
) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE OR REPLACE intents SET key = ?5
         WHERE map = ?1 AND key = ?4 AND to_side = ?2 AND source = ?3",
    )?
    .execute([map, side.other().word(), &source.0, from, to])?;
    Ok(())
}

/// The intents under these keys of a map, the oldest first.
pub(super) fn by_key(
    tx: &Connection,
    map: &str,
    keys: &[Key],
) -> Result<HashMap<Key, Vec<Intent>>, Fault> {
    let mut found: HashMap<Key, Vec<Intent>> = HashMap::new();
    // Nearly always there is none at all.
    let mut any = tx.prepare_cached("SELECT 1 FROM intents WHERE map = ?1 LIMIT 1")?;
    if !any.exists([map])? {
        return Ok(found);
    }
    let mut select = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM intents WHERE map = ?1 AND key = ?2 ORDER BY seq"
    ))?;
    for key in keys {
        let mut rows = select.query([map, &key.0])?;
        let mut intents = Vec::new();
        while let Some(row) = rows.next()? {
            intents.push(read(row)?);
        }
        if !intents.is_empty() {
            found.insert(key.clone(), intents);
        }
    }
    Ok(found)
}

/// The creates on a side of a map for which that side chooses the identifier, the oldest first.
pub(super) fn unnamed(tx: &Connection, map: &str, to: Side) -> Result<Vec<Intent>, Fault> {
    let mut select = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM intents
         WHERE map = ?1 AND to_side = ?2 AND kind = 'create' AND record IS NULL ORDER BY seq"
    ))?;
    let mut rows = select.query([map, to.word()])?;
    let mut intents = Vec::new();
    while let Some(row) = rows.next()? {
        intents.push(read(row)?);
    }
    Ok(intents)
}

fn read(row: &Row<'_>) -> Result<Intent, Fault> {
    let seq: i64 = row.get(0)?;
    let columns = || from_json(text_of(row, 8)?, || format!("the intent of change {seq}"));
    let record: Option<String> = row.get(6)?;
    let id = record.map(RecordId);
    let sent = match (row.get::<_, String>(5)?.as_str(), id) {
        ("create", id) => Sent::Create {
            id,
            row: columns()?,
        },
        ("update", Some(id)) => Sent::Update {
            id,
            row: columns()?,
            version: row.get(7)?,
        },
        ("delete", Some(id)) => Sent::Delete { id },
        (kind, _) => {
            return Err(Fault::unreadable(
                "an intent",
                format!("`{kind}` of change {seq} names no record"),
            ));
        }
    };
    Ok(Intent {
        seq,
        map: row.get(1)?,
        key: Key(row.get(2)?),
        to: side_of(row, 3)?,
        source: RecordId(row.get(4)?),
        sent,
        at: from_nanos(row.get(9)?),
    })
}
