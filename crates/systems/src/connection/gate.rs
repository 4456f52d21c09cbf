//! How many requests are under way at once, and the pause for all of them when the service asks
//! for patience.
//!
//! The number adapts to what the service announces: it halves when the service asks for patience or
//! says that few requests are left (`x-ms-ratelimit-burst-remaining-xrm-requests`), and grows by one
//! after a while of answers without either.

use crate::timing::Timing;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Answers without complaint, for each request under way, before one more may be under way.
const CALM: usize = 20;

/// Remaining requests, for each one under way, below which fewer are sent at once. The service
/// counts over five minutes.
const SCARCE: u64 = 20;

/// How many may be under way.
struct Pace {
    limit: usize,
    /// Slots that are taken now and not to be given back.
    owed: usize,
    calm: usize,
}

/// A request under way.
pub(crate) struct Slot {
    gate: Arc<Slots>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut pace = self.gate.pace();
        if pace.owed > 0
            && let Some(permit) = self.permit.take()
        {
            pace.owed -= 1;
            permit.forget();
        }
    }
}

struct Slots {
    slots: Arc<Semaphore>,
    pace: Mutex<Pace>,
}

impl Slots {
    fn pace(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Gate {
    slots: Arc<Slots>,
    parallel: usize,
    closed_until: Mutex<Option<Timestamp>>,
}

impl Gate {
    pub(crate) fn new(parallel: usize) -> Self {
        Self {
            slots: Arc::new(Slots {
                slots: Arc::new(Semaphore::new(parallel.max(1))),
                pace: Mutex::new(Pace {
                    limit: parallel.max(1),
                    owed: 0,
                    calm: 0,
                }),
            }),
            parallel: parallel.max(1),
            closed_until: Mutex::new(None),
        }
    }

    /// Waits for a pause to end and for a free slot. A pause longer than `patience` is not waited
    /// for: its rest comes back.
    pub(crate) async fn enter(
        &self,
        timing: &Timing,
        patience: Duration,
    ) -> Result<Slot, Duration> {
        loop {
            if let Some(rest) = self.rest(timing.now()) {
                if rest > patience {
                    return Err(rest);
                }
                timing.sleep(rest).await;
                continue;
            }
            // Nobody closes the semaphore; without slots the limit would only be off.
            let slot = Slot {
                gate: Arc::clone(&self.slots),
                permit: Arc::clone(&self.slots.slots).acquire_owned().await.ok(),
            };
            if self.rest(timing.now()).is_none() {
                return Ok(slot);
            }
        }
    }

    /// The service complained: from now on half as many at once.
    pub(crate) fn slow_down(&self) {
        let mut pace = self.slots.pace();
        let fewer = (pace.limit / 2).max(1);
        let surplus = pace.limit - fewer;
        pace.limit = fewer;
        pace.calm = 0;
        pace.owed += surplus - self.slots.slots.forget_permits(surplus);
    }

    /// The service answered; `remaining` is how many more requests it takes, where it says so.
    pub(crate) fn answered(&self, remaining: Option<u64>) {
        let mut pace = self.slots.pace();
        let scarce = remaining.is_some_and(|left| left < SCARCE * pace.limit as u64);
        if scarce && pace.limit > 1 {
            drop(pace);
            self.slow_down();
            return;
        }
        pace.calm += 1;
        if pace.limit < self.parallel && pace.calm >= CALM * pace.limit && !scarce {
            pace.calm = 0;
            pace.limit += 1;
            if pace.owed > 0 {
                pace.owed -= 1;
            } else {
                self.slots.slots.add_permits(1);
            }
        }
    }

    /// How many may be under way at once now.
    #[cfg(test)]
    fn limit(&self) -> usize {
        self.slots.pace().limit
    }

    /// Closes the gate for a while; a pause that ends later stays.
    pub(crate) fn pause(&self, now: Timestamp, pause: Duration) {
        let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::from_hours(1));
        let until = now.checked_add(pause).unwrap_or(Timestamp::MAX);
        let mut closed = self.lock();
        if closed.is_none_or(|earlier| earlier < until) {
            *closed = Some(until);
        }
    }

    /// What is left of a pause.
    fn rest(&self, now: Timestamp) -> Option<Duration> {
        let mut closed = self.lock();
        let until = (*closed)?;
        let rest = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        if rest.is_zero() {
            *closed = None;
            return None;
        }
        Some(rest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.closed_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    #[tokio::test]
    async fn a_pause_is_waited_for_by_everyone_and_ends() {
        let clock = ManualClock::new();
        let timing = clock.timing();
        let gate = Gate::new(1);
        gate.pause(timing.now(), Duration::from_secs(7));
        gate.pause(timing.now(), Duration::from_secs(3));
        assert!(gate.enter(&timing, Duration::from_secs(30)).await.is_ok());
        assert_eq!(clock.slept(), [Duration::from_secs(7)]);
        assert!(gate.enter(&timing, Duration::ZERO).await.is_ok());
    }

    #[tokio::test]
    async fn a_complaint_halves_what_is_under_way_and_calm_brings_it_back() {
        let clock = ManualClock::new();
        let timing = clock.timing();
        let gate = Gate::new(8);
        let enter = || gate.enter(&timing, Duration::ZERO);
        let mut held = Vec::new();
        for _ in 0..8 {
            held.push(enter().await.ok());
        }
        gate.slow_down();
        gate.slow_down();
        assert_eq!(gate.limit(), 2);
        // Six that are under way are not replaced when they end.
        held.truncate(2);
        assert_eq!(gate.slots.slots.available_permits(), 0);
        drop(held);
        assert_eq!(gate.slots.slots.available_permits(), 2);
        for _ in 0..CALM * (2 + 3 + 4 + 5 + 6 + 7) {
            gate.answered(Some(6000));
        }
        assert_eq!(gate.limit(), 8);
        assert_eq!(gate.slots.slots.available_permits(), 8);
        for _ in 0..10_000 {
            gate.answered(None);
        }
        assert_eq!(gate.limit(), 8);
    }

    #[tokio::test]
    async fn few_requests_left_slow_down_before_the_service_complains() {
        let gate = Gate::new(8);
        gate.answered(Some(159));
        assert_eq!(gate.limit(), 4);
        gate.answered(Some(81));
        assert_eq!(gate.limit(), 4);
        for left in (0..80).rev() {
            gate.answered(Some(left));
        }
        assert_eq!(gate.limit(), 1);
    }

    #[tokio::test]
    async fn a_pause_beyond_patience_is_not_waited_for() {
        let clock = ManualClock::new();
        let timing = clock.timing();
        let gate = Gate::new(1);
        gate.pause(timing.now(), Duration::from_mins(5));
        assert_eq!(
            gate.enter(&timing, Duration::from_secs(30)).await.err(),
            Some(Duration::from_mins(5))
        );
        assert!(clock.slept().is_empty());
    }
}
