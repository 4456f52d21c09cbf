//! A record as a system shows it: identifier, version and row.

use crate::value::Row;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A record's identifier in its own system, as canonical text: a GUID in lower case, or the key
/// predicate `dataAreaId='usmf',CustomerAccount='US-001'`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(pub String);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A record's version as the system issued it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The opaque tag that a conditional write sends back.
    pub tag: String,
    /// A number that only rises for this record, where the system has one (Dataverse's
    /// `versionnumber`). Two versions are ordered by it and never by the tag.
    pub ordinal: Option<i64>,
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its identifier.
    pub id: RecordId,
    /// Its version at that moment.
    pub version: Option<Version>,
    /// When it was last modified, by the system's own clock.
    pub modified: Option<Timestamp>,
    /// Who modified it last, as the system names its users.
    pub modified_by: Option<String>,
    /// The columns that were asked for.
    pub row: Row,
}

/// The canonical integration key of a pair: the values of the key columns, company first where
/// rows are striped, folded to lower case and trimmed on the right, as a JSON array of texts.
/// Both sides' changes of one record carry the same key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub String);

impl Key {
    /// Builds a key from parts that are canonical already.
    pub fn from_parts(parts: &[String]) -> Self {
        Self(serde_json::Value::from(parts.to_vec()).to_string())
    }

    /// The parts again; a key that is no JSON array is its own only part.
    pub fn parts(&self) -> Vec<String> {
        serde_json::from_str(&self.0).unwrap_or_else(|_| vec![self.0.clone()])
    }
}

/// As people read it: `usmf / us-001`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().join(" / "))
    }
}
