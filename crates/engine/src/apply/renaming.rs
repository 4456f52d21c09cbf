//! Renaming: a linked record gets another integration key, and its pair follows.
//!
//! The new key travels like any other column. Once both sides carry it, the pair moves to it with what
//! stands in the journal of its records, and whoever waits for either key is released. Until then the
//! pair keeps its key. Where both sides change it, the field's policy decides as for any field.

use super::intake::Arrival;
use super::{Errand, Upsert, parked};
use crate::capture::is_unresolved;
use crate::resolve::{UNOWNED, freed_token};
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::field_set::FieldSet;
use duet_map::key::KeyProblem;
use duet_map::lookup::{LookupNeed, ResolvedLookups};
use duet_map::merge::Merged;
use duet_map::record::Key;
use duet_map::side::Side;
use duet_map::value::Row;
use duet_store::change::{Park, ParkReason};
use duet_store::pair::PairState;
use duet_store::settlement::Outcome;

/// The columns of a side's table that the key is read from.
fn key_columns(map: &CompiledMap, side: Side) -> Vec<String> {
    let paths = map.key_paths(side).into_iter();
    paths
        .map(|path| match path.split_once('.') {
            Some((column, _)) => column.to_owned(),
            None => path,
        })
        .collect()
}

/// The row of a linked record whose key columns differ from what was agreed of them, or which travels
/// whole: what was discarded counts as agreed, and is not.
fn rekeyed<'a>(map: &CompiledMap, arrival: &'a Arrival) -> Option<&'a Row> {
    let side = arrival.change.change.side;
    let pair = arrival.pair.as_ref()?;
    let (row, _) = arrival.row.as_ref()?;
    if pair.body.state == PairState::Deleted {
        return None;
    }
    let now = map.image(side, row);
    let agreed = &pair.body.halves[side].image;
    let amendment = &arrival.change.change.amendment;
    let whole = amendment.repair || amendment.recreate;
    let moved = |column: &String| now.get(column) != agreed.get(column);
    (whole || key_columns(map, side).iter().any(moved)).then_some(row)
}

/// The references to follow for the new key of a linked record, if it has one, and for the key that
/// a record has now which waits for its first journey.
pub(super) fn needs(map: &CompiledMap, arrival: &Arrival) -> Vec<LookupNeed> {
    let nothing = ResolvedLookups::default();
    let key = |row| map.key(arrival.change.change.side, row, &nothing);
    let unpaired = arrival.row.as_ref().filter(|_| arrival.pair.is_none());
    let row = rekeyed(map, arrival).or(unpaired.map(|(row, _)| row));
    match row.map(key) {
        Some(Err(KeyProblem::Needs(needs))) => needs,
        _ => Vec::new(),
    }
}

/// The new key of a linked record, if it has one. A record that has not travelled yet goes by the
/// key that it has now, whatever stood in it when it was journaled first.
pub(super) fn new_key(
    map: &CompiledMap,
    arrival: &Arrival,
    scopes: &ResolvedLookups,
) -> Option<Key> {
    let Some(pair) = &arrival.pair else {
        let journaled = &arrival.change.change.key;
        let (row, _) = arrival.row.as_ref()?;
        let key = map.key(arrival.change.change.side, row, scopes).ok()?;
        return (!is_unresolved(journaled) && key != *journaled).then_some(key);
    };
    let row = rekeyed(map, arrival)?;
    let key = map.key(arrival.change.change.side, row, scopes).ok()?;
    // One that comes back into the filter may go by its new key already, which never travelled.
    let outside = pair.body.state == PairState::OutsideFilter;
    (outside || key != pair.body.key).then_some(key)
}

/// The fields that carry the key to the other side.
fn key_fields(map: &CompiledMap, from: Side) -> FieldSet {
    let columns = key_columns(map, from);
    map.fields_reading(from, columns.iter().map(String::as_str))
}

/// The key that the pair has once a change has landed, where it is another one: both sides carry it.
pub(super) fn settled(
    map: &CompiledMap,
    errand: &Errand,
    upsert: &Upsert,
    merged: &Merged,
) -> Option<Key> {
    let key = errand.renames.clone()?;
    let to = errand.to();
    let carrying = key_fields(map, errand.from);
    let waits = upsert.later.as_ref().map(|(fields, _)| fields);
    let held = |field| merged.held.contains(field) || waits.is_some_and(|set| set.contains(field));
    let columns = map.column_names(to, &carrying);
    let stands =
        |column: &String| merged.write.get(column).is_some() || merged.agreed.contains(column);
    let travels = upsert
        .translation
        .columns
        .iter()
        .any(|one| carrying.contains(one.field) && columns.contains(&one.column));
    let settled = travels
        && !carrying.iter().any(held)
        && columns.iter().all(|column| !merged.kept.contains(column))
        && upsert
            .translation
            .columns
            .iter()
            .filter(|one| carrying.contains(one.field))
            .all(|one| stands(&one.column));
    settled.then_some(key)
}

/// Why a change waits whose new key belongs to another pair.
pub(super) fn taken(map: &CompiledMap, side: Side, key: &Key) -> Outcome {
    let park = Park {
        reason: ParkReason::WaitingForKey,
        code: Code(2130),
        message: format!(
            "its key was changed on the {side} side to one that belongs to another pair of {}; \
             change the key of one of the two, or delete the other one, and this one travels",
            map.id()
        ),
        waits_for: vec![freed_token(map.id(), key)],
    };
    Outcome::Parked { park, writes: 0 }
}

/// Why the change of a new record waits whose key a record of the other side carries that is linked
/// with another one.
pub(super) fn kept_by_another_pair(map: &CompiledMap, errand: &Errand) -> Outcome {
    let (side, to) = (errand.from, errand.to());
    let park = Park {
        reason: ParkReason::WaitingForKey,
        code: Code(2107),
        message: format!(
            "a record of {} on the {to} side carries the same key and is linked with another record \
             of {} on the {side} side; bring the keys of those two together, or delete one of the \
             three, and this one travels",
            map.table(to),
            map.table(side),
        ),
        // The pair never went by this key, and so nobody says when it is free.
        waits_for: vec![format!("{UNOWNED}taken:{}:{}", map.id(), errand.key.0)],
    };
    Outcome::Parked { park, writes: 0 }
}

/// Why a change parks that would change what identifies a record inside its system.
pub(super) fn fixed(map: &CompiledMap, to: Side, write: &Row) -> Option<Outcome> {
    let identity = &map.schema(to).primary_key;
    let column = write
        .iter()
        .map(|(column, _)| column)
        .find(|column| identity.iter().any(|key| key.eq_ignore_ascii_case(column)))?;
    let message = format!(
        "the key was changed on the {from} side, and {column} identifies the record of {table} on the \
         {to} side, where no interface changes it; rename the record there with its system's own \
         function, or change the key back on the {from} side, then retry",
        from = to.other(),
        table = map.table(to),
    );
    Some(parked(ParkReason::Refused, Code(2131), message))
}

/// Why a change parks whose new key another record of the other side carries.
pub(super) fn occupied(map: &CompiledMap, errand: &Errand, key: &Key) -> Outcome {
    let to = errand.to();
    let park = Park {
        reason: ParkReason::Refused,
        code: Code(2132),
        message: format!(
            "its key was changed on the {} side to one that another record of {} on the {to} side \
             carries; delete that one or change its key, then retry",
            errand.from,
            map.table(to)
        ),
        waits_for: vec![freed_token(map.id(), key)],
    };
    Outcome::Parked { park, writes: 0 }
}
