//! Files: format, permissions, several processes, crashes and full disks.

use super::*;
use crate::conflict::{ConflictFilter, ConflictKind, FieldConflict, NewConflict};
use crate::error::StoreError;
use crate::health::Backlog;
use crate::intent::{Intent, Sent};
use crate::settlement::Outcome;
use crate::store::{Capture, MapState, MapStatus, Store as _};
use duet_map::side::{PerSide, Side};
use duet_map::value::Row;
use rusqlite::Connection;
use std::error::Error as _;
use std::path::Path;

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let (folder, store) = on_disk();
    journal(&store, ["a", "b"].map(upsert)).await;
    settle(&store, vec![ends(1, APPLIED).inserting(linked("a"))]).await;
    store.reserve_ticks(10).await.unwrap();
    let before = boxes(&store).await;
    drop(store);
    let store = SqliteStore::open(folder.path().join("duet.db")).unwrap();
    assert_eq!(boxes(&store).await, before);
    assert_eq!(due_seqs(&store, 0).await, [(2, vec![])]);
    assert_eq!(store.count_pairs(MAP).await.unwrap(), 1);
    assert_eq!(store.reserve_ticks(1).await.unwrap(), 11);
}

#[tokio::test]
async fn one_handle_claims_and_the_next_one_waits_its_turn() {
    let (folder, store) = on_disk();
    store.claim().await.unwrap();
    store.claim().await.unwrap();
    let second = SqliteStore::open(folder.path().join("duet.db")).unwrap();
    let error = second.claim().await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(store);
    second.claim().await.unwrap();
}

/// A store with something of everything in it, as the fixture of its format holds it.
async fn fill(store: &SqliteStore) {
    let names = [
        "usmf / us-001",
        "usmf / us-002",
        "usmf / us-003",
        "usmf / us-004",
    ];
    journal(store, names.map(upsert)).await;
    journal(store, [delete(names[1]).on(Side::Right).of("r-2")]).await;
    let mut applied = ends(1, APPLIED).inserting(linked(names[0]));
    applied.columns = vec!["NAME".to_owned()];
    applied.conflict = Some(NewConflict {
        kind: ConflictKind::default(),
        policy: "master".to_owned(),
        fields: vec![FieldConflict {
            left_column: "NAME".to_owned(),
            right_column: "name".to_owned(),
            base: Some("Contoso".into()),
            left: "Contoso Ltd".into(),
            right: "Contoso Inc".into(),
            winner: Some(Side::Left),
            policy: None,
        }],
        touched: PerSide::default(),
    });
    let waiting = ends(2, parked(&["customer group 10"]));
    let dead = ends(3, Outcome::Echoed).inserting(tombstone(names[2]));
    settle(store, vec![applied, waiting, dead, ends(4, postponed(60))]).await;
    store
        .add_intents(vec![Intent {
            seq: 5,
            map: MAP.to_owned(),
            key: key(names[1]),
            to: Side::Left,
            source: record("r-2"),
            sent: Sent::Create {
                id: None,
                row: Row::new().with("NAME", "Contoso"),
            },
            at: at(2),
        }])
        .await
        .unwrap();
    let notice = (Side::Left, "CustomersV3".to_owned(), Some(record("x")));
    store.add_notices(vec![notice], at(3)).await.unwrap();
    let capture = Capture {
        cursors: vec![("live:right:accounts".to_owned(), Some("delta".to_owned()))],
        sweep_seen: Some(("s".to_owned(), vec![record("seen")])),
        ..Capture::default()
    };
    store.journal(capture, at(4)).await.unwrap();
    store
        .set_map_status(MapStatus {
            map: MAP.to_owned(),
            state: MapState::CatchUp,
            version: "1.0.0".to_owned(),
            since: at(5),
            error: None,
        })
        .await
        .unwrap();
    store.reserve_ticks(100).await.unwrap();
}

/// All that can be asked about [`fill`], as text.
async fn everything(store: &SqliteStore) -> String {
    let keys = [key("usmf / us-001")];
    let records = ["usmf / us-001", "usmf / us-003"].map(record);
    let by_record = store
        .pairs_by_record(MAP, Side::Left, &records)
        .await
        .unwrap();
    format!(
        "{:#?}",
        (
            (due(store, 60).await, store.next_due(MAP).await.unwrap()),
            store.parked(&any_parked(), 10).await.unwrap(),
            store
                .conflicts(&ConflictFilter::default(), 10)
                .await
                .unwrap(),
            store.activity("", 100).await.unwrap(),
            store.audit().await.unwrap(),
            store.pairs_by_key(MAP, &keys).await.unwrap(),
            records.map(|record| by_record[&record].clone()),
            store.intents(MAP, &[key("usmf / us-002")]).await.unwrap(),
            store.notices(Side::Left, 10).await.unwrap(),
            (
                store.cursor("live:right:accounts").await.unwrap(),
                store
                    .sweep_missing("s", MAP, Side::Left, &[], 10)
                    .await
                    .unwrap(),
                store.map_statuses().await.unwrap(),
                store.last_progress().await.unwrap(),
                store.awaited().await.unwrap(),
            ),
        )
    )
}

/// The statements that would build a database's schema again.
fn schema(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut select = connection
        .prepare(
            "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1",
        )
        .unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Builds a database from a dump.
fn from_dump(path: &Path, dump: &str) {
    Connection::open(path).unwrap().execute_batch(dump).unwrap();
}

#[tokio::test]
async fn a_store_of_format_1_opens_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    from_dump(&old, include_str!("../../../tests/fixtures/format-1.sql"));
    let opened = SqliteStore::open(&old).unwrap();
    let fresh = SqliteStore::open(&new).unwrap();
    // A step that was released and then edited would show here.
    assert_eq!(schema(&old), schema(&new));
    fill(&fresh).await;
    assert_eq!(everything(&opened).await, everything(&fresh).await);
    assert_eq!(opened.reserve_ticks(1).await.unwrap(), 101);
    journal(&opened, [upsert("new")]).await;
    assert_eq!(due(&opened, 0).await.last().unwrap().seq, 6);
}

#[tokio::test]
async fn a_newer_format_is_refused_and_stays_untouched() {
    let (folder, store) = on_disk();
    drop(store);
    let path = folder.path().join("duet.db");
    let newer = Connection::open(&path).unwrap();
    newer
        .execute("UPDATE meta SET value = 6 WHERE name = 'format'", [])
        .unwrap();
    drop(newer);
    let before = std::fs::read(&path).unwrap();
    for error in [
        SqliteStore::open(&path).unwrap_err(),
        SqliteStore::open_read_only(&path).unwrap_err(),
    ] {
        assert!(
            matches!(
                error,
                StoreError::TooNew {
                    found: 6,
                    known: 5,
                    ..
                }
            ),
            "{error}"
        );
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_stays_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("other.db");
    from_dump(&database, "CREATE TABLE customers (name TEXT)");
    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "not a database at all, but long enough to look at\n".repeat(20),
    )
    .unwrap();
    for path in [&database, &text] {
        let before = std::fs::read(path).unwrap();
        for error in [
            SqliteStore::open(path).unwrap_err(),
            SqliteStore::open_read_only(path).unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
            assert_eq!(error.code().to_string(), "DUET4006");
        }
        assert_eq!(&std::fs::read(path).unwrap(), &before);
    }
}

#[tokio::test]
async fn reading_needs_a_store_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("duet.db");
    let error = SqliteStore::open_read_only(&path).unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error}");
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    let error = SqliteStore::open_read_only(&path).unwrap_err();
    assert!(
        matches!(error, StoreError::TooOld { found: 0, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_second_process_may_look_and_retry_while_the_first_works() {
    let (folder, store) = on_disk();
    store.claim().await.unwrap();
    journal(&store, ["a", "b"].map(upsert)).await;
    settle(&store, vec![ends(1, parked(&[]))]).await;
    let path = folder.path().join("duet.db");
    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(boxes(&reader).await, boxes(&store).await);
    let error = reader.retry(&any_parked(), at(2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error}");
    let other = SqliteStore::open(&path).unwrap();
    assert_eq!(other.retry(&any_parked(), at(2)).await.unwrap(), 1);
    assert_eq!(boxes(&store).await.pending, 2);
    settle(&store, vec![ends(1, APPLIED)]).await;
    assert_eq!(boxes(&reader).await.applied, 1);
    drop((store, other));
    // The last writer has gone and took its log along.
    assert_eq!(boxes(&reader).await.applied, 1);
    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(boxes(&reader).await.applied, 1);
}

#[tokio::test]
async fn two_writers_queue_instead_of_failing() {
    let (folder, store) = on_disk();
    let other = SqliteStore::open(folder.path().join("duet.db")).unwrap();
    let write = async |store: &SqliteStore| {
        for _ in 0..50 {
            journal(store, [upsert("a")]).await;
        }
    };
    tokio::join!(write(&store), write(&other));
    assert_eq!(boxes(&store).await.captured, 100);
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("state/duet");
    let path = inner.join("duet.db");
    let store = SqliteStore::open(&path).unwrap();
    store.claim().await.unwrap();
    journal(&store, [upsert("a")]).await;
    store.backup(inner.join("copy.db")).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&inner).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_owned());
    }
    names.sort();
    let expected = [
        "copy.db",
        "duet.db",
        "duet.db-shm",
        "duet.db-wal",
        "duet.db.lock",
    ];
    assert_eq!(names, expected);
    drop(store);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(SqliteStore::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn a_full_disk_stores_nothing_of_a_call() {
    let (_folder, store) = on_disk();
    journal(&store, (0..20).map(|i| upsert(&format!("k{i}")))).await;
    let limit = async |pages: &'static str| {
        let set =
            move |connection: &mut Connection| {
                Ok(connection
                    .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
            };
        store.writer.run("limit its size", set).await.unwrap();
    };
    // Counts below the present size mean the present size.
    limit("1").await;
    let state = async || {
        (
            boxes(&store).await,
            due(&store, 0).await,
            store.last_progress().await.unwrap(),
        )
    };
    let before = state().await;
    let capture = || Capture {
        changes: (0..500).map(|i| upsert(&format!("more {i}"))).collect(),
        cursors: vec![("c".to_owned(), Some("1".to_owned()))],
        ..Capture::default()
    };
    let error = store.journal(capture(), at(9)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "DUET4120: there is no room left to journal changes, and nothing of it was stored; free \
         disk space or raise `store-at-most` in duet.yaml"
    );
    let batch = || {
        (1..=20).map(|seq| {
            let mut body = linked(&format!("k{}", seq - 1));
            body.halves
                .left
                .image
                .set("NAME", "x".repeat(5000).as_str());
            ends(seq, APPLIED).inserting(body)
        })
    };
    store.settle(batch().collect(), at(9)).await.unwrap_err();
    assert_eq!(state().await, before);
    assert_eq!(store.cursor("c").await.unwrap(), None);
    limit("1000000").await;
    store.journal(capture(), at(9)).await.unwrap();
    settle(&store, batch().collect()).await;
    let after = boxes(&store).await;
    assert_eq!((after.captured, after.applied), (520, 20));
}

#[tokio::test]
async fn a_copy_taken_in_the_middle_of_writing_opens_and_balances() {
    let (folder, store) = on_disk();
    let path = |name: &str| folder.path().join(name);
    let write = async {
        for round in 0..40_i64 {
            journal(&store, (0..20).map(|i| upsert(&format!("k{i}")))).await;
            let batch = due(&store, 0).await;
            let batch = batch.iter().map(|change| {
                change.ends(if round % 3 == 0 {
                    parked(&["t"])
                } else {
                    APPLIED
                })
            });
            settle(&store, batch.collect()).await;
        }
    };
    let copy = async {
        for copy in 0..10 {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            // The log is not moved into the file in so short a time, so the file stands still and
            // the copy of the log ends anywhere, as after a crash.
            for suffix in ["-wal", ""] {
                let target = path(&format!("copy{copy}.db{suffix}"));
                std::fs::copy(path(&format!("duet.db{suffix}")), target).unwrap();
            }
        }
    };
    tokio::join!(write, copy);
    for copy in 0..10 {
        let copied = SqliteStore::open(path(&format!("copy{copy}.db"))).unwrap();
        for line in copied.audit().await.unwrap() {
            assert!(line.boxes.balances(), "{line:?}");
        }
        let whole: String = copied
            .reports()
            .run("check", |connection| {
                Ok(connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?)
            })
            .await
            .unwrap();
        assert_eq!(whole, "ok");
    }
}

#[tokio::test]
async fn a_copy_that_mixes_two_moments_is_whole_or_refused() {
    let (folder, store) = on_disk();
    let path = |name: &str| folder.path().join(name);
    store.claim().await.unwrap();
    let (mut whole, mut refused) = (0, 0);
    for round in 0..12_usize {
        let write = async |part: usize| {
            let key = |i: usize| upsert(&format!("{} of {round}, part {part}", i * 7919 % 200));
            journal(&store, (0..200).map(key)).await;
            let batch = due(&store, 0).await;
            settle(&store, batch.iter().map(|one| one.ends(APPLIED)).collect()).await;
            let moved = |connection: &mut Connection| {
                Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
            };
            store.writer.run("move the log", moved).await.unwrap();
        };
        write(0).await;
        // A copying program is at some place of the file while the log moves into it.
        let before = std::fs::read(path("duet.db")).unwrap();
        let place = before.len() * (round % 4) / 4;
        write(1).await;
        let mut mixed = before[..place].to_vec();
        mixed.extend_from_slice(&std::fs::read(path("duet.db")).unwrap()[place..]);
        let copy = path(&format!("copy{round}.db"));
        std::fs::write(&copy, mixed).unwrap();
        if round % 3 == 0 {
            std::fs::copy(path("duet.db-wal"), path(&format!("copy{round}.db-wal"))).unwrap();
        }
        let opened = match SqliteStore::open(&copy) {
            Ok(copied) => copied.claim().await.map(|()| copied),
            Err(error) => Err(error),
        };
        match opened {
            Ok(copied) => {
                whole += 1;
                copied.verify().await.unwrap();
                for line in copied.audit().await.unwrap() {
                    assert!(line.boxes.balances(), "{line:?}");
                }
            }
            Err(error) => {
                refused += 1;
                assert_eq!(error.code().0, 4004, "{error}");
            }
        }
    }
    assert!(whole >= 3, "{whole} copies were whole");
    assert!(refused >= 3, "{refused} copies were refused");
}

#[tokio::test]
async fn a_store_is_looked_at_whole_unless_it_was_closed_in_order() {
    let (folder, store) = on_disk();
    let path = folder.path().join("duet.db");
    journal(&store, (0..50).map(|i| upsert(&format!("k{i}")))).await;
    store.claim().await.unwrap();
    assert!(store.cursor("open").await.unwrap().is_some());
    drop(store);
    assert!(!folder.path().join("duet.db-wal").exists(), "the log moved");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.cursor("open").await.unwrap(), None);
    store.claim().await.unwrap();
    // A counter that does not fit its changes, as pages of two moments may have it.
    let spoil = |connection: &mut Connection| {
        Ok(connection
            .execute("UPDATE counters SET captured = captured + 1", [])
            .map(drop)?)
    };
    store.writer.run("spoil it", spoil).await.unwrap();
    let copy = folder.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    let copied = SqliteStore::open(&copy).unwrap();
    let error = copied.claim().await.unwrap_err();
    assert_eq!(error.code().0, 4004, "{error}");
    // Refused again, and not only once.
    copied.claim().await.unwrap_err();
}

#[tokio::test]
async fn a_damaged_row_is_named() {
    let (folder, store) = on_disk();
    journal(&store, [upsert("a")]).await;
    settle(&store, vec![ends(1, postponed(0)).inserting(linked("a"))]).await;
    let vandal = Connection::open(folder.path().join("duet.db")).unwrap();
    vandal
        .execute_batch("UPDATE journal SET row = '{'; UPDATE pairs SET right_half = '[]';")
        .unwrap();
    let error = store.due(MAP, 1, at(0)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "DUET4004: the row of change 1 in the store does not read back; \
         restore the store from a backup"
    );
    let error = store.pairs_by_key(MAP, &[key("a")]).await.unwrap_err();
    assert!(
        error.to_string().contains("the right half of pair 1"),
        "{error}"
    );
}

#[tokio::test]
async fn a_backup_is_a_store_of_its_own() {
    let (folder, store) = on_disk();
    fill(&store).await;
    let target = folder.path().join("backup.db");
    store.backup(&target).await.unwrap();
    let expected = everything(&store).await;
    journal(&store, [upsert("later")]).await;
    let error = store.backup(&target).await.unwrap_err();
    assert!(
        error
            .source()
            .unwrap()
            .to_string()
            .contains("exists already")
    );
    let copy = SqliteStore::open(&target).unwrap();
    assert_eq!(everything(&copy).await, expected);
    let reader = SqliteStore::open_read_only(folder.path().join("duet.db")).unwrap();
    reader
        .backup(folder.path().join("second.db"))
        .await
        .unwrap();
    memory()
        .backup(folder.path().join("third.db"))
        .await
        .unwrap();
    SqliteStore::open_read_only(folder.path().join("third.db")).unwrap();
}

#[tokio::test]
async fn a_failed_backup_leaves_nothing_behind() {
    let (folder, store) = on_disk();
    store
        .backup(folder.path().join("missing/backup.db"))
        .await
        .unwrap_err();
    let target = folder.path().join("backup.db");
    std::fs::write(
        folder.path().join("backup.db.unfinished"),
        "of an earlier attempt",
    )
    .unwrap();
    store.backup(&target).await.unwrap();
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("unfinished"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[tokio::test]
async fn vacuum_gives_space_back() {
    let (_folder, store) = on_disk();
    journal(&store, (0..3000).map(|i| upsert(&format!("k{i}")))).await;
    settle(
        &store,
        (1..=3000).map(|seq| ends(seq, Outcome::Echoed)).collect(),
    )
    .await;
    let before = store.health().await.unwrap();
    assert!(before.free_bytes > 0, "{before:?}");
    store.vacuum().await.unwrap();
    let after = store.health().await.unwrap();
    assert_eq!((after.free_bytes, after.log_bytes), (0, 0));
    assert!(after.database_bytes < before.database_bytes);
    assert_eq!(boxes(&store).await.echoed, 3000);
}

#[tokio::test]
async fn health_tells_how_far_apply_lags() {
    for store in [on_disk().1, memory()] {
        let at_second = async |second, change| {
            let capture = Capture {
                changes: vec![change],
                ..Capture::default()
            };
            store.journal(capture, at(second)).await.unwrap();
        };
        at_second(1, upsert("a")).await;
        at_second(2, upsert("b")).await;
        at_second(3, upsert("c")).await;
        at_second(4, upsert("d").on(Side::Right)).await;
        at_second(5, upsert("e").for_map("z")).await;
        settle(&store, vec![ends(1, parked(&[])), ends(5, APPLIED)]).await;
        let notice = (Side::Left, "CustomersV3".to_owned(), None);
        store.add_notices(vec![notice], at(6)).await.unwrap();
        let health = store.health().await.unwrap();
        let backlog = |side, pending, oldest_pending, parked, oldest_parked| Backlog {
            map: MAP.to_owned(),
            side,
            pending,
            oldest_pending,
            parked,
            oldest_parked,
        };
        assert_eq!(
            health.backlogs,
            [
                backlog(Side::Left, 2, Some(at(2)), 1, Some(at(1))),
                backlog(Side::Right, 1, Some(at(4)), 0, None),
            ]
        );
        assert_eq!(health.notices, 1);
        assert!(health.database_bytes > 0);
    }
}
