//! `else create` from end to end: customers whose payment terms no map brings, over the real
//! stand-ins.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use stage::{Stage, duet};
use std::collections::BTreeSet;
use std::fs;

/// The map of payment terms, and those that lean on it.
const TERMS: &str = "maps/finance/terms-of-payment.msdyn_paymentterms.yaml";
const LEANING: [&str; 3] = [
    "maps/finance/customers-v3.accounts.yaml",
    "maps/finance/customers-v3.contacts.yaml",
    "maps/finance/vendors-v2.msdyn_vendors.yaml",
];

#[tokio::test]
async fn terms_that_no_map_brings_are_created_once_for_all_customers() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(folder.path()).await;
    let said = |arguments: &[&str]| {
        let output = duet(folder.path(), arguments).output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap(), format!("{out}{err}"))
    };
    for map in LEANING {
        let file = folder.path().join(map);
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(|line| {
            let through = line.starts_with("  - ") && line.contains(" = msdyn_paymentterm");
            let create = if through && line.contains(".msdyn_name") {
                " else create"
            } else {
                ""
            };
            format!("{line}{create}\n")
        });
        let created: String = lines.collect();
        assert_eq!(created.matches("else create").count(), 1, "{map}");
        fs::write(&file, created).unwrap();
    }
    let (_, check) = said(&["check", "--only", "DUET1182"]);
    assert!(
        check.contains(
            "`msdyn_paymentterm` creates records of msdyn_paymentterms that `terms-of-payment"
        ),
        "{check}"
    );
    fs::remove_file(folder.path().join(TERMS)).unwrap();
    let (code, sync) = said(&["sync"]);
    assert_eq!(code, 0, "{sync}");

    stage.assert_agreement().await;
    stage.assert_accounts_balance();
    let customers = stage.customers().await;
    let path = "VendorsV2?cross-company=true&$select=dataAreaId,DefaultPaymentTermsName";
    let vendors = stage.finops.list(path).await.unwrap();
    let customers_terms = customers.values().map(|row| (row, &row["PaymentTerms"]));
    let vendors_terms = vendors
        .iter()
        .map(|row| (row, &row["DefaultPaymentTermsName"]));
    let wanted: BTreeSet<(String, String)> = customers_terms
        .chain(vendors_terms)
        .map(|(row, terms)| (stage::plain(&row["dataAreaId"]), stage::plain(terms)))
        .filter(|(company, terms)| company != "dat" && !terms.is_empty())
        .collect();
    assert!(wanted.len() > 1, "{wanted:?}");
    let terms = stage.dataverse.list("msdyn_paymentterms").await.unwrap();
    assert_eq!(terms.len(), wanted.len(), "one for each company and name");
    let (code, again) = said(&["sync"]);
    assert_eq!(code, 0, "{again}");
    let terms = stage.dataverse.list("msdyn_paymentterms").await.unwrap();
    assert_eq!(terms.len(), wanted.len(), "a second sync creates none");
}
