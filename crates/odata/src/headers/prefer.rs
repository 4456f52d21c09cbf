//! `Prefer`: what a client would like, and `Preference-Applied`: what it got.

use std::fmt::{self, Display, Formatter};

/// What to return after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// The row as it now is.
    Representation,
    /// Nothing.
    Minimal,
}

/// The preferences of a request; unknown ones are kept, so that nothing is lost in between.
///
/// ```
/// use duet_odata::headers::Prefer;
///
/// let mut prefer = Prefer::default();
/// prefer.add(r#"return=representation, odata.include-annotations="*""#);
/// prefer.add("odata.maxpagesize=50");
/// assert_eq!(prefer.max_page_size, Some(50));
/// assert_eq!(
///     prefer.to_string(),
///     r#"return=representation,odata.maxpagesize=50,odata.include-annotations="*""#,
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a preference of its own"
)]
pub struct Prefer {
    /// `return=representation` or `return=minimal`.
    pub returns: Option<Return>,
    /// `odata.maxpagesize`, rows.
    pub max_page_size: Option<u64>,
    /// `odata.include-annotations`, as written: `*`, names, prefixes that end in `.*`.
    pub include_annotations: Option<String>,
    /// `odata.track-changes`.
    pub track_changes: bool,
    /// `odata.continue-on-error`.
    pub continue_on_error: bool,
    /// `odata.allow-entityreferences`.
    pub allow_entity_references: bool,
    /// `respond-async`.
    pub respond_async: bool,
    /// `wait`, seconds.
    pub wait: Option<u64>,
    /// Preferences of other kinds, with their values.
    pub other: Vec<(String, Option<String>)>,
}

impl Prefer {
    /// Reads one header's value.
    pub fn parse(text: &str) -> Self {
        let mut prefer = Self::default();
        prefer.add(text);
        prefer
    }

    /// Adds the preferences of a further `Prefer` header. As the HTTP standard asks, the first of
    /// several equal names wins and what cannot be understood is skipped, not refused.
    pub fn add(&mut self, text: &str) {
        for piece in split_unquoted(text, ',') {
            // Parameters of a preference follow semicolons; none is defined for those known here.
            let pieces = split_unquoted(piece, ';');
            let Some(preference) = pieces.first() else {
                continue;
            };
            let (name, value) = match preference.split_once('=') {
                Some((name, value)) => (name.trim(), Some(unquoted(value.trim()))),
                None => (preference.trim(), None),
            };
            if !name.is_empty() {
                self.set(name, value);
            }
        }
    }

    fn set(&mut self, name: &str, value: Option<String>) {
        let lower = name.to_ascii_lowercase();
        // OData 4.01 drops the prefix.
        let known = lower.strip_prefix("odata.").unwrap_or(&lower);
        let on = value
            .as_deref()
            .is_none_or(|value| !value.eq_ignore_ascii_case("false"));
        match known {
            "return" => {
                let returns = match value.as_deref().map(str::to_ascii_lowercase).as_deref() {
                    Some("representation") => Some(Return::Representation),
                    Some("minimal") => Some(Return::Minimal),
                    _ => None,
                };
                self.returns = self.returns.or(returns);
            }
            "maxpagesize" => {
                let size = value
                    .and_then(|value| value.parse().ok())
                    .filter(|size| *size > 0);
                self.max_page_size = self.max_page_size.or(size);
            }
            "include-annotations" => {
                if self.include_annotations.is_none() {
                    self.include_annotations = value;
                }
            }
            "track-changes" => self.track_changes |= on,
            "continue-on-error" => self.continue_on_error |= on,
            "allow-entityreferences" => self.allow_entity_references |= on,
            "respond-async" => self.respond_async |= on,
            "wait" => self.wait = self.wait.or(value.and_then(|value| value.parse().ok())),
            _ => {
                if !self
                    .other
                    .iter()
                    .any(|(other, _)| other.eq_ignore_ascii_case(name))
                {
                    self.other.push((name.to_owned(), value));
                }
            }
        }
    }

    /// Whether an annotation such as `OData.Community.Display.V1.FormattedValue` is asked for.
    ///
    /// A pattern with a leading `-` takes away; among those that match, the longest decides.
    pub fn includes_annotation(&self, term: &str) -> bool {
        let Some(patterns) = &self.include_annotations else {
            return false;
        };
        let mut best: Option<(usize, bool)> = None;
        for pattern in patterns.split(',').map(str::trim) {
            let (wanted, pattern) = match pattern.strip_prefix('-') {
                Some(pattern) => (false, pattern),
                None => (true, pattern),
            };
            let fits = match pattern.strip_suffix('*') {
                Some(prefix) => term.starts_with(prefix),
                None => term == pattern,
            };
            if fits && best.is_none_or(|(length, _)| pattern.len() >= length) {
                best = Some((pattern.len(), wanted));
            }
        }
        best.is_some_and(|(_, wanted)| wanted)
    }

    /// Whether there is no preference at all, so that no header is needed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Display for Prefer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut pieces = Vec::new();
        match self.returns {
            Some(Return::Representation) => pieces.push("return=representation".to_owned()),
            Some(Return::Minimal) => pieces.push("return=minimal".to_owned()),
            None => {}
        }
        if let Some(size) = self.max_page_size {
            pieces.push(format!("odata.maxpagesize={size}"));
        }
        if let Some(annotations) = &self.include_annotations {
            pieces.push(format!("odata.include-annotations={}", quoted(annotations)));
        }
        let flags = [
            (self.track_changes, "odata.track-changes"),
            (self.continue_on_error, "odata.continue-on-error"),
            (self.allow_entity_references, "odata.allow-entityreferences"),
            (self.respond_async, "respond-async"),
        ];
        pieces.extend(
            flags
                .into_iter()
                .filter(|(on, _)| *on)
                .map(|(_, name)| name.to_owned()),
        );
        if let Some(seconds) = self.wait {
            pieces.push(format!("wait={seconds}"));
        }
        for (name, value) in &self.other {
            pieces.push(match value {
                Some(value) => format!("{name}={}", quoted(value)),
                None => name.clone(),
            });
        }
        f.write_str(&pieces.join(","))
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn unquoted(text: &str) -> String {
    let inside = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let Some(inside) = inside else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

/// Cuts at separators outside of double quotes.
fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut inside, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            _ if c == separator && !inside => {
                pieces.push(text.get(start..at).unwrap_or_default());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(text.get(start..).unwrap_or_default());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_quotes_and_401_names() {
        let prefer = Prefer::parse(
            "maxpagesize=5, odata.include-annotations=\"a,b\" ; x=y, RESPOND-ASYNC, foo=\"b\\\"r\"",
        );
        assert_eq!(prefer.max_page_size, Some(5));
        assert_eq!(prefer.include_annotations.as_deref(), Some("a,b"));
        assert!(prefer.respond_async);
        assert_eq!(prefer.other, [("foo".to_owned(), Some("b\"r".to_owned()))]);
        assert_eq!(Prefer::parse(&prefer.to_string()), prefer);
    }

    #[test]
    fn the_first_of_equal_names_wins() {
        let prefer = Prefer::parse("return=minimal,return=representation");
        assert_eq!(prefer.returns, Some(Return::Minimal));
    }

    #[test]
    fn nonsense_is_skipped() {
        let prefer = Prefer::parse(",, return=maybe, odata.maxpagesize=0, =, \"");
        assert_eq!(prefer.returns, None);
        assert_eq!(prefer.max_page_size, None);
    }

    #[test]
    fn the_longest_annotation_pattern_decides() {
        let prefer = Prefer::parse(r#"odata.include-annotations="*,-a.b.*,a.b.c""#);
        assert!(prefer.includes_annotation("x.y"));
        assert!(!prefer.includes_annotation("a.b.d"));
        assert!(prefer.includes_annotation("a.b.c"));
        assert!(!Prefer::default().includes_annotation("x.y"));
    }
}
