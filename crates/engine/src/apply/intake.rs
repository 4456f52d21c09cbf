//! Intake: sorts changes into those that end here and errands to the other side.
//!
//! 1. Pair: the pair of each change, found by its record.
//! 2. [`super::freshness`]: what may be older than our own last write is read again.
//! 3. Scope: the references that tell company and key, and the keys that other records hold.
//! 4. [`super::sort`]: filter and diff. 5. [`super::translation`]: translate and look up.

use super::Errand;
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
use duet_store::pair::Pair;
use duet_store::settlement::Settlement;
use std::collections::{HashMap, HashSet};

/// A change with its pair, and the source row that counts.
pub(super) struct Arrival {
    pub(super) change: Change,
    pub(super) pair: Option<Pair>,
    /// The row to apply; `None` for a deletion.
    pub(super) row: Option<(Row, Option<Version>)>,
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
        let arrivals = self.freshen(map, arrivals, &mut settlements).await?;
        let scopes = self.scopes(map, &arrivals).await?;
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
                let row = match &change.change.kind {
                    ChangeKind::Upsert { row, version, .. } => Some((row.clone(), version.clone())),
                    ChangeKind::Delete => None,
                };
                Arrival { change, pair, row }
            })
            .collect())
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
            if is_unresolved(&arrival.change.change.key)
                && let Err(KeyProblem::Needs(more)) = map.key(side, row, &nothing)
            {
                needs.extend(more);
            }
        }
        self.resolve(needs, Follow::Any).await
    }

    /// The keys of unpaired changes that pairs of other records hold.
    async fn taken_keys(
        &self,
        map: &CompiledMap,
        arrivals: &[Arrival],
    ) -> Result<HashMap<Key, Pair>, EngineError> {
        let unpaired: Vec<Key> = arrivals
            .iter()
            .filter(|arrival| arrival.pair.is_none())
            .map(|arrival| arrival.change.change.key.clone())
            .collect();
        Ok(self.store.pairs_by_key(map.id(), &unpaired).await?)
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

/// The token of a record that exists and belongs to no pair.
fn there(map: &CompiledMap, arrival: &Arrival) -> Option<String> {
    let change = &arrival.change.change;
    let exists = arrival.row.is_some() && arrival.pair.is_none() && !is_unresolved(&change.key);
    exists.then(|| key_token(change.side, map.table(change.side), &change.key))
}
