//! Deletions: what they meet on the other side, how many may go at once, and what they leave.

use crate::pair::{Pair, synced};
use crate::story::{Story, anna};
use duet_engine::{Engine, decisions};
use duet_map::record::RecordId;
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_simulation::system::{Call, Fault};
use duet_store::Store;
use duet_store::change::{ParkReason, ParkedFilter};
use duet_store::conflict::ConflictState;
use jiff::Timestamp;
use rust_decimal::Decimal;

#[tokio::test]
async fn a_record_that_survives_its_counterpart_brings_nothing_back() {
    let pair = Pair::new();
    let customer = pair.customer("usmf", "US-001", Row::new());
    let engine =
        pair.engine_for_customers(|map| map.replace("deletes: propagate", "deletes: ignore"));
    engine.sync().await.unwrap();
    pair.left.delete("CustomersV3", &customer);
    engine.quiesce().await.unwrap();
    let (account, _) = pair.account("US-001").expect("the map ignores deletions");

    pair.right.edit(
        "accounts",
        &account,
        Row::new().with("name", "Edited later"),
    );
    engine.quiesce().await.unwrap();
    assert!(
        pair.left.rows("CustomersV3").is_empty(),
        "nothing is revived"
    );

    pair.customer(
        "usmf",
        "US-001",
        Row::new().with("OrganizationName", "Born again"),
    );
    engine.quiesce().await.unwrap();
    assert_eq!(pair.right.rows("accounts").len(), 1, "the two meet by key");
    assert_eq!(
        pair.account("US-001").unwrap().1.value("name").as_str(),
        Some("Born again")
    );
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_record_that_is_gone_on_both_sides_is_no_survivor() {
    let pair = Pair::new();
    let customer = pair.customer("usmf", "US-001", Row::new());
    let engine =
        pair.engine_for_customers(|map| map.replace("deletes: propagate", "deletes: ignore"));
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    let (account, _) = pair.account("US-001").unwrap();
    pair.left.delete("CustomersV3", &customer);
    pair.right.delete("accounts", &account);
    engine.quiesce().await.unwrap();

    // Finance identifies records by their keys: this one is like the first.
    let again = pair.customer("usmf", "US-001", Row::new().with("City", "Oslo"));
    assert_eq!(again, customer);
    engine.quiesce().await.unwrap();
    let (_, row) = pair.account("US-001").expect("a new record travels");
    assert_eq!(row.value("address1_city").as_str(), Some("Oslo"));
    pair.assert_balanced().await;
}

/// US-001 was deleted in sales and changed in finance before either knew.
async fn deleted_and_changed() -> (Pair, Engine, RecordId) {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    pair.right.delete("accounts", &account);
    pair.left.edit(
        "CustomersV3",
        &customer,
        Row::new().with("OrganizationName", "Still needed"),
    );
    engine.quiesce().await.unwrap();
    assert!(!pair.parked().await.is_empty());
    (pair, engine, customer)
}

#[tokio::test]
async fn a_record_that_is_created_again_settles_the_conflict_about_its_deletion() {
    let (pair, engine, customer) = deleted_and_changed().await;
    pair.right.create(
        "accounts",
        Row::new()
            .with("accountnumber", "US-001")
            .with("creditlimit", Value::Decimal(Decimal::from(5)))
            .with("customertypecode", Value::Int(3))
            .with("msdyn_company", pair.company("usmf")),
    );
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    let (_, account) = pair.account("US-001").unwrap();
    assert_eq!(account.value("name").as_str(), Some("Still needed"));
    let row = pair.left.row("CustomersV3", &customer).unwrap();
    assert_eq!(row.value("CreditLimit"), &Value::Decimal(Decimal::from(5)));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn deleting_the_other_record_too_settles_the_conflict_about_a_deletion() {
    let (pair, engine, customer) = deleted_and_changed().await;
    pair.left.delete("CustomersV3", &customer);
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_deletion_deactivates_by_the_columns_that_the_map_names() {
    let story = Story::begin(|map| {
        map.replace(
            "deletes: propagate",
            "deletes: { deactivate: { left: { IsOneTime: yes }, right: { name: Closed } } }",
        )
    })
    .await;
    story.pair.right.delete("accounts", &story.account);
    story.engine.quiesce().await.unwrap();
    let row = story.pair.left.row("CustomersV3", &story.customer).unwrap();
    assert_eq!(row.value("IsOneTime"), &Value::Symbol("Yes".into()));
    // The survivor brings nothing back.
    story.left(Row::new().with("OrganizationName", "Edited later"));
    story.engine.quiesce().await.unwrap();
    assert!(story.pair.account("US-001").is_none());
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_mass_deletion_waits_until_a_person_confirms_it() {
    let story = Story::begin(str::to_owned).await;
    for number in 0..30 {
        story
            .pair
            .customer("usmf", &format!("C-{number:02}"), Row::new());
    }
    story.engine.quiesce().await.unwrap();
    for number in 0..30 {
        let (id, _) = story.pair.account(&format!("C-{number:02}")).unwrap();
        story.pair.right.delete("accounts", &id);
    }
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.left.rows("CustomersV3").len(), 31);
    let parked = story.parked().await;
    assert_eq!(parked.len(), 30);
    assert!(
        parked
            .iter()
            .all(|one| one.reason == ParkReason::MassDelete)
    );

    // Retrying is no confirmation.
    let (store, now) = (&*story.pair.store, Timestamp::now());
    store.retry(&ParkedFilter::default(), now).await.unwrap();
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.left.rows("CustomersV3").len(), 31);
    let maps = ["customers".to_owned()];
    let held = decisions::held_deletions(store, &maps).await.unwrap();
    assert_eq!((held.len(), held[0].reported), (1, 30));
    let passed = decisions::confirm_deletions(store, &held, &anna()).await;
    assert_eq!(passed.unwrap(), 30);
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.left.rows("CustomersV3").len(), 1);
    story.assert_at_rest().await;
}

#[tokio::test]
async fn deletions_that_trickle_in_wait_as_well() {
    let story = Story::begin(str::to_owned).await;
    for number in 0..30 {
        let account = format!("C-{number:02}");
        story.pair.customer("usmf", &account, Row::new());
    }
    story.engine.quiesce().await.unwrap();
    let delete = async |number: usize| {
        let (id, _) = story.pair.account(&format!("C-{number:02}")).unwrap();
        story.pair.right.delete("accounts", &id);
        story.engine.quiesce().await.unwrap();
    };
    for number in 0..20 {
        delete(number).await;
    }
    // Half of 31 went one by one; the others wait, for another process as well.
    let customers = || story.pair.left.rows("CustomersV3").len();
    assert_eq!(customers(), 16);
    let again = story.pair.engine();
    again.quiesce().await.unwrap();
    assert_eq!(customers(), 16);

    // A person has looked: counting begins anew.
    let (store, maps) = (&*story.pair.store, ["customers".to_owned()]);
    let held = decisions::held_deletions(store, &maps).await.unwrap();
    assert_eq!(held[0].reported, 5);
    let confirmed = decisions::confirm_deletions(store, &held, &anna()).await;
    assert_eq!(confirmed.unwrap(), 5);
    story.engine.quiesce().await.unwrap();
    delete(20).await;
    assert_eq!(customers(), 10);
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_small_table_does_not_vanish_without_a_person() {
    let story = Story::begin(str::to_owned).await;
    for number in 0..11 {
        let account = format!("C-{number:02}");
        story.pair.customer("usmf", &account, Row::new());
    }
    story.engine.quiesce().await.unwrap();
    for (id, _) in story.pair.right.rows("accounts") {
        story.pair.right.delete("accounts", &id);
    }
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.left.rows("CustomersV3").len(), 12);
    let parked = story.parked().await;
    assert_eq!(parked.len(), 12);
    assert!(parked[0].message.starts_with("more than 6 of 12 records"));
}

#[tokio::test]
async fn missing_records_that_a_person_confirms_are_deleted() {
    let story = Story::begin(str::to_owned).await;
    for number in 0..30 {
        story
            .pair
            .customer("usmf", &format!("C-{number:02}"), Row::new());
    }
    story.engine.quiesce().await.unwrap();
    for (id, row) in story.pair.left.rows("CustomersV3") {
        if row.value("CustomerAccount").as_str() != Some("US-001") {
            story.pair.left.delete("CustomersV3", &id);
        }
    }
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.right.rows("accounts").len(), 31);
    let store = &*story.pair.store;
    let maps = ["customers".to_owned()];
    let held = decisions::held_deletions(store, &maps).await.unwrap();
    assert_eq!(held[0].missing.as_deref(), Some("more than 15 of 31"));
    decisions::confirm_deletions(store, &held, &anna())
        .await
        .unwrap();
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.right.rows("accounts").len(), 1);
    assert!(
        decisions::held_deletions(store, &maps)
            .await
            .unwrap()
            .is_empty()
    );
    story.assert_at_rest().await;
}

#[tokio::test]
async fn missing_records_of_a_side_that_reports_deletions_can_be_confirmed_too() {
    let story = Story::begin(str::to_owned).await;
    for number in 0..30 {
        story
            .pair
            .customer("usmf", &format!("C-{number:02}"), Row::new());
    }
    story.engine.quiesce().await.unwrap();
    for number in 0..30 {
        let (id, _) = story.pair.account(&format!("C-{number:02}")).unwrap();
        story.pair.right.delete("accounts", &id);
    }
    // The place in the other system's list of changes is lost: nobody reports these deletions.
    story.pair.right.inject(Call::Changes, [Fault::Expired; 3]);
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.left.rows("CustomersV3").len(), 31);
    let store = &*story.pair.store;
    let maps = ["customers".to_owned()];
    let held = decisions::held_deletions(store, &maps).await.unwrap();
    assert_eq!((held.len(), held[0].side), (1, Side::Right));
    decisions::confirm_deletions(store, &held, &anna())
        .await
        .unwrap();
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.left.rows("CustomersV3").len(), 1);
    assert_eq!(
        decisions::held_deletions(store, &maps).await.unwrap(),
        Vec::new()
    );
    story.assert_at_rest().await;
}

#[tokio::test]
async fn what_waits_ends_with_its_record_even_if_nobody_reported_its_deletion() {
    let story = Story::begin(str::to_owned).await;
    let usmf = story.pair.company("usmf");
    let account = story.pair.right.create(
        "accounts",
        Row::new()
            .with("accountnumber", "C-2")
            .with("customertypecode", Value::Int(3))
            .with("name", "x".repeat(200).as_str())
            .with("msdyn_company", usmf),
    );
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.parked().await.len(), 1);
    story.pair.right.delete("accounts", &account);
    story.pair.right.inject(Call::Changes, [Fault::Expired; 3]);
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.parked().await, []);
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_deletion_does_not_wait_for_a_decision_that_left_the_filter() {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "Still needed"));
    story.pair.right.delete("accounts", &story.account);
    story.engine.quiesce().await.unwrap();
    assert!(!story.parked().await.is_empty());
    // The survivor leaves the map: nothing is to be decided any more.
    story.left(Row::new().with("PartyType", Value::Symbol("Person".into())));
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.parked().await, []);
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_deletion_that_was_discarded_is_not_found_once_more() {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "Still alive"));
    story.pair.right.delete("accounts", &story.account);
    story.engine.quiesce().await.unwrap();
    let store = &*story.pair.store;
    let deletion = ParkedFilter {
        side: Some(Side::Right),
        ..ParkedFilter::default()
    };
    let discarded = decisions::discard_parked(store, &deletion, &anna()).await;
    assert_eq!(discarded.unwrap(), 1);
    story.engine.quiesce().await.unwrap();
    // The edit that waited for the decision has nothing to wait for any more.
    assert_eq!(story.parked().await, []);
    assert!(
        story
            .conflicts()
            .await
            .iter()
            .all(|one| one.state != ConflictState::Open)
    );

    story.engine.sync().await.unwrap();
    story.engine.quiesce().await.unwrap();
    assert!(
        story
            .pair
            .left
            .row("CustomersV3", &story.customer)
            .is_some()
    );
    assert!(story.pair.account("US-001").is_none());
    story.assert_at_rest().await;
}
