//! Binds the integration key: its columns must be mapped and must travel wherever rows travel.

use super::Compiler;
use super::fields::{CompiledFields, ends_of};
use super::paths::End;
use crate::codes;
use crate::compiled::{KeyAt, KeyColumn};
use crate::file::KeyPart;
use crate::schema::ColumnType;
use crate::side::{PerSide, Side};

impl Compiler<'_> {
    pub(super) fn key(&mut self, compiled: &CompiledFields) -> Option<Vec<KeyColumn>> {
        let parts = &self.file.key;
        let key: Vec<Option<KeyColumn>> = parts
            .iter()
            .map(|part| self.key_part(part, compiled))
            .collect();
        let key: Vec<KeyColumn> = key.into_iter().collect::<Option<_>>()?;
        for side in Side::BOTH {
            self.check_unique(side, &key);
        }
        Some(key)
    }

    fn key_part(&mut self, part: &KeyPart, compiled: &CompiledFields) -> Option<KeyColumn> {
        let ends = (
            self.end(Side::Left, &part.left),
            self.end(Side::Right, &part.right),
        );
        let (Some(left), Some(right)) = ends else {
            return None;
        };
        let ends = PerSide { left, right };
        let line = compiled.lines.iter().find(|line| {
            Side::BOTH
                .iter()
                .all(|side| same_end(&line.ends[*side], &ends[*side]))
        });
        let name = format!("{} = {}", part.left.value, part.right.value);
        let Some(line) = line else {
            self.error(
                codes::KEY_NOT_MAPPED,
                &part.left.at,
                format!("the key part `{name}` is not mapped"),
                vec![
                    "a record that is created on the other side would be born without its key"
                        .to_owned(),
                ],
                Some(format!("add the field `{name}`")),
            );
            return None;
        };
        let field = &self.file.fields[line.field];
        for from in Side::BOTH {
            let leaves = self
                .file
                .fields
                .iter()
                .any(|f| f.direction.flows_from(from));
            let other_allocates = self.file.allocates == Some(from.other());
            if leaves && !field.direction.flows_from(from) && !other_allocates {
                self.error(
                    codes::KEY_ONE_WAY,
                    &field.at,
                    format!("rows travel from the {from}, but their key does not"),
                    vec![format!("`{field}` is part of the key and travels one way")],
                    Some(format!(
                        "let it travel both ways, let every field travel its way, or write `allocates: {}`",
                        from.other()
                    )),
                );
            }
        }
        let required = Side::BOTH.iter().any(|side| {
            let end = &ends[*side];
            let (End::Column(slot) | End::Lookup { slot, .. }) = end;
            self.slots[*side][*slot].required
        });
        let day = Side::BOTH
            .iter()
            .any(|side| self.type_of(*side, &ends[*side]) == ColumnType::Date);
        let at = PerSide::from_fn(|side| match &ends[side] {
            End::Column(slot) => {
                self.slots[side][*slot].rule.fold = true;
                KeyAt::Column(*slot)
            }
            End::Lookup { slot, ends, .. } => KeyAt::Path {
                slot: *slot,
                ends: ends.clone(),
            },
        });
        Some(KeyColumn {
            at,
            values: line.transform.values.clone(),
            required,
            day,
        })
    }

    /// Warns where the system would accept two records with one key.
    fn check_unique(&mut self, side: Side, key: &[KeyColumn]) {
        let schema = self.schemas[side];
        let mut columns: Vec<&str> = key
            .iter()
            .map(|part| self.slots[side][part.at[side].slot()].name.as_str())
            .collect();
        columns.extend(schema.company.as_deref());
        columns.sort_unstable();
        columns.dedup();
        if schema.is_unique(&columns) {
            return;
        }
        let lookups = columns.iter().any(|name| {
            schema
                .column(name)
                .is_some_and(|column| matches!(column.ty, ColumnType::Lookup { .. }))
        });
        // A key of the system itself within the map's key makes it unique all the same.
        let covered = schema
            .alternate_keys
            .iter()
            .chain([&schema.primary_key])
            .any(|known| {
                !known.is_empty()
                    && known
                        .iter()
                        .all(|k| columns.iter().any(|c| c.eq_ignore_ascii_case(k)))
            });
        if covered {
            return;
        }
        let columns = columns.join(", ");
        let at = self
            .file
            .key
            .first()
            .map(|part| part.left.at.clone())
            .unwrap_or_default();
        let mut notes = vec![format!(
            "a second {} with the same {columns} would be possible",
            schema.name
        )];
        if lookups {
            notes.push(
                "a lookup counts by its column, whatever path the map reads behind it".to_owned(),
            );
        }
        self.warn(
            codes::KEY_NOT_UNIQUE,
            &at,
            format!("the {side} system does not keep the key unique"),
            notes,
            Some(format!("define an alternate key on {columns}")),
        );
    }
}

fn same_end(a: &End, b: &End) -> bool {
    let slot = |end: &End| match end {
        End::Column(slot) | End::Lookup { slot, .. } => *slot,
    };
    let paths = |end: &End| -> Vec<String> {
        ends_of(end)
            .iter()
            .map(|end| format!("{}.{}", end.table, end.path))
            .collect()
    };
    slot(a) == slot(b) && paths(a) == paths(b)
}
