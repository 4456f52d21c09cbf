//! `duet conflicts`: fields that both sides changed, who won, and the value that lost.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use crate::terminal::{Terminal, table};
use clap::Args;
use duet_map::side::Side;
use duet_store::conflict::{Conflict, ConflictFilter};

/// Arguments of `duet conflicts`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet conflicts
  duet conflicts --map finance/customers-v3.accounts --json

The values of both sides are shown here, and only here: they are business data.")]
pub struct ConflictsArgs {
    /// Only of this map
    #[arg(long, value_name = "MAP")]
    map: Option<String>,
    /// Most conflicts to list
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: usize,
}

/// Lists conflict records, newest first.
pub async fn run(
    args: ConflictsArgs,
    global: &Global,
    terminal: Terminal,
) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let store = project::open_store_to_read(&config)?;
    let conflicts = store
        .conflicts(
            &ConflictFilter {
                map: args.map,
                ..ConflictFilter::default()
            },
            args.limit,
        )
        .await?;
    terminal.data(&conflicts, |conflicts| text(conflicts));
    Ok(Exit::Done)
}

fn text(conflicts: &[Conflict]) -> String {
    if conflicts.is_empty() {
        return "No conflicts.".to_owned();
    }
    let rows = conflicts
        .iter()
        .flat_map(|conflict| {
            conflict.fields.iter().map(|field| {
                let (kept, lost, column) = match field.winner {
                    Some(Side::Left) | None => (&field.left, &field.right, &field.left_column),
                    Some(Side::Right) => (&field.right, &field.left, &field.right_column),
                };
                vec![
                    conflict.at.strftime("%F %T").to_string(),
                    conflict.map.clone(),
                    conflict.key.to_string(),
                    column.clone(),
                    match field.winner {
                        Some(side) => format!("{side} ({})", conflict.policy),
                        None => "nobody yet".to_owned(),
                    },
                    kept.to_string(),
                    lost.to_string(),
                ]
            })
        })
        .collect();
    let header = [
        "at (UTC)",
        "map",
        "record",
        "field",
        "won by",
        "value kept",
        "value lost",
    ];
    table(&header, &[], rows)
}
