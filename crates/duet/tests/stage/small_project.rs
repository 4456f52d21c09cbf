//! A project of few maps, which syncs in a moment and whose customers a person can follow.

use super::commands::{ask, said};
use super::{Stage, key};
use reqwest::Method;
use serde_json::json;
use std::fs;
use std::path::Path;

/// A small map that a person can read whole; where both sides change a note, a person decides.
const CUSTOMERS: &str = "\
map: customers
version: 1.0.0
why: Sales works on the customers that finance invoices.
left: { entity: CustomersV3, filter: '(PartyType == \"Organization\")' }
right: { entity: accounts, filter: customertypecode eq 3 }
company: per-company
key: [CUSTOMERACCOUNT = accountnumber]
master: left
deletes: propagate
fields:
  - CUSTOMERACCOUNT = accountnumber
  - CREDITLIMIT = creditlimit
  - { left: SALESMEMO, direction: \"=\", right: description, conflicts: manual }
  - SALESCURRENCYCODE = transactioncurrencyid.isocurrencycode
  - CUSTOMERGROUPID = msdyn_customergroupid.msdyn_groupid
  - PAYMENTTERMS = msdyn_paymentterm.msdyn_name
  - '\"3\" >> customertypecode'
  - PARTYTYPE << \"Organization\"
";

/// A few maps, synced.
pub async fn set(folder: &Path) -> Stage {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let stage = Stage::set(folder).await;
    let maps = folder.join("maps/finance");
    let kept = [
        "customer-groups.msdyn_customergroups.yaml",
        "payment-days-cds.msdyn_paymentdays.yaml",
        "payment-schedule.msdyn_paymentschedules.yaml",
        "terms-of-payment.msdyn_paymentterms.yaml",
    ];
    for group in fs::read_dir(folder.join("maps")).unwrap() {
        for file in fs::read_dir(group.unwrap().path()).unwrap() {
            let file = file.unwrap();
            if !kept.iter().any(|kept| file.file_name() == **kept) {
                fs::remove_file(file.path()).unwrap();
            }
        }
    }
    fs::write(maps.join("customers.yaml"), CUSTOMERS).unwrap();
    let unchecked = json!({"reference_checks": false});
    let set = stage.finops.control(Method::PUT, "settings", &unchecked);
    set.await.unwrap();
    let synced = ask(folder, &["sync"]);
    assert!(synced.status.success(), "{}", said(&synced));
    stage
}

/// Finance enters a customer of company USMF.
pub async fn new_customer(stage: &Stage, account: &str, term: &str) {
    let group = stage
        .finops
        .list("CustomerGroups?cross-company=true&$filter=dataAreaId eq 'usmf'&$top=1")
        .await
        .unwrap();
    let row = json!({
        "dataAreaId": "usmf",
        "CustomerAccount": account,
        "PartyType": "Organization",
        "OrganizationName": account,
        "CustomerGroupId": group[0]["CustomerGroupId"],
        "SalesCurrencyCode": "USD",
        "PaymentTerms": term,
    });
    let set = "CustomersV3?cross-company=true";
    stage.finops.create(set, &row).await.unwrap();
}

/// The identifier of the account of a customer of company USMF.
pub async fn account_id(stage: &Stage, account: &str) -> String {
    let row = &stage.accounts().await[&key("usmf", account)];
    row["accountid"].as_str().unwrap().to_owned()
}
