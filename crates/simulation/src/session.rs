//! One life of Duet after the other: started, fed with notices, stopped by people, ended by a full
//! disk. Where operators are at work it is a process with sessions, else one engine.

use crate::files::Reading;
use crate::mutation::{MutatedSystem, Mutation};
use crate::plan::Plan;
use crate::timeline::step_aside;
use crate::watched::WatchedStore;
use crate::world::World;
use duet_engine::failpoint::Failpoints;
use duet_engine::{
    Clock, Engine, EngineError, Frame, Loader, Parts, Project, Sessions, Settings, orders,
};
use duet_map::side::{PerSide, Side};
use duet_systems::System;
use futures::future::{Either, select};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How many times as long as a life may last Duet may take to come through one.
const OFTEN: u32 = 10;

/// The machine that Duet runs on.
pub(crate) struct Host<'a> {
    plan: &'a Plan,
    world: Arc<World>,
    store: Arc<WatchedStore>,
    mutation: Option<Mutation>,
    settings: Settings,
}

/// What runs.
enum Process {
    One(Engine),
    Sessions(Box<Sessions>),
}

impl Process {
    fn engine(&self) -> Engine {
        match self {
            Self::One(engine) => engine.clone(),
            Self::Sessions(sessions) => sessions.engine(),
        }
    }

    fn wake(&self) {
        match self {
            Self::One(engine) => engine.wake(),
            Self::Sessions(sessions) => sessions.wake(),
        }
    }

    async fn run(&self, stop: tokio::sync::watch::Receiver<bool>) -> Result<(), EngineError> {
        match self {
            Self::One(engine) => engine.run(stop).await,
            Self::Sessions(sessions) => sessions.run(stop).await,
        }
    }
}

impl<'a> Host<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        world: Arc<World>,
        store: Arc<WatchedStore>,
        mutation: Option<Mutation>,
    ) -> Self {
        let mut settings = plan.settings.clone();
        if let Some(mutation) = mutation {
            mutation.spoil_rules(&mut settings.alerts);
            if mutation == Mutation::WholeQueue {
                settings.round = usize::MAX;
            }
        }
        let ledger = world.ledger.clone();
        settings.failpoints = Failpoints::new(move |point| {
            ledger
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .passes(point);
        });
        Self {
            plan,
            world,
            store,
            mutation,
            settings,
        }
    }

    fn systems(&self) -> PerSide<Arc<dyn System>> {
        PerSide::from_fn(|side| -> Arc<dyn System> {
            let system = self.world.system(side).clone();
            match self.mutation {
                Some(mutation) => Arc::new(MutatedSystem::new(system, mutation)),
                None => system,
            }
        })
    }

    /// The project as it is written down.
    pub(crate) fn project(&self) -> Result<Project, String> {
        self.reading().project()
    }

    fn reading(&self) -> Reading {
        Reading::new(
            self.world.clone(),
            self.plan,
            self.settings.clone(),
            self.mutation,
        )
    }

    /// An engine over the maps as they are.
    pub(crate) fn engine(&self) -> Result<Engine, String> {
        // Work that is no session answers no rules.
        self.world.ledger().rules.end();
        Ok(Engine::new(Parts {
            project: self.reading().project()?,
            systems: self.systems(),
            store: self.store.clone(),
            clock: self.world.timeline.clone(),
            settings: self.settings.clone(),
            progress: Arc::new(()),
            seed: self.plan.seed,
        }))
    }

    async fn process(&self) -> Result<Process, Failure> {
        if self.plan.operations.is_none() {
            return Ok(Process::One(self.engine().map_err(Failure::Words)?));
        }
        self.world.ledger().rules.begin();
        let reading = self.reading();
        let first = loop {
            match reading.load().await {
                Ok(loaded) => break loaded,
                Err(reason) => {
                    self.tell(&format!("Duet cannot start yet: {reason}"));
                    self.world.timeline.pause(Duration::from_secs(1)).await;
                }
            }
        };
        let frame = Frame {
            loader: Arc::new(reading),
            systems: self.systems(),
            store: self.store.clone(),
            clock: self.world.timeline.clone(),
            progress: Arc::new(()),
            seed: self.plan.seed,
        };
        let sessions = Sessions::new(frame, first).await?;
        Ok(Process::Sessions(Box::new(sessions)))
    }

    pub(crate) fn tell(&self, line: &str) {
        let at = self.world.timeline.elapsed().as_secs_f64();
        self.world
            .ledger()
            .story
            .push(format!("{at:>9.3} ---- {line}"));
    }

    /// Live sync, until people are done and some time has passed since. A process that ends because
    /// its store is full is started again, as a service manager does; one that people stop to tell it
    /// of a new address goes on after they have.
    pub(crate) async fn live(&self, done: &AtomicBool, after: Duration) -> Result<(), String> {
        let mut begun = None;
        loop {
            if done.load(Ordering::Relaxed) {
                let now = self.world.timeline.elapsed();
                // A store that is full again and again never lets a life last so long.
                if now > *begun.get_or_insert(now) + after * OFTEN {
                    return Ok(());
                }
            }
            let ended = match self.relink().await {
                Ok(()) => self.life(done, after).await,
                Err(error) => Err(error),
            };
            match ended {
                Ok(()) if self.world.calls().relink.is_some() => {}
                Ok(()) => return Ok(()),
                Err(Failure::Engine(EngineError::Store(_))) if self.world.disk_runs_full() => {
                    self.tell("the engine ended because its store is full, and starts again");
                    self.world.ledger().forget();
                    self.world.timeline.pause(Duration::from_secs(1)).await;
                }
                Err(failure) => return Err(failure.words()),
            }
        }
    }

    /// Tells a Duet that does not run of an environment's new address.
    async fn relink(&self) -> Result<(), Failure> {
        let Some(side) = self.world.calls().relink else {
            return Ok(());
        };
        let project = self.reading().project().map_err(Failure::Words)?;
        let tables: Vec<String> = project
            .tables(side)
            .iter()
            .map(|used| used.table.clone())
            .collect();
        let now = self.world.timeline.now();
        orders::relink(&*self.store, side, &tables, now)
            .await
            .map_err(EngineError::from)?;
        self.tell(&format!("the {side} side is relinked"));
        self.world.calls().relink = None;
        Ok(())
    }

    /// One life of a process, with notices coming in.
    async fn life(&self, done: &AtomicBool, after: Duration) -> Result<(), Failure> {
        let process = self.process().await?;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let control = async {
            loop {
                self.world.timeline.pause(Duration::from_secs(1)).await;
                if self.world.calls().relink.is_some() {
                    break;
                }
                if done.load(Ordering::Relaxed) {
                    self.world.timeline.pause(after).await;
                    break;
                }
            }
            // The receiver may be gone, and then there is nobody to stop.
            let _ = stop.send(true);
            std::future::pending::<()>().await;
        };
        let outside = futures::future::join(control, self.deliver(&process));
        match select(Box::pin(process.run(stopped)), Box::pin(outside)).await {
            Either::Left((ended, _)) => Ok(ended?),
            Either::Right(_) => Ok(()),
        }
    }

    /// Brings notices and operators' knocks to the process; a notice that is not taken in is sent
    /// again later.
    async fn deliver(&self, process: &Process) {
        loop {
            let mut next = Duration::from_millis(700);
            if std::mem::take(&mut self.world.calls().knocked) {
                process.wake();
            }
            for side in Side::BOTH {
                let now = self.world.timeline.elapsed();
                let system = self.world.system(side);
                match system.next_notice() {
                    Some((due, number, body))
                        if due <= now && process.engine().notice(side, &body).await.is_ok() =>
                    {
                        system.received(due, number);
                        next = Duration::ZERO;
                    }
                    Some((due, _, _)) => next = next.min(due.saturating_sub(now)),
                    None => {}
                }
            }
            if next.is_zero() {
                step_aside().await;
            } else {
                self.world.timeline.pause(next).await;
            }
        }
    }
}

/// How a life may end badly.
enum Failure {
    Engine(EngineError),
    Words(String),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl Failure {
    fn words(self) -> String {
        match self {
            Self::Engine(error) => words(&error),
            Self::Words(words) => words,
        }
    }
}

/// An engine's end in words.
pub(crate) fn words(error: &EngineError) -> String {
    format!("the engine ended: {error}")
}
