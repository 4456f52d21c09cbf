//! Filters that fit their own side and not the map: what Duet writes does not pass them.

use super::written::written;
use super::{note, warning};
use crate::codes;
use crate::compiled::{CompiledMap, Kind};
use crate::diagnostic::Diagnostic;
use crate::filter::{Known, Predicate, Verdict};
use crate::schema::ColumnType;
use crate::side::Side;
use crate::value::Value;

pub(super) fn check(map: &CompiledMap) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for side in Side::BOTH {
        let (Some(filter), Some(text)) = (&map.filters[side], &map.file().ends[side].filter) else {
            continue;
        };
        let at = &text.at;
        found.extend(never_empty(map, side, filter).map(|(column, stored)| {
            warning(
                codes::FILTER_NEVER_EMPTY,
                at,
                format!("the {side} filter asks whether `{column}` is empty, which it never is"),
                vec![
                    format!(
                        "{} stores `{stored}` where nothing is given",
                        map.table(side)
                    ),
                    format!("Duet takes `{stored}` for nothing here; the system itself would not"),
                ],
                format!("compare it with `{stored}`"),
            )
        }));
        found.extend(unmapped(map, side, filter).map(|column| {
            note(
                codes::FILTER_UNMAPPED,
                at,
                format!("the {side} filter reads `{column}`, which the map does not carry"),
                vec![
                    "Duet reads it all the same; Microsoft's dual-write takes mapped columns only"
                        .to_owned(),
                ],
                format!("map `{column}`, if the map has to go back to Microsoft's dual-write"),
            )
        }));
        let contradiction = contradiction(filter);
        let impossible = contradiction.is_some();
        found.extend(contradiction.map(|column| {
            warning(
                codes::FILTER_EMPTY,
                at,
                format!("no row can pass the {side} filter"),
                vec![
                    format!("its conditions on `{column}` exclude each other"),
                    format!("nothing of {} would be synced", map.table(side)),
                ],
                "join alternatives with `or`, or drop a condition",
            )
        }));
        if map.flows(side.other()) && !impossible {
            found.extend(created(map, side, filter));
        }
    }
    found
}

/// The columns that the filter wants empty, or not, although their system stores something for
/// nothing; with that something.
fn never_empty<'m>(
    map: &'m CompiledMap,
    side: Side,
    filter: &'m Predicate,
) -> impl Iterator<Item = (String, Value)> + 'm {
    let mut names = filter.asks_for_nothing();
    names.sort_unstable();
    names.dedup();
    names.into_iter().filter_map(move |name| {
        let stored = map.schema(side).column(name)?.empty.clone()?;
        Some((name.to_owned(), stored))
    })
}

fn unmapped<'m>(
    map: &'m CompiledMap,
    side: Side,
    filter: &'m Predicate,
) -> impl Iterator<Item = String> + 'm {
    let mut names = filter.columns();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter(move |name| {
            let company = map.company.as_ref().map(|company| company[side].slot());
            let slot = map.slots[side].iter().position(|slot| slot.name == **name);
            let carried = map.units.iter().any(|unit| match &unit.kind {
                Kind::Constant { to, slot: own, .. } => *to == side && Some(*own) == slot,
                Kind::Computed(computed) => {
                    slot.is_some_and(|slot| computed.slots(side).contains(&slot))
                }
                Kind::Direct(direct) => Some(direct.slots[side]) == slot,
                Kind::Twins(twins) => Some(twins.slots[side]) == slot,
                Kind::Lookup(lookup) if lookup.side == side => Some(lookup.slot) == slot,
                Kind::Lookup(lookup) => lookup.parts.iter().any(|part| Some(part.plain) == slot),
            });
            slot.is_none() || !(carried || company == slot)
        })
        .map(str::to_owned)
}

/// A column of which the filter asks two things at once.
fn contradiction(filter: &Predicate) -> Option<String> {
    let mut names = filter.columns();
    names.sort_unstable();
    names.dedup();
    let confined = names.into_iter().find(|name| {
        filter
            .confines(name)
            .is_some_and(|values| values.is_empty())
    });
    confined.map(str::to_owned)
}

/// What is known of a column that nothing is written to.
fn left_alone(map: &CompiledMap, to: Side, name: &str) -> Known {
    let Some(column) = map.schema(to).column(name) else {
        return Known::Anything;
    };
    match &column.empty {
        Some(stored) => Known::Values(vec![stored.clone()]),
        // What cannot be written is the system's own affair, and so is a default of its own.
        None if !column.create
            || matches!(column.ty, ColumnType::Bool | ColumnType::Choice { .. }) =>
        {
            Known::Anything
        }
        None => Known::Values(vec![Value::Null]),
    }
}

/// What the filter says to the records that Duet creates on its side.
fn created(map: &CompiledMap, to: Side, filter: &Predicate) -> Option<Diagnostic> {
    let from = to.other();
    let known = |name: &str| {
        written(map, to, name).unwrap_or_else(|| match name {
            // Every record of Dataverse is born active.
            "statecode" => Known::Values(vec![Value::Int(0)]),
            _ => left_alone(map, to, name),
        })
    };
    let culprits = |wanted: Verdict| -> Vec<&str> {
        let mut names: Vec<&str> = filter
            .conjuncts()
            .into_iter()
            .filter(|condition| condition.verdict(&known) == wanted)
            .flat_map(Predicate::columns)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let at = map.file().ends[to]
        .filter
        .as_ref()
        .map(|text| text.at.clone())
        .unwrap_or_default();
    let table = map.table(to);
    let after =
        "such a record is created and from then on stands outside the map: nothing that changes \
         on either side is carried over"
            .to_owned();
    match filter.verdict(&known) {
        Verdict::Always => None,
        Verdict::Never => {
            let names = culprits(Verdict::Never);
            let facts = names
                .iter()
                .map(|name| match written(map, to, name) {
                    None => format!("nothing is written to `{name}` of {table}"),
                    Some(_) => format!("what is written to `{name}` of {table} does not pass"),
                })
                .chain([after]);
            Some(warning(
                codes::FILTER_NOT_MET,
                &at,
                format!("what Duet creates in {table} does not pass the {to} filter"),
                facts.collect(),
                match (names.first(), to) {
                    (Some(name), Side::Right) => {
                        format!("add a constant that passes: `\"…\" >> {name}`")
                    }
                    (Some(name), Side::Left) => {
                        format!("add a constant that passes: `{name} << \"…\"`")
                    }
                    (None, _) => "change the filter".to_owned(),
                },
            ))
        }
        Verdict::Sometimes => {
            let names = culprits(Verdict::Sometimes);
            let (given, left): (Vec<&str>, Vec<&str>) = names
                .iter()
                .partition(|name| written(map, to, name).is_some());
            let mut facts = Vec::new();
            if !given.is_empty() {
                facts.push(format!(
                    "it asks for {}, and the {from} filter does not keep other rows back",
                    super::listed(&given)
                ));
            }
            if !left.is_empty() {
                facts.push(format!(
                    "it asks for {}, which nothing is written to: the system's own default decides",
                    super::listed(&left)
                ));
            }
            facts.push(after);
            Some(note(
                codes::FILTER_MAY_NOT_MEET,
                &at,
                format!("what Duet creates in {table} may not pass the {to} filter"),
                facts,
                format!("let the {from} filter ask for the same, or write a constant that passes"),
            ))
        }
    }
}
