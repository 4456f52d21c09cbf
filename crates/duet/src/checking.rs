//! What `duet check` does: from configuration to findings, and nothing written to any system.
//!
//! 1. Map files are read and parsed, the schemas of both sides fetched, every map compiled.
//! 2. The rules of [`duet_map::analysis`] look at each map and at all of them together.
//! 3. [`lock`]: what has changed since deployment. [`companies`]: whether those in scope exist.
//! 4. [`sampling`], on request: how many rows would be parked, and by which rule.
//! 5. Findings that a map accepts are set apart; [`sarif`] writes the rest for other tools.

pub mod companies;
pub mod lock;
mod references;
pub mod sampling;
pub mod sarif;

use crate::config::Config;
use crate::failure::Failure;
use crate::map_files;
use crate::project;
use crate::schemas;
use duet_map::CompiledMap;
use duet_map::analysis::acceptance::{Accepted, accept};
use duet_map::analysis::{self, RowCounts, drift};
use duet_map::diagnostic::{Diagnostic, Severity};
use duet_map::file::MapFile;
use duet_map::schema::{SchemaSet, SchemaSource};
use duet_map::side::PerSide;
use duet_systems::System;
use serde::Serialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a check is asked to do beyond reading maps and schemas.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The lock to compare with, and to write.
    pub lock: PathBuf,
    /// Whether to write the lock once nothing stops a map.
    pub save: bool,
    /// How many rows of each table to look at.
    pub rows: Option<usize>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Checked {
    /// How many map files there are.
    pub maps: usize,
    /// How many findings stop a map.
    pub errors: usize,
    /// How many findings concern rows that will not fare as the author may think.
    pub warnings: usize,
    /// How many findings are only worth knowing.
    pub notes: usize,
    /// The findings that nobody has accepted, in the order of files and lines.
    pub findings: Vec<Diagnostic>,
    /// The findings that maps accept, with the reason.
    pub accepted: Vec<Accepted>,
    /// The lock that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved: Option<PathBuf>,
}

impl Checked {
    /// Keeps only the findings that a caller wants to see.
    pub fn retain(&mut self, wanted: impl Fn(&Diagnostic) -> bool) {
        self.findings.retain(&wanted);
        self.accepted.retain(|accepted| wanted(&accepted.finding));
        self.count();
    }

    fn count(&mut self) {
        let count = |severity| {
            let of = |finding: &&Diagnostic| finding.severity == severity;
            self.findings.iter().filter(of).count()
        };
        self.errors = count(Severity::Error);
        self.warnings = count(Severity::Warning);
        self.notes = count(Severity::Note);
    }
}

/// Everything that a check looks at.
struct Subject<'a> {
    config: &'a Config,
    files: Vec<MapFile>,
    maps: Vec<CompiledMap>,
    schemas: PerSide<SchemaSet>,
    systems: PerSide<Arc<dyn System>>,
}

/// Checks a project: every finding, and how bad they are.
pub async fn check(config: &Config, request: &Request) -> Result<Checked, Failure> {
    let sources = map_files::read(config)?;
    let systems = project::systems(config)?;
    let (files, mut findings) = map_files::parse(&sources);
    let schemas = schemas::fetch(&systems, &files).await?;
    let compiled = project::compile(&files, &schemas);
    findings.extend(compiled.findings);
    findings.extend(compiled.failed.into_iter().flat_map(|(_, more)| more));
    let subject = Subject {
        config,
        files,
        maps: compiled.maps,
        schemas,
        systems,
    };

    let mut rows = RowCounts::default();
    if let Some(most) = request.rows {
        let (maps, systems) = (&subject.maps, &subject.systems);
        let companies = &config.companies;
        findings.extend(sampling::check(maps, systems, companies, most, &mut rows).await?);
    }
    findings.extend(analysed(&subject, &ranks(&subject.maps, &sources), &rows));
    findings
        .extend(companies::check(&subject.maps, &subject.schemas, &subject.systems, config).await?);
    let before = lock::read(&request.lock);
    match &before {
        // A lock that is about to be written anew need not be compared with.
        _ if request.save => {}
        Ok(None) => {}
        Ok(Some(before)) => {
            findings.extend(before.moved(config));
            findings.extend(drift::check(
                &before.deployed,
                &subject.files,
                &subject.schemas,
            ));
        }
        Err(finding) => findings.push(*finding.clone()),
    }

    let mut verdict = accept(findings, &subject.files);
    analysis::in_reading_order(&mut verdict.open);
    let mut checked = Checked {
        maps: sources.len(),
        findings: verdict.open,
        accepted: verdict.accepted,
        ..Checked::default()
    };
    checked.count();
    if request.save && checked.errors == 0 {
        save(&subject, &request.lock)?;
        checked.saved = Some(request.lock.clone());
    }
    Ok(checked)
}

fn save(subject: &Subject<'_>, path: &Path) -> Result<(), Failure> {
    let lock = lock::Lock::of(subject.config, &subject.files, &subject.schemas);
    lock.write(path)
}

fn analysed(subject: &Subject<'_>, ranks: &[usize], rows: &RowCounts) -> Vec<Diagnostic> {
    let sources = PerSide {
        left: &subject.schemas.left as &dyn SchemaSource,
        right: &subject.schemas.right as &dyn SchemaSource,
    };
    let mut findings: Vec<Diagnostic> = subject
        .maps
        .iter()
        .flat_map(|map| analysis::of_map(map, &sources))
        .collect();
    findings.extend(analysis::of_project(&analysis::Project {
        maps: &subject.maps,
        ranks,
        companies: &subject.config.companies,
        rows,
    }));
    findings
}

/// Where each map's file stands among the entries of `maps:`.
fn ranks(maps: &[CompiledMap], sources: &[map_files::Source]) -> Vec<usize> {
    let by_file: HashMap<&str, usize> = sources
        .iter()
        .map(|source| (source.file.as_str(), source.rank))
        .collect();
    maps.iter()
        .map(|map| {
            let place = map.file().map.at.place();
            place
                .and_then(|place| by_file.get(place.file.as_str()).copied())
                .unwrap_or_default()
        })
        .collect()
}
