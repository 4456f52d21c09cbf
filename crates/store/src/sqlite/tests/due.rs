//! What the journal offers, and in which order.

use super::*;
use crate::change::ChangeKind;
use crate::store::Store as _;
use duet_map::side::Side::{Left, Right};

#[tokio::test]
async fn a_change_comes_out_as_it_went_in() {
    let store = memory();
    let sent = [upsert("us-001"), delete("us-002").on(Right)];
    journal(&store, sent.clone()).await;
    let changes = due(&store, 5).await;
    assert_eq!(
        changes.iter().map(|c| c.change.clone()).collect::<Vec<_>>(),
        sent
    );
    assert_eq!(changes[0].journaled_at, at(0));
    assert_eq!(changes[0].attempts, 0);
}

#[tokio::test]
async fn the_last_change_of_a_record_supersedes_the_earlier_ones() {
    let store = memory();
    journal(&store, [upsert("a"), upsert("b"), upsert("a"), delete("a")]).await;
    assert_eq!(due_seqs(&store, 0).await, [(4, vec![1, 3]), (2, vec![])]);
    assert_eq!(due(&store, 0).await[0].change.kind, ChangeKind::Delete);
}

#[tokio::test]
async fn both_sides_of_a_key_take_turns_in_journal_order() {
    let store = memory();
    journal(
        &store,
        [
            upsert("a"),
            upsert("a").on(Right).of("r"),
            upsert("a"),
            upsert("a").on(Right).of("r"),
        ],
    )
    .await;
    assert_eq!(due_seqs(&store, 0).await, [(3, vec![1])]);
    settle(&store, vec![due(&store, 0).await[0].ends(APPLIED)]).await;
    assert_eq!(due_seqs(&store, 0).await, [(4, vec![2])]);
}

#[tokio::test]
async fn records_that_share_a_key_do_not_supersede_each_other() {
    let store = memory();
    journal(&store, [delete("a").of("old"), upsert("a").of("new")]).await;
    assert_eq!(due_seqs(&store, 0).await, [(1, vec![])]);
    settle(&store, vec![ends(1, APPLIED)]).await;
    assert_eq!(due_seqs(&store, 0).await, [(2, vec![])]);
}

#[tokio::test]
async fn the_limit_counts_keys_and_other_maps_stay_out() {
    let store = memory();
    journal(
        &store,
        [
            upsert("x").for_map("other"),
            upsert("a"),
            upsert("b"),
            upsert("a"),
            upsert("c"),
        ],
    )
    .await;
    let seqs: Vec<i64> = store
        .due(MAP, 2, at(0))
        .await
        .unwrap()
        .iter()
        .map(|change| change.seq)
        .collect();
    assert_eq!(seqs, [4, 3]);
    assert!(store.due(MAP, 0, at(0)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_postponed_change_blocks_its_key_until_it_is_due() {
    let store = memory();
    journal(&store, [upsert("a"), upsert("b")]).await;
    settle(&store, vec![ends(1, postponed(60))]).await;
    journal(&store, [upsert("a"), upsert("a").on(Right).of("r")]).await;
    assert_eq!(due_seqs(&store, 59).await, [(2, vec![])]);
    assert_eq!(store.next_due(MAP).await.unwrap(), Some(at(60)));
    assert_eq!(due_seqs(&store, 60).await, [(3, vec![1]), (2, vec![])]);
}

#[tokio::test]
async fn next_due_never_promises_what_due_does_not_keep() {
    let store = memory();
    journal(&store, [upsert("a"), upsert("a").on(Right).of("r")]).await;
    assert_eq!(store.next_due(MAP).await.unwrap(), None);
    settle(&store, vec![ends(1, postponed(10)), ends(2, postponed(20))]).await;
    assert!(due(&store, 10).await.is_empty());
    assert_eq!(store.next_due(MAP).await.unwrap(), Some(at(20)));
    assert_eq!(due_seqs(&store, 20).await, [(1, vec![])]);
}

#[tokio::test]
async fn a_parked_change_is_superseded_and_blocks_nobody_else() {
    let store = memory();
    journal(&store, [upsert("a")]).await;
    settle(&store, vec![ends(1, parked(&[]))]).await;
    journal(&store, [upsert("a").on(Right).of("r")]).await;
    assert_eq!(due_seqs(&store, 0).await, [(2, vec![])]);
    settle(&store, vec![ends(2, APPLIED)]).await;
    assert!(due(&store, 0).await.is_empty());
    journal(&store, [upsert("a")]).await;
    assert_eq!(due_seqs(&store, 0).await, [(3, vec![1])]);
}

#[tokio::test]
async fn an_older_change_never_goes_out_behind_a_parked_newer_one() {
    let store = memory();
    journal(&store, [upsert("a"), upsert("a")]).await;
    settle(&store, vec![ends(2, parked(&[]))]).await;
    assert_eq!(due_seqs(&store, 0).await, [(2, vec![1])]);
}

#[tokio::test]
async fn attempts_count_failures_until_someone_starts_afresh() {
    let store = memory();
    journal(&store, [upsert("a")]).await;
    settle(&store, vec![ends(1, postponed(1))]).await;
    settle(&store, vec![ends(1, parked(&[]))]).await;
    let parked = store.parked(&any_parked(), 10).await.unwrap();
    assert_eq!(parked[0].attempts, 2);
    store.retry(&any_parked(), at(2)).await.unwrap();
    assert_eq!(due(&store, 2).await[0].attempts, 0);
}

#[tokio::test]
async fn places_are_never_given_out_twice() {
    let store = memory();
    journal(&store, [upsert("a")]).await;
    settle(&store, vec![ends(1, APPLIED)]).await;
    journal(&store, [upsert("a")]).await;
    assert_eq!(due_seqs(&store, 0).await, [(2, vec![])]);
}

#[tokio::test]
async fn pending_upserts_tell_what_the_other_side_holds() {
    let store = memory();
    journal(
        &store,
        [
            upsert("a").on(Right).of("r1"),
            upsert("a").on(Right).of("r1"),
            upsert("b").on(Right).of("r2"),
            delete("b").on(Right).of("r2"),
            upsert("c"),
            upsert("d").on(Right).of("old"),
            upsert("d").on(Right).of("new"),
            delete("d").on(Right).of("new"),
        ],
    )
    .await;
    let keys = ["a", "b", "c", "d", "e"].map(key);
    let found = store.pending_upserts(MAP, Right, &keys).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[&keys[0]].seq, 2);
    assert_eq!(found[&keys[0]].supersedes, [1]);
    assert_eq!(found[&keys[3]].change.record, record("old"));
    let left = store.pending_upserts(MAP, Left, &keys).await.unwrap();
    assert_eq!(left[&keys[2]].seq, 5);
}

#[tokio::test]
async fn a_deletion_finds_the_key_of_its_records_last_change() {
    let store = memory();
    let renamed = |id: &str, under: &str| crate::change::NewChange {
        key: key(under),
        ..upsert(id)
    };
    journal(
        &store,
        [
            renamed("r", "old"),
            renamed("r", "new"),
            renamed("r", "elsewhere").for_map("other"),
            renamed("r", "right").on(Right),
            renamed("p", "parked"),
        ],
    )
    .await;
    settle(&store, vec![ends(5, parked(&[]))]).await;
    let records = ["r", "p", "unknown"].map(record);
    let keys = store.pending_keys(MAP, Left, &records).await.unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[&records[0]], key("new"));
    assert_eq!(keys[&records[1]], key("parked"));
}
