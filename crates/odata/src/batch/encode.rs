//! Writes batches: CRLF line ends, the boundary on the first line, no blank line too many.

use super::status::reason;
use super::{BatchRequest, BatchResponse, PartRequest, PartResponse, RequestPart, ResponsePart};

/// A batch as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The value of the `Content-Type` header, boundary included.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl BatchRequest {
    /// Encodes the batch. `id` makes the boundaries (`batch_<id>`, `changeset_<id>_<n>`); give a
    /// fresh random text of letters and digits. Where it happens to occur in a body, a longer
    /// boundary is chosen.
    pub fn encode(&self, id: &str) -> Encoded {
        let bodies = self.parts.iter().flat_map(|part| match part {
            RequestPart::Single(request) => std::slice::from_ref(request),
            RequestPart::ChangeSet(requests) => requests,
        });
        let id = unused(
            id,
            &bodies
                .map(|request| request.body.as_slice())
                .collect::<Vec<_>>(),
        );
        let boundary = format!("batch_{id}");
        let mut body = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            delimiter(&mut body, &boundary);
            match part {
                RequestPart::Single(request) => write_request(&mut body, request),
                RequestPart::ChangeSet(requests) => {
                    let inner = format!("changeset_{id}_{}", index + 1);
                    nested(&mut body, &inner, requests, write_request);
                }
            }
        }
        finish(body, &boundary)
    }
}

impl BatchResponse {
    /// Encodes the response. `id` makes the boundaries (`batchresponse_<id>`,
    /// `changesetresponse_<id>_<n>`, names that some clients look for).
    pub fn encode(&self, id: &str) -> Encoded {
        let bodies = self.parts.iter().flat_map(|part| match part {
            ResponsePart::Single(response) => std::slice::from_ref(response),
            ResponsePart::ChangeSet(responses) => responses,
        });
        let id = unused(
            id,
            &bodies
                .map(|response| response.body.as_slice())
                .collect::<Vec<_>>(),
        );
        let boundary = format!("batchresponse_{id}");
        let mut body = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            delimiter(&mut body, &boundary);
            match part {
                ResponsePart::Single(response) => write_response(&mut body, response),
                ResponsePart::ChangeSet(responses) => {
                    let inner = format!("changesetresponse_{id}_{}", index + 1);
                    nested(&mut body, &inner, responses, write_response);
                }
            }
        }
        finish(body, &boundary)
    }
}

/// An id whose boundaries occur in no body.
fn unused(id: &str, bodies: &[&[u8]]) -> String {
    let mut id = if id.is_empty() {
        "0".to_owned()
    } else {
        id.to_owned()
    };
    while bodies.iter().any(|body| contains(body, id.as_bytes())) {
        id.push('x');
    }
    id
}

fn contains(body: &[u8], wanted: &[u8]) -> bool {
    body.windows(wanted.len()).any(|window| window == wanted)
}

fn line(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(text.as_bytes());
    body.extend_from_slice(b"\r\n");
}

/// Starts a part; the line end before a boundary belongs to the boundary.
fn delimiter(body: &mut Vec<u8>, boundary: &str) {
    if !body.is_empty() {
        body.extend_from_slice(b"\r\n");
    }
    line(body, &format!("--{boundary}"));
}

fn finish(mut body: Vec<u8>, boundary: &str) -> Encoded {
    if !body.is_empty() {
        body.extend_from_slice(b"\r\n");
    }
    line(&mut body, &format!("--{boundary}--"));
    Encoded {
        content_type: format!("multipart/mixed; boundary={boundary}"),
        body,
    }
}

/// A change set: exactly one header, a blank line, the first inner boundary.
fn nested<T>(body: &mut Vec<u8>, boundary: &str, parts: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    line(
        body,
        &format!("Content-Type: multipart/mixed; boundary={boundary}"),
    );
    line(body, "");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            body.extend_from_slice(b"\r\n");
        }
        line(body, &format!("--{boundary}"));
        write(body, part);
    }
    if !parts.is_empty() {
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--").as_bytes());
}

fn part_headers(body: &mut Vec<u8>, content_id: Option<&str>) {
    line(body, "Content-Type: application/http");
    line(body, "Content-Transfer-Encoding: binary");
    if let Some(id) = content_id {
        line(body, &format!("Content-ID: {}", one_line(id)));
    }
    line(body, "");
}

fn write_request(body: &mut Vec<u8>, request: &PartRequest) {
    part_headers(body, request.content_id.as_deref());
    line(
        body,
        &format!(
            "{} {} HTTP/1.1",
            one_line(&request.method),
            one_line(&request.url)
        ),
    );
    headers_and_body(body, &request.headers, &request.body);
}

fn write_response(body: &mut Vec<u8>, response: &PartResponse) {
    part_headers(body, response.content_id.as_deref());
    line(
        body,
        &format!("HTTP/1.1 {} {}", response.status, reason(response.status)),
    );
    headers_and_body(body, &response.headers, &response.body);
}

fn headers_and_body(body: &mut Vec<u8>, headers: &[(String, String)], content: &[u8]) {
    for (name, value) in headers {
        line(body, &format!("{}: {}", one_line(name), one_line(value)));
    }
    line(body, "");
    body.extend_from_slice(content);
}

/// A line end inside a header would let its value write headers of its own.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect()
}
