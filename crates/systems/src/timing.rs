//! Time and chance as parameters: the clock that connectors read and wait by, and their jitter.

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use rand::RngExt;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Tells the time and waits.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// Completes after a pause.
    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(pause).boxed()
    }
}

/// A clock and a source of chance. Cloning is cheap.
#[derive(Clone)]
pub struct Timing {
    clock: Arc<dyn Clock>,
    jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl Timing {
    /// The machine's clock and its random numbers.
    pub fn system() -> Self {
        Self::new(SystemClock, || rand::rng().random())
    }

    /// A clock, and a function that gives numbers from 0 up to but not including 1.
    pub fn new(
        clock: impl Clock + 'static,
        jitter: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            clock: Arc::new(clock),
            jitter: Arc::new(jitter),
        }
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Completes after a pause.
    pub async fn sleep(&self, pause: Duration) {
        self.clock.sleep(pause).await;
    }

    /// A number from 0 up to but not including 1.
    pub fn chance(&self) -> f64 {
        (self.jitter)()
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timing")
    }
}
