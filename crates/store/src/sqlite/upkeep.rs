//! Upkeep: figures of the store's health, backups, and giving space back.

use super::columns::{count, from_nanos, side_of, text_of};
use super::fault::Fault;
use super::file;
use crate::health::{Backlog, Health};
use duet_map::side::Side;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// The store's figures; `log` is its write-ahead log.
pub(super) fn health(tx: &Connection, log: Option<&Path>) -> Result<Health, Fault> {
    let number =
        |sql: &str| -> Result<u64, Fault> { Ok(count(tx.query_row(sql, [], |row| row.get(0))?)) };
    let page = number("PRAGMA page_size")?;
    Ok(Health {
        database_bytes: page * number("PRAGMA page_count")?,
        log_bytes: log
            .and_then(|log| std::fs::metadata(log).ok())
            .map_or(0, |log| log.len()),
        free_bytes: page * number("PRAGMA freelist_count")?,
        notices: number("SELECT count(*) FROM notices")?,
        backlogs: backlogs(tx)?,
    })
}

fn backlogs(tx: &Connection) -> Result<Vec<Backlog>, Fault> {
    // The oldest change has the lowest place, which the index knows without reading rows.
    let mut groups = tx.prepare_cached(
        "SELECT map, side, state, waiting, journaled_at
         FROM (SELECT map, side, state, count(*) AS waiting, min(seq) AS oldest
               FROM journal GROUP BY map, state, side) AS groups
         JOIN journal USING (map, side, state) WHERE journal.seq = oldest",
    )?;
    let mut found: BTreeMap<(String, Side), Backlog> = BTreeMap::new();
    let mut rows = groups.query([])?;
    while let Some(row) = rows.next()? {
        let (map, side): (String, Side) = (row.get(0)?, side_of(row, 1)?);
        let backlog = found.entry((map.clone(), side)).or_insert_with(|| Backlog {
            map,
            side,
            pending: 0,
            oldest_pending: None,
            parked: 0,
            oldest_parked: None,
        });
        let (waiting, oldest) = (count(row.get(3)?), Some(from_nanos(row.get(4)?)));
        if text_of(row, 2)? == "parked" {
            (backlog.parked, backlog.oldest_parked) = (waiting, oldest);
        } else {
            (backlog.pending, backlog.oldest_pending) = (waiting, oldest);
        }
    }
    Ok(found.into_values().collect())
}

/// Writes a complete, compact copy to a path where nothing stands yet. It appears there under its
/// name only when it is whole and on disk.
pub(super) fn back_up(
    connection: &Connection,
    target: &Path,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    if target.try_exists()? {
        return Err(format!("{} exists already; name a new file", target.display()).into());
    }
    let unfinished = file::beside(target, ".unfinished");
    // Left over from a backup that was interrupted.
    if unfinished.try_exists()? {
        std::fs::remove_file(&unfinished)?;
    }
    let copied = copy(connection, &unfinished, target);
    if copied.is_err() {
        // The cause is worth more than a second error about the remains.
        let _ = std::fs::remove_file(&unfinished);
    }
    copied
}

fn copy(
    connection: &Connection,
    unfinished: &Path,
    target: &Path,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let copy = file::create_private(unfinished)?;
    let name = unfinished
        .to_str()
        .ok_or("the path of a backup must be valid Unicode")?;
    connection.execute("VACUUM INTO ?1", [name])?;
    copy.sync_all()?;
    std::fs::rename(unfinished, target)?;
    Ok(())
}

/// Gives unused space back to the file system.
pub(super) fn vacuum(connection: &Connection) -> Result<(), Fault> {
    connection.execute_batch("VACUUM")?;
    // Moves the result from the log into the file, and empties the log.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}
