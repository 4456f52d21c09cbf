//! Percent-encoding, with a way back from decoded text to the place in the raw URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::ParseError;

/// What may stand bare in a path: unreserved characters, sub-delimiters, `:` and `@`.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What may stand bare in the value of a query option; `&`, `#` and `+` may not.
const QUERY: &AsciiSet = &PATH.remove(b'/').remove(b'?');

/// Encodes one segment of a path; a slash inside it becomes `%2F`.
pub fn encode_path(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

/// Encodes the name or the value of a query option; a blank becomes `%20`.
pub fn encode_query(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// Decodes a segment of a path; `+` stands for itself.
pub fn decode_path(text: &str) -> Result<String, ParseError> {
    decode(text, false)
}

/// Decodes the name or value of a query option; `+` stands for a blank.
pub fn decode_query(text: &str) -> Result<String, ParseError> {
    decode(text, true)
}

fn decode(text: &str, plus_is_blank: bool) -> Result<String, ParseError> {
    let mut bytes = Vec::with_capacity(text.len());
    for (offset, byte) in Units::new(text, plus_is_blank) {
        bytes.push(
            byte.ok_or_else(|| {
                ParseError::new(offset, "expected two hexadecimal digits after `%`")
            })?,
        );
    }
    String::from_utf8(bytes).map_err(|error| {
        let raw = raw_offset(text, error.utf8_error().valid_up_to());
        ParseError::new(raw, "the percent-encoded bytes are not UTF-8")
    })
}

/// The byte of the raw text that the byte `decoded` of its decoded form comes from.
pub(super) fn raw_offset(raw: &str, decoded: usize) -> usize {
    Units::new(raw, false)
        .nth(decoded)
        .map_or(raw.len(), |(offset, _)| offset)
}

/// The decoded bytes of a text, each with the offset that it comes from; `None` for a `%` that
/// no two digits follow.
struct Units<'a> {
    bytes: &'a [u8],
    at: usize,
    plus_is_blank: bool,
}

impl<'a> Units<'a> {
    fn new(text: &'a str, plus_is_blank: bool) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            plus_is_blank,
        }
    }
}

impl Iterator for Units<'_> {
    type Item = (usize, Option<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.at;
        let byte = *self.bytes.get(offset)?;
        self.at += 1;
        if byte == b'+' && self.plus_is_blank {
            return Some((offset, Some(b' ')));
        }
        if byte != b'%' {
            return Some((offset, Some(byte)));
        }
        let digit = |at: usize| {
            let digit = char::from(*self.bytes.get(at)?).to_digit(16)?;
            u8::try_from(digit).ok()
        };
        let (high, low) = (digit(offset + 1), digit(offset + 2));
        match (high, low) {
            (Some(high), Some(low)) => {
                self.at = offset + 3;
                Some((offset, Some(high * 16 + low)))
            }
            _ => Some((offset, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_and_says_where_it_cannot() {
        assert_eq!(decode_query("a+b%20c%2B").unwrap(), "a b c+");
        assert_eq!(decode_path("a+b%20c").unwrap(), "a+b c");
        assert_eq!(decode_path("ab%2").unwrap_err().offset, 2);
        assert_eq!(decode_path("a%20%ff").unwrap_err().offset, 4);
    }

    #[test]
    fn encodes_what_would_change_the_meaning() {
        assert_eq!(encode_path("a/b?c#d e"), "a%2Fb%3Fc%23d%20e");
        assert_eq!(encode_query("a&b+c ü/'"), "a%26b%2Bc%20%C3%BC/'");
    }

    #[test]
    fn offsets_lead_back_to_the_raw_text() {
        assert_eq!(raw_offset("a%20b", 2), 4);
        assert_eq!(raw_offset("a%20b", 9), 5);
    }
}
