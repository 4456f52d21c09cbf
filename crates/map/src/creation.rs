//! The record that a lookup must point at and that is missing, where its line says `else create`.

use crate::check::objection;
use crate::compiled::{CompiledMap, Kind, NewCompany};
use crate::lookup::{FindCandidate, FindNeed, LookupNeed};
use crate::problem::Problem;
use crate::value::{Row, Value};

/// A record to create so that a lookup can point at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// Its table.
    pub table: String,
    /// Its columns: what it was sought by, and what the line names.
    pub row: Row,
    /// The lookup column that takes the company's record, and the question which one that is.
    pub company: Option<(String, LookupNeed)>,
}

impl CompiledMap {
    /// The record that this field creates where nothing answers to `need`; `None` where it waits for
    /// somebody else to create it. A value that the table would refuse is told as a problem.
    pub fn new_record(&self, field: usize, need: &FindNeed) -> Option<Result<NewRecord, Problem>> {
        let Kind::Lookup(lookup) = &self.units.get(field)?.kind else {
            return None;
        };
        let creation = lookup.creation.as_ref()?;
        let candidate = need.candidates.first()?;
        if lookup.side != need.side || need.candidates.len() != 1 {
            return None;
        }
        let mut row = creation.columns.clone();
        for (name, value) in &candidate.equal {
            let end = lookup
                .parts
                .iter()
                .flat_map(|part| &part.ends)
                .find(|end| end.table == candidate.table && end.path == *name)?;
            if let Some((code, message, fix)) = objection(&end.ty, value) {
                return Some(Err(Problem {
                    code,
                    field: self.field_name(field).to_owned(),
                    column: format!("{name} of {}", candidate.table),
                    message,
                    fix: Some(fix.to_owned()),
                }));
            }
            row.set(name.clone(), value.clone());
        }
        let company = match (&creation.company, &need.company) {
            (None, _) => None,
            // Without a company no record of a striped table can be born.
            (Some(_), None) => return None,
            (Some(NewCompany::Text(column)), Some(code)) => {
                row.set(column.clone(), Value::text(code.clone()));
                None
            }
            (
                Some(NewCompany::Lookup {
                    column,
                    table,
                    path,
                }),
                Some(code),
            ) => {
                let find = FindNeed {
                    side: need.side,
                    candidates: vec![FindCandidate {
                        table: table.clone(),
                        equal: vec![(path.clone(), Value::text(code.clone()))],
                    }],
                    company: None,
                };
                Some((column.clone(), LookupNeed::Find(find)))
            }
        };
        Some(Ok(NewRecord {
            table: candidate.table.clone(),
            row,
            company,
        }))
    }
}
