//! One seed, one run: people work, the network fails, the engine dies and comes back; then
//! everything heals, comes to rest, is checked, mended by people where they are asked, and checked
//! again.

use crate::checks;
use crate::landscape::project;
use crate::ledger::Violation;
use crate::mend::Menders;
use crate::mutation::{MutatedSystem, Mutation};
use crate::people::People;
use crate::plan::Plan;
use crate::timeline::{Ended, Task, run_session};
use crate::watched::WatchedStore;
use crate::world::World;
use duet_engine::{Engine, EngineError, Parts};
use duet_map::side::{PerSide, Side};
use duet_store::change::{ParkReason, ParkedFilter};
use duet_store::store::Store;
use duet_systems::System;
use futures::future::{Either, select};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often people mend what is parked before it counts as beyond mending.
const MENDING: usize = 10;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Promises broken; empty is what everybody hopes for.
    pub violations: Vec<Violation>,
    /// What happened, line by line.
    pub story: Vec<String>,
    /// How often each kind of thing happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// Kinds of settlement that were reached: what each did to its pair and how its change ended.
    pub reached: BTreeSet<String>,
}

/// Runs a plan, with a bug on purpose if one is given.
pub fn run(plan: &Plan, mutation: Option<Mutation>) -> Outcome {
    let world = Arc::new(World::new(plan));
    let ran = Run::new(plan, world.clone(), mutation).and_then(|run| run.through());
    if let Err(error) = ran {
        world.ledger().violated("the run itself", error);
    }
    let ledger = &mut *world.ledger();
    Outcome {
        violations: std::mem::take(&mut ledger.violations).into_iter().collect(),
        story: std::mem::take(&mut ledger.story),
        counts: std::mem::take(&mut ledger.counts),
        reached: std::mem::take(&mut ledger.reached),
    }
}

struct Run<'a> {
    plan: &'a Plan,
    world: Arc<World>,
    store: Arc<WatchedStore>,
    mutation: Option<Mutation>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, world: Arc<World>, mutation: Option<Mutation>) -> Result<Self, String> {
        let store = WatchedStore::new(world.clone(), mutation).map_err(|e| e.to_string())?;
        Ok(Self {
            plan,
            world,
            store: Arc::new(store),
            mutation,
        })
    }

    fn engine(&self) -> Result<Engine, String> {
        let system = |side: Side| -> Arc<dyn System> {
            let system = self.world.system(side).clone();
            match self.mutation {
                Some(mutation) => Arc::new(MutatedSystem::new(system, mutation)),
                None => system,
            }
        };
        Ok(Engine::new(Parts {
            project: project(self.plan)?,
            systems: PerSide::from_fn(system),
            store: self.store.clone(),
            clock: self.world.timeline.clone(),
            settings: self.plan.settings.clone(),
            progress: Arc::new(()),
            seed: self.plan.seed,
        }))
    }

    fn through(&self) -> Result<(), String> {
        let mut people = People::new(self.plan, &self.world);
        people.begin();
        let done = &AtomicBool::new(false);
        let mut beside = Some(Task::new(async move {
            people.work().await;
            done.store(true, Ordering::Relaxed);
        }));

        for polls in &self.plan.crashes {
            self.tell("the engine starts, and will be killed");
            let session = Task::new(self.live(done, Duration::from_secs(20)));
            match run_session(&self.world.timeline, session, &mut beside, Some(*polls)) {
                Ended::Crashed => {
                    let ledger = &mut *self.world.ledger();
                    ledger.count("crashes");
                    ledger.forget();
                }
                ended => self.expect_end(ended)?,
            }
        }
        self.tell("the engine starts");
        let session = Task::new(self.live(done, Duration::from_secs(30)));
        let ended = run_session(&self.world.timeline, session, &mut beside, None);
        self.expect_end(ended)?;

        self.tell("everything heals");
        self.world.heal();
        self.settle(&mut beside)?;
        self.alone(&mut beside, self.check(false))?;
        if !self.world.ledger().violations.is_empty() {
            return Ok(());
        }
        self.mend(&mut beside)?;
        self.alone(&mut beside, self.check(true))?;
        if !self.world.ledger().violations.is_empty() {
            return Ok(());
        }
        self.rest(&mut beside)
    }

    fn tell(&self, line: &str) {
        let at = self.world.timeline.elapsed().as_secs_f64();
        self.world
            .ledger()
            .story
            .push(format!("{at:>9.3} ---- {line}"));
    }

    /// Live sync, until people are done and some time has passed since. An engine that ends because
    /// its store is full is started again, as a service manager does.
    async fn live(&self, done: &AtomicBool, after: Duration) -> Result<(), String> {
        loop {
            match self.session(&self.engine()?, done, after).await {
                Err(EngineError::Store(_)) if self.world.disk_runs_full() => {
                    self.tell("the engine ended because its store is full, and starts again");
                    self.world.ledger().forget();
                    self.world.timeline.pause(Duration::from_secs(1)).await;
                }
                ended => return ended.map_err(|error| words(&error)),
            }
        }
    }

    /// One life of an engine, with notices coming in.
    async fn session(
        &self,
        engine: &Engine,
        done: &AtomicBool,
        after: Duration,
    ) -> Result<(), EngineError> {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let control = async {
            loop {
                self.world.timeline.pause(Duration::from_secs(1)).await;
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
            self.world.timeline.pause(after).await;
            // The receiver may be gone, and then there is nobody to stop.
            let _ = stop.send(true);
            std::future::pending::<()>().await;
        };
        let outside = futures::future::join(control, self.deliver(engine));
        match select(Box::pin(engine.run(stopped)), Box::pin(outside)).await {
            Either::Left((ended, _)) => ended,
            Either::Right(_) => Ok(()),
        }
    }

    /// Brings notices to the engine; one that is not taken in is sent again later.
    async fn deliver(&self, engine: &Engine) {
        loop {
            let mut next = Duration::from_millis(700);
            for side in Side::BOTH {
                let now = self.world.timeline.elapsed();
                let system = self.world.system(side);
                match system.next_notice() {
                    Some((due, number, body))
                        if due <= now && engine.notice(side, &body).await.is_ok() =>
                    {
                        system.received(due, number);
                        next = Duration::ZERO;
                    }
                    Some((due, _, _)) => next = next.min(due.saturating_sub(now)),
                    None => {}
                }
            }
            if next.is_zero() {
                crate::timeline::step_aside().await;
            } else {
                self.world.timeline.pause(next).await;
            }
        }
    }

    /// Everything that is on its way arrives.
    fn settle(&self, beside: &mut Option<Task<'_, ()>>) -> Result<(), String> {
        let faults = ParkedFilter {
            reason: Some(ParkReason::Fault),
            ..ParkedFilter::default()
        };
        let live = self.plan.ends_live;
        let done = &AtomicBool::new(true);
        self.alone(beside, async move {
            let now = jiff::Timestamp::UNIX_EPOCH;
            self.store
                .retry(&faults, now)
                .await
                .map_err(|e| e.to_string())?;
            if live {
                let patience = self.plan.settings.sweep_every * 2 + Duration::from_secs(150);
                self.live(done, patience).await?;
                // Nothing is left for others to do, but for what is tried again from time to time.
                let (_, before) = self.world.figures();
                self.engine()?
                    .quiesce()
                    .await
                    .map_err(|error| words(&error))?;
                let (_, after) = self.world.figures();
                if after > before {
                    let what = format!("live sync had left {} writes undone", after - before);
                    self.world.ledger().violated("quiescence", what);
                }
                Ok(())
            } else {
                let engine = self.engine()?;
                if !engine.is_synced().await.map_err(|error| words(&error))? {
                    engine.sync().await.map_err(|error| words(&error))?;
                }
                self.deliver_all(&engine).await;
                engine.quiesce().await.map_err(|error| words(&error))
            }
        })
    }

    /// Brings every notice that is on its way.
    async fn deliver_all(&self, engine: &Engine) {
        for side in Side::BOTH {
            let system = self.world.system(side);
            while let Some((due, number, body)) = system.next_notice() {
                // What is not taken in is looked after by the reads that follow.
                let _ = engine.notice(side, &body).await;
                system.received(due, number);
            }
        }
    }

    /// Runs something that has to come to its end.
    fn alone<'t>(
        &self,
        beside: &mut Option<Task<'_, ()>>,
        work: impl Future<Output = Result<(), String>> + 't,
    ) -> Result<(), String> {
        let ended = run_session(&self.world.timeline, Task::new(work), beside, None);
        self.expect_end(ended)
    }

    fn expect_end(&self, ended: Ended<Result<(), String>>) -> Result<(), String> {
        match ended {
            Ended::Done(outcome) => outcome,
            Ended::Crashed => Ok(()),
            Ended::Stalled => Err("everybody waits for something that never happens".into()),
            Ended::Endless => Err("the engine never comes to an end".into()),
        }
    }

    async fn check(&self, strictly: bool) -> Result<(), String> {
        let (world, store) = (&*self.world, &*self.store);
        let checked = async {
            checks::nothing_pending(world, store).await?;
            checks::convergence(world, store, strictly).await?;
            if !strictly {
                checks::parked_for_a_reason(world, store).await?;
                checks::nothing_lost(world, store).await?;
                let crashes = u64::try_from(self.plan.crashes.len()).unwrap_or(u64::MAX);
                checks::bounded_writes(world, crashes, self.plan.settings.bounces);
            }
            Ok(())
        };
        checked
            .await
            .map_err(|error: duet_store::StoreError| error.to_string())
    }

    /// People do what the messages of parked changes ask for, until nothing is parked.
    fn mend(&self, beside: &mut Option<Task<'_, ()>>) -> Result<(), String> {
        let mut menders = Menders::new(self.plan, &self.world);
        for _ in 0..MENDING {
            let mut open = Vec::new();
            self.alone(beside, async {
                open = self
                    .store
                    .parked(&ParkedFilter::default(), 1_000)
                    .await
                    .map_err(|e| e.to_string())?;
                Ok(())
            })?;
            // Where both sides rewrite each other's values, no value is a way out.
            open.retain(|park| !self.world.quarrels || park.reason != ParkReason::Oscillating);
            if open.is_empty() {
                break;
            }
            for park in &open {
                self.tell(&format!("people mend {}", checks::words(park)));
                self.world.ledger().count(reason(park.reason));
                menders.mend(park);
            }
            self.settle(beside)?;
        }
        Ok(())
    }

    /// Nothing is written once everything agrees, not even by another whole sync.
    fn rest(&self, beside: &mut Option<Task<'_, ()>>) -> Result<(), String> {
        self.tell("everything rests");
        let (_, before) = self.world.figures();
        self.alone(beside, async {
            let engine = self.engine()?;
            engine.quiesce().await.map_err(|error| words(&error))?;
            engine.sync().await.map_err(|error| words(&error))?;
            engine.quiesce().await.map_err(|error| words(&error))
        })?;
        let (_, after) = self.world.figures();
        if after > before {
            self.world.ledger().violated(
                "no writes at rest",
                format!("{} writes although nobody changed anything", after - before),
            );
        }
        self.alone(beside, self.check(true))
    }
}

fn reason(reason: ParkReason) -> &'static str {
    match reason {
        ParkReason::WaitingForKey => "parked: waiting for a key",
        ParkReason::Validation => "parked: validation",
        ParkReason::Conflict => "parked: conflict",
        ParkReason::Refused => "parked: refused",
        ParkReason::Fault => "parked: fault",
        ParkReason::Oscillating => "parked: oscillating",
        ParkReason::Held => "parked: held",
        ParkReason::MassDelete => "parked: mass delete",
    }
}

fn words(error: &EngineError) -> String {
    format!("the engine ended: {error}")
}
