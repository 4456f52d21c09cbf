//! What a map's JSON does not say: public names of entities, keys, reasons, schemas.

use crate::file::MapFile;
use crate::schema::{SchemaSet, SchemaSource, TableSchema};
use crate::side::{PerSide, Side};

/// The names of one F&O entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityName {
    /// What people and maps call it (`Customers V3`).
    pub title: String,
    /// Its object in the application (`CustCustomerV3Entity`).
    pub object: String,
    /// Its name in `OData` addresses and map files (`CustomersV3`).
    pub collection: String,
}

/// What is known besides the document.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The names of F&O entities.
    pub entities: Vec<EntityName>,
    /// Published maps: their keys, companies and reasons serve imported maps of the same tables.
    pub maps: Vec<MapFile>,
    /// The schemas of both sides, where they can be reached.
    pub schemas: Option<PerSide<SchemaSet>>,
}

impl Known {
    /// The entity with this title or object name, case and a suffix in parentheses apart.
    pub(super) fn entity(&self, name: &str) -> Option<&EntityName> {
        let same = |name: &str| {
            self.entities.iter().find(|entity| {
                [&entity.title, &entity.object, &entity.collection]
                    .into_iter()
                    .any(|known| known.eq_ignore_ascii_case(name))
            })
        };
        same(name.trim()).or_else(|| same(name.split('(').next().unwrap_or_default().trim()))
    }

    /// The title of the entity with this public name.
    pub(super) fn title(&self, collection: &str) -> Option<&str> {
        self.entities
            .iter()
            .find(|entity| entity.collection.eq_ignore_ascii_case(collection))
            .map(|entity| entity.title.as_str())
    }

    /// The published map between two tables, if there is exactly one.
    pub(super) fn published(&self, left: &str, right: &str) -> Option<&MapFile> {
        let mut maps = self.maps.iter().filter(|map| {
            map.ends.left.entity.value.eq_ignore_ascii_case(left)
                && map.ends.right.entity.value.eq_ignore_ascii_case(right)
        });
        maps.next().filter(|_| maps.next().is_none())
    }

    /// A side's table, by its name, its type or its title without spaces.
    pub(super) fn table(&self, side: Side, name: &str) -> Option<&TableSchema> {
        let schemas = &self.schemas.as_ref()?[side];
        schemas
            .table(name)
            .or_else(|| schemas.table_by_type(name))
            .or_else(|| schemas.table(&squeezed(name)))
    }
}

/// A title as a public name: `Customers V3` → `CustomersV3`.
pub(super) fn squeezed(title: &str) -> String {
    title.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The name of a map: `Customers V3` and `accounts` → `customers-v3.accounts`.
pub fn map_name(title: &str, table: &str) -> String {
    let words: Vec<String> = title
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    format!("{}.{table}", words.join("-"))
}
