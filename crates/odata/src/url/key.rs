//! Keys in parentheses: `('A1')`, `(dataAreaId='usmf',CustomerAccount='US-001')`.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::scan::Scanner;
use crate::{Literal, ParseError, literal};

/// What identifies one row of a set; the parentheses themselves are not part of it.
///
/// ```
/// use duet_odata::url::KeyPredicate;
///
/// let key = KeyPredicate::parse("dataAreaId='usmf',LineNumber=20")?;
/// assert_eq!(key.named("LineNumber").unwrap().to_string(), "20");
/// assert_eq!(key.to_string(), "dataAreaId='usmf',LineNumber=20");
/// # Ok::<(), duet_odata::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum KeyPredicate {
    /// One value whose column goes without saying.
    Single(KeyValue),
    /// Columns with their values, in the order of the text.
    Named(Vec<(String, KeyValue)>),
}

/// The value of a key column.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyValue {
    /// A value.
    Literal(Literal),
    /// A parameter alias, without its `@`, whose value is in the query.
    Alias(String),
}

impl KeyPredicate {
    /// Reads a key without its parentheses, already percent-decoded.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut scanner = Scanner::new(text);
        let key = read_key(&mut scanner)?;
        scanner.expect_end()?;
        Ok(key)
    }

    /// A key of one value.
    pub fn single(value: impl Into<Literal>) -> Self {
        Self::Single(KeyValue::Literal(value.into()))
    }

    /// The value of a column; letter case matters.
    pub fn named(&self, column: &str) -> Option<&KeyValue> {
        match self {
            Self::Single(_) => None,
            Self::Named(columns) => columns
                .iter()
                .find(|(name, _)| name == column)
                .map(|(_, value)| value),
        }
    }
}

/// Reads a key up to its closing parenthesis, which is left.
pub(crate) fn read_key(scanner: &mut Scanner<'_>) -> Result<KeyPredicate, ParseError> {
    scanner.skip_blanks();
    let start = scanner.pos();
    let named = scanner.identifier().is_some() && {
        scanner.skip_blanks();
        scanner.peek() == Some('=')
    };
    scanner.reset(start);
    if !named {
        let value = read_value(scanner)?;
        return Ok(KeyPredicate::Single(value));
    }
    let mut columns = Vec::new();
    loop {
        scanner.skip_blanks();
        let at = scanner.pos();
        let name = scanner
            .identifier()
            .ok_or_else(|| scanner.error("expected a key column"))?;
        let name = name.to_owned();
        if columns.iter().any(|(known, _)| *known == name) {
            return Err(ParseError::new(at, "this key column stands here twice"));
        }
        scanner.skip_blanks();
        scanner.expect('=')?;
        columns.push((name, read_value(scanner)?));
        if !scanner.eat(',') {
            return Ok(KeyPredicate::Named(columns));
        }
    }
}

fn read_value(scanner: &mut Scanner<'_>) -> Result<KeyValue, ParseError> {
    scanner.skip_blanks();
    let value = if scanner.eat('@') {
        let name = scanner
            .identifier()
            .ok_or_else(|| scanner.error("expected an alias"))?;
        KeyValue::Alias(name.to_owned())
    } else {
        let value = literal::parse_prefix(scanner)?;
        KeyValue::Literal(value.ok_or_else(|| scanner.error("expected a key value"))?)
    };
    scanner.skip_blanks();
    Ok(value)
}

impl Display for KeyPredicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(value) => write!(f, "{value}"),
            Self::Named(columns) => {
                for (index, (name, value)) in columns.iter().enumerate() {
                    if index > 0 {
                        f.write_char(',')?;
                    }
                    write!(f, "{name}={value}")?;
                }
                Ok(())
            }
        }
    }
}

impl Display for KeyValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => write!(f, "{literal}"),
            Self::Alias(name) => write!(f, "@{name}"),
        }
    }
}
