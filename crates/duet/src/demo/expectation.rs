//! What the scenario expects and sees, as a table and an exit code.

use crate::terminal::table;
use serde::Serialize;
use std::time::Duration;

/// One thing that has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// What it is about.
    pub about: String,
    /// What has to be.
    pub expected: String,
    /// What was.
    pub seen: String,
    /// Whether they agree.
    pub ok: bool,
}

/// All expectations of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Expectations {
    /// In the order in which they were looked at.
    pub all: Vec<Expectation>,
}

impl Expectations {
    /// Notes an expectation that holds when both texts are equal.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers and texts, written as they are"
    )]
    pub fn equal(&mut self, about: &str, expected: impl ToString, seen: impl ToString) {
        let (expected, seen) = (expected.to_string(), seen.to_string());
        let ok = expected == seen;
        self.note(about, expected, seen, ok);
    }

    /// Notes an expectation that was judged already.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers and texts, written as they are"
    )]
    pub fn note(&mut self, about: &str, expected: impl ToString, seen: impl ToString, ok: bool) {
        self.all.push(Expectation {
            about: about.to_owned(),
            expected: expected.to_string(),
            seen: seen.to_string(),
            ok,
        });
    }

    /// Whether everything held, and there was something to hold.
    pub fn hold(&self) -> bool {
        !self.all.is_empty() && self.all.iter().all(|expectation| expectation.ok)
    }

    /// The table.
    pub fn table(&self) -> String {
        let rows = self
            .all
            .iter()
            .map(|expectation| {
                vec![
                    if expectation.ok { "ok" } else { "FAILED" }.to_owned(),
                    expectation.about.clone(),
                    expectation.expected.clone(),
                    expectation.seen.clone(),
                ]
            })
            .collect();
        table(&["", "what", "expected", "seen"], &[], rows)
    }
}

/// Latencies of single edits.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that this share of edits does not exceed (nearest rank).
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among a few hundred"
        )]
        let rank = (sorted.len() as f64 * share).ceil() as usize;
        sorted
            .get(rank.max(1) - 1)
            .or(sorted.last())
            .copied()
            .unwrap_or_default()
    }

    /// `200 arrived, p50 12.3 ms, p99 40.1 ms`.
    pub fn told(&self) -> String {
        let milliseconds = |share| self.quantile(share).as_secs_f64() * 1000.0;
        format!(
            "{} arrived, p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
            self.count(),
            milliseconds(0.5),
            milliseconds(0.99),
            milliseconds(1.0)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_looked_at_is_no_success() {
        let mut expectations = Expectations::default();
        assert!(!expectations.hold());
        expectations.equal("a", 1, 1);
        assert!(expectations.hold());
        expectations.equal("b", 1, 2);
        assert!(!expectations.hold());
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let latencies = Latencies((1..=200).map(Duration::from_millis).collect());
        assert_eq!(latencies.quantile(0.5), Duration::from_millis(100));
        assert_eq!(latencies.quantile(0.99), Duration::from_millis(198));
        assert_eq!(latencies.quantile(1.0), Duration::from_millis(200));
        assert_eq!(Latencies::default().quantile(0.5), Duration::ZERO);
    }
}
