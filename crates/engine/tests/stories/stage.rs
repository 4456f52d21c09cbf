//! Sessions at work over a pair, and people who change maps and order something of them.

use crate::pair::Pair;
use async_trait::async_trait;
use duet_engine::{
    Broken, EngineError, Frame, Loaded, Loader, Project, Sessions, Settings, SystemClock, orders,
};
use duet_map::CompiledMap;
use duet_map::diagnostic::{Diagnostic, Severity};
use duet_map::file::MapFile;
use duet_map::side::{PerSide, Side};
use duet_map::value::Row;
use duet_simulation::landscape::{COMPANIES, map_files};
use duet_store::Store;
use duet_store::lifecycle::Queue;
use duet_store::store::MapState;
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The map of customers.
pub const CUSTOMERS: &str = "customers";

/// Reads map texts and schemas that the test changes.
pub struct Office {
    pair: Arc<Pair>,
    texts: Mutex<Vec<String>>,
    pub companies: Mutex<Vec<String>>,
    pub settings: Mutex<Settings>,
}

#[async_trait]
impl Loader for Office {
    async fn load(&self) -> Result<Loaded, String> {
        let texts = self.texts.lock().unwrap().clone();
        let (left, right) = (self.pair.left.schemas(), self.pair.right.schemas());
        let (mut maps, mut broken) = (Vec::new(), Vec::new());
        for text in texts {
            let file = MapFile::parse(&text, "test.yaml").map_err(|e| format!("{e:?}"))?;
            match CompiledMap::compile(&file, &left, &right) {
                Ok((map, _)) => maps.push(map),
                Err(findings) => broken.push(Broken {
                    map: file.map.value.clone(),
                    version: file.version.value.clone(),
                    reason: first_error(&findings),
                }),
            }
        }
        Ok(Loaded {
            maps,
            broken,
            companies: self.companies.lock().unwrap().clone(),
            settings: self.settings.lock().unwrap().clone(),
        })
    }
}

fn first_error(findings: &[Diagnostic]) -> String {
    let error = findings.iter().find(|one| one.severity == Severity::Error);
    error.unwrap().message.clone()
}

/// Sessions at work over a pair.
pub struct Stage {
    pub pair: Arc<Pair>,
    pub office: Arc<Office>,
    pub sessions: Arc<Sessions>,
    pub stop: watch::Sender<bool>,
    pub running: JoinHandle<Result<(), EngineError>>,
}

/// Settings with short waits.
pub fn settings() -> Settings {
    Settings {
        poll_every: Duration::from_millis(20),
        retry_after: Duration::from_millis(1),
        retry_at_most: Duration::from_millis(5),
        recheck_every: Duration::from_millis(20),
        ..Settings::default()
    }
}

impl Stage {
    pub async fn live() -> Self {
        Self::live_with(settings()).await
    }

    /// Two customers with their terms, in step and live.
    pub async fn live_with(settings: Settings) -> Self {
        Self::furnished(Pair::new(), settings).await
    }

    /// The same over systems with quirks.
    pub async fn furnished(pair: Pair, settings: Settings) -> Self {
        let pair = Arc::new(pair);
        pair.terms("usmf", "Net30");
        for account in ["US-001", "US-002"] {
            pair.customer("usmf", account, Row::new());
        }
        Self::over(pair, settings).await
    }

    pub async fn over(pair: Arc<Pair>, settings: Settings) -> Self {
        let office = Arc::new(Office {
            pair: pair.clone(),
            texts: Mutex::new(map_files(Side::Left, true).to_vec()),
            companies: Mutex::new(COMPANIES.map(str::to_owned).to_vec()),
            settings: Mutex::new(settings),
        });
        let frame = Frame {
            loader: office.clone(),
            systems: PerSide {
                left: pair.left.system(),
                right: pair.right.system(),
            },
            store: pair.store.clone(),
            clock: Arc::new(SystemClock),
            progress: Arc::new(()),
            seed: 1,
        };
        let first = office.load().await.unwrap();
        let sessions = Arc::new(Sessions::new(frame, first).await.unwrap());
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn({
            let sessions = sessions.clone();
            async move { sessions.run(stopped).await }
        });
        let stage = Self {
            pair,
            office,
            sessions,
            stop,
            running,
        };
        stage.shows(CUSTOMERS, MapState::Running).await;
        stage
    }

    /// Waits until something holds; the engine is live, so only it can tell when.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let begun = std::time::Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub async fn state(&self, map: &str) -> (Option<MapState>, Option<String>) {
        let statuses = self.pair.store.map_statuses().await.unwrap();
        let found = statuses.into_iter().find(|status| status.map == map);
        found.map_or((None, None), |status| (Some(status.state), status.error))
    }

    pub async fn shows(&self, map: &str, state: MapState) {
        let what = format!("{map} shows {state:?}");
        self.until(&what, async || self.state(map).await.0 == Some(state))
            .await;
    }

    pub async fn pending(&self, map: &str) -> u64 {
        let lines = self.pair.store.audit().await.unwrap();
        let of_map = lines.iter().filter(|line| line.map == map);
        of_map.map(|line| line.boxes.pending).sum()
    }

    pub fn rename(&self, account: &str, name: &str) {
        let found = self
            .pair
            .left
            .find_by("CustomersV3", "CustomerAccount", account);
        let row = Row::new().with("OrganizationName", name);
        self.pair.left.edit("CustomersV3", &found.unwrap().0, row);
    }

    pub fn name(&self, account: &str) -> Option<String> {
        let (_, row) = self.pair.account(account)?;
        row.value("name").as_str().map(str::to_owned)
    }

    pub async fn arrives(&self, account: &str, name: &str) {
        self.until(&format!("{account} is called {name}"), async || {
            self.name(account).as_deref() == Some(name)
        })
        .await;
    }

    pub async fn pause(&self, map: &str) {
        orders::pause(self.pair.store.as_ref(), &[map.to_owned()], None, now())
            .await
            .unwrap();
        self.sessions.wake();
        self.shows(map, MapState::Paused).await;
    }

    pub async fn resume(&self, map: &str, queue: Queue) {
        orders::resume(self.pair.store.as_ref(), &[map.to_owned()], queue, now())
            .await
            .unwrap();
        self.sessions.wake();
    }

    pub async fn reload(&self) -> orders::Answer {
        let at = now();
        orders::ask(self.pair.store.as_ref(), orders::Request::Reload, at)
            .await
            .unwrap();
        self.sessions.wake();
        loop {
            let answer = orders::answer(self.pair.store.as_ref(), at).await.unwrap();
            if let Some(answer) = answer {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub fn change_map(&self, from: &str, to: &str) {
        let mut texts = self.office.texts.lock().unwrap();
        let before = texts.join("\n");
        for text in texts.iter_mut() {
            *text = text.replace(from, to);
        }
        assert_ne!(before, texts.join("\n"), "the map has no `{from}`");
    }

    pub async fn at_rest(&self) {
        self.until("nothing is pending", async || {
            let lines = self.pair.store.audit().await.unwrap();
            lines.iter().all(|line| line.boxes.pending == 0)
        })
        .await;
    }

    /// Stops, and fails unless every change was accounted for and nothing is left to do.
    pub async fn end(self) {
        self.at_rest().await;
        self.stop.send(true).unwrap();
        self.running.await.unwrap().unwrap();
        self.pair.assert_accounted().await;
        // What was captured in the last moment is left for the next session.
        let loaded = self.office.load().await.unwrap();
        let project = Project::build(loaded.maps, loaded.companies);
        let engine = self
            .pair
            .engine_over(project, loaded.settings, Arc::new(SystemClock));
        engine.quiesce().await.unwrap();
        self.pair.assert_balanced().await;
    }
}

pub fn now() -> Timestamp {
    Timestamp::now()
}
