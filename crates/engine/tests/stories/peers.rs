//! Three experiments in which row-by-row replication fails, run on Duet.
//!
//! Apply is paused, people edit both sides, apply goes on. Replication that compares whole rows
//! swaps values for good, loses one of two edits to different columns, or lets an older deletion
//! take a newer edit with it. Here is what Duet does.

use crate::pair::Pair;
use duet_engine::Engine;
use duet_map::record::RecordId;
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_store::Store;
use duet_store::conflict::ConflictFilter;
use rust_decimal::Decimal;

const ROWS: usize = 100;

/// A hundred customers on both sides, in step, and nothing running.
async fn paused() -> (Pair, Engine, Vec<(RecordId, RecordId)>) {
    let pair = Pair::new();
    let numbers: Vec<String> = (0..ROWS).map(|row| format!("US-{row:03}")).collect();
    let customers: Vec<RecordId> = numbers
        .iter()
        .map(|number| pair.customer("usmf", number, Row::new()))
        .collect();
    let engine = pair.engine();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    let records = customers
        .into_iter()
        .zip(&numbers)
        .map(|(customer, number)| (customer, pair.account(number).unwrap().0))
        .collect();
    (pair, engine, records)
}

#[tokio::test]
async fn values_that_both_sides_changed_are_never_swapped() {
    let (pair, engine, records) = paused().await;
    for (row, (customer, account)) in records.iter().enumerate() {
        let name = |whose: &str| format!("{whose} {row}");
        let finance = Row::new().with("OrganizationName", name("Finance").as_str());
        pair.left.edit("CustomersV3", customer, finance);
        let sales = Row::new().with("name", name("Sales").as_str());
        pair.right.edit("accounts", account, sales);
    }
    engine.quiesce().await.unwrap();

    for (row, (customer, account)) in records.iter().enumerate() {
        let left = pair.left.row("CustomersV3", customer).unwrap();
        let right = pair.right.row("accounts", account).unwrap();
        let stands = format!("Finance {row}");
        assert_eq!(left.value("OrganizationName").as_str(), Some(&*stands));
        assert_eq!(right.value("name").as_str(), Some(&*stands));
    }
    let all = ConflictFilter::default();
    let conflicts = pair.store.conflicts(&all, 2 * ROWS).await.unwrap();
    assert_eq!(
        conflicts.len(),
        ROWS,
        "each losing value is on record, once"
    );
    for conflict in &conflicts {
        assert_eq!(conflict.fields[0].winner, Some(Side::Left));
        let lost = conflict.fields[0].right.as_str().unwrap();
        assert!(lost.starts_with("Sales "), "{lost}");
    }
    pair.assert_balanced().await;
}

#[tokio::test]
async fn edits_of_different_columns_all_survive() {
    let (pair, engine, records) = paused().await;
    for (row, (customer, account)) in records.iter().enumerate() {
        let name = Row::new().with("OrganizationName", format!("Renamed {row}").as_str());
        pair.left.edit("CustomersV3", customer, name);
        let limit = Value::Decimal(Decimal::from(1_000 + row));
        pair.right
            .edit("accounts", account, Row::new().with("creditlimit", limit));
    }
    engine.quiesce().await.unwrap();

    for (row, (customer, account)) in records.iter().enumerate() {
        let left = pair.left.row("CustomersV3", customer).unwrap();
        let right = pair.right.row("accounts", account).unwrap();
        let name = format!("Renamed {row}");
        let limit = Value::Decimal(Decimal::from(1_000 + row));
        assert_eq!(left.value("OrganizationName").as_str(), Some(&*name));
        assert_eq!(right.value("name").as_str(), Some(&*name));
        assert_eq!(left.value("CreditLimit"), &limit);
        assert_eq!(right.value("creditlimit"), &limit);
    }
    let all = ConflictFilter::default();
    assert_eq!(pair.store.conflicts(&all, ROWS).await.unwrap(), []);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn an_older_deletion_never_takes_a_newer_edit_with_it() {
    let (pair, engine, records) = paused().await;
    let (customer, account) = &records[0];
    pair.right.delete("accounts", account);
    let later = Row::new().with("OrganizationName", "Still needed");
    pair.left.edit("CustomersV3", customer, later);
    engine.quiesce().await.unwrap();

    let row = pair.left.row("CustomersV3", customer).expect("it stands");
    assert_eq!(row.value("OrganizationName").as_str(), Some("Still needed"));
    let mut codes: Vec<String> = pair.parked().await.into_iter().map(|p| p.code).collect();
    codes.sort();
    assert_eq!(
        codes,
        ["DUET2104", "DUET2105"],
        "a person decides, with both in sight"
    );

    // She creates the account again, and the edit arrives there.
    let again = Row::new().with("name", Value::Null);
    let account = pair.account_of_sales("US-000", again);
    engine.quiesce().await.unwrap();
    let row = pair.right.row("accounts", &account).unwrap();
    assert_eq!(row.value("name").as_str(), Some("Still needed"));
    assert_eq!(pair.parked().await, []);
    pair.assert_balanced().await;
}
