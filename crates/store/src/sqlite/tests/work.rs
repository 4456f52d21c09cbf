//! Cursors, notices, logical time, sweeps and map states.

use super::*;
use crate::pair::PairState;
use crate::store::{Capture, MapState, MapStatus, Store as _};
use duet_map::side::Side::{Left, Right};

#[tokio::test]
async fn cursors_are_saved_replaced_and_forgotten() {
    let store = memory();
    let save = async |value: Option<&str>| {
        let capture = Capture {
            cursors: vec![("live:left:customers".to_owned(), value.map(str::to_owned))],
            ..Capture::default()
        };
        store.journal(capture, at(0)).await.unwrap();
        store.cursor("live:left:customers").await.unwrap()
    };
    assert_eq!(save(Some("1")).await.as_deref(), Some("1"));
    assert_eq!(save(Some("2")).await.as_deref(), Some("2"));
    assert_eq!(save(None).await, None);
    assert_eq!(store.cursor("other").await.unwrap(), None);
}

#[tokio::test]
async fn logical_time_is_never_given_out_twice() {
    let store = memory();
    assert_eq!(store.reserve_ticks(1000).await.unwrap(), 1);
    assert_eq!(store.reserve_ticks(1).await.unwrap(), 1001);
    assert_eq!(store.reserve_ticks(5).await.unwrap(), 1002);
}

#[tokio::test]
async fn notices_wait_in_order_until_a_read_looked_after_them() {
    let store = memory();
    store
        .add_notices(
            vec![
                (Left, "CustomersV3".to_owned(), None),
                (Right, "accounts".to_owned(), Some(record("r"))),
                (Left, "CustomersV3".to_owned(), None),
            ],
            at(0),
        )
        .await
        .unwrap();
    let left = store.notices(Left, 10).await.unwrap();
    assert_eq!(left.iter().map(|n| n.id).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(store.notices(Left, 1).await.unwrap().len(), 1);
    let right = store.notices(Right, 10).await.unwrap();
    assert_eq!(right[0].record, Some(record("r")));
    assert_eq!(right[0].table, "accounts");
    let capture = Capture {
        notices: vec![1, 2],
        ..Capture::default()
    };
    store.journal(capture, at(1)).await.unwrap();
    assert_eq!(store.notices(Left, 10).await.unwrap()[0].id, 3);
    assert!(store.notices(Right, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn map_states_are_replaced() {
    let store = memory();
    let status = |map: &str, state, error: Option<&str>| MapStatus {
        map: map.to_owned(),
        state,
        version: "1.0.0".to_owned(),
        since: at(3),
        error: error.map(str::to_owned),
    };
    let set = [
        status("b", MapState::InitialSync, None),
        status("a", MapState::Paused, None),
        status("b", MapState::ErrorPaused, Some("DUET3001: unreachable")),
    ];
    for status in set.clone() {
        store.set_map_status(status).await.unwrap();
    }
    assert_eq!(
        store.map_statuses().await.unwrap(),
        [set[1].clone(), set[2].clone()]
    );
}

#[tokio::test]
async fn progress_is_the_last_change_journaled_and_settled() {
    let store = memory();
    assert_eq!(store.last_progress().await.unwrap(), (None, None));
    store.journal(Capture::default(), at(7)).await.unwrap();
    assert_eq!(store.last_progress().await.unwrap(), (None, None));
    journal(&store, [upsert("a")]).await;
    store.settle(vec![ends(9, APPLIED)], at(8)).await.unwrap();
    assert_eq!(store.last_progress().await.unwrap(), (Some(at(0)), None));
    settle(&store, vec![ends(1, APPLIED)]).await;
    assert_eq!(
        store.last_progress().await.unwrap(),
        (Some(at(0)), Some(at(1)))
    );
}

/// Pairs under these keys.
async fn pairs(store: &SqliteStore, names: &[&str]) {
    for name in names {
        journal(store, [upsert(name)]).await;
        let change = due(store, 0).await.remove(0);
        settle(store, vec![change.ends(APPLIED).inserting(linked(name))]).await;
    }
}

/// A page of a comparison of the right side.
async fn see(store: &SqliteStore, records: &[&str]) {
    let capture = Capture {
        sweep_seen: Some((
            "s".to_owned(),
            records.iter().map(|id| record(id)).collect(),
        )),
        ..Capture::default()
    };
    store.journal(capture, at(0)).await.unwrap();
}

async fn missing(store: &SqliteStore, limit: usize) -> Vec<String> {
    store
        .sweep_missing("s", MAP, Right, &[], limit)
        .await
        .unwrap()
        .iter()
        .map(|pair| pair.body.key.to_string())
        .collect()
}

#[tokio::test]
async fn a_comparison_finds_the_pairs_it_has_not_seen() {
    let store = memory();
    pairs(&store, &["a", "b", "c", "d"]).await;
    assert!(missing(&store, 10).await.is_empty(), "not begun");
    see(&store, &["a'"]).await;
    pairs(&store, &["later"]).await;
    see(&store, &["a'", "d'", "unknown"]).await;
    assert_eq!(missing(&store, 10).await, ["b", "c"]);
    assert_eq!(missing(&store, 1).await, ["b"]);
    journal(&store, [delete("b").on(Right).of("b'")]).await;
    assert_eq!(missing(&store, 10).await, ["c"]);
    store.end_sweep("s").await.unwrap();
    assert!(missing(&store, 10).await.is_empty());
    see(&store, &[]).await;
    assert_eq!(missing(&store, 10).await, ["a", "c", "d", "later"]);
}

#[tokio::test]
async fn a_comparison_passes_over_tombstones_and_halves_without_a_record() {
    let store = memory();
    pairs(&store, &["a", "b", "c"]).await;
    let keys = ["a", "b", "c"].map(key);
    let stored = store.pairs_by_key(MAP, &keys).await.unwrap();
    let mut half = linked("b");
    half.halves.right.record = None;
    let mut outside = linked("c");
    outside.state = PairState::OutsideFilter;
    journal(&store, ["x", "y", "z"].map(upsert)).await;
    settle(
        &store,
        vec![
            ends(4, APPLIED).updating(&stored[&keys[0]], tombstone("a")),
            ends(5, APPLIED).updating(&stored[&keys[1]], half),
            ends(6, APPLIED).updating(&stored[&keys[2]], outside),
        ],
    )
    .await;
    see(&store, &[]).await;
    assert_eq!(missing(&store, 10).await, ["c"]);
}
