//! People at Duet's own controls: they pause, resume, stop, refresh, change the maps and move
//! environments while everybody else goes on working.
//!
//! They do what the command line does, in the store and from outside the process that runs.

use crate::files::Files;
use crate::landscape::{COMPANIES, FOREIGN, KINDS};
use crate::plan::{Operations, Plan};
use crate::watched::WatchedStore;
use crate::world::World;
use duet_engine::Clock;
use duet_engine::orders::{self, Request};
use duet_map::side::Side;
use duet_store::StoreError;
use duet_store::lifecycle::{Queue, Wanted};
use duet_store::store::{MapState, Store};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::time::Duration;

/// The operators of a plan.
pub(crate) struct Operators<'a> {
    operations: &'a Operations,
    world: &'a World,
    store: Arc<WatchedStore>,
    random: StdRng,
}

impl<'a> Operators<'a> {
    /// Operators who have not begun yet; `None` where nobody touches a running Duet.
    pub(crate) fn new(plan: &'a Plan, world: &'a World, store: Arc<WatchedStore>) -> Option<Self> {
        Some(Self {
            operations: plan.operations.as_ref()?,
            world,
            store,
            random: StdRng::seed_from_u64(plan.seed ^ 0x6f70_6572),
        })
    }

    /// Everything that they do, in its own time. In the end every map is to run, in its last version.
    pub(crate) async fn work(mut self) {
        for _ in 0..self.operations.orders {
            let longest = u64::try_from(self.operations.gap.as_millis()).unwrap_or(u64::MAX);
            let pause = Duration::from_millis(self.random.random_range(0..=longest));
            self.world.timeline.pause(pause).await;
            if let Err(error) = self.act().await {
                self.tell(&format!("an order is not taken: {error}"));
            }
        }
        loop {
            match self.end().await {
                Ok(true) => return,
                // Nobody could read the maps just then, or nobody has looked yet.
                Ok(false) => {}
                Err(error) => self.tell(&format!("an order is not taken: {error}")),
            }
            self.world.timeline.pause(Duration::from_secs(1)).await;
        }
    }

    fn tell(&self, line: &str) {
        let at = self.world.timeline.elapsed().as_secs_f64();
        let story = &mut self.world.ledger().story;
        story.push(format!("{at:>9.3} order {line}"));
    }

    /// Some of the maps.
    fn maps(&mut self) -> Vec<String> {
        let all = self.random.random_bool(0.3);
        let maps = ["companies"].into_iter().chain(KINDS.map(|kind| kind.map));
        let mut some: Vec<String> = maps
            .filter(|_| all || self.random.random_bool(0.4))
            .map(str::to_owned)
            .collect();
        if some.is_empty() {
            some.push("customers".to_owned());
        }
        some
    }

    /// One order.
    async fn act(&mut self) -> Result<(), StoreError> {
        if self.operations.awkward {
            self.await_unrest().await?;
        }
        if self.operations.companies && self.random.random_bool(0.5) {
            self.rescope();
            let now = self.world.timeline.now();
            orders::ask(&*self.store, Request::Reload, now).await?;
        } else if self.operations.awkward && self.random.random_bool(0.2) {
            self.revise();
            let now = self.world.timeline.now();
            orders::ask(&*self.store, Request::Reload, now).await?;
        } else {
            self.order().await?;
        }
        // Another process cannot always reach the one that runs.
        self.world.calls().knocked |= self.random.random_bool(0.6);
        Ok(())
    }

    /// Waits for a while for a moment in which a map is not at rest.
    async fn await_unrest(&mut self) -> Result<(), StoreError> {
        let awaited = [
            MapState::InitialSync,
            MapState::CatchUp,
            MapState::ErrorPaused,
            MapState::NotRunning,
        ][self.random.random_range(0..4)];
        for _ in 0..200 {
            let statuses = self.store.map_statuses().await?;
            if statuses.iter().any(|status| status.state == awaited) {
                return Ok(());
            }
            let pause = Duration::from_millis(50);
            self.world.timeline.pause(pause).await;
        }
        Ok(())
    }

    /// A company enters the scope or leaves it; one always stays, because no company means all.
    fn rescope(&mut self) {
        let all = [COMPANIES[0], COMPANIES[1], FOREIGN];
        let company = all[self.random.random_range(0..all.len())];
        let companies = &mut self.world.files().companies;
        if !companies.iter().any(|one| one == company) {
            companies.push(company.to_owned());
        } else if companies.len() > 1 {
            companies.retain(|one| one != company);
        }
        self.tell(&format!("reload, with {}", companies.join(" ")));
    }

    /// The next version of the maps: a field goes, a field comes back, or nothing but the number is
    /// another.
    fn revise(&mut self) {
        let column = ["City", "CreditLimit", "OrganizationName"][self.random.random_range(0..3)];
        let goes = self.random.random_bool(0.5);
        let files = &mut *self.world.files();
        files.revision += 1;
        files.lacks = match files.lacks {
            None if goes => Some(column),
            Some(column) if goes => Some(column),
            _ => None,
        };
        let (revision, lacks) = (files.revision, files.lacks);
        self.tell(&format!("reload, version {revision}, without {lacks:?}"));
        let kind = if lacks.is_some() {
            "without a field"
        } else {
            "with every field"
        };
        self.world.ledger().reached("revision", kind);
    }

    /// One order about what is there.
    async fn order(&mut self) -> Result<(), StoreError> {
        let now = self.world.timeline.now();
        let store = self.store.clone();
        match self.random.random_range(0..100) {
            0..35 => {
                let maps = self.maps();
                self.tell(&format!("pause {}", maps.join(" ")));
                orders::pause(&*store, &maps, None, now).await?;
            }
            35..60 => {
                let maps = self.maps();
                let queue = match self.random.random_range(0..3) {
                    0 => Queue::KeepParked,
                    1 if self.operations.discards => Queue::Discard,
                    _ => Queue::CatchUp,
                };
                self.tell(&format!("resume {} {queue:?}", maps.join(" ")));
                {
                    let ledger = &mut *self.world.ledger();
                    ledger.kept_aside |= queue == Queue::KeepParked;
                    ledger.discards_queues |= queue == Queue::Discard;
                }
                orders::resume(&*store, &maps, queue, now).await?;
            }
            60..75 => {
                let maps = self.maps();
                self.tell(&format!("stop {}", maps.join(" ")));
                orders::stop(&*store, &maps, now).await?;
            }
            75..83 => {
                self.tell("refresh");
                orders::ask(&*store, Request::Refresh(Vec::new()), now).await?;
            }
            83..93 => {
                self.publish();
                orders::ask(&*store, Request::Reload, now).await?;
            }
            _ if self.operations.relinks => {
                let side = if self.random.random_bool(0.5) {
                    Side::Left
                } else {
                    Side::Right
                };
                self.tell(&format!("relink the {side} side"));
                self.world.calls().relink = Some(side);
            }
            _ => {
                let files = self.world.files().clone();
                self.tell(&format!("reload, with {files:?}"));
                orders::ask(&*store, Request::Reload, now).await?;
            }
        }
        Ok(())
    }

    /// Writes the next version of the maps down.
    fn publish(&self) {
        let files = &mut *self.world.files();
        *files = Files {
            lacks: None,
            ..files.clone()
        };
        self.tell("reload, with every field");
    }

    /// Everything is to run as it is written down. Whether somebody took that up.
    async fn end(&mut self) -> Result<bool, StoreError> {
        let now = self.world.timeline.now();
        self.publish();
        orders::ask(&*self.store, Request::Reload, now).await?;
        let held: Vec<String> = self
            .store
            .orders()
            .await?
            .into_iter()
            .filter(|order| order.wanted != Wanted::Run)
            .map(|order| order.map)
            .collect();
        self.tell(&format!("resume {}, for the rest", held.join(" ")));
        orders::resume(&*self.store, &held, Queue::CatchUp, now).await?;
        self.world.calls().knocked = true;
        for _ in 0..30 {
            self.world.timeline.pause(Duration::from_secs(1)).await;
            if let Some(answer) = orders::answer(&*self.store, now).await? {
                self.tell(&format!("answered: {answer:?}"));
                return Ok(answer.refused.is_none());
            }
        }
        Ok(false)
    }
}
