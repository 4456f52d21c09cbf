//! What the engine tells while it works, for progress bars, logs and tests.

use duet_map::side::Side;
use duet_store::lifecycle::Alert;
use duet_store::store::MapState;

/// Something that just happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole read of a table begins.
    SnapshotStarted {
        /// The side.
        side: Side,
        /// The table.
        table: String,
    },
    /// A page of a whole read is journaled.
    SnapshotPage {
        /// The side.
        side: Side,
        /// The table.
        table: String,
        /// Records read so far.
        records: u64,
    },
    /// A whole read is complete.
    SnapshotDone {
        /// The side.
        side: Side,
        /// The table.
        table: String,
        /// Records read.
        records: u64,
    },
    /// A map's existing rows begin to be applied.
    ApplyStarted {
        /// The map.
        map: String,
        /// Changes that wait.
        pending: u64,
    },
    /// A round of changes settled.
    Applied {
        /// The map.
        map: String,
        /// Changes settled in this round, whatever became of them.
        settled: u64,
    },
    /// A map has nothing left to apply.
    ApplyDone {
        /// The map.
        map: String,
    },
    /// Both sides are live.
    Live,
    /// A side does not answer, refuses access or asks for patience; the engine goes on trying.
    Trouble {
        /// The side.
        side: Side,
        /// The code and what happened, as people read it.
        message: String,
    },
    /// A side answers again.
    Recovered {
        /// The side.
        side: Side,
    },
    /// A map does something new that people should know of: it pauses, stops, reads existing rows,
    /// or works again after one of these.
    State {
        /// The map.
        map: String,
        /// Its state.
        state: MapState,
        /// Why, where there is more to say.
        reason: Option<String>,
    },
    /// An alert rule fired.
    Alert(Alert),
    /// The store has no room left; the engine waits for some.
    StoreTrouble {
        /// The code and what happened, as people read it.
        message: String,
    },
}

/// Who listens.
pub trait Progress: Send + Sync {
    /// Called for every event, from any task; must not block.
    fn report(&self, event: Event);
}

/// Nobody listens.
impl Progress for () {
    fn report(&self, _event: Event) {}
}
