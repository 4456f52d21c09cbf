//! What both sides changed, or created, before either knew of the other.

use crate::pair::{Pair, reference, synced};
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_simulation::system::{Call, Fault};
use rust_decimal::Decimal;

#[tokio::test]
async fn different_fields_edited_on_both_sides_at_once_both_survive() {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    pair.left.edit(
        "CustomersV3",
        &customer,
        Row::new().with("OrganizationName", "New name"),
    );
    pair.right.edit(
        "accounts",
        &account,
        Row::new().with("creditlimit", Value::Decimal(Decimal::from(5000))),
    );
    engine.quiesce().await.unwrap();

    let left = pair.left.row("CustomersV3", &customer).unwrap();
    let right = pair.right.row("accounts", &account).unwrap();
    assert_eq!(left.value("OrganizationName").as_str(), Some("New name"));
    assert_eq!(right.value("name").as_str(), Some("New name"));
    assert_eq!(
        left.value("CreditLimit"),
        &Value::Decimal(Decimal::from(5000))
    );
    assert_eq!(
        right.value("creditlimit"),
        &Value::Decimal(Decimal::from(5000))
    );
    assert!(pair.conflicts().await.is_empty());
    pair.assert_balanced().await;
}

#[tokio::test]
async fn the_same_field_edited_on_both_sides_keeps_the_losers_value() {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    pair.left.edit(
        "CustomersV3",
        &customer,
        Row::new().with("OrganizationName", "Finance says"),
    );
    pair.right
        .edit("accounts", &account, Row::new().with("name", "Sales says"));
    engine.quiesce().await.unwrap();

    let left = pair.left.row("CustomersV3", &customer).unwrap();
    let right = pair.right.row("accounts", &account).unwrap();
    assert_eq!(
        left.value("OrganizationName").as_str(),
        Some("Finance says")
    );
    assert_eq!(right.value("name").as_str(), Some("Finance says"));
    let conflicts = pair.conflicts().await;
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    assert_eq!(conflicts[0].fields.len(), 1);
    let field = &conflicts[0].fields[0];
    assert_eq!(field.winner, Some(Side::Left));
    assert_eq!(field.right.as_str(), Some("Sales says"));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn rows_that_exist_on_both_sides_meet_by_key() {
    let pair = Pair::new();
    pair.customer(
        "usmf",
        "US-001",
        Row::new().with("OrganizationName", "Finance"),
    );
    let engine = pair.engine();
    // Companies and terms first, so that sales can have a row of its own.
    pair.terms("usmf", "Net30");
    engine.sync().await.unwrap();
    let (term, _) = pair
        .right
        .find_by("msdyn_paymentterms", "msdyn_name", "Net30")
        .unwrap();
    pair.customer(
        "usmf",
        "US-007",
        Row::new().with("OrganizationName", "Finance"),
    );
    pair.right.create(
        "accounts",
        Row::new()
            .with("accountnumber", "us-007 ")
            .with("name", "Sales")
            .with("creditlimit", Value::Decimal(Decimal::from(7)))
            .with("customertypecode", Value::Int(3))
            .with("msdyn_paymentterm", reference("msdyn_paymentterms", &term))
            .with("msdyn_company", pair.company("usmf")),
    );
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    assert_eq!(pair.right.rows("accounts").len(), 2, "nobody was doubled");
    let customer = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-007")
        .unwrap()
        .1;
    assert_eq!(
        customer.value("PaymentTerms").as_str(),
        Some("Net30"),
        "a gap is filled"
    );
    let account = pair
        .right
        .find_by("accounts", "name", "Finance")
        .expect("the master wins")
        .1;
    assert_eq!(account.value("creditlimit"), &Value::Decimal(Decimal::ZERO));
    let conflicts = pair.conflicts().await;
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    let lost: Vec<String> = conflicts[0]
        .fields
        .iter()
        .map(|field| field.right.to_string())
        .collect();
    assert_eq!(lost, ["Sales", "7"], "what lost stays readable");
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_zero_that_wins_where_two_records_meet_travels_as_well() {
    let (pair, engine) = synced().await;
    pair.right.create(
        "accounts",
        Row::new()
            .with("accountnumber", "US-007")
            .with("creditlimit", Value::Decimal(Decimal::from(7)))
            .with("msdyn_onetime", true)
            .with("customertypecode", Value::Int(3))
            .with("msdyn_company", pair.company("usmf")),
    );
    pair.customer("usmf", "US-007", Row::new());
    engine.quiesce().await.unwrap();
    let (_, account) = pair.account("US-007").unwrap();
    assert_eq!(account.value("creditlimit"), &Value::Decimal(Decimal::ZERO));
    assert_eq!(account.value("msdyn_onetime"), &Value::Bool(false));
    let conflicts = pair.conflicts().await;
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_conflict_is_on_record_even_when_the_answer_to_its_write_is_lost() {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    pair.left.edit(
        "CustomersV3",
        &customer,
        Row::new().with("OrganizationName", "Finance says"),
    );
    pair.right
        .edit("accounts", &account, Row::new().with("name", "Sales says"));
    pair.right.inject(Call::Write, [Fault::LostAnswer]);
    engine.quiesce().await.unwrap();
    let conflicts = pair.conflicts().await;
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    assert_eq!(conflicts[0].fields[0].right.as_str(), Some("Sales says"));
    pair.assert_balanced().await;
}
