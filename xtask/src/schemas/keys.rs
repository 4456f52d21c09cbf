//! The integration key of each table: the columns that lookup paths into it end in, plus the company.

use std::collections::{BTreeMap, BTreeSet};

use super::lookups::{Lookups, polymorphic};
use super::overrides;
use crate::facts::{Facts, TableMap};

/// The lookup to the company on tables whose rows belong to one.
pub(crate) const COMPANY: &str = "msdyn_company";

/// Integration keys and company context by logical table name.
pub(crate) struct Keys {
    /// Key columns without the company.
    pub(crate) columns: BTreeMap<String, Vec<String>>,
    /// Tables whose rows belong to one company.
    pub(crate) per_company: BTreeSet<String>,
}

/// Whether the rows of a map belong to one company.
pub(crate) fn per_company(map: &TableMap) -> bool {
    match map.company.as_str() {
        "per-company" => true,
        "shared" => false,
        _ => overrides::assumed_per_company(&map.package, &map.title),
    }
}

/// Chooses the keys.
pub(crate) fn choose(facts: &Facts, lookups: &Lookups) -> Keys {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut companies = BTreeSet::new();
    for map in &facts.maps {
        let table = &lookups.tables[&map.entity_set];
        if per_company(map) {
            companies.insert(table.clone());
        }
        for field in facts.fields_of(&map.id) {
            if let Some((_, targets)) = polymorphic(&field.path) {
                for (target, column) in targets {
                    found.entry(target).or_default().insert(column);
                }
                continue;
            }
            // Each step of `a.b.c` resolves the table that the step before it points to.
            let mut here = table.clone();
            let mut rest = field.path.as_str();
            while let Some((column, tail)) = rest.split_once('.') {
                let Some([target]) = lookups.targets(&here, column).map(Vec::as_slice) else {
                    break;
                };
                let next = tail.split('.').next().unwrap_or(tail);
                found
                    .entry(target.clone())
                    .or_default()
                    .insert(next.to_owned());
                here.clone_from(target);
                rest = tail;
            }
        }
    }
    let mut columns: BTreeMap<String, Vec<String>> = found
        .into_iter()
        .map(|(table, set)| (table, set.into_iter().collect()))
        .collect();
    for (table, key) in overrides::KEYS {
        columns.insert(
            (*table).to_owned(),
            key.iter().map(|name| (*name).to_owned()).collect(),
        );
    }
    Keys {
        columns,
        per_company: companies,
    }
}
