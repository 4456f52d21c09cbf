//! Test doubles that several modules' tests share.

use crate::timing::{Clock, Timing};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A clock that stands still until something sleeps by it; sleeping takes no real time.
#[derive(Clone)]
pub(crate) struct ManualClock(Arc<Mutex<State>>);

struct State {
    now: Timestamp,
    slept: Vec<Duration>,
}

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
            slept: Vec::new(),
        })))
    }

    /// This clock as a parameter, with chance that always says one half.
    pub(crate) fn timing(&self) -> Timing {
        Timing::new(self.clone(), || 0.5)
    }

    /// The pauses so far.
    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.0.lock().unwrap().slept.clone()
    }

    /// Moves the time on.
    pub(crate) fn advance(&self, by: SignedDuration) {
        self.0.lock().unwrap().now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        let mut state = self.0.lock().unwrap();
        state.now += SignedDuration::try_from(pause).unwrap();
        state.slept.push(pause);
        std::future::ready(()).boxed()
    }
}
