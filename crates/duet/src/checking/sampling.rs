//! How many rows would be parked, and by which rule: a sample of the rows that are there.
//!
//! The first rows of each table are read, translated and checked as they would be before a write;
//! nothing is written and nothing kept. Lookups are not followed, because what they name may be on
//! its way: rules about them are left to the run. Memory is bounded by the size of the sample;
//! findings name records by their identifiers and never show a value.

use crate::failure::Failure;
use duet_map::analysis::RowCounts;
use duet_map::codes;
use duet_map::diagnostic::{Code, Diagnostic, Severity};
use duet_map::key::KeyProblem;
use duet_map::lookup::ResolvedLookups;
use duet_map::record::Record;
use duet_map::side::{PerSide, Side};
use duet_map::value::Row;
use duet_map::{CompiledMap, Problem};
use duet_systems::{SnapshotRequest, System};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// How many records stand for those that fail one rule.
const EXAMPLES: usize = 3;

/// The engine's code for a row whose key cannot be computed.
const NO_KEY: Code = Code(2101);

/// The engine's code for a key that several records carry.
const KEY_TWICE: Code = Code(2103);

/// Reads up to `most` rows of each side that a map sends, and tells what would become of them. A
/// table that is read to its end is counted in `counts`.
pub async fn check(
    maps: &[CompiledMap],
    systems: &PerSide<Arc<dyn System>>,
    companies: &[String],
    most: usize,
    counts: &mut RowCounts,
) -> Result<Vec<Diagnostic>, Failure> {
    let mut found = Vec::new();
    for map in maps {
        for side in Side::BOTH.into_iter().filter(|side| map.flows(*side)) {
            let mut sample = Sample::default();
            sample
                .read(map, side, systems[side].as_ref(), companies, most)
                .await?;
            if sample.whole && companies.is_empty() {
                let table = map.table(side).to_lowercase();
                counts[side].insert(table, sample.read as u64);
            }
            found.extend(sample.findings(map, side));
        }
    }
    Ok(found)
}

/// What the rows of one side of a map came to.
#[derive(Default)]
struct Sample {
    read: usize,
    whole: bool,
    keys: HashSet<String>,
    /// By the rule and the field that it concerns.
    failing: BTreeMap<(Code, String), Failing>,
}

struct Failing {
    rows: usize,
    why: String,
    fix: Option<String>,
    examples: Vec<String>,
}

impl Sample {
    async fn read(
        &mut self,
        map: &CompiledMap,
        side: Side,
        system: &dyn System,
        companies: &[String],
        most: usize,
    ) -> Result<(), Failure> {
        let mut after = None;
        while self.read < most {
            let request = SnapshotRequest {
                table: map.table(side).to_owned(),
                columns: map.columns(side).to_vec(),
                companies: companies.to_vec(),
                after,
            };
            let page = system.snapshot(&request).await.map_err(|error| {
                let doing = format!("rows of {} cannot be read", map.table(side));
                Failure::system(&doing, &error)
            })?;
            for record in page.records.iter().take(most - self.read) {
                self.read += 1;
                self.judge(map, side, record);
            }
            after = page.next;
            if after.is_none() {
                self.whole = true;
                break;
            }
        }
        Ok(())
    }

    fn judge(&mut self, map: &CompiledMap, side: Side, record: &Record) {
        if !map.passes(side, &record.row) {
            return;
        }
        let id = record.id.to_string();
        let nothing = ResolvedLookups::new();
        match map.key(side, &record.row, &nothing) {
            Ok(key) if self.keys.insert(key.0.clone()) => {}
            Ok(_) => self.add(
                KEY_TWICE,
                "key",
                "another record carries the same key",
                None,
                &id,
            ),
            // Where the other side numbers new records, an empty key is no fault.
            Err(KeyProblem::Needs(_)) => {}
            Err(_) if map.allocates() == Some(side.other()) => {}
            Err(problem) => self.add(NO_KEY, "key", &problem.to_string(), None, &id),
        }
        for problem in problems(map, side, &record.row) {
            self.add(
                problem.code,
                &problem.field,
                &problem.message,
                problem.fix.as_deref(),
                &id,
            );
        }
    }

    fn add(&mut self, code: Code, field: &str, why: &str, fix: Option<&str>, id: &str) {
        let failing = self
            .failing
            .entry((code, field.to_owned()))
            .or_insert_with(|| Failing {
                rows: 0,
                why: why.to_owned(),
                fix: fix.map(str::to_owned),
                examples: Vec::new(),
            });
        failing.rows += 1;
        if failing.examples.len() < EXAMPLES {
            failing.examples.push(id.to_owned());
        }
    }

    fn findings(self, map: &CompiledMap, side: Side) -> Vec<Diagnostic> {
        let table = map.table(side);
        let read = self.read;
        let extent = if self.whole {
            format!("all {read} rows of {table} were looked at")
        } else {
            format!("the first {read} rows of {table} were looked at; `--data ROWS` reads more")
        };
        let failing = self.failing.into_iter();
        failing
            .map(|((code, field), failing)| {
                let line = map
                    .file()
                    .fields
                    .iter()
                    .find(|line| field.starts_with(&line.to_string()));
                let at = line.map_or(&map.file().ends[side].entity.at, |line| &line.at);
                Diagnostic {
                    code,
                    severity: Severity::Warning,
                    message: format!(
                        "{} of {read} rows of {table} would be parked by `{field}`",
                        failing.rows
                    ),
                    place: at.place(),
                    notes: vec![
                        format!("the first of them: {}", failing.why),
                        format!("for example {}", failing.examples.join("; ")),
                        extent.clone(),
                    ],
                    fix: failing.fix,
                }
            })
            .collect()
    }
}

/// What stands against writing this row to the other side as a new record, as far as the row
/// itself tells.
fn problems(map: &CompiledMap, from: Side, row: &Row) -> Vec<Problem> {
    let fields = map.all_fields(from);
    let translation = map.translate(from, row, &fields, &ResolvedLookups::new(), true);
    let mut target = Row::new();
    for column in translation.columns {
        target.set(column.column, column.value);
    }
    let mut problems = translation.problems;
    let refused = map.check(from.other(), &target, true).into_iter();
    // A column that waits for a lookup is not empty, only not known here.
    problems.extend(refused.filter(|problem| {
        problem.code != codes::REQUIRED_EMPTY || target.get(&problem.column).is_some()
    }));
    problems
}
