//! What a change wants: pair, freshness, scope, filter, diff, look-ups and translation.

use super::{Errand, Upsert, Wish, ended, parked, update};
use crate::capture::is_unresolved;
use crate::core::Core;
use crate::error::EngineError;
use crate::resolve::{Follow, decided_token, freed_token, key_token};
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::field_set::FieldSet;
use duet_map::key::KeyProblem;
use duet_map::lookup::{LookupNeed, ResolvedLookups};
use duet_map::record::{Key, RecordId, Version};
use duet_map::side::Side;
use duet_map::translate::Translation;
use duet_map::value::Row;
use duet_store::change::{Change, ChangeKind, Park, ParkReason};
use duet_store::pair::{Pair, PairState};
use duet_store::settlement::{Outcome, Settlement};
use duet_store::store::Intent;
use std::collections::{HashMap, HashSet};

/// A change with its pair, and the source row that counts.
struct Arrival {
    change: Change,
    pair: Option<Pair>,
    /// The row to apply; `None` for a deletion.
    row: Option<(Row, Option<Version>)>,
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

    /// Reads again what may be older than our own last write to the same record, so that an old
    /// row never looks like a person undoing that write.
    async fn freshen(
        &self,
        map: &CompiledMap,
        mut arrivals: Vec<Arrival>,
        settlements: &mut Vec<Settlement>,
    ) -> Result<Vec<Arrival>, EngineError> {
        for side in Side::BOTH {
            let stale: Vec<usize> = arrivals
                .iter()
                .enumerate()
                .filter(|(_, arrival)| arrival.change.change.side == side && is_stale(arrival))
                .map(|(place, _)| place)
                .collect();
            if stale.is_empty() {
                continue;
            }
            let ids: Vec<RecordId> = stale
                .iter()
                .filter_map(|place| Some(arrivals.get(*place)?.change.change.record.clone()))
                .collect();
            let read = self.systems[side]
                .fetch(map.table(side), map.columns(side), &ids)
                .await
                .map_err(|error| self.failed(side, format!("read {}", map.table(side)), error))?;
            for (place, record) in stale.into_iter().zip(read) {
                if let Some(arrival) = arrivals.get_mut(place) {
                    arrival.row = record.map(|record| (record.row, record.version));
                }
            }
        }
        let mut fresh = Vec::with_capacity(arrivals.len());
        for mut arrival in arrivals {
            let upsert = matches!(arrival.change.change.kind, ChangeKind::Upsert { .. });
            if upsert && arrival.row.is_none() {
                // Gone since: its deletion is on its own way, or was our own.
                settlements.push(ended(&arrival.change, Outcome::Echoed));
                continue;
            }
            if upsert
                && let Some(pair) = &arrival.pair
                && pair.body.state == PairState::Deleted
            {
                let side = arrival.change.change.side;
                if pair.body.halves[side.other()].record.is_none() {
                    let why = "its counterpart was deleted and the map lets it stay".to_owned();
                    settlements.push(ended(&arrival.change, Outcome::Filtered(why)));
                    continue;
                }
                // Both were deleted: a record that exists is a new one.
                arrival.pair = None;
            }
            fresh.push(arrival);
        }
        Ok(fresh)
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

    /// Holds back records that look like what a create of our own asked for whose answer never
    /// came: until its outcome is looked up, nobody knows whose they are.
    async fn hold_back_own(
        &self,
        map: &CompiledMap,
        arrivals: Vec<Arrival>,
        settlements: &mut Vec<Settlement>,
    ) -> Result<Vec<Arrival>, EngineError> {
        let Some(to) = map.allocates() else {
            return Ok(arrivals);
        };
        let unpaired = |arrival: &Arrival| {
            arrival.pair.is_none() && arrival.change.change.side == to && arrival.row.is_some()
        };
        if !arrivals.iter().any(unpaired) {
            return Ok(arrivals);
        }
        let open = self.store.open_intents(map.id(), to).await?;
        let mut free = Vec::with_capacity(arrivals.len());
        let mut recognised = Vec::new();
        for arrival in arrivals {
            let own = arrival
                .row
                .as_ref()
                .filter(|_| unpaired(&arrival))
                .and_then(|(row, _)| Some((row, open.iter().find(|one| answers(map, one, row))?)));
            if let Some((row, intent)) = own {
                // People may change the record before its outcome is looked up, but not its key.
                let mut intent = intent.clone();
                for column in map.key_paths(to) {
                    intent.row.set(column.clone(), row.value(&column).clone());
                }
                recognised.push(intent);
                let outcome = Outcome::Postponed {
                    until: self.due_again(arrival.change.attempts, None),
                    code: Code(4105).to_string(),
                };
                settlements.push(ended(&arrival.change, outcome));
            } else {
                free.push(arrival);
            }
        }
        if !recognised.is_empty() {
            self.store.add_intents(recognised).await?;
        }
        Ok(free)
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

    /// Decides by pair, scope, filter and diff whether the change has an errand at all.
    fn sort(
        &self,
        map: &CompiledMap,
        arrival: Arrival,
        scopes: &ResolvedLookups,
        taken: &HashMap<Key, Pair>,
        replacing: &HashSet<RecordId>,
    ) -> Result<Sorted, Box<Settlement>> {
        let Arrival {
            change,
            mut pair,
            row,
        } = arrival;
        let side = change.change.side;
        let end = |change: &Change, outcome: Outcome| Err(Box::new(ended(change, outcome)));

        let Some((row, version)) = row else {
            return match &pair {
                None => end(
                    &change,
                    Outcome::Filtered("the record was never paired".into()),
                ),
                Some(pair) if pair.body.state == PairState::Deleted => {
                    let mut settlement = ended(&change, Outcome::Echoed);
                    if pair.body.halves[side.other()].record.is_none() {
                        // The survivor is gone, too: whoever takes its key is a new record.
                        let mut body = pair.body.clone();
                        body.halves[side].record = None;
                        settlement.pair = update(pair, body);
                    }
                    Err(Box::new(settlement))
                }
                Some(pair) if pair.body.state == PairState::OutsideFilter => {
                    let errand = Errand {
                        from: side,
                        key: pair.body.key.clone(),
                        pair: Some(pair.clone()),
                        wish: Wish::Delete,
                        looked: 0,
                        change,
                    };
                    Err(Box::new(self.leave_outside(map, errand).settlement))
                }
                Some(_) if !map.flows(side) => end(
                    &change,
                    Outcome::Filtered(format!("nothing flows from the {side} side")),
                ),
                Some(pair) => {
                    let key = pair.body.key.clone();
                    Ok(Sorted {
                        change,
                        key,
                        pair: Some(pair.clone()),
                        upsert: None,
                    })
                }
            };
        };

        // The version that our image stands for: nothing can have changed.
        if let (Some(pair), Some(version)) = (&pair, &version)
            && pair.body.state == PairState::Linked
            && pair.body.halves[side]
                .version
                .as_ref()
                .is_some_and(|v| v.tag == version.tag)
        {
            return end(&change, Outcome::Echoed);
        }
        if map.is_per_company() {
            match map.company(side, &row, scopes) {
                None => return end(&change, Outcome::Filtered("the row has no company".into())),
                Some(company) if !self.project.covers_company(&company) => {
                    return end(
                        &change,
                        Outcome::Filtered("its company is outside the scope".into()),
                    );
                }
                Some(_) => {}
            }
        }
        if !map.passes(side, &row) {
            let mut settlement = ended(
                &change,
                Outcome::Filtered("outside the map's filter".into()),
            );
            if let Some(pair) = &pair
                && pair.body.state == PairState::Linked
            {
                let mut body = pair.body.clone();
                body.state = PairState::OutsideFilter;
                body.settled_at = self.clock.now();
                settlement.outcome = Outcome::Filtered("left the map's filter".into());
                settlement.pair = update(pair, body);
            }
            return Err(Box::new(settlement));
        }
        if !map.flows(side) {
            return end(
                &change,
                Outcome::Filtered(format!("nothing flows from the {side} side")),
            );
        }

        let key = match &pair {
            Some(pair) => pair.body.key.clone(),
            None if is_unresolved(&change.change.key) => match map.key(side, &row, scopes) {
                Ok(key) => key,
                Err(_) if map.allocates() == Some(side.other()) => change.change.key.clone(),
                Err(problem) => {
                    let settlement = self.unkeyed(&change, problem);
                    return Err(Box::new(settlement));
                }
            },
            None => change.change.key.clone(),
        };
        let replaces = pair.is_none() && replacing.contains(&change.change.record);
        if replaces {
            pair = taken.get(&key).cloned();
        }
        if pair.is_none() && taken.contains_key(&key) {
            let park = Park {
                reason: ParkReason::WaitingForKey,
                code: Code(2107),
                message: format!(
                    "another record of {} on the {side} side carries the same key; delete one of \
                     them or change its key, and this one travels",
                    map.table(side)
                ),
                waits_for: vec![freed_token(map.id(), &key)],
            };
            return end(&change, Outcome::Parked { park, writes: 0 });
        }
        let fields = match &pair {
            Some(pair) if !replaces => map.diff(side, &row, &pair.body.halves[side].image),
            _ => map.all_fields(side),
        };
        // A row that comes back into the filter may change nothing else, and yet the other side
        // has to be looked at again.
        let returns = pair
            .as_ref()
            .is_some_and(|pair| pair.body.state == PairState::OutsideFilter);
        if fields.is_empty() && !returns {
            return end(&change, Outcome::Echoed);
        }
        let bounce = match (&pair, &version) {
            (Some(pair), Some(version)) => {
                let half = &pair.body.halves[side];
                let ours = half.wrote.as_ref().is_some_and(|w| w.tag == version.tag);
                let mut columns = map.column_names(side, &fields).into_iter();
                ours && columns.any(|column| half.wrote_columns.contains(&column))
            }
            _ => false,
        };
        if let Some(pair) = &pair
            && bounce
            && pair.body.bounces >= self.settings.bounces
        {
            let message = format!(
                "the two systems keep rewriting each other's values of {}; map one of them one \
                 way, or bring the values into a form that both keep, then retry",
                map.column_names(side, &fields).join(", ")
            );
            return end(
                &change,
                parked(ParkReason::Oscillating, Code(4103), message),
            );
        }
        Ok(Sorted {
            change,
            key,
            pair,
            upsert: Some(SortedUpsert {
                row,
                version,
                fields,
                bounce,
                replaces,
            }),
        })
    }

    /// A row whose integration key cannot be computed.
    fn unkeyed(&self, change: &Change, problem: KeyProblem) -> Settlement {
        let (reason, message, waits_for) = match problem {
            KeyProblem::Empty { column } => (
                ParkReason::Validation,
                format!("the key column {column} is empty; fill it, and the record will travel"),
                Vec::new(),
            ),
            KeyProblem::Needs(needs) | KeyProblem::Unresolved(needs) => (
                ParkReason::WaitingForKey,
                "a record that its key refers to is not there; once it is, the record travels"
                    .to_owned(),
                needs.iter().flat_map(|need| self.tokens(need)).collect(),
            ),
        };
        let park = Park {
            reason,
            code: Code(2101),
            message,
            waits_for,
        };
        ended(change, Outcome::Parked { park, writes: 0 })
    }

    /// Translates every upsert; parks what waits for a key or breaks a rule of translation.
    async fn translate(
        &self,
        map: &CompiledMap,
        sorted: Vec<Sorted>,
        settlements: &mut Vec<Settlement>,
    ) -> Result<Vec<Errand>, EngineError> {
        let mut translations = self.translations(map, &sorted).await?.into_iter();

        let mut errands = Vec::with_capacity(sorted.len());
        for one in sorted {
            let from = one.change.change.side;
            let Some(upsert) = one.upsert else {
                errands.push(Errand {
                    from,
                    key: one.key,
                    pair: one.pair,
                    wish: Wish::Delete,
                    looked: 0,
                    change: one.change,
                });
                continue;
            };
            let Some(translation) = translations.next() else {
                break;
            };
            if let Some(first) = translation.problems.first() {
                let message = translation
                    .problems
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; ");
                let outcome = parked(ParkReason::Validation, first.code, message);
                settlements.push(ended(&one.change, outcome));
                continue;
            }
            let mut later = None;
            if !translation.waiting.is_empty() {
                let park = Park {
                    reason: ParkReason::WaitingForKey,
                    code: Code(2102),
                    message: format!(
                        "waits for {}",
                        translation
                            .waiting
                            .iter()
                            .map(|waiting| waiting.need.to_string())
                            .collect::<Vec<_>>()
                            .join(" and ")
                    ),
                    waits_for: translation
                        .waiting
                        .iter()
                        .flat_map(|waiting| self.tokens(&waiting.need))
                        .collect(),
                };
                // The lookup may stand on either side: a text over here may name what it points at.
                let in_circle = translation.waiting.iter().all(|waiting| {
                    Side::BOTH.into_iter().any(|side| {
                        map.lookup_column(waiting.field, side)
                            .is_some_and(|column| self.project.may_follow_later(map.id(), column))
                    })
                });
                let mut waiting = FieldSet::default();
                for one in &translation.waiting {
                    waiting.insert(one.field);
                }
                if !in_circle || upsert.fields.without(&waiting).is_empty() {
                    settlements.push(ended(&one.change, Outcome::Parked { park, writes: 0 }));
                    continue;
                }
                later = Some((waiting, park));
            }
            errands.push(Errand {
                from,
                key: one.key,
                pair: one.pair,
                wish: Wish::Upsert(Box::new(Upsert {
                    row: upsert.row,
                    version: upsert.version,
                    translation,
                    later,
                    bounce: upsert.bounce,
                    replaces: upsert.replaces,
                })),
                looked: 0,
                change: one.change,
            });
        }
        Ok(errands)
    }
}

impl Core {
    /// Translates every upsert, in the order of `sorted`, and answers the questions that only arise
    /// from the answers to earlier ones: the company of a row stands behind a lookup, and further
    /// lookups are searched within the company.
    async fn translations(
        &self,
        map: &CompiledMap,
        sorted: &[Sorted],
    ) -> Result<Vec<Translation>, EngineError> {
        let upserts = || {
            sorted
                .iter()
                .filter_map(|one| Some((one, one.upsert.as_ref()?)))
        };
        let needs: Vec<LookupNeed> = upserts()
            .flat_map(|(one, upsert)| {
                map.needs(
                    one.change.change.side,
                    &upsert.row,
                    &upsert.fields,
                    one.pair.is_none(),
                )
            })
            .collect();
        let mut resolved = self.resolve(needs, Follow::Paired).await?;
        let translate = |one: &Sorted, upsert: &SortedUpsert, resolved: &ResolvedLookups| {
            let create = one.pair.is_none();
            map.translate(
                one.change.change.side,
                &upsert.row,
                &upsert.fields,
                resolved,
                create,
            )
        };
        let mut translations: Vec<Translation> = upserts()
            .map(|(one, upsert)| translate(one, upsert, &resolved))
            .collect();
        for _ in 0..MORE_QUESTIONS {
            let open = |translation: &Translation, resolved: &ResolvedLookups| -> Vec<LookupNeed> {
                translation
                    .waiting
                    .iter()
                    .map(|waiting| waiting.need.clone())
                    .filter(|need| resolved.get(need).is_none())
                    .collect()
            };
            let questions: Vec<Vec<LookupNeed>> = translations
                .iter()
                .map(|translation| open(translation, &resolved))
                .collect();
            if questions.iter().all(Vec::is_empty) {
                break;
            }
            let answers = self
                .resolve(questions.iter().flatten().cloned(), Follow::Paired)
                .await?;
            resolved.extend(answers);
            for ((translation, questions), (one, upsert)) in
                translations.iter_mut().zip(questions).zip(upserts())
            {
                if !questions.is_empty() {
                    *translation = translate(one, upsert, &resolved);
                }
            }
        }
        Ok(translations)
    }
}

/// How often answers may raise further questions.
const MORE_QUESTIONS: usize = 3;

/// A change that has an errand, before translation.
struct Sorted {
    change: Change,
    key: Key,
    pair: Option<Pair>,
    upsert: Option<SortedUpsert>,
}

struct SortedUpsert {
    row: Row,
    version: Option<Version>,
    fields: FieldSet,
    bounce: bool,
    replaces: bool,
}

/// The token of a record that exists and belongs to no pair.
fn there(map: &CompiledMap, arrival: &Arrival) -> Option<String> {
    let change = &arrival.change.change;
    let exists = arrival.row.is_some() && arrival.pair.is_none() && !is_unresolved(&change.key);
    exists.then(|| key_token(change.side, map.table(change.side), &change.key))
}

/// Whether a row holds everything that an intent asked for, or the key under which its record was
/// recognised before.
fn answers(map: &CompiledMap, intent: &Intent, row: &Row) -> bool {
    let (asked, image) = (map.image(intent.to, &intent.row), map.image(intent.to, row));
    let holds = |column: &str| {
        let asked = asked.value(column);
        asked.is_null() || image.value(column) == asked
    };
    let keys = map.key_paths(intent.to);
    if keys.iter().all(|column| !asked.value(column).is_null()) {
        return keys.iter().all(|column| holds(column));
    }
    asked.iter().all(|(column, _)| holds(column))
}

/// What a pair that ends gives free, and whose decisions it settles.
pub(super) fn ends_of(map: &CompiledMap, key: &Key) -> Vec<String> {
    vec![freed_token(map.id(), key), decided_token(map.id(), key)]
}

/// Whether the row may have been read before our own last write to the record.
fn is_stale(arrival: &Arrival) -> bool {
    let Some(pair) = &arrival.pair else {
        return false;
    };
    let half = &pair.body.halves[arrival.change.change.side];
    let Some((_, version)) = &arrival.row else {
        // A deletion that was seen before we wrote the record was another record's, where the key
        // is the identifier.
        return arrival.change.change.tick <= half.written;
    };
    if pair.body.state == PairState::Deleted {
        // However late: an old row must never revive a deleted record.
        return true;
    }
    let ordinals = |a: &Option<Version>| a.as_ref().and_then(|version| version.ordinal);
    let newest_known = ordinals(&half.wrote).max(ordinals(&half.version));
    if let (Some(seen), Some(known)) = (ordinals(version), newest_known) {
        return seen < known;
    }
    let same = |known: &Option<Version>| matches!((known, version), (Some(known), Some(seen)) if known.tag == seen.tag);
    arrival.change.change.tick <= half.written && !same(&half.version) && !same(&half.wrote)
}
