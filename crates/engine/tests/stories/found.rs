//! Bugs that the simulation found, each as the smallest story that shows it mended. Those that need
//! more than a story can arrange are kept as pinned seeds in the simulation.

use crate::pair::{Pair, reference, synced};
use duet_engine::EngineError;
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_simulation::system::{Call, Fault, ModelSystem};
use duet_store::Store;
use duet_store::change::ParkedFilter;

/// What the books say that Duet wrote.
async fn booked_writes(pair: &Pair) -> u64 {
    let lines = pair.store.audit().await.unwrap();
    lines.iter().map(|line| line.boxes.writes).sum()
}

#[tokio::test]
async fn a_comparison_that_fails_after_a_whole_read_is_made_up_for() {
    let (pair, engine) = synced().await;
    let (_, account) = pair.first();
    pair.right.delete("accounts", &account);
    // The cursor is lost, the whole read succeeds, and looking for what it did not see fails.
    pair.right.inject(Call::Changes, [Fault::Expired]);
    pair.right.inject(Call::Fetch, [Fault::LostRequest]);
    engine.notice(Side::Right, b"accounts").await.unwrap();
    let failed = engine.quiesce().await;
    assert!(
        matches!(failed, Err(EngineError::System { .. })),
        "{failed:?}"
    );

    engine.quiesce().await.unwrap();
    assert!(
        pair.left.rows("CustomersV3").is_empty(),
        "the deletion travels although no list of changes tells of it"
    );
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_round_that_fails_half_way_settles_what_it_wrote() {
    let (pair, engine) = synced().await;
    let second = pair.customer("usmf", "US-002", Row::new());
    engine.quiesce().await.unwrap();
    let (_, first) = pair.first();
    let (second_account, _) = pair.account("US-002").unwrap();
    // One change is written to the left; another finds its target moved, and looking again fails.
    pair.right
        .edit("accounts", &first, Row::new().with("address1_city", "Oslo"));
    let name = Row::new().with("OrganizationName", "Renamed");
    pair.left.edit("CustomersV3", &second, name);
    let city = Row::new().with("address1_city", "Bergen");
    pair.right.edit("accounts", &second_account, city);
    pair.right.inject(Call::Fetch, [Fault::LostRequest]);
    engine.quiesce().await.unwrap();

    let (_, account) = pair.account("US-002").unwrap();
    assert_eq!(account.value("name").as_str(), Some("Renamed"));
    assert_eq!(account.value("address1_city").as_str(), Some("Bergen"));
    let (left, right) = pair.writes();
    assert_eq!(booked_writes(&pair).await, left + right);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn what_refers_to_a_record_whose_number_is_on_its_way_waits_for_it() {
    let pair = Pair::shaped(ModelSystem::allocating, |right| right);
    let engine = pair.engine();
    engine.sync().await.unwrap();
    let nameless = Row::new().with("accountnumber", Value::Null);
    let payer = pair.account_of_sales("", nameless);
    // The create is done and its answer lost; and so is the answer to the number's way back.
    pair.left.inject(Call::Write, [Fault::LostAnswer]);
    pair.right.inject(Call::Write, [Fault::LostAnswer]);
    pair.account_of_sales(
        "S-2",
        Row::new().with("msdyn_billingaccount", reference("accounts", &payer)),
    );
    engine.quiesce().await.unwrap();

    assert_eq!(pair.parked().await, []);
    let number = pair.right.row("accounts", &payer).unwrap();
    let number = number.value("accountnumber").as_str().unwrap().to_owned();
    let (_, customer) = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "S-2")
        .unwrap();
    assert_eq!(customer.value("InvoiceAccount").as_str(), Some(&*number));
    assert_eq!(
        pair.left.rows("CustomersV3").len(),
        2,
        "nothing is created twice"
    );
    pair.assert_balanced().await;
}

#[tokio::test]
async fn what_waits_for_a_record_of_an_ended_pair_goes_with_it() {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    pair.left.delete("CustomersV3", &customer);
    engine.quiesce().await.unwrap();
    assert!(pair.right.row("accounts", &account).is_none());
    // A new record takes the old one's identifier, and waits for terms that never come.
    let again = pair.customer("usmf", "US-001", Row::new().with("PaymentTerms", "Never"));
    assert_eq!(again, customer, "the identifier is the key");
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await.len(), 1);

    pair.left.delete("CustomersV3", &again);
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, [], "nobody reports the deletion");
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_write_whose_answer_makes_no_sense_is_looked_up() {
    let (pair, engine) = synced().await;
    let (customer, account) = pair.first();
    let city = Row::new().with("address1_city", "Oslo");
    pair.right.edit("accounts", &account, city);
    pair.left.inject(Call::Write, [Fault::Garbled]);
    engine.quiesce().await.unwrap();
    let parked = pair
        .store
        .parked(&ParkedFilter::default(), 9)
        .await
        .unwrap();
    assert_eq!(parked, []);

    // The write stood there: what both sides edit next meets no conflict.
    let name = Row::new().with("OrganizationName", "Renamed");
    pair.left.edit("CustomersV3", &customer, name);
    let city = Row::new().with("address1_city", "Bergen");
    pair.right.edit("accounts", &account, city);
    engine.quiesce().await.unwrap();
    let (_, row) = pair.account("US-001").unwrap();
    assert_eq!(row.value("address1_city"), &Value::from("Bergen"));
    assert_eq!(row.value("name"), &Value::from("Renamed"));
    pair.assert_balanced().await;
}

/// Finance writes names in capitals.
fn capitals(_: &str, row: &mut Row) {
    let name = row
        .value("OrganizationName")
        .as_str()
        .map(str::to_uppercase);
    if let Some(name) = name {
        row.set("OrganizationName", name.as_str());
    }
}

/// Sales writes names in small letters.
fn small_letters(_: &str, row: &mut Row) {
    let name = row.value("name").as_str().map(str::to_lowercase);
    if let Some(name) = name {
        row.set("name", name.as_str());
    }
}

#[tokio::test]
async fn a_created_record_is_recognised_although_its_system_rewrote_a_value() {
    let pair = Pair::shaped(|left| left.allocating().rewriting(capitals), |right| right);
    pair.engine().sync().await.unwrap();
    let nameless = Row::new().with("accountnumber", Value::Null);
    let account = pair.account_of_sales("", nameless);
    pair.dies_at("after-write").await;
    assert_eq!(pair.left.rows("CustomersV3").len(), 1);
    // What was created is seen before the change is due that created it.
    pair.engine().quiesce().await.unwrap();

    assert_eq!(pair.parked().await, []);
    assert_eq!(pair.left.rows("CustomersV3").len(), 1, "created once");
    assert_eq!(pair.right.rows("accounts").len(), 1, "and no twin of it");
    let row = pair.right.row("accounts", &account).unwrap();
    assert_eq!(row.value("accountnumber").as_str(), Some("auto-1"));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn an_edit_of_another_column_does_not_set_two_quarrelling_sides_off_again() {
    let pair = Pair::shaped(
        |left| left.rewriting(capitals),
        |right| right.rewriting(small_letters),
    );
    let customer = pair.customer("usmf", "US-001", Row::new());
    let engine = pair.engine();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    let parked = pair.parked().await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!(parked[0].code, "DUET4103");

    let city = Row::new().with("City", "Oslo");
    pair.left.edit("CustomersV3", &customer, city);
    engine.quiesce().await.unwrap();
    let before = pair.writes();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    assert_eq!(pair.writes(), before, "a whole sync writes nothing");
    // An edit of the name itself is tried again, and held again.
    let name = Row::new().with("OrganizationName", "Contoso");
    pair.left.edit("CustomersV3", &customer, name);
    engine.quiesce().await.unwrap();
    let (left, right) = pair.writes();
    assert!(left + right > before.0 + before.1, "it travels");
    assert!(left + right < before.0 + before.1 + 12, "not for ever");
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_sync_that_goes_on_with_a_new_field_reads_again() {
    let pair = Pair::new();
    pair.customer("usmf", "US-001", Row::new().with("City", "Oslo"));
    let older = pair.engine_with(|text| text.replace("  - CITY = address1_city\n", ""));
    // The left side is read, and then the right side ends the sync.
    pair.right.inject(Call::Snapshot, [Fault::Refused]);
    older.sync().await.unwrap_err();

    pair.engine().sync().await.unwrap();
    let (_, account) = pair.account("US-001").unwrap();
    assert_eq!(account.value("address1_city"), &Value::from("Oslo"));
    pair.assert_balanced().await;
}
