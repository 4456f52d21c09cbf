//! Changes that cannot go as they are, and what people do about them.

use crate::pair::synced;
use crate::story::{Story, anna};
use duet_engine::decisions;
use duet_map::value::Row;
use duet_store::Store;
use duet_store::change::{ParkReason, ParkedFilter};

#[tokio::test]
async fn a_value_that_does_not_fit_parks_with_the_field_and_goes_once_it_is_mended() {
    let (pair, engine) = synced().await;
    let customer = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001")
        .unwrap()
        .0;
    let long = "x".repeat(61);
    pair.left.edit(
        "CustomersV3",
        &customer,
        Row::new().with("OrganizationName", long.as_str()),
    );
    engine.quiesce().await.unwrap();
    let parked = pair.parked().await;
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].reason, ParkReason::Validation);
    assert!(parked[0].message.contains("name"), "{}", parked[0].message);
    assert!(
        !parked[0].message.contains("xxx"),
        "the value stays out of the message"
    );

    pair.left.edit(
        "CustomersV3",
        &customer,
        Row::new().with("OrganizationName", "Short"),
    );
    engine.quiesce().await.unwrap();
    assert!(pair.parked().await.is_empty());
    assert_eq!(
        pair.account("US-001").unwrap().1.value("name").as_str(),
        Some("Short")
    );
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_value_given_for_a_parked_change_is_checked_and_reaches_both_sides() {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "x".repeat(61).as_str()));
    // A poisoned record never stops the others.
    story.pair.customer("usmf", "US-002", Row::new());
    story.engine.quiesce().await.unwrap();
    assert!(story.pair.account("US-002").is_some());
    let edit = async |text: &str| {
        let [parked] = &story.parked().await[..] else {
            panic!("one change is parked")
        };
        assert_eq!(parked.reason, ParkReason::Validation);
        let (store, map) = (&*story.pair.store, story.map());
        let edits = [("organizationname".to_owned(), text.to_owned())];
        decisions::edit_parked(store, &map, parked.seq, &edits, &anna())
            .await
            .unwrap();
        story.engine.quiesce().await.unwrap();
    };
    // What the other side's column cannot hold is refused at once.
    let seq = story.parked().await[0].seq;
    let edits = [("OrganizationName".to_owned(), "y".repeat(70))];
    let (store, map) = (&*story.pair.store, story.map());
    let refused = decisions::edit_parked(store, &map, seq, &edits, &anna()).await;
    assert_eq!(refused.unwrap_err().code().to_string(), "DUET2127");
    edit("Short").await;
    story.assert_both_say("Short");
    let told = story.pair.store.activity("us-001", 100).await.unwrap();
    let amended = told.iter().filter(|line| line.outcome == "amended");
    let told: Vec<&str> = amended.map(|line| line.detail.as_str()).collect();
    assert_eq!(told, ["OrganizationName given by anna"]);
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_given_value_that_was_agreed_before_reaches_the_source_all_the_same() {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "x".repeat(61).as_str()));
    story.engine.quiesce().await.unwrap();
    let seq = story.parked().await[0].seq;
    let edits = [("OrganizationName".to_owned(), "Name of US-001".to_owned())];
    let (store, map) = (&*story.pair.store, story.map());
    decisions::edit_parked(store, &map, seq, &edits, &anna())
        .await
        .unwrap();
    story.engine.quiesce().await.unwrap();
    story.assert_both_say("Name of US-001");
    story.assert_at_rest().await;
}

#[tokio::test]
async fn what_is_discarded_is_counted_and_gone() {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "x".repeat(61).as_str()));
    story.engine.quiesce().await.unwrap();
    let filter = ParkedFilter {
        reason: Some(ParkReason::Validation),
        ..ParkedFilter::default()
    };
    let store = &*story.pair.store;
    assert_eq!(
        decisions::discard_parked(store, &filter, &anna())
            .await
            .unwrap(),
        1
    );
    let audit = story.pair.store.audit().await.unwrap();
    assert_eq!(
        audit.iter().map(|line| line.boxes.discarded).sum::<u64>(),
        1
    );
    story.assert_at_rest().await;
}
