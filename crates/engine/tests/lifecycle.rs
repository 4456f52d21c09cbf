//! The life of maps while both systems are edited: pause, resume, stop, new fields and companies,
//! schemas that change, a side that is down. One story a test.

// A panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod model;
#[path = "model/pair.rs"]
mod pair;

use async_trait::async_trait;
use duet_engine::alerts::{Action, Rule};
use duet_engine::{Broken, Frame, Loaded, Loader, Sessions, Settings, SystemClock, orders};
use duet_map::CompiledMap;
use duet_map::file::MapFile;
use duet_map::side::{PerSide, Side};
use duet_map::value::Row;
use duet_store::Store;
use duet_store::change::{ParkReason, ParkedFilter};
use duet_store::lifecycle::Queue;
use duet_store::store::MapState;
use duet_systems::System as _;
use jiff::Timestamp;
use pair::Pair;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const CUSTOMERS: &str = "customers";

/// Reads map texts and schemas that the test changes.
struct Desk {
    pair: Arc<Pair>,
    texts: Mutex<Vec<String>>,
    companies: Mutex<Vec<String>>,
    settings: Mutex<Settings>,
}

#[async_trait]
impl Loader for Desk {
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
                    reason: findings[0].message.clone(),
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

/// Sessions at work over a pair.
struct Stage {
    pair: Arc<Pair>,
    desk: Arc<Desk>,
    sessions: Arc<Sessions>,
    stop: watch::Sender<bool>,
    running: JoinHandle<Result<(), duet_engine::EngineError>>,
}

fn settings() -> Settings {
    Settings {
        poll_every: Duration::from_millis(20),
        retry_after: Duration::from_millis(1),
        retry_at_most: Duration::from_millis(5),
        recheck_every: Duration::from_millis(20),
        ..Settings::default()
    }
}

impl Stage {
    async fn live() -> Self {
        Self::live_with(settings()).await
    }

    /// Two customers with their terms, in step and live.
    async fn live_with(settings: Settings) -> Self {
        let pair = Arc::new(Pair::new());
        pair.terms("usmf", "Net30");
        for account in ["US-001", "US-002"] {
            pair.customer("usmf", account, Row::new());
        }
        Self::over(pair, settings).await
    }

    async fn over(pair: Arc<Pair>, settings: Settings) -> Self {
        let desk = Arc::new(Desk {
            pair: pair.clone(),
            texts: Mutex::new(pair::MAPS.map(str::to_owned).to_vec()),
            companies: Mutex::new(vec!["usmf".to_owned(), "frrt".to_owned()]),
            settings: Mutex::new(settings),
        });
        let frame = Frame {
            loader: desk.clone(),
            systems: PerSide {
                left: pair.left.clone(),
                right: pair.right.clone(),
            },
            store: pair.store.clone(),
            clock: Arc::new(SystemClock),
            progress: Arc::new(()),
            seed: 1,
        };
        let first = desk.load().await.unwrap();
        let sessions = Arc::new(Sessions::new(frame, first).await.unwrap());
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn({
            let sessions = sessions.clone();
            async move { sessions.run(stopped).await }
        });
        let stage = Self {
            pair,
            desk,
            sessions,
            stop,
            running,
        };
        stage.shows(CUSTOMERS, MapState::Running).await;
        stage
    }

    /// Waits until something holds; the engine is live, so only it can tell when.
    async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let begun = std::time::Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn state(&self, map: &str) -> (Option<MapState>, Option<String>) {
        let statuses = self.pair.store.map_statuses().await.unwrap();
        let found = statuses.into_iter().find(|status| status.map == map);
        found.map_or((None, None), |status| (Some(status.state), status.error))
    }

    async fn shows(&self, map: &str, state: MapState) {
        let what = format!("{map} shows {state:?}");
        self.until(&what, async || self.state(map).await.0 == Some(state))
            .await;
    }

    async fn pending(&self, map: &str) -> u64 {
        let lines = self.pair.store.audit().await.unwrap();
        let of_map = lines.iter().filter(|line| line.map == map);
        of_map.map(|line| line.boxes.pending).sum()
    }

    fn rename(&self, account: &str, name: &str) {
        let found = self
            .pair
            .left
            .find_by("CustomersV3", "CustomerAccount", account);
        let row = Row::new().with("OrganizationName", name);
        self.pair.left.edit("CustomersV3", &found.unwrap().0, row);
    }

    fn name(&self, account: &str) -> Option<String> {
        let (_, row) = self.pair.account(account)?;
        row.value("name").as_str().map(str::to_owned)
    }

    async fn arrives(&self, account: &str, name: &str) {
        self.until(&format!("{account} is called {name}"), async || {
            self.name(account).as_deref() == Some(name)
        })
        .await;
    }

    async fn pause(&self, map: &str) {
        orders::pause(self.pair.store.as_ref(), &[map.to_owned()], None, now())
            .await
            .unwrap();
        self.sessions.wake();
        self.shows(map, MapState::Paused).await;
    }

    async fn resume(&self, map: &str, queue: Queue) {
        orders::resume(self.pair.store.as_ref(), &[map.to_owned()], queue, now())
            .await
            .unwrap();
        self.sessions.wake();
    }

    async fn reload(&self) -> orders::Answer {
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

    fn change_map(&self, from: &str, to: &str) {
        let mut texts = self.desk.texts.lock().unwrap();
        let before = texts.join("\n");
        for text in texts.iter_mut() {
            *text = text.replace(from, to);
        }
        assert_ne!(before, texts.join("\n"), "the map has no `{from}`");
    }

    async fn at_rest(&self) {
        self.until("nothing is pending", async || {
            let lines = self.pair.store.audit().await.unwrap();
            lines.iter().all(|line| line.boxes.pending == 0)
        })
        .await;
    }

    async fn end(self) {
        self.at_rest().await;
        self.stop.send(true).unwrap();
        self.running.await.unwrap().unwrap();
        self.pair.assert_balanced().await;
    }
}

fn now() -> Timestamp {
    Timestamp::now()
}

#[tokio::test]
async fn a_paused_map_queues_and_catches_up_and_others_go_on() {
    let stage = Stage::live().await;
    stage.pause(CUSTOMERS).await;
    stage.rename("US-001", "Renamed while paused");
    stage.pair.terms("usmf", "Net60");
    let arrived = |stage: &Stage| {
        let right = &stage.pair.right;
        right
            .find_by("msdyn_paymentterms", "msdyn_name", "Net60")
            .is_some()
    };
    stage
        .until("other maps go on", async || arrived(&stage))
        .await;
    stage
        .until("the change is captured", async || {
            stage.pending(CUSTOMERS).await > 0
        })
        .await;
    assert_eq!(stage.name("US-001").as_deref(), Some("Name of US-001"));

    stage.resume(CUSTOMERS, Queue::CatchUp).await;
    stage.arrives("US-001", "Renamed while paused").await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.end().await;
}

#[tokio::test]
async fn a_pause_outlives_the_process() {
    let stage = Stage::live().await;
    stage.pause(CUSTOMERS).await;
    stage.stop.send(true).unwrap();
    stage.running.await.unwrap().unwrap();
    let pair = stage.pair;
    assert!(
        pair.store
            .map_statuses()
            .await
            .unwrap()
            .iter()
            .any(|status| status.map == CUSTOMERS && status.state == MapState::Paused)
    );
    let engine = pair.engine();
    let found = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001");
    pair.left.edit(
        "CustomersV3",
        &found.unwrap().0,
        Row::new().with("OrganizationName", "Later"),
    );
    engine.quiesce().await.unwrap();
    let (_, row) = pair.account("US-001").unwrap();
    assert_eq!(row.value("name").as_str(), Some("Name of US-001"));
}

#[tokio::test]
async fn a_queue_that_is_kept_parked_waits_and_new_changes_go_live() {
    let stage = Stage::live().await;
    stage.pause(CUSTOMERS).await;
    stage.rename("US-001", "Queued");
    stage
        .until("the change is captured", async || {
            stage.pending(CUSTOMERS).await > 0
        })
        .await;
    stage.resume(CUSTOMERS, Queue::KeepParked).await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.rename("US-002", "Live");
    stage.arrives("US-002", "Live").await;
    assert_eq!(stage.name("US-001").as_deref(), Some("Name of US-001"));
    let held = ParkedFilter {
        reason: Some(ParkReason::Held),
        ..ParkedFilter::default()
    };
    assert_eq!(stage.pair.store.retry(&held, now()).await.unwrap(), 1);
    stage.arrives("US-001", "Queued").await;
    stage.end().await;
}

#[tokio::test]
async fn a_queue_that_is_discarded_never_travels_and_later_edits_bring_only_themselves() {
    let stage = Stage::live().await;
    stage.pause(CUSTOMERS).await;
    stage.rename("US-001", "Discarded");
    stage
        .until("the change is captured", async || {
            stage.pending(CUSTOMERS).await > 0
        })
        .await;
    stage.resume(CUSTOMERS, Queue::Discard).await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    let found = stage
        .pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001");
    let limit = rust_decimal::Decimal::from(700);
    let edit = Row::new().with("CreditLimit", limit);
    stage.pair.left.edit("CustomersV3", &found.unwrap().0, edit);
    stage
        .until("the later edit arrives", async || {
            let (_, row) = stage.pair.account("US-001").unwrap();
            row.value("creditlimit") == Row::new().with("x", limit).value("x")
        })
        .await;
    assert_eq!(stage.name("US-001").as_deref(), Some("Name of US-001"));
    stage.end().await;
}

#[tokio::test]
async fn a_stopped_map_reads_its_tables_when_it_starts_and_misses_nothing() {
    let stage = Stage::live().await;
    orders::stop(stage.pair.store.as_ref(), &[CUSTOMERS.to_owned()], now())
        .await
        .unwrap();
    stage.sessions.wake();
    stage.shows(CUSTOMERS, MapState::NotRunning).await;
    stage.rename("US-001", "Renamed while stopped");
    let gone = stage
        .pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-002");
    stage.pair.left.delete("CustomersV3", &gone.unwrap().0);
    stage.pair.terms("usmf", "Net60");
    stage
        .until("other maps go on", async || {
            let right = &stage.pair.right;
            right
                .find_by("msdyn_paymentterms", "msdyn_name", "Net60")
                .is_some()
        })
        .await;
    assert_eq!(stage.pending(CUSTOMERS).await, 0);

    stage.resume(CUSTOMERS, Queue::CatchUp).await;
    stage.arrives("US-001", "Renamed while stopped").await;
    stage
        .until("the deletion arrives", async || {
            stage.pair.account("US-002").is_none()
        })
        .await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.end().await;
}

#[tokio::test]
async fn a_new_field_of_a_running_map_is_synced_without_losing_changes() {
    let pair = Arc::new(Pair::new());
    pair.customer(
        "usmf",
        "US-001",
        Row::new().with("CreditLimit", rust_decimal::Decimal::from(5)),
    );
    let mut stage = Stage::over(pair, settings()).await;
    // The stage began with the field; take it away, then bring it back as a new one.
    stage.change_map("  - CREDITLIMIT = creditlimit\n", "");
    stage.change_map("version: 1.0.0", "version: 1.1.0");
    assert!(stage.reload().await.changed);
    stage.shows(CUSTOMERS, MapState::Running).await;
    let customer = stage
        .pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001");
    let ten = rust_decimal::Decimal::from(10);
    stage.pair.left.edit(
        "CustomersV3",
        &customer.unwrap().0,
        Row::new().with("CreditLimit", ten),
    );
    stage.rename("US-001", "Marker");
    stage.arrives("US-001", "Marker").await;
    let (_, row) = stage.pair.account("US-001").unwrap();
    assert_ne!(
        row.value("creditlimit"),
        Row::new().with("x", ten).value("x")
    );

    stage.change_map(
        "fields:\n  - CUSTOMERACCOUNT = accountnumber",
        "fields:\n  - CREDITLIMIT = creditlimit\n  - CUSTOMERACCOUNT = accountnumber",
    );
    stage.change_map("version: 1.1.0", "version: 1.2.0");
    assert!(stage.reload().await.changed);
    stage.rename("US-001", "Renamed meanwhile");
    stage.arrives("US-001", "Renamed meanwhile").await;
    stage
        .until("the new field is synced", async || {
            let (_, row) = stage.pair.account("US-001").unwrap();
            row.value("creditlimit") == Row::new().with("x", ten).value("x")
        })
        .await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    let versions = stage.pair.store.definitions().await.unwrap();
    assert!(
        versions
            .iter()
            .all(|map| map.version == "1.2.0" && map.whole)
    );
    stage.stop.send(true).unwrap();
    (&mut stage.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_company_that_is_added_live_brings_its_rows_and_one_that_is_removed_keeps_them() {
    let pair = Arc::new(Pair::new());
    pair.customer("usmf", "US-001", Row::new());
    pair.customer("dat", "DAT-001", Row::new());
    let settings = Settings {
        sweep_every: Duration::from_millis(50),
        ..settings()
    };
    let stage = Stage::over(pair, settings).await;
    assert!(stage.pair.account("DAT-001").is_none());
    // More than the brake lets be deleted in one go.
    for number in 0..30 {
        stage
            .pair
            .customer("dat", &format!("MORE-{number}"), Row::new());
    }
    stage.desk.companies.lock().unwrap().push("dat".to_owned());
    assert!(stage.reload().await.changed);
    stage
        .until("the company's rows arrive", async || {
            stage.pair.account("DAT-001").is_some()
        })
        .await;
    stage.shows(CUSTOMERS, MapState::Running).await;

    stage
        .desk
        .companies
        .lock()
        .unwrap()
        .retain(|company| company != "dat");
    assert!(stage.reload().await.changed);
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.rename("DAT-001", "Out of scope");
    stage.rename("US-001", "In scope");
    stage.arrives("US-001", "In scope").await;
    stage.at_rest().await;
    assert_eq!(stage.name("DAT-001").as_deref(), Some("Name of DAT-001"));
    // The records of the company that nobody reads any more are not taken for deleted ones, and do
    // not keep deletions of other companies from travelling.
    let gone = stage
        .pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001");
    stage.pair.left.delete("CustomersV3", &gone.unwrap().0);
    stage
        .until("the deletion arrives", async || {
            stage.pair.account("US-001").is_none()
        })
        .await;
    assert_eq!(stage.pair.rows_of_accounts(), 31);
    stage.end().await;
}

#[tokio::test]
async fn a_column_that_vanishes_pauses_its_map_alone_until_it_is_back() {
    let stage = Stage::live_with(Settings {
        refresh_every: Duration::from_millis(50),
        ..settings()
    })
    .await;
    let before = stage.pair.right.schemas();
    let mut without = before.clone();
    for table in &mut without.0 {
        if table.name == "accounts" {
            table.columns.remove("creditlimit");
        }
    }
    stage.pair.right.set_schemas(without);
    stage.shows(CUSTOMERS, MapState::ErrorPaused).await;
    let (_, reason) = stage.state(CUSTOMERS).await;
    assert!(reason.unwrap().contains("creditlimit"));
    stage.rename("US-001", "Renamed while broken");
    stage.pair.terms("usmf", "Net60");
    stage
        .until("other maps go on", async || {
            let right = &stage.pair.right;
            right
                .find_by("msdyn_paymentterms", "msdyn_name", "Net60")
                .is_some()
        })
        .await;
    assert_eq!(stage.name("US-001").as_deref(), Some("Name of US-001"));

    stage.pair.right.set_schemas(before);
    stage.arrives("US-001", "Renamed while broken").await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.end().await;
}

#[tokio::test]
async fn a_column_that_shrinks_pauses_its_map_until_somebody_accepts_it() {
    use duet_map::schema::ColumnType;
    let stage = Stage::live_with(Settings {
        refresh_every: Duration::from_millis(50),
        ..settings()
    })
    .await;
    let mut narrow = stage.pair.right.schemas();
    for table in &mut narrow.0 {
        if table.name == "accounts" {
            table.columns.get_mut("name").unwrap().ty = ColumnType::Text {
                max_length: Some(30),
            };
        }
    }
    stage.pair.right.set_schemas(narrow);
    stage.shows(CUSTOMERS, MapState::ErrorPaused).await;
    let (_, reason) = stage.state(CUSTOMERS).await;
    let reason = reason.unwrap();
    assert!(
        reason.contains("DUET4123") && reason.contains("`name`"),
        "{reason}"
    );
    stage.rename("US-001", "Accepted");
    stage.resume(CUSTOMERS, Queue::CatchUp).await;
    stage.arrives("US-001", "Accepted").await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.end().await;
}

#[tokio::test]
async fn a_side_that_is_down_holds_up_nobody_and_its_backlog_drains_in_order() {
    let stage = Stage::live().await;
    stage.pair.right.set_down(true);
    for number in 0..20 {
        stage.rename("US-001", &format!("Name {number}"));
        let account = format!("NEW-{number}");
        stage.pair.customer("usmf", &account, Row::new());
    }
    stage
        .until("changes queue", async || {
            stage.pending(CUSTOMERS).await >= 20
        })
        .await;
    let asked = stage.pair.right.asked();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The breaker lets a probe pass from time to time, not a request for every task and change.
    let asked = stage.pair.right.asked() - asked;
    assert!(asked < 60, "{asked} requests at a side that is down");
    stage.pair.right.set_down(false);
    stage.arrives("US-001", "Name 19").await;
    stage
        .until("new customers arrive", async || {
            stage.pair.account("NEW-19").is_some()
        })
        .await;
    stage.at_rest().await;
    let parked = stage
        .pair
        .store
        .parked(&ParkedFilter::default(), 10)
        .await
        .unwrap();
    assert!(parked.is_empty(), "{parked:?}");
    stage.end().await;
}

#[tokio::test]
async fn a_rule_pauses_a_map_at_once_and_it_goes_on_when_a_person_says_so() {
    let stage = Stage::live().await;
    stage.desk.settings.lock().unwrap().alerts = vec![Rule {
        when: "2 application errors in 5min".parse().unwrap(),
        then: Action::Pause,
        maps: Vec::new(),
    }];
    assert!(stage.reload().await.changed);
    stage.shows(CUSTOMERS, MapState::Running).await;
    let long = "x".repeat(500);
    for account in ["US-001", "US-002"] {
        stage.rename(account, &long);
    }
    stage.shows(CUSTOMERS, MapState::ErrorPaused).await;
    let alerts = stage.pair.store.alerts(10).await.unwrap();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].map.as_deref(), Some(CUSTOMERS));
    let (_, reason) = stage.state(CUSTOMERS).await;
    assert!(reason.unwrap().contains("2 application errors in 5m"));
    for account in ["US-001", "US-002"] {
        stage.rename(account, "Short again");
    }
    stage.resume(CUSTOMERS, Queue::CatchUp).await;
    stage.arrives("US-001", "Short again").await;
    stage.arrives("US-002", "Short again").await;
    stage.end().await;
}

#[tokio::test]
async fn a_map_that_a_rule_paused_goes_on_by_itself_when_the_cause_is_gone() {
    let stage = Stage::live_with(Settings {
        trial_after: Duration::from_millis(1),
        alerts: vec![Rule {
            when: "2 application errors in 200ms".parse().unwrap(),
            then: Action::Pause,
            maps: vec![CUSTOMERS.to_owned()],
        }],
        ..settings()
    })
    .await;
    let long = "x".repeat(500);
    for account in ["US-001", "US-002"] {
        stage.rename(account, &long);
    }
    stage.shows(CUSTOMERS, MapState::ErrorPaused).await;
    for account in ["US-001", "US-002"] {
        stage.rename(account, "Short again");
    }
    stage.arrives("US-001", "Short again").await;
    stage.arrives("US-002", "Short again").await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.end().await;
}

#[tokio::test]
async fn relinking_keeps_everything_and_writes_nothing_that_agrees() {
    let stage = Stage::live().await;
    stage.at_rest().await;
    stage.stop.send(true).unwrap();
    stage.running.await.unwrap().unwrap();
    let pair = stage.pair;
    let writes = pair.writes();
    let pairs = pair.store.count_pairs(CUSTOMERS).await.unwrap();
    let tables: Vec<String> = pair
        .right
        .schemas()
        .0
        .into_iter()
        .map(|table| table.name)
        .collect();
    orders::relink(pair.store.as_ref(), Side::Right, &tables, now())
        .await
        .unwrap();
    let stage = Stage::over(pair, settings()).await;
    stage.rename("US-001", "After relinking");
    stage.arrives("US-001", "After relinking").await;
    stage.at_rest().await;
    assert_eq!(
        stage.pair.store.count_pairs(CUSTOMERS).await.unwrap(),
        pairs
    );
    assert_eq!(stage.pair.writes(), (writes.0, writes.1 + 1));
    assert!(stage.pair.right.probe().await.is_ok());
    stage.end().await;
}
