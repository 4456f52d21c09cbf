//! Live sync: readers, notices, workers and the comparison of key sets, until told to stop.
//!
//! Every table has a reader that asks for changes when a notice says so, and from time to time
//! without one, because notices get lost. Every map has a worker that applies what is due. Nobody
//! waits for the other side's users, and nobody holds more than one round in memory.

use crate::core::Core;
use crate::engine::{Engine, is_passing, until};
use crate::error::EngineError;
use crate::progress::Event;
use crate::project::TableUse;
use crate::resolve::UNOWNED;
use duet_map::CompiledMap;
use duet_map::side::Side;
use duet_store::store::MapState;
use futures::future::{BoxFuture, Either, FutureExt, select, select_all};
use futures::stream::{FuturesUnordered, StreamExt};
use std::time::Duration;
use tokio::sync::watch;

/// Turns true when the engine should stop.
type Stop = watch::Receiver<bool>;

impl Engine {
    /// Keeps both sides in step until `stop` turns true or its sender is gone. A project that was
    /// never synced is synced first. Ends with an error only when the store fails or a side refuses
    /// what no waiting mends.
    pub async fn run(&self, stop: Stop) -> Result<(), EngineError> {
        if !self.is_synced().await? {
            let mut stopped = stop.clone();
            let sync = self.sync_patiently(stop.clone()).boxed();
            let halt = stopped.wait_for(|stop| *stop).boxed();
            match select(sync, halt).await {
                Either::Left((synced, _)) => synced?,
                Either::Right(_) => return Ok(()),
            }
        }
        self.enter(MapState::Running).await?;
        self.core.progress.report(Event::Live);

        let mut tasks: FuturesUnordered<BoxFuture<'_, Result<(), EngineError>>> =
            FuturesUnordered::new();
        for side in Side::BOTH {
            for used in self.core.project.tables(side) {
                tasks.push(self.reader(side, used, stop.clone()).boxed());
            }
            tasks.push(self.notices(side, stop.clone()).boxed());
            if !self.core.systems[side].reports_deletes() {
                tasks.push(self.sweeper(side, stop.clone()).boxed());
            }
        }
        for map in self.core.project.maps() {
            tasks.push(self.worker(map, stop.clone()).boxed());
        }
        tasks.push(self.rechecker(stop.clone()).boxed());

        let mut outcome = Ok(());
        while let Some(ended) = tasks.next().await {
            if ended.is_err() {
                outcome = ended;
                break;
            }
        }
        drop(tasks);
        self.enter(MapState::NotRunning).await?;
        outcome
    }

    /// The first sync of a project that runs: a side that is down is waited for.
    async fn sync_patiently(&self, mut stop: Stop) -> Result<(), EngineError> {
        let mut failures = 0;
        loop {
            match self.sync().await {
                Ok(_) => return Ok(()),
                Err(error) => {
                    let pause = self.core.endure(error, &mut failures)?;
                    self.core.pause(pause, None, &mut stop).await;
                }
            }
        }
    }

    /// Reads one table's changes for as long as the engine runs.
    async fn reader(&self, side: Side, used: &TableUse, mut stop: Stop) -> Result<(), EngineError> {
        let core = &self.core;
        let mut failures = 0;
        while !*stop.borrow() {
            let pause = match self.catch_up(side, used).await {
                Ok(()) => {
                    core.recovered(side);
                    failures = 0;
                    core.settings.poll_every
                }
                Err(error) => core.endure(error, &mut failures)?,
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
                Err(error) => core.endure(error, &mut failures)?,
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
            let pause = match core.round(map).await {
                Ok(0) => {
                    failures = 0;
                    match core.store.next_due(map.id()).await? {
                        Some(due) => until(core.clock.now(), due).min(core.settings.poll_every),
                        None => core.settings.poll_every,
                    }
                }
                Ok(_) => continue,
                Err(error) => core.endure(error, &mut failures)?,
            };
            let work = core
                .map_work
                .get(map.id())
                .map(|work| work.notified().boxed());
            core.pause(pause, work, &mut stop).await;
        }
        Ok(())
    }

    /// Compares key sets of a side that does not report deletions.
    async fn sweeper(&self, side: Side, mut stop: Stop) -> Result<(), EngineError> {
        let core = &self.core;
        let mut failures = 0;
        while !*stop.borrow() {
            let mut pause = core.settings.sweep_every;
            for used in core.project.tables(side) {
                if *stop.borrow() {
                    return Ok(());
                }
                if let Err(error) = core.sweep(side, used).await {
                    pause = core.endure(error, &mut failures)?;
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
        while !*stop.borrow() {
            core.recheck().await?;
            core.pause(core.settings.recheck_every, None, &mut stop)
                .await;
        }
        Ok(())
    }
}

impl Core {
    /// Makes changes pending again that wait for what nobody reports.
    pub(crate) async fn recheck(&self) -> Result<(), EngineError> {
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

    /// What a task does about an error: a system that is down or busy is waited for, everything
    /// else ends the engine. Returns how long to wait.
    fn endure(&self, error: EngineError, failures: &mut u32) -> Result<Duration, EngineError> {
        match error {
            EngineError::System {
                side, ref source, ..
            } if is_passing(source) || source.class == duet_systems::Class::FixAccess => {
                self.trouble(side, error.to_string());
                let pause = self.backoff(*failures, source.retry_after);
                *failures = failures.saturating_add(1);
                Ok(pause)
            }
            error => Err(error),
        }
    }

    /// Waits for a while, for work, or for the end, whichever comes first.
    async fn pause(&self, duration: Duration, work: Option<BoxFuture<'_, ()>>, stop: &mut Stop) {
        let mut waits: Vec<BoxFuture<'_, ()>> = vec![
            self.clock.sleep(duration),
            stop.wait_for(|stop| *stop).map(drop).boxed(),
        ];
        waits.extend(work);
        select_all(waits).await;
    }
}
