//! Values on their way between JSON, URL keys and storage, with the checks and normalisations of
//! the service (protocol reference A3, A13 and D): empty text is null, decimals are rounded to
//! their column's precision, times are whole seconds of UTC, GUIDs are lower case.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Number, Value as Json};
use uuid::Uuid;

use super::errors::{ApiError, ApiResult};
use super::model::Table;
use crate::rows::Value;
use crate::schema::{Choice, Column, ColumnKind, DateBehavior};

/// A JSON value as its column stores it.
pub(super) fn from_json(table: &Table, column: &Column, json: &Json) -> ApiResult<Value> {
    let name = column.name.as_str();
    let misfit = |wanted: &str| {
        ApiError::payload(
            table.set(),
            format_args!(
                "Cannot convert the literal of property '{name}' to the expected type '{wanted}'."
            ),
        )
    };
    if json.is_null() {
        return Ok(Value::Null);
    }
    match &column.kind {
        ColumnKind::String { max_length } | ColumnKind::Memo { max_length } => {
            let text = json.as_str().ok_or_else(|| misfit("Edm.String"))?;
            string(table, name, text, *max_length)
        }
        ColumnKind::Integer { min, max } => {
            let number = whole(json).ok_or_else(|| misfit("Edm.Int32"))?;
            if number < *min || number > *max {
                return Err(ApiError::integer_range(table.name(), name));
            }
            Ok(Value::Integer(number))
        }
        ColumnKind::BigInt => whole(json)
            .map(Value::Integer)
            .ok_or_else(|| misfit("Edm.Int64")),
        ColumnKind::Decimal {
            precision,
            min,
            max,
        }
        | ColumnKind::Money {
            precision,
            min,
            max,
        } => {
            let number = decimal(json).ok_or_else(|| misfit("Edm.Decimal"))?;
            if number < *min || number > *max {
                return Err(ApiError::decimal_range(table.name(), name));
            }
            Ok(Value::Text(rounded(number, *precision).to_string()))
        }
        ColumnKind::Double { precision } => {
            let number = json.as_f64().ok_or_else(|| misfit("Edm.Double"))?;
            let scale = 10_f64.powi(i32::try_from(*precision).unwrap_or(5));
            Ok(Value::Real((number * scale).round() / scale))
        }
        ColumnKind::Boolean => json
            .as_bool()
            .map(|yes| Value::Integer(yes.into()))
            .ok_or_else(|| misfit("Edm.Boolean")),
        ColumnKind::Picklist { options }
        | ColumnKind::State { options }
        | ColumnKind::Status { options } => {
            let number = whole(json).ok_or_else(|| misfit("Edm.Int32"))?;
            choice(table, name, options, number)
        }
        ColumnKind::DateTime {
            behavior: DateBehavior::DateOnly,
        } => {
            let text = json.as_str().ok_or_else(|| misfit("Edm.Date"))?;
            let date: Date = text.parse().map_err(|_| misfit("Edm.Date"))?;
            not_too_early(date)?;
            Ok(Value::Text(date.to_string()))
        }
        ColumnKind::DateTime { .. } => {
            let text = json.as_str().ok_or_else(|| misfit("Edm.DateTimeOffset"))?;
            let time = instant(text).ok_or_else(|| misfit("Edm.DateTimeOffset"))?;
            not_too_early(TimeZone::UTC.to_datetime(time).date())?;
            Ok(Value::Text(instant_text(time)))
        }
        ColumnKind::MultiSelect { options } => {
            let text = match json {
                Json::Number(number) => number.to_string(),
                other => other
                    .as_str()
                    .ok_or_else(|| misfit("Edm.String"))?
                    .to_owned(),
            };
            if text.trim().is_empty() {
                return Ok(Value::Null);
            }
            let numbers = several(&text).ok_or_else(|| misfit("Edm.String"))?;
            for number in &numbers {
                choice(table, name, options, *number)?;
            }
            Ok(Value::Text(several_text(&numbers)))
        }
        ColumnKind::Image { .. } => {
            let text = json.as_str().ok_or_else(|| misfit("Edm.Binary"))?;
            let bytes = STANDARD.decode(text).map_err(|_| misfit("Edm.Binary"))?;
            Ok(Value::Text(STANDARD.encode(bytes)))
        }
        ColumnKind::Uniqueidentifier | ColumnKind::Lookup { .. } | ColumnKind::File { .. } => {
            let text = json.as_str().ok_or_else(|| misfit("Edm.Guid"))?;
            guid(text)
                .map(Value::Text)
                .ok_or_else(|| misfit("Edm.Guid"))
        }
    }
}

fn string(table: &Table, name: &str, text: &str, max_length: u32) -> ApiResult<Value> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    // The service counts UTF-16 units, as its database does.
    if text.encode_utf16().count() > max_length as usize {
        return Err(ApiError::too_long(table.name(), name, max_length));
    }
    Ok(Value::Text(text.to_owned()))
}

fn choice(table: &Table, name: &str, options: &[Choice], number: i64) -> ApiResult<Value> {
    if options.is_empty() || options.iter().any(|option| option.value == number) {
        return Ok(Value::Integer(number));
    }
    let accepted: Vec<String> = options
        .iter()
        .map(|option| option.value.to_string())
        .collect();
    Err(ApiError::picklist_range(
        table.name(),
        name,
        &accepted.join(","),
    ))
}

/// The numbers in `"1,3"`.
pub(super) fn several(text: &str) -> Option<Vec<i64>> {
    text.split(',')
        .map(|number| number.trim().parse().ok())
        .collect()
}

/// Numbers as a column of several choices stores them: in order, each once.
pub(super) fn several_text(numbers: &[i64]) -> String {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    texts.join(",")
}

fn not_too_early(date: Date) -> ApiResult<()> {
    if date < Date::constant(1753, 1, 1) {
        Err(ApiError::date_range())
    } else {
        Ok(())
    }
}

/// The value as a payload shows it.
pub(super) fn to_json(column: &Column, value: &Value) -> Json {
    match (value, &column.kind) {
        (Value::Null | Value::Blob(_), _) => Json::Null,
        (Value::Integer(number), ColumnKind::Boolean) => Json::Bool(*number != 0),
        (Value::Integer(number), _) => Json::from(*number),
        (Value::Real(number), _) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        (Value::Text(text), ColumnKind::Decimal { .. } | ColumnKind::Money { .. }) => {
            text.parse::<Number>().map_or(Json::Null, Json::Number)
        }
        (Value::Text(text), _) => Json::String(text.clone()),
    }
}

/// The value of a key column in a URL, `text` without its quotes.
pub(super) fn from_key(
    table: &Table,
    column: &Column,
    text: &str,
    quoted: bool,
) -> ApiResult<Value> {
    let json = match &column.kind {
        ColumnKind::String { .. } | ColumnKind::Memo { .. } if quoted => Json::String(text.into()),
        ColumnKind::DateTime { .. } | ColumnKind::Uniqueidentifier | ColumnKind::Lookup { .. } => {
            Json::String(text.into())
        }
        _ if quoted => return Err(ApiError::wrong_key(table.name())),
        _ => serde_json::from_str(text).map_err(|_| ApiError::wrong_key(table.name()))?,
    };
    // A key that is too long or out of range can only miss.
    match from_json(table, column, &json) {
        Err(error) if error.code == "0x80048d19" => Err(ApiError::wrong_key(table.name())),
        Err(_) => Err(ApiError::no_record_by_key(table.name())),
        Ok(value) => Ok(value),
    }
}

fn whole(json: &Json) -> Option<i64> {
    let Json::Number(number) = json else {
        return None;
    };
    number.as_i64().or_else(|| {
        let number = decimal(json)?;
        number
            .is_integer()
            .then(|| i64::try_from(number).ok())
            .flatten()
    })
}

fn decimal(json: &Json) -> Option<Decimal> {
    let Json::Number(number) = json else {
        return None;
    };
    decimal_text(number.as_str())
}

/// The exact value of a decimal text, plain or with an exponent.
pub(super) fn decimal_text(text: &str) -> Option<Decimal> {
    text.parse()
        .or_else(|_| Decimal::from_scientific(text))
        .ok()
}

/// Rounded half away from zero, with exactly `precision` digits after the point.
pub(super) fn rounded(number: Decimal, precision: u32) -> Decimal {
    let mut number =
        number.round_dp_with_strategy(precision, RoundingStrategy::MidpointAwayFromZero);
    number.rescale(precision);
    number
}

/// A GUID in lower case without braces.
pub(super) fn guid(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('{').trim_end_matches('}');
    // The short form without hyphens is not one of the service's.
    (text.len() == 36)
        .then(|| Uuid::parse_str(text).ok())
        .flatten()
        .map(|id| id.to_string())
}

/// A point in time; without an offset it is taken as UTC.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| {
        let civil = text.parse::<DateTime>().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

/// `2023-04-07T21:59:01Z`; parts of a second are cut off.
pub(super) fn instant_text(time: Timestamp) -> String {
    let rounding = jiff::TimestampRound::new()
        .smallest(Unit::Second)
        .mode(jiff::RoundMode::Floor);
    time.round(rounding)
        .unwrap_or(time)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
