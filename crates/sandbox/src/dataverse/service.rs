//! From an HTTP request to its answer: who calls, in which transaction, and what is done with the
//! resource the URL names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::body::Bytes;
use axum::http::{Method, Request, Response, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::address::{decode_path, options, segments};
use super::customization::Customization;
use super::delivery::Outbox;
use super::errors::{ApiError, ApiResult};
use super::limits::Limiter;
use super::locate::resolve_content_id;
use super::model::Model;
use super::options::{Options, Preferences};
use super::organisation::ORGANIZATION;
use super::respond::{finish, show_remaining, unauthorized};
use super::session::{Call, Reply};
use super::settings::Settings;
use super::webhooks::Steps;
use super::{batch, metadata_write, resource, value, write};
use crate::auth::{Caller, Tokens};
use crate::clock::Clock;
use crate::counters::Counters;
use crate::faults::{Plan, Refusal};
use crate::http::{Origin, Service};
use crate::rows::{Rows, RowsError};

/// The running stand-in, without its server.
#[derive(Debug)]
pub(super) struct Inner {
    /// The tables as they are now.
    pub(super) tables: RwLock<Arc<Model>>,
    /// Held while the tables are changed: one change at a time.
    pub(super) customizing: Mutex<()>,
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
                let mut response = finish(Err(error), &Preferences::default());
                response.extensions_mut().insert(caller);
                return response;
            }
        };
        if request
            .uri()
            .path()
            .starts_with("/api/discovery/v2.0/Instances")
        {
            let mut response = finish(Ok(self.instances(origin)), &Preferences::default());
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
            finish(Err(error), &Preferences::default())
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
            finish(outcome, &preferences)
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
        Some(finish(outcome, &Preferences::default()))
    }

    fn reset(&self) {
        if let Err(error) = self.found() {
            tracing::error!(%error, "the organisation could not be set up again");
        }
        *self.steps.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }
}

impl Inner {
    /// The tables as they are now.
    pub(super) fn model(&self) -> Arc<Model> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Carries a write to the metadata out.
    fn customize(&self, outer: &Outer<'_>, call: &Call) -> ApiResult<Reply> {
        let turn = self
            .customizing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // An unknown user may not even ask.
        self.transaction(outer, false, |_| Ok(()))?;
        let model = self.model();
        let plan = metadata_write::plan(&model, call)?;
        let mut schema = model.schema().clone();
        for change in &plan.changes {
            change.apply(&mut schema, |name| {
                model.table(name).map(|table| table.schema.clone())
            });
        }
        let next = Arc::new(Model::new(&schema));
        self.rows
            .reshape(
                next.storage(),
                |tx| plan.changes.iter().try_for_each(|change| change.keep(tx)),
                || {
                    *self.tables.write().unwrap_or_else(PoisonError::into_inner) =
                        Arc::clone(&next);
                },
            )
            .map_err(|error| not_unique(&plan.changes, error))?;
        drop(turn);
        // New tables can have webhook steps too.
        self.found()?;
        Ok(plan.reply)
    }

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
            &self.model(),
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
        if metadata_write::is_write(&call) {
            return self.customize(outer, &call);
        }
        let writes = call.method != Method::GET;
        self.transaction(outer, writes, |session| {
            resource::answer(session, &call, outer.plan)
        })
    }

    /// Makes a row outside of any request, as the administrator.
    ///
    /// All rows or none; an error comes with the place of the row it is about.
    pub(super) fn insert(
        &self,
        table: &str,
        rows: &[Map<String, Json>],
    ) -> Result<Vec<String>, (usize, ApiError)> {
        let model = self.model();
        let table = model
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
}

/// A key over rows that are alike in its columns cannot be made.
fn not_unique(changes: &[Customization], error: RowsError) -> ApiError {
    let key = changes.iter().find_map(|change| match change {
        Customization::PutKey(_, key) => Some(key),
        _ => None,
    });
    match key {
        Some(key) if error.is_constraint() => {
            ApiError::duplicate_key(&key.name, &key.columns.join(", "))
        }
        _ => error.into(),
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
