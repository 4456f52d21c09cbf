//! Comparing key sets: what was seen, and which pairs were not.

use super::columns::{Word as _, to_json, to_limit};
use super::fault::Fault;
use super::pairs::{COLUMNS, read_pair};
use crate::pair::Pair;
use duet_map::record::RecordId;
use duet_map::side::Side;
use rusqlite::{Connection, params};

/// Notes records that a comparison has seen. The first note begins it: pairs that are made later
/// are no concern of it, because it may have read past their records already.
pub(super) fn see(tx: &Connection, sweep: &str, records: &[RecordId]) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT INTO sweeps (name, newest_pair)
         SELECT ?1, coalesce((SELECT max(id) FROM pairs), 0) WHERE true
         ON CONFLICT (name) DO NOTHING",
    )?
    .execute([sweep])?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO sweep_seen (sweep, record) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    for record in records {
        insert.execute([sweep, &record.0])?;
    }
    Ok(())
}

/// Pairs of a map whose record on a side was not seen. A record whose deletion is in the journal
/// already is left out, so that journaling a page of findings brings the next page.
pub(super) fn missing(
    tx: &Connection,
    sweep: &str,
    map: &str,
    side: Side,
    companies: &[String],
    limit: usize,
) -> Result<Vec<Pair>, Fault> {
    let record = match side {
        Side::Left => "left_record",
        Side::Right => "right_record",
    };
    let mut select = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM pairs
         WHERE map = ?1 AND state <> 'deleted' AND {record} IS NOT NULL
           AND id <= (SELECT newest_pair FROM sweeps WHERE name = ?2)
           AND NOT EXISTS (SELECT 1 FROM sweep_seen
                           WHERE sweep = ?2 AND sweep_seen.record = pairs.{record})
           AND NOT EXISTS (SELECT 1 FROM journal
                           WHERE journal.map = pairs.map AND journal.key = pairs.key
                             AND journal.side = ?3 AND journal.record = pairs.{record}
                             AND journal.kind = 'delete')
           AND (?5 = '[]' OR json_extract(pairs.key, '$[0]') IN (SELECT value FROM json_each(?5)))
         ORDER BY id LIMIT ?4"
    ))?;
    let mut rows = select.query(params![
        map,
        sweep,
        side.word(),
        to_limit(limit),
        to_json(&companies)?
    ])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read_pair(row)?);
    }
    Ok(found)
}

/// Forgets a comparison.
pub(super) fn end(tx: &Connection, sweep: &str) -> Result<(), Fault> {
    tx.execute("DELETE FROM sweeps WHERE name = ?1", [sweep])?;
    Ok(())
}
