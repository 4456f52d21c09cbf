//! Intake: sorts changes into those that end here and errands to the other side.
//!
//! 1. Pair: the pair of each change, found by its record.
//!    [`super::unknown`]: what became of writes that were sent for it and never answered.
//! 2. [`super::freshness`]: what may be older than our own last write is read again.
//! 3. What a person said: the brake on mass deletions ([`super::brake`]), open conflicts, given values.
//! 4. Scope: the references that tell company and key, and the keys that other records hold.
//! 5. [`super::sort`]: filter and diff. 6. [`super::translation`]: translate and look up.

use super::{Errand, renaming};
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
use duet_store::conflict::{Conflict, Touch};
use duet_store::pair::Pair;
use duet_store::settlement::Settlement;
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
    /// The key that the record has now, where it is not the one of its pair.
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
        let replacing = self.replacements(map, &arrivals, &taken).await?;
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
                None => Some(arrival.change.change.key.clone()),
                Some(_) => arrival.renames.clone(),
            })
            .collect();
        Ok(self.store.pairs_by_key(map.id(), &wanted).await?)
    }

    /// The records that take the place of one that carried the same key, was deleted, and whose
    /// deletion a person has to decide about: creating the record again is that decision.
    async fn replacements(
        &self,
        map: &CompiledMap,
        arrivals: &[Arrival],
        taken: &HashMap<Key, Pair>,
    ) -> Result<HashSet<RecordId>, EngineError> {
        let mut replacing = HashSet::new();
        for side in Side::BOTH {
            let held: Vec<(RecordId, RecordId)> = arrivals
                .iter()
                .filter(|arrival| arrival.pair.is_none() && arrival.row.is_some())
                .filter(|arrival| arrival.change.change.side == side)
                .filter_map(|arrival| {
                    let pair = taken.get(&arrival.change.change.key)?;
                    let old = pair.body.halves[side].record.clone()?;
                    Some((arrival.change.change.record.clone(), old))
                })
                .collect();
            if held.is_empty() {
                continue;
            }
            let old: Vec<RecordId> = held.iter().map(|(_, old)| old.clone()).collect();
            // An earlier deletion that is still to be applied goes first, so this one is parked.
            let deciding = self.store.pending_keys(map.id(), side, &old).await?;
            let read = self.systems[side]
                .fetch(map.table(side), map.columns(side), &old)
                .await
                .map_err(|error| self.failed(side, format!("read {}", map.table(side)), error))?;
            for ((new, old), record) in held.into_iter().zip(read) {
                if record.is_none() && deciding.contains_key(&old) {
                    replacing.insert(new);
                }
            }
        }
        Ok(replacing)
    }
}

impl Arrival {
    /// The key of its pair, or its own.
    fn key(&self) -> &Key {
        self.pair
            .as_ref()
            .map_or(&self.change.change.key, |pair| &pair.body.key)
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
    exists.then(|| key_token(change.side, map.table(change.side), &change.key))
}
