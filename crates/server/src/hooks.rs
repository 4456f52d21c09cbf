//! Webhooks in: durable before they are answered, and only a hint to look.
//!
//! A system posts to `/hooks/left` or `/hooks/right` and presents the shared secret as query
//! parameter `code`, as Dataverse's web hooks do, or in the header `x-duet-hook-secret`. Nothing in
//! the body is taken as data.

use crate::service::Service;
use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use duet_engine::{Engine, EngineError, Sessions};
use duet_map::side::Side;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Most bytes of a webhook's body. Dataverse strips posts above 256 KB.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// The header that carries the shared secret.
pub const SECRET_HEADER: &str = "x-duet-hook-secret";

/// Who takes notices in.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Makes the notices of a body durable and returns how many there were.
    async fn notice(&self, side: Side, body: &[u8]) -> Result<usize, EngineError>;

    /// Somebody changed something in the store: look at once.
    fn wake(&self) {}
}

#[async_trait]
impl Notices for Engine {
    async fn notice(&self, side: Side, body: &[u8]) -> Result<usize, EngineError> {
        Self::notice(self, side, body).await
    }
}

#[async_trait]
impl Notices for Sessions {
    async fn notice(&self, side: Side, body: &[u8]) -> Result<usize, EngineError> {
        self.engine().notice(side, body).await
    }

    fn wake(&self) {
        Self::wake(self);
    }
}

/// The query of a webhook.
#[derive(Deserialize)]
pub(crate) struct HookQuery {
    code: Option<String>,
}

/// Answers a webhook: 202 once its notices are durable.
pub(crate) async fn take(
    State(service): State<Arc<Service>>,
    Path(side): Path<String>,
    Query(query): Query<HookQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(side) = side.parse::<Side>() else {
        return (StatusCode::NOT_FOUND, "hooks are left and right\n").into_response();
    };
    let presented = headers
        .get(SECRET_HEADER)
        .and_then(|value| value.to_str().ok())
        .or(query.code.as_deref());
    if !allowed(service.hook_secret.as_ref(), presented) {
        return (StatusCode::UNAUTHORIZED, "the shared secret does not fit\n").into_response();
    }
    match service.notices.notice(side, &body).await {
        Ok(count) => {
            tracing::debug!(%side, count, "took a webhook in");
            StatusCode::ACCEPTED.into_response()
        }
        Err(error @ EngineError::Store(_)) => {
            tracing::error!(%side, code = %error.code(), "a webhook could not be made durable");
            // Asks the sender to post it again.
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Err(error) => {
            tracing::warn!(%side, code = %error.code(), "a webhook's body does not read");
            (StatusCode::BAD_REQUEST, "the body does not read\n").into_response()
        }
    }
}

/// Whether the secret fits; compares without telling by its time how much of it does.
fn allowed(secret: Option<&SecretString>, presented: Option<&str>) -> bool {
    match (secret, presented) {
        (Some(secret), Some(presented)) => secret
            .expose_secret()
            .as_bytes()
            .ct_eq(presented.as_bytes())
            .into(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_in_without_the_secret() {
        let secret = SecretString::from("right");
        assert!(allowed(Some(&secret), Some("right")));
        assert!(!allowed(Some(&secret), Some("wrong")));
        assert!(!allowed(Some(&secret), None));
        assert!(!allowed(None, Some("")));
        assert!(!allowed(None, None));
    }
}
