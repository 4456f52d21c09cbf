//! Both sides compared, and drift put right.

use crate::conflicts::manual;
use crate::story::Story;
use duet_engine::orders;
use duet_engine::reconcile::{Action, Class, CompareOptions, Difference};
use duet_map::side::Side;
use duet_map::value::Row;
use duet_store::lifecycle::Queue;
use jiff::Timestamp;

/// The counts of the customers: equal, pending, parked, conflicts, drift.
async fn compared(story: &Story) -> ([u64; 5], Vec<Difference>) {
    let options = CompareOptions {
        maps: vec!["customers".to_owned()],
        listed: 100,
        ..CompareOptions::default()
    };
    let found = story.engine.compare(&options).await.unwrap();
    let [map] = &found.maps[..] else {
        panic!("one map")
    };
    let counts = [map.equal, map.pending, map.parked, map.conflicts, map.drift];
    (counts, found.differences)
}

#[tokio::test]
async fn a_comparison_tells_drift_from_what_is_on_its_way() {
    let story = Story::begin(manual).await;
    for number in 0..8 {
        story
            .pair
            .customer("usmf", &format!("C-{number}"), Row::new());
    }
    story.pair.customer("dat", "OUT-1", Row::new());
    story.engine.quiesce().await.unwrap();
    assert_eq!(compared(&story).await.0, [9, 0, 0, 0, 0]);

    story.clash().await;
    story
        .pair
        .customer("usmf", "C-9", Row::new().with("PaymentTerms", "Nowhere"));
    story.engine.quiesce().await.unwrap();
    let (counts, _) = compared(&story).await;
    assert_eq!(counts, [8, 0, 1, 1, 0]);

    // Edits that nobody ever hears of.
    let (account, _) = story.pair.account("C-3").unwrap();
    story
        .pair
        .right
        .edit("accounts", &account, Row::new().with("name", "Drifted"));
    let (account, _) = story.pair.account("C-4").unwrap();
    story.pair.right.delete("accounts", &account);
    let (counts, differences) = compared(&story).await;
    assert_eq!(counts, [6, 0, 1, 1, 2]);
    let drift: Vec<_> = differences
        .iter()
        .filter(|one| one.class == Class::Drift)
        .map(|one| (one.key.to_string(), one.missing, one.fields.join(", ")))
        .collect();
    assert_eq!(
        drift,
        [
            ("usmf / c-3".into(), None, "ORGANIZATIONNAME = name".into()),
            ("usmf / c-4".into(), Some(Side::Right), String::new()),
        ]
    );
}

#[tokio::test]
async fn a_repair_goes_by_the_master_and_deletes_only_when_told() {
    let story = Story::begin(str::to_owned).await;
    for number in 0..4 {
        story
            .pair
            .customer("usmf", &format!("C-{number}"), Row::new());
    }
    story.engine.quiesce().await.unwrap();
    let (drifted, _) = story.pair.account("C-0").unwrap();
    story
        .pair
        .right
        .edit("accounts", &drifted, Row::new().with("name", "Drifted"));
    let (gone, _) = story.pair.account("C-1").unwrap();
    story.pair.right.delete("accounts", &gone);
    let (deleted, _) = story
        .pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "C-2")
        .unwrap();
    story.pair.left.delete("CustomersV3", &deleted);

    let (counts, differences) = compared(&story).await;
    assert_eq!(counts[4], 3, "{differences:#?}");
    let careful = story.engine.plan_repair(&differences, false);
    let skipped = careful
        .iter()
        .filter(|step| matches!(step.action, Action::Skip { .. }));
    assert_eq!((careful.len(), skipped.count()), (3, 1));
    let steps = story.engine.plan_repair(&differences, true);
    assert_eq!(story.engine.journal_repair(&steps).await.unwrap(), 3);
    story.engine.apply_pending().await.unwrap();

    let (_, row) = story.pair.account("C-0").unwrap();
    assert_eq!(row.value("name").as_str(), Some("Name of C-0"));
    assert!(story.pair.account("C-1").is_some());
    assert!(story.pair.account("C-2").is_none());
    let kept = &story.conflicts().await[0].fields[0];
    assert_eq!(kept.right.as_str(), Some("Drifted"));
    assert_eq!(compared(&story).await.0, [4, 0, 0, 0, 0]);
    story.engine.quiesce().await.unwrap();
    assert_eq!(compared(&story).await.0, [4, 0, 0, 0, 0]);
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_repair_fills_what_is_empty_at_the_master_and_was_discarded() {
    let story = Story::begin(str::to_owned).await;
    let store = story.pair.store.as_ref();
    let maps = ["customers".to_owned()];
    orders::pause(store, &maps, None, Timestamp::now())
        .await
        .unwrap();
    story.right(Row::new().with("address1_city", "Oslo"));
    story.engine.quiesce().await.unwrap();
    orders::resume(store, &maps, Queue::Discard, Timestamp::now())
        .await
        .unwrap();
    story.engine.sync().await.unwrap();
    story.engine.quiesce().await.unwrap();
    let city = |story: &Story| {
        let customer = story.pair.left.row("CustomersV3", &story.customer);
        customer.unwrap().value("City").as_str().map(str::to_owned)
    };
    assert_eq!(city(&story), None);

    let (_, differences) = compared(&story).await;
    let steps = story.engine.plan_repair(&differences, false);
    assert_eq!(story.engine.journal_repair(&steps).await.unwrap(), 1);
    story.engine.quiesce().await.unwrap();
    assert_eq!(city(&story).as_deref(), Some("Oslo"));
    assert_eq!(compared(&story).await.1, []);
}

#[tokio::test]
async fn a_record_that_was_deleted_and_created_again_counts_as_one() {
    let story = Story::begin(str::to_owned).await;
    story.pair.left.delete("CustomersV3", &story.customer);
    story.engine.quiesce().await.unwrap();
    // Finance identifies records by their keys: the pair that ended knows this one, too.
    story.pair.customer("usmf", "US-001", Row::new());
    let (counts, differences) = compared(&story).await;
    assert_eq!(counts, [0, 0, 0, 0, 1]);
    assert_eq!(differences[0].missing, Some(Side::Right));
}

#[tokio::test]
async fn a_survivor_that_a_new_record_meets_is_told_and_brought_together() {
    let story = Story::begin(|map| map.replace("deletes: propagate", "deletes: ignore")).await;
    story.pair.right.delete("accounts", &story.account);
    story.engine.quiesce().await.unwrap();
    let again = Row::new().with("name", "Again");
    let again = story.pair.account_of_sales("US-001", again);
    let (counts, differences) = compared(&story).await;
    assert_eq!((counts[4], differences.len()), (1, 1));
    assert_eq!(differences[0].missing, None);

    let steps = story.engine.plan_repair(&differences, false);
    assert_eq!(story.engine.journal_repair(&steps).await.unwrap(), 1);
    story.engine.apply_pending().await.unwrap();
    story.engine.quiesce().await.unwrap();
    assert_eq!(compared(&story).await.0[4], 0);
    let row = story.pair.right.row("accounts", &again).unwrap();
    let left = story.pair.left.row("CustomersV3", &story.customer).unwrap();
    assert_eq!(row.value("name"), left.value("OrganizationName"));
}
