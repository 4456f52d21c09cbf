//! Two maps that write the same column of the same rows.

use super::warning;
use super::written::written;
use crate::codes;
use crate::compile::written as written_slots;
use crate::compiled::{CompiledMap, Kind};
use crate::diagnostic::Diagnostic;
use crate::filter::{Known, alike};
use crate::side::Side;
use crate::value::Value;
use std::collections::BTreeSet;

pub(super) fn check(maps: &[CompiledMap]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, second) in maps.iter().enumerate() {
        for first in &maps[..index] {
            for side in Side::BOTH {
                found.extend(rival(first, second, side));
            }
        }
    }
    found
}

fn rival(first: &CompiledMap, second: &CompiledMap, to: Side) -> Option<Diagnostic> {
    let same = |side: Side| first.table(side).eq_ignore_ascii_case(second.table(side));
    if !same(to) || apart(first, second, to) {
        return None;
    }
    // Rows that come from one table and are kept apart there stay apart here.
    if same(to.other()) && apart(first, second, to.other()) {
        return None;
    }
    let columns = |map: &CompiledMap| -> BTreeSet<String> {
        // A constant stands in new records only: nobody writes it twice.
        let constant = |slot: &usize| {
            map.units.iter().any(|unit| {
                matches!(&unit.kind, Kind::Constant { to: side, slot: own, .. } if *side == to && own == slot)
            })
        };
        written_slots(&map.units, to)
            .into_iter()
            .filter(|slot| !constant(slot))
            .map(|slot| map.slots[to][slot].name.clone())
            .collect()
    };
    let (ours, theirs) = (columns(first), columns(second));
    // The values of a shared key are what makes two maps mean one record; they do not clash.
    let shared: Vec<&str> = ours
        .intersection(&theirs)
        .map(String::as_str)
        .filter(|name| !key_of(first, to, name) || !key_of(second, to, name))
        .collect();
    if shared.is_empty() {
        return None;
    }
    Some(warning(
        codes::RIVALS,
        &second.file().ends[to].entity.at,
        format!(
            "{} and {} write the same columns of {}",
            first.id(),
            second.id(),
            second.table(to)
        ),
        vec![
            format!("both write {}", super::listed(&shared)),
            "no filter or constant keeps their rows apart".to_owned(),
            "a record that both maps take is written by each in turn, and the last one stands"
                .to_owned(),
        ],
        "give the maps filters that exclude each other, or let one of them leave the columns out",
    ))
}

fn key_of(map: &CompiledMap, side: Side, column: &str) -> bool {
    map.key
        .iter()
        .any(|part| map.slots[side][part.at[side].slot()].name == column)
}

/// Whether some column must hold one thing for the one map and another for the other.
fn apart(first: &CompiledMap, second: &CompiledMap, side: Side) -> bool {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for map in [first, second] {
        names.extend(map.filters[side].iter().flat_map(|filter| filter.columns()));
        names.extend(map.units.iter().filter_map(|unit| match &unit.kind {
            Kind::Constant { to, slot, .. } if *to == side => {
                Some(map.slots[side][*slot].name.as_str())
            }
            _ => None,
        }));
    }
    names.into_iter().any(|name| {
        let (Some(ours), Some(theirs)) = (held(first, side, name), held(second, side, name)) else {
            return false;
        };
        !ours
            .iter()
            .any(|value| theirs.iter().any(|other| alike(value, other)))
    })
}

/// The values that a column has in the rows of a map: by its filter, else by what it creates.
fn held(map: &CompiledMap, side: Side, name: &str) -> Option<Vec<Value>> {
    let confined = map.filters[side]
        .as_ref()
        .and_then(|filter| filter.confines(name));
    confined.or_else(|| match written(map, side, name) {
        Some(Known::Values(values)) => Some(values),
        _ => None,
    })
}
