//! `duet retry`: parked changes become pending again.

use super::Global;
use super::order::{Orders, carried_out, decider, take_up};
use super::parked::Selection;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::Terminal;
use clap::Args;
use duet_engine::decisions::retry_parked;
use serde_json::json;

/// Arguments of `duet retry`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet retry
  duet retry --number 4711
  duet retry --reason validation --map finance/customers-v3.accounts

A running `duet run` takes them up by itself; otherwise the next `duet sync` or `duet run` does.")]
pub struct RetryArgs {
    #[command(flatten)]
    selection: Selection,
}

/// Makes them pending and tells how many there were.
pub async fn run(args: RetryArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let desk = Orders::open(global)?;
    let parked = args.selection.into();
    let count = retry_parked(desk.store.as_ref(), &parked, &decider(None)).await?;
    let running = take_up(&desk.config, desk.store.as_ref()).await;
    let when = carried_out(running);
    terminal.data(&json!({"retried": count}), |_| match count {
        0 => "No parked change fits; `duet parked` lists them.".to_owned(),
        1 => format!("1 change will be tried again.{when}"),
        count => format!("{count} changes will be tried again.{when}"),
    });
    Ok(Exit::Done)
}
