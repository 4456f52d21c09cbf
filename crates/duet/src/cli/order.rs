//! What the commands that order something of maps have in common: which maps are meant, the knock at
//! the process that runs, and waiting until it has done as told.

use crate::config::Config;
use crate::confirmation::person;
use crate::exit::Exit;
use crate::failpoints;
use crate::failure::{Failure, codes};
use crate::map_files;
use crate::project::{self, LISTENING};
use duet_engine::decisions::Decider;
use duet_engine::{Clock, SystemClock};
use duet_store::lifecycle::Wanted;
use duet_store::store::MapState;
use duet_store::{SqliteStore, Store};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How long a running process gets to do as told before the command says so and ends.
const PATIENCE: Duration = Duration::from_secs(15);

/// Time between two looks at what the running process has done.
const LOOK: Duration = Duration::from_millis(50);

/// The project's store, and who works on it.
pub(super) struct Orders {
    pub(super) config: Config,
    pub(super) store: Arc<SqliteStore>,
}

impl Orders {
    /// Opens the store; the process that runs goes on.
    pub(super) fn open(global: &super::Global) -> Result<Self, Failure> {
        let config = project::config(global)?;
        let store = Arc::new(project::open_sqlite(&config)?);
        Ok(Self { config, store })
    }

    /// Every map of the files, and every map that ever ran.
    async fn known(&self) -> Result<BTreeSet<String>, Failure> {
        let (files, _) = map_files::parse(&map_files::read(&self.config)?);
        let mut known: BTreeSet<String> = files.into_iter().map(|file| file.map.value).collect();
        let statuses = self.store.map_statuses().await?;
        known.extend(statuses.into_iter().map(|status| status.map));
        Ok(known)
    }

    /// The maps that are meant: those named, or all.
    pub(super) async fn maps(&self, named: &[String]) -> Result<Vec<String>, Failure> {
        let known = self.known().await?;
        for name in named {
            if !known.contains(name) {
                let near = known
                    .iter()
                    .min_by_key(|known| strsim::damerau_levenshtein(known, name));
                let fix = near.map_or_else(
                    || "there are no maps yet".to_owned(),
                    |near| format!("did you mean `{near}`? `duet status` lists the maps"),
                );
                return Err(Failure::new(
                    Exit::Usage,
                    codes::NO_SUCH_MAP,
                    format!("there is no map `{name}`"),
                    fix,
                ));
            }
        }
        Ok(if named.is_empty() {
            known.into_iter().collect()
        } else {
            named.to_vec()
        })
    }

    /// Whether a process runs that will do as told.
    pub(super) fn is_running(&self) -> bool {
        self.store.is_claimed()
    }

    /// Knocks at the running process; without an answer it looks by itself in a few seconds.
    pub(super) async fn knock(&self) {
        knock(self.store.as_ref()).await;
    }

    /// Knocks, and waits until the maps show what is wanted. Returns whether a process runs and has
    /// done so in time.
    pub(super) async fn carry_out(&self, maps: &[String], wanted: Wanted) -> Result<bool, Failure> {
        if !self.is_running() {
            return Ok(false);
        }
        self.knock().await;
        let begun = std::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            let statuses = self.store.map_statuses().await?;
            let done = maps.iter().all(|map| {
                statuses
                    .iter()
                    .find(|status| status.map == *map)
                    // Broken maps and those that never ran do nothing anyway.
                    .is_none_or(|status| shows(status.state, wanted))
            });
            if done {
                return Ok(true);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(false)
    }
}

const fn shows(state: MapState, wanted: Wanted) -> bool {
    match wanted {
        Wanted::Run => matches!(
            state,
            MapState::InitialSync | MapState::CatchUp | MapState::Running | MapState::ErrorPaused
        ),
        Wanted::Pause => matches!(state, MapState::Paused | MapState::ErrorPaused),
        Wanted::Stop => matches!(state, MapState::NotRunning),
    }
}

/// `1 map` or `3 maps`.
pub(super) fn counted(maps: &[String]) -> String {
    match maps {
        [map] => map.clone(),
        maps => format!("{} maps", maps.len()),
    }
}

/// When an order takes effect.
pub(super) const fn effect(running: bool, done: bool) -> &'static str {
    match (running, done) {
        (true, true) => "",
        (true, false) => " `duet run` has not taken it up yet; `duet status` shows when it has.",
        (false, _) => " Nothing runs now; it holds for the next `duet run` or `duet sync`.",
    }
}

async fn knock(store: &dyn Store) {
    let Ok(Some(address)) = store.cursor(LISTENING).await else {
        return;
    };
    let client = reqwest::Client::builder().no_proxy().build();
    let Ok(client) = client else { return };
    let knocked = client
        .post(format!("http://{address}/api/wake"))
        .timeout(Duration::from_secs(2))
        .send()
        .await;
    if let Err(error) = knocked {
        tracing::debug!(%error, "nobody hears the knock");
    }
}

/// The person who decides now: who was named, else the user of this terminal.
pub(super) fn decider(named: Option<String>) -> Decider {
    Decider {
        failpoints: failpoints::of_process(),
        ..Decider::new(named.unwrap_or_else(person), SystemClock.now())
    }
}

/// Knocks at the process that runs, for what it carries out like any other change. Returns whether there
/// is one.
pub(super) async fn take_up(config: &Config, store: &dyn Store) -> bool {
    let running = project::is_claimed(config);
    if running {
        knock(store).await;
    }
    running
}

/// When a decision about single changes takes effect.
pub(super) const fn carried_out(running: bool) -> &'static str {
    if running {
        ""
    } else {
        " Nothing runs now; the next `duet run` or `duet sync` carries it out."
    }
}
