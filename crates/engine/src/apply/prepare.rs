//! Prepare: merges a change into its target and checks what would be written.
//!
//! What needs no write ends here: both sides agree already, the record is outside the filter, a person
//! has to decide, or the other side could not take it.

use super::contest;
use super::deliver::{Ready, Situation};
use super::settle::{End, Landing};
use super::target::{Target, current, takes_place};
use super::{Errand, Wish, parked, renaming};
use crate::core::Core;
use crate::resolve::{UNOWNED, key_token};
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::merge::Merged;
use duet_map::record::RecordId;
use duet_map::value::Row;
use duet_store::change::{Park, ParkReason};
use duet_store::settlement::{Outcome, Settlement};
use duet_systems::Write;
use uuid::Uuid;

/// The name space of the identifiers that Duet chooses for records it creates.
const CREATED: Uuid = Uuid::from_u128(0x6475_6574_2d63_7265_6174_6564_2d69_6473);

impl Core {
    /// Merges and checks; what needs no write ends here.
    pub(super) fn prepare(
        &self,
        map: &CompiledMap,
        errand: Errand,
        target: Target,
    ) -> Result<Ready, Box<End>> {
        let to = errand.to();
        if matches!(target, Target::Ambiguous) {
            let message = format!(
                "several records of {} on the {to} side carry this key; make the key unique \
                 there, then retry",
                map.table(to)
            );
            return Err(Box::new(
                errand
                    .ends(parked(ParkReason::Validation, Code(2103), message))
                    .into(),
            ));
        }
        if matches!(target, Target::Taken) {
            let taken = renaming::kept_by_another_pair(map, &errand);
            return Err(Box::new(errand.ends(taken).into()));
        }
        let Situation { mut errand, target } = match target {
            Target::Gone if matches!(errand.wish, Wish::Upsert(_)) => {
                contest::changed_and_deleted(map, errand, target)?
            }
            target => Situation { errand, target },
        };
        match &mut errand.wish {
            Wish::Delete => self.prepare_delete(map, errand, target),
            Wish::Upsert(upsert) => {
                let mut upsert = std::mem::take(upsert);
                let base = errand.pair.as_ref().map(|pair| &pair.body.halves[to].image);
                let now = match &target {
                    Target::Trusted { .. } => base,
                    other => current(other),
                };
                let merged = self.merge(map, &errand, &upsert, &target, now);
                upsert.hold(map, &errand.key, &merged.held);
                errand.wish = Wish::Upsert(upsert);
                self.prepare_upsert(map, errand, target, merged)
            }
        }
    }

    fn prepare_upsert(
        &self,
        map: &CompiledMap,
        errand: Errand,
        target: Target,
        merged: Merged,
    ) -> Result<Ready, Box<End>> {
        let to = errand.to();
        if let Target::Read(record) = &target
            && is_outside(map, &errand, &record.row, &merged)
        {
            let replaces = matches!(&errand.wish, Wish::Upsert(upsert) if upsert.replaces)
                || takes_place(&errand, &target);
            let Some(pair) = errand.pair.as_ref().filter(|_| !replaces) else {
                let park = Park {
                    reason: ParkReason::WaitingForKey,
                    code: Code(2108),
                    message: format!(
                        "a record of {} on the {to} side carries the same key and is outside the \
                         map's filter; delete it, change its key or bring it into the filter, and \
                         this one travels",
                        map.table(to)
                    ),
                    // Nobody reports what happens to a record outside the filter.
                    waits_for: vec![format!("{UNOWNED}outside:{}:{}", map.id(), errand.key.0)],
                };
                // It stays here, and yet others may refer to it.
                let there = key_token(errand.from, map.table(errand.from), &errand.key);
                let mut settlement = errand.ends(Outcome::Parked { park, writes: 0 });
                settlement.provides = vec![there];
                return Err(Box::new(settlement.into()));
            };
            let why = format!("the {to} side's record is outside the map's filter");
            let renames = errand.renames.clone();
            let conflict = errand.conflict.as_deref();
            let settlement = Settlement {
                outcome: Outcome::Filtered(why),
                writes_known: errand.refused,
                ..self.outside_filter(map, &errand.change, pair, renames, conflict)
            };
            return Err(Box::new(settlement.into()));
        }
        if merged.write.is_empty() && !matches!(target, Target::Absent) {
            let landing = Landing {
                errand,
                target,
                merged,
                stored: None,
                tick: None,
            };
            return Err(Box::new(self.land(map, landing)));
        }
        let create = matches!(target, Target::Absent);
        if errand.renames.is_some()
            && !create
            && let Some(fixed) = renaming::fixed(map, to, &merged.write)
        {
            return Err(Box::new(errand.ends(fixed).into()));
        }
        let problems = map.check(to, &merged.write, create);
        if let Some(first) = problems.first() {
            let message = problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ");
            return Err(Box::new(
                errand
                    .ends(parked(ParkReason::Validation, first.code, message))
                    .into(),
            ));
        }
        let row = merged.write.clone();
        let write = match &target {
            Target::Trusted { id, version } => Write::Update {
                id: id.clone(),
                row,
                if_version: Some(version.clone()),
            },
            Target::Read(record) => Write::Update {
                id: record.id.clone(),
                row,
                if_version: record.version.clone(),
            },
            Target::Absent | Target::Gone | Target::Old | Target::Ambiguous | Target::Taken => {
                let id = self.systems[to]
                    .accepts_ids()
                    .then(|| chosen_id(map.id(), errand.change.seq));
                Write::Create { id, row }
            }
        };
        Ok(Ready {
            errand,
            target,
            merged,
            write,
        })
    }

    fn prepare_delete(
        &self,
        map: &CompiledMap,
        errand: Errand,
        target: Target,
    ) -> Result<Ready, Box<End>> {
        use duet_map::file::Deletes;
        let to = errand.to();
        let nothing = Merged::default();
        let Situation { errand, target } = match &target {
            Target::Read(record) if map.passes(to, &record.row) => {
                contest::deleted_and_changed(map, errand, target)?
            }
            _ => Situation { errand, target },
        };
        let (id, if_version) = match &target {
            Target::Trusted { id, version } => (id.clone(), Some(version.clone())),
            Target::Read(record) if !map.passes(to, &record.row) => {
                return Err(Box::new(self.leave_outside(map, errand)));
            }
            Target::Read(record) => (record.id.clone(), record.version.clone()),
            Target::Absent | Target::Gone | Target::Old | Target::Ambiguous | Target::Taken => {
                let landing = Landing {
                    errand,
                    target,
                    merged: nothing,
                    stored: None,
                    tick: None,
                };
                return Err(Box::new(self.land(map, landing)));
            }
        };
        let write = match map.deletes() {
            Deletes::Propagate => Write::Delete { id, if_version },
            Deletes::Ignore => {
                let landing = Landing {
                    errand,
                    target,
                    merged: nothing,
                    stored: None,
                    tick: None,
                };
                let mut end = self.land(map, landing);
                end.settlement.outcome =
                    Outcome::Filtered("the map ignores deletions; the other record stays".into());
                return Err(Box::new(end));
            }
            Deletes::Deactivate => {
                let Some(row) = map.deactivation(to) else {
                    let message = format!(
                        "the map deactivates instead of deleting, and says of no column of {} how; \
                         say it under `deletes`, or write `deletes: ignore`",
                        map.table(to)
                    );
                    return Err(Box::new(
                        errand
                            .ends(parked(ParkReason::Refused, Code(2106), message))
                            .into(),
                    ));
                };
                Write::Update {
                    id,
                    row: row.clone(),
                    if_version,
                }
            }
        };
        Ok(Ready {
            errand,
            target,
            merged: nothing,
            write,
        })
    }
}

/// The identifier of a record that this change creates: the same at every attempt, and another one
/// for every change, so that a late deletion of an earlier record never hits a later one.
fn chosen_id(map: &str, seq: i64) -> RecordId {
    RecordId(Uuid::new_v5(&CREATED, format!("{map}/{seq}").as_bytes()).to_string())
}

/// Whether the target is a record that the map leaves alone: one of a pair that a person took
/// out of the filter, or one that the write would not bring into it.
fn is_outside(map: &CompiledMap, errand: &Errand, row: &Row, merged: &Merged) -> bool {
    let to = errand.to();
    if errand.pair.is_some() || map.passes(to, row) {
        return !map.passes(to, row);
    }
    let mut after = row.clone();
    after.0.extend(merged.write.0.clone());
    !map.passes(to, &after)
}
