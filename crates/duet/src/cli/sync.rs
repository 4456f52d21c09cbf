//! `duet sync`: brings existing rows into step, in dependency order; repeating it is harmless.

use super::Global;
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Shown;
use crate::project;
use crate::report;
use crate::terminal::Terminal;
use clap::Args;
use duet_engine::{Clock, SystemClock};
use std::sync::Arc;

/// Arguments of `duet sync`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet sync
  duet sync --json > figures.json

Interrupted, it goes on where it stopped. A second run finds nothing to write.")]
pub struct SyncArgs {
    /// End with exit code 1 when changes stay parked
    #[arg(long)]
    fail_on_parked: bool,
}

/// Runs the initial sync and shows its figures.
pub async fn run(args: &SyncArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let progress = Arc::new(Shown::new(terminal, Vec::new()));
    let prepared = project::prepare(&config, terminal).await?;
    let store = prepared.store();
    store.claim().await?;
    environment::confirm(store.as_ref(), &config, SystemClock.now()).await?;
    let engine = prepared.engine(&config, progress);
    let figures = engine.sync().await?;
    let parked: u64 = figures.maps.iter().map(|map| map.boxes.parked).sum();
    terminal.data(&figures, report::sync);
    if parked > 0 {
        terminal.say(&format!(
            "{parked} changes are parked: `duet parked` tells what they wait for."
        ));
    }
    Ok(if args.fail_on_parked && parked > 0 {
        Exit::Findings
    } else {
        Exit::Done
    })
}
