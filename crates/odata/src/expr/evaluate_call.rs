//! Computes the protocol's own functions over values.

use std::borrow::Cow;

use jiff::civil::{DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use regex_lite::RegexBuilder;
use rust_decimal::{Decimal, RoundingStrategy};

use super::evaluate::{EvalError, unsupported};
use super::wildcard::{self, Token};
use super::{Collation, Function, Wildcards};
use crate::Literal;

/// Most memory that a pattern may take, in bytes.
const MAX_PATTERN: usize = 1 << 16;

/// Calls a function with values of which none is null.
pub(super) fn compute(
    function: Function,
    values: &[Cow<'_, Literal>],
    collation: Collation,
) -> Result<Literal, EvalError> {
    let name = function.name();
    match (function, values) {
        (Function::MinDateTime, []) => Ok(Literal::DateTimeOffset(Timestamp::MIN)),
        (Function::MaxDateTime, []) => Ok(Literal::DateTimeOffset(Timestamp::MAX)),
        (Function::Substring, [subject, start]) => {
            substring(text(name, subject)?, integer(name, start)?, None)
        }
        (Function::Substring, [subject, start, length]) => {
            let length = Some(integer(name, length)?);
            substring(text(name, subject)?, integer(name, start)?, length)
        }
        (_, [subject]) => one_argument(function, subject),
        (_, [subject, other]) => two_texts(
            function,
            text(name, subject)?,
            text(name, other)?,
            collation,
        ),
        _ => unsupported(&format!("`{name}`")),
    }
}

/// The functions of two texts.
fn two_texts(
    function: Function,
    a: &str,
    b: &str,
    collation: Collation,
) -> Result<Literal, EvalError> {
    let fold = |text: &str| collation.fold(text);
    let pattern = || collation.search_pattern(&fold(b));
    let wild = collation.wildcards == Wildcards::Like && b.contains(['%', '_', '[']);
    let found = match function {
        Function::Concat => return Ok(Literal::String(format!("{a}{b}"))),
        Function::IndexOf => {
            let (a, b) = (fold(a), fold(b));
            let index = a
                .find(&b)
                .map(|at| a.get(..at).unwrap_or_default().chars().count());
            let index = index.and_then(|index| i64::try_from(index).ok());
            return Ok(Literal::Int(index.unwrap_or(-1)));
        }
        Function::Contains if wild => {
            let tokens = [&[Token::Any], pattern().as_slice(), &[Token::Any]].concat();
            wildcard::matches(&tokens, &fold(a))
        }
        Function::StartsWith if wild => {
            wildcard::matches(&[pattern().as_slice(), &[Token::Any]].concat(), &fold(a))
        }
        Function::EndsWith if wild => {
            wildcard::matches(&[&[Token::Any], pattern().as_slice()].concat(), &fold(a))
        }
        Function::Contains => fold(a).contains(&fold(b)),
        Function::StartsWith => fold(a).starts_with(&fold(b)),
        Function::EndsWith => fold(a).ends_with(&fold(b)),
        Function::MatchesPattern => RegexBuilder::new(b)
            .case_insensitive(collation.case_insensitive)
            .size_limit(MAX_PATTERN)
            .build()
            .map_err(|_| EvalError::Pattern)?
            .is_match(a),
        other => return unsupported(&format!("`{}`", other.name())),
    };
    Ok(Literal::Bool(found))
}

fn text<'l>(operator: &'static str, literal: &'l Literal) -> Result<&'l str, EvalError> {
    literal.as_str().ok_or_else(|| EvalError::Operand {
        operator,
        kind: literal.kind(),
    })
}

fn integer(operator: &'static str, literal: &Literal) -> Result<i64, EvalError> {
    match literal {
        Literal::Int(value) => Ok(*value),
        other => Err(EvalError::Operand {
            operator,
            kind: other.kind(),
        }),
    }
}

/// Characters from `start` on, counted from the end if it is negative.
fn substring(text: &str, start: i64, length: Option<i64>) -> Result<Literal, EvalError> {
    let count = i64::try_from(text.chars().count()).map_err(|_| EvalError::Overflow)?;
    let start = if start < 0 {
        count.saturating_add(start).max(0)
    } else {
        start
    };
    let skip = usize::try_from(start).map_err(|_| EvalError::Overflow)?;
    let take = match length {
        Some(length) => usize::try_from(length.max(0)).map_err(|_| EvalError::Overflow)?,
        None => usize::MAX,
    };
    Ok(Literal::String(
        text.chars().skip(skip).take(take).collect(),
    ))
}

fn one_argument(function: Function, value: &Literal) -> Result<Literal, EvalError> {
    let name = function.name();
    let wrong = || EvalError::Operand {
        operator: name,
        kind: value.kind(),
    };
    match function {
        Function::Length => {
            let length = text(name, value)?.chars().count();
            i64::try_from(length)
                .map(Literal::Int)
                .map_err(|_| EvalError::Overflow)
        }
        Function::ToLower => Ok(Literal::String(text(name, value)?.to_lowercase())),
        Function::ToUpper => Ok(Literal::String(text(name, value)?.to_uppercase())),
        Function::Trim => Ok(Literal::String(text(name, value)?.trim().to_owned())),
        Function::Round | Function::Floor | Function::Ceiling => {
            rounded(function, value).ok_or_else(wrong)
        }
        Function::TotalSeconds => match value {
            Literal::Duration(duration) => total_seconds(*duration),
            _ => Err(wrong()),
        },
        Function::TotalOffsetMinutes => match value {
            Literal::DateTimeOffset(_) => Ok(Literal::Int(0)),
            _ => Err(wrong()),
        },
        Function::GeoLength | Function::GeoDistance | Function::GeoIntersects => {
            unsupported(&format!("`{name}`"))
        }
        _ => date_part(function, value).ok_or_else(wrong),
    }
}

fn rounded(function: Function, value: &Literal) -> Option<Literal> {
    let decimal = |value: Decimal| match function {
        Function::Floor => value.floor(),
        Function::Ceiling => value.ceil(),
        _ => value.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero),
    };
    match value {
        Literal::Int(value) => Some(Literal::Int(*value)),
        Literal::Decimal(value) => Some(Literal::Decimal(decimal(*value))),
        Literal::Double(value) => Some(Literal::Double(match function {
            Function::Floor => value.floor(),
            Function::Ceiling => value.ceil(),
            _ => value.round(),
        })),
        _ => None,
    }
}

fn total_seconds(duration: SignedDuration) -> Result<Literal, EvalError> {
    let whole = Decimal::from(duration.as_secs());
    let part = Decimal::new(i64::from(duration.subsec_nanos()), 9);
    let total = whole.checked_add(part).ok_or(EvalError::Overflow)?;
    Ok(Literal::Decimal(total.normalize()))
}

/// A part of a date, a time of day, or an instant as seen in UTC.
fn date_part(function: Function, value: &Literal) -> Option<Literal> {
    let at: DateTime = match (function, value) {
        (_, Literal::DateTimeOffset(at)) => Offset::UTC.to_datetime(*at),
        (
            Function::Year | Function::Month | Function::Day | Function::Date,
            Literal::Date(date),
        ) => date.to_datetime(Time::midnight()),
        (
            Function::Hour
            | Function::Minute
            | Function::Second
            | Function::FractionalSeconds
            | Function::Time,
            Literal::TimeOfDay(time),
        ) => DateTime::from_parts(jiff::civil::Date::ZERO, *time),
        _ => return None,
    };
    Some(match function {
        Function::Year => Literal::Int(at.year().into()),
        Function::Month => Literal::Int(at.month().into()),
        Function::Day => Literal::Int(at.day().into()),
        Function::Hour => Literal::Int(at.hour().into()),
        Function::Minute => Literal::Int(at.minute().into()),
        Function::Second => Literal::Int(at.second().into()),
        Function::FractionalSeconds => {
            Literal::Decimal(Decimal::new(at.subsec_nanosecond().into(), 9).normalize())
        }
        Function::Date => Literal::Date(at.date()),
        Function::Time => Literal::TimeOfDay(at.time()),
        _ => return None,
    })
}
