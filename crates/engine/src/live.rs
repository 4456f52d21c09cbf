//! Live sync: readers, notices, workers and the comparison of key sets, until told to stop.
//!
//! Every table has a reader that asks for changes when a notice says so, and from time to time
//! without one, because notices get lost. Every map has a worker that applies what is due, and reads
//! existing rows where that is still to be done. One task takes up orders. Nobody waits for the other
//! side's users, and nobody holds more than one round in memory.

use crate::core::Core;
use crate::engine::{Engine, is_passing, until};
use crate::error::EngineError;
use crate::error_class::ErrorClass;
use crate::progress::Event;
use crate::project::TableUse;
use crate::resolve::UNOWNED;
use duet_map::CompiledMap;
use duet_map::side::Side;
use duet_store::StoreError;
use duet_systems::Class;
use futures::future::{BoxFuture, Either, FutureExt, select, select_all};
use futures::stream::{FuturesUnordered, StreamExt};
use std::time::Duration;
use tokio::sync::watch;

/// Turns true when the engine should stop.
pub(crate) type Stop = watch::Receiver<bool>;

impl Engine {
    /// Keeps both sides in step until `stop` turns true or its sender is gone. A project that was
    /// never synced is synced first. Ends with an error only when the store fails.
    pub async fn run(&self, stop: Stop) -> Result<(), EngineError> {
        let outcome = self.session(stop).await;
        self.core.show_ended().await?;
        outcome
    }

    /// As [`Self::run`], but says nothing about the end: another session may follow.
    pub(crate) async fn session(&self, stop: Stop) -> Result<(), EngineError> {
        let core = &self.core;
        if self.is_fresh().await? {
            let mut stopped = stop.clone();
            let sync = self.sync_patiently(stop.clone()).boxed();
            let halt = stopped.wait_for(|stop| *stop).boxed();
            match select(sync, halt).await {
                Either::Left((synced, _)) => synced?,
                Either::Right(_) => return Ok(()),
            }
        }
        if !self.prepared(stop.clone()).await? {
            return Ok(());
        }
        core.progress.report(Event::Live);

        let mut tasks: FuturesUnordered<BoxFuture<'_, Result<(), EngineError>>> =
            FuturesUnordered::new();
        for side in Side::BOTH {
            for used in core.project.tables(side) {
                tasks.push(self.reader(side, used, stop.clone()).boxed());
            }
            tasks.push(self.notices(side, stop.clone()).boxed());
            tasks.push(self.sweeper(side, stop.clone()).boxed());
        }
        for map in core.project.maps() {
            tasks.push(self.worker(map, stop.clone()).boxed());
        }
        tasks.push(self.whole_reader(stop.clone()).boxed());
        tasks.push(self.keeper(stop.clone()).boxed());
        tasks.push(self.rechecker(stop.clone()).boxed());

        let mut outcome = Ok(());
        while let Some(ended) = tasks.next().await {
            if ended.is_err() {
                outcome = ended;
                break;
            }
        }
        outcome
    }

    /// The first sync of a project that runs: a side that is down is waited for.
    async fn sync_patiently(&self, mut stop: Stop) -> Result<(), EngineError> {
        let mut failures = 0;
        loop {
            match self.sync().await {
                Ok(_) => return Ok(()),
                Err(error) => {
                    let pause = self.core.endure(None, error, &mut failures)?;
                    self.core.pause(pause, None, &mut stop).await;
                }
            }
        }
    }

    /// Stores what the maps mean and takes up what is wanted of them, as soon as there is room for
    /// that. Returns whether to go on: false when asked to stop.
    async fn prepared(&self, mut stop: Stop) -> Result<bool, EngineError> {
        let core = &self.core;
        let mut failures = 0;
        while !*stop.borrow() {
            let prepared = async {
                core.define_maps(true).await?;
                core.take_up().await
            };
            match prepared.await {
                Ok(()) => return Ok(true),
                Err(error) => {
                    let pause = core.endure(None, error, &mut failures)?;
                    core.pause(pause, None, &mut stop).await;
                }
            }
        }
        Ok(false)
    }

    /// Reads one table's changes for as long as the engine runs.
    async fn reader(&self, side: Side, used: &TableUse, mut stop: Stop) -> Result<(), EngineError> {
        let core = &self.core;
        let mut failures = 0;
        let mut faulty = false;
        while !*stop.borrow() {
            let pause = if core.is_read(used) {
                match self.catch_up(side, used).await {
                    Ok(()) => {
                        core.recovered(side);
                        failures = 0;
                        if std::mem::take(&mut faulty) {
                            core.set_fault(core.maps_of(used), None).await?;
                        }
                        core.settings.poll_every
                    }
                    Err(error) => {
                        if is_lasting(&error) {
                            faulty = true;
                            let text = error.to_string();
                            core.set_fault(core.maps_of(used), Some(&text)).await?;
                        }
                        core.endure(None, error, &mut failures)?
                    }
                }
            } else {
                core.settings.poll_every
            };
            let looked = core.table_work[side]
                .get(&used.table)
                .map(|work| work.notified().boxed());
            core.pause(pause, looked, &mut stop).await;
        }
        Ok(())
    }

    /// Looks after webhooks' notices.
    async fn notices(&self, side: Side, mut stop: Stop) -> Result<(), EngineError> {
        let core = &self.core;
        let mut failures = 0;
        while !*stop.borrow() {
            let pause = match core.capture_notices(side).await {
                Ok(0) => {
                    failures = 0;
                    core.settings.poll_every
                }
                Ok(_) => continue,
                Err(error) => core.endure(None, error, &mut failures)?,
            };
            let called = core.notice_work[side].notified().boxed();
            core.pause(pause, Some(called), &mut stop).await;
        }
        Ok(())
    }

    /// Applies one map's changes for as long as the engine runs.
    async fn worker(&self, map: &CompiledMap, mut stop: Stop) -> Result<(), EngineError> {
        let core = &self.core;
        let mut failures = 0;
        while !*stop.borrow() {
            let pause = if !core.lifecycle.applies(map.id()) {
                core.settings.poll_every
            } else if let Some(rest) = core.rest() {
                // Both sides are needed; changes queue until both answer.
                rest
            } else {
                match core.round(map).await {
                    Ok(0) => {
                        failures = 0;
                        core.caught_up(map.id()).await?;
                        match core.store.next_due(map.id()).await? {
                            Some(due) => until(core.clock.now(), due).min(core.settings.poll_every),
                            None => core.settings.poll_every,
                        }
                    }
                    Ok(_) => {
                        core.set_fault(std::iter::once(map.id()), None).await?;
                        continue;
                    }
                    Err(error) => {
                        if is_lasting(&error) {
                            let text = error.to_string();
                            let one = std::iter::once(map.id());
                            core.set_fault(one, Some(&text)).await?;
                        }
                        core.endure(Some(map.id()), error, &mut failures)?
                    }
                }
            };
            let work = core
                .map_work
                .get(map.id())
                .map(|work| work.notified().boxed());
            core.pause(pause, work, &mut stop).await;
        }
        Ok(())
    }

    /// Reads existing rows for maps that are new, have new fields or companies, or were stopped.
    async fn whole_reader(&self, mut stop: Stop) -> Result<(), EngineError> {
        let core = &self.core;
        let mut failures = 0;
        while !*stop.borrow() {
            let mut pause = core.settings.poll_every;
            for map in core.project.maps() {
                if *stop.borrow() {
                    return Ok(());
                }
                if !core.lifecycle.wants_reading(map.id()) {
                    continue;
                }
                let read = async {
                    let since = core.lifecycle.reads_since(map.id());
                    if !self.read_existing(map, &stop).await? {
                        return Ok(false);
                    }
                    core.settings.failpoints.reach("map-read-whole");
                    core.was_read_whole(map.id(), since).await?;
                    Ok(true)
                };
                match read.await {
                    Ok(true) => {}
                    Ok(false) => return Ok(()),
                    Err(error) => {
                        pause = core.endure(Some(map.id()), error, &mut failures)?;
                        break;
                    }
                }
                failures = 0;
            }
            let ordered = core.whole_work.notified().boxed();
            core.pause(pause, Some(ordered), &mut stop).await;
        }
        Ok(())
    }

    /// Takes up orders and answers alerts.
    async fn keeper(&self, mut stop: Stop) -> Result<(), EngineError> {
        let core = &self.core;
        let mut failures = 0;
        while !*stop.borrow() {
            let kept = async {
                core.answer_alerts().await?;
                core.try_paused().await?;
                core.take_up().await
            };
            let pause = match kept.await {
                Ok(()) => {
                    failures = 0;
                    core.whole_work.notify_one();
                    let trial = core.lifecycle.next_trial();
                    trial.map_or(core.settings.poll_every, |at| {
                        until(core.clock.now(), at).min(core.settings.poll_every)
                    })
                }
                Err(error) => core.endure(None, error, &mut failures)?,
            };
            let ordered = core.lifecycle.orders.notified().boxed();
            core.pause(pause, Some(ordered), &mut stop).await;
        }
        Ok(())
    }

    /// Compares key sets of a side from time to time, where that is the only way to learn of deletions.
    async fn sweeper(&self, side: Side, mut stop: Stop) -> Result<(), EngineError> {
        let core = &self.core;
        let mut failures = 0;
        while !*stop.borrow() {
            let mut pause = core.settings.sweep_every;
            for used in core.project.tables(side) {
                if *stop.borrow() {
                    return Ok(());
                }
                if !core.is_read(used) {
                    continue;
                }
                let swept = async {
                    if core.wants_sweep(side, used).await? {
                        core.sweep(side, used).await?;
                    }
                    Ok(())
                };
                if let Err(error) = swept.await {
                    pause = core.endure(None, error, &mut failures)?;
                    break;
                }
            }
            core.pause(pause, None, &mut stop).await;
        }
        Ok(())
    }

    /// Tries look-ups again that no map of this project will ever answer.
    async fn rechecker(&self, mut stop: Stop) -> Result<(), EngineError> {
        let core = &self.core;
        let mut failures = 0;
        let mut begun = false;
        while !*stop.borrow() {
            let checked = async {
                if !begun {
                    core.release_left_waiting().await?;
                    begun = true;
                }
                core.recheck().await
            };
            let pause = match checked.await {
                Ok(()) => core.settings.recheck_every,
                Err(error) => core.endure(None, error, &mut failures)?,
            };
            core.pause(pause, None, &mut stop).await;
        }
        Ok(())
    }
}

impl Core {
    /// Makes changes pending again that wait for what nobody reports.
    pub(crate) async fn recheck(&self) -> Result<(), EngineError> {
        self.forget_old_conflicts().await?;
        let tokens: Vec<String> = self
            .store
            .awaited()
            .await?
            .into_iter()
            .map(|(token, _)| token)
            .filter(|token| token.starts_with(UNOWNED))
            .collect();
        if !tokens.is_empty() && self.store.release(&tokens, self.clock.now()).await? > 0 {
            self.wake_all_maps();
        }
        Ok(())
    }

    /// A process that dies just after it parked a change leaves it waiting for a key that may have
    /// arrived meanwhile. Once, when work begins, everything awaited is looked for.
    pub(crate) async fn release_left_waiting(&self) -> Result<(), EngineError> {
        let awaited = self.store.awaited().await?;
        let tokens = awaited.into_iter().map(|(token, _)| token);
        let owned: Vec<String> = tokens.filter(|token| !token.starts_with(UNOWNED)).collect();
        for some in owned.chunks(self.settings.round.max(1)) {
            self.release_arrived(some.to_vec()).await?;
        }
        Ok(())
    }

    /// The maps that mention a table.
    fn maps_of<'a>(&'a self, used: &'a TableUse) -> impl Iterator<Item = &'a str> {
        let maps = self.project.maps();
        used.maps
            .iter()
            .filter_map(|place| maps.get(*place))
            .map(|map| map.id())
    }

    /// Whether any map wants a table's changes.
    fn is_read(&self, used: &TableUse) -> bool {
        self.maps_of(used).any(|map| self.lifecycle.captures(map))
    }

    /// What a task does about an error: only a broken store ends the engine. A side that is down or
    /// busy is waited for, and so is a disk that is full; what looks as if a schema had changed is
    /// looked into, and tried again patiently. Returns how long to wait.
    fn endure(
        &self,
        map: Option<&str>,
        error: EngineError,
        failures: &mut u32,
    ) -> Result<Duration, EngineError> {
        let tried = *failures;
        *failures = failures.saturating_add(1);
        match error {
            EngineError::System {
                side, ref source, ..
            } => {
                self.trouble(side, error.to_string());
                let class = ErrorClass::of(source);
                self.count_error(
                    map.filter(|_| !class.is_some_and(ErrorClass::is_of_side)),
                    class,
                );
                if is_lasting(&error) {
                    self.lifecycle.suspicion.notify_one();
                    return Ok(self.settings.retry_at_most);
                }
                Ok(self.backoff(tried, source.retry_after))
            }
            EngineError::Store(StoreError::Full { .. }) => {
                tracing::error!(%error, "waiting for room");
                self.progress.report(Event::StoreTrouble {
                    message: error.to_string(),
                });
                Ok(self.backoff(tried, None))
            }
            error @ EngineError::Store(_) => Err(error),
        }
    }

    /// Waits for a while, for work, or for the end, whichever comes first.
    pub(crate) async fn pause(
        &self,
        duration: Duration,
        work: Option<BoxFuture<'_, ()>>,
        stop: &mut Stop,
    ) {
        let mut waits: Vec<BoxFuture<'_, ()>> = vec![
            self.clock.sleep(duration),
            stop.wait_for(|stop| *stop).map(drop).boxed(),
        ];
        waits.extend(work);
        select_all(waits).await;
    }
}

/// Whether waiting does not mend the error of a side.
fn is_lasting(error: &EngineError) -> bool {
    matches!(error, EngineError::System { source, .. }
        if !is_passing(source) && source.class != Class::FixAccess)
}
