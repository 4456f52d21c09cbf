//! When to send a request again, and after which pause.

use super::Repeat;
use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::time::Duration;

/// How often and how patiently a connector tries again within one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many times a request is sent at most.
    pub attempts: u32,
    /// The first pause; it doubles with each attempt.
    pub first: Duration,
    /// The longest pause of the connector's own choice.
    pub longest: Duration,
    /// The longest pause that a service may ask for within a call. A longer one ends the call
    /// with [`crate::error::Class::Wait`].
    pub patience: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(5),
            patience: Duration::from_secs(20),
        }
    }
}

/// What kept a request from being answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The service has not seen it.
    NotSent,
    /// The connection broke on the way.
    Lost,
    /// No answer came in time.
    TimedOut,
    /// 502, 503 or 504, with the pause that the service asks for.
    Unavailable(Option<Duration>),
    /// 429, with the pause that the service asks for.
    Throttled(Option<Duration>),
    /// Trying again cannot help.
    Hopeless,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send it again after a pause.
    Again(Duration),
    /// Leave it.
    Stop,
}

impl RetryPolicy {
    /// Decides after attempt number `attempt` (from 1). `chance` is a number from 0 to 1 that
    /// spreads the pauses of many clients.
    pub(crate) fn step(
        &self,
        trouble: &Trouble,
        attempt: u32,
        repeat: Repeat,
        chance: f64,
    ) -> Step {
        // What was throttled or never sent had no effect. Gateways answer 502 to 504 for requests
        // that may have come through.
        let harmless = match trouble {
            Trouble::NotSent | Trouble::Throttled(_) => true,
            Trouble::Lost | Trouble::Unavailable(_) => repeat <= Repeat::Same,
            // A write that takes too long only grows heavier by repetition; a batch is split.
            Trouble::TimedOut => repeat == Repeat::Safe,
            Trouble::Hopeless => false,
        };
        if !harmless || attempt >= self.attempts {
            return Step::Stop;
        }
        let asked = match trouble {
            Trouble::Throttled(after) | Trouble::Unavailable(after) => *after,
            _ => None,
        };
        match asked {
            Some(pause) if pause > self.patience => Step::Stop,
            Some(pause) => Step::Again(pause),
            None => Step::Again(self.pause(attempt, chance)),
        }
    }

    /// A pause that doubles with the attempts, half of it fixed and half left to chance.
    fn pause(&self, attempt: u32, chance: f64) -> Duration {
        let doubled = self
            .first
            .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1).min(30)));
        let full = doubled.min(self.longest);
        full / 2 + (full / 2).mul_f64(chance.clamp(0.0, 1.0))
    }
}

/// How long an answer asks to wait. A date in it is by the service's clock, which the answer shows too;
/// `now` is ours.
pub(crate) fn asked_pause(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let now = text(DATE).and_then(http_date).unwrap_or(now);
    parse_retry_after(text(RETRY_AFTER)?, now)
}

/// Reads `Retry-After`: seconds, or the date of RFC 9110 section 10.2.3.
pub(crate) fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = http_date(text)?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// Reads a date of HTTP's fixed form: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text)
        .ok()
        .map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    const ALL: [Trouble; 6] = [
        Trouble::NotSent,
        Trouble::Lost,
        Trouble::TimedOut,
        Trouble::Unavailable(None),
        Trouble::Throttled(Some(Duration::from_secs(2))),
        Trouble::Hopeless,
    ];

    #[test]
    fn an_unsafe_request_is_repeated_only_when_it_surely_had_no_effect() {
        let policy = RetryPolicy::default();
        let repeated: Vec<&Trouble> = ALL
            .iter()
            .filter(|trouble| {
                matches!(policy.step(trouble, 1, Repeat::Unsafe, 0.5), Step::Again(_))
            })
            .collect();
        assert_eq!(
            repeated,
            [
                &Trouble::NotSent,
                &Trouble::Throttled(Some(Duration::from_secs(2)))
            ]
        );
    }

    #[test]
    fn the_service_decides_how_long_to_wait_up_to_our_patience() {
        let policy = RetryPolicy::default();
        let asked = |seconds| Trouble::Throttled(Some(Duration::from_secs(seconds)));
        assert_eq!(
            policy.step(&asked(17), 1, Repeat::Unsafe, 0.0),
            Step::Again(Duration::from_secs(17))
        );
        assert_eq!(policy.step(&asked(300), 1, Repeat::Unsafe, 0.0), Step::Stop);
    }

    #[test]
    fn a_date_to_wait_for_is_by_the_clock_of_the_service() {
        let mut headers = HeaderMap::new();
        let mut set = |name, text| {
            headers.insert(name, HeaderValue::from_static(text));
            let ours = "1990-01-01T00:00:00Z".parse().unwrap();
            asked_pause(&headers, ours)
        };
        let date = "Sun, 06 Nov 1994 08:49:30 GMT";
        assert_eq!(set(DATE, date), None);
        let until = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(set(RETRY_AFTER, until), Some(Duration::from_secs(7)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        assert_eq!(
            parse_retry_after(" 30 ", now),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now),
            Some(Duration::ZERO)
        );
        assert_eq!(parse_retry_after("soon", now), None);
    }

    proptest! {
        #[test]
        fn tries_end_and_pauses_are_bounded(
            attempt in 1_u32..100,
            chance in 0.0_f64..1.0,
            which in 0_usize..ALL.len(),
        ) {
            let policy = RetryPolicy::default();
            match policy.step(&ALL[which], attempt, Repeat::Safe, chance) {
                Step::Again(pause) => {
                    prop_assert!(attempt < policy.attempts);
                    prop_assert!(pause <= policy.longest);
                }
                Step::Stop => prop_assert!(
                    attempt >= policy.attempts || ALL[which] == Trouble::Hopeless
                ),
            }
        }
    }
}
