//! Rows of the Web API as values, and values as its rows.

use super::metadata::Table;
use crate::connection::failure;
use crate::error::SystemError;
use crate::{mismatch, scalar};
use duet_map::record::{Record, RecordId, Version};
use duet_map::schema::{Column, ColumnType, LookupTarget};
use duet_map::value::{Reference, Row, Value};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

/// The annotation that tells which table a polymorphic lookup points at.
pub(super) const LOOKUP_TYPE: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";

/// When a row was last modified, on every table of the platform.
pub(super) const MODIFIED: &str = "modifiedon";

/// Who modified it.
const MODIFIED_BY: &str = "modifiedby";

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

    /// The names of the columns, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.columns.iter().map(|c| c.name.clone()).collect();
        names.sort();
        names
    }

    /// The value of `$select`. Identifier and `ETag` come back without being asked for.
    pub(super) fn select(&self) -> String {
        let mut names = vec![self.table.primary_id.clone()];
        let when = self.table.schema.column(MODIFIED);
        let who = self.table.schema.column(MODIFIED_BY);
        for column in self.columns.iter().copied().chain(when).chain(who) {
            let name = property(column);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(",")
    }

    /// The preference that has lookups tell their table, where that is needed.
    pub(super) fn annotations(&self) -> Option<String> {
        let polymorphic = self.columns.iter().any(
            |column| matches!(&column.ty, ColumnType::Lookup { targets } if targets.len() != 1),
        );
        polymorphic.then(|| format!("odata.include-annotations=\"{LOOKUP_TYPE}\""))
    }

    /// Reads a row.
    pub(super) fn read(
        &self,
        system: &str,
        json: &Map<String, Json>,
    ) -> Result<Record, SystemError> {
        let id = json
            .get(&self.table.primary_id)
            .and_then(Json::as_str)
            .and_then(|text| Uuid::parse_str(text).ok())
            .ok_or_else(|| {
                failure::unexpected(
                    system,
                    &format!("reading `{}`", self.table.set),
                    "a row has no identifier",
                )
            })?;
        let mut row = Row::new();
        for column in &self.columns {
            let value = value(column, json)
                .ok_or_else(|| mismatch::unreadable(system, &self.table.set, column))?;
            row.set(column.name.clone(), value);
        }
        Ok(Record {
            id: record_id(id),
            version: json.get("@odata.etag").and_then(Json::as_str).map(version),
            modified: json
                .get(MODIFIED)
                .and_then(Json::as_str)
                .and_then(scalar::timestamp),
            modified_by: json
                .get(&format!("_{MODIFIED_BY}_value"))
                .and_then(Json::as_str)
                .map(str::to_owned),
            row,
        })
    }
}

/// One value; `None` when it does not fit the column's type.
fn value(column: &Column, json: &Map<String, Json>) -> Option<Value> {
    let property = property(column);
    let json_value = match json.get(&property) {
        None | Some(Json::Null) => return Some(Value::Null),
        Some(value) => value,
    };
    Some(match &column.ty {
        ColumnType::Bool => Value::Bool(json_value.as_bool()?),
        ColumnType::Int { .. } | ColumnType::Choice { .. } => {
            Value::Int(scalar::integer(json_value)?)
        }
        ColumnType::Decimal { .. } => Value::Decimal(scalar::decimal(json_value)?),
        ColumnType::Text { .. } => Value::text(json_value.as_str()?),
        ColumnType::Date => Value::Date(scalar::date(json_value.as_str()?)?),
        ColumnType::DateTime => Value::DateTime(scalar::timestamp(json_value.as_str()?)?),
        ColumnType::Guid => Value::Guid(Uuid::parse_str(json_value.as_str()?).ok()?),
        ColumnType::Enum { .. } => Value::Symbol(json_value.as_str()?.to_owned()),
        ColumnType::Lookup { targets } => {
            let id = Uuid::parse_str(json_value.as_str()?).ok()?;
            let type_name = json
                .get(&format!("{property}@{LOOKUP_TYPE}"))
                .and_then(Json::as_str);
            let table = match (type_name, targets.as_slice()) {
                (Some(type_name), _) => targets
                    .iter()
                    .find(|target| target.type_name == type_name)
                    .map_or_else(|| type_name.to_owned(), |target| target.table.clone()),
                (None, [only]) => only.table.clone(),
                (None, _) => return None,
            };
            Value::Reference(Reference { table, id })
        }
    })
}

/// The property under which a column is read and filtered.
pub(super) fn property(column: &Column) -> String {
    match column.ty {
        ColumnType::Lookup { .. } => format!("_{}_value", column.name),
        _ => column.name.clone(),
    }
}

/// A GUID as a record's identifier.
pub(super) fn record_id(id: Uuid) -> RecordId {
    RecordId(id.hyphenated().to_string())
}

/// A record's identifier as a GUID.
pub(super) fn guid(table: &Table, id: &RecordId) -> Result<Uuid, SystemError> {
    Uuid::parse_str(&id.0).map_err(|_| mismatch::bad_id(&table.set, "a GUID"))
}

/// An `ETag` as a version. The number inside rises with every write of the record.
pub(super) fn version(etag: &str) -> Version {
    let number = etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"');
    Version {
        tag: etag.to_owned(),
        ordinal: number.parse().ok(),
    }
}

/// Whether a row is written for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Create,
    Update,
}

/// The JSON body that writes a row.
pub(super) fn body(
    table: &Table,
    row: &Row,
    intent: Intent,
) -> Result<Map<String, Json>, SystemError> {
    let mut body = Map::new();
    for (name, value) in row.iter() {
        let column = table.column(name)?;
        if column.name == table.primary_id {
            // The identifier stands in the URL.
            continue;
        }
        let refuse = || match (&column.ty, value) {
            (ColumnType::Lookup { .. }, Value::Reference(reference)) => {
                mismatch::wrong_target(&table.set, column, &reference.table)
            }
            _ => mismatch::wrong_kind(&table.set, column, value),
        };
        if let ColumnType::Lookup { targets } = &column.ty {
            bind(targets, value, intent, &mut body).ok_or_else(refuse)?;
        } else {
            let json = plain(&column.ty, value).ok_or_else(refuse)?;
            body.insert(column.name.clone(), json);
        }
    }
    Ok(body)
}

/// Binds a lookup: `"navigation@odata.bind": "/set(guid)"`, or null to clear it.
fn bind(
    targets: &[LookupTarget],
    value: &Value,
    intent: Intent,
    body: &mut Map<String, Json>,
) -> Option<()> {
    let (target, link) = match value {
        Value::Null if intent == Intent::Create => return Some(()),
        // Every navigation property of a polymorphic lookup stands for the same column.
        Value::Null => (targets.first()?, Json::Null),
        Value::Reference(reference) => {
            let target = targets
                .iter()
                .find(|target| target.table.eq_ignore_ascii_case(&reference.table))?;
            let link = format!("/{}({})", target.table, reference.id.hyphenated());
            (target, Json::String(link))
        }
        Value::Guid(id) if targets.len() == 1 => {
            let target = targets.first()?;
            let link = format!("/{}({})", target.table, id.hyphenated());
            (target, Json::String(link))
        }
        _ => return None,
    };
    body.insert(format!("{}@odata.bind", target.navigation), link);
    Some(())
}

/// A value of a column that is no lookup; `None` when the column cannot hold it.
fn plain(ty: &ColumnType, value: &Value) -> Option<Json> {
    Some(match (ty, value) {
        (_, Value::Null) => Json::Null,
        (ColumnType::Bool, Value::Bool(yes)) => Json::Bool(*yes),
        (
            ColumnType::Int { .. } | ColumnType::Choice { .. } | ColumnType::Decimal { .. },
            Value::Int(whole),
        ) => Json::from(*whole),
        (ColumnType::Int { .. }, Value::Decimal(decimal)) if decimal.is_integer() => {
            Json::from(i64::try_from(*decimal).ok()?)
        }
        (ColumnType::Decimal { .. }, Value::Decimal(decimal)) => scalar::number(*decimal),
        (ColumnType::Text { .. }, Value::Text(text) | Value::Symbol(text)) => {
            Json::String(text.clone())
        }
        (ColumnType::Date, Value::Date(date)) => Json::String(date.to_string()),
        (ColumnType::DateTime, Value::DateTime(at)) => {
            Json::String(scalar::whole_seconds(*at).to_string())
        }
        (ColumnType::Guid, Value::Guid(id)) => Json::String(id.hyphenated().to_string()),
        _ => return None,
    })
}

#[cfg(test)]
#[path = "coding_tests.rs"]
mod tests;
