//! Alert rules on virtual time: which must fire when, and what has to follow.
//!
//! Errors of the class `application` can be seen from outside, where a system refuses a write and
//! where a change is parked that our own checks refuse. [`Rules`] counts them by itself, in its own
//! way: a rule fires at the error that makes its number within its window, not before, not twice
//! for the same errors, and never not at all. What a rule ordered has to follow soon, and a map that
//! was paused takes no further change.

use crate::ledger::Violation;
use duet_engine::ErrorClass;
use duet_engine::alerts::{Action, Rule};
use duet_store::lifecycle::{Alert, Cause, Order, Wanted};
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet};

/// How long what follows from a rule may take: an answer may be on its way, and a round goes on to
/// its end.
const SOON: SignedDuration = SignedDuration::from_secs(60);

/// Rules as people write them.
pub fn draw(random: &mut StdRng) -> Vec<Rule> {
    let times = random.random_range(1..3);
    (0..times)
        .map(|_| {
            let count = random.random_range(1..5);
            let class =
                ["application", "application", "any", "503", "429"][random.random_range(0..5)];
            let within = [2, 10, 20][random.random_range(0..3)];
            let when = format!("{count} {class} errors in {within}s");
            let then = [Action::Notify, Action::Pause, Action::Pause, Action::Stop]
                [random.random_range(0..4)];
            let maps = if random.random_bool(0.5) {
                Vec::new()
            } else {
                vec!["customers".to_owned()]
            };
            (when, then, maps)
        })
        .filter_map(|(when, then, maps)| {
            let when = when.parse().ok()?;
            Some(Rule { when, then, maps })
        })
        .collect()
}

/// What rules have counted, as it looks from outside.
#[derive(Debug, Default)]
pub struct Rules {
    known: Vec<Rule>,
    /// Whether a process runs that counts.
    counts_now: bool,
    /// By rule and map.
    counts: BTreeMap<(usize, String), Count>,
    /// Alerts that have to come: rule, map and the moment of the last error.
    due: Vec<(usize, String, Timestamp)>,
    /// Alerts whose order has to come, by map.
    obeyed_by: BTreeMap<String, Timestamp>,
    /// The moments of the errors that maps were last paused or stopped for.
    answered: BTreeMap<String, Timestamp>,
    /// When people last let maps run.
    let_run: BTreeMap<String, Timestamp>,
    /// Maps that show that they rest because somebody or a rule ordered it.
    resting: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Count {
    times: Vec<Timestamp>,
    fired: bool,
}

fn broken(checker: &'static str, what: String) -> Violation {
    Violation { checker, what }
}

impl Rules {
    /// Nothing is counted yet for these rules.
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        Self {
            known: rules,
            ..Self::default()
        }
    }

    /// A process begins: what the last one had counted went with it.
    pub(crate) fn begin(&mut self) {
        *self = Self::new(std::mem::take(&mut self.known));
        self.counts_now = true;
    }

    /// From now on nobody counts.
    pub(crate) fn end(&mut self) {
        *self = Self::new(std::mem::take(&mut self.known));
    }

    /// An error of the class `application` befell a map.
    pub(crate) fn error(&mut self, map: &str, now: Timestamp) {
        if !self.counts_now {
            return;
        }
        for (place, rule) in self.known.iter().enumerate() {
            let of_class = rule.when.class == Some(ErrorClass::Application);
            let watches = rule.maps.is_empty() || rule.maps.iter().any(|one| one == map);
            if !of_class || !watches {
                continue;
            }
            let within = SignedDuration::try_from(rule.when.within).unwrap_or(SignedDuration::MAX);
            let count = self.counts.entry((place, map.to_owned())).or_default();
            count.times.retain(|at| now.duration_since(*at) <= within);
            // There was a moment in which the rule did not hold.
            count.fired &= count.times.len() >= rule.when.count;
            count.times.push(now);
            if !count.fired && count.times.len() >= rule.when.count {
                count.fired = true;
                self.due.push((place, map.to_owned(), now));
            }
        }
    }

    /// The engine says that a rule fired.
    pub(crate) fn alert(&mut self, alert: &Alert) -> Option<Violation> {
        let of_class = |rule: &Rule| rule.when.class == Some(ErrorClass::Application);
        let map = alert.map.clone()?;
        let place = self.due.iter().position(|(place, of, at)| {
            let rule = self.known.get(*place);
            *of == map
                && *at == alert.at
                && rule.is_some_and(|rule| {
                    rule.when.to_string() == alert.rule && rule.then.word() == alert.action
                })
        });
        if let Some(place) = place {
            self.due.remove(place);
            return None;
        }
        let known = |rule: &&Rule| rule.when.to_string() == alert.rule && of_class(rule);
        self.known.iter().find(known)?;
        let what = format!("{map}: {} at {} and must not", alert.rule, alert.at);
        Some(broken("a rule fires as it says", what))
    }

    /// The engine says that a rule fired: its map has to be paused or stopped, if the rule says so.
    /// `order` is what stands of the map. What a person ordered lately stands.
    pub(crate) fn has_to_obey(&mut self, alert: &Alert, order: Option<&Order>) {
        let Some(map) = alert.map.clone() else { return };
        let rests = order.is_some_and(|order| order.wanted != Wanted::Run);
        let lately = order.is_some_and(|order| {
            order.cause == Cause::Person && alert.at.duration_since(order.at) < SOON
        });
        let let_run = self.let_run.get(&map);
        let lately = lately || let_run.is_some_and(|at| alert.at.duration_since(*at) < SOON);
        let answered = self.answered.get(&map) == Some(&alert.at);
        if alert.action != Action::Notify.word() && !rests && !lately && !answered {
            self.obeyed_by.entry(map).or_insert(alert.at);
        }
    }

    /// Orders stand in the store.
    pub(crate) fn ordered(&mut self, orders: &[Order]) {
        for order in orders {
            self.obeyed_by.remove(&order.map);
            if order.wanted == Wanted::Run {
                self.resting.remove(&order.map);
                if order.cause == Cause::Person {
                    self.let_run.insert(order.map.clone(), order.at);
                }
            } else if order.cause == Cause::Alert {
                self.answered.insert(order.map.clone(), order.at);
            }
        }
    }

    /// The engine has seen that orders stand: a map that it tries again starts afresh.
    pub(crate) fn tried(&mut self, orders: &[Order]) {
        for order in orders {
            if order.wanted == Wanted::Run && order.cause == Cause::Alert {
                self.counts.retain(|(_, map), _| *map != order.map);
            }
        }
    }

    /// A map shows that it rests as ordered.
    pub(crate) fn rests(&mut self, map: &str) {
        self.resting.insert(map.to_owned());
    }

    /// A map takes changes. A map that rests does not.
    pub(crate) fn works(&self, map: &str) -> Option<Violation> {
        let rests = self.resting.contains(map);
        rests.then(|| broken("paused maps rest", format!("{map} takes changes")))
    }

    /// What should have happened by now.
    pub(crate) fn overdue(&mut self, now: Timestamp) -> Vec<Violation> {
        let late = |at: Timestamp| now.duration_since(at) > SOON;
        let mut all = Vec::new();
        let rules = &self.known;
        self.due.retain(|(place, map, at)| {
            if !late(*at) {
                return true;
            }
            let rule = rules.get(*place).map(|rule| rule.when.to_string());
            let what = format!(
                "{map}: {} at {at}, and no alert came",
                rule.unwrap_or_default()
            );
            all.push(broken("a rule fires as it says", what));
            false
        });
        self.obeyed_by.retain(|map, at| {
            let stays = !late(*at);
            if !stays {
                let what = format!("{map} goes on although a rule paused it at {at}");
                all.push(broken("a rule is obeyed", what));
            }
            stays
        });
        all
    }
}
