//! Bugs on purpose, to test the checkers: what would be noticed if the engine did this?
//!
//! A mutation sits between the engine and its store or systems and makes them behave as if the
//! engine had the bug. Each must be caught by a checker within a few hundred seeds.

use crate::plan::Plan;
use async_trait::async_trait;
use duet_engine::alerts::Rule;
use duet_map::record::{Record, RecordId};
use duet_map::schema::TableSchema;
use duet_store::change::{ChangeKind, ParkReason};
use duet_store::pair::{Pair, PairState};
use duet_store::settlement::{Outcome, PairWrite, Settlement};
use duet_store::store::Capture;
use duet_systems::{
    Changes, ChangesRequest, Cursor, Find, Found, Notice, Page, Seen, SnapshotRequest, System,
    SystemError, Write, Written,
};
use std::sync::Arc;

/// A bug on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// A settlement does not move the image of the record that was written.
    ForgetImage,
    /// The cursor is saved in a transaction of its own, before the changes.
    CursorFirst,
    /// Intents of creates are not made durable.
    DropIntent,
    /// Intents of updates are not made durable.
    DropUpdateIntent,
    /// Nothing tells which rows are older than our own last write.
    SkipFreshness,
    /// A write does not say which version it was merged against.
    BlindWrite,
    /// Conflicts are not recorded.
    SwallowConflict,
    /// A change that has to wait for a person ends as an echo.
    SilentPark,
    /// One change of a read with several is not journaled.
    LoseChange,
    /// Nothing is released when a key arrives.
    NoRelease,
    /// A record whose read failed counts as absent.
    GuessAbsence,
    /// Every update is sent twice.
    WriteTwice,
    /// Deletions in a list of changes are overlooked.
    OverlookDeletes,
    /// A deleted pair is kept as if it stood.
    ForgetTombstone,
    /// The books miss one change.
    Miscount,
    /// When the store is full, the cursor is saved and the changes are not.
    HalfTransaction,
    /// Nothing counts how often the two sides rewrite each other.
    NoBrake,
    /// A map counts as read whole whatever happened to it.
    SkipReading,
    /// What queued while a map was paused is discarded although nobody said so.
    DiscardQueue,
    /// A pair keeps its key when both its records get another one.
    ForgetRename,
    /// However many deletions wait, the brake lets them pass.
    IgnoreBrake,
    /// Nobody notices that a column is not there any more.
    OverlookDrift,
    /// One map that cannot run keeps the others from running, too.
    PauseAll,
    /// A rule fires one error too early.
    EagerRule,
    /// A rule fires one error too late.
    LateRule,
    /// What a rule orders is not done.
    DisobeyRule,
    /// A round takes everything that is pending.
    WholeQueue,
}

impl Mutation {
    /// Every one.
    pub const ALL: [Self; 27] = [
        Self::ForgetImage,
        Self::CursorFirst,
        Self::DropIntent,
        Self::DropUpdateIntent,
        Self::SkipFreshness,
        Self::BlindWrite,
        Self::SwallowConflict,
        Self::SilentPark,
        Self::LoseChange,
        Self::NoRelease,
        Self::GuessAbsence,
        Self::WriteTwice,
        Self::OverlookDeletes,
        Self::ForgetTombstone,
        Self::Miscount,
        Self::HalfTransaction,
        Self::NoBrake,
        Self::SkipReading,
        Self::DiscardQueue,
        Self::ForgetRename,
        Self::IgnoreBrake,
        Self::OverlookDrift,
        Self::PauseAll,
        Self::EagerRule,
        Self::LateRule,
        Self::DisobeyRule,
        Self::WholeQueue,
    ];

    /// The plan of a seed that can show the bug.
    pub fn plan(self, seed: u64) -> Plan {
        match self {
            Self::ForgetRename => Plan::with_keys(seed),
            Self::DropIntent => Plan::with_deaths_in_writes(seed),
            Self::EagerRule | Self::LateRule | Self::DisobeyRule => Plan::with_rules(seed),
            _ => Plan::new(seed),
        }
    }

    /// Spoils the rules that the engine counts by.
    pub(crate) fn spoil_rules(self, rules: &mut [Rule]) {
        for rule in rules {
            match self {
                Self::EagerRule => rule.when.count = rule.when.count.saturating_sub(1).max(1),
                Self::LateRule => rule.when.count += 1,
                _ => {}
            }
        }
    }

    /// Spoils what is about to be journaled.
    pub(crate) fn spoil_capture(self, capture: &mut Capture) {
        match self {
            Self::LoseChange if capture.changes.len() > 3 => {
                capture.changes.pop();
            }
            Self::SkipFreshness => {
                for change in &mut capture.changes {
                    change.tick = i64::MAX;
                    if let ChangeKind::Upsert {
                        version: Some(version),
                        ..
                    } = &mut change.kind
                    {
                        version.ordinal = None;
                    }
                }
            }
            _ => {}
        }
    }

    /// Spoils a settlement; `before` is its pair as it stands.
    pub(crate) fn spoil_settlement(self, settlement: &mut Settlement, before: Option<&Pair>) {
        match self {
            Self::SwallowConflict => settlement.conflict = None,
            Self::NoRelease => settlement.provides.clear(),
            Self::SilentPark => {
                if let Outcome::Parked { park, .. } = &settlement.outcome
                    && park.reason != ParkReason::WaitingForKey
                {
                    settlement.outcome = Outcome::Echoed;
                }
            }
            Self::ForgetImage => {
                if let (PairWrite::Update { body, .. }, Some(before)) =
                    (&mut settlement.pair, before)
                {
                    for side in duet_map::side::Side::BOTH {
                        body.halves[side].image = before.body.halves[side].image.clone();
                    }
                }
            }
            Self::ForgetRename => {
                if let (PairWrite::Update { body, .. }, Some(before)) =
                    (&mut settlement.pair, before)
                {
                    body.key = before.body.key.clone();
                }
            }
            Self::NoBrake => {
                if let PairWrite::Update { body, .. } = &mut settlement.pair {
                    body.bounces = 0;
                }
            }
            Self::ForgetTombstone => {
                if let (PairWrite::Update { body, .. }, Some(before)) =
                    (&mut settlement.pair, before)
                    && body.state == PairState::Deleted
                {
                    body.state = before.body.state;
                }
            }
            _ => {}
        }
    }
}

/// A system that the engine with the bug speaks to.
pub struct MutatedSystem {
    inner: Arc<dyn System>,
    mutation: Mutation,
}

impl MutatedSystem {
    /// Puts a bug between the engine and a system.
    pub fn new(inner: Arc<dyn System>, mutation: Mutation) -> Self {
        Self { inner, mutation }
    }
}

#[async_trait]
impl System for MutatedSystem {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn checks_versions(&self) -> bool {
        self.inner.checks_versions()
    }

    fn accepts_ids(&self) -> bool {
        self.inner.accepts_ids()
    }

    fn reports_deletes(&self) -> bool {
        self.inner.reports_deletes()
    }

    async fn probe(&self) -> Result<(), SystemError> {
        self.inner.probe().await
    }

    async fn schema(&self, table: &str) -> Result<TableSchema, SystemError> {
        self.inner.schema(table).await
    }

    async fn snapshot(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        self.inner.snapshot(request).await
    }

    async fn changes_from_now(
        &self,
        table: &str,
        columns: &[String],
    ) -> Result<Cursor, SystemError> {
        self.inner.changes_from_now(table, columns).await
    }

    async fn changes(&self, request: &ChangesRequest) -> Result<Changes, SystemError> {
        let mut changes = self.inner.changes(request).await?;
        if self.mutation == Mutation::OverlookDeletes {
            changes
                .seen
                .retain(|seen| !matches!(seen, Seen::Deleted(_)));
        }
        Ok(changes)
    }

    async fn fetch(
        &self,
        table: &str,
        columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError> {
        match self.inner.fetch(table, columns, ids).await {
            Err(_) if self.mutation == Mutation::GuessAbsence => Ok(vec![None; ids.len()]),
            answer => answer,
        }
    }

    fn read_notice(&self, body: &[u8]) -> Result<Vec<Notice>, SystemError> {
        self.inner.read_notice(body)
    }

    async fn find(
        &self,
        table: &str,
        columns: &[String],
        finds: &[Find],
    ) -> Result<Vec<Found>, SystemError> {
        self.inner.find(table, columns, finds).await
    }

    async fn keys(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        self.inner.keys(request).await
    }

    async fn write(
        &self,
        table: &str,
        columns: &[String],
        mut writes: Vec<Write>,
    ) -> Vec<Result<Written, SystemError>> {
        if self.mutation == Mutation::BlindWrite {
            for write in &mut writes {
                if let Write::Update { if_version, .. } | Write::Delete { if_version, .. } = write {
                    *if_version = None;
                }
            }
        }
        if self.mutation == Mutation::WriteTwice {
            let mut again = writes.clone();
            for write in &mut again {
                if let Write::Update { if_version, .. } = write {
                    *if_version = None;
                }
            }
            self.inner.write(table, columns, writes).await;
            return self.inner.write(table, columns, again).await;
        }
        self.inner.write(table, columns, writes).await
    }
}
