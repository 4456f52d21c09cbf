//! Figures of the store's own health: how large it is and how far apply lags behind capture.

use duet_map::side::Side;
use jiff::Timestamp;
use serde::Serialize;

/// The store's figures at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of the write-ahead log next to it, which the next checkpoints take over.
    pub log_bytes: u64,
    /// Bytes inside the database that hold nothing; used again, or returned on demand.
    pub free_bytes: u64,
    /// Notices that nobody has looked after yet.
    pub notices: u64,
    /// What waits, for each map and side where something does.
    pub backlogs: Vec<Backlog>,
}

/// What waits of one map and side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// The map.
    pub map: String,
    /// The side the changes came from.
    pub side: Side,
    /// Changes that are still to be applied.
    pub pending: u64,
    /// When the oldest of them was journaled.
    pub oldest_pending: Option<Timestamp>,
    /// Changes that wait for something.
    pub parked: u64,
    /// When the oldest of them was journaled.
    pub oldest_parked: Option<Timestamp>,
}
