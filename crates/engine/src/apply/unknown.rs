//! Unknown outcomes: what became of a write that was sent and never answered.
//!
//! The answer got lost, or the process ended before it was settled. Whatever the write left on the
//! other side would then pass for a person's edit. So the record is looked at before anything else is
//! done with a change under the same key, and before a change is parked: where it holds what was
//! sent, that is ours and becomes the image, and the change goes its road again from there. The look
//! is a settlement of its own, and ends the intents.

use super::intake::Arrival;
use super::recognition::created;
use super::settle::{End, ends_of, provides};
use super::{Errand, ended, parked, update};
use crate::capture::is_unresolved;
use crate::core::Core;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::lookup::ResolvedLookups;
use duet_map::record::{Key, Record, RecordId};
use duet_map::side::{PerSide, Side};
use duet_map::value::Row;
use duet_store::change::{Change, ChangeKind, ParkReason};
use duet_store::intent::{Intent, Sent};
use duet_store::pair::{Half, Pair, PairBody, PairState};
use duet_store::settlement::{Outcome, PairWrite, Settlement};
use std::collections::{HashMap, HashSet};

/// A change, its pair, and what was sent under its key without being answered.
struct Unanswered<'a> {
    change: &'a Change,
    pair: Option<&'a Pair>,
    intents: Vec<Intent>,
}

/// What a look has shown.
struct Seen {
    /// The change is due again at once; the pair knows what arrived.
    settlement: Settlement,
    /// Whether anything of what was sent stands there.
    arrived: bool,
}

/// How the record stands that an intent means.
pub(super) enum Stands {
    Absent,
    Here(Box<Record>),
    /// Several records look like it.
    Several,
}

impl Core {
    /// Looks up what was sent under the keys of changes and never answered. Changes whose records
    /// nobody can tell apart go on, or park if the write was theirs.
    pub(super) async fn look_up_sent(
        &self,
        map: &CompiledMap,
        arrivals: Vec<Arrival>,
        settlements: &mut Vec<Settlement>,
    ) -> Result<Vec<Arrival>, EngineError> {
        let keys: Vec<Key> = arrivals
            .iter()
            .map(|arrival| arrival.change.change.key.clone())
            .collect();
        let mut open = self.store.intents(map.id(), &keys).await?;
        if open.is_empty() {
            return Ok(arrivals);
        }
        let (unsure, mut sure): (Vec<Arrival>, Vec<Arrival>) = arrivals
            .into_iter()
            .partition(|arrival| open.contains_key(&arrival.change.change.key));
        let unanswered: Vec<Unanswered<'_>> = unsure
            .iter()
            .map(|arrival| Unanswered {
                change: &arrival.change,
                pair: arrival.pair.as_ref(),
                intents: open.remove(&arrival.change.change.key).unwrap_or_default(),
            })
            .collect();
        let theirs: Vec<bool> = unanswered.iter().map(Unanswered::sent_it).collect();
        let seen = self.look_up(map, unanswered).await?;
        let mut recognised = HashSet::new();
        for ((arrival, seen), theirs) in unsure.into_iter().zip(seen).zip(theirs) {
            match seen {
                Some(seen) => {
                    recognised.extend(records_of(&seen.settlement));
                    settlements.push(seen.settlement);
                }
                None if theirs => {
                    let to = arrival.change.change.side.other();
                    settlements.push(ended(&arrival.change, several(map, to)));
                }
                None => sure.push(arrival),
            }
        }
        // A record that was recognised in this round is no stranger, whatever was known before.
        let (again, sure): (Vec<Arrival>, Vec<Arrival>) = sure.into_iter().partition(|arrival| {
            let change = &arrival.change.change;
            arrival.pair.is_none() && recognised.contains(&(change.side, change.record.clone()))
        });
        for arrival in again {
            settlements.push(ended(&arrival.change, self.again()));
        }
        Ok(sure)
    }

    /// Looks up what became of writes before their changes are parked: `parks` says how they end if
    /// nothing of them arrived.
    pub(super) async fn look_before_parking(
        &self,
        map: &CompiledMap,
        errands: Vec<(Errand, Outcome)>,
    ) -> Result<Vec<End>, EngineError> {
        let keys: Vec<Key> = errands
            .iter()
            .map(|(errand, _)| errand.change.change.key.clone())
            .collect();
        let mut open = self.store.intents(map.id(), &keys).await?;
        let unanswered = errands
            .iter()
            .map(|(errand, _)| Unanswered {
                change: &errand.change,
                pair: errand.pair.as_ref(),
                intents: open.remove(&errand.change.change.key).unwrap_or_default(),
            })
            .collect();
        let seen = match self.look_up(map, unanswered).await {
            Ok(seen) => seen,
            Err(EngineError::System { source, .. }) => {
                let waits = |(errand, _): (Errand, Outcome)| {
                    let until = self.due_again(errand.change.attempts, source.retry_after);
                    let code = source.code.to_string();
                    errand.ends(Outcome::Postponed { until, code }).into()
                };
                return Ok(errands.into_iter().map(waits).collect());
            }
            Err(error) => return Err(error),
        };
        Ok(errands
            .into_iter()
            .zip(seen)
            .map(|((errand, parks), seen)| match seen {
                Some(seen) if seen.arrived => seen.settlement.into(),
                Some(Seen { mut settlement, .. }) => {
                    settlement.outcome = parks;
                    settlement.into()
                }
                None => {
                    let to = errand.to();
                    errand.ends(several(map, to)).into()
                }
            })
            .collect())
    }

    /// The outcome of a change that goes its road again, with what a look has shown.
    fn again(&self) -> Outcome {
        Outcome::Postponed {
            until: self.clock.now(),
            code: Code(4105).to_string(),
        }
    }

    /// Looks at the records of intents. `None` where several records look like what was sent.
    async fn look_up(
        &self,
        map: &CompiledMap,
        unanswered: Vec<Unanswered<'_>>,
    ) -> Result<Vec<Option<Seen>>, EngineError> {
        let looked = self.tick().await?;
        let mut by_id: HashMap<(Side, RecordId), Record> = HashMap::new();
        for side in Side::BOTH {
            let ids: Vec<RecordId> = unanswered
                .iter()
                .flat_map(|one| &one.intents)
                .filter(|intent| intent.to == side)
                .filter_map(|intent| record_of(intent).cloned())
                .collect();
            if ids.is_empty() {
                continue;
            }
            let read = self.systems[side]
                .fetch(map.table(side), map.columns(side), &ids)
                .await
                .map_err(|error| self.failed(side, format!("read {}", map.table(side)), error))?;
            let read = read.into_iter().flatten();
            by_id.extend(read.map(|record| ((side, record.id.clone()), record)));
        }
        let mut seen = Vec::with_capacity(unanswered.len());
        for one in unanswered {
            let mut stands = Vec::with_capacity(one.intents.len());
            for intent in &one.intents {
                stands.push(match (&intent.sent, record_of(intent)) {
                    (_, Some(id)) => by_id
                        .get(&(intent.to, id.clone()))
                        .map_or(Stands::Absent, |record| {
                            Stands::Here(Box::new(record.clone()))
                        }),
                    (Sent::Create { row, .. }, None) => {
                        self.search_created(map, intent, row).await?
                    }
                    (_, None) => Stands::Absent,
                });
            }
            if stands.iter().any(|one| matches!(one, Stands::Several)) {
                seen.push(None);
            } else {
                seen.push(Some(self.conclude(map, one, stands, looked).await?));
            }
        }
        Ok(seen)
    }

    /// What follows from how the records of a change's intents stand.
    async fn conclude(
        &self,
        map: &CompiledMap,
        one: Unanswered<'_>,
        stands: Vec<Stands>,
        looked: i64,
    ) -> Result<Seen, EngineError> {
        let mut seen = Seen {
            settlement: ended(one.change, self.again()),
            arrived: false,
        };
        seen.settlement.writes_known = true;
        let alive = |pair: &&Pair| pair.body.state != PairState::Deleted;
        let own = one.pair.filter(alive);
        // A record that takes the place of another is not in the pair yet that it was written for.
        let key = std::slice::from_ref(&one.change.change.key);
        let held = match own {
            None => self.store.pairs_by_key(map.id(), key).await?,
            Some(_) => HashMap::new(),
        };
        let pair = own.or_else(|| held.values().next());
        for (intent, stands) in one.intents.iter().zip(stands) {
            let to = intent.to;
            match (&intent.sent, stands, pair) {
                (Sent::Update { id, row, version }, Stands::Here(record), Some(pair))
                    if pair.body.halves[to].record.as_ref() == Some(id) =>
                {
                    let mut body = latest(&seen.settlement.pair, pair);
                    let moved = tag_of(&record).is_none() || tag_of(&record) != version.as_deref();
                    let arrived = map.arrived(to, row, &record.row);
                    let arrived = Some(arrived).filter(|_| moved).unwrap_or_default();
                    if moved {
                        let earlier = self.shown_earlier(map, intent, row, &arrived).await?;
                        seen.arrived |= agree(map, &mut body, to, earlier);
                    }
                    if learn(map, &mut body, to, &arrived, &record, looked) {
                        seen.arrived = true;
                        // A number may have arrived that others wait for.
                        seen.settlement.provides = provides(map, &body);
                    }
                    seen.settlement.pair = update(pair, body);
                }
                (Sent::Create { id, row }, Stands::Here(record), _) => {
                    let Some(columns) = created(map, intent, id.is_some(), row, &record) else {
                        continue;
                    };
                    let body = match own {
                        Some(pair) => Some(latest(&seen.settlement.pair, pair)),
                        None => self.new_pair(map, intent, &record).await?,
                    };
                    let Some(mut body) = body else { continue };
                    // Nothing is agreed of a record that takes the place of one that is gone.
                    for half in [&mut body.halves.left, &mut body.halves.right] {
                        half.image = Row::new();
                        half.version = None;
                    }
                    body.halves[to].record = Some(record.id.clone());
                    learn(map, &mut body, to, &columns, &record, looked);
                    seen.arrived = true;
                    seen.settlement.provides = provides(map, &body);
                    seen.settlement.pair = match own {
                        Some(pair) => update(pair, body),
                        None => PairWrite::Insert(body),
                    };
                }
                (Sent::Delete { id }, Stands::Absent, Some(pair))
                    if pair.body.halves[to].record.as_ref() == Some(id)
                        && matches!(one.change.change.kind, ChangeKind::Upsert { .. }) =>
                {
                    // The record stands again on its own side: it is a new one.
                    seen.arrived = true;
                    seen.settlement.provides = ends_of(map, &pair.body.key);
                    seen.settlement.pair = update(pair, self.tombstone(pair, looked));
                }
                _ => {}
            }
        }
        Ok(seen)
    }

    /// The columns of an update that rows in the journal show as they were sent, although a person has
    /// changed them since, with the row of the change that sent them.
    async fn shown_earlier(
        &self,
        map: &CompiledMap,
        intent: &Intent,
        row: &Row,
        arrived: &Row,
    ) -> Result<Option<(Row, Row)>, EngineError> {
        let mut missing = map.image(intent.to, row);
        missing.0.retain(|column, _| arrived.get(column).is_none());
        let key = std::slice::from_ref(&intent.key);
        if missing.is_empty() {
            return Ok(None);
        }
        let waiting = self.store.pending_upserts(map.id(), intent.to, key).await?;
        let mut shown = Row::new();
        for newest in waiting.values() {
            for seq in newest.supersedes.iter().chain([&newest.seq]) {
                if let Some(change) = self.store.change(*seq).await?
                    && let ChangeKind::Upsert { row, .. } = &change.change.kind
                    && record_of(intent) == Some(&change.change.record)
                {
                    shown.0.extend(map.arrived(intent.to, &missing, row).0);
                }
            }
        }
        if shown.is_empty() {
            return Ok(None);
        }
        let source = self.store.change(intent.seq).await?;
        Ok(source.and_then(|source| match source.change.kind {
            ChangeKind::Upsert { row, .. } => Some((shown, row)),
            ChangeKind::Delete => None,
        }))
    }

    /// The pair of a record that a create made, with the record whose change it was. `None`: one of
    /// them, or the key, belongs to another pair by now.
    async fn new_pair(
        &self,
        map: &CompiledMap,
        intent: &Intent,
        record: &Record,
    ) -> Result<Option<PairBody>, EngineError> {
        let (from, to) = (intent.to.other(), intent.to);
        let mut key = intent.key.clone();
        if is_unresolved(&key) {
            let nothing = ResolvedLookups::default();
            key = map.key(to, &record.row, &nothing).unwrap_or(key);
        }
        let taken = self
            .store
            .pairs_by_key(map.id(), std::slice::from_ref(&key))
            .await?;
        if !taken.is_empty() {
            return Ok(None);
        }
        let mut halves = PerSide::<Half>::default();
        halves[from].record = Some(intent.source.clone());
        halves[to].record = Some(record.id.clone());
        for side in Side::BOTH {
            let id = halves[side].record.iter().cloned().collect::<Vec<_>>();
            let pairs = self.store.pairs_by_record(map.id(), side, &id).await?;
            if pairs
                .values()
                .any(|pair| pair.body.state != PairState::Deleted)
            {
                return Ok(None);
            }
        }
        Ok(Some(PairBody {
            key,
            state: PairState::Linked,
            halves,
            bounces: 0,
            settled_at: self.clock.now(),
        }))
    }
}

impl Unanswered<'_> {
    /// Whether the write was this side's, and not one that went to it.
    fn sent_it(&self) -> bool {
        let side = self.change.change.side;
        self.intents.iter().any(|intent| intent.to != side)
    }
}

/// Why a change waits whose write may have made several records.
fn several(map: &CompiledMap, to: Side) -> Outcome {
    let message = format!(
        "a create was sent to {} and never answered, and several records there look like it; delete \
         the ones that should not be, then retry",
        map.table(to)
    );
    parked(ParkReason::Fault, Code(4105), message)
}

fn record_of(intent: &Intent) -> Option<&RecordId> {
    match &intent.sent {
        Sent::Create { id, .. } => id.as_ref(),
        Sent::Update { id, .. } | Sent::Delete { id } => Some(id),
    }
}

fn tag_of(record: &Record) -> Option<&str> {
    record.version.as_ref().map(|version| version.tag.as_str())
}

/// A pair as it stands, or as an earlier intent of the same change has left it.
fn latest(written: &PairWrite, pair: &Pair) -> PairBody {
    match written {
        PairWrite::Update { body, .. } => body.clone(),
        PairWrite::Keep | PairWrite::Insert(_) => pair.body.clone(),
    }
}

/// The records that a settlement puts into a pair.
fn records_of(settlement: &Settlement) -> Vec<(Side, RecordId)> {
    let (PairWrite::Insert(body) | PairWrite::Update { body, .. }) = &settlement.pair else {
        return Vec::new();
    };
    Side::BOTH
        .into_iter()
        .filter_map(|side| Some((side, body.halves[side].record.clone()?)))
        .collect()
}

/// Takes down in a pair what a look at a record has shown to be ours. Nothing is concluded about its
/// own side, which may have moved on: the fields behind it are compared anew. Returns whether
/// anything arrived.
fn learn(
    map: &CompiledMap,
    body: &mut PairBody,
    to: Side,
    arrived: &Row,
    record: &Record,
    looked: i64,
) -> bool {
    let half = &mut body.halves[to];
    let news: Row = arrived
        .iter()
        .filter(|(column, value)| half.image.get(column) != Some(*value))
        .map(|(column, value)| (column.to_owned(), value.clone()))
        .collect();
    // Rows that were read before, or that have an earlier version, are older than what is known now.
    half.written = half.written.max(looked);
    if let Some(version) = &record.version
        && half.wrote.as_ref().map(|wrote| &wrote.tag) != Some(&version.tag)
    {
        half.wrote = Some(version.clone());
        half.wrote_columns = Vec::new();
    }
    if news.is_empty() {
        return false;
    }
    half.version = None;
    half.image.0.extend(news.0.clone());
    let fields = map.fields_writing(to, &news);
    let source = &mut body.halves[to.other()];
    source.version = None;
    for column in map.column_names(to.other(), &fields) {
        source.image.0.remove(&column);
    }
    true
}

/// Takes down what both sides once agreed on although nobody settled it: the columns that arrived, and
/// the row that they came from. Returns whether there was any.
fn agree(map: &CompiledMap, body: &mut PairBody, to: Side, once: Option<(Row, Row)>) -> bool {
    let Some((shown, source)) = once else {
        return false;
    };
    let from = to.other();
    let source = map.image(from, &source);
    for column in map.column_names(from, &map.fields_writing(to, &shown)) {
        if let Some(value) = source.get(&column) {
            body.halves[from].image.set(column, value.clone());
        }
    }
    body.halves[to].image.0.extend(shown.0);
    for half in [&mut body.halves.left, &mut body.halves.right] {
        half.version = None;
    }
    true
}
