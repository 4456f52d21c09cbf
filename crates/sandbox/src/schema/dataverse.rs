//! The shape of Dataverse tables: columns with their types and limits, alternate keys, lookups.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::is_off;

/// All tables of the Dataverse stand-in, and what ties them beyond their lookups.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DataverseSchema {
    /// Tables in the order of their logical names.
    pub tables: Vec<Table>,
    /// Names and habits of one-to-many relationships that have others than the usual ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_to_many: Vec<OneToMany>,
    /// Many-to-many relationships.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub many_to_many: Vec<ManyToMany>,
    /// Choices that several columns may share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub option_sets: Vec<OptionSet>,
}

impl DataverseSchema {
    /// The table with this logical name (`account`).
    pub fn table(&self, logical_name: &str) -> Option<&Table> {
        self.tables
            .iter()
            .find(|table| table.logical_name == logical_name)
    }

    /// The table with this entity set name (`accounts`).
    pub fn table_by_set(&self, entity_set_name: &str) -> Option<&Table> {
        self.tables
            .iter()
            .find(|table| table.entity_set_name == entity_set_name)
    }
}

/// One Dataverse table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// `account`
    pub logical_name: String,
    /// `Account`
    pub schema_name: String,
    /// `accounts`, the name in URLs.
    pub entity_set_name: String,
    /// The primary key column, a GUID.
    pub primary_id: String,
    /// The column that names a row to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_name: Option<String>,
    /// Whether rows belong to one company, through the lookup `msdyn_company`.
    #[serde(default, skip_serializing_if = "is_off")]
    pub per_company: bool,
    /// Whether `Prefer: odata.track-changes` is served.
    pub change_tracking: bool,
    /// Not published: derived from the table maps.
    #[serde(default, skip_serializing_if = "is_off")]
    pub assumed: bool,
    /// What it is called in front of people, where that is not its schema name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "TableOrigin::is_published")]
    pub origin: TableOrigin,
    /// Columns in the order of their logical names, the primary key first.
    pub columns: Vec<Column>,
    /// Alternate keys.
    #[serde(default)]
    pub keys: Vec<AlternateKey>,
}

impl Table {
    /// The column with this logical name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The lookup column, and the target, that a navigation property name (case-sensitive) means.
    /// A name that several targets share (`ownerid`) gives the first of them.
    pub fn navigation(&self, property: &str) -> Option<(&Column, &LookupTarget)> {
        self.columns.iter().find_map(|column| match &column.kind {
            ColumnKind::Lookup { targets } => targets
                .iter()
                .find(|target| target.navigation == property)
                .map(|target| (column, target)),
            _ => None,
        })
    }
}

/// One column of a Dataverse table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Logical name, lower case. A lookup is read as `_name_value`.
    pub name: String,
    /// Type and limits.
    #[serde(rename = "type")]
    pub kind: ColumnKind,
    /// How badly a value is needed.
    #[serde(default, skip_serializing_if = "RequiredLevel::is_none")]
    pub required: RequiredLevel,
    /// The system computes it; a value sent by a client is ignored.
    #[serde(default, skip_serializing_if = "is_off")]
    pub read_only: bool,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The name as it was given when the column was made; only columns that were made through the
    /// Web API have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_name: Option<String>,
    /// Not published: inferred.
    #[serde(default, skip_serializing_if = "is_off")]
    pub assumed: bool,
}

/// Type and limits of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// One line of text.
    String {
        /// Longest value, in characters.
        max_length: u32,
    },
    /// Several lines of text.
    Memo {
        /// Longest value, in characters.
        max_length: u32,
    },
    /// 32 bits.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// 64 bits.
    BigInt,
    /// Exact decimals.
    Decimal {
        /// Digits after the point.
        precision: u32,
        /// Smallest value.
        min: Decimal,
        /// Largest value.
        max: Decimal,
    },
    /// A floating point number, for coordinates.
    Double {
        /// Digits after the point.
        precision: u32,
    },
    /// An amount in the currency of the row's `transactioncurrencyid`.
    Money {
        /// Digits after the point.
        precision: u32,
        /// Smallest value.
        min: Decimal,
        /// Largest value.
        max: Decimal,
    },
    /// Yes or no.
    Boolean,
    /// A date, with or without a time.
    DateTime {
        /// How time zones are treated.
        behavior: DateBehavior,
    },
    /// One of a list.
    Picklist {
        /// The list.
        options: Vec<Choice>,
    },
    /// Some of a list, on the wire as `"1,3"`.
    MultiSelect {
        /// The list.
        options: Vec<Choice>,
    },
    /// The row's `statecode`.
    State {
        /// The list.
        options: Vec<Choice>,
    },
    /// The row's `statuscode`.
    Status {
        /// The list.
        options: Vec<Choice>,
    },
    /// A reference to a row of one of several tables.
    Lookup {
        /// The tables.
        targets: Vec<LookupTarget>,
    },
    /// A GUID that is no reference.
    Uniqueidentifier,
    /// A file of a row; its value is the id of the stored file.
    File {
        /// Largest file.
        max_kilobytes: u32,
    },
    /// A picture of a row.
    Image {
        /// Largest picture.
        max_kilobytes: u32,
    },
}

/// How a date column treats time zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateBehavior {
    /// Stored as UTC; a value without an offset is taken as UTC.
    UserLocal,
    /// Stored as sent.
    TimeZoneIndependent,
    /// A date alone.
    DateOnly,
}

/// One option of a choice column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The number that travels.
    pub value: i64,
    /// What a person reads.
    pub label: String,
}

/// One table that a lookup can point to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupTarget {
    /// Logical name of the table.
    pub table: String,
    /// Navigation property, case-sensitive: `transactioncurrencyid`, `customerid_account`.
    pub navigation: String,
}

/// Where a table comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableOrigin {
    /// It was there from the start.
    #[default]
    Published,
    /// It was made through the Web API.
    Custom,
    /// It holds the links of a many-to-many relationship.
    Intersect,
}

impl TableOrigin {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde asks for"
    )]
    fn is_published(&self) -> bool {
        *self == Self::Published
    }
}

/// A one-to-many relationship: one target of one lookup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneToMany {
    /// Its schema name, which is also the collection's property name.
    pub name: String,
    /// Logical name of the table that has the lookup.
    pub table: String,
    /// Logical name of the lookup column.
    pub column: String,
    /// Logical name of the table that the lookup points to.
    pub target: String,
    /// What becomes of the rows of `table` when the row they point to is deleted.
    #[serde(default)]
    pub delete: OnDelete,
}

/// What becomes of rows that point to a row that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnDelete {
    /// Their lookup is emptied.
    #[default]
    RemoveLink,
    /// They are deleted too.
    Cascade,
    /// The deletion is refused while there are any.
    Restrict,
    /// Nothing.
    NoCascade,
}

/// A many-to-many relationship between two tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManyToMany {
    /// Its schema name.
    pub name: String,
    /// Logical name of the table that holds the links.
    pub intersect: String,
    /// One end.
    pub first: ManyToManyEnd,
    /// The other end.
    pub second: ManyToManyEnd,
}

/// One end of a many-to-many relationship.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManyToManyEnd {
    /// Logical name of the table.
    pub table: String,
    /// The collection property on this table's rows.
    pub navigation: String,
    /// The column of the intersect table that holds this end's id.
    pub column: String,
}

/// A choice that several columns may share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionSet {
    /// Its name.
    pub name: String,
    /// What it is called in front of people.
    pub label: String,
    /// Its options.
    pub options: Vec<Choice>,
}

/// How badly a value is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequiredLevel {
    /// Optional.
    #[default]
    None,
    /// Asked for by forms, not enforced.
    Recommended,
    /// Required by the application: forms enforce it, the Web API does not.
    Application,
    /// Required by the system: a row without it is refused.
    System,
}

impl RequiredLevel {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde asks for"
    )]
    fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// Columns that together identify a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlternateKey {
    /// Name of the key.
    pub name: String,
    /// Logical names of its columns; a lookup among them is addressed as `_name_value`.
    pub columns: Vec<String>,
    /// Not published: inferred.
    #[serde(default, skip_serializing_if = "is_off")]
    pub assumed: bool,
}
