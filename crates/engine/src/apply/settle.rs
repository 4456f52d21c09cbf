//! Settle: what both sides agree on now, and how the change ends.
//!
//! The image of the target takes the values that were sent, not those that came back: what the
//! other system computed, or a person changed in the same moment, still differs from the image and
//! so flows back as a change of its own.

use super::contest::{ended_with_pair, remember};
use super::target::{Target, current};
use super::{Errand, Upsert, Wish, renaming, update};
use crate::capture::is_unresolved;
use crate::core::Core;
use crate::resolve::{decided_token, freed_token, key_token, record_token};
use duet_map::CompiledMap;
use duet_map::field_set::FieldSet;
use duet_map::file::Deletes;
use duet_map::lookup::ResolvedLookups;
use duet_map::merge::Merged;
use duet_map::record::{Key, Record};
use duet_map::side::{PerSide, Side};
use duet_map::value::{Row, Value};
use duet_store::change::{Amendment, ChangeKind, NewChange, Origin};
use duet_store::conflict::OpenConflict;
use duet_store::pair::{Half, Pair, PairBody, PairState};
use duet_store::settlement::{Outcome, PairWrite, Settlement};

/// An errand that reached its end.
pub(super) struct Landing {
    pub(super) errand: Errand,
    pub(super) target: Target,
    pub(super) merged: Merged,
    /// The record as the other side stored it; `None` when nothing was written or it was deleted.
    pub(super) stored: Option<Box<Record>>,
    /// Logical time after the write; `None` when nothing was written.
    pub(super) tick: Option<i64>,
}

/// How an errand ends.
pub(super) struct End {
    pub(super) settlement: Settlement,
    /// The target as it was read, when it holds something that has to travel back and whose own
    /// change may have been dropped: while the pair was outside the filter, nothing travelled.
    pub(super) still_to_come: Option<Box<NewChange>>,
}

impl From<Settlement> for End {
    fn from(settlement: Settlement) -> Self {
        Self {
            settlement,
            still_to_come: None,
        }
    }
}

/// What the target keeps that the source does not have, as a change of the target.
fn still_to_come(map: &CompiledMap, landing: &Landing) -> Option<Box<NewChange>> {
    let errand = &landing.errand;
    let returns = errand
        .pair
        .as_ref()
        .is_some_and(|pair| pair.body.state == PairState::OutsideFilter);
    let fed = fed_back(map, errand.to(), &landing.merged);
    let given = &landing.merged.given;
    if landing.merged.kept.is_empty() && given.is_empty() && fed.is_empty() && !returns {
        return None;
    }
    let ((Some(record), _) | (None, Target::Read(record))) = (&landing.stored, &landing.target)
    else {
        return None;
    };
    let key = match &errand.pair {
        Some(pair) => pair.body.key.clone(),
        None => errand.key.clone(),
    };
    Some(Box::new(NewChange {
        map: map.id().to_owned(),
        side: errand.to(),
        key,
        record: record.id.clone(),
        kind: ChangeKind::Upsert {
            row: record.row.clone(),
            version: record.version.clone(),
            modified: record.modified,
            by: record.modified_by.clone(),
        },
        // It may be old by the time it is applied, so it is read again where versions do not tell.
        tick: 0,
        origin: Origin::Live,
        amendment: Amendment::default(),
    }))
}

/// The columns that were written and that other fields carry back: what they make of the new value
/// has yet to reach the source.
fn fed_back<'m>(map: &'m CompiledMap, to: Side, merged: &Merged) -> Vec<&'m str> {
    let mut columns = map.returning(to);
    columns.retain(|column| merged.write.get(column).is_some());
    columns
}

impl Core {
    /// Builds the settlement of a landing.
    pub(super) fn land(&self, map: &CompiledMap, landing: Landing) -> End {
        let mut end: End = if matches!(landing.errand.wish, Wish::Delete) {
            self.land_delete(map, landing).into()
        } else {
            let still_to_come = still_to_come(map, &landing);
            End {
                settlement: self.land_upsert(map, landing),
                still_to_come,
            }
        };
        end.settlement.writes_known = true;
        end
    }

    fn land_delete(&self, map: &CompiledMap, landing: Landing) -> Settlement {
        let Landing {
            errand,
            target,
            tick,
            ..
        } = landing;
        let survives = map.deletes() != Deletes::Propagate
            && matches!(target, Target::Read(_) | Target::Trusted { .. });
        let pair = errand.pair.as_ref().map_or(PairWrite::Keep, |pair| {
            let mut body = self.tombstone(pair, tick.unwrap_or(errand.change.change.tick));
            if survives {
                // Only the survivor stays in the tombstone: its later edits bring nothing back.
                body.halves[errand.from].record = None;
            }
            update(pair, body)
        });
        let freed = ends_of(map, &errand.key);
        let open_conflict = ended_with_pair(&errand);
        let mut settlement = errand.ends(Outcome::Applied {
            writes: u32::from(tick.is_some()),
        });
        settlement.pair = pair;
        settlement.provides = freed;
        settlement.open_conflict = open_conflict;
        settlement
    }

    /// Ends the pair of a deletion that leaves the other record alone, because that one is outside
    /// the map's filter.
    pub(super) fn leave_outside(&self, map: &CompiledMap, errand: Errand) -> End {
        let why = "deleted while outside the map's filter; the other record stays";
        let tick = errand.change.change.tick;
        let ended = errand.pair.as_ref().map(|pair| {
            let provides = ends_of(map, &pair.body.key);
            let mut body = self.tombstone(pair, tick);
            // Only the survivor stays in the tombstone: its later edits bring nothing back.
            body.halves[errand.from].record = None;
            (update(pair, body), provides)
        });
        let open_conflict = ended_with_pair(&errand);
        let mut settlement = errand.ends(Outcome::Filtered(why.into()));
        settlement.open_conflict = open_conflict;
        if let Some((pair, provides)) = ended {
            settlement.pair = pair;
            settlement.provides = provides;
        }
        settlement.into()
    }

    /// A pair after its end. Rows read up to `now` may still show either record.
    pub(super) fn tombstone(&self, pair: &Pair, now: i64) -> PairBody {
        let mut body = pair.body.clone();
        body.state = PairState::Deleted;
        body.settled_at = self.clock.now();
        for side in Side::BOTH {
            body.halves[side].version = None;
            body.halves[side].written = body.halves[side].written.max(now);
        }
        body
    }

    fn land_upsert(&self, map: &CompiledMap, landing: Landing) -> Settlement {
        let recreated = landing.recreated();
        let Landing {
            errand,
            target,
            merged,
            stored,
            tick,
        } = landing;
        let (from, to) = (errand.from, errand.to());
        let Wish::Upsert(upsert) = &errand.wish else {
            return errand.ends(Outcome::Echoed);
        };
        let old = errand.pair.as_ref().map(|pair| &pair.body);
        let read = match (&stored, &target) {
            (Some(record), _) | (None, Target::Read(record)) => Some(record.as_ref()),
            _ => None,
        };

        let source = source_half(
            map,
            &errand,
            upsert,
            &merged.held,
            old.map(|body| &body.halves[from]),
        );
        let mut answer = target_half(
            map,
            to,
            &merged,
            current(&target).or_else(|| old.map(|body| &body.halves[to].image)),
            read,
            // Nothing is agreed of a record that takes the place of one that is gone.
            old.filter(|_| !recreated).map(|body| &body.halves[to]),
        );
        if let Some(tick) = tick {
            answer.written = tick;
            answer.wrote = stored.as_ref().and_then(|record| record.version.clone());
            let columns = merged.write.iter().map(|(column, _)| column.to_owned());
            answer.wrote_columns = columns.collect();
            let written = |column: &str| merged.write.get(column).is_some();
            answer.rewrote.0.retain(|column, _| !written(column));
            if let Some(record) = &stored {
                let kept = map.image(to, &record.row).0.into_iter();
                answer.rewrote.0.extend(kept.filter(|(column, value)| {
                    written(column) && answer.image.value(column) != value
                }));
            }
        } else if let Some(record) = read {
            // What stands there may be a write of our own that nobody remembers, because its
            // answer was lost or its process ended. Rows that were read before, or that have an
            // earlier version, are older than what is agreed now.
            answer.written = answer.written.max(errand.looked);
            let known = answer.wrote.as_ref().map(|version| &version.tag);
            if let Some(version) = &record.version
                && known != Some(&version.tag)
            {
                answer.wrote = Some(version.clone());
                answer.wrote_columns = Vec::new();
            }
        }
        if errand.change.change.amendment.repair && !merged.kept.is_empty() {
            // The two meet as if for the first time: what the target keeps has to travel back, even
            // where it was agreed or given up before.
            for column in &merged.kept {
                answer.image.0.remove(column);
            }
            answer.version = None;
        }
        let mut halves = PerSide::default();
        halves[from] = source;
        halves[to] = answer;

        let writes = u32::from(tick.is_some());
        let renamed = renaming::settled(map, &errand, upsert, &merged);
        let key = renamed
            .clone()
            .unwrap_or_else(|| settled_key(map, &errand, to, read));
        let body = PairBody {
            key: key.clone(),
            state: PairState::Linked,
            halves,
            bounces: match old {
                // What a person gives travels back to its own side, and that is no bounce.
                _ if !upsert.truth.is_empty() => 0,
                // What waits for a person meanwhile is written nowhere, however often it is read.
                Some(body) if upsert.bounce => body.bounces + writes,
                // An edit of something else says nothing about the values that bounce.
                Some(body) if !rewritten(map, &errand, upsert, body) => body.bounces,
                _ => 0,
            },
            settled_at: self.clock.now(),
        };
        let provides = provides(map, &body);
        let is_new = errand.pair.is_none() || upsert.replaces || recreated;
        // A number that was allocated over there makes the record one that others can refer to,
        // whether this write brought it or an earlier one whose answer never came.
        let names_record = map.key_paths(to).iter().any(|column| {
            let named = |body: &PairBody| !body.halves[to].image.value(column).is_null();
            named(&body) && !old.is_some_and(named)
        });
        let pair = match &errand.pair {
            Some(pair) => update(pair, body),
            None => PairWrite::Insert(body),
        };
        let (conflict, open_conflict) = remember(&errand, &target, &merged);
        let ends = matches!(
            open_conflict,
            OpenConflict::Resolved | OpenConflict::Gone(_)
        );
        let decided = (upsert.replaces || ends).then(|| decided_token(map.id(), &errand.key));

        let lost = merged
            .conflicts
            .iter()
            .any(|conflict| conflict.winner == Some(to));
        let outcome = match &upsert.later {
            Some((_, park)) => Outcome::Parked {
                park: park.clone(),
                writes,
            },
            None if writes == 0 && lost => {
                Outcome::Discarded("it lost a conflict; its value stands in the record".into())
            }
            None => Outcome::Applied { writes },
        };
        let columns = merged
            .write
            .iter()
            .map(|(column, _)| column.to_owned())
            .collect();
        let old_key = errand.key.clone();
        let mut settlement = errand.ends(outcome);
        settlement.pair = pair;
        settlement.conflict = conflict;
        settlement.open_conflict = open_conflict;
        settlement.columns = columns;
        if is_new || names_record || renamed.is_some() {
            settlement.provides = provides;
        }
        // A record that took the place of another waits itself, for the key.
        if renamed.is_some() || recreated {
            settlement.provides.push(freed_token(map.id(), &old_key));
        }
        settlement.provides.extend(decided);
        settlement
    }
}

/// Whether a change touches columns whose values a system made something else of.
fn rewritten(map: &CompiledMap, errand: &Errand, upsert: &Upsert, old: &PairBody) -> bool {
    let columns = &upsert.translation.columns;
    let fields: FieldSet = columns.iter().map(|column| column.field).collect();
    let nothing = Side::BOTH
        .into_iter()
        .all(|side| old.halves[side].rewrote.is_empty());
    let here = map.column_names(errand.from, &fields);
    let there = columns.iter().map(|column| &column.column);
    let touches = |side: Side, column: &String| old.halves[side].rewrote.get(column).is_some();
    nothing
        || here.iter().any(|column| touches(errand.from, column))
        || there.into_iter().any(|column| touches(errand.to(), column))
}

/// What is agreed of the source's record: all of its row, but for fields that follow later.
fn source_half(
    map: &CompiledMap,
    errand: &Errand,
    upsert: &Upsert,
    held: &FieldSet,
    old: Option<&Half>,
) -> Half {
    let mut image = map.image(errand.from, &upsert.row);
    // A value that a person gave for this change does not stand here.
    image.0.extend(map.image(errand.from, &upsert.truth).0);
    let waits_for_person = map.column_names(errand.from, held);
    if let Some((later, _)) = &upsert.later {
        for column in map.column_names(errand.from, later) {
            match old.map(|half| half.image.get(&column)) {
                Some(Some(agreed)) => image.set(column.clone(), agreed.clone()),
                // Nothing is agreed of it, and so it stays.
                Some(None) => drop(image.0.remove(&column)),
                None if waits_for_person.contains(&column) => drop(image.0.remove(&column)),
                None => image.set(column.clone(), Value::Null),
            }
        }
    }
    Half {
        record: Some(errand.change.change.record.clone()),
        image,
        version: upsert
            .version
            .clone()
            .filter(|_| upsert.is_whole() && covers(map, errand.from, &upsert.row)),
        written: old.map_or(0, |half| half.written),
        wrote: old.and_then(|half| half.wrote.clone()),
        wrote_columns: old.map_or_else(Vec::new, |half| half.wrote_columns.clone()),
        rewrote: old.map_or_else(Row::new, |half| half.rewrote.clone()),
    }
}

/// Whether a row holds every column that the map reads. One that was journaled before the map got a
/// new field does not, and its version says nothing about that field.
pub(super) fn covers(map: &CompiledMap, side: Side, row: &Row) -> bool {
    map.columns(side)
        .iter()
        .all(|column| row.get(column).is_some())
}

/// What is agreed of the target's record. `read` is how it stands: as stored by our write, or as it
/// was read when there was nothing to write.
fn target_half(
    map: &CompiledMap,
    to: Side,
    merged: &Merged,
    current: Option<&Row>,
    read: Option<&Record>,
    old: Option<&Half>,
) -> Half {
    let before = old.map(|half| &half.image);
    let (image, version) = match read {
        Some(record) => {
            let agreed = merged.settled(current);
            let mut image = map.settle_image(to, before, &agreed, &record.row);
            // What the target keeps has to travel back. Where it looks like nothing (0, no) or won
            // a conflict, whatever stands there travels, even what was agreed before.
            let won = |column: &String| {
                merged.conflicts.iter().any(|conflict| {
                    let name = match to {
                        Side::Left => &conflict.left_column,
                        Side::Right => &conflict.right_column,
                    };
                    conflict.winner == Some(to) && name == column
                })
            };
            // A person's value stands here alone so far: unknown, it travels back.
            for column in &merged.given {
                image.0.remove(column);
            }
            // Nothing new is agreed of what waits for a person.
            for column in map.column_names(to, &merged.held) {
                match before.and_then(|before| before.get(&column)) {
                    Some(agreed) => image.set(column, agreed.clone()),
                    None => drop(image.0.remove(&column)),
                }
            }
            for column in &merged.kept {
                if won(column) || before.is_none_or(|before| before.get(column).is_none()) {
                    image.0.remove(column);
                }
            }
            for column in fed_back(map, to, merged) {
                image.0.remove(column);
            }
            let whole = map.matches_image(to, &image, &record.row);
            (image, record.version.clone().filter(|_| whole))
        }
        None => (
            before.cloned().unwrap_or_default(),
            old.and_then(|half| half.version.clone()),
        ),
    };
    Half {
        record: read
            .map(|record| record.id.clone())
            .or_else(|| old.and_then(|half| half.record.clone())),
        image,
        version,
        written: old.map_or(0, |half| half.written),
        wrote: old.and_then(|half| half.wrote.clone()),
        wrote_columns: old.map_or_else(Vec::new, |half| half.wrote_columns.clone()),
        rewrote: old.map_or_else(Row::new, |half| half.rewrote.clone()),
    }
}

/// The pair's key: the one the change carries, or the one the other side allocated.
fn settled_key(map: &CompiledMap, errand: &Errand, to: Side, read: Option<&Record>) -> Key {
    if !is_unresolved(&errand.key) {
        return errand.key.clone();
    }
    read.and_then(|record| map.key(to, &record.row, &ResolvedLookups::default()).ok())
        .unwrap_or_else(|| errand.key.clone())
}

/// The tokens that somebody may wait for and that this pair provides.
pub(super) fn provides(map: &CompiledMap, body: &PairBody) -> Vec<String> {
    Side::BOTH
        .into_iter()
        .flat_map(|side| {
            let by_record = body.halves[side]
                .record
                .as_ref()
                .map(|record| record_token(side, map.table(side), record));
            std::iter::once(key_token(side, map.table(side), &body.key)).chain(by_record)
        })
        .collect()
}

/// What a pair that ends gives free, and whose decisions it settles.
pub(super) fn ends_of(map: &CompiledMap, key: &Key) -> Vec<String> {
    vec![freed_token(map.id(), key), decided_token(map.id(), key)]
}
