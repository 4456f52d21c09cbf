//! How the engine finds a row's counterpart, and which columns of a side a field touches.

use crate::compiled::{CompanyColumn, CompiledMap, KeyAt, Kind};
use crate::field_set::FieldSet;
use crate::side::Side;
use crate::translate::{TranslatedColumn, Translation};
use crate::value::{Row, Value};

impl CompiledMap {
    /// The equal values that identify the counterpart of a row of side `from` on the other side:
    /// column or path, and value, the company left out. `None` while a part that the key cannot do
    /// without is empty; one that may be empty (a product without colour) must be so there too.
    /// `translation` is that of the whole row.
    pub fn search_key(
        &self,
        from: Side,
        row: &Row,
        translation: &Translation,
    ) -> Option<Vec<(String, Value)>> {
        let to = from.other();
        let mut equal = Vec::with_capacity(self.key.len());
        for (part, path) in self.key.iter().zip(self.key_paths(to)) {
            let value = match (&part.at[to], &part.at[from]) {
                (KeyAt::Column(slot), _) => {
                    let name = &self.slots[to][*slot].name;
                    let translated = |column: &&TranslatedColumn| column.column == *name;
                    translation.columns.iter().find(translated)?.value.clone()
                }
                (KeyAt::Path { .. }, KeyAt::Column(slot)) => {
                    row.value(&self.slots[from][*slot].name).clone()
                }
                (KeyAt::Path { slot, .. }, KeyAt::Path { .. }) => {
                    // The record that the other lookup points at is known by now.
                    let name = &self.slots[to][*slot].name;
                    let translated = |column: &&TranslatedColumn| column.column == *name;
                    let found = translation.columns.iter().find(translated)?;
                    equal.push((name.clone(), found.value.clone()));
                    continue;
                }
            };
            if value.is_null() && part.required {
                return None;
            }
            equal.push((path, value));
        }
        equal
            .iter()
            .any(|(_, value)| !value.is_null())
            .then_some(equal)
    }

    /// The path to the company's code on a side; `None` for shared maps.
    pub fn company_path(&self, side: Side) -> Option<String> {
        let column = &self.company.as_ref()?[side];
        let name = &self.slots[side][column.slot()].name;
        Some(match column {
            CompanyColumn::Text(_) => name.clone(),
            CompanyColumn::Lookup { path, .. } => format!("{name}.{path}"),
        })
    }

    /// The columns of a side that these fields read or write.
    pub fn column_names(&self, side: Side, fields: &FieldSet) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for field in fields.iter() {
            let slots: Vec<usize> = match self.units.get(field).map(|unit| &unit.kind) {
                Some(Kind::Direct(direct)) => vec![direct.slots[side]],
                Some(Kind::Twins(twins)) => vec![twins.slots[side]],
                Some(Kind::Constant { to, slot, .. }) if *to == side => vec![*slot],
                Some(Kind::Lookup(lookup)) if lookup.side == side => vec![lookup.slot],
                Some(Kind::Lookup(lookup)) => lookup.parts.iter().map(|part| part.plain).collect(),
                Some(Kind::Computed(computed)) => computed.slots(side).to_vec(),
                Some(Kind::Constant { .. }) | None => Vec::new(),
            };
            for slot in slots {
                let name = &self.slots[side][slot].name;
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names
    }

    /// The lookup column of a side that a field writes, if it writes one.
    pub fn lookup_column(&self, field: usize, side: Side) -> Option<&str> {
        match self.units.get(field).map(|unit| &unit.kind) {
            Some(Kind::Lookup(lookup)) if lookup.side == side => {
                Some(&self.slots[side][lookup.slot].name)
            }
            Some(Kind::Twins(twins)) => Some(&self.slots[side][twins.slots[side]].name),
            _ => None,
        }
    }

    /// Whether a row holds exactly what an image says, column for column.
    pub fn matches_image(&self, side: Side, image: &Row, row: &Row) -> bool {
        self.slots[side].iter().all(|slot| {
            let agreed = image.get(&slot.name);
            row.get(&slot.name)
                .is_none_or(|value| agreed.is_some_and(|agreed| slot.rule.same(value, agreed)))
        })
    }
}
