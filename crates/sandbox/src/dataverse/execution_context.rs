//! The `RemoteExecutionContext` that a webhook is sent (protocol reference A15).

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::model::{Model, Table, target_column};
use super::organisation::{BUSINESS_UNIT, ORGANIZATION};
use super::session::{Actor, Effect, Row};
use super::value;
use super::webhooks::{Image, Step, message, plain};
use crate::counters::WriteKind;
use crate::rows::Value;
use crate::schema::{Column, ColumnKind, DateBehavior};

/// Above this size, in bytes, the payload loses its parameters and images.
const LARGEST: usize = 256 * 1024;

/// A webhook's payload.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    pub(super) body: String,
    pub(super) table: String,
    pub(super) message: &'static str,
    pub(super) correlation: String,
    /// Whether something was left out for its size.
    pub(super) cut: bool,
}

/// What is the same for all writes of one request.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) model: &'a Model,
    pub(super) actor: &'a Actor,
    pub(super) organization: &'a str,
    pub(super) now: Timestamp,
    pub(super) correlation: Uuid,
}

/// The payload for one step about one write.
pub(super) fn payload(request: &Request<'_>, effect: &Effect, step: &Step) -> Option<Payload> {
    let table = request.model.table(&effect.table)?;
    let name = message(effect.kind);
    let mut context = json!({
        "BusinessUnitId": BUSINESS_UNIT,
        "CorrelationId": request.correlation,
        "Depth": 1,
        "InitiatingUserAzureActiveDirectoryObjectId": Uuid::nil(),
        "InitiatingUserId": request.actor.on_behalf_by.as_ref().unwrap_or(&request.actor.user),
        "InputParameters": [{"key": "Target", "value": target(table, effect)}],
        "IsExecutingOffline": false,
        "IsInTransaction": step.synchronous,
        "IsOfflinePlayback": false,
        "IsolationMode": 1,
        "MessageName": name,
        "Mode": i32::from(!step.synchronous),
        "OperationCreatedOn": date(request.now),
        "OperationId": Uuid::new_v4(),
        "OrganizationId": ORGANIZATION,
        "OrganizationName": request.organization,
        "OutputParameters": [],
        "OwningExtension": {
            "Id": step.id,
            "KeyAttributes": [],
            "LogicalName": "sdkmessageprocessingstep",
            "Name": step.name,
            "RowVersion": null,
        },
        "ParentContext": null,
        "PostEntityImages": images(table, step, effect.after.as_ref(), |image| image.after),
        "PreEntityImages": images(table, step, effect.before.as_ref(), |image| image.before),
        "PrimaryEntityId": effect.id,
        "PrimaryEntityName": table.name(),
        "RequestId": null,
        "SecondaryEntityName": "none",
        "SharedVariables": [],
        "Stage": step.stage,
        "UserAzureActiveDirectoryObjectId": Uuid::nil(),
        "UserId": request.actor.user,
    });
    if effect.kind == WriteKind::Create {
        context["OutputParameters"] = json!([{"key": "id", "value": effect.id}]);
    }
    if let Some(tag) = &effect.tag {
        context["SharedVariables"] = json!([{"key": "tag", "value": tag}]);
    }
    let mut body = context.to_string();
    let cut = body.len() > LARGEST;
    if cut {
        for part in [
            "ParentContext",
            "InputParameters",
            "PreEntityImages",
            "PostEntityImages",
        ] {
            if let Some(fields) = context.as_object_mut() {
                fields.remove(part);
            }
        }
        body = context.to_string();
    }
    Some(Payload {
        body,
        table: table.name().to_owned(),
        message: name,
        correlation: request.correlation.to_string(),
        cut,
    })
}

/// The row of a create or update with its written columns, the reference of a delete.
fn target(table: &Table, effect: &Effect) -> Json {
    if effect.kind == WriteKind::Delete {
        return reference(table.name(), &effect.id);
    }
    let written = |name: &str| {
        let found = effect.written.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    };
    let mut attributes = Vec::new();
    for (name, value) in plain(&effect.written) {
        let Some(column) = table.column(name) else {
            continue;
        };
        // The version is no attribute of the message; empty columns of a new row are not sent.
        let unset = effect.kind == WriteKind::Create && *value == Value::Null;
        if name == super::model::VERSION || unset {
            continue;
        }
        let points_to = match written(&target_column(name)) {
            Some(Value::Text(table)) => Some(table.as_str()),
            _ => None,
        };
        attributes.push(json!({"key": name, "value": shown(column, value, points_to)}));
    }
    if written(table.id()).is_none() {
        attributes.push(json!({"key": table.id(), "value": effect.id}));
    }
    let mut entity = entity(table, &effect.id, &attributes);
    entity["__type"] = "Entity:http://schemas.microsoft.com/xrm/2011/Contracts".into();
    entity
}

fn entity(table: &Table, id: &str, attributes: &[Json]) -> Json {
    json!({
        "Attributes": attributes,
        "EntityState": null,
        "FormattedValues": [],
        "Id": id,
        "KeyAttributes": [],
        "LogicalName": table.name(),
        "RelatedEntities": [],
        "RowVersion": null,
    })
}

fn images(
    table: &Table,
    step: &Step,
    row: Option<&Row>,
    wanted: impl Fn(&Image) -> bool,
) -> Vec<Json> {
    let Some(row) = row else { return Vec::new() };
    step.images
        .iter()
        .filter(|image| wanted(image))
        .map(|image| {
            let columns = table.schema.columns.iter().filter(|column| {
                image.attributes.is_empty()
                    || column.name == table.id()
                    || image.attributes.contains(&column.name)
            });
            let attributes: Vec<Json> = columns
                .filter(|column| *row.get(&column.name) != Value::Null)
                .map(|column| {
                    let points_to = row.text(&target_column(&column.name));
                    let value = shown(column, row.get(&column.name), points_to);
                    json!({"key": column.name, "value": value})
                })
                .collect();
            let id = row.text(table.id()).unwrap_or_default();
            json!({"key": image.alias, "value": entity(table, id, &attributes)})
        })
        .collect()
}

fn shown(column: &Column, stored: &Value, points_to: Option<&str>) -> Json {
    let typed = |kind: &str, value: Json| {
        json!({
            "__type": format!("{kind}:http://schemas.microsoft.com/xrm/2011/Contracts"),
            "Value": value,
        })
    };
    match (&column.kind, stored) {
        (_, Value::Null) => Json::Null,
        (ColumnKind::Picklist { .. } | ColumnKind::State { .. } | ColumnKind::Status { .. }, _) => {
            typed("OptionSetValue", value::to_json(column, stored))
        }
        (ColumnKind::MultiSelect { .. }, Value::Text(text)) => {
            let numbers = value::several(text).unwrap_or_default();
            let kind = "OptionSetValue:http://schemas.microsoft.com/xrm/2011/Contracts";
            numbers
                .iter()
                .map(|number| json!({"__type": kind, "Value": number}))
                .collect()
        }
        (ColumnKind::Money { .. }, _) => typed("Money", value::to_json(column, stored)),
        (ColumnKind::DateTime { behavior }, Value::Text(text)) => {
            let time = match behavior {
                DateBehavior::DateOnly => value::instant(&format!("{text}T00:00:00Z")),
                _ => value::instant(text),
            };
            time.map_or(Json::Null, |time| date(time).into())
        }
        (ColumnKind::Lookup { .. }, Value::Text(id)) => {
            reference(points_to.unwrap_or_default(), id)
        }
        _ => value::to_json(column, stored),
    }
}

fn reference(table: &str, id: &str) -> Json {
    json!({
        "__type": "EntityReference:http://schemas.microsoft.com/xrm/2011/Contracts",
        "Id": id,
        "KeyAttributes": [],
        "LogicalName": table,
        "Name": null,
        "RowVersion": null,
    })
}

fn date(time: Timestamp) -> String {
    format!("/Date({})/", time.as_millisecond())
}
