//! The checkers: what must hold once everything has come to rest.
//!
//! They know the business from [`crate::landscape`] alone and never ask the map engine, so that its
//! mistakes are not theirs. What can be seen while it happens (books that do not balance, a cursor
//! that runs ahead, an older value over a newer one, a record back from the dead) is noted in the
//! ledger when it happens.

mod parked;

pub use parked::parked_for_a_reason;

use crate::landscape::{COMPANIES, CUSTOMERS, FOREIGN, KINDS, Kind, inside, kind_of};
use crate::ledger::Ledger;
use crate::system::{emptied, folded, tracked_text};
use crate::world::World;
use duet_engine::decisions::{self, DecisionError, HeldDeletions};
use duet_map::file::Deletes;
use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_store::StoreError;
use duet_store::change::{ParkReason, Parked, ParkedFilter};
use duet_store::conflict::{Conflict, ConflictFilter, ConflictKind, NewConflict};
use duet_store::pair::PairState;
use duet_store::store::Store;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};

/// More of anything than a simulation ever has.
const ALL: usize = 1_000_000;

/// A record of one side.
type Found = (RecordId, Row);

/// Nothing is pending, and the books balance.
pub async fn nothing_pending(world: &World, store: &dyn Store) -> Result<(), StoreError> {
    for line in store.audit().await? {
        if !line.boxes.balances() {
            world
                .ledger()
                .violated("accounting", format!("{line:?} does not balance"));
        }
        if line.boxes.pending > 0 {
            world
                .ledger()
                .violated("quiescence", format!("{line:?} has pending changes"));
        }
    }
    Ok(())
}

/// What a person entered and Duet wrote over stands in a conflict record.
pub async fn nothing_lost(world: &World, store: &dyn Store) -> Result<(), StoreError> {
    let mut kept = BTreeSet::new();
    for conflict in store.conflicts(&ConflictFilter::default(), ALL).await? {
        own_writes(world, &conflict);
        for field in conflict.fields {
            let left = tracked_text(&field.left).map(|text| text.to_lowercase());
            let right = tracked_text(&field.right).map(|text| text.to_lowercase());
            match (&left, &right) {
                (None, Some(value)) => kept.extend([emptied(&field.left_column, value)]),
                (Some(value), None) => kept.extend([emptied(&field.right_column, value)]),
                _ => {}
            }
            kept.extend(left.into_iter().chain(right));
        }
    }
    let ledger = &mut *world.ledger();
    for owed in std::mem::take(&mut ledger.owed) {
        if !kept.contains(&owed.value) && !ledger.renounced.contains(&owed.value) {
            let what = format!(
                "{} {}: {} was {} and nobody on the other side ever saw it",
                owed.side, owed.place, owed.column, owed.value
            );
            ledger.violated("no edit lost", what);
        }
    }
    for suspicion in std::mem::take(&mut ledger.suspicions) {
        let forgiven = kept.contains(&suspicion.mark)
            || ledger.renounced.contains(&suspicion.mark)
            || ledger.recalled.contains(&suspicion.mark)
            || ledger.outside.contains(&suspicion.mark)
            || ledger.disguised.contains(&suspicion.mark);
        if !forgiven {
            ledger.violated(suspicion.checker, suspicion.what);
        }
    }
    Ok(())
}

/// Duet's own write never takes part in a conflict as if a person had entered it. What a system makes
/// of a value is news of its own.
fn own_writes(world: &World, conflict: &Conflict) {
    let Some(kind) = KINDS.into_iter().find(|kind| kind.map == conflict.map) else {
        return;
    };
    if conflict.kind != ConflictKind::Fields || world.rewrites {
        return;
    }
    let ledger = &mut *world.ledger();
    for field in &conflict.fields {
        let sides = [
            (Side::Left, &field.left_column, &field.left),
            (Side::Right, &field.right_column, &field.right),
        ];
        for (side, column, value) in sides {
            let Some(text) = tracked_text(value).map(|text| text.to_lowercase()) else {
                continue;
            };
            let tracked = kind.tracked.iter().any(|columns| columns[side] == column);
            // A conflict over a value that a clerk gave shows what stands there instead.
            let given = ledger.typed.contains(&text)
                || ledger.renounced.contains(&text)
                || ledger.outlived.contains(&text);
            let carried = !ledger.withdrawn.contains(column.as_str());
            if tracked && carried && !given && !ledger.pages[side].entered.contains(&text) {
                let what = format!(
                    "{} {}: nobody entered {text} into {column} on the {side} side, and yet it \
                     met a conflict there",
                    conflict.map, conflict.key
                );
                ledger.violated("own writes", what);
            }
        }
    }
}

/// The key of a row: company and number as keys compare; `None` while it has none.
fn key(world: &World, kind: &Kind, side: Side, row: &Row) -> Option<(String, String)> {
    let value = row.value(kind.key[side]);
    if value.is_null() {
        return None;
    }
    Some((world.company_of(side, row)?, folded(value)))
}

/// The records of a kind by their keys; two with one key break a promise.
fn by_key(world: &World, kind: &Kind, side: Side) -> BTreeMap<(String, String), Found> {
    let mut found = BTreeMap::new();
    for (id, row) in world.system(side).rows(kind.tables[side]) {
        if let Some(key) = key(world, kind, side, &row)
            && let Some((twin, _)) = found.insert(key, (id.clone(), row))
        {
            world.ledger().violated(
                "one record",
                format!("{side} {} {id} and {twin} carry one key", kind.tables[side]),
            );
        }
    }
    found
}

/// Both sides agree under the maps, but for what is parked; with `strictly`, nothing may be.
pub async fn convergence(
    world: &World,
    store: &dyn Store,
    strictly: bool,
) -> Result<(), StoreError> {
    let parked = store.parked(&ParkedFilter::default(), ALL).await?;
    let beside = beside(store, &parked).await?;
    let held = held(world, store, strictly).await?;
    if strictly {
        for park in &parked {
            if world.quarrels && park.reason == ParkReason::Oscillating {
                continue;
            }
            // Whatever waits for a company outside the scope waits until the company is back.
            let parts = park.key.parts();
            if park.map != "companies" && parts.first().is_some_and(|one| is_away(world, one)) {
                continue;
            }
            // A whole sync looks again at records whose counterpart is outside the filter.
            let kind = KINDS.into_iter().find(|kind| kind.map == park.map);
            let row = kind.and_then(|kind| {
                let table = kind.tables[park.side];
                let row = world.system(park.side).row(table, &park.record)?;
                Some((kind, row))
            });
            if row.is_some_and(|(kind, row)| was_outside(world, kind, park.side, &row)) {
                continue;
            }
            world.ledger().violated(
                "convergence",
                format!("still parked after everything was mended: {}", words(park)),
            );
        }
    }
    for kind in KINDS {
        let left = by_key(world, kind, Side::Left);
        let right = by_key(world, kind, Side::Right);
        let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
        for key in keys {
            let records = (left.get(key), right.get(key));
            if world.covers(&key.0)
                && !is_parked(&parked, kind, key, records)
                && !is_beside(&beside, kind, records)
                && !is_given_up(world, kind, key, records)
                && !is_held(&held, kind, records)
            {
                if let (Some((id, _)), Some(_)) = records {
                    pair_keys(world, store, kind, key, id).await?;
                }
                if stays_reborn(world, store, kind, records).await?
                    || stays_renamed(world, store, kind, records).await?
                {
                    continue;
                }
                for problem in disagreement(world, kind, records, &beside) {
                    let what = format!("{} {} / {}: {problem}", kind.map, key.0, key.1);
                    world.ledger().violated("convergence", what);
                }
            }
        }
        for side in Side::BOTH {
            for (id, row) in world.system(side).rows(kind.tables[side]) {
                if key_missing(world, kind, side, &row)
                    && inside(side, kind.tables[side], &row)
                    && !was_outside(world, kind, side, &row)
                    && !is_record_given_up(world, kind, side, &id)
                    // The record that brought its number may be gone, and the map lets it stay.
                    && may_stay(world, kind, side, &row).is_some()
                    && !is_parked_beside(store, &parked, kind, side, &id).await?
                {
                    let what = format!("{} {side} {id} never got a number", kind.map);
                    world.ledger().violated("convergence", what);
                }
            }
        }
    }
    Ok(())
}

/// Records that something is parked for, or for the record that they are paired with.
type Beside = BTreeSet<(String, Side, RecordId)>;

async fn beside(store: &dyn Store, parked: &[Parked]) -> Result<Beside, StoreError> {
    let mut beside = Beside::new();
    for park in parked {
        let record = std::slice::from_ref(&park.record);
        let pairs = store.pairs_by_record(&park.map, park.side, record).await?;
        for pair in pairs.into_values() {
            for side in Side::BOTH {
                let record = pair.body.halves[side].record.clone();
                beside.extend(record.map(|record| (park.map.clone(), side, record)));
            }
        }
    }
    Ok(beside)
}

/// Whether something is parked for a record that one of the two is paired with. A record whose new
/// key has to wait stands under another key than the one that it is paired with.
fn is_beside(beside: &Beside, kind: &Kind, records: (Option<&Found>, Option<&Found>)) -> bool {
    let waits = |side: Side, found: Option<&Found>| {
        found.is_some_and(|(id, _)| beside.contains(&(kind.map.to_owned(), side, id.clone())))
    };
    waits(Side::Left, records.0) || waits(Side::Right, records.1)
}

/// Maps and sides of which records are missing, and the brake holds their deletions.
async fn held(
    world: &World,
    store: &dyn Store,
    strictly: bool,
) -> Result<BTreeSet<(String, Side)>, StoreError> {
    let mut held = BTreeSet::new();
    if world.ledger().removals.is_none() {
        return Ok(held);
    }
    for map in KINDS.map(|kind| kind.map.to_owned()) {
        for one in held_deletions(store, &[map]).await? {
            if strictly {
                let what = format!("still held after everything was confirmed: {one:?}");
                world.ledger().violated("convergence", what);
            } else if one.missing.is_some() {
                held.insert((one.map, one.side));
            }
        }
    }
    Ok(held)
}

async fn held_deletions(
    store: &dyn Store,
    maps: &[String],
) -> Result<Vec<HeldDeletions>, StoreError> {
    match decisions::held_deletions(store, maps).await {
        Ok(held) => Ok(held),
        Err(DecisionError::Store(error)) => Err(error),
        // Nobody decides anything here.
        Err(_) => Ok(Vec::new()),
    }
}

/// Whether the missing one of two records may be one whose deletion the brake holds.
fn is_held(
    held: &BTreeSet<(String, Side)>,
    kind: &Kind,
    records: (Option<&Found>, Option<&Found>),
) -> bool {
    let side = match records {
        (Some(_), None) => Side::Right,
        (None, Some(_)) => Side::Left,
        _ => return false,
    };
    held.contains(&(kind.map.to_owned(), side))
}

/// The pair of two records that carry one key goes by that key.
async fn pair_keys(
    world: &World,
    store: &dyn Store,
    kind: &Kind,
    key: &(String, String),
    left: &RecordId,
) -> Result<(), StoreError> {
    let pairs = store
        .pairs_by_record(kind.map, Side::Left, std::slice::from_ref(left))
        .await?;
    for pair in pairs.into_values() {
        let linked = pair.body.state == PairState::Linked;
        if linked && pair.body.key.parts() != [key.0.clone(), key.1.clone()] {
            let (map, pairs) = (kind.map, &pair.body.key);
            let what = format!("{map} {} / {}: the pair goes by {pairs}", key.0, key.1);
            world.ledger().violated("keys of pairs", what);
        }
    }
    Ok(())
}

/// Whether a record carries the identifier of one that was left alone, deleted and created again.
/// Where identifiers are keys and deletions are not listed, nothing tells the one from the other:
/// Duet takes it for the record that the map left alone.
async fn stays_reborn(
    world: &World,
    store: &dyn Store,
    kind: &Kind,
    records: (Option<&Found>, Option<&Found>),
) -> Result<bool, StoreError> {
    let (Some((id, _)), None) = records else {
        return Ok(false);
    };
    let died = world
        .ledger()
        .died
        .get(&(Side::Left, id.0.clone()))
        .copied();
    let (Some(_), Some(died)) = (&world.removals, died) else {
        return Ok(false);
    };
    let pairs = store
        .pairs_by_record(kind.map, Side::Left, std::slice::from_ref(id))
        .await?;
    Ok(pairs.values().any(|pair| {
        let alone =
            pair.body.state == PairState::Deleted && pair.body.halves.right.record.is_none();
        alone && pair.body.settled_at < died
    }))
}

/// Whether a record that stands alone under its key has a counterpart that the map left alone under
/// another one. Outside the filter nothing travels, neither keys nor deletions; where deletions are
/// ignored, the survivor may have got another key before anybody noticed that its counterpart was gone.
async fn stays_renamed(
    world: &World,
    store: &dyn Store,
    kind: &Kind,
    records: (Option<&Found>, Option<&Found>),
) -> Result<bool, StoreError> {
    let (side, (id, _)) = match records {
        (Some(found), None) => (Side::Left, found),
        (None, Some(found)) => (Side::Right, found),
        _ => return Ok(false),
    };
    let other = side.other();
    let pairs = store
        .pairs_by_record(kind.map, side, std::slice::from_ref(id))
        .await?;
    let rule = world
        .removals
        .as_ref()
        .map(|removals| removals.rule(kind.map));
    Ok(pairs.values().any(|pair| match pair.body.state {
        PairState::OutsideFilter => pair.body.halves[other].record.as_ref().is_some_and(|id| {
            let row = world.system(other).row(kind.tables[other], id);
            row.is_none_or(|row| !inside(other, kind.tables[other], &row))
        }),
        PairState::Deleted => {
            let number = pair.body.key.parts().pop().unwrap_or_default();
            let alone = pair.body.halves[other].record.is_none();
            rule == Some(Deletes::Ignore) || alone && world.ledger().outside.contains(&number)
        }
        PairState::Linked => false,
    }))
}

/// Whether a record stays although its counterpart was deleted, as its map says. Where the map says
/// that it is deactivated, it has to be.
fn may_stay(world: &World, kind: &Kind, side: Side, row: &Row) -> Option<String> {
    let ledger = world.ledger();
    let mark = row.value(kind.mark[side]).to_string();
    let missing = format!("missing on the {}", side.other());
    let Some(removals) = &ledger.removals else {
        return Some(missing);
    };
    // It may have been linked before anybody noticed that it was gone.
    let page = &ledger.pages[side.other()];
    let gone = page.gone.contains(&mark)
        || page.deleted.contains(&mark)
        // Where two met as strangers, the one that was deleted may have kept its own mark.
        || page.numbers.contains(&folded(row.value(kind.key[side])));
    match removals.rule(kind.map) {
        Deletes::Propagate => Some(missing),
        _ if !gone => Some(missing),
        Deletes::Ignore => None,
        Deletes::Deactivate if ledger.deactivated.contains(&mark) => None,
        Deletes::Deactivate => Some("its counterpart is gone, and it was never closed".to_owned()),
    }
}

/// Whether a company is outside the scope.
fn is_away(world: &World, company: &str) -> bool {
    let all = [COMPANIES[0], COMPANIES[1], FOREIGN];
    all.contains(&company) && !world.covers(company)
}

/// Whether the record, or one with its number, was ever outside the filter.
fn was_outside(world: &World, kind: &Kind, side: Side, row: &Row) -> bool {
    let ledger = world.ledger();
    ledger
        .outside
        .contains(&row.value(kind.mark[side]).to_string())
        || ledger.outside.contains(&folded(row.value(kind.key[side])))
}

/// No conflict waits for a person who has decided everything.
pub async fn decided(world: &World, store: &dyn Store) -> Result<(), StoreError> {
    let open = ConflictFilter {
        open: true,
        ..ConflictFilter::default()
    };
    let oscillating = ParkedFilter {
        reason: Some(ParkReason::Oscillating),
        ..ParkedFilter::default()
    };
    let oscillating = store.parked(&oscillating, ALL).await?;
    for conflict in store.conflicts(&open, ALL).await? {
        // Where both sides rewrite each other's values, no decision lasts.
        let bounces = |park: &Parked| park.map == conflict.map && park.key == conflict.key;
        if world.quarrels && oscillating.iter().any(bounces) {
            continue;
        }
        world
            .ledger()
            .violated("decisions", format!("still open: {conflict:?}"));
    }
    Ok(())
}

/// What a policy decides is what it says: the master's value, or the later one where the two
/// moments are further apart than clocks may be.
pub fn by_the_rule(world: &World, map: &str, conflict: &NewConflict) {
    let Some(policies) = world.policies.as_ref().filter(|_| map != "companies") else {
        return;
    };
    if conflict.kind == ConflictKind::Deletion {
        return;
    }
    let touched = &conflict.touched;
    let mut broken = Vec::new();
    for (side, touch) in [(Side::Left, &touched.left), (Side::Right, &touched.right)] {
        if let Some(at) = touch.at
            && !world.ledger().modified.contains(&(side, at))
        {
            broken.push(format!("nothing was modified on the {side} side at {at}"));
        }
    }
    let later = touched
        .left
        .at
        .zip(touched.right.at)
        .and_then(|(left, right)| {
            let skew = SignedDuration::try_from(world.skew).ok()?;
            let apart = left.duration_since(right);
            if apart > skew {
                Some(Side::Left)
            } else {
                (apart < -skew).then_some(Side::Right)
            }
        });
    for field in conflict
        .fields
        .iter()
        .filter(|one| !one.left_column.is_empty())
    {
        let own = policies.fields.iter().find(|(column, _)| {
            map == CUSTOMERS.map && column.eq_ignore_ascii_case(&field.left_column)
        });
        let word = own.map_or(policies.maps, |(_, word)| *word);
        let expected = match conflict.policy.as_str() {
            // Records that meet for the first time, and repairs.
            "master" => Some(world.master),
            "latest" if word == "latest" => Some(later.unwrap_or(world.master)),
            // What a person decided has its own record where something else still waits.
            "manual" if word == "manual" => continue,
            // Fields with different policies in one conflict.
            mixed if mixed.contains(word) && mixed.contains(", ") => continue,
            other => {
                broken.push(format!("{} goes by {other}, not {word}", field.left_column));
                continue;
            }
        };
        if field.winner != expected {
            let (column, winner) = (&field.left_column, field.winner);
            broken.push(format!("{column}: {winner:?} won, and {expected:?} should"));
        }
    }
    for what in broken {
        world
            .ledger()
            .violated("policies", format!("{map}: {what}: {conflict:?}"));
    }
}

/// Whether people discarded a change of one of the records, and no repair came after.
fn is_given_up(
    world: &World,
    kind: &Kind,
    key: &(String, String),
    records: (Option<&Found>, Option<&Found>),
) -> bool {
    let ledger = world.ledger();
    let key = Key::from_parts(&[key.0.clone(), key.1.clone()]).0;
    let found = [(Side::Left, records.0), (Side::Right, records.1)];
    let mut places = found
        .into_iter()
        .filter_map(|(side, found)| found.map(|(id, _)| format!("{side} {id}")))
        .chain([key])
        .map(|place| (kind.map.to_owned(), place));
    places.any(|place| ledger.discarded.contains(&place) || ledger.spared.contains(&place))
}

/// Whether people discarded a change of the record, and no repair came after, or a deletion of its
/// counterpart.
fn is_record_given_up(world: &World, kind: &Kind, side: Side, id: &RecordId) -> bool {
    let place = (kind.map.to_owned(), format!("{side} {id}"));
    let ledger = world.ledger();
    ledger.discarded.contains(&place) || ledger.spared.contains(&place)
}

/// Whether something is parked for a record without number, or for the record it is paired with.
async fn is_parked_beside(
    store: &dyn Store,
    parked: &[Parked],
    kind: &Kind,
    side: Side,
    id: &RecordId,
) -> Result<bool, StoreError> {
    let pairs = store
        .pairs_by_record(kind.map, side, std::slice::from_ref(id))
        .await?;
    let key = pairs.get(id).map(|pair| &pair.body.key);
    Ok(parked
        .iter()
        .any(|park| park.map == kind.map && (park.record == *id || Some(&park.key) == key)))
}

fn key_missing(world: &World, kind: &Kind, side: Side, row: &Row) -> bool {
    row.value(kind.key[side]).is_null()
        && world
            .company_of(side, row)
            .is_some_and(|company| world.covers(&company))
}

fn is_parked(
    parked: &[Parked],
    kind: &Kind,
    key: &(String, String),
    records: (Option<&Found>, Option<&Found>),
) -> bool {
    let parts = vec![key.0.clone(), key.1.clone()];
    let ids = [records.0, records.1];
    parked.iter().any(|park| {
        park.map == kind.map
            && (park.key.parts() == parts || ids.iter().flatten().any(|(id, _)| *id == park.record))
    })
}

/// What the two records of a key disagree in.
fn disagreement(
    world: &World,
    kind: &Kind,
    records: (Option<&Found>, Option<&Found>),
    beside: &Beside,
) -> Vec<String> {
    let is_inside = |side: Side, found: &Found| inside(side, kind.tables[side], &found.1);
    // A record whose counterpart was deleted while it was outside the filter stays, alone.
    let left_alone = |side: Side, found: &Found| was_outside(world, kind, side, &found.1);
    match records {
        (None, None) => Vec::new(),
        (Some(left), None) if is_inside(Side::Left, left) && !left_alone(Side::Left, left) => {
            Vec::from_iter(may_stay(world, kind, Side::Left, &left.1))
        }
        (None, Some(right)) if is_inside(Side::Right, right) && !left_alone(Side::Right, right) => {
            Vec::from_iter(may_stay(world, kind, Side::Right, &right.1))
        }
        (Some(left), Some(right))
            if is_inside(Side::Left, left) && is_inside(Side::Right, right) =>
        {
            differing(world, kind, &left.1, &right.1, beside)
        }
        _ => Vec::new(),
    }
}

fn differing(world: &World, kind: &Kind, left: &Row, right: &Row, beside: &Beside) -> Vec<String> {
    let mut differing = Vec::new();
    let mut compare = |what: &str, left: Option<String>, right: Option<String>| {
        if left != right {
            differing.push(format!("{what} is {left:?} left and {right:?} right"));
        }
    };
    let spelled = |value: &Value| {
        let text = tracked_text(value)?;
        Some(if world.quarrels {
            text.to_lowercase()
        } else {
            text
        })
    };
    for columns in kind.tracked {
        compare(
            columns.left,
            spelled(left.value(columns.left)),
            spelled(right.value(columns.right)),
        );
    }
    compare(
        "the birth mark",
        tracked_text(left.value(kind.mark.left)),
        tracked_text(right.value(kind.mark.right)),
    );
    if kind.map == CUSTOMERS.map {
        compare(
            "SearchName",
            tracked_text(left.value("SearchName")),
            tracked_text(right.value("duet_searchname")),
        );
        compare(
            "IsOneTime",
            Some((left.value("IsOneTime").as_str() == Some("Yes")).to_string()),
            Some((right.value("msdyn_onetime") == &Value::Bool(true)).to_string()),
        );
        for (column, lookup, table, name) in REFERENCES {
            // Who is referred to may have a new key on one side that waits.
            let referred_kind = kind_of(Side::Right, table).map_or("", |kind| kind.map);
            let waits = right.value(lookup).as_reference().is_some_and(|reference| {
                let id = RecordId(reference.id.to_string());
                beside.contains(&(referred_kind.to_owned(), Side::Right, id))
            });
            if waits {
                continue;
            }
            compare(
                column,
                Some(folded(left.value(column))).filter(|_| !left.value(column).is_null()),
                referred(world, right.value(lookup), table, name),
            );
        }
    }
    differing
}

/// The references of a customer: left column, right lookup, the table it leads to, its name there.
const REFERENCES: [(&str, &str, &str, &str); 2] = [
    (
        "PaymentTerms",
        "msdyn_paymentterm",
        "msdyn_paymentterms",
        "msdyn_name",
    ),
    (
        "InvoiceAccount",
        "msdyn_billingaccount",
        "accounts",
        "accountnumber",
    ),
];

fn referred(world: &World, value: &Value, table: &str, name: &str) -> Option<String> {
    let reference = value.as_reference()?;
    let row = world
        .right
        .row(table, &RecordId(reference.id.to_string()))?;
    Some(folded(row.value(name)))
}

/// Duet writes a bounded number of times for each thing that people do.
pub fn bounded_writes(world: &World, crashes: u64, bounces: u32) {
    let ledger = &mut *world.ledger();
    let (edits, writes) = (ledger.counted("edits"), ledger.counted("writes"));
    let mut bound = bound(ledger, edits, crashes);
    if world.operated {
        // A field that is new and a repair touch records again.
        bound += edits;
    }
    // Whoever refers to a record follows its new key, and its counterpart has to be told.
    bound += 2 * ledger.counted("references renamed");
    if world.quarrels {
        // Each edit may set the two off again, until the brake holds them.
        bound += edits * (u64::from(bounces) + 1);
    }
    if writes > bound {
        ledger.violated(
            "bounded writes",
            format!("{writes} writes for {edits} edits; at most {bound} were expected"),
        );
    }
}

/// An edit travels once and may be answered once by what the other system computed. A lost answer
/// and a crash may have it sent again.
fn bound(ledger: &Ledger, edits: u64, crashes: u64) -> u64 {
    let again = ledger.counted("lost answer") + ledger.counted("torn batch");
    2 * edits + again + 4 * crashes + 4
}

/// A parked change in a line.
pub fn words(park: &Parked) -> String {
    format!(
        "change {} of {} {} {} ({}), {:?} {}: {}, waits for {:?}",
        park.seq,
        park.map,
        park.side,
        park.record,
        park.key,
        park.reason,
        park.code,
        park.message,
        park.waits_for
    )
}
