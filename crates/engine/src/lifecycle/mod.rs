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
//! `orders` carries orders out, `rules` what alert rules say, `shown` keeps the store informed.
//!
//! A map whose table cannot be read, or whose round fails for a reason that no waiting mends, shows
//! error-paused with that reason while it is tried again.

mod orders;
mod rules;
mod shown;

use crate::alerts::{Alerts, Fired};
use crate::core::Core;
use crate::definition::{self, Difference};
use crate::error::EngineError;
use crate::project::Project;
use crate::settings::Settings;
use duet_store::lifecycle::{Cause, Definition, Forget, Order, Queue, Wanted};
use duet_store::store::MapState;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The life of all maps of a session.
pub(crate) struct Lifecycle {
    maps: Mutex<HashMap<String, Life>>,
    alerts: Mutex<Alerts>,
    /// Held while a definition changes, so that of two who change it the later one knows the other.
    defining: tokio::sync::Mutex<()>,
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
            defining: tokio::sync::Mutex::default(),
            fired: Mutex::default(),
            orders: Notify::new(),
            suspicion: Notify::new(),
        }
    }

    /// Goes on counting where the session before ended: errors that were counted, rules that fired and
    /// were not answered, and how often a rule paused a map lately. Other rules count afresh.
    pub(crate) fn inherit(&self, before: &Self) {
        let counted =
            std::mem::take(&mut *before.alerts.lock().unwrap_or_else(PoisonError::into_inner));
        self.alerts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .inherit(counted);
        let fired =
            std::mem::take(&mut *before.fired.lock().unwrap_or_else(PoisonError::into_inner));
        self.fired
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(fired);
        for (map, life) in before.maps().iter() {
            self.with(map, |now| {
                now.pauses = life.pauses;
                now.last_pause = life.last_pause;
                now.trial = life.trial;
            });
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

    /// Whether the map's rows count as read whole.
    pub(crate) fn is_whole(&self, map: &str) -> bool {
        self.with(map, |life| life.whole())
    }

    /// Since when existing rows are to be read for the map, or have been: what was read before that
    /// moment says nothing.
    pub(crate) fn reads_since(&self, map: &str) -> Option<Timestamp> {
        self.definition(map).map(|definition| definition.at)
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
                        let forget = Some(Forget::Columns(columns));
                        self.store.define(now.clone(), forget).await?;
                    }
                },
            }
            self.lifecycle
                .with(map.id(), |life| life.definition = Some(now));
        }
        Ok(())
    }

    /// Says that existing rows were read for a map, unless its definition is another than the one
    /// that they were read for, or the map was stopped meanwhile: then there is a gap, and they are
    /// read once more.
    pub(crate) async fn was_read_whole(
        &self,
        map: &str,
        since: Option<Timestamp>,
    ) -> Result<(), EngineError> {
        {
            let _one = self.lifecycle.defining.lock().await;
            let Some(mut definition) = self.lifecycle.definition(map) else {
                return Ok(());
            };
            if definition.whole || Some(definition.at) != since || !self.lifecycle.captures(map) {
                return Ok(());
            }
            definition.whole = true;
            self.store.define(definition.clone(), None).await?;
            self.lifecycle
                .with(map, |life| life.definition = Some(definition));
        }
        self.show(map).await
    }

    /// Says that existing rows are to be read for a map from the beginning.
    pub(crate) async fn is_to_be_read(&self, map: &str) -> Result<(), EngineError> {
        {
            let _one = self.lifecycle.defining.lock().await;
            let Some(mut definition) = self.lifecycle.definition(map) else {
                return Ok(());
            };
            definition.whole = false;
            // What was read before this moment says nothing, however short the moment.
            let after = later(definition.at, Duration::from_nanos(1)).unwrap_or(definition.at);
            definition.at = self.clock.now().max(after);
            self.store.define(definition.clone(), None).await?;
            self.lifecycle
                .with(map, |life| life.definition = Some(definition));
        }
        self.show(map).await
    }
}

/// The moment so much later, if the calendar has it.
fn later(at: Timestamp, wait: Duration) -> Option<Timestamp> {
    let wait = SignedDuration::try_from(wait).ok()?;
    at.checked_add(wait).ok()
}
