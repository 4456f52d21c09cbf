//! What a property holds: its type in the words of maps, and its form on the wire.

use super::annotations::Said;
use duet_map::schema::{Column, ColumnType};
use odata::csdl::{Model, Property};
use rust_decimal::Decimal;

/// The form of a value on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wire {
    Text,
    /// A number that JSON holds without loss.
    Number,
    /// A number that travels as text when the service is told to (`Edm.Int64`, `Edm.Decimal`).
    Exact,
    Bool,
    Date,
    DateTime,
    Time,
    Duration,
    Binary,
    Guid,
    /// A member of an enumeration of this qualified name.
    Enum(String),
}

/// Where a column's value stands in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In a property of its own.
    Own {
        wire: Wire,
        /// Whether it may be null.
        nullable: bool,
    },
    /// It refers to a row by a GUID, which a property holds.
    ForeignKey { property: String },
    /// It refers to a row by a GUID, which only the row behind a navigation property tells.
    Reference { navigation: String, key: String },
    /// It is the key of the row behind a navigation property.
    Behind {
        navigation: String,
        key: String,
        set: String,
        wire: Wire,
    },
}

/// The column of a property; `None` for what no column can hold: collections, complex values,
/// streams, geography.
pub(super) fn column(
    model: &Model,
    property: &Property,
    is_key: bool,
    said: &Said<'_, '_>,
) -> Option<(Column, Wire)> {
    if property.type_ref.collection {
        return None;
    }
    let (ty, wire) = column_type(model, property, 0)?;
    let computed = said.is("Core.V1.Computed") || reads_only(said);
    let filled_in = said.is("Core.V1.ComputedDefaultValue") || property.default_value.is_some();
    // The caller chooses a GUID that is the whole key.
    let chosen = is_key && wire == Wire::Guid;
    let column = Column {
        name: property.name.clone(),
        ty,
        required: !property.nullable && !computed && !filled_in && !chosen,
        create: !computed,
        update: !computed && !is_key && !said.is("Core.V1.Immutable"),
        empty: None,
    };
    Some((column, wire))
}

/// Whether nobody but the service writes it.
fn reads_only(said: &Said<'_, '_>) -> bool {
    said.text("Core.V1.Permissions")
        .is_some_and(|text| text.ends_with("/Read") || text == "Read" || text == "1")
}

/// Type definitions inside type definitions are followed so far.
const MAX_DEFINITIONS: u8 = 8;

fn column_type(model: &Model, property: &Property, depth: u8) -> Option<(ColumnType, Wire)> {
    let int = |min, max| ColumnType::Int { min, max };
    Some(match property.type_ref.name.as_str() {
        "Edm.String" => (
            ColumnType::Text {
                max_length: property
                    .length_limit()
                    .and_then(|length| u32::try_from(length).ok()),
            },
            Wire::Text,
        ),
        "Edm.Byte" => (int(0, i64::from(u8::MAX)), Wire::Number),
        "Edm.SByte" => (int(i64::from(i8::MIN), i64::from(i8::MAX)), Wire::Number),
        "Edm.Int16" => (int(i64::from(i16::MIN), i64::from(i16::MAX)), Wire::Number),
        "Edm.Int32" => (int(i64::from(i32::MIN), i64::from(i32::MAX)), Wire::Number),
        "Edm.Int64" => (int(i64::MIN, i64::MAX), Wire::Exact),
        "Edm.Decimal" => {
            // Without a scale the standard means none, and many services mean any.
            let scale = property.scale_limit();
            let most = property
                .precision
                .and_then(|precision| widest(precision, scale?));
            (
                ColumnType::Decimal {
                    scale,
                    min: most.map(|most| -most),
                    max: most,
                },
                Wire::Exact,
            )
        }
        "Edm.Double" | "Edm.Single" => (
            ColumnType::Decimal {
                scale: None,
                min: None,
                max: None,
            },
            Wire::Number,
        ),
        "Edm.Boolean" => (ColumnType::Bool, Wire::Bool),
        "Edm.Date" => (ColumnType::Date, Wire::Date),
        "Edm.DateTimeOffset" => (ColumnType::DateTime, Wire::DateTime),
        "Edm.Guid" => (ColumnType::Guid, Wire::Guid),
        "Edm.TimeOfDay" => (ColumnType::Text { max_length: None }, Wire::Time),
        "Edm.Duration" => (ColumnType::Text { max_length: None }, Wire::Duration),
        "Edm.Binary" => (ColumnType::Text { max_length: None }, Wire::Binary),
        name => match model.enum_type(name) {
            // Several members at once are text with commas.
            Some(known) if known.is_flags => (
                ColumnType::Text { max_length: None },
                Wire::Enum(name.to_owned()),
            ),
            Some(known) => {
                let mut members: Vec<_> = known.members.iter().collect();
                members.sort_by_key(|member| member.value);
                (
                    ColumnType::Enum {
                        name: known.name.clone(),
                        members: members.iter().map(|member| member.name.clone()).collect(),
                    },
                    Wire::Enum(name.to_owned()),
                )
            }
            None if depth < MAX_DEFINITIONS => {
                let (namespace, last) = name.rsplit_once('.')?;
                let schema = model.schemas.iter().find(|schema| {
                    schema.namespace == namespace || schema.alias.as_deref() == Some(namespace)
                })?;
                let definition = schema
                    .type_definitions
                    .iter()
                    .find(|known| known.definition.name == last)?;
                let mut beneath = definition.definition.clone();
                // A property may narrow its type's facets.
                beneath.max_length = property.max_length.or(beneath.max_length);
                beneath.precision = property.precision.or(beneath.precision);
                beneath.scale = property.scale.or(beneath.scale);
                return column_type(model, &beneath, depth + 1);
            }
            None => return None,
        },
    })
}

/// The greatest number of so many digits; `None` beyond what a decimal can hold.
fn widest(precision: u32, scale: u32) -> Option<Decimal> {
    (precision <= 28 && scale <= precision).then(|| {
        let all_nines = 10_i128.pow(precision) - 1;
        Decimal::from_i128_with_scale(all_nines, scale)
    })
}
