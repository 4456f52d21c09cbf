//! Questions about other records that a map asks while it translates, and their answers.
//!
//! The crate reads nothing itself. It names what it needs to know as [`LookupNeed`]s, the caller
//! answers them from pairs or by reading the systems, and hands back [`ResolvedLookups`].

use crate::side::Side;
use crate::value::{Reference, Value};
use std::collections::HashMap;
use std::fmt;

/// One question about another record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LookupNeed {
    /// Which record a lookup must point at.
    Find(FindNeed),
    /// What stands at the other end of a reference.
    Follow(FollowNeed),
    /// Which record of the other side is paired with a record.
    Counterpart(CounterpartNeed),
}

/// Find the one record with these values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FindNeed {
    /// The system to look in.
    pub side: Side,
    /// Where it can be; several for a lookup that can point at several tables.
    pub candidates: Vec<FindCandidate>,
    /// The company, as folded text, where a candidate's table keeps rows by company. A candidate
    /// whose table is shared is not narrowed by it.
    pub company: Option<String>,
}

/// One table in which a record may be found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FindCandidate {
    /// The table's name in maps.
    pub table: String,
    /// Column or dotted path, and the value that must stand there (texts without regard to case).
    pub equal: Vec<(String, Value)>,
}

/// Read the value at the other end of a reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FollowNeed {
    /// The system that the reference belongs to.
    pub side: Side,
    /// The referenced record.
    pub reference: Reference,
    /// The column, or dotted path, to read there.
    pub path: String,
}

/// Find what a record is paired with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CounterpartNeed {
    /// The system that the reference belongs to.
    pub side: Side,
    /// The referenced record.
    pub reference: Reference,
    /// The tables of the other system in which the counterpart may be.
    pub tables: Vec<String>,
}

/// The question as a person reads it in a message: key values and nothing else of the row.
impl fmt::Display for LookupNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Find(find) => {
                for (index, candidate) in find.candidates.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" or ")?;
                    }
                    let parts: Vec<String> = candidate
                        .equal
                        .iter()
                        .map(|(path, value)| format!("{path} = {value}"))
                        .collect();
                    write!(f, "{} with {}", candidate.table, parts.join(", "))?;
                }
                match &find.company {
                    Some(company) => write!(f, " in company {company}"),
                    None => Ok(()),
                }
            }
            Self::Follow(follow) => {
                let Reference { table, id } = &follow.reference;
                write!(f, "{} of {table}({id})", follow.path)
            }
            Self::Counterpart(need) => {
                let Reference { table, id } = &need.reference;
                write!(
                    f,
                    "the counterpart of {table}({id}) in {}",
                    need.tables.join(" or ")
                )
            }
        }
    }
}

/// The answer to a [`LookupNeed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The reference that was looked for, or the value that stands at the other end.
    Found(Value),
    /// There is no such record, yet.
    Missing,
    /// Several records answer to it.
    Ambiguous,
    /// The record that would answer does not go by this key any more, or not yet on both sides.
    Renaming {
        /// What to wait for, in the words of whoever answers.
        until: String,
    },
}

/// Answers that are known.
#[derive(Debug, Clone, Default)]
pub struct ResolvedLookups(HashMap<LookupNeed, Resolution>);

impl ResolvedLookups {
    /// No answers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The answer, if it is known.
    pub fn get(&self, need: &LookupNeed) -> Option<&Resolution> {
        self.0.get(need)
    }

    /// Keeps an answer.
    pub fn insert(&mut self, need: LookupNeed, resolution: Resolution) {
        self.0.insert(need, resolution);
    }

    /// Takes in other answers.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many answers are known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(LookupNeed, Resolution)> for ResolvedLookups {
    fn from_iter<I: IntoIterator<Item = (LookupNeed, Resolution)>>(answers: I) -> Self {
        Self(answers.into_iter().collect())
    }
}
