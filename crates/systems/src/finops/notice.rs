//! What Finance & Operations posts: business events and data events, of which only the place of
//! the change is taken.
//!
//! A data event is a remote execution context about the entity's virtual table (`mserp_…`). A
//! business event is flat; its contract differs from event to event, so the entity is taken from
//! the configuration, from the field `EntityName`, or from the event's own name.

use super::key;
use super::metadata::{COMPANY, Catalogue, Table};
use crate::codes;
use crate::error::{Class, SystemError};
use crate::system::Notice;
use duet_map::record::RecordId;
use duet_map::schema::{Column, ColumnType};
use duet_map::value::{Row, Value};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The prefix of virtual tables and their columns.
const VIRTUAL: &str = "mserp_";

/// The event that a new endpoint is tested with.
const TEST_EVENT: &str = "BusinessEventsTestEndpointContract";

pub(super) fn read(
    system: &str,
    body: &[u8],
    catalogue: &Catalogue,
    business_events: &BTreeMap<String, String>,
) -> Result<Vec<Notice>, SystemError> {
    let unreadable = |why: &str| {
        SystemError::new(
            Class::Bug,
            codes::NOTICE_UNREADABLE,
            format!(
                "what was posted for `{system}` is no event of Finance & Operations ({why}); \
                 check which service posts to this webhook"
            ),
        )
    };
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let event: Map<String, Json> =
        serde_json::from_slice(body).map_err(|_| unreadable("it is no JSON object"))?;
    let text = |name: &str| event.get(name).and_then(Json::as_str);
    let (set, fields) = if let Some(id) = text("BusinessEventId") {
        if id == TEST_EVENT {
            return Ok(Vec::new());
        }
        let set = business_events
            .get(id)
            .cloned()
            .or_else(|| catalogue.known_set(text("EntityName")?))
            .or_else(|| catalogue.known_set(&entity_of_event(id)?));
        (set, business_fields(&event))
    } else if let Some(table) = text("PrimaryEntityName") {
        let name = table.strip_prefix(VIRTUAL).unwrap_or(table);
        (catalogue.known_set(name), data_fields(&event))
    } else {
        return Err(unreadable("it names neither a business event nor a table"));
    };
    // An entity that is not known is in no map.
    let Some(set) = set else {
        return Ok(Vec::new());
    };
    let record = catalogue
        .known_table(&set)
        .and_then(|table| identifier(&table, &fields));
    Ok(vec![Notice { table: set, record }])
}

/// `CustCustomerV3Entity` from `CustCustomerV3ChangedBusinessEvent`.
fn entity_of_event(id: &str) -> Option<String> {
    let name = id.strip_suffix("BusinessEvent")?;
    let name = ["Created", "Changed", "Updated", "Deleted"]
        .iter()
        .find_map(|verb| name.strip_suffix(verb))?;
    Some(format!("{name}Entity"))
}

/// The fields of a business event, by their names in lower case.
fn business_fields(event: &Map<String, Json>) -> BTreeMap<String, Json> {
    let mut fields: BTreeMap<String, Json> = event
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .collect();
    let company = ["LegalEntity", "BusinessEventLegalEntity"]
        .iter()
        .find_map(|name| event.get(*name))
        .cloned();
    if let Some(company) = company {
        fields.entry(COMPANY.to_lowercase()).or_insert(company);
    }
    fields
}

/// The attributes of a data event's row, by the names of the entity's fields in lower case. What
/// the images know and the target leaves out is taken from them.
fn data_fields(event: &Map<String, Json>) -> BTreeMap<String, Json> {
    let mut fields = BTreeMap::new();
    let pairs = ["InputParameters", "PreEntityImages", "PostEntityImages"]
        .iter()
        .filter_map(|name| event.get(*name).and_then(Json::as_array))
        .flatten();
    for pair in pairs {
        let attributes = pair
            .get("value")
            .and_then(|entity| entity.get("Attributes"))
            .and_then(Json::as_array);
        for attribute in attributes.into_iter().flatten() {
            let name = attribute.get("key").and_then(Json::as_str);
            if let (Some(name), Some(value)) = (name, attribute.get("value")) {
                let name = name.to_lowercase();
                let name = name.strip_prefix(VIRTUAL).unwrap_or(&name);
                fields
                    .entry(name.to_owned())
                    .or_insert_with(|| value.clone());
            }
        }
    }
    fields
}

/// The record that the fields name; `None` when the key is not complete or of types that events
/// spell in a way of their own.
fn identifier(table: &Table, fields: &BTreeMap<String, Json>) -> Option<RecordId> {
    let mut row = Row::new();
    for column in table.key() {
        let value = plain(column, fields.get(&column.name.to_lowercase())?)?;
        row.set(column.name.clone(), value);
    }
    key::of_row(table, &row).ok()
}

fn plain(column: &Column, json: &Json) -> Option<Value> {
    Some(match &column.ty {
        ColumnType::Text { .. } => Value::text(json.as_str()?),
        ColumnType::Int { .. } => Value::Int(crate::scalar::integer(json)?),
        ColumnType::Decimal { .. } => Value::Decimal(crate::scalar::decimal(json)?),
        ColumnType::Guid => Value::Guid(json.as_str()?.parse().ok()?),
        ColumnType::Enum { members, .. } => {
            let symbol = json.as_str()?;
            let known = members.iter().find(|member| member.as_str() == symbol)?;
            Value::Symbol(known.clone())
        }
        _ => return None,
    })
}
