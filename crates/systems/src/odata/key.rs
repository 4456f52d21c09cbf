//! Record identifiers: a GUID in lower case where that is the whole key, else the key predicate as
//! the URL spells it, in the order of the key, so that one record has one identifier.

use super::column::Wire;
use super::metadata::Table;
use crate::connection::link::Link;
use crate::error::SystemError;
use crate::{mismatch, scalar};
use duet_map::record::RecordId;
use duet_map::schema::Column;
use duet_map::value::{Row, Value};
use odata::Literal;
use odata::url::{KeyPredicate, KeyValue};
use uuid::Uuid;

/// The identifier of a row that holds all columns of the key; `None` when one is empty.
pub(super) fn of_row(table: &Table, row: &Row) -> Option<RecordId> {
    let values: Vec<(&Column, Literal)> = table
        .key()
        .map(|(column, wire)| {
            let (_, value) = row
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(&column.name))?;
            let literal = literal(wire, value).filter(|literal| !literal.is_null())?;
            Some((column, literal))
        })
        .collect::<Option<_>>()?;
    (!values.is_empty()).then(|| spell(table, &values))
}

/// The columns of the key with the values that an identifier gives them.
pub(super) fn values<'t>(
    table: &'t Table,
    id: &RecordId,
) -> Result<Vec<(&'t Column, Literal)>, SystemError> {
    let bad = || mismatch::bad_id(&table.set, "a value for each column of its key");
    if let (Some(column), Ok(guid)) = (table.guid_key(), Uuid::parse_str(&id.0)) {
        return Ok(vec![(column, Literal::Guid(guid))]);
    }
    let predicate = KeyPredicate::parse(&id.0).map_err(|_| bad())?;
    let key: Vec<&Column> = table.key().map(|(column, _)| column).collect();
    match (predicate, key.as_slice()) {
        (KeyPredicate::Single(KeyValue::Literal(literal)), [only]) => Ok(vec![(*only, literal)]),
        (KeyPredicate::Named(values), key) if values.len() == key.len() => key
            .iter()
            .map(|column| {
                let literal = values.iter().find_map(|(name, value)| match value {
                    KeyValue::Literal(literal) if *name == column.name => Some(literal.clone()),
                    _ => None,
                });
                Ok((*column, literal.ok_or_else(bad)?))
            })
            .collect(),
        _ => Err(bad()),
    }
}

/// An identifier in its one spelling, from a key predicate in whatever form a service wrote it.
pub(super) fn canonical(table: &Table, predicate: &str) -> Option<RecordId> {
    let values = values(table, &RecordId(predicate.to_owned())).ok()?;
    Some(spell(table, &values))
}

fn spell(table: &Table, values: &[(&Column, Literal)]) -> RecordId {
    RecordId(match values {
        [(_, literal)] if table.schema.primary_key.len() == 1 => literal.to_string(),
        several => several
            .iter()
            .map(|(column, literal)| format!("{}={literal}", column.name))
            .collect::<Vec<_>>()
            .join(","),
    })
}

/// The link to a record.
pub(super) fn link(table: &Table, id: &RecordId) -> Result<Link, SystemError> {
    let values = values(table, id)?;
    Ok(Link::record(&table.set, &spell(table, &values).0))
}

/// A value as a literal of a key or a filter; `None` when it does not fit.
pub(super) fn literal(wire: &Wire, value: &Value) -> Option<Literal> {
    Some(match (wire, value) {
        (_, Value::Null) => Literal::Null,
        (Wire::Text, Value::Text(text) | Value::Symbol(text)) => Literal::String(text.clone()),
        (Wire::Number | Wire::Exact, Value::Int(whole)) => Literal::Int(*whole),
        (Wire::Number | Wire::Exact, Value::Decimal(decimal)) => {
            let decimal = decimal.normalize();
            match i64::try_from(decimal) {
                Ok(whole) if decimal.is_integer() => Literal::Int(whole),
                _ => Literal::Decimal(decimal),
            }
        }
        (Wire::Bool, Value::Bool(yes)) => Literal::Bool(*yes),
        (Wire::Date, Value::Date(date)) => Literal::Date(*date),
        (Wire::DateTime, Value::DateTime(at)) => {
            Literal::DateTimeOffset(scalar::whole_seconds(*at))
        }
        (Wire::Guid, Value::Guid(id)) => Literal::Guid(*id),
        (Wire::Guid, Value::Reference(reference)) => Literal::Guid(reference.id),
        (Wire::Enum(name), Value::Symbol(symbol) | Value::Text(symbol)) => Literal::Enum {
            type_name: Some(name.clone()),
            members: symbol.clone(),
        },
        (Wire::Time, Value::Text(text)) => match Literal::parse(text).ok()? {
            time @ Literal::TimeOfDay(_) => time,
            _ => return None,
        },
        (Wire::Duration, Value::Text(text)) => Literal::parse(&format!("duration'{text}'")).ok()?,
        (Wire::Binary, Value::Text(text)) => Literal::parse(&format!("binary'{text}'")).ok()?,
        _ => return None,
    })
}
