//! Merges a translated change into the target record, column by column.
//!
//! Each target column has three values: ours (translated), theirs (the target now) and the base
//! (the target's image when both sides last agreed). Where only one side moved, that side's value
//! stands; where both moved, the field's policy decides, or a person has, and the losing value is
//! reported. What waits for a person is left as it stands on both sides.

use crate::compiled::{CompiledMap, Kind, Slot};
use crate::field_set::FieldSet;
use crate::file::Conflicts;
use crate::side::{PerSide, Side};
use crate::translate::{TranslatedColumn, Translation};
use crate::value::{Row, Value};

/// What a merge came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// The columns to write to the target.
    pub write: Row,
    /// Columns in which both sides hold the same already.
    pub agreed: Vec<String>,
    /// Columns in which the target keeps a value that must travel back to the source: only the
    /// target moved, the target won, or the source had nothing to say.
    pub kept: Vec<String>,
    /// Columns that take a value of a person's, which neither side held: it must travel back to the
    /// source as well.
    pub given: Vec<String>,
    /// Fields that wait for a person; nothing of them is written or agreed.
    pub held: FieldSet,
    /// Fields that both sides changed.
    pub conflicts: Vec<MergedConflict>,
}

/// Two records that are to be merged.
#[derive(Debug, Clone, Copy)]
pub struct Meeting<'a> {
    /// The side whose change travels.
    pub from: Side,
    /// Its row.
    pub source_row: &'a Row,
    /// The image of the source, which tells what the source really changed.
    pub source_image: Option<&'a Row>,
    /// The image of the target; `None` if the two records meet for the first time.
    pub base: Option<&'a Row>,
    /// The target now; `None` if it is to be created.
    pub current: Option<&'a Row>,
    /// The source's changed fields as columns of the target.
    pub translation: &'a Translation,
}

/// What decides contested fields beside the map.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ruling<'a> {
    /// The side that was modified later, where the times are far enough apart; `None`: the master's
    /// value stands where `latest` would decide.
    pub latest: Option<Side>,
    /// Whether only the master counts, whatever the policies say: records that meet in an initial
    /// sync, and repairs.
    pub master_only: bool,
    /// What a person has decided. A decision holds for exactly the two values that it was about.
    pub decisions: &'a [Decision],
}

/// A person's decision about one contested field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The field's column on either side.
    pub columns: PerSide<String>,
    /// The values that the person saw.
    pub seen: PerSide<Value>,
    /// What stands from now on.
    pub verdict: Verdict,
}

/// What a person wants of a contested field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This side's value.
    Take(Side),
    /// A value of the person's, as either side holds it.
    Give(PerSide<Value>),
}

/// One field that both sides changed, with all three values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedConflict {
    /// The field, as [`CompiledMap::field_name`] knows it.
    pub field: usize,
    /// Its column on the left.
    pub left_column: String,
    /// Its column on the right.
    pub right_column: String,
    /// What the target's column held when both sides last agreed, if they ever did.
    pub base: Option<Value>,
    /// The left side's value.
    pub left: Value,
    /// The right side's value.
    pub right: Value,
    /// The side whose value stands; `None`: neither, a person has to decide, or gave a third value.
    pub winner: Option<Side>,
    /// The policy of the field.
    pub policy: Conflicts,
    /// Whether a person decided.
    pub decided: bool,
    /// Whether the policy is `latest` and the two times do not tell, so that the master decided.
    pub fell_back: bool,
}

impl Merged {
    /// What both sides agree on once `write` is written: the columns written and those that
    /// agreed already, for [`CompiledMap::settle_image`].
    pub fn settled(&self, current: Option<&Row>) -> Row {
        let mut row = self.write.clone();
        for column in &self.agreed {
            if let Some(value) = current.and_then(|current| current.get(column)) {
                row.set(column.clone(), value.clone());
            }
        }
        row
    }
}

impl CompiledMap {
    /// Merges the translation of a row of side `from` into the target record.
    ///
    /// `base` is the target's image, `None` if the two records meet for the first time; `current`
    /// is the target now, `None` if it is to be created; `source_image` tells which fields the
    /// source really changed.
    pub fn merge(
        &self,
        from: Side,
        source_row: &Row,
        base: Option<&Row>,
        current: Option<&Row>,
        translation: &Translation,
        source_image: Option<&Row>,
    ) -> Merged {
        let meeting = Meeting {
            from,
            source_row,
            source_image,
            base,
            current,
            translation,
        };
        self.merge_under(&meeting, &Ruling::default())
    }

    /// Merges as [`CompiledMap::merge`] does, with what decides beside the map.
    pub fn merge_under(&self, meeting: &Meeting<'_>, ruling: &Ruling<'_>) -> Merged {
        let Meeting {
            from,
            source_row,
            source_image,
            base,
            current,
            translation,
        } = *meeting;
        let mut merged = Merged::default();
        let to = from.other();
        for ours in &translation.columns {
            let Some(current) = current else {
                // A create carries only what is set.
                if !ours.value.is_null() {
                    merged.write.set(ours.column.clone(), ours.value.clone());
                }
                continue;
            };
            let Some(slot) = self.target_slot(to, ours) else {
                continue;
            };
            let theirs = current.value(&ours.column);
            if slot.rule.same(&ours.value, theirs)
                || self.says_the_same(from, ours, theirs, source_row)
            {
                merged.agreed.push(ours.column.clone());
                continue;
            }
            let before = base.and_then(|base| base.get(&ours.column));
            let is_decided = || {
                let conflict = self.conflict(from, ours, theirs, before, source_row);
                let mut decisions = ruling.decisions.iter();
                decisions.any(|decision| self.is_about(decision, &conflict))
            };
            let fate = match before {
                _ if !ruling.decisions.is_empty() && is_decided() => Fate::Contested,
                Some(before) if slot.rule.same(before, theirs) => Fate::Write,
                Some(_) => {
                    let moved = source_image
                        .is_none_or(|image| self.unit_differs(ours.field, from, source_row, image));
                    if moved { Fate::Contested } else { Fate::Keep }
                }
                None => self.first_meeting(from, slot, &ours.value, theirs),
            };
            match fate {
                Fate::Write => merged.write.set(ours.column.clone(), ours.value.clone()),
                Fate::Keep => merged.kept.push(ours.column.clone()),
                Fate::Contested => {
                    let conflict = self.conflict(from, ours, theirs, before, source_row);
                    self.decide(from, ours, conflict, ruling, &mut merged);
                }
            }
        }
        merged
    }

    /// Decides a contested field, as a person did or by its policy.
    fn decide(
        &self,
        from: Side,
        ours: &TranslatedColumn,
        mut conflict: MergedConflict,
        ruling: &Ruling<'_>,
        merged: &mut Merged,
    ) {
        let decision = ruling
            .decisions
            .iter()
            .find(|decision| self.is_about(decision, &conflict));
        let winner = match (decision.map(|decision| &decision.verdict), conflict.policy) {
            (Some(Verdict::Give(values)), _) => {
                conflict.decided = true;
                merged.conflicts.push(conflict);
                merged
                    .write
                    .set(ours.column.clone(), values[from.other()].clone());
                merged.given.push(ours.column.clone());
                return;
            }
            (Some(Verdict::Take(side)), _) => {
                conflict.decided = true;
                *side
            }
            (None, Conflicts::Master) => self.master(),
            (None, _) if ruling.master_only => {
                conflict.policy = Conflicts::Master;
                self.master()
            }
            (None, Conflicts::Latest) => ruling.latest.unwrap_or_else(|| {
                conflict.fell_back = true;
                self.master()
            }),
            (None, Conflicts::Manual) => {
                merged.held.insert(ours.field);
                merged.conflicts.push(conflict);
                return;
            }
        };
        if winner == from {
            merged.write.set(ours.column.clone(), ours.value.clone());
        } else {
            merged.kept.push(ours.column.clone());
        }
        conflict.winner = Some(winner);
        merged.conflicts.push(conflict);
    }

    /// Whether a decision was made about these very values.
    fn is_about(&self, decision: &Decision, conflict: &MergedConflict) -> bool {
        let now = PerSide {
            left: (&conflict.left_column, &conflict.left),
            right: (&conflict.right_column, &conflict.right),
        };
        Side::BOTH.into_iter().all(|side| {
            let (column, value) = now[side];
            let slot = self.slots[side].iter().find(|slot| slot.name == *column);
            decision.columns[side] == *column
                && slot.map_or(decision.seen[side] == *value, |slot| {
                    slot.rule.same(&decision.seen[side], value)
                })
        })
    }

    /// The slot of a translated column, by its field instead of by its name where that is enough.
    fn target_slot(&self, to: Side, ours: &TranslatedColumn) -> Option<&Slot> {
        let slots = &self.slots[to];
        let likely = match self.units.get(ours.field).map(|unit| &unit.kind) {
            Some(Kind::Direct(direct)) => slots.get(direct.slots[to]),
            Some(Kind::Twins(twins)) => slots.get(twins.slots[to]),
            Some(Kind::Lookup(lookup)) if lookup.side == to => slots.get(lookup.slot),
            Some(Kind::Constant { slot, .. }) => slots.get(*slot),
            Some(Kind::Computed(computed)) => slots.get(computed.slot),
            Some(Kind::Lookup(_)) | None => None,
        };
        likely
            .filter(|slot| slot.name == ours.column)
            .or_else(|| slots.iter().find(|slot| slot.name == ours.column))
    }

    /// Whether the target's value, translated back, is what the source holds: nothing and 0, or
    /// two values that a value map makes one.
    fn says_the_same(
        &self,
        from: Side,
        ours: &TranslatedColumn,
        theirs: &Value,
        source_row: &Row,
    ) -> bool {
        let Some(Kind::Direct(direct)) = self.units.get(ours.field).map(|unit| &unit.kind) else {
            return false;
        };
        let source = &self.slots[from][direct.slots[from]];
        self.back_translated(ours.field, from, theirs)
            .is_some_and(|back| source.rule.same(&back, source_row.value(&source.name)))
    }

    /// Two records that never agreed: nothing is filled by something, and of two values the
    /// master's stands. A loser that holds only its type's empty value lost nothing.
    fn first_meeting(&self, from: Side, slot: &Slot, ours: &Value, theirs: &Value) -> Fate {
        if theirs.is_null() {
            return Fate::Write;
        }
        if ours.is_null() {
            return Fate::Keep;
        }
        let hollow = slot
            .rule
            .empty
            .as_ref()
            .is_some_and(|empty| slot.rule.same(empty, theirs));
        if self.master() == from && hollow {
            return Fate::Write;
        }
        Fate::Contested
    }

    fn conflict(
        &self,
        from: Side,
        ours: &TranslatedColumn,
        theirs: &Value,
        before: Option<&Value>,
        source_row: &Row,
    ) -> MergedConflict {
        let source = match self.units.get(ours.field).map(|unit| &unit.kind) {
            Some(Kind::Direct(direct)) => Some(direct.slots[from]),
            Some(Kind::Twins(twins)) => Some(twins.slots[from]),
            Some(Kind::Lookup(lookup)) if lookup.side == from => Some(lookup.slot),
            Some(Kind::Lookup(lookup)) => {
                let naming = lookup.parts.iter().find(|part| part.direct);
                naming
                    .or_else(|| lookup.parts.first())
                    .map(|part| part.plain)
            }
            Some(Kind::Constant { .. } | Kind::Computed(_)) | None => None,
        };
        let (source_column, source_value) = match source.map(|slot| &self.slots[from][slot].name) {
            Some(name) => (name.clone(), source_row.value(name).clone()),
            None => (String::new(), ours.value.clone()),
        };
        let target = (ours.column.clone(), theirs.clone());
        let source = (source_column, source_value);
        let (left, right) = match from {
            Side::Left => (source, target),
            Side::Right => (target, source),
        };
        MergedConflict {
            field: ours.field,
            left_column: left.0,
            right_column: right.0,
            base: before.cloned(),
            left: left.1,
            right: right.1,
            winner: None,
            policy: self.policy(ours.field),
            decided: false,
            fell_back: false,
        }
    }
}

/// What happens to one column.
enum Fate {
    Write,
    Keep,
    Contested,
}
