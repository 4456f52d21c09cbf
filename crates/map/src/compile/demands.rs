//! Checks what the tables demand of a write: mandatory columns filled, read-only ones left alone.

use super::Compiler;
use crate::codes;
use crate::compiled::{CompanyColumn, Kind, Unit};
use crate::file::Mark;
use crate::schema::{Column, ColumnType};
use crate::side::{PerSide, Side};

impl Compiler<'_> {
    pub(super) fn demands(
        &mut self,
        units: &[Unit],
        company: Option<&Option<PerSide<CompanyColumn>>>,
        flows: PerSide<bool>,
    ) {
        for to in Side::BOTH {
            if !flows[to.other()] {
                continue;
            }
            let mut written = written(units, to);
            self.read_only(to, &written);
            if let Some(Some(columns)) = company {
                written.push(columns[to].slot());
            }
            self.mandatory(to, &written);
        }
    }

    fn read_only(&mut self, to: Side, written: &[usize]) {
        for slot in written {
            let name = self.slots[to][*slot].name.clone();
            let schema = self.schemas[to];
            let writable = schema
                .column(&name)
                .is_none_or(|column| column.create || column.update);
            if !writable {
                let at = self.line_of(to, &name);
                self.error(
                    codes::READ_ONLY_TARGET,
                    &at,
                    format!("`{name}` of {} cannot be written", schema.name),
                    vec!["the system computes it, or fills it by itself".to_owned()],
                    Some(format!("let the field travel from the {to} only")),
                );
            }
        }
    }

    fn mandatory(&mut self, to: Side, written: &[usize]) {
        let schema = self.schemas[to];
        let given = |column: &Column| {
            // The system chooses its own identifiers.
            let own_id = column.ty == ColumnType::Guid && schema.primary_key.contains(&column.name);
            let mapped = written
                .iter()
                .any(|slot| self.slots[to][*slot].name == column.name);
            // A company that does not fit is reported by itself.
            let company = schema.company.as_deref() == Some(column.name.as_str());
            own_id || company || mapped || !column.create || column.empty.is_some()
        };
        let missing: Vec<String> = schema
            .columns
            .values()
            .filter(|column| column.required && !given(column))
            .map(|column| column.name.clone())
            .collect();
        for name in missing {
            let at = self.file.ends[to].entity.at.clone();
            let arrow = match to {
                Side::Left => format!("{name} << \"…\""),
                Side::Right => format!("\"…\" >> {name}"),
            };
            self.error(
                codes::MANDATORY_UNMAPPED,
                &at,
                format!(
                    "{} needs `{name}`, and nothing is mapped to it",
                    schema.name
                ),
                vec![format!(
                    "every record that travels to the {to} for the first time would be refused"
                )],
                Some(format!("map a field to it, or add a constant: `{arrow}`")),
            );
        }
    }

    /// The place of the line that writes a column.
    fn line_of(&self, to: Side, name: &str) -> Mark {
        let writes = |end: &Option<crate::file::Marked<String>>| {
            end.as_ref().is_some_and(|end| {
                end.value
                    .split('.')
                    .next()
                    .is_some_and(|column| column.eq_ignore_ascii_case(name))
            })
        };
        let line = self.file.fields.iter().find(|field| match to {
            Side::Left => writes(&field.left),
            Side::Right => writes(&field.right),
        });
        line.map_or_else(Mark::default, |field| field.at.clone())
    }
}

/// The columns of side `to` that some field or constant writes.
pub(crate) fn written(units: &[Unit], to: Side) -> Vec<usize> {
    let from = to.other();
    let mut slots = Vec::new();
    for unit in units {
        match &unit.kind {
            Kind::Constant { to: side, slot, .. } if *side == to => slots.push(*slot),
            Kind::Direct(direct) if unit.flows[from] => slots.push(direct.slots[to]),
            Kind::Twins(twins) if unit.flows[from] => slots.push(twins.slots[to]),
            Kind::Computed(computed) if computed.to == to => slots.push(computed.slot),
            Kind::Constant { .. } | Kind::Direct(_) | Kind::Twins(_) | Kind::Computed(_) => {}
            Kind::Lookup(lookup) if lookup.side == to => {
                if unit.flows[from] {
                    slots.push(lookup.slot);
                }
            }
            Kind::Lookup(lookup) => {
                let flowing = lookup.parts.iter().filter(|part| part.flows[from]);
                slots.extend(flowing.map(|part| part.plain));
            }
        }
    }
    slots
}
