//! The one trait that the store is seen through.

use crate::accounting::AuditLine;
use crate::change::{Amendment, Change, NewChange, Park, ParkReason, Parked, ParkedFilter};
use crate::conflict::{Conflict, ConflictFilter, Decision, NewConflict};
use crate::error::StoreError;
use crate::health::Health;
use crate::intent::Intent;
use crate::lifecycle::{Alert, Definition, Forget, Order};
use crate::pair::Pair;
use crate::settlement::{Settled, Settlement};
use async_trait::async_trait;
use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// Longest that a change is postponed. One that says otherwise was postponed by a clock that was wrong.
pub const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What one read of a system puts into the store, in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capture {
    /// The changes that the read showed, one for each map that mentions the table.
    pub changes: Vec<NewChange>,
    /// Cursors to save, by name (`live:right:accounts`); `None` forgets one.
    pub cursors: Vec<(String, Option<String>)>,
    /// Notices that the read has looked after.
    pub notices: Vec<i64>,
    /// Record identifiers that a comparison of key sets has seen, by its name. The first one begins
    /// the comparison; an empty one before the first read leaves no gap between the two.
    pub sweep_seen: Option<(String, Vec<RecordId>)>,
}

/// A notice that waits to be looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredNotice {
    /// Its number.
    pub id: i64,
    /// The side it came from.
    pub side: Side,
    /// The table to look at.
    pub table: String,
    /// The record to look at; `None`: the table's changes.
    pub record: Option<RecordId>,
}

/// The state of a map's operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MapState {
    /// Nothing travels.
    NotRunning,
    /// Existing rows travel.
    InitialSync,
    /// Changes that queued meanwhile travel.
    CatchUp,
    /// New changes travel.
    Running,
    /// Changes queue.
    Paused,
    /// Changes queue because of an error.
    ErrorPaused,
}

/// What the store knows of a map's operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MapStatus {
    /// The map.
    pub map: String,
    /// Its state.
    pub state: MapState,
    /// The map's version that runs.
    pub version: String,
    /// Since when.
    pub since: Timestamp,
    /// The error that paused it: code and message.
    pub error: Option<String>,
}

/// What stands in the journal of one record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Whether a change is still to be applied.
    pub pending: bool,
    /// Why a change is parked.
    pub parked: Option<ParkReason>,
}

/// One line of a record's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// The change.
    pub seq: i64,
    /// The map.
    pub map: String,
    /// The side it came from.
    pub side: Side,
    /// The pair's key.
    pub key: Key,
    /// What became of it, in a word (`applied`, `echoed` …).
    pub outcome: String,
    /// Why, or which columns were written.
    pub detail: String,
    /// When it was journaled.
    pub journaled_at: Timestamp,
    /// When it settled.
    pub at: Timestamp,
}

/// A record that was created because a lookup of a change missed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The change.
    pub seq: i64,
    /// What was created, for the change's story: table and key.
    pub told: String,
    /// Tokens of what exists from now on; changes parked for any of them become pending.
    pub provides: Vec<String>,
}

/// The durable store behind the engine.
///
/// Every method is one transaction. `now` comes in because the store has no clock.
#[async_trait]
pub trait Store: Send + Sync {
    /// Claims the store for this process until it ends or drops the store, or fails with
    /// [`StoreError::InUse`]. Claiming again is harmless.
    /// Reading, retrying and resolving need no claim.
    async fn claim(&self) -> Result<(), StoreError>;

    /// Sets aside a range of logical time that nobody else gets and returns its first tick;
    /// later calls return later ranges, after a crash too.
    async fn reserve_ticks(&self, count: i64) -> Result<i64, StoreError>;

    /// A saved cursor by its name.
    async fn cursor(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Journals what a read showed and saves its cursors.
    async fn journal(&self, capture: Capture, now: Timestamp) -> Result<(), StoreError>;

    /// Stores notices; durable before the webhook is answered.
    async fn add_notices(
        &self,
        notices: Vec<(Side, String, Option<RecordId>)>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The oldest notices of a side.
    async fn notices(&self, side: Side, limit: usize) -> Result<Vec<StoredNotice>, StoreError>;

    /// The oldest pending changes of a map that are due, at most `limit`, at most one for each key:
    /// the first side and record of the key in journal order, and of that record the last change,
    /// with the earlier ones it supersedes (parked ones of the same record included). A key with a
    /// change that is postponed beyond `now`, by [`LONGEST_PAUSE`] at most, offers nothing. Asking again before anything settled
    /// answers the same.
    async fn due(&self, map: &str, limit: usize, now: Timestamp)
    -> Result<Vec<Change>, StoreError>;

    /// When the first key of a map that waits for postponed changes is due, to be asked after
    /// [`Store::due`] came back empty. At that time `due` offers it.
    async fn next_due(&self, map: &str) -> Result<Option<Timestamp>, StoreError>;

    /// The newest pending upsert that happened on `side` under each of these keys, if any: what a
    /// whole read of that side saw, before a pair exists. An upsert that a later change of the same
    /// record overrules does not count. What it supersedes is named as in [`Store::due`].
    async fn pending_upserts(
        &self,
        map: &str,
        side: Side,
        keys: &[Key],
    ) -> Result<HashMap<Key, Change>, StoreError>;

    /// The keys under which changes of these records are pending or parked, so that a deletion that
    /// names only the record joins the partition of the record's earlier changes. Where a record has
    /// changes under several keys, the key of its last change.
    async fn pending_keys(
        &self,
        map: &str,
        side: Side,
        records: &[RecordId],
    ) -> Result<HashMap<RecordId, Key>, StoreError>;

    /// The pairs with these keys that are not deleted.
    async fn pairs_by_key(&self, map: &str, keys: &[Key])
    -> Result<HashMap<Key, Pair>, StoreError>;

    /// The pairs that hold these records on a side; the newest deleted pair only when no other does.
    async fn pairs_by_record(
        &self,
        map: &str,
        side: Side,
        records: &[RecordId],
    ) -> Result<HashMap<RecordId, Pair>, StoreError>;

    /// Settles changes in one transaction; a settlement whose pair moved is left out of it.
    /// Answers in the order of `settlements`. Tokens that any of them provides release the parked
    /// changes that wait for one, those of the same batch included.
    async fn settle(
        &self,
        settlements: Vec<Settlement>,
        now: Timestamp,
    ) -> Result<Vec<Settled>, StoreError>;

    /// Makes intents durable before their writes are sent. A second intent of the same change takes
    /// the place of the first.
    async fn add_intents(&self, intents: Vec<Intent>) -> Result<(), StoreError>;

    /// Counts records that were created because lookups of changes missed them, tells the changes'
    /// stories, and makes those changes pending that waited for them.
    async fn created(&self, created: Vec<Created>, now: Timestamp) -> Result<(), StoreError>;

    /// Records conflicts of changes, by their places in the journal, before the writes that settle
    /// them: once a value is written over, nobody can tell any more that it was there. The same
    /// conflict told again, with the settlement too, makes no second record.
    async fn add_conflicts(
        &self,
        conflicts: Vec<(i64, NewConflict)>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// What was sent under these keys of a map and is not known to have arrived or failed, the oldest
    /// first. A settlement that says [`Settlement::writes_known`] ends all intents of its key, and
    /// nothing else does.
    async fn intents(
        &self,
        map: &str,
        keys: &[Key],
    ) -> Result<HashMap<Key, Vec<Intent>>, StoreError>;

    /// The intents of creates for which a side of a map chooses the identifier.
    async fn unnamed_creates(&self, map: &str, to: Side) -> Result<Vec<Intent>, StoreError>;

    /// Pairs of a map, not deleted, whose record on a side a comparison of key sets has not seen, and
    /// which were made before it began. A record whose deletion is in the journal already is left
    /// out: journal what was found and ask again for the next page. A comparison that has not begun
    /// misses nothing. Where `companies` names some, pairs of other companies are no concern of it: nobody
    /// read their records. A key begins with its company.
    async fn sweep_missing(
        &self,
        sweep: &str,
        map: &str,
        side: Side,
        companies: &[String],
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError>;

    /// Forgets what a comparison of key sets has seen.
    async fn end_sweep(&self, sweep: &str) -> Result<(), StoreError>;

    /// How many pairs of a map are not deleted.
    async fn count_pairs(&self, map: &str) -> Result<u64, StoreError>;

    /// Sets the state of a map's operation.
    async fn set_map_status(&self, status: MapStatus) -> Result<(), StoreError>;

    /// The state of every map that ever ran.
    async fn map_statuses(&self) -> Result<Vec<MapStatus>, StoreError>;

    /// Sets what is wanted of maps. [`Order`]s that say nothing out of the ordinary go away.
    async fn set_orders(&self, orders: Vec<Order>) -> Result<(), StoreError>;

    /// What is wanted of maps; those that are not listed run.
    async fn orders(&self) -> Result<Vec<Order>, StoreError>;

    /// The last place in the journal, 0 when it is empty.
    async fn last_place(&self) -> Result<i64, StoreError>;

    /// Parks the oldest pending changes of a map up to a place in the journal, postponed ones too, at
    /// most `limit`. Returns how many.
    async fn hold(
        &self,
        map: &str,
        up_to: i64,
        park: Park,
        limit: usize,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// The definitions that maps' pairs were made with.
    async fn definitions(&self) -> Result<Vec<Definition>, StoreError>;

    /// Sets a map's definition. With `forget`, in the same transaction, the map's pairs forget what it
    /// says, and no version stands for an image.
    async fn define(
        &self,
        definition: Definition,
        forget: Option<Forget>,
    ) -> Result<(), StoreError>;

    /// Keeps an alert that fired.
    async fn add_alert(&self, alert: Alert) -> Result<(), StoreError>;

    /// The last alerts, newest first.
    async fn alerts(&self, limit: usize) -> Result<Vec<Alert>, StoreError>;

    /// Parked changes, oldest first.
    async fn parked(&self, filter: &ParkedFilter, limit: usize) -> Result<Vec<Parked>, StoreError>;

    /// Makes parked changes pending again, with their failures counted afresh; returns how many.
    async fn retry(&self, filter: &ParkedFilter, now: Timestamp) -> Result<u64, StoreError>;

    /// One change with its row, pending or parked.
    async fn change(&self, seq: i64) -> Result<Option<Change>, StoreError>;

    /// Says something about parked changes and makes them pending; `told` is the line of their
    /// story. Returns how many there were.
    async fn amend(
        &self,
        filter: &ParkedFilter,
        amendment: Amendment,
        told: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Ends parked changes as discarded, because a person says so, and releases what waits for these
    /// tokens; returns how many. A deletion that is discarded ends its pair and leaves the other
    /// record alone, or the next whole read would find the deletion once more.
    async fn discard(
        &self,
        filter: &ParkedFilter,
        why: &str,
        provides: Vec<String>,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// What stands in the journal of these records of a side; records of which nothing does are
    /// left out.
    async fn waiting(
        &self,
        map: &str,
        side: Side,
        records: &[RecordId],
    ) -> Result<HashMap<RecordId, Waiting>, StoreError>;

    /// How many deletions of a side stand in the journal that nobody has confirmed, counted up to
    /// `limit`: those that are to be applied, and those that are parked.
    async fn unconfirmed_deletions(
        &self,
        map: &str,
        side: Side,
        limit: u64,
    ) -> Result<u64, StoreError>;

    /// How many deletions of a side were carried out after `since` that nobody has confirmed. Those
    /// before a confirmed one do not count, nor those that are older than a month.
    async fn passed_deletions(
        &self,
        map: &str,
        side: Side,
        since: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Conflict records, newest first.
    async fn conflicts(
        &self,
        filter: &ConflictFilter,
        limit: usize,
    ) -> Result<Vec<Conflict>, StoreError>;

    /// One conflict record.
    async fn conflict(&self, id: i64) -> Result<Option<Conflict>, StoreError>;

    /// The open conflicts of these keys.
    async fn open_conflicts(
        &self,
        map: &str,
        keys: &[Key],
    ) -> Result<HashMap<Key, Conflict>, StoreError>;

    /// Stores a person's decision about an open conflict, journals changes that carry it out and
    /// makes those pending that wait for any of the tokens. `false` when the conflict is not open.
    async fn decide(
        &self,
        id: i64,
        decision: Decision,
        changes: Vec<NewChange>,
        tokens: Vec<String>,
    ) -> Result<bool, StoreError>;

    /// Forgets conflicts that ended before a moment, at most `limit`, never open ones; returns how
    /// many.
    async fn forget_conflicts(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError>;

    /// The story of the records whose key, as people read it, contains the text (case does not
    /// count): the last `limit` lines, oldest first.
    async fn activity(&self, key_contains: &str, limit: usize)
    -> Result<Vec<Activity>, StoreError>;

    /// The accounting, counted afresh for pending and parked.
    async fn audit(&self) -> Result<Vec<AuditLine>, StoreError>;

    /// Tokens that parked changes wait for, with how many wait for each.
    async fn awaited(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Makes every change pending again that waits for any of these tokens, with its failures counted
    /// afresh; returns how many.
    async fn release(&self, tokens: &[String], now: Timestamp) -> Result<u64, StoreError>;

    /// When something was last journaled and last settled, for readiness by progress.
    async fn last_progress(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError>;

    /// The store's size, and how far apply lags behind capture.
    async fn health(&self) -> Result<Health, StoreError>;
}
