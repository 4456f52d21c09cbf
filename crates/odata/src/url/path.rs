//! The path below the service root: `accounts(…)/primarycontactid/$ref`.

use std::fmt::{self, Display, Formatter, Write as _};

use super::encoding::{decode_path, encode_path, raw_offset};
use super::{KeyPredicate, split};
use crate::ParseError;
use crate::expr::{self, Expr};
use crate::scan::{Scanner, is_identifier_start};

/// The steps from the service root to a resource; none for the service document.
///
/// ```
/// use duet_odata::url::{ResourcePath, ResourceSegment};
///
/// let path = ResourcePath::parse("accounts(accountnumber='A%2F1')/name/$value")?;
/// assert_eq!(path.segments.len(), 3);
/// assert_eq!(path.segments[0].name(), Some("accounts"));
/// assert_eq!(path.segments[2], ResourceSegment::Value);
/// assert_eq!(path.to_string(), "accounts(accountnumber='A%2F1')/name/$value");
/// # Ok::<(), duet_odata::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResourcePath {
    /// The steps in order.
    pub segments: Vec<ResourceSegment>,
}

/// One step of a [`ResourcePath`].
///
/// A name in parentheses is a key or the arguments of a function; only the model can tell, so
/// both read as [`Name`](Self::Name).
#[derive(Debug, Clone, PartialEq)]
pub enum ResourceSegment {
    /// A set, a property, an action, a function, or with a namespace a type cast.
    Name {
        /// The name, qualified if it has dots.
        name: String,
        /// What its parentheses hold, if it has any.
        arguments: Option<Arguments>,
    },
    /// `$count`.
    Count,
    /// `$value`.
    Value,
    /// `$ref`.
    Ref,
    /// `$metadata`.
    Metadata,
    /// `$batch`.
    Batch,
    /// `$all`.
    All,
    /// `$entity`, whose subject is in the option `$id`.
    Entity,
    /// `$query`, a query whose options are in the body.
    Query,
    /// `$each`.
    Each,
    /// `$crossjoin(a,b)`.
    CrossJoin(Vec<String>),
    /// `$filter(…)`, a set narrowed within the path.
    Filter(Expr),
    /// `$1`: the resource that an earlier request of the batch made.
    ContentId(String),
    /// Text that is no name: the value of a key as a segment of its own.
    Key(String),
}

/// What the parentheses after a name hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Arguments {
    /// Nothing: a call without arguments.
    Empty,
    /// A key, or arguments that look like one.
    Key(KeyPredicate),
    /// Named arguments that are more than literals and aliases.
    Named(Vec<(String, Expr)>),
}

impl ResourceSegment {
    /// A name without parentheses.
    pub fn plain(name: impl Into<String>) -> Self {
        Self::Name {
            name: name.into(),
            arguments: None,
        }
    }

    /// A name with a key.
    pub fn keyed(name: impl Into<String>, key: KeyPredicate) -> Self {
        Self::Name {
            name: name.into(),
            arguments: Some(Arguments::Key(key)),
        }
    }

    /// The name, if the step has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The key, if the step has one.
    pub fn key(&self) -> Option<&KeyPredicate> {
        match self {
            Self::Name {
                arguments: Some(Arguments::Key(key)),
                ..
            } => Some(key),
            _ => None,
        }
    }

    /// Whether the name has a namespace, as type casts and bound operations have.
    pub fn is_qualified(&self) -> bool {
        self.name().is_some_and(|name| name.contains('.'))
    }
}

impl ResourcePath {
    /// Reads a percent-encoded path relative to the service root; a leading slash is tolerated.
    pub fn parse(raw: &str) -> Result<Self, ParseError> {
        let trimmed = raw.strip_prefix('/').unwrap_or(raw);
        let start = raw.len() - trimmed.len();
        let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
        if trimmed.is_empty() {
            return Ok(Self::default());
        }
        let mut segments = Vec::new();
        for (offset, piece) in raw_segments(trimmed) {
            let offset = start + offset;
            let text = decode_path(piece).map_err(|error| error.shifted(offset))?;
            let segment = ResourceSegment::parse(&text).map_err(|error| {
                ParseError::new(offset + raw_offset(piece, error.offset), error.message)
            })?;
            segments.push(segment);
        }
        Ok(Self { segments })
    }
}

/// Cuts at slashes. A bare slash inside quotes, which a careful client would have encoded, stays.
fn raw_segments(text: &str) -> Vec<(usize, &str)> {
    let pieces = split::split(text, '/');
    // Quotes may be encoded or odd; then every slash counts.
    let whole = pieces
        .iter()
        .all(|(_, piece)| piece.matches('\'').count() % 2 == 0);
    if whole {
        return pieces;
    }
    let mut offset = 0;
    let mut pieces = Vec::new();
    for piece in text.split('/') {
        pieces.push((offset, piece));
        offset += piece.len() + 1;
    }
    pieces
}

impl ResourceSegment {
    /// Reads one step, already percent-decoded.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if let Some(word) = text.strip_prefix('$') {
            return Self::system(word).map_err(|error| error.shifted(1));
        }
        let mut scanner = Scanner::new(text);
        let name = qualified_name(&mut scanner);
        match (name, scanner.peek()) {
            (Some(name), None) => Ok(Self::plain(name)),
            (Some(name), Some('(')) => {
                let at = scanner.pos();
                let arguments = arguments(scanner.rest()).map_err(|error| error.shifted(at))?;
                Ok(Self::Name {
                    name,
                    arguments: Some(arguments),
                })
            }
            _ if text.is_empty() => Err(ParseError::new(0, "expected a name between the slashes")),
            _ if text.contains(['(', ')']) => Err(scanner.error("expected a name")),
            _ => Ok(Self::Key(text.to_owned())),
        }
    }

    fn system(word: &str) -> Result<Self, ParseError> {
        let inside = |prefix: &str| {
            let rest = word
                .strip_prefix(prefix)?
                .strip_prefix('(')?
                .strip_suffix(')')?;
            Some((prefix.len() + 1, rest))
        };
        if let Some((_, names)) = inside("crossjoin") {
            return Ok(Self::CrossJoin(
                names.split(',').map(|n| n.trim().to_owned()).collect(),
            ));
        }
        if let Some((offset, condition)) = inside("filter") {
            let condition = expr::parse(condition).map_err(|error| error.shifted(offset))?;
            return Ok(Self::Filter(condition));
        }
        match word {
            "count" => Ok(Self::Count),
            "value" => Ok(Self::Value),
            "ref" => Ok(Self::Ref),
            "metadata" => Ok(Self::Metadata),
            "batch" => Ok(Self::Batch),
            "all" => Ok(Self::All),
            "entity" => Ok(Self::Entity),
            "query" => Ok(Self::Query),
            "each" => Ok(Self::Each),
            _ if !word.is_empty() && word.chars().all(is_content_id) => {
                Ok(Self::ContentId(word.to_owned()))
            }
            _ => Err(ParseError::new(
                0,
                "expected a word such as `$count` or a Content-ID",
            )),
        }
    }
}

/// What a Content-ID may be made of: the unreserved characters of URLs.
fn is_content_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}

/// A name with or without a namespace; names of the metadata service may hold hyphens.
fn qualified_name(scanner: &mut Scanner<'_>) -> Option<String> {
    let start = scanner.pos();
    if !scanner.peek().is_some_and(is_identifier_start) {
        return None;
    }
    loop {
        scanner.identifier()?;
        let dot = scanner.pos();
        if !scanner.eat('.') {
            break;
        }
        if !scanner.peek().is_some_and(is_identifier_start) {
            scanner.reset(dot);
            break;
        }
    }
    Some(scanner.since(start).to_owned())
}

/// Reads `(…)` to the end of the text.
fn arguments(text: &str) -> Result<Arguments, ParseError> {
    match split::closing(text) {
        Some(end) if end == text.len() => {}
        Some(end) => return Err(ParseError::new(end, "expected the end of the segment")),
        None => return Err(ParseError::new(text.len(), "expected `)`")),
    }
    let inside = text.get(1..text.len() - 1).unwrap_or_default();
    if inside.trim().is_empty() {
        return Ok(Arguments::Empty);
    }
    let key_error = match KeyPredicate::parse(inside) {
        Ok(key) => return Ok(Arguments::Key(key)),
        Err(error) => error.shifted(1),
    };
    let mut named = Vec::new();
    for (offset, piece) in split::split(inside, ',') {
        let Some((name, value)) = piece.split_once('=') else {
            return Err(key_error);
        };
        let mut scanner = Scanner::new(name.trim());
        if scanner.identifier().is_none() || !scanner.is_done() {
            return Err(key_error);
        }
        if named.iter().any(|(known, _)| known == name.trim()) {
            return Err(key_error);
        }
        let value_at = 1 + offset + name.len() + 1;
        let value = expr::parse(value).map_err(|error| error.shifted(value_at))?;
        named.push((name.trim().to_owned(), value));
    }
    Ok(Arguments::Named(named))
}

impl Display for ResourcePath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            if index > 0 {
                f.write_char('/')?;
            }
            f.write_str(&encode_path(&segment.to_string()))?;
        }
        Ok(())
    }
}

/// Prints without percent-encoding.
impl Display for ResourceSegment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name, arguments } => {
                f.write_str(name)?;
                match arguments {
                    None => Ok(()),
                    Some(Arguments::Empty) => f.write_str("()"),
                    Some(Arguments::Key(key)) => write!(f, "({key})"),
                    Some(Arguments::Named(named)) => {
                        f.write_char('(')?;
                        for (index, (name, value)) in named.iter().enumerate() {
                            if index > 0 {
                                f.write_char(',')?;
                            }
                            write!(f, "{name}={value}")?;
                        }
                        f.write_char(')')
                    }
                }
            }
            Self::Count => f.write_str("$count"),
            Self::Value => f.write_str("$value"),
            Self::Ref => f.write_str("$ref"),
            Self::Metadata => f.write_str("$metadata"),
            Self::Batch => f.write_str("$batch"),
            Self::All => f.write_str("$all"),
            Self::Entity => f.write_str("$entity"),
            Self::Query => f.write_str("$query"),
            Self::Each => f.write_str("$each"),
            Self::CrossJoin(names) => write!(f, "$crossjoin({})", names.join(",")),
            Self::Filter(condition) => write!(f, "$filter({condition})"),
            Self::ContentId(id) => write!(f, "${id}"),
            Self::Key(text) => f.write_str(text),
        }
    }
}
