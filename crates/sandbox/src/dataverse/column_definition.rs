//! Columns as metadata writes describe them: `StringAttributeMetadata` and its relatives, read into
//! the types of the [`schema`](crate::schema).

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};

use super::errors::{ApiError, ApiResult};
use super::metadata_write::{check_name, text};
use super::model::Model;
use super::value::decimal_text;
use crate::schema::{Choice, Column, ColumnKind, DateBehavior, RequiredLevel};

/// The widest range of a decimal column.
const DECIMAL_LIMIT: Decimal = Decimal::from_parts(1_215_752_192, 23, 0, false, 0);
/// The widest range of an amount of money.
const MONEY_LIMIT: Decimal = Decimal::from_parts(4_294_967_295, 2_147_483_647, 0, false, 4);

/// Reads a new column.
pub(super) fn read(model: &Model, body: &Map<String, Json>) -> ApiResult<Column> {
    let schema_name = text(body, "SchemaName")?;
    check_name(schema_name)?;
    let kind = kind(model, body)?;
    Ok(Column {
        schema_name: Some(schema_name.to_owned()),
        label: body.get("DisplayName").and_then(label_text),
        required: required_level(body).unwrap_or_default(),
        ..super::system_tables::column(&schema_name.to_lowercase(), kind)
    })
}

/// A column with the changes of a whole or partial definition.
pub(super) fn changed(column: &Column, body: &Map<String, Json>) -> ApiResult<Column> {
    let mut changed = column.clone();
    if let Some(label) = body.get("DisplayName").and_then(label_text) {
        changed.label = Some(label);
    }
    if let Some(level) = required_level(body) {
        changed.required = level;
    }
    match &mut changed.kind {
        ColumnKind::String { max_length } | ColumnKind::Memo { max_length } => {
            *max_length = number(body, "MaxLength", *max_length)?;
        }
        ColumnKind::Integer { min, max } => {
            *min = number(body, "MinValue", *min)?;
            *max = number(body, "MaxValue", *max)?;
        }
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
            *precision = number(body, "Precision", *precision)?;
            *min = decimal(body, "MinValue", *min)?;
            *max = decimal(body, "MaxValue", *max)?;
        }
        ColumnKind::Double { precision } => *precision = number(body, "Precision", *precision)?,
        ColumnKind::Picklist { options: list } | ColumnKind::MultiSelect { options: list } => {
            let given = options(body.get("OptionSet").and_then(|set| set.get("Options")));
            if !given.is_empty() {
                *list = given;
            }
        }
        _ => {}
    }
    Ok(changed)
}

fn kind(model: &Model, body: &Map<String, Json>) -> ApiResult<ColumnKind> {
    let named = body.get("@odata.type").and_then(Json::as_str);
    let named = named.unwrap_or_default().rsplit('.').next();
    // The action CreateEntities puts "Complex" before the names of the types.
    let name = named.unwrap_or_default().trim_start_matches("Complex");
    Ok(match name.trim_end_matches("AttributeMetadata") {
        "String" => ColumnKind::String {
            max_length: number(body, "MaxLength", 100)?,
        },
        "Memo" => ColumnKind::Memo {
            max_length: number(body, "MaxLength", 2000)?,
        },
        "Integer" => ColumnKind::Integer {
            min: number(body, "MinValue", i64::from(i32::MIN))?,
            max: number(body, "MaxValue", i64::from(i32::MAX))?,
        },
        "BigInt" => ColumnKind::BigInt,
        "Decimal" => ColumnKind::Decimal {
            precision: number(body, "Precision", 2)?,
            min: decimal(body, "MinValue", -DECIMAL_LIMIT)?,
            max: decimal(body, "MaxValue", DECIMAL_LIMIT)?,
        },
        "Money" => ColumnKind::Money {
            precision: number(body, "Precision", 2)?,
            min: decimal(body, "MinValue", -MONEY_LIMIT)?,
            max: decimal(body, "MaxValue", MONEY_LIMIT)?,
        },
        "Double" => ColumnKind::Double {
            precision: number(body, "Precision", 2)?,
        },
        "Boolean" => ColumnKind::Boolean,
        "DateTime" => ColumnKind::DateTime {
            behavior: behavior(body),
        },
        "Picklist" => ColumnKind::Picklist {
            options: choices(model, body)?,
        },
        "MultiSelectPicklist" => ColumnKind::MultiSelect {
            options: choices(model, body)?,
        },
        "File" => ColumnKind::File {
            max_kilobytes: number(body, "MaxSizeInKB", 32_768)?,
        },
        "Image" => ColumnKind::Image {
            max_kilobytes: number(body, "MaxSizeInKB", 10_240)?,
        },
        "UniqueIdentifier" => ColumnKind::Uniqueidentifier,
        "Lookup" => {
            return Err(ApiError::invalid_argument(
                "A lookup is made together with its relationship: POST RelationshipDefinitions.",
            ));
        }
        _ => {
            return Err(ApiError::invalid_argument(format!(
                "'{name}' is no type of a column; '@odata.type' names one such as \
                 Microsoft.Dynamics.CRM.StringAttributeMetadata."
            )));
        }
    })
}

fn behavior(body: &Map<String, Json>) -> DateBehavior {
    let value = body
        .get("DateTimeBehavior")
        .and_then(|set| set.get("Value"));
    match (
        value.and_then(Json::as_str),
        body.get("Format").and_then(Json::as_str),
    ) {
        (Some("TimeZoneIndependent"), _) => DateBehavior::TimeZoneIndependent,
        // Without a behaviour the format says only how a value is shown; the stand-in has no such
        // difference and takes a date without a time for one.
        (Some("DateOnly"), _) | (None, Some("DateOnly")) => DateBehavior::DateOnly,
        _ => DateBehavior::UserLocal,
    }
}

fn choices(model: &Model, body: &Map<String, Json>) -> ApiResult<Vec<Choice>> {
    let bound = body
        .get("GlobalOptionSet@odata.bind")
        .and_then(Json::as_str)
        .map(|url| url.rsplit('(').next().unwrap_or(url).trim_end_matches(')'));
    let shared = body
        .get("OptionSet")
        .filter(|set| set.get("IsGlobal") == Some(&Json::Bool(true)))
        .and_then(|set| set.get("Name"))
        .and_then(Json::as_str);
    if let Some(wanted) = bound.or(shared) {
        let name = wanted.trim_start_matches("Name=").trim_matches('\'');
        let found = model.option_sets().iter().find(|set| {
            set.name == name || super::definitions::set_id(&set.name).to_string() == name
        });
        return found.map(|set| set.options.clone()).ok_or_else(|| {
            ApiError::invalid_argument(format!("There is no global option set '{name}'."))
        });
    }
    Ok(options(
        body.get("OptionSet").and_then(|set| set.get("Options")),
    ))
}

/// The options in a list of `OptionMetadata`; an option without a value gets the next free one.
pub(super) fn options(list: Option<&Json>) -> Vec<Choice> {
    let mut found: Vec<Choice> = Vec::new();
    for option in list.and_then(Json::as_array).into_iter().flatten() {
        let next = found.iter().map(|one| one.value + 1).max();
        let value = option.get("Value").and_then(Json::as_i64);
        found.push(Choice {
            value: value.or(next).unwrap_or(1),
            label: option.get("Label").and_then(label_text).unwrap_or_default(),
        });
    }
    found
}

/// The text of a label, in the organisation's language where it has one.
pub(super) fn label_text(label: &Json) -> Option<String> {
    let labels = label.get("LocalizedLabels")?.as_array()?;
    let own = |one: &&Json| one.get("LanguageCode").and_then(Json::as_i64) == Some(1033);
    let found = labels.iter().find(own).or_else(|| labels.first())?;
    found.get("Label")?.as_str().map(str::to_owned)
}

/// What `RequiredLevel` says.
pub(super) fn required_level(body: &Map<String, Json>) -> Option<RequiredLevel> {
    match body.get("RequiredLevel")?.get("Value")?.as_str()? {
        "None" => Some(RequiredLevel::None),
        "Recommended" => Some(RequiredLevel::Recommended),
        "ApplicationRequired" => Some(RequiredLevel::Application),
        "SystemRequired" => Some(RequiredLevel::System),
        _ => None,
    }
}

fn number<T: TryFrom<i64>>(body: &Map<String, Json>, name: &str, usual: T) -> ApiResult<T> {
    match body.get(name) {
        None | Some(Json::Null) => Ok(usual),
        Some(given) => given
            .as_i64()
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| wrong_number(name)),
    }
}

fn decimal(body: &Map<String, Json>, name: &str, usual: Decimal) -> ApiResult<Decimal> {
    match body.get(name) {
        None | Some(Json::Null) => Ok(usual),
        Some(Json::Number(given)) => decimal_text(given.as_str()).ok_or_else(|| wrong_number(name)),
        Some(_) => Err(wrong_number(name)),
    }
}

fn wrong_number(name: &str) -> ApiError {
    ApiError::invalid_argument(format!("'{name}' is not a number that fits."))
}
