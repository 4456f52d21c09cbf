//! Orders from a second terminal, a second process that is refused, a store without room and a store
//! copied while it is written: real processes over the real stand-ins.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use serde_json::{Value, json};
use stage::{Process, Stage, duet, key};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

const CUSTOMERS: &str = "customers-v3.accounts";

/// A running `duet run`, once it is live.
fn run(folder: &Path) -> Process {
    let child = duet(folder, &["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut process = Process(child);
    let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
    lines
        .find(|line| line.as_ref().is_ok_and(|line| line.starts_with("live")))
        .expect("it goes live")
        .unwrap();
    // The rest of its output has to go somewhere.
    std::thread::spawn(move || lines.for_each(drop));
    process
}

fn ask(folder: &Path, arguments: &[&str]) -> Output {
    duet(folder, arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    format!("{}| {out}{err}", output.status.code().unwrap_or(-1))
}

fn state(folder: &Path, map: &str) -> String {
    let status = ask(folder, &["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let maps = status["maps"].as_array().unwrap();
    let found = maps.iter().find(|one| one["map"] == map).unwrap();
    found["state"].as_str().unwrap().to_owned()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(90), "never: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn set_limit(stage: &Stage, account: &str, limit: u64) {
    let path =
        format!("CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true");
    stage
        .finops
        .update(&path, &json!({"CreditLimit": limit}))
        .await
        .unwrap();
}

async fn limit(stage: &Stage, account: &str) -> String {
    let accounts = stage.accounts().await;
    stage::plain(&accounts[&key("usmf", account)]["creditlimit"])
}

async fn an_account(stage: &Stage) -> String {
    let accounts = stage.accounts().await;
    let (_, row) = accounts
        .iter()
        .find(|(key, _)| key.starts_with("usmf/"))
        .unwrap();
    row["accountnumber"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_from_a_second_terminal_take_effect_at_once() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(folder.path()).await;
    let folder = folder.path();
    assert!(ask(folder, &["sync"]).status.success());
    insta::assert_snapshot!(said(&ask(folder, &["pause", CUSTOMERS])), @"0| Paused customers-v3.accounts. Nothing runs now; it holds for the next `duet run` or `duet sync`.");
    insta::assert_snapshot!(said(&ask(folder, &["resume", CUSTOMERS])), @"0| Resumed customers-v3.accounts. Nothing runs now; it holds for the next `duet run` or `duet sync`.");

    let running = run(folder);
    let account = an_account(&stage).await;
    let second = ask(folder, &["run"]);
    assert_eq!(second.status.code(), Some(5), "{}", said(&second));
    assert!(said(&second).contains("DUET4001"));

    let begun = Instant::now();
    insta::assert_snapshot!(said(&ask(folder, &["pause", CUSTOMERS, "--reason", "month end"])), @"0| Paused customers-v3.accounts.");
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert_eq!(state(folder, CUSTOMERS), "paused");
    set_limit(&stage, &account, 4711).await;
    until("the change queues", async || {
        let audit = ask(folder, &["audit", "--json"]);
        let audit: Value = serde_json::from_slice(&audit.stdout).unwrap();
        audit["lines"]
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line["map"] == CUSTOMERS && line["boxes"]["pending"].as_u64().unwrap() > 0)
    })
    .await;
    assert_ne!(limit(&stage, &account).await, "4711");
    let refused = ask(folder, &["resume", CUSTOMERS, "--discard"]);
    insta::assert_snapshot!(said(&refused), @"
    2| error[DUET5091]: nothing was discarded: 1 change in the queue, and nobody confirmed it
     |
     = help: type the words when asked, or give `--confirm 'discard 1 change'`

    More about it: duet explain DUET5091
    ");
    assert_eq!(state(folder, CUSTOMERS), "paused");
    assert!(ask(folder, &["resume", CUSTOMERS]).status.success());
    until("the change arrives", async || {
        limit(&stage, &account).await == "4711"
    })
    .await;

    let unknown = ask(folder, &["pause", "customers-v3.account"]);
    insta::assert_snapshot!(said(&unknown), @"
    2| error[DUET5090]: there is no map `customers-v3.account`
     |
     = help: did you mean `customers-v3.accounts`? `duet status` lists the maps

    More about it: duet explain DUET5090
    ");
    insta::assert_snapshot!(said(&ask(folder, &["reload"])), @"0| Nothing has changed; 28 maps run.");
    insta::assert_snapshot!(said(&ask(folder, &["refresh", "accounts"])), @"0| Nothing has changed; 28 maps run.");

    // A field goes and comes back in the file; the process takes both up without a restart.
    let file = folder.join("maps/finance/customers-v3.accounts.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("  - CREDITLIMIT = creditlimit\n", "")).unwrap();
    insta::assert_snapshot!(said(&ask(folder, &["reload"])), @"0| 28 maps run as they are now.");
    set_limit(&stage, &account, 5000).await;
    fs::write(&file, text.replace("CREDITLIMIT =", "CREDITLIMT =")).unwrap();
    let refused = ask(folder, &["reload"]);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    fs::write(&file, &text).unwrap();
    assert!(ask(folder, &["reload"]).status.success());
    until("the field is synced again", async || {
        limit(&stage, &account).await == "5000"
    })
    .await;

    drop(running);
    assert_eq!(state(folder, CUSTOMERS), "not-running");
    stage.quiesce().await;
    stage.assert_agreement().await;
    stage.assert_accounts_balance();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_room_waits_and_loses_nothing() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(folder.path()).await;
    let folder = folder.path();
    assert!(ask(folder, &["sync"]).status.success());
    let account = an_account(&stage).await;
    let config = folder.join("duet.yaml");
    let text = fs::read_to_string(&config).unwrap();
    // Below its present size the store keeps its present size and does not grow.
    fs::write(&config, format!("{text}store-at-most: 1KB\n")).unwrap();
    let running = run(folder);
    let filler = "x".repeat(900);
    let accounts: Vec<String> = stage
        .accounts()
        .await
        .into_values()
        .map(|row| row["accountid"].as_str().unwrap().to_owned())
        .collect();
    for round in 0..4 {
        for id in &accounts {
            let memo = json!({"description": format!("{round}{filler}")});
            stage
                .dataverse
                .update(&format!("accounts({id})"), &memo)
                .await
                .unwrap();
        }
    }
    set_limit(&stage, &account, 31_337).await;
    // The copy is taken while the process writes or waits for room, whichever it does just now.
    let copy = folder.join("copy");
    fs::create_dir(&copy).unwrap();
    for file in ["duet.db-wal", "duet.db"] {
        fs::copy(folder.join(file), copy.join(file)).unwrap();
    }
    fs::write(copy.join("duet.yaml"), &text).unwrap();
    let audit = ask(&copy, &["audit"]);
    assert!(audit.status.success(), "{}", said(&audit));
    drop(running);

    fs::write(&config, &text).unwrap();
    stage.quiesce().await;
    stage.assert_agreement().await;
    stage.assert_accounts_balance();
    assert_eq!(limit(&stage, &account).await, "31337");
}
