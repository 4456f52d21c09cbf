//! Records whose keys were changed, and what has not heard of it: references, filters and people.

use crate::pair::{Pair, reference, synced};
use crate::renaming::{account_number, key_of, number, renumbering};
use crate::story::{Story, anna};
use duet_engine::reconcile::CompareOptions;
use duet_engine::{Engine, decisions};
use duet_map::record::RecordId;
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_store::Store;
use duet_store::change::ParkedFilter;
use jiff::Timestamp;

async fn codes(pair: &Pair) -> Vec<String> {
    let parked = pair.parked().await;
    parked.into_iter().map(|park| park.code).collect()
}

async fn try_again(pair: &Pair, engine: &Engine) {
    let all = ParkedFilter::default();
    pair.store.retry(&all, Timestamp::now()).await.unwrap();
    engine.quiesce().await.unwrap();
}

/// A customer that finance calls US-009 by now, while sales has given that number to a supplier, which
/// no map brings: the pair is still US-001. Another customer of finance is US-001.
async fn renamed_on_the_left() -> (Pair, Engine, RecordId, RecordId) {
    let (pair, engine, customer, account) = renumbering().await;
    let supplier = number("US-009")
        .with("customertypecode", Value::Int(10))
        .with("msdyn_company", pair.company("usmf"));
    let supplier = pair.right.create("accounts", supplier);
    pair.left
        .edit("CustomersV3", &customer, account_number("US-009"));
    engine.quiesce().await.unwrap();
    pair.customer("usmf", "US-001", Row::new());
    engine.quiesce().await.unwrap();
    assert_eq!(codes(&pair).await, ["DUET2132", "DUET2107"]);
    (pair, engine, account, supplier)
}

#[tokio::test]
async fn a_reference_waits_while_the_other_side_calls_the_record_something_else() {
    let (pair, engine, account, supplier) = renamed_on_the_left().await;
    let bills = Row::new().with("msdyn_billingaccount", reference("accounts", &account));
    pair.account_of_sales("S-1", bills);
    engine.quiesce().await.unwrap();
    let billed = || {
        let found = pair.left.find_by("CustomersV3", "CustomerAccount", "S-1");
        let (_, row) = found.unwrap();
        row.value("InvoiceAccount").clone()
    };
    // US-001 is another customer of finance by now.
    assert_eq!(billed(), Value::Null);
    assert!(codes(&pair).await.contains(&"DUET2102".to_owned()));

    pair.right.delete("accounts", &supplier);
    try_again(&pair, &engine).await;
    assert_eq!(pair.parked().await, []);
    assert_eq!(billed().as_str(), Some("US-009"));
    assert_eq!(key_of(&pair, &account).await, "usmf / us-009");
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_number_means_the_record_that_has_it_on_its_own_side() {
    let (pair, engine, account, supplier) = renamed_on_the_left().await;
    let bills = Row::new().with("InvoiceAccount", "US-001");
    pair.customer("usmf", "US-002", bills);
    engine.quiesce().await.unwrap();
    let billed = || {
        let (_, row) = pair.account("US-002").unwrap();
        row.value("msdyn_billingaccount").clone()
    };
    assert_eq!(billed(), Value::Null, "not who was US-001 before");

    pair.right.delete("accounts", &supplier);
    try_again(&pair, &engine).await;
    assert_eq!(pair.parked().await, []);
    let (second, _) = pair.account("US-001").unwrap();
    assert_ne!(second, account);
    assert_eq!(billed(), reference("accounts", &second));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_number_that_only_the_other_side_gives_names_nobody_here() {
    let (pair, engine) = synced().await;
    let (_, account) = pair.first();
    pair.right.edit("accounts", &account, number("US-009"));
    engine.quiesce().await.unwrap();
    assert_eq!(codes(&pair).await, ["DUET2131"]);
    // To finance that account is US-001, and nobody is US-009.
    let bills = Row::new().with("InvoiceAccount", "US-009");
    pair.customer("usmf", "US-002", bills);
    engine.quiesce().await.unwrap();
    assert_eq!(codes(&pair).await, ["DUET2131", "DUET2102"]);
    let (_, row) = pair.account("US-002").unwrap();
    assert_eq!(row.value("msdyn_billingaccount"), &Value::Null);

    pair.right.edit("accounts", &account, number("US-001"));
    engine.quiesce().await.unwrap();
    pair.customer("usmf", "US-009", Row::new());
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    let (_, row) = pair.account("US-002").unwrap();
    let (named, _) = pair.account("US-009").unwrap();
    let billed = row.value("msdyn_billingaccount");
    assert_eq!(billed, &reference("accounts", &named));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_record_that_bills_itself_is_created_again_under_its_new_number() {
    let story = Story::begin(str::to_owned).await;
    let itself = reference("accounts", &story.account);
    story.right(number("US-009").with("msdyn_billingaccount", itself));
    story.pair.left.delete("CustomersV3", &story.customer);
    story.engine.quiesce().await.unwrap();
    let open = story.open().await;
    let keep = [decisions::Choice::All(Side::Right)];
    story.decide(open.id, &keep).await;
    let left = &story.pair.left;
    let found = left.find_by("CustomersV3", "CustomerAccount", "US-009");
    let (_, row) = found.expect("it is there again");
    assert_eq!(row.value("InvoiceAccount").as_str(), Some("US-009"));
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_pair_outside_the_filter_lets_go_of_its_key() {
    let (pair, engine, customer, account) = renumbering().await;
    let person = Row::new().with("PartyType", Value::Symbol("Person".into()));
    pair.left.edit("CustomersV3", &customer, person);
    engine.quiesce().await.unwrap();
    pair.left
        .edit("CustomersV3", &customer, account_number("US-008"));
    pair.right.edit("accounts", &account, number("US-009"));
    engine.quiesce().await.unwrap();

    // Nothing of the two travels, but others may have their number.
    pair.customer("usmf", "US-001", Row::new());
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    let (second, _) = pair.account("US-001").unwrap();
    assert_ne!(second, account);

    // Back in the filter, the two agree on one of their numbers.
    let again = Row::new().with("PartyType", Value::Symbol("Organization".into()));
    pair.left.edit("CustomersV3", &customer, again);
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    assert_eq!(key_of(&pair, &account).await, "usmf / us-008");
    let row = pair.right.row("accounts", &account).unwrap();
    assert_eq!(row.value("accountnumber").as_str(), Some("US-008"));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn what_waits_for_a_decision_ends_when_the_record_leaves_the_filter() {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "Still alive"));
    story.pair.right.delete("accounts", &story.account);
    story.engine.quiesce().await.unwrap();
    assert!(!story.parked().await.is_empty());
    story.left(Row::new().with("PartyType", Value::Symbol("Person".into())));
    story.engine.quiesce().await.unwrap();
    let row = story.pair.left.row("CustomersV3", &story.customer);
    assert!(row.is_some(), "outside the filter nothing is deleted");
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_pair_follows_the_number_that_a_repair_brings() {
    let (pair, engine, account, supplier) = renamed_on_the_left().await;
    // Somebody gives the new number up, and later compares and repairs.
    let all = ParkedFilter::default();
    decisions::discard_parked(&*pair.store, &all, &anna())
        .await
        .unwrap();
    engine.quiesce().await.unwrap();
    pair.right.delete("accounts", &supplier);
    engine.quiesce().await.unwrap();
    assert_eq!(key_of(&pair, &account).await, "usmf / us-001");
    for _ in 0..2 {
        let options = CompareOptions {
            listed: 100,
            ..CompareOptions::default()
        };
        let found = engine.compare(&options).await.unwrap();
        let steps = engine.plan_repair(&found.differences, false);
        engine.journal_repair(&steps).await.unwrap();
        engine.quiesce().await.unwrap();
        try_again(&pair, &engine).await;
    }
    assert_eq!(pair.parked().await, []);
    assert_eq!(key_of(&pair, &account).await, "usmf / us-009");
    assert!(pair.account("US-001").is_some());
    pair.assert_balanced().await;
}
