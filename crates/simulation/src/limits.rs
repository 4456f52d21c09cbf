//! What a system lets one user ask for: so many requests in a window that moves with the time, as
//! Dataverse counts them. Who asks for more is told how long to wait, and longer if it does not.

use std::collections::VecDeque;
use std::time::Duration;

/// A system's limit for one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Most requests in one window; a bulk is one.
    pub requests: usize,
    /// How long the window is.
    pub window: Duration,
}

/// The requests of one user.
#[derive(Debug)]
pub(crate) struct Window {
    limit: Limit,
    asked: VecDeque<Duration>,
    /// Until when the user was told to wait.
    until: Duration,
    /// How often it asked all the same.
    pushed: u32,
}

/// What the user is told instead of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// For how long to wait.
    pub(crate) retry_after: Duration,
    /// Whether the user had been told to wait.
    pub(crate) pushed: bool,
}

impl Window {
    pub(crate) fn new(limit: Limit) -> Self {
        Self {
            limit,
            asked: VecDeque::new(),
            until: Duration::ZERO,
            pushed: 0,
        }
    }

    /// One request, `now`.
    pub(crate) fn admit(&mut self, now: Duration) -> Result<(), Refusal> {
        while let Some(first) = self.asked.front()
            && now.saturating_sub(*first) >= self.limit.window
        {
            self.asked.pop_front();
        }
        if self.asked.len() < self.limit.requests {
            self.pushed = 0;
            self.asked.push_back(now);
            return Ok(());
        }
        let pushed = now < self.until;
        self.pushed = if pushed { self.pushed + 1 } else { 0 };
        let first = self.asked.front().copied().unwrap_or(now);
        let free = (first + self.limit.window).saturating_sub(now);
        // The header speaks of whole seconds, and never of none.
        let seconds = free.as_secs() + 1 + u64::from(self.pushed);
        let retry_after = Duration::from_secs(seconds);
        self.until = now + retry_after;
        Err(Refusal {
            retry_after,
            pushed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Limit, Refusal, Window};
    use std::time::Duration;

    #[test]
    fn a_window_moves_and_who_pushes_waits_longer() {
        let at = Duration::from_secs;
        let mut window = Window::new(Limit {
            requests: 2,
            window: at(10),
        });
        assert_eq!(window.admit(at(0)), Ok(()));
        assert_eq!(window.admit(at(4)), Ok(()));
        let refusal = |seconds, pushed| {
            Err(Refusal {
                retry_after: at(seconds),
                pushed,
            })
        };
        assert_eq!(window.admit(at(5)), refusal(6, false));
        assert_eq!(window.admit(at(6)), refusal(6, true));
        // The first request has left the window, the second has not.
        assert_eq!(window.admit(at(10)), Ok(()));
        assert_eq!(window.admit(at(11)), refusal(5, true));
        assert_eq!(window.admit(at(14)), Ok(()));
    }
}
