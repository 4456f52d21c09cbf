//! The road of a change, end to end over two systems in memory: one story a test.

// A panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod model;
#[path = "model/pair.rs"]
mod pair;

use duet_map::record::RecordId;
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_store::Store;
use duet_store::change::{ParkReason, ParkedFilter};
use duet_store::conflict::ConflictFilter;
use model::Fault;
use pair::Pair;
use rust_decimal::Decimal;

async fn synced() -> (Pair, duet_engine::Engine) {
    let pair = Pair::new();
    pair.terms("usmf", "Net30");
    pair.customer("usmf", "US-001", Row::new().with("PaymentTerms", "Net30"));
    let engine = pair.engine();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    (pair, engine)
}

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
    let customer = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001")
        .unwrap()
        .0;
    let (account, _) = pair.account("US-001").unwrap();
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
async fn different_fields_edited_on_both_sides_at_once_both_survive() {
    let (pair, engine) = synced().await;
    let customer = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001")
        .unwrap()
        .0;
    let (account, _) = pair.account("US-001").unwrap();
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
    assert!(
        pair.store
            .conflicts(&ConflictFilter::default(), 10)
            .await
            .unwrap()
            .is_empty()
    );
    pair.assert_balanced().await;
}

#[tokio::test]
async fn the_same_field_edited_on_both_sides_keeps_the_losers_value() {
    let (pair, engine) = synced().await;
    let customer = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001")
        .unwrap()
        .0;
    let (account, _) = pair.account("US-001").unwrap();
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
    let conflicts = pair
        .store
        .conflicts(&ConflictFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    assert_eq!(conflicts[0].fields.len(), 1);
    let field = &conflicts[0].fields[0];
    assert_eq!(field.winner, Some(Side::Left));
    assert_eq!(field.right.as_str(), Some("Sales says"));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_missing_reference_parks_the_change_and_its_arrival_releases_it() {
    let (pair, engine) = synced().await;
    pair.customer("usmf", "US-002", Row::new().with("PaymentTerms", "Net99"));
    engine.quiesce().await.unwrap();
    assert!(pair.account("US-002").is_none());
    let parked = pair
        .store
        .parked(&ParkedFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].reason, ParkReason::WaitingForKey);

    pair.terms("usmf", "Net99");
    engine.quiesce().await.unwrap();
    assert!(pair.account("US-002").is_some());
    assert!(
        pair.store
            .parked(&ParkedFilter::default(), 10)
            .await
            .unwrap()
            .is_empty()
    );
    pair.assert_balanced().await;
}

#[tokio::test]
async fn records_that_refer_to_themselves_and_in_circles_arrive_whole() {
    let pair = Pair::new();
    pair.customer(
        "usmf",
        "US-001",
        Row::new().with("InvoiceAccount", "US-001"),
    );
    pair.customer(
        "usmf",
        "US-002",
        Row::new().with("InvoiceAccount", "US-003"),
    );
    pair.customer(
        "usmf",
        "US-003",
        Row::new().with("InvoiceAccount", "US-002"),
    );
    let engine = pair.engine();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    for (account, bills) in [
        ("US-001", "US-001"),
        ("US-002", "US-003"),
        ("US-003", "US-002"),
    ] {
        let (_, row) = pair.account(account).unwrap();
        let (billed, _) = pair.account(bills).unwrap();
        let reference = row.value("msdyn_billingaccount").as_reference().unwrap();
        assert_eq!(
            reference.id.to_string(),
            billed.0,
            "{account} is billed to {bills}"
        );
    }
    assert!(
        pair.store
            .parked(&ParkedFilter::default(), 10)
            .await
            .unwrap()
            .is_empty()
    );
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

#[tokio::test]
async fn a_record_that_survives_its_counterpart_brings_nothing_back() {
    let pair = Pair::new();
    let customer = pair.customer("usmf", "US-001", Row::new());
    let engine = pair.engine_with(|map| map.replace("deletes: propagate", "deletes: ignore"));
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
async fn a_notice_finds_its_way_when_the_cursor_is_lost() {
    let (pair, engine) = synced().await;
    let (account, _) = pair.account("US-001").unwrap();
    pair.right.edit(
        "accounts",
        &account,
        Row::new().with("name", "Told by a hook"),
    );
    pair.right.expire_cursors();
    assert_eq!(engine.notice(Side::Right, b"accounts").await.unwrap(), 1);
    engine.quiesce().await.unwrap();
    let customer = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001")
        .unwrap()
        .1;
    assert_eq!(
        customer.value("OrganizationName").as_str(),
        Some("Told by a hook")
    );
    pair.assert_balanced().await;
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
            .with(
                "msdyn_paymentterm",
                pair::reference("msdyn_paymentterms", &term),
            )
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
    let conflicts = pair
        .store
        .conflicts(&ConflictFilter::default(), 10)
        .await
        .unwrap();
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
async fn a_key_that_the_other_side_allocates_comes_back_and_is_allocated_once() {
    let pair = Pair::shaped(
        |left| left.allocating("CustomersV3", "CustomerAccount"),
        |right| right,
    );
    let engine = pair.engine();
    engine.sync().await.unwrap();
    pair.right.create(
        "accounts",
        Row::new()
            .with("name", "From sales")
            .with("customertypecode", Value::Int(3))
            .with("msdyn_company", pair.company("usmf")),
    );
    pair.left.inject([Fault::LostAnswer]);
    engine.quiesce().await.unwrap();
    assert_eq!(
        pair.left.rows("CustomersV3").len(),
        1,
        "a lost answer creates no second record"
    );
    assert!(pair.account("auto-1").is_some(), "the number came back");
    pair.assert_balanced().await;
}

#[tokio::test]
async fn lost_requests_and_answers_lose_and_double_nothing() {
    let (pair, engine) = synced().await;
    for number in 10..30 {
        pair.customer("usmf", &format!("US-0{number}"), Row::new());
    }
    pair.right.inject(
        [
            Fault::LostAnswer,
            Fault::LostRequest,
            Fault::Busy,
            Fault::None,
        ]
        .into_iter()
        .cycle()
        .take(24),
    );
    engine.quiesce().await.unwrap();
    assert_eq!(pair.right.rows("accounts").len(), 21);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn an_old_cursor_reads_the_table_whole_and_notices_deletions() {
    let (pair, engine) = synced().await;
    let (account, _) = pair.account("US-001").unwrap();
    let before = pair.writes();
    pair.right.delete("accounts", &account);
    pair.right.expire_cursors();
    // The next read of any right table finds its cursor expired.
    engine.quiesce().await.unwrap();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    assert!(pair.left.rows("CustomersV3").is_empty());
    assert_eq!(pair.writes(), (before.0 + 1, before.1));
    pair.assert_balanced().await;
}

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
    let parked = pair
        .store
        .parked(&ParkedFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(parked.len(), 1, "{parked:#?}");
    assert_eq!(parked[0].reason, ParkReason::Oscillating);
    let after = pair.writes();
    assert!(after.0 + after.1 - before.0 - before.1 <= 8);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_row_that_leaves_the_filter_stops_travelling_and_comes_back_with_it() {
    let (pair, engine) = synced().await;
    let (account, _) = pair.account("US-001").unwrap();
    let customer = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001")
        .unwrap()
        .0;
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
async fn a_value_that_does_not_fit_parks_with_the_field_and_goes_once_it_is_mended() {
    let (pair, engine) = synced().await;
    let customer = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001")
        .unwrap()
        .0;
    let long = "x".repeat(61);
    pair.left.edit(
        "CustomersV3",
        &customer,
        Row::new().with("OrganizationName", long.as_str()),
    );
    engine.quiesce().await.unwrap();
    let parked = pair
        .store
        .parked(&ParkedFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].reason, ParkReason::Validation);
    assert!(parked[0].message.contains("name"), "{}", parked[0].message);
    assert!(
        !parked[0].message.contains("xxx"),
        "the value stays out of the message"
    );

    pair.left.edit(
        "CustomersV3",
        &customer,
        Row::new().with("OrganizationName", "Short"),
    );
    engine.quiesce().await.unwrap();
    assert!(
        pair.store
            .parked(&ParkedFilter::default(), 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        pair.account("US-001").unwrap().1.value("name").as_str(),
        Some("Short")
    );
    pair.assert_balanced().await;
}

/// The number of US-001's customer and account.
fn first(pair: &Pair) -> (RecordId, RecordId) {
    let customer = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001");
    (customer.unwrap().0, pair.account("US-001").unwrap().0)
}

fn party(kind: &str) -> Row {
    Row::new().with("PartyType", Value::Symbol(kind.into()))
}

async fn parked(pair: &Pair) -> Vec<duet_store::change::Parked> {
    let all = ParkedFilter::default();
    pair.store.parked(&all, 10).await.unwrap()
}

#[tokio::test]
async fn a_pair_outside_its_filter_is_left_alone_and_catches_up_when_it_returns() {
    let (pair, engine) = synced().await;
    let (customer, account) = first(&pair);
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
    let (customer, account) = first(&pair);
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
    let waiting = parked(&pair).await;
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

#[tokio::test]
async fn a_conflict_is_on_record_even_when_the_answer_to_its_write_is_lost() {
    let (pair, engine) = synced().await;
    let (customer, account) = first(&pair);
    pair.left.edit(
        "CustomersV3",
        &customer,
        Row::new().with("OrganizationName", "Finance says"),
    );
    pair.right
        .edit("accounts", &account, Row::new().with("name", "Sales says"));
    pair.right.inject([Fault::LostAnswer]);
    engine.quiesce().await.unwrap();
    let conflicts = pair
        .store
        .conflicts(&ConflictFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    assert_eq!(conflicts[0].fields[0].right.as_str(), Some("Sales says"));
    pair.assert_balanced().await;
}

/// US-001 was deleted in sales and changed in finance before either knew.
async fn deleted_and_changed() -> (Pair, duet_engine::Engine, RecordId) {
    let (pair, engine) = synced().await;
    let (customer, account) = first(&pair);
    pair.right.delete("accounts", &account);
    pair.left.edit(
        "CustomersV3",
        &customer,
        Row::new().with("OrganizationName", "Still needed"),
    );
    engine.quiesce().await.unwrap();
    assert!(!parked(&pair).await.is_empty());
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
    assert_eq!(parked(&pair).await, []);
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
    assert_eq!(parked(&pair).await, []);
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
    let conflicts = pair
        .store
        .conflicts(&ConflictFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    pair.assert_balanced().await;
}

#[tokio::test]
async fn accounts_of_sales_that_bill_themselves_and_each_other_arrive_whole() {
    let (pair, engine) = synced().await;
    let account = |number: &str| {
        let row = Row::new()
            .with("accountnumber", number)
            .with("customertypecode", Value::Int(3))
            .with("msdyn_company", pair.company("usmf"));
        pair.right.create("accounts", row)
    };
    let bill = |id: &RecordId, to: &RecordId| {
        let to = pair::reference("accounts", to);
        let row = Row::new().with("msdyn_billingaccount", to);
        pair.right.edit("accounts", id, row);
    };
    let (one, two, three) = (account("S-1"), account("S-2"), account("S-3"));
    bill(&one, &one);
    bill(&two, &three);
    bill(&three, &two);
    engine.quiesce().await.unwrap();
    assert_eq!(parked(&pair).await, []);
    for (number, bills) in [("S-1", "S-1"), ("S-2", "S-3"), ("S-3", "S-2")] {
        let customer = pair.left.find_by("CustomersV3", "CustomerAccount", number);
        let (_, row) = customer.unwrap();
        assert_eq!(row.value("InvoiceAccount").as_str(), Some(bills));
    }
    pair.assert_balanced().await;
}

#[tokio::test]
async fn what_waits_goes_with_its_record_although_nobody_reports_the_deletion() {
    let (pair, engine) = synced().await;
    let customer = pair.customer("usmf", "US-002", Row::new().with("PaymentTerms", "Net99"));
    engine.quiesce().await.unwrap();
    assert_eq!(parked(&pair).await.len(), 1);
    pair.left.delete("CustomersV3", &customer);
    engine.quiesce().await.unwrap();
    assert_eq!(parked(&pair).await, []);
    pair.terms("usmf", "Net99");
    engine.quiesce().await.unwrap();
    assert!(pair.account("US-002").is_none());
    pair.assert_balanced().await;
}

#[tokio::test]
async fn people_who_edit_both_sides_are_never_taken_for_oscillation() {
    let (pair, engine) = synced().await;
    let (customer, account) = first(&pair);
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
    assert_eq!(parked(&pair).await, []);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_side_that_is_down_at_the_first_sync_is_waited_for() {
    let pair = Pair::new();
    pair.customer("usmf", "US-001", Row::new());
    pair.left.go_down(30);
    let engine = pair.engine();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let arrived = async {
        while pair.account("US-001").is_none() {
            tokio::task::yield_now().await;
        }
        stop.send(true).unwrap();
    };
    let (ran, ()) = tokio::join!(engine.run(stopped), arrived);
    ran.unwrap();
    pair.assert_balanced().await;
}
