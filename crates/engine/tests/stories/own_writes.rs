//! Duet never takes its own write for a person's edit, whenever it died and whatever answer got lost.

use crate::pair::{Pair, synced};
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_simulation::system::{Call, Fault};
use duet_store::Store;
use duet_store::change::ParkedFilter;
use duet_store::conflict::{Conflict, ConflictFilter};

fn city(name: &str) -> Row {
    Row::new().with("address1_city", name)
}

async fn conflicts(pair: &Pair) -> Vec<Conflict> {
    let all = ConflictFilter::default();
    pair.store.conflicts(&all, 9).await.unwrap()
}

/// Both sides agree on the city of US-001, and nothing was contested on the way.
async fn settled_on(pair: &Pair, city: &str) {
    pair.engine().quiesce().await.unwrap();
    let (customer, account) = pair.first();
    let left = pair.left.row("CustomersV3", &customer).unwrap();
    let right = pair.right.row("accounts", &account).unwrap();
    let (left, right) = (left.value("City"), right.value("address1_city"));
    assert_eq!((left.as_str(), right.as_str()), (Some(city), Some(city)));
    assert_eq!(conflicts(pair).await, []);
    assert_eq!(pair.parked().await, []);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn an_edit_after_a_death_between_write_and_settlement_meets_no_conflict() {
    let (pair, _) = synced().await;
    let (_, account) = pair.first();
    pair.right.edit("accounts", &account, city("Oslo"));
    pair.dies_at("after-write").await;
    pair.right.edit("accounts", &account, city("Bergen"));
    // The left side is the master: Oslo would win there if it passed for a person's.
    settled_on(&pair, "Bergen").await;
}

#[tokio::test]
async fn an_edit_that_was_taken_back_is_taken_back_on_the_other_side() {
    let (pair, engine) = synced().await;
    let (_, account) = pair.first();
    pair.right.edit("accounts", &account, city("Oslo"));
    engine.quiesce().await.unwrap();
    pair.right.edit("accounts", &account, city("Bergen"));
    pair.dies_at("after-write").await;
    pair.right.edit("accounts", &account, city("Oslo"));
    settled_on(&pair, "Oslo").await;
}

#[tokio::test]
async fn an_edit_on_the_side_that_was_written_is_newer_than_the_write() {
    let (pair, _) = synced().await;
    let (customer, account) = pair.first();
    pair.right.edit("accounts", &account, city("Oslo"));
    pair.dies_at("after-write").await;
    // The row is read while it still shows what was written.
    pair.dies_at("round-taken").await;
    let bergen = Row::new().with("City", "Bergen");
    pair.left.edit("CustomersV3", &customer, bergen);
    settled_on(&pair, "Bergen").await;
}

#[tokio::test]
async fn edits_of_other_columns_on_either_side_stand() {
    let (pair, _) = synced().await;
    let (customer, account) = pair.first();
    pair.right.edit("accounts", &account, city("Oslo"));
    pair.dies_at("after-write").await;
    let renamed = Row::new().with("OrganizationName", "Renamed");
    pair.left.edit("CustomersV3", &customer, renamed);
    let limit = Row::new().with("creditlimit", Value::Decimal(7.into()));
    pair.right.edit("accounts", &account, limit);
    settled_on(&pair, "Oslo").await;
    let right = pair.right.row("accounts", &account).unwrap();
    assert_eq!(right.value("name").as_str(), Some("Renamed"));
    let left = pair.left.row("CustomersV3", &customer).unwrap();
    assert_eq!(left.value("CreditLimit"), &Value::Decimal(7.into()));
}

#[tokio::test]
async fn a_created_record_is_known_after_a_death() {
    for from in Side::BOTH {
        let (pair, _) = synced().await;
        let id = match from {
            Side::Left => pair.customer("usmf", "US-002", Row::new()),
            Side::Right => pair.account_of_sales("US-002", Row::new()),
        };
        pair.dies_at("after-write").await;
        let (table, column) = match from {
            Side::Left => ("CustomersV3", "OrganizationName"),
            Side::Right => ("accounts", "name"),
        };
        let renamed = Row::new().with(column, "Renamed");
        match from {
            Side::Left => pair.left.edit(table, &id, renamed),
            Side::Right => pair.right.edit(table, &id, renamed),
        }
        pair.engine().quiesce().await.unwrap();
        let (_, account) = pair.account("US-002").unwrap();
        let customer = pair
            .left
            .find_by("CustomersV3", "CustomerAccount", "US-002");
        assert_eq!(account.value("name").as_str(), Some("Renamed"), "{from}");
        let (_, customer) = customer.unwrap();
        let name = customer.value("OrganizationName").as_str();
        assert_eq!(name, Some("Renamed"), "{from}");
        assert_eq!(conflicts(&pair).await, []);
        pair.assert_balanced().await;
    }
}

#[tokio::test]
async fn a_record_that_was_deleted_before_its_create_was_settled_takes_the_created_one_along() {
    let (pair, _) = synced().await;
    let customer = pair.customer("usmf", "US-002", Row::new());
    pair.dies_at("after-write").await;
    assert!(pair.account("US-002").is_some());
    pair.left.delete("CustomersV3", &customer);
    let engine = pair.engine();
    let deleted = format!("CustomersV3 {customer}");
    engine.notice(Side::Left, deleted.as_bytes()).await.unwrap();
    engine.quiesce().await.unwrap();
    assert!(pair.account("US-002").is_none(), "nobody knows it any more");
    assert!(pair.left.row("CustomersV3", &customer).is_none());
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_deletion_of_duets_own_is_no_deletion_of_a_persons() {
    let (pair, _) = synced().await;
    let (customer, _) = pair.first();
    pair.left.delete("CustomersV3", &customer);
    pair.dies_at("after-write").await;
    assert!(pair.account("US-001").is_none());
    // The key is the identifier: what is created again looks like an edit of what was deleted.
    pair.customer("usmf", "US-001", Row::new().with("City", "Oslo"));
    settled_on(&pair, "Oslo").await;
}

#[tokio::test]
async fn nothing_is_parked_that_arrived_although_no_answer_ever_made_sense() {
    let (pair, engine) = synced().await;
    let (_, account) = pair.first();
    pair.right.edit("accounts", &account, city("Oslo"));
    pair.left.inject(Call::Write, [Fault::Garbled; 20]);
    engine.quiesce().await.unwrap();
    settled_on(&pair, "Oslo").await;
    assert_eq!(pair.left.writes(), 1, "one look is enough");
}

#[tokio::test]
async fn what_was_kept_aside_does_not_come_back_as_an_edit() {
    let (pair, _) = synced().await;
    let (customer, account) = pair.first();
    pair.right.edit("accounts", &account, city("Oslo"));
    pair.dies_at("after-write").await;
    // The change is put aside, and the row that was written is seen.
    let park = duet_store::change::Park {
        reason: duet_store::change::ParkReason::Held,
        code: duet_map::diagnostic::Code(4121),
        message: "kept aside".to_owned(),
        waits_for: Vec::new(),
    };
    let now = jiff::Timestamp::now();
    let held = pair.store.hold("customers", i64::MAX, park, 9, now).await;
    assert_eq!(held.unwrap(), 1);
    let notice = format!("CustomersV3 {customer}");
    let engine = pair.engine();
    engine.notice(Side::Left, notice.as_bytes()).await.unwrap();
    let before = pair.writes();
    engine.quiesce().await.unwrap();
    assert_eq!(pair.writes(), before, "nobody edited the left side");
    pair.right.edit("accounts", &account, city("Bergen"));
    let all = ParkedFilter::default();
    pair.store.retry(&all, now).await.unwrap();
    settled_on(&pair, "Bergen").await;
}
