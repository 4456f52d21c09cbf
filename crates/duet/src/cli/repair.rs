//! `duet repair`: drift put right as the master has it; a plan first.

use super::Global;
use super::compare::{Scope, what};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Shown;
use crate::project;
use crate::terminal::{Terminal, table};
use clap::Args;
use duet_engine::reconcile::{Action, Step};
use duet_store::StoreError;
use serde::Serialize;
use std::sync::Arc;

/// Arguments of `duet repair`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet repair                        the plan; nothing is written
  duet repair --apply
  duet repair --map finance/customers-v3.accounts --apply --delete

Compares both sides as `duet compare` does. What nothing explains is written as the map's master has
it, through every check; the other value is kept as a conflict record. What is pending, parked or an
open conflict is left alone.")]
pub struct RepairArgs {
    #[command(flatten)]
    scope: Scope,
    /// Carry the plan out
    #[arg(long)]
    apply: bool,
    /// Also delete records whose counterpart was deleted on the master's side
    #[arg(long)]
    delete: bool,
    /// Most differences to repair at once
    #[arg(long, default_value_t = 10_000, value_name = "COUNT")]
    limit: usize,
}

/// What a repair plans, or did.
#[derive(Debug, Serialize)]
struct Repair {
    /// Whether it was carried out.
    applied: bool,
    /// Changes that were journaled for it.
    journaled: u64,
    /// Whether a running process carries them out.
    left_to_running: bool,
    /// Differences that `--limit` left for another repair.
    left_out: u64,
    /// The steps.
    steps: Vec<Step>,
}

/// Plans, and with `--apply` carries out.
pub async fn run(args: RepairArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let prepared = project::prepare(&config, terminal).await?;
    args.scope.check(&config, &prepared)?;
    let store = prepared.store();
    let engine = prepared.engine(&config, Arc::new(Shown::new(terminal, Vec::new())));
    let found = engine.compare(&args.scope.options(args.limit)).await?;
    let mut repair = Repair {
        applied: args.apply,
        journaled: 0,
        left_to_running: false,
        left_out: 0,
        steps: engine.plan_repair(&found.differences, args.delete),
    };
    repair.left_out = found.drift().saturating_sub(repair.steps.len() as u64);
    if args.apply && !repair.steps.is_empty() {
        repair.left_to_running = match store.claim().await {
            Ok(()) => false,
            // `duet run` works on the store: it takes the changes up by itself.
            Err(StoreError::InUse { .. }) => true,
            Err(error) => return Err(error.into()),
        };
        repair.journaled = engine.journal_repair(&repair.steps).await?;
        if !repair.left_to_running {
            engine.apply_pending().await?;
        }
    }
    let exit = if repair.steps.is_empty() || args.apply {
        Exit::Done
    } else {
        Exit::Findings
    };
    terminal.data(&repair, text);
    Ok(exit)
}

fn text(repair: &Repair) -> String {
    if repair.steps.is_empty() {
        return "Nothing drifted, nothing to repair.".to_owned();
    }
    let rows = repair
        .steps
        .iter()
        .map(|step| {
            vec![
                step.difference.map.clone(),
                step.difference.key.to_string(),
                what(&step.difference),
                match &step.action {
                    Action::Write { from } => {
                        format!("write to the {} as on the {from}", from.other())
                    }
                    Action::Create { on } => format!("create on the {on}"),
                    Action::Delete { on } => format!("delete on the {on}"),
                    Action::Skip { why } => format!("nothing: {why}"),
                },
            ]
        })
        .collect();
    let journaled = repair.journaled;
    let outcome = match (repair.applied, repair.left_to_running) {
        (false, _) => {
            "This is the plan; nothing was written. `duet repair --apply` does it.".to_owned()
        }
        (true, running) => {
            let changes = match journaled {
                1 => "1 change".to_owned(),
                count => format!("{count} changes"),
            };
            if running {
                format!("{changes} in the journal; the running `duet run` carries them out.")
            } else {
                format!("{changes} carried out; `duet parked` lists what could not be written.")
            }
        }
    };
    let steps = table(&["map", "record", "what differs", "repair"], &[], rows);
    let more = match repair.left_out {
        0 => String::new(),
        count => format!(" {count} more differ: raise --limit, or repair again afterwards."),
    };
    format!("{steps}\n\n{outcome}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_repair_is_said_in_a_line() {
        let repair = Repair {
            applied: true,
            journaled: 0,
            left_to_running: false,
            left_out: 0,
            steps: Vec::new(),
        };
        assert_eq!(text(&repair), "Nothing drifted, nothing to repair.");
    }
}
