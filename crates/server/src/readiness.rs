//! Readiness by progress: a process that is up but moves nothing is not ready.
//!
//! [`Reach`] listens to the engine's progress and remembers which side answers. [`Readiness`]
//! joins that with what the store says about the journal.

use crate::status::Status;
use duet_engine::progress::{Event, Progress};
use duet_map::side::{PerSide, Side};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};

/// Changes that are due while nothing settles for this long mean that the engine is stuck.
const STUCK_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// What is known about reaching one side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SideReach {
    /// Whether the side answers, as far as is known.
    pub reachable: bool,
    /// What is wrong when it does not: a code and a sentence.
    pub trouble: Option<String>,
}

#[derive(Debug)]
struct Known {
    live: bool,
    trouble: PerSide<Option<String>>,
}

/// Remembers from the engine's progress which side answers. Cloning is cheap and shares it.
#[derive(Debug, Clone)]
pub struct Reach(Arc<Mutex<Known>>);

impl Default for Reach {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Known {
            live: false,
            trouble: PerSide::from_fn(|_| None),
        })))
    }
}

impl Reach {
    fn with<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether both sides are live.
    pub fn live(&self) -> bool {
        self.with(|known| known.live)
    }

    /// What is known about one side.
    pub fn side(&self, side: Side) -> SideReach {
        self.with(|known| SideReach {
            reachable: known.trouble[side].is_none(),
            trouble: known.trouble[side].clone(),
        })
    }
}

impl Progress for Reach {
    fn report(&self, event: Event) {
        self.with(|known| match event {
            Event::Live => known.live = true,
            Event::Trouble { side, message } => known.trouble[side] = Some(message),
            Event::Recovered { side } => known.trouble[side] = None,
            _ => {}
        });
    }
}

/// The answer to "do changes get through?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether they do.
    pub ready: bool,
    /// Why not, in a sentence.
    pub reason: Option<String>,
    /// Whether both sides are followed live.
    pub live: bool,
    /// The left side.
    pub left: SideReach,
    /// The right side.
    pub right: SideReach,
    /// Changes that are still to be applied.
    pub pending: u64,
    /// When a change was last journaled.
    pub last_journaled: Option<Timestamp>,
    /// When a change last settled.
    pub last_settled: Option<Timestamp>,
}

impl Readiness {
    /// Judges what is known.
    pub fn judge(reach: &Reach, status: &Status) -> Self {
        let (left, right) = (reach.side(Side::Left), reach.side(Side::Right));
        let live = reach.live();
        let oldest = status.maps.iter().map(|map| map.lag_ms).max().unwrap_or(0);
        let oldest = SignedDuration::from_millis(i64::try_from(oldest).unwrap_or(i64::MAX));
        let idle = status
            .last_settled
            .is_none_or(|settled| status.at.duration_since(settled) > STUCK_AFTER);
        let reason = if !live {
            Some("the initial sync is not over yet".to_owned())
        } else if let Some(trouble) = left.trouble.as_ref().or(right.trouble.as_ref()) {
            Some(trouble.clone())
        } else if oldest > STUCK_AFTER && idle {
            Some(format!(
                "changes have been due for {}s and nothing settles",
                oldest.as_secs()
            ))
        } else {
            None
        };
        Self {
            ready: reason.is_none(),
            reason,
            live,
            left,
            right,
            pending: status.pending(),
            last_journaled: status.last_journaled,
            last_settled: status.last_settled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn status(settled: i64, lag_ms: u64, now: i64) -> Status {
        Status {
            at: at(now),
            last_journaled: Some(at(0)),
            last_settled: Some(at(settled)),
            store_bytes: 0,
            notices: 0,
            alerts: Vec::new(),
            maps: vec![crate::status::MapFigures {
                map: "customers".to_owned(),
                state: duet_store::store::MapState::Running,
                version: "1.0.0".to_owned(),
                since: None,
                error: None,
                pairs: 1,
                lag_ms,
                conflicts: 0,
                left: duet_store::accounting::Boxes::default(),
                right: duet_store::accounting::Boxes::default(),
            }],
        }
    }

    fn live() -> Reach {
        let reach = Reach::default();
        reach.report(Event::Live);
        reach
    }

    #[test]
    fn not_ready_before_both_sides_are_live() {
        assert!(!Readiness::judge(&Reach::default(), &status(0, 0, 1)).ready);
        assert!(Readiness::judge(&live(), &status(0, 0, 1)).ready);
    }

    #[test]
    fn a_side_in_trouble_is_told_until_it_recovers() {
        let reach = live();
        reach.report(Event::Trouble {
            side: Side::Right,
            message: "DUET3001: no answer".to_owned(),
        });
        let readiness = Readiness::judge(&reach, &status(0, 0, 1));
        assert_eq!(readiness.reason.as_deref(), Some("DUET3001: no answer"));
        assert!(readiness.left.reachable && !readiness.right.reachable);
        reach.report(Event::Recovered { side: Side::Right });
        assert!(Readiness::judge(&reach, &status(0, 0, 1)).ready);
    }

    #[test]
    fn a_long_backlog_is_ready_while_it_moves_and_not_when_it_stands_still() {
        assert!(Readiness::judge(&live(), &status(595, 600_000, 600)).ready);
        assert!(!Readiness::judge(&live(), &status(0, 600_000, 600)).ready);
    }
}
