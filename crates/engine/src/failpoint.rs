//! Named points at which a test may end the process, so that every gap between two durable steps is
//! proven to be harmless.
//!
//! A point is a parameter like the clock, not a global switch: without one, reaching a point costs a
//! branch for each round or page, never for each record.

use std::fmt;
use std::sync::Arc;

/// Every point of the engine, in the order in which a change meets them.
pub const POINTS: [&str; 19] = [
    "snapshot-page-read",
    "snapshot-page-journaled",
    "keys-read",
    "key-sets-compared",
    "map-read-whole",
    "queue-cleared",
    "repair-journaled",
    "changes-read",
    "changes-journaled",
    "notices-stored",
    "round-taken",
    "before-intents",
    "after-intents",
    "conflicts-recorded",
    "before-write",
    "after-write",
    "before-settle",
    "after-settle",
    "change-parked",
];

/// Every point that a person's decision meets, in the process of whoever decides.
pub const DECISION_POINTS: [&str; 2] = ["before-decision", "after-decision"];

/// What happens when a point is reached; nothing by default.
#[derive(Clone, Default)]
pub struct Failpoints(Option<Arc<dyn Fn(&'static str) + Send + Sync>>);

impl Failpoints {
    /// Calls a function with the name of each point that is reached, one of [`POINTS`] or
    /// [`DECISION_POINTS`].
    pub fn new(reached: impl Fn(&'static str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(reached)))
    }

    pub(crate) fn reach(&self, point: &'static str) {
        if let Some(reached) = &self.0 {
            reached(point);
        }
    }
}

impl fmt::Debug for Failpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failpoints")
            .field(&self.0.is_some())
            .finish()
    }
}

/// Two are equal when they do the same, as far as that can be told.
impl PartialEq for Failpoints {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(mine), Some(others)) => Arc::ptr_eq(mine, others),
            _ => false,
        }
    }
}
