//! Takes requests apart and answers them: sign-in check, routes, entity operations, `$batch`.
//!
//! Every entity operation, alone or in a batch, is a [`PartRequest`] that runs in one transaction of
//! its own or, in a change set, in a shared one. Counters and events learn of writes only after the
//! commit.

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use odata::batch::ResponsePart;
use odata::batch::{BatchRequest, BatchResponse, PartRequest, PartResponse, RequestPart};
use odata::headers::{Prefer, Return};
use odata::url::{Arguments, KeyPredicate, KeyValue, OptionNames, RequestUrl, ResourceSegment};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::config::Settings;
use super::error::{Refused, body as error_body, json_response};
use super::events::{Endpoint, EventKind, test_event};
use super::session::{Effect, Key, Session, User};
use super::{Store, filter, metadata, read, values, write};
use crate::faults::{Plan, Refusal};
use crate::http::{CutOff, Origin, Service};
use crate::schema::{Entity, FieldKind};

/// Operations that a batch may hold.
const MAX_BATCH: usize = 5000;
/// Header names that the headers of a part may have; others are left out.
const JSON: &str = "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8";

impl Service for Store {
    fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
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
            ("DELETE", "events") => {
                let url = serde_json::from_slice::<Endpoint>(body)
                    .ok()
                    .map(|known| known.url);
                Ok(json!({"removed": self.events.unregister(url.as_deref())}))
            }
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
        if endpoint.kind == EventKind::Business {
            self.events
                .test(endpoint.clone(), test_event(self.clock.now()));
        }
        self.events.register(endpoint);
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
            return Ok(json_response(
                StatusCode::OK,
                &metadata::answer(&self.schema, origin, rest)?,
            ));
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
                };
                self.alone(&part, origin, user).map(whole)
            }
        }
    }

    /// Runs one operation in a transaction of its own.
    fn alone(
        &self,
        part: &PartRequest,
        origin: &str,
        user: &User,
    ) -> Result<PartResponse, Refused> {
        let settings = self.settings();
        let run = |session: &Session<'_>| operation(session, part, origin, &[]);
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

    fn batch(
        &self,
        request: &Request<Bytes>,
        origin: &str,
        user: &User,
    ) -> Result<Response<Bytes>, Refused> {
        if request.method() != Method::POST {
            return Err(Refused::Method("A batch is posted.".to_owned()));
        }
        let header = |name: HeaderName| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let batch = BatchRequest::decode(header(CONTENT_TYPE), request.body())
            .map_err(|error| Refused::request(format!("The batch cannot be read {error}.")))?;
        let operations: usize = batch
            .parts
            .iter()
            .map(|part| match part {
                RequestPart::Single(_) => 1,
                RequestPart::ChangeSet(parts) => parts.len(),
            })
            .sum();
        if operations > MAX_BATCH {
            return Err(Refused::request(format!(
                "The batch has {operations} operations; {MAX_BATCH} are allowed."
            )));
        }
        let prefer = prefer(
            request
                .headers()
                .get_all("prefer")
                .iter()
                .filter_map(|value| value.to_str().ok()),
        );
        let torn = request
            .extensions()
            .get::<Plan>()
            .and_then(|plan| plan.torn_batch_after);

        let mut answers = Vec::with_capacity(batch.parts.len());
        let mut done = 0;
        for part in &batch.parts {
            if torn.is_some_and(|after| done >= after) {
                return Err(Refused::Cut);
            }
            let (answer, succeeded) = match part {
                RequestPart::Single(part) => {
                    done += 1;
                    let answer = match self.alone(part, origin, user) {
                        Ok(answer) => answer,
                        Err(refused) => refusal(&refused),
                    };
                    let succeeded = answer.is_success();
                    (
                        ResponsePart::Single(with_id(answer, part.content_id.as_deref())),
                        succeeded,
                    )
                }
                RequestPart::ChangeSet(parts) => {
                    done += parts.len();
                    match self.change_set(parts, origin, user) {
                        Ok(answers) => (ResponsePart::ChangeSet(answers), true),
                        Err((failed, refused)) => {
                            let id = parts
                                .get(failed)
                                .and_then(|part| part.content_id.as_deref());
                            let answer = with_id(refusal(&refused), id);
                            (ResponsePart::ChangeSet(vec![answer]), false)
                        }
                    }
                }
            };
            answers.push(answer);
            if !succeeded && !prefer.continue_on_error {
                break;
            }
        }
        // With every part carried out and committed the answer may still be torn away.
        if torn.is_some_and(|after| done >= after) {
            return Err(Refused::Cut);
        }
        let encoded = BatchResponse { parts: answers }.encode(&Uuid::new_v4().simple().to_string());
        let mut response = Response::new(Bytes::from(encoded.body));
        if let Ok(value) = HeaderValue::from_str(&encoded.content_type) {
            response.headers_mut().insert(CONTENT_TYPE, value);
        }
        response.headers_mut().insert(
            HeaderName::from_static("odata-version"),
            HeaderValue::from_static("4.0"),
        );
        Ok(response)
    }

    /// Runs the operations of a change set in one transaction; on failure gives the index of the
    /// operation that failed.
    fn change_set(
        &self,
        parts: &[PartRequest],
        origin: &str,
        user: &User,
    ) -> Result<Vec<PartResponse>, (usize, Refused)> {
        let settings = self.settings();
        let mut failed = 0;
        let outcome = self.rows.write(|tx| -> Result<_, Refused> {
            let session = Session::new(self, &settings, tx, user);
            let mut answers = Vec::with_capacity(parts.len());
            let mut created: Vec<(String, String)> = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                failed = index;
                if part.method == "GET" {
                    return Err(Refused::request("A change set cannot hold a read."));
                }
                let answer = operation(&session, part, origin, &created)?;
                if let (Some(id), Some(location)) = (&part.content_id, answer.header("Location")) {
                    created.push((id.clone(), location.to_owned()));
                }
                answers.push(with_id(answer, part.content_id.as_deref()));
            }
            Ok((answers, session.effects.into_inner()))
        });
        match outcome {
            Ok((answers, effects)) => {
                self.committed(effects, user);
                Ok(answers)
            }
            Err(refused) => Err((failed, refused)),
        }
    }
}

/// One operation on an entity. `created` holds the addresses behind the Content-IDs of a change set.
fn operation(
    session: &Session<'_>,
    part: &PartRequest,
    origin: &str,
    created: &[(String, String)],
) -> Result<PartResponse, Refused> {
    let url = resolve_content_id(&part.url, created)?;
    let request = RequestUrl::parse(&url, "/data", OptionNames::Exact)
        .map_err(|error| Refused::request(format!("The URL cannot be read {error}.")))?;
    let options = &request.options;
    let cross_company = options
        .custom
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("cross-company"))
        .is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
    let mut segments = request.path.segments.iter();
    let (name, arguments) = match segments.next() {
        Some(ResourceSegment::Name { name, arguments }) => (name.as_str(), arguments.as_ref()),
        _ => {
            return Err(Refused::NotFound(format!(
                "Nothing answers at '{}'.",
                part.url
            )));
        }
    };
    let entity = session.store.schema.collection(name).ok_or_else(|| {
        Refused::NotFound(format!("Resource not found for the segment '{name}'."))
    })?;
    let rest: Vec<&ResourceSegment> = segments.collect();
    let prefer = prefer(
        part.headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("prefer"))
            .map(|(_, value)| value.as_str()),
    );
    let context = format!("{origin}/data/$metadata#{}", entity.collection);

    match (arguments, rest.as_slice(), part.method.as_str()) {
        (None, [], "GET") => {
            let size = prefer
                .max_page_size
                .and_then(|size| usize::try_from(size).ok())
                .unwrap_or(usize::MAX)
                .min(session.settings.page_size);
            let target = match url.find("/data") {
                Some(at) => format!("{origin}{}", &url[at..]),
                None => format!("{origin}/data/{}", url.trim_start_matches('/')),
            };
            let context = format!("{context}{}", read::selection(options));
            let body = read::page(
                session,
                entity,
                options,
                cross_company,
                size,
                &target,
                &context,
            )?;
            Ok(json_part(200, &body))
        }
        (None, [ResourceSegment::Count], "GET") => {
            let count = read::count(session, entity, options, cross_company)?;
            Ok(PartResponse::new(200)
                .with_header("Content-Type", "text/plain")
                .with_body(count.to_string()))
        }
        (None, [], "POST") => {
            let row = write::create(session, entity, &object(&part.body)?)?;
            let location = address(entity, &row.key(entity));
            let answer =
                if session.settings.minimal_create && prefer.returns == Some(Return::Minimal) {
                    PartResponse::new(204)
                } else {
                    single_part(201, &context, row.json(session.store, entity))
                };
            Ok(applied(answer, &prefer)
                .with_header("Location", format!("{origin}/data/{location}"))
                .with_header("ETag", row.etag()))
        }
        (Some(Arguments::Key(predicate)), [], method) => {
            let key = key(session, entity, predicate)?;
            by_key(
                session,
                part,
                entity,
                &key,
                method,
                options,
                cross_company,
                &prefer,
                &context,
            )
        }
        (_, [], method) => Err(Refused::Method(format!(
            "'{method}' is not possible on '{}' without a key.",
            entity.collection
        ))),
        _ => Err(Refused::NotFound(format!(
            "Nothing answers at '{}'.",
            part.url
        ))),
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one addressed request"
)]
fn by_key(
    session: &Session<'_>,
    part: &PartRequest,
    entity: &Entity,
    key: &Key,
    method: &str,
    options: &odata::url::QueryOptions,
    cross_company: bool,
    prefer: &Prefer,
    context: &str,
) -> Result<PartResponse, Refused> {
    // Without cross-company=true the rows of other companies are not there.
    let hidden = entity.per_company
        && !cross_company
        && key.iter().any(|(name, value)| {
            name == write::COMPANY
                && !matches!(
                    value,
                    crate::rows::Value::Text(company)
                        if company.eq_ignore_ascii_case(&session.user.company)
                )
        });
    let if_match = part.header("If-Match").filter(|tag| *tag != "null");
    match method {
        "GET" => {
            if hidden {
                return Err(Refused::NotFound(format!(
                    "No row of '{}' has this key.",
                    entity.collection
                )));
            }
            let (row, object) = read::single(session, entity, key, options)?;
            if part
                .header("If-None-Match")
                .is_some_and(|tag| tag == row.etag())
            {
                return Ok(PartResponse::new(304));
            }
            let context = format!("{context}{}", read::selection(options));
            Ok(single_part(200, &context, object).with_header("ETag", row.etag()))
        }
        "PATCH" | "MERGE" | "PUT" => {
            if hidden {
                return Err(Refused::NothingToUpdate);
            }
            let body = object(&part.body)?;
            let row = write::update(session, entity, key, &body, method == "PUT", if_match)?;
            let answer = if prefer.returns == Some(Return::Representation) {
                single_part(200, context, row.json(session.store, entity))
            } else {
                PartResponse::new(204)
            };
            Ok(applied(answer, prefer).with_header("ETag", row.etag()))
        }
        "DELETE" => {
            if hidden {
                return Err(Refused::NothingToUpdate);
            }
            write::delete(session, entity, key, if_match)?;
            Ok(PartResponse::new(204))
        }
        other => Err(Refused::Method(format!(
            "'{other}' is not possible on a row."
        ))),
    }
}

/// Replaces `$1` at the front of a URL by the address of the row that operation created.
fn resolve_content_id(url: &str, created: &[(String, String)]) -> Result<String, Refused> {
    let Some(reference) = url.trim_start_matches('/').strip_prefix('$') else {
        return Ok(url.to_owned());
    };
    let end = reference.find(['/', '?']).unwrap_or(reference.len());
    let (id, rest) = reference.split_at(end);
    created
        .iter()
        .find(|(known, _)| known == id)
        .map(|(_, location)| format!("{location}{rest}"))
        .ok_or_else(|| {
            Refused::request(format!(
                "Content-ID Reference: '${id}' does not exist in the batch context."
            ))
        })
}

/// The key of a row from its URL; all key fields must be there.
fn key(session: &Session<'_>, entity: &Entity, predicate: &KeyPredicate) -> Result<Key, Refused> {
    let incomplete = || {
        Refused::request(format!(
            "The key in the request URI is not valid for resource \
             'Microsoft.Dynamics.DataEntities.{}'. Ensure that the names and number of key \
             properties match the declared keys: {}.",
            entity.name,
            entity.keys.join(", ")
        ))
    };
    let given: Vec<(&str, &KeyValue)> = match predicate {
        KeyPredicate::Single(value) if entity.keys.len() == 1 => {
            vec![(entity.keys[0].as_str(), value)]
        }
        KeyPredicate::Single(_) => return Err(incomplete()),
        KeyPredicate::Named(columns) => columns
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect(),
    };
    if given.len() != entity.keys.len() {
        return Err(incomplete());
    }
    entity
        .keys
        .iter()
        .map(|name| {
            let value = given
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| *value);
            let (Some(KeyValue::Literal(literal)), Some(field)) = (value, entity.field(name))
            else {
                return Err(incomplete());
            };
            let qualified = matches!(literal, odata::Literal::Enum { .. });
            if matches!(field.kind, FieldKind::Enum { .. }) && !qualified {
                return Err(incomplete());
            }
            let json = filter::json(literal);
            let value = match (&field.kind, &json) {
                // A text that is too long for the field is no error here: it is not found.
                (FieldKind::String { .. }, Json::String(text)) => {
                    crate::rows::Value::Text(text.trim_end_matches(' ').to_owned())
                }
                _ => values::read(
                    &session.store.schema,
                    session.settings,
                    entity,
                    field,
                    &json,
                )?,
            };
            Ok((name.clone(), value))
        })
        .collect()
}

/// The address of a row below the service root.
pub(super) fn address(entity: &Entity, key: &Key) -> String {
    let pairs: Vec<String> = key
        .iter()
        .map(|(name, value)| {
            let literal = match (entity.field(name).map(|field| &field.kind), value) {
                (Some(FieldKind::Enum { name }), crate::rows::Value::Text(symbol)) => {
                    format!("{}.{name}'{symbol}'", metadata::NAMESPACE)
                }
                (
                    Some(
                        FieldKind::Date
                        | FieldKind::UtcDateTime
                        | FieldKind::Real
                        | FieldKind::Guid,
                    ),
                    crate::rows::Value::Text(text),
                ) => text.clone(),
                (_, crate::rows::Value::Text(text)) => {
                    format!("'{}'", odata::url::encode_path(&text.replace('\'', "''")))
                }
                (_, crate::rows::Value::Integer(number)) => number.to_string(),
                _ => "null".to_owned(),
            };
            format!("{name}={literal}")
        })
        .collect();
    format!("{}({})", entity.collection, pairs.join(","))
}

/// The JSON object of a body; a byte order mark is skipped.
fn object(body: &[u8]) -> Result<Map<String, Json>, Refused> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match serde_json::from_slice(body) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(Refused::request("The body must be one JSON object.")),
        Err(error) => Err(Refused::request(format!("The body is no JSON: {error}."))),
    }
}

fn prefer<'h>(headers: impl Iterator<Item = &'h str>) -> Prefer {
    let mut prefer = Prefer::default();
    headers.for_each(|header| prefer.add(header));
    prefer
}

fn applied(answer: PartResponse, prefer: &Prefer) -> PartResponse {
    match prefer.returns {
        Some(Return::Representation) => {
            answer.with_header("Preference-Applied", "return=representation")
        }
        Some(Return::Minimal) if answer.status == 204 => {
            answer.with_header("Preference-Applied", "return=minimal")
        }
        _ => answer,
    }
}

fn json_part(status: u16, body: &Json) -> PartResponse {
    PartResponse::new(status)
        .with_header("Content-Type", JSON)
        .with_header("OData-Version", "4.0")
        .with_body(body.to_string())
}

fn single_part(status: u16, context: &str, row: Map<String, Json>) -> PartResponse {
    let mut body = Map::new();
    body.insert(
        "@odata.context".to_owned(),
        json!(format!("{context}/$entity")),
    );
    body.extend(row);
    json_part(status, &Json::Object(body))
}

fn refusal(refused: &Refused) -> PartResponse {
    if let Refused::Rows(error) = refused {
        tracing::error!(%error, "an operation of a batch failed");
    }
    json_part(refused.status().as_u16(), &refused.body())
}

fn with_id(answer: PartResponse, id: Option<&str>) -> PartResponse {
    match id {
        Some(id) => answer.with_id(id),
        None => answer,
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
