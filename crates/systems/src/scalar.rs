//! Values as both Dynamics systems write them in JSON, where the two agree.

use jiff::tz::Offset;
use jiff::{Timestamp, civil};
use rust_decimal::Decimal;
use serde_json::{Number, Value as Json};

/// A number exactly as the service spelled it. Services may send numbers as text so that clients
/// cannot round them.
fn spelling(json: &Json) -> Option<String> {
    match json {
        Json::Number(number) => Some(number.to_string()),
        Json::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// An exact decimal.
pub(crate) fn decimal(json: &Json) -> Option<Decimal> {
    let text = spelling(json)?;
    let exact = Decimal::from_str_exact(&text);
    exact.or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// A whole number; `5.0` is one, `5.5` is none.
pub(crate) fn integer(json: &Json) -> Option<i64> {
    if let Ok(whole) = spelling(json)?.parse() {
        return Some(whole);
    }
    let decimal = decimal(json)?;
    decimal.is_integer().then_some(decimal)?.try_into().ok()
}

/// A point in time, cut to whole seconds. Without an offset it is taken as UTC.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    let at: Timestamp = match text.parse() {
        Ok(at) => at,
        Err(_) => Offset::UTC
            .to_timestamp(text.parse::<civil::DateTime>().ok()?)
            .ok()?,
    };
    Some(whole_seconds(at))
}

/// Cuts the fraction of a second off, downwards.
pub(crate) fn whole_seconds(at: Timestamp) -> Timestamp {
    let below = i64::from(at.subsec_nanosecond() < 0);
    Timestamp::from_second(at.as_second() - below).unwrap_or(at)
}

/// The calendar date that a text begins with; what follows (a time, an offset) is not looked at,
/// because dates are never shifted between zones.
pub(crate) fn date(text: &str) -> Option<civil::Date> {
    let (date, rest) = text.split_at_checked(10)?;
    if !rest.is_empty() && !rest.starts_with('T') {
        return None;
    }
    date.parse().ok()
}

/// A decimal as a JSON number with every digit.
pub(crate) fn number(decimal: Decimal) -> Json {
    match decimal.to_string().parse::<Number>() {
        Ok(number) => Json::Number(number),
        // Not reached: a decimal's text is a JSON number.
        Err(_) => Json::String(decimal.to_string()),
    }
}

/// Text as systems compare keys: without regard to case and to blanks at the end.
pub(crate) fn fold(text: &str) -> String {
    text.trim_end().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn numbers_keep_every_digit() {
        let parse = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        assert_eq!(
            decimal(&parse("20000.0000")).unwrap().to_string(),
            "20000.0000"
        );
        assert_eq!(
            decimal(&parse("12345678901234.1234567891"))
                .unwrap()
                .to_string(),
            "12345678901234.1234567891"
        );
        assert_eq!(decimal(&parse("1e-3")).unwrap(), Decimal::new(1, 3));
        assert_eq!(decimal(&json!("0.10")).unwrap().to_string(), "0.10");
        assert_eq!(
            integer(&parse("9007199254740993")),
            Some(9_007_199_254_740_993)
        );
        assert_eq!(integer(&parse("5.0")), Some(5));
        assert_eq!(integer(&parse("5.5")), None);
        assert_eq!(integer(&json!(true)), None);
    }

    #[test]
    fn times_are_utc_and_whole_seconds() {
        let at = |text: &str| timestamp(text).map(|at| at.to_string());
        assert_eq!(
            at("2023-04-07T21:59:01Z").as_deref(),
            Some("2023-04-07T21:59:01Z")
        );
        assert_eq!(
            at("2023-04-07T21:59:01.987Z").as_deref(),
            Some("2023-04-07T21:59:01Z")
        );
        assert_eq!(
            at("2023-04-07T21:59:01").as_deref(),
            Some("2023-04-07T21:59:01Z")
        );
        assert_eq!(
            at("1900-01-01T00:00:00.5Z").as_deref(),
            Some("1900-01-01T00:00:00Z")
        );
        assert_eq!(
            at("2023-04-07T23:59:01+02:00").as_deref(),
            Some("2023-04-07T21:59:01Z")
        );
        assert_eq!(at("soon"), None);
    }

    #[test]
    fn a_date_ignores_its_time_and_zone() {
        for text in [
            "2024-01-31",
            "2024-01-31T12:00:00Z",
            "2024-01-31T23:00:00-11:00",
        ] {
            assert_eq!(date(text), Some(civil::date(2024, 1, 31)));
        }
        assert_eq!(date("2024-01-3"), None);
        assert_eq!(date("2024-01-31x"), None);
        assert_eq!(date("ä024-01-31"), None);
    }

    proptest! {
        #[test]
        fn a_decimal_survives_json(digits in any::<i64>(), scale in 0_u32..=18) {
            let value = Decimal::new(digits, scale);
            let text = number(value).to_string();
            let read: Json = serde_json::from_str(&text).unwrap();
            let back = decimal(&read).unwrap();
            prop_assert_eq!(back, value);
            prop_assert_eq!(back.scale(), value.scale());
        }

        #[test]
        fn no_text_breaks_the_readers(text in ".*") {
            let json = Json::String(text.clone());
            let _ = (decimal(&json), integer(&json), timestamp(&text), date(&text), fold(&text));
        }
    }
}
