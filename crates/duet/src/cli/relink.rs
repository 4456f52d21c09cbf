//! `duet relink`: a side has another address, or was restored or copied; nothing is wiped.

use super::Global;
use super::order::Orders;
use crate::environment;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::map_files;
use crate::terminal::Terminal;
use clap::Args;
use duet_engine::{Clock, SystemClock, orders};
use duet_map::side::Side;
use duet_store::StoreError;
use serde_json::json;
use std::io::{BufRead, IsTerminal};

/// Arguments of `duet relink`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet relink                 after the address in duet.yaml was changed
  duet relink --side right    after the right side was restored from a backup
  duet relink --yes           without asking

Pairs, parked changes, conflicts and figures stay. At the next start every table of the side is read
whole, and only what differs is written.")]
pub struct RelinkArgs {
    /// The side; without it, those whose address changed
    #[arg(long, value_name = "SIDE", value_parser = ["left", "right"])]
    side: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Takes the new address as the same environment.
pub async fn run(args: RelinkArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let desk = Orders::open(global)?;
    let store = desk.store.as_ref();
    if desk.is_running() {
        return Err(StoreError::InUse {
            path: desk.config.store.display().to_string(),
        }
        .into());
    }
    let known = environment::known(store).await?;
    let found = environment::identities(&desk.config);
    let sides: Vec<Side> = Side::BOTH
        .into_iter()
        .filter(|side| match &args.side {
            Some(named) => *named == side.to_string(),
            None => known[*side]
                .as_ref()
                .is_some_and(|known| *known != found[*side]),
        })
        .collect();
    if sides.is_empty() {
        terminal.data(&json!({"relinked": []}), |_| {
            "Both sides have the address that the store knows; there is nothing to relink."
                .to_owned()
        });
        return Ok(Exit::Done);
    }
    for side in &sides {
        let known = known[*side].as_deref().unwrap_or("nothing yet");
        terminal.say(&format!("{side}: {known} -> {}", found[*side]));
    }
    if !args.yes && !agreed(terminal) {
        return Err(Failure::new(
            Exit::Usage,
            codes::NOT_CONFIRMED,
            "nothing was relinked: nobody said that it is the same environment",
            "answer `yes` when asked, or give `--yes`".to_owned(),
        ));
    }
    let (files, _) = map_files::parse(&map_files::read(&desk.config)?);
    let now = SystemClock.now();
    for side in &sides {
        let mut tables: Vec<String> = files
            .iter()
            .map(|file| file.ends[*side].entity.value.clone())
            .collect();
        tables.sort();
        tables.dedup();
        orders::relink(store, *side, &tables, now).await?;
    }
    environment::remember(store, &desk.config, now).await?;
    terminal.data(&json!({"relinked": sides}), |_| {
        "Relinked. The next `duet run` reads the tables whole and writes only what differs."
            .to_owned()
    });
    Ok(Exit::Done)
}

fn agreed(terminal: Terminal) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    terminal.say("Is this the same environment, or a copy of it? Type `yes` to go on:");
    let mut typed = String::new();
    // Whatever goes wrong here leaves the text empty, and that is a no.
    let _ = std::io::stdin().lock().read_line(&mut typed);
    typed.trim() == "yes"
}
