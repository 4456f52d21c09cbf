//! Service protection: 429 for a user who asks too much in a sliding window (protocol reference
//! A14). Off unless it is set, at the start or through the control endpoint.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use super::errors::ApiError;
use super::settings::Limits;

/// Watches the users' requests. Cloning is cheap and shares it.
#[derive(Debug, Clone, Default)]
pub(super) struct Limiter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    limits: Option<Limits>,
    users: HashMap<String, User>,
}

#[derive(Debug, Default)]
struct User {
    /// When each request of the window began, and how many milliseconds it took.
    requests: VecDeque<(Timestamp, u64)>,
    running: u64,
}

/// A request that was let in; it counts as running until it is dropped.
#[derive(Debug)]
pub(super) struct Admission {
    limiter: Limiter,
    user: String,
    /// What is left of the window: requests and seconds of execution.
    pub(super) remaining: Option<(u64, u64)>,
}

impl Limiter {
    pub(super) fn new(limits: Option<Limits>) -> Self {
        let limiter = Self::default();
        limiter.set(limits);
        limiter
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets the limits, or switches them off; the windows start anew.
    pub(super) fn set(&self, limits: Option<Limits>) {
        self.with(|state| {
            *state = State {
                limits,
                users: HashMap::new(),
            }
        });
    }

    /// Lets a user's request in, or says why not.
    pub(super) fn admit(&self, user: &str, now: Timestamp) -> Result<Admission, ApiError> {
        let remaining = self.with(|state| {
            let Some(limits) = state.limits else {
                return Ok(None);
            };
            let window = seconds(limits.window_seconds);
            let this = state.users.entry(user.to_owned()).or_default();
            while this
                .requests
                .front()
                .is_some_and(|(at, _)| now.duration_since(*at) >= window)
            {
                this.requests.pop_front();
            }
            let count = this.requests.len() as u64;
            let spent: u64 = this
                .requests
                .iter()
                .map(|(_, milliseconds)| milliseconds)
                .sum();
            let broken = if this.running >= limits.concurrent {
                let text = format!(
                    "Number of concurrent requests exceeded the limit of {}.",
                    limits.concurrent
                );
                Some(("0x80072326", text))
            } else if count >= limits.requests {
                let text = format!(
                    "Number of requests exceeded the limit of {} over time window of {} seconds.",
                    limits.requests, limits.window_seconds
                );
                Some(("0x80072322", text))
            } else if spent >= limits.execution_milliseconds {
                let text = format!(
                    "Combined execution time of incoming requests exceeded limit of {} \
                     milliseconds over time window of {} seconds. Decrease number of concurrent \
                     requests or reduce the duration of requests and try again later.",
                    limits.execution_milliseconds, limits.window_seconds
                );
                Some(("0x80072321", text))
            } else {
                None
            };
            if let Some((code, text)) = broken {
                // The first request that leaves the window makes room.
                let oldest = this.requests.front().map_or(now, |(at, _)| *at);
                let left = window
                    .saturating_sub(now.duration_since(oldest))
                    .as_secs()
                    .max(1);
                let mut error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, text);
                error.retry_after = u64::try_from(left).ok();
                return Err(error);
            }
            this.requests.push_back((now, 0));
            this.running += 1;
            let time_left = limits.execution_milliseconds.saturating_sub(spent) / 1000;
            Ok(Some((limits.requests - count - 1, time_left)))
        })?;
        Ok(Admission {
            limiter: self.clone(),
            user: user.to_owned(),
            remaining,
        })
    }
}

impl Admission {
    /// Ends the request: it took so long.
    pub(super) fn finish(self, took: SignedDuration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(0);
        self.limiter.with(|state| {
            let user = state.users.get_mut(&self.user);
            if let Some((_, milliseconds)) = user.and_then(|user| user.requests.back_mut()) {
                *milliseconds += took;
            }
        });
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.limiter.with(|state| {
            if let Some(user) = state.users.get_mut(&self.user) {
                user.running = user.running.saturating_sub(1);
            }
        });
    }
}

fn seconds(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn limiter(limits: Limits) -> Limiter {
        Limiter::new(Some(limits))
    }

    #[test]
    fn a_window_of_requests_slides() {
        let limiter = limiter(Limits {
            window_seconds: 10,
            requests: 2,
            ..Limits::default()
        });
        assert_eq!(limiter.admit("a", at(0)).unwrap().remaining.unwrap().0, 1);
        limiter.admit("a", at(4)).unwrap();
        let error = limiter.admit("a", at(6)).unwrap_err();
        assert_eq!((error.code, error.retry_after), ("0x80072322", Some(4)));
        assert!(
            error
                .message
                .contains("limit of 2 over time window of 10 seconds")
        );
        limiter.admit("b", at(6)).unwrap();
        limiter.admit("a", at(10)).unwrap();
        limiter.admit("a", at(11)).unwrap_err();
    }

    #[test]
    fn execution_time_and_concurrency_count_too() {
        let limits = Limits {
            execution_milliseconds: 100,
            concurrent: 2,
            ..Limits::default()
        };
        let limiter = limiter(limits);
        let first = limiter.admit("a", at(0)).unwrap();
        let second = limiter.admit("a", at(0)).unwrap();
        assert_eq!(limiter.admit("a", at(0)).unwrap_err().code, "0x80072326");
        first.finish(SignedDuration::from_millis(60));
        second.finish(SignedDuration::from_millis(60));
        assert_eq!(limiter.admit("a", at(1)).unwrap_err().code, "0x80072321");
        limiter.set(None);
        assert_eq!(limiter.admit("a", at(1)).unwrap().remaining, None);
    }
}
