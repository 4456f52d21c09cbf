//! Changes: what capture journals and apply takes.

use duet_map::diagnostic::Code;
use duet_map::record::{Key, RecordId, Version};
use duet_map::side::Side;
use duet_map::value::Row;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened to the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It was created or updated; the row is how it stood when it was read.
    Upsert {
        /// The columns that the map reads.
        row: Row,
        /// Its version then.
        version: Option<Version>,
        /// When it was modified, by its own system's clock.
        modified: Option<Timestamp>,
        /// Who modified it, where the system says.
        by: Option<String>,
    },
    /// It was deleted.
    Delete,
}

/// How the engine came to know of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Read as a change since a cursor, or after a notice.
    Live,
    /// Read as part of a whole read.
    Initial,
    /// Found by comparing key sets.
    Sweep,
}

/// A change on its way into the journal, addressed to one map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChange {
    /// The map it is addressed to.
    pub map: String,
    /// The side it happened on.
    pub side: Side,
    /// The canonical integration key of its pair: its partition.
    pub key: Key,
    /// The record on its own side.
    pub record: RecordId,
    /// What happened.
    pub kind: ChangeKind,
    /// The engine's logical time just before the read that saw it began.
    pub tick: i64,
    /// How it was seen.
    pub origin: Origin,
    /// What a person said about it.
    pub amendment: Amendment,
}

/// What a person said about one change, beyond what its row says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Amendment {
    /// Columns that take these values for this one change, as its own side spells them.
    #[serde(skip_serializing_if = "Row::is_empty")]
    pub columns: Row,
    /// A deletion that may pass the brake on mass deletions.
    #[serde(skip_serializing_if = "is_false")]
    pub confirmed: bool,
    /// The record is brought to the other side whatever its pair remembers, the master deciding
    /// where the two differ.
    #[serde(skip_serializing_if = "is_false")]
    pub repair: bool,
    /// The record is created again on the other side if it is gone there.
    #[serde(skip_serializing_if = "is_false")]
    pub recreate: bool,
}

impl Amendment {
    /// Whether nobody said anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The shape that serde calls.
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A change in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the journal; rises with every change, never reused.
    pub seq: i64,
    /// What was journaled.
    pub change: NewChange,
    /// When it was journaled.
    pub journaled_at: Timestamp,
    /// How often applying it has failed so far.
    pub attempts: u32,
    /// Earlier changes of the same map, key, side and record, pending or parked, that this one
    /// makes superfluous: a row is whole, so the last one says all. They settle with it, as
    /// coalesced.
    pub supersedes: Vec<i64>,
}

/// Why a change is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParkReason {
    /// A record that it refers to is not there yet.
    WaitingForKey,
    /// A value breaks a rule of the other side.
    Validation,
    /// Both sides changed the same field and a person has to decide.
    Conflict,
    /// The other system refused the write.
    Refused,
    /// Retries did not help.
    Fault,
    /// The pair keeps bouncing between the sides.
    Oscillating,
    /// A person kept the queue aside when the map was resumed.
    Held,
    /// One of so many deletions that a person has to confirm them.
    MassDelete,
}

/// A parked change, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parked {
    /// Its place in the journal.
    pub seq: i64,
    /// The map.
    pub map: String,
    /// The side it came from.
    pub side: Side,
    /// The pair's key.
    pub key: Key,
    /// The record on its own side.
    pub record: RecordId,
    /// Why it waits.
    pub reason: ParkReason,
    /// The code of the finding.
    pub code: String,
    /// What happened and what to do next; names fields, never values.
    pub message: String,
    /// The keys it waits for, when it waits for keys.
    pub waits_for: Vec<String>,
    /// Since when.
    pub since: Timestamp,
    /// How often applying it was tried.
    pub attempts: u32,
}

/// Which parked changes are meant. All conditions must hold; none means every one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParkedFilter {
    /// Only of this map.
    pub map: Option<String>,
    /// Only with this reason.
    pub reason: Option<ParkReason>,
    /// Only of this side.
    pub side: Option<Side>,
    /// Only this place in the journal.
    pub seq: Option<i64>,
    /// Only those whose key, as people read it, contains this text.
    pub key_contains: Option<String>,
}

/// Why a change is put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Park {
    /// Why.
    pub reason: ParkReason,
    /// The code of the finding.
    pub code: Code,
    /// What happened and what to do next; names fields, never values.
    pub message: String,
    /// Tokens of the keys it waits for; the arrival of any of them makes it pending again.
    pub waits_for: Vec<String>,
}
