//! What leaves the stand-in: replies and errors as HTTP responses.

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use uuid::Uuid;

use super::errors::{ApiError, ApiResult};
use super::limits::Admission;
use super::options::Preferences;
use super::session::{Reply, ReplyBody};
use crate::auth::Unauthorized;
use crate::http::{CutOff, Origin};

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
        ReplyBody::Bytes(bytes) => (Some("application/octet-stream"), bytes),
        ReplyBody::Xml(text) => (Some("application/xml"), text.into_bytes()),
    }
}

/// Tells what is left of the user's limits, where there are any.
pub(super) fn show_remaining(admission: &Admission, response: &mut Response<Bytes>) {
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

/// The answer to a request without a token that is known.
pub(super) fn unauthorized(request: &Request<Bytes>, error: Unauthorized) -> Response<Bytes> {
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
