//! Is the file whole? A copy taken while the store was written mixes pages of two moments.
//!
//! Whoever drives a store leaves a mark in it and takes it away when it is closed in order. A store that
//! still carries the mark was left by a process that died, or is a copy of one at work: the first is whole,
//! the second may not be, and nothing but a look at every page tells them apart.

use super::fault::{Fault, finds_no_room};
use super::{operation, tally};
use rusqlite::Connection;

/// The name under which the mark stands.
const MARK: &str = "open";

/// Called by the process that drives the store, once it is alone: looks at a store that was not closed
/// in order, and marks it.
pub(super) fn opened(connection: &mut Connection) -> Result<(), Fault> {
    if operation::cursor(connection, MARK)?.is_some() {
        let tx = connection.transaction()?;
        whole(&tx)?;
        balanced(&tx)?;
    } else {
        operation::save_cursor(connection, MARK, Some("yes"))?;
    }
    // The mark has to stand in the file before any other page of the log does: a copy may miss the log.
    // Without room for that, whoever drives the store finds out soon enough, and waits.
    let moved = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    moved.or_else(|error| {
        let no_room = finds_no_room(&error);
        if no_room { Ok(()) } else { Err(error.into()) }
    })
}

/// Called last: the store is closed in order.
pub(super) fn closed(connection: &Connection) -> Result<(), Fault> {
    operation::save_cursor(connection, MARK, None)
}

/// Looks at every page, every index and every reference.
pub(super) fn whole(tx: &Connection) -> Result<(), Fault> {
    let found: String = tx.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(Fault::unreadable("a page of the database file", found));
    }
    let broken: Option<String> = {
        let mut check = tx.prepare("PRAGMA foreign_key_check")?;
        let mut rows = check.query([])?;
        match rows.next()? {
            Some(row) => Some(row.get(0)?),
            None => None,
        }
    };
    if let Some(table) = broken {
        return Err(Fault::unreadable(
            format!("a row of `{table}`"),
            "it refers to a row that is not there",
        ));
    }
    Ok(())
}

/// Counts every change again: pages of two moments may fit together and still not belong together.
fn balanced(tx: &Connection) -> Result<(), Fault> {
    for line in tally::audit(tx)? {
        if !line.boxes.balances() {
            return Err(Fault::unreadable(
                format!("the accounting of {}", line.map),
                "captured changes are not the sum of their boxes",
            ));
        }
    }
    Ok(())
}
