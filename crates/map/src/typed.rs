//! Values that a person types for a column, to decide a conflict or to mend a parked change.

use crate::check::objection;
use crate::codes;
use crate::compiled::{CompiledMap, Direct, Kind, Slot};
use crate::convert::literal;
use crate::diagnostic::Code;
use crate::near;
use crate::schema::ColumnType;
use crate::side::{PerSide, Side};
use crate::translate::transformed;
use crate::value::Value;

/// A typed value for a field of two plain columns, as either side holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedField {
    /// The field's column on either side.
    pub columns: PerSide<String>,
    /// The value on either side.
    pub values: PerSide<Value>,
}

/// Why a typed value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct TypedError {
    /// Its stable code.
    pub code: Code,
    /// What is wrong and what would be right.
    pub message: String,
}

impl TypedError {
    fn new(message: String) -> Self {
        Self {
            code: codes::NOT_TYPABLE,
            message,
        }
    }
}

impl CompiledMap {
    /// Reads a value typed for a column of one side, mapped or key. Answers the column as its
    /// system spells it, and the value.
    pub fn typed(
        &self,
        side: Side,
        column: &str,
        text: &str,
    ) -> Result<(String, Value), TypedError> {
        let slot = self.typed_slot(side, column)?;
        if matches!(slot.ty, ColumnType::Lookup { .. }) {
            return Err(TypedError::new(format!(
                "`{}` is a lookup, and a record cannot be typed; change it in the {side} system",
                slot.name
            )));
        }
        match literal(text, &slot.ty) {
            Ok(value) => Ok((slot.name.clone(), value)),
            Err(why) => Err(TypedError::new(format!(
                "the value does not fit `{}` of the {side} side: {why}",
                slot.name
            ))),
        }
    }

    /// Reads a value typed for a column of one side, for a change that travels from there: what it
    /// becomes has to fit the other side, too.
    pub fn typed_for_change(
        &self,
        from: Side,
        column: &str,
        text: &str,
    ) -> Result<(String, Value), TypedError> {
        let (name, value) = self.typed(from, column, text)?;
        for unit in self.units.iter().filter(|unit| unit.flows[from]) {
            if let Kind::Direct(direct) = &unit.kind
                && self.slots[from][direct.slots[from]].name == name
            {
                self.carried(from, direct, &value)?;
            }
        }
        Ok((name, value))
    }

    /// Reads a value typed for a column of one side and carries it over to the other, for a field
    /// that travels both ways between two plain columns: only there it can stand on both sides.
    pub fn typed_for_both(
        &self,
        side: Side,
        column: &str,
        text: &str,
    ) -> Result<TypedField, TypedError> {
        let (name, value) = self.typed(side, column, text)?;
        let plain = self.units.iter().find_map(|unit| match &unit.kind {
            Kind::Direct(direct) if self.slots[side][direct.slots[side]].name == name => {
                Some((unit, direct))
            }
            _ => None,
        });
        let Some((unit, direct)) = plain else {
            return Err(TypedError::new(format!(
                "`{name}` goes through a lookup; take one side's value, or change the record itself"
            )));
        };
        if !(unit.flows.left && unit.flows.right) {
            return Err(TypedError::new(format!(
                "`{}` travels one way, so a third value could not stand on both sides; take one \
                 side's value, or change the record itself",
                unit.name
            )));
        }
        let other = side.other();
        let target = &self.slots[other][direct.slots[other]];
        let carried = self.carried(side, direct, &value)?;
        let carried = match (&carried, &target.rule.empty) {
            (Value::Null, Some(empty)) => empty.clone(),
            _ => carried,
        };
        let mut values = PerSide::default();
        values[side] = value;
        values[other] = carried;
        Ok(TypedField {
            columns: PerSide::from_fn(|side| self.slots[side][direct.slots[side]].name.clone()),
            values,
        })
    }

    /// What a value of one side becomes on the other, where the column can hold it.
    fn carried(&self, from: Side, direct: &Direct, value: &Value) -> Result<Value, TypedError> {
        let to = from.other();
        let target = &self.slots[to][direct.slots[to]];
        let carried = transformed(&direct.transform, from, value, &target.ty, direct.scale)
            .map_err(|(_, why)| why)
            .and_then(|carried| match objection(&target.ty, &carried) {
                Some((_, why, _)) => Err(why),
                None => Ok(carried),
            });
        carried.map_err(|why| {
            TypedError::new(format!(
                "the value cannot be carried over to `{}` of the {to} side: {why}",
                target.name
            ))
        })
    }

    fn typed_slot(&self, side: Side, column: &str) -> Result<&Slot, TypedError> {
        let slots = &self.slots[side];
        let known = slots
            .iter()
            .find(|slot| slot.name.eq_ignore_ascii_case(column));
        known.ok_or_else(|| {
            let names = slots.iter().map(|slot| slot.name.as_str());
            let near = near::nearest(column, names).map_or_else(
                || "; `duet parked show NUMBER` lists its columns".to_owned(),
                |near| format!("; did you mean `{near}`?"),
            );
            TypedError::new(format!(
                "the map does not touch a column `{column}` of {} on the {side} side{near}",
                self.table(side)
            ))
        })
    }
}
