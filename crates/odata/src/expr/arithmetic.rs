//! Calculation with exact numbers, dates and durations; overflow is an error, never a wrap.

use jiff::civil::Time;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::BinaryOp;
use super::compare::as_f64;
use super::evaluate::EvalError;
use crate::Literal;

/// Computes `left op right` for `add`, `sub`, `mul`, `div`, `divby` and `mod`.
pub(super) fn calculate(
    op: BinaryOp,
    left: &Literal,
    right: &Literal,
) -> Result<Literal, EvalError> {
    use Literal as L;
    match (left, right) {
        (L::Null, _) | (_, L::Null) => Ok(L::Null),
        (L::Int(a), L::Int(b)) => integers(op, *a, *b),
        (L::Double(_), L::Int(_) | L::Decimal(_) | L::Double(_))
        | (L::Int(_) | L::Decimal(_), L::Double(_)) => match (as_f64(left), as_f64(right)) {
            (Some(a), Some(b)) => Ok(doubles(op, a, b)),
            _ => Err(EvalError::Overflow),
        },
        (L::Int(_) | L::Decimal(_), L::Int(_) | L::Decimal(_)) => {
            match (left.as_decimal(), right.as_decimal()) {
                (Some(a), Some(b)) => decimals(op, a, b).map(L::Decimal),
                _ => Err(EvalError::Overflow),
            }
        }
        _ => temporal(op, left, right)?.ok_or_else(|| mismatch(op, left, right)),
    }
}

/// Computes `-value`.
pub(super) fn negate(value: &Literal) -> Result<Literal, EvalError> {
    match value {
        Literal::Null => Ok(Literal::Null),
        Literal::Int(value) => value
            .checked_neg()
            .map(Literal::Int)
            .ok_or(EvalError::Overflow),
        Literal::Decimal(value) => Ok(Literal::Decimal(-*value)),
        Literal::Double(value) => Ok(Literal::Double(-value)),
        Literal::Duration(value) => value
            .checked_neg()
            .map(Literal::Duration)
            .ok_or(EvalError::Overflow),
        other => Err(EvalError::Operand {
            operator: "-",
            kind: other.kind(),
        }),
    }
}

fn mismatch(op: BinaryOp, left: &Literal, right: &Literal) -> EvalError {
    EvalError::Operands {
        operator: op.word(),
        left: left.kind(),
        right: right.kind(),
    }
}

fn integers(op: BinaryOp, a: i64, b: i64) -> Result<Literal, EvalError> {
    if b == 0 && matches!(op, BinaryOp::Div | BinaryOp::DivBy | BinaryOp::Mod) {
        return Err(EvalError::DivisionByZero);
    }
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        BinaryOp::Mul => a.checked_mul(b),
        BinaryOp::Div => a.checked_div(b),
        BinaryOp::Mod => a.checked_rem(b),
        _ => return decimals(op, Decimal::from(a), Decimal::from(b)).map(Literal::Decimal),
    };
    result.map(Literal::Int).ok_or(EvalError::Overflow)
}

fn decimals(op: BinaryOp, a: Decimal, b: Decimal) -> Result<Decimal, EvalError> {
    if b.is_zero() && matches!(op, BinaryOp::Div | BinaryOp::DivBy | BinaryOp::Mod) {
        return Err(EvalError::DivisionByZero);
    }
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        BinaryOp::Mul => a.checked_mul(b),
        BinaryOp::Mod => a.checked_rem(b),
        _ => a.checked_div(b),
    };
    result.ok_or(EvalError::Overflow)
}

fn doubles(op: BinaryOp, a: f64, b: f64) -> Literal {
    let result = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Mod => a % b,
        _ => a / b,
    };
    Literal::Double(result)
}

/// Dates and durations; `None` if the two kinds do not go together.
fn temporal(op: BinaryOp, left: &Literal, right: &Literal) -> Result<Option<Literal>, EvalError> {
    use Literal as L;
    let result = match (op, left, right) {
        (BinaryOp::Add, L::DateTimeOffset(at), L::Duration(by))
        | (BinaryOp::Add, L::Duration(by), L::DateTimeOffset(at)) => {
            at.checked_add(*by).ok().map(L::DateTimeOffset)
        }
        (BinaryOp::Sub, L::DateTimeOffset(at), L::Duration(by)) => {
            at.checked_sub(*by).ok().map(L::DateTimeOffset)
        }
        (BinaryOp::Add, L::Date(at), L::Duration(by)) => at.checked_add(*by).ok().map(L::Date),
        (BinaryOp::Sub, L::Date(at), L::Duration(by)) => at.checked_sub(*by).ok().map(L::Date),
        (BinaryOp::Sub, L::DateTimeOffset(a), L::DateTimeOffset(b)) => {
            Some(L::Duration(a.duration_since(*b)))
        }
        (BinaryOp::Sub, L::Date(a), L::Date(b)) => {
            let (a, b) = (midnight(*a)?, midnight(*b)?);
            Some(L::Duration(a.duration_since(b)))
        }
        (BinaryOp::Add, L::Duration(a), L::Duration(b)) => a.checked_add(*b).map(L::Duration),
        (BinaryOp::Sub, L::Duration(a), L::Duration(b)) => a.checked_sub(*b).map(L::Duration),
        (BinaryOp::Mul, L::Duration(by), L::Int(times))
        | (BinaryOp::Mul, L::Int(times), L::Duration(by)) => scale(*by, *times),
        _ => return Ok(None),
    };
    result.map(Some).ok_or(EvalError::Overflow)
}

fn midnight(date: jiff::civil::Date) -> Result<Timestamp, EvalError> {
    let midnight = date.to_datetime(Time::midnight());
    Offset::UTC
        .to_timestamp(midnight)
        .map_err(|_| EvalError::Overflow)
}

fn scale(duration: SignedDuration, times: i64) -> Option<Literal> {
    let nanoseconds = duration.as_nanos().checked_mul(i128::from(times))?;
    let seconds = i64::try_from(nanoseconds / 1_000_000_000).ok()?;
    let rest = i32::try_from(nanoseconds % 1_000_000_000).ok()?;
    Some(Literal::Duration(SignedDuration::new(seconds, rest)))
}
