//! Primitive values as they stand in URLs: `'O''Neil'`, `42`, `2024-01-31`, `Ns.Colour'Red'`.
//!
//! [`Literal::parse`] reads the URL form, `Display` prints it; what was printed reads back as the
//! same value. Numbers stay exact: whole ones are `Int`, others `Decimal`; only text with an
//! exponent, `INF`, `NaN` and numbers beyond 96 bits of precision are `Double`.

mod parse;
mod print;

pub(crate) use parse::{BASE64, parse_prefix, quoted};
pub(crate) use print::write_timestamp;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::ParseError;

/// One primitive value of a URL or an expression.
///
/// ```
/// use duet_odata::Literal;
///
/// let name = Literal::parse("'O''Neil'")?;
/// assert_eq!(name, Literal::String("O'Neil".into()));
/// assert_eq!(name.to_string(), "'O''Neil'");
/// # Ok::<(), duet_odata::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any whole number that fits `Edm.Int64`.
    Int(i64),
    /// A number with a decimal point, or a whole number beyond `Edm.Int64`; keeps its scale.
    Decimal(Decimal),
    /// A number with an exponent, `INF`, `-INF`, `NaN`.
    Double(f64),
    /// Text.
    String(String),
    /// `Edm.Guid`.
    Guid(Uuid),
    /// `Edm.Date`.
    Date(Date),
    /// `Edm.DateTimeOffset` as an instant; the offset it was written with is not kept.
    DateTimeOffset(Timestamp),
    /// `Edm.TimeOfDay`.
    TimeOfDay(Time),
    /// `Edm.Duration`, days counted as 24 hours.
    Duration(SignedDuration),
    /// An enumeration value; `members` holds one name or number, or several with commas.
    Enum {
        /// The qualified type, `Microsoft.Dynamics.DataEntities.NoYes`; without it the literal
        /// prints as a plain string and reads back as one.
        type_name: Option<String>,
        /// The text between the quotes.
        members: String,
    },
    /// `Edm.Binary`, base64url in the URL.
    Binary(Vec<u8>),
    /// `Edm.Geography…` or `Edm.Geometry…` in well-known text with its `SRID=n;` prefix.
    Spatial {
        /// Whether the prefix is `geography` (the round earth) rather than `geometry` (a plane).
        geography: bool,
        /// The text between the quotes.
        text: String,
    },
}

impl Literal {
    /// Reads one literal that fills the whole text.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse_whole(text)
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a string or the members of an enumeration value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Enum { members: text, .. } => Some(text),
            _ => None,
        }
    }

    /// The exact value of a number; doubles convert where a decimal can hold them.
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Int(value) => Some(Decimal::from(*value)),
            Self::Decimal(value) => Some(*value),
            Self::Double(value) => Decimal::try_from(*value).ok(),
            _ => None,
        }
    }

    /// What a person calls this kind of value, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "whole number",
            Self::Decimal(_) => "decimal number",
            Self::Double(_) => "floating-point number",
            Self::String(_) => "string",
            Self::Guid(_) => "GUID",
            Self::Date(_) => "date",
            Self::DateTimeOffset(_) => "date and time",
            Self::TimeOfDay(_) => "time of day",
            Self::Duration(_) => "duration",
            Self::Enum { .. } => "enumeration value",
            Self::Binary(_) => "binary value",
            Self::Spatial { .. } => "spatial value",
        }
    }
}

impl From<&str> for Literal {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Literal {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for Literal {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Literal {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Uuid> for Literal {
    fn from(value: Uuid) -> Self {
        Self::Guid(value)
    }
}

impl From<Decimal> for Literal {
    fn from(value: Decimal) -> Self {
        Self::Decimal(value)
    }
}

impl std::str::FromStr for Literal {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}
