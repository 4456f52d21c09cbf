//! How many requests are under way at once, and the pause for all of them when the service asks
//! for patience.

use crate::timing::Timing;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) struct Gate {
    slots: Arc<Semaphore>,
    closed_until: Mutex<Option<Timestamp>>,
}

impl Gate {
    pub(crate) fn new(parallel: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(parallel.max(1))),
            closed_until: Mutex::new(None),
        }
    }

    /// Waits for a pause to end and for a free slot. A pause longer than `patience` is not waited
    /// for: its rest comes back.
    pub(crate) async fn enter(
        &self,
        timing: &Timing,
        patience: Duration,
    ) -> Result<Option<OwnedSemaphorePermit>, Duration> {
        loop {
            if let Some(rest) = self.rest(timing.now()) {
                if rest > patience {
                    return Err(rest);
                }
                timing.sleep(rest).await;
                continue;
            }
            // Nobody closes the semaphore; without slots the limit would only be off.
            let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
            if self.rest(timing.now()).is_none() {
                return Ok(slot);
            }
        }
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
