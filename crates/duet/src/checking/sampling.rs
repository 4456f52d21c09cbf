//! How many rows would be parked, and by which rule: a sample of the rows that are there.
//!
//! The first rows of each table are read, translated and checked as they would be before a write;
//! nothing is written and nothing kept. Lookups are followed, page by page ([`super::references`]): a
//! row counts where neither side has the record that it names. Memory is bounded by the size of the
//! sample; findings name records by their identifiers and never show a value.

use super::references::References;
use crate::failure::Failure;
use duet_map::analysis::RowCounts;
use duet_map::codes;
use duet_map::diagnostic::{Code, Diagnostic, Severity};
use duet_map::key::KeyProblem;
use duet_map::lookup::{FindNeed, LookupNeed, ResolvedLookups};
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

/// The engine's code for a row that waits for a record.
const NO_TARGET: Code = Code(2102);

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
                .read(map, side, &References { maps, systems }, companies, most)
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
        references: &References<'_>,
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
            let page = references.systems[side]
                .snapshot(&request)
                .await
                .map_err(|error| {
                    let doing = format!("rows of {} cannot be read", map.table(side));
                    Failure::system(&doing, &error)
                })?;
            let records = page.records.iter().take(most - self.read);
            let records: Vec<&Record> = records.collect();
            self.read += records.len();
            let inside = records
                .into_iter()
                .filter(|record| map.passes(side, &record.row))
                .collect();
            self.judge(map, side, references, inside).await?;
            after = page.next;
            if after.is_none() {
                self.whole = true;
                break;
            }
        }
        Ok(())
    }

    /// Judges the rows of a page.
    async fn judge(
        &mut self,
        map: &CompiledMap,
        side: Side,
        references: &References<'_>,
        records: Vec<&Record>,
    ) -> Result<(), Failure> {
        let rows: Vec<&Row> = records.iter().map(|record| &record.row).collect();
        let resolved = references.answers(map, side, &rows).await?;
        let fields = map.all_fields(side);
        let mut waiting: Vec<(&Record, usize, FindNeed)> = Vec::new();
        for record in records {
            self.judge_one(map, side, record, &resolved);
            let translation = map.translate(side, &record.row, &fields, &resolved, true);
            waiting.extend(translation.waiting.into_iter().filter_map(|one| {
                let LookupNeed::Find(need) = one.need else {
                    return None;
                };
                let creates = map.new_record(one.field, &need).is_some();
                (!creates).then_some((record, one.field, need))
            }));
        }
        let missing: HashSet<FindNeed> = waiting.iter().map(|(.., need)| need.clone()).collect();
        let nowhere = references
            .nowhere(side, missing.into_iter().collect())
            .await?;
        for (record, field, need) in waiting {
            if nowhere.contains(&need) {
                let tables: Vec<&str> = need
                    .candidates
                    .iter()
                    .map(|one| one.table.as_str())
                    .collect();
                let why = format!(
                    "neither side has the record of {} that it names",
                    tables.join(" or ")
                );
                let fix = "create the record, or correct the row";
                let id = record.id.to_string();
                self.add(NO_TARGET, map.field_name(field), &why, Some(fix), &id);
            }
        }
        Ok(())
    }

    fn judge_one(
        &mut self,
        map: &CompiledMap,
        side: Side,
        record: &Record,
        resolved: &ResolvedLookups,
    ) {
        let id = record.id.to_string();
        match map.key(side, &record.row, resolved) {
            Ok(key) if self.keys.insert(key.0.clone()) => {}
            Ok(_) => self.add(
                KEY_TWICE,
                "key",
                "another record carries the same key",
                None,
                &id,
            ),
            // Where the other side numbers new records, an empty key is no fault.
            Err(KeyProblem::Needs(_) | KeyProblem::Unresolved(_)) => {}
            Err(_) if map.allocates() == Some(side.other()) => {}
            Err(problem) => self.add(NO_KEY, "key", &problem.to_string(), None, &id),
        }
        for problem in problems(map, side, &record.row, resolved) {
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

/// What stands against writing this row to the other side as a new record.
fn problems(map: &CompiledMap, from: Side, row: &Row, resolved: &ResolvedLookups) -> Vec<Problem> {
    let fields = map.all_fields(from);
    let translation = map.translate(from, row, &fields, resolved, true);
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
