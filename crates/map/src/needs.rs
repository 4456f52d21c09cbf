//! Which other records translating a row needs to know.
//!
//! [`CompiledMap::needs`] collects the questions; the translation asks the same ones again to find
//! their answers, so both come from here.

use crate::compiled::{CompanyColumn, CompiledMap, Kind, Lookup, Part, PathEnd};
use crate::field_set::FieldSet;
use crate::key::end_of;
use crate::lookup::{FindCandidate, FindNeed, FollowNeed, LookupNeed, ResolvedLookups};
use crate::problem::Problem;
use crate::side::Side;
use crate::translate::transformed;
use crate::twins::first_needs;
use crate::value::{Row, Value};

/// What a row's values say about the record that a lookup must point at.
pub(crate) enum Search {
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

/// The company of a row, read once for all its lookups.
pub(crate) enum RowCompany {
    /// Behind a lookup that has not been answered, or leads nowhere.
    Behind(LookupNeed),
    /// As folded text; `None` for shared maps and rows without company.
    Known(Option<String>),
}

impl CompiledMap {
    /// The questions about other records that translating these fields of the row raises. For a
    /// record that will be created, `create` adds the company's.
    pub fn needs(&self, from: Side, row: &Row, fields: &FieldSet, create: bool) -> Vec<LookupNeed> {
        let mut needs = Vec::new();
        let company = self.row_company(from, row, &ResolvedLookups::new());
        let mut add = |need: LookupNeed| {
            if !needs.contains(&need) {
                needs.push(need);
            }
        };
        for field in fields.iter() {
            let lookup = match self.units.get(field).map(|unit| &unit.kind) {
                Some(Kind::Lookup(lookup)) => lookup,
                Some(Kind::Twins(twins)) => {
                    let value = row.value(&self.slots[from][twins.slots[from]].name);
                    first_needs(twins, from, value)
                        .into_iter()
                        .for_each(&mut add);
                    continue;
                }
                _ => continue,
            };
            if lookup.side == from {
                let value = row.value(&self.slots[from][lookup.slot].name);
                for part in lookup.parts.iter().filter(|part| part.flows[from]) {
                    if let Some((need, _)) = follow_need(from, part, value) {
                        add(need);
                    }
                }
            } else {
                match self.search(field, from, lookup, row, &company) {
                    Search::Find(find) => add(LookupNeed::Find(find)),
                    Search::Company(need) => add(need),
                    Search::Nothing | Search::Problem(_) | Search::Unread => {}
                }
            }
        }
        if create {
            match &company {
                RowCompany::Behind(need) => add(need.clone()),
                RowCompany::Known(_) => {
                    if let Some(need) = self.company_find(from, &company) {
                        add(need);
                    }
                }
            }
        }
        needs
    }

    /// What the row says about the record that the lookup must point at.
    pub(crate) fn search(
        &self,
        field: usize,
        from: Side,
        lookup: &Lookup,
        row: &Row,
        company: &RowCompany,
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
        let striped = lookup.candidates.iter().any(|candidate| candidate.striped);
        let company = match company {
            _ if !striped => None,
            RowCompany::Known(company) => company.clone(),
            RowCompany::Behind(need) => return Search::Company(need.clone()),
        };
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

    /// The question for the company record that a new record of the other side must point at.
    pub(crate) fn company_find(&self, from: Side, company: &RowCompany) -> Option<LookupNeed> {
        let to = from.other();
        let CompanyColumn::Lookup { table, path, .. } = &self.company.as_ref()?[to] else {
            return None;
        };
        let RowCompany::Known(Some(code)) = company else {
            return None;
        };
        Some(LookupNeed::Find(FindNeed {
            side: to,
            candidates: vec![FindCandidate {
                table: table.clone(),
                equal: vec![(path.clone(), Value::Text(code.clone()))],
            }],
            company: None,
        }))
    }

    /// The company of a row, or the question it stands behind.
    pub(crate) fn row_company(
        &self,
        side: Side,
        row: &Row,
        resolved: &ResolvedLookups,
    ) -> RowCompany {
        match self.company_need(side, row, resolved) {
            Some(need) => RowCompany::Behind(need),
            None => RowCompany::Known(self.company(side, row, resolved)),
        }
    }
}

/// The question that a lookup's reference raises for one part, and the path end it reads; none
/// where the lookup is empty or points at a table that the path does not cover.
pub(crate) fn follow_need<'a>(
    from: Side,
    part: &'a Part,
    value: &Value,
) -> Option<(LookupNeed, &'a PathEnd)> {
    let end = end_of(&part.ends, value)?;
    let need = LookupNeed::Follow(FollowNeed {
        side: from,
        reference: value.as_reference()?.clone(),
        path: end.path.clone(),
    });
    Some((need, end))
}
