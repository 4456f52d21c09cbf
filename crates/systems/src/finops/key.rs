//! Record identifiers: the key predicate as the URL spells it, in the order of the entity's key
//! and with the company in lower case, so that one record has one identifier.

use super::coding::{EMPTY_DATE, EMPTY_TIME};
use super::metadata::{COMPANY, NAMESPACE, Table};
use crate::error::SystemError;
use crate::mismatch;
use duet_map::record::RecordId;
use duet_map::schema::{Column, ColumnType};
use duet_map::value::{Row, Value};
use odata::Literal;
use odata::url::{KeyPredicate, KeyValue};
use rust_decimal::Decimal;
use uuid::Uuid;

/// The identifier of a row that holds all columns of the key.
pub(super) fn of_row(table: &Table, row: &Row) -> Result<RecordId, SystemError> {
    let mut parts = Vec::new();
    for column in table.key() {
        let literal = literal(column, row.value(&column.name))
            .ok_or_else(|| mismatch::wrong_kind(&table.set, column, row.value(&column.name)))?;
        parts.push(format!("{}={literal}", column.name));
    }
    Ok(RecordId(parts.join(",")))
}

/// An identifier in its one spelling, whatever the order and case in which it was written.
pub(super) fn canonical(table: &Table, text: &str) -> Result<RecordId, SystemError> {
    let bad = || mismatch::bad_id(&table.set, "a predicate of all fields of its key");
    let KeyPredicate::Named(values) = KeyPredicate::parse(text).map_err(|_| bad())? else {
        return Err(bad());
    };
    let mut parts = Vec::new();
    for column in table.key() {
        let (_, value) = values
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&column.name))
            .ok_or_else(bad)?;
        let KeyValue::Literal(literal) = value else {
            return Err(bad());
        };
        let literal = match literal {
            Literal::String(text) if column.name == COMPANY => Literal::String(text.to_lowercase()),
            other => other.clone(),
        };
        parts.push(format!("{}={literal}", column.name));
    }
    if parts.is_empty() || parts.len() != values.len() {
        return Err(bad());
    }
    Ok(RecordId(parts.join(",")))
}

/// A value as a literal of a key or a filter, with the service's spelling of nothing; `None` when
/// the column cannot hold it.
pub(super) fn literal(column: &Column, value: &Value) -> Option<Literal> {
    Some(match (&column.ty, value) {
        (ColumnType::Text { .. }, Value::Null) => Literal::String(String::new()),
        (ColumnType::Date, Value::Null) => Literal::DateTimeOffset(EMPTY_DATE.parse().ok()?),
        (ColumnType::DateTime, Value::Null) => Literal::DateTimeOffset(EMPTY_TIME.parse().ok()?),
        (ColumnType::Guid, Value::Null) => Literal::Guid(Uuid::nil()),
        (ColumnType::Decimal { .. }, Value::Null) => Literal::Decimal(Decimal::ZERO),
        (_, Value::Null) => return literal(column, column.empty.as_ref()?),
        (ColumnType::Text { .. }, Value::Text(text) | Value::Symbol(text)) => {
            let text = text.trim_end();
            Literal::String(if column.name == COMPANY {
                text.to_lowercase()
            } else {
                text.to_owned()
            })
        }
        (ColumnType::Int { .. } | ColumnType::Decimal { .. }, Value::Int(whole)) => {
            Literal::Int(*whole)
        }
        (ColumnType::Decimal { .. } | ColumnType::Int { .. }, Value::Decimal(decimal)) => {
            Literal::Decimal(decimal.normalize())
        }
        (ColumnType::Bool, Value::Bool(yes)) => Literal::Bool(*yes),
        (ColumnType::Date, Value::Date(date)) => {
            Literal::DateTimeOffset(format!("{date}T12:00:00Z").parse().ok()?)
        }
        (ColumnType::DateTime, Value::DateTime(at)) => {
            Literal::DateTimeOffset(crate::scalar::whole_seconds(*at))
        }
        (ColumnType::Guid, Value::Guid(id)) => Literal::Guid(*id),
        (ColumnType::Enum { name, members }, Value::Symbol(symbol) | Value::Text(symbol)) => {
            let known = members
                .iter()
                .find(|member| member.eq_ignore_ascii_case(symbol));
            Literal::Enum {
                type_name: Some(format!("{NAMESPACE}.{name}")),
                members: known.unwrap_or(symbol).clone(),
            }
        }
        _ => return None,
    })
}
