//! Time as a parameter, and what becomes of it when the machine's clock is set back.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where the engine takes the time from.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock's time; only for people and for due times, never for ordering.
    fn now(&self) -> Timestamp;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that never goes back.
///
/// Pauses end at a time. If the clock below is set back, by NTP or by hand, they would last longer by as
/// much: an hour, or a year. So this one goes on where it was and then runs at half speed until the
/// other has caught up; meanwhile pauses take twice as long.
pub(crate) struct Steady {
    below: Arc<dyn Clock>,
    reading: Mutex<Reading>,
}

#[derive(Default)]
struct Reading {
    /// What the clock below showed last.
    last: Option<Timestamp>,
    /// By how much this one is ahead of it; never negative.
    ahead: SignedDuration,
}

impl Steady {
    pub(crate) fn over(below: Arc<dyn Clock>) -> Arc<dyn Clock> {
        Arc::new(Self {
            below,
            reading: Mutex::default(),
        })
    }
}

#[async_trait]
impl Clock for Steady {
    fn now(&self) -> Timestamp {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = self.below.now();
        if let Some(last) = reading.last {
            let passed = shown.duration_since(last);
            reading.ahead = if passed.is_negative() {
                reading.ahead.saturating_sub(passed)
            } else {
                (reading.ahead - passed / 2).max(SignedDuration::ZERO)
            };
        }
        reading.last = Some(shown);
        shown
            .saturating_add(reading.ahead)
            .unwrap_or(Timestamp::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        self.below.sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hands(Mutex<i64>);

    impl Hands {
        fn set(&self, second: i64) {
            *self.0.lock().unwrap() = second;
        }
    }

    #[async_trait]
    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(*self.0.lock().unwrap()).unwrap()
        }

        async fn sleep(&self, _: Duration) {}
    }

    #[test]
    fn a_clock_that_is_set_back_goes_on_and_is_caught_up_with() {
        let hands = Arc::new(Hands(Mutex::new(1_000)));
        let clock = Steady::over(hands.clone());
        let read = |second: i64| {
            hands.set(second);
            clock.now().as_second()
        };
        assert_eq!(read(1_000), 1_000);
        assert_eq!(read(1_010), 1_010);
        assert_eq!(read(910), 1_010, "it does not go back");
        assert_eq!(read(930), 1_020, "half as fast");
        assert_eq!(read(920), 1_020, "set back again");
        assert_eq!(read(1_020), 1_070);
        assert_eq!(read(1_200), 1_200, "caught up");
        assert_eq!(read(5_000), 5_000, "forward is followed at once");
    }
}
