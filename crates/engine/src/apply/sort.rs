//! Sort: decides by pair, scope, filter and diff whether a change has an errand at all.

use super::contest::{decided_side, decision_over, left_filter, left_scope};
use super::intake::Arrival;
use super::{Errand, Wish, ended, parked, renaming, settle, update};
use crate::capture::is_unresolved;
use crate::core::Core;
use crate::resolve::{changes_keys, freed_token};
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::field_set::FieldSet;
use duet_map::key::KeyProblem;
use duet_map::lookup::ResolvedLookups;
use duet_map::record::{Key, RecordId, Version};
use duet_map::value::Row;
use duet_store::change::{Change, Park, ParkReason};
use duet_store::conflict::{Conflict, ConflictKind, Touch};
use duet_store::pair::{Pair, PairState};
use duet_store::settlement::{Outcome, Settlement};
use std::collections::{HashMap, HashSet};

/// A change that has an errand, before translation.
pub(super) struct Sorted {
    pub(super) change: Change,
    pub(super) key: Key,
    pub(super) pair: Option<Pair>,
    pub(super) upsert: Option<SortedUpsert>,
    pub(super) renames: Option<Key>,
    pub(super) conflict: Option<Box<Conflict>>,
}

/// What an upsert brings, before translation.
pub(super) struct SortedUpsert {
    pub(super) row: Row,
    pub(super) version: Option<Version>,
    pub(super) fields: FieldSet,
    pub(super) bounce: bool,
    pub(super) replaces: bool,
    pub(super) recreates: bool,
    pub(super) touch: Touch,
    pub(super) truth: Row,
}

impl Core {
    /// Decides by pair, scope, filter and diff whether the change has an errand at all.
    pub(super) fn sort(
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
            touch,
            truth,
            mut renames,
            conflict,
        } = arrival;
        let amendment = &change.change.amendment;
        let (repairs, amended) = (amendment.repair, !amendment.columns.is_empty());
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
                Some(pair) if self.left_scope(map, &pair.body.key) => {
                    Err(Box::new(outside_scope(map, &change, conflict.as_deref())))
                }
                Some(pair) if pair.body.state == PairState::OutsideFilter => {
                    let errand = Errand {
                        from: side,
                        key: pair.body.key.clone(),
                        pair: Some(pair.clone()),
                        wish: Wish::Delete,
                        renames: None,
                        conflict,
                        refused: false,
                        moved: false,
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
                        renames: None,
                        conflict,
                    })
                }
            };
        };

        // The version that our image stands for: nothing can have changed.
        let recreates = amendment.recreate
            || conflict.as_ref().is_some_and(|conflict| {
                conflict.kind == ConflictKind::Deletion && decided_side(conflict) == Some(side)
            });
        // What a person decided about fields is carried out even where nothing is new any more.
        let decided: Vec<String> = conflict
            .iter()
            .filter(|conflict| {
                conflict.decision.is_some() && conflict.kind != ConflictKind::Deletion
            })
            .flat_map(|conflict| conflict.fields.iter())
            .map(|field| field.column(side).to_owned())
            .collect();
        let said = repairs || amended || recreates;
        if let (Some(pair), Some(version)) = (&pair, &version)
            && !said
            && decided.is_empty()
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
                    return Err(Box::new(outside_scope(map, &change, conflict.as_deref())));
                }
                Some(_) => {}
            }
        }
        if !map.passes(side, &row) {
            let mut settlement = ended(
                &change,
                Outcome::Filtered("outside the map's filter".into()),
            );
            let Some(pair) = &pair else {
                return Err(Box::new(settlement));
            };
            // Another pair may have the new key.
            let renames = renames.filter(|new| !taken.contains_key(new));
            if pair.body.state == PairState::Linked {
                settlement.outcome = Outcome::Filtered("left the map's filter".into());
            } else if renames.is_none() {
                return Err(Box::new(settlement));
            }
            let settlement = Settlement {
                outcome: settlement.outcome,
                ..self.outside_filter(map, &change, pair, renames, conflict.as_deref())
            };
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
            None => renames.take().unwrap_or_else(|| change.change.key.clone()),
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
        if let (Some(pair), Some(new)) = (&pair, &renames)
            && taken.get(new).is_some_and(|other| other.id != pair.id)
        {
            return end(&change, renaming::taken(map, side, new));
        }
        let fields = match &pair {
            Some(pair) if !replaces && !repairs && !recreates => map
                .diff(side, &row, &pair.body.halves[side].image)
                .union(&map.fields_reading(side, truth.iter().map(|(column, _)| column)))
                .union(&map.fields_reading(side, decided.iter().map(String::as_str))),
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
        let bounce = pair.as_ref().is_some_and(|pair| {
            let half = &pair.body.halves[side];
            let columns = map.column_names(side, &fields);
            if let (Some(wrote), Some(version)) = (&half.wrote, &version)
                && wrote.tag == version.tag
                && columns.iter().any(|one| half.wrote_columns.contains(one))
            {
                return true;
            }
            // Without versions, and where another column was edited since, the value tells: it is
            // what our write became.
            let seen = map.image(side, &row);
            let became = |one: &str| {
                let was = half.rewrote.get(one);
                was.is_some_and(|was| was == seen.value(one))
            };
            columns.iter().any(|one| became(one))
        });
        if let Some(pair) = &pair
            && bounce
            && !said
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
                recreates,
                touch,
                truth,
            }),
            renames,
            conflict,
        })
    }

    /// Takes a pair out of the filter. Nothing of it travels until it is back, but it lets go of its
    /// key when one of its records has another one: whoever takes the old one is a stranger.
    pub(super) fn outside_filter(
        &self,
        map: &CompiledMap,
        change: &Change,
        pair: &Pair,
        renames: Option<Key>,
        conflict: Option<&Conflict>,
    ) -> Settlement {
        let mut body = pair.body.clone();
        body.state = PairState::OutsideFilter;
        body.settled_at = self.clock.now();
        let mut provides = Vec::new();
        let old = &pair.body.key;
        // What identifies a record on the other side stays its key, and so the pair's.
        let free = changes_keys(map, change.change.side.other());
        if let Some(new) = renames.filter(|new| free && new != old) {
            body.key = new;
            provides = settle::provides(map, &body);
            provides.push(freed_token(map.id(), old));
        }
        provides.extend(decision_over(map, conflict));
        Settlement {
            pair: update(pair, body),
            open_conflict: left_filter(conflict),
            provides,
            ..ended(change, Outcome::Filtered("outside the map's filter".into()))
        }
    }

    /// Whether the company of a pair has left the scope. Its deletions are found when it comes back,
    /// by comparing key sets.
    fn left_scope(&self, map: &CompiledMap, key: &Key) -> bool {
        if !map.is_per_company() || is_unresolved(key) {
            return false;
        }
        let parts = key.parts();
        let company = parts.first();
        company.is_some_and(|company| !self.project.covers_company(company))
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
}

/// A change of a company outside the scope: nothing of it travels, and nobody needs to decide about
/// it any more.
fn outside_scope(map: &CompiledMap, change: &Change, conflict: Option<&Conflict>) -> Settlement {
    let why = "its company is outside the scope".to_owned();
    let mut settlement = ended(change, Outcome::Filtered(why));
    settlement.open_conflict = left_scope(conflict);
    settlement.provides = decision_over(map, conflict);
    settlement
}
