//! What the engine keeps about its own work: cursors, notices, logical time, states of maps.

use super::columns::{Word as _, from_nanos, side_of, to_limit, to_nanos, word_of};
use super::fault::Fault;
use crate::store::{MapStatus, StoredNotice};
use duet_map::record::RecordId;
use duet_map::side::Side;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

/// The first tick of the first range; a pair that was never written stands at 0, before it.
const FIRST_TICK: i64 = 1;

/// Sets a range of logical time aside.
pub(super) fn reserve_ticks(tx: &Connection, count: i64) -> Result<i64, Fault> {
    let first: Option<i64> = tx
        .prepare_cached("SELECT value FROM meta WHERE name = 'next_tick'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let first = first.unwrap_or(FIRST_TICK);
    tx.prepare_cached(
        "INSERT INTO meta (name, value) VALUES ('next_tick', ?1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?
    .execute([first.saturating_add(count.max(0))])?;
    Ok(first)
}

/// A saved cursor.
pub(super) fn cursor(tx: &Connection, name: &str) -> Result<Option<String>, Fault> {
    Ok(tx
        .prepare_cached("SELECT value FROM cursors WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

/// Saves a cursor, or forgets it.
pub(super) fn save_cursor(tx: &Connection, name: &str, cursor: Option<&str>) -> Result<(), Fault> {
    match cursor {
        Some(value) => tx
            .prepare_cached(
                "INSERT INTO cursors (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )?
            .execute([name, value])?,
        None => tx
            .prepare_cached("DELETE FROM cursors WHERE name = ?1")?
            .execute([name])?,
    };
    Ok(())
}

/// Stores notices. Equal ones are kept apart: the first may be under way already, and what it
/// reads may be older than the second.
pub(super) fn add_notices(
    tx: &Connection,
    notices: &[(Side, String, Option<RecordId>)],
    now: Timestamp,
) -> Result<(), Fault> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO notices (side, table_name, record, at) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (side, table, record) in notices {
        let record = record.as_ref().map(|record| &record.0);
        insert.execute(params![side.word(), table, record, to_nanos(now)])?;
    }
    Ok(())
}

/// The oldest notices of a side.
pub(super) fn notices(
    tx: &Connection,
    side: Side,
    limit: usize,
) -> Result<Vec<StoredNotice>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT id, side, table_name, record FROM notices WHERE side = ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = select.query(params![side.word(), to_limit(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(StoredNotice {
            id: row.get(0)?,
            side: side_of(row, 1)?,
            table: row.get(2)?,
            record: row.get::<_, Option<String>>(3)?.map(RecordId),
        });
    }
    Ok(found)
}

/// Forgets notices that were looked after.
pub(super) fn remove_notices(tx: &Connection, ids: &[i64]) -> Result<(), Fault> {
    let mut delete = tx.prepare_cached("DELETE FROM notices WHERE id = ?1")?;
    for id in ids {
        delete.execute([id])?;
    }
    Ok(())
}

/// Sets the state of a map.
pub(super) fn set_map_status(tx: &Connection, status: &MapStatus) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT INTO map_status (map, state, version, since, error) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (map) DO UPDATE SET state = excluded.state, version = excluded.version,
                                         since = excluded.since, error = excluded.error",
    )?
    .execute(params![
        status.map,
        status.state.word(),
        status.version,
        to_nanos(status.since),
        status.error,
    ])?;
    Ok(())
}

/// The state of every map that ever ran, by name.
pub(super) fn map_statuses(tx: &Connection) -> Result<Vec<MapStatus>, Fault> {
    let mut select =
        tx.prepare_cached("SELECT map, state, version, since, error FROM map_status ORDER BY map")?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(MapStatus {
            map: row.get(0)?,
            state: word_of(row, 1)?,
            version: row.get(2)?,
            since: from_nanos(row.get(3)?),
            error: row.get(4)?,
        });
    }
    Ok(found)
}
