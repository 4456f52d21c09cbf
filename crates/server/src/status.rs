//! What the store knows of a project's operation, gathered in one reading.
//!
//! `duet status`, the REST API and the metrics show this same value.

use duet_map::side::Side;
use duet_store::accounting::{AuditLine, Boxes};
use duet_store::conflict::ConflictFilter;
use duet_store::lifecycle::{Alert, Cause, Wanted};
use duet_store::store::{MapState, MapStatus};
use duet_store::{Store, StoreError};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Most conflict records that are counted; a number at this height means "at least".
const CONFLICTS_COUNTED: usize = 10_000;

/// How many alerts are shown.
const ALERTS_SHOWN: usize = 10;

/// A project's operation at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// When it was read.
    pub at: Timestamp,
    /// When a change was last journaled.
    pub last_journaled: Option<Timestamp>,
    /// When a change last settled.
    pub last_settled: Option<Timestamp>,
    /// Bytes of the store, its write-ahead log included.
    pub store_bytes: u64,
    /// Web hook notices that nobody has looked after yet.
    pub notices: u64,
    /// Every map that ever ran or has changes, by name.
    pub maps: Vec<MapFigures>,
    /// The last alerts, newest first.
    pub alerts: Vec<Alert>,
}

/// One map's operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MapFigures {
    /// The map.
    pub map: String,
    /// Its state.
    pub state: MapState,
    /// The version that runs.
    pub version: String,
    /// Since when it is in this state; absent before it first ran.
    pub since: Option<Timestamp>,
    /// The error that paused it.
    pub error: Option<String>,
    /// Live pairs.
    pub pairs: u64,
    /// Age of the oldest pending change, in milliseconds; 0 when none is pending.
    pub lag_ms: u64,
    /// Conflict records.
    pub conflicts: u64,
    /// The boxes of the changes that came from the left.
    pub left: Boxes,
    /// The boxes of the changes that came from the right.
    pub right: Boxes,
}

impl MapFigures {
    /// The boxes of one side's changes.
    pub const fn boxes(&self, side: Side) -> &Boxes {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// Changes of both sides that are still to be applied.
    pub const fn pending(&self) -> u64 {
        self.left.pending + self.right.pending
    }

    /// Changes of both sides that are parked.
    pub const fn parked(&self) -> u64 {
        self.left.parked + self.right.parked
    }
}

impl Status {
    /// Reads the store. `now` comes in because the store has no clock.
    pub async fn read(store: &dyn Store, now: Timestamp) -> Result<Self, StoreError> {
        let (last_journaled, last_settled) = store.last_progress().await?;
        let health = store.health().await?;
        let mut known: BTreeMap<String, Option<MapStatus>> = store
            .map_statuses()
            .await?
            .into_iter()
            .map(|status| (status.map.clone(), Some(status)))
            .collect();
        for order in store.orders().await? {
            // An order counts at once, whether or not a process runs that takes it up.
            let status = known.entry(order.map.clone()).or_default();
            let state = match (order.wanted, order.cause) {
                (Wanted::Run, _) => continue,
                (Wanted::Stop, _) => MapState::NotRunning,
                (Wanted::Pause, Cause::Person) => MapState::Paused,
                (Wanted::Pause, Cause::Alert) => MapState::ErrorPaused,
            };
            let version = status
                .take()
                .map_or_else(String::new, |status| status.version);
            *status = Some(MapStatus {
                map: order.map,
                state,
                version,
                since: order.at,
                error: order.reason,
            });
        }
        let mut boxes: BTreeMap<(String, Side), Boxes> = BTreeMap::new();
        for AuditLine {
            map,
            side,
            boxes: figures,
        } in store.audit().await?
        {
            known.entry(map.clone()).or_default();
            boxes.insert((map, side), figures);
        }
        let mut maps = Vec::with_capacity(known.len());
        for (map, status) in known {
            let oldest = health
                .backlogs
                .iter()
                .filter(|backlog| backlog.map == map)
                .filter_map(|backlog| backlog.oldest_pending)
                .min();
            let lag_ms = oldest.map_or(0, |oldest| {
                u64::try_from(now.duration_since(oldest).as_millis()).unwrap_or(0)
            });
            let conflicts = store
                .conflicts(
                    &ConflictFilter {
                        map: Some(map.clone()),
                        ..ConflictFilter::default()
                    },
                    CONFLICTS_COUNTED,
                )
                .await?
                .len();
            let figures = |side| boxes.get(&(map.clone(), side)).copied().unwrap_or_default();
            maps.push(MapFigures {
                state: status.as_ref().map_or(MapState::NotRunning, |s| s.state),
                version: status
                    .as_ref()
                    .map(|s| s.version.clone())
                    .unwrap_or_default(),
                since: status.as_ref().map(|s| s.since),
                error: status.and_then(|s| s.error),
                pairs: store.count_pairs(&map).await?,
                lag_ms,
                conflicts: conflicts as u64,
                left: figures(Side::Left),
                right: figures(Side::Right),
                map,
            });
        }
        Ok(Self {
            at: now,
            last_journaled,
            last_settled,
            store_bytes: health.database_bytes + health.log_bytes,
            notices: health.notices,
            maps,
            alerts: store.alerts(ALERTS_SHOWN).await?,
        })
    }

    /// The same when no process works on the store: what a process that was killed left as running
    /// does not run.
    #[must_use]
    pub fn at_rest(mut self) -> Self {
        for map in &mut self.maps {
            if !matches!(map.state, MapState::Paused | MapState::ErrorPaused) {
                map.state = MapState::NotRunning;
            }
        }
        self
    }

    /// Changes of all maps that are still to be applied.
    pub fn pending(&self) -> u64 {
        self.maps.iter().map(MapFigures::pending).sum()
    }
}
