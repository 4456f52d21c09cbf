//! The metadata part of the Web API: `EntityDefinitions` and its relatives (protocol reference
//! A12). There is no paging here, and `MetadataId` always comes along.

use odata::Literal;
use odata::expr::{Collation, Properties, matches, parse};
use serde_json::{Map, Value as Json, json};

use super::address::{Argument, Segment};
use super::definitions::{
    attribute, attribute_id, entity, key, key_id, many_to_many, many_to_many_row, many_to_one,
    metadata_type, one_to_many, option_set, shared_set, table_id,
};
use super::errors::{ApiError, ApiResult};
use super::model::{Model, Table};
use super::options::Options;
use super::session::{Call, Reply};
use crate::schema::{AlternateKey, Column};

pub(super) const NAMESPACE: &str = "Microsoft.Dynamics.CRM.";

/// Whether a path begins in the metadata.
pub(super) fn is_metadata(name: &str) -> bool {
    matches!(
        name,
        "EntityDefinitions" | "RelationshipDefinitions" | "GlobalOptionSetDefinitions"
    )
}

/// Answers a read of metadata.
pub(super) fn answer(model: &Model, call: &Call) -> ApiResult<Reply> {
    if call.method != axum::http::Method::GET {
        return Err(ApiError::not_implemented(
            "Tables cannot be changed within a change set; send the request for itself.",
        ));
    }
    let Some((first, rest)) = call.segments.split_first() else {
        return Err(ApiError::no_segment(""));
    };
    match first.name.as_str() {
        "EntityDefinitions" => entities(model, call, first, rest),
        "RelationshipDefinitions" => relationships(model, call, first, rest),
        _ => option_sets(model, call, first),
    }
}

fn entities(model: &Model, call: &Call, first: &Segment, rest: &[Segment]) -> ApiResult<Reply> {
    let Some(arguments) = &first.arguments else {
        if let Some(segment) = rest.first() {
            return Err(ApiError::no_segment(&segment.name));
        }
        let mut rows = Vec::new();
        for (code, table) in model.tables().iter().enumerate() {
            let row = entity(table, code);
            if wanted(&call.options, &row)? {
                rows.push(entity_row(model, table, row, &call.options)?);
            }
        }
        return Ok(list(call, "EntityDefinitions", rows));
    };
    let (code, table) = table_of(model, arguments)?;
    let row = entity(table, code);
    let Some((segment, rest)) = rest.split_first() else {
        let row = entity_row(model, table, row, &call.options)?;
        return Ok(single(call, "EntityDefinitions/$entity", row));
    };
    let about = format!("EntityDefinitions('{}')/{}", table.name(), segment.name);
    match segment.name.as_str() {
        "Attributes" => attributes(call, table, segment, rest, &about),
        "Keys" => match &segment.arguments {
            Some(arguments) => {
                let row = key(table, key_of(table, arguments)?);
                let row = selected(row, &call.options, "EntityKeyMetadata")?;
                Ok(single(call, &format!("{about}/$entity"), row))
            }
            None => list_of(call, &about, keys(table)),
        },
        "ManyToOneRelationships" => list_of(call, &about, many_to_one(model, table)),
        "OneToManyRelationships" => list_of(call, &about, one_to_many(model, table)),
        "ManyToManyRelationships" => list_of(call, &about, many_to_many(model, table)),
        name => match row.get(name) {
            Some(value) if rest.is_empty() => Ok(property(call, &about, value)),
            _ => Err(ApiError::no_segment(name)),
        },
    }
}

/// The table, and its number, that a key in the metadata means.
pub(super) fn table_of<'m>(
    model: &'m Model,
    arguments: &[Argument],
) -> ApiResult<(usize, &'m Table)> {
    let by_name = named(arguments, "LogicalName");
    let found = model
        .tables()
        .iter()
        .enumerate()
        .find(|(_, table)| match &by_name {
            Some(name) => table.name() == name,
            None => is_id(arguments, table_id(table.name())),
        });
    found.ok_or_else(|| {
        let asked = by_name.unwrap_or_else(|| arguments.first().map_or("", |one| &one.text).into());
        ApiError::new(
            axum::http::StatusCode::NOT_FOUND,
            "0x80060888",
            format!("Could not find an entity with name {asked}."),
        )
    })
}

/// The column that a key in the metadata means.
pub(super) fn column_of<'m>(table: &'m Table, arguments: &[Argument]) -> ApiResult<&'m Column> {
    let by_name = named(arguments, "LogicalName");
    let found = table.schema.columns.iter().find(|column| match &by_name {
        Some(name) => column.name == *name,
        None => is_id(arguments, attribute_id(table, column)),
    });
    found.ok_or_else(|| {
        let asked = by_name.unwrap_or_else(|| arguments.first().map_or("", |one| &one.text).into());
        no_attribute(&asked, table)
    })
}

/// The alternate key that a key in the metadata means.
pub(super) fn key_of<'m>(table: &'m Table, arguments: &[Argument]) -> ApiResult<&'m AlternateKey> {
    let by_name = named(arguments, "LogicalName");
    let found = table.schema.keys.iter().find(|key| match &by_name {
        Some(name) => key.name == *name,
        None => is_id(arguments, key_id(table, key)),
    });
    found.ok_or_else(|| {
        ApiError::new(
            axum::http::StatusCode::NOT_FOUND,
            "0x80060888",
            format!("Could not find this key on entity {}.", table.name()),
        )
    })
}

fn is_id(arguments: &[Argument], id: uuid::Uuid) -> bool {
    let given = arguments.first().map(|one| one.text.as_str());
    given.is_some_and(|text| text.eq_ignore_ascii_case(&id.to_string()))
}

fn no_attribute(asked: &str, table: &Table) -> ApiError {
    ApiError::new(
        axum::http::StatusCode::NOT_FOUND,
        "0x80060888",
        format!(
            "Could not find an attribute with name {asked} on entity {}.",
            table.name()
        ),
    )
}

fn keys(table: &Table) -> Vec<Map<String, Json>> {
    table
        .schema
        .keys
        .iter()
        .map(|one| key(table, one))
        .collect()
}

/// A table's row as a request selects and expands it.
fn entity_row(
    model: &Model,
    table: &Table,
    row: Map<String, Json>,
    options: &Options,
) -> ApiResult<Map<String, Json>> {
    let mut shown = selected(row, options, "EntityMetadata")?;
    for item in &options.expand {
        let rows = match item.navigation.as_str() {
            "Keys" => keys(table),
            "ManyToOneRelationships" => many_to_one(model, table),
            "OneToManyRelationships" => one_to_many(model, table),
            "ManyToManyRelationships" => many_to_many(model, table),
            "Attributes" => table
                .schema
                .columns
                .iter()
                .map(|column| {
                    let mut row = attribute(table, column);
                    row.common.extend(row.own);
                    row.common
                })
                .collect(),
            other => return Err(no_property(other, "EntityMetadata")),
        };
        let mut kept = Vec::new();
        for row in rows {
            if wanted(&item.options, &row)? {
                kept.push(Json::Object(selected(
                    row,
                    &item.options,
                    &item.navigation,
                )?));
            }
        }
        shown.insert(item.navigation.clone(), Json::Array(kept));
    }
    Ok(shown)
}

/// `…/Attributes`, `…/Attributes(LogicalName='x')`, with a cast before or behind the key.
fn attributes(
    call: &Call,
    table: &Table,
    segment: &Segment,
    rest: &[Segment],
    about: &str,
) -> ApiResult<Reply> {
    let mut arguments = segment.arguments.clone();
    let mut cast = None;
    let mut rest = rest;
    if let Some((next, further)) = rest.split_first()
        && let Some(name) = next.name.strip_prefix(NAMESPACE)
    {
        cast = Some(name.to_owned());
        arguments = arguments.or_else(|| next.arguments.clone());
        rest = further;
    }
    let fits = |column: &Column| match cast.as_deref() {
        None | Some("AttributeMetadata") => true,
        Some("EnumAttributeMetadata") => {
            matches!(
                metadata_type(column).as_str(),
                "PicklistAttributeMetadata"
                    | "MultiSelectPicklistAttributeMetadata"
                    | "StateAttributeMetadata"
                    | "StatusAttributeMetadata"
            )
        }
        Some(name) => metadata_type(column) == name,
    };
    let about = match &cast {
        Some(cast) => format!("{about}/{NAMESPACE}{cast}"),
        None => about.to_owned(),
    };
    let Some(arguments) = arguments else {
        if let Some(segment) = rest.first() {
            return Err(ApiError::no_segment(&segment.name));
        }
        let mut rows = Vec::new();
        for column in table.schema.columns.iter().filter(|column| fits(column)) {
            let row = attribute_row(table, column, cast.as_deref(), &call.options)?;
            rows.extend(row);
        }
        return Ok(list(call, &about, rows));
    };
    let column = column_of(table, &arguments)?;
    if !fits(column) {
        return Err(no_attribute(&column.name, table));
    }
    match rest {
        [] => {
            let mut options = call.options.clone();
            options.filter = None;
            let row = attribute_row(table, column, cast.as_deref(), &options)?;
            Ok(single(
                call,
                &format!("{about}/$entity"),
                row.unwrap_or_default(),
            ))
        }
        [segment] if segment.name == "OptionSet" => {
            let set = option_set(table, column).ok_or_else(|| ApiError::no_segment("OptionSet"))?;
            Ok(single(
                call,
                &format!("{about}/OptionSet/$entity"),
                selected(set, &call.options, "OptionSet")?,
            ))
        }
        [segment] if segment.name == "GlobalOptionSet" => Ok(Reply::no_content()),
        [segment] => {
            let mut row = attribute(table, column);
            row.common.extend(row.own);
            let value = row.common.get(&segment.name);
            let value = value.ok_or_else(|| ApiError::no_segment(&segment.name))?;
            Ok(property(call, &format!("{about}/{}", segment.name), value))
        }
        [segment, ..] => Err(ApiError::no_segment(&segment.name)),
    }
}

/// A column's row; nothing when the filter leaves it out.
fn attribute_row(
    table: &Table,
    column: &Column,
    cast: Option<&str>,
    options: &Options,
) -> ApiResult<Option<Map<String, Json>>> {
    let row = attribute(table, column);
    let mut whole = row.common;
    // Without a cast, a list may not select or filter by what only some of its rows have.
    let asks_own = options.select.is_some() || options.filter.is_some();
    if cast.is_some_and(|cast| cast != "AttributeMetadata") || !asks_own {
        whole.extend(row.own);
    }
    if !wanted(options, &whole)? {
        return Ok(None);
    }
    let mut shown = selected(whole, options, cast.unwrap_or("AttributeMetadata"))?;
    if cast.is_some() {
        shown.remove("@odata.type");
    }
    for item in &options.expand {
        let value = match item.navigation.as_str() {
            "OptionSet" => match option_set(table, column) {
                Some(set) => Json::Object(selected(set, &item.options, "OptionSet")?),
                None => Json::Null,
            },
            "GlobalOptionSet" => Json::Null,
            other => return Err(no_property(other, cast.unwrap_or("AttributeMetadata"))),
        };
        shown.insert(item.navigation.clone(), value);
    }
    Ok(Some(shown))
}

fn relationships(
    model: &Model,
    call: &Call,
    first: &Segment,
    rest: &[Segment],
) -> ApiResult<Reply> {
    let mut arguments = first.arguments.clone();
    let (mut with_lookups, mut with_links) = (true, true);
    if let Some(next) = rest.first() {
        match next.name.strip_prefix(NAMESPACE) {
            Some("OneToManyRelationshipMetadata") => with_links = false,
            Some("ManyToManyRelationshipMetadata") => with_lookups = false,
            _ => return Err(ApiError::no_segment(&next.name)),
        }
        arguments = arguments.or_else(|| next.arguments.clone());
    }
    let mut rows: Vec<Map<String, Json>> = Vec::new();
    if with_lookups {
        let tables = model.tables().iter();
        rows.extend(tables.flat_map(|table| many_to_one(model, table)));
    }
    if with_links {
        rows.extend(model.many_to_many().iter().map(many_to_many_row));
    }
    let Some(arguments) = arguments else {
        return list_of(call, "RelationshipDefinitions", rows);
    };
    let by_name = named(&arguments, "SchemaName");
    let by_id = arguments.first().map(|one| one.text.to_lowercase());
    rows.retain(|row| match &by_name {
        Some(name) => row["SchemaName"] == **name,
        None => by_id.as_deref() == row["MetadataId"].as_str(),
    });
    let row = rows.into_iter().next().ok_or_else(|| {
        ApiError::new(
            axum::http::StatusCode::NOT_FOUND,
            "0x80060888",
            "Could not find a relationship with this name.",
        )
    })?;
    let row = selected(row, &call.options, "RelationshipMetadataBase")?;
    Ok(single(call, "RelationshipDefinitions/$entity", row))
}

/// Every choice column's set, by the name `table_column`, and those that columns share.
fn option_sets(model: &Model, call: &Call, first: &Segment) -> ApiResult<Reply> {
    let mut sets: Vec<Map<String, Json>> = model
        .tables()
        .iter()
        .flat_map(|table| {
            table
                .schema
                .columns
                .iter()
                .map(move |column| (table, column))
        })
        .filter(|(_, column)| metadata_type(column) == "PicklistAttributeMetadata")
        .filter_map(|(table, column)| option_set(table, column))
        .collect();
    sets.extend(model.option_sets().iter().map(shared_set));
    let Some(arguments) = &first.arguments else {
        return list_of(call, "GlobalOptionSetDefinitions", sets);
    };
    let name = named(arguments, "Name");
    let id = arguments.first().map(|one| one.text.to_lowercase());
    sets.retain(|set| match &name {
        Some(name) => set["Name"] == **name,
        None => id.as_deref() == set["MetadataId"].as_str(),
    });
    let set = sets.into_iter().next().ok_or_else(|| {
        ApiError::new(
            axum::http::StatusCode::NOT_FOUND,
            "0x80060888",
            "Could not find an optionset with this name.",
        )
    })?;
    Ok(single(
        call,
        "GlobalOptionSetDefinitions/$entity",
        selected(set, &call.options, "OptionSet")?,
    ))
}

pub(super) fn named(arguments: &[Argument], name: &str) -> Option<String> {
    let found = arguments
        .iter()
        .find(|one| one.name.as_deref() == Some(name));
    found.map(|one| one.text.clone())
}

/// The rows that a request's filter keeps, each as it selects.
fn list_of(call: &Call, about: &str, rows: Vec<Map<String, Json>>) -> ApiResult<Reply> {
    let mut kept = Vec::new();
    for row in rows {
        if wanted(&call.options, &row)? {
            kept.push(selected(row, &call.options, about)?);
        }
    }
    Ok(list(call, about, kept))
}

fn list(call: &Call, about: &str, rows: Vec<Map<String, Json>>) -> Reply {
    let mut body = Map::new();
    let context = format!("{}/$metadata#{about}{}", call.root, chosen(&call.options));
    body.insert("@odata.context".into(), context.into());
    if call.options.count {
        body.insert("@odata.count".into(), rows.len().into());
    }
    let rows = rows.into_iter().map(Json::Object);
    let limit = call.options.top.unwrap_or(usize::MAX);
    body.insert("value".into(), rows.take(limit).collect());
    Reply::json(Json::Object(body))
}

fn single(call: &Call, about: &str, row: Map<String, Json>) -> Reply {
    let mut body = Map::new();
    let (set, suffix) = about
        .split_once("/$entity")
        .map_or((about, ""), |(set, _)| (set, "/$entity"));
    let context = format!(
        "{}/$metadata#{set}{}{suffix}",
        call.root,
        chosen(&call.options)
    );
    body.insert("@odata.context".into(), context.into());
    body.extend(row);
    Reply::json(Json::Object(body))
}

fn property(call: &Call, about: &str, value: &Json) -> Reply {
    Reply::json(json!({
        "@odata.context": format!("{}/$metadata#{about}", call.root),
        "value": value,
    }))
}

fn chosen(options: &Options) -> String {
    options
        .select
        .as_ref()
        .map_or_else(String::new, |names| format!("({})", names.join(",")))
}

/// The properties that `$select` names, with those that always come.
fn selected(row: Map<String, Json>, options: &Options, kind: &str) -> ApiResult<Map<String, Json>> {
    let Some(names) = &options.select else {
        return Ok(row);
    };
    let mut shown = Map::new();
    if let Some(value) = row.get("@odata.type") {
        shown.insert("@odata.type".into(), value.clone());
    }
    for name in names {
        let value = row.get(name).ok_or_else(|| no_property(name, kind))?;
        shown.insert(name.clone(), value.clone());
    }
    if let Some(value) = row.get("MetadataId") {
        shown.insert("MetadataId".into(), value.clone());
    }
    Ok(shown)
}

fn no_property(name: &str, kind: &str) -> ApiError {
    ApiError::malformed(format!(
        "Could not find a property named '{name}' on type '{NAMESPACE}{kind}'."
    ))
}

/// Whether a row satisfies the request's filter.
fn wanted(options: &Options, row: &Map<String, Json>) -> ApiResult<bool> {
    let Some(filter) = &options.filter else {
        return Ok(true);
    };
    let tree = parse(filter).map_err(|error| ApiError::malformed(error.to_string()))?;
    matches(&tree, &Row(row), &Collation::DATAVERSE)
        .map_err(|error| ApiError::malformed(error.to_string()))
}

/// A metadata row as expressions see it.
struct Row<'a>(&'a Map<String, Json>);

impl Properties for Row<'_> {
    fn get(&self, path: &str) -> Option<Literal> {
        let mut value = None;
        let mut fields = Some(self.0);
        for step in path.split('/') {
            value = fields?.get(step);
            fields = value.and_then(Json::as_object);
        }
        Some(match value? {
            Json::Bool(truth) => Literal::Bool(*truth),
            Json::Number(number) => Literal::parse(number.as_str()).ok()?,
            Json::String(text) => Literal::String(text.clone()),
            _ => Literal::Null,
        })
    }
}
