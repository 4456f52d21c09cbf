//! From an HTTP request to its answer: who calls, in which transaction, and what is done with the
//! resource the URL names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::address::{decode_path, options, segments};
use super::batch;
use super::delivery::{Delivery, DeliveryError, Outbox};
use super::errors::{ApiError, ApiResult};
use super::execution_context::{Request as WebhookRequest, payload};
use super::limits::{Admission, Limiter};
use super::locate::resolve_content_id;
use super::model::Model;
use super::options::{Options, Preferences};
use super::organisation::{ADMINISTRATOR, ORGANIZATION, user_of};
use super::resource;
use super::session::{Actor, Call, Effect, Reply, ReplyBody, Session};
use super::settings::Settings;
use super::webhooks::{Steps, changes_steps};
use super::{value, write};
use crate::auth::{Caller, Tokens, Unauthorized};
use crate::clock::Clock;
use crate::counters::Counters;
use crate::faults::{Plan, Refusal};
use crate::http::{CutOff, Origin, Service};
use crate::rows::{Rows, Sql, Value};

/// The running stand-in, without its server.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) model: Model,
    pub(super) settings: Settings,
    pub(super) rows: Rows,
    pub(super) tokens: Tokens,
    pub(super) counters: Counters,
    pub(super) clock: Clock,
    pub(super) clients: Vec<crate::auth::Client>,
    pub(super) steps: Mutex<Arc<Steps>>,
    pub(super) outbox: Outbox,
    pub(super) limiter: Limiter,
}

/// What came of a transaction.
struct Done {
    effects: Vec<Effect>,
    actor: Actor,
    correlation: Uuid,
    /// The webhook steps from now on, when they changed.
    steps_now: Option<Arc<Steps>>,
}

/// What the parts of one HTTP request share.
pub(super) struct Outer<'a> {
    pub(super) root: &'a str,
    pub(super) caller: &'a Caller,
    pub(super) plan: &'a Plan,
    pub(super) headers: &'a axum::http::HeaderMap,
}

/// Where the Web API begins, up to the minor version.
const ROOT: &str = "/api/data/v9.";

impl Service for Inner {
    fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let caller = match self.tokens.identify(request.headers()) {
            Ok(caller) => caller,
            Err(error) => return unauthorized(&request, error),
        };
        let plan = request
            .extensions()
            .get::<Plan>()
            .cloned()
            .unwrap_or_default();
        let origin = request
            .extensions()
            .get::<Origin>()
            .map_or("", |origin| origin.0.as_str());
        let began = self.clock.now();
        let admission = match self.limiter.admit(&caller.client, began) {
            Ok(admission) => admission,
            Err(error) => {
                let mut response = Self::finish(Err(error), &Preferences::default());
                response.extensions_mut().insert(caller);
                return response;
            }
        };
        if request
            .uri()
            .path()
            .starts_with("/api/discovery/v2.0/Instances")
        {
            let mut response = Self::finish(Ok(self.instances(origin)), &Preferences::default());
            response.extensions_mut().insert(caller);
            return response;
        }
        let (version, path) = match request.uri().path().strip_prefix(ROOT) {
            Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
            None => ("", ""),
        };
        let root = format!("{origin}{ROOT}{version}");
        let outer = Outer {
            root: &root,
            caller: &caller,
            plan: &plan,
            headers: request.headers(),
        };
        let mut response = if !matches!(version, "0" | "1" | "2") {
            let error = ApiError::no_segment(request.uri().path());
            Self::finish(Err(error), &Preferences::default())
        } else if path == "$batch" {
            batch::run(self, &outer, &request)
        } else {
            let call = Call {
                method: request.method().clone(),
                root: root.clone(),
                segments: Vec::new(),
                options: Options::default(),
                preferences: Preferences::read(request.headers()),
                headers: request.headers().clone(),
                body: request.body().clone(),
                content_ids: HashMap::new(),
            };
            let preferences = call.preferences.clone();
            let outcome = check_length(request.uri())
                .and_then(|()| check_path(path))
                .and_then(|()| self.run(&outer, call, path, request.uri().query()));
            Self::finish(outcome, &preferences)
        };
        response.extensions_mut().insert(caller);
        show_remaining(&admission, &mut response);
        admission.finish(self.clock.now().duration_since(began));
        response
    }

    fn refusal(&self, refusal: Refusal) -> String {
        let (code, message) = match refusal {
            Refusal::TooManyRequests { .. } => (
                "0x80072322",
                "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
            ),
            Refusal::Unavailable { .. } => (
                "0x80072323",
                "The service is temporarily unavailable. Please try again later.",
            ),
        };
        json!({"error": {"code": code, "message": message}}).to_string()
    }

    fn control(&self, method: &Method, topic: &str, body: &[u8]) -> Option<Response<Bytes>> {
        if topic != "limits" {
            return None;
        }
        let outcome = match method.as_str() {
            "PUT" => serde_json::from_slice(body)
                .map(|limits| self.limiter.set(Some(limits)))
                .map(|()| Reply::no_content())
                .map_err(|error| ApiError::malformed(format!("the body does not fit: {error}"))),
            "DELETE" => {
                self.limiter.set(None);
                Ok(Reply::no_content())
            }
            _ => return None,
        };
        Some(Self::finish(outcome, &Preferences::default()))
    }

    fn reset(&self) {
        if let Err(error) = self.found() {
            tracing::error!(%error, "the organisation could not be set up again");
        }
        *self.steps.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }
}

impl Inner {
    /// Makes the rows every organisation has.
    pub(super) fn found(&self) -> Result<(), crate::rows::RowsError> {
        let name = &self.settings.organization_name;
        let days = self.settings.change_retention_days;
        let kept_since = self
            .clock
            .now()
            .as_second()
            .saturating_sub(days.saturating_mul(86_400));
        self.rows.write(|tx| tx.forget_deletions(kept_since))?;
        super::organisation::found(
            &self.model,
            &self.rows,
            &self.clients,
            name,
            self.clock.now(),
        )
    }

    /// Global discovery: the one organisation there is.
    fn instances(&self, origin: &str) -> Reply {
        let name = &self.settings.organization_name;
        Reply::json(json!({
            "@odata.context": format!("{origin}/api/discovery/v2.0/$metadata#Instances"),
            "value": [{
                "ApiUrl": origin,
                "EnvironmentId": ORGANIZATION,
                "FriendlyName": name,
                "Id": ORGANIZATION,
                "IsUserSysAdmin": true,
                "LastUpdated": value::instant_text(self.clock.now()),
                "OrganizationType": 0,
                "Region": "NA",
                "State": 0,
                "StatusMessage": 0,
                "TenantId": ORGANIZATION,
                "UniqueName": name,
                "Url": format!("{origin}/"),
                "UrlName": name,
                "Version": super::operations::VERSION,
            }],
        }))
    }

    /// Runs one request in a transaction of its own and publishes what it wrote.
    pub(super) fn run(
        &self,
        outer: &Outer<'_>,
        call: Call,
        path: &str,
        query: Option<&str>,
    ) -> ApiResult<Reply> {
        let call = aimed(call, path, query)?;
        let writes = call.method != Method::GET;
        self.transaction(outer, writes, |session| {
            resource::answer(session, &call, outer.plan)
        })
    }

    /// Runs `work` in a transaction and publishes what it wrote once that is committed.
    pub(super) fn transaction<T>(
        &self,
        outer: &Outer<'_>,
        writes: bool,
        work: impl FnOnce(&Session<'_>) -> ApiResult<T>,
    ) -> ApiResult<T> {
        let steps = Arc::clone(&self.steps.lock().unwrap_or_else(PoisonError::into_inner));
        let now = self.clock.now();
        let inside = |tx: &crate::rows::Tx<'_>| -> ApiResult<(T, Done)> {
            let actor = self.actor(tx, outer)?;
            let session = Session::new(
                &self.model,
                &self.settings,
                tx,
                &actor,
                now,
                Arc::clone(&steps),
            );
            let outcome = work(&session)?;
            let effects = session.effects.take();
            let correlation = Uuid::new_v4();
            self.synchronous_steps(&steps, &actor, now, correlation, &effects)?;
            let steps_now = if effects.iter().any(changes_steps) {
                Some(Arc::new(Steps::load(&session)?))
            } else {
                None
            };
            Ok((
                outcome,
                Done {
                    effects,
                    actor,
                    correlation,
                    steps_now,
                },
            ))
        };
        let (outcome, done) = if writes {
            self.rows.write(inside)?
        } else {
            self.rows.read(inside)?
        };
        self.publish(&steps, now, done);
        Ok(outcome)
    }

    /// Lets the synchronous steps have their say while the write can still be undone.
    fn synchronous_steps(
        &self,
        steps: &Steps,
        actor: &Actor,
        now: jiff::Timestamp,
        correlation: Uuid,
        effects: &[Effect],
    ) -> ApiResult<()> {
        let request = self.webhook_request(actor, now, correlation);
        for effect in effects {
            for step in steps.of(effect, true) {
                let Some(payload) = payload(&request, effect, step) else {
                    continue;
                };
                self.outbox
                    .post_now(&Delivery::new(payload, step))
                    .map_err(|error| {
                        ApiError::new(StatusCode::BAD_REQUEST, "0x80040265", error.to_string())
                    })?;
            }
        }
        Ok(())
    }

    /// Counts what was committed and hands it to the asynchronous steps.
    fn publish(&self, steps: &Steps, now: jiff::Timestamp, done: Done) {
        let request = self.webhook_request(&done.actor, now, done.correlation);
        for effect in &done.effects {
            self.counters
                .row_written(&effect.table, effect.kind, &done.actor.client);
            for step in steps.of(effect, false) {
                if let Some(payload) = payload(&request, effect, step) {
                    self.outbox.send(Delivery::new(payload, step));
                }
            }
        }
        if let Some(steps) = done.steps_now {
            *self.steps.lock().unwrap_or_else(PoisonError::into_inner) = steps;
        }
    }

    fn webhook_request<'r>(
        &'r self,
        actor: &'r Actor,
        now: jiff::Timestamp,
        correlation: Uuid,
    ) -> WebhookRequest<'r> {
        WebhookRequest {
            model: &self.model,
            actor,
            organization: &self.settings.organization_name,
            now,
            correlation,
        }
    }

    /// Reads the webhook steps anew, after the rows were opened.
    pub(super) fn reload_steps(&self) -> ApiResult<()> {
        let now = self.clock.now();
        let actor = Actor {
            client: "sandbox".into(),
            user: ADMINISTRATOR.to_string(),
            on_behalf_by: None,
        };
        let steps = self.rows.read(|tx| {
            let none = Arc::default();
            Steps::load(&Session::new(
                &self.model,
                &self.settings,
                tx,
                &actor,
                now,
                none,
            ))
        })?;
        *self.steps.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(steps);
        Ok(())
    }

    /// Keeps a failed delivery as a failed system job.
    pub(super) fn delivery_failed(&self, delivery: &Delivery, error: &DeliveryError) {
        tracing::warn!(step = delivery.step, %error, "a webhook payload was not delivered");
        let job = json!({
            "name": delivery.step,
            "messagename": delivery.payload.message,
            "primaryentitytype": delivery.payload.table,
            "correlationid": delivery.payload.correlation,
            "operationtype": 1,
            "friendlymessage": error.to_string(),
            "statecode": 3,
            "statuscode": 31,
        });
        let Json::Object(job) = job else { return };
        if let Err((_, error)) = self.insert("asyncoperation", &[job]) {
            tracing::error!(%error, "a failed system job could not be kept");
        }
    }

    /// Who acts: the token's application user, or somebody else on its behalf.
    fn actor(&self, tx: &crate::rows::Tx<'_>, outer: &Outer<'_>) -> ApiResult<Actor> {
        let client = outer.caller.client.clone();
        let known = self.clients.iter().any(|one| one.id == client);
        let own = if known {
            user_of(&client)
        } else {
            ADMINISTRATOR
        }
        .to_string();
        let header = |name: &str| {
            outer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let wanted = header("callerobjectid")
            .map(|id| ("azureactivedirectoryobjectid", id))
            .or_else(|| header("mscrmcallerid").map(|id| ("systemuserid", id)));
        let Some((column, wanted)) = wanted else {
            return Ok(Actor {
                client,
                user: own,
                on_behalf_by: None,
            });
        };
        let id = value::guid(wanted);
        let condition = Sql::new(
            format!("t.{column} = ?"),
            vec![Value::Text(id.unwrap_or_default())],
        );
        let select = crate::rows::Select::from("systemuser", &["systemuserid"]).filter(condition);
        match tx.select(&select)?.into_iter().flatten().next() {
            Some(Value::Text(user)) => Ok(Actor {
                client,
                user,
                on_behalf_by: Some(own),
            }),
            _ => Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "0x80040220",
                "The user to act as is not a member of the organization.",
            )),
        }
    }

    /// Makes a row outside of any request, as the administrator.
    ///
    /// All rows or none; an error comes with the place of the row it is about.
    pub(super) fn insert(
        &self,
        table: &str,
        rows: &[Map<String, Json>],
    ) -> Result<Vec<String>, (usize, ApiError)> {
        let table = self
            .model
            .table(table)
            .ok_or_else(|| (0, ApiError::no_segment(table)))?;
        let caller = Caller {
            client: "sandbox".into(),
        };
        let headers = axum::http::HeaderMap::new();
        let root = format!("http://localhost{ROOT}2");
        let plan = Plan::default();
        let outer = Outer {
            root: &root,
            caller: &caller,
            plan: &plan,
            headers: &headers,
        };
        let call = Call {
            method: Method::POST,
            root: root.clone(),
            segments: Vec::new(),
            options: Options::default(),
            preferences: Preferences::default(),
            headers: headers.clone(),
            body: Bytes::new(),
            content_ids: HashMap::new(),
        };
        let mut at = 0;
        let made = self.transaction(&outer, true, |session| {
            let mut ids = Vec::with_capacity(rows.len());
            for (index, row) in rows.iter().enumerate() {
                at = index;
                ids.push(write::create(session, &call, table, row, None, &[])?);
            }
            Ok(ids)
        });
        made.map_err(|error| (at, error))
    }

    /// The HTTP response of an outcome.
    pub(super) fn finish(outcome: ApiResult<Reply>, preferences: &Preferences) -> Response<Bytes> {
        let annotated = preferences.annotations.is_some();
        let reply = outcome.unwrap_or_else(|error| error_reply(&error, annotated));
        let (content_type, body) = body_bytes(reply.body);
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = reply.status;
        let headers = response.headers_mut();
        let mut put = |name: &'static str, value: &str| {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        };
        put("OData-Version", "4.0");
        if let Some(content_type) = content_type {
            put("Content-Type", content_type);
        }
        let request_id = Uuid::new_v4().to_string();
        put("x-ms-service-request-id", &request_id);
        put("REQ_ID", &request_id);
        for (name, value) in &reply.headers {
            put(name, value);
        }
        response
    }
}

/// An error as a reply.
pub(super) fn error_reply(error: &ApiError, annotated: bool) -> Reply {
    let reply = Reply::json(error.body(annotated)).with_status(error.status);
    match error.retry_after {
        Some(seconds) => reply.with_header("Retry-After", seconds.to_string()),
        None => reply,
    }
}

/// The bytes of a body and their type.
pub(super) fn body_bytes(body: ReplyBody) -> (Option<&'static str>, Vec<u8>) {
    match body {
        ReplyBody::Empty => (None, Vec::new()),
        ReplyBody::Json(json) => (
            Some("application/json; odata.metadata=minimal"),
            json.to_string().into_bytes(),
        ),
        ReplyBody::Text(text) => (Some("text/plain"), text.into_bytes()),
        ReplyBody::Xml(text) => (Some("application/xml"), text.into_bytes()),
    }
}

/// The call with the path and the query that it is for.
pub(super) fn aimed(mut call: Call, path: &str, query: Option<&str>) -> ApiResult<Call> {
    let path = resolve_content_id(&call, &decode_path(path))?;
    call.segments = segments(super::locate::below_root(&path))?;
    call.options = Options::read(options(query.unwrap_or_default()))?;
    Ok(call)
}

/// The longest URL of a request, and of a part of a batch, in characters.
const LONGEST_URL: usize = 32_768;
pub(super) const LONGEST_PART_URL: usize = 65_536;

/// The web server in front of the service refuses long URLs.
fn check_length(uri: &axum::http::Uri) -> ApiResult<()> {
    if uri
        .path_and_query()
        .is_none_or(|target| target.as_str().len() <= LONGEST_URL)
    {
        return Ok(());
    }
    let message = format!("The URL is longer than {LONGEST_URL} characters; send it in a batch.");
    Err(ApiError::new(
        StatusCode::URI_TOO_LONG,
        "0x80060888",
        message,
    ))
}

/// And some characters in a path.
fn check_path(path: &str) -> ApiResult<()> {
    let decoded = decode_path(path);
    let quoted: String = decoded.split('\'').skip(1).step_by(2).collect();
    match quoted
        .chars()
        .find(|character| "/<>*%&:\\?+".contains(*character))
    {
        Some(character) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "0x80060888",
            format!(
                "A potentially dangerous Request.Path value was detected from the client \
                 ({character})."
            ),
        )),
        None => Ok(()),
    }
}

/// Tells what is left of the user's limits, where there are any.
fn show_remaining(admission: &Admission, response: &mut Response<Bytes>) {
    let Some((requests, seconds)) = admission.remaining else {
        return;
    };
    let headers = response.headers_mut();
    headers.insert(
        "x-ms-ratelimit-burst-remaining-xrm-requests",
        HeaderValue::from(requests),
    );
    headers.insert(
        "x-ms-ratelimit-time-remaining-xrm-requests",
        HeaderValue::from(seconds),
    );
}

fn unauthorized(request: &Request<Bytes>, error: Unauthorized) -> Response<Bytes> {
    let origin = request
        .extensions()
        .get::<Origin>()
        .map_or("", |origin| origin.0.as_str());
    let text = format!("HTTP Error 401 - Unauthorized: Access is denied ({error})");
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let challenge =
        format!("Bearer authorization_uri={origin}/common/oauth2/authorize, resource_id={origin}/");
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// A response that tells the server to close the connection.
pub(super) fn cut_off() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    response.extensions_mut().insert(CutOff);
    response
}
