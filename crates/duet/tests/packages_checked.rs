//! `duet check` over the seven packages against the stand-ins: no error, and each warning by name.
//!
//! Every warning of the snapshot was judged by hand; none is a false alarm:
//!
//! - **DUET1132** (ranges): Dataverse publishes the bounds of `creditlimit`, `discountamount`,
//!   `freightamount`, `manualdiscountamount`, `price`, `currentcost`, `quantitydecimal` and
//!   `numberofemployees`; the amounts of Finance & Operations have none, and a credit note carries a
//!   discount below zero. `TOTALDISCOUNTCUSTOMERGROUPCODE > discountamount` is Microsoft's own: its
//!   name says code, its type is a number.
//! - **DUET1130** (required from optional): customers need a group and a currency, which an account may
//!   lack; currencies need a name and a symbol, which Finance & Operations does not demand. Whether
//!   `msdyn_*` columns may be empty is not published: the stand-ins, as a real form, let them be.
//! - **DUET1033** (one column, two lookups): both fiscal calendar maps fill the calendar through two
//!   lookups, as published; a row whose lookups disagree is parked.
//! - **DUET1014** (value map with holes): `Total`, `Reporting`, `Common_CN` and `PendingReview` are members
//!   of the enumerations in Finance & Operations that the two published value maps leave out.
//! - **DUET1050**: a contact's number may have 100 characters, a customer's account 20.
//! - **DUET1022**: internal organizations are found by the party number, which is no key of legal entities.
//! - **DUET1142**: notes of customers and of vendors lie in one table, and neither map's filter says whose
//!   note it takes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use duet::stand_ins::Plan;
use serde_json::Value;
use stage::in_process::{InProcess, answer};
use std::fmt::Write as _;

/// Every finding on two lines: code, map and what it says; then the facts.
fn told(report: &Value, list: &str) -> String {
    let mut text = String::new();
    for finding in report[list].as_array().unwrap() {
        let finding = finding.get("finding").unwrap_or(finding);
        if finding["severity"] == "note" {
            continue;
        }
        let file = finding["place"]["file"].as_str().unwrap_or("-");
        let map = file.rsplit('/').next().unwrap().trim_end_matches(".yaml");
        let text_of = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let _ = writeln!(text, "{} {map}: {}", text_of("code"), text_of("message"));
        for note in finding["notes"].as_array().unwrap() {
            let _ = writeln!(text, "  = {}", note.as_str().unwrap());
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn every_warning_about_the_packages_is_known() {
    let stage = InProcess::set(&Plan {
        customers: Some(2),
        ..Plan::default()
    })
    .await;
    let install = [
        "package",
        "install",
        "application-core",
        "finance",
        "human-resources",
        "supply-chain",
        "asset-management",
        "notes",
        "party",
    ];
    assert!(stage.ask(&install).await.status.success());
    let output = stage.ask(&["check", "--json"]).await;
    stage.stand_ins.stop().await;
    let report = answer(&output);
    assert_eq!(report["errors"], 0, "{report:#}");
    assert_eq!(report["accepted"], serde_json::json!([]));
    insta::assert_snapshot!(told(&report, "findings"));
}
