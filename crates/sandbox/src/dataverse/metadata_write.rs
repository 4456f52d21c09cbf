//! Writes to the metadata: tables, columns, alternate keys, relationships and shared choices that
//! clients make, change and delete (protocol reference A12 and C, as far as integration clients go).
//!
//! The road: [`plan`] reads a request against the model as it is and tells the
//! [changes](Customization) it asks for and what it will be answered; the caller carries them out.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::address::Segment;
use super::change::object;
use super::column_definition::{self, label_text, required_level};
use super::customization::Customization;
use super::definitions::{attribute_id, key_id, relationship_id, set_id, table_id};
use super::errors::{ApiError, ApiResult};
use super::metadata::{NAMESPACE, column_of, key_of, named, table_of};
use super::model::{Model, Table};
use super::session::{Call, Reply};
use crate::schema::{
    AlternateKey, Column, ColumnKind, LookupTarget, ManyToMany, ManyToManyEnd, OnDelete, OneToMany,
    OptionSet, RequiredLevel, Table as SchemaTable, TableOrigin,
};

/// What a request changes, and its answer.
pub(super) struct Plan {
    pub(super) changes: Vec<Customization>,
    pub(super) reply: Reply,
}

/// Whether a request is a write to the metadata.
pub(super) fn is_write(call: &Call) -> bool {
    let Some(first) = call.segments.first() else {
        return false;
    };
    call.method != Method::GET
        && (super::metadata::is_metadata(&first.name) || first.name == "CreateEntities")
}

/// Reads a write to the metadata.
pub(super) fn plan(model: &Model, call: &Call) -> ApiResult<Plan> {
    let (Some(first), rest) = (call.segments.first(), &call.segments[1..]) else {
        return Err(ApiError::no_segment(""));
    };
    match first.name.as_str() {
        "CreateEntities" => create_entities(model, call),
        "EntityDefinitions" => entities(model, call, first, rest),
        "RelationshipDefinitions" => relationships(model, call, first),
        _ => option_sets(model, call, first),
    }
}

fn wrong_method(call: &Call) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "0x80060888",
        format!(
            "The requested resource does not support http method '{}'.",
            call.method
        ),
    )
}

fn made(call: &Call, address: &str, changes: Vec<Customization>) -> Plan {
    Plan {
        changes,
        reply: Reply::no_content()
            .with_header("OData-EntityId", format!("{}/{address}", call.root)),
    }
}

fn done(changes: Vec<Customization>) -> Plan {
    Plan {
        changes,
        reply: Reply::no_content(),
    }
}

fn create_entities(model: &Model, call: &Call) -> ApiResult<Plan> {
    let body = object("EntityDefinitions", &call.body)?;
    let Some(Json::Array(entities)) = body.get("Entities") else {
        return Err(missing("Entities"));
    };
    let mut changes = Vec::new();
    let mut ids = Vec::new();
    for entity in entities {
        let entity = entity.as_object().ok_or_else(|| missing("Entities"))?;
        let table = new_table(model, entity)?;
        ids.push(table_id(&table.logical_name));
        changes.push(Customization::PutTable(Box::new(table)));
    }
    let context = format!("{}/$metadata#{NAMESPACE}CreateEntitiesResponse", call.root);
    let reply = Reply::json(json!({"@odata.context": context, "EntityIds": ids}));
    Ok(Plan { changes, reply })
}

fn entities(model: &Model, call: &Call, first: &Segment, rest: &[Segment]) -> ApiResult<Plan> {
    let Some(arguments) = &first.arguments else {
        if call.method != Method::POST {
            return Err(wrong_method(call));
        }
        let table = new_table(model, &object("EntityDefinitions", &call.body)?)?;
        let address = format!("EntityDefinitions({})", table_id(&table.logical_name));
        let changes = vec![Customization::PutTable(Box::new(table))];
        return Ok(made(call, &address, changes));
    };
    let (_, table) = table_of(model, arguments)?;
    let Some((segment, further)) = rest.split_first() else {
        return match call.method.as_str() {
            "DELETE" => delete_table(table),
            "PUT" | "PATCH" => change_table(call, table),
            _ => Err(wrong_method(call)),
        };
    };
    // `Attributes(…)/Microsoft.Dynamics.CRM.StringAttributeMetadata` names the same column.
    let casts = further
        .iter()
        .all(|segment| segment.name.starts_with(NAMESPACE));
    if !casts {
        return Err(ApiError::no_segment(&further[0].name));
    }
    let address = |id: uuid::Uuid| {
        let parts: Vec<String> = arguments
            .iter()
            .map(|one| match &one.name {
                Some(name) => format!("{name}='{}'", one.text),
                None => one.text.clone(),
            })
            .collect();
        format!(
            "EntityDefinitions({})/{}({id})",
            parts.join(","),
            segment.name
        )
    };
    match (
        segment.name.as_str(),
        &segment.arguments,
        call.method.as_str(),
    ) {
        ("Attributes", None, "POST") => {
            let body = object("Attributes", &call.body)?;
            let column = column_definition::read(model, &body)?;
            if table.column(&column.name).is_some() {
                return Err(taken("attribute", &column.name));
            }
            let id = attribute_id(table, &column);
            let changes = column_changes(table, column, &body);
            Ok(made(call, &address(id), changes))
        }
        ("Attributes", Some(arguments), "PUT" | "PATCH") => {
            let column = column_of(table, arguments)?;
            let body = object("Attributes", &call.body)?;
            let column = column_definition::changed(column, &body)?;
            let changes = column_changes(table, column, &body);
            Ok(done(changes))
        }
        ("Attributes", Some(arguments), "DELETE") => {
            let column = column_of(table, arguments)?;
            delete_column(table, column)
        }
        ("Keys", None, "POST") => {
            let key = new_key(table, &object("Keys", &call.body)?)?;
            let id = key_id(table, &key);
            let changes = vec![Customization::PutKey(table.name().into(), key)];
            Ok(made(call, &address(id), changes))
        }
        ("Keys", Some(arguments), "DELETE") => {
            let key = key_of(table, arguments)?;
            Ok(done(vec![Customization::DropKey(
                table.name().into(),
                key.name.clone(),
            )]))
        }
        ("Attributes" | "Keys", ..) => Err(wrong_method(call)),
        (other, ..) => Err(ApiError::no_segment(other)),
    }
}

/// A column, and the name column that comes along with a file.
fn column_changes(table: &Table, column: Column, body: &Map<String, Json>) -> Vec<Customization> {
    let mut changes = Vec::new();
    if matches!(column.kind, ColumnKind::File { .. }) {
        let name = Column {
            read_only: true,
            schema_name: column
                .schema_name
                .as_ref()
                .map(|name| format!("{name}_Name")),
            ..super::system_tables::column(
                &super::files::name_column(&column.name),
                ColumnKind::String { max_length: 200 },
            )
        };
        changes.push(Customization::PutColumn(
            table.name().into(),
            Box::new(name),
        ));
    }
    if body.get("IsPrimaryName") == Some(&Json::Bool(true)) && table.schema.primary_name.is_none() {
        let table = SchemaTable {
            primary_name: Some(column.name.clone()),
            ..table.schema.clone()
        };
        changes.push(Customization::PutTable(Box::new(table)));
    }
    changes.push(Customization::PutColumn(
        table.name().into(),
        Box::new(column),
    ));
    changes
}

fn delete_table(table: &Table) -> ApiResult<Plan> {
    if table.schema.origin != TableOrigin::Custom {
        return Err(not_yours(&format!("The table {}", table.name())));
    }
    Ok(done(vec![Customization::DropTable(table.name().into())]))
}

fn delete_column(table: &Table, column: &Column) -> ApiResult<Plan> {
    let needed =
        column.schema_name.is_none() || table.schema.primary_name.as_deref() == Some(&column.name);
    if needed {
        return Err(not_yours(&format!(
            "The column {} of {}",
            column.name,
            table.name()
        )));
    }
    let drop = |name: String| Customization::DropColumn(table.name().into(), name);
    let mut changes = vec![drop(column.name.clone())];
    if matches!(column.kind, ColumnKind::File { .. }) {
        changes.push(drop(super::files::name_column(&column.name)));
    }
    Ok(done(changes))
}

fn not_yours(what: &str) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "0x80047007",
        format!("{what} cannot be deleted: it is part of the system."),
    )
}

fn change_table(call: &Call, table: &Table) -> ApiResult<Plan> {
    let body = object("EntityDefinitions", &call.body)?;
    let mut changed = table.schema.clone();
    if let Some(label) = body.get("DisplayName").and_then(label_text) {
        changed.label = Some(label);
    }
    if let Some(Json::Bool(tracked)) = body.get("ChangeTrackingEnabled") {
        if changed.change_tracking && !tracked {
            return Err(ApiError::invalid_argument(
                "Change tracking cannot be turned off once it is on.",
            ));
        }
        changed.change_tracking = *tracked;
    }
    Ok(done(vec![Customization::PutTable(Box::new(changed))]))
}

fn new_table(model: &Model, body: &Map<String, Json>) -> ApiResult<SchemaTable> {
    let schema_name = text(body, "SchemaName")?;
    let name = schema_name.to_lowercase();
    check_name(schema_name)?;
    if model.table(&name).is_some() {
        return Err(taken("entity", &name));
    }
    let mut columns = Vec::new();
    let mut primary_name = None;
    for attribute in body
        .get("Attributes")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        let attribute = attribute.as_object().ok_or_else(|| missing("Attributes"))?;
        let column = column_definition::read(model, attribute)?;
        if attribute.get("IsPrimaryName") == Some(&Json::Bool(true)) {
            primary_name = Some(column.name.clone());
        }
        if matches!(column.kind, ColumnKind::File { .. }) {
            let file_name = super::files::name_column(&column.name);
            columns.push(Column {
                read_only: true,
                schema_name: Some(file_name.clone()),
                ..super::system_tables::column(&file_name, ColumnKind::String { max_length: 200 })
            });
        }
        columns.push(column);
    }
    if primary_name.is_none() {
        return Err(ApiError::invalid_argument(
            "A new entity needs an attribute with IsPrimaryName in Attributes.",
        ));
    }
    let set = match body.get("EntitySetName").and_then(Json::as_str) {
        Some(set) => set.to_owned(),
        None => plural(&name),
    };
    if model.by_set(&set).is_some() {
        return Err(taken("entity set", &set));
    }
    Ok(SchemaTable {
        schema_name: schema_name.to_owned(),
        entity_set_name: set,
        primary_id: format!("{name}id"),
        primary_name,
        per_company: false,
        change_tracking: body.get("ChangeTrackingEnabled") == Some(&Json::Bool(true)),
        assumed: false,
        label: body.get("DisplayName").and_then(label_text),
        origin: TableOrigin::Custom,
        columns,
        keys: Vec::new(),
        logical_name: name,
    })
}

/// The entity set name of a table, as the service forms it.
fn plural(name: &str) -> String {
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if name.ends_with('y') && !ends(&["ay", "ey", "oy", "uy"]) {
        format!("{}ies", &name[..name.len() - 1])
    } else if ends(&["s", "x", "z", "ch", "sh"]) {
        format!("{name}es")
    } else {
        format!("{name}s")
    }
}

fn new_key(table: &Table, body: &Map<String, Json>) -> ApiResult<AlternateKey> {
    let name = text(body, "SchemaName")?.to_lowercase();
    let columns: Vec<String> = body
        .get("KeyAttributes")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::to_lowercase)
        .collect();
    if columns.is_empty() || columns.len() > 16 {
        return Err(ApiError::invalid_argument(
            "An alternate key has between 1 and 16 columns in KeyAttributes.",
        ));
    }
    for column in &columns {
        let known = table.column(column);
        let known = known.ok_or_else(|| ApiError::no_property(column, table.name()))?;
        let allowed = matches!(
            known.kind,
            ColumnKind::String { .. }
                | ColumnKind::Integer { .. }
                | ColumnKind::Decimal { .. }
                | ColumnKind::DateTime { .. }
                | ColumnKind::Lookup { .. }
                | ColumnKind::Picklist { .. }
        );
        if !allowed {
            return Err(ApiError::invalid_argument(format!(
                "The column '{column}' is of a type that no alternate key may have."
            )));
        }
    }
    if table.schema.keys.len() >= 10 {
        return Err(ApiError::invalid_argument(
            "A table has at most 10 alternate keys.",
        ));
    }
    if table.schema.keys.iter().any(|key| key.name == name) {
        return Err(taken("entity key", &name));
    }
    Ok(AlternateKey {
        name,
        columns,
        assumed: false,
    })
}

fn relationships(model: &Model, call: &Call, first: &Segment) -> ApiResult<Plan> {
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
        ..super::system_tables::column(
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

fn option_sets(model: &Model, call: &Call, first: &Segment) -> ApiResult<Plan> {
    let read = |body: &Map<String, Json>, name: String| OptionSet {
        label: body
            .get("DisplayName")
            .and_then(label_text)
            .unwrap_or_else(|| name.clone()),
        options: column_definition::options(body.get("Options")),
        name,
    };
    match (&first.arguments, call.method.as_str()) {
        (None, "POST") => {
            let body = object("GlobalOptionSetDefinitions", &call.body)?;
            let name = text(&body, "Name")?.to_owned();
            if model.option_sets().iter().any(|set| set.name == name) {
                return Err(taken("option set", &name));
            }
            let address = format!("GlobalOptionSetDefinitions({})", set_id(&name));
            let changes = vec![Customization::PutOptionSet(read(&body, name))];
            Ok(made(call, &address, changes))
        }
        (Some(arguments), method @ ("PUT" | "PATCH" | "DELETE")) => {
            let name = named(arguments, "Name");
            let id = arguments.first().map(|one| one.text.to_lowercase());
            let known = model.option_sets().iter().find(|set| match &name {
                Some(name) => set.name == *name,
                None => id.as_deref() == Some(&set_id(&set.name).to_string()),
            });
            let known = known.ok_or_else(|| {
                ApiError::new(
                    StatusCode::NOT_FOUND,
                    "0x80060888",
                    "Could not find a global option set with this name.",
                )
            })?;
            if method == "DELETE" {
                return Ok(done(vec![Customization::DropOptionSet(known.name.clone())]));
            }
            let body = object("GlobalOptionSetDefinitions", &call.body)?;
            let mut changed = read(&body, known.name.clone());
            if changed.options.is_empty() {
                changed.options.clone_from(&known.options);
            }
            Ok(done(vec![Customization::PutOptionSet(changed)]))
        }
        _ => Err(wrong_method(call)),
    }
}

fn known_table<'m>(model: &'m Model, name: &str) -> ApiResult<&'m Table> {
    model.table(&name.to_lowercase()).ok_or_else(|| {
        ApiError::invalid_argument(format!("There is no entity with the name '{name}'."))
    })
}

pub(super) fn text<'b>(body: &'b Map<String, Json>, name: &str) -> ApiResult<&'b str> {
    body.get(name)
        .and_then(Json::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| missing(name))
}

fn missing(name: &str) -> ApiError {
    ApiError::invalid_argument(format!("Required field '{name}' is missing."))
}

fn taken(what: &str, name: &str) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "0x80044363",
        format!("An {what} with the name {name} already exists."),
    )
}

/// Names of one's own carry a prefix, and are plain identifiers.
pub(super) fn check_name(name: &str) -> ApiResult<()> {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let prefixed = name
        .split_once('_')
        .is_some_and(|(prefix, rest)| !prefix.is_empty() && !rest.is_empty());
    if plain
        && prefixed
        && name.len() <= 100
        && !name.starts_with(|first: char| first.is_ascii_digit())
    {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::BAD_REQUEST,
        "0x8004f026",
        format!(
            "The name '{name}' must be letters, digits and underscores behind a publisher's prefix, \
             such as new_name."
        ),
    ))
}
