//! Finds what maps that compile will do that nobody wants, before anything runs.
//!
//! The compiler refuses what cannot run. What is found here runs, but parks rows, loses or
//! rewrites values, or waits for records that nobody brings. Each rule states the facts that
//! clash and what will happen; rules that cannot be sure stay silent.
//!
//! 1. [`of_map`]: one map and its two tables: [`keys`], [`lookups`], [`filters`], [`targets`],
//!    [`sources`], [`round_trips`], [`policies`].
//! 2. [`of_project`]: maps among each other: [`owners`], [`cycles`], [`rivals`], [`scope`].
//! 3. [`drift`]: the schemas and maps of a lock against those of today.
//! 4. [`acceptance`]: findings that a map's author has accepted.

pub mod acceptance;
mod cycles;
pub mod drift;
mod filters;
mod keys;
mod lookups;
mod owners;
mod policies;
mod rivals;
mod round_trips;
mod scope;
mod sources;
mod targets;
mod written;

use crate::compiled::{CompiledMap, Kind, Unit};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::file::{Field, Mark, Marked};
use crate::schema::SchemaSource;
use crate::side::{PerSide, Side};

pub use scope::RowCounts;

/// What the rules that look across maps need to know.
#[derive(Clone, Copy)]
pub struct Project<'a> {
    /// Every map that compiles.
    pub maps: &'a [CompiledMap],
    /// Where each map stands in the order that the project's owner gave, by its index in `maps`.
    /// Maps of equal rank have no order. Empty: nobody ordered them.
    pub ranks: &'a [usize],
    /// The companies in scope; empty: all.
    pub companies: &'a [String],
    /// How many rows the tables hold, where that is known.
    pub rows: &'a RowCounts,
}

/// What one map and its tables will do that nobody wants.
pub fn of_map(map: &CompiledMap, schemas: &PerSide<&dyn SchemaSource>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    found.extend(keys::check(map));
    found.extend(lookups::check(map, schemas));
    found.extend(filters::check(map));
    found.extend(targets::check(map));
    found.extend(sources::check(map));
    found.extend(round_trips::check(map));
    found.extend(policies::check(map));
    found
}

/// What maps will do to each other.
pub fn of_project(project: &Project<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    found.extend(owners::check(project.maps));
    found.extend(cycles::check(project.maps, project.ranks));
    found.extend(rivals::check(project.maps));
    found.extend(scope::check(project));
    found
}

/// Sorts findings as a reader goes through the files; what has no place comes first.
pub fn in_reading_order(findings: &mut [Diagnostic]) {
    let key = |finding: &Diagnostic| {
        finding
            .place
            .as_ref()
            .map(|place| (place.file.clone(), place.line, place.column))
    };
    findings.sort_by(|a, b| {
        key(a)
            .cmp(&key(b))
            .then(b.severity.cmp(&a.severity))
            .then(a.code.cmp(&b.code))
    });
}

fn warning(
    code: Code,
    at: &Mark,
    message: String,
    notes: Vec<String>,
    fix: impl Into<String>,
) -> Diagnostic {
    finding(Severity::Warning, code, at, message, notes, fix)
}

fn note(
    code: Code,
    at: &Mark,
    message: String,
    notes: Vec<String>,
    fix: impl Into<String>,
) -> Diagnostic {
    finding(Severity::Note, code, at, message, notes, fix)
}

fn finding(
    severity: Severity,
    code: Code,
    at: &Mark,
    message: String,
    notes: Vec<String>,
    fix: impl Into<String>,
) -> Diagnostic {
    Diagnostic {
        code,
        severity,
        message,
        place: at.place(),
        notes,
        fix: Some(fix.into()),
    }
}

/// A field's end as its author wrote it.
fn end(field: &Field, side: Side) -> Option<&Marked<String>> {
    match side {
        Side::Left => field.left.as_ref(),
        Side::Right => field.right.as_ref(),
    }
}

/// The column of the table itself with which a field's end begins.
fn column_of(field: &Field, side: Side) -> Option<&str> {
    end(field, side)?.value.split('.').next()
}

/// The line of the file that a unit comes from, the first where several lines make one lookup.
fn line_of<'m>(map: &'m CompiledMap, unit: &Unit) -> Option<&'m Field> {
    map.file().fields.iter().find(|field| {
        let line = field.to_string();
        unit.name
            .strip_prefix(&line)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(", "))
    })
}

fn mark_of(map: &CompiledMap, unit: &Unit) -> Mark {
    line_of(map, unit).map_or_else(Mark::default, |field| field.at.clone())
}

/// The first line that names this column of a side, else the side's table.
fn mark_of_column(map: &CompiledMap, side: Side, column: &str) -> Mark {
    let names = |field: &&Field| {
        column_of(field, side).is_some_and(|name| name.eq_ignore_ascii_case(column))
    };
    map.file().fields.iter().find(names).map_or_else(
        || map.file().ends[side].entity.at.clone(),
        |field| field.at.clone(),
    )
}

/// The units that carry values from a side, constants left out.
fn flowing(map: &CompiledMap, from: Side) -> impl Iterator<Item = &Unit> {
    map.units
        .iter()
        .filter(move |unit| unit.flows[from] && !matches!(unit.kind, Kind::Constant { .. }))
}

/// Whether the column of this slot is part of the integration key.
fn in_key(map: &CompiledMap, side: Side, slot: usize) -> bool {
    map.key.iter().any(|part| part.at[side].slot() == slot)
}

/// The first few of a list of names, in back quotes, and how many follow.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let head: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let head = head.join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => head,
        Some(more) => format!("{head} and {more} more"),
    }
}
