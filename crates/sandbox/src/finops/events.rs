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
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::payload::{business_event, data_event};
use super::session::Effect;
use crate::schema::FinOpsSchema;

/// How many events may wait to be posted; what comes on top is noted as failed.
const QUEUE: usize = 50_000;
/// How often a delivery is tried again.
const RETRIES: u32 = 3;
/// How long an endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many failures are kept.
const KEPT_FAILURES: usize = 1000;

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
pub(super) struct Event {
    pub(super) effect: Effect,
    pub(super) client: String,
    pub(super) at: Timestamp,
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
