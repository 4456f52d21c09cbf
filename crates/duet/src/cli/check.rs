//! `duet check`: what is wrong with configuration and maps, before anything runs.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use crate::terminal::Terminal;
use clap::Args;
use duet_map::diagnostic::{Code, Diagnostic, Severity};
use serde::Serialize;
use std::collections::BTreeMap;

/// Arguments of `duet check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet check
  duet check --strict         warnings count as errors
  duet check --all            every warning, however many are alike
  duet check --json | jq -r '.findings[] | [.code, .message] | @tsv'

Reads both systems' schemas and writes nothing anywhere.")]
pub struct CheckArgs {
    /// Warnings end with exit code 1 too
    #[arg(long)]
    strict: bool,
    /// Show every warning; otherwise only the first of those that are alike
    #[arg(long)]
    all: bool,
}

/// How many warnings of one code are shown without `--all`.
const ALIKE: usize = 2;

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
        let (shown, folded) = fold(&checked.findings, args.all);
        terminal.findings(&shown);
        for (code, count) in folded {
            terminal.say(&format!(
                "{code}: {count} more like these; `duet check --all` shows them."
            ));
        }
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

/// What is shown, and how many warnings of which code are left out.
fn fold(findings: &[Diagnostic], all: bool) -> (Vec<Diagnostic>, BTreeMap<Code, usize>) {
    let mut seen: BTreeMap<Code, usize> = BTreeMap::new();
    let mut folded: BTreeMap<Code, usize> = BTreeMap::new();
    let mut shown = Vec::new();
    for finding in findings {
        let count = seen.entry(finding.code).or_default();
        *count += 1;
        if all || finding.severity == Severity::Error || *count <= ALIKE {
            shown.push(finding.clone());
        } else {
            *folded.entry(finding.code).or_default() += 1;
        }
    }
    (shown, folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: u16, severity: Severity) -> Diagnostic {
        Diagnostic {
            code: Code(code),
            severity,
            message: String::new(),
            place: None,
            notes: Vec::new(),
            fix: None,
        }
    }

    #[test]
    fn many_alike_warnings_fold_and_errors_never_do() {
        let mut findings = vec![finding(1011, Severity::Error); 5];
        findings.extend(vec![finding(1050, Severity::Warning); 5]);
        let (shown, folded) = fold(&findings, false);
        assert_eq!(shown.len(), 5 + ALIKE);
        assert_eq!(folded, BTreeMap::from([(Code(1050), 5 - ALIKE)]));
        assert_eq!(fold(&findings, true).0.len(), 10);
    }
}
