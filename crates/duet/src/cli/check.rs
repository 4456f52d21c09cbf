//! `duet check`: what is wrong with configuration and maps, before anything runs.

use super::Global;
use crate::checking::{self, Checked, Request, lock, sarif};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use crate::terminal::Terminal;
use clap::{Args, ValueEnum};
use duet_map::diagnostic::{Code, Diagnostic, Severity};
use std::collections::BTreeMap;

/// Arguments of `duet check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet check
  duet check --deny warnings     warnings end with exit code 1 too
  duet check --only DUET1130     one kind of finding, each of them
  duet check --data 5000         how many rows would be parked, and by which rule
  duet check --save              remember maps and schemas in duet.lock
  duet check --format sarif > duet.sarif
  duet check --json | jq -r '.findings[] | [.code, .message] | @tsv'

Reads both systems and writes nothing to them. Exit code 1: something is denied.")]
pub struct CheckArgs {
    /// Findings that end with exit code 1 although they stop no map
    #[arg(long, value_name = "LEVEL")]
    deny: Option<Deny>,
    /// The same as `--deny warnings`
    #[arg(long)]
    strict: bool,
    /// Show every finding; otherwise only the first warnings and notes of those that are alike
    #[arg(long)]
    all: bool,
    /// Look at findings of these codes only
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    only: Vec<Code>,
    /// Leave findings of these codes out
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    ignore: Vec<Code>,
    /// How findings are written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Look at rows too, the first 1000 of each table, and count those that would be parked
    #[arg(long, value_name = "ROWS", num_args = 0..=1, default_missing_value = "1000")]
    data: Option<usize>,
    /// Write duet.lock: maps and schemas as they are, for later checks to compare with
    #[arg(long)]
    save: bool,
}

/// What ends with exit code 1 beside errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deny {
    /// Warnings
    Warnings,
    /// Warnings and notes
    Notes,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// The same as `--json`
    Json,
    /// SARIF 2.1.0, for code hosts and editors
    Sarif,
}

/// How many warnings or notes of one code are shown without `--all`.
const ALIKE: usize = 2;

/// Parses, fetches both schemas, compiles, analyses, and lists what was found.
pub async fn run(args: &CheckArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let request = Request {
        lock: lock::beside(&global.config),
        save: args.save,
        rows: args.data,
    };
    let mut checked = checking::check(&config, &request).await?;
    checked.retain(|finding| {
        (args.only.is_empty() || args.only.contains(&finding.code))
            && !args.ignore.contains(&finding.code)
    });
    let json = terminal.json() || args.format == Format::Json;
    if args.format == Format::Sarif {
        let log = sarif::log(&checked, &config.folder);
        terminal.with_json(true).data(&log, |_| String::new());
    } else {
        if !json {
            tell(&checked, args.all || !args.only.is_empty(), terminal);
        }
        terminal.with_json(json).data(&checked, summary);
    }
    let strict = args.strict || args.deny.is_some();
    let bad = checked.errors > 0
        || (strict && checked.warnings > 0)
        || (args.deny == Some(Deny::Notes) && checked.notes > 0);
    Ok(if bad { Exit::Findings } else { Exit::Done })
}

fn tell(checked: &Checked, all: bool, terminal: Terminal) {
    let (shown, folded) = fold(&checked.findings, all);
    terminal.findings(&shown);
    for (code, count) in folded {
        terminal.say(&format!(
            "{code}: {count} more like these; `duet check --only {code}` shows them."
        ));
    }
    if let Some(lock) = &checked.saved {
        terminal.say(&format!(
            "Maps and schemas are remembered in {}.",
            lock.display()
        ));
    }
}

fn summary(checked: &Checked) -> String {
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let mut parts = vec![
        counted(checked.maps, "map"),
        counted(checked.errors, "error"),
        counted(checked.warnings, "warning"),
    ];
    if checked.notes > 0 {
        parts.push(counted(checked.notes, "note"));
    }
    if !checked.accepted.is_empty() {
        parts.push(format!("{} accepted", checked.accepted.len()));
    }
    parts.join(", ")
}

/// What is shown, and how many warnings and notes of which code are left out.
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
