//! Orders, definitions and alerts.

use super::*;
use crate::change::{ChangeKind, Park, ParkReason};
use crate::lifecycle::{Alert, Cause, Columns, Definition, Forget, Order, Queue, Wanted};
use crate::settlement::Settled;
use crate::store::Store as _;
use duet_map::diagnostic::Code;
use duet_map::record::Version;
use duet_map::side::{PerSide, Side};

fn order(wanted: Wanted, queue: Queue) -> Order {
    Order {
        map: MAP.to_owned(),
        wanted,
        cause: Cause::Person,
        reason: Some("month end".to_owned()),
        queue,
        up_to: 7,
        at: at(1),
    }
}

fn definition(text: &str, whole: bool) -> Definition {
    Definition {
        map: MAP.to_owned(),
        version: "1.0.0".to_owned(),
        text: text.to_owned(),
        columns: "{}".to_owned(),
        companies: vec!["usmf".to_owned()],
        whole,
        at: at(1),
    }
}

#[tokio::test]
async fn orders_stand_until_they_ask_for_nothing_out_of_the_ordinary() {
    let store = memory();
    assert!(store.orders().await.unwrap().is_empty());
    for order in [
        order(Wanted::Pause, Queue::CatchUp),
        order(Wanted::Run, Queue::Discard),
        order(Wanted::Stop, Queue::KeepParked),
    ] {
        store.set_orders(vec![order.clone()]).await.unwrap();
        assert_eq!(store.orders().await.unwrap(), [order]);
    }
    let ordinary = order(Wanted::Run, Queue::CatchUp);
    store.set_orders(vec![ordinary]).await.unwrap();
    assert!(store.orders().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_queue_is_held_up_to_a_place_and_in_parts() {
    let store = memory();
    journal(&store, ["a", "b", "c"].map(upsert)).await;
    settle(&store, vec![ends(2, postponed(60))]).await;
    let place = store.last_place().await.unwrap();
    journal(&store, [upsert("later")]).await;
    let park = Park {
        reason: ParkReason::Held,
        code: Code(4121),
        message: "kept aside".to_owned(),
        waits_for: Vec::new(),
    };
    assert_eq!(
        store
            .hold(MAP, place, park.clone(), 2, at(3))
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        store
            .hold(MAP, place, park.clone(), 2, at(3))
            .await
            .unwrap(),
        1
    );
    assert_eq!(store.hold(MAP, place, park, 2, at(3)).await.unwrap(), 0);
    let boxes = boxes(&store).await;
    assert_eq!((boxes.parked, boxes.pending), (3, 1));
    assert!(boxes.balances());
    let parked = store.parked(&any_parked(), 10).await.unwrap();
    assert!(
        parked
            .iter()
            .all(|change| change.reason == ParkReason::Held)
    );
    assert_eq!(store.retry(&any_parked(), at(4)).await.unwrap(), 3);
}

#[tokio::test]
async fn a_row_that_is_listed_again_does_not_bring_a_held_change_back() {
    let store = memory();
    journal(&store, [upsert("a")]).await;
    let place = store.last_place().await.unwrap();
    let park = Park {
        reason: ParkReason::Held,
        code: Code(4121),
        message: "kept aside".to_owned(),
        waits_for: Vec::new(),
    };
    store.hold(MAP, place, park, 10, at(3)).await.unwrap();
    let mut again = upsert("a");
    again.tick = 9;
    journal(&store, [again]).await;
    let boxes_now = boxes(&store).await;
    assert_eq!(
        (boxes_now.parked, boxes_now.pending, boxes_now.coalesced),
        (1, 0, 1)
    );
    assert!(boxes_now.balances());
    // Another value is news, and so is a deletion.
    let mut edited = upsert("a");
    if let ChangeKind::Upsert { row, .. } = &mut edited.kind {
        row.set("NAME", "b");
    }
    journal(&store, [edited, delete("a")]).await;
    assert_eq!(boxes(&store).await.pending, 2);
}

#[tokio::test]
async fn a_new_definition_forgets_what_was_agreed_of_its_columns_alone() {
    let store = memory();
    store.define(definition("one", true), None).await.unwrap();
    journal(&store, ["a"].map(upsert)).await;
    let mut body = linked("a");
    let version = |ordinal: i64| {
        Some(Version {
            tag: format!("v{ordinal}"),
            ordinal: Some(ordinal),
        })
    };
    body.halves.left.version = version(8);
    body.halves.left.wrote = version(7);
    body.halves.right.version = version(9);
    body.halves.right.wrote = version(10);
    for half in [&mut body.halves.left, &mut body.halves.right] {
        half.image.set("CREDIT", "1");
        half.wrote_columns = vec!["NAME".to_owned()];
    }
    settle(&store, vec![ends(1, APPLIED).inserting(body)]).await;
    let pair = || async {
        let found = store.pairs_by_key(MAP, &[key("a")]).await.unwrap();
        found[&key("a")].clone()
    };
    let before = pair().await;
    let forget = Columns {
        left: vec!["CREDIT".to_owned(), "no such column".to_owned()],
        right: Vec::new(),
    };
    store
        .define(definition("two", false), Some(Forget::Columns(forget)))
        .await
        .unwrap();
    let after = pair().await;
    let mut expected = before.body.clone();
    expected.halves.left.image.0.remove("CREDIT");
    expected.halves = PerSide {
        left: expected.halves.left,
        right: expected.halves.right,
    };
    for half in [&mut expected.halves.left, &mut expected.halves.right] {
        half.version = None;
        half.wrote_columns.clear();
    }
    // Rows from before the newest version that was ever seen are old, whatever the definition says.
    expected.halves.left.wrote = version(8);
    assert_eq!(after.body, expected);

    // Versions of an environment that moved say nothing, and the other side's still do.
    let moved = Some(Forget::Versions(Side::Right));
    store.define(definition("two", false), moved).await.unwrap();
    expected.halves.right.wrote = None;
    assert_eq!(pair().await.body, expected);
    assert_eq!(
        store.definitions().await.unwrap(),
        [definition("two", false)]
    );
    // What was on its way with the old definition does not settle over the new one.
    journal(&store, ["a"].map(upsert)).await;
    let late = ends(2, APPLIED).updating(&before, before.body.clone());
    assert_eq!(
        store.settle(vec![late], at(9)).await.unwrap(),
        [Settled::PairMoved]
    );
}

#[tokio::test]
async fn alerts_are_kept_newest_first() {
    let store = memory();
    for number in 0..250 {
        let alert = Alert {
            at: at(number),
            rule: "3 application errors in 5min".to_owned(),
            action: "pause".to_owned(),
            map: Some(MAP.to_owned()),
            text: "three".to_owned(),
        };
        store.add_alert(alert).await.unwrap();
    }
    let kept = store.alerts(1000).await.unwrap();
    assert_eq!(kept.len(), 200);
    assert_eq!(kept[0].at, at(249));
}
