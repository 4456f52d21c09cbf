//! One column as the metadata describes it, read into the words of maps.

use crate::scalar;
use duet_map::schema::{Column, ColumnType, LookupTarget};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value as Json;

/// A type of attribute and how its own properties are asked for.
pub(super) struct Cast {
    pub(super) ty: &'static str,
    pub(super) select: &'static str,
    pub(super) expand: Option<&'static str>,
}

const fn cast(ty: &'static str, select: &'static str) -> Cast {
    Cast {
        ty,
        select,
        expand: None,
    }
}

const fn choice(ty: &'static str) -> Cast {
    Cast {
        ty,
        select: "LogicalName",
        expand: OPTIONS,
    }
}

const OPTIONS: Option<&str> = Some("OptionSet($select=Options),GlobalOptionSet($select=Options)");

/// The types of attributes that have properties of their own.
pub(super) const CASTS: [Cast; 10] = [
    cast("String", "LogicalName,MaxLength"),
    cast("Memo", "LogicalName,MaxLength"),
    cast("Integer", "LogicalName,MinValue,MaxValue"),
    cast("Decimal", "LogicalName,Precision,MinValue,MaxValue"),
    cast("Money", "LogicalName,Precision,MinValue,MaxValue"),
    cast("Double", "LogicalName,Precision,MinValue,MaxValue"),
    cast("DateTime", "LogicalName,DateTimeBehavior"),
    choice("Picklist"),
    choice("State"),
    choice("Status"),
];

/// A value in an object of its own, as metadata likes them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Boxed {
    #[serde(default)]
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Label {
    #[serde(default)]
    user_localized_label: Option<LocalizedLabel>,
    #[serde(default)]
    localized_labels: Vec<LocalizedLabel>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LocalizedLabel {
    #[serde(default)]
    label: Option<String>,
}

impl Label {
    /// The text in the language of the user, else in any.
    pub(super) fn text(&self) -> Option<String> {
        self.user_localized_label
            .iter()
            .chain(&self.localized_labels)
            .find_map(|label| label.label.clone())
            .filter(|label| !label.is_empty())
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attribute {
    pub(super) logical_name: String,
    #[serde(default, rename = "AttributeType")]
    ty: String,
    /// Tells apart what `AttributeType` calls virtual.
    #[serde(default, rename = "AttributeTypeName")]
    ty_name: Option<Boxed>,
    /// The column that this one is a part of.
    #[serde(default, rename = "AttributeOf")]
    part_of: Option<String>,
    #[serde(default)]
    required_level: Option<Boxed>,
    #[serde(default = "super::metadata::yes")]
    is_valid_for_create: bool,
    #[serde(default = "super::metadata::yes")]
    is_valid_for_update: bool,
    #[serde(default = "super::metadata::yes")]
    is_valid_for_read: bool,
}

/// What a cast tells of an attribute.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Facts {
    pub(super) logical_name: String,
    #[serde(default)]
    max_length: Option<i64>,
    #[serde(default)]
    precision: Option<u32>,
    #[serde(default)]
    min_value: Option<serde_json::Number>,
    #[serde(default)]
    max_value: Option<serde_json::Number>,
    #[serde(default)]
    date_time_behavior: Option<Boxed>,
    #[serde(default)]
    option_set: Option<OptionSet>,
    #[serde(default)]
    global_option_set: Option<OptionSet>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OptionSet {
    #[serde(default)]
    options: Vec<OptionMetadata>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OptionMetadata {
    value: i64,
    #[serde(default)]
    label: Option<Label>,
}

impl Attribute {
    pub(super) fn type_name(&self) -> &str {
        &self.ty
    }

    /// The column, or `None` for what is no data of its own: parts of other columns, computed
    /// names, images, party lists.
    pub(super) fn column(
        &self,
        primary_id: &str,
        facts: Option<&Facts>,
        targets: Vec<LookupTarget>,
    ) -> Option<Column> {
        if self.part_of.is_some() || !self.is_valid_for_read {
            return None;
        }
        let ty = self.column_type(facts, targets)?;
        let is_primary = self.logical_name == primary_id;
        let system_required = self
            .required_level
            .as_ref()
            .is_some_and(|level| level.value == "SystemRequired");
        // The platform fills in identifiers, owners and options by itself.
        let filled_in = is_primary
            || matches!(self.type_name(), "Owner" | "Uniqueidentifier")
            || matches!(ty, ColumnType::Choice { .. } | ColumnType::Bool);
        Some(Column {
            name: self.logical_name.clone(),
            ty,
            required: system_required && self.is_valid_for_create && !filled_in,
            create: self.is_valid_for_create,
            update: self.is_valid_for_update && !is_primary,
            empty: None,
        })
    }

    fn column_type(&self, facts: Option<&Facts>, targets: Vec<LookupTarget>) -> Option<ColumnType> {
        let whole =
            |number: Option<&serde_json::Number>| number.and_then(serde_json::Number::as_i64);
        let min = facts.and_then(|facts| facts.min_value.as_ref());
        let max = facts.and_then(|facts| facts.max_value.as_ref());
        Some(match self.type_name() {
            "String" | "Memo" => ColumnType::Text {
                max_length: facts
                    .and_then(|facts| facts.max_length)
                    .and_then(|length| u32::try_from(length).ok()),
            },
            "EntityName" => ColumnType::Text { max_length: None },
            "Integer" => ColumnType::Int {
                min: whole(min).unwrap_or(i64::from(i32::MIN)),
                max: whole(max).unwrap_or(i64::from(i32::MAX)),
            },
            "BigInt" => ColumnType::Int {
                min: i64::MIN,
                max: i64::MAX,
            },
            "Decimal" | "Money" | "Double" => ColumnType::Decimal {
                scale: facts.and_then(|facts| facts.precision),
                min: min.and_then(exact),
                max: max.and_then(exact),
            },
            "Boolean" => ColumnType::Bool,
            "DateTime" => {
                let behavior = facts.and_then(|facts| facts.date_time_behavior.as_ref());
                if behavior.is_some_and(|behavior| behavior.value == "DateOnly") {
                    ColumnType::Date
                } else {
                    ColumnType::DateTime
                }
            }
            "Uniqueidentifier" => ColumnType::Guid,
            "Picklist" | "State" | "Status" => ColumnType::Choice {
                options: facts
                    .and_then(|facts| {
                        facts
                            .option_set
                            .as_ref()
                            .or(facts.global_option_set.as_ref())
                    })
                    .map(OptionSet::named)
                    .unwrap_or_default(),
            },
            "Lookup" | "Customer" | "Owner" => ColumnType::Lookup { targets },
            // A multi-select choice travels as text of numbers with commas.
            "Virtual"
                if self
                    .ty_name
                    .as_ref()
                    .is_some_and(|name| name.value == "MultiSelectPicklistType") =>
            {
                ColumnType::Text { max_length: None }
            }
            _ => return None,
        })
    }
}

impl OptionSet {
    fn named(&self) -> Vec<(i64, String)> {
        self.options
            .iter()
            .map(|option| {
                let label = option.label.as_ref().and_then(Label::text);
                (option.value, label.unwrap_or_default())
            })
            .collect()
    }
}

/// A number's exact value, where a decimal can hold it.
fn exact(number: &serde_json::Number) -> Option<Decimal> {
    scalar::decimal(&Json::Number(number.clone()))
}
