//! What every part of the engine shares: project, systems, store, clock and logical time.

use crate::breaker::Guarded;
use crate::clock::{Clock, Steady};
use crate::error::EngineError;
use crate::lifecycle::Lifecycle;
use crate::progress::{Event, Progress};
use crate::project::Project;
use crate::settings::Settings;
use duet_map::side::{PerSide, Side};
use duet_store::Store;
use duet_store::store::LONGEST_PAUSE;
use duet_systems::{System, SystemError};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How many ticks of logical time are set aside at once.
const TICKS: i64 = 1_000_000;

/// The shared state behind an engine.
pub(crate) struct Core {
    pub(crate) project: Project,
    pub(crate) systems: PerSide<Arc<dyn System>>,
    /// The same systems, as those who ask for leave see them.
    breakers: PerSide<Arc<Guarded>>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) lifecycle: Lifecycle,
    /// Wakes who reads existing rows.
    pub(crate) whole_work: Notify,
    /// Wakes the worker of a map.
    pub(crate) map_work: HashMap<String, Notify>,
    /// Wakes the reader of a table.
    pub(crate) table_work: PerSide<HashMap<String, Notify>>,
    /// Wakes whoever looks after a side's notices.
    pub(crate) notice_work: PerSide<Notify>,
    /// Held while a table's changes are read and journaled, so that cursors only move forward.
    reading: PerSide<HashMap<String, tokio::sync::Mutex<()>>>,
    /// Held while changes of a map are applied, and while a person's order ends them otherwise.
    applying: HashMap<String, tokio::sync::Mutex<()>>,
    /// Held while records that lookups miss are created, so that no two rounds create one.
    pub(crate) creating: tokio::sync::Mutex<()>,
    troubled: PerSide<AtomicBool>,
    ticks: Mutex<std::ops::Range<i64>>,
    random: Mutex<StdRng>,
    /// When old conflicts were last looked for.
    pub(crate) last_forgotten: Mutex<Option<jiff::Timestamp>>,
}

impl Core {
    pub(crate) fn new(
        project: Project,
        systems: &PerSide<Arc<dyn System>>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        settings: Settings,
        progress: Arc<dyn Progress>,
        seed: u64,
    ) -> Self {
        let map_work = project
            .maps()
            .iter()
            .map(|map| (map.id().to_owned(), Notify::new()))
            .collect();
        let applying = project
            .maps()
            .iter()
            .map(|map| (map.id().to_owned(), tokio::sync::Mutex::default()))
            .collect();
        let table_work = PerSide::from_fn(|side| {
            project
                .tables(side)
                .iter()
                .map(|used| (used.table.clone(), Notify::new()))
                .collect()
        });
        let reading = PerSide::from_fn(|side| {
            project
                .tables(side)
                .iter()
                .map(|used| (used.table.clone(), tokio::sync::Mutex::new(())))
                .collect()
        });
        let clock = Steady::over(clock);
        let lifecycle = Lifecycle::new(&project, &settings);
        let breakers = PerSide::from_fn(|side| {
            let system = systems[side].clone();
            let pause = settings.retry_after;
            let guarded = Guarded::new(system, clock.clone(), settings.breaker, pause);
            Arc::new(guarded)
        });
        let systems = PerSide::from_fn(|side| breakers[side].clone() as Arc<dyn System>);
        Self {
            lifecycle,
            whole_work: Notify::new(),
            project,
            systems,
            breakers,
            store,
            clock,
            settings,
            progress,
            map_work,
            table_work,
            notice_work: PerSide::default(),
            reading,
            applying,
            creating: tokio::sync::Mutex::default(),
            troubled: PerSide::default(),
            ticks: Mutex::new(0..0),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            last_forgotten: Mutex::default(),
        }
    }

    /// The next moment of logical time: later than every moment handed out before, in this
    /// process and in those before it.
    pub(crate) async fn tick(&self) -> Result<i64, EngineError> {
        loop {
            if let Some(tick) = self.next_reserved() {
                return Ok(tick);
            }
            let first = self.store.reserve_ticks(TICKS).await?;
            let mut ticks = self.ticks.lock().unwrap_or_else(PoisonError::into_inner);
            // Another task may have reserved a later range meanwhile; the later one counts.
            if ticks.end <= first {
                *ticks = first..first + TICKS;
            }
        }
    }

    /// How long there is nothing to be done yet because a side does not answer.
    pub(crate) fn rest(&self) -> Option<Duration> {
        Side::BOTH
            .into_iter()
            .filter_map(|side| self.breakers[side].rest())
            .max()
    }

    fn next_reserved(&self) -> Option<i64> {
        self.ticks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    }

    /// Waits until nobody else reads this table's changes; reading is ours while the guard lives.
    pub(crate) async fn reading(
        &self,
        side: Side,
        table: &str,
    ) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        match self.reading[side].get(table) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }

    /// Waits until no changes of this map are being applied; none are while the guard lives.
    pub(crate) async fn applying(&self, map: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        match self.applying.get(map) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }

    /// Wraps a system's error with what was being done.
    pub(crate) fn failed(
        &self,
        side: Side,
        doing: impl Into<String>,
        source: SystemError,
    ) -> EngineError {
        EngineError::System {
            side,
            name: self.systems[side].name().to_owned(),
            doing: format!("could not {}", doing.into()),
            source: Box::new(source),
        }
    }

    /// Says once that a side is in trouble.
    pub(crate) fn trouble(&self, side: Side, message: String) {
        tracing::warn!(%side, message, "side in trouble");
        if !self.troubled[side].swap(true, Ordering::Relaxed) {
            self.progress.report(Event::Trouble { side, message });
        }
    }

    /// Says once that a side answers again.
    pub(crate) fn recovered(&self, side: Side) {
        if self.troubled[side].swap(false, Ordering::Relaxed) {
            tracing::info!(%side, "side answers again");
            self.progress.report(Event::Recovered { side });
        }
    }

    /// Wakes the worker of a map.
    pub(crate) fn wake_map(&self, map: &str) {
        if let Some(work) = self.map_work.get(map) {
            work.notify_one();
        }
    }

    /// Wakes every map's worker.
    pub(crate) fn wake_all_maps(&self) {
        self.map_work.values().for_each(Notify::notify_one);
    }

    /// The pause before the retry after `attempts` failures: doubling, bounded, with jitter so that
    /// many changes do not come back in one moment.
    pub(crate) fn backoff(&self, attempts: u32, asked: Option<Duration>) -> Duration {
        use rand::RngExt;
        let doubled = self
            .settings
            .retry_after
            .saturating_mul(1_u32.checked_shl(attempts.min(16)).unwrap_or(u32::MAX))
            .min(self.settings.retry_at_most);
        let jitter = self
            .random
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .random_range(0.75..1.25_f64);
        let pause = asked.unwrap_or_default().max(doubled.mul_f64(jitter));
        pause.min(LONGEST_PAUSE)
    }
}
