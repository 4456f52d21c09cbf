//! What a table promises: its columns, types, limits and keys, whatever system it lives in.
//!
//! A connector builds a [`TableSchema`] from its system's metadata; the compiler of maps, the
//! check before a write and the connectors themselves read it.

use crate::value::Value;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One table or data entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// The name that map files use: the entity set (`accounts`, `CustomersV3`).
    pub name: String,
    /// The name of its type in the system (`account`, `CustomerV3`).
    pub type_name: String,
    /// What people call it (`Customers V3`).
    pub title: String,
    /// The columns that identify a record inside the system, company included.
    pub primary_key: Vec<String>,
    /// Further sets of columns that the system keeps unique. A lookup is named by its column.
    pub alternate_keys: Vec<Vec<String>>,
    /// The column that holds the company of a row, where rows are striped by company: text
    /// (`dataAreaId`) or a lookup (`msdyn_company`).
    pub company: Option<String>,
    /// The column that tells when a row was last modified, where there is one.
    #[serde(default)]
    pub modified: Option<String>,
    /// Every column, by its name folded to lower case.
    pub columns: BTreeMap<String, Column>,
    /// Whether the system can tell this table's changes since a point.
    pub tracks_changes: bool,
}

impl TableSchema {
    /// Finds a column by name without regard to case: published maps write `CUSTOMERACCOUNT`
    /// for what the entity calls `CustomerAccount`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(&name.to_lowercase())
    }

    /// Whether the system itself refuses two records with equal values in these columns.
    /// The order of columns does not matter.
    pub fn is_unique(&self, columns: &[&str]) -> bool {
        let same = |key: &Vec<String>| {
            key.len() == columns.len()
                && key
                    .iter()
                    .all(|k| columns.iter().any(|c| c.eq_ignore_ascii_case(k)))
        };
        same(&self.primary_key) || self.alternate_keys.iter().any(same)
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name as the system spells it.
    pub name: String,
    /// What it can hold.
    pub ty: ColumnType,
    /// Whether a create must carry it.
    pub required: bool,
    /// Whether a create may carry it.
    pub create: bool,
    /// Whether an update may carry it.
    pub update: bool,
    /// What the system stores when it is told nothing, where it cannot store nothing
    /// (Finance & Operations: 0 for numbers, the first member for enumerations).
    pub empty: Option<Value>,
}

/// What a column can hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Yes or no.
    Bool,
    /// A whole number within bounds, both included.
    Int {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// An exact number with a number of digits after the point.
    Decimal {
        /// Digits after the point; `None` where the system does not say.
        scale: Option<u32>,
        /// Smallest value, where there is one.
        min: Option<Decimal>,
        /// Largest value, where there is one.
        max: Option<Decimal>,
    },
    /// Text.
    Text {
        /// Most characters; `None` where the system does not say.
        max_length: Option<u32>,
    },
    /// A calendar date.
    Date,
    /// A point in time, kept to the second.
    DateTime,
    /// An identifier.
    Guid,
    /// An option set: a whole number out of a list.
    Choice {
        /// The options: value and label. The label is for people, never a key.
        options: Vec<(i64, String)>,
    },
    /// An enumeration whose members go by their symbols.
    Enum {
        /// The enumeration's name in the system's metadata (`NoYes`).
        name: String,
        /// The symbols, in the order of their values.
        members: Vec<String>,
    },
    /// A reference to a record of one of several tables.
    Lookup {
        /// Where it can point.
        targets: Vec<LookupTarget>,
    },
}

impl ColumnType {
    /// A word for error messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int { .. } => "integer",
            Self::Decimal { .. } => "decimal",
            Self::Text { .. } => "text",
            Self::Date => "date",
            Self::DateTime => "date and time",
            Self::Guid => "guid",
            Self::Choice { .. } => "option set",
            Self::Enum { .. } => "enumeration",
            Self::Lookup { .. } => "lookup",
        }
    }
}

/// One table that a lookup column can point at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupTarget {
    /// The referenced table's type name (`account`).
    pub type_name: String,
    /// The referenced table's name in maps (`accounts`).
    pub table: String,
    /// The case-sensitive name under which a write binds it (`msdyn_customergroupid`,
    /// `customerid_account`).
    pub navigation: String,
}

/// Where the compiler of maps finds schemas.
pub trait SchemaSource {
    /// The table with this name (entity set), without regard to case.
    fn table(&self, name: &str) -> Option<&TableSchema>;

    /// The table with this type name (`Account` in a polymorphic path), without regard to case.
    fn table_by_type(&self, type_name: &str) -> Option<&TableSchema>;
}

/// A set of schemas in memory.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SchemaSet(pub Vec<TableSchema>);

impl SchemaSource for SchemaSet {
    fn table(&self, name: &str) -> Option<&TableSchema> {
        self.0
            .iter()
            .find(|table| table.name.eq_ignore_ascii_case(name))
    }

    fn table_by_type(&self, type_name: &str) -> Option<&TableSchema> {
        self.0
            .iter()
            .find(|table| table.type_name.eq_ignore_ascii_case(type_name))
    }
}
