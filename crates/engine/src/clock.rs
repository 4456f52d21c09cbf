//! Time as a parameter.

use async_trait::async_trait;
use jiff::Timestamp;
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
