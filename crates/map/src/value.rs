//! The values that travel: one type for what any system's column can hold.
//!
//! A connector reads its wire format into [`Value`] by the column's schema and writes it back the
//! same way, so that everything between the two connectors compares like with like. A system's own
//! spelling of "nothing" (`""`, `1900-01-01`) is [`Value::Null`] from here on.
//!
//! The JSON form is stored (journal, images), so it is a persisted format: it never changes for a
//! value that an earlier release could write.

use jiff::{Timestamp, civil};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::collections::BTreeMap;
use std::fmt;
use uuid::Uuid;

/// One column's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Value {
    /// Nothing, however the system spells it.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number; an option set's value is one too.
    Int(i64),
    /// An exact decimal number, never a float.
    Decimal(Decimal),
    /// Text.
    Text(String),
    /// A calendar date without a time zone.
    Date(civil::Date),
    /// A point in time.
    DateTime(Timestamp),
    /// An identifier that is no reference.
    Guid(Uuid),
    /// A member of an enumeration, by its symbol (`Yes`, `Organization`).
    Symbol(String),
    /// A reference to a record of another table by its identifier.
    Reference(Reference),
}

/// A reference to a record: which table, which record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// The referenced table's name as map files write it (the entity set, `msdyn_customergroups`).
    pub table: String,
    /// The referenced record's identifier.
    pub id: Uuid,
}

impl Value {
    /// Text, or [`Value::Null`] for empty text: both systems treat the two alike.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::Null
        } else {
            Self::Text(text)
        }
    }

    /// Whether there is nothing here.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A word for the kind of value, for error messages (never the value itself).
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Decimal(_) => "decimal",
            Self::Text(_) => "text",
            Self::Date(_) => "date",
            Self::DateTime(_) => "date and time",
            Self::Guid(_) => "guid",
            Self::Symbol(_) => "enumeration symbol",
            Self::Reference(_) => "reference",
        }
    }

    /// The text inside a text or symbol value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// The record a reference points at.
    pub const fn as_reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) => Some(reference),
            _ => None,
        }
    }
}

/// The plain spelling of a value, as a person would read it in a table.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("(empty)"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(i) => write!(f, "{i}"),
            Self::Decimal(d) => write!(f, "{d}"),
            Self::Text(t) | Self::Symbol(t) => f.write_str(t),
            Self::Date(d) => write!(f, "{d}"),
            Self::DateTime(t) => write!(f, "{t}"),
            Self::Guid(g) => write!(f, "{g}"),
            Self::Reference(r) => write!(f, "{}({})", r.table, r.id),
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}

impl From<Decimal> for Value {
    fn from(d: Decimal) -> Self {
        Self::Decimal(d)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// The stored spelling of the values that JSON has no type for.
#[derive(Serialize, Deserialize)]
enum Tagged {
    #[serde(rename = "d")]
    Decimal(Decimal),
    #[serde(rename = "date")]
    Date(civil::Date),
    #[serde(rename = "at")]
    DateTime(Timestamp),
    #[serde(rename = "g")]
    Guid(Uuid),
    #[serde(rename = "e")]
    Symbol(String),
    #[serde(rename = "r")]
    Reference(Reference),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(i) => serializer.serialize_i64(*i),
            Self::Text(t) => serializer.serialize_str(t),
            Self::Decimal(d) => Tagged::Decimal(*d).serialize(serializer),
            Self::Date(d) => Tagged::Date(*d).serialize(serializer),
            Self::DateTime(t) => Tagged::DateTime(*t).serialize(serializer),
            Self::Guid(g) => Tagged::Guid(*g).serialize(serializer),
            Self::Symbol(s) => Tagged::Symbol(s.clone()).serialize(serializer),
            Self::Reference(r) => Tagged::Reference(r.clone()).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde_json::Value as Json;
        Ok(match Json::deserialize(deserializer)? {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(b),
            Json::String(t) => Self::Text(t),
            Json::Number(n) => Self::Int(
                n.as_i64()
                    .ok_or_else(|| de::Error::custom("a stored number must be a 64-bit integer"))?,
            ),
            tagged @ (Json::Object(_) | Json::Array(_)) => {
                match serde_json::from_value(tagged).map_err(de::Error::custom)? {
                    Tagged::Decimal(d) => Self::Decimal(d),
                    Tagged::Date(d) => Self::Date(d),
                    Tagged::DateTime(t) => Self::DateTime(t),
                    Tagged::Guid(g) => Self::Guid(g),
                    Tagged::Symbol(s) => Self::Symbol(s),
                    Tagged::Reference(r) => Self::Reference(r),
                }
            }
        })
    }
}

/// A record's columns by name. A column that is absent was not read; one that is
/// [`Value::Null`] was read and is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(pub BTreeMap<String, Value>);

impl Row {
    /// An empty row.
    pub fn new() -> Self {
        Self::default()
    }

    /// The column's value, or `None` when it was not read.
    pub fn get(&self, column: &str) -> Option<&Value> {
        self.0.get(column)
    }

    /// The column's value; one that was not read counts as [`Value::Null`].
    pub fn value(&self, column: &str) -> &Value {
        self.0.get(column).unwrap_or(&Value::Null)
    }

    /// Sets a column.
    pub fn set(&mut self, column: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(column.into(), value.into());
    }

    /// The same row with one more column, for building rows in one expression.
    #[must_use]
    pub fn with(mut self, column: impl Into<String>, value: impl Into<Value>) -> Self {
        self.set(column, value);
        self
    }

    /// Whether no column was read or set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every column with its value, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl FromIterator<(String, Value)> for Row {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(columns: I) -> Self {
        Self(columns.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_survives_its_stored_form() {
        let row = Row::new()
            .with("null", Value::Null)
            .with("bool", true)
            .with("int", i64::MIN)
            .with("decimal", Decimal::new(200_000_000, 4))
            .with("text", "a\"b")
            .with("date", Value::Date(civil::date(1900, 1, 1)))
            .with("at", Value::DateTime(Timestamp::UNIX_EPOCH))
            .with("guid", Value::Guid(Uuid::nil()))
            .with("symbol", Value::Symbol("Yes".into()))
            .with(
                "reference",
                Value::Reference(Reference {
                    table: "accounts".into(),
                    id: Uuid::nil(),
                }),
            );
        let stored = serde_json::to_string(&row).unwrap();
        assert_eq!(
            stored,
            r#"{"at":{"at":"1970-01-01T00:00:00Z"},"bool":true,"date":{"date":"1900-01-01"},"decimal":{"d":"20000.0000"},"guid":{"g":"00000000-0000-0000-0000-000000000000"},"int":-9223372036854775808,"null":null,"reference":{"r":{"table":"accounts","id":"00000000-0000-0000-0000-000000000000"}},"symbol":{"e":"Yes"},"text":"a\"b"}"#
        );
        assert_eq!(serde_json::from_str::<Row>(&stored).unwrap(), row);
    }

    #[test]
    fn a_stored_number_outside_64_bits_is_refused() {
        assert!(serde_json::from_str::<Value>("12345678901234567890123").is_err());
        assert!(serde_json::from_str::<Value>("1.5").is_err());
    }
}
