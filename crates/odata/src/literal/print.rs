//! Prints literals in their one canonical URL form (before percent-encoding).

use std::fmt::{self, Display, Formatter, Write as _};

use base64::Engine as _;
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::Literal;
use super::parse::BASE64;

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            // A whole decimal within 64 bits would read back as an integer without its point.
            Self::Decimal(value) => {
                write!(f, "{value}")?;
                if value.scale() == 0 && i64::try_from(*value).is_ok() {
                    f.write_str(".0")?;
                }
                Ok(())
            }
            Self::Double(value) if value.is_nan() => f.write_str("NaN"),
            Self::Double(value) if value.is_infinite() => {
                f.write_str(if *value > 0.0 { "INF" } else { "-INF" })
            }
            Self::Double(value) => write!(f, "{value:e}"),
            Self::String(text)
            | Self::Enum {
                type_name: None,
                members: text,
            } => quote(f, text),
            Self::Guid(value) => write!(f, "{value}"),
            Self::Date(value) => write_date(f, *value),
            Self::DateTimeOffset(value) => write_timestamp(f, *value),
            Self::TimeOfDay(value) => write!(f, "{value}"),
            Self::Duration(value) => {
                f.write_str("duration'")?;
                write_duration(f, *value)?;
                f.write_char('\'')
            }
            Self::Enum {
                type_name: Some(name),
                members,
            } => {
                f.write_str(name)?;
                quote(f, members)
            }
            Self::Binary(bytes) => write!(f, "binary'{}'", BASE64.encode(bytes)),
            Self::Spatial { geography, text } => {
                f.write_str(if *geography { "geography" } else { "geometry" })?;
                quote(f, text)
            }
        }
    }
}

fn quote(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('\'')?;
    for c in text.chars() {
        if c == '\'' {
            f.write_char('\'')?;
        }
        f.write_char(c)?;
    }
    f.write_char('\'')
}

pub(super) fn write_date(f: &mut impl fmt::Write, date: Date) -> fmt::Result {
    let sign = if date.year() < 0 { "-" } else { "" };
    write!(
        f,
        "{sign}{:04}-{:02}-{:02}",
        date.year().unsigned_abs(),
        date.month(),
        date.day()
    )
}

/// Prints an instant in UTC, with a fraction only where there is one.
pub(crate) fn write_timestamp(f: &mut impl fmt::Write, at: Timestamp) -> fmt::Result {
    let civil = Offset::UTC.to_datetime(at);
    write_date(f, civil.date())?;
    write!(f, "T{}Z", civil.time())
}

pub(super) fn write_duration(f: &mut impl fmt::Write, value: SignedDuration) -> fmt::Result {
    if value.is_negative() {
        f.write_char('-')?;
    }
    let seconds = value.as_secs().unsigned_abs();
    let nanoseconds = value.subsec_nanos().unsigned_abs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    f.write_char('P')?;
    if days > 0 {
        write!(f, "{days}D")?;
    }
    let has_seconds = seconds > 0 || nanoseconds > 0;
    if days > 0 && hours == 0 && minutes == 0 && !has_seconds {
        return Ok(());
    }
    f.write_char('T')?;
    if hours > 0 {
        write!(f, "{hours}H")?;
    }
    if minutes > 0 {
        write!(f, "{minutes}M")?;
    }
    if has_seconds || (hours == 0 && minutes == 0) {
        write!(f, "{seconds}")?;
        if nanoseconds > 0 {
            let fraction = format!("{nanoseconds:09}");
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_char('S')?;
    }
    Ok(())
}
