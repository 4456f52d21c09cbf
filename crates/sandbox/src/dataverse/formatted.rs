//! Formatted values: what a person would read in place of a stored value (protocol reference A3),
//! for an English (United States) user in UTC.

use rust_decimal::Decimal;

use super::value;
use crate::rows::Value;
use crate::schema::{Column, ColumnKind, DateBehavior};

/// The formatted value of a column, where the service gives one.
pub(super) fn formatted(column: &Column, stored: &Value) -> Option<String> {
    match (&column.kind, stored) {
        (
            ColumnKind::Picklist { options }
            | ColumnKind::State { options }
            | ColumnKind::Status { options },
            Value::Integer(number),
        ) => options
            .iter()
            .find(|one| one.value == *number)
            .map(|one| one.label.clone()),
        (ColumnKind::MultiSelect { options }, Value::Text(text)) => {
            let numbers = value::several(text)?;
            let labels = numbers.iter().filter_map(|number| {
                let option = options.iter().find(|one| one.value == *number)?;
                Some(option.label.as_str())
            });
            Some(labels.collect::<Vec<_>>().join("; "))
        }
        (ColumnKind::Boolean, Value::Integer(yes)) => {
            Some(if *yes == 0 { "No" } else { "Yes" }.into())
        }
        (ColumnKind::Integer { .. } | ColumnKind::BigInt, Value::Integer(number)) => {
            Some(grouped(&number.to_string()))
        }
        (ColumnKind::Money { .. }, Value::Text(text)) => {
            let amount = value::rounded(value::decimal_text(text)?, 2);
            let sign = if amount < Decimal::ZERO { "-" } else { "" };
            Some(format!("{sign}${}", grouped(&amount.abs().to_string())))
        }
        (ColumnKind::Decimal { .. }, Value::Text(text)) => Some(grouped(text)),
        (
            ColumnKind::DateTime {
                behavior: DateBehavior::DateOnly,
            },
            Value::Text(text),
        ) => {
            let date: jiff::civil::Date = text.parse().ok()?;
            Some(date.strftime("%-m/%-d/%Y").to_string())
        }
        (ColumnKind::DateTime { .. }, Value::Text(text)) => Some(
            value::instant(text)?
                .strftime("%-m/%-d/%Y %-I:%M %p")
                .to_string(),
        ),
        _ => None,
    }
}

/// Puts commas between the thousands of a plain number.
fn grouped(number: &str) -> String {
    let (sign, rest) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number),
    };
    let (whole, fraction) = match rest.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (rest, None),
    };
    let mut text = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataverse::system_tables::column;

    #[test]
    fn numbers_and_times_read_as_in_the_united_states() {
        let money = ColumnKind::Money {
            precision: 4,
            min: Decimal::MIN,
            max: Decimal::MAX,
        };
        let time = ColumnKind::DateTime {
            behavior: DateBehavior::UserLocal,
        };
        let text = |text: &str| Value::Text(text.into());
        for (kind, stored, shown) in [
            (money.clone(), text("20000.0000"), "$20,000.00"),
            (money, text("-1234567.5000"), "-$1,234,567.50"),
            (ColumnKind::Boolean, Value::Integer(1), "Yes"),
            (ColumnKind::BigInt, Value::Integer(-1_000), "-1,000"),
            (time, text("2023-04-07T21:59:01Z"), "4/7/2023 9:59 PM"),
        ] {
            assert_eq!(
                formatted(&column("x", kind), &stored).as_deref(),
                Some(shown)
            );
        }
    }
}
