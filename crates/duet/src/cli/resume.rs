//! `duet resume` and `duet start`: a paused or stopped map runs again, and the queue ends as asked.

use super::Global;
use super::order::{Orders, counted, effect};
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::terminal::Terminal;
use clap::Args;
use duet_engine::{Clock, SystemClock, orders};
use duet_store::Store;
use duet_store::lifecycle::{Queue, Wanted};
use serde_json::json;
use std::io::{BufRead, IsTerminal, Write};

/// Arguments of `duet resume`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet resume                              all maps; what queued is applied in order
  duet resume customers --keep-parked      live now; the queue waits as parked changes
  duet resume customers --discard          live now; the queue is thrown away

Parked changes are listed by `duet parked --reason held` and applied by `duet retry --reason held`.
A map that a changed schema paused accepts the schema as it is.")]
pub struct ResumeArgs {
    /// The maps; all when none is named
    #[arg(value_name = "MAP")]
    maps: Vec<String>,
    #[command(flatten)]
    queue: QueueArgs,
    /// What would be typed at the question of `--discard`, for scripts
    #[arg(long, value_name = "TEXT", requires = "discard")]
    confirm: Option<String>,
}

/// What becomes of the changes that queued.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct QueueArgs {
    /// Apply them in order, then go live (default)
    #[arg(long)]
    catch_up: bool,
    /// Park them and go live now
    #[arg(long)]
    keep_parked: bool,
    /// Discard them and go live now; asks first
    #[arg(long)]
    discard: bool,
}

/// Arguments of `duet start`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet start finance/customers-v3.contacts

Reads the map's tables whole before it goes live, so that nothing is missed; writes only what differs.")]
pub struct StartArgs {
    /// The maps
    #[arg(value_name = "MAP", required = true)]
    maps: Vec<String>,
}

/// Gives the order and waits until it is carried out.
pub async fn run(args: ResumeArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let desk = Orders::open(global)?;
    let maps = desk.maps(&args.maps).await?;
    let queue = match &args.queue {
        QueueArgs { discard: true, .. } => Queue::Discard,
        QueueArgs {
            keep_parked: true, ..
        } => Queue::KeepParked,
        _ => Queue::CatchUp,
    };
    let mut pending = 0;
    for line in desk.store.audit().await? {
        if maps.contains(&line.map) {
            pending += line.boxes.pending;
        }
    }
    if queue == Queue::Discard {
        confirm(pending, args.confirm.as_deref(), terminal)?;
    }
    order(&desk, &maps, queue, pending, terminal).await
}

/// Starts stopped maps.
pub async fn start(args: StartArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let desk = Orders::open(global)?;
    let maps = desk.maps(&args.maps).await?;
    order(&desk, &maps, Queue::CatchUp, 0, terminal).await
}

async fn order(
    desk: &Orders,
    maps: &[String],
    queue: Queue,
    pending: u64,
    terminal: Terminal,
) -> Result<Exit, Failure> {
    orders::resume(desk.store.as_ref(), maps, queue, SystemClock.now()).await?;
    let running = desk.is_running();
    let done = desk.carry_out(maps, Wanted::Run).await?;
    let data = json!({
        "resumed": maps,
        "queue": queue,
        "queued": pending,
        "running": running,
        "done": done,
    });
    terminal.data(&data, |_| {
        let queued = match (queue, pending) {
            (_, 0) => String::new(),
            (Queue::CatchUp, count) => format!(" Applied first: {}.", changes(count)),
            (Queue::KeepParked, count) => {
                let kept = changes(count);
                format!(" Parked: {kept}, which `duet retry --reason held` applies.")
            }
            (Queue::Discard, count) => format!(" Discarded: {}.", changes(count)),
        };
        format!(
            "Resumed {}.{queued}{}",
            counted(maps),
            effect(running, done)
        )
    });
    Ok(Exit::Done)
}

/// `1 change` or `3 changes`.
fn changes(count: u64) -> String {
    match count {
        1 => "1 change".to_owned(),
        count => format!("{count} changes"),
    }
}

/// Asks for the words that nobody types by accident.
fn confirm(pending: u64, given: Option<&str>, terminal: Terminal) -> Result<(), Failure> {
    let changes = changes(pending);
    let wanted = format!("discard {changes}");
    let mut typed = String::new();
    let given = match given {
        Some(given) => given,
        None if std::io::stdin().is_terminal() => {
            terminal.say(&format!(
                "{changes} would never reach the other side. Type `{wanted}` to go on:"
            ));
            // Whatever goes wrong here leaves the text empty, and that is a no.
            let _ = std::io::stderr().flush();
            let _ = std::io::stdin().lock().read_line(&mut typed);
            typed.trim()
        }
        None => "",
    };
    if given == wanted {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        codes::NOT_CONFIRMED,
        format!("nothing was discarded: {changes} in the queue, and nobody confirmed it"),
        format!("type the words when asked, or give `--confirm '{wanted}'`"),
    ))
}
