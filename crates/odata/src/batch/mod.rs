//! `$batch`: several requests in one, some of them in change sets that succeed or fail as one.
//!
//! [`BatchRequest`] and [`BatchResponse`] encode to and decode from `multipart/mixed` and JSON, from both
//! ends of the wire. Decoding takes what clients and services really send (bare line feeds,
//! quoted boundaries, preambles, parts without a body); encoding is as strict as the pickiest
//! known reader wants it (reference section C). A batch that ends before its closing boundary is
//! an error: some of it may be missing.

mod decode;
mod encode;
mod json;
mod multipart;
mod status;

pub use encode::Encoded;
pub use status::reason;

/// The requests of a batch, in the order in which they run.
///
/// ```
/// use duet_odata::batch::{BatchRequest, PartRequest, RequestPart};
///
/// let batch = BatchRequest {
///     parts: vec![
///         RequestPart::Single(PartRequest::new("GET", "accounts?$top=1")),
///         RequestPart::ChangeSet(vec![
///             PartRequest::new("POST", "leads").with_id("1").with_json(r#"{"lastname":"L"}"#),
///             PartRequest::new("DELETE", "$1").with_id("2"),
///         ]),
///     ],
/// };
/// let encoded = batch.encode("7f3a");
/// assert_eq!(BatchRequest::decode(&encoded.content_type, &encoded.body)?, batch);
/// # Ok::<(), duet_odata::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchRequest {
    /// Single requests and change sets.
    pub parts: Vec<RequestPart>,
}

/// One part of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestPart {
    /// A request on its own.
    Single(PartRequest),
    /// Requests that succeed or fail together.
    ChangeSet(Vec<PartRequest>),
}

/// One request inside a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartRequest {
    /// Its Content-ID, by which later requests may refer to its result.
    pub content_id: Option<String>,
    /// The method, such as `PATCH`.
    pub method: String,
    /// The URL as written: absolute, host-relative, relative to the service, or `$1…`.
    pub url: String,
    /// The headers of the request itself, in the order of the text.
    pub headers: Vec<(String, String)>,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
    /// The ids of requests and change sets that must succeed first; only the JSON form says.
    pub depends_on: Vec<String>,
}

/// The responses of a batch, in the order of the requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchResponse {
    /// Single responses and those of change sets.
    pub parts: Vec<ResponsePart>,
}

/// One part of a batch's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponsePart {
    /// The response to a single request, or to a change set that failed as a whole.
    Single(PartResponse),
    /// The responses to a change set; just one if it failed (reference A10).
    ChangeSet(Vec<PartResponse>),
}

/// One response inside a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartResponse {
    /// The Content-ID of its request.
    pub content_id: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// The headers, in the order of the text.
    pub headers: Vec<(String, String)>,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
}

impl PartRequest {
    /// A request without headers and body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            ..Self::default()
        }
    }

    /// Sets the Content-ID.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.content_id = Some(id.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets a JSON body and its `Content-Type`.
    #[must_use]
    pub fn with_json(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with_header("Content-Type", "application/json")
    }

    /// A header, whatever the letter case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

impl PartResponse {
    /// A response without headers and body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// Sets the Content-ID.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.content_id = Some(id.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body; its `Content-Type` is a header like any other.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// A header, whatever the letter case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Whether the request succeeded.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

fn find<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| &**value)
}
