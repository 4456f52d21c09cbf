//! Values of fields: what clients send, what is stored, what they read back (protocol reference B2).
//!
//! F&O knows no null: every type has an empty value, which stands for null in both directions. A
//! value is stored in the form in which it travels, so that reading needs no conversion and plain
//! text comparison orders dates.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use rust_decimal::Decimal;
use serde_json::{Number, Value as Json};
use uuid::Uuid;

use super::Settings;
use super::error::Refused;
use crate::rows::Value;
use crate::schema::{Entity, Field, FieldKind, FinOpsSchema};

/// An empty date.
const NO_DATE: &str = "1900-01-01T12:00:00Z";
/// An empty moment.
const NO_MOMENT: &str = "1900-01-01T00:00:00Z";
/// Digits after the point of a real.
const REAL_SCALE: u32 = 16;

/// The empty value of a field.
pub(super) fn empty(schema: &FinOpsSchema, kind: &FieldKind) -> Value {
    match kind {
        FieldKind::String { .. } => Value::Text(String::new()),
        FieldKind::Int | FieldKind::Int64 => Value::Integer(0),
        FieldKind::Real => Value::Text("0".to_owned()),
        FieldKind::Date => Value::Text(NO_DATE.to_owned()),
        FieldKind::UtcDateTime => Value::Text(NO_MOMENT.to_owned()),
        FieldKind::Enum { name } => Value::Text(
            schema
                .enum_type(name)
                .and_then(|known| known.members.first())
                .map(|member| member.name.clone())
                .unwrap_or_default(),
        ),
        FieldKind::Guid => Value::Text(Uuid::nil().to_string()),
    }
}

/// Whether a stored value is the empty one.
pub(super) fn is_empty(schema: &FinOpsSchema, kind: &FieldKind, value: &Value) -> bool {
    *value == Value::Null || *value == empty(schema, kind)
}

/// Reads a value that a client sent; null means the empty value.
pub(super) fn read(
    schema: &FinOpsSchema,
    settings: &Settings,
    entity: &Entity,
    field: &Field,
    sent: &Json,
) -> Result<Value, Refused> {
    if sent.is_null() {
        return Ok(empty(schema, &field.kind));
    }
    let wrong = |wanted: &str| {
        Refused::request(format!(
            "An error occurred while reading the property '{}' of the type \
             'Microsoft.Dynamics.DataEntities.{}': a value of type '{wanted}' was expected.",
            field.name, entity.name
        ))
    };
    match &field.kind {
        FieldKind::String { max_length } => {
            let text = sent
                .as_str()
                .ok_or_else(|| wrong("Edm.String"))?
                .trim_end_matches(' ');
            let length = text.chars().count();
            if *max_length > 0 && length > *max_length as usize {
                return Err(Refused::write(
                    entity,
                    format!(
                        "Error: The value of field '{}' has {length} characters, which is longer \
                         than the maximum length of {max_length}",
                        field.name
                    ),
                ));
            }
            Ok(Value::Text(text.to_owned()))
        }
        FieldKind::Int => {
            let number: i64 = number_text(sent)
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| wrong("Edm.Int32"))?;
            i32::try_from(number).map_err(|_| wrong("Edm.Int32"))?;
            Ok(Value::Integer(number))
        }
        FieldKind::Int64 => number_text(sent)
            .and_then(|text| text.parse().ok())
            .map(Value::Integer)
            .ok_or_else(|| wrong("Edm.Int64")),
        FieldKind::Real => number_text(sent)
            .and_then(|text| decimal(&text))
            .map(|number| Value::Text(number.round_dp(REAL_SCALE).normalize().to_string()))
            .ok_or_else(|| wrong("Edm.Decimal")),
        FieldKind::Date => sent
            .as_str()
            .and_then(date)
            .map(Value::Text)
            .ok_or_else(|| wrong("Edm.DateTimeOffset")),
        FieldKind::UtcDateTime => sent
            .as_str()
            .and_then(moment)
            .map(Value::Text)
            .ok_or_else(|| wrong("Edm.DateTimeOffset")),
        FieldKind::Enum { name } => {
            let symbol = sent
                .as_str()
                .ok_or_else(|| wrong(&format!("Microsoft.Dynamics.DataEntities.{name}")))?;
            member(schema, settings, name, symbol)
                .map(Value::Text)
                .ok_or_else(|| {
                    Refused::request(format!(
                        "Cannot convert the value of property '{}' to the expected type \
                     'Microsoft.Dynamics.DataEntities.{name}': it is none of its members.",
                        field.name
                    ))
                })
        }
        FieldKind::Guid => sent
            .as_str()
            .and_then(|text| Uuid::try_parse(text).ok())
            .map(|id| Value::Text(id.to_string()))
            .ok_or_else(|| wrong("Edm.Guid")),
    }
}

/// The member that a symbol names, in its own spelling.
pub(super) fn member(
    schema: &FinOpsSchema,
    settings: &Settings,
    enum_name: &str,
    symbol: &str,
) -> Option<String> {
    let known = schema.enum_type(enum_name)?;
    let found = known.member(symbol)?;
    let exact = found.name == symbol || !settings.enum_symbols_case_sensitive;
    exact.then(|| found.name.clone())
}

/// A stored value as clients read it.
pub(super) fn write(schema: &FinOpsSchema, field: &Field, stored: &Value) -> Json {
    let stored = match stored {
        // A column that was added to an older file.
        Value::Null => &empty(schema, &field.kind),
        present => present,
    };
    match (&field.kind, stored) {
        (FieldKind::Real, Value::Text(text)) => {
            text.parse::<Number>().map_or(Json::Null, Json::Number)
        }
        (_, Value::Text(text)) => Json::String(text.clone()),
        (_, Value::Integer(number)) => Json::from(*number),
        _ => Json::Null,
    }
}

/// A moment of the clock in the stored form.
pub(super) fn now(moment: Timestamp) -> Value {
    Value::Text(moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The stored form of a date in any of the forms that clients use; the time is not looked at.
pub(super) fn date(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(NO_DATE.to_owned());
    }
    let day: Date = text.get(..10)?.parse().ok()?;
    let rest = text.get(10..)?;
    if !rest.is_empty() && !rest.starts_with('T') {
        return None;
    }
    Some(format!("{}T12:00:00Z", day.strftime("%Y-%m-%d")))
}

/// The stored form of a moment: UTC, whole seconds; without an offset it is taken as UTC.
pub(super) fn moment(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(NO_MOMENT.to_owned());
    }
    let instant: Timestamp = if let Ok(instant) = text.parse() {
        instant
    } else {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        Offset::UTC.to_timestamp(local).ok()?
    };
    match now(instant) {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// A number as text: JSON numbers, and the strings of IEEE 754 compatible clients.
fn number_text(sent: &Json) -> Option<String> {
    match sent {
        Json::Number(number) => Some(number.to_string()),
        Json::String(text) => Some(text.trim().to_owned()),
        _ => None,
    }
}

pub(super) fn decimal(text: &str) -> Option<Decimal> {
    if text.contains(['e', 'E']) {
        Decimal::from_scientific(text).ok()
    } else {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::schema::finops;

    /// A field of each type, of an entity that has them all.
    fn fields() -> Vec<Field> {
        let schema = finops().unwrap();
        let customers = schema.collection("CustomersV3").unwrap();
        let names = [
            "CustomerAccount",
            "PaymentTermsBaseDays",
            "AddressRecordId",
            "CreditLimit",
            "CredManCreditLimitDate",
            "AddressValidFrom",
            "OnHoldStatus",
        ];
        names
            .iter()
            .map(|name| customers.field(name).unwrap().clone())
            .collect()
    }

    fn read_in(field: &Field, json: &Json) -> Result<Value, Refused> {
        let schema = finops().unwrap();
        let entity = schema.collection("CustomersV3").unwrap();
        read(&schema, &Settings::default(), entity, field, json)
    }

    #[test]
    fn null_stands_for_the_empty_value_in_both_directions() {
        let schema = finops().unwrap();
        for field in fields() {
            let stored = read_in(&field, &Json::Null).unwrap();
            assert!(is_empty(&schema, &field.kind, &stored), "{}", field.name);
            assert!(!write(&schema, &field, &Value::Null).is_null());
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_number_makes_reading_panic(text in ".*", number in any::<i64>()) {
            for field in fields() {
                let _ = read_in(&field, &json!(text));
                let _ = read_in(&field, &json!(number));
            }
        }

        #[test]
        fn what_is_written_reads_back_the_same(
            text in "[a-zA-Z' ]{0,20}", number in any::<i32>(), cents in any::<i64>(),
            seconds in 0_i64..4_000_000_000,
        ) {
            let schema = finops().unwrap();
            let moment = Timestamp::from_second(seconds).unwrap().to_string();
            let real: Json = serde_json::from_str(&Decimal::new(cents, 4).to_string()).unwrap();
            let values = [
                json!(text), json!(number), json!(cents), real, json!(moment), json!(moment),
                json!("All"),
            ];
            for (field, value) in fields().iter().zip(&values) {
                let stored = read_in(field, value).unwrap();
                let written = write(&schema, field, &stored);
                prop_assert_eq!(read_in(field, &written).unwrap(), stored);
            }
        }
    }
}
