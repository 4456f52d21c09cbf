//! Turns a value of one column's type into a value of another's, and texts of map files into values.
//!
//! Nothing is guessed: what cannot be said in the target's type is a reason, never a default.

use crate::canonical::{day_of, round, same_word};
use crate::schema::ColumnType;
use crate::value::Value;
use crate::words::a;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use uuid::Uuid;

/// How well values of one type become values of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Every value does.
    Whole,
    /// Some do not, and their rows will be parked, or some lose detail.
    Partly(&'static str),
    /// They have nothing in common; the fix says what would help.
    Never(&'static str),
}

/// How well `source` values become `target` values without a value map.
pub(crate) fn fit(source: &ColumnType, target: &ColumnType) -> Fit {
    use ColumnType as T;
    const NUMBERS: &str = "map it to a column of the same type";
    const WORDS: &str = "add a value map, for example `{ no: False, yes: True }`";
    const PATH: &str = "follow the lookup to the column that names its record: `lookup.column`";
    match (source, target) {
        (T::Lookup { .. }, _) | (_, T::Lookup { .. }) => Fit::Never(PATH),
        (T::Bool, T::Bool)
        | (T::Int { .. }, T::Int { .. } | T::Decimal { .. } | T::Text { .. })
        | (T::Decimal { .. }, T::Decimal { .. })
        | (T::Text { .. }, T::Text { .. })
        | (T::Date, T::Date | T::DateTime)
        | (T::DateTime, T::DateTime)
        | (T::Guid, T::Guid | T::Text { .. })
        | (T::Choice { .. }, T::Choice { .. } | T::Int { .. })
        | (T::Enum { .. }, T::Text { .. }) => Fit::Whole,
        (T::Decimal { .. }, T::Int { .. }) => {
            Fit::Partly("numbers with decimals cannot be carried over")
        }
        (T::DateTime, T::Date) => Fit::Partly("only the day is carried over"),
        (T::Int { .. }, T::Choice { .. }) => {
            Fit::Partly("numbers that are no option cannot be carried over")
        }
        (T::Text { .. }, T::Enum { .. }) => {
            Fit::Partly("texts that are no member cannot be carried over")
        }
        (T::Enum { members: a, .. }, T::Enum { members: b, .. }) => {
            if a.iter().all(|x| b.iter().any(|y| same_word(x, y))) {
                Fit::Whole
            } else {
                Fit::Partly("some members do not exist on the other side")
            }
        }
        (T::Text { .. }, T::Guid) => Fit::Partly("texts that are no GUID cannot be carried over"),
        (T::Enum { .. } | T::Choice { .. } | T::Bool, _)
        | (_, T::Enum { .. } | T::Choice { .. } | T::Bool) => Fit::Never(WORDS),
        _ => Fit::Never(NUMBERS),
    }
}

/// Turns a value into what a column of type `target` holds, decimals at most at `scale`. The
/// error says what the target wants; it never holds the value.
pub(crate) fn convert(
    value: &Value,
    target: &ColumnType,
    scale: Option<u32>,
) -> Result<Value, String> {
    use ColumnType as T;
    Ok(match (value, target) {
        (Value::Null, _)
        | (Value::Bool(_), T::Bool)
        | (Value::Int(_), T::Int { .. } | T::Choice { .. })
        | (Value::Text(_), T::Text { .. })
        | (Value::Date(_), T::Date)
        | (Value::DateTime(_), T::DateTime)
        | (Value::Guid(_), T::Guid)
        | (Value::Reference(_), T::Lookup { .. }) => value.clone(),
        (Value::Decimal(number), T::Decimal { .. }) => Value::Decimal(round(*number, scale)),
        (Value::Int(number), T::Decimal { .. }) => Value::Decimal(Decimal::from(*number)),
        (Value::Decimal(number), T::Int { .. } | T::Choice { .. }) => {
            let whole = number
                .is_integer()
                .then(|| i64::try_from(*number).ok())
                .flatten();
            Value::Int(whole.ok_or("a number with decimals cannot become a whole number")?)
        }
        (Value::Int(number), T::Text { .. }) => Value::Text(number.to_string()),
        (Value::Guid(guid), T::Text { .. }) => Value::Text(guid.to_string()),
        (Value::Symbol(symbol), T::Text { .. }) => Value::Text(symbol.clone()),
        (Value::Symbol(word) | Value::Text(word), T::Enum { members, .. }) => {
            let member = members.iter().find(|member| same_word(member, word));
            Value::Symbol(member.ok_or("it is no member of the enumeration")?.clone())
        }
        (Value::Text(text), T::Guid) => {
            Value::Guid(text.trim().parse().map_err(|_| "the text is no GUID")?)
        }
        (Value::DateTime(at), T::Date) => Value::Date(day_of(*at)),
        (Value::Date(date), T::DateTime) => midnight(*date)?,
        _ => {
            return Err(format!(
                "{} cannot become {}",
                a(value.kind()),
                a(target.kind())
            ));
        }
    })
}

/// Reads a text of a map file or filter as a value of `target`. `blank` and the empty text mean
/// nothing, unless the column has a member of that name.
pub(crate) fn literal(text: &str, target: &ColumnType) -> Result<Value, String> {
    use ColumnType as T;
    let word = text.trim();
    if let T::Enum { members, .. } = target
        && let Some(member) = member(word, members)
    {
        return Ok(Value::Symbol(member.to_owned()));
    }
    if word.is_empty() || word.eq_ignore_ascii_case("blank") {
        return Ok(Value::Null);
    }
    match target {
        T::Bool => match word.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(Value::Bool(true)),
            "false" | "no" | "0" => Ok(Value::Bool(false)),
            _ => Err("a boolean is `True` or `False`".to_owned()),
        },
        T::Int { min, max } => match word.parse::<i64>() {
            Ok(number) if (*min..=*max).contains(&number) => Ok(Value::Int(number)),
            Ok(_) => Err(format!("the column holds numbers from {min} to {max}")),
            Err(_) => Err("the column holds whole numbers".to_owned()),
        },
        T::Decimal { min, max, .. } => match word.parse::<Decimal>() {
            Ok(number)
                if min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max) =>
            {
                Ok(Value::Decimal(number))
            }
            Ok(_) => Err("the number is outside the column's bounds".to_owned()),
            Err(_) => Err("the column holds numbers such as `1.5`".to_owned()),
        },
        T::Text { max_length } => match max_length {
            Some(max) if text.chars().count() > *max as usize => {
                Err(format!("the column holds at most {max} characters"))
            }
            _ => Ok(Value::text(text)),
        },
        T::Date => date(word).map(|date| date.map_or(Value::Null, Value::Date)),
        T::DateTime => match word.parse() {
            Ok(at) => Ok(Value::DateTime(at)),
            Err(_) => match date(word)? {
                Some(date) => midnight(date),
                None => Ok(Value::Null),
            },
        },
        T::Guid => {
            let guid: Result<Uuid, _> = word.parse();
            guid.map(Value::Guid)
                .map_err(|_| "the column holds GUIDs".to_owned())
        }
        T::Choice { options } => match word.parse::<i64>() {
            Ok(option) if options.iter().any(|(known, _)| *known == option) => {
                Ok(Value::Int(option))
            }
            Ok(_) => Err(match options.len() {
                0 => "the option set has no options".to_owned(),
                1..=12 => {
                    let known: Vec<String> = options
                        .iter()
                        .map(|(option, _)| option.to_string())
                        .collect();
                    format!("the option set has only {}", known.join(", "))
                }
                many => format!("it is none of the option set's {many} options"),
            }),
            Err(_) => Err("an option set goes by its numbers, not by its labels".to_owned()),
        },
        T::Enum { name, members } => {
            let known: Vec<&str> = members.iter().map(String::as_str).collect();
            let hint = crate::near::suggestion(word, &known).unwrap_or_default();
            Err(format!("the enumeration {name} has no such member; {hint}")
                .trim_end_matches("; ")
                .to_owned())
        }
        T::Lookup { .. } => {
            Err("a lookup holds a reference, which cannot be written down".to_owned())
        }
    }
}

/// The member that a word means: in any letter case, and with the hyphens that published maps have
/// in words that symbols cannot (`non-Specific`).
fn member<'a>(word: &str, members: &'a [String]) -> Option<&'a str> {
    let bare: String = word.chars().filter(|c| *c != '-').collect();
    let exact = members.iter().find(|member| same_word(member, word));
    let found = exact.or_else(|| members.iter().find(|member| same_word(member, &bare)));
    found.map(String::as_str)
}

/// Reads `2024-01-31`, `1/31/2024` (month first, as the published maps are written) or
/// `31\01\2024` (the X++ form). The first of January 1900 is no date.
fn date(text: &str) -> Result<Option<Date>, String> {
    let wrong = || "the column holds dates such as `2024-01-31`".to_owned();
    let part = |text: Option<&str>| text.and_then(|t| t.parse::<i16>().ok()).ok_or_else(wrong);
    let made = |year: i16, month: i16, day: i16| {
        let (month, day) = (i8::try_from(month), i8::try_from(day));
        match (month, day) {
            (Ok(month), Ok(day)) => Date::new(year, month, day).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    };
    let parsed = if text.contains('/') {
        let mut parts = text.split('/');
        let (month, day, year) = (
            part(parts.next())?,
            part(parts.next())?,
            part(parts.next())?,
        );
        made(year, month, day)?
    } else if text.contains('\\') {
        let mut parts = text.split('\\');
        let (day, month, year) = (
            part(parts.next())?,
            part(parts.next())?,
            part(parts.next())?,
        );
        made(year, month, day)?
    } else {
        text.parse().map_err(|_| wrong())?
    };
    Ok((parsed != Date::constant(1900, 1, 1)).then_some(parsed))
}

fn midnight(date: Date) -> Result<Value, String> {
    TimeZone::UTC
        .to_timestamp(DateTime::from(date))
        .map(Value::DateTime)
        .map_err(|_| "the date is too early or too late for a point in time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_yes() -> ColumnType {
        ColumnType::Enum {
            name: "NoYes".into(),
            members: vec!["No".into(), "Yes".into()],
        }
    }

    #[test]
    fn texts_of_map_files_take_the_columns_type() {
        let text = ColumnType::Text {
            max_length: Some(5),
        };
        assert_eq!(literal("yes", &no_yes()), Ok(Value::Symbol("Yes".into())));
        assert_eq!(literal("True", &ColumnType::Bool), Ok(Value::Bool(true)));
        assert_eq!(literal("1/1/1900", &ColumnType::Date), Ok(Value::Null));
        assert_eq!(
            literal("12/31/2024", &ColumnType::Date),
            Ok(Value::Date(Date::constant(2024, 12, 31)))
        );
        assert_eq!(
            literal(r"23\06\2021", &ColumnType::Date),
            Ok(Value::Date(Date::constant(2021, 6, 23)))
        );
        assert_eq!(literal("blank", &ColumnType::Date), Ok(Value::Null));
        assert_eq!(literal("007", &text), Ok(Value::Text("007".into())));
        assert!(literal("toolong", &text).is_err());
        assert!(literal("maybe", &no_yes()).is_err());
        assert!(
            literal(
                "3",
                &ColumnType::Choice {
                    options: vec![(1, "One".into())]
                }
            )
            .is_err()
        );
    }

    #[test]
    fn blank_is_a_member_where_the_enumeration_has_it() {
        let ty = ColumnType::Enum {
            name: "T".into(),
            members: vec!["Blank".into()],
        };
        assert_eq!(literal("blank", &ty), Ok(Value::Symbol("Blank".into())));
    }

    #[test]
    fn numbers_change_type_only_when_nothing_is_lost() {
        let int = ColumnType::Int { min: 0, max: 10 };
        assert_eq!(
            convert(&Value::Decimal(Decimal::new(50, 1)), &int, None),
            Ok(Value::Int(5))
        );
        assert!(convert(&Value::Decimal(Decimal::new(55, 1)), &int, None).is_err());
        assert!(convert(&Value::Bool(true), &int, None).is_err());
    }

    #[test]
    fn days_become_midnights_and_back() {
        let day = Value::Date(Date::constant(2024, 2, 29));
        let at = convert(&day, &ColumnType::DateTime, None).unwrap();
        assert_eq!(convert(&at, &ColumnType::Date, None), Ok(day));
    }
}
