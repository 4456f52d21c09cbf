//! `duet blueprint`: writes down what the project syncs, why, and in which order.

use super::Global;
use crate::blueprint::{Blueprint, html, markdown};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use crate::stand_ins::unwritable;
use crate::terminal::Terminal;
use clap::{Args, ValueEnum};
use std::fs;
use std::path::PathBuf;

/// Arguments of `duet blueprint`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet blueprint --to blueprint.md
  duet blueprint --format html --to blueprint.html
  duet blueprint --offline          without asking any system: no volumes, no order
  duet blueprint --json | jq -r '.maps[].map'

Reads both systems and writes nothing to them. The page needs nothing from outside and prints well.")]
pub struct BlueprintArgs {
    /// The form
    #[arg(long, value_enum, default_value_t = Format::Md)]
    format: Format,
    /// The file to write; standard output without it
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Ask no system
    #[arg(long)]
    offline: bool,
    /// Rows to count of each table before the count ends
    #[arg(long, value_name = "ROWS", default_value_t = 100_000)]
    count_at_most: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Markdown
    Md,
    /// One page of HTML
    Html,
}

/// Gathers and writes.
pub async fn run(
    args: BlueprintArgs,
    global: &Global,
    terminal: Terminal,
) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let blueprint =
        Blueprint::gather(&config, (!args.offline).then_some(args.count_at_most)).await?;
    let text = |blueprint: &Blueprint| match args.format {
        Format::Md => markdown::render(blueprint),
        Format::Html => html::render(blueprint),
    };
    match &args.to {
        Some(file) => {
            fs::write(file, text(&blueprint)).map_err(|error| unwritable(file, &error))?;
            terminal.say(&format!(
                "{} tells of {} maps.",
                file.display(),
                blueprint.maps.len()
            ));
        }
        None => terminal.data(&blueprint, text),
    }
    Ok(Exit::Done)
}
