//! What the engine holds at once: never more than its settings allow, however long the queue is.
//!
//! Counted where the simulation already watches: how much is asked for, taken, journaled, settled and
//! written in one call. A round of a map is the measure; a map works on one round at a time, and a
//! page of a read belongs to the systems, so what is held in all is bounded by the number of maps and
//! tables. Not counted: the names of keys that parked changes wait for, which grow with what is
//! parked.

use crate::ledger::Ledger;

/// Most changes that are journaled in one transaction: records are looked up by so many, and a page
/// of a read is smaller.
const JOURNALED: usize = 200;

/// What is handed over in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handed {
    /// Changes that a round asks the journal for.
    Asked,
    /// Changes that it gets.
    Taken,
    /// Settlements in one transaction.
    Settled,
    /// Changes in one transaction of the journal.
    Journaled,
    /// Writes in one bulk.
    Written,
    /// Records that are asked for by their identifiers.
    Fetched,
}

impl Handed {
    const fn word(self) -> &'static str {
        match self {
            Self::Asked => "changes that a round asks for",
            Self::Taken => "changes of a round",
            Self::Settled => "settlements",
            Self::Journaled => "changes journaled",
            Self::Written => "writes",
            Self::Fetched => "records fetched",
        }
    }

    /// The bound, by how many changes a round has.
    fn most(self, round: usize) -> usize {
        match self {
            // A queue that is discarded looks past what came after the order: two rounds more.
            Self::Asked | Self::Taken | Self::Settled => round.saturating_mul(3),
            Self::Journaled => JOURNALED.max(round),
            // What is missing behind lookups is created with what refers to it.
            Self::Written => round.saturating_mul(2),
            Self::Fetched => JOURNALED.max(round.saturating_mul(4)),
        }
    }
}

/// Notes how much is handed over in one call, and that it is not too much.
pub(crate) fn handed(ledger: &mut Ledger, what: Handed, count: usize) {
    let most = what.most(ledger.round);
    if count > most {
        let what = format!(
            "{count} {} at once; at most {most} are expected",
            what.word()
        );
        ledger.violated("memory bound", what);
    }
    let size = match count {
        0 => return,
        1 => "one",
        2..10 => "up to 9",
        10..100 => "up to 99",
        _ => "100 and more",
    };
    if what != Handed::Asked {
        ledger.reached("at once", &format!("{}: {size}", what.word()));
    }
}
