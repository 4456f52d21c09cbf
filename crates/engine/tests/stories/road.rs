//! The road of a change, end to end over two systems in memory.

use crate::pair::synced;
use duet_map::value::{Row, Value};

#[tokio::test]
async fn an_initial_sync_brings_rows_with_their_references() {
    let (pair, _) = synced().await;
    let (_, account) = pair.account("US-001").unwrap();
    assert_eq!(account.value("name").as_str(), Some("Name of US-001"));
    let (term, _) = pair
        .right
        .find_by("msdyn_paymentterms", "msdyn_name", "Net30")
        .unwrap();
    let reference = account.value("msdyn_paymentterm").as_reference().unwrap();
    assert_eq!(reference.id.to_string(), term.0);
    assert_eq!(account.value("customertypecode"), &Value::Int(3));
    assert_eq!(*account.value("msdyn_company"), pair.company("usmf"));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_second_sync_writes_nothing() {
    let (pair, engine) = synced().await;
    let before = pair.writes();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    assert_eq!(pair.writes(), before);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn an_edit_on_each_side_arrives_on_the_other_by_one_write() {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    let before = pair.writes();

    pair.left.edit(
        "CustomersV3",
        &customer,
        Row::new().with("OrganizationName", "From finance"),
    );
    engine.quiesce().await.unwrap();
    let (_, row) = pair.account("US-001").unwrap();
    assert_eq!(row.value("name").as_str(), Some("From finance"));

    pair.right
        .edit("accounts", &account, Row::new().with("msdyn_onetime", true));
    engine.quiesce().await.unwrap();
    let row = pair.left.row("CustomersV3", &customer).unwrap();
    assert_eq!(row.value("IsOneTime"), &Value::Symbol("Yes".into()));

    assert_eq!(pair.writes(), (before.0 + 1, before.1 + 1));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn deletions_travel_both_ways_and_do_not_come_back() {
    let (pair, engine) = synced().await;
    pair.customer("usmf", "US-002", Row::new());
    engine.quiesce().await.unwrap();
    let first = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001")
        .unwrap()
        .0;
    let (second, _) = pair.account("US-002").unwrap();

    pair.left.delete("CustomersV3", &first);
    pair.right.delete("accounts", &second);
    engine.quiesce().await.unwrap();
    assert!(pair.left.rows("CustomersV3").is_empty());
    assert!(pair.right.rows("accounts").is_empty());

    pair.customer("usmf", "US-001", Row::new());
    engine.quiesce().await.unwrap();
    assert!(pair.account("US-001").is_some(), "a key may be used again");
    pair.assert_balanced().await;
}
