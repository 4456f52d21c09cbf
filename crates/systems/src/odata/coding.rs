//! Rows of the service as values, and values as its rows.

use super::OData;
use super::column::{Place, Wire};
use super::key;
use super::metadata::Table;
use crate::connection::failure;
use crate::connection::link::Link;
use crate::error::SystemError;
use crate::{mismatch, scalar};
use duet_map::record::{Record, RecordId, Version};
use duet_map::schema::{Column, ColumnType};
use duet_map::value::{Reference, Row, Value};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

/// What to read of a table, resolved against its schema.
#[derive(Debug, Clone)]
pub(super) struct Selection<'a> {
    table: &'a Table,
    columns: Vec<(&'a Column, &'a Place)>,
}

impl<'a> Selection<'a> {
    /// Resolves column names; an unknown one is an error of the map.
    pub(super) fn new(table: &'a Table, columns: &[String]) -> Result<Self, SystemError> {
        let mut resolved: Vec<(&Column, &Place)> = Vec::with_capacity(columns.len());
        for name in columns {
            let (column, place) = table.column(name)?;
            if !resolved.iter().any(|(known, _)| known.name == column.name) {
                resolved.push((column, place));
            }
        }
        Ok(Self {
            table,
            columns: resolved,
        })
    }

    /// The names of the columns, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.columns.iter().map(|(c, _)| c.name.clone()).collect();
        names.sort();
        names
    }

    /// The value of `$select`: what is asked for, the key, and when it was modified.
    pub(super) fn select(&self) -> String {
        self.properties().join(",")
    }

    /// The properties of the row itself that are read.
    fn properties(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let key = self.table.key().map(|(column, _)| column.name.as_str());
        let own = self
            .columns
            .iter()
            .filter_map(|(column, place)| match place {
                Place::Own { .. } => Some(column.name.as_str()),
                Place::ForeignKey { property } => Some(property.as_str()),
                Place::Reference { .. } | Place::Behind { .. } => None,
            });
        let told = [&self.table.modified, &self.table.modified_by];
        let told = told.into_iter().filter_map(|name| name.as_deref());
        for name in key.chain(own).chain(told) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The value of `$expand`, where something behind a navigation property is read.
    pub(super) fn expand(&self) -> Option<String> {
        let parts: Vec<String> = self
            .columns
            .iter()
            .filter_map(|(_, place)| match place {
                Place::Reference { navigation, key }
                | Place::Behind {
                    navigation, key, ..
                } => Some(format!("{navigation}($select={key})")),
                _ => None,
            })
            .collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }

    /// Whether a row has everything that was asked for; services leave things out of what they
    /// send back after a write.
    pub(super) fn is_whole(&self, json: &Map<String, Json>) -> bool {
        let has_behind = |(_, place): &(&Column, &Place)| match place {
            Place::Reference { navigation, .. } | Place::Behind { navigation, .. } => {
                json.contains_key(navigation)
            }
            _ => true,
        };
        self.properties()
            .iter()
            .all(|name| json.contains_key(*name))
            && self.columns.iter().all(has_behind)
    }

    /// Reads a row. `etag` is the one beside the row, for services that write none into it.
    pub(super) fn read(
        &self,
        system: &str,
        json: &Map<String, Json>,
        etag: Option<&str>,
    ) -> Result<Record, SystemError> {
        let mut row = Row::new();
        for (column, place) in &self.columns {
            let value = value(column, place, json)
                .ok_or_else(|| mismatch::unreadable(system, &self.table.set, column))?;
            row.set(column.name.clone(), value);
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
            .modified_by
            .as_ref()
            .and_then(|name| json.get(name))
            .and_then(Json::as_str)
            .filter(|who| !who.is_empty())
            .map(str::to_owned);
        let etag = json
            .get("@odata.etag")
            .or_else(|| json.get("@etag"))
            .and_then(Json::as_str)
            .or(etag);
        Ok(Record {
            id: self.id(system, json)?,
            version: etag.map(|tag| Version {
                tag: tag.to_owned(),
                ordinal: None,
            }),
            modified,
            modified_by,
            row,
        })
    }

    /// The identifier of a row.
    pub(super) fn id(
        &self,
        system: &str,
        json: &Map<String, Json>,
    ) -> Result<RecordId, SystemError> {
        let mut key_row = Row::new();
        for (column, wire) in self.table.key() {
            let value = json
                .get(&column.name)
                .and_then(|json| plain_value(column, wire, json));
            if let Some(value) = value {
                key_row.set(column.name.clone(), value);
            }
        }
        // An empty text is a key of its own to a service and nothing to us.
        key::of_row(self.table, &key_row).ok_or_else(|| {
            failure::unexpected(
                system,
                &format!("reading `{}`", self.table.set),
                "a row has no value in its key",
            )
        })
    }
}

/// One value; `None` when it does not fit the column's type.
fn value(column: &Column, place: &Place, row: &Map<String, Json>) -> Option<Value> {
    let behind = |navigation: &str, key: &str| row.get(navigation).and_then(|row| row.get(key));
    let (found, wire) = match place {
        Place::Own { wire, .. } => (row.get(&column.name), wire),
        Place::ForeignKey { property } => (row.get(property), &Wire::Guid),
        Place::Reference { navigation, key } => (behind(navigation, key), &Wire::Guid),
        Place::Behind {
            navigation,
            key,
            wire,
            ..
        } => (behind(navigation, key), wire),
    };
    match found {
        None | Some(Json::Null) => Some(Value::Null),
        Some(json) => plain_value(column, wire, json),
    }
}

/// A value that is there.
fn plain_value(column: &Column, wire: &Wire, json: &Json) -> Option<Value> {
    if let ColumnType::Lookup { targets } = &column.ty {
        let id = Uuid::parse_str(json.as_str()?).ok()?;
        let table = targets.first()?.table.clone();
        return Some(Value::Reference(Reference { table, id }));
    }
    Some(match wire {
        Wire::Text | Wire::Time | Wire::Duration | Wire::Binary => Value::text(json.as_str()?),
        Wire::Number | Wire::Exact => match &column.ty {
            ColumnType::Int { .. } => Value::Int(scalar::integer(json)?),
            _ => Value::Decimal(scalar::decimal(json)?),
        },
        Wire::Bool => Value::Bool(json.as_bool()?),
        Wire::Date => Value::Date(scalar::date(json.as_str()?)?),
        Wire::DateTime => Value::DateTime(scalar::timestamp(json.as_str()?)?),
        Wire::Guid => Value::Guid(Uuid::parse_str(json.as_str()?).ok()?),
        Wire::Enum(_) => match &column.ty {
            ColumnType::Enum { .. } => Value::Symbol(json.as_str()?.to_owned()),
            _ => Value::text(json.as_str()?),
        },
    })
}

/// Whether a row is written for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Create,
    Update,
}

impl OData {
    /// The JSON body that writes a row. The key of a record that is there stands in the URL.
    pub(super) fn body(
        &self,
        table: &Table,
        row: &Row,
        intent: Intent,
    ) -> Result<Map<String, Json>, SystemError> {
        let mut body = Map::new();
        for (name, value) in row.iter() {
            let (column, place) = table.column(name)?;
            let is_key = table.schema.primary_key.contains(&column.name);
            let says_nothing = intent == Intent::Create && value.is_null();
            if says_nothing || (is_key && intent == Intent::Update) {
                continue;
            }
            let refuse = || match (&column.ty, value) {
                (ColumnType::Lookup { .. }, Value::Reference(reference)) => {
                    mismatch::wrong_target(&table.set, column, &reference.table)
                }
                _ => mismatch::wrong_kind(&table.set, column, value),
            };
            let (property, json) = self.member(column, place, value).ok_or_else(refuse)?;
            body.insert(property, json);
        }
        Ok(body)
    }

    /// The member of a body that sets a column.
    fn member(&self, column: &Column, place: &Place, value: &Value) -> Option<(String, Json)> {
        Some(match place {
            Place::Own { wire, nullable } => {
                let json = match value {
                    Value::Null if !nullable && *wire == Wire::Text => Json::String(String::new()),
                    value => self.plain_json(wire, value)?,
                };
                (column.name.clone(), json)
            }
            Place::ForeignKey { property } => (property.clone(), referenced(column, value)?),
            Place::Reference { navigation, .. } => {
                let ColumnType::Lookup { targets } = &column.ty else {
                    return None;
                };
                let table = &targets.first()?.table;
                let id = referenced(column, value)?;
                bind(navigation, table, id.as_str())
            }
            Place::Behind {
                navigation,
                set,
                wire,
                ..
            } => {
                let literal = key::literal(wire, value)?;
                let id = (!literal.is_null()).then(|| literal.to_string());
                bind(navigation, set, id.as_deref())
            }
        })
    }

    /// A value of a property; `None` when the property cannot hold it.
    fn plain_json(&self, wire: &Wire, value: &Value) -> Option<Json> {
        let exact = |json: Json| match json {
            Json::Number(number) if self.exact_numbers => Json::String(number.to_string()),
            json => json,
        };
        Some(match (wire, value) {
            (_, Value::Null) => Json::Null,
            (Wire::Bool, Value::Bool(yes)) => Json::Bool(*yes),
            (Wire::Number, Value::Int(whole)) => Json::from(*whole),
            (Wire::Number, Value::Decimal(decimal)) => scalar::number(*decimal),
            (Wire::Exact, Value::Int(whole)) => exact(Json::from(*whole)),
            (Wire::Exact, Value::Decimal(decimal)) => exact(scalar::number(*decimal)),
            (
                Wire::Text | Wire::Time | Wire::Duration | Wire::Binary | Wire::Enum(_),
                Value::Text(text) | Value::Symbol(text),
            ) => Json::String(text.clone()),
            (Wire::Date, Value::Date(date)) => Json::String(date.to_string()),
            (Wire::DateTime, Value::DateTime(at)) => {
                Json::String(scalar::whole_seconds(*at).to_string())
            }
            (Wire::Guid, Value::Guid(id)) => Json::String(id.hyphenated().to_string()),
            _ => return None,
        })
    }
}

/// The GUID that a lookup is to point at, or JSON's null to clear it; `None` when the lookup cannot
/// take the value.
fn referenced(column: &Column, value: &Value) -> Option<Json> {
    let ColumnType::Lookup { targets } = &column.ty else {
        return None;
    };
    let id = match value {
        Value::Null => return Some(Json::Null),
        Value::Guid(id) => id,
        Value::Reference(reference)
            if targets
                .iter()
                .any(|target| target.table.eq_ignore_ascii_case(&reference.table)) =>
        {
            &reference.id
        }
        _ => return None,
    };
    Some(Json::String(id.hyphenated().to_string()))
}

/// Binds a navigation property to a record of a set, or to none.
fn bind(navigation: &str, set: &str, id: Option<&str>) -> (String, Json) {
    match id {
        Some(id) => (
            format!("{navigation}@odata.bind"),
            Json::String(Link::record(set, id).into_text()),
        ),
        None => (navigation.to_owned(), Json::Null),
    }
}

/// The key predicate inside a link to a record, percent-decoded: `Customers(1)?x` → `1`.
pub(super) fn predicate(link: &str) -> Option<String> {
    let path = link.split_once('?').map_or(link, |(path, _)| path);
    let last = path.rsplit_once('/').map_or(path, |(_, last)| last);
    let inside = match last.split_once('(') {
        Some((_, rest)) => rest.strip_suffix(')')?,
        None => last,
    };
    let decoded = percent_decode_str(inside).decode_utf8().ok()?;
    Some(decoded.into_owned())
}
