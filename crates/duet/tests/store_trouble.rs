//! Trouble with the store's file under live traffic: no room left, a copy taken while it is written, two
//! processes. Real processes over the real stand-ins, and a real file.
//!
//! Two kinds of "no room" need no rights: `store-at-most`, which `SQLite` answers as it answers a full
//! disk, and a limit on the size of the process's files, which the system answers as it answers a quota.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use serde_json::{Value, json};
use stage::commands::{Running, ask, json_of, said, until};
use stage::{Stage, duet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Users write long notes on every account of company USMF.
async fn write_notes(stage: &Stage, round: usize) {
    let filler = "x".repeat(900);
    for row in stage.accounts().await.into_values() {
        let id = row["accountid"].as_str().unwrap();
        let note = json!({"description": format!("{round} {filler}")});
        let path = format!("accounts({id})");
        stage.dataverse.update(&path, &note).await.unwrap();
    }
}

/// A synced project.
async fn synced(folder: &Path) -> Stage {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let stage = Stage::set(folder).await;
    let synced = ask(folder, &["sync"]);
    assert!(synced.status.success(), "{}", said(&synced));
    stage
}

/// Users write until it finds no room and says so; it goes on, and takes in what they write then.
async fn crowded(stage: &Stage, running: &mut Running, account: &str) {
    let mut round = 0;
    until("it finds no room and says so", async || {
        round += 1;
        write_notes(stage, round).await;
        running.said().contains("DUET4120")
    })
    .await;
    stage.set_limit(account, 31_337).await;
    assert!(running.is_at_work(), "{}", running.said());
}

/// There is room again: what users wrote arrives, and nothing is lost on the way.
async fn relieved(stage: &Stage, mut running: Running, account: &str) {
    arrives(stage, account, 31_337).await;
    assert!(running.is_at_work(), "{}", running.said());
    assert!(running.end().success());
    nothing_is_lost(stage, account, 31_337).await;
}

async fn arrives(stage: &Stage, account: &str, limit: u64) {
    until("the edit arrives", async || {
        stage.limit(account).await == limit.to_string()
    })
    .await;
}

/// Both sides agree on everything, and the last edit is there.
async fn nothing_is_lost(stage: &Stage, account: &str, limit: u64) {
    stage.quiesce().await;
    stage.assert_agreement().await;
    stage.assert_accounts_balance();
    assert_eq!(stage.limit(account).await, limit.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_at_its_limit_waits_says_so_and_goes_on_when_it_is_raised() {
    let folder = tempfile::tempdir().unwrap();
    let stage = synced(folder.path()).await;
    let folder = folder.path();
    let account = stage.an_account().await;
    let config = folder.join("duet.yaml");
    let text = fs::read_to_string(&config).unwrap();
    // Below its present size the store keeps its present size and does not grow.
    fs::write(&config, format!("{text}store-at-most: 1KB\n")).unwrap();
    let mut running = Running::start(folder);
    crowded(&stage, &mut running, &account).await;
    let audit = ask(folder, &["audit"]);
    assert!(audit.status.success(), "{}", said(&audit));

    fs::write(&config, format!("{text}store-at-most: 1GB\n")).unwrap();
    let reload = ask(folder, &["reload"]);
    assert!(reload.status.success(), "{}", said(&reload));
    relieved(&stage, running, &account).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_used_up_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let stage = synced(folder.path()).await;
    let folder = folder.path();
    let account = stage.an_account().await;
    // The log soon grows larger than the database is now. Who ignores the signal gets an error from the
    // write, as with a quota.
    let bytes = fs::metadata(folder.join("duet.db")).unwrap().len() + 50_000;
    let limited = format!("trap '' XFSZ; exec prlimit --fsize={bytes}:unlimited \"$0\" run");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &limited])
        .arg(stage::binary())
        .current_dir(folder);
    let mut running = Running::of(shell);
    crowded(&stage, &mut running, &account).await;

    let raised = Command::new("prlimit")
        .args(["--pid", &running.id().to_string(), "--fsize=unlimited"])
        .output()
        .unwrap();
    assert!(raised.status.success(), "{raised:?}");
    relieved(&stage, running, &account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_taken_under_traffic_is_whole_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let stage = synced(folder.path()).await;
    let folder = folder.path();
    let account = stage.an_account().await;
    let running = Running::start(folder);
    let copies: Vec<&[&str]> = vec![
        &["duet.db-wal", "duet.db"],
        &["duet.db", "duet.db-wal"],
        &["duet.db"],
    ];
    for round in 0..4 {
        let traffic = write_notes(&stage, round);
        let copying = async {
            for (place, files) in copies.iter().enumerate() {
                // Between two requests of the traffic, at whatever the process does just then.
                stage.limit(&account).await;
                let copy = folder.join(format!("copy-{round}-{place}"));
                fs::create_dir(&copy).unwrap();
                for file in *files {
                    fs::copy(folder.join(file), copy.join(file)).unwrap();
                }
            }
        };
        tokio::join!(traffic, copying);
    }
    stage.set_limit(&account, 31_337).await;
    running.kill();

    let text = fs::read_to_string(folder.join("duet.yaml")).unwrap();
    let mut whole = 0;
    for round in 0..4 {
        for place in 0..copies.len() {
            let copy = folder.join(format!("copy-{round}-{place}"));
            // No process may work from a copy on the systems: looking is enough.
            fs::write(copy.join("duet.yaml"), &text).unwrap();
            let audit = ask(&copy, &["audit"]);
            match audit.status.code() {
                Some(0) => whole += 1,
                Some(5) => assert!(said(&audit).contains("DUET4004"), "{}", said(&audit)),
                _ => panic!("{}", said(&audit)),
            }
        }
    }
    assert!(whole > 0, "no copy was of use");
    // One that was refused would say so here as well; the store itself is whole.
    nothing_is_lost(&stage, &account, 31_337).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_refused_and_starts_when_the_first_has_died() {
    let folder = tempfile::tempdir().unwrap();
    let stage = synced(folder.path()).await;
    let folder = folder.path();
    let account = stage.an_account().await;
    let mut first = Running::start(folder);
    for command in ["run", "sync"] {
        let second = ask(folder, &[command]);
        assert_eq!(second.status.code(), Some(5), "{}", said(&second));
        assert!(said(&second).contains("DUET4001"), "{}", said(&second));
        let told = duet(folder, &[command, "--json"]).output().unwrap();
        let told = String::from_utf8(told.stderr).unwrap();
        let told: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!(told["findings"][0]["code"], "DUET4001");
    }
    stage.set_limit(&account, 1111).await;
    arrives(&stage, &account, 1111).await;
    assert!(first.is_at_work());

    stage.set_limit(&account, 2222).await;
    first.kill();
    let second = Running::start(folder);
    arrives(&stage, &account, 2222).await;
    assert_eq!(json_of(folder, &["audit"])["balances"], true);
    assert!(second.end().success());
    nothing_is_lost(&stage, &account, 2222).await;
}
