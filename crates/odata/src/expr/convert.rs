//! `cast` and `isof`: primitive values seen as another primitive type.
//!
//! The rules are those of OData 4.01, URL conventions 5.1.1.10: text and other primitive values
//! convert through their literal form, numbers round to the nearest that the type holds, and a
//! conversion that fails gives null.

use rust_decimal::prelude::ToPrimitive as _;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::Literal;

/// A primitive type that values are converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Binary,
    Boolean,
    Date,
    DateTimeOffset,
    Decimal,
    Double,
    Duration,
    Guid,
    /// A whole number with its bounds.
    Int(i64, i64),
    String,
    TimeOfDay,
    Spatial,
}

impl Target {
    fn named(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("Edm.")? {
            "Binary" => Self::Binary,
            "Boolean" => Self::Boolean,
            "Byte" => Self::Int(0, u8::MAX.into()),
            "Date" => Self::Date,
            "DateTimeOffset" => Self::DateTimeOffset,
            "Decimal" => Self::Decimal,
            "Double" | "Single" => Self::Double,
            "Duration" => Self::Duration,
            "Guid" => Self::Guid,
            "Int16" => Self::Int(i16::MIN.into(), i16::MAX.into()),
            "Int32" => Self::Int(i32::MIN.into(), i32::MAX.into()),
            "Int64" => Self::Int(i64::MIN, i64::MAX),
            "SByte" => Self::Int(i8::MIN.into(), i8::MAX.into()),
            "String" => Self::String,
            "TimeOfDay" => Self::TimeOfDay,
            spatial if spatial.starts_with("Geo") => Self::Spatial,
            _ => return None,
        })
    }

    /// Whether a value is of this type as it stands.
    fn holds(self, value: &Literal) -> bool {
        match (self, value) {
            (Self::Int(least, most), Literal::Int(value)) => (least..=most).contains(value),
            (Self::Binary, Literal::Binary(_))
            | (Self::Boolean, Literal::Bool(_))
            | (Self::Date, Literal::Date(_))
            | (Self::DateTimeOffset, Literal::DateTimeOffset(_))
            | (Self::Decimal, Literal::Decimal(_) | Literal::Int(_))
            | (Self::Double, Literal::Double(_) | Literal::Decimal(_) | Literal::Int(_))
            | (Self::Duration, Literal::Duration(_))
            | (Self::Guid, Literal::Guid(_))
            | (Self::String, Literal::String(_))
            | (Self::TimeOfDay, Literal::TimeOfDay(_))
            | (Self::Spatial, Literal::Spatial { .. }) => true,
            _ => false,
        }
    }

    /// Reads the literal form of a value of this type.
    fn read(self, text: &str) -> Option<Literal> {
        let literal = match self {
            Self::Duration => format!("duration'{text}'"),
            Self::Binary => format!("binary'{text}'"),
            _ => text.trim().to_owned(),
        };
        let read = Literal::parse(&literal).ok()?;
        self.convert(&read)
    }

    fn convert(self, value: &Literal) -> Option<Literal> {
        match (self, value) {
            (Self::String, value) => Some(Literal::String(bare(value))),
            (Self::Decimal, Literal::Int(_) | Literal::Double(_)) => {
                value.as_decimal().map(Literal::Decimal)
            }
            (Self::Double, Literal::Int(_) | Literal::Decimal(_)) => {
                value.as_decimal()?.to_f64().map(Literal::Double)
            }
            (
                Self::Int(least, most),
                Literal::Int(_) | Literal::Decimal(_) | Literal::Double(_),
            ) => {
                let whole = nearest(value.as_decimal()?)?;
                (least..=most)
                    .contains(&whole)
                    .then_some(Literal::Int(whole))
            }
            (target, value) if target.holds(value) => Some(value.clone()),
            _ => None,
        }
    }
}

/// `cast(value, type)`; `None` for a type that is not primitive. Null where it does not convert.
pub(super) fn cast(value: &Literal, type_name: &str) -> Option<Literal> {
    let target = Target::named(type_name)?;
    Some(
        match value {
            Literal::Null => None,
            Literal::String(text) if target != Target::String => target.read(text),
            value => target.convert(value),
        }
        .unwrap_or(Literal::Null),
    )
}

/// `isof(value, type)`; `None` for a type that is not primitive. Null is of no type.
pub(super) fn is_of(value: &Literal, type_name: &str) -> Option<bool> {
    Target::named(type_name).map(|target| target.holds(value))
}

/// The literal form without quotes and type prefix.
fn bare(value: &Literal) -> String {
    let text = value.to_string();
    let quoted = text
        .split_once('\'')
        .and_then(|(_, rest)| rest.strip_suffix('\''));
    match (value, quoted) {
        (Literal::String(text), _) => text.clone(),
        (_, Some(inside)) => inside.to_owned(),
        (_, None) => text,
    }
}

fn nearest(value: Decimal) -> Option<i64> {
    value
        .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)
        .to_i64()
}
