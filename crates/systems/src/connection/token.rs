//! Signing in: client credentials of Microsoft Entra (v2), kept until shortly before they expire.

use super::client::Broken;
use super::retry::{RetryPolicy, Step, Trouble, parse_retry_after};
use super::{Repeat, Settings};
use crate::codes;
use crate::error::{Class, SystemError};
use crate::timing::Timing;
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use reqwest::header::{HeaderValue, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use url::Url;

/// How long before its end a token is renewed, so that no request starts with a dying one.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// A bearer token.
pub(crate) struct Token {
    header: HeaderValue,
    renew_at: Timestamp,
}

impl Token {
    /// The value of the `Authorization` header, marked as sensitive.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

/// Issues tokens and keeps the last one.
pub(crate) struct TokenSource {
    system: String,
    url: Url,
    client_id: String,
    client_secret: SecretString,
    scope: String,
    http: reqwest::Client,
    retry: RetryPolicy,
    timing: Timing,
    // Held while a token is fetched, so that many tasks ask for one token together.
    kept: Mutex<Option<Arc<Token>>>,
}

#[derive(Deserialize)]
struct Issued {
    access_token: String,
    expires_in: serde_json::Number,
}

#[derive(Deserialize, Default)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl TokenSource {
    pub(crate) fn new(settings: &Settings, http: reqwest::Client, timing: Timing) -> Self {
        Self {
            system: settings.name.clone(),
            url: settings.token_url.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            scope: settings.scope.clone(),
            http,
            retry: settings.retry,
            timing,
            kept: Mutex::new(None),
        }
    }

    /// A token that is good for a while.
    pub(crate) async fn token(&self) -> Result<Arc<Token>, SystemError> {
        let mut kept = self.kept.lock().await;
        if let Some(token) = kept.as_ref()
            && self.timing.now() < token.renew_at
        {
            return Ok(Arc::clone(token));
        }
        let token = Arc::new(self.fetch().await?);
        *kept = Some(Arc::clone(&token));
        Ok(token)
    }

    /// Drops a token that the service refused, unless another task has renewed it already.
    pub(crate) async fn forget(&self, refused: &Arc<Token>) {
        let mut kept = self.kept.lock().await;
        if kept
            .as_ref()
            .is_some_and(|token| Arc::ptr_eq(token, refused))
        {
            *kept = None;
        }
    }

    async fn fetch(&self) -> Result<Token, SystemError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (trouble, error) = match self.ask().await {
                Ok((StatusCode::OK, _, body)) => return self.read(&body),
                Ok((status, after, _)) if transient(status) => {
                    let trouble = Trouble::Unavailable(after);
                    let mut error = SystemError::new(
                        Class::Retry,
                        codes::UNAVAILABLE,
                        format!(
                            "the sign-in service for `{}` answers {status}; it is tried again",
                            self.system
                        ),
                    );
                    error.retry_after = after;
                    (trouble, error)
                }
                Ok((status, _, body)) => return Err(self.refused(status, &body)),
                Err(broken) => {
                    let trouble = broken.trouble();
                    let mut error = SystemError::new(
                        Class::Retry,
                        codes::UNREACHABLE,
                        format!(
                            "the sign-in service for `{}` at {} cannot be reached; check the \
                             network and the authority in the configuration",
                            self.system,
                            self.url.origin().ascii_serialization()
                        ),
                    );
                    error.source = Some(Box::new(broken));
                    (trouble, error)
                }
            };
            match self
                .retry
                .step(&trouble, attempt, Repeat::Safe, self.timing.chance())
            {
                Step::Again(pause) => self.timing.sleep(pause).await,
                Step::Stop => return Err(error),
            }
        }
    }

    async fn ask(&self) -> Result<(StatusCode, Option<Duration>, bytes::Bytes), Broken> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.client_id.as_str()),
            ("client_secret", self.client_secret.expose_secret()),
            ("scope", self.scope.as_str()),
        ];
        let response = self.http.post(self.url.clone()).form(&form).send().await?;
        let status = response.status();
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| parse_retry_after(text, self.timing.now()));
        let body = response.bytes().await.map_err(Broken::torn)?;
        Ok((status, after, body))
    }

    fn read(&self, body: &[u8]) -> Result<Token, SystemError> {
        let unreadable = || {
            SystemError::new(
                Class::FixAccess,
                codes::SIGN_IN_UNREADABLE,
                format!(
                    "what answers at the sign-in URL for `{}` is no token service; check the \
                     authority and the tenant in the configuration",
                    self.system
                ),
            )
        };
        let issued: Issued = serde_json::from_slice(body).map_err(|_| unreadable())?;
        let seconds: i64 = issued
            .expires_in
            .as_i64()
            .filter(|seconds| *seconds > 0)
            .ok_or_else(unreadable)?;
        let mut header = HeaderValue::from_str(&format!("Bearer {}", issued.access_token))
            .map_err(|_| unreadable())?;
        header.set_sensitive(true);
        // A short-lived token keeps four fifths of its life.
        let life = SignedDuration::from_secs(seconds);
        let margin = MARGIN.min(life / 5);
        let renew_at = self
            .timing
            .now()
            .checked_add(life - margin)
            .map_err(|_| unreadable())?;
        Ok(Token { header, renew_at })
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> SystemError {
        let refused: Refused = serde_json::from_slice(body).unwrap_or_default();
        let advice = match refused.error.as_str() {
            "invalid_client" => {
                "the client secret is wrong or has expired, or the client id is \
                                 unknown; check both"
            }
            "unauthorized_client" => {
                "the application is not known in this tenant; check the client \
                                      id and the tenant"
            }
            "invalid_request" | "invalid_scope" | "invalid_resource" => {
                "the tenant or the system's URL is wrong; check both"
            }
            _ => "check tenant, client id and secret",
        };
        let mut error = SystemError::new(
            Class::FixAccess,
            codes::SIGN_IN_REFUSED,
            format!(
                "signing in to `{}` was refused ({status}): {advice}",
                self.system
            ),
        );
        if !refused.error.is_empty() {
            error.system_code = Some(refused.error);
        }
        if !refused.error_description.is_empty() {
            error.detail = Some(refused.error_description);
        }
        error
    }
}

fn transient(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}
