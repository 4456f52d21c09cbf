//! Cuts a multipart body into parts, and parts into headers and content.

use crate::ParseError;
use crate::scan::Scanner;

/// A stretch of the body with its offset, for errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) offset: usize,
}

impl<'a> Piece<'a> {
    pub(super) fn error(self, message: &str) -> ParseError {
        ParseError::new(self.offset, message)
    }

    fn from(self, at: usize) -> Self {
        Piece {
            bytes: self.bytes.get(at..).unwrap_or_default(),
            offset: self.offset + at,
        }
    }

    /// The first line without its end, and what follows it.
    pub(super) fn line(self) -> (Piece<'a>, Piece<'a>) {
        let end = self.bytes.iter().position(|byte| *byte == b'\n');
        let (line, next) = match end {
            Some(end) => (self.bytes.get(..end).unwrap_or_default(), end + 1),
            None => (self.bytes, self.bytes.len()),
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        (
            Piece {
                bytes: line,
                offset: self.offset,
            },
            self.from(next),
        )
    }

    pub(super) fn text(self) -> Result<&'a str, ParseError> {
        std::str::from_utf8(self.bytes).map_err(|_| self.error("expected UTF-8 text"))
    }
}

/// The boundary that a `Content-Type` of `multipart/mixed` names; `None` for other types.
pub(super) fn boundary(content_type: &str) -> Result<Option<String>, ParseError> {
    let mut scanner = Scanner::new(content_type);
    scanner.skip_blanks();
    let media_type = scanner.take_while(|c| c != ';').trim();
    if !media_type.eq_ignore_ascii_case("multipart/mixed") {
        return Ok(None);
    }
    while scanner.eat(';') {
        scanner.skip_blanks();
        let name = scanner.take_while(|c| !matches!(c, '=' | ';')).trim();
        if !scanner.eat('=') {
            continue;
        }
        scanner.skip_blanks();
        let value = if scanner.eat('"') {
            let value = scanner.take_while(|c| c != '"').to_owned();
            scanner.expect('"')?;
            scanner.skip_blanks();
            value
        } else {
            scanner.take_while(|c| c != ';').trim().to_owned()
        };
        if name.eq_ignore_ascii_case("boundary") {
            if value.is_empty() || value.len() > 200 {
                return Err(scanner.error("expected a boundary of 1 to 200 characters"));
            }
            return Ok(Some(value));
        }
    }
    Err(scanner.error("expected `boundary=…` in the Content-Type"))
}

/// The parts between the boundaries. What stands before the first one and after the closing one
/// is skipped; without the closing one the body is torn.
pub(super) fn parts<'a>(body: Piece<'a>, boundary: &str) -> Result<Vec<Piece<'a>>, ParseError> {
    let mut parts = Vec::new();
    let mut open: Option<Piece<'a>> = None;
    let mut rest = body;
    while !rest.bytes.is_empty() {
        let (line, next) = rest.line();
        let Some(closing) = delimiter(line.bytes, boundary.as_bytes()) else {
            rest = next;
            continue;
        };
        if let Some(start) = open {
            let length = rest.offset - start.offset;
            let bytes = start.bytes.get(..length).unwrap_or_default();
            // The line end before a boundary belongs to the boundary.
            let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            parts.push(Piece {
                bytes,
                offset: start.offset,
            });
        }
        if closing {
            return Ok(parts);
        }
        open = Some(next);
        rest = next;
    }
    let end = ParseError::new(body.offset + body.bytes.len(), "");
    Err(ParseError {
        message: if open.is_some() {
            "the batch ends without its closing boundary; some of it may be missing".to_owned()
        } else {
            "the batch does not hold the boundary that its Content-Type names".to_owned()
        },
        ..end
    })
}

/// Whether a line is a boundary, and if so whether it is the closing one.
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    match rest.trim_ascii() {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

/// A part's headers in the order of the text.
pub(super) type Headers = Vec<(String, String)>;

/// Reads header lines up to a blank line or the end, and returns what follows.
pub(super) fn headers(part: Piece<'_>) -> Result<(Headers, Piece<'_>), ParseError> {
    let mut headers: Headers = Vec::new();
    let mut rest = part;
    while !rest.bytes.is_empty() {
        let (line, next) = rest.line();
        rest = next;
        if line.bytes.is_empty() {
            break;
        }
        let text = line.text()?;
        // A line that starts with a blank continues the one before.
        if text.starts_with([' ', '\t'])
            && let Some((_, value)) = headers.last_mut()
        {
            value.push(' ');
            value.push_str(text.trim());
            continue;
        }
        let (name, value) = text
            .split_once(':')
            .ok_or_else(|| line.error("expected a header such as `Content-Type: …`"))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok((headers, rest))
}
