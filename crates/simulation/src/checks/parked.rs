//! Whether the reasons of parked changes hold.

use super::{ALL, REFERENCES, beside, by_key, held, is_record_given_up, key, referred, words};
use crate::landscape::{CUSTOMERS, KINDS, Kind, LONGEST_NAME, TERMS, inside};
use crate::system::folded;
use crate::world::World;
use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use duet_map::value::Row;
use duet_store::StoreError;
use duet_store::change::{ParkReason, Parked, ParkedFilter};
use duet_store::pair::{Pair, PairState};
use duet_store::store::Store;

/// Everything that is parked has a reason that holds.
pub async fn parked_for_a_reason(world: &World, store: &dyn Store) -> Result<(), StoreError> {
    let parked = store.parked(&ParkedFilter::default(), ALL).await?;
    let held = held(world, store, false).await?;
    for park in &parked {
        let Some(kind) = KINDS.into_iter().find(|kind| kind.map == park.map) else {
            continue;
        };
        let table = kind.tables[park.side];
        let row = world.system(park.side).row(table, &park.record);
        // What happened to the record since is kept aside itself, or held by the brake.
        let later = parked.iter().any(|other| {
            let set_aside = matches!(other.reason, ParkReason::Held | ParkReason::MassDelete);
            set_aside
                && other.seq > park.seq
                && (&other.map, other.side, &other.record) == (&park.map, park.side, &park.record)
        });
        // The deletion may be this record's own, or that of the one whose key it has.
        let deletion_held = (row.is_none() || park.code == "DUET2107")
            && held.contains(&(park.map.clone(), park.side));
        if later || deletion_held {
            continue;
        }
        let holds = match (park.reason, &row) {
            (ParkReason::WaitingForKey, Some(row)) if park.code == "DUET2107" => {
                has_rival(world, kind, park.side, &park.record, row)
                    || is_taken(world, store, kind, park, row).await?
            }
            (ParkReason::WaitingForKey, Some(row)) if park.code == "DUET2108" => {
                has_outsider(world, kind, park.side, row)
            }
            (ParkReason::WaitingForKey, Some(row)) if park.code == "DUET2130" => {
                is_taken(world, store, kind, park, row).await?
            }
            (ParkReason::WaitingForKey, Some(row)) if lacks_company(world, park.side, row) => true,
            (ParkReason::WaitingForKey, Some(row)) => {
                row.value(kind.key[park.side]).is_null()
                    || kind.map == CUSTOMERS.map
                        && has_open_reference(world, store, park.side, row).await?
            }
            (ParkReason::Validation, Some(row)) => {
                row.value(kind.key[park.side]).is_null() || is_too_long(park.side, row)
            }
            // Both say what happened; whether it did is for the one who resolves them.
            (ParkReason::Conflict, _) => true,
            (ParkReason::Refused | ParkReason::MassDelete, _) => true,
            (ParkReason::Oscillating, _) => world.quarrels,
            (ParkReason::Held, _) => world.ledger().kept_aside,
            (ParkReason::Fault, _) => false,
            (ParkReason::WaitingForKey | ParkReason::Validation, None) => false,
        };
        if !holds {
            let what = format!("the reason does not hold: {}", words(park));
            world.ledger().violated("parked for a reason", what);
        }
    }
    Ok(())
}

/// Whether the right side has no such company, because people kept it aside or discarded it.
fn lacks_company(world: &World, side: Side, row: &Row) -> bool {
    let company = world.company_of(side, row);
    let companies = world.right.rows("cdm_companies");
    let mut codes = companies
        .iter()
        .map(|(_, row)| folded(row.value("cdm_companycode")));
    !codes.any(|code| Some(code) == company)
}

/// Whether another record of the same side carries the key, or a pair does whose record is gone
/// while somebody has to decide about it.
fn has_rival(world: &World, kind: &Kind, side: Side, id: &RecordId, row: &Row) -> bool {
    let Some(mine) = key(world, kind, side, row) else {
        return false;
    };
    world
        .system(side)
        .rows(kind.tables[side])
        .iter()
        .any(|(other, row)| other != id && key(world, kind, side, row).as_ref() == Some(&mine))
}

/// Whether another pair goes by the key that the record of a parked change has now, or has the other
/// side's record with that key, and waits itself.
async fn is_taken(
    world: &World,
    store: &dyn Store,
    kind: &Kind,
    park: &Parked,
    row: &Row,
) -> Result<bool, StoreError> {
    let Some((company, number)) = key(world, kind, park.side, row) else {
        return Ok(false);
    };
    let another = |pair: &Pair| {
        pair.body.state != PairState::Deleted
            && pair.body.halves[park.side].record.as_ref() != Some(&park.record)
    };
    let other = park.side.other();
    let there = by_key(world, kind, other).remove(&(company.clone(), number.clone()));
    let there = there.map(|(id, _)| id);
    let linked = store.pairs_by_record(kind.map, other, there.as_slice());
    let linked = linked.await?.into_values();
    let key = Key::from_parts(&[company, number]);
    let holding = store.pairs_by_key(kind.map, &[key]).await?.into_values();
    // Somebody has to be waited for, or nothing would ever come of it.
    let waiting = store.parked(&ParkedFilter::default(), ALL).await?;
    let beside = beside(store, &waiting).await?;
    let open = |pair: &Pair| {
        Side::BOTH.into_iter().any(|side| {
            let record = pair.body.halves[side].record.clone();
            record.is_some_and(|record| {
                // Where people discarded the new key of that other pair, its two records keep apart
                // until somebody repairs them.
                is_record_given_up(world, kind, side, &record)
                    || beside.contains(&(kind.map.to_owned(), side, record))
            })
        })
    };
    let mut pairs = linked.chain(holding);
    Ok(pairs.any(|pair| another(&pair) && open(&pair)))
}

/// Whether a record outside the filter carries the key on the other side.
fn has_outsider(world: &World, kind: &Kind, side: Side, row: &Row) -> bool {
    let other = side.other();
    key(world, kind, side, row)
        .and_then(|key| by_key(world, kind, other).remove(&key))
        .is_some_and(|(_, row)| !inside(other, kind.tables[other], &row))
}

/// Whether a customer refers to something that the other side does not have or that is parked.
async fn has_open_reference(
    world: &World,
    store: &dyn Store,
    side: Side,
    row: &Row,
) -> Result<bool, StoreError> {
    let Some(company) = world.company_of(side, row) else {
        return Ok(true);
    };
    let mut open = false;
    for (column, lookup, table, name) in REFERENCES {
        let kind: &Kind = if table == "accounts" {
            &CUSTOMERS
        } else {
            &TERMS
        };
        match side {
            Side::Left => {
                let value = row.value(column);
                let key = (company.clone(), folded(value));
                let there = by_key(world, kind, Side::Right).remove(&key);
                // A record that gets another key is not who the text means any more: whoever has the
                // key on the left has to be the one that has it on the right.
                let here = by_key(world, kind, Side::Left).remove(&key);
                let here = here.map(|(id, _)| id);
                let linked = store
                    .pairs_by_record(kind.map, Side::Left, here.as_slice())
                    .await?;
                let is_same = world.rekeys
                    && linked.into_values().any(|pair| {
                        pair.body.halves.right.record.as_ref() == there.as_ref().map(|(id, _)| id)
                    });
                // Nor is it one that is linked, and got the key on the right alone.
                let id = there.map(|(id, _)| id);
                let pairs = store
                    .pairs_by_record(kind.map, Side::Right, id.as_slice())
                    .await?;
                let is_stranger = pairs.into_values().any(|pair| {
                    pair.body.state != PairState::Deleted
                        && pair.body.key.parts() != [key.0.clone(), key.1.clone()]
                });
                let known = id.is_some() && !is_stranger && (is_same || !world.rekeys);
                open |= !value.is_null() && !known;
            }
            Side::Right => {
                let Some(wanted) = referred(world, row.value(lookup), table, name) else {
                    continue;
                };
                let Some(reference) = row.value(lookup).as_reference() else {
                    continue;
                };
                let id = RecordId(reference.id.to_string());
                let pairs = store
                    .pairs_by_record(kind.map, Side::Right, std::slice::from_ref(&id))
                    .await?;
                let pair = pairs
                    .get(&id)
                    .filter(|pair| pair.body.state != PairState::Deleted);
                let key = (company.clone(), wanted);
                let there = by_key(world, kind, Side::Left).remove(&key);
                // Where keys change, another record may have this one by now.
                let known = |pair: &Pair| {
                    there.as_ref().is_some_and(|(there, _)| {
                        !world.rekeys || pair.body.halves.left.record.as_ref() == Some(there)
                    })
                };
                open |= !pair.is_some_and(known);
            }
        }
    }
    Ok(open)
}

fn is_too_long(side: Side, row: &Row) -> bool {
    let name = row.value(CUSTOMERS.tracked[0][side]).to_string();
    name.chars().count() > usize::try_from(LONGEST_NAME[side.other()]).unwrap_or_default()
}
