//! Addresses of resources: the path of a URL below the service root, and the options behind it.
//!
//! A path is a list of [`Segment`]s such as `accounts(accountnumber='A-1')/primarycontactid/$ref`.
//! It is decoded first and split outside of quotes and parentheses, since clients percent-encode
//! quotes as they like.

use percent_encoding::percent_decode_str;

use super::errors::{ApiError, ApiResult};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// The name before the parentheses.
    pub(super) name: String,
    /// What stands in the parentheses, if there are any.
    pub(super) arguments: Option<Vec<Argument>>,
}

/// A key value or a function's argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Argument {
    /// `name=`, when it is there.
    pub(super) name: Option<String>,
    /// The value, quotes and doubled quotes undone.
    pub(super) text: String,
    /// Whether it stood in quotes.
    pub(super) quoted: bool,
}

/// Splits a decoded path into its segments.
pub(super) fn segments(path: &str) -> ApiResult<Vec<Segment>> {
    split(path, '/')
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(segment)
        .collect()
}

fn segment(part: &str) -> ApiResult<Segment> {
    let Some((name, rest)) = part.split_once('(') else {
        return Ok(Segment {
            name: part.into(),
            arguments: None,
        });
    };
    let Some(inside) = rest.strip_suffix(')') else {
        return Err(ApiError::no_segment(part));
    };
    let arguments = split(inside, ',')
        .into_iter()
        .filter(|part| !part.trim().is_empty());
    let arguments = arguments.map(argument).collect::<Option<_>>();
    let arguments = arguments.ok_or_else(|| ApiError::no_segment(part))?;
    Ok(Segment {
        name: name.into(),
        arguments: Some(arguments),
    })
}

fn argument(text: &str) -> Option<Argument> {
    let text = text.trim();
    let quote = text.find('\'').unwrap_or(text.len());
    let (name, value) = match text[..quote].split_once('=') {
        Some((name, _)) => (Some(name.trim().to_owned()), text[name.len() + 1..].trim()),
        None => (None, text),
    };
    // A typed literal such as `Ns.Type'X'` is a quoted value with a prefix that says nothing new.
    let quoted_part = value.find('\'').map(|start| &value[start..]);
    match quoted_part {
        Some(part) if part.len() >= 2 && part.ends_with('\'') => Some(Argument {
            name,
            text: part[1..part.len() - 1].replace("''", "'"),
            quoted: true,
        }),
        Some(_) => None,
        None => Some(Argument {
            name,
            text: value.into(),
            quoted: false,
        }),
    }
}

/// Splits at a separator outside of quotes, parentheses, brackets and braces.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut depth = 0_usize;
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            _ if character == separator && !quoted && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The options of a query string, decoded; `+` means a space.
pub(super) fn options(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

/// A path with its percent-encoding undone.
pub(super) fn decode_path(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// Encodes what may not stand in the value of a query option.
pub(super) fn encode_option(text: &str) -> String {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
    const RESERVED: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'&')
        .add(b'+')
        .add(b'<')
        .add(b'>');
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, text: &str, quoted: bool) -> Argument {
        Argument {
            name: Some(name.into()),
            text: text.into(),
            quoted,
        }
    }

    #[test]
    fn keys_keep_slashes_and_doubled_quotes() {
        let path = decode_path("accounts(accountnumber=%27A/B''C%27,x=3)/primarycontactid/$ref");
        let found = segments(&path).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].name, "accounts");
        assert_eq!(
            found[0].arguments.as_deref(),
            Some(
                &[
                    named("accountnumber", "A/B'C", true),
                    named("x", "3", false)
                ][..]
            )
        );
        assert_eq!(found[2].name, "$ref");
    }

    #[test]
    fn a_call_without_arguments_differs_from_a_name() {
        assert_eq!(segments("WhoAmI()").unwrap()[0].arguments, Some(vec![]));
        assert_eq!(segments("WhoAmI").unwrap()[0].arguments, None);
    }

    #[test]
    fn a_quoted_equals_sign_is_no_name() {
        let found = segments("accounts('a=b')").unwrap();
        let expected = Argument {
            name: None,
            text: "a=b".into(),
            quoted: true,
        };
        assert_eq!(found[0].arguments, Some(vec![expected]));
    }

    #[test]
    fn broken_parentheses_are_no_resource() {
        assert_eq!(segments("accounts(").unwrap_err().status, 404);
        assert_eq!(segments("accounts('a").unwrap_err().status, 404);
    }

    #[test]
    fn options_decode_plus_and_percent() {
        assert_eq!(
            options("%24select=name&$filter=name+eq+'a%2Bb'"),
            [
                ("$select".to_owned(), "name".to_owned()),
                ("$filter".to_owned(), "name eq 'a+b'".to_owned())
            ]
        );
    }
}
