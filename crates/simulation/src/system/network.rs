//! The way to a system and back: it takes virtual time, and things go wrong on it.
//!
//! What goes wrong is drawn by chance, or written down beforehand by a story.

use crate::ledger::Ledger;
use crate::limits::{Limit, Window};
use crate::plan::Faults;
use crate::timeline::Timeline;
use duet_map::diagnostic::Code;
use duet_systems::{Class, SystemError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// A page of a whole read.
    Snapshot,
    /// A page of changes.
    Changes,
    /// A read of records by their identifiers.
    Fetch,
    /// A search for records.
    Find,
    /// A page of identifiers.
    Keys,
    /// One write of a bulk.
    Write,
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It works.
    None,
    /// The request never arrives.
    LostRequest,
    /// It is done, and the answer never arrives.
    LostAnswer,
    /// It is done, and the answer makes no sense.
    Garbled,
    /// The system asks for patience.
    Busy,
    /// The system refuses what no waiting mends.
    Refused,
    /// The cursor that the call names is too old.
    Expired,
}

/// The way to one system.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) faults: Faults,
    pub(super) latency: Duration,
    timeline: Arc<Timeline>,
    ledger: Arc<Mutex<Ledger>>,
    healed: AtomicBool,
    /// Nobody answers anything.
    away: AtomicBool,
    asked: AtomicU64,
    random: Mutex<StdRng>,
    script: Mutex<BTreeMap<Call, VecDeque<Fault>>>,
    /// What Duet may still ask for, as the user that it is.
    window: Mutex<Option<Window>>,
}

impl Network {
    pub(super) fn new(
        (faults, latency): (Faults, Duration),
        timeline: Arc<Timeline>,
        ledger: Arc<Mutex<Ledger>>,
        seed: u64,
    ) -> Self {
        Self {
            faults,
            latency,
            timeline,
            ledger,
            healed: AtomicBool::new(false),
            away: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            script: Mutex::default(),
            window: Mutex::default(),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing goes wrong any more.
    pub(super) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
    }

    /// Whether nothing goes wrong any more.
    pub(super) fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    /// From now on nobody answers, or somebody does again.
    pub(super) fn set_down(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// Somebody asks for something; a bulk of writes asks once.
    pub(super) fn count_request(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests there were.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// From now on one user may ask for so much.
    pub(super) fn set_limit(&self, limit: Limit) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        *window = Some(Window::new(limit));
    }

    /// Counts one request of Duet against its limit.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn admit(&self) -> Result<(), Duration> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(window) = window.as_mut().filter(|_| !self.is_healed()) else {
            return Ok(());
        };
        window.admit(self.timeline.elapsed()).map_err(|refusal| {
            let ledger = &mut *self.ledger();
            ledger.count("429, by the limit of a user");
            if refusal.pushed {
                ledger.count("asked again before the time was up");
            }
            refusal.retry_after
        })
    }

    /// Writes down what happens to the next calls of a kind.
    pub(super) fn inject(&self, call: Call, faults: impl IntoIterator<Item = Fault>) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.entry(call).or_default().extend(faults);
    }

    /// What is written down for the next call of a kind.
    fn next(&self, call: Call) -> Fault {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script
            .get_mut(&call)
            .and_then(VecDeque::pop_front)
            .unwrap_or(Fault::None)
    }

    /// Whoever draws from the seed.
    pub(super) fn random(&self) -> MutexGuard<'_, StdRng> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something with this share happens now.
    pub(super) fn chance(&self, share: f64) -> bool {
        !self.is_healed() && share > 0.0 && self.random().random_bool(share)
    }

    /// The way there or back.
    async fn travel(&self) {
        let longest = if self.is_healed() {
            self.latency.min(Duration::from_millis(50))
        } else {
            self.latency
        };
        let longest = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        let takes = if longest == 0 {
            0
        } else {
            self.random().random_range(1..=longest)
        };
        // At least one step, so that the engine can die and others can act at every call.
        crate::timeline::step_aside().await;
        self.timeline.pause(Duration::from_micros(takes)).await;
    }

    /// The request travels; what can go wrong before anything is done goes wrong here.
    ///
    /// Returns whether the answer will be lost.
    pub(super) async fn request(&self, call: Call) -> Result<Way, SystemError> {
        self.travel().await;
        if call != Call::Write {
            self.count_request();
            self.admit().map_err(over_limit)?;
        }
        if self.away.load(Ordering::Relaxed) {
            return Err(SystemError::new(Class::Retry, Code(3004), "nobody there"));
        }
        let way = match self.next(call) {
            Fault::None => Way::Open,
            Fault::LostAnswer => Way::Lost,
            Fault::Garbled => Way::Garbled,
            Fault::LostRequest => return Err(no_answer()),
            Fault::Busy => {
                return Err(SystemError::new(
                    Class::Wait,
                    Code(3005),
                    "too many requests",
                ));
            }
            Fault::Refused => {
                return Err(SystemError::new(Class::FixMap, Code(3020), "no such table"));
            }
            Fault::Expired => return Err(expired()),
        };
        let now = self.timeline.elapsed();
        let down = !self.is_healed()
            && self
                .faults
                .down
                .iter()
                .any(|(from, until)| now >= *from && now < *until);
        if down || self.chance(self.faults.unavailable) {
            self.ledger().count("503");
            return Err(SystemError::new(
                Class::Retry,
                Code(3004),
                "not available for the moment",
            ));
        }
        if self.chance(self.faults.busy) {
            self.ledger().count("429");
            let mut error = SystemError::new(Class::Wait, Code(3005), "too many requests");
            let seconds = self.random().random_range(1..6);
            error.retry_after = Some(Duration::from_secs(seconds));
            return Err(error);
        }
        if self.chance(self.faults.lost_request) {
            self.ledger().count("lost request");
            return Err(self.silence().await);
        }
        Ok(way)
    }

    /// The answer travels.
    pub(super) async fn answer<T>(&self, way: Way, answer: T) -> Result<T, SystemError> {
        self.travel().await;
        if way == Way::Lost {
            return Err(no_answer());
        }
        if way == Way::Garbled {
            return Err(no_sense());
        }
        if self.chance(self.faults.lost_answer) {
            {
                let ledger = &mut *self.ledger();
                ledger.count("lost answer");
                // More than what this answer told may be unsettled; what is too much does no harm.
                ledger.forget();
            }
            return Err(self.silence().await);
        }
        Ok(answer)
    }

    /// Nothing came until the time was up.
    pub(super) async fn silence(&self) -> SystemError {
        self.timeline.pause(Duration::from_secs(2)).await;
        no_answer()
    }
}

/// What a story has written down about the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Open,
    Lost,
    Garbled,
}

/// What a user is told who has asked for too much.
pub(super) fn over_limit(retry_after: Duration) -> SystemError {
    let what = "more requests than a user may send";
    let mut error = SystemError::new(Class::Wait, Code(3005), what);
    error.retry_after = Some(retry_after);
    error
}

fn no_sense() -> SystemError {
    let mut error = SystemError::new(Class::Bug, Code(3006), "the answer makes no sense");
    error.outcome_unknown = true;
    error
}

fn no_answer() -> SystemError {
    let mut error = SystemError::new(Class::Retry, Code(3002), "no answer came");
    error.outcome_unknown = true;
    error
}

/// The cursor is too old.
pub(super) fn expired() -> SystemError {
    SystemError::new(Class::CursorExpired, Code(3033), "the cursor is too old")
}
