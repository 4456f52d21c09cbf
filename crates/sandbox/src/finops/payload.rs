//! What events say: `RemoteExecutionContext` of data events, flat objects of business events
//! (protocol reference B8).

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::error::object;
use super::events::Event;
use super::session::Row;
use super::values;
use super::write::COMPANY;
use crate::counters::WriteKind;
use crate::rows::Value;
use crate::schema::{Entity, Field, FieldKind, FinOpsSchema};

/// The space that user ids are made in from client ids.
const USERS: Uuid = Uuid::from_u128(0x5f3c_9a52_1d0e_4f6b_9c3a_7f0e_6f4d_2b10);

/// The id of the user that a client is mapped to: the same client always has the same.
fn user_id(client: &str) -> Uuid {
    Uuid::new_v5(&USERS, client.as_bytes())
}

/// The payload of a data event: a `RemoteExecutionContext` about the virtual table of the entity.
pub(super) fn data_event(schema: &FinOpsSchema, entity: &Entity, event: &Event) -> Json {
    let effect = &event.effect;
    let message = match effect.kind {
        WriteKind::Create => "OnExternalCreated",
        WriteKind::Update => "OnExternalUpdated",
        WriteKind::Delete => "OnExternalDeleted",
    };
    let table = virtual_name(object(entity));
    let row = effect.after.as_ref().or(effect.before.as_ref());
    let id = row.map_or(0, |row| row.rec_id);
    // Virtual rows are named after the table and the record.
    let row_id = Uuid::from_u64_pair(0x0000_2caa_0000_0000, u64::try_from(id).unwrap_or(0));
    let target = match (&effect.before, &effect.after) {
        (None, Some(after)) => attributes(schema, entity, after, |_| true),
        (Some(before), Some(after)) => attributes(schema, entity, after, |field| {
            entity.is_key(&field.name)
                || before.value(entity, &field.name) != after.value(entity, &field.name)
        }),
        (Some(before), None) => {
            attributes(schema, entity, before, |field| entity.is_key(&field.name))
        }
        (None, None) => Vec::new(),
    };
    let pre_image: Vec<Json> = effect
        .before
        .iter()
        .map(|before| {
            json!({"key": "PreImage", "value": entity_body(
                &table, row_id, attributes(schema, entity, before, |_| true))})
        })
        .collect();
    let mut target = entity_body(&table, row_id, target);
    target.insert(
        "__type".to_owned(),
        json!("Entity:http://schemas.microsoft.com/xrm/2011/Contracts"),
    );
    let user = user_id(&event.client);
    json!({
        "BusinessUnitId": Uuid::nil(),
        "CorrelationId": Uuid::new_v4(),
        "Depth": 1,
        "InitiatingUserId": user,
        "InitiatingUserAzureActiveDirectoryObjectId": user,
        "InputParameters": [{"key": "Target", "value": target}],
        "IsExecutingOffline": false,
        "IsInTransaction": false,
        "IsOfflinePlayback": false,
        "IsolationMode": 1,
        "MessageName": message,
        "Mode": 1,
        "OperationCreatedOn": wcf_date(event.at),
        "OperationId": Uuid::new_v4(),
        "OrganizationId": Uuid::nil(),
        "OrganizationName": "sandbox",
        "OutputParameters": [],
        "OwningExtension": null,
        "ParentContext": null,
        "PostEntityImages": [],
        "PreEntityImages": pre_image,
        "PrimaryEntityId": row_id,
        "PrimaryEntityName": table,
        "RequestId": null,
        "SecondaryEntityName": "none",
        "SharedVariables": [],
        "Stage": 40,
        "UserId": user,
    })
}

fn entity_body(table: &str, id: Uuid, attributes: Vec<Json>) -> Map<String, Json> {
    let mut body = Map::new();
    body.insert("Attributes".to_owned(), Json::Array(attributes));
    body.insert("EntityState".to_owned(), Json::Null);
    body.insert("FormattedValues".to_owned(), json!([]));
    body.insert("Id".to_owned(), json!(id));
    body.insert("KeyAttributes".to_owned(), json!([]));
    body.insert("LogicalName".to_owned(), json!(table));
    body.insert("RelatedEntities".to_owned(), json!([]));
    body.insert("RowVersion".to_owned(), Json::Null);
    body
}

/// The attributes of a row; empty dates are left out, as the service does.
fn attributes(
    schema: &FinOpsSchema,
    entity: &Entity,
    row: &Row,
    wanted: impl Fn(&Field) -> bool,
) -> Vec<Json> {
    entity
        .fields
        .iter()
        .zip(&row.values)
        .filter(|(field, _)| wanted(field))
        .filter(|(field, value)| {
            !(matches!(field.kind, FieldKind::Date | FieldKind::UtcDateTime)
                && values::is_empty(schema, &field.kind, value))
        })
        .map(|(field, value)| {
            json!({"key": virtual_name(&field.name), "value": attribute(schema, field, value)})
        })
        .collect()
}

fn attribute(schema: &FinOpsSchema, field: &Field, value: &Value) -> Json {
    match (&field.kind, value) {
        (FieldKind::Enum { name }, Value::Text(symbol)) => {
            let number = schema
                .enum_type(name)
                .and_then(|known| known.member(symbol))
                .map_or(0, |member| member.value);
            json!({
                "__type": "OptionSetValue:http://schemas.microsoft.com/xrm/2011/Contracts",
                "Value": number,
            })
        }
        (FieldKind::Date | FieldKind::UtcDateTime, Value::Text(text)) => text
            .parse()
            .map_or(Json::Null, |moment| json!(wcf_date(moment))),
        _ => values::write(schema, field, value),
    }
}

/// The payload of a business event: flat, with the key fields as its contract.
pub(super) fn business_event(
    schema: &FinOpsSchema,
    entity: &Entity,
    event: &Event,
    control_number: i64,
) -> Json {
    let row = event.effect.after.as_ref().or(event.effect.before.as_ref());
    let company = row
        .and_then(|row| row.value(entity, COMPANY))
        .map_or(Json::Null, |value| match value {
            Value::Text(text) => json!(text),
            _ => Json::Null,
        });
    let verb = match event.effect.kind {
        WriteKind::Create => "Created",
        WriteKind::Update => "Changed",
        WriteKind::Delete => "Deleted",
    };
    let mut body = Map::new();
    let id = format!(
        "{}{verb}BusinessEvent",
        object(entity).trim_end_matches("Entity")
    );
    body.insert("BusinessEventId".to_owned(), json!(id));
    body.insert("BusinessEventLegalEntity".to_owned(), company.clone());
    body.insert("ContextRecordSubject".to_owned(), json!(""));
    body.insert("ControlNumber".to_owned(), json!(control_number));
    body.insert(
        "EventId".to_owned(),
        json!(Uuid::new_v4().to_string().to_uppercase()),
    );
    body.insert("EventTime".to_owned(), json!(wcf_date(event.at)));
    body.insert("EventTimeIso8601".to_owned(), json!(event.at.to_string()));
    body.insert(
        "InitiatingUserAADObjectId".to_owned(),
        json!(format!(
            "{{{}}}",
            user_id(&event.client).to_string().to_uppercase()
        )),
    );
    body.insert("MajorVersion".to_owned(), json!(0));
    body.insert("MinorVersion".to_owned(), json!(0));
    body.insert("ParentContextRecordSubjects".to_owned(), json!([]));
    body.insert("LegalEntity".to_owned(), company);
    body.insert("EntityName".to_owned(), json!(entity.collection));
    for (field, value) in entity
        .fields
        .iter()
        .zip(row.map(|row| row.values.as_slice()).unwrap_or_default())
    {
        if entity.is_key(&field.name) && field.name != COMPANY {
            body.insert(field.name.clone(), values::write(schema, field, value));
        }
    }
    Json::Object(body)
}

/// What a new endpoint for business events is sent first.
pub(super) fn test_event(at: Timestamp) -> Json {
    json!({
        "BusinessEventId": "BusinessEventsTestEndpointContract",
        "BusinessEventLegalEntity": "",
        "ContextRecordSubject": "",
        "ControlNumber": i64::MIN,
        "EventId": Uuid::new_v4().to_string().to_uppercase(),
        "EventTime": wcf_date(at),
        "EventTimeIso8601": at.to_string(),
        "MajorVersion": 0,
        "MinorVersion": 0,
        "ParentContextRecordSubjects": [],
    })
}

/// The name that virtual tables and their columns have in Dataverse.
fn virtual_name(name: &str) -> String {
    format!("mserp_{}", name.to_lowercase())
}

fn wcf_date(at: Timestamp) -> String {
    format!("/Date({})/", at.as_millisecond())
}
