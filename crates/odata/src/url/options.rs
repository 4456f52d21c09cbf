//! Query options: `$select=name&$expand=contacts($top=2;$select=fullname)&tag=x`.

use super::encoding::{decode_query, encode_query, raw_offset};
use super::{Apply, Computed, Search, split};
use crate::ParseError;
use crate::expr::{self, Expr};
use crate::scan::Scanner;

/// Whether option names must be written exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OptionNames {
    /// `$Filter` and `filter` are options of the service's own, as Dataverse has it.
    #[default]
    Exact,
    /// Any letter case, with or without `$`, as OData 4.01 allows.
    Relaxed,
}

/// The options of a query, each where it belongs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryOptions {
    /// `$select`; `None` means every property.
    pub select: Option<Vec<SelectItem>>,
    /// `$expand`.
    pub expand: Vec<ExpandItem>,
    /// `$filter`.
    pub filter: Option<Expr>,
    /// `$orderby`.
    pub orderby: Vec<OrderBy>,
    /// `$top`.
    pub top: Option<u64>,
    /// `$skip`.
    pub skip: Option<u64>,
    /// `$count`.
    pub count: Option<bool>,
    /// `$levels`, only inside `$expand`; `None` for `max` is written as [`u64::MAX`].
    pub levels: Option<u64>,
    /// `$search`.
    pub search: Option<Search>,
    /// `$apply`.
    pub apply: Option<Apply>,
    /// `$compute`.
    pub compute: Option<Vec<Computed>>,
    /// `$index`, the place for a row in an ordered collection; negative counts from the end.
    pub index: Option<i64>,
    /// `$schemaversion`.
    pub schemaversion: Option<String>,
    /// `$skiptoken`, opaque.
    pub skiptoken: Option<String>,
    /// `$deltatoken`, opaque.
    pub deltatoken: Option<String>,
    /// `$format`.
    pub format: Option<String>,
    /// `$id`, the subject of `$ref` and `$entity`.
    pub id: Option<String>,
    /// Values of parameter aliases, without `@`, in the order of the text.
    pub aliases: Vec<(String, Expr)>,
    /// Every other option, in the order of the text: `tag`, `cross-company`, `fetchXml` ….
    pub custom: Vec<(String, String)>,
}

/// One item of `$select`.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectItem {
    /// `*`, a property, or a path with slashes.
    pub path: String,
    /// Options in parentheses, if any.
    pub options: Option<Box<QueryOptions>>,
}

/// One item of `$expand`.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpandItem {
    /// `*` or the path of a navigation property; may end in `/$ref` or `/$count`.
    pub path: String,
    /// What is asked of the related rows.
    pub options: QueryOptions,
}

/// One key of `$orderby`.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderBy {
    /// What to sort by.
    pub expr: Expr,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// Options inside options, so deep.
const MAX_NESTING: usize = 16;

impl QueryOptions {
    /// Reads what follows the question mark, percent-encoded; `+` stands for a blank.
    ///
    /// ```
    /// use duet_odata::url::{OptionNames, QueryOptions};
    ///
    /// let options = QueryOptions::parse(
    ///     "$select=name&%24filter=name+eq+'A%26B'&$orderby=name desc&tag=duet",
    ///     OptionNames::Exact,
    /// )?;
    /// assert_eq!(options.filter.as_ref().unwrap().to_string(), "name eq 'A&B'");
    /// assert_eq!(options.custom, [("tag".to_owned(), "duet".to_owned())]);
    /// # Ok::<(), duet_odata::ParseError>(())
    /// ```
    pub fn parse(query: &str, names: OptionNames) -> Result<Self, ParseError> {
        let mut options = Self::default();
        let mut offset = 0;
        for piece in query.split('&') {
            if !piece.is_empty() {
                let (raw_name, raw_value) = piece.split_once('=').unwrap_or((piece, ""));
                let name = decode_query(raw_name).map_err(|error| error.shifted(offset))?;
                let value_at = offset + (raw_name.len() + 1).min(piece.len());
                let value = decode_query(raw_value).map_err(|error| error.shifted(value_at))?;
                let found = options
                    .set(&name, &value, names, 0)
                    .map_err(|error| match error {
                        SetError::Twice => {
                            ParseError::new(offset, "this option stands here twice; keep one")
                        }
                        SetError::Value(error) => ParseError::new(
                            value_at + raw_offset(raw_value, error.offset),
                            error.message,
                        ),
                    })?;
                if !found {
                    options.custom.push((name, value));
                }
            }
            offset += piece.len() + 1;
        }
        Ok(options)
    }

    /// The value of a custom option.
    pub fn custom(&self, name: &str) -> Option<&str> {
        self.custom
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The expression that a parameter alias (without `@`) stands for.
    pub fn alias(&self, name: &str) -> Option<&Expr> {
        self.aliases
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// Sets the option of this name; `false` if it is none of the protocol's.
    fn set(
        &mut self,
        name: &str,
        value: &str,
        names: OptionNames,
        depth: usize,
    ) -> Result<bool, SetError> {
        if let Some(alias) = name.strip_prefix('@') {
            if self.alias(alias).is_some() {
                return Err(SetError::Twice);
            }
            self.aliases.push((alias.to_owned(), expr::parse(value)?));
            return Ok(true);
        }
        let lowered;
        let name = match names {
            OptionNames::Exact => match name.strip_prefix('$') {
                Some(name) => name,
                None => return Ok(false),
            },
            OptionNames::Relaxed => {
                lowered = name.strip_prefix('$').unwrap_or(name).to_ascii_lowercase();
                &lowered
            }
        };
        match name {
            "select" => once(&mut self.select, select(value, names, depth)?)?,
            "expand" => {
                if !self.expand.is_empty() {
                    return Err(SetError::Twice);
                }
                self.expand = expand(value, names, depth)?;
            }
            "filter" => once(&mut self.filter, expr::parse(value)?)?,
            "orderby" => {
                if !self.orderby.is_empty() {
                    return Err(SetError::Twice);
                }
                self.orderby = orderby(value)?;
            }
            "top" => once(&mut self.top, number(value)?)?,
            "skip" => once(&mut self.skip, number(value)?)?,
            "levels" if depth > 0 => {
                let levels = if value == "max" {
                    u64::MAX
                } else {
                    number(value)?
                };
                once(&mut self.levels, levels)?;
            }
            "count" => once(&mut self.count, boolean(value)?)?,
            "search" => once(&mut self.search, Search::parse(value)?)?,
            "apply" => once(&mut self.apply, Apply::parse(value)?)?,
            "compute" => once(&mut self.compute, Computed::parse_list(value)?)?,
            "index" => {
                let index = value
                    .parse()
                    .map_err(|_| ParseError::new(0, "expected a number"))?;
                once(&mut self.index, index)?;
            }
            "schemaversion" => once(&mut self.schemaversion, value.to_owned())?,
            "skiptoken" => once(&mut self.skiptoken, value.to_owned())?,
            "deltatoken" => once(&mut self.deltatoken, value.to_owned())?,
            "format" => once(&mut self.format, value.to_owned())?,
            "id" => once(&mut self.id, value.to_owned())?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads options inside parentheses, separated by semicolons, already decoded.
    fn nested(text: &str, names: OptionNames, depth: usize) -> Result<Self, ParseError> {
        if depth > MAX_NESTING {
            return Err(ParseError::new(0, "these options are nested too deep"));
        }
        let mut options = Self::default();
        for (offset, piece) in split::split(text, ';') {
            if piece.trim().is_empty() {
                continue;
            }
            let blanks = piece.len() - piece.trim_start().len();
            let Some((name, value)) = piece.split_once('=') else {
                return Err(ParseError::new(
                    offset,
                    "expected an option such as `$select=name`",
                ));
            };
            let found = options.set(name.trim(), value, names, depth);
            match found {
                Ok(true) => {}
                Ok(false) => {
                    let message = "expected an option such as `$select=name`";
                    return Err(ParseError::new(offset + blanks, message));
                }
                Err(SetError::Twice) => {
                    return Err(ParseError::new(
                        offset,
                        "this option stands here twice; keep one",
                    ));
                }
                Err(SetError::Value(error)) => {
                    return Err(error.shifted(offset + name.len() + 1));
                }
            }
        }
        Ok(options)
    }

    /// Each option with its value, not percent-encoded.
    fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut push = |name: &str, value: String| pairs.push((name.to_owned(), value));
        if let Some(select) = &self.select {
            push("$select", joined(select.iter().map(SelectItem::to_string)));
        }
        if !self.expand.is_empty() {
            push(
                "$expand",
                joined(self.expand.iter().map(ExpandItem::to_string)),
            );
        }
        if let Some(filter) = &self.filter {
            push("$filter", filter.to_string());
        }
        if !self.orderby.is_empty() {
            push(
                "$orderby",
                joined(self.orderby.iter().map(OrderBy::to_string)),
            );
        }
        let texts = [
            ("$top", self.top.map(|top| top.to_string())),
            ("$skip", self.skip.map(|skip| skip.to_string())),
            ("$count", self.count.map(|count| count.to_string())),
            ("$levels", self.levels.map(levels_text)),
            ("$search", self.search.as_ref().map(ToString::to_string)),
            ("$apply", self.apply.as_ref().map(ToString::to_string)),
            (
                "$compute",
                self.compute
                    .as_ref()
                    .map(|c| joined(c.iter().map(Computed::to_string))),
            ),
            ("$index", self.index.map(|index| index.to_string())),
            ("$schemaversion", self.schemaversion.clone()),
            ("$skiptoken", self.skiptoken.clone()),
            ("$deltatoken", self.deltatoken.clone()),
            ("$format", self.format.clone()),
            ("$id", self.id.clone()),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                push(name, value);
            }
        }
        for (name, value) in &self.aliases {
            push(&format!("@{name}"), value.to_string());
        }
        for (name, value) in &self.custom {
            push(name, value.clone());
        }
        pairs
    }

    /// The options as they stand inside parentheses.
    fn to_nested(&self) -> String {
        let pairs = self
            .pairs()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join(";")
    }
}

fn levels_text(levels: u64) -> String {
    if levels == u64::MAX {
        "max".to_owned()
    } else {
        levels.to_string()
    }
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

/// Prints the options percent-encoded, without the question mark.
impl std::fmt::Display for QueryOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, value)) in self.pairs().into_iter().enumerate() {
            if index > 0 {
                f.write_str("&")?;
            }
            write!(f, "{}={}", encode_query(&name), encode_query(&value))?;
        }
        Ok(())
    }
}

impl std::fmt::Display for SelectItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        match &self.options {
            Some(options) => write!(f, "({})", options.to_nested()),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for ExpandItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nested = self.options.to_nested();
        f.write_str(&self.path)?;
        if nested.is_empty() {
            Ok(())
        } else {
            write!(f, "({nested})")
        }
    }
}

impl std::fmt::Display for OrderBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}{}",
            self.expr,
            if self.descending { " desc" } else { "" }
        )
    }
}

enum SetError {
    Twice,
    Value(ParseError),
}

impl From<ParseError> for SetError {
    fn from(error: ParseError) -> Self {
        Self::Value(error)
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), SetError> {
    if slot.is_some() {
        return Err(SetError::Twice);
    }
    *slot = Some(value);
    Ok(())
}

fn number(text: &str) -> Result<u64, ParseError> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| ParseError::new(0, "expected a number"))
}

fn boolean(text: &str) -> Result<bool, ParseError> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(ParseError::new(0, "expected `true` or `false`")),
    }
}

type Item<'a> = (String, Option<(usize, &'a str)>);

/// A path and what stands in the parentheses after it, with the latter's offset.
fn item(piece: &str) -> Result<Item<'_>, ParseError> {
    let trimmed = piece.trim_end();
    let blanks = trimmed.len() - trimmed.trim_start().len();
    let (path, inside) = match trimmed.find('(') {
        None => (trimmed, None),
        Some(open) => {
            let (path, rest) = trimmed.split_at_checked(open).unwrap_or((trimmed, ""));
            match split::closing(rest) {
                Some(end) if end == rest.len() => {}
                Some(end) => {
                    return Err(ParseError::new(open + end, "expected `,` or the end"));
                }
                None => return Err(ParseError::new(trimmed.len(), "expected `)`")),
            }
            let inside = rest.get(1..rest.len() - 1).unwrap_or_default();
            (path, Some((open + 1, inside)))
        }
    };
    let path = path.trim_start();
    check_path(path).map_err(|error| error.shifted(blanks))?;
    Ok((path.to_owned(), inside))
}

/// `*`, `Ns.*`, `a/b`, `a/Ns.Type/b`, `a/$ref`, `@Ns.Term`.
fn check_path(path: &str) -> Result<(), ParseError> {
    let mut scanner = Scanner::new(path);
    loop {
        if !scanner.eat('*') {
            if !scanner.eat('@') {
                scanner.eat('$');
            }
            loop {
                if scanner.identifier().is_none() && !scanner.eat('*') {
                    return Err(scanner.error("expected a property"));
                }
                if !scanner.eat('.') {
                    break;
                }
            }
            if scanner.eat('#') {
                scanner.identifier();
            }
        }
        if !scanner.eat('/') {
            return scanner.expect_end();
        }
    }
}

fn select(text: &str, names: OptionNames, depth: usize) -> Result<Vec<SelectItem>, ParseError> {
    let mut items = Vec::new();
    for (offset, piece) in split::split(text, ',') {
        let (path, inside) = item(piece).map_err(|error| error.shifted(offset))?;
        let options = match inside {
            None => None,
            Some((at, inside)) => {
                let nested = QueryOptions::nested(inside, names, depth + 1);
                Some(Box::new(
                    nested.map_err(|error| error.shifted(offset + at))?,
                ))
            }
        };
        items.push(SelectItem { path, options });
    }
    Ok(items)
}

fn expand(text: &str, names: OptionNames, depth: usize) -> Result<Vec<ExpandItem>, ParseError> {
    let mut items = Vec::new();
    for (offset, piece) in split::split(text, ',') {
        let (path, inside) = item(piece).map_err(|error| error.shifted(offset))?;
        let options = match inside {
            None => QueryOptions::default(),
            Some((at, inside)) => QueryOptions::nested(inside, names, depth + 1)
                .map_err(|error| error.shifted(offset + at))?,
        };
        items.push(ExpandItem { path, options });
    }
    Ok(items)
}

fn orderby(text: &str) -> Result<Vec<OrderBy>, ParseError> {
    let mut parser = expr::Parser::new(Scanner::new(text));
    let keys = orderby_list(&mut parser)?;
    parser.scanner.expect_end()?;
    Ok(keys)
}

/// Sort keys between commas, up to whatever follows them.
pub(super) fn orderby_list(parser: &mut expr::Parser<'_>) -> Result<Vec<OrderBy>, ParseError> {
    let mut keys = Vec::new();
    loop {
        let expr = parser.expression()?;
        let scanner = &mut parser.scanner;
        let descending = scanner.eat_str("desc");
        if !descending {
            scanner.eat_str("asc");
        }
        scanner.skip_blanks();
        keys.push(OrderBy { expr, descending });
        if !scanner.eat(',') {
            return Ok(keys);
        }
    }
}
