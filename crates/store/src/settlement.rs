//! Settlements: how one change ends, in one transaction with its pair and its accounting.

use crate::change::Park;
use crate::conflict::{NewConflict, OpenConflict};
use crate::pair::PairBody;
use jiff::Timestamp;

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is on the other side now, by this many writes of this attempt (0: the other side agreed
    /// already).
    Applied {
        /// Writes that the other system accepted for it.
        writes: u32,
    },
    /// It was our own write coming back, or changed nothing that is mapped.
    Echoed,
    /// The map's filter or the company scope keeps it out; the text says which.
    Filtered(String),
    /// It lost a conflict or was dropped by a person; the text says why.
    Discarded(String),
    /// It waits, visible and retryable. `writes` counts what this attempt has written; what an
    /// earlier attempt wrote was counted then.
    Parked {
        /// Why and for what.
        park: Park,
        /// Writes that the other system accepted for the part that could go.
        writes: u32,
    },
    /// It goes back to the journal and is due again later: the system asked for patience. What it
    /// supersedes stays in the journal, too.
    Postponed {
        /// When it is due.
        until: Timestamp,
        /// What stood in the way, as a code.
        code: String,
    },
}

/// What happens to the pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairWrite {
    /// Nothing.
    Keep,
    /// A new pair; refused when its map has a live pair with this key or with either record.
    /// Changes of its records that stand under another key move to its key.
    Insert(PairBody),
    /// A new state of a pair; refused when its revision is not the expected one, or when another live
    /// pair has its key or a record. What stands in the journal of its records moves to its key.
    Update {
        /// The pair.
        id: i64,
        /// The revision that the settlement started from.
        expected: i64,
        /// Its new state.
        body: PairBody,
    },
}

/// How one change ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The change.
    pub seq: i64,
    /// The changes that it superseded; they end as coalesced.
    pub supersedes: Vec<i64>,
    /// What became of it.
    pub outcome: Outcome,
    /// What happens to the pair.
    pub pair: PairWrite,
    /// A conflict that a policy decided, to record.
    pub conflict: Option<NewConflict>,
    /// What happens to the conflict of its pair that waits for a person.
    pub open_conflict: OpenConflict,
    /// Tokens of keys that exist from now on; changes parked for any of them become pending.
    pub provides: Vec<String>,
    /// Whether it is known what became of everything that was sent under the change's key: it
    /// arrived and the pair says so, it failed, or somebody has looked. Its intents end then.
    pub writes_known: bool,
    /// The columns that were written, for the record's story; names only.
    pub columns: Vec<String>,
}

/// What the store did with a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It stands.
    Done,
    /// The pair had moved on, or another pair holds the key or record: nothing of this settlement
    /// was stored and the change is still pending. The same is said of a change that has ended
    /// already and is in the journal no more.
    PairMoved,
}
