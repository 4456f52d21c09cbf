//! Conflicts: what both sides wanted, what each side held, and how it ended.
//!
//! A conflict that a policy decides is history from the first moment. One that waits for a person
//! is open, and a pair has one of that kind at most: what is found later joins it. A decision holds
//! for exactly the values that the person saw.

use duet_map::merge::{Decision as FieldDecision, Verdict};
use duet_map::record::Key;
use duet_map::side::{PerSide, Side};
use duet_map::value::Value;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What kind of conflict it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictKind {
    /// Both sides changed the same fields of a pair.
    #[default]
    Fields,
    /// Two records met under one key for the first time and differ.
    Meeting,
    /// One side deleted the record, the other changed it.
    Deletion,
}

/// Where a conflict stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictState {
    /// It waits for a person.
    Open,
    /// A policy decided it when it was found.
    Decided,
    /// A person decided it and that has been carried out.
    Resolved,
    /// Both sides came to agree by themselves, or the record is gone.
    Gone,
}

/// One mapped field that both sides changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldConflict {
    /// The left column.
    pub left_column: String,
    /// The right column or path.
    pub right_column: String,
    /// The value both sides last agreed on, as the losing side spells it; absent when the records
    /// met for the first time.
    pub base: Option<Value>,
    /// The left value.
    pub left: Value,
    /// The right value.
    pub right: Value,
    /// Whose value stands now; `None` while a person has to decide.
    pub winner: Option<Side>,
    /// What decided this field, in words; absent while a person has to, and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

impl FieldConflict {
    /// The field's column on a side.
    pub fn column(&self, side: Side) -> &str {
        match side {
            Side::Left => &self.left_column,
            Side::Right => &self.right_column,
        }
    }

    /// The field's value on a side.
    pub const fn value(&self, side: Side) -> &Value {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}

/// Who last changed a record, and when, as its own system says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// Who.
    pub by: Option<String>,
    /// When, by that system's clock.
    pub at: Option<Timestamp>,
}

/// A conflict record as it is made. The losing value stays readable in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewConflict {
    /// What kind it is.
    pub kind: ConflictKind,
    /// The policy that decided or that leaves it to a person (`master`, `latest`, `manual`).
    pub policy: String,
    /// The fields.
    pub fields: Vec<FieldConflict>,
    /// Who changed either record, and when.
    pub touched: PerSide<Touch>,
}

/// What a settlement does to its pair's open conflict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OpenConflict {
    /// Nothing.
    #[default]
    Keep,
    /// This waits for a person: the open conflict becomes this, or is made. A decision that was made
    /// about other values is forgotten.
    Waits(NewConflict),
    /// A person's decision has been carried out.
    Resolved,
    /// Nothing is contested any more; the text says why.
    Gone(String),
}

/// What a person decided about a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// For a deletion: the side whose deed stands.
    pub side: Option<Side>,
    /// For fields: what stands of each, in the order of the conflict's fields.
    pub fields: Vec<Stands>,
}

/// What stands of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stands {
    /// The value of this side.
    Side(Side),
    /// A value of the person's, as either side holds it.
    Value(PerSide<Value>),
}

/// A conflict record, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Its number.
    pub id: i64,
    /// The map.
    pub map: String,
    /// The pair's key.
    pub key: Key,
    /// When it was found.
    pub at: Timestamp,
    /// What kind it is.
    pub kind: ConflictKind,
    /// Where it stands.
    pub state: ConflictState,
    /// The policy that decided, or `manual`.
    pub policy: String,
    /// The fields with both values.
    pub fields: Vec<FieldConflict>,
    /// Who changed either record, and when, where the systems say.
    pub touched: PerSide<Touch>,
    /// What a person decided.
    pub decision: Option<Decision>,
    /// When it ended; the moment it was found where a policy decided.
    pub ended_at: Option<Timestamp>,
    /// How it ended, in words.
    pub ended_how: Option<String>,
}

impl Conflict {
    /// The person's decision about each field, for a merge.
    pub fn decisions(&self) -> Vec<FieldDecision> {
        let Some(decision) = &self.decision else {
            return Vec::new();
        };
        self.fields
            .iter()
            .zip(&decision.fields)
            .map(|(field, stands)| FieldDecision {
                columns: PerSide::from_fn(|side| field.column(side).to_owned()),
                seen: PerSide::from_fn(|side| field.value(side).clone()),
                verdict: match stands {
                    Stands::Side(side) => Verdict::Take(*side),
                    Stands::Value(values) => Verdict::Give(values.clone()),
                },
            })
            .collect()
    }
}

/// Which conflicts are meant. All conditions must hold; none means every one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConflictFilter {
    /// Only of this map.
    pub map: Option<String>,
    /// Only those that wait for a person.
    pub open: bool,
    /// Only those whose key, as people read it, contains this text.
    pub key_contains: Option<String>,
}
