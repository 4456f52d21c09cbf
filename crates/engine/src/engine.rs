//! The engine as its callers hold it.

use crate::clock::Clock;
use crate::core::Core;
use crate::error::EngineError;
use crate::live::Stop;
use crate::progress::{Event, Progress};
use crate::project::Project;
use crate::settings::Settings;
use crate::snapshot::SnapshotFigures;
use duet_map::CompiledMap;
use duet_map::side::{PerSide, Side};
use duet_store::Store;
use duet_store::accounting::Boxes;
use duet_store::store::{Capture, MapState, MapStatus};
use duet_systems::{Class, System, SystemError};
use jiff::SignedDuration;
use serde::Serialize;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// What an engine is made of.
pub struct Parts {
    /// The maps.
    pub project: Project,
    /// The two systems.
    pub systems: PerSide<Arc<dyn System>>,
    /// What survives.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What can be set.
    pub settings: Settings,
    /// Who listens.
    pub progress: Arc<dyn Progress>,
    /// The seed of the engine's only randomness: the jitter of its pauses.
    pub seed: u64,
}

/// Keeps two systems in step. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Engine {
    pub(crate) core: Arc<Core>,
}

/// How much of one table a whole read brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableSync {
    /// The side.
    pub side: Side,
    /// The table.
    pub table: String,
    /// Records read.
    pub records: u64,
    /// Missing records whose deletion the brake holds back.
    pub held: u64,
}

/// What one sync did with one map and side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MapSync {
    /// The map.
    pub map: String,
    /// The side its changes came from.
    pub side: Side,
    /// How the boxes grew; pending and parked are how they stand.
    pub boxes: Boxes,
}

/// What an initial sync did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// The whole reads. A table that an interrupted sync had read already is not listed again.
    pub tables: Vec<TableSync>,
    /// The maps in dependency order, each with both sides.
    pub maps: Vec<MapSync>,
}

/// The name of the marker that a sync is going on.
const SYNCING: &str = "sync";

impl Engine {
    /// Puts an engine together. Nothing runs yet.
    pub fn new(parts: Parts) -> Self {
        Self {
            core: Arc::new(Core::new(
                parts.project,
                &parts.systems,
                parts.store,
                parts.clock,
                parts.settings,
                parts.progress,
                parts.seed,
            )),
        }
    }

    /// Claims the store for this process.
    pub async fn claim(&self) -> Result<(), EngineError> {
        Ok(self.core.store.claim().await?)
    }

    /// The project.
    pub fn project(&self) -> &Project {
        &self.core.project
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.core.store
    }

    /// Brings existing rows of both sides together, in dependency order, and goes on where an
    /// interrupted sync stopped. Changes that happen meanwhile are not lost: live sync reads on
    /// from where the whole reads began.
    pub async fn sync(&self) -> Result<SyncReport, EngineError> {
        let core = &self.core;
        core.take_up().await?;
        core.define_maps(false).await?;
        let maps = core.project.maps();
        let since: Vec<_> = maps
            .iter()
            .map(|map| core.lifecycle.reads_since(map.id()))
            .collect();
        let before = self.boxes().await?;
        // What an interrupted sync has read counts only for the maps that it was read for.
        let subject = self.subject();
        if core.store.cursor(SYNCING).await?.as_ref() != Some(&subject) {
            core.forget_snapshots().await?;
            self.mark(Some(&subject)).await?;
        }
        self.enter(MapState::InitialSync).await?;

        let (left, right) = futures::join!(self.read_side(Side::Left), self.read_side(Side::Right));
        let mut report = SyncReport {
            tables: left?,
            maps: Vec::new(),
        };
        report.tables.extend(right?);

        for map in core.project.maps() {
            core.progress.report(Event::ApplyStarted {
                map: map.id().to_owned(),
                pending: self.pending(map).await?,
            });
            self.drain(map).await?;
            core.progress.report(Event::ApplyDone {
                map: map.id().to_owned(),
            });
        }
        // Keys that arrived late released earlier maps' changes.
        self.drain_all().await?;
        for (map, since) in maps.iter().zip(since) {
            core.was_read_whole(map.id(), since).await?;
        }
        self.mark(None).await?;
        core.forget_snapshots().await?;
        self.enter(MapState::CatchUp).await?;

        let after = self.boxes().await?;
        for map in core.project.maps() {
            for side in Side::BOTH {
                let place = (map.id().to_owned(), side);
                let then = before.get(&place).copied().unwrap_or_default();
                let boxes = grown(then, after.get(&place).copied().unwrap_or_default());
                report.maps.push(MapSync {
                    map: place.0,
                    side,
                    boxes,
                });
            }
        }
        Ok(report)
    }

    /// What a sync reads rows for, as a short text: the maps as they are defined and captured now.
    /// Another release may spell it otherwise; then rows are read once more.
    fn subject(&self) -> String {
        let mut hasher = DefaultHasher::new();
        for map in self.core.project.maps() {
            map.file().to_yaml().hash(&mut hasher);
            self.core.lifecycle.captures(map.id()).hash(&mut hasher);
        }
        self.core.project.companies().hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// Whether every table has a place from which its changes are read: whether an initial sync
    /// was ever completed for all of them.
    pub async fn is_synced(&self) -> Result<bool, EngineError> {
        let core = &self.core;
        if core.store.cursor(SYNCING).await?.is_some() {
            return Ok(false);
        }
        for side in Side::BOTH {
            for used in core.project.tables(side) {
                let name = crate::capture::live_cursor(side, &used.table);
                if core.store.cursor(&name).await?.is_none() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether no sync was ever completed: one is going on, or no table has a place from which its
    /// changes are read.
    pub(crate) async fn is_fresh(&self) -> Result<bool, EngineError> {
        let core = &self.core;
        if core.store.cursor(SYNCING).await?.is_some() {
            return Ok(true);
        }
        for side in Side::BOTH {
            for used in core.project.tables(side) {
                let name = crate::capture::live_cursor(side, &used.table);
                if core.store.cursor(&name).await?.is_some() {
                    return Ok(false);
                }
            }
        }
        Ok(!core.project.maps().is_empty())
    }

    /// Reads existing rows for one map while everything else goes on. Returns `false` when it was
    /// asked to stop before the end.
    pub(crate) async fn read_existing(
        &self,
        map: &CompiledMap,
        stop: &Stop,
    ) -> Result<bool, EngineError> {
        let core = &self.core;
        let place = core
            .project
            .maps()
            .iter()
            .position(|other| other.id() == map.id())
            .unwrap_or_default();
        for side in Side::BOTH {
            let name = crate::capture::live_cursor(side, map.table(side));
            let mut stopped = stop.clone();
            while core.store.cursor(&name).await?.is_none() {
                // The reader of a table that nobody read before reads it whole, for this map too.
                if *stopped.borrow() {
                    return Ok(false);
                }
                let pause = core.settings.poll_every;
                core.pause(pause, None, &mut stopped).await;
            }
            if !core.reread(side, place, stop).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Looks at once for new orders in the store.
    pub fn wake(&self) {
        self.core.lifecycle.orders.notify_one();
        self.core.wake_all_maps();
    }

    /// Reads and applies until neither side has anything new and nothing is pending. What waits for
    /// something that nobody reports is tried once more.
    pub async fn quiesce(&self) -> Result<(), EngineError> {
        let core = &self.core;
        core.learn_orders().await?;
        core.release_left_waiting().await?;
        core.recheck().await?;
        loop {
            for side in Side::BOTH {
                while core.capture_notices(side).await? > 0 {}
                for used in core.project.tables(side) {
                    if core.wants_sweep(side, used).await? {
                        core.sweep(side, used).await?;
                    }
                }
                for used in core.project.tables(side) {
                    self.catch_up(side, used).await?;
                }
            }
            if !self.drain_all().await? {
                return Ok(());
            }
        }
    }

    /// Takes in the body of a webhook: durable before this returns. Answers how many notices it
    /// held.
    pub async fn notice(&self, side: Side, body: &[u8]) -> Result<usize, EngineError> {
        let core = &self.core;
        let notices = core.systems[side]
            .read_notice(body)
            .map_err(|error| core.failed(side, "read a webhook's body", error))?;
        let notices: Vec<_> = notices
            .into_iter()
            .filter(|notice| core.project.table(side, &notice.table).is_some())
            .map(|notice| (side, notice.table, notice.record))
            .collect();
        let count = notices.len();
        if count > 0 {
            core.store.add_notices(notices, core.clock.now()).await?;
            core.settings.failpoints.reach("notices-stored");
            core.notice_work[side].notify_one();
        }
        Ok(count)
    }

    /// Reads one table's changes until none are waiting; reads it whole when its cursor is lost.
    pub(crate) async fn catch_up(
        &self,
        side: Side,
        used: &crate::project::TableUse,
    ) -> Result<(), EngineError> {
        loop {
            let more = {
                let _reading = self.core.reading(side, &used.table).await;
                self.core.capture_changes(side, used, Vec::new()).await?
            };
            match more {
                Some(true) => {}
                Some(false) => return Ok(()),
                None => {
                    self.core.snapshot(side, used).await?;
                }
            }
        }
    }

    /// Applies whatever is pending, map after map, until nothing is. Returns whether anything was.
    pub(crate) async fn drain_all(&self) -> Result<bool, EngineError> {
        let mut any = false;
        loop {
            let mut some = false;
            for map in self.core.project.maps() {
                some |= self.drain(map).await?;
            }
            if !some {
                return Ok(any);
            }
            any = true;
        }
    }

    /// Applies a map's pending changes, waiting for those that are postponed.
    async fn drain(&self, map: &CompiledMap) -> Result<bool, EngineError> {
        let core = &self.core;
        let mut any = false;
        let mut failures = 0;
        loop {
            if !core.lifecycle.applies(map.id()) {
                return Ok(any);
            }
            match core.round(map).await {
                Ok(0) => {}
                Ok(_) => {
                    any = true;
                    failures = 0;
                    continue;
                }
                Err(EngineError::System { side, source, .. }) if is_passing(&source) => {
                    core.trouble(side, source.to_string());
                    let pause = core.backoff(failures, source.retry_after);
                    failures += 1;
                    core.clock.sleep(pause).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let Some(due) = core.store.next_due(map.id()).await? else {
                return Ok(any);
            };
            core.clock.sleep(until(core.clock.now(), due)).await;
        }
    }

    async fn read_side(&self, side: Side) -> Result<Vec<TableSync>, EngineError> {
        let core = &self.core;
        let mut tables = Vec::new();
        for used in core.project.tables(side) {
            if core.snapshot_done(side, used).await? {
                continue;
            }
            let mut failures = 0;
            let SnapshotFigures { records, held } = loop {
                match core.snapshot(side, used).await {
                    Ok(figures) => break figures,
                    Err(EngineError::System { source, .. })
                        if is_passing(&source) && failures < core.settings.attempts =>
                    {
                        core.trouble(side, source.to_string());
                        let pause = core.backoff(failures, source.retry_after);
                        failures += 1;
                        core.clock.sleep(pause).await;
                    }
                    Err(error) => return Err(error),
                }
            };
            core.recovered(side);
            tables.push(TableSync {
                side,
                table: used.table.clone(),
                records,
                held,
            });
        }
        Ok(tables)
    }

    async fn mark(&self, value: Option<&str>) -> Result<(), EngineError> {
        let cursors = vec![(SYNCING.to_owned(), value.map(str::to_owned))];
        let capture = Capture {
            cursors,
            ..Capture::default()
        };
        Ok(self
            .core
            .store
            .journal(capture, self.core.clock.now())
            .await?)
    }

    /// Says in the store what the maps are doing.
    pub(crate) async fn enter(&self, state: MapState) -> Result<(), EngineError> {
        let core = &self.core;
        for map in core.project.maps() {
            if !core.lifecycle.begins_anew(map.id()) {
                continue;
            }
            core.store
                .set_map_status(MapStatus {
                    map: map.id().to_owned(),
                    state,
                    version: map.version().to_owned(),
                    since: core.clock.now(),
                    error: None,
                })
                .await?;
        }
        Ok(())
    }

    async fn boxes(&self) -> Result<HashMap<(String, Side), Boxes>, EngineError> {
        let audit = self.core.store.audit().await?;
        Ok(audit
            .into_iter()
            .map(|line| ((line.map, line.side), line.boxes))
            .collect())
    }

    async fn pending(&self, map: &CompiledMap) -> Result<u64, EngineError> {
        let boxes = self.boxes().await?;
        Ok(Side::BOTH
            .into_iter()
            .filter_map(|side| boxes.get(&(map.id().to_owned(), side)))
            .map(|boxes| boxes.pending)
            .sum())
    }
}

fn grown(then: Boxes, now: Boxes) -> Boxes {
    Boxes {
        captured: now.captured.saturating_sub(then.captured),
        applied: now.applied.saturating_sub(then.applied),
        coalesced: now.coalesced.saturating_sub(then.coalesced),
        echoed: now.echoed.saturating_sub(then.echoed),
        filtered: now.filtered.saturating_sub(then.filtered),
        discarded: now.discarded.saturating_sub(then.discarded),
        writes: now.writes.saturating_sub(then.writes),
        parked: now.parked,
        pending: now.pending,
    }
}

/// Whether waiting mends the error.
pub(crate) const fn is_passing(error: &SystemError) -> bool {
    matches!(error.class, Class::Retry | Class::Wait)
}

/// How long it is from now until a moment; nothing for one that has passed.
pub(crate) fn until(now: jiff::Timestamp, moment: jiff::Timestamp) -> Duration {
    let left: SignedDuration = moment.duration_since(now);
    Duration::try_from(left).unwrap_or_default()
}
