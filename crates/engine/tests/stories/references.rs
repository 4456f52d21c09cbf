//! Records that refer to others: to what is not there yet, to themselves and in circles.

use crate::pair::{Pair, reference, synced};
use duet_map::record::RecordId;
use duet_map::value::{Row, Value};
use duet_store::change::ParkReason;

#[tokio::test]
async fn a_missing_reference_parks_the_change_and_its_arrival_releases_it() {
    let (pair, engine) = synced().await;
    pair.customer("usmf", "US-002", Row::new().with("PaymentTerms", "Net99"));
    engine.quiesce().await.unwrap();
    assert!(pair.account("US-002").is_none());
    let parked = pair.parked().await;
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].reason, ParkReason::WaitingForKey);

    pair.terms("usmf", "Net99");
    engine.quiesce().await.unwrap();
    assert!(pair.account("US-002").is_some());
    assert!(pair.parked().await.is_empty());
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
    assert!(pair.parked().await.is_empty());
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
        let to = reference("accounts", to);
        let row = Row::new().with("msdyn_billingaccount", to);
        pair.right.edit("accounts", id, row);
    };
    let (one, two, three) = (account("S-1"), account("S-2"), account("S-3"));
    bill(&one, &one);
    bill(&two, &three);
    bill(&three, &two);
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
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
    assert_eq!(pair.parked().await.len(), 1);
    pair.left.delete("CustomersV3", &customer);
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await, []);
    pair.terms("usmf", "Net99");
    engine.quiesce().await.unwrap();
    assert!(pair.account("US-002").is_none());
    pair.assert_balanced().await;
}
