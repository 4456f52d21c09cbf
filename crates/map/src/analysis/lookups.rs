//! Lookups that may find several records, or cost more than they seem to.

use super::{line_of, mark_of, note, warning};
use crate::codes;
use crate::compiled::{Candidate, CompiledMap, Kind, Lookup, Unit};
use crate::diagnostic::Diagnostic;
use crate::schema::{SchemaSource, TableSchema};
use crate::side::{PerSide, Side};

/// How many lookups of one row are many: with more, Microsoft's initial synchronization fails.
const MANY: usize = 10;

pub(super) fn check(map: &CompiledMap, schemas: &PerSide<&dyn SchemaSource>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for unit in &map.units {
        let Kind::Lookup(lookup) = &unit.kind else {
            continue;
        };
        for candidate in &lookup.candidates {
            let Some(table) = schemas[lookup.side].table(&candidate.table) else {
                continue;
            };
            let missed = without_company(map, unit, lookup, candidate, table);
            if missed.is_none() {
                found.extend(not_unique(map, unit, lookup, candidate, table));
            }
            found.extend(missed);
        }
    }
    found.extend(many(map));
    found
}

/// The columns of the table itself with which the searched paths begin.
fn searched(lookup: &Lookup, candidate: &Candidate, table: &TableSchema) -> Vec<String> {
    let mut columns: Vec<String> = candidate
        .equal
        .iter()
        .filter_map(|(part, end)| {
            let path = &lookup.parts[*part].ends[*end].path;
            let name = path.split('.').next()?;
            Some(table.column(name)?.name.clone())
        })
        .collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

fn keys_of(table: &TableSchema) -> impl Iterator<Item = &Vec<String>> {
    table
        .alternate_keys
        .iter()
        .chain([&table.primary_key])
        .filter(|key| !key.is_empty())
}

fn holds(columns: &[String], name: &str) -> bool {
    columns.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn not_unique(
    map: &CompiledMap,
    unit: &Unit,
    lookup: &Lookup,
    candidate: &Candidate,
    table: &TableSchema,
) -> Option<Diagnostic> {
    let mut columns = searched(lookup, candidate, table);
    let given = columns.clone();
    if map.company.is_some() {
        columns.extend(table.company.clone());
    }
    if keys_of(table).any(|key| key.iter().all(|name| holds(&columns, name))) {
        return None;
    }
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let column = &map.slots[lookup.side][lookup.slot].name;
    // The key that the line comes closest to tells what is missing.
    let near = table
        .alternate_keys
        .iter()
        .filter(|key| given.iter().any(|name| holds(key, name)))
        .min_by_key(|key| key.len());
    let missing: Vec<&str> = near
        .into_iter()
        .flatten()
        .filter(|name| !holds(&columns, name))
        .map(String::as_str)
        .collect();
    let (fact, fix) = if missing.is_empty() {
        (
            format!("{} has no alternate key on it", table.name),
            format!(
                "define an alternate key on {} in {}",
                super::listed(&given),
                table.name
            ),
        )
    } else {
        (
            format!(
                "its alternate key holds {} too, which no line gives",
                super::listed(&missing)
            ),
            format!("add a line for `{column}.{}`", missing[0]),
        )
    };
    Some(warning(
        codes::LOOKUP_NOT_UNIQUE,
        &mark_of(map, unit),
        format!(
            "`{column}` is found by {} of {}, which several records may share",
            super::listed(&given),
            table.name
        ),
        vec![
            fact,
            "where two records answer, the row is parked (DUET2007)".to_owned(),
        ],
        fix,
    ))
}

/// In a shared map nothing tells of which company the record is that a striped table is searched
/// for.
fn without_company(
    map: &CompiledMap,
    unit: &Unit,
    lookup: &Lookup,
    candidate: &Candidate,
    table: &TableSchema,
) -> Option<Diagnostic> {
    let company = table.company.as_ref()?;
    let columns = searched(lookup, candidate, table);
    let unique = keys_of(table).any(|key| key.iter().all(|name| holds(&columns, name)));
    if map.company.is_some() || unique || holds(&columns, company) {
        return None;
    }
    let column = &map.slots[lookup.side][lookup.slot].name;
    Some(warning(
        codes::LOOKUP_WITHOUT_COMPANY,
        &mark_of(map, unit),
        format!("`{column}` is sought in the rows of all companies"),
        vec![
            format!("{} keeps its rows by company, in `{company}`", table.name),
            format!(
                "{} and its map are shared: a row names no company",
                map.table(lookup.side)
            ),
            "where two companies use one key, the row is parked (DUET2007)".to_owned(),
        ],
        format!("add a line for `{column}.{company}.…`, or keep the map's tables by company"),
    ))
}

fn many(map: &CompiledMap) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for to in Side::BOTH {
        let lookups: Vec<&Unit> = map
            .units
            .iter()
            .filter(|unit| {
                unit.flows[to.other()]
                    && match &unit.kind {
                        Kind::Lookup(lookup) => lookup.side == to,
                        Kind::Twins(_) => true,
                        _ => false,
                    }
            })
            .collect();
        if lookups.len() <= MANY {
            continue;
        }
        let at = lookups
            .first()
            .and_then(|unit| line_of(map, unit))
            .map(|field| field.at.clone())
            .unwrap_or_default();
        found.push(note(
            codes::MANY_LOOKUPS,
            &at,
            format!(
                "each new row of {} needs {} other records",
                map.table(to),
                lookups.len()
            ),
            vec![
                "one that is missing makes the whole row wait for it".to_owned(),
                format!("with more than {MANY}, Microsoft's initial synchronization gives up"),
            ],
            "nothing, if the records they name are synced before; Duet asks for them in bulk",
        ));
    }
    found
}
