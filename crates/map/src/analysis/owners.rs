//! Lookups into tables that no map of the project fills, or that one fills which creates them too.

use super::{mark_of_column, warning};
use crate::codes;
use crate::compiled::{CompanyColumn, CompiledMap, Kind};
use crate::diagnostic::Diagnostic;
use crate::side::Side;

pub(super) fn check(maps: &[CompiledMap]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for map in maps {
        for reference in references(map) {
            found.extend(judge(map, &reference, maps));
        }
    }
    found
}

/// A lookup column that Duet fills, and where its record may be.
struct Reference {
    side: Side,
    column: String,
    tables: Vec<String>,
    /// Whether a record that is missing is created.
    creates: bool,
}

fn references(map: &CompiledMap) -> Vec<Reference> {
    let mut references = Vec::new();
    for side in Side::BOTH {
        let company = map.company.as_ref().map(|company| &company[side]);
        if let Some(CompanyColumn::Lookup { slot, table, .. }) = company
            && map.flows(side.other())
        {
            references.push(Reference {
                side,
                column: map.slots[side][*slot].name.clone(),
                tables: vec![table.clone()],
                creates: false,
            });
        }
    }
    for unit in &map.units {
        if let Kind::Twins(twins) = &unit.kind {
            for to in Side::BOTH.into_iter().filter(|to| unit.flows[to.other()]) {
                references.push(Reference {
                    side: to,
                    column: map.slots[to][twins.slots[to]].name.clone(),
                    tables: twins.tables[to].clone(),
                    creates: false,
                });
            }
        }
        let Kind::Lookup(lookup) = &unit.kind else {
            continue;
        };
        if unit.flows[lookup.side.other()] && !lookup.candidates.is_empty() {
            references.push(Reference {
                side: lookup.side,
                column: map.slots[lookup.side][lookup.slot].name.clone(),
                tables: lookup.candidates.iter().map(|c| c.table.clone()).collect(),
                creates: lookup.creation.is_some(),
            });
        }
    }
    references
}

fn judge(map: &CompiledMap, reference: &Reference, maps: &[CompiledMap]) -> Option<Diagnostic> {
    let Reference {
        side,
        column,
        tables,
        creates,
    } = reference;
    let owners: Vec<&CompiledMap> = maps
        .iter()
        .filter(|owner| {
            tables
                .iter()
                .any(|table| table.eq_ignore_ascii_case(owner.table(*side)))
        })
        .collect();
    if *creates {
        return created_twice(map, reference, &owners);
    }
    let at = mark_of_column(map, *side, column);
    let names: Vec<&str> = tables.iter().map(String::as_str).collect();
    let table = names.join(" or ");
    if owners.is_empty() {
        return Some(warning(
            codes::LOOKUP_UNOWNED,
            &at,
            format!("no map of the project brings the records of {table}"),
            vec![
                format!("`{column}` of {} points at them", map.table(*side)),
                format!(
                    "a row waits until somebody creates its record on the {side} by other means \
                     (DUET2102)"
                ),
            ],
            format!("install the package whose map owns {table}, or see to the records yourself"),
        ));
    }
    if owners.iter().any(|owner| owner.flows(side.other())) {
        return None;
    }
    let owners: Vec<&str> = owners.iter().map(|owner| owner.id()).collect();
    Some(warning(
        codes::LOOKUP_OWNER_SILENT,
        &at,
        format!("nothing travels to {table}, which `{column}` points at"),
        vec![
            format!(
                "{} carries rows from the {side} only",
                super::listed(&owners)
            ),
            format!(
                "a row that names a record which stands on the {} only waits until somebody \
                 creates it on the {side} (DUET2102)",
                side.other()
            ),
        ],
        format!("let {} carry rows both ways", super::listed(&owners)),
    ))
}

/// `else create` makes what the table's own map brings: the record is born with less, and early.
fn created_twice(
    map: &CompiledMap,
    reference: &Reference,
    owners: &[&CompiledMap],
) -> Option<Diagnostic> {
    let Reference {
        side,
        column,
        tables,
        ..
    } = reference;
    let names: Vec<&str> = owners
        .iter()
        .filter(|owner| owner.flows(side.other()))
        .map(|owner| owner.id())
        .collect();
    if names.is_empty() {
        return None;
    }
    Some(warning(
        codes::CREATE_OWNED,
        &mark_of_column(map, *side, column),
        format!(
            "`{column}` creates records of {} that {} brings",
            tables.join(" or "),
            super::listed(&names)
        ),
        vec![
            "a record that is on its way is waited for; one that is not there yet is created with \
             its key alone, and the map links the two when it brings the row"
                .to_owned(),
        ],
        "drop `else create`, so that rows wait for the map that knows the whole record",
    ))
}
