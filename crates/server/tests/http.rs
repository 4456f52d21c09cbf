//! The HTTP server over a real store, asked over HTTP.
#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

use async_trait::async_trait;
use duet_engine::{EngineError, Event, Progress, SystemClock};
use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use duet_map::value::Row;
use duet_server::{Notices, Reach, Service};
use duet_store::change::{Amendment, ChangeKind, NewChange, Origin};
use duet_store::sqlite::SqliteStore;
use duet_store::store::Capture;
use duet_store::{Store, StoreError};
use jiff::Timestamp;
use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Takes notices in and remembers them, or fails as a full disk would.
#[derive(Default)]
struct Inbox {
    taken: Mutex<Vec<(Side, Vec<u8>)>>,
    full: bool,
}

#[async_trait]
impl Notices for Inbox {
    async fn notice(&self, side: Side, body: &[u8]) -> Result<usize, EngineError> {
        if self.full {
            return Err(EngineError::Store(StoreError::InUse {
                path: "store".to_owned(),
            }));
        }
        self.taken.lock().unwrap().push((side, body.to_vec()));
        Ok(1)
    }
}

struct Stage {
    url: String,
    http: reqwest::Client,
    store: Arc<SqliteStore>,
    reach: Reach,
    inbox: Arc<Inbox>,
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Stage {
    async fn set(inbox: Inbox) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Arc::new(SqliteStore::open_in_memory().unwrap());
        let reach = Reach::default();
        let inbox = Arc::new(inbox);
        let service = Arc::new(Service {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::new(SystemClock),
            reach: reach.clone(),
            notices: Arc::clone(&inbox) as Arc<dyn Notices>,
            hook_secret: Some(SecretString::from("sesame")),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        Self {
            url,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            store,
            reach,
            inbox,
            stop,
            server: tokio::spawn(duet_server::serve(listener, service, stopped)),
        }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self
            .http
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn post(&self, path: &str, body: Vec<u8>) -> StatusCode {
        let url = format!("{}{path}", self.url);
        let answer = self.http.post(url).body(body).send().await.unwrap();
        answer.status()
    }
}

#[tokio::test]
async fn readiness_follows_progress_and_health_does_not() {
    let stage = Stage::set(Inbox::default()).await;
    assert_eq!(stage.get("/health").await.0, StatusCode::OK);
    let (status, body) = stage.get("/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");

    stage.reach.report(Event::Live);
    assert_eq!(stage.get("/ready").await.0, StatusCode::OK);

    stage.reach.report(Event::Trouble {
        side: Side::Left,
        message: "DUET3001: no answer".to_owned(),
    });
    let (status, body) = stage.get("/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["reason"], "DUET3001: no answer");
    assert_eq!(body["left"]["reachable"], false);
    assert_eq!(stage.get("/health").await.0, StatusCode::OK);
}

#[tokio::test]
async fn status_and_metrics_show_figures_and_no_rows() {
    let stage = Stage::set(Inbox::default()).await;
    let change = NewChange {
        map: "customers".to_owned(),
        side: Side::Left,
        key: Key::from_parts(&["usmf".to_owned(), "us-001".to_owned()]),
        record: RecordId("us-001".to_owned()),
        kind: ChangeKind::Upsert {
            row: Row::new(),
            version: None,
            modified: None,
            by: None,
        },
        tick: 1,
        origin: Origin::Live,
        amendment: Amendment::default(),
    };
    let capture = Capture {
        changes: vec![change],
        ..Capture::default()
    };
    stage
        .store
        .journal(capture, Timestamp::now())
        .await
        .unwrap();

    let (_, body) = stage.get("/api/status").await;
    let status: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status["maps"][0]["map"], "customers");
    assert_eq!(status["maps"][0]["left"]["pending"], 1);
    assert!(!body.contains("us-001"));

    let (_, page) = stage.get("/metrics").await;
    let line = "duet_changes{map=\"customers\",side=\"left\",box=\"pending\"} 1";
    assert!(page.lines().any(|found| found == line), "{page}");
    assert!(!page.contains("us-001"));
}

#[tokio::test]
async fn a_web_hook_needs_the_secret_and_is_taken_in_before_it_is_answered() {
    let stage = Stage::set(Inbox::default()).await;
    let body = b"{}".to_vec();
    for path in ["/hooks/left", "/hooks/left?code=guess"] {
        assert_eq!(
            stage.post(path, body.clone()).await,
            StatusCode::UNAUTHORIZED
        );
    }
    let nowhere = stage.post("/hooks/middle?code=sesame", body.clone()).await;
    assert_eq!(nowhere, StatusCode::NOT_FOUND);
    assert!(stage.inbox.taken.lock().unwrap().is_empty());

    let taken = stage.post("/hooks/right?code=sesame", body.clone()).await;
    assert_eq!(taken, StatusCode::ACCEPTED);
    assert_eq!(
        *stage.inbox.taken.lock().unwrap(),
        [(Side::Right, body.clone())]
    );

    let by_header = stage
        .http
        .post(format!("{}/hooks/left", stage.url))
        .header(duet_server::hooks::SECRET_HEADER, "sesame")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(by_header.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_web_hook_that_cannot_be_stored_is_asked_for_again() {
    let stage = Stage::set(Inbox {
        full: true,
        ..Inbox::default()
    })
    .await;
    let answer = stage.post("/hooks/left?code=sesame", b"{}".to_vec()).await;
    assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_body_without_end_is_refused() {
    let stage = Stage::set(Inbox::default()).await;
    let body = vec![b' '; duet_server::hooks::BODY_LIMIT + 1];
    let answer = stage.post("/hooks/left?code=sesame", body).await;
    assert_eq!(answer, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(stage.inbox.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn it_stops_when_told() {
    let stage = Stage::set(Inbox::default()).await;
    assert_eq!(stage.get("/health").await.0, StatusCode::OK);
    stage.stop.send(true).unwrap();
    stage.server.await.unwrap().unwrap();
}
