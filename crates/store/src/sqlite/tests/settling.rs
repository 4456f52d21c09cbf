//! How changes end: pairs, boxes, tokens, intents.

use super::*;
use crate::accounting::Boxes;
use crate::change::ParkedFilter;
use crate::intent::{Intent, Sent};
use crate::pair::PairState;
use crate::settlement::{Outcome, PairWrite, Settled, Settlement};
use crate::store::Store as _;
use duet_map::side::Side::{Left, Right};
use duet_map::value::Row;

#[tokio::test]
async fn each_outcome_falls_into_its_box() {
    let store = memory();
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    journal(&store, names.map(upsert)).await;
    journal(&store, [upsert("a")]).await;
    let outcomes = [
        Outcome::Echoed,
        Outcome::Filtered("outside the range".to_owned()),
        Outcome::Discarded("lost the conflict".to_owned()),
        Outcome::Parked {
            park: park(&[]),
            writes: 2,
        },
        postponed(60),
    ];
    let first = due(&store, 0).await.remove(0);
    let mut settlements = vec![first.ends(Outcome::Applied { writes: 3 })];
    settlements.extend((2..).zip(outcomes).map(|(seq, outcome)| ends(seq, outcome)));
    settle(&store, settlements).await;
    assert_eq!(
        boxes(&store).await,
        Boxes {
            captured: 8,
            applied: 1,
            coalesced: 1,
            echoed: 1,
            filtered: 1,
            parked: 1,
            discarded: 1,
            pending: 2,
            writes: 5,
        }
    );
}

#[tokio::test]
async fn each_map_and_side_has_its_own_boxes() {
    let store = memory();
    journal(
        &store,
        [upsert("a"), upsert("a").on(Right), upsert("a").for_map("b")],
    )
    .await;
    let lines: Vec<_> = store
        .audit()
        .await
        .unwrap()
        .into_iter()
        .map(|line| (line.map, line.side, line.boxes.pending))
        .collect();
    assert_eq!(
        lines,
        [
            ("b".to_owned(), Left, 1),
            (MAP.to_owned(), Left, 1),
            (MAP.to_owned(), Right, 1)
        ]
    );
}

#[tokio::test]
async fn writes_of_a_parked_change_are_counted_once() {
    let store = memory();
    journal(&store, [upsert("a")]).await;
    let outcome = Outcome::Parked {
        park: park(&[]),
        writes: 1,
    };
    settle(&store, vec![ends(1, outcome)]).await;
    store.retry(&any_parked(), at(2)).await.unwrap();
    settle(&store, vec![ends(1, Outcome::Applied { writes: 1 })]).await;
    assert_eq!(boxes(&store).await.writes, 2);
}

#[tokio::test]
async fn a_pair_comes_out_as_it_went_in() {
    let store = memory();
    journal(&store, [upsert("a")]).await;
    let mut body = linked("a");
    body.halves.left.version = Some(duet_map::record::Version {
        tag: "W/\"7\"".to_owned(),
        ordinal: None,
    });
    body.halves.right.written = 42;
    body.bounces = 3;
    settle(&store, vec![ends(1, APPLIED).inserting(body.clone())]).await;
    let pairs = store.pairs_by_key(MAP, &[key("a")]).await.unwrap();
    let pair = &pairs[&key("a")];
    assert_eq!((pair.revision, &pair.body), (1, &body));
    assert_eq!(pair.map, MAP);
    assert_eq!(store.count_pairs(MAP).await.unwrap(), 1);
    assert_eq!(store.count_pairs("other").await.unwrap(), 0);
}

#[tokio::test]
async fn a_settlement_of_an_old_revision_leaves_no_trace() {
    let store = memory();
    journal(&store, [upsert("a"), upsert("b"), upsert("z")]).await;
    settle(&store, vec![ends(1, APPLIED).inserting(linked("a"))]).await;
    let pair = store.pairs_by_key(MAP, &[key("a")]).await.unwrap()[&key("a")].clone();
    let settlement = || {
        ends(2, parked(&["t"]))
            .updating(&pair, linked("b"))
            .providing(&["p"])
    };
    settle(&store, vec![ends(3, parked(&["p"]))]).await;
    store
        .settle(
            vec![ends(2, postponed(0)).updating(&pair, linked("a"))],
            at(1),
        )
        .await
        .unwrap();
    let before = (boxes(&store).await, store.activity("", 100).await.unwrap());
    let answers = store.settle(vec![settlement()], at(2)).await.unwrap();
    assert_eq!(answers, [Settled::PairMoved]);
    let after = (boxes(&store).await, store.activity("", 100).await.unwrap());
    assert_eq!(after, before);
    assert_eq!(due(&store, 2).await[0].attempts, 1);
    let stored = store.pairs_by_key(MAP, &[key("a")]).await.unwrap()[&key("a")].clone();
    assert_eq!((stored.revision, stored.body), (2, linked("a")));
}

#[tokio::test]
async fn the_rest_of_a_batch_stands_when_one_pair_moved() {
    let store = memory();
    journal(&store, [upsert("a"), upsert("a").on(Right), upsert("c")]).await;
    let answers = store
        .settle(
            vec![
                ends(1, APPLIED).inserting(linked("a")),
                ends(2, APPLIED).inserting(linked("a")),
                ends(3, APPLIED).inserting(linked("c")),
            ],
            at(1),
        )
        .await
        .unwrap();
    assert_eq!(answers, [Settled::Done, Settled::PairMoved, Settled::Done]);
    assert_eq!(due_seqs(&store, 1).await, [(2, vec![])]);
}

#[tokio::test]
async fn a_record_belongs_to_one_live_pair() {
    let store = memory();
    journal(&store, [upsert("a"), upsert("b"), upsert("c")]).await;
    settle(&store, vec![ends(1, APPLIED).inserting(linked("a"))]).await;
    let mut thief = linked("b");
    thief.halves.right.record = Some(record("a'"));
    let answers = store
        .settle(vec![ends(2, APPLIED).inserting(thief)], at(1))
        .await
        .unwrap();
    assert_eq!(answers, [Settled::PairMoved]);
    // Two pairs may lack a record on the same side.
    let mut half = linked("b");
    half.halves.right.record = None;
    let mut other_half = linked("c");
    other_half.halves.right.record = None;
    settle(
        &store,
        vec![
            ends(2, APPLIED).inserting(half),
            ends(3, APPLIED).inserting(other_half),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_tombstone_does_not_block_a_new_pair() {
    let store = memory();
    journal(&store, [upsert("a"), delete("a"), upsert("a")]).await;
    settle(&store, vec![ends(1, APPLIED).inserting(linked("a"))]).await;
    let pair = store.pairs_by_key(MAP, &[key("a")]).await.unwrap()[&key("a")].clone();
    settle(
        &store,
        vec![ends(2, APPLIED).updating(&pair, tombstone("a"))],
    )
    .await;
    assert!(
        store
            .pairs_by_key(MAP, &[key("a")])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.count_pairs(MAP).await.unwrap(), 0);
    let by_record = || store.pairs_by_record(MAP, Left, &[]);
    assert!(by_record().await.unwrap().is_empty());
    let find = [record("a")];
    let dead = store.pairs_by_record(MAP, Left, &find).await.unwrap();
    assert_eq!(dead[&find[0]].id, pair.id);
    settle(&store, vec![ends(3, APPLIED).inserting(linked("a"))]).await;
    let live = store.pairs_by_record(MAP, Left, &find).await.unwrap();
    assert_ne!(live[&find[0]].id, pair.id);
}

#[tokio::test]
async fn the_newest_tombstone_speaks_for_a_record() {
    let store = memory();
    journal(&store, [delete("a"), delete("a").on(Right)]).await;
    settle(
        &store,
        vec![
            ends(1, APPLIED).inserting(tombstone("a")),
            ends(2, APPLIED).inserting(tombstone("a")),
        ],
    )
    .await;
    let find = [record("a'")];
    let dead = store.pairs_by_record(MAP, Right, &find).await.unwrap();
    assert_eq!(dead[&find[0]].id, 2);
}

#[tokio::test]
async fn a_change_that_ended_cannot_end_again() {
    let store = memory();
    journal(&store, [upsert("a")]).await;
    settle(&store, vec![ends(1, APPLIED)]).await;
    let answers = store
        .settle(
            vec![ends(1, APPLIED).inserting(linked("a")), ends(99, APPLIED)],
            at(2),
        )
        .await
        .unwrap();
    assert_eq!(answers, [Settled::PairMoved, Settled::PairMoved]);
    assert_eq!(boxes(&store).await.applied, 1);
    assert_eq!(store.count_pairs(MAP).await.unwrap(), 0);
}

#[tokio::test]
async fn only_earlier_changes_of_the_same_record_coalesce() {
    let store = memory();
    journal(
        &store,
        [
            upsert("a"),
            upsert("a").on(Right),
            upsert("b"),
            upsert("a"),
            upsert("a"),
        ],
    )
    .await;
    let mut settlement = ends(4, APPLIED);
    settlement.supersedes = vec![1, 2, 3, 5, 77];
    settle(&store, vec![settlement]).await;
    let lines = store.audit().await.unwrap();
    assert_eq!(lines[0].boxes.coalesced, 1);
    assert_eq!(lines[0].boxes.pending, 2);
    assert_eq!(lines[1].boxes.pending, 1);
}

#[tokio::test]
async fn the_arrival_of_a_token_releases_what_waits_for_it() {
    let store = memory();
    journal(&store, ["a", "b", "c", "d"].map(upsert)).await;
    settle(
        &store,
        vec![
            ends(1, parked(&["term net30", "group 10"])),
            ends(2, parked(&["group 20"])),
            ends(3, parked(&[])),
        ],
    )
    .await;
    assert_eq!(
        store.awaited().await.unwrap(),
        [
            ("group 10".to_owned(), 1),
            ("group 20".to_owned(), 1),
            ("term net30".to_owned(), 1)
        ]
    );
    settle(&store, vec![ends(4, APPLIED).providing(&["group 10"])]).await;
    assert_eq!(due_seqs(&store, 1).await, [(1, vec![])]);
    assert_eq!(store.awaited().await.unwrap(), [("group 20".to_owned(), 1)]);
    let boxes = boxes(&store).await;
    assert_eq!((boxes.parked, boxes.pending), (2, 1));
}

#[tokio::test]
async fn a_token_that_arrives_in_the_same_batch_releases_too() {
    let store = memory();
    journal(&store, ["a", "b"].map(upsert)).await;
    settle(
        &store,
        vec![
            ends(1, APPLIED).providing(&["t"]),
            ends(2, parked(&["t", "u"])),
        ],
    )
    .await;
    assert_eq!(due_seqs(&store, 1).await, [(2, vec![])]);
    assert!(store.awaited().await.unwrap().is_empty());
}

#[tokio::test]
async fn release_wakes_changes_without_a_settlement() {
    let store = memory();
    journal(&store, ["a", "b"].map(upsert)).await;
    settle(
        &store,
        vec![ends(1, parked(&["t", "u"])), ends(2, parked(&["v"]))],
    )
    .await;
    let tokens = ["u".to_owned(), "t".to_owned()];
    assert_eq!(store.release(&tokens, at(2)).await.unwrap(), 1);
    assert_eq!(store.release(&tokens, at(2)).await.unwrap(), 0);
    assert_eq!(due_seqs(&store, 2).await, [(1, vec![])]);
}

/// What change `seq` is about to write to the right side.
fn intent(seq: i64, of: &str) -> Intent {
    Intent {
        seq,
        map: MAP.to_owned(),
        key: key(of),
        to: Right,
        source: record(of),
        sent: Sent::Update {
            id: record("r"),
            row: Row::new().with("name", "a"),
            version: Some("7".to_owned()),
        },
        at: at(0),
    }
}

/// Settles a change without learning what became of its write.
fn unknown(settlement: Settlement) -> Settlement {
    Settlement {
        writes_known: false,
        ..settlement
    }
}

#[tokio::test]
async fn an_intent_ends_when_somebody_knows_what_became_of_it_and_not_before() {
    let store = memory();
    journal(&store, ["a", "b", "c", "d"].map(upsert)).await;
    let names = ["a", "b", "c", "d"];
    let all = (1..).zip(names).map(|(seq, name)| intent(seq, name));
    store.add_intents(all.collect()).await.unwrap();
    store.add_intents(vec![intent(1, "a")]).await.unwrap();
    settle(
        &store,
        vec![
            unknown(ends(1, postponed(0))),
            unknown(ends(2, parked(&[]))),
            ends(3, APPLIED),
            unknown(ends(4, Outcome::Discarded("by a person".into()))),
        ],
    )
    .await;
    let left = store.intents(MAP, &names.map(key)).await.unwrap();
    assert_eq!(left.len(), 3);
    assert_eq!(left[&key("a")], [intent(1, "a")]);
    assert_eq!(left[&key("d")], [intent(4, "d")], "it outlives its change");
    settle(&store, vec![ends(1, postponed(0))]).await;
    let left = store.intents(MAP, &names.map(key)).await.unwrap();
    assert!(!left.contains_key(&key("a")), "somebody has looked");
}

#[tokio::test]
async fn an_intent_moves_with_the_changes_of_its_record_to_the_key_of_their_pair() {
    let store = memory();
    let nameless = upsert("a").under("nameless");
    journal(&store, [nameless, upsert("a")]).await;
    let sent = Intent {
        key: key("nameless"),
        ..intent(1, "a")
    };
    store.add_intents(vec![sent]).await.unwrap();
    settle(
        &store,
        vec![unknown(ends(2, APPLIED).inserting(linked("a")))],
    )
    .await;
    let left = store
        .intents(MAP, &["a", "nameless"].map(key))
        .await
        .unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[&key("a")], [intent(1, "a")]);
}

#[tokio::test]
async fn only_creates_that_a_system_names_are_unnamed() {
    let store = memory();
    let create = |seq, id: Option<&str>| Intent {
        sent: Sent::Create {
            id: id.map(record),
            row: Row::new(),
        },
        ..intent(seq, "a")
    };
    let delete = Intent {
        sent: Sent::Delete { id: record("r") },
        ..intent(4, "a")
    };
    let all = vec![
        intent(1, "a"),
        create(2, Some("r")),
        create(3, None),
        delete,
    ];
    store.add_intents(all.clone()).await.unwrap();
    let unnamed = store.unnamed_creates(MAP, Right).await.unwrap();
    assert_eq!(unnamed, [create(3, None)]);
    assert_eq!(store.unnamed_creates(MAP, Left).await.unwrap(), []);
    assert_eq!(
        store.intents(MAP, &[key("a")]).await.unwrap()[&key("a")],
        all
    );
}

#[tokio::test]
async fn an_update_never_reaches_into_another_map() {
    let store = memory();
    journal(&store, [upsert("a"), upsert("a").for_map("other")]).await;
    settle(&store, vec![ends(1, APPLIED).inserting(linked("a"))]).await;
    let pair = store.pairs_by_key(MAP, &[key("a")]).await.unwrap()[&key("a")].clone();
    let settlement = ends(2, APPLIED).updating(&pair, linked("a"));
    assert!(matches!(settlement.pair, PairWrite::Update { .. }));
    let answers = store.settle(vec![settlement], at(1)).await.unwrap();
    assert_eq!(answers, [Settled::PairMoved]);
}

#[tokio::test]
async fn a_change_of_a_paired_record_stands_under_the_key_of_its_pair() {
    let store = memory();
    journal(&store, [upsert("a")]).await;
    settle(&store, vec![ends(1, APPLIED).inserting(linked("a"))]).await;
    // Whoever read this row did not know of the pair yet.
    journal(&store, [upsert("a").under("nameless")]).await;
    let due = store.due(MAP, 10, at(0)).await.unwrap();
    assert_eq!(due[0].change.key, key("a"));
}

#[tokio::test]
async fn a_discarded_deletion_ends_its_pair_and_leaves_the_other_record_alone() {
    let store = memory();
    journal(&store, [upsert("a")]).await;
    settle(&store, vec![ends(1, APPLIED).inserting(linked("a"))]).await;
    let gone = linked("a").halves.left.record.unwrap();
    journal(&store, [delete("a")]).await;
    settle(&store, vec![ends(2, parked(&["free"]))]).await;
    let filter = ParkedFilter::default();
    let discarded = store.discard(&filter, "by anna", vec!["token".to_owned()], at(9));
    assert_eq!(discarded.await.unwrap(), 1);
    let pairs = store.pairs_by_key(MAP, &[key("a")]).await.unwrap();
    assert!(pairs.is_empty(), "its key is free");
    let left = store
        .pairs_by_record(MAP, Left, std::slice::from_ref(&gone))
        .await
        .unwrap();
    assert!(
        left.is_empty(),
        "whoever takes the identifier is a new record"
    );
    let other = linked("a").halves.right.record.unwrap();
    let right = store
        .pairs_by_record(MAP, Right, std::slice::from_ref(&other))
        .await
        .unwrap();
    assert_eq!(right[&other].body.state, PairState::Deleted);
}
