//! Posts webhook payloads: at once for a synchronous step, by a background task for all others
//! (protocol reference A15).
//!
//! Only 502, 503 and 504 are tried again, once. What cannot be delivered becomes a failed system
//! job, a row of `asyncoperation`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::execution_context::Payload;
use super::webhooks::{Endpoint, Step};

/// Deliveries at the same time.
const PARALLEL: usize = 8;

/// One payload on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) payload: Payload,
    pub(super) step: String,
    pub(super) endpoint: Endpoint,
}

impl Delivery {
    pub(super) fn new(payload: Payload, step: &Step) -> Self {
        Self {
            payload,
            step: step.name.clone(),
            endpoint: step.endpoint.clone(),
        }
    }
}

/// Why a payload did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    #[error("The webhook call failed because the endpoint answered {0}.")]
    Status(u16),
    #[error("The webhook call failed because the endpoint could not be reached: {0}")]
    Unreachable(String),
    #[error("The webhook call failed because the stand-in does not serve.")]
    Offline,
}

/// The way out of the stand-in.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    open: Mutex<Option<Open>>,
}

#[derive(Debug, Clone)]
struct Open {
    queue: UnboundedSender<Delivery>,
    http: reqwest::Client,
    runtime: Handle,
}

impl Outbox {
    /// Opens the outbox; gives what the background task will read. Call it inside a runtime.
    pub(super) fn open(
        &self,
        timeout: Duration,
    ) -> Result<(reqwest::Client, UnboundedReceiver<Delivery>), reqwest::Error> {
        // Fails when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(timeout)
            .build()?;
        let (queue, deliveries) = unbounded_channel();
        let open = Open {
            queue,
            http: http.clone(),
            runtime: Handle::current(),
        };
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
        Ok((http, deliveries))
    }

    fn current(&self) -> Option<Open> {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Hands a payload to the background task. Before the stand-in serves nobody listens.
    pub(super) fn send(&self, delivery: Delivery) {
        if let Some(open) = self.current()
            && open.queue.send(delivery).is_err()
        {
            tracing::warn!("a webhook payload was dropped: the stand-in is stopping");
        }
    }

    /// Posts a payload and waits for the answer. Call it on a blocking thread.
    pub(super) fn post_now(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        let open = self.current().ok_or(DeliveryError::Offline)?;
        open.runtime.block_on(deliver(&open.http, delivery))
    }
}

/// Delivers what comes until the queue is closed; `failed` hears of what did not arrive.
pub(super) async fn run(
    http: reqwest::Client,
    deliveries: UnboundedReceiver<Delivery>,
    failed: impl Fn(Delivery, DeliveryError),
) {
    let queue = futures::stream::unfold(deliveries, |mut deliveries| async {
        deliveries
            .recv()
            .await
            .map(|delivery| (delivery, deliveries))
    });
    queue
        .for_each_concurrent(PARALLEL, async |delivery| {
            if let Err(error) = deliver(&http, &delivery).await {
                failed(delivery, error);
            }
        })
        .await;
}

async fn deliver(http: &reqwest::Client, delivery: &Delivery) -> Result<(), DeliveryError> {
    match post(http, delivery).await {
        Err(DeliveryError::Status(502..=504)) => post(http, delivery).await,
        outcome => outcome,
    }
}

async fn post(http: &reqwest::Client, delivery: &Delivery) -> Result<(), DeliveryError> {
    let Delivery {
        payload, endpoint, ..
    } = delivery;
    // Errors of the client name the URL, which may hold a key: keep its kind only.
    let unreachable =
        |error: reqwest::Error| DeliveryError::Unreachable(error.without_url().to_string());
    let mut url: url::Url = endpoint
        .url
        .parse()
        .map_err(|_| DeliveryError::Unreachable("its URL is wrong".into()))?;
    if !endpoint.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&endpoint.query);
    }
    let mut request = http
        .post(url)
        .header("content-type", "application/json")
        .header("x-ms-dynamics-organization", "sandbox")
        .header("x-ms-dynamics-entity-name", &payload.table)
        .header("x-ms-dynamics-request-name", payload.message)
        .header("x-ms-correlation-request-id", &payload.correlation)
        .body(payload.body.clone());
    if payload.cut {
        request = request.header("x-ms-dynamics-msg-size-exceeded", "true");
    }
    for (name, value) in &endpoint.headers {
        request = request.header(name, value);
    }
    let answer = request.send().await.map_err(unreachable)?;
    let status = answer.status();
    if status.is_success() {
        Ok(())
    } else {
        Err(DeliveryError::Status(status.as_u16()))
    }
}
