//! Rows of the service as values, and values as its rows.
//!
//! The service never sends nothing: empty text, the year 1900 and a GUID of zeros are
//! [`Value::Null`] from here on, in both directions. Numbers and enumerations stay as they are,
//! because zero and the first member may be meant; what stands for nothing there is in
//! [`Column::empty`].

use super::key;
use super::metadata::{COMPANY, Table};
use crate::connection::failure;
use crate::error::SystemError;
use crate::{mismatch, scalar};
use duet_map::record::{Record, Version};
use duet_map::schema::{Column, ColumnType};
use duet_map::value::{Row, Value};
use jiff::tz::Offset;
use jiff::{Timestamp, civil};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

/// The date that stands for none.
const NO_DATE: civil::Date = civil::date(1900, 1, 1);

/// The spelling of a date that stands for none.
pub(super) const EMPTY_DATE: &str = "1900-01-01T12:00:00Z";

/// The spelling of a point in time that stands for none.
pub(super) const EMPTY_TIME: &str = "1900-01-01T00:00:00Z";

/// Who modified a row, on the entities that tell.
const MODIFIED_BY: &str = "ModifiedBy";

/// What to read of a table, resolved against its schema.
#[derive(Debug, Clone)]
pub(super) struct Selection<'a> {
    table: &'a Table,
    columns: Vec<&'a Column>,
}

impl<'a> Selection<'a> {
    /// Resolves column names; an unknown one is an error of the map.
    pub(super) fn new(table: &'a Table, columns: &[String]) -> Result<Self, SystemError> {
        let mut resolved: Vec<&Column> = Vec::with_capacity(columns.len());
        for name in columns {
            let column = table.column(name)?;
            if !resolved.iter().any(|known| known.name == column.name) {
                resolved.push(column);
            }
        }
        Ok(Self {
            table,
            columns: resolved,
        })
    }

    /// The value of `$select`: what is asked for, the key, and when it was modified.
    pub(super) fn select(&self) -> String {
        let modified = self
            .table
            .modified
            .as_ref()
            .and_then(|name| self.table.schema.column(name));
        let mut names: Vec<&str> = Vec::new();
        for column in self
            .table
            .key()
            .chain(self.columns.iter().copied())
            .chain(modified)
            .chain(self.table.schema.column(MODIFIED_BY))
        {
            if !names.contains(&column.name.as_str()) {
                names.push(&column.name);
            }
        }
        names.join(",")
    }

    /// Reads a row.
    pub(super) fn read(
        &self,
        system: &str,
        json: &Map<String, Json>,
    ) -> Result<Record, SystemError> {
        let read_column = |column: &Column| {
            value(column, json).ok_or_else(|| mismatch::unreadable(system, &self.table.set, column))
        };
        let mut key_row = Row::new();
        for column in self.table.key() {
            if !json.contains_key(&column.name) {
                return Err(failure::unexpected(
                    system,
                    &format!("reading `{}`", self.table.set),
                    &format!("a row has no key field `{}`", column.name),
                ));
            }
            key_row.set(column.name.clone(), read_column(column)?);
        }
        let mut row = Row::new();
        for column in &self.columns {
            row.set(column.name.clone(), read_column(column)?);
        }
        let modified = self
            .table
            .modified
            .as_ref()
            .and_then(|name| json.get(name))
            .and_then(Json::as_str)
            .and_then(|text| text.parse::<Timestamp>().ok());
        let modified_by = self
            .table
            .schema
            .column(MODIFIED_BY)
            .and_then(|column| json.get(&column.name))
            .and_then(Json::as_str)
            .filter(|who| !who.is_empty())
            .map(str::to_owned);
        Ok(Record {
            id: key::of_row(self.table, &key_row)?,
            version: json
                .get("@odata.etag")
                .and_then(Json::as_str)
                .map(|tag| Version {
                    tag: tag.to_owned(),
                    ordinal: None,
                }),
            modified,
            modified_by,
            row,
        })
    }
}

/// One value; `None` when it does not fit the column's type.
fn value(column: &Column, json: &Map<String, Json>) -> Option<Value> {
    let json = match json.get(&column.name) {
        None | Some(Json::Null) => return Some(Value::Null),
        Some(json) => json,
    };
    Some(match &column.ty {
        ColumnType::Bool => Value::Bool(json.as_bool()?),
        ColumnType::Int { .. } | ColumnType::Choice { .. } => Value::Int(scalar::integer(json)?),
        ColumnType::Decimal { .. } => Value::Decimal(scalar::decimal(json)?),
        // The company is the same in any case; the service's own spelling is lower.
        ColumnType::Text { .. } if column.name == COMPANY => {
            Value::text(json.as_str()?.to_lowercase())
        }
        ColumnType::Text { .. } => Value::text(json.as_str()?),
        ColumnType::Date => match scalar::date(json.as_str()?)? {
            NO_DATE => Value::Null,
            date => Value::Date(date),
        },
        ColumnType::DateTime => {
            let at = scalar::timestamp(json.as_str()?)?;
            if Offset::UTC.to_datetime(at).date() == NO_DATE {
                Value::Null
            } else {
                Value::DateTime(at)
            }
        }
        ColumnType::Guid => match Uuid::parse_str(json.as_str()?).ok()? {
            id if id.is_nil() => Value::Null,
            id => Value::Guid(id),
        },
        ColumnType::Enum { .. } => match json.as_str()? {
            "" => Value::Null,
            symbol => Value::Symbol(symbol.to_owned()),
        },
        ColumnType::Lookup { .. } => return None,
    })
}

/// The JSON body of a create: only what is set, because the service takes every field that is
/// sent for one that somebody filled in.
pub(super) fn create_body(table: &Table, row: &Row) -> Result<Map<String, Json>, SystemError> {
    let mut body = Map::new();
    for (name, value) in row.iter().filter(|(_, value)| !value.is_null()) {
        let column = table.column(name)?;
        body.insert(column.name.clone(), write(table, column, value)?);
    }
    Ok(body)
}

/// The JSON body of an update. The key stands in the URL and cannot change.
pub(super) fn update_body(table: &Table, row: &Row) -> Result<Map<String, Json>, SystemError> {
    let mut body = Map::new();
    for (name, value) in row.iter() {
        let column = table.column(name)?;
        if table.schema.primary_key.contains(&column.name) {
            continue;
        }
        body.insert(column.name.clone(), write(table, column, value)?);
    }
    Ok(body)
}

/// A value as the service takes it.
fn write(table: &Table, column: &Column, value: &Value) -> Result<Json, SystemError> {
    plain(&column.ty, value, column.empty.as_ref())
        .ok_or_else(|| mismatch::wrong_kind(&table.set, column, value))
}

fn plain(ty: &ColumnType, value: &Value, empty: Option<&Value>) -> Option<Json> {
    Some(match (ty, value) {
        (ColumnType::Text { .. }, Value::Null) => Json::String(String::new()),
        (ColumnType::Date, Value::Null) => Json::String(EMPTY_DATE.into()),
        (ColumnType::DateTime, Value::Null) => Json::String(EMPTY_TIME.into()),
        (ColumnType::Guid, Value::Null) => Json::String(Uuid::nil().to_string()),
        (_, Value::Null) => return plain(ty, empty?, None),
        (ColumnType::Bool, Value::Bool(yes)) => Json::Bool(*yes),
        (ColumnType::Int { .. } | ColumnType::Decimal { .. }, Value::Int(whole)) => {
            Json::from(*whole)
        }
        (ColumnType::Int { .. }, Value::Decimal(decimal)) if decimal.is_integer() => {
            Json::from(i64::try_from(*decimal).ok()?)
        }
        (ColumnType::Decimal { .. }, Value::Decimal(decimal)) => scalar::number(*decimal),
        (ColumnType::Text { .. }, Value::Text(text) | Value::Symbol(text)) => {
            Json::String(text.clone())
        }
        (ColumnType::Date, Value::Date(date)) => Json::String(format!("{date}T12:00:00Z")),
        (ColumnType::DateTime, Value::DateTime(at)) => {
            Json::String(scalar::whole_seconds(*at).to_string())
        }
        (ColumnType::Guid, Value::Guid(id)) => Json::String(id.hyphenated().to_string()),
        (ColumnType::Enum { members, .. }, Value::Symbol(symbol) | Value::Text(symbol)) => {
            // The service takes symbols in their own case only.
            let known = members
                .iter()
                .find(|member| member.eq_ignore_ascii_case(symbol));
            Json::String(known.unwrap_or(symbol).clone())
        }
        _ => return None,
    })
}

#[cfg(test)]
#[path = "coding_tests.rs"]
mod tests;
