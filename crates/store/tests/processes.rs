//! Several processes on one store: claims, and a process that is killed in the middle of its work.

// The functions that the tests share are no tests to the linter.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use duet_map::value::Row;
use duet_store::change::{Amendment, ChangeKind, NewChange, Origin};
use duet_store::conflict::OpenConflict;
use duet_store::pair::{Half, PairBody, PairState};
use duet_store::settlement::{Outcome, PairWrite, Settlement};
use duet_store::store::Capture;
use duet_store::{SqliteStore, Store, StoreError};
use jiff::Timestamp;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const MAP: &str = "customers-v3.accounts";
const STORE: &str = "DUET_TEST_STORE";
const BATCH: usize = 25;

/// This very test program, running [`worker`] on a store.
fn start_worker(store: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker", "--ignored", "--nocapture"])
        .env(STORE, store)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn capture(round: usize) -> Capture {
    let change = |number: usize| NewChange {
        map: MAP.to_owned(),
        side: Side::Left,
        key: Key::from_parts(&[format!("{round} {number}")]),
        record: RecordId(format!("{round} {number}")),
        kind: ChangeKind::Upsert {
            row: Row::new().with("NAME", "Contoso"),
            version: None,
            modified: None,
            by: None,
        },
        tick: 0,
        origin: Origin::Live,
        amendment: Amendment::default(),
    };
    Capture {
        changes: (0..BATCH).map(change).collect(),
        cursors: vec![("cursor".to_owned(), Some(round.to_string()))],
        ..Capture::default()
    }
}

fn pair(key: Key, record: RecordId) -> PairBody {
    let mut pair = PairBody {
        key,
        state: PairState::Linked,
        halves: duet_map::side::PerSide::from_fn(|_| Half::default()),
        bounces: 0,
        settled_at: Timestamp::UNIX_EPOCH,
    };
    pair.halves.left.record = Some(record);
    pair
}

/// Not a test: what the other process does. It journals and settles without end, and says after
/// each journaled batch which one is durable.
#[tokio::test]
#[ignore = "runs in the process that another test starts"]
async fn worker() {
    let Some(path) = std::env::var_os(STORE) else {
        return;
    };
    let now = Timestamp::UNIX_EPOCH;
    let store = SqliteStore::open(path).unwrap();
    store.claim().await.unwrap();
    let first = store.cursor("cursor").await.unwrap();
    let first = first.map_or(0, |round| round.parse::<usize>().unwrap() + 1);
    for round in first.. {
        store.journal(capture(round), now).await.unwrap();
        // Nobody may be listening any more.
        let mut told = std::io::stdout();
        let _ = writeln!(told, "\ndurable {round}").and_then(|()| told.flush());
        let settlements = store
            .due(MAP, BATCH, now)
            .await
            .unwrap()
            .into_iter()
            .map(|change| Settlement {
                seq: change.seq,
                supersedes: change.supersedes,
                outcome: Outcome::Applied { writes: 1 },
                pair: PairWrite::Insert(pair(change.change.key, change.change.record)),
                conflict: None,
                open_conflict: OpenConflict::Keep,
                provides: Vec::new(),
                writes_known: true,
                columns: Vec::new(),
            });
        store.settle(settlements.collect(), now).await.unwrap();
    }
}

/// Reads what the worker says until this many batches are durable.
fn await_durable(worker: &mut Child, batches: usize) -> usize {
    let output = BufReader::new(worker.stdout.take().unwrap());
    let durable = output.lines().map_while(Result::ok).filter_map(|line| {
        let round = line.strip_prefix("durable ")?;
        round.parse::<usize>().ok()
    });
    durable
        .take(batches)
        .last()
        .expect("the worker ended early")
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_durable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("duet.db");
    for batches in [1, 3, 6, 2, 9] {
        let mut worker = start_worker(&path);
        let durable = await_durable(&mut worker, batches);
        worker.kill().unwrap();
        worker.wait().unwrap();

        let store = SqliteStore::open(&path).unwrap();
        let cursor = store.cursor("cursor").await.unwrap().unwrap();
        let rounds = cursor.parse::<u64>().unwrap() + 1;
        assert!(rounds > durable as u64);
        let [line] = &store.audit().await.unwrap()[..] else {
            panic!("one line expected");
        };
        assert!(line.boxes.balances(), "{line:?}");
        // The cursor and the changes before it are there together, or neither is.
        assert_eq!(line.boxes.captured, rounds * BATCH as u64);
        // A change has ended exactly when its pair is there.
        assert_eq!(line.boxes.applied, store.count_pairs(MAP).await.unwrap());
        assert_eq!(line.boxes.applied, line.boxes.writes);
    }
}

#[tokio::test]
async fn a_claim_ends_with_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("duet.db");
    let mut worker = start_worker(&path);
    await_durable(&mut worker, 1);
    let store = SqliteStore::open(&path).unwrap();
    let error = store.claim().await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(!store.audit().await.unwrap().is_empty());
    worker.kill().unwrap();
    worker.wait().unwrap();
    store.claim().await.unwrap();
}
