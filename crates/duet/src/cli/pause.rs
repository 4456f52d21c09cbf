//! `duet pause`: changes go on being captured and queue, nothing is written.

use super::Global;
use super::order::{Orders, counted, effect};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::Terminal;
use clap::Args;
use duet_engine::{Clock, SystemClock, orders};
use duet_store::lifecycle::Wanted;
use serde_json::json;

/// Arguments of `duet pause`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet pause                                    everything, from a second terminal
  duet pause finance/customers-v3.accounts --reason 'month end'

Nothing is lost while a map is paused, however long: its changes queue in the store.
`duet resume` goes on.")]
pub struct PauseArgs {
    /// The maps; all when none is named
    #[arg(value_name = "MAP")]
    maps: Vec<String>,
    /// Why, for whoever looks at `duet status`
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Gives the order and waits until it is carried out.
pub async fn run(args: PauseArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let desk = Orders::open(global)?;
    let maps = desk.maps(&args.maps).await?;
    let now = SystemClock.now();
    orders::pause(desk.store.as_ref(), &maps, args.reason, now).await?;
    let running = desk.is_running();
    let done = desk.carry_out(&maps, Wanted::Pause).await?;
    terminal.data(
        &json!({"paused": maps, "running": running, "done": done}),
        |_| format!("Paused {}.{}", counted(&maps), effect(running, done)),
    );
    Ok(Exit::Done)
}
