//! Lines between two lookups: whose record on this side becomes whose on the other.
//!
//! Without paths (`PARENT = parentid`) the pair of the map that joins the two tables answers. With
//! paths (`PARENT.CODE = parentid.code`) the record is named by what stands behind the one lookup
//! and searched behind the other, which pairs answer too where the path is the key of their map.

use crate::codes;
use crate::compiled::{CompiledMap, TwinPart, Twins};
use crate::key::end_of;
use crate::lookup::{
    CounterpartNeed, FindCandidate, FindNeed, FollowNeed, LookupNeed, Resolution, ResolvedLookups,
};
use crate::needs::RowCompany;
use crate::problem::Problem;
use crate::side::Side;
use crate::translate::{Translation, Waiting, transformed};
use crate::value::{Row, Value};

/// The questions that the value of one lookup raises first.
pub(crate) fn first_needs(twins: &Twins, from: Side, value: &Value) -> Vec<LookupNeed> {
    let Some(reference) = value.as_reference() else {
        return Vec::new();
    };
    if twins.parts.is_empty() {
        return vec![LookupNeed::Counterpart(CounterpartNeed {
            side: from,
            reference: reference.clone(),
            tables: twins.tables[from.other()].clone(),
        })];
    }
    let flowing = twins.parts.iter().filter(|part| part.flows[from]);
    flowing
        .filter_map(|part| follow(part, from, value))
        .collect()
}

fn follow(part: &TwinPart, from: Side, value: &Value) -> Option<LookupNeed> {
    let end = end_of(&part.ends[from], value)?;
    Some(LookupNeed::Follow(FollowNeed {
        side: from,
        reference: value.as_reference()?.clone(),
        path: end.path.clone(),
    }))
}

/// A line between two lookups, on its way from one side.
#[derive(Clone, Copy)]
pub(crate) struct Crossing<'m> {
    pub(crate) field: usize,
    pub(crate) from: Side,
    pub(crate) twins: &'m Twins,
}

/// What the values behind one lookup say about the other.
enum Sought {
    Found(Value),
    Waiting(LookupNeed),
    Problem(Problem),
}

impl CompiledMap {
    pub(crate) fn translate_twins(
        &self,
        crossing: Crossing<'_>,
        row: &Row,
        company: &RowCompany,
        resolved: &ResolvedLookups,
        out: &mut Translation,
    ) {
        let Crossing { field, from, twins } = crossing;
        let to = from.other();
        let Some(value) = row.get(&self.slots[from][twins.slots[from]].name) else {
            return;
        };
        let sought = if value.is_null() {
            Sought::Found(Value::Null)
        } else {
            self.sought(crossing, value, company, resolved)
        };
        match sought {
            Sought::Found(found) => self.put(out, field, to, twins.slots[to], found),
            Sought::Waiting(need) => out.waiting.push(Waiting { field, need }),
            Sought::Problem(problem) => out.problems.push(problem),
        }
    }

    fn sought(
        &self,
        crossing: Crossing<'_>,
        value: &Value,
        company: &RowCompany,
        resolved: &ResolvedLookups,
    ) -> Sought {
        let Crossing { field, from, twins } = crossing;
        let need = if twins.parts.is_empty() {
            match first_needs(twins, from, value).pop() {
                Some(need) => need,
                None => return self.not_sought(crossing, "it holds no reference"),
            }
        } else {
            match self.behind_twin(crossing, value, company, resolved) {
                Ok(find) => LookupNeed::Find(find),
                Err(other) => return *other,
            }
        };
        match resolved.get(&need) {
            Some(Resolution::Found(found)) => Sought::Found(found.clone()),
            Some(Resolution::Ambiguous) => {
                let slot = twins.slots[from.other()];
                let why = "several records answer to it".to_owned();
                let problem = self.problem(field, from.other(), slot, codes::LOOKUP_AMBIGUOUS, why);
                Sought::Problem(Problem {
                    fix: Some("make the key of the referenced table unique".to_owned()),
                    ..problem
                })
            }
            Some(Resolution::Missing | Resolution::Renaming { .. }) | None => Sought::Waiting(need),
        }
    }

    fn not_sought(&self, crossing: Crossing<'_>, why: &str) -> Sought {
        let Crossing { field, from, twins } = crossing;
        let slot = twins.slots[from];
        Sought::Problem(self.problem(field, from, slot, codes::NOT_CONVERTIBLE, why.to_owned()))
    }

    /// The search on the other side, by what stands behind the lookup of this one.
    fn behind_twin(
        &self,
        crossing: Crossing<'_>,
        value: &Value,
        company: &RowCompany,
        resolved: &ResolvedLookups,
    ) -> Result<FindNeed, Box<Sought>> {
        let Crossing { field, from, twins } = crossing;
        let to = from.other();
        let mut values = Vec::with_capacity(twins.parts.len());
        for part in &twins.parts {
            if !part.flows[from] {
                values.push(Value::Null);
                continue;
            }
            let Some(need) = follow(part, from, value) else {
                let why = "it points at a table that the path does not cover";
                return Err(Box::new(self.not_sought(crossing, why)));
            };
            let Some(Resolution::Found(behind)) = resolved.get(&need) else {
                return Err(Box::new(Sought::Waiting(need)));
            };
            let Some(end) = part.ends[to].first() else {
                continue;
            };
            match transformed(&part.transform, from, behind, &end.ty, None) {
                Ok(Value::Null) => {
                    let slot = twins.slots[from];
                    let why = "the record it points at has nothing to be named by".to_owned();
                    let problem = self.problem(field, from, slot, codes::REFERENCED_EMPTY, why);
                    return Err(Box::new(Sought::Problem(Problem {
                        fix: Some("fill it there, then retry".to_owned()),
                        ..problem
                    })));
                }
                Ok(value) => values.push(value),
                Err((code, why)) => {
                    let problem = self.problem(field, from, twins.slots[from], code, why);
                    return Err(Box::new(Sought::Problem(problem)));
                }
            }
        }
        let striped = twins.candidates[to]
            .iter()
            .any(|candidate| candidate.striped);
        let company = match company {
            _ if !striped => None,
            RowCompany::Known(company) => company.clone(),
            RowCompany::Behind(need) => return Err(Box::new(Sought::Waiting(need.clone()))),
        };
        let candidates = twins.candidates[to].iter().map(|candidate| FindCandidate {
            table: candidate.table.clone(),
            equal: candidate
                .equal
                .iter()
                .filter_map(|(part, end)| {
                    let path = twins.parts[*part].ends[to][*end].path.clone();
                    Some((path, values.get(*part)?.clone()))
                })
                .collect(),
        });
        Ok(FindNeed {
            side: to,
            candidates: candidates.collect(),
            company,
        })
    }
}
