//! What the tests against the stand-ins share: a clock that waits for nobody, and sign-in.
#![expect(
    clippy::unwrap_used,
    reason = "a panic is a test's failure, in its builders too"
)]

use duet_systems::timing::{Clock, Timing};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const CLIENT: &str = "00000000-0000-0000-0000-00000000c0de";
pub(crate) const SECRET: &str = "correct horse";

/// The machine's clock, moved on by every sleep, which takes no real time.
#[derive(Clone, Default)]
pub(crate) struct ImpatientClock(Arc<Mutex<Vec<Duration>>>);

impl ImpatientClock {
    pub(crate) fn timing(&self) -> Timing {
        Timing::new(self.clone(), || 0.5)
    }

    /// The pauses so far.
    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.0.lock().unwrap().clone()
    }

    /// Moves the time on.
    pub(crate) fn advance(&self, by: Duration) {
        self.0.lock().unwrap().push(by);
    }
}

impl Clock for ImpatientClock {
    fn now(&self) -> Timestamp {
        let slept: Duration = self.slept().iter().sum();
        Timestamp::now() + SignedDuration::try_from(slept).unwrap()
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        self.0.lock().unwrap().push(pause);
        tokio::task::yield_now().boxed()
    }
}

/// Names of columns.
pub(crate) fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
