//! `duet import`: turns maps of Dual-write into map files.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::microsoft::maps::{self, Action};
use crate::microsoft::{Gathered, environment, known, sources};
use crate::project;
use crate::terminal::{Terminal, table};
use clap::Args;
use duet_map::diagnostic::{Diagnostic, Severity};
use duet_map::microsoft::{Found, Imported, Known, import, latest};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `duet import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet import maps.json                     an export of msdyn_dualwriteentitymaps
  duet import Solution_1_0_0_1_managed.zip  an exported solution, or its unpacked folder
  duet import --environment                 what the Dataverse of duet.yaml keeps
  duet import maps.json --dry-run           what would come, and what no map can say

Each map is written with the document it came from beside it (`.microsoft.json`), so that
`duet export` gives back what went in. A map that is there and differs is kept.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub struct ImportArgs {
    /// JSON files, exported solutions or folders of them
    #[arg(
        value_name = "FILE",
        required_unless_present = "environment",
        conflicts_with = "environment"
    )]
    files: Vec<PathBuf>,
    /// Read the maps of the project's Dataverse
    #[arg(long)]
    environment: bool,
    /// The folder to write maps into; `maps/imported` beside duet.yaml without it
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    /// Ask both systems of duet.yaml for names and keys
    #[arg(long)]
    connect: bool,
    /// Import every saved version of a map, not only the latest
    #[arg(long)]
    all_versions: bool,
    /// Write over maps that are there and differ
    #[arg(long)]
    replace: bool,
    /// Write nothing, tell what would be imported
    #[arg(long)]
    dry_run: bool,
    /// Warnings end with exit code 1 too
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    maps: Vec<Row>,
    mappings: usize,
    lines: usize,
    older_versions: usize,
    findings: Vec<Diagnostic>,
}

#[derive(Debug, Serialize)]
struct Row {
    map: String,
    left: String,
    right: String,
    mappings: usize,
    lines: usize,
    file: String,
    action: Action,
}

/// Gathers the documents, imports and writes them.
pub async fn run(args: ImportArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let gathered = if args.environment {
        environment::gather(&project::config(global)?).await?
    } else {
        let mut gathered = Gathered::default();
        for file in &args.files {
            let more = sources::gather(file)?;
            gathered.found.extend(more.found);
            gathered.findings.extend(more.findings);
        }
        gathered
    };
    let mut findings = gathered.findings;
    let (found, older_versions) = if args.all_versions {
        (gathered.found, 0)
    } else {
        latest(gathered.found)
    };
    let mut known = known::carried()?;
    let mut imported = all(&found, &known);
    if args.connect {
        let files: Vec<_> = imported.iter().filter_map(|one| one.file.clone()).collect();
        known::connect(&mut known, &project::config(global)?, &files).await?;
        imported = all(&found, &known);
    }
    maps::name_apart(&mut imported);
    let folder = args.to.clone().unwrap_or_else(|| {
        let project = global.config.parent().unwrap_or(std::path::Path::new(""));
        project.join("maps/imported")
    });
    let mut report = Report {
        maps: Vec::new(),
        mappings: 0,
        lines: 0,
        older_versions,
        findings: Vec::new(),
    };
    for one in imported {
        report.mappings += one.mappings;
        report.lines += one.lines;
        findings.extend(one.findings);
        let Some(file) = one.file else { continue };
        let path = maps::path(&folder, &file.map.value);
        let text = file.to_yaml();
        let action = maps::plan(&path, &text, args.replace)?;
        if !args.dry_run {
            maps::write(&path, &text, &one.carried, action)?;
        }
        if action == Action::Beside {
            findings.push(maps::kept(&path));
        }
        report.maps.push(Row {
            map: file.map.value,
            left: file.ends.left.entity.value,
            right: file.ends.right.entity.value,
            mappings: one.mappings,
            lines: one.lines,
            file: path.display().to_string(),
            action,
        });
    }
    report.findings = findings;
    if !terminal.json() {
        terminal.findings(&report.findings);
    }
    let worst = report.findings.iter().map(|finding| finding.severity).max();
    terminal.data(&report, told);
    let bad = match worst {
        Some(Severity::Error) => true,
        Some(Severity::Warning) => args.strict,
        _ => false,
    };
    Ok(if bad { Exit::Findings } else { Exit::Done })
}

fn all(found: &[Found], known: &Known) -> Vec<Imported> {
    found
        .iter()
        .flat_map(|found| import(found, known))
        .collect()
}

fn told(report: &Report) -> String {
    let rows = report
        .maps
        .iter()
        .map(|row| {
            vec![
                row.map.clone(),
                row.left.clone(),
                row.right.clone(),
                row.mappings.to_string(),
                row.lines.to_string(),
                row.action.as_str().to_owned(),
            ]
        })
        .collect();
    let header = ["map", "left", "right", "mappings", "lines", "file"];
    let mut text = table(&header, &[3, 4], rows);
    // Writing into a string cannot fail.
    let _ = write!(
        text,
        "\n\nMaps: {}. Field mappings: {}, of which {} are lines and {} are left out.",
        report.maps.len(),
        report.mappings,
        report.lines,
        report.mappings - report.lines
    );
    if report.older_versions > 0 {
        let _ = write!(
            text,
            "\nOlder versions that were not imported: {}. `--all-versions` takes them too.",
            report.older_versions
        );
    }
    text
}
