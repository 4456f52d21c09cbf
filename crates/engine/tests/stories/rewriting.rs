//! Systems that store something other than what they are given.

use crate::pair::{Pair, synced};
use duet_map::value::{Row, Value};
use duet_store::change::ParkReason;
use rust_decimal::Decimal;

/// Rewrites the name of customers and accounts.
pub fn rewritten(table: &str, row: &mut Row, rewrite: fn(&str) -> String) {
    let column = match table {
        "CustomersV3" => "OrganizationName",
        "accounts" => "name",
        _ => return,
    };
    if let Some(name) = row.value(column).as_str().map(rewrite) {
        row.set(column, name.as_str());
    }
}

pub fn capitals(table: &str, row: &mut Row) {
    rewritten(table, row, str::to_uppercase);
}

pub fn small_letters(table: &str, row: &mut Row) {
    rewritten(table, row, str::to_lowercase);
}

#[tokio::test]
async fn what_one_side_rewrites_flows_back() {
    let pair = Pair::shaped(|left| left, |right| right.rewriting(small_letters));
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
        |left| left.rewriting(capitals),
        |right| right.rewriting(small_letters),
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
