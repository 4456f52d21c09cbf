//! Tells registered endpoints about committed writes: data events and business events (protocol
//! reference B8).
//!
//! The road of an event: a committed [`Effect`] is put into the bounded queue of each endpoint that
//! wants it and the request is answered; a task of that endpoint builds the payload and posts it,
//! three more times at intervals of a second when the endpoint does not take it, then notes the
//! failure. A dead endpoint holds up only itself. Delivery may repeat and be late, as with the
//! service: a receiver reads the row again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::payload::{business_event, data_event};
use super::session::Effect;
use crate::schema::FinOpsSchema;

/// How many events may wait for one endpoint; what comes on top is noted as failed.
const QUEUE: usize = 50_000;
/// How often a delivery is tried again.
const RETRIES: u32 = 3;
/// How long an endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many failures are kept.
const KEPT_FAILURES: usize = 1000;
/// Control numbers of business events come after this one.
const FIRST_CONTROL_NUMBER: i64 = 5_637_144_576;

/// An endpoint that wants events.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A header sent along, for the endpoint to know its caller: name and value. Never shown.
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

/// One committed write with what is known about it.
pub(super) struct Event {
    pub(super) effect: Effect,
    pub(super) client: String,
    pub(super) at: Timestamp,
}

/// What waits to be posted.
enum Waiting {
    /// A committed write.
    Write(Arc<Event>),
    /// The test event of a new endpoint.
    Test(Json),
}

/// An endpoint with the queue towards it.
struct Line {
    endpoint: Endpoint,
    queue: mpsc::Sender<Waiting>,
    /// The end of the queue, until a task takes it.
    waiting: Option<mpsc::Receiver<Waiting>>,
}

/// Where tasks run and how they post.
#[derive(Clone)]
struct Courier {
    runtime: Handle,
    http: reqwest::Client,
}

#[derive(Default)]
struct State {
    lines: Vec<Line>,
    courier: Option<Courier>,
    delivered: u64,
    failed: u64,
    failures: VecDeque<Failure>,
    control_number: i64,
}

/// The registered endpoints. Cloning is cheap and shares them.
#[derive(Clone)]
pub(super) struct Events {
    state: Arc<Mutex<State>>,
    schema: Arc<FinOpsSchema>,
    /// The pause before each retry.
    pause: Duration,
}

impl Endpoint {
    fn wants(&self, collection: &str) -> bool {
        self.entities.is_empty() || self.entities.iter().any(|wanted| wanted == collection)
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("url", &self.url)
            .field("kind", &self.kind)
            .field("entities", &self.entities)
            .finish_non_exhaustive()
    }
}

impl Events {
    /// Nothing is posted before [`Events::start`]; until then events wait.
    pub(super) fn new(
        endpoints: Vec<Endpoint>,
        schema: Arc<FinOpsSchema>,
        pause: Duration,
    ) -> Self {
        let state = State {
            control_number: FIRST_CONTROL_NUMBER,
            ..State::default()
        };
        let events = Self {
            state: Arc::new(Mutex::new(state)),
            schema,
            pause,
        };
        for endpoint in endpoints {
            events.register(endpoint, None);
        }
        events
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Posts what waits and what comes, in tasks of this runtime.
    pub(super) fn start(&self, runtime: Handle, http: reqwest::Client) {
        self.with(|state| {
            let courier = Courier { runtime, http };
            for line in &mut state.lines {
                self.deliver(line, &courier);
            }
            state.courier = Some(courier);
        });
    }

    /// Adds an endpoint, or replaces the one with the same address and kind; with a test event, that
    /// one is posted first.
    pub(super) fn register(&self, endpoint: Endpoint, test: Option<Json>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        if let Some(test) = test {
            // An empty queue takes it.
            let _ = queue.try_send(Waiting::Test(test));
        }
        self.with(|state| {
            state.lines.retain(|known| {
                known.endpoint.url != endpoint.url || known.endpoint.kind != endpoint.kind
            });
            let mut line = Line {
                endpoint,
                queue,
                waiting: Some(waiting),
            };
            if let Some(courier) = &state.courier {
                self.deliver(&mut line, courier);
            }
            state.lines.push(line);
        });
    }

    /// Removes the endpoints with this address, or all; gives how many there were. What waits for
    /// them is still posted.
    pub(super) fn unregister(&self, url: Option<&str>) -> usize {
        self.with(|state| {
            let before = state.lines.len();
            state
                .lines
                .retain(|line| url.is_some_and(|url| line.endpoint.url != url));
            before - state.lines.len()
        })
    }

    /// Queues a committed write for all who want to know. Never waits.
    pub(super) fn publish(&self, effect: Effect, client: &str, at: Timestamp) {
        let queues: Vec<(String, mpsc::Sender<Waiting>)> = self.with(|state| {
            state
                .lines
                .iter()
                .filter(|line| line.endpoint.wants(&effect.collection))
                .map(|line| (line.endpoint.url.clone(), line.queue.clone()))
                .collect()
        });
        if queues.is_empty() {
            return;
        }
        let event = Arc::new(Event {
            effect,
            client: client.to_owned(),
            at,
        });
        for (url, queue) in queues {
            if queue.try_send(Waiting::Write(Arc::clone(&event))).is_err() {
                let reason = "too many events wait for the endpoint".to_owned();
                self.failed(&url, &event.effect.collection, reason);
            }
        }
    }

    /// Endpoints, deliveries and failures so far.
    pub(super) fn report(&self) -> Json {
        self.with(|state| {
            let endpoints: Vec<&Endpoint> = state.lines.iter().map(|line| &line.endpoint).collect();
            let waiting: usize = state
                .lines
                .iter()
                .map(|line| line.queue.max_capacity() - line.queue.capacity())
                .sum();
            json!({
                "endpoints": endpoints,
                "waiting": waiting,
                "delivered": state.delivered,
                "failed": state.failed,
                "failures": state.failures,
            })
        })
    }

    /// Starts the task of an endpoint; it ends when the endpoint is gone and its queue is empty.
    fn deliver(&self, line: &mut Line, courier: &Courier) {
        let Some(mut waiting) = line.waiting.take() else {
            return;
        };
        // The task must not keep the state alive, which holds the queue's other end.
        let state = Arc::downgrade(&self.state);
        let (schema, pause) = (Arc::clone(&self.schema), self.pause);
        let (endpoint, http) = (line.endpoint.clone(), courier.http.clone());
        courier.runtime.spawn(async move {
            while let Some(next) = waiting.recv().await {
                let Some(state) = state.upgrade() else { return };
                let events = Self {
                    state,
                    schema: Arc::clone(&schema),
                    pause,
                };
                let (entity, payload) = match next {
                    Waiting::Test(payload) => (String::new(), payload),
                    Waiting::Write(event) => match events.payload(&endpoint, &event) {
                        Some(payload) => (event.effect.collection.clone(), payload),
                        None => continue,
                    },
                };
                match post(&http, &endpoint, &payload, pause).await {
                    Ok(()) => events.with(|state| state.delivered += 1),
                    Err(reason) => events.failed(&endpoint.url, &entity, reason),
                }
            }
        });
    }

    fn payload(&self, endpoint: &Endpoint, event: &Event) -> Option<Json> {
        let entity = self.schema.collection(&event.effect.collection)?;
        Some(match endpoint.kind {
            EventKind::Data => data_event(&self.schema, entity, event),
            EventKind::Business => {
                let number = self.with(|state| {
                    state.control_number += 1;
                    state.control_number
                });
                business_event(&self.schema, entity, event, number)
            }
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
