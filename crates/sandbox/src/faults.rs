//! Faults on request: what can go wrong between a client and a service, switched on while running.
//!
//! A rule names a fault and which requests it may hit; the server asks [`Faults::draw`] once for
//! each request and acts on the [`Plan`] it gets. Chance comes from a seed, so that a run of faults
//! can be repeated.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The answer comes late, by `milliseconds` plus a random part of `jitter_milliseconds`.
    Latency,
    /// 429 with `Retry-After: <retry_after>`, nothing is done.
    TooManyRequests,
    /// 503, nothing is done.
    Unavailable,
    /// The connection is closed before anything is done.
    DropBeforeCommit,
    /// The request is carried out and committed, its answer is lost with the connection.
    DropAfterCommit,
    /// The connection is closed after `after` operations of a batch are committed.
    TornBatch,
    /// The delta token of the request counts as expired.
    ExpireDeltaTokens,
}

/// When a fault happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What goes wrong.
    pub fault: Fault,
    /// How likely, from 0 to 1; certain when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// How often at most; without end when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Only requests with this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests whose path and query, percent-decoding undone, contain this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Latency: at least this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// Latency: and up to this much longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_milliseconds: Option<u64>,
    /// 429 and 503: seconds after which the client may try again. 429 has 1 when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Torn batch: how many operations are carried out; 1 when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<usize>,
    /// How often the rule has hit, kept by the server.
    #[serde(default)]
    pub fired: u64,
}

impl Rule {
    /// A rule that hits every request with `fault`.
    pub fn always(fault: Fault) -> Self {
        Self {
            fault,
            probability: None,
            count: None,
            method: None,
            path: None,
            milliseconds: None,
            jitter_milliseconds: None,
            retry_after: None,
            after: None,
            fired: 0,
        }
    }

    /// A rule that hits the next request only.
    pub fn once(fault: Fault) -> Self {
        Self {
            count: Some(1),
            ..Self::always(fault)
        }
    }

    fn may_hit(&self, method: &str, path: &str) -> bool {
        self.count.is_none_or(|count| self.fired < count)
            && self
                .method
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path
                .as_ref()
                .is_none_or(|part| path.contains(part.as_str()))
    }
}

/// An answer that replaces the real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 429, with the seconds of `Retry-After`.
    TooManyRequests {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// 503, with or without `Retry-After`.
    Unavailable {
        /// Seconds to wait.
        retry_after: Option<u64>,
    },
}

/// What happens to one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Wait this long first.
    pub delay: Duration,
    /// Answer so instead of acting.
    pub refusal: Option<Refusal>,
    /// Close the connection instead of acting.
    pub drop_before: bool,
    /// Act, then close the connection instead of answering.
    pub drop_after: bool,
    /// Close the connection after so many operations of a batch.
    pub torn_batch_after: Option<usize>,
    /// Treat the delta token as expired.
    pub expire_delta_tokens: bool,
}

struct State {
    rules: Vec<Rule>,
    random: StdRng,
}

/// The rules in force. Cloning is cheap and shares them.
#[derive(Clone)]
pub struct Faults(Arc<Mutex<State>>);

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Faults").field(&self.rules()).finish()
    }
}

impl Faults {
    /// No faults; chance will come from `seed`.
    pub fn new(seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self(Arc::new(Mutex::new(State {
            rules: Vec::new(),
            random,
        })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a rule.
    pub fn add(&self, rule: Rule) {
        self.with(|state| state.rules.push(rule));
    }

    /// Replaces all rules.
    pub fn replace(&self, rules: Vec<Rule>) {
        self.with(|state| state.rules = rules);
    }

    /// Starts chance anew from a seed.
    pub fn reseed(&self, seed: u64) {
        self.with(|state| state.random = StdRng::seed_from_u64(seed));
    }

    /// The rules in force, with how often each has hit.
    pub fn rules(&self) -> Vec<Rule> {
        self.with(|state| state.rules.clone())
    }

    /// Decides what happens to a request. With `named_only`, only rules that name a path count:
    /// so the sign-in endpoint stays usable unless a rule means it.
    pub fn draw(&self, method: &str, path: &str, named_only: bool) -> Plan {
        self.with(|state| {
            let mut plan = Plan::default();
            let State { rules, random } = state;
            for rule in rules {
                if !rule.may_hit(method, path) || (named_only && rule.path.is_none()) {
                    continue;
                }
                // A fault that only a batch or a delta read can show must not be used up by others.
                let fits = match rule.fault {
                    Fault::TornBatch => path.contains("$batch"),
                    Fault::ExpireDeltaTokens => path.contains("deltatoken"),
                    _ => true,
                };
                let probability = rule.probability.unwrap_or(1.0).clamp(0.0, 1.0);
                if !fits || !random.random_bool(probability) {
                    continue;
                }
                rule.fired += 1;
                match rule.fault {
                    Fault::Latency => {
                        let jitter = rule.jitter_milliseconds.unwrap_or(0);
                        let extra = if jitter == 0 {
                            0
                        } else {
                            random.random_range(0..=jitter)
                        };
                        let delay = rule.milliseconds.unwrap_or(0).saturating_add(extra);
                        plan.delay = plan.delay.saturating_add(Duration::from_millis(delay));
                    }
                    Fault::TooManyRequests => {
                        let retry_after = rule.retry_after.unwrap_or(1);
                        plan.refusal = Some(Refusal::TooManyRequests { retry_after });
                    }
                    Fault::Unavailable => {
                        plan.refusal = Some(Refusal::Unavailable {
                            retry_after: rule.retry_after,
                        });
                    }
                    Fault::DropBeforeCommit => plan.drop_before = true,
                    Fault::DropAfterCommit => plan.drop_after = true,
                    Fault::TornBatch => plan.torn_batch_after = Some(rule.after.unwrap_or(1)),
                    Fault::ExpireDeltaTokens => plan.expire_delta_tokens = true,
                }
            }
            plan
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_rule_hits_only_what_it_names() {
        let faults = Faults::new(1);
        faults.add(Rule {
            method: Some("patch".into()),
            path: Some("/accounts".into()),
            ..Rule::once(Fault::DropAfterCommit)
        });
        assert_eq!(faults.draw("GET", "/accounts(1)", false), Plan::default());
        assert_eq!(faults.draw("PATCH", "/contacts(1)", false), Plan::default());
        assert!(faults.draw("PATCH", "/accounts(1)", false).drop_after);
        assert_eq!(faults.draw("PATCH", "/accounts(1)", false), Plan::default());
        assert_eq!(faults.rules()[0].fired, 1);
    }

    #[test]
    fn the_same_seed_repeats_the_same_faults() {
        let drawn = |seed| {
            let faults = Faults::new(seed);
            faults.add(Rule {
                probability: Some(0.5),
                ..Rule::always(Fault::Unavailable)
            });
            (0..64)
                .map(|_| faults.draw("GET", "/", false).refusal.is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn batch_and_delta_faults_wait_for_their_kind_of_request() {
        let faults = Faults::new(1);
        faults.add(Rule {
            after: Some(2),
            ..Rule::once(Fault::TornBatch)
        });
        faults.add(Rule::once(Fault::ExpireDeltaTokens));
        assert_eq!(faults.draw("GET", "/accounts", false), Plan::default());
        assert_eq!(
            faults.draw("POST", "/$batch", false).torn_batch_after,
            Some(2)
        );
        assert!(
            faults
                .draw("GET", "/accounts?$deltatoken=1", false)
                .expire_delta_tokens
        );
    }

    #[test]
    fn sign_in_is_hit_only_by_a_rule_that_names_a_path() {
        let faults = Faults::new(1);
        faults.add(Rule::always(Fault::Unavailable));
        assert_eq!(
            faults.draw("POST", "/t/oauth2/token", true),
            Plan::default()
        );
        faults.add(Rule {
            path: Some("oauth2".into()),
            retry_after: Some(3),
            ..Rule::always(Fault::TooManyRequests)
        });
        assert_eq!(
            faults.draw("POST", "/t/oauth2/token", true).refusal,
            Some(Refusal::TooManyRequests { retry_after: 3 })
        );
    }
}
