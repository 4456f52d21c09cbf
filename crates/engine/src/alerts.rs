//! Alert rules: so many errors of a class in so much time, and what follows.
//!
//! [`Alerts`] counts and knows no time of its own. A rule counts the errors of each map apart; an
//! error of a side counts for every map. A rule that fired fires again only after a time in which it
//! would not have.

use crate::error_class::ErrorClass;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It tells people.
    Notify,
    /// It tells people and pauses the map; when the cause is gone, the map goes on by itself.
    Pause,
    /// It tells people and stops the map, until a person starts it.
    Stop,
}

impl Action {
    /// The word in rules and output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Pause => "pause",
            Self::Stop => "stop",
        }
    }
}

/// `N CLASS errors in TIME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// How many.
    pub count: usize,
    /// Of which class; `None` means any.
    pub class: Option<ErrorClass>,
    /// In how much time.
    pub within: Duration,
}

/// Most errors that a rule may wait for: bounds what is remembered.
pub const MOST_ERRORS: usize = 10_000;

impl FromStr for Condition {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write `10 application errors in 5min`; classes are application, 400, \
                            401/403, 429, 502, 503 and any";
        let words: Vec<&str> = text.split_whitespace().collect();
        let [count, class, errors, "in", within @ ..] = words.as_slice() else {
            return Err(FORM);
        };
        if !matches!(*errors, "error" | "errors") || within.is_empty() {
            return Err(FORM);
        }
        let count: usize = count.parse().map_err(|_| FORM)?;
        if !(1..=MOST_ERRORS).contains(&count) {
            return Err("the number of errors has to be between 1 and 10000");
        }
        let class = match *class {
            "any" => None,
            word => Some(word.parse().map_err(|()| FORM)?),
        };
        let within = within
            .concat()
            .parse::<SignedDuration>()
            .ok()
            .and_then(|within| Duration::try_from(within).ok())
            .filter(|within| !within.is_zero())
            .ok_or(FORM)?;
        Ok(Self {
            count,
            class,
            within,
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = self.class.map_or("any", ErrorClass::word);
        let errors = if self.count == 1 { "error" } else { "errors" };
        let within = SignedDuration::try_from(self.within).unwrap_or(SignedDuration::MAX);
        write!(f, "{} {class} {errors} in {within:#}", self.count)
    }
}

/// An alert rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// When it fires.
    pub when: Condition,
    /// What it does then.
    pub then: Action,
    /// The maps that it watches. Empty: all.
    pub maps: Vec<String>,
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fired {
    pub(crate) rule: Rule,
    pub(crate) map: String,
    pub(crate) class: ErrorClass,
    pub(crate) at: Timestamp,
}

/// Counts errors against rules.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    rules: Vec<Rule>,
    counts: HashMap<(usize, String), Count>,
}

#[derive(Debug, Default)]
struct Count {
    times: VecDeque<Timestamp>,
    fired: bool,
}

impl Alerts {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        Self {
            rules,
            counts: HashMap::new(),
        }
    }

    /// Counts one error of a map. Answers the rules that it makes fire.
    pub(crate) fn count(&mut self, map: &str, class: ErrorClass, now: Timestamp) -> Vec<Fired> {
        let mut fired = Vec::new();
        for (place, rule) in self.rules.iter().enumerate() {
            let watches = rule.maps.is_empty() || rule.maps.iter().any(|name| name == map);
            if !watches || rule.when.class.is_some_and(|wanted| wanted != class) {
                continue;
            }
            let count = self.counts.entry((place, map.to_owned())).or_default();
            let within = SignedDuration::try_from(rule.when.within).unwrap_or(SignedDuration::MAX);
            while count
                .times
                .front()
                .is_some_and(|first| now.duration_since(*first) > within)
            {
                count.times.pop_front();
                // Fewer than the rule asks for: from now on it may fire again.
                count.fired &= count.times.len() >= rule.when.count;
            }
            count.times.push_back(now);
            if count.times.len() > rule.when.count {
                count.times.pop_front();
            }
            if count.times.len() == rule.when.count && !count.fired {
                count.fired = true;
                fired.push(Fired {
                    rule: rule.clone(),
                    map: map.to_owned(),
                    class,
                    at: now,
                });
            }
        }
        fired
    }

    /// Goes on with what was counted before, if it was counted for the same rules.
    pub(crate) fn inherit(&mut self, before: Self) {
        if self.rules == before.rules {
            self.counts = before.counts;
        }
    }

    /// Forgets what was counted of a map: it starts afresh.
    pub(crate) fn forget(&mut self, map: &str) {
        self.counts.retain(|(_, name), _| name != map);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn alerts(when: &str, maps: &[&str]) -> Alerts {
        Alerts::new(vec![Rule {
            when: when.parse().unwrap(),
            then: Action::Pause,
            maps: maps.iter().map(|&map| map.to_owned()).collect(),
        }])
    }

    #[test]
    fn conditions_read_as_people_write_them() {
        for text in [
            "10 application errors in 5m",
            "1 401/403 error in 30s",
            "500 any errors in 1h",
        ] {
            let condition: Condition = text.parse().unwrap();
            assert_eq!(condition.to_string(), text);
        }
        assert_eq!(
            "3 503 errors in 5 min".parse(),
            Ok(Condition {
                count: 3,
                class: Some(ErrorClass::Unavailable),
                within: Duration::from_mins(5),
            })
        );
        for wrong in [
            "",
            "ten application errors in 5m",
            "0 application errors in 5m",
            "20000 application errors in 5m",
            "10 404 errors in 5m",
            "10 application errors",
            "10 application errors in",
            "10 application errors in 0s",
            "10 application things in 5m",
        ] {
            assert!(wrong.parse::<Condition>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rule_fires_at_its_number_once_and_again_after_a_quiet_time() {
        let mut alerts = alerts("3 application errors in 1m", &[]);
        let mut fired = |second| {
            !alerts
                .count("a", ErrorClass::Application, at(second))
                .is_empty()
        };
        assert!(!fired(0));
        assert!(!fired(1));
        assert!(fired(2));
        assert!(!fired(3));
        assert!(!fired(50));
        assert!(!fired(200));
        assert!(!fired(201));
        assert!(fired(202));
    }

    #[test]
    fn errors_too_far_apart_never_fire() {
        let mut alerts = alerts("2 any errors in 1m", &[]);
        for second in (0..1000).step_by(61) {
            assert!(
                alerts
                    .count("a", ErrorClass::Throttled, at(second))
                    .is_empty()
            );
        }
    }

    #[test]
    fn maps_and_classes_count_apart() {
        let mut alerts = alerts("2 application errors in 1m", &["a", "b"]);
        assert!(alerts.count("a", ErrorClass::Application, at(0)).is_empty());
        assert!(alerts.count("b", ErrorClass::Application, at(0)).is_empty());
        assert!(alerts.count("a", ErrorClass::BadRequest, at(0)).is_empty());
        for _ in 0..5 {
            assert!(alerts.count("c", ErrorClass::Application, at(0)).is_empty());
        }
        let fired = alerts.count("a", ErrorClass::Application, at(1));
        assert_eq!(fired.len(), 1);
        assert_eq!(fired[0].map, "a");
        alerts.forget("b");
        assert!(alerts.count("b", ErrorClass::Application, at(1)).is_empty());
    }
}
