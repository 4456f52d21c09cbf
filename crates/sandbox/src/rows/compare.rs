//! How stored values compare: the collations and functions that SQL statements of a stand-in use.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::str::FromStr;

use icu_normalizer::DecomposingNormalizerBorrowed;
use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rust_decimal::Decimal;

/// Makes `FOLDED`, `ACCENTLESS`, `DECIMAL`, `fold(text)`, `tsql_like(text, pattern)`,
/// `decimal_sum(value)` and `decimal_avg(value)` known to a connection.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_collation("FOLDED", compare_folded)?;
    connection.create_collation("ACCENTLESS", compare_accentless)?;
    connection.create_collation("DECIMAL", compare_decimals)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("fold", 1, flags, |arguments| {
        Ok(arguments.get::<Option<String>>(0)?.map(|text| fold(&text)))
    })?;
    connection.create_aggregate_function("decimal_sum", 1, flags, DecimalTotal { mean: false })?;
    connection.create_aggregate_function("decimal_avg", 1, flags, DecimalTotal { mean: true })?;
    connection.create_scalar_function("tsql_like", 2, flags, |arguments| {
        let text = arguments.get::<Option<String>>(0)?;
        let pattern = arguments.get::<Option<String>>(1)?;
        Ok(text
            .zip(pattern)
            .map(|(text, pattern)| like(&bare(&text), &bare(&pattern))))
    })
}

/// The form under which two strings are equal in the services' databases: lower case, without
/// trailing spaces.
pub fn fold(text: &str) -> String {
    text.trim_end_matches(' ')
        .chars()
        .flat_map(char::to_lowercase)
        .collect()
}

/// Compares as the services do: case and trailing spaces do not count.
pub fn compare_folded(left: &str, right: &str) -> Ordering {
    let left = left
        .trim_end_matches(' ')
        .chars()
        .flat_map(char::to_lowercase);
    let right = right
        .trim_end_matches(' ')
        .chars()
        .flat_map(char::to_lowercase);
    left.cmp(right)
}

/// Compares as Dataverse does: case, accents and trailing spaces do not count.
pub fn compare_accentless(left: &str, right: &str) -> Ordering {
    compare_folded(&bare(left), &bare(right))
}

/// A text without the accents of its letters.
fn bare(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    // The combining marks that Latin, Greek and Cyrillic letters are decomposed into.
    let letters = decomposed
        .chars()
        .filter(|character| !('\u{300}'..='\u{36f}').contains(character));
    Cow::Owned(letters.collect())
}

/// Compares two texts as numbers; what is no number stands before all numbers, in text order.
pub fn compare_decimals(left: &str, right: &str) -> Ordering {
    match (decimal(left), decimal(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str(text)
        .or_else(|_| Decimal::from_scientific(text))
        .ok()
}

/// Whether `text` matches a T-SQL `LIKE` pattern, without regard to case: `%` any run, `_` one
/// character, `[a-f]` and `[^a-f]` a set, `[%]` a literal.
pub fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let pattern = pattern_steps(pattern);
    // `reached[i]`: the steps so far can have consumed `i` characters. Linear memory, no backtracking.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for step in &pattern {
        let mut next = vec![false; text.len() + 1];
        match step {
            Step::AnyRun => {
                let mut seen = false;
                for (slot, before) in next.iter_mut().zip(&reached) {
                    seen |= before;
                    *slot = seen;
                }
            }
            Step::One(set) => {
                for (index, character) in text.iter().enumerate() {
                    next[index + 1] = reached[index] && set.holds(*character);
                }
            }
        }
        reached = next;
    }
    reached[text.len()]
}

enum Step {
    AnyRun,
    One(Set),
}

enum Set {
    Any,
    Just(char),
    Ranges {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Set {
    fn holds(&self, character: char) -> bool {
        match self {
            Self::Any => true,
            Self::Just(wanted) => *wanted == character,
            Self::Ranges { negated, ranges } => {
                ranges
                    .iter()
                    .any(|(from, to)| (*from..=*to).contains(&character))
                    != *negated
            }
        }
    }
}

fn pattern_steps(pattern: &str) -> Vec<Step> {
    let pattern: Vec<char> = pattern.chars().flat_map(char::to_lowercase).collect();
    let mut steps = Vec::new();
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            '%' => steps.push(Step::AnyRun),
            '_' => steps.push(Step::One(Set::Any)),
            '[' => {
                if let Some((set, end)) = bracket(&pattern, at + 1) {
                    steps.push(Step::One(set));
                    at = end;
                } else {
                    steps.push(Step::One(Set::Just('[')));
                }
            }
            other => steps.push(Step::One(Set::Just(other))),
        }
        at += 1;
    }
    steps
}

/// Reads the inside of `[…]` from `start`; gives the set and the index of its `]`.
fn bracket(pattern: &[char], start: usize) -> Option<(Set, usize)> {
    let negated = pattern.get(start) == Some(&'^');
    let first = start + usize::from(negated);
    let mut ranges = Vec::new();
    let mut at = first;
    loop {
        let from = *pattern.get(at)?;
        if from == ']' && at > first {
            return Some((Set::Ranges { negated, ranges }, at));
        }
        let is_range = pattern.get(at + 1) == Some(&'-')
            && pattern
                .get(at + 2)
                .is_some_and(|character| *character != ']');
        if is_range {
            ranges.push((from, pattern[at + 2]));
            at += 3;
        } else {
            ranges.push((from, from));
            at += 1;
        }
    }
}

/// The exact sum or mean of decimal texts and whole numbers, as text; null of none.
struct DecimalTotal {
    mean: bool,
}

impl Aggregate<(Decimal, u64), Option<String>> for DecimalTotal {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<(Decimal, u64)> {
        Ok((Decimal::ZERO, 0))
    }

    fn step(
        &self,
        context: &mut Context<'_>,
        (sum, count): &mut (Decimal, u64),
    ) -> rusqlite::Result<()> {
        let value = match context.get_raw(0) {
            ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(decimal),
            ValueRef::Integer(number) => Some(Decimal::from(number)),
            ValueRef::Real(number) => Decimal::try_from(number).ok(),
            _ => None,
        };
        if let Some(value) = value {
            *sum = sum.saturating_add(value);
            *count += 1;
        }
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        total: Option<(Decimal, u64)>,
    ) -> rusqlite::Result<Option<String>> {
        let Some((sum, count @ 1..)) = total else {
            return Ok(None);
        };
        let total = if self.mean {
            (sum / Decimal::from(count)).round_dp(10)
        } else {
            sum
        };
        Ok(Some(total.normalize().to_string()))
    }
}
