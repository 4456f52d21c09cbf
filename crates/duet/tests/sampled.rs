//! `duet check --data` against the stand-ins: rows that refer to nothing, and rows that do not fit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use reqwest::Method;
use serde_json::{Value, json};
use stage::{Stage, duet};

fn told(report: &Value, codes: &[&str]) -> String {
    let findings = report["findings"].as_array().unwrap().iter();
    let wanted = findings.filter(|finding| codes.iter().any(|code| finding["code"] == *code));
    let lines = wanted.map(|finding| {
        let notes = finding["notes"].as_array().unwrap().iter();
        let notes: Vec<&str> = notes.map(|note| note.as_str().unwrap()).collect();
        let message = finding["message"].as_str().unwrap();
        format!(
            "{}: {message}\n  = {}",
            finding["code"],
            notes.join("\n  = ")
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn rows_that_refer_to_nothing_are_counted_with_examples() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(folder.path()).await;
    let check = || {
        let arguments = ["check", "--data", "--json"];
        let output = duet(folder.path(), &arguments).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    // Sales is empty. What finance refers to stands in finance, so maps will bring it.
    let codes = ["DUET2002", "DUET2003", "DUET2101", "DUET2102", "DUET2103"];
    assert_eq!(told(&check(), &codes), "");

    let off = json!({"reference_checks": false});
    stage
        .finops
        .control(Method::PUT, "settings", &off)
        .await
        .unwrap();
    for (account, change) in [
        ("USMF-000001", json!({"PaymentTerms": "Nowhere"})),
        ("USMF-000002", json!({"PaymentTerms": "Nowhere"})),
        ("USMF-000004", json!({"CreditLimit": -1})),
    ] {
        let path = format!(
            "CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true"
        );
        stage.finops.update(&path, &change).await.unwrap();
    }
    insta::assert_snapshot!(told(&check(), &codes), @r#"
    "DUET2003": 1 of 80 rows of CustomersV3 would be parked by `CREDITLIMIT = creditlimit`
      = the first of them: the number is less than 0
      = for example dataAreaId='usmf',CustomerAccount='USMF-000004'
      = all 80 rows of CustomersV3 were looked at
    "DUET2102": 2 of 80 rows of CustomersV3 would be parked by `PAYMENTTERMS = msdyn_paymentterm.msdyn_name`
      = the first of them: neither side has the record of msdyn_paymentterms that it names
      = for example dataAreaId='usmf',CustomerAccount='USMF-000001'; dataAreaId='usmf',CustomerAccount='USMF-000002'
      = all 80 rows of CustomersV3 were looked at
    "#);
}
