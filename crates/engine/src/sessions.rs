//! Sessions: an engine over the maps as they are, and another one when they change.
//!
//! A session has one project, compiled against the schemas of one moment, and never changes it.
//! Whatever changes maps ends the session after its present rounds and begins another over the same
//! store: a person who asks for it, a look at the schemas from time to time, an error that looks as
//! if a schema had changed. A map that its schemas break is left out, error-paused with the reason,
//! and the others go on; when the schema is back, the next look takes the map in again, and its
//! tables are read whole for it, because nothing was captured for it meanwhile.

use crate::clock::{Clock, Steady};
use crate::definition;
use crate::engine::{Engine, Parts};
use crate::error::EngineError;
use crate::orders::{self, Answer, Request};
use crate::progress::{Event, Progress};
use crate::project::Project;
use crate::settings::Settings;
use async_trait::async_trait;
use duet_map::CompiledMap;
use duet_map::side::{PerSide, Side};
use duet_store::lifecycle::{Definition, Wanted};
use duet_store::store::{MapState, MapStatus};
use duet_store::{Store, StoreError};
use duet_systems::System;
use futures::future::{Either, FutureExt, select, select_all};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};

/// Least time between two looks at the schemas that errors ask for.
const LOOKS_APART: SignedDuration = SignedDuration::from_secs(10);

/// Reads the maps and schemas as they are now.
#[async_trait]
pub trait Loader: Send + Sync {
    /// Compiles the map files against the schemas. The error says for people why nothing can be
    /// said at all: a side does not answer, or a file does not read. What runs then stays.
    async fn load(&self) -> Result<Loaded, String>;
}

/// Maps and schemas as they are.
pub struct Loaded {
    /// The maps that compile.
    pub maps: Vec<CompiledMap>,
    /// The maps that do not.
    pub broken: Vec<Broken>,
    /// The companies in scope.
    pub companies: Vec<String>,
    /// What can be set.
    pub settings: Settings,
}

/// A map that cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The map.
    pub map: String,
    /// Its version.
    pub version: String,
    /// Code and reason, for people.
    pub reason: String,
}

/// What sessions are made of.
pub struct Frame {
    /// Where maps and schemas come from.
    pub loader: Arc<dyn Loader>,
    /// The two systems.
    pub systems: PerSide<Arc<dyn System>>,
    /// What survives.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who listens.
    pub progress: Arc<dyn Progress>,
    /// The seed of the engines' only randomness.
    pub seed: u64,
}

/// Runs one session after the other.
pub struct Sessions {
    frame: Frame,
    engine: Mutex<Engine>,
    broken: Mutex<Vec<Broken>>,
    settings: Mutex<Settings>,
    /// Rings when somebody may have asked for something.
    bell: Notify,
}

/// Why a session ends.
enum Next {
    /// Somebody asked the process to end.
    Stop,
    /// Maps changed.
    Session(Box<Loaded>),
}

impl Sessions {
    /// Prepares the first session; nothing runs yet. The maps that cannot run are error-paused.
    pub async fn new(mut frame: Frame, first: Loaded) -> Result<Self, EngineError> {
        frame.clock = Steady::over(frame.clock);
        let settings = first.settings.clone();
        let (engine, broken) = begin(&frame, first).await?;
        Ok(Self {
            frame,
            engine: Mutex::new(engine),
            broken: Mutex::new(broken),
            settings: Mutex::new(settings),
            bell: Notify::new(),
        })
    }

    /// The engine of the present session.
    pub fn engine(&self) -> Engine {
        lock(&self.engine).clone()
    }

    /// The maps that cannot run now.
    pub fn broken(&self) -> Vec<Broken> {
        lock(&self.broken).clone()
    }

    /// Looks at once for orders and requests in the store.
    pub fn wake(&self) {
        self.engine().wake();
        self.bell.notify_one();
    }

    /// Runs until `stop` turns true or its sender is gone. Ends with an error only when the store
    /// fails.
    pub async fn run(&self, stop: watch::Receiver<bool>) -> Result<(), EngineError> {
        let outcome = self.run_sessions(stop).await;
        self.engine().core.show_ended().await?;
        outcome
    }

    async fn run_sessions(&self, stop: watch::Receiver<bool>) -> Result<(), EngineError> {
        loop {
            let engine = self.engine();
            let (end, ended) = watch::channel(false);
            let session = engine.session(ended).boxed();
            let watching = self.watch(&engine, stop.clone()).boxed();
            let (next, session) = match select(session, watching).await {
                Either::Left((outcome, _)) => return outcome,
                Either::Right((next, session)) => (next?, session),
            };
            // The receivers live in the session, which is still there.
            let _ = end.send(true);
            session.await?;
            match next {
                Next::Stop => return Ok(()),
                Next::Session(loaded) => {
                    let settings = loaded.settings.clone();
                    let (engine, broken) = begin(&self.frame, *loaded).await?;
                    let before = self.engine();
                    engine.core.lifecycle.inherit(&before.core.lifecycle);
                    *lock(&self.engine) = engine;
                    *lock(&self.broken) = broken;
                    *lock(&self.settings) = settings;
                }
            }
        }
    }

    /// Waits until maps have changed or the process is to end.
    async fn watch(
        &self,
        engine: &Engine,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Next, EngineError> {
        let core = &engine.core;
        let clock = &self.frame.clock;
        let every =
            SignedDuration::try_from(core.settings.refresh_every).unwrap_or(SignedDuration::MAX);
        let after = |now: Timestamp| now.saturating_add(every).unwrap_or(Timestamp::MAX);
        let mut looked: Option<Timestamp> = None;
        let mut due = after(clock.now());
        loop {
            if *stop.borrow() || stop.has_changed().is_err() {
                return Ok(Next::Stop);
            }
            let asked = orders::asked(self.frame.store.as_ref()).await?;
            let accepted = self.accepts_schemas().await?;
            if asked.is_some() || accepted || due <= clock.now() {
                self.refresh(asked.as_ref().map(|(_, request)| request));
                let loaded = self.frame.loader.load().await;
                if let Some(next) = self.judge(engine, asked, loaded).await? {
                    return Ok(Next::Session(next));
                }
                looked = Some(clock.now());
                due = after(clock.now());
            }
            // A request may come without a knock: then it is found at the next look.
            let pause = core.settings.poll_every.min(core.settings.refresh_every);
            let mut waits = vec![
                clock.sleep(pause),
                self.bell.notified().boxed(),
                stop.wait_for(|stop| *stop).map(drop).boxed(),
            ];
            let suspicion = waits.len();
            if looked.is_none_or(|at| clock.now().duration_since(at) >= LOOKS_APART) {
                waits.push(core.lifecycle.suspicion.notified().boxed());
            }
            let ((), which, _) = select_all(waits).await;
            if which == suspicion {
                due = clock.now();
            }
        }
    }

    /// Whether a person accepted what a schema has become.
    async fn accepts_schemas(&self) -> Result<bool, EngineError> {
        let broken = self.broken();
        if broken.is_empty() {
            return Ok(false);
        }
        let definitions = self.frame.store.definitions().await?;
        Ok(definitions.iter().any(|definition| {
            definition.columns == definition::ACCEPT
                && broken.iter().any(|broken| broken.map == definition.map)
        }))
    }

    fn refresh(&self, request: Option<&Request>) {
        for side in Side::BOTH {
            match request {
                Some(Request::Refresh(tables)) if !tables.is_empty() => {
                    for table in tables {
                        self.frame.systems[side].refresh(Some(table));
                    }
                }
                _ => self.frame.systems[side].refresh(None),
            }
        }
    }

    /// Answers a request, and decides whether what was loaded makes a new session.
    async fn judge(
        &self,
        engine: &Engine,
        asked: Option<(Timestamp, Request)>,
        loaded: Result<Loaded, String>,
    ) -> Result<Option<Box<Loaded>>, EngineError> {
        let store = self.frame.store.as_ref();
        let (changed, outcome) = match loaded {
            Ok(loaded) => {
                let definitions = store.definitions().await?;
                let (good, broken) = sort(&loaded, &definitions);
                let project = Project::build(good, loaded.companies.clone());
                let same = definition::same(&project, engine.project())
                    && broken == self.broken()
                    && loaded.settings == *lock(&self.settings);
                (!same, Ok((loaded, project.maps().len(), broken)))
            }
            Err(reason) => {
                tracing::warn!(
                    reason,
                    "maps and schemas cannot be read now; what runs goes on"
                );
                (false, Err(reason))
            }
        };
        if let Some((at, _)) = asked {
            let answer = match &outcome {
                Ok((_, maps, broken)) => Answer {
                    asked: at,
                    changed,
                    maps: *maps,
                    broken: broken
                        .iter()
                        .map(|broken| (broken.map.clone(), broken.reason.clone()))
                        .collect(),
                    refused: None,
                },
                Err(reason) => Answer {
                    asked: at,
                    changed: false,
                    maps: engine.project().maps().len(),
                    broken: Vec::new(),
                    refused: Some(reason.clone()),
                },
            };
            match orders::reply(store, &answer, self.frame.clock.now()).await {
                // Asked again at the next look, when there may be room.
                Ok(()) | Err(StoreError::Full { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(outcome
            .ok()
            .filter(|_| changed)
            .map(|(loaded, _, _)| Box::new(loaded)))
    }
}

/// Sorts out the maps that a changed schema breaks.
fn sort(loaded: &Loaded, definitions: &[Definition]) -> (Vec<CompiledMap>, Vec<Broken>) {
    let mut broken = loaded.broken.clone();
    let mut good = Vec::with_capacity(loaded.maps.len());
    for map in &loaded.maps {
        let before = definitions
            .iter()
            .find(|definition| definition.map == map.id());
        let lost = before.map_or_else(Vec::new, |before| definition::drift(before, map));
        if lost.is_empty() {
            good.push(map.clone());
        } else {
            broken.push(Broken {
                map: map.id().to_owned(),
                version: map.version().to_owned(),
                reason: format!(
                    "{}: the schema changed: {}. The map goes on by itself when it is as it was; \
                     `duet resume {}` accepts it as it is",
                    definition::CHANGED,
                    lost.join("; "),
                    map.id()
                ),
            });
        }
    }
    (good, broken)
}

/// Begins a session: leaves out what cannot run and says so.
async fn begin(frame: &Frame, loaded: Loaded) -> Result<(Engine, Vec<Broken>), EngineError> {
    let store = frame.store.as_ref();
    let definitions = store.definitions().await?;
    let (good, broken) = sort(&loaded, &definitions);
    let mut by_map: HashMap<String, Definition> = definitions
        .into_iter()
        .map(|definition| (definition.map.clone(), definition))
        .collect();
    let orders = store.orders().await?;
    for one in &broken {
        if let Some(mut definition) = by_map.remove(&one.map).filter(|known| known.whole) {
            // From here on nothing is captured for it.
            definition.whole = false;
            definition.at = frame.clock.now();
            store.define(definition, None).await?;
        }
        let stopped = orders
            .iter()
            .any(|order| order.map == one.map && order.wanted == Wanted::Stop);
        if stopped {
            continue;
        }
        store
            .set_map_status(MapStatus {
                map: one.map.clone(),
                state: MapState::ErrorPaused,
                version: one.version.clone(),
                since: frame.clock.now(),
                error: Some(one.reason.clone()),
            })
            .await?;
        frame.progress.report(Event::State {
            map: one.map.clone(),
            state: MapState::ErrorPaused,
            reason: Some(one.reason.clone()),
        });
    }
    let engine = Engine::new(Parts {
        project: Project::build(good, loaded.companies),
        systems: frame.systems.clone(),
        store: frame.store.clone(),
        clock: frame.clock.clone(),
        settings: loaded.settings,
        progress: frame.progress.clone(),
        seed: frame.seed,
    });
    Ok((engine, broken))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
