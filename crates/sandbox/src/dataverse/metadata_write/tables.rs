//! Tables, their columns and their alternate keys: what a client may make, change and delete.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::{Plan, check_name, done, made, missing, taken, text, wrong_method};
use crate::dataverse::address::Segment;
use crate::dataverse::change::object;
use crate::dataverse::column_definition::{self, label_text};
use crate::dataverse::customization::Customization;
use crate::dataverse::definitions::{attribute_id, key_id, table_id};
use crate::dataverse::errors::{ApiError, ApiResult};
use crate::dataverse::files;
use crate::dataverse::metadata::{NAMESPACE, column_of, key_of, table_of};
use crate::dataverse::model::{Model, Table};
use crate::dataverse::session::{Call, Reply};
use crate::dataverse::system_tables;
use crate::schema::{AlternateKey, Column, ColumnKind, Table as SchemaTable, TableOrigin};

/// The action `CreateEntities`: several tables in one request.
pub(super) fn create(model: &Model, call: &Call) -> ApiResult<Plan> {
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

/// A write to `EntityDefinitions`, or to what stands below one.
pub(super) fn write(
    model: &Model,
    call: &Call,
    first: &Segment,
    rest: &[Segment],
) -> ApiResult<Plan> {
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
            ..system_tables::column(
                &files::name_column(&column.name),
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
        changes.push(drop(files::name_column(&column.name)));
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
            let file_name = files::name_column(&column.name);
            columns.push(Column {
                read_only: true,
                schema_name: Some(file_name.clone()),
                ..system_tables::column(&file_name, ColumnKind::String { max_length: 200 })
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
