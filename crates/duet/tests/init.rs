//! From two systems that nobody knows to a project in step: `duet init`, `check`, `sync`, `audit`,
//! `blueprint`, with real processes.
#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

mod stage;

use duet::stand_ins::{DUET, Plan, StandIns, TENANT};
use serde_json::Value;
use stage::in_process::{answer, transcript};
use std::fs;
use std::path::Path;
use std::process::Output;

async fn duet(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = stage::duet(folder, arguments);
    command
        .env("DUET_LEFT_SECRET", DUET.secret)
        .env("DUET_RIGHT_SECRET", DUET.secret);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

async fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = duet(folder, arguments).await;
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        transcript(&output)
    );
    answer(&output)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_unknown_systems_become_a_project_in_step() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let plan = Plan {
        customers: Some(6),
        ..Plan::default()
    };
    let stand_ins = StandIns::start(&plan).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (left, right) = (stand_ins.finops.url(), stand_ins.dataverse.url());
    let tokens = |url: &str| format!("{url}/{TENANT}/oauth2/v2.0/token");
    let (left_tokens, right_tokens) = (tokens(left), tokens(right));
    let init = [
        "init",
        "--yes",
        "--json",
        "--name",
        "trial",
        "--tenant",
        TENANT,
        "--client-id",
        DUET.id,
        "--left-url",
        left,
        "--left-token-url",
        &left_tokens,
        "--right-url",
        right,
        "--right-token-url",
        &right_tokens,
        "--listen",
        "127.0.0.1:0",
    ];

    // A look first: nothing is written.
    let look = ["--dry-run", "--packages", "application-core"];
    let look: Vec<&str> = init.iter().copied().chain(look).collect();
    let report = json(folder, &look).await;
    assert_eq!(report["maps"], 12);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);

    let report = json(folder, &init).await;
    assert_eq!(report["errors"], 0, "{report:#}");
    assert_eq!(report["left_out"], serde_json::json!([]));
    let packages: Vec<&str> = report["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert!(
        packages.contains(&"finance") && packages.contains(&"party"),
        "{packages:?}"
    );
    assert!(!packages.contains(&"asset-management"), "{packages:?}");
    let companies = report["companies"].as_array().unwrap();
    assert!(companies.contains(&Value::from("usmf")), "{companies:?}");
    // Every pair of tables with rows is proposed with its rows on both sides.
    let accounts = report["survey"]["maps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|map| map["map"] == "customers-v3.accounts")
        .unwrap();
    assert!(accounts["volumes"]["left"]["rows"].as_u64().unwrap() > 0);
    assert_eq!(accounts["filters"]["right"], "customertypecode eq 3");

    // The secret stands in no file.
    let text = fs::read_to_string(folder.join("duet.yaml")).unwrap();
    assert!(
        text.contains("{ env: DUET_LEFT_SECRET }") && !text.contains(DUET.secret),
        "{text}"
    );
    // A second start writes over nothing.
    let again = duet(folder, &init).await;
    assert_eq!(again.status.code(), Some(3));
    assert!(
        transcript(&again).contains("DUET5140"),
        "{}",
        transcript(&again)
    );
    assert_eq!(fs::read_to_string(folder.join("duet.yaml")).unwrap(), text);

    json(folder, &["sync", "--json", "--fail-on-parked"]).await;
    json(folder, &["audit", "--json"]).await;

    let arguments = ["blueprint", "--format", "html", "--to", "blueprint.html"];
    let blueprint = duet(folder, &arguments).await;
    assert!(blueprint.status.success(), "{}", transcript(&blueprint));
    let page = fs::read_to_string(folder.join("blueprint.html")).unwrap();
    assert!(page.contains("customers-v3.accounts") && page.contains("class=\"edge\""));
    let offline = json(folder, &["blueprint", "--offline", "--json"]).await;
    let maps = offline["maps"].as_array().unwrap().len();
    assert_eq!(
        maps,
        usize::try_from(report["maps"].as_u64().unwrap()).unwrap()
    );
    stand_ins.stop().await;
}
