//! Whole reads, changes and point reads.

use crate::house::{account, config_for, create, delete, house, house_with, id, stored, update};
use crate::stand_in::columns;
use duet_map::record::RecordId;
use duet_map::value::Row;
use duet_sandbox::faults::{Fault, Rule};
use duet_systems::{ChangesRequest, Class, Cursor, Seen, SnapshotRequest, System, Written, codes};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

#[tokio::test]
async fn a_whole_read_pages_and_its_changes_follow() {
    for page_size in [3, 5000] {
        let house = house_with(|_| (), |config| config.page_size = page_size).await;
        for n in 0..10 {
            stored(
                house
                    .write_account(create(n, account(&format!("A{n}"))))
                    .await,
            );
        }
        let (records, cursor, pages) = house.snapshot("accounts", &columns(&["name"])).await;
        assert_eq!(pages, if page_size == 3 { 4 } else { 1 });
        let ids: BTreeSet<&RecordId> = records.iter().map(|record| &record.id).collect();
        assert_eq!((ids.len(), records.len()), (10, 10));

        let (seen, cursor) = house.all_changes(cursor.unwrap()).await;
        assert!(seen.is_empty());
        for n in 0..5 {
            stored(house.write_account(update(n, account("changed"))).await);
        }
        house.write_account(delete(5)).await.unwrap();
        stored(house.write_account(create(20, account("new"))).await);
        house.write_account(delete(20)).await.unwrap();
        let (seen, cursor) = house.all_changes(cursor).await;
        let upserted: BTreeSet<String> = seen
            .iter()
            .filter_map(|seen| match seen {
                Seen::Upserted(record) => {
                    assert_eq!(record.row, account("changed"));
                    Some(record.id.0.clone())
                }
                Seen::Deleted(_) => None,
            })
            .collect();
        assert_eq!(upserted, (0..5).map(|n| id(n).0).collect());
        assert!(seen.contains(&Seen::Deleted(id(5))));
        let (seen, _) = house.all_changes(cursor).await;
        assert!(seen.is_empty());
    }
}

#[tokio::test]
async fn changes_can_be_read_from_now_on_and_survive_a_move_of_the_service() {
    let house = house_with(|_| (), |config| config.page_size = 2).await;
    for n in 0..5 {
        stored(house.write_account(create(n, account("old"))).await);
    }
    let cursor = house
        .dataverse
        .changes_from_now("accounts", &columns(&["name"]))
        .await
        .unwrap();
    assert!(!cursor.0.contains("127.0.0.1"), "{}", cursor.0);
    stored(house.write_account(create(9, account("new"))).await);
    let (seen, _) = house.all_changes(cursor.clone()).await;
    assert_eq!(seen.len(), 1);
    // The same rows, served elsewhere.
    let moved = house.sandbox.serve().await.unwrap();
    let elsewhere = config_for(&moved).build().unwrap();
    let changes = elsewhere
        .changes(&ChangesRequest {
            table: "accounts".into(),
            columns: columns(&["name"]),
            companies: Vec::new(),
            since: cursor,
        })
        .await
        .unwrap();
    assert_eq!(changes.seen, seen);
}

#[tokio::test]
async fn a_map_that_asks_for_more_columns_gets_them_from_an_old_cursor() {
    let house = house().await;
    let cursor = house
        .dataverse
        .changes_from_now("accounts", &columns(&["name"]))
        .await
        .unwrap();
    stored(
        house
            .write_account(create(1, account("A").with("accountnumber", "7")))
            .await,
    );
    stored(house.write_account(create(2, account("B"))).await);
    house.write_account(delete(2)).await.unwrap();
    let changes = house
        .dataverse
        .changes(&ChangesRequest {
            table: "accounts".into(),
            columns: columns(&["accountnumber"]),
            companies: Vec::new(),
            since: cursor,
        })
        .await
        .unwrap();
    let Seen::Upserted(record) = &changes.seen[0] else {
        panic!("no record")
    };
    assert_eq!(record.row, Row::new().with("accountnumber", "7"));
}

#[tokio::test]
async fn an_expired_or_foreign_cursor_asks_for_a_whole_read() {
    let house = house().await;
    let cursor = house
        .dataverse
        .changes_from_now("accounts", &columns(&["name"]))
        .await
        .unwrap();
    house
        .sandbox
        .faults()
        .add(Rule::once(Fault::ExpireDeltaTokens));
    let mut request = ChangesRequest {
        table: "accounts".into(),
        columns: columns(&["name"]),
        companies: Vec::new(),
        since: cursor,
    };
    let error = house.dataverse.changes(&request).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::CursorExpired, codes::CURSOR_EXPIRED)
    );
    request.since = Cursor("{\"v\":7}".into());
    let error = house.dataverse.changes(&request).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::CursorExpired, codes::CURSOR_UNREADABLE)
    );
}

#[tokio::test]
async fn a_table_without_tracking_is_read_whole_and_has_no_changes() {
    let house = house_with(|_| (), |config| config.page_size = 2).await;
    assert!(
        !house
            .dataverse
            .schema("serviceendpoints")
            .await
            .unwrap()
            .tracks_changes
    );
    for n in 0..5 {
        let row = Row::new().with("name", format!("E{n}").as_str());
        stored(
            house
                .write_one("serviceendpoints", &[], create(n, row))
                .await,
        );
    }
    let (records, cursor, pages) = house
        .snapshot("serviceendpoints", &columns(&["name"]))
        .await;
    assert_eq!((records.len(), pages), (5, 3));
    assert_eq!(cursor, None);
    let error = house
        .dataverse
        .changes_from_now("serviceendpoints", &[])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::FixMap, codes::NOT_TRACKED)
    );
}

#[tokio::test]
async fn identifiers_are_read_for_comparing() {
    let house = house_with(|_| (), |config| config.page_size = 2).await;
    for n in 0..3 {
        stored(house.write_account(create(n, account("x"))).await);
    }
    let mut request = SnapshotRequest {
        table: "accounts".into(),
        columns: columns(&["name"]),
        companies: Vec::new(),
        after: None,
    };
    let first = house.dataverse.keys(&request).await.unwrap();
    assert_eq!(first.records.len(), 2);
    assert!(first.records.iter().all(|record| record.row.is_empty()));
    request.after = first.next;
    let second = house.dataverse.keys(&request).await.unwrap();
    assert_eq!((second.records.len(), second.next), (1, None));
}

#[tokio::test]
async fn fetching_keeps_the_order_and_tells_absence_from_failure() {
    let house = house_with(|_| (), |config| config.batch_size = 2).await;
    for n in [1, 3, 5] {
        stored(
            house
                .write_account(create(n, account(&n.to_string())))
                .await,
        );
    }
    let ids: Vec<RecordId> = (1..=5).map(id).collect();
    let fetched = house
        .dataverse
        .fetch("accounts", &columns(&["name"]), &ids)
        .await
        .unwrap();
    let names: Vec<Option<&str>> = fetched
        .iter()
        .map(|record| {
            record
                .as_ref()
                .and_then(|record| record.row.value("name").as_str())
        })
        .collect();
    assert_eq!(names, [Some("1"), None, Some("3"), None, Some("5")]);

    house.sandbox.faults().add(Rule {
        path: Some("$batch".into()),
        ..Rule::always(Fault::Unavailable)
    });
    let error = house
        .dataverse
        .fetch("accounts", &[], &ids)
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::Retry, codes::UNAVAILABLE)
    );
}

#[tokio::test]
async fn no_change_is_lost_while_many_write() {
    let house = house_with(
        |_| (),
        |config| {
            config.page_size = 3;
            config.batch_size = 4;
        },
    )
    .await;
    let start = house
        .dataverse
        .changes_from_now("accounts", &columns(&["name"]))
        .await
        .unwrap();
    let house_ref = &house;
    let writer = |worker: u128| async move {
        let mut last: BTreeMap<RecordId, Option<Row>> = BTreeMap::new();
        for round in 0..5 {
            let numbers: Vec<u128> = (0..4).map(|n| worker * 100 + n).collect();
            let name = account(&format!("round {round}"));
            let writes = numbers
                .iter()
                .map(|n| match round {
                    0 => create(*n, name.clone()),
                    4 if n % 4 == 0 => delete(*n),
                    _ => update(*n, name.clone()),
                })
                .collect();
            let results = house_ref
                .dataverse
                .write("accounts", &columns(&["name"]), writes)
                .await;
            for (n, result) in numbers.into_iter().zip(results) {
                last.insert(
                    id(n),
                    match result.unwrap() {
                        Written::Stored(record) => Some(record.row),
                        Written::Deleted => None,
                    },
                );
            }
        }
        last
    };
    let reader = async {
        let mut cursor = start;
        let mut seen: BTreeMap<RecordId, Option<Row>> = BTreeMap::new();
        let mut quiet = 0;
        while quiet < 5 {
            let changes = house.changes(cursor).await;
            let silent = changes.seen.is_empty() && seen.len() == 32;
            quiet = if silent { quiet + 1 } else { 0 };
            take(&mut seen, changes.seen);
            cursor = changes.next;
            tokio::task::yield_now().await;
        }
        (seen, cursor)
    };
    let (written, (mut seen, cursor)) = tokio::join!(join_all((1..=8).map(writer)), reader);
    take(&mut seen, house.all_changes(cursor).await.0);
    let written: BTreeMap<RecordId, Option<Row>> = written.into_iter().flatten().collect();
    assert_eq!(seen, written);
}

fn take(known: &mut BTreeMap<RecordId, Option<Row>>, seen: Vec<Seen>) {
    for change in seen {
        match change {
            Seen::Upserted(record) => known.insert(record.id, Some(record.row)),
            Seen::Deleted(id) => known.insert(id, None),
        };
    }
}
