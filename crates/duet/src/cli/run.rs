//! `duet run`: keeps both systems in step until Ctrl-C, with the HTTP server beside it.

use super::Global;
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::live;
use crate::notifier::Notifier;
use crate::progress::Shown;
use crate::project;
use crate::terminal::Terminal;
use clap::Args;
use duet_engine::{Clock, Progress, SystemClock};
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
    let mut listeners: Vec<Box<dyn Progress>> = vec![Box::new(reach.clone())];
    if let Some(address) = project::alert_hook(&config)? {
        let notifier = Notifier::start(address, config.name.clone(), config.environment.clone());
        listeners.push(Box::new(notifier));
    }
    let progress = Arc::new(Shown::new(terminal, listeners));
    let prepared = project::prepare(&config, terminal).await?;
    let store = prepared.store();
    store.claim().await?;
    environment::confirm(store.as_ref(), &config, SystemClock.now()).await?;
    let sessions = prepared.sessions(&global.config, &config, progress).await?;
    let sessions = Arc::new(sessions);

    let (listener, address) = live::listen(config.listen.address).await?;
    terminal.say(&format!("serving http://{address}"));
    project::remember_address(store.as_ref(), address).await?;
    let service = Arc::new(Service {
        store,
        clock: Arc::new(SystemClock),
        reach,
        notices: Arc::clone(&sessions) as _,
        hook_secret,
    });
    live::until_asked_to_end(&sessions, listener, service, terminal).await?;
    Ok(Exit::Done)
}
