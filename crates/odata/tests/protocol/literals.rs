//! Literals: what reads as what, what is refused where.

use duet_odata::Literal;
use proptest::prelude::*;

fn reads(text: &str, printed: &str, kind: &str) {
    let literal = Literal::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(literal.kind(), kind, "{text}");
    assert_eq!(literal.to_string(), printed, "{text}");
    if !matches!(literal, Literal::Double(value) if value.is_nan()) {
        assert_eq!(Literal::parse(printed).unwrap(), literal, "{text}");
    }
}

#[test]
fn every_kind_reads_and_prints_its_canonical_form() {
    for (text, printed, kind) in [
        ("null", "null", "null"),
        ("true", "true", "boolean"),
        ("FALSE", "false", "boolean"),
        ("0", "0", "whole number"),
        ("-42", "-42", "whole number"),
        ("+42", "42", "whole number"),
        ("9223372036854775807", "9223372036854775807", "whole number"),
        (
            "-9223372036854775808",
            "-9223372036854775808",
            "whole number",
        ),
        (
            "9223372036854775808",
            "9223372036854775808",
            "decimal number",
        ),
        ("20000.0000", "20000.0000", "decimal number"),
        ("-0.50", "-0.50", "decimal number"),
        ("1e3", "1e3", "floating-point number"),
        ("1.5E-7", "1.5e-7", "floating-point number"),
        ("INF", "INF", "floating-point number"),
        ("-INF", "-INF", "floating-point number"),
        ("NaN", "NaN", "floating-point number"),
        ("''", "''", "string"),
        ("'O''Neil'", "'O''Neil'", "string"),
        ("'50% ü'", "'50% ü'", "string"),
        (
            "4026BE43-6B69-E111-8F65-78E7D1620F5E",
            "4026be43-6b69-e111-8f65-78e7d1620f5e",
            "GUID",
        ),
        (
            "abcdef12-6b69-e111-8f65-78e7d1620f5e",
            "abcdef12-6b69-e111-8f65-78e7d1620f5e",
            "GUID",
        ),
        ("2024-02-29", "2024-02-29", "date"),
        ("-0044-03-15", "-0044-03-15", "date"),
        ("0000-01-01", "0000-01-01", "date"),
        (
            "2023-04-07T21:59:01Z",
            "2023-04-07T21:59:01Z",
            "date and time",
        ),
        (
            "2023-04-07T21:59:01.250Z",
            "2023-04-07T21:59:01.25Z",
            "date and time",
        ),
        (
            "2023-04-07T23:59+02:00",
            "2023-04-07T21:59:00Z",
            "date and time",
        ),
        (
            "-0001-12-31T00:00:00Z",
            "-0001-12-31T00:00:00Z",
            "date and time",
        ),
        ("21:59", "21:59:00", "time of day"),
        ("21:59:01.5", "21:59:01.5", "time of day"),
        (
            "duration'P1DT2H3M4.5S'",
            "duration'P1DT2H3M4.5S'",
            "duration",
        ),
        ("duration'-PT36H'", "duration'-P1DT12H'", "duration"),
        ("duration'PT0S'", "duration'PT0S'", "duration"),
        ("binary'SGk'", "binary'SGk'", "binary value"),
        ("binary'SGk='", "binary'SGk'", "binary value"),
        ("Ns.NoYes'Yes'", "Ns.NoYes'Yes'", "enumeration value"),
        ("Ns.Flags'A,B'", "Ns.Flags'A,B'", "enumeration value"),
        (
            "geography'SRID=4326;Point(1 2)'",
            "geography'SRID=4326;Point(1 2)'",
            "spatial value",
        ),
    ] {
        reads(text, printed, kind);
    }
}

#[test]
fn what_is_no_literal_is_refused_where_it_goes_wrong() {
    for (text, offset) in [
        ("", 0),
        ("name", 0),
        ("'open", 0),
        ("'a'b", 3),
        ("1.", 2),
        ("1e", 2),
        ("12abc", 2),
        ("2024-13-01", 0),
        ("2023-02-29", 0),
        ("2024-1-01", 5),
        ("10000-01-01", 0),
        ("25:00", 0),
        ("12:60", 0),
        ("2024-01-01T00:00:00", 19),
        ("2024-01-01T00:00:00+1:00", 20),
        ("duration'P'", 10),
        ("duration'PT'", 11),
        ("duration'P1Y'", 11),
        ("duration'PT1S1M'", 14),
        ("duration'P99999999999999999D'", 9),
        ("binary'*'", 7),
        ("Ns.Colour''", 10),
        ("geography'SRID=0;Point(1)'", 24),
        ("geometry'Point(1 2)'", 9),
        ("(1)", 0),
    ] {
        match Literal::parse(text) {
            Ok(literal) => panic!("{text} reads as {literal:?}"),
            Err(error) => assert_eq!(error.offset, offset, "{text}: {error}"),
        }
    }
}

#[test]
fn numbers_stay_exact() {
    let decimal = Literal::parse("0.1234567890123456789012345678").unwrap();
    assert_eq!(decimal.to_string(), "0.1234567890123456789012345678");
    // Beyond 96 bits only a double is left.
    assert!(matches!(
        Literal::parse("123456789012345678901234567890123456789.5").unwrap(),
        Literal::Double(_)
    ));
}

proptest! {
    #[test]
    fn strings_round_trip(text in ".*") {
        let literal = Literal::String(text);
        prop_assert_eq!(Literal::parse(&literal.to_string()).unwrap(), literal);
    }

    #[test]
    fn integers_round_trip(value: i64) {
        let literal = Literal::Int(value);
        prop_assert_eq!(Literal::parse(&literal.to_string()).unwrap(), literal);
    }

    #[test]
    fn doubles_round_trip(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
        let literal = Literal::Double(value);
        prop_assert_eq!(Literal::parse(&literal.to_string()).unwrap(), literal);
    }

    #[test]
    fn durations_round_trip(seconds in -900_000_000_000_i64..900_000_000_000, nanos in 0..1_000_000_000_i32) {
        let nanos = if seconds < 0 { -nanos } else { nanos };
        let literal = Literal::Duration(jiff::SignedDuration::new(seconds, nanos));
        prop_assert_eq!(Literal::parse(&literal.to_string()).unwrap(), literal);
    }

    #[test]
    fn instants_round_trip(seconds in -377_000_000_000_i64..253_000_000_000, nanos in 0..1_000_000_000_i32) {
        let literal = Literal::DateTimeOffset(jiff::Timestamp::new(seconds, nanos).unwrap());
        prop_assert_eq!(Literal::parse(&literal.to_string()).unwrap(), literal);
    }

    #[test]
    fn no_text_panics(text in ".*") {
        let _ = Literal::parse(&text);
    }

    #[test]
    fn no_text_like_a_literal_panics(text in "(duration|binary|Ns.E)?'?[-+0-9TPDHMS:.eZ']{0,30}'?") {
        if let Ok(literal) = Literal::parse(&text) {
            let printed = literal.to_string();
            prop_assert_eq!(Literal::parse(&printed).unwrap().to_string(), printed);
        }
    }
}
