//! What the body of a write asks for: stored columns with their new values, and rows to be made or
//! tied along with it (protocol reference A3 and A4).

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::errors::{ApiError, ApiResult};
use super::locate::bound;
use super::model::{Collection, ColumnFacts, Table, target_column};
use super::session::{Call, Session};
use super::value;
use crate::rows::Value;
use crate::schema::Column;

/// What a body asks for.
#[derive(Debug, Default)]
pub(super) struct Change<'m> {
    /// Stored columns and their values.
    pub(super) values: BTreeMap<String, Value>,
    /// The primary key, when the client chose it.
    pub(super) id: Option<String>,
    /// Rows to be made before, and the lookups that will point to them.
    pub(super) parents: Vec<(&'m Column, &'m Table, Map<String, Json>)>,
    /// Rows to be made after, pointing back.
    pub(super) children: Vec<(&'m Collection, Map<String, Json>)>,
    /// Existing rows that shall point back.
    pub(super) tied: Vec<(&'m Collection, String)>,
}

/// The object in a request body.
pub(super) fn object(table_set: &str, body: &[u8]) -> ApiResult<Map<String, Json>> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if body.trim_ascii().is_empty() {
        return Err(ApiError::payload(
            table_set,
            "A non-empty payload was expected.",
        ));
    }
    match serde_json::from_slice(body) {
        Ok(Json::Object(fields)) => Ok(fields),
        Ok(_) => Err(ApiError::payload(
            table_set,
            "The payload must be a JSON object.",
        )),
        Err(error) => Err(ApiError::payload(
            table_set,
            format_args!(
                "Invalid JSON at line {}, column {}.",
                error.line(),
                error.column()
            ),
        )),
    }
}

/// Reads a body against its table.
pub(super) fn read<'m>(
    session: &Session<'m>,
    call: &Call,
    table: &'m Table,
    body: &Map<String, Json>,
) -> ApiResult<Change<'m>> {
    let mut change = Change::default();
    for (name, json) in body {
        if let Some((property, annotation)) = name.split_once('@') {
            if annotation == "odata.bind" && !property.is_empty() {
                bind(session, call, table, property, json, &mut change)?;
            }
            continue;
        }
        if let Some(column) = table.property(name) {
            if name == table.id() {
                let id = json.as_str().and_then(value::guid);
                change.id = Some(id.ok_or_else(|| {
                    ApiError::payload(
                        table.set(),
                        format_args!("Cannot convert the literal of property '{name}' to the expected type 'Edm.Guid'."),
                    )
                })?);
            } else if column.is_lookup() {
                if !column.read_only && !json.is_null() {
                    return Err(ApiError::malformed(
                        "CRM do not support direct update of Entity Reference properties, Use \
                         Navigation properties instead.",
                    ));
                }
            } else if !column.read_only {
                change
                    .values
                    .insert(column.name.clone(), value::from_json(table, column, json)?);
            }
            continue;
        }
        let lookups = table.navigation(name);
        if let Some((column, target)) = lookups.first() {
            match json {
                Json::Null => put_lookup(&mut change.values, &column.name, None),
                Json::Object(fields) => {
                    let parent = session.model.table(&target.table);
                    let parent = parent.ok_or_else(|| ApiError::no_segment(&target.table))?;
                    change.parents.push((column, parent, fields.clone()));
                }
                _ => return Err(ApiError::undeclared(table.set(), table.name(), name)),
            }
            continue;
        }
        match (table.collection(name), json) {
            (Some(collection), Json::Array(rows)) => {
                for row in rows {
                    let Json::Object(fields) = row else {
                        return Err(ApiError::payload(
                            table.set(),
                            format_args!("The property '{name}' must hold objects."),
                        ));
                    };
                    change.children.push((collection, fields.clone()));
                }
            }
            (Some(_), Json::Null) => {}
            _ => return Err(ApiError::undeclared(table.set(), table.name(), name)),
        }
    }
    Ok(change)
}

fn bind<'m>(
    session: &Session<'m>,
    call: &Call,
    table: &'m Table,
    property: &str,
    json: &Json,
    change: &mut Change<'m>,
) -> ApiResult<()> {
    let lookups = table.navigation(property);
    let Some((column, _)) = lookups.first() else {
        let Some(collection) = table.collection(property) else {
            return Err(ApiError::undeclared_navigation(table.set(), property));
        };
        for url in json.as_array().into_iter().flatten() {
            let (members, id) = bound(session, call, url.as_str().unwrap_or_default())?;
            if members.name() != collection.table {
                return Err(wrong_target(table, property, members));
            }
            change.tied.push((collection, id));
        }
        return Ok(());
    };
    match json {
        Json::Null => put_lookup(&mut change.values, &column.name, None),
        Json::String(url) => {
            let (target, id) = bound(session, call, url)?;
            if !lookups
                .iter()
                .any(|(_, known)| known.table == target.name())
            {
                return Err(wrong_target(table, property, target));
            }
            put_lookup(&mut change.values, &column.name, Some((target.name(), &id)));
        }
        _ => {
            return Err(ApiError::payload(
                table.set(),
                format_args!("The annotation '{property}@odata.bind' must be a string or null."),
            ));
        }
    }
    Ok(())
}

fn wrong_target(table: &Table, property: &str, target: &Table) -> ApiError {
    ApiError::payload(
        table.set(),
        format_args!(
            "The navigation property '{property}' cannot refer to a row of type \
             'Microsoft.Dynamics.CRM.{}'.",
            target.name()
        ),
    )
}

/// Points a lookup to a row, given by its table and id, or to nothing.
pub(super) fn put_lookup(
    values: &mut BTreeMap<String, Value>,
    column: &str,
    target: Option<(&str, &str)>,
) {
    let (table, id) = match target {
        Some((table, id)) => (Value::Text(table.into()), Value::Text(id.into())),
        None => (Value::Null, Value::Null),
    };
    if column == "ownerid" {
        let user = matches!(&table, Value::Text(name) if name == "systemuser");
        values.insert(
            "owninguser".into(),
            if user { id.clone() } else { Value::Null },
        );
        values.insert(
            target_column("owninguser"),
            if user { table.clone() } else { Value::Null },
        );
    }
    values.insert(column.into(), id);
    values.insert(target_column(column), table);
}
