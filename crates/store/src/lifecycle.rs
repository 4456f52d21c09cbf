//! The life of a map as it survives: what was ordered of it, the definition that its pairs were
//! made with, and the alerts that fired.

use duet_map::side::{PerSide, Side};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a map should be doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// Changes are captured and applied.
    Run,
    /// Changes are captured and queue.
    Pause,
    /// Nothing is captured; a later start reads the map's tables whole.
    Stop,
}

/// Who ordered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A person.
    Person,
    /// An alert rule; the order goes away when its cause is gone.
    Alert,
}

/// What becomes of the changes that queued while a map was paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Queue {
    /// They are applied, in order.
    #[default]
    CatchUp,
    /// They are parked, to be retried later, and new changes go live.
    KeepParked,
    /// They are discarded, and new changes go live.
    Discard,
}

/// What somebody wants of a map. A map without an order runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Order {
    /// The map.
    pub map: String,
    /// What it should be doing.
    pub wanted: Wanted,
    /// Who wants it.
    pub cause: Cause,
    /// Why, for people.
    pub reason: Option<String>,
    /// What becomes of the queue; done once, then it is [`Queue::CatchUp`] again.
    pub queue: Queue,
    /// The last place in the journal that `queue` means.
    pub up_to: i64,
    /// Since when.
    pub at: Timestamp,
}

/// The definition of a map that its pairs were made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Definition {
    /// The map.
    pub map: String,
    /// Its version.
    pub version: String,
    /// The map file, as Duet prints it.
    pub text: String,
    /// The types of the columns that it reads, in the engine's own spelling.
    pub columns: String,
    /// The companies in scope, in lower case. Empty: all.
    pub companies: Vec<String>,
    /// Whether its rows were read whole since it is defined like this; `false` while they are still
    /// to be read.
    pub whole: bool,
    /// Since when.
    pub at: Timestamp,
}

/// Columns by side.
pub type Columns = PerSide<Vec<String>>;

/// What a map's pairs know no longer under its new definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// What is agreed of these columns.
    Columns(Columns),
    /// What the versions of this side's records say: it is at another address, or a copy.
    Versions(Side),
}

/// An alert that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// When.
    pub at: Timestamp,
    /// The rule, as its author wrote it (`10 application errors in 5min`).
    pub rule: String,
    /// What the rule did (`notify`, `pause`, `stop`).
    pub action: String,
    /// The map that it was about; `None` for errors of a side.
    pub map: Option<String>,
    /// What happened, for people; no values.
    pub text: String,
}
