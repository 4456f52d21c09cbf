//! Sign-in as Microsoft Entra does it for the client-credentials grant, and the bearer tokens it
//! hands out (protocol reference A1).
//!
//! `POST /{tenant}/oauth2/v2.0/token` takes a `scope`, `POST /{tenant}/oauth2/token` a `resource`.
//! Tokens look like JWTs but are only known to this process: a restart invalidates them, as a
//! revocation would.

pub(crate) mod discovery;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::Clock;

/// An application that may sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct Client {
    /// The application (client) id, by custom a GUID.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl Client {
    /// A client from its id and secret.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into(),
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Which tokens are given and accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The applications that may sign in.
    pub clients: Vec<Client>,
    /// How long a token lives, in seconds.
    pub lifetime_seconds: i64,
    /// Accept every bearer token, known or not, for clients that bring their own fake sign-in.
    /// Unknown tokens act as the client id `fake-token`.
    pub accept_any_token: bool,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            clients: Vec::new(),
            lifetime_seconds: 3599,
            accept_any_token: false,
        }
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The client id.
    pub client: String,
}

/// Why a call is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorized {
    /// There is no bearer token.
    #[error("the request has no bearer token")]
    Missing,
    /// The token is not known here.
    #[error("the bearer token is not known")]
    Unknown,
    /// The token's time is over.
    #[error("the bearer token has expired")]
    Expired,
}

#[derive(Debug)]
struct Token {
    client: String,
    expires: Timestamp,
}

#[derive(Debug)]
struct State {
    sign_in: SignIn,
    tokens: HashMap<String, Token>,
}

/// The tokens in circulation. Cloning is cheap and shares them.
#[derive(Debug, Clone)]
pub struct Tokens {
    state: Arc<Mutex<State>>,
    clock: Clock,
}

impl Tokens {
    /// Nobody has signed in yet.
    pub fn new(sign_in: SignIn, clock: Clock) -> Self {
        let state = State {
            sign_in,
            tokens: HashMap::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tokens given from now on live this long.
    pub fn set_lifetime(&self, seconds: i64) {
        self.with(|state| state.sign_in.lifetime_seconds = seconds);
    }

    /// Makes every token given so far unknown.
    pub fn revoke_all(&self) {
        self.with(|state| state.tokens.clear());
    }

    /// Whether a path is the sign-in endpoint.
    pub fn is_endpoint(path: &str) -> bool {
        path.ends_with("/oauth2/v2.0/token") || path.ends_with("/oauth2/token")
    }

    /// Answers a request to the sign-in endpoint.
    pub fn answer(&self, path: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        match self.sign_in(path, headers, body) {
            Ok(token) => json_response(StatusCode::OK, &token),
            Err(refused) => json_response(refused.status, &refused.body(self.clock.now())),
        }
    }

    fn sign_in(&self, path: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refused> {
        let form: HashMap<String, String> =
            url::form_urlencoded::parse(body).into_owned().collect();
        let basic = basic_credentials(headers);
        let field = |name: &str| {
            form.get(name)
                .map(String::as_str)
                .filter(|text| !text.is_empty())
        };
        match field("grant_type") {
            Some("client_credentials") => {}
            Some(_) => return Err(Refused::GRANT_TYPE),
            None => return Err(Refused::missing("grant_type")),
        }
        let id = field("client_id").or(basic.as_ref().map(|(id, _)| id.as_str()));
        let id = id.ok_or_else(|| Refused::missing("client_id"))?;
        let secret = field("client_secret").or(basic.as_ref().map(|(_, secret)| secret.as_str()));
        let version_two = path.ends_with("/v2.0/token");
        let audience = if version_two {
            let scope = field("scope").ok_or_else(|| Refused::missing("scope"))?;
            scope.strip_suffix("/.default").ok_or(Refused::SCOPE)?
        } else {
            field("resource").ok_or_else(|| Refused::missing("resource"))?
        };
        let now = self.clock.now();
        self.with(|state| {
            let known = state
                .sign_in
                .clients
                .iter()
                .find(|client| client.id.eq_ignore_ascii_case(id));
            let known = known.ok_or(Refused::UNKNOWN_CLIENT)?;
            match secret {
                None => return Err(Refused::NO_SECRET),
                Some(secret) if secret != known.secret => return Err(Refused::WRONG_SECRET),
                Some(_) => {}
            }
            let client = known.id.clone();
            let lifetime = state.sign_in.lifetime_seconds;
            let expires = now
                .checked_add(SignedDuration::from_secs(lifetime))
                .unwrap_or(now);
            state.tokens.retain(|_, token| token.expires > now);
            let token = token_text(&client, audience, now, expires);
            state
                .tokens
                .insert(token.clone(), Token { client, expires });
            Ok(if version_two {
                json!({
                    "token_type": "Bearer",
                    "expires_in": lifetime,
                    "ext_expires_in": lifetime,
                    "access_token": token,
                })
            } else {
                // Version 1 writes its numbers as text.
                json!({
                    "token_type": "Bearer",
                    "expires_in": lifetime.to_string(),
                    "ext_expires_in": lifetime.to_string(),
                    "expires_on": expires.as_second().to_string(),
                    "not_before": now.as_second().to_string(),
                    "resource": audience,
                    "access_token": token,
                })
            })
        })
    }

    /// Who the bearer token of a request belongs to.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Caller, Unauthorized> {
        let header = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = header
            .and_then(|header| header.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(Unauthorized::Missing)?;
        let now = self.clock.now();
        self.with(|state| match state.tokens.get(token) {
            Some(known) if known.expires > now => Ok(Caller {
                client: known.client.clone(),
            }),
            Some(_) => Err(Unauthorized::Expired),
            None if state.sign_in.accept_any_token => Ok(Caller {
                client: "fake-token".into(),
            }),
            None => Err(Unauthorized::Unknown),
        })
    }
}

/// A refusal of the sign-in endpoint.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    error: &'static str,
    code: u32,
    text: String,
}

impl Refused {
    const GRANT_TYPE: Self = Self::fixed(StatusCode::BAD_REQUEST, "unsupported_grant_type", 70003);
    const SCOPE: Self = Self::fixed(StatusCode::BAD_REQUEST, "invalid_scope", 1_002_012);
    const UNKNOWN_CLIENT: Self =
        Self::fixed(StatusCode::BAD_REQUEST, "unauthorized_client", 700_016);
    const NO_SECRET: Self = Self::fixed(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_218);
    const WRONG_SECRET: Self = Self::fixed(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_215);

    const fn fixed(status: StatusCode, error: &'static str, code: u32) -> Self {
        Self {
            status,
            error,
            code,
            text: String::new(),
        }
    }

    fn missing(parameter: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_request",
            code: 900_144,
            text: format!("The request body must contain the following parameter: '{parameter}'."),
        }
    }

    fn body(&self, now: Timestamp) -> Value {
        let text = match self.code {
            70_003 => "The app requested an unsupported grant type.",
            1_002_012 => "The scope must end in '/.default' for the client credentials grant.",
            700_016 => "The application was not found in the directory.",
            7_000_218 => "The request body must contain 'client_secret' or 'client_assertion'.",
            7_000_215 => "Invalid client secret provided.",
            _ => &self.text,
        };
        json!({
            "error": self.error,
            "error_description": format!("AADSTS{}: {text}", self.code),
            "error_codes": [self.code],
            "timestamp": now.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            "trace_id": Uuid::new_v4(),
            "correlation_id": Uuid::new_v4(),
        })
    }
}

fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    Some((plain(id), plain(secret)))
}

/// A text of the form of a JWT: clients look inside for the expiry.
fn token_text(client: &str, audience: &str, now: Timestamp, expires: Timestamp) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({"typ": "JWT", "alg": "none"}));
    let body = part(&json!({
        "aud": audience,
        "appid": client,
        "iat": now.as_second(),
        "exp": expires.as_second(),
        "uti": Uuid::new_v4(),
    }));
    format!("{header}.{body}.{}", Uuid::new_v4().simple())
}

fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-cache"),
    );
    response
}
