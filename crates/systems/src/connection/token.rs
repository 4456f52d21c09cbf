//! Signing in: what proves who we are, and tokens that are kept until shortly before they expire.

use super::auth::{Auth, ClientCredentials};
use super::client::Broken;
use super::retry::{RetryPolicy, Step, Trouble, asked_pause};
use super::{Repeat, Settings};
use crate::codes;
use crate::error::{Class, SystemError};
use crate::timing::Timing;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long before its end a token is renewed, so that no request starts with a dying one.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// What a request shows to be let in.
pub(crate) struct Token {
    header: Option<HeaderValue>,
    renew_at: Timestamp,
}

impl Token {
    /// The value of the `Authorization` header, marked as sensitive; none where nobody asks.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        self.header.clone()
    }
}

/// Where tokens come from.
enum Source {
    /// They stand in the configuration and never change.
    Fixed(Arc<Token>),
    /// They are issued for a while.
    Issued(ClientCredentials),
}

/// Issues tokens and keeps the last one.
pub(crate) struct TokenSource {
    system: String,
    source: Source,
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
    pub(crate) fn new(
        settings: &Settings,
        http: reqwest::Client,
        timing: Timing,
    ) -> Result<Self, SystemError> {
        let fixed = |text: Option<String>| {
            let header = match text {
                Some(text) => Some(sensitive(&text).ok_or_else(|| bad_secret(&settings.name))?),
                None => None,
            };
            Ok(Source::Fixed(Arc::new(Token {
                header,
                renew_at: Timestamp::MAX,
            })))
        };
        let source = match &settings.auth {
            Auth::None => fixed(None)?,
            Auth::Basic { user, password } => {
                let pair = BASE64.encode(format!("{user}:{}", password.expose_secret()));
                fixed(Some(format!("Basic {pair}")))?
            }
            Auth::Bearer(token) => fixed(Some(format!("Bearer {}", token.expose_secret())))?,
            Auth::Client(client) => Source::Issued(client.clone()),
        };
        Ok(Self {
            system: settings.name.clone(),
            source,
            http,
            retry: settings.retry,
            timing,
            kept: Mutex::new(None),
        })
    }

    /// Whether another token can be had when the service refuses one.
    pub(crate) const fn can_renew(&self) -> bool {
        matches!(self.source, Source::Issued(_))
    }

    /// A token that is good for a while.
    pub(crate) async fn token(&self) -> Result<Arc<Token>, SystemError> {
        let client = match &self.source {
            Source::Fixed(token) => return Ok(Arc::clone(token)),
            Source::Issued(client) => client,
        };
        let mut kept = self.kept.lock().await;
        if let Some(token) = kept.as_ref()
            && self.timing.now() < token.renew_at
        {
            return Ok(Arc::clone(token));
        }
        let token = Arc::new(self.fetch(client).await?);
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

    async fn fetch(&self, client: &ClientCredentials) -> Result<Token, SystemError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (trouble, error) = match self.ask(client).await {
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
                            client.token_url.origin().ascii_serialization()
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

    async fn ask(
        &self,
        client: &ClientCredentials,
    ) -> Result<(StatusCode, Option<Duration>, bytes::Bytes), Broken> {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client.client_id.as_str()),
            ("client_secret", client.client_secret.expose_secret()),
        ];
        if let Some(scope) = &client.scope {
            form.push(("scope", scope));
        }
        let request = self.http.post(client.token_url.clone()).form(&form);
        let response = request.send().await?;
        let status = response.status();
        let after = asked_pause(response.headers(), self.timing.now());
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
        let header =
            sensitive(&format!("Bearer {}", issued.access_token)).ok_or_else(unreadable)?;
        // A short-lived token keeps four fifths of its life.
        let life = SignedDuration::from_secs(seconds);
        let margin = MARGIN.min(life / 5);
        let renew_at = self
            .timing
            .now()
            .checked_add(life - margin)
            .map_err(|_| unreadable())?;
        Ok(Token {
            header: Some(header),
            renew_at,
        })
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

/// A header that no log shows; `None` when the text cannot stand in a header.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn bad_secret(system: &str) -> SystemError {
    SystemError::new(
        Class::FixAccess,
        codes::CONFIGURATION,
        format!(
            "the token of the connection `{system}` holds characters that cannot travel in a \
             header, such as a line break at its end; correct the secret"
        ),
    )
}

fn transient(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}
