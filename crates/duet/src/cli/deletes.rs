//! `duet deletes`: mass deletions that wait for a person.

use super::Global;
use super::order::{carried_out, decider, take_up};
use crate::confirmation::confirm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{Terminal, table};
use crate::{map_files, project};
use clap::{Args, Subcommand};
use duet_engine::decisions::{self, HeldDeletions};
use duet_map::side::Side;
use serde_json::json;

/// Arguments of `duet deletes`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet deletes
  duet deletes confirm --map finance/customers-v3.accounts --yes

More deletions at once than `delete-brake` in duet.yaml lets pass wait here. To drop reported ones
instead: duet parked discard --reason mass-delete.")]
pub struct DeletesArgs {
    #[command(subcommand)]
    command: Option<DeletesCommand>,
}

/// What to do with them.
#[derive(Debug, Subcommand)]
pub enum DeletesCommand {
    /// Let the deletions pass
    Confirm(ConfirmArgs),
}

/// Arguments of `duet deletes confirm`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  duet deletes confirm --side left --yes")]
pub struct ConfirmArgs {
    /// Only of this map
    #[arg(long, value_name = "MAP")]
    map: Option<String>,
    /// Only of records that were deleted on this side
    #[arg(long, value_name = "SIDE")]
    side: Option<Side>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Who decides, for the records' stories; the user of this terminal if left out
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Lists what the brake holds, or lets it pass.
pub async fn run(args: DeletesArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let (files, findings) = map_files::parse(&map_files::read(&config)?);
    if !findings.is_empty() {
        return Err(Failure::configuration(findings));
    }
    let maps: Vec<String> = files.into_iter().map(|file| file.map.value).collect();
    let Some(DeletesCommand::Confirm(args)) = args.command else {
        let store = project::open_store_to_read(&config)?;
        let held = decisions::held_deletions(&*store, &maps).await?;
        terminal.data(&held, |held| text(held));
        return Ok(Exit::Done);
    };
    let store = project::open_store(&config)?;
    let mut held = decisions::held_deletions(&*store, &maps).await?;
    held.retain(|one| {
        args.map.as_ref().is_none_or(|map| *map == one.map)
            && args.side.is_none_or(|side| side == one.side)
    });
    if !held.is_empty() {
        terminal.say(&text(&held));
        let what = "These records will be deleted on the other side as well";
        confirm(terminal, what, "delete", args.yes)?;
    }
    let passed = decisions::confirm_deletions(&*store, &held, &decider(args.by)).await?;
    let running = take_up(&config, &*store).await;
    let compared = held.iter().filter(|one| one.missing.is_some()).count();
    terminal.data(
        &json!({"confirmed": passed, "comparisons": compared}),
        |_| {
            let when = carried_out(running);
            let tables = match compared {
                1 => "1 table".to_owned(),
                count => format!("{count} tables"),
            };
            let missing = format!("What the next comparison of key sets finds missing in {tables}");
            match (passed, compared) {
                (0, 0) => "No deletions wait.".to_owned(),
                (passed, 0) => format!("Deletions that will be applied: {passed}.{when}"),
                (0, _) => format!("{missing} will be deleted.{when}"),
                (passed, _) => {
                    format!("Deletions that will be applied: {passed}. {missing} follows.{when}")
                }
            }
        },
    );
    Ok(Exit::Done)
}

fn text(held: &[HeldDeletions]) -> String {
    if held.is_empty() {
        return "No deletions wait.".to_owned();
    }
    let rows = held
        .iter()
        .map(|one| {
            vec![
                one.map.clone(),
                one.side.to_string(),
                one.reported.to_string(),
                one.missing.clone().unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect();
    let header = ["map", "deleted on", "reported", "found missing"];
    let mut text = table(&header, &[2], rows);
    text.push_str(
        "\n\nTo let them pass: duet deletes confirm. To keep the other side's records: `duet deletes --help`.",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_deletions_are_listed_by_map_and_side() {
        let held = |side, reported, missing: Option<&str>| HeldDeletions {
            map: "customers".to_owned(),
            side,
            reported,
            missing: missing.map(str::to_owned),
        };
        let all = [
            held(Side::Left, 0, Some("more than 100 of 1000")),
            held(Side::Right, 240, None),
        ];
        insta::assert_snapshot!(text(&all), @"
        MAP        DELETED ON  REPORTED  FOUND MISSING
        customers  left               0  more than 100 of 1000
        customers  right            240  -

        To let them pass: duet deletes confirm. To keep the other side's records: `duet deletes --help`.
        ");
        insta::assert_snapshot!(text(&[]), @"No deletions wait.");
    }
}
