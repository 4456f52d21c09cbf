//! Literals of expressions as the stored values of a column compare with them.

use jiff::tz::TimeZone;
use odata::Literal;

use super::errors::{ApiError, ApiResult};
use super::value;
use crate::rows::Value;
use crate::schema::{Column, ColumnKind, DateBehavior};

/// A literal as the stored values of a column compare with it.
pub(super) fn bind(column: &Column, literal: &Literal) -> ApiResult<Value> {
    let misfit = || {
        ApiError::malformed(format!(
            "A binary operator with incompatible types was detected. Found operand types '{}' and \
             '{}' for operator kind 'Equal'.",
            edm_type(column),
            literal.kind()
        ))
    };
    let text = match literal {
        Literal::String(text) => Some(text.as_str()),
        _ => None,
    };
    let found = match &column.kind {
        ColumnKind::String { .. } | ColumnKind::Memo { .. } => {
            text.map(|text| Value::Text(text.to_owned()))
        }
        ColumnKind::Decimal { .. } | ColumnKind::Money { .. } => literal
            .as_decimal()
            .or_else(|| text.and_then(value::decimal_text))
            .map(|number| Value::Text(number.to_string())),
        ColumnKind::Double { .. } => match literal {
            Literal::Double(number) => Some(Value::Real(*number)),
            other => other
                .as_decimal()
                .and_then(|number| number.try_into().ok())
                .map(Value::Real),
        },
        ColumnKind::Boolean => match literal {
            Literal::Bool(truth) => Some(Value::Integer((*truth).into())),
            Literal::Int(number @ (0 | 1)) => Some(Value::Integer(*number)),
            _ => match text {
                Some("1" | "true") => Some(Value::Integer(1)),
                Some("0" | "false") => Some(Value::Integer(0)),
                _ => None,
            },
        },
        ColumnKind::Integer { .. }
        | ColumnKind::BigInt
        | ColumnKind::Picklist { .. }
        | ColumnKind::State { .. }
        | ColumnKind::Status { .. } => match literal {
            Literal::Int(number) => Some(Value::Integer(*number)),
            // A number with a fraction still has a place in the order.
            Literal::Decimal(number) => (*number).try_into().ok().map(Value::Real),
            _ => text
                .and_then(|text| text.trim().parse().ok())
                .map(Value::Integer),
        },
        ColumnKind::DateTime {
            behavior: DateBehavior::DateOnly,
        } => match literal {
            Literal::Date(date) => Some(Value::Text(date.to_string())),
            Literal::DateTimeOffset(time) => {
                let date = TimeZone::UTC.to_datetime(*time).date();
                Some(Value::Text(date.to_string()))
            }
            _ => text
                .and_then(|text| text.parse::<jiff::civil::Date>().ok())
                .map(|date| Value::Text(date.to_string())),
        },
        ColumnKind::DateTime { .. } => match literal {
            Literal::Date(date) => Some(Value::Text(format!("{date}T00:00:00Z"))),
            Literal::DateTimeOffset(time) => Some(Value::Text(value::instant_text(*time))),
            _ => text
                .and_then(value::instant)
                .map(|time| Value::Text(value::instant_text(time))),
        },
        ColumnKind::MultiSelect { .. } => match literal {
            Literal::Int(number) => Some(Value::Text(number.to_string())),
            _ => text
                .and_then(value::several)
                .map(|numbers| Value::Text(value::several_text(&numbers))),
        },
        ColumnKind::Image { .. } => text.map(|text| Value::Text(text.to_owned())),
        ColumnKind::Uniqueidentifier | ColumnKind::Lookup { .. } | ColumnKind::File { .. } => {
            match literal {
                Literal::Guid(id) => Some(Value::Text(id.to_string())),
                _ => text.and_then(value::guid).map(Value::Text),
            }
        }
    };
    found.ok_or_else(misfit)
}

/// A text as the stored values of a column compare with it, whatever the column's type.
pub(super) fn literal_of(column: &Column, text: &str) -> ApiResult<Value> {
    bind(column, &Literal::String(text.to_owned()))
}

/// Whether a column holds text.
pub(super) fn is_text(column: &Column) -> bool {
    matches!(
        column.kind,
        ColumnKind::String { .. } | ColumnKind::Memo { .. }
    )
}

/// What an expression over a column needs to compare as the column does.
pub(super) fn collate(column: &Column) -> &'static str {
    match column.kind {
        ColumnKind::String { .. } | ColumnKind::Memo { .. } => " COLLATE ACCENTLESS",
        ColumnKind::Decimal { .. } | ColumnKind::Money { .. } => " COLLATE DECIMAL",
        _ => "",
    }
}

/// The primitive type of a column in payloads.
pub(super) fn edm_type(column: &Column) -> &'static str {
    match &column.kind {
        ColumnKind::String { .. } | ColumnKind::Memo { .. } | ColumnKind::MultiSelect { .. } => {
            "Edm.String"
        }
        ColumnKind::Integer { .. }
        | ColumnKind::Picklist { .. }
        | ColumnKind::State { .. }
        | ColumnKind::Status { .. } => "Edm.Int32",
        ColumnKind::BigInt => "Edm.Int64",
        ColumnKind::Decimal { .. } | ColumnKind::Money { .. } => "Edm.Decimal",
        ColumnKind::Double { .. } => "Edm.Double",
        ColumnKind::Boolean => "Edm.Boolean",
        ColumnKind::DateTime {
            behavior: DateBehavior::DateOnly,
        } => "Edm.Date",
        ColumnKind::DateTime { .. } => "Edm.DateTimeOffset",
        ColumnKind::Lookup { .. } | ColumnKind::Uniqueidentifier | ColumnKind::File { .. } => {
            "Edm.Guid"
        }
        ColumnKind::Image { .. } => "Edm.Binary",
    }
}
