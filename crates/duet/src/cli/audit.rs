//! `duet audit`: every captured change stands in exactly one box.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use crate::terminal::{Terminal, table};
use clap::Args;
use duet_store::Store;
use duet_store::accounting::AuditLine;
use serde::Serialize;

/// Arguments of `duet audit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet audit              exit code 1 when a map does not balance
  duet audit --json | jq '.lines[] | .boxes.writes' | paste -sd+ | bc

Every page and index of the store's file is looked at as well; a damaged file is told with exit code 5.")]
pub struct AuditArgs {}

/// What the audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Whether every line balances.
    pub balances: bool,
    /// One line for each map and side.
    pub lines: Vec<AuditLine>,
}

impl Audit {
    /// Judges the accounting.
    pub fn of(lines: Vec<AuditLine>) -> Self {
        Self {
            balances: lines.iter().all(|line| line.boxes.balances()),
            lines,
        }
    }

    /// Writes that the other systems accepted, over all maps.
    pub fn writes(&self) -> u64 {
        self.lines.iter().map(|line| line.boxes.writes).sum()
    }
}

/// Counts afresh and shows the boxes.
pub async fn run(_args: &AuditArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let store = project::open_sqlite_to_read(&config)?;
    store.verify().await?;
    let audit = Audit::of(store.audit().await?);
    terminal.data(&audit, text);
    Ok(if audit.balances {
        Exit::Done
    } else {
        Exit::Findings
    })
}

fn text(audit: &Audit) -> String {
    let rows = audit
        .lines
        .iter()
        .map(|line| {
            let boxes = &line.boxes;
            let mut row = vec![line.map.clone(), line.side.to_string()];
            row.extend(
                [
                    boxes.captured,
                    boxes.applied,
                    boxes.coalesced,
                    boxes.echoed,
                    boxes.filtered,
                    boxes.parked,
                    boxes.discarded,
                    boxes.pending,
                    boxes.writes,
                ]
                .map(|figure| figure.to_string()),
            );
            row.push(if boxes.balances() { "yes" } else { "NO" }.to_owned());
            row
        })
        .collect();
    let header = [
        "map",
        "from",
        "captured",
        "applied",
        "coalesced",
        "echoed",
        "filtered",
        "parked",
        "discarded",
        "pending",
        "writes",
        "balances",
    ];
    let right: Vec<usize> = (2..=10).collect();
    let mut text = table(&header, &right, rows);
    text.push_str(if audit.balances {
        "\n\nEvery captured change stands in exactly one box."
    } else {
        "\n\nThe accounting does not balance: a change is lost or counted twice."
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use duet_map::side::Side;
    use duet_store::accounting::Boxes;

    #[test]
    fn one_line_that_does_not_balance_is_enough() {
        let line = |applied| AuditLine {
            map: "customers".to_owned(),
            side: Side::Left,
            boxes: Boxes {
                captured: 2,
                applied,
                writes: applied,
                ..Boxes::default()
            },
        };
        assert!(Audit::of(vec![line(2)]).balances);
        let broken = Audit::of(vec![line(2), line(1)]);
        assert!(!broken.balances);
        assert_eq!(broken.writes(), 3);
        insta::assert_snapshot!(text(&broken), @"
        MAP        FROM  CAPTURED  APPLIED  COALESCED  ECHOED  FILTERED  PARKED  DISCARDED  PENDING  WRITES  BALANCES
        customers  left         2        2          0       0         0       0          0        0       2  yes
        customers  left         2        1          0       0         0       0          0        0       1  NO

        The accounting does not balance: a change is lost or counted twice.
        ");
    }
}
