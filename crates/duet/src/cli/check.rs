//! `duet check`: what is wrong with configuration and maps, before anything runs.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use crate::terminal::Terminal;
use clap::Args;
use duet_map::diagnostic::{Diagnostic, Severity};
use serde::Serialize;

/// Arguments of `duet check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet check
  duet check --strict         warnings count as errors
  duet check --json | jq -r '.findings[] | [.code, .message] | @tsv'

Reads both systems' schemas and writes nothing anywhere.")]
pub struct CheckArgs {
    /// Warnings end with exit code 1 too
    #[arg(long)]
    strict: bool,
}

/// What the check found.
#[derive(Debug, Serialize)]
struct Checked {
    maps: usize,
    errors: usize,
    warnings: usize,
    findings: Vec<Diagnostic>,
}

/// Parses, fetches both schemas, compiles, and lists what was found.
pub async fn run(args: &CheckArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let checked = project::check(&config).await?;
    let count = |severity| {
        checked
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let checked = Checked {
        maps: checked.maps,
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        findings: checked.findings,
    };
    if !terminal.json() {
        terminal.findings(&checked.findings);
    }
    terminal.data(&checked, |checked| {
        let counted = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        format!(
            "{}, {}, {}",
            counted(checked.maps, "map"),
            counted(checked.errors, "error"),
            counted(checked.warnings, "warning")
        )
    });
    let bad = checked.errors > 0 || (args.strict && checked.warnings > 0);
    Ok(if bad { Exit::Findings } else { Exit::Done })
}
