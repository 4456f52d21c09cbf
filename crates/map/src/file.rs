//! The map file: what an author writes, with the place of every item.
//!
//! [`MapFile::parse`] reads YAML into this model and reports everything that is wrong with the
//! text itself; whether tables and columns exist is the compiler's question. [`MapFile::to_yaml`]
//! prints a file that reads back equal. Places do not count when two files are compared.
//!
//! A field has a short form, Microsoft's notation, and a long form:
//!
//! ```yaml
//! fields:
//!   - CREDITLIMIT = creditlimit                       # both ways
//!   - CREDITLIMITISMANDATORY >< msdyn_mandatory: { no: False, yes: True }
//!   - SALESUNITDECIMALPRECISION >> quantitydecimal default 0
//!   - '"3" >> customertypecode'                       # a constant for new records
//!   - LANGUAGEID << "en-us"
//!   - UNIT = uomid.name else create                   # what is missing there is created
//!   - left: CREDITLIMITISMANDATORY
//!     direction: "><"
//!     right: msdyn_mandatory
//!     values: { no: False, yes: True }
//!     default: no
//!     conflicts: manual                               # who wins over this field
//! ```

mod format;
mod notation;
mod parse;
mod print;
pub(crate) mod yaml;

use crate::diagnostic::{Code, Place};
use crate::side::{PerSide, Side};
use std::fmt;
use std::sync::Arc;

pub use notation::Direction;
pub(crate) use notation::is_column;

/// A table map as its file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapFile {
    /// The map's name, unique in a project (`customers-v3.accounts`).
    pub map: Marked<String>,
    /// Its version (`1.0.0`).
    pub version: Marked<String>,
    /// Why the business wants it, in a sentence.
    pub why: String,
    /// The table and filter of each side.
    pub ends: PerSide<End>,
    /// Whether rows belong to companies.
    pub company: Marked<Company>,
    /// The integration key: what identifies a record on both sides, the company left out.
    pub key: Vec<KeyPart>,
    /// The side that wins an initial sync and a conflict over one field.
    pub master: Side,
    /// Whose value stands when both sides changed one field.
    pub conflicts: Marked<Conflicts>,
    /// What a deletion on one side does to the other.
    pub deletes: Marked<Deletes>,
    /// What `deletes: deactivate` writes to a side's record: column and value. Empty: what
    /// deactivates a record of that table by itself.
    pub deactivate: PerSide<Vec<(Marked<String>, Marked<String>)>>,
    /// The side whose system may choose the key of a new record.
    pub allocates: Option<Side>,
    /// The field mappings in the order of the file.
    pub fields: Vec<Field>,
    /// What the author supposed without a published source.
    pub assumed: Vec<String>,
    /// Findings that the author has looked at and accepts.
    pub allow: Vec<Allowed>,
}

/// A finding that a map accepts: `{ code: DUET1051, column: creditlimit, why: cents suffice }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The finding's code, with its place.
    pub code: Marked<Code>,
    /// Only findings at lines that mention this column; every line otherwise.
    pub column: Option<String>,
    /// Why it does no harm here.
    pub why: String,
}

/// One side's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The table's name (`CustomersV3`, `accounts`).
    pub entity: Marked<String>,
    /// The condition that its rows must satisfy, in the X++ range or the `OData` dialect.
    pub filter: Option<Marked<String>>,
}

/// Whether the rows of a map belong to companies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Each row belongs to one company, which is part of its key.
    PerCompany,
    /// All companies share the rows.
    Shared,
}

impl Company {
    /// The word in map files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PerCompany => "per-company",
            Self::Shared => "shared",
        }
    }
}

/// Whose value stands when both sides changed one field since they last agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Conflicts {
    /// The master's.
    #[default]
    Master,
    /// That of the side whose record was modified later; the master's where that is too close.
    Latest,
    /// Neither, until a person has decided.
    Manual,
}

impl Conflicts {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Master, Self::Latest, Self::Manual];

    /// The word in map files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Latest => "latest",
            Self::Manual => "manual",
        }
    }
}

/// What a deletion on one side does to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletes {
    /// The other record is deleted too.
    Propagate,
    /// The other record stays and its pair ends.
    Ignore,
    /// The other record is deactivated where its table can do so.
    Deactivate,
}

impl Deletes {
    /// The word in map files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Propagate => "propagate",
            Self::Ignore => "ignore",
            Self::Deactivate => "deactivate",
        }
    }
}

/// One part of the integration key: `LEFT = right.path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPart {
    /// The left column or path.
    pub left: Marked<String>,
    /// The right column or path.
    pub right: Marked<String>,
}

/// One field mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The whole line's place.
    pub at: Mark,
    /// The left column or path; none where a constant or an expression is written to the right.
    pub left: Option<Marked<String>>,
    /// The right column or path; none where a constant or an expression is written to the left.
    pub right: Option<Marked<String>>,
    /// Which way the field travels, and whether it is transformed.
    pub direction: Direction,
    /// The value map: left value, right value, in the order of the file.
    pub values: Vec<(Marked<String>, Marked<String>)>,
    /// The constant, or what is written when the source is empty.
    pub default: Option<Marked<String>>,
    /// What is computed for the column of the one side from columns of the other.
    pub expression: Option<Marked<String>>,
    /// Whose value stands here when both sides changed it, where that is not the map's rule.
    pub conflicts: Option<Marked<Conflicts>>,
    /// What is created where the record that a lookup must point at is missing; without it the
    /// change waits for that record.
    pub create: Option<Create>,
}

/// `else create`: a lookup's record that is missing is made with the values that it is sought by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Create {
    /// Where it is said.
    pub at: Mark,
    /// Further columns of the new record, and their values.
    pub columns: Vec<(Marked<String>, Marked<String>)>,
}

/// The field as the short form spells it, its value map left out.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&notation::print(self))
    }
}

/// Where something stands in its file. Any two marks are equal, so that files can be compared by
/// what they say.
#[derive(Debug, Clone, Default)]
pub struct Mark(pub Option<Arc<Place>>);

impl PartialEq for Mark {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Mark {}

impl Mark {
    /// The place, for a diagnostic.
    pub fn place(&self) -> Option<Place> {
        self.0.as_deref().cloned()
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marked<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub at: Mark,
}

impl<T> Marked<T> {
    /// A value that comes from no file.
    pub fn unplaced(value: T) -> Self {
        Self {
            value,
            at: Mark::default(),
        }
    }
}

impl From<&str> for Marked<String> {
    fn from(text: &str) -> Self {
        Self::unplaced(text.to_owned())
    }
}
