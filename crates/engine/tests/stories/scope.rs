//! Companies that leave the scope and come back: meanwhile nothing of theirs is touched.

use crate::conflicts::manual;
use crate::pair::Pair;
use duet_engine::Engine;
use duet_engine::decisions::{self, Choice, Decider};
use duet_map::side::Side;
use duet_map::value::Row;
use duet_simulation::landscape::{compile, map_files};
use duet_store::Store;
use duet_store::conflict::{ConflictFilter, ConflictState};
use jiff::Timestamp;

/// An engine with these companies in scope.
fn engine(pair: &Pair, companies: &[&str], change: fn(&str) -> String) -> Engine {
    let maps = map_files(Side::Left, false).map(|map| change(&map));
    let companies = companies.iter().map(|&company| company.to_owned());
    pair.engine_of(compile(maps, companies).unwrap())
}

#[tokio::test]
async fn a_deletion_in_a_company_that_left_the_scope_travels_when_it_is_back() {
    let pair = Pair::new();
    let customer = pair.customer("frrt", "F-1", Row::new());
    let both = engine(&pair, &["usmf", "frrt"], str::to_owned);
    both.sync().await.unwrap();
    both.quiesce().await.unwrap();
    let (account, _) = pair.account("F-1").unwrap();

    let without = engine(&pair, &["usmf"], str::to_owned);
    without.quiesce().await.unwrap();
    pair.right.delete("accounts", &account);
    without.quiesce().await.unwrap();
    assert!(
        pair.left.row("CustomersV3", &customer).is_some(),
        "nothing is written in a company outside the scope"
    );
    pair.assert_balanced().await;

    let again = engine(&pair, &["usmf", "frrt"], str::to_owned);
    again.sync().await.unwrap();
    again.quiesce().await.unwrap();
    assert!(pair.left.row("CustomersV3", &customer).is_none());
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_conflict_that_is_decided_after_its_company_left_the_scope_is_over() {
    let pair = Pair::new();
    let customer = pair.customer("frrt", "F-1", Row::new());
    let both = engine(&pair, &["usmf", "frrt"], manual);
    both.sync().await.unwrap();
    both.quiesce().await.unwrap();
    let (account, _) = pair.account("F-1").unwrap();
    let named = |column: &str, name: &str| Row::new().with(column, name);
    let finance = named("OrganizationName", "Finance says");
    pair.left.edit("CustomersV3", &customer, finance);
    let sales = named("name", "Sales says");
    pair.right.edit("accounts", &account, sales);
    both.quiesce().await.unwrap();
    let all = ConflictFilter::default();
    let conflict = pair.store.conflicts(&all, 10).await.unwrap().remove(0);
    assert_eq!(conflict.state, ConflictState::Open);

    let without = engine(&pair, &["usmf"], manual);
    let take = [Choice::All(Side::Left)];
    let ann = Decider::new("Ann", Timestamp::now());
    decisions::decide(pair.store.as_ref(), None, conflict.id, &take, &ann)
        .await
        .unwrap();
    without.quiesce().await.unwrap();
    let conflict = pair.store.conflict(conflict.id).await.unwrap().unwrap();
    assert_ne!(conflict.state, ConflictState::Open);
    let how = conflict.ended_how.unwrap_or_default();
    assert!(how.contains("left the scope"), "{how}");
    let (_, row) = pair.account("F-1").unwrap();
    assert_eq!(row.value("name").as_str(), Some("Sales says"));
    pair.assert_balanced().await;
}
