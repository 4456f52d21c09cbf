//! Entity tags, and the lists of them in `If-Match` and `If-None-Match`.

use std::fmt::{self, Display, Formatter};

use crate::ParseError;
use crate::scan::Scanner;

/// The version of a row, `W/"123"` or `"123"`; what stands between the quotes is opaque.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ETag {
    /// Whether it says "equivalent" (`W/`) rather than "byte for byte the same".
    pub weak: bool,
    /// The text between the quotes.
    pub value: String,
}

impl ETag {
    /// A weak tag, as OData services give them.
    pub fn weak(value: impl Into<String>) -> Self {
        Self {
            weak: true,
            value: value.into(),
        }
    }

    /// Reads one tag.
    ///
    /// ```
    /// use duet_odata::headers::ETag;
    ///
    /// assert_eq!(ETag::parse(r#"W/"123""#)?, ETag::weak("123"));
    /// # Ok::<(), duet_odata::ParseError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut scanner = Scanner::new(text);
        scanner.skip_blanks();
        let tag = read(&mut scanner)?;
        scanner.skip_blanks();
        scanner.expect_end()?;
        Ok(tag)
    }

    /// Whether both mean the same version; weakness does not matter, since OData services compare
    /// the weak tags they give out even under `If-Match`.
    pub fn matches(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Display for ETag {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}\"{}\"", if self.weak { "W/" } else { "" }, self.value)
    }
}

/// Reads `W/"…"` or `"…"`.
///
/// The text ends at the quote that a comma or the end follows: the tags of F&O (reference B2) are
/// well-behaved base64, but others put quotes inside.
fn read(scanner: &mut Scanner<'_>) -> Result<ETag, ParseError> {
    let weak = scanner.eat_str("W/") || scanner.eat_str("w/");
    if !scanner.eat('"') {
        return Err(scanner.error("expected an entity tag such as `W/\"123\"`"));
    }
    let start = scanner.pos();
    loop {
        scanner.take_while(|c| c != '"');
        let value = scanner.since(start).to_owned();
        if !scanner.eat('"') {
            return Err(ParseError::new(
                start,
                "this entity tag has no closing quote",
            ));
        }
        let after = scanner.rest().trim_start();
        if after.is_empty() || after.starts_with(',') {
            return Ok(ETag { weak, value });
        }
    }
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `*`: any version, as long as there is one.
    Any,
    /// One of these versions.
    Tags(Vec<ETag>),
}

impl Condition {
    /// Reads a header's value. The literal word `null`, which many clients send in
    /// `If-None-Match` to keep caches away (reference A2), and an empty value are no condition.
    ///
    /// ```
    /// use duet_odata::headers::{Condition, ETag};
    ///
    /// assert_eq!(Condition::parse("*")?, Some(Condition::Any));
    /// assert_eq!(Condition::parse("null")?, None);
    /// let one = Condition::parse(r#"W/"7""#)?.unwrap();
    /// assert!(one.holds_for(Some(&ETag::weak("7"))));
    /// assert!(!one.holds_for(None));
    /// # Ok::<(), duet_odata::ParseError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Option<Self>, ParseError> {
        match text.trim() {
            "*" => return Ok(Some(Self::Any)),
            "" => return Ok(None),
            word if word.eq_ignore_ascii_case("null") => return Ok(None),
            _ => {}
        }
        let mut scanner = Scanner::new(text);
        let mut tags = Vec::new();
        loop {
            scanner.skip_blanks();
            tags.push(read(&mut scanner)?);
            scanner.skip_blanks();
            if !scanner.eat(',') {
                scanner.expect_end()?;
                return Ok(Some(Self::Tags(tags)));
            }
        }
    }

    /// Whether the row's present version (none if there is no row) is one of those meant.
    pub fn holds_for(&self, current: Option<&ETag>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Tags(tags), Some(current)) => tags.iter().any(|tag| tag.matches(current)),
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Tags(tags) => {
                for (index, tag) in tags.iter().enumerate() {
                    write!(f, "{}{tag}", if index > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_print_as_they_were_read() {
        for text in [
            r#"W/"1""#,
            r#""a", W/"b""#,
            "*",
            r#"W/"JzAsNTYzNzE0NDcn""#,
            r#"W/"'a"b'""#,
        ] {
            assert_eq!(Condition::parse(text).unwrap().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_tag() {
        assert_eq!(Condition::parse("123").unwrap_err().offset, 0);
        assert_eq!(Condition::parse("W/\"1").unwrap_err().offset, 3);
        assert_eq!(Condition::parse("\"1\",").unwrap_err().offset, 4);
        assert!(ETag::parse("\"1\", \"2\"").is_err());
    }
}
