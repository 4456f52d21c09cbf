//! Rules: errors that are counted, what a rule that fires orders, and maps that are tried again.

use super::later;
use crate::alerts::{Action, Fired};
use crate::core::Core;
use crate::error::EngineError;
use crate::error_class::ErrorClass;
use crate::progress::Event;
use duet_map::side::Side;
use duet_store::lifecycle::{Alert, Cause, Order, Queue, Wanted};
use duet_systems::{Class, SystemError, codes};
use std::sync::PoisonError;
use std::time::Duration;

/// The longest wait before a map that a rule paused is tried again; waits double while the cause stays.
const TRIAL_AT_MOST: Duration = Duration::from_hours(1);

impl Core {
    /// Counts what a system refused of a map, and looks into what smells of a changed schema.
    pub(crate) fn note_refusal(&self, map: &str, error: &SystemError) {
        self.count_error(Some(map), ErrorClass::of(error));
        let limits = [
            codes::TOO_LONG,
            codes::OUT_OF_RANGE,
            codes::NO_OPTION,
            codes::REQUIRED,
        ];
        if error.class == Class::FixMap || limits.contains(&error.code) {
            self.lifecycle.suspicion.notify_one();
        }
    }

    /// Counts an error against the alert rules: of one map, or of a side and so of every map.
    pub(crate) fn count_error(&self, map: Option<&str>, class: Option<ErrorClass>) {
        let Some(class) = class else { return };
        if self.settings.alerts.is_empty() {
            return;
        }
        let now = self.clock.now();
        let mut alerts = self
            .lifecycle
            .alerts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut fired = Vec::new();
        match map {
            Some(map) => fired.extend(alerts.count(map, class, now)),
            None => {
                for map in self.project.maps() {
                    fired.extend(alerts.count(map.id(), class, now));
                }
            }
        }
        drop(alerts);
        if !fired.is_empty() {
            self.lifecycle
                .fired
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(fired);
            self.lifecycle.orders.notify_one();
        }
    }

    /// Does what the rules that fired say, one after the other. What the store has no room for is
    /// answered at the next look.
    pub(crate) async fn answer_alerts(&self) -> Result<(), EngineError> {
        let next = || {
            let fired = self.lifecycle.fired.lock();
            let fired = fired.unwrap_or_else(PoisonError::into_inner);
            fired.first().cloned()
        };
        while let Some(fired) = next() {
            self.answer_alert(&fired).await?;
            self.lifecycle
                .fired
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(0);
        }
        Ok(())
    }

    /// Tells people of a rule that fired, and pauses or stops its map where it says so.
    async fn answer_alert(&self, fired: &Fired) -> Result<(), EngineError> {
        let Fired {
            rule,
            map,
            class,
            at,
        } = fired;
        let at = *at;
        let wanted = match rule.then {
            Action::Notify => None,
            Action::Pause => Some(Wanted::Pause),
            Action::Stop => Some(Wanted::Stop),
        };
        // What a person ordered stands. The order comes first: told twice is better than not obeyed.
        let runs = self.wanted_of(map).await? == Wanted::Run;
        if let Some(wanted) = wanted.filter(|_| runs) {
            let order = Order {
                map: map.clone(),
                wanted,
                cause: Cause::Alert,
                reason: Some(format!("an alert: {}", rule.when)),
                queue: Queue::CatchUp,
                up_to: 0,
                at,
            };
            self.store.set_orders(vec![order]).await?;
            let trial_after = self.settings.trial_after;
            self.lifecycle.with(map, |life| {
                if life.last_pause.is_some_and(|(last, _)| last == at) {
                    // The same pause, ordered once more because there was no room to tell of it.
                    return;
                }
                let again = life
                    .last_pause
                    .and_then(|(last, wait)| later(last, wait.saturating_mul(3)))
                    .is_some_and(|until| at < until);
                life.pauses = if again { life.pauses + 1 } else { 0 };
                let wait = trial_after
                    .max(rule.when.within)
                    .saturating_mul(1_u32 << life.pauses.min(16))
                    .min(TRIAL_AT_MOST);
                life.last_pause = Some((at, wait));
                life.trial = later(at, wait);
            });
        }
        let alert = Alert {
            at,
            rule: rule.when.to_string(),
            action: rule.then.word().to_owned(),
            map: Some(map.clone()),
            text: format!("{}; the last one was of class {class}", rule.when),
        };
        tracing::warn!(map, rule = alert.rule, action = alert.action, "alert");
        self.store.add_alert(alert.clone()).await?;
        self.progress.report(Event::Alert(alert));
        Ok(())
    }

    /// What is wanted of a map, even if this session does not have it, because its schema broke it.
    async fn wanted_of(&self, map: &str) -> Result<Wanted, EngineError> {
        if let Some(life) = self.lifecycle.maps().get(map) {
            return Ok(life.wanted());
        }
        let orders = self.store.orders().await?;
        let order = orders.into_iter().find(|order| order.map == map);
        Ok(order.map_or(Wanted::Run, |order| order.wanted))
    }

    /// Tries maps again that a rule paused, when their time has come and both sides answer.
    pub(crate) async fn try_paused(&self) -> Result<(), EngineError> {
        let now = self.clock.now();
        let due: Vec<String> = self
            .lifecycle
            .maps()
            .iter()
            .filter(|(_, life)| life.trial.is_some_and(|trial| trial <= now))
            .map(|(map, _)| map.clone())
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        for side in Side::BOTH {
            if let Err(error) = self.systems[side].probe().await {
                self.trouble(side, error.to_string());
                let again = later(now, self.settings.trial_after);
                for map in &due {
                    self.lifecycle.with(map, |life| life.trial = again);
                }
                return Ok(());
            }
        }
        let orders = due
            .iter()
            .map(|map| Order {
                map: map.clone(),
                wanted: Wanted::Run,
                cause: Cause::Alert,
                reason: None,
                queue: Queue::CatchUp,
                up_to: 0,
                at: now,
            })
            .collect();
        self.store.set_orders(orders).await?;
        for map in &due {
            self.lifecycle.with(map, |life| life.trial = None);
            self.lifecycle
                .alerts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .forget(map);
        }
        Ok(())
    }
}
