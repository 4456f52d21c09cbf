//! Rows and companies outside, and rows that leave and return.

use crate::pair::synced;
use duet_map::value::{Row, Value};

fn party(kind: &str) -> Row {
    Row::new().with("PartyType", Value::Symbol(kind.into()))
}

#[tokio::test]
async fn a_company_outside_the_scope_stays_out() {
    let (pair, engine) = synced().await;
    pair.customer("dat", "DAT-001", Row::new());
    engine.quiesce().await.unwrap();
    assert!(pair.account("DAT-001").is_none());
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_row_that_leaves_the_filter_stops_travelling_and_comes_back_with_it() {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    pair.right.edit(
        "accounts",
        &account,
        Row::new()
            .with("customertypecode", Value::Int(10))
            .with("name", "Supplier now"),
    );
    engine.quiesce().await.unwrap();
    let row = pair.left.row("CustomersV3", &customer).unwrap();
    assert_eq!(
        row.value("OrganizationName").as_str(),
        Some("Name of US-001")
    );

    pair.right.edit(
        "accounts",
        &account,
        Row::new().with("customertypecode", Value::Int(3)),
    );
    engine.quiesce().await.unwrap();
    let row = pair.left.row("CustomersV3", &customer).unwrap();
    assert_eq!(row.value("OrganizationName").as_str(), Some("Supplier now"));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_pair_outside_its_filter_is_left_alone_and_catches_up_when_it_returns() {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    pair.left.edit("CustomersV3", &customer, party("Person"));
    engine.quiesce().await.unwrap();
    let before = pair.writes();
    pair.right
        .edit("accounts", &account, Row::new().with("name", "Meanwhile"));
    engine.quiesce().await.unwrap();
    assert_eq!(pair.writes(), before, "nothing travels to a row outside");

    pair.left
        .edit("CustomersV3", &customer, party("Organization"));
    engine.quiesce().await.unwrap();
    let row = pair.left.row("CustomersV3", &customer).unwrap();
    assert_eq!(row.value("OrganizationName").as_str(), Some("Meanwhile"));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_deletion_does_not_travel_to_a_row_outside_the_filter() {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    pair.left.edit("CustomersV3", &customer, party("Person"));
    engine.quiesce().await.unwrap();
    pair.right.delete("accounts", &account);
    engine.quiesce().await.unwrap();
    assert!(pair.left.row("CustomersV3", &customer).is_some());
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_key_that_a_row_outside_the_filter_holds_parks_until_it_is_free() {
    let (pair, engine) = synced().await;
    let mut row = party("Person");
    row.set("OrganizationName", "A person");
    let person = pair.customer("usmf", "US-009", row);
    engine.quiesce().await.unwrap();
    pair.right.create(
        "accounts",
        Row::new()
            .with("accountnumber", "US-009")
            .with("name", "A firm")
            .with("customertypecode", Value::Int(3))
            .with("msdyn_company", pair.company("usmf")),
    );
    engine.quiesce().await.unwrap();
    let waiting = pair.parked().await;
    assert_eq!(waiting.len(), 1, "{waiting:#?}");
    assert_eq!(waiting[0].code, "DUET2108");
    let row = pair.left.row("CustomersV3", &person).unwrap();
    assert_eq!(row.value("OrganizationName").as_str(), Some("A person"));

    pair.left.delete("CustomersV3", &person);
    engine.quiesce().await.unwrap();
    let row = pair.left.row("CustomersV3", &person).unwrap();
    assert_eq!(row.value("OrganizationName").as_str(), Some("A firm"));
    pair.assert_balanced().await;
}
