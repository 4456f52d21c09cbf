//! Intents: what is about to be sent to a system, durable before it goes.
//!
//! When the answer never comes, or the process ends before it is settled, nothing but the intent
//! tells Duet's own write from a person's edit.

use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use duet_map::value::Row;
use jiff::Timestamp;

/// One write that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The change that asks for it.
    pub seq: i64,
    /// The map.
    pub map: String,
    /// The key under which the change stands in the journal.
    pub key: Key,
    /// The side that it goes to.
    pub to: Side,
    /// The record whose change it is, on the other side.
    pub source: RecordId,
    /// What is sent.
    pub sent: Sent,
    /// When.
    pub at: Timestamp,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// A new record.
    Create {
        /// Its identifier, where the system lets callers choose.
        id: Option<RecordId>,
        /// Its columns.
        row: Row,
    },
    /// Columns of a record that stands there.
    Update {
        /// The record.
        id: RecordId,
        /// The columns.
        row: Row,
        /// The tag of the version that must still stand.
        version: Option<String>,
    },
    /// The record's end.
    Delete {
        /// The record.
        id: RecordId,
    },
}
