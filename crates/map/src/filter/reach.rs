//! What a filter says about rows that are not there yet: which it will take, as far as it is known
//! what their columns will hold.

use super::predicate::Predicate;
use crate::canonical::Rule;
use crate::value::{Row, Value};

/// What is known of a column in rows to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// It will hold one of these.
    Values(Vec<Value>),
    /// It will hold something.
    Filled,
    /// It may hold anything, or nothing.
    Anything,
}

/// Whether rows to come will pass a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Always,
    Sometimes,
    Never,
}

impl Verdict {
    const fn not(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Sometimes => Self::Sometimes,
        }
    }
}

impl Predicate {
    /// The conditions that must all hold.
    pub(crate) fn conjuncts(&self) -> Vec<&Self> {
        match self {
            Self::All(items) => items.iter().flat_map(Self::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// The values to which the condition confines a column; `None` where it does not list them.
    pub(crate) fn confines(&self, name: &str) -> Option<Vec<Value>> {
        match self {
            Self::All(items) => {
                let mut lists = items.iter().filter_map(|item| item.confines(name));
                let first = lists.next()?;
                Some(lists.fold(first, |values, list| {
                    values
                        .into_iter()
                        .filter(|value| list.iter().any(|other| alike(value, other)))
                        .collect()
                }))
            }
            Self::Any(items) => {
                let lists: Option<Vec<_>> = items.iter().map(|item| item.confines(name)).collect();
                Some(lists?.concat())
            }
            Self::OneOf { column, values } => (column.name == name).then(|| values.clone()),
            _ => None,
        }
    }

    /// Whether the condition refuses rows in which the column holds nothing.
    pub(crate) fn demands(&self, name: &str) -> bool {
        self.conjuncts().into_iter().any(|condition| {
            let alone = condition.columns().iter().all(|column| *column == name);
            alone
                && condition.columns().contains(&name)
                && !condition.holds(&Row::new().with(name, Value::Null))
        })
    }

    /// Whether rows of which this is known will pass.
    pub(crate) fn verdict(&self, known: &impl Fn(&str) -> Known) -> Verdict {
        match self {
            Self::All(items) => {
                let verdicts: Vec<Verdict> = items.iter().map(|item| item.verdict(known)).collect();
                if verdicts.contains(&Verdict::Never) {
                    Verdict::Never
                } else if verdicts.iter().all(|v| *v == Verdict::Always) {
                    Verdict::Always
                } else {
                    Verdict::Sometimes
                }
            }
            Self::Any(items) => {
                let verdicts: Vec<Verdict> = items.iter().map(|item| item.verdict(known)).collect();
                if verdicts.contains(&Verdict::Always) {
                    Verdict::Always
                } else if verdicts.iter().all(|v| *v == Verdict::Never) {
                    Verdict::Never
                } else {
                    Verdict::Sometimes
                }
            }
            Self::Not(inner) => inner.verdict(known).not(),
            Self::Always(true) => Verdict::Always,
            Self::Always(false) => Verdict::Never,
            Self::Columns { .. } | Self::Computed(_) => Verdict::Sometimes,
            Self::OneOf { column, .. }
            | Self::Ordered { column, .. }
            | Self::Like { column, .. } => {
                let nothing = || self.holds(&Row::new().with(column.name.clone(), Value::Null));
                match known(&column.name) {
                    Known::Values(values) => {
                        let holds = |value: &Value| {
                            self.holds(&Row::new().with(column.name.clone(), value.clone()))
                        };
                        match (values.iter().all(holds), values.iter().any(holds)) {
                            (true, _) => Verdict::Always,
                            (false, true) => Verdict::Sometimes,
                            (false, false) => Verdict::Never,
                        }
                    }
                    // Only a condition that asks for nothing is settled by there being something.
                    Known::Filled => match self {
                        Self::OneOf { values, .. }
                            if nothing() && values.iter().all(Value::is_null) =>
                        {
                            Verdict::Never
                        }
                        _ => Verdict::Sometimes,
                    },
                    Known::Anything => Verdict::Sometimes,
                }
            }
        }
    }

    /// The columns that the condition wants empty, or not empty.
    pub(crate) fn asks_for_nothing(&self) -> Vec<&str> {
        match self {
            Self::All(items) | Self::Any(items) => {
                items.iter().flat_map(Self::asks_for_nothing).collect()
            }
            Self::Not(inner) => inner.asks_for_nothing(),
            Self::OneOf { column, values } if values.iter().any(Value::is_null) => {
                vec![&column.name]
            }
            _ => Vec::new(),
        }
    }
}

/// Whether two values of a filter are one; letter case does not count.
pub(crate) fn alike(a: &Value, b: &Value) -> bool {
    let rule = Rule {
        fold: true,
        ..Rule::default()
    };
    rule.same(a, b)
}
