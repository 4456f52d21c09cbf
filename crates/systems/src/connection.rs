//! The way to a web service: sign-in, time-outs, retries, patience and concurrency, for all
//! connectors alike.
//!
//! A connector makes a [`Call`] and hands it to [`Connection::send`]. Through it goes
//! [`gate`] (how many at once, and a pause for all when the service asks for patience), [`token`]
//! (signing in) and [`client`] (the HTTP client itself); [`retry`] decides what follows a failure.
//! Answers that are the service's own word about a request come back as [`Answer`], whatever
//! their status; what is wrong with the way comes back as an error.

mod auth;
pub(crate) mod batch;
mod client;
mod envelope;
pub(crate) mod failure;
mod gate;
pub(crate) mod link;
pub(crate) mod retry;
mod token;

pub use auth::{Auth, ClientCredentials};
pub use retry::RetryPolicy;

use crate::error::SystemError;
use crate::timing::Timing;
use bytes::{Bytes, BytesMut};
use gate::Gate;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use retry::{Step, Trouble};
use serde::de::DeserializeOwned;
use std::time::Duration;
use token::TokenSource;
use url::Url;

/// The most bytes that an answer may have; more is a broken service or a runaway page.
const LONGEST_ANSWER: usize = 512 * 1024 * 1024;

/// How to reach a service and sign in to it.
pub(crate) struct Settings {
    /// The connection's name, for messages.
    pub(crate) name: String,
    /// The service's root; every call stays on its origin.
    pub(crate) root: Url,
    /// How to sign in.
    pub(crate) auth: Auth,
    /// The longest that one attempt may take.
    pub(crate) timeout: Duration,
    /// How many requests may be under way at once.
    pub(crate) parallel: usize,
    /// When and how often to try again.
    pub(crate) retry: RetryPolicy,
    /// Headers of every request.
    pub(crate) headers: HeaderMap,
}

/// The headers of every request to a service that speaks OData v4, with the answers it may give.
pub(crate) fn odata_headers(accept: &'static str) -> HeaderMap {
    let version = HeaderValue::from_static("4.0");
    HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static(accept)),
        (HeaderName::from_static("odata-version"), version.clone()),
        (HeaderName::from_static("odata-maxversion"), version),
    ])
}

/// What sending a request twice does, from harmless to harmful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Repeat {
    /// Nothing: a read.
    Safe,
    /// It leaves the same state behind, but may be answered differently (412 or 404): an update,
    /// a deletion, or a create with a chosen identifier.
    Same,
    /// It may do something twice: sent again only when it surely did not take effect.
    Unsafe,
}

/// One request.
pub(crate) struct Call {
    /// What is being done, for messages: "reading `accounts`". Never a value of a row.
    pub(crate) what: String,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) repeat: Repeat,
    /// Whether the beginning of an answer is worth having when its end got lost: a batch of
    /// writes, whose parts are answers of their own.
    pub(crate) keep_torn: bool,
}

impl Call {
    /// A read.
    pub(crate) fn get(what: impl Into<String>, url: Url) -> Self {
        Self {
            what: what.into(),
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            repeat: Repeat::Safe,
            keep_torn: false,
        }
    }

    /// The same call with one more header; a value that is no header text is left out.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }
}

/// What the service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) what: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether an earlier attempt got no answer although it may have taken effect.
    pub(crate) repeated: bool,
    /// Whether the end of the body is missing.
    pub(crate) torn: bool,
}

impl Answer {
    /// The text of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Reads the body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, system: &str) -> Result<T, SystemError> {
        let body = self
            .body
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&self.body);
        serde_json::from_slice(body).map_err(|error| {
            failure::unreadable(system, &self.what, "no JSON of the form expected", error)
        })
    }
}

/// A signed-in way to one service.
pub(crate) struct Connection {
    name: String,
    root: Url,
    http: reqwest::Client,
    tokens: TokenSource,
    gate: Gate,
    retry: RetryPolicy,
    timing: Timing,
    timeout: Duration,
}

impl Connection {
    pub(crate) fn new(settings: Settings, timing: Timing) -> Result<Self, SystemError> {
        let http = client::build(&settings)?;
        Ok(Self {
            tokens: TokenSource::new(&settings, http.clone(), timing.clone())?,
            name: settings.name,
            root: settings.root,
            http,
            gate: Gate::new(settings.parallel),
            retry: settings.retry,
            timing,
            timeout: settings.timeout,
        })
    }

    /// The connection's name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The clock and chance that this connection lives by.
    pub(crate) fn timing(&self) -> &Timing {
        &self.timing
    }

    /// The service's root URL, with a slash at its end.
    pub(crate) fn root(&self) -> &Url {
        &self.root
    }

    /// A URL below the root. Absolute links are taken only when they stay on the root's origin,
    /// because the token goes where the link leads.
    pub(crate) fn url(&self, link: &str) -> Result<Url, SystemError> {
        let url = self
            .root
            .join(link)
            .map_err(|error| failure::bad_link(&self.name, error))?;
        if url.origin() == self.root.origin() {
            Ok(url)
        } else {
            Err(failure::foreign_link(&self.name))
        }
    }

    /// A link as text relative to the service's origin, the form in which cursors keep it: they
    /// stay good when the service moves to another host or port.
    pub(crate) fn relative(&self, link: &str) -> Result<String, SystemError> {
        let url = self.url(link)?;
        Ok(match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        })
    }

    /// Makes sure that the credentials are good for a token.
    pub(crate) async fn sign_in(&self) -> Result<(), SystemError> {
        self.tokens.token().await.map(drop)
    }

    /// Sends a request, and sends it again where that is safe and may help.
    ///
    /// Statuses that speak about the request (200, 400, 403, 404, 412, 500, …) come back as an
    /// answer. The way's own failures come back as errors: no connection, a torn answer, 401 after
    /// a fresh token, 429, 502, 503 and 504.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, SystemError> {
        let mut repeated = false;
        let mut result = self.send_until_answered(call, &mut repeated).await;
        match &mut result {
            Ok(answer) => answer.repeated = repeated,
            Err(error) => error.outcome_unknown |= repeated,
        }
        result
    }

    /// As [`Self::send`]; `repeated` tells whether an attempt may have taken effect unanswered.
    async fn send_until_answered(
        &self,
        call: &Call,
        repeated: &mut bool,
    ) -> Result<Answer, SystemError> {
        let mut attempt = 0;
        let mut renewed = false;
        loop {
            attempt += 1;
            let slot = self
                .gate
                .enter(&self.timing, self.retry.patience)
                .await
                .map_err(|rest| failure::paused(&self.name, &call.what, rest))?;
            let token = self.tokens.token().await?;
            let outcome = self.attempt(call, &token, attempt).await;
            drop(slot);
            let (trouble, error) = match outcome {
                Ok(answer) => match answer.status {
                    StatusCode::UNAUTHORIZED if !renewed && self.tokens.can_renew() => {
                        renewed = true;
                        self.tokens.forget(&token).await;
                        continue;
                    }
                    StatusCode::UNAUTHORIZED => {
                        return Err(failure::unauthorized(&self.name, &answer));
                    }
                    StatusCode::TOO_MANY_REQUESTS => {
                        let after = self.retry_after(&answer.headers);
                        (
                            Trouble::Throttled(after),
                            failure::throttled(&self.name, &answer, after),
                        )
                    }
                    StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT => {
                        let after = self.retry_after(&answer.headers);
                        (
                            Trouble::Unavailable(after),
                            failure::unavailable(&self.name, &answer, after, call.repeat),
                        )
                    }
                    _ => {
                        self.gate.answered(remaining(&answer.headers));
                        return Ok(answer);
                    }
                },
                Err(broken) => (
                    broken.trouble(),
                    failure::broken(&self.name, &call.what, broken, call.repeat, self.timeout),
                ),
            };
            *repeated |= error.outcome_unknown;
            let step = self
                .retry
                .step(&trouble, attempt, call.repeat, self.timing.chance());
            if let Trouble::Throttled(after) = trouble {
                let pause = after.unwrap_or(self.retry.first);
                self.gate.slow_down();
                self.gate.pause(self.timing.now(), pause);
            }
            match step {
                Step::Stop => return Err(error),
                Step::Again(pause) => {
                    tracing::debug!(
                        system = %self.name,
                        what = %call.what,
                        attempt,
                        pause_ms = pause.as_millis(),
                        code = %error.code,
                        "trying again after a pause"
                    );
                    self.timing.sleep(pause).await;
                }
            }
        }
    }

    /// Makes everyone wait for a while: a part of a batch was asked for patience.
    pub(crate) fn pause(&self, pause: Duration) {
        self.gate.slow_down();
        self.gate.pause(self.timing.now(), pause);
    }

    async fn attempt(
        &self,
        call: &Call,
        token: &token::Token,
        attempt: u32,
    ) -> Result<Answer, client::Broken> {
        let request_id = uuid::Uuid::new_v4();
        let begun = self.timing.now();
        let mut request = self
            .http
            .request(call.method.clone(), call.url.clone())
            .headers(call.headers.clone())
            .header("x-ms-client-request-id", request_id.to_string());
        if let Some(header) = token.header() {
            request = request.header(AUTHORIZATION, header);
        }
        if !call.body.is_empty() {
            request = request.body(call.body.clone());
        }
        let result = receive(request, call).await;
        tracing::debug!(
            system = %self.name,
            what = %call.what,
            %request_id,
            attempt,
            status = result.as_ref().map_or(0, |answer| answer.status.as_u16()),
            elapsed_ms = self.timing.now().duration_since(begun).as_millis(),
            service_request_id = result
                .as_ref()
                .ok()
                .and_then(|answer| answer.header("x-ms-service-request-id"))
                .unwrap_or_default(),
            "request"
        );
        result
    }

    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        retry::asked_pause(headers, self.timing.now())
    }
}

/// How many more requests Dataverse takes within its five minutes, where it says so.
fn remaining(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get("x-ms-ratelimit-burst-remaining-xrm-requests")?;
    text.to_str().ok()?.trim().parse().ok()
}

/// Sends one request and takes its whole answer in.
async fn receive(request: reqwest::RequestBuilder, call: &Call) -> Result<Answer, client::Broken> {
    let mut response = request.send().await.map_err(client::Broken::from)?;
    let status = response.status();
    let headers = response.headers().clone();
    let mut body = BytesMut::new();
    let torn = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST_ANSWER => {
                return Err(client::Broken::TooLong);
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break false,
            Err(_) if call.keep_torn && !body.is_empty() => break true,
            Err(error) => return Err(client::Broken::torn(error)),
        }
    };
    Ok(Answer {
        what: call.what.clone(),
        status,
        headers,
        body: body.freeze(),
        repeated: false,
        torn,
    })
}

#[cfg(test)]
mod tests;
