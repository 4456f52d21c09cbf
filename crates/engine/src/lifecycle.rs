//! The life of each map: what is wanted of it, what it does, and what is shown of that.
//!
//! Orders come from the store, because any process may give them. [`Core::take_up`] reads them, does
//! what they say about the queue, and tells the workers. What a map does follows from four facts:
//!
//! | wanted | read whole | caught up | shown |
//! |---|---|---|---|
//! | stop | | | not running |
//! | pause | | | paused; error-paused when a rule ordered it |
//! | run | no | | initial sync |
//! | run | yes | no | catch-up |
//! | run | yes | yes | running |
//!
//! A map whose table cannot be read, or whose round fails for a reason that no waiting mends, shows
//! error-paused with that reason while it is tried again.

use crate::alerts::{Action, Alerts, Fired};
use crate::core::Core;
use crate::definition::{self, Difference};
use crate::error::EngineError;
use crate::error_class::ErrorClass;
use crate::progress::Event;
use crate::project::Project;
use crate::settings::Settings;
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::side::Side;
use duet_store::change::{Park, ParkReason};
use duet_store::lifecycle::{Alert, Cause, Definition, Order, Queue, Wanted};
use duet_store::settlement::Outcome;
use duet_store::store::{MapState, MapStatus};
use duet_systems::{Class, SystemError, codes};
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The longest of those waits; they double while the cause stays.
const TRIAL_AT_MOST: Duration = Duration::from_hours(1);

/// The life of all maps of a session.
pub(crate) struct Lifecycle {
    maps: Mutex<HashMap<String, Life>>,
    alerts: Mutex<Alerts>,
    fired: Mutex<Vec<Fired>>,
    /// Rings when there may be new orders, or rules fired.
    pub(crate) orders: Notify,
    /// Rings when an error looks as if a schema had changed.
    pub(crate) suspicion: Notify,
}

/// What is known of one map.
#[derive(Debug, Default)]
struct Life {
    order: Option<Order>,
    /// Its definition in the store.
    definition: Option<Definition>,
    caught_up: bool,
    /// What keeps it from working although it should.
    fault: Option<String>,
    shown: Option<(MapState, Option<String>)>,
    /// Pauses that rules ordered one soon after the other: how many, and when and for how long the
    /// last one.
    pauses: u32,
    last_pause: Option<(Timestamp, Duration)>,
    /// When a map that a rule paused is tried again.
    trial: Option<Timestamp>,
}

impl Life {
    fn wanted(&self) -> Wanted {
        self.order
            .as_ref()
            .map_or(Wanted::Run, |order| order.wanted)
    }

    fn whole(&self) -> bool {
        self.definition
            .as_ref()
            .is_none_or(|definition| definition.whole)
    }

    fn state(&self) -> (MapState, Option<String>) {
        let reason = self.order.as_ref().and_then(|order| order.reason.clone());
        match (self.wanted(), &self.order) {
            (Wanted::Stop, _) => (MapState::NotRunning, reason),
            (Wanted::Pause, Some(order)) if order.cause == Cause::Alert => {
                (MapState::ErrorPaused, reason)
            }
            (Wanted::Pause, _) => (MapState::Paused, reason),
            (Wanted::Run, _) if self.fault.is_some() => (MapState::ErrorPaused, self.fault.clone()),
            (Wanted::Run, _) if !self.whole() => (MapState::InitialSync, None),
            (Wanted::Run, _) if !self.caught_up => (MapState::CatchUp, None),
            (Wanted::Run, _) => (MapState::Running, None),
        }
    }
}

impl Lifecycle {
    pub(crate) fn new(project: &Project, settings: &Settings) -> Self {
        let maps = project
            .maps()
            .iter()
            .map(|map| (map.id().to_owned(), Life::default()))
            .collect();
        Self {
            maps: Mutex::new(maps),
            alerts: Mutex::new(Alerts::new(settings.alerts.clone())),
            fired: Mutex::default(),
            orders: Notify::new(),
            suspicion: Notify::new(),
        }
    }

    fn maps(&self) -> MutexGuard<'_, HashMap<String, Life>> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T: Default>(&self, map: &str, work: impl FnOnce(&mut Life) -> T) -> T {
        self.maps().get_mut(map).map(work).unwrap_or_default()
    }

    /// Whether the map is to run; what was shown of it counts no more, because the caller shows
    /// something of its own.
    pub(crate) fn begins_anew(&self, map: &str) -> bool {
        self.with(map, |life| {
            life.shown = None;
            life.wanted() == Wanted::Run
        })
    }

    /// Whether changes are journaled for the map.
    pub(crate) fn captures(&self, map: &str) -> bool {
        self.with(map, |life| Some(life.wanted() != Wanted::Stop))
            .unwrap_or(true)
    }

    /// Whether the map's changes are applied.
    pub(crate) fn applies(&self, map: &str) -> bool {
        self.with(map, |life| {
            let ordinary =
                |order: &Order| order.wanted == Wanted::Run && order.queue == Queue::CatchUp;
            Some(life.order.as_ref().is_none_or(ordinary))
        })
        .unwrap_or(true)
    }

    /// Whether existing rows are still to be read for the map, and may be now.
    pub(crate) fn wants_reading(&self, map: &str) -> bool {
        self.with(map, |life| life.wanted() == Wanted::Run && !life.whole())
    }

    /// The definition that the map's pairs are made with.
    pub(crate) fn definition(&self, map: &str) -> Option<Definition> {
        self.with(map, |life| life.definition.clone())
    }

    /// When the first map that a rule paused is tried again.
    pub(crate) fn next_trial(&self) -> Option<Timestamp> {
        self.maps().values().filter_map(|life| life.trial).min()
    }
}

impl Core {
    /// Compares the maps with the definitions that their pairs were made with, and says in the store
    /// what changed. In a store that was `synced` before definitions were kept, maps that ran count as
    /// read.
    pub(crate) async fn define_maps(&self, synced: bool) -> Result<(), EngineError> {
        let stored: HashMap<String, Definition> = self
            .store
            .definitions()
            .await?
            .into_iter()
            .map(|definition| (definition.map.clone(), definition))
            .collect();
        let known: HashSet<String> = if stored.is_empty() && synced {
            let statuses = self.store.map_statuses().await?;
            statuses.into_iter().map(|status| status.map).collect()
        } else {
            HashSet::new()
        };
        for map in self.project.maps() {
            let mut now = definition::definition(map, self.project.companies(), self.clock.now());
            match stored.get(map.id()) {
                None => {
                    now.whole = known.contains(map.id());
                    self.store.define(now.clone(), None).await?;
                }
                Some(before) => match definition::compare(before, map, &now) {
                    Difference::None => {
                        now.whole = before.whole;
                        now.at = before.at;
                        if now != *before {
                            self.store.define(now.clone(), None).await?;
                        }
                    }
                    Difference::Read(columns) => {
                        self.store.define(now.clone(), Some(columns)).await?;
                    }
                },
            }
            self.lifecycle
                .with(map.id(), |life| life.definition = Some(now));
        }
        Ok(())
    }

    /// Says that existing rows were read for a map as it is defined now, or that they are to be read.
    pub(crate) async fn set_whole(&self, map: &str, whole: bool) -> Result<(), EngineError> {
        let Some(mut definition) = self.lifecycle.definition(map) else {
            return Ok(());
        };
        if definition.whole == whole {
            return Ok(());
        }
        definition.whole = whole;
        self.store.define(definition.clone(), None).await?;
        self.lifecycle
            .with(map, |life| life.definition = Some(definition));
        self.show(map).await
    }

    /// Reads the orders in the store and does what they say.
    pub(crate) async fn take_up(&self) -> Result<(), EngineError> {
        let mut orders: HashMap<String, Order> = self
            .store
            .orders()
            .await?
            .into_iter()
            .map(|order| (order.map.clone(), order))
            .collect();
        for map in self.project.maps() {
            let order = orders.remove(map.id());
            let wanted = order.as_ref().map_or(Wanted::Run, |order| order.wanted);
            if wanted == Wanted::Stop {
                // Durable before capture stops: from here on there is a gap.
                self.set_whole(map.id(), false).await?;
            }
            let trial = later(self.clock.now(), self.settings.trial_after);
            let (changed, queue) = self.lifecycle.with(map.id(), |life| {
                let changed = life.order != order;
                if changed && wanted == Wanted::Run {
                    life.caught_up = false;
                }
                let by_rule = order.as_ref().is_some_and(|order| {
                    order.wanted == Wanted::Pause && order.cause == Cause::Alert
                });
                if !by_rule {
                    life.trial = None;
                } else if life.trial.is_none() {
                    life.trial = trial;
                }
                life.order.clone_from(&order);
                (changed, order.filter(|order| order.wanted == Wanted::Run))
            });
            if let Some(order) = queue {
                self.clear_queue(map, &order).await?;
            }
            self.show(map.id()).await?;
            if changed {
                self.wake_map(map.id());
            }
        }
        Ok(())
    }

    /// Reads the orders without doing anything else about them, for work that is no session.
    pub(crate) async fn learn_orders(&self) -> Result<(), EngineError> {
        for order in self.store.orders().await? {
            let map = order.map.clone();
            self.lifecycle.with(&map, |life| life.order = Some(order));
        }
        Ok(())
    }

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

    /// Parks or discards what queued up to an order, once.
    async fn clear_queue(&self, map: &CompiledMap, order: &Order) -> Result<(), EngineError> {
        match order.queue {
            Queue::CatchUp => return Ok(()),
            Queue::KeepParked => {
                let park = Park {
                    reason: ParkReason::Held,
                    code: Code(4121),
                    message: "kept aside when the map was resumed; `duet retry --reason held` \
                              applies it"
                        .to_owned(),
                    waits_for: Vec::new(),
                };
                let limit = self.settings.round;
                let hold = || {
                    let (park, now) = (park.clone(), self.clock.now());
                    self.store.hold(map.id(), order.up_to, park, limit, now)
                };
                while hold().await? > 0 {}
            }
            Queue::Discard => self.discard_queue(map, order.up_to).await?,
        }
        let done = Order {
            queue: Queue::CatchUp,
            ..order.clone()
        };
        self.store.set_orders(vec![done]).await?;
        self.lifecycle.with(map.id(), |life| life.order = None);
        Ok(())
    }

    /// Discards pending changes up to a place in the journal. The rows count as seen: a later change
    /// of the same record brings only what changes after this.
    async fn discard_queue(&self, map: &CompiledMap, up_to: i64) -> Result<(), EngineError> {
        let mut newer = 0;
        loop {
            let limit = self.settings.round.saturating_add(newer);
            let changes = self.store.due(map.id(), limit, Timestamp::MAX).await?;
            let count = changes.len();
            let old: Vec<_> = changes
                .into_iter()
                .filter(|change| change.seq <= up_to)
                .collect();
            newer = count - old.len();
            if old.is_empty() {
                return Ok(());
            }
            let why = "discarded when the map was resumed".to_owned();
            let settlements = self
                .ending_unapplied(map, old, &Outcome::Discarded(why))
                .await?;
            self.settle(map, settlements).await?;
        }
    }

    /// Says in the store what a map does, when that is something new.
    pub(crate) async fn show(&self, map: &str) -> Result<(), EngineError> {
        let news = self.lifecycle.with(map, |life| {
            let now = life.state();
            if life.shown.as_ref() == Some(&now) {
                return None;
            }
            let before = life.shown.replace(now.clone());
            Some((before, now, life.definition.clone()))
        });
        let Some((before, (state, error), definition)) = news else {
            return Ok(());
        };
        self.store
            .set_map_status(MapStatus {
                map: map.to_owned(),
                state,
                version: definition.map_or_else(String::new, |definition| definition.version),
                since: self.clock.now(),
                error: error.clone(),
            })
            .await?;
        let quiet = |state: MapState| matches!(state, MapState::CatchUp | MapState::Running);
        if before.is_some_and(|(before, _)| !quiet(before)) || !quiet(state) {
            self.progress.report(Event::State {
                map: map.to_owned(),
                state,
                reason: error,
            });
        }
        Ok(())
    }

    /// Says that the process ends: what ran does not run any more; pauses stay.
    pub(crate) async fn show_ended(&self) -> Result<(), EngineError> {
        for map in self.project.maps() {
            let ended = self.lifecycle.with(map.id(), |life| {
                let (state, error) = life.state();
                let paused = matches!(state, MapState::Paused)
                    || state == MapState::ErrorPaused && life.wanted() == Wanted::Pause;
                life.shown = None;
                Some(if paused {
                    (state, error)
                } else {
                    (MapState::NotRunning, None)
                })
            });
            let (state, error) = ended.unwrap_or((MapState::NotRunning, None));
            self.store
                .set_map_status(MapStatus {
                    map: map.id().to_owned(),
                    state,
                    version: map.version().to_owned(),
                    since: self.clock.now(),
                    error,
                })
                .await?;
        }
        Ok(())
    }

    /// A map's worker found nothing left to do.
    pub(crate) async fn caught_up(&self, map: &str) -> Result<(), EngineError> {
        let news = self.lifecycle.with(map, |life| {
            let news = !life.caught_up || life.fault.is_some();
            life.caught_up = true;
            life.fault = None;
            news
        });
        if news { self.show(map).await } else { Ok(()) }
    }

    /// Something keeps maps from working; `None`: nothing does any more.
    pub(crate) async fn set_fault(
        &self,
        maps: impl Iterator<Item = &str>,
        fault: Option<&str>,
    ) -> Result<(), EngineError> {
        for map in maps {
            let news = self.lifecycle.with(map, |life| {
                let news = life.fault.as_deref() != fault;
                life.fault = fault.map(str::to_owned);
                news
            });
            if news {
                self.show(map).await?;
            }
        }
        Ok(())
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

    /// Does what the rules that fired say.
    pub(crate) async fn answer_alerts(&self) -> Result<(), EngineError> {
        let fired = std::mem::take(
            &mut *self
                .lifecycle
                .fired
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for Fired {
            rule,
            map,
            class,
            at,
        } in fired
        {
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
            let wanted = match rule.then {
                Action::Notify => continue,
                Action::Pause => Wanted::Pause,
                Action::Stop => Wanted::Stop,
            };
            // What a person ordered stands.
            if self
                .lifecycle
                .with(&map, |life| life.wanted() != Wanted::Run)
            {
                continue;
            }
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
            self.lifecycle.with(&map, |life| {
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
        Ok(())
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

/// The moment so much later, if the calendar has it.
fn later(at: Timestamp, wait: Duration) -> Option<Timestamp> {
    let wait = SignedDuration::try_from(wait).ok()?;
    at.checked_add(wait).ok()
}
