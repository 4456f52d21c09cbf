//! Findings that a map's author has looked at and accepts, each with a reason.

use crate::codes;
use crate::diagnostic::{Code, Diagnostic, Place, Severity};
use crate::file::{Allowed, Field, MapFile};
use crate::side::Side;
use serde::Serialize;
use std::ops::RangeInclusive;

/// Codes of findings that every check looks for; whether others arise depends on how it is called.
const ALWAYS: RangeInclusive<u16> = 1010..=1153;

/// An accepted finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// What was found.
    #[serde(flatten)]
    pub finding: Diagnostic,
    /// Why it does no harm.
    pub why: String,
}

/// What is left to act on, and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Findings that nobody has accepted.
    pub open: Vec<Diagnostic>,
    /// Findings that a map accepts.
    pub accepted: Vec<Accepted>,
}

/// Takes out what the maps accept (`allow:`). Errors cannot be accepted; an entry that accepts
/// nothing is a finding of its own, as long as its map has no errors that may hide it.
pub fn accept(findings: Vec<Diagnostic>, files: &[MapFile]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut used: Vec<Vec<bool>> = files
        .iter()
        .map(|file| vec![false; file.allow.len()])
        .collect();
    let mut failed: Vec<bool> = vec![false; files.len()];
    let mut more = Vec::new();
    for finding in findings {
        let place = finding.place.as_ref();
        let Some(index) = place.and_then(|place| files.iter().position(|f| stands_in(f, place)))
        else {
            verdict.open.push(finding);
            continue;
        };
        let file = &files[index];
        let entry = file.allow.iter().position(|allowed| {
            allowed.code.value == finding.code && at_line(file, allowed, place)
        });
        failed[index] |= finding.severity == Severity::Error;
        match entry {
            None => verdict.open.push(finding),
            Some(entry) if finding.severity == Severity::Error => {
                used[index][entry] = true;
                more.push(cannot(&file.allow[entry]));
                verdict.open.push(finding);
            }
            Some(entry) => {
                used[index][entry] = true;
                verdict.accepted.push(Accepted {
                    finding,
                    why: file.allow[entry].why.clone(),
                });
            }
        }
    }
    for (index, file) in files
        .iter()
        .enumerate()
        .filter(|(index, _)| !failed[*index])
    {
        let unused = file
            .allow
            .iter()
            .zip(&used[index])
            .filter(|(allowed, used)| !**used && ALWAYS.contains(&allowed.code.value.0));
        more.extend(unused.map(|(allowed, _)| needless(allowed)));
    }
    verdict.open.extend(more);
    verdict
}

/// Whether the place lies in this map's file.
fn stands_in(file: &MapFile, place: &Place) -> bool {
    file.map
        .at
        .0
        .as_ref()
        .is_some_and(|own| own.file == place.file)
}

/// Whether the finding stands at a line that mentions the entry's column.
fn at_line(file: &MapFile, allowed: &Allowed, place: Option<&Place>) -> bool {
    let Some(column) = &allowed.column else {
        return true;
    };
    let begins = |field: &&Field| {
        let start = field.at.0.as_ref().map(|at| at.line);
        start.is_some_and(|line| place.is_some_and(|place| line <= place.line))
    };
    let mentions = |field: &Field| {
        Side::BOTH.into_iter().any(|side| {
            super::end(field, side).is_some_and(|end| {
                end.value
                    .split(['.', '(', ')'])
                    .any(|name| name.eq_ignore_ascii_case(column))
            })
        })
    };
    // A field may take several lines: the last one that begins before the place is meant.
    file.fields.iter().rfind(begins).is_some_and(mentions)
}

fn cannot(allowed: &Allowed) -> Diagnostic {
    told(
        codes::ALLOW_ERROR,
        allowed,
        format!(
            "{} stops the map and cannot be accepted",
            allowed.code.value
        ),
        "an error means that the map cannot run as it is",
        "correct the map, and drop the entry",
    )
}

fn needless(allowed: &Allowed) -> Diagnostic {
    told(
        codes::ALLOW_UNUSED,
        allowed,
        format!(
            "{} does not arise, and is accepted all the same",
            allowed.code.value
        ),
        "the entry would hide the finding if it came back for another reason",
        "drop the entry",
    )
}

fn told(code: Code, allowed: &Allowed, message: String, note: &str, fix: &str) -> Diagnostic {
    Diagnostic {
        code,
        severity: Severity::Warning,
        message,
        place: allowed.code.at.place(),
        notes: vec![note.to_owned()],
        fix: Some(fix.to_owned()),
    }
}
