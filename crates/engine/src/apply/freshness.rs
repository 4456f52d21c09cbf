//! Freshness: never take for news what was read before our own last write to the same record.

use super::ended;
use super::intake::Arrival;
use super::settle::covers;
use crate::core::Core;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::record::{Record, RecordId, Version};
use duet_map::side::Side;
use duet_store::change::ChangeKind;
use duet_store::conflict::Touch;
use duet_store::pair::{Half, Pair, PairState};
use duet_store::settlement::{Outcome, Settlement};
use std::collections::HashSet;

impl Core {
    /// Reads again what may be older than our own last write to the same record, so that an old
    /// row never looks like a person undoing that write; and what lacks columns.
    pub(super) async fn freshen(
        &self,
        map: &CompiledMap,
        mut arrivals: Vec<Arrival>,
        settlements: &mut Vec<Settlement>,
    ) -> Result<Vec<Arrival>, EngineError> {
        for arrival in &mut arrivals {
            let side = arrival.change.change.side;
            let version = arrival
                .row
                .as_ref()
                .and_then(|(_, version)| version.as_ref());
            if is_own_write(arrival.pair.as_ref(), side, version) {
                arrival.touch = Touch::default();
            }
        }
        let mut old = HashSet::new();
        for side in Side::BOTH {
            let stale: Vec<usize> = arrivals
                .iter()
                .enumerate()
                .filter(|(_, arrival)| arrival.change.change.side == side)
                .filter(|(_, arrival)| is_stale(arrival) || is_partial(map, arrival))
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
                    let half = arrival.pair.as_ref().map(|pair| &pair.body.halves[side]);
                    let version = record.as_ref().and_then(|record| record.version.as_ref());
                    if half.is_some_and(|half| is_older(half, version))
                        && self.looks_again(arrival.change.attempts)
                    {
                        old.insert(arrival.change.seq);
                        continue;
                    }
                    let ours = |record: &Record| {
                        is_own_write(arrival.pair.as_ref(), side, record.version.as_ref())
                    };
                    // After a write of ours the record tells no more who edited it, and when; the row
                    // that was captured before does.
                    if let Some(record) = record.as_ref().filter(|record| !ours(record)) {
                        arrival.touch = Touch {
                            by: record.modified_by.clone(),
                            at: record.modified,
                        };
                    }
                    arrival.row = record.map(|record| (record.row, record.version));
                }
            }
        }
        let mut fresh = Vec::with_capacity(arrivals.len());
        for mut arrival in arrivals {
            if old.contains(&arrival.change.seq) {
                let outcome = self.shown_old(arrival.change.attempts);
                settlements.push(ended(&arrival.change, outcome));
                continue;
            }
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
                let repairs = arrival.change.change.amendment.repair;
                if pair.body.halves[side.other()].record.is_none() && !repairs {
                    let why = "its counterpart was deleted and the map lets it stay".to_owned();
                    settlements.push(ended(&arrival.change, Outcome::Filtered(why)));
                    continue;
                }
                // Both were deleted, or a person wants it to meet another: it is a new one.
                arrival.pair = None;
            }
            fresh.push(arrival);
        }
        Ok(fresh)
    }

    /// Whether a read that shows an old state is repeated later. Not for ever: a system that was
    /// restored from a backup counts its versions from there.
    pub(super) const fn looks_again(&self, attempts: u32) -> bool {
        attempts < self.settings.attempts
    }
}

/// Whether a version is an earlier one than the newest that is known of a record, where versions have
/// an order: a replica that lags behind has answered.
pub(super) fn is_older(half: &Half, version: Option<&Version>) -> bool {
    let ordinal = |version: Option<&Version>| version.and_then(|version| version.ordinal);
    let known = ordinal(half.wrote.as_ref()).max(ordinal(half.version.as_ref()));
    matches!((ordinal(version), known), (Some(seen), Some(known)) if seen < known)
}

/// Whether a version is the one that our own last write to a side's record made: it was modified by us
/// then, whoever edited it before.
pub(super) fn is_own_write(pair: Option<&Pair>, side: Side, version: Option<&Version>) -> bool {
    let half = pair.map(|pair| &pair.body.halves[side]);
    let wrote = half
        .filter(|half| !half.wrote_columns.is_empty())
        .and_then(|half| half.wrote.as_ref());
    wrote.is_some_and(|wrote| version.is_some_and(|version| version.tag == wrote.tag))
}

/// Whether the row was journaled before the map read all the columns that it reads now.
fn is_partial(map: &CompiledMap, arrival: &Arrival) -> bool {
    let row = arrival.row.as_ref();
    row.is_some_and(|(row, _)| !covers(map, arrival.change.change.side, row))
}

/// Whether the row may have been read before our own last write to the record.
fn is_stale(arrival: &Arrival) -> bool {
    let Some(pair) = &arrival.pair else {
        // A row that was never read: the image of a record, which its pair may have lost since.
        return arrival.row.is_some() && arrival.change.change.tick == 0;
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
    let has_order = |version: &Option<Version>| {
        version
            .as_ref()
            .is_some_and(|version| version.ordinal.is_some())
    };
    if has_order(version) && (has_order(&half.wrote) || has_order(&half.version)) {
        return is_older(half, version.as_ref());
    }
    let same = |known: &Option<Version>| matches!((known, version), (Some(known), Some(seen)) if known.tag == seen.tag);
    arrival.change.change.tick <= half.written && !same(&half.version) && !same(&half.wrote)
}
