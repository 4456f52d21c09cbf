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
        let changed = self.changed_slots(from, row, image);
        if changed.is_empty() {
            return FieldSet::new();
        }
        (0..self.units.len())
            .filter(|field| self.unit_touches(*field, from, &changed))
            .collect()
    }

    /// The fields that travel from a side and read any of these columns there.
    pub fn fields_reading<'c>(
        &self,
        from: Side,
        columns: impl IntoIterator<Item = &'c str>,
    ) -> FieldSet {
        let mut slots = FieldSet::new();
        for column in columns {
            if let Some(slot) = self.slots[from].iter().position(|slot| slot.name == column) {
                slots.insert(slot);
            }
        }
        (0..self.units.len())
            .filter(|field| self.unit_touches(*field, from, &slots))
            .collect()
    }

    /// The fields that travel to a side and write any of these columns there.
    pub fn fields_writing(&self, to: Side, columns: &Row) -> FieldSet {
        (0..self.units.len())
            .filter(|field| self.field_flows(*field, to.other()))
            .filter(|field| {
                let one: FieldSet = std::iter::once(*field).collect();
                let names = self.column_names(to, &one);
                names.iter().any(|name| columns.get(name).is_some())
            })
            .collect()
    }

    /// The columns in which a row of a side holds what was sent there, in canonical form.
    pub fn arrived(&self, side: Side, sent: &Row, row: &Row) -> Row {
        self.slots[side]
            .iter()
            .filter_map(|slot| {
                let (sent, stands) = (sent.get(&slot.name)?, row.get(&slot.name)?);
                let arrived = slot.rule.same(sent, stands);
                arrived.then(|| (slot.name.clone(), slot.rule.canonical(sent)))
            })
            .collect()
    }

    /// Whether a field travels from a side.
    pub fn field_flows(&self, field: usize, from: Side) -> bool {
        self.units.get(field).is_some_and(|unit| unit.flows[from])
    }

    /// Whether a field that travels from a side differs from the image.
    pub(crate) fn unit_differs(&self, field: usize, from: Side, row: &Row, image: &Row) -> bool {
        self.unit_touches(field, from, &self.changed_slots(from, row, image))
    }

    /// The slots of a side whose value in the row differs from the image. Row, image and slots
    /// are walked together in the order of names: this is what most captured changes cost.
    fn changed_slots(&self, side: Side, row: &Row, image: &Row) -> FieldSet {
        let mut now = row.0.iter().peekable();
        let mut before = image.0.iter().peekable();
        let mut changed = FieldSet::new();
        for index in &self.by_name[side] {
            let slot = &self.slots[side][*index];
            while now.next_if(|(name, _)| **name < slot.name).is_some() {}
            while before.next_if(|(name, _)| **name < slot.name).is_some() {}
            let Some((_, value)) = now.next_if(|(name, _)| **name == slot.name) else {
                continue;
            };
            let known = before
                .next_if(|(name, _)| **name == slot.name)
                .map(|(_, value)| value);
            // Nothing was ever agreed of a column that the image lacks, not even emptiness.
            if known.is_none_or(|known| !slot.rule.same(value, known)) {
                changed.insert(*index);
            }
        }
        changed
    }

    /// Whether a field travels from a side and reads one of these slots there.
    fn unit_touches(&self, field: usize, from: Side, slots: &FieldSet) -> bool {
        let Some(unit) = self.units.get(field).filter(|unit| unit.flows[from]) else {
            return false;
        };
        match &unit.kind {
            Kind::Constant { .. } => false,
            Kind::Computed(computed) => computed.reads.iter().any(|slot| slots.contains(*slot)),
            Kind::Direct(direct) => slots.contains(direct.slots[from]),
            Kind::Twins(twins) => slots.contains(twins.slots[from]),
            Kind::Lookup(lookup) if lookup.side == from => slots.contains(lookup.slot),
            Kind::Lookup(lookup) => lookup
                .parts
                .iter()
                .any(|part| part.flows[from] && slots.contains(part.plain)),
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
                    match (written.get(name), before) {
                        (Some(written), _) => written,
                        // A column of which nothing is agreed stays so until something is.
                        (None, Some(before)) => before.get(name)?,
                        (None, None) => &Value::Null,
                    }
                } else {
                    stored.get(name).or_else(|| written.get(name))?
                };
                Some((slot.name.clone(), slot.rule.canonical(value)))
            })
            .collect()
    }
}
