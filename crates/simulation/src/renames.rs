//! People give records other keys: on either side, on both at once, and sometimes one that another
//! record has.
//!
//! Where the left side's records are identified by their key, as in Finance & Operations, its own
//! function renames them: seen from outside, the record is gone and another one is there. Elsewhere a
//! record keeps its identifier, and its key is a column like any other.

use crate::landscape::{CUSTOMERS, Kind, TERMS};
use crate::plan::Plan;
use crate::system::folded;
use crate::world::World;
use duet_map::record::RecordId;
use duet_map::schema::SchemaSet;
use duet_map::side::Side;
use duet_map::value::Row;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// How often people give records other keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Renames {
    /// The share of what they do.
    pub share: f64,
    /// Whether the left side's records have identifiers of their own, so that their keys may change.
    pub surrogates: bool,
}

impl Renames {
    /// Draws them.
    pub(crate) fn draw(random: &mut StdRng) -> Self {
        Self {
            share: [0.05, 0.15, 0.4][random.random_range(0..3)],
            surrogates: random.random_bool(0.6),
        }
    }
}

/// The begin of keys that nobody used before.
pub const FRESH: &str = "r-";

/// A side's tables, with records that are identified by something else than their keys.
#[must_use]
pub fn with_surrogates(mut schemas: SchemaSet) -> SchemaSet {
    for table in &mut schemas.0 {
        if table.company.is_some() {
            table.alternate_keys = vec![std::mem::take(&mut table.primary_key)];
            table.primary_key = vec!["RecId".to_owned()];
        }
    }
    schemas
}

/// A person gives some record another key.
pub(crate) fn rename(plan: &Plan, world: &World, random: &mut StdRng, side: Side) {
    let kind: &Kind = if random.random_bool(0.8) {
        &CUSTOMERS
    } else {
        &TERMS
    };
    let records = world.system(side).rows(kind.tables[side]);
    let Some((id, row)) = records.choose(random) else {
        return;
    };
    let old = row.value(kind.key[side]).to_string();
    if row.value(kind.key[side]).is_null() {
        return;
    }
    let key = match random.random_range(0..10) {
        0..7 => fresh(world),
        // The same key, spelled otherwise: nothing that concerns the other side.
        7 if side == Side::Right => format!("{} ", old.to_uppercase()),
        _ if kind.map == CUSTOMERS.map => format!("C-{}", random.random_range(0..plan.numbers)),
        _ => format!("T-{}", random.random_range(0..3)),
    };
    give(world, kind, side, id, &key);
    if random.random_bool(0.3) {
        // Somebody else renames the same record at the same time.
        let other = side.other();
        let company = world.company_of(side, row);
        let twin = world.system(other).rows(kind.tables[other]);
        let twin = twin.into_iter().find(|(_, row)| {
            world.company_of(other, row) == company
                && folded(row.value(kind.key[other])) == old.trim_end().to_lowercase()
        });
        if let Some((id, _)) = twin {
            let key = fresh(world);
            give(world, kind, other, &id, &key);
        }
    }
}

/// A key that nobody used before.
pub(crate) fn fresh(world: &World) -> String {
    format!("R-{}", world.ledger().fresh())
}

/// A person gives a record a key. `false`: the system refuses it.
pub(crate) fn give(world: &World, kind: &Kind, side: Side, id: &RecordId, key: &str) -> bool {
    let mark = format!("mark-{}", world.ledger().fresh());
    let table = kind.tables[side];
    let columns = Row::new().with(kind.key[side], key);
    world.system(side).rename(
        table,
        id,
        columns,
        Row::new().with(kind.mark[side], mark.as_str()),
    )
}
