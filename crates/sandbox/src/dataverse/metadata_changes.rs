//! `RetrieveMetadataChanges`: definitions of tables, columns, keys and relationships in one read,
//! picked by a query of conditions and property names.

use serde_json::{Map, Value as Json, json};

use super::definitions::{
    attribute, entity, key, many_to_many, many_to_one, one_to_many, option_set,
};
use super::errors::{ApiError, ApiResult};
use super::model::{Model, Table};
use super::session::Session;

/// Answers the query: an `EntityQueryExpression` as JSON.
pub(super) fn retrieve(session: &Session<'_>, query: &str) -> ApiResult<Json> {
    let query: Json = serde_json::from_str(query)
        .map_err(|_| ApiError::invalid_argument("'Query' must be an EntityQueryExpression."))?;
    let mut found = Vec::new();
    for (code, table) in session.model.tables().iter().enumerate() {
        let row = entity(table, code);
        if wanted(query.get("Criteria"), &row) {
            found.push(Json::Object(shown(session.model, table, row, &query)));
        }
    }
    Ok(json!({
        "ServerVersionStamp": format!("{}!", session.tx.version()),
        "DeletedMetadata": null,
        "EntityMetadata": found,
    }))
}

/// A table's row with the lists that the query asks for.
fn shown(model: &Model, table: &Table, row: Map<String, Json>, query: &Json) -> Map<String, Json> {
    let properties = query.get("Properties");
    let all = properties.is_none_or(|wish| wish.get("AllProperties") == Some(&Json::Bool(true)));
    let asks = |name: &str| all || property_names(properties).any(|known| known == name);
    let mut shown = picked(row, properties);
    let mut list = |name: &str, query: Option<&Json>, rows: Vec<Map<String, Json>>| {
        if !asks(name) {
            return;
        }
        let properties = query.and_then(|query| query.get("Properties"));
        let criteria = query.and_then(|query| query.get("Criteria"));
        let rows = rows.into_iter().filter(|row| wanted(criteria, row));
        let rows = rows.map(|row| Json::Object(picked(row, properties)));
        shown.insert(name.into(), rows.collect());
    };
    let attributes = table.schema.columns.iter().map(|column| {
        let mut row = attribute(table, column);
        row.common.extend(row.own);
        if let Some(set) = option_set(table, column) {
            row.common.insert("OptionSet".into(), Json::Object(set));
        }
        row.common
    });
    list(
        "Attributes",
        query.get("AttributeQuery"),
        attributes.collect(),
    );
    let keys = table.schema.keys.iter().map(|one| key(table, one));
    list("Keys", query.get("KeyQuery"), keys.collect());
    let relationships = query.get("RelationshipQuery");
    list(
        "ManyToOneRelationships",
        relationships,
        many_to_one(model, table),
    );
    list(
        "OneToManyRelationships",
        relationships,
        one_to_many(model, table),
    );
    list(
        "ManyToManyRelationships",
        relationships,
        many_to_many(model, table),
    );
    shown
}

fn property_names(properties: Option<&Json>) -> impl Iterator<Item = &str> {
    let names = properties.and_then(|wish| wish.get("PropertyNames")?.as_array());
    names.into_iter().flatten().filter_map(Json::as_str)
}

/// The properties that are asked for, with those that always come.
fn picked(row: Map<String, Json>, properties: Option<&Json>) -> Map<String, Json> {
    let all = properties.is_none_or(|wish| wish.get("AllProperties") == Some(&Json::Bool(true)));
    if all {
        return row;
    }
    let always = ["@odata.type", "MetadataId", "LogicalName", "HasChanged"];
    let kept = row.into_iter().filter(|(name, _)| {
        always.contains(&name.as_str()) || property_names(properties).any(|known| known == name)
    });
    kept.collect()
}

/// Whether a row satisfies a `MetadataFilterExpression`.
fn wanted(criteria: Option<&Json>, row: &Map<String, Json>) -> bool {
    let Some(criteria) = criteria else {
        return true;
    };
    let list = |name: &str| {
        let found = criteria.get(name).and_then(Json::as_array);
        found.into_iter().flatten()
    };
    let either = criteria.get("FilterOperator").and_then(Json::as_str) == Some("Or");
    let mut truths = list("Conditions")
        .map(|condition| holds(condition, row))
        .chain(list("Filters").map(|inner| wanted(Some(inner), row)))
        .peekable();
    if truths.peek().is_none() {
        true
    } else if either {
        truths.any(|truth| truth)
    } else {
        truths.all(|truth| truth)
    }
}

fn holds(condition: &Json, row: &Map<String, Json>) -> bool {
    let name = condition.get("PropertyName").and_then(Json::as_str);
    let stored = name.and_then(|name| row.get(name));
    let wanted = condition
        .get("Value")
        .map(|value| value.get("Value").unwrap_or(value));
    let same = |wanted: &Json| match (stored, wanted) {
        (Some(Json::String(stored)), Json::String(wanted)) => stored.eq_ignore_ascii_case(wanted),
        // Values travel as text with their type beside them.
        (Some(Json::Bool(stored)), Json::String(wanted)) => {
            wanted.eq_ignore_ascii_case(&stored.to_string())
        }
        (Some(stored), wanted) => stored == wanted,
        (None, wanted) => wanted.is_null(),
    };
    let among = || match wanted {
        Some(Json::Array(list)) => list.iter().any(same),
        Some(Json::String(text)) => text.split(',').any(|one| same(&Json::from(one.trim()))),
        _ => false,
    };
    match condition.get("ConditionOperator").and_then(Json::as_str) {
        Some("NotEquals") => !wanted.is_some_and(same),
        Some("In") => among(),
        Some("NotIn") => !among(),
        _ => wanted.is_some_and(same),
    }
}
