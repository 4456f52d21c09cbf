//! `duet parked`: the changes that wait for something, with what they wait for.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use crate::terminal::{Terminal, table};
use clap::{Args, ValueEnum};
use duet_store::change::{ParkReason, Parked, ParkedFilter};

/// Which parked changes are meant.
#[derive(Debug, Args)]
pub struct Selection {
    /// Only of this map
    #[arg(long, value_name = "MAP")]
    map: Option<String>,
    /// Only with this reason
    #[arg(long, value_name = "REASON")]
    reason: Option<Reason>,
    /// Only records whose key contains this text
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// Only the change with this number
    #[arg(long, value_name = "NUMBER")]
    number: Option<i64>,
}

/// Why a change is parked, as typed on a command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Reason {
    /// A record that it refers to is not there yet
    WaitingForKey,
    /// A value breaks a rule of the other side
    Validation,
    /// Both sides changed the same field and a person has to decide
    Conflict,
    /// The other system refused the write
    Refused,
    /// Retries did not help
    Fault,
    /// The pair keeps bouncing between the sides
    Oscillating,
    /// Kept aside when its map was resumed
    Held,
}

impl From<Reason> for ParkReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::WaitingForKey => Self::WaitingForKey,
            Reason::Validation => Self::Validation,
            Reason::Conflict => Self::Conflict,
            Reason::Refused => Self::Refused,
            Reason::Fault => Self::Fault,
            Reason::Oscillating => Self::Oscillating,
            Reason::Held => Self::Held,
        }
    }
}

impl From<Selection> for ParkedFilter {
    fn from(selection: Selection) -> Self {
        Self {
            map: selection.map,
            reason: selection.reason.map(ParkReason::from),
            seq: selection.number,
            key_contains: selection.key,
        }
    }
}

/// Arguments of `duet parked`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet parked
  duet parked --reason waiting-for-key
  duet parked --map finance/customers-v3.accounts --json")]
pub struct ParkedArgs {
    #[command(flatten)]
    selection: Selection,
    /// Most changes to list
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: usize,
    /// End with exit code 1 when anything is parked
    #[arg(long)]
    fail: bool,
}

/// Lists parked changes, oldest first.
pub async fn run(args: ParkedArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let store = project::open_store_to_read(&config)?;
    let parked = store.parked(&args.selection.into(), args.limit).await?;
    let exit = if args.fail && !parked.is_empty() {
        Exit::Findings
    } else {
        Exit::Done
    };
    terminal.data(&parked, |parked| text(parked));
    if parked.len() == args.limit {
        terminal.say("There may be more: raise --limit.");
    }
    Ok(exit)
}

fn text(parked: &[Parked]) -> String {
    if parked.is_empty() {
        return "Nothing is parked.".to_owned();
    }
    let rows = parked
        .iter()
        .map(|change| {
            vec![
                change.seq.to_string(),
                change.map.clone(),
                change.side.to_string(),
                change.key.to_string(),
                change.code.clone(),
                without_code(&change.message, &change.code),
            ]
        })
        .collect();
    let mut text = table(
        &["number", "map", "from", "record", "code", "what to do"],
        &[0],
        rows,
    );
    text.push_str("\n\nOnce mended: duet retry --number NUMBER, or duet retry for all.");
    text
}

/// The message without the code that stands in the column before it.
fn without_code(message: &str, code: &str) -> String {
    message
        .strip_prefix(code)
        .unwrap_or(message)
        .trim_start_matches([':', ' '])
        .to_owned()
}
