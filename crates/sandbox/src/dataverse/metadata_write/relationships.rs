//! Relationships between tables: one to many, with the lookup column that comes along, and many to
//! many, with the table between.

use axum::http::StatusCode;
use serde_json::{Map, Value as Json};

use super::{Plan, check_name, done, made, missing, taken, text, wrong_method};
use crate::dataverse::address::Segment;
use crate::dataverse::change::object;
use crate::dataverse::column_definition::{label_text, required_level};
use crate::dataverse::customization::Customization;
use crate::dataverse::definitions::relationship_id;
use crate::dataverse::errors::{ApiError, ApiResult};
use crate::dataverse::metadata::named;
use crate::dataverse::model::{Model, Table};
use crate::dataverse::session::Call;
use crate::schema::{
    Column, ColumnKind, LookupTarget, ManyToMany, ManyToManyEnd, OnDelete, OneToMany, RequiredLevel,
};

/// A write to `RelationshipDefinitions`.
pub(super) fn write(model: &Model, call: &Call, first: &Segment) -> ApiResult<Plan> {
    match (&first.arguments, call.method.as_str()) {
        (None, "POST") => {
            let body = object("RelationshipDefinitions", &call.body)?;
            let kind = body.get("@odata.type").and_then(Json::as_str);
            if kind.is_some_and(|kind| kind.ends_with("ManyToManyRelationshipMetadata")) {
                new_many_to_many(model, call, &body)
            } else {
                new_one_to_many(model, call, &body)
            }
        }
        (Some(arguments), method @ ("DELETE" | "PUT" | "PATCH")) => {
            let name = named(arguments, "SchemaName");
            let id = arguments.first().map(|one| one.text.to_lowercase());
            let meant = |known: &str| match &name {
                Some(name) => known == name,
                None => id.as_deref() == Some(&relationship_id(known).to_string()),
            };
            if let Some(known) = model.many_to_many().iter().find(|one| meant(&one.name)) {
                return match method {
                    "DELETE" => Ok(done(vec![Customization::DropManyToMany(
                        known.name.clone(),
                    )])),
                    _ => Ok(done(Vec::new())),
                };
            }
            let declared = &model.schema().one_to_many;
            let known = declared.iter().find(|one| meant(&one.name));
            let known = known.ok_or_else(|| {
                ApiError::new(
                    StatusCode::NOT_FOUND,
                    "0x80060888",
                    "Could not find a relationship with this name among those that can change.",
                )
            })?;
            if method == "DELETE" {
                return Ok(done(vec![
                    Customization::DropOneToMany(known.name.clone()),
                    Customization::DropColumn(known.table.clone(), known.column.clone()),
                ]));
            }
            let body = object("RelationshipDefinitions", &call.body)?;
            let changed = OneToMany {
                delete: on_delete(&body).unwrap_or(known.delete),
                ..known.clone()
            };
            Ok(done(vec![Customization::PutOneToMany(changed)]))
        }
        _ => Err(wrong_method(call)),
    }
}

fn on_delete(body: &Map<String, Json>) -> Option<OnDelete> {
    let word = body.get("CascadeConfiguration")?.get("Delete")?;
    serde_json::from_value(word.clone()).ok()
}

fn new_one_to_many(model: &Model, call: &Call, body: &Map<String, Json>) -> ApiResult<Plan> {
    let name = text(body, "SchemaName")?;
    let target = known_table(model, text(body, "ReferencedEntity")?)?;
    let table = known_table(model, text(body, "ReferencingEntity")?)?;
    let lookup = body.get("Lookup").and_then(Json::as_object);
    let lookup = lookup.ok_or_else(|| missing("Lookup"))?;
    let schema_name = text(lookup, "SchemaName")?;
    check_name(schema_name)?;
    if target.collection(name).is_some() || model.many_to_many().iter().any(|one| one.name == name)
    {
        return Err(taken("relationship", name));
    }
    let column_name = schema_name.to_lowercase();
    if table.column(&column_name).is_some() {
        return Err(taken("attribute", &column_name));
    }
    let navigation = body
        .get("ReferencingEntityNavigationPropertyName")
        .and_then(Json::as_str)
        .unwrap_or(schema_name);
    let column = Column {
        schema_name: Some(schema_name.to_owned()),
        label: lookup.get("DisplayName").and_then(label_text),
        required: required_level(lookup).unwrap_or(RequiredLevel::None),
        ..super::super::system_tables::column(
            &column_name,
            ColumnKind::Lookup {
                targets: vec![LookupTarget {
                    table: target.name().into(),
                    navigation: navigation.into(),
                }],
            },
        )
    };
    let relationship = OneToMany {
        name: name.into(),
        table: table.name().into(),
        column: column_name,
        target: target.name().into(),
        delete: on_delete(body).unwrap_or_default(),
    };
    let address = format!("RelationshipDefinitions({})", relationship_id(name));
    let changes = vec![
        Customization::PutColumn(table.name().into(), Box::new(column)),
        Customization::PutOneToMany(relationship),
    ];
    Ok(made(call, &address, changes))
}

fn new_many_to_many(model: &Model, call: &Call, body: &Map<String, Json>) -> ApiResult<Plan> {
    let name = text(body, "SchemaName")?;
    check_name(name)?;
    let first = known_table(model, text(body, "Entity1LogicalName")?)?;
    let second = known_table(model, text(body, "Entity2LogicalName")?)?;
    let intersect = body
        .get("IntersectEntityName")
        .and_then(Json::as_str)
        .map_or_else(|| name.to_lowercase(), str::to_lowercase);
    let known = model.table(&intersect).is_some()
        || first.collection(name).is_some()
        || second.collection(name).is_some();
    if known {
        return Err(taken("relationship", name));
    }
    let same = first.name() == second.name();
    let end = |table: &Table, property: &str, suffix: &str| ManyToManyEnd {
        table: table.name().into(),
        navigation: body
            .get(property)
            .and_then(Json::as_str)
            .filter(|text| !text.is_empty())
            .map_or_else(
                // A table that is tied to itself needs two names.
                || {
                    if same {
                        format!("{name}_{suffix}")
                    } else {
                        name.into()
                    }
                },
                str::to_owned,
            ),
        column: if same {
            format!("{}{suffix}", table.id())
        } else {
            table.id().to_owned()
        },
    };
    let relationship = ManyToMany {
        name: name.into(),
        intersect,
        first: end(first, "Entity1NavigationPropertyName", "one"),
        second: end(second, "Entity2NavigationPropertyName", "two"),
    };
    let address = format!("RelationshipDefinitions({})", relationship_id(name));
    Ok(made(
        call,
        &address,
        vec![Customization::PutManyToMany(relationship)],
    ))
}

fn known_table<'m>(model: &'m Model, name: &str) -> ApiResult<&'m Table> {
    model.table(&name.to_lowercase()).ok_or_else(|| {
        ApiError::invalid_argument(format!("There is no entity with the name '{name}'."))
    })
}
