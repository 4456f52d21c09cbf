//! Merges a translated change into the target record, column by column.
//!
//! Each target column has three values: ours (translated), theirs (the target now) and the base
//! (the target's image when both sides last agreed). Where only one side moved, that side's value
//! stands; where both moved, the map's master decides and the losing value is reported.

use crate::compiled::{CompiledMap, Kind, Slot};
use crate::side::Side;
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
    /// Fields that both sides changed.
    pub conflicts: Vec<MergedConflict>,
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
    /// The side whose value stands.
    pub winner: Side,
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
            let fate = match before {
                Some(before) if slot.rule.same(before, theirs) => Fate::Write,
                Some(_) => {
                    let moved = source_image
                        .is_none_or(|image| self.unit_differs(ours.field, from, source_row, image));
                    if moved {
                        Fate::Contested(self.master())
                    } else {
                        Fate::Keep
                    }
                }
                None => self.first_meeting(from, slot, &ours.value, theirs),
            };
            match fate {
                Fate::Write => merged.write.set(ours.column.clone(), ours.value.clone()),
                Fate::Keep => merged.kept.push(ours.column.clone()),
                Fate::Contested(winner) => {
                    if winner == from {
                        merged.write.set(ours.column.clone(), ours.value.clone());
                    } else {
                        merged.kept.push(ours.column.clone());
                    }
                    let conflict = self.conflict(from, ours, theirs, before, source_row, winner);
                    merged.conflicts.push(conflict);
                }
            }
        }
        merged
    }

    /// The slot of a translated column, by its field instead of by its name where that is enough.
    fn target_slot(&self, to: Side, ours: &TranslatedColumn) -> Option<&Slot> {
        let slots = &self.slots[to];
        let likely = match self.units.get(ours.field).map(|unit| &unit.kind) {
            Some(Kind::Direct(direct)) => slots.get(direct.slots[to]),
            Some(Kind::Lookup(lookup)) if lookup.side == to => slots.get(lookup.slot),
            Some(Kind::Constant { slot, .. }) => slots.get(*slot),
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
        Fate::Contested(self.master())
    }

    fn conflict(
        &self,
        from: Side,
        ours: &TranslatedColumn,
        theirs: &Value,
        before: Option<&Value>,
        source_row: &Row,
        winner: Side,
    ) -> MergedConflict {
        let source = match self.units.get(ours.field).map(|unit| &unit.kind) {
            Some(Kind::Direct(direct)) => Some(direct.slots[from]),
            Some(Kind::Lookup(lookup)) if lookup.side == from => Some(lookup.slot),
            Some(Kind::Lookup(lookup)) => {
                let naming = lookup.parts.iter().find(|part| part.direct);
                naming
                    .or_else(|| lookup.parts.first())
                    .map(|part| part.plain)
            }
            Some(Kind::Constant { .. }) | None => None,
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
            winner,
        }
    }
}

/// What happens to one column.
enum Fate {
    Write,
    Keep,
    Contested(Side),
}
