//! Which table each lookup path of the maps points to.
//!
//! `msdyn_paymentterm.msdyn_name` on a table means: the lookup `msdyn_paymentterm` points to a table
//! that some map gives a column `msdyn_name`, and whose name resembles `paymentterm`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;

use super::names::singular;
use super::overrides;
use crate::facts::Facts;

/// Where the lookups of the mapped tables point.
pub(crate) struct Lookups {
    /// Logical names by set name.
    pub(crate) tables: BTreeMap<String, String>,
    /// Targets by (table, lookup column), in the order of the path.
    pub(crate) targets: BTreeMap<(String, String), Vec<String>>,
}

impl Lookups {
    /// Resolves all lookup paths.
    pub(crate) fn resolve(facts: &Facts) -> anyhow::Result<Self> {
        let tables: BTreeMap<String, String> = facts
            .maps
            .iter()
            .map(|map| (map.entity_set.clone(), singular(&map.entity_set)))
            .collect();
        // Remainders of the paths by table: what each table is known to hold.
        let mut held: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut asked: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        let mut targets = BTreeMap::new();
        for map in &facts.maps {
            let table = &tables[&map.entity_set];
            for field in facts.fields_of(&map.id) {
                if field.path == "none" {
                    continue;
                }
                if let Some((column, named)) = polymorphic(&field.path) {
                    let named = named.into_iter().map(|(name, _)| name).collect();
                    targets.insert((table.clone(), column), named);
                    continue;
                }
                held.entry(table.clone())
                    .or_default()
                    .insert(field.path.clone());
                if let Some((column, rest)) = field.path.split_once('.') {
                    asked
                        .entry((table.clone(), column.to_owned()))
                        .or_default()
                        .insert(rest.to_owned());
                }
            }
        }
        let mut unresolved = Vec::new();
        for ((table, column), rests) in asked {
            match overrides::lookup_target(&table, &column, &rests)
                .map(str::to_owned)
                .or_else(|| {
                    let candidates: Vec<&String> = held
                        .iter()
                        .filter(|(_, paths)| rests.iter().all(|rest| paths.contains(rest)))
                        .map(|(candidate, _)| candidate)
                        .collect();
                    closest(&column, &candidates)
                }) {
                Some(target) => {
                    targets.insert((table, column), vec![target]);
                }
                None => unresolved.push(format!("{table}.{column} ({rests:?})")),
            }
        }
        if !unresolved.is_empty() {
            bail!(
                "no table fits these lookups; name one in overrides.rs: {}",
                unresolved.join("; ")
            );
        }
        Ok(Self { tables, targets })
    }

    /// The targets of a lookup column of a table.
    pub(crate) fn targets(&self, table: &str, column: &str) -> Option<&Vec<String>> {
        self.targets.get(&(table.to_owned(), column.to_owned()))
    }
}

/// Splits `customerid.Account(accountnumber).Contact(msdyn_contactpersonid)` into the column and
/// its targets, each with the column that is looked up there.
pub(crate) fn polymorphic(path: &str) -> Option<(String, Vec<(String, String)>)> {
    if !path.contains('(') {
        return None;
    }
    let (column, rest) = path.split_once('.')?;
    let targets = rest
        .split('.')
        .filter_map(|part| part.strip_suffix(')')?.split_once('('))
        .map(|(table, column)| (table.to_lowercase(), column.to_owned()))
        .collect();
    Some((column.to_owned(), targets))
}

/// The candidate whose name is nearest to the lookup's: equal, else the longest one that the
/// lookup's name ends with, else the only one that ends with the lookup's name.
fn closest(column: &str, candidates: &[&String]) -> Option<String> {
    if let [only] = candidates {
        return Some((*only).clone());
    }
    let wanted = stem(column);
    if let Some(equal) = candidates.iter().find(|name| stem(name) == wanted) {
        return Some((*equal).clone());
    }
    let tail = candidates
        .iter()
        .filter(|name| wanted.ends_with(&stem(name)))
        .max_by_key(|name| stem(name).len());
    if let Some(tail) = tail {
        return Some((*tail).clone());
    }
    let mut longer = candidates
        .iter()
        .filter(|name| stem(name).ends_with(&wanted));
    match (longer.next(), longer.next()) {
        (Some(only), None) => Some((*only).clone()),
        _ => None,
    }
}

/// A name without publisher prefix and without the endings that lookups add.
fn stem(name: &str) -> String {
    let name = name
        .strip_prefix("msdyn_")
        .or_else(|| name.strip_prefix("cdm_"))
        .unwrap_or(name);
    let name = name.strip_suffix("id").unwrap_or(name);
    let name = name.strip_suffix("name").unwrap_or(name);
    name.strip_suffix('s').unwrap_or(name).to_owned()
}
