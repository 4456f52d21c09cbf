//! Pairs: found by key or record, written by compare-and-set.

use super::columns::{Word as _, from_json, from_nanos, text_of, to_json, to_nanos, word_of};
use super::fault::Fault;
use crate::pair::{Half, Pair, PairBody};
use crate::settlement::PairWrite;
use duet_map::record::{Key, RecordId};
use duet_map::side::{PerSide, Side};
use rusqlite::{Connection, Params, Row, Statement, ffi};
use std::collections::HashMap;

/// The columns that [`read_pair`] reads, in its order.
pub(super) const COLUMNS: &str =
    "id, revision, map, key, state, bounces, settled_at, left_half, right_half";

/// Reads a pair from [`COLUMNS`].
pub(super) fn read_pair(row: &Row<'_>) -> Result<Pair, Fault> {
    let id: i64 = row.get(0)?;
    let half = |side: Side, column: usize| -> Result<Half, Fault> {
        from_json(text_of(row, column)?, || {
            format!("the {side} half of pair {id}")
        })
    };
    Ok(Pair {
        id,
        revision: row.get(1)?,
        map: row.get(2)?,
        body: PairBody {
            key: Key(row.get(3)?),
            state: word_of(row, 4)?,
            bounces: row.get(5)?,
            settled_at: from_nanos(row.get(6)?),
            halves: PerSide {
                left: half(Side::Left, 7)?,
                right: half(Side::Right, 8)?,
            },
        },
    })
}

/// The pairs with these keys that are not deleted.
pub(super) fn by_key(
    tx: &Connection,
    map: &str,
    keys: &[Key],
) -> Result<HashMap<Key, Pair>, Fault> {
    let sql =
        format!("SELECT {COLUMNS} FROM pairs WHERE map = ?1 AND key = ?2 AND state <> 'deleted'");
    let mut found = HashMap::with_capacity(keys.len());
    for key in keys {
        if let Some(pair) = one(tx, &sql, [map, &key.0])? {
            found.insert(key.clone(), pair);
        }
    }
    Ok(found)
}

/// The pairs that hold these records; of deleted ones the newest, and only when no other does.
pub(super) fn by_record(
    tx: &Connection,
    map: &str,
    side: Side,
    records: &[RecordId],
) -> Result<HashMap<RecordId, Pair>, Fault> {
    let column = match side {
        Side::Left => "left_record",
        Side::Right => "right_record",
    };
    let live = format!(
        "SELECT {COLUMNS} FROM pairs WHERE map = ?1 AND {column} = ?2 AND state <> 'deleted'"
    );
    let deleted = format!(
        "SELECT {COLUMNS} FROM pairs WHERE map = ?1 AND {column} = ?2 AND state = 'deleted'
         ORDER BY id DESC LIMIT 1"
    );
    let mut found = HashMap::with_capacity(records.len());
    for record in records {
        let pair = match one(tx, &live, [map, &record.0])? {
            Some(pair) => Some(pair),
            None => one(tx, &deleted, [map, &record.0])?,
        };
        if let Some(pair) = pair {
            found.insert(record.clone(), pair);
        }
    }
    Ok(found)
}

/// The key of the pair that holds this record, unless the pair has ended.
pub(super) fn key_of(
    tx: &Connection,
    map: &str,
    side: Side,
    record: &RecordId,
) -> Result<Option<String>, Fault> {
    let sql = match side {
        Side::Left => {
            "SELECT key FROM pairs WHERE map = ?1 AND left_record = ?2 AND state <> 'deleted'"
        }
        Side::Right => {
            "SELECT key FROM pairs WHERE map = ?1 AND right_record = ?2 AND state <> 'deleted'"
        }
    };
    let mut select = tx.prepare_cached(sql)?;
    let mut rows = select.query([map, &record.0])?;
    Ok(match rows.next()? {
        Some(row) => Some(row.get(0)?),
        None => None,
    })
}

/// Ends the pair that holds a record which is gone, and leaves the other record alone. Returns whether
/// there was such a pair.
pub(super) fn leave_alone(
    tx: &Connection,
    map: &str,
    side: Side,
    record: &RecordId,
) -> Result<bool, Fault> {
    let (column, half) = match side {
        Side::Left => ("left_record", "left_half"),
        Side::Right => ("right_record", "right_half"),
    };
    let ended = tx
        .prepare_cached(&format!(
            "UPDATE pairs SET revision = revision + 1, state = 'deleted', {column} = NULL,
                 {half} = json_set({half}, '$.record', NULL)
             WHERE map = ?1 AND {column} = ?2 AND state <> 'deleted'"
        ))?
        .execute([map, &record.0])?;
    Ok(ended > 0)
}

fn one(tx: &Connection, sql: &str, params: impl Params) -> Result<Option<Pair>, Fault> {
    let mut select = tx.prepare_cached(sql)?;
    let mut rows = select.query(params)?;
    rows.next()?.map(read_pair).transpose()
}

/// How many pairs of a map are not deleted.
pub(super) fn count(tx: &Connection, map: &str) -> Result<i64, Fault> {
    Ok(tx
        .prepare_cached(
            "SELECT count(*) FROM pairs
             WHERE map = ?1 AND state IN ('linked', 'outside-filter')",
        )?
        .query_row([map], |row| row.get(0))?)
}

/// Writes a pair as a settlement asks. `false`: the pair has moved on, or another one holds the
/// key or a record; nothing was written then.
pub(super) fn write(tx: &Connection, map: &str, write: &PairWrite) -> Result<bool, Fault> {
    match write {
        PairWrite::Keep => Ok(true),
        PairWrite::Insert(body) => {
            let mut insert = tx.prepare_cached(
                "INSERT INTO pairs (revision, map, key, state, bounces, settled_at,
                                    left_record, right_record, left_half, right_half)
                 VALUES (?1 + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            bind(&mut insert, map, 0, body)?;
            free_of_others(insert.raw_execute())
        }
        PairWrite::Update { id, expected, body } => {
            // Most updates leave key, state and records alone. Saying so keeps SQLite from taking
            // the pair out of its indexes and putting it back.
            let mut same = tx.prepare_cached(
                "UPDATE pairs SET revision = revision + 1, bounces = ?5, settled_at = ?6,
                                  left_half = ?9, right_half = ?10
                 WHERE id = ?11 AND revision = ?1 AND map = ?2 AND key = ?3 AND state = ?4
                   AND left_record IS ?7 AND right_record IS ?8",
            )?;
            bind(&mut same, map, *expected, body)?;
            same.raw_bind_parameter(11, id)?;
            if same.raw_execute()? == 1 {
                return Ok(true);
            }
            let mut other = tx.prepare_cached(
                "UPDATE pairs SET revision = revision + 1, key = ?3, state = ?4, bounces = ?5,
                                  settled_at = ?6, left_record = ?7, right_record = ?8,
                                  left_half = ?9, right_half = ?10
                 WHERE id = ?11 AND revision = ?1 AND map = ?2",
            )?;
            bind(&mut other, map, *expected, body)?;
            other.raw_bind_parameter(11, id)?;
            free_of_others(other.raw_execute())
        }
    }
}

/// Binds what both statements share: ?1 the revision before, ?2 the map, ?3 to ?10 the body.
fn bind(
    statement: &mut Statement<'_>,
    map: &str,
    revision: i64,
    body: &PairBody,
) -> Result<(), Fault> {
    let PerSide { left, right } = &body.halves;
    statement.raw_bind_parameter(1, revision)?;
    statement.raw_bind_parameter(2, map)?;
    statement.raw_bind_parameter(3, &body.key.0)?;
    statement.raw_bind_parameter(4, body.state.word())?;
    statement.raw_bind_parameter(5, body.bounces)?;
    statement.raw_bind_parameter(6, to_nanos(body.settled_at))?;
    statement.raw_bind_parameter(7, left.record.as_ref().map(|record| &record.0))?;
    statement.raw_bind_parameter(8, right.record.as_ref().map(|record| &record.0))?;
    statement.raw_bind_parameter(9, to_json(left)?)?;
    statement.raw_bind_parameter(10, to_json(right)?)?;
    Ok(())
}

/// Whether a pair was written; a unique index that refuses it means that another pair is in place.
fn free_of_others(outcome: rusqlite::Result<usize>) -> Result<bool, Fault> {
    match outcome {
        Ok(written) => Ok(written == 1),
        Err(rusqlite::Error::SqliteFailure(error, _))
            if error.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
