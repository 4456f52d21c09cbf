//! Pairs: the durable link between a left and a right record.

use duet_map::record::{Key, RecordId, Version};
use duet_map::side::PerSide;
use duet_map::value::Row;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of one side's record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Half {
    /// The record; `None` before it exists and after its deletion was settled.
    pub record: Option<RecordId>,
    /// The mapped columns as last agreed, in canonical form.
    pub image: Row,
    /// The version whose mapped columns are exactly the image; `None` when no version is.
    pub version: Option<Version>,
    /// The engine's logical time just after its last write to this record ended. A row read
    /// before it may be older than that write.
    pub written: i64,
    /// The version that our own last write produced. A change that shows this very version and yet
    /// differs from the image is the system's own rewriting, not a person's edit.
    #[serde(default)]
    pub wrote: Option<Version>,
    /// The columns of that write. A person's edit of other columns that went before it shows the
    /// same version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrote_columns: Vec<String>,
    /// What the system made of the values last written to these columns, where it made something else
    /// of them. Tells its rewriting from a person's edit where versions do not.
    #[serde(default, skip_serializing_if = "Row::is_empty")]
    pub rewrote: Row,
}

/// Whether a pair is kept in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairState {
    /// Both records exist and are kept in step.
    Linked,
    /// The row left the map's filter; both records stay, nothing travels.
    OutsideFilter,
    /// The record was deleted and the deletion has travelled; kept so that nothing revives it.
    Deleted,
}

/// A pair as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The store's own number for it.
    pub id: i64,
    /// Rises with every change of the pair; a settlement names the revision it started from.
    pub revision: i64,
    /// The map it belongs to.
    pub map: String,
    /// What is in it.
    pub body: PairBody,
}

/// The part of a pair that settlements write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairBody {
    /// The canonical integration key. Unique in its map among pairs that are not deleted.
    pub key: Key,
    /// Whether it is kept in step.
    pub state: PairState,
    /// What is known of either side.
    pub halves: PerSide<Half>,
    /// Writes in a row that answered a system's own rewriting rather than a person's edit.
    pub bounces: u32,
    /// When it last settled.
    pub settled_at: Timestamp,
}
