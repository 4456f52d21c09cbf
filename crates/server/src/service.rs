//! The router, and how it is served until told to stop.

use crate::hooks::{self, Notices};
use crate::metrics;
use crate::readiness::{Reach, Readiness};
use crate::status::Status;
use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use duet_engine::Clock;
use duet_store::{Store, StoreError};
use secrecy::SecretString;
use serde_json::json;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the routes answer from.
pub struct Service {
    /// The store, for status and metrics.
    pub store: Arc<dyn Store>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Which side answers.
    pub reach: Reach,
    /// Who takes webhooks in.
    pub notices: Arc<dyn Notices>,
    /// What a webhook must present; without it webhooks are refused.
    pub hook_secret: Option<SecretString>,
}

/// All routes.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/api/status", get(status))
        .route("/api/wake", post(wake))
        .route("/metrics", get(prometheus))
        .route("/hooks/{side}", post(hooks::take))
        .layer(DefaultBodyLimit::max(hooks::BODY_LIMIT))
        .with_state(service)
}

/// Serves until `stop` turns true, then ends what is being answered.
pub async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    axum::serve(listener, router(service))
        .with_graceful_shutdown(async move {
            // An error means that nobody can say stop any more, which says it too.
            let _ = stop.wait_for(|stop| *stop).await;
        })
        .await
}

async fn health() -> Response {
    let body = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")});
    Json(body).into_response()
}

async fn ready(State(service): State<Arc<Service>>) -> Response {
    match service.status().await {
        Ok(status) => {
            let readiness = Readiness::judge(&service.reach, &status);
            let code = if readiness.ready {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            (code, Json(readiness)).into_response()
        }
        Err(error) => broken(&error),
    }
}

async fn status(State(service): State<Arc<Service>>) -> Response {
    match service.status().await {
        Ok(status) => Json(status).into_response(),
        Err(error) => broken(&error),
    }
}

/// Makes the engine look into its store at once. It carries no order and so needs no secret: whoever
/// gives orders writes them into the store.
async fn wake(State(service): State<Arc<Service>>) -> StatusCode {
    service.notices.wake();
    StatusCode::ACCEPTED
}

async fn prometheus(State(service): State<Arc<Service>>) -> Response {
    match service.status().await {
        Ok(status) => {
            let readiness = Readiness::judge(&service.reach, &status);
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            let page = metrics::page(&status, &readiness);
            ([(header::CONTENT_TYPE, kind)], page).into_response()
        }
        Err(error) => broken(&error),
    }
}

fn broken(error: &StoreError) -> Response {
    tracing::error!(code = %error.code(), "the store cannot be read");
    let body = json!({"code": error.code(), "message": error.to_string()});
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}

impl Service {
    async fn status(&self) -> Result<Status, StoreError> {
        Status::read(self.store.as_ref(), self.clock.now()).await
    }
}
