//! Settle: what both sides agree on now, and how the change ends.
//!
//! The image of the target takes the values that were sent, not those that came back: what the
//! other system computed, or a person changed in the same moment, still differs from the image and
//! so flows back as a change of its own.

use super::target::{Target, current};
use super::{Errand, Upsert, Wish, update};
use crate::capture::is_unresolved;
use crate::core::Core;
use crate::resolve::{freed_token, key_token, record_token};
use duet_map::CompiledMap;
use duet_map::file::Deletes;
use duet_map::lookup::ResolvedLookups;
use duet_map::merge::Merged;
use duet_map::record::{Key, Record};
use duet_map::side::{PerSide, Side};
use duet_map::value::Row;
use duet_store::pair::{Half, PairBody, PairState};
use duet_store::settlement::{FieldConflict, NewConflict, Outcome, PairWrite, Settlement};

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

impl Core {
    /// Builds the settlement of a landing.
    pub(super) fn land(&self, map: &CompiledMap, landing: Landing) -> Settlement {
        if matches!(landing.errand.wish, Wish::Delete) {
            self.land_delete(map, landing)
        } else {
            self.land_upsert(map, landing)
        }
    }

    fn land_delete(&self, map: &CompiledMap, landing: Landing) -> Settlement {
        let Landing { errand, tick, .. } = landing;
        let pair = errand.pair.as_ref().map_or(PairWrite::Keep, |pair| {
            let mut body = pair.body.clone();
            body.state = PairState::Deleted;
            body.settled_at = self.clock.now();
            // Rows read up to now may still show either record.
            let now = tick.unwrap_or(errand.change.change.tick);
            for side in Side::BOTH {
                body.halves[side].version = None;
                body.halves[side].written = body.halves[side].written.max(now);
            }
            if map.deletes() != Deletes::Propagate {
                // Only the survivor stays in the tombstone: its later edits bring nothing back.
                body.halves[errand.from].record = None;
            }
            update(pair, body)
        });
        let freed = freed_token(map.id(), &errand.key);
        let mut settlement = errand.ends(Outcome::Applied {
            writes: u32::from(tick.is_some()),
        });
        settlement.pair = pair;
        settlement.provides = vec![freed];
        settlement
    }

    fn land_upsert(&self, map: &CompiledMap, landing: Landing) -> Settlement {
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

        let source = source_half(map, &errand, upsert, old.map(|body| &body.halves[from]));
        let mut answer = target_half(
            map,
            to,
            &merged,
            current(&target).or_else(|| old.map(|body| &body.halves[to].image)),
            read,
            old.map(|body| &body.halves[to]),
        );
        if let Some(tick) = tick {
            answer.written = tick;
            answer.wrote = stored.as_ref().and_then(|record| record.version.clone());
        }
        let mut halves = PerSide::default();
        halves[from] = source;
        halves[to] = answer;

        let key = settled_key(map, &errand, to, read);
        let body = PairBody {
            key: key.clone(),
            state: PairState::Linked,
            halves,
            bounces: match old {
                Some(body) if upsert.bounce => body.bounces + 1,
                _ => 0,
            },
            settled_at: self.clock.now(),
        };
        let provides = provides(map, &body);
        let pair = match &errand.pair {
            Some(pair) => update(pair, body),
            None => PairWrite::Insert(body),
        };
        let is_new = errand.pair.is_none();

        let writes = u32::from(tick.is_some());
        let lost = merged
            .conflicts
            .iter()
            .any(|conflict| conflict.winner == to);
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
        let conflict = (!merged.conflicts.is_empty()).then(|| NewConflict {
            policy: "master".to_owned(),
            fields: merged
                .conflicts
                .iter()
                .map(|field| FieldConflict {
                    left_column: field.left_column.clone(),
                    right_column: field.right_column.clone(),
                    base: field.base.clone(),
                    left: field.left.clone(),
                    right: field.right.clone(),
                    winner: field.winner,
                })
                .collect(),
        });
        let columns = merged
            .write
            .iter()
            .map(|(column, _)| column.to_owned())
            .collect();
        let mut settlement = errand.ends(outcome);
        settlement.pair = pair;
        settlement.conflict = conflict;
        settlement.columns = columns;
        if is_new {
            settlement.provides = provides;
        }
        settlement
    }
}

/// What is agreed of the source's record: all of its row, but for fields that follow later.
fn source_half(map: &CompiledMap, errand: &Errand, upsert: &Upsert, old: Option<&Half>) -> Half {
    let mut image = map.image(errand.from, &upsert.row);
    if let Some((later, _)) = &upsert.later {
        for column in map.column_names(errand.from, later) {
            let agreed = old.map_or(&duet_map::value::Value::Null, |half| {
                half.image.value(&column)
            });
            image.set(column.clone(), agreed.clone());
        }
    }
    Half {
        record: Some(errand.change.change.record.clone()),
        image,
        version: upsert.version.clone().filter(|_| upsert.is_whole()),
        written: old.map_or(0, |half| half.written),
        wrote: old.and_then(|half| half.wrote.clone()),
    }
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
            let image = map.settle_image(to, before, &agreed, &record.row);
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
fn provides(map: &CompiledMap, body: &PairBody) -> Vec<String> {
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
