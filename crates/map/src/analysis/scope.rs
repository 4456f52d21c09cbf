//! How much takes part: companies, large tables, tables that many maps share.

use super::{Project, note, warning};
use crate::codes;
use crate::compiled::CompiledMap;
use crate::diagnostic::Diagnostic;
use crate::file::Mark;
use crate::side::{PerSide, Side};
use std::collections::BTreeMap;

/// How many rows a table holds: the side, its name in lower case, and the number.
pub type RowCounts = PerSide<BTreeMap<String, u64>>;

/// From how many rows on a table is large. Microsoft advises against an initial synchronization
/// of more than 500,000 rows a company.
const LARGE: u64 = 500_000;

/// From how many maps on a table is crowded.
const CROWDED: usize = 4;

pub(super) fn check(project: &Project<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    found.extend(companies(project));
    found.extend(crowded(project.maps));
    for map in project.maps {
        found.extend(large(map, project.rows));
    }
    found
}

fn companies(project: &Project<'_>) -> Option<Diagnostic> {
    let striped = project.maps.iter().filter(|map| map.is_per_company());
    let count = striped.count();
    (count > 0 && project.companies.is_empty()).then(|| {
        warning(
            codes::COMPANIES_UNSCOPED,
            &Mark::default(),
            "no companies are named, so every company takes part".to_owned(),
            vec![
                format!(
                    "{count} {} rows by company",
                    if count == 1 { "map keeps" } else { "maps keep" }
                ),
                "test and template companies are synced like the others".to_owned(),
            ],
            "name them in duet.yaml: `companies: [usmf, dat]`",
        )
    })
}

fn crowded(maps: &[CompiledMap]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for side in Side::BOTH {
        let mut by_table: BTreeMap<String, Vec<&CompiledMap>> = BTreeMap::new();
        for map in maps.iter().filter(|map| map.flows(side)) {
            by_table
                .entry(map.table(side).to_lowercase())
                .or_default()
                .push(map);
        }
        for maps in by_table.into_values() {
            let Some(last) = maps.last().filter(|_| maps.len() >= CROWDED) else {
                continue;
            };
            let names: Vec<&str> = maps.iter().map(|map| map.id()).collect();
            found.push(note(
                codes::CROWDED_TABLE,
                &last.file().ends[side].entity.at,
                format!("{} maps read {}", maps.len(), last.table(side)),
                vec![
                    super::listed(&names),
                    "each change of the table is journalled once for every one of them, and most \
                     are filtered out"
                        .to_owned(),
                ],
                "nothing, unless the table changes in masses",
            ));
        }
    }
    found
}

fn large(map: &CompiledMap, rows: &RowCounts) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for side in Side::BOTH {
        let count = rows[side].get(&map.table(side).to_lowercase());
        let Some(count) = count.filter(|count| **count >= LARGE) else {
            continue;
        };
        if map.filters[side].is_some() || !map.flows(side) {
            continue;
        }
        found.push(warning(
            codes::LARGE_TABLE,
            &map.file().ends[side].entity.at,
            format!("{} takes part whole, with {count} rows", map.table(side)),
            vec![
                format!("the {side} side has no filter"),
                "an initial sync reads and compares every row".to_owned(),
            ],
            "filter out what nobody needs on the other side, such as closed or old records",
        ));
    }
    found
}
