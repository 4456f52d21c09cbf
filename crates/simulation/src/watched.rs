//! The store under observation: after every step its books are checked, and nothing that it does
//! goes unseen by the story. Every call lets others go first, before and after, so that the engine
//! may die between two steps as well as between a commit and what follows it.

use crate::checks;
use crate::drift;
use crate::landscape::{CUSTOMERS, KINDS, kind_of};
use crate::memory::{self, Handed};
use crate::mutation::Mutation;
use crate::system::tracked_text;
use crate::timeline::step_aside;
use crate::world::World;
use async_trait::async_trait;
use duet_engine::Clock as _;
use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use duet_store::StoreError;
use duet_store::accounting::AuditLine;
use duet_store::change::{
    Amendment, Change, ChangeKind, NewChange, Park, ParkReason, Parked, ParkedFilter,
};
use duet_store::conflict::{
    Conflict, ConflictFilter, Decision, FieldConflict, NewConflict, OpenConflict,
};
use duet_store::health::Health;
use duet_store::intent::{Intent, Sent};
use duet_store::lifecycle::{Alert, Cause, Definition, Forget, Order, Queue, Wanted};
use duet_store::pair::{Pair, PairBody, PairState};
use duet_store::settlement::{Outcome, PairWrite, Settled, Settlement};
use duet_store::sqlite::SqliteStore;
use duet_store::store::{
    Activity, Capture, Created, MapState, MapStatus, Store, StoredNotice, Waiting,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A store in memory that is checked at every step.
#[derive(Debug)]
pub struct WatchedStore {
    inner: SqliteStore,
    world: Arc<World>,
    mutation: Option<Mutation>,
    captured: AtomicU64,
}

impl WatchedStore {
    /// An empty store.
    pub fn new(world: Arc<World>, mutation: Option<Mutation>) -> Result<Self, StoreError> {
        Ok(Self {
            inner: SqliteStore::open_in_memory()?,
            world,
            mutation,
            captured: AtomicU64::new(0),
        })
    }

    /// Checks that every captured change stands in one box, and that all of them are there.
    async fn check_books(&self) -> Result<(), StoreError> {
        let mut captured = 0;
        for line in self.audit().await? {
            captured += line.boxes.captured;
            if !line.boxes.balances() {
                self.world
                    .ledger()
                    .violated("accounting", format!("{line:?} does not balance"));
            }
        }
        let journaled = self.captured.load(Ordering::Relaxed);
        if captured != journaled {
            self.world.ledger().violated(
                "accounting",
                format!("{journaled} changes were journaled and {captured} are counted"),
            );
        }
        Ok(())
    }

    /// Checks that a table's cursor moves only past what is journaled with it.
    async fn check_cursors(&self, capture: &Capture) -> Result<(), StoreError> {
        for (name, cursor) in &capture.cursors {
            let mut parts = name.splitn(3, ':');
            let (Some("live"), Some(side), Some(table)) =
                (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let (Ok(side), Some(until), Some(since)) =
                (side.parse::<Side>(), cursor, self.inner.cursor(name).await?)
            else {
                continue;
            };
            // The end of a whole read sets the cursor anew; its rows came before.
            if capture
                .cursors
                .iter()
                .any(|(name, _)| name.starts_with("comparing:"))
            {
                continue;
            }
            // For a map that was stopped, or that is to be read whole for another reason, a whole read
            // brings what is not journaled now.
            if self.world.operated && !self.is_whole(side, table).await? {
                continue;
            }
            let journaled: BTreeSet<&RecordId> = capture
                .changes
                .iter()
                .map(|change| &change.record)
                .collect();
            let changed = self
                .world
                .system(side)
                .changed_between(table, &since, until);
            for record in changed {
                if !journaled.contains(&record) {
                    self.world.ledger().violated(
                        "cursor",
                        format!("{name} moved past a change of {record} that is not journaled"),
                    );
                }
            }
        }
        Ok(())
    }

    /// Whether existing rows were read for every map of a table.
    async fn is_whole(&self, side: Side, table: &str) -> Result<bool, StoreError> {
        let definitions = self.inner.definitions().await?;
        let map = kind_of(side, table).map_or("companies", |kind| kind.map);
        Ok(definitions.iter().any(|one| one.map == map && one.whole))
    }

    async fn spoil(
        &self,
        mutation: Mutation,
        settlements: &mut [Settlement],
    ) -> Result<(), StoreError> {
        for settlement in settlements {
            let mut before = None;
            if let PairWrite::Update { id, body, .. } = &settlement.pair {
                for map in ["companies", "terms", "customers"] {
                    let keys = [body.key.clone()];
                    let found = self.inner.pairs_by_key(map, &keys).await?;
                    before = before.or(found.into_values().find(|pair| pair.id == *id));
                    // A pair that gets another key stands under its old one.
                    for side in Side::BOTH {
                        let record = body.halves[side].record.as_slice();
                        let found = self.inner.pairs_by_record(map, side, record).await?;
                        before = before.or(found.into_values().find(|pair| pair.id == *id));
                    }
                }
            }
            mutation.spoil_settlement(settlement, before.as_ref());
        }
        Ok(())
    }

    /// Fails when the disk has no room for a transaction.
    fn room(&self) -> Result<(), StoreError> {
        if self.world.has_room() {
            return Ok(());
        }
        Err(StoreError::Database {
            doing: "write",
            source: "database or disk is full".into(),
        })
    }

    /// What others may do between two steps of an operator, or of the engine on his behalf. Where
    /// nobody operates, there is no such moment.
    async fn pace(&self) -> Result<(), StoreError> {
        if !self.world.operated {
            return Ok(());
        }
        step_aside().await;
        self.room()
    }

    /// The map of a settlement's change.
    async fn map_of(&self, settlement: &Settlement) -> Result<String, StoreError> {
        let change = self.inner.change(settlement.seq).await?;
        Ok(change.map_or_else(String::new, |change| change.change.map))
    }

    /// Notes what stands in records that outlived an earlier pair, or the other record of theirs:
    /// nobody entered it, and yet it counts when they meet another.
    async fn note_survivors(&self, map: &str, pair: &PairBody) -> Result<(), StoreError> {
        for side in Side::BOTH {
            let half = &pair.halves[side];
            let ids: Vec<RecordId> = half.record.iter().cloned().collect();
            let known = self.inner.pairs_by_record(map, side, &ids).await?;
            let other = pair.halves[side.other()].record.as_ref();
            let met_before =
                |known: &Pair| known.body.halves[side.other()].record.as_ref() == other;
            let alive = |known: &Pair| known.body.state != PairState::Deleted;
            if known
                .values()
                .all(|known| alive(known) && met_before(known))
            {
                continue;
            }
            let kind = KINDS.into_iter().find(|kind| kind.map == map);
            let row = kind.zip(ids.first());
            let row = row.and_then(|(kind, id)| self.world.system(side).row(kind.tables[side], id));
            let stands = row.unwrap_or_default().0.into_values();
            let texts = stands.chain(half.image.0.values().cloned());
            let texts = texts.filter_map(|value| tracked_text(&value));
            let texts: Vec<String> = texts.map(|text| text.to_lowercase()).collect();
            self.world.ledger().outlived.extend(texts);
        }
        Ok(())
    }

    /// Counts what our own checks refuse, as rules do.
    async fn count_errors(
        &self,
        settlements: &[Settlement],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let refused = [ParkReason::Validation, ParkReason::Oscillating];
        for settlement in settlements {
            if let Outcome::Parked { park, .. } = &settlement.outcome
                && refused.contains(&park.reason)
            {
                let map = self.map_of(settlement).await?;
                self.world.ledger().rules.error(&map, now);
            }
        }
        Ok(())
    }

    /// Notes that people gave a change up.
    async fn renounce(&self, seq: i64, pair: Option<&PairBody>) -> Result<(), StoreError> {
        let Some(change) = self.inner.change(seq).await? else {
            return Ok(());
        };
        let change = change.change;
        let record = std::slice::from_ref(&change.record);
        let pairs = self
            .inner
            .pairs_by_record(&change.map, change.side, record)
            .await?;
        let ledger = &mut *self.world.ledger();
        let halves = pairs.into_values().flat_map(|pair| {
            let of = |side: Side| {
                Some(format!(
                    "{side} {}",
                    pair.body.halves[side].record.as_ref()?
                ))
            };
            Side::BOTH.map(of)
        });
        let halves = halves.flatten().map(|place| (change.map.clone(), place));
        let mut places = vec![
            (
                change.map.clone(),
                format!("{} {}", change.side, change.record),
            ),
            (change.map.clone(), change.key.0),
        ];
        places.extend(halves);
        places.extend(pair.map(|pair| (change.map.clone(), pair.key.0.clone())));
        ledger.discarded.extend(places.iter().cloned());
        match change.kind {
            ChangeKind::Delete => ledger.spared.extend(places),
            ChangeKind::Upsert { row, .. } => {
                let texts = row.iter().filter_map(|(_, value)| tracked_text(value));
                ledger
                    .renounced
                    .extend(texts.map(|text| text.to_lowercase()));
            }
        }
        Ok(())
    }

    /// Notes whether more deletions of a side wait than may pass at once.
    async fn look_at_the_brake(&self, map: &str, side: Side) -> Result<(), StoreError> {
        let Some(removals) = &self.world.removals else {
            return Ok(());
        };
        let waiting = self
            .inner
            .unconfirmed_deletions(map, side, u64::MAX)
            .await?;
        let pairs = self.inner.count_pairs(map).await?;
        let window = SignedDuration::try_from(removals.window).unwrap_or_default();
        let since = self.world.timeline.now() - window;
        let passed = self.inner.passed_deletions(map, side, since).await?;
        let place = (map.to_owned(), side);
        let braked = &mut self.world.ledger().braked;
        if waiting + passed > removals.most(pairs + passed) {
            braked.insert(place);
        } else {
            braked.remove(&place);
        }
        Ok(())
    }

    /// A deletion that the brake has to hold is not carried out.
    async fn check_brake(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let applied = matches!(settlement.outcome, Outcome::Applied { writes } if writes > 0);
        // A deletion that was seen before Duet's own last write is looked at again, because the record
        // may be there: then it is an edit like any other, and its pair lives.
        let lives = matches!(
            &settlement.pair,
            PairWrite::Insert(body) | PairWrite::Update { body, .. }
                if body.state == PairState::Linked
        );
        if !applied || lives || self.world.removals.is_none() {
            return Ok(());
        }
        let Some(change) = self.inner.change(settlement.seq).await? else {
            return Ok(());
        };
        let change = change.change;
        let place = (change.map.clone(), change.side);
        let ledger = &mut *self.world.ledger();
        // A deletion that a new record has overtaken is none.
        let ended = matches!(&settlement.pair, PairWrite::Update { body, .. }
            if body.state == PairState::Deleted);
        if change.kind == ChangeKind::Delete
            && ended
            && !change.amendment.confirmed
            && ledger.braked.contains(&place)
        {
            let what = format!(
                "{} {} {}: deleted with many others, and nobody confirmed it",
                change.map, change.side, change.record
            );
            ledger.violated("brake", what);
        }
        Ok(())
    }

    fn tell(&self, line: String) {
        let at = self.world.timeline.elapsed().as_secs_f64();
        self.world
            .ledger()
            .story
            .push(format!("{at:>9.3} store {line}"));
    }
}

#[async_trait]
impl Store for WatchedStore {
    async fn claim(&self) -> Result<(), StoreError> {
        self.inner.claim().await
    }

    async fn reserve_ticks(&self, count: i64) -> Result<i64, StoreError> {
        self.inner.reserve_ticks(count).await
    }

    async fn cursor(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.inner.cursor(name).await
    }

    async fn journal(&self, mut capture: Capture, now: Timestamp) -> Result<(), StoreError> {
        step_aside().await;
        if let Err(full) = self.room() {
            if self.mutation != Some(Mutation::HalfTransaction) {
                return Err(full);
            }
            let cursors = Capture {
                cursors: capture.cursors,
                ..Capture::default()
            };
            self.check_cursors(&cursors).await?;
            return self.inner.journal(cursors, now).await;
        }
        if let Some(mutation) = self.mutation {
            mutation.spoil_capture(&mut capture);
        }
        if self.mutation == Some(Mutation::CursorFirst) {
            let cursors = Capture {
                cursors: std::mem::take(&mut capture.cursors),
                ..Capture::default()
            };
            self.check_cursors(&cursors).await?;
            self.inner.journal(cursors, now).await?;
            step_aside().await;
        }
        self.check_cursors(&capture).await?;
        memory::handed(
            &mut self.world.ledger(),
            Handed::Journaled,
            capture.changes.len(),
        );
        for change in &capture.changes {
            self.tell(format!(
                "journaled {} {} {} {:?} at tick {}",
                change.map,
                change.side,
                change.record,
                match &change.kind {
                    duet_store::change::ChangeKind::Delete => "delete".to_owned(),
                    duet_store::change::ChangeKind::Upsert { version, .. } => version
                        .as_ref()
                        .map_or("upsert".to_owned(), |version| format!("v{}", version.tag)),
                },
                change.tick
            ));
        }
        let count = capture.changes.len() as u64;
        self.inner.journal(capture, now).await?;
        if count > 0 {
            self.captured.fetch_add(count, Ordering::Relaxed);
            self.check_books().await?;
        }
        step_aside().await;
        Ok(())
    }

    async fn add_notices(
        &self,
        notices: Vec<(Side, String, Option<RecordId>)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        step_aside().await;
        self.room()?;
        self.inner.add_notices(notices, now).await
    }

    async fn notices(&self, side: Side, limit: usize) -> Result<Vec<StoredNotice>, StoreError> {
        self.inner.notices(side, limit).await
    }

    async fn due(
        &self,
        map: &str,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Change>, StoreError> {
        drift::works(&self.world, map);
        {
            let ledger = &mut *self.world.ledger();
            let mut broken = ledger.rules.overdue(now);
            broken.extend(ledger.rules.works(map));
            ledger.note(broken);
            memory::handed(ledger, Handed::Asked, limit);
        }
        step_aside().await;
        let changes = self.inner.due(map, limit, now).await?;
        memory::handed(&mut self.world.ledger(), Handed::Taken, changes.len());
        Ok(changes)
    }

    async fn next_due(&self, map: &str) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_due(map).await
    }

    async fn pending_upserts(
        &self,
        map: &str,
        side: Side,
        keys: &[Key],
    ) -> Result<HashMap<Key, Change>, StoreError> {
        self.inner.pending_upserts(map, side, keys).await
    }

    async fn pending_keys(
        &self,
        map: &str,
        side: Side,
        records: &[RecordId],
    ) -> Result<HashMap<RecordId, Key>, StoreError> {
        self.inner.pending_keys(map, side, records).await
    }

    async fn pairs_by_key(
        &self,
        map: &str,
        keys: &[Key],
    ) -> Result<HashMap<Key, Pair>, StoreError> {
        self.inner.pairs_by_key(map, keys).await
    }

    async fn pairs_by_record(
        &self,
        map: &str,
        side: Side,
        records: &[RecordId],
    ) -> Result<HashMap<RecordId, Pair>, StoreError> {
        self.inner.pairs_by_record(map, side, records).await
    }

    async fn settle(
        &self,
        mut settlements: Vec<Settlement>,
        now: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        self.count_errors(&settlements, now).await?;
        memory::handed(&mut self.world.ledger(), Handed::Settled, settlements.len());
        step_aside().await;
        self.room()?;
        if let Some(mutation) = self.mutation {
            self.spoil(mutation, &mut settlements).await?;
        }
        for settlement in &settlements {
            self.tell(format!(
                "settles change {} (and {:?}) as {:?}{}{}",
                settlement.seq,
                settlement.supersedes,
                settlement.outcome,
                match &settlement.pair {
                    duet_store::settlement::PairWrite::Keep => String::new(),
                    duet_store::settlement::PairWrite::Insert(body) =>
                        format!(", new pair {} {:?}", body.key, body.state),
                    duet_store::settlement::PairWrite::Update { id, body, .. } =>
                        format!(", pair {id} {} {:?}", body.key, body.state),
                },
                settlement
                    .conflict
                    .as_ref()
                    .map_or_else(String::new, |conflict| format!(
                        ", with a conflict: {}",
                        fields(&conflict.fields)
                    ))
            ));
        }
        for settlement in &settlements {
            let kind = settlement_kind(settlement);
            self.world.ledger().reached("settlement", &kind);
            if let PairWrite::Insert(body) | PairWrite::Update { body, .. } = &settlement.pair {
                let ledger = &mut *self.world.ledger();
                for side in Side::BOTH {
                    let record = body.halves[side].record.as_ref();
                    if let Some(record) = record {
                        ledger.unsettled.remove(&(side, record.0.clone()));
                    }
                    ledger.pages[side]
                        .paired
                        .extend(record.map(|record| record.0.clone()));
                }
            }
        }
        for settlement in &settlements {
            self.check_brake(settlement).await?;
            let map = self.map_of(settlement).await?;
            for conflict in [&settlement.conflict].into_iter().flatten() {
                checks::by_the_rule(&self.world, &map, conflict);
                let what = format!("{:?} by {}", conflict.kind, conflict.policy);
                self.world.ledger().reached("conflict", &what);
            }
            if let OpenConflict::Waits(conflict) = &settlement.open_conflict {
                checks::by_the_rule(&self.world, &map, conflict);
                let what = format!("{:?} waits, by {}", conflict.kind, conflict.policy);
                self.world.ledger().reached("conflict", &what);
            }
            if let Outcome::Parked { park, .. } = &settlement.outcome {
                self.world
                    .ledger()
                    .reached("parked", &format!("{:?}", park.reason));
            }
            if let PairWrite::Insert(body) | PairWrite::Update { body, .. } = &settlement.pair {
                self.note_survivors(&map, body).await?;
            }
            if let Outcome::Discarded(why) = &settlement.outcome {
                let ledger = &mut *self.world.ledger();
                if why.starts_with("discarded when") && !ledger.discards_queues {
                    ledger.violated("discard", format!("nobody said so: {why}"));
                }
            }
            if matches!(&settlement.outcome, Outcome::Discarded(_)) {
                let pair = match &settlement.pair {
                    PairWrite::Insert(body) | PairWrite::Update { body, .. } => Some(body),
                    PairWrite::Keep => None,
                };
                self.renounce(settlement.seq, pair).await?;
            }
        }
        let settled = self.inner.settle(settlements, now).await?;
        if settled.contains(&Settled::PairMoved) {
            self.world
                .ledger()
                .count("settled anew because the pair had moved");
        }
        self.check_books().await?;
        step_aside().await;
        Ok(settled)
    }

    async fn add_intents(&self, mut intents: Vec<Intent>) -> Result<(), StoreError> {
        step_aside().await;
        self.room()?;
        match self.mutation {
            Some(Mutation::DropIntent) => {
                intents.retain(|intent| !matches!(intent.sent, Sent::Create { .. }));
            }
            Some(Mutation::DropUpdateIntent) => {
                intents.retain(|intent| !matches!(intent.sent, Sent::Update { .. }));
            }
            _ => {}
        }
        self.inner.add_intents(intents).await?;
        step_aside().await;
        Ok(())
    }

    async fn add_conflicts(
        &self,
        conflicts: Vec<(i64, NewConflict)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        step_aside().await;
        self.room()?;
        if self.mutation == Some(Mutation::SwallowConflict) {
            return Ok(());
        }
        for (seq, conflict) in &conflicts {
            let fields = conflict.fields.len();
            self.tell(format!(
                "records a conflict of change {seq}, {fields} fields"
            ));
        }
        self.inner.add_conflicts(conflicts, now).await?;
        step_aside().await;
        Ok(())
    }

    async fn intents(
        &self,
        map: &str,
        keys: &[Key],
    ) -> Result<HashMap<Key, Vec<Intent>>, StoreError> {
        self.inner.intents(map, keys).await
    }

    async fn unnamed_creates(&self, map: &str, to: Side) -> Result<Vec<Intent>, StoreError> {
        self.inner.unnamed_creates(map, to).await
    }

    async fn sweep_missing(
        &self,
        sweep: &str,
        map: &str,
        side: Side,
        companies: &[String],
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        self.inner
            .sweep_missing(sweep, map, side, companies, limit)
            .await
    }

    async fn end_sweep(&self, sweep: &str) -> Result<(), StoreError> {
        step_aside().await;
        self.room()?;
        self.inner.end_sweep(sweep).await
    }

    async fn count_pairs(&self, map: &str) -> Result<u64, StoreError> {
        self.inner.count_pairs(map).await
    }

    async fn set_map_status(&self, status: MapStatus) -> Result<(), StoreError> {
        self.pace().await?;
        self.world
            .ledger()
            .reached("state", &format!("{:?}", status.state));
        let orders = self.inner.orders().await?;
        let order = orders.iter().find(|order| order.map == status.map);
        let error = status.error.as_deref().unwrap_or_default();
        let by_rule = error.starts_with("an alert:");
        let rests = order.is_some_and(|order| match (order.wanted, order.cause) {
            (Wanted::Run, _) => false,
            (Wanted::Stop, _) => status.state == MapState::NotRunning,
            (Wanted::Pause, Cause::Alert) => status.state == MapState::ErrorPaused && by_rule,
            (Wanted::Pause, Cause::Person) => status.state == MapState::Paused,
        });
        if rests {
            self.world.ledger().rules.rests(&status.map);
        }
        let runs = order.is_none_or(|order| order.wanted == Wanted::Run);
        if status.state == MapState::ErrorPaused && runs && !by_rule {
            drift::paused(&self.world, &status.map, error);
        }
        self.tell(format!(
            "shows {} as {:?}{}",
            status.map,
            status.state,
            status
                .error
                .as_deref()
                .map_or(String::new(), |error| format!(": {error}"))
        ));
        self.inner.set_map_status(status).await
    }

    async fn map_statuses(&self) -> Result<Vec<MapStatus>, StoreError> {
        self.inner.map_statuses().await
    }

    async fn set_orders(&self, mut orders: Vec<Order>) -> Result<(), StoreError> {
        self.pace().await?;
        let statuses = self.inner.map_statuses().await?;
        for order in &orders {
            let state = statuses.iter().find(|status| status.map == order.map);
            let state = state.map_or("unknown".to_owned(), |one| format!("{:?}", one.state));
            let (wanted, queue) = (order.wanted, order.queue);
            let what = format!("{wanted:?}, {queue:?}, by {:?} while {state}", order.cause);
            self.world.ledger().reached("order", &what);
        }
        if self.mutation == Some(Mutation::DiscardQueue) {
            for order in orders.iter_mut().filter(|one| one.up_to > 0) {
                order.queue = Queue::Discard;
            }
        }
        if self.mutation == Some(Mutation::DisobeyRule) {
            orders.retain(|order| order.cause != Cause::Alert || order.wanted == Wanted::Run);
        }
        self.inner.set_orders(orders.clone()).await?;
        self.world.ledger().rules.ordered(&orders);
        let paced = self.pace().await;
        self.world.ledger().rules.tried(&orders);
        paced
    }

    async fn orders(&self) -> Result<Vec<Order>, StoreError> {
        self.inner.orders().await
    }

    async fn last_place(&self) -> Result<i64, StoreError> {
        self.inner.last_place().await
    }

    async fn hold(
        &self,
        map: &str,
        up_to: i64,
        park: Park,
        limit: usize,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.pace().await?;
        let held = self.inner.hold(map, up_to, park, limit, now).await?;
        if held > 0 {
            self.world.ledger().reached("parked", "Held");
        }
        self.check_books().await?;
        self.pace().await?;
        Ok(held)
    }

    async fn definitions(&self) -> Result<Vec<Definition>, StoreError> {
        self.inner.definitions().await
    }

    async fn define(
        &self,
        mut definition: Definition,
        forget: Option<Forget>,
    ) -> Result<(), StoreError> {
        definition.whole |= self.mutation == Some(Mutation::SkipReading);
        self.pace().await?;
        self.tell(format!(
            "defines {} {}, {}read whole{}",
            definition.map,
            definition.version,
            if definition.whole { "" } else { "not " },
            if forget.is_some() {
                ", and forgets"
            } else {
                ""
            }
        ));
        if definition.map == CUSTOMERS.map {
            let text = definition.text.to_uppercase();
            let open = CUSTOMERS.tracked.iter().filter(|columns| {
                let left = columns.left.to_uppercase();
                let short = format!("- {left} =");
                let long = [format!("LEFT: {left},"), format!("LEFT: {left}\n")];
                !text.contains(&short) && long.iter().all(|line| !text.contains(line))
            });
            let open: BTreeSet<_> = open
                .flat_map(|columns| [columns.left, columns.right])
                .collect();
            let known = self.inner.definitions().await?;
            let known = known.iter().any(|one| one.map == CUSTOMERS.map);
            let ledger = &mut *self.world.ledger();
            ledger.once_uncarried.extend(open.iter().copied());
            if known {
                let gone: Vec<_> = open.difference(&ledger.uncarried).copied().collect();
                ledger.withdrawn.extend(gone);
            }
            ledger.uncarried = open;
        }
        let (map, companies) = (definition.map.clone(), definition.companies.clone());
        self.inner.define(definition, forget).await?;
        if map != "companies" {
            let ledger = &mut *self.world.ledger();
            if let Some(change) = ledger.scope.taken_up(&map, &companies) {
                ledger.reached("scope", change);
            }
        }
        self.pace().await
    }

    async fn add_alert(&self, alert: Alert) -> Result<(), StoreError> {
        let orders = self.inner.orders().await?;
        let map = alert.map.as_deref().unwrap_or_default();
        let order = orders.iter().find(|order| order.map == map);
        {
            let ledger = &mut *self.world.ledger();
            let class = alert.rule.split_whitespace().nth(1).unwrap_or_default();
            ledger.reached("alert", &format!("{}, {class}", alert.action));
            let broken = ledger.rules.alert(&alert);
            ledger.note(broken);
            ledger.rules.has_to_obey(&alert, order);
        }
        self.tell(format!("alerts of {map}: {}, {}", alert.rule, alert.action));
        self.inner.add_alert(alert).await
    }

    async fn alerts(&self, limit: usize) -> Result<Vec<Alert>, StoreError> {
        self.inner.alerts(limit).await
    }

    async fn parked(&self, filter: &ParkedFilter, limit: usize) -> Result<Vec<Parked>, StoreError> {
        self.inner.parked(filter, limit).await
    }

    async fn retry(&self, filter: &ParkedFilter, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.retry(filter, now).await
    }

    async fn change(&self, seq: i64) -> Result<Option<Change>, StoreError> {
        self.inner.change(seq).await
    }

    async fn amend(
        &self,
        filter: &ParkedFilter,
        amendment: Amendment,
        told: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.pace().await?;
        self.inner.amend(filter, amendment, told, now).await
    }

    async fn discard(
        &self,
        filter: &ParkedFilter,
        why: &str,
        provides: Vec<String>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.pace().await?;
        for park in self.inner.parked(filter, usize::MAX).await? {
            self.renounce(park.seq, None).await?;
        }
        self.inner.discard(filter, why, provides, now).await
    }

    async fn waiting(
        &self,
        map: &str,
        side: Side,
        records: &[RecordId],
    ) -> Result<HashMap<RecordId, Waiting>, StoreError> {
        self.inner.waiting(map, side, records).await
    }

    async fn unconfirmed_deletions(
        &self,
        map: &str,
        side: Side,
        limit: u64,
    ) -> Result<u64, StoreError> {
        if self.world.removals.is_none() {
            return self.inner.unconfirmed_deletions(map, side, limit).await;
        }
        self.look_at_the_brake(map, side).await?;
        if self.mutation == Some(Mutation::IgnoreBrake) {
            return Ok(0);
        }
        self.inner.unconfirmed_deletions(map, side, limit).await
    }

    async fn passed_deletions(
        &self,
        map: &str,
        side: Side,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        self.inner.passed_deletions(map, side, since).await
    }

    async fn conflicts(
        &self,
        filter: &ConflictFilter,
        limit: usize,
    ) -> Result<Vec<Conflict>, StoreError> {
        self.inner.conflicts(filter, limit).await
    }

    async fn conflict(&self, id: i64) -> Result<Option<Conflict>, StoreError> {
        self.inner.conflict(id).await
    }

    async fn open_conflicts(
        &self,
        map: &str,
        keys: &[Key],
    ) -> Result<HashMap<Key, Conflict>, StoreError> {
        self.inner.open_conflicts(map, keys).await
    }

    async fn decide(
        &self,
        id: i64,
        decision: Decision,
        changes: Vec<NewChange>,
        tokens: Vec<String>,
    ) -> Result<bool, StoreError> {
        self.pace().await?;
        let count = changes.len() as u64;
        let decided = self.inner.decide(id, decision, changes, tokens).await?;
        if decided {
            self.captured.fetch_add(count, Ordering::Relaxed);
            self.check_books().await?;
        }
        Ok(decided)
    }

    async fn forget_conflicts(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.inner.forget_conflicts(before, limit).await
    }

    async fn activity(
        &self,
        key_contains: &str,
        limit: usize,
    ) -> Result<Vec<Activity>, StoreError> {
        self.inner.activity(key_contains, limit).await
    }

    async fn audit(&self) -> Result<Vec<AuditLine>, StoreError> {
        let mut lines = self.inner.audit().await?;
        if self.mutation == Some(Mutation::Miscount)
            && let Some(line) = lines.iter_mut().find(|line| line.boxes.echoed > 0)
        {
            line.boxes.echoed -= 1;
        }
        Ok(lines)
    }

    async fn awaited(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.inner.awaited().await
    }

    async fn created(&self, created: Vec<Created>, now: Timestamp) -> Result<(), StoreError> {
        step_aside().await;
        self.room()?;
        self.inner.created(created, now).await
    }

    async fn release(&self, tokens: &[String], now: Timestamp) -> Result<u64, StoreError> {
        step_aside().await;
        self.room()?;
        if self.mutation == Some(Mutation::NoRelease) {
            return Ok(0);
        }
        self.inner.release(tokens, now).await
    }

    async fn last_progress(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
        self.inner.last_progress().await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.inner.health().await
    }
}

/// What is contested, in a line.
fn fields(fields: &[FieldConflict]) -> String {
    let each = fields.iter().map(|field| {
        let (left, right) = (&field.left, &field.right);
        format!(
            "{} {left} / {right} -> {:?}",
            field.left_column, field.winner
        )
    });
    each.collect::<Vec<_>>().join(", ")
}

/// A settlement without what is peculiar to its record.
fn settlement_kind(settlement: &Settlement) -> String {
    let outcome = match &settlement.outcome {
        Outcome::Applied { writes } => format!("applied, {writes} writes"),
        Outcome::Filtered(why) => format!("filtered: {why}"),
        Outcome::Parked { park, writes } => {
            format!("parked {}, {writes} writes", park.code)
        }
        Outcome::Postponed { code, .. } => format!("postponed {code}"),
        Outcome::Discarded(_) => "discarded".to_owned(),
        Outcome::Echoed => "echoed".to_owned(),
    };
    let pair = match &settlement.pair {
        PairWrite::Keep => "pair stays".to_owned(),
        PairWrite::Insert(body) => format!("new pair {:?}", body.state),
        PairWrite::Update { body, .. } => format!("pair {:?}", body.state),
    };
    let conflict = if settlement.conflict.is_some() {
        ", conflict"
    } else {
        ""
    };
    format!("{pair}{conflict}; {outcome}")
}
