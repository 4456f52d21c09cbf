//! Systems that store something other than what they are given.

use crate::pair::{Pair, synced};
use duet_map::value::{Row, Value};
use duet_store::change::ParkReason;
use rust_decimal::Decimal;

fn upper_here(table: &str, row: &mut Row) {
    if table == "CustomersV3"
        && let Some(name) = row
            .value("OrganizationName")
            .as_str()
            .map(str::to_uppercase)
    {
        row.set("OrganizationName", name.as_str());
    }
}

fn lower_there(table: &str, row: &mut Row) {
    if table == "accounts"
        && let Some(name) = row.value("name").as_str().map(str::to_lowercase)
    {
        row.set("name", name.as_str());
    }
}

#[tokio::test]
async fn what_one_side_rewrites_flows_back() {
    let pair = Pair::shaped(|left| left, |right| right.rewriting(lower_there));
    let customer = pair.customer("usmf", "US-001", Row::new());
    let engine = pair.engine();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    let row = pair.left.row("CustomersV3", &customer).unwrap();
    assert_eq!(
        row.value("OrganizationName").as_str(),
        Some("name of us-001")
    );
    pair.assert_balanced().await;
}

#[tokio::test]
async fn two_sides_that_rewrite_each_other_park_after_a_bounded_number_of_writes() {
    let pair = Pair::shaped(
        |left| left.rewriting(upper_here),
        |right| right.rewriting(lower_there),
    );
    let engine = pair.engine();
    engine.sync().await.unwrap();
    let before = pair.writes();
    pair.customer("usmf", "US-001", Row::new());
    engine.quiesce().await.unwrap();
    let parked = pair.parked().await;
    assert_eq!(parked.len(), 1, "{parked:#?}");
    assert_eq!(parked[0].reason, ParkReason::Oscillating);
    let after = pair.writes();
    assert!(after.0 + after.1 - before.0 - before.1 <= 8);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn people_who_edit_both_sides_are_never_taken_for_oscillation() {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    for round in 0..8 {
        let name = format!("Name {round}");
        let limit = Value::Decimal(Decimal::from(100 + round));
        pair.right
            .edit("accounts", &account, Row::new().with("name", name.as_str()));
        pair.left.edit(
            "CustomersV3",
            &customer,
            Row::new().with("CreditLimit", limit),
        );
        engine.quiesce().await.unwrap();
    }
    assert_eq!(pair.parked().await, []);
    pair.assert_balanced().await;
}
