//! Takes requests in: sign-in check, routes, transactions, and what follows a commit.
//!
//! Every entity operation, alone or in a batch, is a [`PartRequest`] that runs in one transaction of
//! its own or, in a change set, in a shared one. Counters and events learn of writes only after the
//! commit.

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use odata::batch::{PartRequest, PartResponse};
use serde_json::{Value as Json, json};

use super::config::Settings;
use super::error::{Refused, body as error_body, json_response};
use super::events::{Endpoint, EventKind};
use super::payload::test_event;
use super::recurring::Feed;
use super::session::{Effect, Session, User};
use super::{Store, blobs, metadata, operation, packages};
use crate::faults::Refusal;
use crate::http::{CutOff, Origin, Service};

impl Service for Store {
    fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        // The addresses of blobs are signed: they need no token.
        if request.uri().path().starts_with(blobs::PATH) {
            return self.blobs.answer(&request, self.clock.now());
        }
        let caller = match self.tokens.identify(request.headers()) {
            Ok(caller) => caller,
            Err(reason) => return unauthorized(&reason.to_string()),
        };
        let user = self.user(&caller.client);
        let mut response = self
            .route(&request, &user)
            .unwrap_or_else(|refused| match refused {
                Refused::Cut => cut_off(),
                refused => refused.response(),
            });
        response.extensions_mut().insert(caller);
        response
    }

    fn refusal(&self, refusal: Refusal) -> String {
        let text = match refusal {
            Refusal::TooManyRequests { .. } => {
                "This request could not be processed at this time due to system experiencing high \
                 resource utilization."
            }
            Refusal::Unavailable { .. } => "The service is unavailable.",
        };
        error_body(text, "System.InvalidOperationException").to_string()
    }

    fn control(&self, method: &Method, topic: &str, body: &[u8]) -> Option<Response<Bytes>> {
        let answer = match (method.as_str(), topic) {
            ("GET", "settings") => serde_json::to_value(self.settings()).map_err(wrong_body),
            ("PUT", "settings") => serde_json::from_slice::<Settings>(body)
                .map(|settings| {
                    self.set_settings(settings);
                    Json::Null
                })
                .map_err(wrong_body),
            ("GET", "events") => Ok(self.events.report()),
            ("POST", "events") => serde_json::from_slice::<Endpoint>(body)
                .map(|endpoint| {
                    self.register(endpoint);
                    Json::Null
                })
                .map_err(wrong_body),
            ("GET", "projects") => Ok(json!(self.projects.all())),
            ("POST", "projects") => serde_json::from_slice(body)
                .map(|project| {
                    self.projects.put(project);
                    Json::Null
                })
                .map_err(wrong_body),
            ("DELETE", "projects") => {
                let body: Json = serde_json::from_slice(body).unwrap_or_default();
                let name = body["name"].as_str().unwrap_or_default();
                Ok(json!({"removed": usize::from(self.projects.remove(name))}))
            }
            ("GET", "actions") => Ok(json!(*self.actions())),
            ("PUT", "actions") => serde_json::from_slice(body)
                .map(|actions| {
                    self.set_actions(actions);
                    Json::Null
                })
                .map_err(wrong_body),
            ("POST", "recurring") => serde_json::from_slice::<Feed>(body)
                .map_err(wrong_body)
                .and_then(|feed| {
                    // The address of the file is told below the host that takes the message.
                    self.feed(&feed, "")
                        .map(|()| Json::Null)
                        .ok_or_else(|| format!("there is nothing to export in {}", feed.project))
                }),
            ("DELETE", "events") if body.is_empty() => {
                Ok(json!({"removed": self.events.unregister(None)}))
            }
            ("DELETE", "events") => serde_json::from_slice::<Endpoint>(body)
                .map(|known| json!({"removed": self.events.unregister(Some(&known.url))}))
                .map_err(wrong_body),
            _ => return None,
        };
        Some(match answer {
            Ok(Json::Null) => plain(StatusCode::NO_CONTENT),
            Ok(body) => json_response(StatusCode::OK, &body),
            Err(text) => json_response(StatusCode::BAD_REQUEST, &json!({"error": text})),
        })
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that map_err asks for"
)]
fn wrong_body(error: serde_json::Error) -> String {
    format!("the body does not fit: {error}")
}

impl Store {
    /// Registers an endpoint; one for business events is sent a test event first.
    fn register(&self, endpoint: Endpoint) {
        let test = (endpoint.kind == EventKind::Business).then(|| test_event(self.clock.now()));
        self.events.register(endpoint, test);
    }

    fn route(&self, request: &Request<Bytes>, user: &User) -> Result<Response<Bytes>, Refused> {
        let origin = request
            .extensions()
            .get::<Origin>()
            .map_or("", |origin| origin.0.as_str());
        let path = request.uri().path();
        let target = request
            .uri()
            .path_and_query()
            .map_or(path, |whole| whole.as_str());
        let lower = path.to_ascii_lowercase();
        if let Some(rest) = lower.strip_prefix("/metadata") {
            let rest = &path[path.len() - rest.len()..];
            only_get(request.method())?;
            let query = request.uri().query().unwrap_or_default();
            let answer = metadata::answer(&self.schema, &self.actions(), origin, rest, query)?;
            return Ok(json_response(StatusCode::OK, &answer));
        }
        if let Some(answer) = self.connector(request, origin, user) {
            return answer;
        }
        let below = match path.strip_prefix("/data") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_matches('/'),
            _ => {
                return Err(Refused::NotFound(format!("Nothing answers at '{path}'.")));
            }
        };
        match below {
            "" => {
                only_get(request.method())?;
                Ok(json_response(
                    StatusCode::OK,
                    &metadata::service_document(&self.schema, origin),
                ))
            }
            "$metadata" => {
                only_get(request.method())?;
                let mut response = Response::new(self.csdl());
                response
                    .headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
                Ok(response)
            }
            "$batch" => self.batch(request, origin, user),
            packages::GROUPS if *request.method() == Method::GET => Ok(json_response(
                StatusCode::OK,
                &self.definition_groups(origin),
            )),
            _ if *request.method() == Method::POST && packages::action_of(below).is_some() => {
                let action = packages::action_of(below).unwrap_or_default();
                let body = operation::object(request.body())?;
                self.package_action(action, body, origin, user)?
                    .ok_or_else(|| Refused::NotFound(format!("There is no action '{action}'.")))
            }
            _ => {
                let part = PartRequest {
                    content_id: None,
                    method: request.method().to_string(),
                    url: target.to_owned(),
                    headers: request
                        .headers()
                        .iter()
                        .filter(|(name, _)| **name != AUTHORIZATION)
                        .filter_map(|(name, value)| {
                            Some((name.to_string(), value.to_str().ok()?.to_owned()))
                        })
                        .collect(),
                    body: request.body().to_vec(),
                    ..PartRequest::default()
                };
                self.alone(&part, origin, user).map(whole)
            }
        }
    }

    /// Runs one operation in a transaction of its own.
    pub(super) fn alone(
        &self,
        part: &PartRequest,
        origin: &str,
        user: &User,
    ) -> Result<PartResponse, Refused> {
        let settings = self.settings();
        let run = |session: &Session<'_>| operation::run(session, part, origin, &[]);
        let work = |tx: &crate::rows::Tx<'_>| -> Result<(PartResponse, Vec<Effect>), Refused> {
            let session = Session::new(self, &settings, tx, user);
            let answer = run(&session)?;
            Ok((answer, session.effects.into_inner()))
        };
        if part.method == "GET" {
            return Ok(self.rows.read(work)?.0);
        }
        let (answer, effects) = self.rows.write(work)?;
        self.committed(effects, user);
        Ok(answer)
    }

    /// Tells counters and events what was committed.
    pub(super) fn committed(&self, effects: Vec<Effect>, user: &User) {
        let now = self.clock.now();
        for effect in effects {
            self.counters
                .row_written(&effect.collection, effect.kind, &user.client);
            self.events.publish(effect, &user.client, now);
        }
    }
}

/// A part's answer as the answer to a whole request.
fn whole(part: PartResponse) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(part.body));
    *response.status_mut() =
        StatusCode::from_u16(part.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in part.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name.to_ascii_lowercase()),
            HeaderValue::try_from(value),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(
        HeaderName::from_static("odata-version"),
        HeaderValue::from_static("4.0"),
    );
    response
}

fn only_get(method: &Method) -> Result<(), Refused> {
    if *method == Method::GET || *method == Method::HEAD {
        return Ok(());
    }
    Err(Refused::Method(format!(
        "'{method}' is not possible on metadata."
    )))
}

fn unauthorized(reason: &str) -> Response<Bytes> {
    let mut response = plain(StatusCode::UNAUTHORIZED);
    let challenge = "Bearer authorization_uri=\"https://login.microsoftonline.com/common/oauth2/\
                     authorize\"";
    response
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    tracing::debug!(reason, "a request was not let in");
    response
}

fn plain(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

fn cut_off() -> Response<Bytes> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE);
    response.extensions_mut().insert(CutOff);
    response
}
