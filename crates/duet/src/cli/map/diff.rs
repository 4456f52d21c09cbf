//! `duet map diff`: what differs between two maps by what they mean.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::Terminal;
use clap::Args;
use duet_map::difference;

/// Arguments of `duet map diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet map diff maps/finance/customers-v3.accounts.yaml customers-v3.accounts
  duet map diff old.yaml new.yaml --json

The order of lines, spacing and comments do not count. Exit code 1 when the maps differ.")]
pub(super) struct DiffArgs {
    /// A map file, or the name of a published map
    before: String,
    /// The map that it is compared with
    after: String,
}

pub(super) fn run(args: &DiffArgs, terminal: Terminal) -> Result<Exit, Failure> {
    let (before, after) = (super::one(&args.before)?, super::one(&args.after)?);
    let differences = difference::between(&before, &after);
    terminal.data(&differences, |differences| match differences.as_slice() {
        [] => "the maps mean the same".to_owned(),
        some => {
            let lines: Vec<String> = some.iter().map(ToString::to_string).collect();
            lines.join("\n")
        }
    });
    Ok(if differences.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    })
}
