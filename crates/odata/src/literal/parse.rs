//! Reads literals, told apart by their first characters.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::Literal;
use crate::scan::{Scanner, is_identifier_part};
use crate::{ParseError, grammar};

/// Base64url with or without its padding, as the grammar allows.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn parse_whole(text: &str) -> Result<Literal, ParseError> {
    let mut scanner = Scanner::new(text);
    let literal = parse_prefix(&mut scanner)?.ok_or_else(|| scanner.error("expected a literal"))?;
    scanner.expect_end()?;
    Ok(literal)
}

/// Reads a literal that starts here; `None`, with nothing consumed, if something else stands here.
pub(crate) fn parse_prefix(scanner: &mut Scanner<'_>) -> Result<Option<Literal>, ParseError> {
    match scanner.peek() {
        Some('\'') => Ok(Some(Literal::String(quoted(scanner)?))),
        Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+') => digits_or_sign(scanner),
        Some(c) if c == '_' || c.is_alphabetic() => word(scanner),
        _ => Ok(None),
    }
}

/// Reads `'text'` with doubled quotes inside.
pub(crate) fn quoted(scanner: &mut Scanner<'_>) -> Result<String, ParseError> {
    let start = scanner.pos();
    scanner.expect('\'')?;
    let mut text = String::new();
    loop {
        text.push_str(scanner.take_while(|c| c != '\''));
        if !scanner.eat('\'') {
            return Err(ParseError::new(start, "this string has no closing quote"));
        }
        if !scanner.eat('\'') {
            return Ok(text);
        }
        text.push('\'');
    }
}

fn digits_or_sign(scanner: &mut Scanner<'_>) -> Result<Option<Literal>, ParseError> {
    if let Some(guid) = guid(scanner) {
        return Ok(Some(guid));
    }
    if let Some(found) = date_or_time(scanner)? {
        return Ok(Some(found));
    }
    number(scanner)
}

fn word(scanner: &mut Scanner<'_>) -> Result<Option<Literal>, ParseError> {
    if let Some(guid) = guid(scanner) {
        return Ok(Some(guid));
    }
    let start = scanner.pos();
    let name = scanner.take_while(|c| is_identifier_part(c) || c == '.');
    if scanner.peek() == Some('\'') {
        let text_at = scanner.pos() + 1;
        let text = quoted(scanner)?;
        return prefixed(name, text, text_at).map(Some);
    }
    let plain = match name {
        "null" => Some(Literal::Null),
        "INF" => Some(Literal::Double(f64::INFINITY)),
        "NaN" => Some(Literal::Double(f64::NAN)),
        _ if name.eq_ignore_ascii_case("true") => Some(Literal::Bool(true)),
        _ if name.eq_ignore_ascii_case("false") => Some(Literal::Bool(false)),
        _ => None,
    };
    // `null/x`, `true(…)` are names that happen to look like words of the language.
    if plain.is_none() || matches!(scanner.peek(), Some('/' | '(')) {
        scanner.reset(start);
        return Ok(None);
    }
    Ok(plain)
}

/// `duration'…'`, `binary'…'`, `geography'…'`, `geometry'…'`, or an enumeration type's value.
fn prefixed(name: &str, text: String, text_at: usize) -> Result<Literal, ParseError> {
    if name.eq_ignore_ascii_case("duration") {
        return duration(&text)
            .map(Literal::Duration)
            .map_err(|error| error.shifted(text_at));
    }
    if name.eq_ignore_ascii_case("binary") {
        return match BASE64.decode(text.as_bytes()) {
            Ok(bytes) => Ok(Literal::Binary(bytes)),
            Err(_) => Err(ParseError::new(text_at, "expected base64url text")),
        };
    }
    let geography = name.eq_ignore_ascii_case("geography");
    if geography || name.eq_ignore_ascii_case("geometry") {
        grammar::check_spatial(&text).map_err(|error| error.shifted(text_at))?;
        return Ok(Literal::Spatial { geography, text });
    }
    if text.is_empty() {
        return Err(ParseError::new(
            text_at,
            "expected the name of an enumeration member",
        ));
    }
    Ok(Literal::Enum {
        type_name: Some(name.to_owned()),
        members: text,
    })
}

/// 8-4-4-4-12 hexadecimal digits, not followed by more of a word.
fn guid(scanner: &mut Scanner<'_>) -> Option<Literal> {
    const LENGTH: usize = 36;
    let rest = scanner.rest();
    let text = rest.get(..LENGTH)?;
    let follows = rest.get(LENGTH..)?.chars().next();
    if follows.is_some_and(|c| is_identifier_part(c) || c == '-') {
        return None;
    }
    let guid = Uuid::try_parse(text).ok()?;
    scanner.reset(scanner.pos() + LENGTH);
    Some(Literal::Guid(guid))
}

fn number(scanner: &mut Scanner<'_>) -> Result<Option<Literal>, ParseError> {
    let start = scanner.pos();
    let sign = scanner.peek().filter(|c| matches!(c, '-' | '+'));
    if sign.is_some() {
        scanner.bump();
    }
    if sign == Some('-') && scanner.rest().starts_with("INF") {
        scanner.eat_str("INF");
        if !scanner.peek().is_some_and(is_identifier_part) {
            return Ok(Some(Literal::Double(f64::NEG_INFINITY)));
        }
        scanner.reset(start);
        return Ok(None);
    }
    if scanner.take_while(|c| c.is_ascii_digit()).is_empty() {
        scanner.reset(start);
        return Ok(None);
    }
    let mut whole = true;
    let mut exponent = false;
    if scanner.eat('.') {
        whole = false;
        if scanner.take_while(|c| c.is_ascii_digit()).is_empty() {
            return Err(scanner.error("expected digits after the decimal point"));
        }
    }
    if scanner.eat('e') || scanner.eat('E') {
        exponent = true;
        if !scanner.eat('-') {
            scanner.eat('+');
        }
        if scanner.take_while(|c| c.is_ascii_digit()).is_empty() {
            return Err(scanner.error("expected the digits of an exponent"));
        }
    }
    if scanner.peek().is_some_and(is_identifier_part) {
        return Err(scanner.error("expected the end of the number"));
    }
    let text = scanner.since(start);
    let text = text.strip_prefix('+').unwrap_or(text);
    if whole
        && !exponent
        && let Ok(value) = text.parse::<i64>()
    {
        return Ok(Some(Literal::Int(value)));
    }
    if !exponent && let Ok(value) = Decimal::from_str_exact(text) {
        return Ok(Some(Literal::Decimal(value)));
    }
    match text.parse::<f64>() {
        Ok(value) => Ok(Some(Literal::Double(value))),
        Err(_) => Err(ParseError::new(start, "expected a number")),
    }
}

/// A date, a date and time, or a time of day; `None` if the digits are none of them.
fn date_or_time(scanner: &mut Scanner<'_>) -> Result<Option<Literal>, ParseError> {
    let start = scanner.pos();
    let negative = scanner.eat('-');
    let digits = scanner.take_while(|c| c.is_ascii_digit());
    let found = match scanner.peek() {
        Some(':') if !negative && digits.len() == 2 => {
            scanner.reset(start);
            time_of_day(scanner).map(|time| Some(Literal::TimeOfDay(time)))
        }
        Some('-') if digits.len() >= 4 => {
            scanner.reset(start);
            let date = date(scanner)?;
            if scanner.eat('T') || scanner.eat('t') {
                let time = time_of_day(scanner)?;
                let offset = offset(scanner)?;
                instant(date, time, offset, start).map(|at| Some(Literal::DateTimeOffset(at)))
            } else {
                Ok(Some(Literal::Date(date)))
            }
        }
        _ => {
            scanner.reset(start);
            return Ok(None);
        }
    };
    if found.is_ok() && scanner.peek().is_some_and(is_identifier_part) {
        return Err(scanner.error("expected the end of the date or time"));
    }
    found
}

fn date(scanner: &mut Scanner<'_>) -> Result<Date, ParseError> {
    let start = scanner.pos();
    let negative = scanner.eat('-');
    let digits = scanner.take_while(|c| c.is_ascii_digit());
    let year = digits
        .parse::<i16>()
        .ok()
        .filter(|_| digits.len() == 4 || !digits.starts_with('0'));
    let year = year.ok_or_else(|| ParseError::new(start, "expected a year"))?;
    scanner.expect('-')?;
    let month = two_digits(scanner, "month")?;
    scanner.expect('-')?;
    let day = two_digits(scanner, "day")?;
    Date::new(if negative { -year } else { year }, month, day)
        .map_err(|_| ParseError::new(start, "there is no such date between -9999 and 9999"))
}

fn time_of_day(scanner: &mut Scanner<'_>) -> Result<Time, ParseError> {
    let start = scanner.pos();
    let hour = two_digits(scanner, "hour")?;
    scanner.expect(':')?;
    let minute = two_digits(scanner, "minute")?;
    let mut second = 0;
    let mut nanosecond = 0;
    if scanner.eat(':') {
        second = two_digits(scanner, "second")?;
        if scanner.eat('.') {
            nanosecond = fraction(scanner)?;
        }
    }
    // A leap second has no place in Edm.TimeOfDay.
    if second > 59 {
        return Err(ParseError::new(start, "there is no such time of day"));
    }
    Time::new(hour, minute, second, nanosecond)
        .map_err(|_| ParseError::new(start, "there is no such time of day"))
}

/// `Z` or `±hh:mm`, in seconds east of UTC.
fn offset(scanner: &mut Scanner<'_>) -> Result<i32, ParseError> {
    if scanner.eat('Z') || scanner.eat('z') {
        return Ok(0);
    }
    let sign = match scanner.bump() {
        Some('+') => 1,
        Some('-') => -1,
        _ => return Err(scanner.error("expected `Z` or an offset such as `+01:00`")),
    };
    let hours = two_digits(scanner, "hour")?;
    scanner.expect(':')?;
    let minutes = two_digits(scanner, "minute")?;
    if hours > 23 || minutes > 59 {
        return Err(scanner.error("there is no such offset"));
    }
    Ok(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60))
}

fn instant(date: Date, time: Time, offset: i32, start: usize) -> Result<Timestamp, ParseError> {
    Offset::from_seconds(offset)
        .and_then(|offset| offset.to_timestamp(DateTime::from_parts(date, time)))
        .map_err(|_| ParseError::new(start, "this instant is out of range"))
}

fn two_digits(scanner: &mut Scanner<'_>, what: &str) -> Result<i8, ParseError> {
    let digits = scanner
        .rest()
        .get(..2)
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let value = digits.and_then(|text| text.parse::<i8>().ok());
    let value = value.ok_or_else(|| scanner.error(format!("expected two digits of a {what}")))?;
    scanner.reset(scanner.pos() + 2);
    Ok(value)
}

/// Digits after the point as nanoseconds; anything finer is cut off.
fn fraction(scanner: &mut Scanner<'_>) -> Result<i32, ParseError> {
    let digits = scanner.take_while(|c| c.is_ascii_digit());
    if digits.is_empty() {
        return Err(scanner.error("expected digits of a fraction"));
    }
    let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
    nine.parse()
        .map_err(|_| scanner.error("expected digits of a fraction"))
}

/// `[-]P[nD][T[nH][nM][n[.f]S]]`, at least one part, in this order.
fn duration(text: &str) -> Result<SignedDuration, ParseError> {
    let mut scanner = Scanner::new(text);
    let out_of_range = || ParseError::new(0, "this duration is out of range");
    let negative = scanner.eat('-');
    if !negative {
        scanner.eat('+');
    }
    scanner.expect('P')?;
    let mut seconds: i64 = 0;
    let mut nanoseconds = 0;
    let mut parts = 0;
    let mut units: &[(char, i64)] = &[('D', 86_400)];
    let mut in_time = false;
    loop {
        if !in_time && scanner.eat('T') {
            in_time = true;
            units = &[('H', 3600), ('M', 60), ('S', 1)];
            if scanner.is_done() {
                return Err(scanner.error("expected hours, minutes or seconds"));
            }
        }
        if scanner.is_done() {
            break;
        }
        let digits = scanner.take_while(|c| c.is_ascii_digit());
        let amount: i64 = digits
            .parse()
            .map_err(|_| scanner.error("expected a number"))?;
        let with_fraction = in_time && scanner.eat('.');
        if with_fraction {
            nanoseconds = fraction(&mut scanner)?;
        }
        let unit = scanner.peek().filter(|c| !with_fraction || *c == 'S');
        let place = units.iter().position(|(name, _)| Some(*name) == unit);
        let Some((place, (_, size))) = place.and_then(|at| Some((at, units.get(at)?))) else {
            return Err(scanner.error("expected the next of the units D, T, H, M, S"));
        };
        scanner.bump();
        seconds = amount
            .checked_mul(*size)
            .and_then(|more| seconds.checked_add(more))
            .ok_or_else(out_of_range)?;
        units = units.get(place + 1..).unwrap_or_default();
        parts += 1;
    }
    if parts == 0 {
        return Err(scanner.error("expected at least one part of a duration"));
    }
    let duration = SignedDuration::new(seconds, nanoseconds);
    if negative {
        duration.checked_neg().ok_or_else(out_of_range)
    } else {
        Ok(duration)
    }
}
