//! The canonical form in which values are compared, and the canonical text of key parts.
//!
//! Two systems spell one value in several ways: trailing blanks, `20000.0000`, `\r\n`, a symbol's
//! case, 1900-01-01 for no date. [`Rule`] says for one column which differences do not count
//! (gotchas 4, 5, 7, 9 and 10 of the protocol reference).

use crate::schema::{Column, ColumnType};
use crate::value::Value;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rust_decimal::{Decimal, RoundingStrategy};

/// Which differences count in one column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rule {
    /// Digits after the point that both sides can hold.
    pub(crate) scale: Option<u32>,
    /// Whether numbers are whole here.
    pub(crate) whole: bool,
    /// Whether letter case does not count: keys and what lookups are found by.
    pub(crate) fold: bool,
    /// Whether only the day counts, because the other side keeps no time.
    pub(crate) day: bool,
    /// What the system stores for nothing.
    pub(crate) empty: Option<Value>,
}

impl Rule {
    /// The rule of a column by itself, before its counterpart narrows it.
    pub(crate) fn of(column: &Column) -> Self {
        Self {
            scale: match column.ty {
                ColumnType::Decimal { scale, .. } => scale,
                _ => None,
            },
            whole: matches!(
                column.ty,
                ColumnType::Int { .. } | ColumnType::Choice { .. }
            ),
            fold: false,
            day: column.ty == ColumnType::Date,
            empty: column.empty.clone(),
        }
    }

    /// The value as it is kept in images.
    pub(crate) fn canonical(&self, value: &Value) -> Value {
        match value {
            Value::Text(text) => canonical_text(text),
            Value::Decimal(number) => self.number(*number),
            Value::Int(number) if !self.whole => self.number(Decimal::from(*number)),
            Value::Date(date) => canonical_date(*date),
            Value::DateTime(at) => canonical_time(*at, self.day),
            other => other.clone(),
        }
    }

    /// Whether the two values are one in this column.
    pub(crate) fn same(&self, a: &Value, b: &Value) -> bool {
        if a == b {
            return true;
        }
        let (a, b) = (self.canonical(a), self.canonical(b));
        match (&a, &b) {
            (Value::Null, Value::Null) => true,
            (Value::Null, other) | (other, Value::Null) => self
                .empty
                .as_ref()
                .is_some_and(|empty| equal(&self.canonical(empty), other, true)),
            _ => equal(&a, &b, self.fold),
        }
    }

    fn number(&self, number: Decimal) -> Value {
        let rounded = round(number, self.scale).normalize();
        if self.whole && rounded.is_integer() {
            i64::try_from(rounded).map_or(Value::Decimal(rounded), Value::Int)
        } else {
            Value::Decimal(rounded)
        }
    }
}

/// Rounds half away from zero, as both systems do.
pub(crate) fn round(number: Decimal, scale: Option<u32>) -> Decimal {
    match scale {
        Some(scale) if number.scale() > scale => {
            number.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero)
        }
        _ => number,
    }
}

fn equal(a: &Value, b: &Value, fold: bool) -> bool {
    match (a, b) {
        (Value::Symbol(a), Value::Symbol(b) | Value::Text(b))
        | (Value::Text(a), Value::Symbol(b)) => same_word(a, b),
        (Value::Text(a), Value::Text(b)) if fold => same_word(a, b),
        (Value::Reference(a), Value::Reference(b)) => {
            a.id == b.id && a.table.eq_ignore_ascii_case(&b.table)
        }
        _ => a == b,
    }
}

/// Equality without regard to case and trailing blanks, as F&O and Dataverse compare keys.
pub(crate) fn same_word(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim_end(), b.trim_end());
    a.eq_ignore_ascii_case(b)
        || (!(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase())
}

fn canonical_text(text: &str) -> Value {
    let trimmed = text.trim_end();
    if trimmed.is_empty() {
        Value::Null
    } else if trimmed.contains('\r') {
        Value::Text(trimmed.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Value::Text(trimmed.to_owned())
    }
}

/// F&O's spelling of "no date".
const NO_DATE: Date = Date::constant(1900, 1, 1);

fn canonical_date(date: Date) -> Value {
    if date == NO_DATE {
        Value::Null
    } else {
        Value::Date(date)
    }
}

fn canonical_time(at: Timestamp, day: bool) -> Value {
    let date = day_of(at);
    if date == NO_DATE {
        Value::Null
    } else if day {
        Value::Date(date)
    } else {
        let nanosecond = i64::from(at.subsec_nanosecond());
        Value::DateTime(at.checked_sub(nanosecond.nanoseconds()).unwrap_or(at))
    }
}

/// The calendar day of a point in time, never shifted into another zone.
pub(crate) fn day_of(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

/// The text of one key part: trimmed on the right, lower case, numbers without needless zeros.
/// Empty for nothing.
pub(crate) fn key_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Text(text) | Value::Symbol(text) => text.trim_end().to_lowercase(),
        Value::Decimal(number) => number.normalize().to_string(),
        Value::Date(date) if *date == NO_DATE => String::new(),
        Value::DateTime(at) => match canonical_time(*at, false) {
            Value::DateTime(at) => at.to_string(),
            _ => String::new(),
        },
        Value::Reference(reference) => {
            format!("{}({})", reference.table.to_lowercase(), reference.id)
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Value {
        Value::Decimal(text.parse().unwrap())
    }

    #[test]
    fn spellings_of_one_value_are_the_same() {
        let rule = Rule::default();
        assert!(rule.same(&Value::from("Main street \n"), &Value::from("Main street")));
        assert!(rule.same(&Value::from("a\r\nb"), &Value::from("a\nb")));
        assert!(rule.same(&decimal("20000.0000"), &decimal("20000")));
        assert!(rule.same(&decimal("5"), &Value::Int(5)));
        assert!(rule.same(&Value::Symbol("yes".into()), &Value::Symbol("Yes".into())));
        assert!(rule.same(&Value::Date(NO_DATE), &Value::Null));
        assert!(!rule.same(&Value::from("a"), &Value::from("A")));
        assert!(!rule.same(&Value::Null, &Value::Int(0)));
    }

    #[test]
    fn a_folding_rule_ignores_case_and_an_empty_one_knows_its_zero() {
        let rule = Rule {
            fold: true,
            empty: Some(Value::Int(0)),
            ..Rule::default()
        };
        assert!(rule.same(&Value::from("US-001 "), &Value::from("us-001")));
        assert!(rule.same(&Value::from("ÉTÉ"), &Value::from("été")));
        assert!(rule.same(&Value::Null, &Value::Int(0)));
    }

    #[test]
    fn decimals_compare_at_the_narrower_scale() {
        let rule = Rule {
            scale: Some(2),
            ..Rule::default()
        };
        assert!(rule.same(&decimal("1.005"), &decimal("1.01")));
        assert!(!rule.same(&decimal("1.004"), &decimal("1.01")));
    }

    #[test]
    fn where_only_the_day_counts_the_time_does_not() {
        let rule = Rule {
            day: true,
            ..Rule::default()
        };
        let noon: Timestamp = "2024-01-31T12:00:00Z".parse().unwrap();
        assert!(rule.same(
            &Value::DateTime(noon),
            &Value::Date(Date::constant(2024, 1, 31))
        ));
        let rule = Rule::default();
        let later: Timestamp = "2024-01-31T12:00:00.5Z".parse().unwrap();
        assert!(rule.same(&Value::DateTime(noon), &Value::DateTime(later)));
    }

    #[test]
    fn key_texts_fold_and_trim() {
        assert_eq!(key_text(&Value::from("US-001 ")), "us-001");
        assert_eq!(key_text(&decimal("10.00")), "10");
        assert_eq!(key_text(&Value::Int(10)), "10");
        assert_eq!(key_text(&Value::Null), "");
    }
}
