//! Apply: the road from the journal to the other side, one round of a map at a time.
//!
//! 1. [`intake`]: what does the change want? It pairs; [`unknown`] looks up what became of writes that
//!    were never answered, and [`recognition`] tells the records that they made; [`freshness`] reads
//!    again what may be old; [`brake`] stops mass deletions; [`sort`] filters and diffs;
//!    [`translation`] translates and looks up; [`missing`] creates what lookups miss where their lines
//!    say so.
//! 2. [`target`]: how does the other side stand?
//! 3. [`deliver`]: merge, check ([`prepare`]) and write; what moved meanwhile is read again and merged
//!    again.
//!    [`contest`]: what a person or a policy says where both sides changed the same.
//!    [`intents`] make durable what is about to be sent.
//!    [`renaming`]: what follows from a new integration key.
//! 4. [`settle`]: images, pair and outcome of each change.
//!
//! A round works on many changes at once, because every question to a system or the store is asked
//! for all of them together. No two changes of a round belong to the same pair.

mod brake;
mod contest;
mod deliver;
mod freshness;
mod intake;
mod intents;
mod missing;
mod prepare;
mod recognition;
mod renaming;
mod settle;
mod sort;
mod target;
mod translation;
mod unknown;

use self::settle::covers;
use crate::core::Core;
use crate::error::EngineError;
use crate::error_class::ErrorClass;
use crate::progress::Event;
use crate::resolve::{UNOWNED, key_token, record_token};
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::field_set::FieldSet;
use duet_map::record::{Key, Version};
use duet_map::side::Side;
use duet_map::translate::Translation;
use duet_map::value::Row;
use duet_store::change::{Change, ChangeKind, Park, ParkReason};
use duet_store::conflict::{Conflict, OpenConflict, Touch};
use duet_store::pair::{Pair, PairBody, PairState};
use duet_store::settlement::{Outcome, PairWrite, Settled, Settlement};
use duet_systems::Class;
use std::collections::HashSet;

/// One change on its way, with what is known of its pair.
struct Errand {
    change: Change,
    from: Side,
    key: Key,
    pair: Option<Pair>,
    wish: Wish,
    /// The key that its record has now, where it is not the one of its pair.
    renames: Option<Key>,
    /// The conflict of its pair that waits for a person, perhaps decided by now.
    conflict: Option<Box<Conflict>>,
    /// Whether the last write for it was refused for certain.
    refused: bool,
    /// Whether that was because its record had moved: then it is there.
    moved: bool,
    /// The engine's logical time just before the other side was looked at.
    looked: i64,
}

/// What a change wants of the other side.
enum Wish {
    /// The record gone.
    Delete,
    /// These columns.
    Upsert(Box<Upsert>),
}

/// The columns that a created or updated record brings.
#[derive(Default)]
struct Upsert {
    /// The source row in the state that is being applied.
    row: Row,
    version: Option<Version>,
    translation: Translation,
    /// Fields whose references come later because they run in a circle, and what they wait for.
    later: Option<(FieldSet, Park)>,
    /// Whether this answers the system's own rewriting of what we wrote.
    bounce: bool,
    /// Whether the record takes the place of one that was deleted on its side.
    replaces: bool,
    /// Whether the other record is created again if it is gone, because a person says so.
    recreates: bool,
    /// Who modified the source record, and when.
    touch: Touch,
    /// What really stands in the columns for which a person gave other values.
    truth: Row,
}

impl Errand {
    fn to(&self) -> Side {
        self.from.other()
    }

    fn origin_key(&self) -> &Key {
        &self.key
    }

    /// Whether a person wants the other record again that is gone.
    fn recreates(&self) -> bool {
        matches!(&self.wish, Wish::Upsert(upsert) if upsert.recreates)
    }

    /// A settlement that leaves the pair alone.
    fn ends(self, outcome: Outcome) -> Settlement {
        Settlement {
            writes_known: self.refused,
            ..ended(&self.change, outcome)
        }
    }
}

/// A settlement of a change that leaves its pair alone.
fn ended(change: &Change, outcome: Outcome) -> Settlement {
    Settlement {
        seq: change.seq,
        supersedes: change.supersedes.clone(),
        outcome,
        pair: PairWrite::Keep,
        conflict: None,
        open_conflict: OpenConflict::Keep,
        provides: Vec::new(),
        writes_known: false,
        columns: Vec::new(),
    }
}

/// Puts a change aside with nothing of it written.
fn parked(reason: ParkReason, code: Code, message: impl Into<String>) -> Outcome {
    Outcome::Parked {
        park: Park {
            reason,
            code,
            message: message.into(),
            waits_for: Vec::new(),
        },
        writes: 0,
    }
}

/// A new state of an existing pair.
fn update(pair: &Pair, body: PairBody) -> PairWrite {
    PairWrite::Update {
        id: pair.id,
        expected: pair.revision,
        body,
    }
}

impl Core {
    /// Applies the oldest due changes of a map. Returns how many settled.
    pub(crate) async fn round(&self, map: &CompiledMap) -> Result<usize, EngineError> {
        let _applying = self.applying(map.id()).await;
        let changes = self
            .store
            .due(map.id(), self.settings.round, self.clock.now())
            .await?;
        if changes.is_empty() {
            return Ok(0);
        }
        let changes = one_each(changes);
        self.settings.failpoints.reach("round-taken");
        let settlements = self.apply_isolated(map, changes).await?;
        let settled = self.settle(map, settlements).await?;
        self.progress.report(Event::Applied {
            map: map.id().to_owned(),
            settled: settled as u64,
        });
        Ok(settled)
    }

    /// Applies changes together; when one of them makes the whole fail, each for itself, so that
    /// the bad one stands alone and parks.
    async fn apply_isolated(
        &self,
        map: &CompiledMap,
        changes: Vec<Change>,
    ) -> Result<Vec<Settlement>, EngineError> {
        match self.apply(map, changes.clone()).await {
            Err(EngineError::System { source, .. }) if !passes(source.class) => {}
            other => return other,
        }
        let mut settlements = Vec::with_capacity(changes.len());
        for change in changes {
            match self.apply(map, vec![change.clone()]).await {
                Ok(settled) => settlements.extend(settled),
                Err(EngineError::System { source, doing, .. }) if !passes(source.class) => {
                    let message = format!("{doing}: {}", source.message);
                    settlements.push(ended(
                        &change,
                        parked(ParkReason::Fault, source.code, message),
                    ));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(settlements)
    }

    /// The road of one round.
    async fn apply(
        &self,
        map: &CompiledMap,
        changes: Vec<Change>,
    ) -> Result<Vec<Settlement>, EngineError> {
        let (mut settlements, errands) = self.intake(map, changes).await?;
        settlements.extend(self.deliver(map, errands).await?);
        Ok(settlements)
    }

    /// Commits settlements and wakes whom they concern. Returns how many stand.
    pub(crate) async fn settle(
        &self,
        map: &CompiledMap,
        settlements: Vec<Settlement>,
    ) -> Result<usize, EngineError> {
        let provides = settlements
            .iter()
            .any(|settlement| !settlement.provides.is_empty());
        let awaited: Vec<String> = settlements
            .iter()
            .filter_map(|settlement| match &settlement.outcome {
                Outcome::Parked { park, .. } => Some(park.waits_for.iter().cloned()),
                _ => None,
            })
            .flatten()
            .filter(|token| !token.starts_with(UNOWNED))
            .collect();
        self.count_parked(map, &settlements);
        self.settings.failpoints.reach("before-settle");
        let answers = self.store.settle(settlements, self.clock.now()).await?;
        self.settings.failpoints.reach("after-settle");
        let settled = answers
            .iter()
            .filter(|answer| **answer == Settled::Done)
            .count();
        if !awaited.is_empty() {
            self.settings.failpoints.reach("change-parked");
            self.release_arrived(awaited).await?;
        }
        if provides {
            self.wake_all_maps();
        } else {
            self.wake_map(map.id());
        }
        Ok(settled)
    }

    /// Counts what our own checks refuse; what a system refuses is counted where it answers.
    fn count_parked(&self, map: &CompiledMap, settlements: &[Settlement]) {
        for settlement in settlements {
            if let Outcome::Parked { park, .. } = &settlement.outcome
                && matches!(
                    park.reason,
                    ParkReason::Validation | ParkReason::Oscillating
                )
            {
                self.count_error(Some(map.id()), Some(ErrorClass::Application));
            }
        }
    }

    /// Ends changes that nobody applies: a person discards them. What they say counts as seen, so
    /// that a later change of the same record brings only what it changes itself; a record that was
    /// deleted leaves its counterpart alone.
    pub(crate) async fn ending_unapplied(
        &self,
        map: &CompiledMap,
        changes: Vec<Change>,
        outcome: &Outcome,
    ) -> Result<Vec<Settlement>, EngineError> {
        let mut settlements = Vec::with_capacity(changes.len());
        for side in Side::BOTH {
            let here: Vec<&Change> = changes
                .iter()
                .filter(|change| change.change.side == side)
                .collect();
            let records: Vec<_> = here
                .iter()
                .map(|change| change.change.record.clone())
                .collect();
            let pairs = self.store.pairs_by_record(map.id(), side, &records).await?;
            for change in here {
                let mut settlement = ended(change, outcome.clone());
                if let Some(pair) = pairs.get(&change.change.record)
                    && pair.body.state != PairState::Deleted
                {
                    let mut body = pair.body.clone();
                    let half = &mut body.halves[side];
                    match &change.change.kind {
                        ChangeKind::Upsert { row, version, .. } => {
                            half.image.0.extend(map.image(side, row).0);
                            half.version = version.clone().filter(|_| covers(map, side, row));
                        }
                        ChangeKind::Delete => {
                            body.state = PairState::Deleted;
                            half.record = None;
                            let why = "its change was discarded".to_owned();
                            settlement.open_conflict = OpenConflict::Gone(why);
                            settlement.provides = settle::ends_of(map, &body.key);
                        }
                    }
                    settlement.pair = update(pair, body);
                }
                settlements.push(settlement);
            }
        }
        Ok(settlements)
    }

    /// Releases what waits for keys that arrived between the look-up and the parking, and what a
    /// process left waiting that died in between.
    pub(crate) async fn release_arrived(&self, mut tokens: Vec<String>) -> Result<(), EngineError> {
        tokens.sort();
        tokens.dedup();
        let mut arrived = Vec::new();
        for side in Side::BOTH {
            for used in self.project.tables(side) {
                let by_key = key_token(side, &used.table, &Key(String::new()));
                let by_record = record_token(
                    side,
                    &used.table,
                    &duet_map::record::RecordId(String::new()),
                );
                let keys: Vec<Key> = suffixes(&tokens, &by_key).map(Key).collect();
                let records: Vec<_> = suffixes(&tokens, &by_record)
                    .map(duet_map::record::RecordId)
                    .collect();
                if keys.is_empty() && records.is_empty() {
                    continue;
                }
                for owner in self.project.owners(side, &used.table) {
                    let found = self.store.pairs_by_key(owner.id(), &keys).await?;
                    arrived.extend(found.keys().map(|key| key_token(side, &used.table, key)));
                    let found = self
                        .store
                        .pairs_by_record(owner.id(), side, &records)
                        .await?;
                    arrived.extend(
                        found
                            .iter()
                            .filter(|(_, pair)| is_known(owner, side, &pair.body))
                            .map(|(record, _)| record_token(side, &used.table, record)),
                    );
                }
            }
        }
        if !arrived.is_empty() && self.store.release(&arrived, self.clock.now()).await? > 0 {
            self.wake_all_maps();
        }
        Ok(())
    }
}

/// The first change of each record; the others are due again in the next round. A record's changes
/// may stand under two keys for a moment, when it got its key while they were captured.
fn one_each(changes: Vec<Change>) -> Vec<Change> {
    let mut met = HashSet::new();
    changes
        .into_iter()
        .filter(|change| met.insert((change.change.side, change.change.record.clone())))
        .collect()
}

/// Whether the other side can be told of the record: it stands, and it has the number that the
/// other side gives it.
fn is_known(owner: &CompiledMap, side: Side, pair: &PairBody) -> bool {
    let numbered = owner.allocates() != Some(side.other())
        || owner
            .key_paths(side)
            .iter()
            .all(|column| !pair.halves[side].image.value(column).is_null());
    pair.state != PairState::Deleted && numbered
}

fn suffixes<'a>(tokens: &'a [String], prefix: &'a str) -> impl Iterator<Item = String> + 'a {
    tokens
        .iter()
        .filter_map(move |token| token.strip_prefix(prefix).map(str::to_owned))
}

/// Whether an error passes by itself or by fixing the access, so that the change only waits.
const fn passes(class: Class) -> bool {
    matches!(class, Class::Retry | Class::Wait | Class::FixAccess)
}
