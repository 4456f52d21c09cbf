//! Translates the changed fields of a row into columns of the other side.
//!
//! First [`CompiledMap::needs`] tells which other records must be looked at; the caller resolves
//! them; then [`CompiledMap::translate`] makes the columns. What still waits for a record, and
//! what can never be carried over, comes back beside them. A question that only arises with the
//! answer to another (the company of a row behind a lookup) is reported as waiting: resolve it
//! and translate again.

use crate::codes;
use crate::compiled::{CompanyColumn, CompiledMap, Direct, Kind, Lookup, Part, PathEnd, Transform};
use crate::convert::convert;
use crate::diagnostic::Code;
use crate::field_set::FieldSet;
use crate::key::end_of;
use crate::lookup::{FindCandidate, FindNeed, FollowNeed, LookupNeed, Resolution, ResolvedLookups};
use crate::problem::{Problem, measured};
use crate::schema::ColumnType;
use crate::side::Side;
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

/// What a row's values say about the record that a lookup must point at.
enum Search {
    /// They name none: the lookup is cleared.
    Nothing,
    /// They name this one.
    Find(FindNeed),
    /// The row's own company must be known first.
    Company(LookupNeed),
    /// They cannot be searched for.
    Problem(Problem),
    /// They were not read, so nothing is said of the lookup.
    Unread,
}

impl CompiledMap {
    /// The questions about other records that translating these fields of the row raises. For a
    /// record that will be created, `create` adds the company's.
    pub fn needs(&self, from: Side, row: &Row, fields: &FieldSet, create: bool) -> Vec<LookupNeed> {
        let mut needs = Vec::new();
        let nothing = ResolvedLookups::new();
        let mut add = |need: LookupNeed| {
            if !needs.contains(&need) {
                needs.push(need);
            }
        };
        for field in fields.iter() {
            let Some(Kind::Lookup(lookup)) = self.units.get(field).map(|unit| &unit.kind) else {
                continue;
            };
            if lookup.side == from {
                let value = row.value(&self.slots[from][lookup.slot].name);
                for part in lookup.parts.iter().filter(|part| part.flows[from]) {
                    if let Some((need, _)) = follow_need(from, part, value) {
                        add(need);
                    }
                }
            } else {
                match self.search(field, from, lookup, row, &nothing) {
                    Search::Find(find) => add(LookupNeed::Find(find)),
                    Search::Company(need) => add(need),
                    Search::Nothing | Search::Problem(_) | Search::Unread => {}
                }
            }
        }
        if create {
            if let Some(need) = self.company_need(from, row, &nothing) {
                add(need);
            }
            if let Some(need) = self.company_find(from, row, &nothing) {
                add(need);
            }
        }
        needs
    }

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
        if create {
            self.translate_company(from, row, resolved, &mut out);
        }
        for (field, unit) in self.units.iter().enumerate() {
            match &unit.kind {
                Kind::Constant { to, slot, value } => {
                    if create && *to != from {
                        self.put(&mut out, field, *to, *slot, value.clone());
                    }
                }
                _ if !unit.flows[from] || !fields.contains(field) => {}
                Kind::Direct(direct) => self.translate_direct(field, from, direct, row, &mut out),
                Kind::Lookup(lookup) if lookup.side == from => {
                    self.translate_from_lookup(field, from, lookup, row, resolved, &mut out);
                }
                Kind::Lookup(lookup) => {
                    self.translate_to_lookup(field, from, lookup, row, resolved, &mut out);
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
                    Some(Resolution::Ambiguous | Resolution::Missing) | None => {
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
        row: &Row,
        resolved: &ResolvedLookups,
        out: &mut Translation,
    ) {
        let to = from.other();
        let find = match self.search(field, from, lookup, row, resolved) {
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
            Some(Resolution::Missing) | None => out.waiting.push(Waiting { field, need }),
        }
    }

    /// What the row says about the record that the lookup must point at.
    fn search(
        &self,
        field: usize,
        from: Side,
        lookup: &Lookup,
        row: &Row,
        resolved: &ResolvedLookups,
    ) -> Search {
        let mut values: Vec<Value> = Vec::with_capacity(lookup.parts.len());
        for part in &lookup.parts {
            if !part.flows[from] {
                values.push(Value::Null);
                continue;
            }
            let source = &self.slots[from][part.plain];
            let Some(value) = row.get(&source.name) else {
                return Search::Unread;
            };
            let value = source.rule.canonical(value);
            let ty = part.ends.first().map_or(&source.ty, |end| &end.ty);
            match transformed(&part.transform, from, &value, ty, None) {
                Ok(value) => values.push(value),
                Err((code, why)) => {
                    return Search::Problem(self.problem(field, from, part.plain, code, why));
                }
            }
        }
        // What the record itself holds names it; without that there is nothing to point at.
        let flowing = || {
            lookup
                .parts
                .iter()
                .zip(&values)
                .filter(|(part, _)| part.flows[from])
        };
        let any_direct = flowing().any(|(part, _)| part.direct);
        let nothing =
            flowing().any(|(part, value)| value.is_null() && (part.direct || !any_direct));
        if nothing {
            return Search::Nothing;
        }
        let mut company = None;
        if lookup.candidates.iter().any(|candidate| candidate.striped) {
            if let Some(need) = self.company_need(from, row, resolved) {
                return Search::Company(need);
            }
            company = self.company(from, row, resolved);
        }
        let candidates = lookup
            .candidates
            .iter()
            .map(|candidate| FindCandidate {
                table: candidate.table.clone(),
                equal: candidate
                    .equal
                    .iter()
                    .map(|(part, end)| {
                        (
                            lookup.parts[*part].ends[*end].path.clone(),
                            values[*part].clone(),
                        )
                    })
                    .collect(),
            })
            .collect();
        Search::Find(FindNeed {
            side: from.other(),
            candidates,
            company,
        })
    }

    /// The question for the target's company record.
    fn company_find(
        &self,
        from: Side,
        row: &Row,
        resolved: &ResolvedLookups,
    ) -> Option<LookupNeed> {
        let to = from.other();
        let CompanyColumn::Lookup { table, path, .. } = &self.company.as_ref()?[to] else {
            return None;
        };
        let code = self.company(from, row, resolved)?;
        Some(LookupNeed::Find(FindNeed {
            side: to,
            candidates: vec![FindCandidate {
                table: table.clone(),
                equal: vec![(path.clone(), Value::Text(code))],
            }],
            company: None,
        }))
    }

    fn translate_company(
        &self,
        from: Side,
        row: &Row,
        resolved: &ResolvedLookups,
        out: &mut Translation,
    ) {
        let Some(company) = &self.company else { return };
        let (field, to) = (self.units.len(), from.other());
        if let Some(need) = self.company_need(from, row, resolved) {
            return out.waiting.push(Waiting { field, need });
        }
        match &company[to] {
            CompanyColumn::Text(slot) => {
                if let Some(code) = self.company(from, row, resolved) {
                    self.put(out, field, to, *slot, Value::Text(code));
                }
            }
            CompanyColumn::Lookup { slot, .. } => {
                let Some(need) = self.company_find(from, row, resolved) else {
                    return;
                };
                match resolved.get(&need) {
                    Some(Resolution::Found(found)) => {
                        self.put(out, field, to, *slot, found.clone());
                    }
                    Some(Resolution::Missing | Resolution::Ambiguous) | None => {
                        out.waiting.push(Waiting { field, need });
                    }
                }
            }
        }
    }

    /// Adds a column; nothing becomes the type's empty value where the column cannot be empty.
    fn put(&self, out: &mut Translation, field: usize, to: Side, slot: usize, value: Value) {
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

    fn problem(
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

/// The question that a lookup's reference raises for one part, and the path end it reads; none
/// where the lookup is empty or points at a table that the path does not cover.
fn follow_need<'a>(from: Side, part: &'a Part, value: &Value) -> Option<(LookupNeed, &'a PathEnd)> {
    let end = end_of(&part.ends, value)?;
    let need = LookupNeed::Follow(FollowNeed {
        side: from,
        reference: value.as_reference()?.clone(),
        path: end.path.clone(),
    });
    Some((need, end))
}

/// A value of side `from` after its value map, default and conversion.
fn transformed(
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
