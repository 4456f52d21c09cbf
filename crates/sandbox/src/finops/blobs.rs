//! Blob storage behind addresses that need no token: where packages are put and fetched (protocol
//! reference B7), as far as storage clients go: whole blobs, blocks and block lists, ranges.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use quick_xml::Reader;
use quick_xml::events::Event;
use url::form_urlencoded;
use uuid::Uuid;

/// Where blobs are.
pub(super) const PATH: &str = "/_blob/";
/// How long the files of an execution are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// All blobs, by their ids.
#[derive(Default)]
pub(super) struct Blobs {
    state: Mutex<HashMap<Uuid, Blob>>,
}

struct Blob {
    /// What the address must carry.
    signature: String,
    until: Timestamp,
    content: Option<Bytes>,
    /// Pieces that were sent but not yet put together.
    blocks: HashMap<String, Bytes>,
    written: Timestamp,
}

impl Blobs {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Uuid, Blob>) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes room for a blob; gives its id and its signed address.
    pub(super) fn reserve(
        &self,
        origin: &str,
        content: Option<Bytes>,
        now: Timestamp,
    ) -> (Uuid, String) {
        let id = Uuid::new_v4();
        let signature = Uuid::new_v4().simple().to_string();
        let until = now.saturating_add(KEPT).unwrap_or(now);
        let address = format!(
            "{origin}{PATH}dmf/{id}?sv=2024-08-04&se={until}&sr=b&sp=rcw&sig={signature}",
            until = until.strftime("%Y-%m-%dT%H%%3A%M%%3A%SZ"),
        );
        let blob = Blob {
            signature,
            until,
            content,
            blocks: HashMap::new(),
            written: now,
        };
        self.with(|blobs| {
            blobs.retain(|_, blob| blob.until > now);
            blobs.insert(id, blob);
        });
        (id, address)
    }

    /// What was put at a signed address of this stand-in, whatever host it names.
    pub(super) fn content(&self, address: &str) -> Option<Bytes> {
        let (path, query) = address.split_once('?')?;
        let id = id_of(&path[path.find(PATH)?..])?;
        self.with(|blobs| {
            let blob = blobs.get(&id).filter(|blob| signed(blob, query))?;
            blob.content.clone()
        })
    }

    /// Answers a request to the address of a blob.
    pub(super) fn answer(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let query = request.uri().query().unwrap_or_default();
        let mut response = self
            .carry_out(request, query, now)
            .unwrap_or_else(|(status, code)| refusal(status, code));
        let headers = response.headers_mut();
        let id = HeaderValue::try_from(Uuid::new_v4().to_string());
        headers.extend(
            id.ok()
                .map(|id| (HeaderName::from_static("x-ms-request-id"), id)),
        );
        headers.insert("x-ms-version", HeaderValue::from_static("2024-08-04"));
        response
    }

    fn carry_out(
        &self,
        request: &Request<Bytes>,
        query: &str,
        now: Timestamp,
    ) -> Result<Response<Bytes>, (StatusCode, &'static str)> {
        let missing = (StatusCode::NOT_FOUND, "BlobNotFound");
        let id = id_of(request.uri().path()).ok_or(missing)?;
        let option = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs
                .find(|(known, _)| known == name)
                .map(|(_, value)| value)
        };
        self.with(|blobs| {
            let blob = blobs.get_mut(&id).ok_or(missing)?;
            if !signed(blob, query) || blob.until <= now {
                return Err((StatusCode::FORBIDDEN, "AuthenticationFailed"));
            }
            match (request.method(), option("comp").as_deref()) {
                (&Method::PUT, None) => {
                    blob.content = Some(request.body().clone());
                    blob.written = now;
                    Ok(written(blob))
                }
                (&Method::PUT, Some("block")) => {
                    let block = option("blockid")
                        .ok_or((StatusCode::BAD_REQUEST, "InvalidQueryParameterValue"))?;
                    blob.blocks
                        .insert(block.into_owned(), request.body().clone());
                    Ok(written(blob))
                }
                (&Method::PUT, Some("blocklist")) => {
                    let mut whole = Vec::new();
                    for block in block_list(request.body()) {
                        let bytes = blob
                            .blocks
                            .get(&block)
                            .ok_or((StatusCode::BAD_REQUEST, "InvalidBlockList"))?;
                        whole.extend_from_slice(bytes);
                    }
                    blob.blocks.clear();
                    blob.content = Some(whole.into());
                    blob.written = now;
                    Ok(written(blob))
                }
                (&Method::GET | &Method::HEAD, None) => {
                    let content = blob.content.clone().ok_or(missing)?;
                    Ok(read(request.headers(), blob, &content))
                }
                _ => Err((StatusCode::METHOD_NOT_ALLOWED, "UnsupportedHttpVerb")),
            }
        })
    }
}

/// The id in `/_blob/dmf/{id}`.
fn id_of(path: &str) -> Option<Uuid> {
    Uuid::try_parse(path.rsplit('/').next()?).ok()
}

fn signed(blob: &Blob, query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "sig" && value == blob.signature)
}

/// The block ids of a `BlockList`, in order.
fn block_list(body: &[u8]) -> Vec<String> {
    let mut reader = Reader::from_reader(body);
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    while let Ok(event) = reader.read_event_into(&mut buffer) {
        match event {
            Event::Text(text) => {
                let text = text.trim().to_owned();
                if !text.is_empty() {
                    found.push(text);
                }
            }
            Event::Eof => break,
            _ => {}
        }
        buffer.clear();
    }
    found
}

fn dated(response: &mut Response<Bytes>, blob: &Blob) {
    let headers = response.headers_mut();
    let etag = format!("\"0x{:X}\"", blob.written.as_millisecond());
    let modified = blob.written.strftime("%a, %d %b %Y %H:%M:%S GMT");
    let values = [("etag", etag), ("last-modified", modified.to_string())];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

fn written(blob: &Blob) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::CREATED;
    dated(&mut response, blob);
    response.headers_mut().insert(
        "x-ms-request-server-encrypted",
        HeaderValue::from_static("true"),
    );
    response
}

fn read(headers: &HeaderMap, blob: &Blob, content: &Bytes) -> Response<Bytes> {
    let asked = ["x-ms-range", "range"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok());
    let range = asked.and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        let last = content.len().checked_sub(1)?;
        let (from, to) = (from.parse().ok()?, to.parse().unwrap_or(last).min(last));
        (from <= to).then_some((from, to))
    });
    let mut response = Response::new(content.clone());
    if let Some((from, to)) = range {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        *response.body_mut() = content.slice(from..=to);
        let text = format!("bytes {from}-{to}/{}", content.len());
        if let Ok(text) = HeaderValue::try_from(text) {
            response.headers_mut().insert("content-range", text);
        }
    }
    let fixed = [
        ("content-type", "application/zip"),
        ("accept-ranges", "bytes"),
        ("x-ms-blob-type", "BlockBlob"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    dated(&mut response, blob);
    response
}

fn refusal(status: StatusCode, code: &'static str) -> Response<Bytes> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{code}\
         </Message></Error>"
    );
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/xml"));
    headers.insert("x-ms-error-code", HeaderValue::from_static(code));
    response
}
