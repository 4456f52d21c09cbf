//! Images: the mapped columns of one side as last agreed, and what differs from them.

use crate::compiled::{CompiledMap, Kind};
use crate::field_set::FieldSet;
use crate::side::Side;
use crate::value::{Row, Value};

impl CompiledMap {
    /// The canonical values of the map's columns on a side, key and company included. Columns
    /// that were not read are left out.
    pub fn image(&self, side: Side, row: &Row) -> Row {
        self.slots[side]
            .iter()
            .filter_map(|slot| {
                let value = row.get(&slot.name)?;
                Some((slot.name.clone(), slot.rule.canonical(value)))
            })
            .collect()
    }

    /// The fields that travel from a side and of which some column differs from the image. A
    /// column that was not read does not differ. Empty means that the row is an echo.
    pub fn diff(&self, from: Side, row: &Row, image: &Row) -> FieldSet {
        let differs = |(field, _): &(usize, _)| self.unit_differs(*field, from, row, image);
        self.units
            .iter()
            .enumerate()
            .filter(differs)
            .map(|(field, _)| field)
            .collect()
    }

    pub(crate) fn unit_differs(&self, field: usize, from: Side, row: &Row, image: &Row) -> bool {
        let Some(unit) = self.units.get(field).filter(|unit| unit.flows[from]) else {
            return false;
        };
        let differs = |slot: usize| {
            let slot = &self.slots[from][slot];
            let now = row.get(&slot.name);
            now.is_some_and(|now| !slot.rule.same(now, image.value(&slot.name)))
        };
        match &unit.kind {
            Kind::Constant { .. } => false,
            Kind::Direct(direct) => differs(direct.slots[from]),
            Kind::Lookup(lookup) if lookup.side == from => differs(lookup.slot),
            Kind::Lookup(lookup) => lookup
                .parts
                .iter()
                .any(|part| part.flows[from] && differs(part.plain)),
        }
    }

    /// The image of the target after a write.
    ///
    /// `before` is its image before, `written` what the two sides agree on now (the columns that
    /// were written and those that agreed already), `stored` the row as the system has it since.
    ///
    /// Of a column that travels back, the image keeps what was written, or what it was before. So
    /// whatever the server computed, or a user changed in between, still differs from the image
    /// and flows back as a change of its own. Other columns are as they are stored.
    pub fn settle_image(&self, to: Side, before: Option<&Row>, written: &Row, stored: &Row) -> Row {
        self.slots[to]
            .iter()
            .filter_map(|slot| {
                let name = slot.name.as_str();
                let value = if slot.flows_out {
                    let earlier = || before.and_then(|before| before.get(name));
                    written.get(name).or_else(earlier).unwrap_or(&Value::Null)
                } else {
                    stored.get(name).or_else(|| written.get(name))?
                };
                Some((slot.name.clone(), slot.rule.canonical(value)))
            })
            .collect()
    }
}
