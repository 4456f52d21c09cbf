//! `$apply`: a pipeline of transformations, as the extension for data aggregation has it.

use std::fmt::{self, Display, Formatter, Write as _};

use super::{OrderBy, Search, orderby_list, split};
use crate::ParseError;
use crate::expr::{self, Expr};
use crate::scan::Scanner;

/// Transformations, each working on what the one before it left.
///
/// ```
/// use duet_odata::url::{Apply, Transformation};
///
/// let apply = Apply::parse("filter(statecode eq 0)/groupby((city),aggregate($count as n))")?;
/// assert!(matches!(apply.steps.as_slice(), [Transformation::Filter(_), Transformation::GroupBy { .. }]));
/// # Ok::<(), duet_odata::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Apply {
    /// The transformations in order.
    pub steps: Vec<Transformation>,
}

/// One step of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Transformation {
    /// `aggregate(…)`: one row of totals.
    Aggregate(Vec<Aggregate>),
    /// `groupby((…),…)`: one row for each group.
    GroupBy {
        /// What makes a group.
        by: Vec<Grouping>,
        /// What is done with the rows of each group; nothing leaves the group's own values.
        then: Apply,
    },
    /// `filter(…)`.
    Filter(Expr),
    /// `compute(… as …)`.
    Compute(Vec<Computed>),
    /// `search(…)`.
    Search(Search),
    /// `orderby(…)`.
    OrderBy(Vec<OrderBy>),
    /// `top(n)`.
    Top(u64),
    /// `skip(n)`.
    Skip(u64),
    /// `identity`.
    Identity,
    /// `concat(…,…)`: the rows of several pipelines.
    Concat(Vec<Apply>),
    /// `topcount(n,…)` and its kin.
    Ranked {
        /// `topcount`, `topsum`, `toppercent`, `bottomcount`, `bottomsum` or `bottompercent`.
        name: String,
        /// How much.
        amount: Expr,
        /// By what.
        by: Expr,
    },
    /// A transformation that has no tree here (hierarchies, joins, nesting, functions of the
    /// service): its name and what stands in its parentheses.
    Other {
        /// Its name.
        name: String,
        /// The text between its parentheses.
        arguments: String,
    },
}

/// A property of a group.
#[derive(Debug, Clone, PartialEq)]
pub enum Grouping {
    /// The path of a property.
    Path(String),
    /// `rollup(…)`: paths from the coarsest to the finest, or a hierarchy's name.
    Rollup(Vec<String>),
}

/// One total: `price mul quantity with sum as total`.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// What is added up; `$count` counts rows; without a method it is a custom aggregate.
    pub value: Expr,
    /// `sum`, `min`, `max`, `average`, `countdistinct` or a service's own.
    pub method: Option<String>,
    /// Groups that are added up first, with their methods.
    pub from: Vec<(Vec<String>, Option<String>)>,
    /// The name of the result.
    pub alias: Option<String>,
}

/// A computed property: `price mul 2 as double`.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// The value.
    pub expr: Expr,
    /// Its name.
    pub alias: String,
}

/// Pipelines inside pipelines, so deep.
const MAX_DEPTH: usize = 32;

impl Apply {
    /// Reads a pipeline that fills the whole text, already percent-decoded.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut reader = Reader {
            parser: expr::Parser::new(Scanner::new(text)),
            text,
            depth: 0,
        };
        let apply = reader.pipeline()?;
        reader.parser.scanner.expect_end()?;
        Ok(apply)
    }
}

impl Computed {
    /// Reads the value of `$compute`: computed properties between commas.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, ParseError> {
        let mut reader = Reader {
            parser: expr::Parser::new(Scanner::new(text)),
            text,
            depth: 0,
        };
        let found = reader.computed()?;
        reader.parser.scanner.expect_end()?;
        Ok(found)
    }
}

struct Reader<'a> {
    parser: expr::Parser<'a>,
    text: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn scanner(&mut self) -> &mut Scanner<'a> {
        &mut self.parser.scanner
    }

    fn pipeline(&mut self) -> Result<Apply, ParseError> {
        if self.depth >= MAX_DEPTH {
            return Err(self
                .scanner()
                .error("these transformations are nested too deep"));
        }
        self.depth += 1;
        let mut steps = Vec::new();
        loop {
            self.scanner().skip_blanks();
            steps.push(self.step()?);
            if !self.scanner().eat('/') {
                break;
            }
        }
        self.scanner().skip_blanks();
        self.depth -= 1;
        Ok(Apply { steps })
    }

    fn step(&mut self) -> Result<Transformation, ParseError> {
        let start = self.scanner().pos();
        let name = self.name("a transformation")?;
        if name == "identity" && self.scanner().peek() != Some('(') {
            return Ok(Transformation::Identity);
        }
        let open = self.scanner().pos();
        self.scanner().expect('(')?;
        self.scanner().skip_blanks();
        let found = match name.as_str() {
            "aggregate" => Transformation::Aggregate(self.list(Self::aggregate)?),
            "groupby" => self.group_by()?,
            "filter" => Transformation::Filter(self.parser.expression()?),
            "compute" => Transformation::Compute(self.computed()?),
            "orderby" => Transformation::OrderBy(orderby_list(&mut self.parser)?),
            "top" => Transformation::Top(self.number()?),
            "skip" => Transformation::Skip(self.number()?),
            "concat" => Transformation::Concat(self.list(Self::pipeline)?),
            "topcount" | "topsum" | "toppercent" | "bottomcount" | "bottomsum"
            | "bottompercent" => {
                let amount = self.parser.expression()?;
                self.scanner().expect(',')?;
                let by = self.parser.expression()?;
                Transformation::Ranked { name, amount, by }
            }
            "search" | "ancestors" | "descendants" | "traverse" | "join" | "outerjoin" | "nest"
            | "addnested" => return self.raw(name, open),
            _ if name.contains('.') => return self.raw(name, open),
            _ => return Err(ParseError::new(start, "there is no such transformation")),
        };
        self.scanner().skip_blanks();
        self.scanner().expect(')')?;
        Ok(found)
    }

    /// A transformation whose arguments are taken as text, `open` being the place of its `(`.
    fn raw(&mut self, name: String, open: usize) -> Result<Transformation, ParseError> {
        let rest = self.text.get(open..).unwrap_or_default();
        let Some(end) = split::closing(rest) else {
            return Err(ParseError::new(self.text.len(), "expected `)`"));
        };
        self.scanner().reset(open + end);
        let arguments = rest.get(1..end - 1).unwrap_or_default();
        if name == "search" {
            let search = Search::parse(arguments).map_err(|error| error.shifted(open + 1))?;
            return Ok(Transformation::Search(search));
        }
        Ok(Transformation::Other {
            name,
            arguments: arguments.to_owned(),
        })
    }

    /// One or more items between commas.
    fn list<T>(
        &mut self,
        item: impl Fn(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let mut items = Vec::new();
        loop {
            self.scanner().skip_blanks();
            items.push(item(self)?);
            self.scanner().skip_blanks();
            if !self.scanner().eat(',') {
                return Ok(items);
            }
        }
    }

    fn group_by(&mut self) -> Result<Transformation, ParseError> {
        self.scanner().expect('(')?;
        let by = self.list(Self::grouping)?;
        self.scanner().expect(')')?;
        self.scanner().skip_blanks();
        let then = if self.scanner().eat(',') {
            self.pipeline()?
        } else {
            Apply::default()
        };
        Ok(Transformation::GroupBy { by, then })
    }

    fn grouping(&mut self) -> Result<Grouping, ParseError> {
        let path = self.path()?;
        if path == "rollup" && self.scanner().eat('(') {
            let levels = self.list(Self::path)?;
            self.scanner().expect(')')?;
            return Ok(Grouping::Rollup(levels));
        }
        Ok(Grouping::Path(path))
    }

    fn aggregate(&mut self) -> Result<Aggregate, ParseError> {
        let value = self.parser.expression()?;
        let method = self.method()?;
        let mut from = Vec::new();
        while self.word("from") {
            let groups = self.list(Self::path)?;
            from.push((groups, self.method()?));
        }
        let alias = if self.word("as") {
            Some(self.identifier()?)
        } else {
            None
        };
        Ok(Aggregate {
            value,
            method,
            from,
            alias,
        })
    }

    fn method(&mut self) -> Result<Option<String>, ParseError> {
        if self.word("with") {
            self.name("an aggregation method").map(Some)
        } else {
            Ok(None)
        }
    }

    fn computed(&mut self) -> Result<Vec<Computed>, ParseError> {
        self.list(|reader| {
            let expr = reader.parser.expression()?;
            if !reader.word("as") {
                return Err(reader.scanner().error("expected `as` and a name"));
            }
            Ok(Computed {
                expr,
                alias: reader.identifier()?,
            })
        })
    }

    /// Consumes this word and the blanks around it, if it stands here.
    fn word(&mut self, word: &str) -> bool {
        self.scanner().skip_blanks();
        let start = self.scanner().pos();
        let found = self.scanner().identifier() == Some(word) && self.scanner().skip_blanks();
        if !found {
            self.scanner().reset(start);
        }
        found
    }

    fn identifier(&mut self) -> Result<String, ParseError> {
        let found = self.scanner().identifier().map(str::to_owned);
        found.ok_or_else(|| self.scanner().error("expected a name"))
    }

    /// A name with or without a namespace.
    fn name(&mut self, what: &str) -> Result<String, ParseError> {
        let start = self.scanner().pos();
        loop {
            if self.scanner().identifier().is_none() {
                return Err(self.scanner().error(format!("expected {what}")));
            }
            if !self.scanner().eat('.') {
                return Ok(self.scanner().since(start).to_owned());
            }
        }
    }

    /// Names between slashes.
    fn path(&mut self) -> Result<String, ParseError> {
        let start = self.scanner().pos();
        loop {
            self.name("a property")?;
            if !self.scanner().eat('/') {
                return Ok(self.scanner().since(start).to_owned());
            }
        }
    }

    fn number(&mut self) -> Result<u64, ParseError> {
        let digits = self.scanner().take_while(|c| c.is_ascii_digit());
        digits
            .parse()
            .map_err(|_| self.scanner().error("expected a number"))
    }
}

fn separated<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_char(',')?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

impl Display for Apply {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_char('/')?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

impl Display for Transformation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => return f.write_str("identity"),
            Self::Aggregate(items) => {
                f.write_str("aggregate(")?;
                separated(f, items)?;
            }
            Self::GroupBy { by, then } => {
                f.write_str("groupby((")?;
                separated(f, by)?;
                f.write_char(')')?;
                if !then.steps.is_empty() {
                    write!(f, ",{then}")?;
                }
            }
            Self::Filter(condition) => write!(f, "filter({condition}")?,
            Self::Compute(items) => {
                f.write_str("compute(")?;
                separated(f, items)?;
            }
            Self::Search(search) => write!(f, "search({search}")?,
            Self::OrderBy(keys) => {
                f.write_str("orderby(")?;
                separated(f, keys)?;
            }
            Self::Top(count) => write!(f, "top({count}")?,
            Self::Skip(count) => write!(f, "skip({count}")?,
            Self::Concat(pipelines) => {
                f.write_str("concat(")?;
                separated(f, pipelines)?;
            }
            Self::Ranked { name, amount, by } => write!(f, "{name}({amount},{by}")?,
            Self::Other { name, arguments } => write!(f, "{name}({arguments}")?,
        }
        f.write_char(')')
    }
}

impl Display for Grouping {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Rollup(levels) => write!(f, "rollup({})", levels.join(",")),
        }
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value)?;
        if let Some(method) = &self.method {
            write!(f, " with {method}")?;
        }
        for (groups, method) in &self.from {
            write!(f, " from {}", groups.join(","))?;
            if let Some(method) = method {
                write!(f, " with {method}")?;
            }
        }
        match &self.alias {
            Some(alias) => write!(f, " as {alias}"),
            None => Ok(()),
        }
    }
}

impl Display for Computed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {}", self.expr, self.alias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_print_as_they_were_read() {
        for text in [
            "aggregate(amount with sum as total,$count as n)",
            "aggregate(price mul quantity with max as m)",
            "aggregate(amount with sum from day with average as a)",
            "aggregate(forecast)",
            "groupby((a,b/c))",
            "groupby((rollup(country,city)),aggregate(x with countdistinct as y))",
            "filter(a eq 1)/groupby((b),topcount(2,amount))/top(5)/skip(1)/orderby(n desc,b)",
            "concat(identity,compute(a add 1 as b)/search(x AND y))",
            "ancestors($root/A,H,p,filter(a eq ')'),keep start)",
            "Ns.F(a=1)",
        ] {
            let apply = Apply::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(apply.to_string(), text);
            assert_eq!(crate::grammar::parse_rule("applyExpr", text), Ok(()));
        }
    }

    #[test]
    fn errors_say_where() {
        for (text, offset) in [
            ("", 0),
            ("nosuch(a)", 0),
            ("aggregate()", 10),
            ("aggregate(a with)", 12),
            ("groupby(a)", 8),
            ("groupby((a)", 11),
            ("filter(a eq)", 11),
            ("top(x)", 4),
            ("compute(a)", 9),
            ("identity/", 9),
            ("join(a", 6),
        ] {
            assert_eq!(Apply::parse(text).unwrap_err().offset, offset, "{text}");
        }
        assert!(Apply::parse(&"concat(".repeat(10_000)).is_err());
    }
}
