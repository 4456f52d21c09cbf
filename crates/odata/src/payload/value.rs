//! Values of properties between JSON and [`Literal`], guided by their `Edm` type.

use rust_decimal::Decimal;
use serde_json::{Number, Value};

use crate::Literal;
use crate::literal::write_timestamp;

/// Reads a JSON value as the given type (`Edm.Guid`, `Edm.Decimal`, an enumeration's name …).
///
/// Strings are accepted for numbers, as `IEEE754Compatible=true` writes them; an unknown type
/// reads by the JSON's own kind. `None` if the value does not fit the type.
///
/// ```
/// use duet_odata::{Literal, payload};
///
/// let value = serde_json::json!("2024-01-31");
/// assert_eq!(payload::from_json(&value, "Edm.Date"), Literal::parse("2024-01-31").ok());
/// assert_eq!(payload::from_json(&value, "Edm.String"), Some("2024-01-31".into()));
/// ```
pub fn from_json(value: &Value, type_name: &str) -> Option<Literal> {
    match value {
        Value::Null => return Some(Literal::Null),
        Value::Bool(truth) => return bare(type_name, "Edm.Boolean", Literal::Bool(*truth)),
        Value::Number(number) => return from_number(&number.to_string(), type_name),
        Value::Array(_) | Value::Object(_) => return None,
        Value::String(_) => {}
    }
    let text = value.as_str()?;
    match type_name {
        "Edm.String" | "" => Some(Literal::String(text.to_owned())),
        "Edm.Boolean" => match text {
            "true" => Some(Literal::Bool(true)),
            "false" => Some(Literal::Bool(false)),
            _ => None,
        },
        "Edm.Guid" => uuid::Uuid::try_parse(text).ok().map(Literal::Guid),
        "Edm.Duration" => Literal::parse(&format!("duration'{text}'")).ok(),
        "Edm.Binary" => Literal::parse(&format!("binary'{}'", base64url(text))).ok(),
        "Edm.Date" | "Edm.DateTimeOffset" | "Edm.TimeOfDay" => {
            let literal = Literal::parse(text).ok()?;
            let fits = matches!(
                (type_name, &literal),
                ("Edm.Date", Literal::Date(_))
                    | ("Edm.DateTimeOffset", Literal::DateTimeOffset(_))
                    | ("Edm.TimeOfDay", Literal::TimeOfDay(_))
            );
            fits.then_some(literal)
        }
        _ if is_number(type_name) => from_number(text, type_name),
        _ if type_name.starts_with("Edm.") => Some(Literal::String(text.to_owned())),
        _ => {
            let type_name = Some(type_name.to_owned());
            Some(Literal::Enum {
                type_name,
                members: text.to_owned(),
            })
        }
    }
}

/// Writes a value as JSON. With `ieee754` whole numbers of 64 bits and decimals become strings,
/// for clients whose numbers are floating-point.
pub fn to_json(literal: &Literal, ieee754: bool) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(truth) => Value::Bool(*truth),
        Literal::Int(value) if ieee754 => Value::String(value.to_string()),
        Literal::Int(value) => Value::Number((*value).into()),
        Literal::Decimal(value) if ieee754 => Value::String(value.to_string()),
        Literal::Decimal(value) => number(&value.to_string()),
        Literal::Double(value) => match Number::from_f64(*value) {
            Some(number) => Value::Number(number),
            None => Value::String(literal.to_string()),
        },
        Literal::String(text) | Literal::Enum { members: text, .. } => Value::String(text.clone()),
        Literal::DateTimeOffset(at) => {
            let mut text = String::new();
            // Writing to a string cannot fail.
            let _ = write_timestamp(&mut text, *at);
            Value::String(text)
        }
        Literal::Duration(_) | Literal::Binary(_) | Literal::Spatial { .. } => {
            let printed = literal.to_string();
            let inside = printed
                .split_once('\'')
                .and_then(|(_, rest)| rest.strip_suffix('\''));
            Value::String(inside.unwrap_or_default().to_owned())
        }
        Literal::Guid(_) | Literal::Date(_) | Literal::TimeOfDay(_) => {
            Value::String(literal.to_string())
        }
    }
}

/// JSON carries binary values as base64 of either alphabet.
fn base64url(text: &str) -> String {
    text.replace('+', "-").replace('/', "_")
}

fn number(text: &str) -> Value {
    // With exact numbers every decimal's text is a JSON number.
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn bare(type_name: &str, own: &str, literal: Literal) -> Option<Literal> {
    (type_name == own || !type_name.starts_with("Edm.")).then_some(literal)
}

fn is_number(type_name: &str) -> bool {
    matches!(
        type_name,
        "Edm.Int16"
            | "Edm.Int32"
            | "Edm.Int64"
            | "Edm.Byte"
            | "Edm.SByte"
            | "Edm.Decimal"
            | "Edm.Double"
            | "Edm.Single"
    )
}

fn from_number(text: &str, type_name: &str) -> Option<Literal> {
    let literal = Literal::parse(text).ok()?;
    match (type_name, &literal) {
        ("Edm.Decimal", Literal::Int(value)) => Some(Literal::Decimal(Decimal::from(*value))),
        ("Edm.Decimal", Literal::Double(_)) => {
            Decimal::from_scientific(text).ok().map(Literal::Decimal)
        }
        ("Edm.Decimal", Literal::Decimal(_)) => Some(literal),
        ("Edm.Double" | "Edm.Single", _) => match text {
            "INF" | "-INF" | "NaN" => Some(literal),
            _ => text.parse().ok().map(Literal::Double),
        },
        ("Edm.Int16" | "Edm.Int32" | "Edm.Int64" | "Edm.Byte" | "Edm.SByte", Literal::Int(_)) => {
            Some(literal)
        }
        // Some services write `5.0` for a whole number.
        (name, Literal::Decimal(value)) if is_number(name) && value.fract().is_zero() => {
            i64::try_from(*value).ok().map(Literal::Int)
        }
        (name, Literal::Int(_) | Literal::Decimal(_) | Literal::Double(_))
            if !name.starts_with("Edm.") =>
        {
            Some(literal)
        }
        _ => None,
    }
}
