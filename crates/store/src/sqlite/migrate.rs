//! The store's format: numbered steps, each released once and never edited.

use super::fault::Fault;
use crate::error::StoreError;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::path::Path;

/// Step `n` brings format `n` to format `n + 1`.
const STEPS: [&str; 5] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
];

/// The format that this release writes.
pub(super) const FORMAT: u32 = 5;

const _: () = assert!(STEPS.len() == FORMAT as usize);

/// Marks the file as a store of Duet: "Duet" in ASCII.
const APPLICATION_ID: i64 = 0x4475_6574;

/// Brings the store to this release's format. A newer format, or a database of something else, is
/// refused and stays untouched.
pub(super) fn bring_up(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| failed(error, path))?;
    let found = format_of(&tx, path)?;
    refuse_newer(found, path)?;
    for step in STEPS.iter().skip(found as usize) {
        tx.execute_batch(step)
            .map_err(|error| failed(error, path))?;
    }
    if found < FORMAT {
        tx.execute(
            "INSERT INTO meta (name, value) VALUES ('format', ?1)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [FORMAT],
        )
        .map_err(|error| failed(error, path))?;
    }
    tx.commit().map_err(|error| failed(error, path))
}

/// Checks that the store can be read as it is.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = format_of(connection, path)?;
    refuse_newer(found, path)?;
    if found < FORMAT {
        return Err(StoreError::TooOld {
            path: path.display().to_string(),
            found,
            known: FORMAT,
        });
    }
    Ok(())
}

fn refuse_newer(found: u32, path: &Path) -> Result<(), StoreError> {
    if found > FORMAT {
        return Err(StoreError::TooNew {
            path: path.display().to_string(),
            found,
            known: FORMAT,
        });
    }
    Ok(())
}

/// The format of what is there; 0 for an empty file.
fn format_of(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let number = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|error| failed(error, path))
    };
    if number("PRAGMA application_id")? == APPLICATION_ID {
        let format = number("SELECT value FROM meta WHERE name = 'format'")?;
        return u32::try_from(format).map_err(|source| StoreError::Corrupt {
            what: "the format number".into(),
            source: source.into(),
        });
    }
    if number("SELECT count(*) FROM sqlite_schema")? == 0 {
        return Ok(0);
    }
    Err(StoreError::NotAStore {
        path: path.display().to_string(),
    })
}

/// What to say of a file that does not open as a store.
pub(super) fn failed(error: rusqlite::Error, path: &Path) -> StoreError {
    if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
        return StoreError::NotAStore {
            path: path.display().to_string(),
        };
    }
    Fault::from(error).while_doing("open")
}
