//! One seed, one run: people work, the network fails, the engine dies and comes back; then
//! everything heals, comes to rest, is checked, mended by people where they are asked, and checked
//! again.

use crate::checks;
use crate::clerks::Clerks;
use crate::landscape::KINDS;
use crate::ledger::Violation;
use crate::mend::Menders;
use crate::mutation::Mutation;
use crate::operators::Operators;
use crate::people::People;
use crate::plan::Plan;
use crate::session::{Host, words};
use crate::timeline::{Ended, Task, run_session, run_until};
use crate::watched::WatchedStore;
use crate::world::World;
use duet_engine::reconcile::CompareOptions;
use duet_engine::{Clock, Engine, orders};
use duet_map::side::Side;
use duet_store::change::{ParkReason, ParkedFilter};
use duet_store::lifecycle::{Queue, Wanted};
use duet_store::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often people mend what is parked before it counts as beyond mending.
const MENDING: usize = 10;

/// How long people wait before they compare.
const AFTERWARDS: Duration = Duration::from_hours(1);

/// How often maps that a rule paused may need another while before they are taken to rest for ever.
const TRIALS: usize = 12;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Promises broken; empty is what everybody hopes for.
    pub violations: Vec<Violation>,
    /// What happened, line by line.
    pub story: Vec<String>,
    /// How often each kind of thing happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// What was reached, each with its subject: kinds of settlement, states, orders, points.
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
    host: Host<'a>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, world: Arc<World>, mutation: Option<Mutation>) -> Result<Self, String> {
        let store = WatchedStore::new(world.clone(), mutation).map_err(|e| e.to_string())?;
        let store = Arc::new(store);
        Ok(Self {
            plan,
            host: Host::new(plan, world.clone(), store.clone(), mutation),
            world,
            store,
        })
    }

    fn through(&self) -> Result<(), String> {
        let mut people = People::new(self.plan, &self.world);
        people.begin();
        let done = &AtomicBool::new(false);
        let operators = Operators::new(self.plan, &self.world, self.store.clone());
        let clerks = self.clerks();
        let mut beside = Some(Task::new(async move {
            if self.world.operated {
                let operators = async {
                    if let Some(operators) = operators {
                        operators.work().await;
                    }
                };
                let clerks = clerks.work(|| self.host.project());
                futures::future::join3(people.work(), operators, clerks).await;
            } else {
                people.work().await;
            }
            done.store(true, Ordering::Relaxed);
        }));

        for polls in &self.plan.crashes {
            self.kill(done, &mut beside, &|polled| polled >= *polls)?;
        }
        for death in &self.plan.deaths {
            self.world.ledger().awaits(death.clone());
            self.kill(done, &mut beside, &|_| self.world.ledger().is_dying())?;
        }
        self.host.tell("the engine starts");
        let session = Task::new(self.host.live(done, Duration::from_secs(30)));
        let ended = run_session(&self.world.timeline, session, &mut beside, None);
        self.expect_end(ended)?;

        self.host.tell("everything heals");
        self.world.heal();
        self.settle(&mut beside)?;
        self.alone(&mut beside, self.check(false))?;
        if !self.world.ledger().violations.is_empty() {
            return Ok(());
        }
        self.mend(&mut beside)?;
        self.repair(&mut beside)?;
        self.alone(&mut beside, self.check(true))?;
        if !self.world.ledger().violations.is_empty() {
            return Ok(());
        }
        self.rest(&mut beside)
    }

    /// One life that ends when `killed` says so, told how often the engine was polled.
    fn kill(
        &self,
        done: &AtomicBool,
        beside: &mut Option<Task<'_, ()>>,
        killed: &dyn Fn(u64) -> bool,
    ) -> Result<(), String> {
        self.host.tell("the engine starts, and will be killed");
        let session = Task::new(self.host.live(done, Duration::from_secs(20)));
        match run_until(&self.world.timeline, session, beside, killed) {
            Ended::Crashed => {
                let ledger = &mut *self.world.ledger();
                ledger.count("crashes");
                ledger.forget();
                Ok(())
            }
            ended => self.expect_end(ended),
        }
    }

    /// Everything that is on its way arrives.
    fn settle(&self, beside: &mut Option<Task<'_, ()>>) -> Result<(), String> {
        self.outlast_rules(beside)?;
        self.arrive(beside)?;
        if self.plan.settings.alerts.is_empty() {
            return Ok(());
        }
        // What arrives may set a rule off once more.
        self.outlast_rules(beside)?;
        self.arrive(beside)
    }

    /// Maps that a rule paused go on by themselves, and people start those that one stopped.
    fn outlast_rules(&self, beside: &mut Option<Task<'_, ()>>) -> Result<(), String> {
        if self.plan.settings.alerts.is_empty() {
            return Ok(());
        }
        let mut menders = Menders::new(self.plan, &self.world);
        for trial in 0..TRIALS {
            let (mut held, mut wrong) = (Vec::new(), Vec::new());
            self.alone(beside, async {
                let invalid = ParkedFilter {
                    reason: Some(ParkReason::Validation),
                    ..ParkedFilter::default()
                };
                let parked = self.store.parked(&invalid, 1_000).await;
                wrong = parked.map_err(|e| e.to_string())?;
                let orders = self.store.orders().await.map_err(|e| e.to_string())?;
                held = orders;
                held.retain(|order| order.wanted != Wanted::Run);
                let stopped = held.iter().filter(|order| order.wanted == Wanted::Stop);
                let stopped: Vec<String> = stopped.map(|order| order.map.clone()).collect();
                let now = self.world.timeline.now();
                orders::resume(&*self.store, &stopped, Queue::CatchUp, now)
                    .await
                    .map_err(|e| e.to_string())
            })?;
            if held.is_empty() {
                return Ok(());
            }
            // What set the rule off once does so again, until somebody does something about it.
            for park in wrong.iter().filter(|_| trial > 0) {
                menders.mend(park, None);
            }
            let done = &AtomicBool::new(true);
            let patience = Duration::from_secs(100);
            self.alone(beside, self.host.live(done, patience))?;
        }
        let what = "a map stays paused although nothing is wrong any more";
        self.world.ledger().violated("paused maps go on", what);
        Ok(())
    }

    fn arrive(&self, beside: &mut Option<Task<'_, ()>>) -> Result<(), String> {
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
            if live || !self.is_read_whole().await? {
                let patience = self.plan.settings.sweep_every * 2 + Duration::from_secs(150);
                self.host.live(done, patience).await?;
                if self.accept_schemas().await? {
                    self.host.live(done, patience).await?;
                }
                // A rule may have stopped the map in the meantime, over what people still have to mend.
                let orders = self.store.orders().await.map_err(|e| e.to_string())?;
                let runs = orders.iter().all(|order| order.wanted == Wanted::Run);
                if runs && !self.is_read_whole().await? {
                    let what = "a map's existing rows are still to be read";
                    self.world.ledger().violated("lifecycle", what);
                }
                // Nothing is left for others to do, but for what is tried again from time to time.
                let (_, before) = self.world.figures();
                let engine = self.host.engine()?;
                engine.quiesce().await.map_err(|error| words(&error))?;
                let (_, after) = self.world.figures();
                if after > before {
                    let what = format!("live sync had left {} writes undone", after - before);
                    self.world.ledger().violated("quiescence", what);
                }
                Ok(())
            } else {
                let engine = self.host.engine()?;
                if !engine.is_synced().await.map_err(|error| words(&error))? {
                    engine.sync().await.map_err(|error| words(&error))?;
                }
                self.deliver_all(&engine).await;
                engine.quiesce().await.map_err(|error| words(&error))
            }
        })
    }

    /// People accept schemas as they are where maps were written down, or accepted, while columns were
    /// others. Returns whether there was such a map.
    async fn accept_schemas(&self) -> Result<bool, String> {
        let statuses = self.store.map_statuses().await;
        let mut statuses = statuses.map_err(|error| error.to_string())?;
        statuses.retain(|status| {
            let error = status.error.as_ref();
            error.is_some_and(|error| error.starts_with("DUET4123"))
        });
        let maps: Vec<String> = statuses.into_iter().map(|status| status.map).collect();
        if maps.is_empty() {
            return Ok(false);
        }
        self.world.ledger().reached("drift", "accepted");
        let now = self.world.timeline.now();
        orders::resume(&*self.store, &maps, Queue::CatchUp, now)
            .await
            .map_err(|error| error.to_string())?;
        Ok(true)
    }

    /// Whether existing rows have been read for every map that is known, and every map is as it is
    /// written down.
    async fn is_read_whole(&self) -> Result<bool, String> {
        if !self.world.operated {
            return Ok(true);
        }
        let definitions = self.store.definitions().await;
        let definitions = definitions.map_err(|error| error.to_string())?;
        Ok(definitions.len() > KINDS.len() && definitions.iter().all(|one| one.whole))
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
            if strictly {
                checks::decided(world, store).await?;
            }
            if !strictly {
                checks::parked_for_a_reason(world, store).await?;
                checks::nothing_lost(world, store).await?;
                let crashes = self.plan.crashes.len() + self.plan.deaths.len();
                let crashes = u64::try_from(crashes).unwrap_or(u64::MAX);
                checks::bounded_writes(world, crashes, self.plan.settings.bounces);
            }
            Ok(())
        };
        checked
            .await
            .map_err(|error: duet_store::StoreError| error.to_string())
    }

    fn clerks(&self) -> Clerks<'_> {
        Clerks::new(self.plan, &self.world, self.store.clone())
    }

    /// People do what the messages of parked changes ask for, until nothing is parked.
    fn mend(&self, beside: &mut Option<Task<'_, ()>>) -> Result<(), String> {
        let mut menders = Menders::new(self.plan, &self.world);
        let mut clerks = self.clerks();
        for round in 0..MENDING {
            let (mut open, mut twins) = (Vec::new(), BTreeMap::new());
            self.alone(beside, async {
                open = self
                    .store
                    .parked(&ParkedFilter::default(), 1_000)
                    .await
                    .map_err(|e| e.to_string())?;
                for park in &open {
                    let record = std::slice::from_ref(&park.record);
                    let pairs = self
                        .store
                        .pairs_by_record(&park.map, park.side, record)
                        .await
                        .map_err(|e| e.to_string())?;
                    let other = park.side.other();
                    let twin = pairs
                        .into_values()
                        .find_map(|pair| pair.body.halves[other].record.clone());
                    twins.extend(twin.map(|twin| (park.seq, twin)));
                }
                Ok(())
            })?;
            // Where both sides rewrite each other's values, no value is a way out.
            open.retain(|park| !self.world.quarrels || park.reason != ParkReason::Oscillating);
            let mut decided = 0;
            let nothing = open.is_empty();
            // Some decide in Duet, some at their own side, where something is parked.
            let decides = self.plan.policies.is_some()
                && (self.plan.seed.is_multiple_of(2) || round > 0 || nothing);
            if self.world.operated || decides {
                self.alone(beside, async {
                    let project = self.host.project()?;
                    if self.plan.removals.is_some() {
                        let passed = clerks.let_pass().await;
                        decided += passed.map_err(|e| e.to_string())?;
                    }
                    clerks.retry_held().await.map_err(|e| e.to_string())?;
                    if decides {
                        let all = clerks.decide_all(&project, round > 0 || nothing).await;
                        decided += all.map_err(|e| e.to_string())?;
                    }
                    Ok(())
                })?;
            }
            if open.is_empty() && decided == 0 {
                break;
            }
            if decides {
                open.retain(|park| park.reason != ParkReason::Conflict);
            }
            for park in &open {
                self.host
                    .tell(&format!("people mend {}", checks::words(park)));
                self.world.ledger().count(reason(park.reason));
                menders.mend(park, twins.get(&park.seq));
            }
            self.settle(beside)?;
        }
        Ok(())
    }

    /// Where people discarded changes, the sides differ until somebody compares and repairs them.
    fn repair(&self, beside: &mut Option<Task<'_, ()>>) -> Result<(), String> {
        if self.world.ledger().discarded.is_empty() {
            return Ok(());
        }
        self.host.tell("people compare and repair");
        for _ in 0..MENDING {
            let mut journaled = 0;
            self.alone(beside, async {
                // What was modified a moment ago counts as on its way.
                self.world.timeline.pause(AFTERWARDS).await;
                let engine = self.host.engine()?;
                let options = CompareOptions {
                    listed: usize::MAX,
                    ..CompareOptions::default()
                };
                let found = engine.compare(&options).await;
                let found = found.map_err(|error| words(&error))?;
                let delete = self.plan.seed.is_multiple_of(2);
                let steps = engine.plan_repair(&found.differences, delete);
                for step in &steps {
                    self.host.tell(&format!("repair {step:?}"));
                }
                let steps = engine.journal_repair(&steps).await;
                journaled = steps.map_err(|error| words(&error))?;
                Ok(())
            })?;
            if journaled == 0 {
                break;
            }
            self.settle(beside)?;
            self.mend(beside)?;
        }
        self.world.ledger().discarded.clear();
        Ok(())
    }

    /// Nothing is written once everything agrees, not even by another whole sync.
    fn rest(&self, beside: &mut Option<Task<'_, ()>>) -> Result<(), String> {
        self.host.tell("everything rests");
        let (_, before) = self.world.figures();
        self.alone(beside, async {
            let engine = self.host.engine()?;
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
