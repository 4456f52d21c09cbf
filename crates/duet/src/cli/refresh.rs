//! `duet refresh` and `duet reload`: the process that runs reads metadata, maps and `duet.yaml` again.

use super::Global;
use super::order::Orders;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::terminal::Terminal;
use clap::Args;
use duet_engine::orders::{self, Answer, Request};
use duet_engine::{Clock, SystemClock};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long the answer may take: metadata of both sides is read.
const PATIENCE: Duration = Duration::from_mins(3);

/// Arguments of `duet refresh`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet refresh                      the metadata of all tables
  duet refresh CustomersV3 accounts

`duet run` also does this by itself: from time to time, and when an error looks as if a schema had
changed. Maps that a schema breaks are error-paused, and the others go on.")]
pub struct RefreshArgs {
    /// The tables; all when none is named
    #[arg(value_name = "TABLE")]
    tables: Vec<String>,
}

/// Arguments of `duet reload`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet reload

Takes up changed, new and removed maps, companies, alert rules and settings without a restart. New
fields and companies are brought into step by reading the map's tables again. Files with errors change
nothing.")]
pub struct ReloadArgs {}

/// Asks for metadata to be read again.
pub async fn run(args: RefreshArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    ask(Request::Refresh(args.tables), global, terminal).await
}

/// Asks for everything to be read again.
pub async fn reload(
    _args: ReloadArgs,
    global: &Global,
    terminal: Terminal,
) -> Result<Exit, Failure> {
    ask(Request::Reload, global, terminal).await
}

async fn ask(request: Request, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let desk = Orders::open(global)?;
    if !desk.is_running() {
        terminal.data(&json!({"running": false}), |_| {
            "Nothing runs now; the next `duet run` reads everything anew.".to_owned()
        });
        return Ok(Exit::Done);
    }
    let store = desk.store.as_ref();
    let at = SystemClock.now();
    orders::ask(store, request, at).await?;
    desk.knock().await;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(answer) = orders::answer(store, at).await? {
            return told(&answer, terminal);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Failure::new(
        Exit::Findings,
        codes::NOT_RELOADED,
        "`duet run` has not answered yet",
        "look at its output; it may be waiting for a side that does not answer".to_owned(),
    ))
}

fn told(answer: &Answer, terminal: Terminal) -> Result<Exit, Failure> {
    if let Some(reason) = &answer.refused {
        return Err(Failure::new(
            Exit::Configuration,
            codes::NOT_RELOADED,
            format!("nothing was changed: {reason}"),
            "`duet check` shows each finding with its place".to_owned(),
        ));
    }
    terminal.data(answer, |answer| {
        let mut lines = vec![if answer.changed {
            format!("{} maps run as they are now.", answer.maps)
        } else {
            format!("Nothing has changed; {} maps run.", answer.maps)
        }];
        for (map, reason) in &answer.broken {
            lines.push(format!("{map} is error-paused: {reason}"));
        }
        lines.join("\n")
    });
    Ok(if answer.broken.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    })
}
