//! The compiled maps of a project: their order, the tables they read and who owns which table.

use duet_map::CompiledMap;
use duet_map::order::dependency_order;
use duet_map::side::{PerSide, Side};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One table of one side, read once for all maps that mention it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableUse {
    /// The table.
    pub table: String,
    /// Every column that any of its maps needs.
    pub columns: Vec<String>,
    /// The maps that mention it, as places in [`Project::maps`].
    pub maps: Vec<usize>,
}

/// The maps of a project, ready to run.
#[derive(Debug)]
pub struct Project {
    maps: Vec<Arc<CompiledMap>>,
    companies: BTreeSet<String>,
    tables: PerSide<Vec<TableUse>>,
    owners: PerSide<HashMap<String, Vec<usize>>>,
    broken: BTreeSet<(String, String)>,
}

impl Project {
    /// Puts maps into dependency order and notes which tables they share.
    ///
    /// `companies` is the scope of the per-company maps; rows of other companies stay out.
    pub fn build(maps: Vec<CompiledMap>, companies: impl IntoIterator<Item = String>) -> Self {
        let order = dependency_order(&maps);
        let mut unordered: Vec<Option<CompiledMap>> = maps.into_iter().map(Some).collect();
        let maps: Vec<Arc<CompiledMap>> = order
            .maps
            .iter()
            .filter_map(|place| unordered.get_mut(*place)?.take())
            .map(Arc::new)
            .collect();

        let mut owners: PerSide<HashMap<String, Vec<usize>>> = PerSide::default();
        let tables = PerSide::from_fn(|side| {
            let mut uses: BTreeMap<String, (BTreeSet<String>, Vec<usize>)> = BTreeMap::new();
            let mut order = Vec::new();
            for (place, map) in maps.iter().enumerate() {
                let table = map.table(side).to_owned();
                owners[side]
                    .entry(table.to_lowercase())
                    .or_default()
                    .push(place);
                let entry = uses.entry(table.clone()).or_insert_with(|| {
                    order.push(table);
                    Default::default()
                });
                entry.0.extend(map.columns(side).iter().cloned());
                entry.1.push(place);
            }
            order
                .into_iter()
                .filter_map(|table| {
                    let (columns, maps) = uses.remove(&table)?;
                    Some(TableUse {
                        table,
                        columns: columns.into_iter().collect(),
                        maps,
                    })
                })
                .collect()
        });
        Self {
            maps,
            companies: companies
                .into_iter()
                .map(|company| company.to_lowercase())
                .collect(),
            tables,
            owners,
            broken: order.broken.into_iter().collect(),
        }
    }

    /// The maps in dependency order: what is referenced comes first.
    pub fn maps(&self) -> &[Arc<CompiledMap>] {
        &self.maps
    }

    /// The tables of a side, in the order of the first map that mentions each.
    pub fn tables(&self, side: Side) -> &[TableUse] {
        &self.tables[side]
    }

    /// The use of one table, by name without regard to case.
    pub fn table(&self, side: Side, table: &str) -> Option<&TableUse> {
        self.tables[side]
            .iter()
            .find(|used| used.table.eq_ignore_ascii_case(table))
    }

    /// The maps that own a table of a side.
    pub fn owners(&self, side: Side, table: &str) -> impl Iterator<Item = &Arc<CompiledMap>> {
        self.owners[side]
            .get(&table.to_lowercase())
            .into_iter()
            .flatten()
            .filter_map(|place| self.maps.get(*place))
    }

    /// Whether rows of this company are in scope. An empty scope means every company.
    pub fn covers_company(&self, company: &str) -> bool {
        self.companies.is_empty() || self.companies.contains(&company.to_lowercase())
    }

    /// The companies in scope.
    pub fn companies(&self) -> Vec<String> {
        self.companies.iter().cloned().collect()
    }

    /// Whether this lookup column may be written later because its references run in a circle.
    pub fn may_follow_later(&self, map: &str, column: &str) -> bool {
        self.broken.contains(&(map.to_owned(), column.to_owned()))
    }
}
