//! What goes wrong inside a transaction, before it is said in the store's own words.

use crate::error::StoreError;
use rusqlite::ErrorCode;
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
            Self::Sqlite(source) => match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt {
                    what: "a page of the database file".into(),
                    source: source.into(),
                },
                Some(ErrorCode::DiskFull) => StoreError::Full { doing },
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
