//! How two values compare, strings by the rules of the service at hand.

use std::cmp::Ordering;

use jiff::civil::Time;
use jiff::tz::Offset;
use rust_decimal::prelude::ToPrimitive as _;
use uuid::Uuid;

use super::wildcard::{self, Token};
use crate::Literal;

/// What stands for other characters inside the strings of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wildcards {
    /// Nothing: every character stands for itself.
    #[default]
    None,
    /// `*` in the string of `eq` and `ne`, as F&O has it (reference B2).
    Star,
    /// `%`, `_` and `[…]` in the strings of `eq`, `ne`, `contains`, `startswith` and `endswith`,
    /// as Dataverse has it (reference A8).
    Like,
}

/// How a service compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collation {
    /// Whether letter case is ignored in strings.
    pub case_insensitive: bool,
    /// Which characters of a string are wildcards.
    pub wildcards: Wildcards,
    /// Whether a string that holds a GUID compares with a GUID.
    pub quoted_guids: bool,
}

impl Collation {
    /// Letter case ignored, `%` wildcards, quoted GUIDs tolerated (reference A8).
    pub const DATAVERSE: Self = Self {
        case_insensitive: true,
        wildcards: Wildcards::Like,
        quoted_guids: true,
    };
    /// Letter case ignored, `*` wildcards (reference B2).
    pub const FINOPS: Self = Self {
        case_insensitive: true,
        wildcards: Wildcards::Star,
        quoted_guids: false,
    };

    pub(super) fn fold(self, text: &str) -> String {
        if self.case_insensitive {
            text.to_lowercase()
        } else {
            text.to_owned()
        }
    }

    /// The pattern that a string of `eq` or `ne` stands for, if it holds wildcards.
    pub(super) fn equality_pattern(self, text: &str) -> Option<Vec<Token>> {
        match self.wildcards {
            Wildcards::Star if text.contains('*') => Some(wildcard::star(text)),
            Wildcards::Like if text.contains(['%', '_', '[']) => Some(wildcard::like(text)),
            _ => None,
        }
    }

    /// The pattern that the string of `contains` and its kin stands for.
    pub(super) fn search_pattern(self, text: &str) -> Vec<Token> {
        if self.wildcards == Wildcards::Like {
            wildcard::like(text)
        } else {
            wildcard::plain(text)
        }
    }

    /// Orders two values; `None` if they are of kinds that do not compare, or one is `NaN`.
    pub fn compare(self, left: &Literal, right: &Literal) -> Option<Ordering> {
        use Literal as L;
        match (left, right) {
            (L::Null, L::Null) => Some(Ordering::Equal),
            (L::Bool(a), L::Bool(b)) => Some(a.cmp(b)),
            (L::Int(a), L::Int(b)) => Some(a.cmp(b)),
            (
                L::Int(_) | L::Decimal(_) | L::Double(_),
                L::Int(_) | L::Decimal(_) | L::Double(_),
            ) => numbers(left, right),
            (
                L::String(a) | L::Enum { members: a, .. },
                L::String(b) | L::Enum { members: b, .. },
            ) => Some(self.strings(a, b)),
            (L::Guid(a), L::Guid(b)) => Some(a.cmp(b)),
            (L::Guid(a), L::String(b)) if self.quoted_guids => Some(a.cmp(&guid(b)?)),
            (L::String(a), L::Guid(b)) if self.quoted_guids => Some(guid(a)?.cmp(b)),
            (L::Date(a), L::Date(b)) => Some(a.cmp(b)),
            (L::DateTimeOffset(a), L::DateTimeOffset(b)) => Some(a.cmp(b)),
            // A date means its midnight in UTC.
            (L::Date(a), L::DateTimeOffset(b)) => {
                let midnight = a.to_datetime(Time::midnight());
                Some(midnight.cmp(&Offset::UTC.to_datetime(*b)))
            }
            (L::DateTimeOffset(a), L::Date(b)) => Some(
                Offset::UTC
                    .to_datetime(*a)
                    .cmp(&b.to_datetime(Time::midnight())),
            ),
            (L::TimeOfDay(a), L::TimeOfDay(b)) => Some(a.cmp(b)),
            (L::Duration(a), L::Duration(b)) => Some(a.cmp(b)),
            (L::Binary(a), L::Binary(b)) => Some(a.cmp(b)),
            (L::Spatial { text: a, .. }, L::Spatial { text: b, .. }) => {
                (a == b).then_some(Ordering::Equal)
            }
            _ => None,
        }
    }

    fn strings(self, left: &str, right: &str) -> Ordering {
        if self.case_insensitive {
            let left = left.chars().flat_map(char::to_lowercase);
            left.cmp(right.chars().flat_map(char::to_lowercase))
        } else {
            left.cmp(right)
        }
    }
}

fn guid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text.trim()).ok()
}

fn numbers(left: &Literal, right: &Literal) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (left.as_decimal(), right.as_decimal()) {
        return Some(a.cmp(&b));
    }
    // One of them is a double beyond every decimal: there the precision of f64 decides.
    as_f64(left)?.partial_cmp(&as_f64(right)?)
}

pub(super) fn as_f64(literal: &Literal) -> Option<f64> {
    match literal {
        Literal::Double(value) => Some(*value),
        other => other.as_decimal()?.to_f64(),
    }
}
