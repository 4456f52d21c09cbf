//! How the other side stands: which record a change goes to, and what is known of it now.

use super::freshness::is_older;
use super::{Errand, Wish};
use crate::core::Core;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::file::Deletes;
use duet_map::record::{Key, Record, RecordId, Version};
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_store::change::ChangeKind;
use duet_store::pair::PairState;
use duet_systems::{Find, Found};
use std::collections::HashMap;

/// What is known of the record on the other side.
pub(super) enum Target {
    /// There is none: create it.
    Absent,
    /// It stands as the pair's image says, at this version; the write names the version, so a
    /// wrong guess is refused and not stored.
    Trusted { id: RecordId, version: Version },
    /// It was read just now.
    Read(Box<Record>),
    /// The pair knows a record that is not there any more.
    Gone,
    /// It was read, and what was shown is older than what is known of it: look again later.
    Old,
    /// Several records carry the key.
    Ambiguous,
    /// The record that carries the key belongs to another pair, whose own key it is not (yet).
    Taken,
}

impl Core {
    /// Finds the target of each errand to one side, in their order. With `read`, nothing may be
    /// trusted: the last attempt found the other side moved.
    ///
    /// What would be created is searched by its key before, where the side would take a twin or has
    /// just refused one. That goes for a record which a person has created again, too: somebody may
    /// have done so there meanwhile.
    pub(super) async fn targets(
        &self,
        map: &CompiledMap,
        to: Side,
        errands: &[Errand],
        read: bool,
    ) -> Result<Vec<Target>, EngineError> {
        let mut targets: Vec<Option<Target>> = errands.iter().map(|_| None).collect();
        let trusts = self.systems[to].checks_versions() && !read;
        let mut fetches: Vec<(usize, RecordId)> = Vec::new();
        let mut searches: Vec<usize> = Vec::new();
        let unpaired: Vec<Key> = errands
            .iter()
            .filter(|errand| errand.pair.is_none())
            .map(|errand| errand.key.clone())
            .collect();
        // A deletion that is ignored writes nothing that would be refused: only a look tells whether
        // the other record is still there.
        let ignored = |errand: &Errand| {
            matches!(errand.wish, Wish::Delete) && map.deletes() == Deletes::Ignore
        };
        let waiting = if unpaired.is_empty() {
            HashMap::new()
        } else {
            self.store.pending_upserts(map.id(), to, &unpaired).await?
        };

        for (place, errand) in errands.iter().enumerate() {
            if let Some(pair) = &errand.pair {
                let half = &pair.body.halves[to];
                match (&half.record, &half.version) {
                    (Some(id), Some(version))
                        if trusts
                            && !ignored(errand)
                            && errand.change.change.amendment.is_empty()
                            && pair.body.state == PairState::Linked =>
                    {
                        set(
                            &mut targets,
                            place,
                            Target::Trusted {
                                id: id.clone(),
                                version: version.clone(),
                            },
                        );
                    }
                    (Some(id), _) => fetches.push((place, id.clone())),
                    (None, _) if read || !refuses_twins(map, to) => searches.push(place),
                    (None, _) => set(&mut targets, place, Target::Absent),
                }
            } else if let Some(change) = waiting.get(&errand.key)
                && let ChangeKind::Upsert { .. } = change.change.kind
            {
                fetches.push((place, change.change.record.clone()));
            } else if read || !refuses_twins(map, to) {
                searches.push(place);
            }
        }

        if !fetches.is_empty() {
            let ids: Vec<RecordId> = fetches.iter().map(|(_, id)| id.clone()).collect();
            let records = self.systems[to]
                .fetch(map.table(to), map.columns(to), &ids)
                .await
                .map_err(|error| self.failed(to, format!("read {}", map.table(to)), error))?;
            for ((place, _), record) in fetches.into_iter().zip(records) {
                let errand = errands.get(place);
                let paired = errand.is_some_and(|errand| errand.pair.is_some());
                let patient = errand.is_some_and(|errand| self.looks_again(errand.change.attempts));
                let old = errand.is_some_and(|errand| shows_old(errand, record.as_ref()));
                let target = match record {
                    _ if old && patient => Target::Old,
                    Some(record) => Target::Read(Box::new(record)),
                    None if errand.is_some_and(|errand| !paired || errand.recreates())
                        && (read || !refuses_twins(map, to)) =>
                    {
                        searches.push(place);
                        continue;
                    }
                    None if paired => Target::Gone,
                    // Seen by the whole read and gone since.
                    None => Target::Absent,
                };
                set(&mut targets, place, target);
            }
        }
        self.search(map, errands, to, searches, &mut targets)
            .await?;
        self.leave_to_their_pairs(map, to, errands, &mut targets)
            .await?;
        Ok(targets
            .into_iter()
            .map(|target| target.unwrap_or(Target::Absent))
            .collect())
    }

    /// Never links a record that is linked already: its key was changed, and its pair has not
    /// followed (yet).
    async fn leave_to_their_pairs(
        &self,
        map: &CompiledMap,
        to: Side,
        errands: &[Errand],
        targets: &mut [Option<Target>],
    ) -> Result<(), EngineError> {
        let found = |errand: &Errand, target: &Option<Target>| match target {
            Some(Target::Read(record)) if errand.pair.is_none() => Some(record.id.clone()),
            _ => None,
        };
        let ids: Vec<RecordId> = errands
            .iter()
            .zip(targets.iter())
            .filter_map(|(errand, target)| found(errand, target))
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let pairs = self.store.pairs_by_record(map.id(), to, &ids).await?;
        for (errand, target) in errands.iter().zip(targets) {
            let pair = found(errand, target).and_then(|id| pairs.get(&id));
            if pair.is_some_and(|pair| pair.body.state != PairState::Deleted) {
                *target = Some(Target::Taken);
            }
        }
        Ok(())
    }

    /// Looks for records that carry the key already.
    async fn search(
        &self,
        map: &CompiledMap,
        errands: &[Errand],
        to: Side,
        searches: Vec<usize>,
        targets: &mut [Option<Target>],
    ) -> Result<(), EngineError> {
        let company_path = map.company_path(to);
        let mut places = Vec::new();
        let mut finds = Vec::new();
        for place in searches {
            let Some(errand) = errands.get(place) else {
                continue;
            };
            // A key that is still to be allocated finds nothing.
            if let Some(find) = key_search(map, errand, company_path.as_deref()) {
                places.push(place);
                finds.push(find);
            }
        }
        if finds.is_empty() {
            return Ok(());
        }
        let found = self.systems[to]
            .find(map.table(to), map.columns(to), &finds)
            .await
            .map_err(|error| self.failed(to, format!("search {}", map.table(to)), error))?;
        for (place, found) in places.into_iter().zip(found) {
            let target = match found {
                Found::None => Target::Absent,
                Found::One(record) => Target::Read(record),
                Found::Many(_) => Target::Ambiguous,
            };
            set(targets, place, target);
        }
        Ok(())
    }
}

/// The equal values that identify the record on the other side.
fn key_search(map: &CompiledMap, errand: &Errand, company_path: Option<&str>) -> Option<Find> {
    let Wish::Upsert(upsert) = &errand.wish else {
        return None;
    };
    let mut equal = map.search_key(errand.from, &upsert.row, &upsert.translation)?;
    if map.is_per_company()
        && let Some(path) = company_path
    {
        let company = errand.origin_key().parts().into_iter().next()?;
        equal.push((path.to_owned(), Value::text(company)));
    }
    Some(Find { equal })
}

/// Whether what was shown of a pair's record is older than what is known of it: an earlier version, or
/// nothing, although a write was refused because the record had moved.
fn shows_old(errand: &Errand, record: Option<&Record>) -> bool {
    let Some(pair) = &errand.pair else {
        return false;
    };
    record.map_or(errand.moved, |record| {
        is_older(&pair.body.halves[errand.to()], record.version.as_ref())
    })
}

/// Whether the system itself refuses a second record with the same integration key, so that a
/// create needs no search before it.
fn refuses_twins(map: &CompiledMap, to: Side) -> bool {
    let paths = map.key_paths(to);
    let mut columns: Vec<&str> = paths
        .iter()
        .map(|path| {
            path.split_once('.')
                .map_or(path.as_str(), |(column, _)| column)
        })
        .collect();
    if let Some(company) = &map.schema(to).company
        && map.is_per_company()
        && !columns
            .iter()
            .any(|column| column.eq_ignore_ascii_case(company))
    {
        columns.push(company);
    }
    map.schema(to).is_unique(&columns)
}

fn set(targets: &mut [Option<Target>], place: usize, target: Target) {
    if let Some(slot) = targets.get_mut(place) {
        *slot = Some(target);
    }
}

/// Whether the target is another record than the pair's own, which is gone: it takes its place, and
/// nothing is agreed of it.
pub(super) fn takes_place(errand: &Errand, target: &Target) -> bool {
    match (&errand.pair, target) {
        (Some(pair), Target::Read(record)) => {
            pair.body.halves[errand.to()].record.as_ref() != Some(&record.id)
        }
        _ => false,
    }
}

/// The target's row now, where it was read.
pub(super) fn current(target: &Target) -> Option<&Row> {
    match target {
        Target::Read(record) => Some(&record.row),
        _ => None,
    }
}
