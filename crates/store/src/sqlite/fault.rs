//! What goes wrong inside a transaction, before it is said in the store's own words.

use crate::error::StoreError;
use rusqlite::{ErrorCode, ffi};
use std::error::Error;

/// A failure inside a transaction. The transaction is undone whatever it is.
#[derive(Debug)]
pub(super) enum Fault {
    /// `SQLite` refused.
    Sqlite(rusqlite::Error),
    /// Something stored does not read back.
    Unreadable {
        /// What.
        what: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Fault {
    /// Something stored does not read back.
    pub(super) fn unreadable(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unreadable {
            what: what.into(),
            source: source.into(),
        }
    }

    /// In the store's own words; `doing` completes "the store failed to".
    pub(super) fn while_doing(self, doing: &'static str) -> StoreError {
        match self {
            Self::Unreadable { what, source } => StoreError::Corrupt { what, source },
            Self::Sqlite(source) if finds_no_room(&source) => StoreError::Full { doing },
            Self::Sqlite(source) => match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt {
                    what: "a page of the database file".into(),
                    source: source.into(),
                },
                _ => StoreError::Database {
                    doing,
                    source: source.into(),
                },
            },
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Whether a file could not grow. A full disk has a code of its own; a quota or a limit on the size of
/// files shows as a failed write, and the file is as good as before in either case.
pub(super) fn finds_no_room(error: &rusqlite::Error) -> bool {
    let grows = [
        ffi::SQLITE_FULL,
        ffi::SQLITE_IOERR_WRITE,
        ffi::SQLITE_IOERR_SHMSIZE,
    ];
    error
        .sqlite_error()
        .is_some_and(|error| grows.contains(&error.extended_code))
}
