//! Virtual time: sleeping moves the clock instead of waiting.
//!
//! [`Timeline`] keeps the time and the sleepers. [`Session`] polls a few tasks on the caller's
//! thread, in a fixed order; when all of them wait, time jumps to the next sleeper. Nothing here
//! depends on the machine, so the same tasks always meet in the same order.

use async_trait::async_trait;
use duet_engine::Clock;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// When every simulation begins.
const BEGIN: i64 = 1_767_225_600;

/// The time of a simulation.
#[derive(Debug, Default)]
pub struct Timeline {
    state: Mutex<Sleepers>,
}

#[derive(Debug, Default)]
struct Sleepers {
    now: Duration,
    next: u64,
    wakers: BTreeMap<(Duration, u64), Waker>,
}

impl Timeline {
    fn state(&self) -> MutexGuard<'_, Sleepers> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the simulation began.
    pub fn began(&self) -> Timestamp {
        Timestamp::from_second(BEGIN).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// How long the simulation has lasted.
    pub fn elapsed(&self) -> Duration {
        self.state().now
    }

    /// Waits for a while.
    pub fn pause(&self, duration: Duration) -> Pause<'_> {
        Pause {
            timeline: self,
            until: self.elapsed().saturating_add(duration),
            place: None,
        }
    }

    /// Jumps to the next sleeper and wakes it. `false`: nobody sleeps.
    fn advance(&self) -> bool {
        let mut state = self.state();
        let Some(((at, _), waker)) = state.wakers.pop_first() else {
            return false;
        };
        state.now = state.now.max(at);
        drop(state);
        waker.wake();
        true
    }
}

#[async_trait]
impl Clock for Timeline {
    fn now(&self) -> Timestamp {
        let begin = self.began();
        SignedDuration::try_from(self.elapsed())
            .ok()
            .and_then(|elapsed| begin.checked_add(elapsed).ok())
            .unwrap_or(begin)
    }

    async fn sleep(&self, duration: Duration) {
        self.pause(duration).await;
    }
}

/// A sleeper.
#[derive(Debug)]
pub struct Pause<'a> {
    timeline: &'a Timeline,
    until: Duration,
    place: Option<u64>,
}

impl Future for Pause<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.timeline.state();
        if let Some(place) = self.place {
            state.wakers.remove(&(self.until, place));
        }
        if state.now >= self.until {
            drop(state);
            self.place = None;
            return Poll::Ready(());
        }
        let place = state.next;
        state.next += 1;
        state
            .wakers
            .insert((self.until, place), context.waker().clone());
        drop(state);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.timeline.state().wakers.remove(&(self.until, place));
        }
    }
}

/// Lets everybody else go first, once.
pub async fn step_aside() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Whether a task was woken since it was last polled.
#[derive(Debug)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A future with the mark that it may go on.
pub struct Task<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    woken: Arc<Woken>,
}

impl<T> std::fmt::Debug for Task<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

impl<'a, T> Task<'a, T> {
    /// A task that has not begun.
    pub fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self {
            future: Box::pin(future),
            woken: Arc::new(Woken(AtomicBool::new(true))),
        }
    }

    /// Polls the task if it was woken. `None`: it was not.
    fn go_on(&mut self) -> Option<Poll<T>> {
        if !self.woken.0.swap(false, Ordering::Relaxed) {
            return None;
        }
        let waker = Waker::from(self.woken.clone());
        let mut context = Context::from_waker(&waker);
        Some(self.future.as_mut().poll(&mut context))
    }
}

/// How a session came to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended<T> {
    /// The main task ended.
    Done(T),
    /// The main task was dropped where it stood.
    Crashed,
    /// Everybody waits for something that will never happen.
    Stalled,
    /// The main task was polled so often that it must be going round in circles.
    Endless,
}

/// Most polls of one session's main task.
const PATIENCE: u64 = 60_000;

/// Runs a main task, with another beside it that outlives it, until the main task ends or was
/// polled `polls` times, which is how a process that is killed looks from inside.
pub fn run_session<T>(
    timeline: &Timeline,
    main: Task<'_, T>,
    beside: &mut Option<Task<'_, ()>>,
    polls: Option<u64>,
) -> Ended<T> {
    let killed = |polled| polls.is_some_and(|polls| polled >= polls);
    run_until(timeline, main, beside, &killed)
}

/// As [`run_session`], but killed when `killed` says so, told how often the main task was polled.
pub fn run_until<T>(
    timeline: &Timeline,
    main: Task<'_, T>,
    beside: &mut Option<Task<'_, ()>>,
    killed: &dyn Fn(u64) -> bool,
) -> Ended<T> {
    let mut main = main;
    let mut polled = 0;
    loop {
        let mut moved = false;
        if killed(polled) {
            return Ended::Crashed;
        }
        if polled > PATIENCE {
            return Ended::Endless;
        }
        if let Some(outcome) = main.go_on() {
            moved = true;
            polled += 1;
            if let Poll::Ready(value) = outcome {
                return Ended::Done(value);
            }
        }
        if let Some(outcome) = beside.as_mut().and_then(Task::go_on) {
            moved = true;
            if outcome.is_ready() {
                *beside = None;
            }
        }
        if !moved && !timeline.advance() {
            return Ended::Stalled;
        }
    }
}
