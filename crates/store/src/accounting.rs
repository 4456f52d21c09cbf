//! Accounting: every captured change stands in exactly one box.

use duet_map::side::Side;
use serde::Serialize;

/// The boxes of one map and side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Boxes {
    /// Changes that capture journaled.
    pub captured: u64,
    /// Changes that are on the other side now.
    pub applied: u64,
    /// Changes that a later change of the same record made superfluous.
    pub coalesced: u64,
    /// Our own writes coming back, and changes of nothing that is mapped.
    pub echoed: u64,
    /// Changes that a filter or the company scope keeps out.
    pub filtered: u64,
    /// Changes that wait for something.
    pub parked: u64,
    /// Changes that lost a conflict or were dropped by a person.
    pub discarded: u64,
    /// Changes that are still to be applied.
    pub pending: u64,
    /// Writes that the other system accepted because of them.
    pub writes: u64,
}

impl Boxes {
    /// Whether every captured change stands in exactly one box.
    pub const fn balances(&self) -> bool {
        self.captured
            == self.applied
                + self.coalesced
                + self.echoed
                + self.filtered
                + self.parked
                + self.discarded
                + self.pending
    }
}

/// One line of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditLine {
    /// The map.
    pub map: String,
    /// The side the changes came from.
    pub side: Side,
    /// The boxes.
    pub boxes: Boxes,
}
