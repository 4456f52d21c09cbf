//! `$batch`: many requests in one, change sets as one transaction (protocol reference A10).

use std::collections::HashMap;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use odata::batch::{
    BatchRequest, BatchResponse, PartRequest, PartResponse, RequestPart, ResponsePart,
};
use uuid::Uuid;

use super::errors::{ApiError, ApiResult};
use super::options::{Options, Preferences};
use super::resource;
use super::respond::{body_bytes, cut_off, error_reply, finish};
use super::service::{Inner, LONGEST_PART_URL, Outer, aimed};
use super::session::{Call, Reply};

/// Answers a batch.
pub(super) fn run(inner: &Inner, outer: &Outer<'_>, request: &Request<Bytes>) -> Response<Bytes> {
    let preferences = Preferences::read(request.headers());
    let batch = match read(inner, request) {
        Ok(batch) => batch,
        Err(error) => return finish(Err(error), &preferences),
    };
    let mut progress = Progress {
        inner,
        outer,
        content_ids: HashMap::new(),
        left: outer.plan.torn_batch_after,
    };
    let mut answered = BatchResponse::default();
    let mut status = StatusCode::OK;
    for part in &batch.parts {
        let Some((part, failed)) = progress.part(part) else {
            return cut_off();
        };
        answered.parts.push(part);
        if let Some(failed) = failed
            && !preferences.continue_on_error
        {
            status = failed;
            break;
        }
    }
    if progress.left == Some(0) {
        return cut_off();
    }
    let encoded = answered.encode(&Uuid::new_v4().to_string());
    let reply = Reply::empty(status);
    let mut response = finish(Ok(reply), &preferences);
    *response.body_mut() = Bytes::from(encoded.body);
    if let Ok(content_type) = HeaderValue::from_str(&encoded.content_type) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

fn read(inner: &Inner, request: &Request<Bytes>) -> ApiResult<BatchRequest> {
    if request.method() != Method::POST {
        return Err(ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "0x80060888",
            format!(
                "The requested resource does not support http method '{}'.",
                request.method()
            ),
        ));
    }
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let batch = BatchRequest::decode(content_type.unwrap_or_default(), request.body())
        .map_err(|error| ApiError::malformed(format!("Invalid multipart payload: {error}")))?;
    let count: usize = batch
        .parts
        .iter()
        .map(|part| match part {
            RequestPart::Single(_) => 1,
            RequestPart::ChangeSet(requests) => requests.len(),
        })
        .sum();
    if count > inner.settings.batch_limit {
        return Err(ApiError::malformed(format!(
            "The current change set contains too many operations. Only '{}' number of operations \
             is permitted.",
            inner.settings.batch_limit
        )));
    }
    Ok(batch)
}

struct Progress<'a> {
    inner: &'a Inner,
    outer: &'a Outer<'a>,
    content_ids: HashMap<String, String>,
    /// How many operations may still be carried out before the connection is cut.
    left: Option<usize>,
}

impl Progress<'_> {
    /// Answers one part, with its status if it failed; nothing when the connection is to be cut.
    fn part(&mut self, part: &RequestPart) -> Option<(ResponsePart, Option<StatusCode>)> {
        match part {
            RequestPart::Single(request) => {
                self.spend()?;
                let response = self.single(request);
                let failed = failure(&response);
                Some((ResponsePart::Single(response), failed))
            }
            RequestPart::ChangeSet(requests) => self.change_set(requests),
        }
    }

    /// Counts one operation; nothing when there is none left.
    fn spend(&mut self) -> Option<()> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        Some(())
    }

    fn single(&mut self, request: &PartRequest) -> PartResponse {
        let (call, path, query) = self.call(request);
        let annotated = call.preferences.annotations.is_some();
        let outcome = if request.url.len() > LONGEST_PART_URL {
            Err(ApiError::malformed(
                "The URL of a request in the batch is too long.",
            ))
        } else if super::locate::below_root(&path).starts_with("$batch") {
            Err(ApiError::malformed(
                "A batch request cannot hold another batch request.",
            ))
        } else {
            self.inner.run(self.outer, call, &path, query.as_deref())
        };
        let response = answer(request, outcome, annotated);
        self.remember(request, &response);
        response
    }

    fn change_set(
        &mut self,
        requests: &[PartRequest],
    ) -> Option<(ResponsePart, Option<StatusCode>)> {
        let mut at = 0;
        let mut cut = false;
        let inner = self.inner;
        let outer = self.outer;
        let known = self.content_ids.clone();
        let outcome = inner.transaction(outer, true, |session| {
            let mut responses = Vec::new();
            for (index, request) in requests.iter().enumerate() {
                at = index;
                if self.spend().is_none() {
                    cut = true;
                    return Err(ApiError::malformed("The connection is to be cut."));
                }
                let (call, path, query) = self.call(request);
                if call.method == Method::GET {
                    return Err(ApiError::malformed(
                        "A GET request cannot be part of a change set.",
                    ));
                }
                if request.content_id.is_none() {
                    return Err(ApiError::malformed(
                        "Content-ID should be specified for each request in a change set.",
                    ));
                }
                let annotated = call.preferences.annotations.is_some();
                let call = aimed(call, &path, query.as_deref())?;
                let reply = resource::answer(session, &call, outer.plan)?;
                let response = answer(request, Ok(reply), annotated);
                self.remember(request, &response);
                responses.push(response);
            }
            Ok(responses)
        });
        if cut {
            return None;
        }
        match outcome {
            Ok(responses) => Some((ResponsePart::ChangeSet(responses), None)),
            Err(error) => {
                self.content_ids = known;
                let status = error.status;
                let request = requests.get(at);
                let mut response = PartResponse::new(status.as_u16());
                if let Some(request) = request {
                    response = answer(request, Err(error), false);
                }
                Some((ResponsePart::ChangeSet(vec![response]), Some(status)))
            }
        }
    }

    /// The address of a row that a part made or wrote, for later references to it.
    fn remember(&mut self, request: &PartRequest, response: &PartResponse) {
        let (Some(id), Some(address)) = (&request.content_id, response.header("OData-EntityId"))
        else {
            return;
        };
        self.content_ids.insert(id.clone(), address.to_owned());
    }

    /// The call, path and query of a part.
    fn call(&self, request: &PartRequest) -> (Call, String, Option<String>) {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
        let (path, query) = match request.url.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (request.url.clone(), None),
        };
        let call = Call {
            method: Method::from_bytes(request.method.as_bytes()).unwrap_or(Method::TRACE),
            root: self.outer.root.to_owned(),
            segments: Vec::new(),
            options: Options::default(),
            preferences: Preferences::read(&headers),
            headers,
            body: Bytes::from(request.body.clone()),
            content_ids: self.content_ids.clone(),
        };
        (call, path, query)
    }
}

fn failure(response: &PartResponse) -> Option<StatusCode> {
    let failed = response.status >= 400;
    StatusCode::from_u16(response.status)
        .ok()
        .filter(|_| failed)
}

fn answer(request: &PartRequest, outcome: ApiResult<Reply>, annotated: bool) -> PartResponse {
    let reply = outcome.unwrap_or_else(|error| error_reply(&error, annotated));
    let mut response = PartResponse::new(reply.status.as_u16());
    response.content_id.clone_from(&request.content_id);
    let (content_type, body) = body_bytes(reply.body);
    if let Some(content_type) = content_type {
        let streaming = if content_type.starts_with("application/json") {
            "; odata.streaming=true"
        } else {
            ""
        };
        response = response.with_header("Content-Type", format!("{content_type}{streaming}"));
    }
    response = response.with_header("OData-Version", "4.0");
    for (name, value) in reply.headers {
        response = response.with_header(name, value);
    }
    response.with_body(body)
}
