//! `duet run`: keeps both systems in step until Ctrl-C, with the HTTP server beside it.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::live;
use crate::progress::Shown;
use crate::project;
use crate::terminal::Terminal;
use clap::Args;
use duet_engine::SystemClock;
use duet_server::{Reach, Service};
use std::sync::Arc;

/// Arguments of `duet run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet run
  duet run & curl -s http://127.0.0.1:7180/ready

A project that was never synced is synced first.

Serves /health, /ready, /metrics, /api/status and the web hooks /hooks/left and /hooks/right
at the address `listen` in duet.yaml.")]
pub struct RunArgs {}

/// Runs until Ctrl-C or a termination signal.
pub async fn run(_args: &RunArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let hook_secret = project::hook_secret(&config)?;
    let reach = Reach::default();
    let progress = Arc::new(Shown::new(terminal, vec![Box::new(reach.clone())]));
    let prepared = project::prepare(&config, terminal).await?;
    let store = prepared.store();
    let engine = prepared.engine(&config, progress);
    engine.claim().await?;

    let (listener, address) = live::listen(config.listen.address).await?;
    terminal.say(&format!("serving http://{address}"));
    let service = Arc::new(Service {
        store,
        clock: Arc::new(SystemClock),
        reach,
        notices: Arc::new(engine.clone()),
        hook_secret,
    });
    live::until_asked_to_end(&engine, listener, service, terminal).await?;
    Ok(Exit::Done)
}
