//! Compiles lines between two lookups, and finds the tables in which a lookup's record may be.

use super::Compiler;
use super::fields::CompiledFields;
use crate::codes;
use crate::compiled::{Candidate, Kind, PathEnd, TwinPart, Twins, Unit};
use crate::file::Field;
use crate::schema::{ColumnType, SchemaSource};
use crate::side::{PerSide, Side};

impl Compiler<'_> {
    /// Adds a line between two lookups: to the unit of its columns, which the first line makes.
    /// Whether it could be added.
    pub(super) fn twins(
        &mut self,
        field: &Field,
        slots: PerSide<usize>,
        part: Option<TwinPart>,
        compiled: &mut CompiledFields,
    ) -> bool {
        if part.is_none() && field.direction.is_transformed() {
            self.error(
                codes::TYPE_CLASH,
                &field.at,
                format!("`{field}` joins two lookups, which takes no value map and no default"),
                vec!["the pair of the two records tells what the one becomes".to_owned()],
                Some(format!(
                    "write `{}`",
                    field.direction.counterpart().symbol()
                )),
            );
            return false;
        }
        let flows = PerSide::from_fn(|side| field.direction.flows_from(side));
        let policy = self.policy(field);
        let existing = compiled
            .units
            .iter_mut()
            .find_map(|unit| match &mut unit.kind {
                Kind::Twins(twins) if part.is_some() && twins.slots == slots => {
                    Some((&mut unit.name, &mut unit.flows, &mut unit.policy, twins))
                }
                _ => None,
            });
        if let Some((name, known, strictest, twins)) = existing {
            *strictest = (*strictest).max(policy);
            name.push_str(", ");
            name.push_str(&field.to_string());
            for side in Side::BOTH {
                known[side] |= flows[side];
            }
            twins.parts.extend(part);
            return true;
        }
        let tables = PerSide::from_fn(|side| match &self.slots[side][slots[side]].ty {
            ColumnType::Lookup { targets } => {
                targets.iter().map(|target| target.table.clone()).collect()
            }
            _ => Vec::new(),
        });
        compiled.units.push(Unit {
            name: field.to_string(),
            flows,
            policy,
            kind: Kind::Twins(Twins {
                slots,
                tables,
                parts: part.into_iter().collect(),
                candidates: PerSide::default(),
            }),
        });
        true
    }

    /// Finds out where each side's record is searched.
    pub(super) fn twin_candidates(&self, twins: &mut Twins) {
        twins.candidates = PerSide::from_fn(|to| {
            let searching: Vec<(usize, &[PathEnd])> = twins
                .parts
                .iter()
                .enumerate()
                .filter(|(_, part)| part.flows[to.other()])
                .map(|(index, part)| (index, part.ends[to].as_slice()))
                .collect();
            candidates(self.sources[to], &searching)
        });
    }

    /// A lookup is named by one line between two lookups, or by plain columns, never by both.
    pub(super) fn shared_lookups(&mut self, units: &[Unit]) {
        let twins = units.iter().filter_map(|unit| match &unit.kind {
            Kind::Twins(twins) if !twins.parts.is_empty() => Some((unit, twins)),
            _ => None,
        });
        for (unit, twins) in twins {
            for to in Side::BOTH.into_iter().filter(|to| unit.flows[to.other()]) {
                let slot = twins.slots[to];
                let rival = units.iter().find(|other| match &other.kind {
                    Kind::Lookup(lookup) => {
                        lookup.side == to && lookup.slot == slot && other.flows[to.other()]
                    }
                    Kind::Twins(others) => {
                        others.slots[to] == slot
                            && others.slots != twins.slots
                            && other.flows[to.other()]
                    }
                    _ => false,
                });
                let Some(rival) = rival else { continue };
                let column = self.slots[to][slot].name.clone();
                let line = self
                    .file
                    .fields
                    .iter()
                    .find(|field| unit.name.starts_with(&field.to_string()));
                let at = line.map(|field| field.at.clone()).unwrap_or_default();
                let message = format!(
                    "`{}` writes `{column}`, but `{}` writes it too",
                    unit.name, rival.name
                );
                let fix = Some("keep one of them".to_owned());
                self.error(codes::DUPLICATE_TARGET, &at, message, Vec::new(), fix);
            }
        }
    }
}

/// The tables in which a lookup's record can be found, each with the paths to search: the parts that
/// are searched by, with the paths behind them.
pub(super) fn candidates(
    source: &dyn SchemaSource,
    searching: &[(usize, &[PathEnd])],
) -> Vec<Candidate> {
    let Some((_, first)) = searching.first() else {
        return Vec::new();
    };
    first
        .iter()
        .filter_map(|end| {
            let table = &end.table;
            let end_in = |(part, ends): &(usize, &[PathEnd])| {
                let end = ends.iter().position(|end| end.table == *table)?;
                Some((*part, end))
            };
            let equal: Option<Vec<_>> = searching.iter().map(end_in).collect();
            let schema = source.table(table);
            Some(Candidate {
                table: table.clone(),
                striped: schema.is_some_and(|schema| schema.company.is_some()),
                equal: equal?,
            })
        })
        .collect()
}
