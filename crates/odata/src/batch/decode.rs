//! Reads batches, as tolerant of their spelling as possible without guessing at their meaning.

use super::multipart::{Headers, Piece, boundary, headers, parts};
use super::{
    BatchRequest, BatchResponse, PartRequest, PartResponse, RequestPart, ResponsePart, find,
};
use crate::ParseError;

impl BatchRequest {
    /// Decodes a batch from the value of its `Content-Type` header and its body. Offsets in
    /// errors count from the start of the body (of the header, for a bad header).
    pub fn decode(content_type: &str, body: &[u8]) -> Result<Self, ParseError> {
        let (single, change_set) = (RequestPart::Single, RequestPart::ChangeSet);
        let parts = parts_of(content_type, body, request, single, change_set)?;
        Ok(Self { parts })
    }
}

impl BatchResponse {
    /// Decodes the response to a batch from the value of its `Content-Type` header and its body.
    pub fn decode(content_type: &str, body: &[u8]) -> Result<Self, ParseError> {
        let (single, change_set) = (ResponsePart::Single, ResponsePart::ChangeSet);
        let parts = parts_of(content_type, body, response, single, change_set)?;
        Ok(Self { parts })
    }

    /// Every response in order, those of change sets included.
    pub fn responses(&self) -> impl Iterator<Item = &PartResponse> {
        self.parts.iter().flat_map(|part| match part {
            ResponsePart::Single(response) => std::slice::from_ref(response),
            ResponsePart::ChangeSet(responses) => responses.as_slice(),
        })
    }
}

/// Reads the parts of a batch, each message with `read`.
fn parts_of<M, P>(
    content_type: &str,
    body: &[u8],
    read: fn(Option<String>, Piece<'_>) -> Result<M, ParseError>,
    single: fn(M) -> P,
    change_set: fn(Vec<M>) -> P,
) -> Result<Vec<P>, ParseError> {
    let read_part = |part| {
        Ok(match open(part)? {
            Part::Http {
                content_id,
                content,
            } => single(read(content_id, content)?),
            Part::ChangeSet(messages) => {
                let messages = messages.into_iter();
                let read = messages.map(|(content_id, content)| read(content_id, content));
                change_set(read.collect::<Result<_, _>>()?)
            }
        })
    };
    outer(content_type, body)?
        .into_iter()
        .map(read_part)
        .collect()
}

fn outer<'a>(content_type: &str, body: &'a [u8]) -> Result<Vec<Piece<'a>>, ParseError> {
    let Some(boundary) = boundary(content_type)? else {
        return Err(ParseError::new(
            0,
            "the Content-Type of a batch is multipart/mixed",
        ));
    };
    parts(
        Piece {
            bytes: body,
            offset: 0,
        },
        &boundary,
    )
}

type HttpPart<'a> = (Option<String>, Piece<'a>);

enum Part<'a> {
    Http {
        content_id: Option<String>,
        content: Piece<'a>,
    },
    ChangeSet(Vec<HttpPart<'a>>),
}

/// Reads a part's own headers and tells what it holds.
fn open(part: Piece<'_>) -> Result<Part<'_>, ParseError> {
    let (own, content) = headers(part)?;
    let content_type = find(&own, "Content-Type").unwrap_or("application/http");
    let inner = boundary(content_type).map_err(|error| part.error(&error.message))?;
    let Some(inner) = inner else {
        let (content_id, content) = http(part, &own, content)?;
        return Ok(Part::Http {
            content_id,
            content,
        });
    };
    let inner = parts(content, &inner)?
        .into_iter()
        .map(|part| {
            let (own, content) = headers(part)?;
            http(part, &own, content)
        })
        .collect::<Result<_, _>>()?;
    Ok(Part::ChangeSet(inner))
}

/// A part that must hold one HTTP message.
fn http<'a>(
    part: Piece<'a>,
    own: &Headers,
    content: Piece<'a>,
) -> Result<HttpPart<'a>, ParseError> {
    let content_type = find(own, "Content-Type").unwrap_or("application/http");
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/http") {
        return Ok((find(own, "Content-ID").map(str::to_owned), content));
    }
    Err(part.error(
        if media_type.to_ascii_lowercase().starts_with("multipart/") {
            "a change set cannot hold another one"
        } else {
            "the Content-Type of a part is application/http or multipart/mixed"
        },
    ))
}

/// The first line that is not blank, and what follows it.
fn start_line(content: Piece<'_>) -> (Piece<'_>, Piece<'_>) {
    let mut rest = content;
    loop {
        let (line, next) = rest.line();
        if !line.bytes.trim_ascii().is_empty() || next.bytes.is_empty() {
            return (line, next);
        }
        rest = next;
    }
}

fn request(content_id: Option<String>, content: Piece<'_>) -> Result<PartRequest, ParseError> {
    let (line, rest) = start_line(content);
    let text = line.text()?.trim();
    let wrong = || line.error("expected a request such as `GET accounts HTTP/1.1`");
    let (method, url) = text.split_once(' ').ok_or_else(wrong)?;
    // Some clients leave blanks in the URL; the version is what follows the last one.
    let url = match url.rsplit_once(' ') {
        Some((url, version)) if version.starts_with("HTTP/") => url.trim(),
        _ => url.trim(),
    };
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_alphabetic()) || url.is_empty() {
        return Err(wrong());
    }
    let (headers, rest) = headers(rest)?;
    let content_id = content_id.or_else(|| find(&headers, "Content-ID").map(str::to_owned));
    let body = body(&headers, rest);
    Ok(PartRequest {
        content_id,
        method: method.to_owned(),
        url: url.to_owned(),
        headers,
        body,
        depends_on: Vec::new(),
    })
}

fn response(content_id: Option<String>, content: Piece<'_>) -> Result<PartResponse, ParseError> {
    let (line, rest) = start_line(content);
    let text = line.text()?.trim();
    let wrong = || line.error("expected a status such as `HTTP/1.1 200 OK`");
    let (version, status) = text.split_once(' ').ok_or_else(wrong)?;
    if !version.starts_with("HTTP/") {
        return Err(wrong());
    }
    let status = status.split_whitespace().next().unwrap_or_default();
    let status = status
        .parse()
        .ok()
        .filter(|status| (100..600).contains(status));
    let status = status.ok_or_else(wrong)?;
    let (headers, rest) = headers(rest)?;
    let content_id = content_id.or_else(|| find(&headers, "Content-ID").map(str::to_owned));
    let body = body(&headers, rest);
    Ok(PartResponse {
        content_id,
        status,
        headers,
        body,
    })
}

/// The body: `Content-Length` bytes where that is given, else all but blank lines on their own.
fn body(headers: &Headers, rest: Piece<'_>) -> Vec<u8> {
    let length = find(headers, "Content-Length").and_then(|text| text.parse::<usize>().ok());
    if let Some(exact) = length.and_then(|length| rest.bytes.get(..length)) {
        return exact.to_vec();
    }
    if rest.bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        return Vec::new();
    }
    rest.bytes.to_vec()
}
