//! Translates the changed fields of a row into columns of the other side.
//!
//! First [`CompiledMap::needs`] tells which other records must be looked at; the caller resolves
//! them; then [`CompiledMap::translate`] makes the columns. What still waits for a record, and
//! what can never be carried over, comes back beside them. A question that only arises with the
//! answer to another (the company of a row behind a lookup) is reported as waiting: resolve it
//! and translate again.

use crate::codes;
use crate::compiled::{CompiledMap, Computed, Direct, Kind, Lookup, Transform};
use crate::convert::convert;
use crate::diagnostic::Code;
use crate::field_set::FieldSet;
use crate::lookup::{LookupNeed, Resolution, ResolvedLookups};
use crate::needs::{RowCompany, Search, follow_need};
use crate::problem::{Problem, measured};
use crate::schema::ColumnType;
use crate::side::Side;
use crate::twins::Crossing;
use crate::value::{Row, Value};

/// What became of a row's fields on the other side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Translation {
    /// The columns to write.
    pub columns: Vec<TranslatedColumn>,
    /// Fields that wait for a record.
    pub waiting: Vec<Waiting>,
    /// Fields that cannot be carried over.
    pub problems: Vec<Problem>,
}

/// One column of the target with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranslatedColumn {
    /// The field it comes from, as [`CompiledMap::field_name`] knows it.
    pub field: usize,
    /// The target column.
    pub column: String,
    /// Its value; null clears the column.
    pub value: Value,
}

/// A field that waits for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The field.
    pub field: usize,
    /// What it waits for.
    pub need: LookupNeed,
}

impl CompiledMap {
    /// Translates these fields of a row of side `from`. With `create`, constants and the company
    /// are added, for a record that does not exist yet.
    pub fn translate(
        &self,
        from: Side,
        row: &Row,
        fields: &FieldSet,
        resolved: &ResolvedLookups,
        create: bool,
    ) -> Translation {
        let mut out = Translation::default();
        let company = self.row_company(from, row, resolved);
        if create {
            self.translate_company(from, &company, resolved, &mut out);
        }
        for (field, unit) in self.units.iter().enumerate() {
            match &unit.kind {
                Kind::Constant { to, slot, value } => {
                    if create && *to != from {
                        self.put(&mut out, field, *to, *slot, value.clone());
                    }
                }
                _ if !unit.flows[from] || !fields.contains(field) => {}
                Kind::Computed(computed) => {
                    self.translate_computed(field, from, computed, row, &mut out);
                }
                Kind::Direct(direct) => self.translate_direct(field, from, direct, row, &mut out),
                Kind::Twins(twins) => {
                    let crossing = Crossing { field, from, twins };
                    self.translate_twins(crossing, row, &company, resolved, &mut out);
                }
                Kind::Lookup(lookup) if lookup.side == from => {
                    self.translate_from_lookup(field, from, lookup, row, resolved, &mut out);
                }
                Kind::Lookup(lookup) => {
                    let search = self.search(field, from, lookup, row, &company);
                    self.translate_to_lookup(field, from, lookup, search, resolved, &mut out);
                }
            }
        }
        if self.shared_targets[from.other()] {
            self.settle_shared(from.other(), &mut out);
        }
        out
    }

    fn translate_direct(
        &self,
        field: usize,
        from: Side,
        direct: &Direct,
        row: &Row,
        out: &mut Translation,
    ) {
        let to = from.other();
        let source = &self.slots[from][direct.slots[from]];
        let Some(value) = row.get(&source.name) else {
            return;
        };
        let target = &self.slots[to][direct.slots[to]];
        let known = source.rule.canonical(value);
        // Canonical only decides what is nothing; texts travel as they were written.
        let value = if known.is_null() { &Value::Null } else { value };
        match transformed(&direct.transform, from, value, &target.ty, direct.scale) {
            Ok(value) => self.put(out, field, to, direct.slots[to], value),
            Err((code, why)) => {
                let problem = self.problem(field, from, direct.slots[from], code, why);
                out.problems.push(problem);
            }
        }
    }

    fn translate_computed(
        &self,
        field: usize,
        from: Side,
        computed: &Computed,
        row: &Row,
        out: &mut Translation,
    ) {
        // What a system uses for nothing is nothing to an expression as well.
        let known: Option<Row> = computed
            .reads
            .iter()
            .map(|slot| {
                let slot = &self.slots[from][*slot];
                let value = row.get(&slot.name)?;
                let nothing = slot.rule.canonical(value).is_null();
                let value = if nothing { Value::Null } else { value.clone() };
                Some((slot.name.clone(), value))
            })
            .collect();
        let Some(known) = known else { return };
        let target = &self.slots[computed.to][computed.slot];
        match computed
            .expression
            .value(&known, &target.ty, target.rule.scale)
        {
            Ok(value) => self.put(out, field, computed.to, computed.slot, value),
            Err(why) => {
                let source = computed.reads.first().copied().unwrap_or_default();
                let problem = self.problem(field, from, source, codes::NOT_CONVERTIBLE, why);
                out.problems.push(problem);
            }
        }
    }

    /// The value of side `from` that would become this value of the other side, for a field of
    /// two plain columns.
    pub(crate) fn back_translated(
        &self,
        field: usize,
        from: Side,
        theirs: &Value,
    ) -> Option<Value> {
        let Some(Kind::Direct(direct)) = self.units.get(field).map(|unit| &unit.kind) else {
            return None;
        };
        let target = &self.slots[from][direct.slots[from]];
        let value = transformed(
            &direct.transform,
            from.other(),
            theirs,
            &target.ty,
            direct.scale,
        )
        .ok()?;
        Some(if value.is_null() {
            target.rule.empty.clone().unwrap_or(value)
        } else {
            value
        })
    }

    fn translate_from_lookup(
        &self,
        field: usize,
        from: Side,
        lookup: &Lookup,
        row: &Row,
        resolved: &ResolvedLookups,
        out: &mut Translation,
    ) {
        let source = &self.slots[from][lookup.slot];
        let Some(value) = row.get(&source.name) else {
            return;
        };
        let to = from.other();
        for part in lookup.parts.iter().filter(|part| part.flows[from]) {
            let target = &self.slots[to][part.plain];
            let found = if value.is_null() {
                Value::Null
            } else if let Some((need, end)) = follow_need(from, part, value) {
                match resolved.get(&need) {
                    Some(Resolution::Found(Value::Null)) => {
                        let why = format!("the record it points at has nothing in `{}`", end.path);
                        out.problems.push(Problem {
                            fix: Some("fill it there, then retry".to_owned()),
                            ..self.problem(field, from, lookup.slot, codes::REFERENCED_EMPTY, why)
                        });
                        continue;
                    }
                    Some(Resolution::Found(found)) => found.clone(),
                    _ => {
                        out.waiting.push(Waiting { field, need });
                        continue;
                    }
                }
            } else {
                let tables: Vec<&str> = part.ends.iter().map(|end| end.table.as_str()).collect();
                let why = format!(
                    "it points at a record that is in none of {}",
                    tables.join(", ")
                );
                let problem = self.problem(field, from, lookup.slot, codes::NOT_CONVERTIBLE, why);
                out.problems.push(problem);
                continue;
            };
            match transformed(&part.transform, from, &found, &target.ty, None) {
                Ok(value) => self.put(out, field, to, part.plain, value),
                Err((code, why)) => {
                    let problem = self.problem(field, from, lookup.slot, code, why);
                    out.problems.push(problem);
                }
            }
        }
    }

    fn translate_to_lookup(
        &self,
        field: usize,
        from: Side,
        lookup: &Lookup,
        search: Search,
        resolved: &ResolvedLookups,
        out: &mut Translation,
    ) {
        let to = from.other();
        let find = match search {
            Search::Nothing => return self.put(out, field, to, lookup.slot, Value::Null),
            Search::Find(find) => find,
            Search::Company(need) => return out.waiting.push(Waiting { field, need }),
            Search::Problem(problem) => return out.problems.push(problem),
            Search::Unread => return,
        };
        let need = LookupNeed::Find(find);
        match resolved.get(&need) {
            Some(Resolution::Found(found)) => self.put(out, field, to, lookup.slot, found.clone()),
            Some(Resolution::Ambiguous) => {
                let why = "several records answer to it".to_owned();
                out.problems.push(Problem {
                    fix: Some("make the key of the referenced table unique".to_owned()),
                    ..self.problem(field, to, lookup.slot, codes::LOOKUP_AMBIGUOUS, why)
                });
            }
            Some(Resolution::Missing | Resolution::Renaming { .. }) | None => {
                out.waiting.push(Waiting { field, need });
            }
        }
    }

    fn translate_company(
        &self,
        from: Side,
        company: &RowCompany,
        resolved: &ResolvedLookups,
        out: &mut Translation,
    ) {
        let Some(columns) = &self.company else { return };
        let (field, to) = (self.units.len(), from.other());
        let code = match company {
            RowCompany::Behind(need) => {
                let need = need.clone();
                return out.waiting.push(Waiting { field, need });
            }
            RowCompany::Known(None) => return,
            RowCompany::Known(Some(code)) => code,
        };
        let slot = columns[to].slot();
        let Some(need) = self.company_find(from, company) else {
            return self.put(out, field, to, slot, Value::Text(code.clone()));
        };
        match resolved.get(&need) {
            Some(Resolution::Found(found)) => self.put(out, field, to, slot, found.clone()),
            _ => out.waiting.push(Waiting { field, need }),
        }
    }

    /// Adds a column; nothing becomes the type's empty value where the column cannot be empty.
    pub(crate) fn put(
        &self,
        out: &mut Translation,
        field: usize,
        to: Side,
        slot: usize,
        value: Value,
    ) {
        let slot = &self.slots[to][slot];
        let value = match (&value, &slot.rule.empty) {
            (Value::Null, Some(empty)) => empty.clone(),
            _ => value,
        };
        out.columns.push(TranslatedColumn {
            field,
            column: slot.name.clone(),
            value,
        });
    }

    /// Of several fields that write one column the first counts; the others must agree.
    fn settle_shared(&self, to: Side, out: &mut Translation) {
        let mut kept: Vec<TranslatedColumn> = Vec::with_capacity(out.columns.len());
        for column in out.columns.drain(..) {
            let Some(first) = kept.iter().find(|first| first.column == column.column) else {
                kept.push(column);
                continue;
            };
            let slot = self.slots[to]
                .iter()
                .find(|slot| slot.name == column.column);
            let agree = slot.is_none_or(|slot| slot.rule.same(&first.value, &column.value));
            if !agree {
                out.problems.push(Problem {
                    code: codes::TARGETS_DISAGREE,
                    field: self.field_name(column.field).to_owned(),
                    column: column.column.clone(),
                    message: format!(
                        "it disagrees with `{}`, which writes the same column",
                        self.field_name(first.field)
                    ),
                    fix: Some("make both lookups name the same record".to_owned()),
                });
            }
        }
        out.columns = kept;
    }

    pub(crate) fn problem(
        &self,
        field: usize,
        side: Side,
        slot: usize,
        code: Code,
        message: String,
    ) -> Problem {
        let fix = match code {
            codes::VALUE_UNMAPPED => {
                Some("add it to the value map, or correct the record".to_owned())
            }
            _ => None,
        };
        Problem {
            code,
            field: self.field_name(field).to_owned(),
            column: self.slots[side][slot].name.clone(),
            message,
            fix,
        }
    }
}

/// A value of side `from` after its value map, default and conversion.
pub(crate) fn transformed(
    transform: &Transform,
    from: Side,
    value: &Value,
    target: &ColumnType,
    scale: Option<u32>,
) -> Result<Value, (Code, String)> {
    let mapped = transform
        .values
        .as_ref()
        .and_then(|values| values.apply(from, value));
    if let Some(mapped) = mapped {
        return Ok(mapped.clone());
    }
    if value.is_null() {
        return Ok(transform.default[from.other()]
            .clone()
            .unwrap_or(Value::Null));
    }
    if transform.values.is_some() {
        let why = format!("{} has no counterpart in the value map", measured(value));
        return Err((codes::VALUE_UNMAPPED, why));
    }
    convert(value, target, scale).map_err(|why| (codes::NOT_CONVERTIBLE, why))
}
