//! Paging cookies: where the next page begins (protocol reference A8).
//!
//! The text is what the service's own cookies look like. It names the order's columns with the
//! values of the last row, so that rows which come and go meanwhile shift nothing.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::errors::{ApiError, ApiResult};
use crate::rows::Value;

/// The position of a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cookie {
    /// The number of the page that begins here.
    pub(super) page: usize,
    /// The order's columns with the values of the first and the last row of the page before.
    bounds: Vec<(String, Value, Value)>,
}

impl Cookie {
    /// The cookie of page `page`, after a page from `first` to `last`.
    pub(super) fn after(page: usize, names: &[String], first: &[Value], last: &[Value]) -> Self {
        let bounds = names
            .iter()
            .zip(first.iter().zip(last))
            .map(|(name, (first, last))| (name.clone(), first.clone(), last.clone()))
            .collect();
        Self { page, bounds }
    }

    /// The values of the last row, for an order over exactly these columns.
    pub(super) fn last_values(&self, names: &[String]) -> ApiResult<Vec<Value>> {
        let known: Vec<&String> = self.bounds.iter().map(|(name, ..)| name).collect();
        if known.len() != names.len() || !known.into_iter().eq(names) {
            return Err(ApiError::malformed(
                "Paging cookie does not fit the request's order.",
            ));
        }
        Ok(self
            .bounds
            .iter()
            .map(|(_, _, last)| last.clone())
            .collect())
    }

    /// The cookie as a link carries it, before the link's own encoding.
    pub(super) fn text(&self) -> String {
        let mut inner = format!("<cookie page=\"{}\">", self.page.saturating_sub(1));
        for (name, first, last) in &self.bounds {
            let (last, first) = (edge("last", last), edge("first", first));
            inner.extend(["<", name.as_str(), " ", &last, " ", &first, " />"]);
        }
        inner.push_str("</cookie>");
        let encoded = utf8_percent_encode(&inner, NON_ALPHANUMERIC)
            .to_string()
            .to_lowercase_escapes();
        format!(
            "<cookie pagenumber=\"{}\" pagingcookie=\"{encoded}\" istracking=\"False\" />",
            self.page
        )
    }

    /// Reads a cookie that came back.
    pub(super) fn read(text: &str) -> ApiResult<Self> {
        let wrong = || ApiError::malformed("Malformed XML in the Paging Cookie.");
        let outer = attributes(text.strip_prefix("<cookie").ok_or_else(wrong)?);
        let find = |name: &str| {
            outer
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        let page = find("pagenumber")
            .and_then(|page| page.parse().ok())
            .ok_or_else(wrong)?;
        let inner = find("pagingcookie").ok_or_else(wrong)?;
        let inner = percent_decode_str(&inner).decode_utf8_lossy().into_owned();
        let mut bounds = Vec::new();
        for element in inner.split('<').skip(1) {
            let Some((name, rest)) = element.split_once(' ') else {
                continue;
            };
            if name == "cookie" || name.starts_with('/') {
                continue;
            }
            let found = attributes(rest);
            let value = |wanted: &str| {
                found
                    .iter()
                    .find_map(|(name, text)| match name.strip_prefix(wanted) {
                        Some("null") => Some(Value::Null),
                        Some("i") => text.parse().ok().map(Value::Integer),
                        Some("r") => text.parse().ok().map(Value::Real),
                        Some("") => Some(Value::Text(unbraced(text))),
                        _ => None,
                    })
            };
            let (first, last) = (value("first"), value("last"));
            bounds.push((
                name.to_owned(),
                first.unwrap_or(Value::Null),
                last.ok_or_else(wrong)?,
            ));
        }
        if bounds.is_empty() {
            Err(wrong())
        } else {
            Ok(Self { page, bounds })
        }
    }
}

/// `last="…"`; numbers and nulls say so in the attribute's name, GUIDs stand in braces.
fn edge(which: &str, value: &Value) -> String {
    match value {
        Value::Null | Value::Blob(_) => format!("{which}null=\"1\""),
        Value::Integer(number) => format!("{which}i=\"{number}\""),
        Value::Real(number) => format!("{which}r=\"{number}\""),
        Value::Text(text) => match super::value::guid(text) {
            Some(id) if id == *text => format!("{which}=\"{{{}}}\"", id.to_uppercase()),
            _ => format!("{which}=\"{}\"", escaped(text)),
        },
    }
}

fn unbraced(text: &str) -> String {
    let braced = text.starts_with('{') && text.ends_with('}');
    super::value::guid(text)
        .filter(|_| braced)
        .unwrap_or_else(|| text.to_owned())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&gt;", ">")
        .replace("&lt;", "<")
        .replace("&amp;", "&")
}

/// The `name="value"` pairs at the start of an element's inside.
fn attributes(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some((value, next)) = after.split_once('"') else {
            break;
        };
        let name = name.trim().trim_start_matches('>').trim();
        found.push((name.to_owned(), unescaped(value)));
        rest = next;
    }
    found
}

/// Percent escapes in lower case, as the service writes them.
trait LowercaseEscapes {
    fn to_lowercase_escapes(&self) -> String;
}

impl LowercaseEscapes for String {
    fn to_lowercase_escapes(&self) -> String {
        let mut text = String::with_capacity(self.len());
        let mut left = 0_u8;
        for character in self.chars() {
            if character == '%' {
                left = 3;
            }
            text.push(if left > 0 {
                character.to_ascii_lowercase()
            } else {
                character
            });
            left = left.saturating_sub(1);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_comes_back_whole() {
        let names = [
            "name".to_owned(),
            "n".to_owned(),
            "x".to_owned(),
            "accountid".to_owned(),
        ];
        let id = "d5026a4d-d01c-ed11-b83e-000d3a572421";
        let last = [
            Value::Text("A \"B\" <&> '%' é{x}".into()),
            Value::Integer(-5),
            Value::Null,
            Value::Text(id.into()),
        ];
        let cookie = Cookie::after(3, &names, &last, &last);
        let text = cookie.text();
        assert!(text.starts_with("<cookie pagenumber=\"3\" pagingcookie=\"%3ccookie%20page%3d"));
        let back = Cookie::read(&text).unwrap();
        assert_eq!(back, cookie);
        assert_eq!(back.last_values(&names).unwrap(), last);
    }

    #[test]
    fn a_foreign_cookie_is_refused() {
        for text in ["", "x", "<cookie pagenumber=\"2\" pagingcookie=\"\" />"] {
            assert_eq!(Cookie::read(text).unwrap_err().code, "0x80060888");
        }
    }
}
