//! `duet status`: what travels, waits and clashes, read from the store while another process works.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::{self, LISTENING};
use crate::terminal::{Terminal, table};
use clap::Args;
use duet_engine::{Clock, SystemClock};
use duet_server::Status;
use duet_store::Store;
use duet_store::store::MapState;
use jiff::{SignedDuration, Unit};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Arguments of `duet status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet status
  duet status --json | jq '.maps[] | select(.left.parked > 0) | .map'

`duet audit` shows every box of the accounting.")]
pub struct StatusArgs {}

/// Shows the figures of every map.
pub async fn run(_args: &StatusArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let store = project::open_store_to_read(&config)?;
    let status = Status::read(store.as_ref(), SystemClock.now()).await?;
    let shown = if project::is_claimed(&config) {
        Shown {
            status,
            reach: reach(store.as_ref()).await,
        }
    } else {
        Shown {
            status: status.at_rest(),
            reach: None,
        }
    };
    terminal.data(&shown, |shown| {
        let mut lines = text(&shown.status);
        if let Some(reach) = &shown.reach {
            for line in reach.lines() {
                lines.push('\n');
                lines.push_str(&line);
            }
        }
        lines
    });
    Ok(Exit::Done)
}

/// The figures of the store, and what only the process that runs knows.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    status: Status,
    /// Whether it reaches both sides; missing when nothing runs or nobody answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    reach: Option<Reached>,
}

/// Whether the process that runs reaches both sides.
#[derive(Debug, Serialize, Deserialize)]
struct Reached {
    ready: bool,
    left: SideReached,
    right: SideReached,
}

#[derive(Debug, Serialize, Deserialize)]
struct SideReached {
    reachable: bool,
    trouble: Option<String>,
}

impl Reached {
    fn lines(&self) -> Vec<String> {
        [("left", &self.left), ("right", &self.right)]
            .into_iter()
            .filter_map(|(side, reached)| {
                let trouble = reached.trouble.as_ref()?;
                Some(format!(
                    "trouble on the {side}: {trouble}\n  Changes queue meanwhile, and go on by \
                     themselves once it answers."
                ))
            })
            .collect()
    }
}

/// Asks the process that runs. It may be busy ending; then its figures have to do.
async fn reach(store: &dyn Store) -> Option<Reached> {
    let address = store.cursor(LISTENING).await.ok()??;
    let client = reqwest::Client::builder().no_proxy().build().ok()?;
    let answer = client
        .get(format!("http://{address}/ready"))
        .timeout(Duration::from_secs(2))
        .send()
        .await
        .ok()?;
    serde_json::from_slice(&answer.bytes().await.ok()?).ok()
}

fn text(status: &Status) -> String {
    let rows = status
        .maps
        .iter()
        .map(|map| {
            vec![
                map.map.clone(),
                state(map.state).to_owned(),
                map.pairs.to_string(),
                (map.left.captured + map.right.captured).to_string(),
                (map.left.writes + map.right.writes).to_string(),
                map.pending().to_string(),
                map.parked().to_string(),
                map.conflicts.to_string(),
                age(map.lag_ms),
            ]
        })
        .collect();
    let header = [
        "map",
        "state",
        "pairs",
        "changes",
        "writes",
        "pending",
        "parked",
        "conflicts",
        "lag",
    ];
    let right: Vec<usize> = (2..header.len()).collect();
    let mut lines = vec![table(&header, &right, rows)];
    for map in &status.maps {
        if let Some(error) = &map.error {
            lines.push(format!("{}: {error}", map.map));
            if map.state == MapState::ErrorPaused {
                lines.push(what_next(&map.map));
            }
        }
    }
    for alert in &status.alerts {
        let ago = short(status.at.duration_since(alert.at));
        let map = alert.map.as_deref().unwrap_or("both sides");
        lines.push(format!(
            "alert {ago} ago, {map}: {} ({})",
            alert.text, alert.action
        ));
    }
    let settled = status.last_settled.map_or_else(
        || "nothing has settled yet".to_owned(),
        |settled| {
            let ago = status.at.duration_since(settled);
            format!("last change settled {} ago", short(ago))
        },
    );
    lines.push(String::new());
    lines.push(settled);
    lines.join("\n")
}

/// What becomes of a map that errors paused, and what a person can do about it.
fn what_next(map: &str) -> String {
    format!(
        "  Its changes queue, and it goes on by itself once the cause is gone. What failed: duet parked \
         --map {map}; to go on now: duet resume {map}"
    )
}

/// A map's state in the words of the state list.
pub const fn state(state: MapState) -> &'static str {
    match state {
        MapState::NotRunning => "not running",
        MapState::InitialSync => "initial sync",
        MapState::CatchUp => "catch-up",
        MapState::Running => "running",
        MapState::Paused => "paused",
        MapState::ErrorPaused => "error-paused",
    }
}

fn age(milliseconds: u64) -> String {
    if milliseconds == 0 {
        return "-".to_owned();
    }
    short(SignedDuration::from_millis(
        i64::try_from(milliseconds).unwrap_or(i64::MAX),
    ))
}

/// A length of time for people: the two largest units are enough.
fn short(duration: SignedDuration) -> String {
    let unit = if duration.as_hours() > 0 {
        Unit::Minute
    } else if duration.as_secs() >= 10 {
        Unit::Second
    } else {
        Unit::Millisecond
    };
    duration.round(unit).map_or_else(
        |_| format!("{}s", duration.as_secs()),
        |rounded| format!("{rounded:#}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use duet_store::SqliteStore;
    use duet_store::store::MapStatus;
    use jiff::Timestamp;

    #[tokio::test]
    async fn a_map_that_errors_paused_says_what_next() {
        let store = SqliteStore::open_in_memory().unwrap();
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let paused = MapStatus {
            map: "customers".to_owned(),
            state: MapState::ErrorPaused,
            version: "1.0.0".to_owned(),
            since: now,
            error: Some("an alert: 3 application errors in 1m".to_owned()),
        };
        store.set_map_status(paused).await.unwrap();
        let status = Status::read(&store, now).await.unwrap();
        insta::assert_snapshot!(text(&status), @"
        MAP        STATE         PAIRS  CHANGES  WRITES  PENDING  PARKED  CONFLICTS  LAG
        customers  error-paused      0        0       0        0       0          0    -
        customers: an alert: 3 application errors in 1m
          Its changes queue, and it goes on by itself once the cause is gone. What failed: duet parked --map customers; to go on now: duet resume customers

        nothing has settled yet
        ");
    }
}
