//! A linked record gets another integration key, and its pair follows.

use crate::pair::{Pair, reference, synced};
use duet_engine::{Engine, Project, Settings, SystemClock};
use duet_map::CompiledMap;
use duet_map::file::MapFile;
use duet_map::record::RecordId;
use duet_map::schema::SchemaSet;
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_simulation::landscape::{COMPANIES, left_schemas, map_files, right_schemas};
use duet_simulation::system::{ModelSystem, Quirks};
use duet_store::Store;
use duet_store::change::{ParkReason, ParkedFilter};
use duet_store::conflict::ConflictFilter;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

pub fn number(text: &str) -> Row {
    Row::new().with("accountnumber", text)
}

pub fn account_number(text: &str) -> Row {
    Row::new().with("CustomerAccount", text)
}

/// Finance's tables, with customers that are identified by something else than their number.
fn numbered() -> SchemaSet {
    let mut schemas = left_schemas();
    for table in &mut schemas.0 {
        if table.name == "CustomersV3" {
            table.alternate_keys = vec![std::mem::take(&mut table.primary_key)];
            table.primary_key = vec!["RecId".to_owned()];
        }
    }
    schemas
}

fn project() -> Project {
    let maps = map_files(Side::Left, true).map(|text| {
        let file = MapFile::parse(&text, "test.yaml").unwrap();
        let (map, _) = CompiledMap::compile(&file, &numbered(), &right_schemas()).unwrap();
        map
    });
    Project::build(maps.into(), COMPANIES.map(str::to_owned))
}

fn engine_over(pair: &Pair) -> Engine {
    let settings = Settings {
        retry_after: Duration::from_millis(1),
        retry_at_most: Duration::from_millis(5),
        ..Settings::default()
    };
    pair.engine_over(project(), settings, Arc::new(SystemClock))
}

/// A pair with one customer whose number both sides may change.
pub async fn renumbering() -> (Pair, Engine, RecordId, RecordId) {
    let finance = |_| ModelSystem::quiet(Side::Left, Quirks::DATAVERSE, numbered());
    let pair = Pair::shaped(finance, |right| right);
    let customer = pair.customer("usmf", "US-001", Row::new());
    let engine = engine_over(&pair);
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    let (account, _) = pair.account("US-001").unwrap();
    (pair, engine, customer, account)
}

pub async fn key_of(pair: &Pair, account: &RecordId) -> String {
    let ids = [account.clone()];
    let pairs = pair
        .store
        .pairs_by_record("customers", Side::Right, &ids)
        .await
        .unwrap();
    pairs[account].body.key.to_string()
}

#[tokio::test]
async fn the_pair_follows_a_key_that_one_side_changes() {
    for side in Side::BOTH {
        let (pair, engine, customer, account) = renumbering().await;
        match side {
            Side::Left => pair
                .left
                .edit("CustomersV3", &customer, account_number("US-009")),
            Side::Right => pair.right.edit("accounts", &account, number("US-009")),
        }
        engine.quiesce().await.unwrap();
        assert_eq!(pair.parked().await, [], "{side}");
        assert_eq!(key_of(&pair, &account).await, "usmf / us-009");
        let row = pair.left.row("CustomersV3", &customer).unwrap();
        assert_eq!(row.value("CustomerAccount").as_str(), Some("US-009"));
        let row = pair.right.row("accounts", &account).unwrap();
        assert_eq!(row.value("accountnumber").as_str(), Some("US-009"));

        // Later changes of both records reach the pair under its new key.
        let city = Row::new().with("City", "Oslo");
        pair.left.edit("CustomersV3", &customer, city);
        let name = Row::new().with("name", "Renamed");
        pair.right.edit("accounts", &account, name);
        engine.quiesce().await.unwrap();
        let row = pair.right.row("accounts", &account).unwrap();
        assert_eq!(row.value("address1_city").as_str(), Some("Oslo"));
        let row = pair.left.row("CustomersV3", &customer).unwrap();
        assert_eq!(row.value("OrganizationName").as_str(), Some("Renamed"));
        assert_eq!(pair.right.rows("accounts").len(), 1);
        pair.assert_balanced().await;
    }
}

#[tokio::test]
async fn a_key_that_was_changed_and_never_answered_is_the_pairs_all_the_same() {
    let (pair, _, customer, account) = renumbering().await;
    pair.left
        .edit("CustomersV3", &customer, account_number("US-009"));
    pair.dies_over(project(), "after-write").await;
    engine_over(&pair).quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    assert_eq!(key_of(&pair, &account).await, "usmf / us-009");
    pair.assert_balanced().await;
}

#[tokio::test]
async fn who_waits_for_either_key_is_released() {
    let (pair, engine, customer, account) = renumbering().await;
    // One refers to a number that nobody has yet, another one wants the number that is given up.
    let payer = Row::new().with("InvoiceAccount", "US-009");
    pair.customer("usmf", "US-002", payer);
    engine.quiesce().await.unwrap();
    let parked = pair.parked().await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!(parked[0].reason, ParkReason::WaitingForKey);

    pair.left
        .edit("CustomersV3", &customer, account_number("US-009"));
    let successor = pair.customer("usmf", "US-001", Row::new().with("City", "Oslo"));
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    let (_, waited) = pair.account("US-002").unwrap();
    let billing = waited.value("msdyn_billingaccount");
    assert_eq!(billing, &reference("accounts", &account));
    let (second, row) = pair.account("US-001").unwrap();
    assert_ne!(second, account);
    assert_eq!(row.value("address1_city").as_str(), Some("Oslo"));
    assert_ne!(successor, customer);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn the_master_decides_where_both_sides_change_the_key() {
    let (pair, engine, customer, account) = renumbering().await;
    pair.left
        .edit("CustomersV3", &customer, account_number("LEFT-1"));
    pair.right.edit("accounts", &account, number("RIGHT-1"));
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    let row = pair.left.row("CustomersV3", &customer).unwrap();
    assert_eq!(row.value("CustomerAccount").as_str(), Some("LEFT-1"));
    let row = pair.right.row("accounts", &account).unwrap();
    assert_eq!(row.value("accountnumber").as_str(), Some("LEFT-1"));
    assert_eq!(key_of(&pair, &account).await, "usmf / left-1");
    let all = ConflictFilter::default();
    let conflicts = pair.store.conflicts(&all, 9).await.unwrap();
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    assert_eq!(conflicts[0].fields[0].right, Value::from("RIGHT-1"));
    assert_eq!(conflicts[0].fields[0].winner, Some(Side::Left));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_key_that_moves_from_one_pair_to_another_ends_where_it_was_put() {
    let (pair, engine, customer, account) = renumbering().await;
    let other = pair.customer("usmf", "US-002", Row::new());
    engine.quiesce().await.unwrap();
    let (second, _) = pair.account("US-002").unwrap();
    pair.right.edit("accounts", &second, number("US-003"));
    pair.right.edit("accounts", &account, number("US-002"));
    engine.quiesce().await.unwrap();
    // Whichever went first: in the end each pair has the number that its account was given.
    assert_eq!(pair.parked().await, []);
    assert_eq!(key_of(&pair, &account).await, "usmf / us-002");
    assert_eq!(key_of(&pair, &second).await, "usmf / us-003");
    let row = pair.left.row("CustomersV3", &customer).unwrap();
    assert_eq!(row.value("CustomerAccount").as_str(), Some("US-002"));
    let row = pair.left.row("CustomersV3", &other).unwrap();
    assert_eq!(row.value("CustomerAccount").as_str(), Some("US-003"));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_key_that_another_pair_keeps_parks_the_change_until_it_is_given_up() {
    let (pair, engine, _, account) = renumbering().await;
    let other = pair.customer("usmf", "US-002", Row::new());
    engine.quiesce().await.unwrap();
    // Sales gives the number of the second account up and to the first; finance holds on to it,
    // because the change of the second account finds no room: its new number is too long there.
    let (second, _) = pair.account("US-002").unwrap();
    pair.right
        .edit("accounts", &second, number(&"9".repeat(90)));
    pair.right.edit("accounts", &account, number("US-002"));
    engine.quiesce().await.unwrap();
    let codes = |parked: Vec<duet_store::change::Parked>| -> Vec<String> {
        parked.into_iter().map(|park| park.code).collect()
    };
    let parked = codes(pair.parked().await);
    assert_eq!(parked.len(), 2, "{parked:?}");
    assert!(parked.contains(&"DUET2130".to_owned()), "{parked:?}");

    pair.right.edit("accounts", &second, number("US-003"));
    engine.quiesce().await.unwrap();
    assert_eq!(codes(pair.parked().await), Vec::<String>::new());
    assert_eq!(key_of(&pair, &account).await, "usmf / us-002");
    let row = pair.left.row("CustomersV3", &other).unwrap();
    assert_eq!(row.value("CustomerAccount").as_str(), Some("US-003"));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_key_that_a_stranger_carries_on_the_other_side_parks_the_change() {
    let (pair, engine, customer, account) = renumbering().await;
    // Outside the filter, and so in no pair.
    let person = Row::new().with("PartyType", Value::Symbol("Person".into()));
    pair.customer("usmf", "US-002", person);
    engine.quiesce().await.unwrap();
    pair.right.edit("accounts", &account, number("US-002"));
    engine.quiesce().await.unwrap();
    let parked = pair.parked().await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!(parked[0].code, "DUET2132");
    let row = pair.left.row("CustomersV3", &customer).unwrap();
    assert_eq!(row.value("CustomerAccount").as_str(), Some("US-001"));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_key_that_identifies_the_record_on_the_other_side_parks_with_advice() {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    pair.right.edit("accounts", &account, number("US-009"));
    engine.quiesce().await.unwrap();
    let parked = pair.parked().await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!(parked[0].code, "DUET2131");
    assert!(parked[0].message.contains("CustomerAccount"), "{parked:?}");
    assert_eq!(pair.left.writes(), 0, "finance was not even asked");
    assert_eq!(key_of(&pair, &account).await, "usmf / us-001");
    // Changed back, it travels with whatever else was edited.
    let back = number("US-001").with("address1_city", "Oslo");
    pair.right.edit("accounts", &account, back);
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    let row = pair.left.row("CustomersV3", &customer).unwrap();
    assert_eq!(row.value("City").as_str(), Some("Oslo"));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_record_whose_key_changes_before_its_first_journey_goes_by_the_new_one() {
    let (pair, engine, _, _) = renumbering().await;
    // Too long for finance, and so it waits under the key that it has first.
    let account = pair.right.create(
        "accounts",
        number(&"9".repeat(50))
            .with("customertypecode", Value::Int(3))
            .with("msdyn_company", pair.company("usmf")),
    );
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await.len(), 1);

    pair.right.edit("accounts", &account, number("US-005"));
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    assert_eq!(key_of(&pair, &account).await, "usmf / us-005");
    // Whoever takes that key on the other side meets this pair, and no second one.
    assert_eq!(pair.left.rows("CustomersV3").len(), 2);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_new_record_never_takes_the_other_half_of_a_pair_whose_new_key_waits() {
    let (pair, engine) = synced().await;
    let (_, account) = pair.first();
    pair.right.edit("accounts", &account, number("US-009"));
    engine.quiesce().await.unwrap();
    pair.customer("usmf", "US-009", Row::new().with("City", "Oslo"));
    engine.quiesce().await.unwrap();
    let codes: Vec<String> = pair
        .parked()
        .await
        .into_iter()
        .map(|one| one.code)
        .collect();
    assert_eq!(codes, ["DUET2131", "DUET2107"]);
    assert_eq!(key_of(&pair, &account).await, "usmf / us-001");

    // Once the two go by one key again, the new one finds room.
    pair.right.edit("accounts", &account, number("US-001"));
    engine.quiesce().await.unwrap();
    let all = ParkedFilter::default();
    pair.store.retry(&all, Timestamp::now()).await.unwrap();
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    let (second, row) = pair.account("US-009").unwrap();
    assert_ne!(second, account);
    assert_eq!(row.value("address1_city").as_str(), Some("Oslo"));
    pair.assert_balanced().await;
}
