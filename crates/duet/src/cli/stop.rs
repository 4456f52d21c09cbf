//! `duet stop`: nothing is captured or written for a map any more.

use super::Global;
use super::order::{Orders, counted, effect};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::Terminal;
use clap::Args;
use duet_engine::{Clock, SystemClock, orders};
use duet_store::lifecycle::Wanted;
use serde_json::json;

/// Arguments of `duet stop`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet stop finance/customers-v3.contacts

`duet start` lets it run again: it then reads its tables whole, so that nothing is missed, and writes
only what differs. To stop for a while, `duet pause` is cheaper.")]
pub struct StopArgs {
    /// The maps
    #[arg(value_name = "MAP", required = true)]
    maps: Vec<String>,
}

/// Gives the order and waits until it is carried out.
pub async fn run(args: StopArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let desk = Orders::open(global)?;
    let maps = desk.maps(&args.maps).await?;
    orders::stop(desk.store.as_ref(), &maps, SystemClock.now()).await?;
    let running = desk.is_running();
    let done = desk.carry_out(&maps, Wanted::Stop).await?;
    terminal.data(
        &json!({"stopped": maps, "running": running, "done": done}),
        |_| format!("Stopped {}.{}", counted(&maps), effect(running, done)),
    );
    Ok(Exit::Done)
}
