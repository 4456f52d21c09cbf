//! A side that is down, asks for patience or refuses access: told everywhere where people look, waited
//! for, and nothing lost. Real processes over HTTP; the stand-ins fail on request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use duet::demo::caller::Caller;
use reqwest::Method;
use serde_json::{Value, json};
use stage::Stage;
use stage::commands::{Running, ask, json_of, pending, said, state, until};
use std::fs;
use std::path::Path;

const CUSTOMERS: &str = "customers-v3.accounts";

/// What the running process answers at a path.
async fn served(running: &Running, path: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", running.url);
    let answer = client.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn faults(system: &Caller, rules: Value) {
    system.control(Method::PUT, "faults", &rules).await.unwrap();
}

/// A synced project with further lines in duet.yaml.
async fn synced(folder: &Path, more: &str) -> Stage {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let stage = Stage::set(folder).await;
    let config = folder.join("duet.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}{more}")).unwrap();
    let synced = ask(folder, &["sync"]);
    assert!(synced.status.success(), "{}", said(&synced));
    stage
}

/// The trouble is told by the console's figures, by the probes and by the metrics.
async fn trouble_is_told(folder: &Path, running: &Running, side: &str, code: &str) {
    until(&format!("trouble on the {side} is told"), async || {
        served(running, "/ready").await.0 == 503
    })
    .await;
    let (health, _) = served(running, "/health").await;
    assert_eq!(health, 200, "the process itself is well");
    let (_, ready) = served(running, "/ready").await;
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(ready[side]["reachable"], false, "{ready:#}");
    let (_, metrics) = served(running, "/metrics").await;
    let gauge = format!("duet_side_reachable{{side=\"{side}\"}} 0");
    assert!(metrics.contains(&gauge), "{gauge}");
    assert!(metrics.contains("duet_ready 0"));
    let status = said(&ask(folder, &["status"]));
    assert!(
        status.contains(&format!("trouble on the {side}: ")),
        "{status}"
    );
    let told = json_of(folder, &["status"]);
    assert_eq!(told["reach"][side]["reachable"], false, "{told:#}");
    let said = running.said();
    assert!(said.contains(code), "{code}: {said}");
}

async fn trouble_is_over(folder: &Path, running: &Running) {
    until("both sides answer again", async || {
        served(running, "/ready").await.0 == 200
    })
    .await;
    let status = said(&ask(folder, &["status"]));
    assert!(!status.contains("trouble on"), "{status}");
    let (_, metrics) = served(running, "/metrics").await;
    assert!(metrics.contains("duet_ready 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_fails_is_told_and_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let stage = synced(folder.path(), "").await;
    let folder = folder.path();
    let account = stage.an_account().await;
    let running = Running::start(folder);

    // Down.
    faults(&stage.dataverse, json!([{"fault": "unavailable"}])).await;
    stage.set_limit(&account, 503).await;
    trouble_is_told(folder, &running, "right", "DUET3004").await;
    faults(&stage.dataverse, json!([])).await;
    trouble_is_over(folder, &running).await;
    until("the edit arrives", async || {
        stage.limit(&account).await == "503"
    })
    .await;

    // No access: tokens are worthless from now on.
    let worthless = json!({"lifetime_seconds": 0});
    let tokens = stage.finops.control(Method::PUT, "tokens", &worthless);
    tokens.await.unwrap();
    stage
        .finops
        .control(Method::DELETE, "tokens", &Value::Null)
        .await
        .unwrap();
    trouble_is_told(folder, &running, "left", "DUET3").await;
    let hour = json!({"lifetime_seconds": 3600});
    let tokens = stage.finops.control(Method::PUT, "tokens", &hour);
    tokens.await.unwrap();
    trouble_is_over(folder, &running).await;
    let finops = stage.signed_in_again().await;
    stage::set_limit_as(&finops, &account, 401).await;
    until("the edit arrives", async || {
        stage.limit(&account).await == "401"
    })
    .await;

    // Asked for patience, again and again: nobody hurries, and the edit arrives.
    let patience = json!([{"fault": "too-many-requests", "retry_after": 1, "probability": 0.5}]);
    faults(&stage.dataverse, patience).await;
    stage::set_limit_as(&finops, &account, 429).await;
    until("the edit is written", async || {
        let settled = pending(folder) == 0;
        settled && running_is_calm(&running)
    })
    .await;
    faults(&stage.dataverse, json!([])).await;
    until("the edit arrives", async || {
        stage.limit(&account).await == "429"
    })
    .await;
    assert!(running.end().success());
    stage.quiesce().await;
    stage.assert_accounts_balance();
}

/// Asking for patience is no outage.
fn running_is_calm(running: &Running) -> bool {
    !running.said().contains("error[")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_pauses_a_map_and_lets_it_go_on_when_the_cause_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let rules = "alerts:\n  - when: 3 503 errors in 1s\n    then: pause\n    maps: [customers-v3.accounts]\n";
    let stage = synced(folder.path(), rules).await;
    let folder = folder.path();
    let account = stage.an_account().await;
    let running = Running::start(folder);
    faults(&stage.dataverse, json!([{"fault": "unavailable"}])).await;
    stage.set_limit(&account, 777).await;
    until("the rule pauses the map", async || {
        state(folder, CUSTOMERS) == "error-paused"
    })
    .await;
    let status = said(&ask(folder, &["status"]));
    assert!(status.contains("503"), "{status}");
    assert!(status.contains("alert "), "{status}");
    faults(&stage.dataverse, json!([])).await;
    until("the map goes on by itself", async || {
        stage.limit(&account).await == "777" && state(folder, CUSTOMERS) == "running"
    })
    .await;
    assert!(running.end().success());
    stage.quiesce().await;
    stage.assert_agreement().await;
    stage.assert_accounts_balance();
}
