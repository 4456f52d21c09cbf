//! What the policies for conflicts and deletions need of the tables.

use super::Compiler;
use crate::codes;
use crate::compiled::Unit;
use crate::convert::literal;
use crate::file::{Conflicts, Deletes, Field};
use crate::side::{PerSide, Side};
use crate::value::{Row, Value};

/// The column by which Dataverse tables tell active from inactive records.
const STATE: &str = "statecode";

/// The column that says why; each state has reasons of its own.
const STATUS: &str = "statuscode";

impl Compiler<'_> {
    /// A field's own policy, or the map's.
    pub(super) fn policy(&self, field: &Field) -> Conflicts {
        let own = field.conflicts.as_ref();
        own.unwrap_or(&self.file.conflicts).value
    }

    /// `latest` needs to know on both sides when a row was modified.
    pub(super) fn modification_times(&mut self, units: &[Unit]) {
        let Some(unit) = units.iter().find(|unit| unit.policy == Conflicts::Latest) else {
            return;
        };
        let silent: Vec<String> = Side::BOTH
            .into_iter()
            .filter(|side| self.schemas[*side].modified.is_none())
            .map(|side| format!("{} on the {side} side", self.schemas[side].name))
            .collect();
        if silent.is_empty() {
            return;
        }
        let own = self
            .file
            .fields
            .iter()
            .filter_map(|field| field.conflicts.as_ref());
        let at = own
            .chain([&self.file.conflicts])
            .find(|policy| policy.value == Conflicts::Latest)
            .map(|policy| policy.at.clone())
            .unwrap_or_default();
        self.error(
            codes::NO_MODIFICATION_TIME,
            &at,
            format!(
                "`latest` needs to know when a row was modified; no column tells in {}",
                silent.join(" and ")
            ),
            vec![format!("`{}` is decided by it", unit.name)],
            Some("write `conflicts: master` or `conflicts: manual`".to_owned()),
        );
    }

    /// What deactivates a record of each side that deletions of the other side reach.
    pub(super) fn deactivation(&mut self, flows: PerSide<bool>) -> PerSide<Option<Row>> {
        if self.file.deletes.value != Deletes::Deactivate {
            return PerSide::default();
        }
        PerSide::from_fn(|side| {
            let named = !self.file.deactivate[side].is_empty();
            if named {
                Some(self.named_deactivation(side))
            } else if flows[side.other()] {
                self.usual_deactivation(side)
            } else {
                None
            }
        })
    }

    fn named_deactivation(&mut self, side: Side) -> Row {
        let file = self.file;
        let schema = self.schemas[side];
        let mut row = Row::new();
        for (name, text) in &file.deactivate[side] {
            let Some(column) = schema.column(&name.value) else {
                // Reports the unknown column with the nearest name.
                let _ = self.column(side, &name.value, &name.at);
                continue;
            };
            let value = if column.update {
                literal(&text.value, &column.ty)
            } else {
                Err("it cannot be written in an existing record".to_owned())
            };
            match value {
                Ok(value) => row.set(column.name.clone(), value),
                Err(why) => self.error(
                    codes::BAD_DEACTIVATION,
                    &text.at,
                    format!("`{}` cannot deactivate a record: {why}", column.name),
                    Vec::new(),
                    Some("name a column and a value that the system takes".to_owned()),
                ),
            }
        }
        row
    }

    /// What deactivates a record where the map does not say: the state of Dataverse tables.
    fn usual_deactivation(&mut self, side: Side) -> Option<Row> {
        let schema = self.schemas[side];
        let Some(state) = schema.column(STATE) else {
            let at = self.file.deletes.at.clone();
            self.error(
                codes::NO_DEACTIVATION,
                &at,
                format!(
                    "deletions deactivate the record of {} on the {side} side, and it has no \
                     `{STATE}`",
                    schema.name
                ),
                Vec::new(),
                Some(format!(
                    "say how: `deletes: {{ deactivate: {{ {side}: {{ COLUMN: VALUE }} }} }}`, or \
                     write `deletes: ignore`"
                )),
            );
            return None;
        };
        let mut row = Row::new().with(state.name.as_str(), Value::Int(1));
        if let Some(status) = schema.column(STATUS) {
            row.set(status.name.clone(), Value::Int(2));
        }
        Some(row)
    }
}
