//! `duet trace`: the story of a record, change by change.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use crate::terminal::{Terminal, table};
use clap::Args;
use duet_store::store::Activity;

/// Arguments of `duet trace`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet trace us-001
  duet trace 'usmf / us-001' --json")]
pub struct TraceArgs {
    /// A text that the record's key contains, in any case (`us-001`)
    #[arg(value_name = "RECORD")]
    record: String,
    /// Most lines to show
    #[arg(long, default_value_t = 200, value_name = "COUNT")]
    limit: usize,
}

/// Shows the story, oldest first.
pub async fn run(args: TraceArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let opened = project::open_store_to_read(&config)?;
    let story = opened
        .activity(&args.record.to_lowercase(), args.limit)
        .await?;
    terminal.data(&story, |story| text(story));
    Ok(Exit::Done)
}

fn text(story: &[Activity]) -> String {
    if story.is_empty() {
        return "No change of such a record was ever captured.".to_owned();
    }
    let rows = story
        .iter()
        .map(|line| {
            let took = line.at.duration_since(line.journaled_at);
            vec![
                line.at.strftime("%F %T%.3f").to_string(),
                line.map.clone(),
                line.key.to_string(),
                line.side.to_string(),
                line.outcome.clone(),
                format!("{} ms", took.as_millis()),
                line.detail.clone(),
            ]
        })
        .collect();
    let header = [
        "settled at (UTC)",
        "map",
        "record",
        "from",
        "outcome",
        "after",
        "detail",
    ];
    table(&header, &[5], rows)
}
