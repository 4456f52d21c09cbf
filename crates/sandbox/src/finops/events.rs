//! Tells registered endpoints about committed writes: data events and business events (protocol
//! reference B8).
//!
//! The road of an event: a committed [`Effect`] is put into a bounded queue and the request is
//! answered; a background task builds the payload of each interested endpoint and posts it, three
//! more times at intervals of a second when the endpoint does not take it, then notes the failure.
//! Delivery may repeat and be out of order, as with the service: a receiver reads the row again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::error::object;
use super::session::{Effect, Row};
use super::values;
use super::write::COMPANY;
use crate::counters::WriteKind;
use crate::rows::Value;
use crate::schema::{Entity, Field, FieldKind, FinOpsSchema};

/// How many events may wait to be posted; what comes on top is noted as failed.
const QUEUE: usize = 50_000;
/// How often a delivery is tried again.
const RETRIES: u32 = 3;
/// How long an endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many failures are kept.
const KEPT_FAILURES: usize = 1000;
/// The space that user ids are made in from client ids.
const USERS: Uuid = Uuid::from_u128(0x5f3c_9a52_1d0e_4f6b_9c3a_7f0e_6f4d_2b10);

/// An endpoint that wants events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Where events are posted.
    pub url: String,
    /// Which form they have.
    #[serde(default)]
    pub kind: EventKind,
    /// Collection names of the entities it wants; none for all.
    #[serde(default)]
    pub entities: Vec<String>,
    /// A header sent along, for the endpoint to know its caller: name and value.
    #[serde(default, skip_serializing)]
    pub header: Option<(String, String)>,
}

/// The form of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The row as an `Entity` inside a `RemoteExecutionContext`.
    #[default]
    Data,
    /// A flat object that names the event and the key.
    Business,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The endpoint.
    pub url: String,
    /// Collection name of the entity.
    pub entity: String,
    /// Why, in the words of the last try.
    pub reason: String,
}

#[derive(Debug, Default)]
struct State {
    endpoints: Vec<Endpoint>,
    delivered: u64,
    failed: u64,
    failures: VecDeque<Failure>,
    control_number: i64,
}

/// One committed write with what is known about it.
struct Event {
    effect: Effect,
    client: String,
    at: Timestamp,
}

/// What waits to be posted.
enum Waiting {
    /// A committed write, for all who want it.
    Write(Box<Event>),
    /// The test event of a new endpoint.
    Test(Endpoint, Json),
}

/// The registered endpoints and the queue towards them. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Events {
    state: Arc<Mutex<State>>,
    queue: mpsc::Sender<Waiting>,
}

/// The end of the queue, to be run by a task.
pub(super) struct Delivery {
    events: Events,
    waiting: mpsc::Receiver<Waiting>,
    schema: Arc<FinOpsSchema>,
    /// The pause before each retry.
    pause: Duration,
}

impl Events {
    /// A queue and its end.
    pub(super) fn new(
        endpoints: Vec<Endpoint>,
        schema: Arc<FinOpsSchema>,
        pause: Duration,
    ) -> (Self, Delivery) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let state = State {
            endpoints,
            control_number: 5_637_144_576,
            ..State::default()
        };
        let events = Self {
            state: Arc::new(Mutex::new(state)),
            queue,
        };
        (
            events.clone(),
            Delivery {
                events,
                waiting,
                schema,
                pause,
            },
        )
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Queues a committed write if somebody wants to know. Never waits.
    pub(super) fn publish(&self, effect: Effect, client: &str, at: Timestamp) {
        if !self.with(|state| state.endpoints.iter().any(|e| e.wants(&effect.collection))) {
            return;
        }
        let entity = effect.collection.clone();
        let event = Event {
            effect,
            client: client.to_owned(),
            at,
        };
        if self
            .queue
            .try_send(Waiting::Write(Box::new(event)))
            .is_err()
        {
            self.failed("", &entity, "the queue of events is full".to_owned());
        }
    }

    /// Queues the test event of a new endpoint.
    pub(super) fn test(&self, endpoint: Endpoint, payload: Json) {
        let url = endpoint.url.clone();
        if self
            .queue
            .try_send(Waiting::Test(endpoint, payload))
            .is_err()
        {
            self.failed(&url, "", "the queue of events is full".to_owned());
        }
    }

    /// Adds an endpoint.
    pub(super) fn register(&self, endpoint: Endpoint) {
        self.with(|state| state.endpoints.push(endpoint));
    }

    /// Removes the endpoints with this address, or all; gives how many there were.
    pub(super) fn unregister(&self, url: Option<&str>) -> usize {
        self.with(|state| {
            let before = state.endpoints.len();
            state
                .endpoints
                .retain(|endpoint| url.is_some_and(|url| endpoint.url != url));
            before - state.endpoints.len()
        })
    }

    /// Endpoints, deliveries and failures so far.
    pub(super) fn report(&self) -> Json {
        self.with(|state| {
            json!({
                "endpoints": state.endpoints,
                "delivered": state.delivered,
                "failed": state.failed,
                "failures": state.failures,
            })
        })
    }

    fn failed(&self, url: &str, entity: &str, reason: String) {
        tracing::error!(url, entity, reason, "an event could not be delivered");
        self.with(|state| {
            state.failed += 1;
            if state.failures.len() == KEPT_FAILURES {
                state.failures.pop_front();
            }
            state.failures.push_back(Failure {
                url: url.to_owned(),
                entity: entity.to_owned(),
                reason,
            });
        });
    }
}

impl Endpoint {
    fn wants(&self, collection: &str) -> bool {
        self.entities.is_empty() || self.entities.iter().any(|wanted| wanted == collection)
    }
}

impl Delivery {
    /// Posts events until every sender of the queue is gone.
    pub(super) async fn run(mut self, http: reqwest::Client) {
        // The queue ends when all its senders are gone: this one must not keep it open.
        let (unused, _) = mpsc::channel(1);
        self.events.queue = unused;
        while let Some(waiting) = self.waiting.recv().await {
            let event = match waiting {
                Waiting::Write(event) => event,
                Waiting::Test(endpoint, payload) => {
                    self.deliver(&http, &endpoint, "", &payload).await;
                    continue;
                }
            };
            let interested: Vec<Endpoint> = self.events.with(|state| {
                state
                    .endpoints
                    .iter()
                    .filter(|endpoint| endpoint.wants(&event.effect.collection))
                    .cloned()
                    .collect()
            });
            let Some(entity) = self.schema.collection(&event.effect.collection) else {
                continue;
            };
            for endpoint in interested {
                let payload = match endpoint.kind {
                    EventKind::Data => data_event(&self.schema, entity, &event),
                    EventKind::Business => {
                        let number = self.events.with(|state| {
                            state.control_number += 1;
                            state.control_number
                        });
                        business_event(&self.schema, entity, &event, number)
                    }
                };
                self.deliver(&http, &endpoint, &entity.collection, &payload)
                    .await;
            }
        }
    }

    async fn deliver(
        &self,
        http: &reqwest::Client,
        endpoint: &Endpoint,
        entity: &str,
        payload: &Json,
    ) {
        match post(http, endpoint, payload, self.pause).await {
            Ok(()) => self.events.with(|state| state.delivered += 1),
            Err(reason) => self.events.failed(&endpoint.url, entity, reason),
        }
    }
}

async fn post(
    http: &reqwest::Client,
    endpoint: &Endpoint,
    payload: &Json,
    pause: Duration,
) -> Result<(), String> {
    let mut reason = String::new();
    for attempt in 0..=RETRIES {
        if attempt > 0 {
            tokio::time::sleep(pause).await;
        }
        let mut request = http.post(&endpoint.url).timeout(PATIENCE).json(payload);
        if let Some((name, value)) = &endpoint.header {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => reason = format!("the endpoint answered {}", answer.status()),
            Err(error) => reason = format!("the endpoint cannot be reached: {error}"),
        }
    }
    Err(reason)
}

/// The id of the user that a client is mapped to: the same client always has the same.
pub(super) fn user_id(client: &str) -> Uuid {
    Uuid::new_v5(&USERS, client.as_bytes())
}

/// The payload of a data event: a `RemoteExecutionContext` about the virtual table of the entity.
fn data_event(schema: &FinOpsSchema, entity: &Entity, event: &Event) -> Json {
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
fn business_event(
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
