//! `duet check` as a pipeline calls it: what is wanted, what is denied, the lock and what moved since.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use serde_json::Value;
use stage::{Stage, duet};
use std::fs;

#[tokio::test]
async fn a_pipeline_chooses_what_it_hears_and_what_stops_it() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let _stage = Stage::set(folder.path()).await;
    let run = |arguments: &[&str]| duet(folder.path(), arguments).output().unwrap();
    let verdict = |arguments: &[&str]| {
        let output = run(arguments);
        let last = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let last = last.lines().last().unwrap_or_default().to_owned();
        format!(
            "{} → {last} ({})",
            arguments.join(" "),
            output.status.code().unwrap()
        )
    };
    insta::assert_snapshot!(
        [
            verdict(&["check"]),
            verdict(&["check", "--deny", "warnings"]),
            verdict(&["check", "--only", "DUET1132"]),
            verdict(&["check", "--only", "DUET1132", "--deny", "warnings"]),
            verdict(&["check", "--ignore", "DUET1130", "--ignore", "DUET1132"]),
            verdict(&["check", "--only", "DUET1001", "--deny", "warnings"]),
        ]
        .join("\n"),
        @"
    check → 28 maps, 0 errors, 19 warnings, 6 notes (0)
    check --deny warnings → 28 maps, 0 errors, 19 warnings, 6 notes (1)
    check --only DUET1132 → 28 maps, 0 errors, 4 warnings (0)
    check --only DUET1132 --deny warnings → 28 maps, 0 errors, 4 warnings (1)
    check --ignore DUET1130 --ignore DUET1132 → 28 maps, 0 errors, 8 warnings, 6 notes (0)
    check --only DUET1001 --deny warnings → 28 maps, 0 errors, 0 warnings (0)
    "
    );

    let sarif = run(&["check", "--only", "DUET1132", "--format", "sarif"]).stdout;
    let log: Value = serde_json::from_slice(&sarif).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap().iter();
    let lines: Vec<String> = results
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            let file = &place["artifactLocation"]["uri"];
            format!(
                "{} {} {}",
                result["ruleId"], file, place["region"]["startLine"]
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    "DUET1132" "maps/finance/customers-v3.accounts.yaml" 15
    "DUET1132" "maps/supply-chain/cds-released-distinct-products.products.yaml" 19
    "DUET1132" "maps/supply-chain/cds-released-distinct-products.products.yaml" 20
    "DUET1132" "maps/supply-chain/cds-released-distinct-products.products.yaml" 22
    "#);

    // A lock, and what has changed under it.
    let saved = run(&["check", "--save"]);
    assert!(saved.status.success());
    assert!(folder.path().join("duet.lock").exists());
    let moved = ["check", "--only", "DUET1166", "--only", "DUET1167"];
    assert_eq!(run(&moved).stderr, b"");
    let customers = folder
        .path()
        .join("maps/finance/customers-v3.accounts.yaml");
    let text = fs::read_to_string(&customers).unwrap();
    fs::write(&customers, text.replace("CREDITLIMIT = ", "CREDITLIMIT > ")).unwrap();
    fs::remove_file(
        folder
            .path()
            .join("maps/supply-chain/colors.msdyn_productcolors.yaml"),
    )
    .unwrap();
    let output = run(&moved);
    let findings = String::from_utf8_lossy(&output.stderr).into_owned();
    let heads = findings.lines().filter(|line| line.contains("[DUET"));
    insta::assert_snapshot!(heads.collect::<Vec<_>>().join("\n"), @"
    warning[DUET1167]: the map colors.msdyn_productcolors is not in the project any more
    note[DUET1166]: customers-v3.accounts has changed and is still version 1.0.0
    ");
}
