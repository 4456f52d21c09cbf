//! Intake: sorts changes into those that end here and errands to the other side.
//!
//! 1. Pair: the pair of each change, found by its record.
//!    [`super::unknown`]: what became of writes that were sent for it and never answered.
//! 2. [`super::freshness`]: what may be older than our own last write is read again.
//! 3. What a person said: the brake on mass deletions ([`super::brake`]), open conflicts, given values.
//! 4. Scope: the references that tell company and key, and the keys that other records hold.
//! 5. [`super::sort`]: filter and diff. 6. [`super::translation`]: translate and look up.

use super::{Errand, ended, renaming};
use crate::capture::is_unresolved;
use crate::core::Core;
use crate::error::EngineError;
use crate::resolve::{Follow, key_token};
use duet_map::CompiledMap;
use duet_map::key::KeyProblem;
use duet_map::lookup::ResolvedLookups;
use duet_map::record::{Key, RecordId, Version};
use duet_map::side::Side;
use duet_map::value::Row;
use duet_store::change::{Change, ChangeKind};
use duet_store::conflict::{Conflict, ConflictKind, Touch};
use duet_store::pair::Pair;
use duet_store::settlement::{Outcome, Settlement};
use std::collections::{HashMap, HashSet};

/// A change with its pair, and the source row that counts.
pub(super) struct Arrival {
    pub(super) change: Change,
    pub(super) pair: Option<Pair>,
    /// The row to apply; `None` for a deletion.
    pub(super) row: Option<(Row, Option<Version>)>,
    /// Who modified it, and when.
    pub(super) touch: Touch,
    /// What really stands in the columns for which a person gave other values.
    pub(super) truth: Row,
    /// The key that the record has now, where it is not the one of its pair, or the one under which
    /// it was journaled first.
    pub(super) renames: Option<Key>,
    /// The open conflict of its pair.
    pub(super) conflict: Option<Box<Conflict>>,
}

impl Core {
    /// Sorts changes into those that end here and errands to the other side.
    pub(super) async fn intake(
        &self,
        map: &CompiledMap,
        changes: Vec<Change>,
    ) -> Result<(Vec<Settlement>, Vec<Errand>), EngineError> {
        let mut settlements = Vec::new();
        let arrivals = self.pair_up(map, changes).await?;
        let arrivals = self.look_up_sent(map, arrivals, &mut settlements).await?;
        let mut arrivals = self.freshen(map, arrivals, &mut settlements).await?;
        self.brake_deletions(map, &mut arrivals, &mut settlements)
            .await?;
        self.open_conflicts(map, &mut arrivals).await?;
        arrivals.iter_mut().for_each(amend);
        let scopes = self.scopes(map, &arrivals).await?;
        for arrival in &mut arrivals {
            arrival.renames = renaming::new_key(map, arrival, &scopes);
        }
        let taken = self.taken_keys(map, &arrivals).await?;
        let replacing = self
            .replacements(map, &mut arrivals, &taken, &mut settlements)
            .await?;
        let arrivals = self.hold_back_own(map, arrivals, &mut settlements).await?;

        let mut errands = Vec::new();
        for arrival in arrivals {
            let there = there(map, &arrival);
            match self.sort(map, arrival, &scopes, &taken, &replacing) {
                Ok(sorted) => errands.push(sorted),
                Err(mut settlement) => {
                    // It stays here, and yet others may refer to it.
                    settlement.provides.extend(there);
                    settlements.push(*settlement);
                }
            }
        }
        let errands = self.translate(map, errands, &mut settlements).await?;
        Ok((settlements, errands))
    }

    /// Finds the pair of each change: by its record, else by its key.
    async fn pair_up(
        &self,
        map: &CompiledMap,
        changes: Vec<Change>,
    ) -> Result<Vec<Arrival>, EngineError> {
        let mut by_record: HashMap<(Side, RecordId), Pair> = HashMap::new();
        for side in Side::BOTH {
            let records: Vec<RecordId> = changes
                .iter()
                .filter(|change| change.change.side == side)
                .map(|change| change.change.record.clone())
                .collect();
            if !records.is_empty() {
                let found = self.store.pairs_by_record(map.id(), side, &records).await?;
                by_record.extend(
                    found
                        .into_iter()
                        .map(|(record, pair)| ((side, record), pair)),
                );
            }
        }
        Ok(changes
            .into_iter()
            .map(|change| {
                let place = (change.change.side, change.change.record.clone());
                let pair = by_record.remove(&place);
                let (row, touch) = match &change.change.kind {
                    ChangeKind::Upsert {
                        row,
                        version,
                        modified,
                        by,
                    } => {
                        let touch = Touch {
                            by: by.clone(),
                            at: *modified,
                        };
                        (Some((row.clone(), version.clone())), touch)
                    }
                    ChangeKind::Delete => (None, Touch::default()),
                };
                Arrival {
                    change,
                    pair,
                    row,
                    touch,
                    truth: Row::new(),
                    renames: None,
                    conflict: None,
                }
            })
            .collect())
    }

    /// Finds what waits for a person's decision about the same pairs.
    async fn open_conflicts(
        &self,
        map: &CompiledMap,
        arrivals: &mut [Arrival],
    ) -> Result<(), EngineError> {
        let keys: Vec<Key> = arrivals
            .iter()
            .map(|arrival| arrival.key().clone())
            .collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut open = self.store.open_conflicts(map.id(), &keys).await?;
        for (arrival, key) in arrivals.iter_mut().zip(keys) {
            arrival.conflict = open.remove(&key).map(Box::new);
        }
        Ok(())
    }

    /// Follows the references that tell the company and the key of right rows.
    async fn scopes(
        &self,
        map: &CompiledMap,
        arrivals: &[Arrival],
    ) -> Result<ResolvedLookups, EngineError> {
        let nothing = ResolvedLookups::default();
        let mut needs = Vec::new();
        for arrival in arrivals {
            let Some((row, _)) = &arrival.row else {
                continue;
            };
            let side = arrival.change.change.side;
            needs.extend(map.company_need(side, row, &nothing));
            needs.extend(renaming::needs(map, arrival));
            if is_unresolved(&arrival.change.change.key)
                && let Err(KeyProblem::Needs(more)) = map.key(side, row, &nothing)
            {
                needs.extend(more);
            }
        }
        self.resolve(needs, Follow::Any).await
    }

    /// The pairs that hold the keys of unpaired changes, and those that linked records want.
    async fn taken_keys(
        &self,
        map: &CompiledMap,
        arrivals: &[Arrival],
    ) -> Result<HashMap<Key, Pair>, EngineError> {
        let wanted: Vec<Key> = arrivals
            .iter()
            .filter_map(|arrival| match arrival.pair {
                None => Some(arrival.key().clone()),
                Some(_) => arrival.renames.clone(),
            })
            .collect();
        Ok(self.store.pairs_by_key(map.id(), &wanted).await?)
    }

    /// The records that take the place of one that carried the same key, was deleted, and whose
    /// deletion a person has to decide about: creating the record again is that decision.
    ///
    /// A record that only seems to want the key, because it is gone itself, ends here: nobody reports
    /// its deletion once more.
    async fn replacements(
        &self,
        map: &CompiledMap,
        arrivals: &mut Vec<Arrival>,
        taken: &HashMap<Key, Pair>,
        settlements: &mut Vec<Settlement>,
    ) -> Result<HashSet<RecordId>, EngineError> {
        let mut replacing = HashSet::new();
        for side in Side::BOTH {
            let rivals: Vec<Rival> = arrivals
                .iter()
                .filter(|arrival| arrival.change.change.side == side)
                .filter_map(|arrival| rival(arrival, taken))
                .collect();
            if rivals.is_empty() {
                continue;
            }
            let old: Vec<RecordId> = rivals.iter().map(|rival| rival.old.clone()).collect();
            // An earlier deletion that is still to be applied goes first, so this one is parked.
            let deciding = self.store.pending_keys(map.id(), side, &old).await?;
            let new = rivals.iter().map(|rival| rival.new.clone());
            let both: Vec<RecordId> = old.iter().cloned().chain(new).collect();
            let mut read = self.systems[side]
                .fetch(map.table(side), map.columns(side), &both)
                .await
                .map_err(|error| self.failed(side, format!("read {}", map.table(side)), error))?;
            let new = read.split_off(old.len().min(read.len()));
            for ((rival, old), new) in rivals.into_iter().zip(read).zip(new) {
                if new.is_none() {
                    let gone = |one: &mut Arrival| one.change.seq == rival.seq;
                    let ends = arrivals.extract_if(.., gone);
                    settlements.extend(ends.map(|one| ended(&one.change, Outcome::Echoed)));
                } else if old.is_none() && (rival.decides || deciding.contains_key(&rival.old)) {
                    replacing.insert(rival.new);
                }
            }
        }
        Ok(replacing)
    }
}

/// A record whose key belongs to the pair of another one.
struct Rival {
    seq: i64,
    new: RecordId,
    /// The record of the pair.
    old: RecordId,
    /// Whether a deletion in that pair waits for a person, or for what a person decided.
    decides: bool,
}

fn rival(arrival: &Arrival, taken: &HashMap<Key, Pair>) -> Option<Rival> {
    if arrival.pair.is_some() || arrival.row.is_none() {
        return None;
    }
    let change = &arrival.change.change;
    let pair = taken.get(arrival.key())?;
    let conflict = arrival.conflict.as_deref();
    Some(Rival {
        seq: arrival.change.seq,
        new: change.record.clone(),
        old: pair.body.halves[change.side].record.clone()?,
        decides: conflict.is_some_and(|conflict| conflict.kind == ConflictKind::Deletion),
    })
}

impl Arrival {
    /// The key of its pair, or the one that it has itself.
    fn key(&self) -> &Key {
        match (&self.pair, &self.renames) {
            (Some(pair), _) => &pair.body.key,
            (None, Some(now)) => now,
            (None, None) => &self.change.change.key,
        }
    }
}

/// Puts the values into the row that a person gave for this one change.
fn amend(arrival: &mut Arrival) {
    let given = &arrival.change.change.amendment.columns;
    let Some((row, _)) = &mut arrival.row else {
        return;
    };
    for (column, value) in given.iter() {
        arrival
            .truth
            .set(column.to_owned(), row.value(column).clone());
        row.set(column.to_owned(), value.clone());
    }
}

/// The token of a record that exists and belongs to no pair.
fn there(map: &CompiledMap, arrival: &Arrival) -> Option<String> {
    let change = &arrival.change.change;
    let exists = arrival.row.is_some() && arrival.pair.is_none() && !is_unresolved(&change.key);
    exists.then(|| key_token(change.side, map.table(change.side), arrival.key()))
}
