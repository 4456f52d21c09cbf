//! What people ask for: parked changes, conflicts, stories.

use super::*;
use crate::change::{ParkReason, ParkedFilter};
use crate::conflict::{
    ConflictFilter, ConflictKind, ConflictState, Decision, FieldConflict, NewConflict, OpenConflict,
};
use crate::settlement::Outcome;
use crate::sqlite::STORY_LENGTH;
use crate::store::Store as _;
use duet_map::side::{PerSide, Side};

#[tokio::test]
async fn a_parked_change_says_why_and_for_what() {
    let store = memory();
    journal(&store, [upsert("usmf / us-001")]).await;
    settle(&store, vec![ends(1, parked(&["b", "a", "b"]))]).await;
    let found = store.parked(&any_parked(), 10).await.unwrap();
    let [parked] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(parked.key, key("usmf / us-001"));
    assert_eq!(parked.record, record("usmf / us-001"));
    assert_eq!(parked.reason, ParkReason::WaitingForKey);
    assert_eq!(parked.code, "DUET2001");
    assert_eq!(parked.message, "CREDITLIMIT does not fit");
    assert_eq!(parked.waits_for, ["b", "a"]);
    assert_eq!((parked.since, parked.attempts), (at(1), 1));
}

#[tokio::test]
async fn parking_again_replaces_the_reason() {
    let store = memory();
    journal(&store, [upsert("a")]).await;
    settle(&store, vec![ends(1, parked(&["t"]))]).await;
    settle(&store, vec![ends(1, parked(&[]))]).await;
    let found = store.parked(&any_parked(), 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].reason, ParkReason::Validation);
    assert!(found[0].waits_for.is_empty());
    assert!(store.awaited().await.unwrap().is_empty());
}

#[tokio::test]
async fn filters_of_parked_changes_hold_together() {
    let store = memory();
    journal(
        &store,
        [
            upsert("usmf / us-001"),
            upsert("usmf / us-002"),
            upsert("frrt / us-001").for_map("other"),
        ],
    )
    .await;
    settle(
        &store,
        vec![
            ends(1, parked(&[])),
            ends(2, parked(&["t"])),
            ends(3, parked(&[])),
        ],
    )
    .await;
    let none = ParkedFilter::default;
    let cases = [
        (none(), vec![1, 2, 3]),
        (
            ParkedFilter {
                map: Some(MAP.to_owned()),
                ..none()
            },
            vec![1, 2],
        ),
        (
            ParkedFilter {
                reason: Some(ParkReason::Validation),
                ..none()
            },
            vec![1, 3],
        ),
        (
            ParkedFilter {
                seq: Some(2),
                ..none()
            },
            vec![2],
        ),
        (
            ParkedFilter {
                key_contains: Some("USMF / us-00".to_owned()),
                ..none()
            },
            vec![1, 2],
        ),
        (
            ParkedFilter {
                map: Some("other".to_owned()),
                key_contains: Some("us-001".to_owned()),
                ..none()
            },
            vec![3],
        ),
    ];
    for (filter, expected) in cases {
        let found = store.parked(&filter, 10).await.unwrap();
        let seqs: Vec<i64> = found.iter().map(|parked| parked.seq).collect();
        assert_eq!(seqs, expected, "{filter:?}");
    }
    assert_eq!(store.parked(&none(), 2).await.unwrap().len(), 2);
    let one = ParkedFilter {
        key_contains: Some("us-002".to_owned()),
        ..none()
    };
    assert_eq!(store.retry(&one, at(2)).await.unwrap(), 1);
    assert_eq!(due_seqs(&store, 2).await, [(2, vec![])]);
    assert_eq!(store.retry(&none(), at(2)).await.unwrap(), 2);
}

#[tokio::test]
async fn a_conflict_keeps_both_values() {
    let store = memory();
    journal(&store, ["a", "b"].map(upsert)).await;
    let conflict = NewConflict {
        kind: ConflictKind::default(),
        policy: "master".to_owned(),
        fields: vec![FieldConflict {
            left_column: "CREDITLIMIT".to_owned(),
            right_column: "creditlimit".to_owned(),
            base: None,
            left: 10.into(),
            right: 20.into(),
            winner: Some(Side::Left),
            policy: None,
        }],
        touched: PerSide::default(),
    };
    for seq in [1, 2] {
        let mut settlement = ends(seq, APPLIED);
        settlement.conflict = Some(conflict.clone());
        settle(&store, vec![settlement]).await;
    }
    let found = store
        .conflicts(
            &ConflictFilter {
                map: Some(MAP.to_owned()),
                ..ConflictFilter::default()
            },
            10,
        )
        .await
        .unwrap();
    assert_eq!(found.iter().map(|c| c.id).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(found[1].key, key("a"));
    assert_eq!(found[1].policy, "master");
    assert_eq!(found[1].fields, conflict.fields);
    assert!(
        store
            .conflicts(
                &ConflictFilter {
                    map: Some("other".to_owned()),
                    ..ConflictFilter::default()
                },
                10
            )
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store
            .conflicts(&ConflictFilter::default(), 1)
            .await
            .unwrap()
            .len(),
        1
    );
}

/// Outcomes and details of a story.
async fn story(store: &SqliteStore, text: &str, limit: usize) -> Vec<(i64, String, String)> {
    store
        .activity(text, limit)
        .await
        .unwrap()
        .into_iter()
        .map(|line| (line.seq, line.outcome, line.detail))
        .collect()
}

#[tokio::test]
async fn the_story_of_a_record_tells_what_became_of_each_change() {
    let store = memory();
    journal(
        &store,
        [upsert("usmf / a"), upsert("usmf / a"), upsert("usmf / b")],
    )
    .await;
    let change = due(&store, 0).await.remove(0);
    settle(&store, vec![change.ends(postponed(1))]).await;
    settle(&store, vec![change.ends(postponed(2))]).await;
    settle(
        &store,
        vec![change.ends(parked(&[])), ends(3, Outcome::Echoed)],
    )
    .await;
    store.retry(&any_parked(), at(3)).await.unwrap();
    let mut applied = change.ends(APPLIED);
    applied.columns = vec!["NAME".to_owned(), "CREDITLIMIT".to_owned()];
    settle(&store, vec![applied]).await;
    let line = |seq, outcome: &str, detail: &str| (seq, outcome.to_owned(), detail.to_owned());
    let expected = [
        line(1, "coalesced", "into change 2"),
        line(2, "parked", "DUET2001: CREDITLIMIT does not fit"),
        line(2, "retried", ""),
        line(2, "applied", "NAME, CREDITLIMIT"),
    ];
    assert_eq!(story(&store, "USMF / A", 10).await, expected);
    assert_eq!(story(&store, "usmf / a", 2).await, expected[2..]);
    assert_eq!(story(&store, "usmf", 10).await.len(), 5);
    assert!(story(&store, "nobody", 10).await.is_empty());
}

#[tokio::test]
async fn a_story_keeps_its_last_lines_only() {
    let store = memory();
    journal(&store, [upsert("b")]).await;
    settle(&store, vec![ends(1, APPLIED)]).await;
    let length = i64::try_from(STORY_LENGTH).unwrap();
    for seq in 2..=length + 3 {
        journal(&store, [upsert("a")]).await;
        settle(&store, vec![ends(seq, APPLIED)]).await;
    }
    let lines = story(&store, "a", 1000).await;
    assert_eq!(lines.len(), STORY_LENGTH);
    assert_eq!(lines[0].0, 4);
    assert_eq!(store.activity("b", 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_decision_that_nothing_can_carry_out_ends_its_conflict() {
    let store = memory();
    journal(&store, [upsert("a")]).await;
    let mut undecided = ends(1, APPLIED);
    undecided.open_conflict = OpenConflict::Waits(NewConflict {
        kind: ConflictKind::Deletion,
        policy: "manual".to_owned(),
        fields: Vec::new(),
        touched: PerSide::default(),
    });
    settle(&store, vec![undecided]).await;
    let filter = ConflictFilter::default();
    let open = store.conflicts(&filter, 10).await.unwrap().remove(0);
    assert_eq!(open.state, ConflictState::Open);
    // Its change has ended, and there is no pair.
    let decision = Decision {
        by: "anna".to_owned(),
        at: at(9),
        side: Some(Side::Left),
        fields: Vec::new(),
    };
    let tokens = vec!["decided".to_owned()];
    let taken = store.decide(open.id, decision, Vec::new(), tokens);
    assert!(taken.await.unwrap());
    let over = store.conflict(open.id).await.unwrap().unwrap();
    assert_eq!(over.state, ConflictState::Gone);
    assert_eq!(
        over.ended_how.as_deref(),
        Some("its records are linked no more")
    );
}
