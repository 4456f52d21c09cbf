//! Expressions of field lines: `(trim(concat(FIRSTNAME,LASTNAME))) >> fullname`.
//!
//! The language is `OData`'s own, which filters are written in already: one grammar, one evaluator,
//! exact decimals, and a place for every error. It has no loops and no recursion, so every expression
//! ends. What it lacks for reshaping texts are functions of Duet's, called as `OData` calls those of a
//! service: `NAME/Duet.truncate(length=40)`.
//!
//! | function | gives |
//! |---|---|
//! | `truncate(length=40)` | the first so many characters, without trailing blanks |
//! | `split(by=',',part=2)` | the part between separators, counted from 1; nothing where there is none |
//! | `replace(find='-',with='')` | the text with every occurrence replaced |
//! | `pad(length=8,with='0')` | the text, filled up from the left |
//! | `format(pattern='%d.%m.%Y')` | a date or moment, written as strftime does |
//! | `format(decimals=2)` | a number with so many digits after the point |
//! | `or(value='none')` | the value, or this one where it is nothing |
//!
//! A text column that is empty is the empty text; an empty result clears the target.

use crate::canonical::round;
use crate::convert::{convert, literal};
use crate::schema::ColumnType;
use crate::value::{Row, Value};
use odata::Literal;
use odata::ParseError;
use odata::expr::{self, Collation, EvalError, Expr, Properties};
use rust_decimal::Decimal;

/// The namespace of Duet's functions.
const NAMESPACE: &str = "Duet.";

/// The longest text that an expression makes; every function is bounded by it.
const LONGEST: usize = 100_000;

/// An expression bound to its columns.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    tree: Expr,
    /// What the expression calls a column, the system's own name, and its type.
    columns: Vec<(String, String, ColumnType)>,
}

impl Expression {
    /// Reads the text of an expression.
    pub(crate) fn parse(text: &str) -> Result<Expr, ParseError> {
        expr::parse(text)
    }

    /// The columns that an expression names, as it writes them.
    pub(crate) fn names(tree: &Expr) -> Vec<String> {
        expr::properties(tree)
    }

    /// Whether functions or conditions stand in it.
    pub(crate) fn calls(tree: &Expr) -> bool {
        match tree {
            Expr::Call { .. } | Expr::Case(_) | Expr::TypeCall { .. } => true,
            Expr::Path(path) => path.as_name().is_none(),
            Expr::Binary { left, right, .. } => Self::calls(left) || Self::calls(right),
            Expr::Not(inner) | Expr::Negate(inner) => Self::calls(inner),
            Expr::And(items) | Expr::Or(items) => items.iter().any(Self::calls),
            _ => false,
        }
    }

    /// The columns that it reads, as the system calls them.
    pub(crate) fn columns(&self) -> Vec<&str> {
        self.columns
            .iter()
            .map(|(_, name, _)| name.as_str())
            .collect()
    }

    /// Binds an expression to columns: written name, name of the system, type.
    pub(crate) fn new(tree: Expr, columns: Vec<(String, String, ColumnType)>) -> Self {
        Self { tree, columns }
    }

    /// Computes it over typical values of its columns, to find at once what can never work.
    pub(crate) fn probe(&self) -> Result<(), EvalError> {
        let row = Typical(&self.columns);
        match expr::evaluate(&self.tree, &row, &Collation::DATAVERSE) {
            // A typical value may be outside of what a calculation takes; another is not.
            Ok(_) | Err(EvalError::Overflow | EvalError::DivisionByZero) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The value of the expression over a row, as a column of this type holds it. The reason of a
    /// failure never holds a value.
    pub(crate) fn value(
        &self,
        row: &Row,
        target: &ColumnType,
        scale: Option<u32>,
    ) -> Result<Value, String> {
        let columns = Columns {
            row,
            columns: &self.columns,
        };
        let result = expr::evaluate(&self.tree, &columns, &Collation::DATAVERSE)
            .map_err(|error| error.to_string())?;
        let value = match result {
            Literal::Null => Value::Null,
            Literal::String(text) if text.is_empty() => Value::Null,
            Literal::Bool(truth) => Value::Bool(truth),
            Literal::Int(number) => Value::Int(number),
            Literal::Decimal(number) => Value::Decimal(number),
            Literal::Date(day) => Value::Date(day),
            Literal::DateTimeOffset(at) => Value::DateTime(at),
            Literal::Guid(id) => Value::Guid(id),
            Literal::String(text) | Literal::Enum { members: text, .. } => {
                return match target {
                    ColumnType::Text { .. } => Ok(Value::Text(text)),
                    target => literal(&text, target),
                };
            }
            other => return Err(format!("a {} fits no column", other.kind())),
        };
        match (value, target) {
            (Value::Decimal(number), ColumnType::Text { .. }) => {
                Ok(Value::Text(number.normalize().to_string()))
            }
            (value, target) => convert(&value, target, scale),
        }
    }
}

/// A row as an expression sees it.
struct Columns<'a> {
    row: &'a Row,
    columns: &'a [(String, String, ColumnType)],
}

impl Properties for Columns<'_> {
    fn get(&self, path: &str) -> Option<Literal> {
        let (_, name, ty) = self.columns.iter().find(|(written, ..)| written == path)?;
        Some(match self.row.value(name) {
            Value::Null if matches!(ty, ColumnType::Text { .. }) => Literal::from(""),
            Value::Null | Value::Reference(_) => Literal::Null,
            Value::Bool(truth) => Literal::Bool(*truth),
            Value::Int(number) => Literal::Int(*number),
            Value::Decimal(number) => Literal::Decimal(*number),
            Value::Text(text) | Value::Symbol(text) => Literal::from(text.as_str()),
            Value::Date(day) => Literal::Date(*day),
            Value::DateTime(at) => Literal::DateTimeOffset(*at),
            Value::Guid(id) => Literal::Guid(*id),
        })
    }

    fn call(
        &self,
        subject: &str,
        name: &str,
        args: &[(String, Expr)],
    ) -> Option<Result<Literal, EvalError>> {
        call(self, subject, name, args)
    }
}

/// Values of the kinds that columns hold.
struct Typical<'a>(&'a [(String, String, ColumnType)]);

impl Properties for Typical<'_> {
    fn get(&self, path: &str) -> Option<Literal> {
        let (.., ty) = self.0.iter().find(|(written, ..)| written == path)?;
        Some(match ty {
            ColumnType::Bool => Literal::Bool(true),
            ColumnType::Int { .. } | ColumnType::Choice { .. } => Literal::Int(1),
            ColumnType::Decimal { .. } => Literal::Decimal(Decimal::ONE),
            ColumnType::Text { .. } => Literal::from("a"),
            ColumnType::Enum { members, .. } => {
                Literal::from(members.first().map_or("", String::as_str))
            }
            ColumnType::Date => Literal::Date(jiff::civil::Date::constant(2024, 1, 31)),
            ColumnType::DateTime => Literal::DateTimeOffset(jiff::Timestamp::UNIX_EPOCH),
            ColumnType::Guid => Literal::Guid(uuid::Uuid::nil()),
            ColumnType::Lookup { .. } => Literal::Null,
        })
    }

    fn call(
        &self,
        subject: &str,
        name: &str,
        args: &[(String, Expr)],
    ) -> Option<Result<Literal, EvalError>> {
        call(self, subject, name, args)
    }
}

/// One of Duet's functions over the value at `subject`.
fn call(
    row: &dyn Properties,
    subject: &str,
    name: &str,
    args: &[(String, Expr)],
) -> Option<Result<Literal, EvalError>> {
    let function = name.strip_prefix(NAMESPACE)?;
    let Some(value) = row.get(subject) else {
        return Some(Err(EvalError::UnknownProperty {
            path: subject.to_owned(),
        }));
    };
    let argument = |name: &str| -> Result<Option<Literal>, EvalError> {
        match args.iter().find(|(known, _)| known == name) {
            Some((_, expr)) => expr::evaluate(expr, row, &Collation::DATAVERSE).map(Some),
            None => Ok(None),
        }
    };
    let length = |name: &str| -> Result<usize, EvalError> {
        match argument(name)? {
            Some(Literal::Int(number)) => Ok(usize::try_from(number).unwrap_or(0).min(LONGEST)),
            other => Err(missing(function, name, other)),
        }
    };
    let text = |name: &str| -> Result<String, EvalError> {
        match argument(name)? {
            Some(Literal::String(text)) => Ok(text),
            other => Err(missing(function, name, other)),
        }
    };
    let computed = || -> Result<Literal, EvalError> {
        Ok(match function {
            "or" => match argument("value")? {
                Some(other) if value.is_null() || value == Literal::from("") => other,
                Some(_) => value,
                None => return Err(missing(function, "value", None)),
            },
            "format" => {
                return format(
                    &value,
                    argument("pattern")?.as_ref(),
                    argument("decimals")?.as_ref(),
                );
            }
            "truncate" => {
                let kept: String = string(function, &value)?
                    .chars()
                    .take(length("length")?)
                    .collect();
                Literal::from(kept.trim_end())
            }
            "split" => {
                let (by, part) = (text("by")?, length("part")?);
                let whole = string(function, &value)?;
                let found = match (by.is_empty(), part.checked_sub(1)) {
                    (false, Some(part)) => whole.split(by.as_str()).nth(part).map(str::trim),
                    _ => None,
                };
                Literal::from(found.unwrap_or(""))
            }
            "replace" => {
                let (find, with) = (text("find")?, text("with")?);
                let whole = string(function, &value)?;
                if find.is_empty() {
                    return Ok(Literal::from(whole));
                }
                if whole.matches(&find).count().saturating_mul(with.len()) > LONGEST {
                    return Err(EvalError::Overflow);
                }
                Literal::from(whole.replace(&find, &with).as_str())
            }
            "pad" => {
                let (length, with) = (length("length")?, text("with")?);
                let whole = string(function, &value)?;
                let missing = length.saturating_sub(whole.chars().count());
                let filling: String = with
                    .chars()
                    .cycle()
                    .take(if with.is_empty() { 0 } else { missing })
                    .collect();
                Literal::from((filling + whole).as_str())
            }
            _ => {
                return Err(EvalError::UnknownFunction {
                    name: name.to_owned(),
                });
            }
        })
    };
    Some(computed())
}

fn string<'v>(function: &str, value: &'v Literal) -> Result<&'v str, EvalError> {
    match value {
        Literal::String(text) => Ok(text),
        Literal::Null => Ok(""),
        other => Err(EvalError::Unsupported {
            what: format!("`{NAMESPACE}{function}` of a {}", other.kind()),
        }),
    }
}

fn missing(function: &str, name: &str, given: Option<Literal>) -> EvalError {
    let what = match given {
        None => format!("`{NAMESPACE}{function}` without `{name}`"),
        Some(other) => format!(
            "`{NAMESPACE}{function}` with a {} as `{name}`",
            other.kind()
        ),
    };
    EvalError::Unsupported { what }
}

fn format(
    value: &Literal,
    pattern: Option<&Literal>,
    decimals: Option<&Literal>,
) -> Result<Literal, EvalError> {
    let number = |number: Decimal| -> Result<Literal, EvalError> {
        let Some(Literal::Int(digits)) = decimals else {
            return Err(missing("format", "decimals", decimals.cloned()));
        };
        let digits = u32::try_from(*digits).unwrap_or(0).min(28);
        let mut rounded = round(number, Some(digits));
        rounded.rescale(digits);
        Ok(Literal::from(rounded.to_string().as_str()))
    };
    let pattern = || match pattern {
        Some(Literal::String(pattern)) if pattern.len() <= 200 => Ok(pattern.as_str()),
        other => Err(missing("format", "pattern", other.cloned())),
    };
    let written = |text: Result<String, jiff::Error>| {
        let text = text.map_err(|_| EvalError::Unsupported {
            what: "this pattern of `Duet.format`".to_owned(),
        })?;
        Ok(Literal::from(text.as_str()))
    };
    match value {
        Literal::Null => Ok(Literal::Null),
        Literal::Int(whole) => number(Decimal::from(*whole)),
        Literal::Decimal(exact) => number(*exact),
        Literal::Date(day) => written(jiff::fmt::strtime::format(pattern()?, *day)),
        Literal::DateTimeOffset(at) => written(jiff::fmt::strtime::format(pattern()?, *at)),
        other => Err(EvalError::Unsupported {
            what: format!("`{NAMESPACE}format` of a {}", other.kind()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn columns() -> Vec<(String, String, ColumnType)> {
        let column = |name: &str, ty| (name.to_owned(), name.to_owned(), ty);
        vec![
            column("NAME", TEXT),
            column("LAST", TEXT),
            column("N", ColumnType::Int { min: 0, max: 99 }),
            column("AMOUNT", AMOUNT),
            column("DAY", ColumnType::Date),
        ]
    }

    const TEXT: ColumnType = ColumnType::Text { max_length: None };
    const AMOUNT: ColumnType = ColumnType::Decimal {
        scale: None,
        min: None,
        max: None,
    };

    fn computed(text: &str) -> String {
        let expression = Expression::new(Expression::parse(text).unwrap(), columns());
        expression
            .probe()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        let row = Row::new()
            .with("NAME", "Contoso, Retail ")
            .with("LAST", "Berg")
            .with("N", 7_i64)
            .with("AMOUNT", Decimal::new(200_050, 3))
            .with("DAY", Value::Date(date(2024, 3, 1)));
        match expression.value(&row, &TEXT, None) {
            Ok(value) => value.to_string(),
            Err(why) => format!("! {why}"),
        }
    }

    #[test]
    fn texts_are_reshaped() {
        assert_eq!(computed("NAME/Duet.truncate(length=8)"), "Contoso,");
        assert_eq!(computed("NAME/Duet.split(by=',',part=2)"), "Retail");
        assert_eq!(computed("NAME/Duet.split(by=',',part=9)"), "(empty)");
        assert_eq!(
            computed("NAME/Duet.replace(find=',',with='')"),
            "Contoso Retail "
        );
        assert_eq!(computed("LAST/Duet.pad(length=6,with='0')"), "00Berg");
        assert_eq!(computed("toupper(trim(NAME))"), "CONTOSO, RETAIL");
        assert_eq!(
            computed("concat(concat(LAST,', '),trim(NAME))"),
            "Berg, Contoso, Retail"
        );
        assert_eq!(computed("substring(NAME,0,3)"), "Con");
    }

    #[test]
    fn numbers_and_dates_are_written_exactly() {
        assert_eq!(computed("AMOUNT/Duet.format(decimals=2)"), "200.05");
        assert_eq!(computed("AMOUNT mul 3"), "600.15");
        assert_eq!(
            computed("DAY/Duet.format(pattern='%d.%m.%Y')"),
            "01.03.2024"
        );
        assert_eq!(computed("year(DAY)"), "2024");
        assert_eq!(computed("cast(N,Edm.String)"), "7");
    }

    #[test]
    fn conditions_choose() {
        assert_eq!(computed("case(N gt 5:'many',true:'few')"), "many");
        assert_eq!(computed("case(LAST eq 'berg':'yes',true:'no')"), "yes");
    }

    #[test]
    fn an_empty_text_is_nothing_to_the_target_and_no_value_is_told() {
        let expression = Expression::new(Expression::parse("trim(NAME)").unwrap(), columns());
        assert_eq!(expression.value(&Row::new(), &TEXT, None), Ok(Value::Null));
        let text = "NAME/Duet.or(value='none')";
        let expression = Expression::new(Expression::parse(text).unwrap(), columns());
        assert_eq!(
            expression.value(&Row::new(), &TEXT, None),
            Ok(Value::from("none"))
        );
        assert!(computed("100 div (N sub 7)").starts_with("! "));
    }

    #[test]
    fn what_can_never_work_is_found_without_a_row() {
        for text in [
            "NAME add 1",
            "NAME/Duet.shout()",
            "NAME/Duet.truncate()",
            "now()",
            "DAY/Duet.split(by=',',part=1)",
        ] {
            let expression = Expression::new(Expression::parse(text).unwrap(), columns());
            assert!(expression.probe().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}", name in ".{0,20}", n in any::<i64>(), cents in any::<i64>()) {
            if let Ok(tree) = Expression::parse(&text) {
                let expression = Expression::new(tree, columns());
                let row = Row::new().with("NAME", name.as_str()).with("N", n)
                    .with("AMOUNT", Decimal::new(cents, 4));
                let _ = expression.probe();
                let _ = expression.value(&row, &TEXT, None);
            }
        }

        #[test]
        fn no_likely_expression_panics_and_every_text_is_bounded(
            function in prop::sample::select(vec![
                "truncate(length=L)", "split(by='S',part=L)", "replace(find='S',with='W')",
                "pad(length=L,with='W')", "format(pattern='W')", "format(decimals=L)", "or(value='W')",
            ]),
            column in prop::sample::select(vec!["NAME", "N", "AMOUNT", "DAY"]),
            length in any::<i64>(),
            separator in "[a-z,%']{0,3}", with in "[A-Za-z%.']{0,8}",
            name in ".{0,40}", n in any::<i64>(), cents in any::<i64>(),
        ) {
            let quoted = |text: &str| text.replace('\'', "''");
            let text = format!("{column}/Duet.{function}")
                .replace('L', &length.to_string())
                .replace('S', &quoted(&separator))
                .replace('W', &quoted(&with));
            if let Ok(tree) = Expression::parse(&text) {
                let expression = Expression::new(tree, columns());
                let row = Row::new().with("NAME", name.as_str()).with("N", n)
                    .with("AMOUNT", Decimal::new(cents, 4))
                    .with("DAY", Value::Date(date(1, 1, 1)));
                let _ = expression.probe();
                if let Ok(Value::Text(made)) = expression.value(&row, &TEXT, None) {
                    prop_assert!(made.len() <= 4 * LONGEST + 400);
                }
            }
        }
    }
}
