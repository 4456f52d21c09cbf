//! Reading changes by a window over the time of modification.

use crate::house::{create, group, group_columns, house, house_with, id, stored};
use duet_map::record::{Record, RecordId};
use duet_map::value::{Row, Value};
use duet_sandbox::finops::Settings;
use duet_systems::{Changes, ChangesRequest, Class, Cursor, Seen, System, Write, codes};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

fn upserted(changes: &Changes) -> Vec<&str> {
    changes
        .seen
        .iter()
        .map(|seen| match seen {
            Seen::Upserted(record) => record.id.0.as_str(),
            Seen::Deleted(_) => panic!("deletions cannot be told"),
        })
        .collect()
}

#[tokio::test]
async fn changes_come_once_and_late_ones_come_too() {
    let house = house().await;
    house
        .write_group(create(group("usmf", "old")))
        .await
        .unwrap();
    let start = house
        .finops
        .changes_from_now("CustomerGroups", &group_columns())
        .await
        .unwrap();
    let nothing = house.changes(start).await;
    assert!(nothing.seen.is_empty() && !nothing.more);

    house
        .write_group(create(group("usmf", "new")))
        .await
        .unwrap();
    let first = house.changes(nothing.next).await;
    assert_eq!(upserted(&first), [id("usmf", "new").0]);
    let again = house.changes(first.next).await;
    assert!(again.seen.is_empty());

    // A transaction that began a minute ago ends only now.
    house.late.store(60, Ordering::SeqCst);
    house
        .write_group(create(group("frrt", "late")))
        .await
        .unwrap();
    let late = house.changes(again.next).await;
    assert_eq!(upserted(&late), [id("frrt", "late").0]);
    let quiet = house.changes(late.next).await;
    assert!(quiet.seen.is_empty());
}

#[tokio::test]
async fn a_cursor_of_another_kind_asks_for_a_whole_read() {
    let house = house().await;
    for text in ["", "{}", "{\"v\":9}", "[1]"] {
        let request = ChangesRequest {
            table: "CustomerGroups".into(),
            columns: Vec::new(),
            companies: Vec::new(),
            since: Cursor(text.into()),
        };
        let error = house.finops.changes(&request).await.unwrap_err();
        assert_eq!(
            (error.class, error.code),
            (Class::CursorExpired, codes::CURSOR_UNREADABLE)
        );
    }
}

#[tokio::test]
async fn no_change_is_lost_while_many_write() {
    let house = house_with(Settings::default(), |config| {
        config.page_size = 7;
        config.batch_size = 5;
    })
    .await;
    let start = house
        .finops
        .changes_from_now("CustomerGroups", &group_columns())
        .await
        .unwrap();
    let writer = |worker: i64| {
        let house = &house;
        async move {
            let mut last = BTreeMap::new();
            for round in 0..6 {
                // Some transactions stamp their rows long before they commit.
                house
                    .late
                    .store((worker * 7 + round * 13) % 50, Ordering::SeqCst);
                let names: Vec<String> = (0..4).map(|n| format!("w{worker}n{n}")).collect();
                let writes = names
                    .iter()
                    .map(|name| {
                        let row = Row::new().with("Description", format!("round {round}").as_str());
                        if round == 0 {
                            let mut whole = group("usmf", name);
                            whole.0.extend(row.0);
                            create(whole)
                        } else {
                            Write::Update {
                                id: id("usmf", name),
                                row,
                                if_version: None,
                            }
                        }
                    })
                    .collect();
                let results = house
                    .finops
                    .write("CustomerGroups", &group_columns(), writes)
                    .await;
                for record in results.into_iter().map(stored) {
                    last.insert(record.id.clone(), record);
                }
            }
            last
        }
    };
    let reader = async {
        let mut cursor = start;
        let mut seen: BTreeMap<RecordId, Record> = BTreeMap::new();
        let mut quiet = 0;
        let mut versions = BTreeSet::new();
        while quiet < 3 {
            let changes = house.changes(cursor).await;
            quiet = if changes.seen.is_empty() && seen.len() == 32 {
                quiet + 1
            } else {
                0
            };
            for change in changes.seen {
                let Seen::Upserted(record) = change else {
                    panic!("nothing was deleted")
                };
                let version = record.version.clone().unwrap().tag;
                assert!(
                    versions.insert((record.id.clone(), version)),
                    "reported twice"
                );
                seen.insert(record.id.clone(), record);
            }
            cursor = changes.next;
            tokio::task::yield_now().await;
        }
        (seen, cursor)
    };
    let (written, (mut seen, cursor)) = tokio::join!(join_all((0..8).map(writer)), reader);
    // What the writers did after the reader fell silent.
    for change in house.changes(cursor).await.seen {
        let Seen::Upserted(record) = change else {
            panic!("nothing was deleted")
        };
        seen.insert(record.id.clone(), record);
    }
    let written: BTreeMap<RecordId, Record> = written.into_iter().flatten().collect();
    assert_eq!(written.len(), 32);
    for (id, record) in written {
        assert_eq!(seen[&id].row, record.row, "{id}");
    }
}

#[tokio::test]
async fn a_crowded_window_tells_single_changes_and_many() {
    let house = house().await;
    let writes = |count: usize, description: &str| -> Vec<Write> {
        (0..count)
            .map(|n| Write::Update {
                id: id("usmf", &format!("{n:03}")),
                row: Row::new().with("Description", description),
                if_version: None,
            })
            .collect()
    };
    let creates = (0..120)
        .map(|n| create(group("usmf", &format!("{n:03}"))))
        .collect();
    for written in house
        .finops
        .write("CustomerGroups", &group_columns(), creates)
        .await
    {
        stored(written);
    }
    let mut cursor = house
        .finops
        .changes_from_now("CustomerGroups", &group_columns())
        .await
        .unwrap();
    for count in [1, 100, 0, 5] {
        let description = format!("{count} changed");
        for written in house
            .finops
            .write(
                "CustomerGroups",
                &group_columns(),
                writes(count, &description),
            )
            .await
        {
            stored(written);
        }
        let changes = house.changes(cursor).await;
        assert_eq!(
            upserted(&changes)
                .into_iter()
                .collect::<BTreeSet<_>>()
                .len(),
            count
        );
        for seen in &changes.seen {
            let Seen::Upserted(record) = seen else {
                panic!("nothing was deleted")
            };
            assert_eq!(
                record.row.value("Description"),
                &Value::from(description.as_str())
            );
        }
        assert!(!changes.more);
        cursor = changes.next;
    }
    // A row that is gone before it is read is no news.
    house
        .write_group(Write::Update {
            id: id("usmf", "000"),
            row: Row::new().with("Description", "short-lived"),
            if_version: None,
        })
        .await
        .unwrap();
    house
        .write_group(Write::Delete {
            id: id("usmf", "000"),
            if_version: None,
        })
        .await
        .unwrap();
    assert!(house.changes(cursor).await.seen.is_empty());
}
