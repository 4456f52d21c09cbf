//! Orders from a second terminal: real processes over the real stand-ins.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use serde_json::Value;
use stage::Stage;
use stage::commands::{Running, ask, in_box, said, state, until};
use std::fs;
use std::time::{Duration, Instant};

const CUSTOMERS: &str = "customers-v3.accounts";

#[tokio::test(flavor = "multi_thread")]
async fn orders_from_a_second_terminal_take_effect_at_once() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(folder.path()).await;
    let folder = folder.path();
    assert!(ask(folder, &["sync"]).status.success());
    insta::assert_snapshot!(said(&ask(folder, &["pause", CUSTOMERS])), @"0| Paused customers-v3.accounts. Nothing runs now; it holds for the next `duet run` or `duet sync`.");
    insta::assert_snapshot!(said(&ask(folder, &["resume", CUSTOMERS])), @"0| Resumed customers-v3.accounts. Nothing runs now; it holds for the next `duet run` or `duet sync`.");

    let running = Running::start(folder);
    let account = stage.an_account().await;
    // What Duet wrote comes back, and would queue as well: nothing may be on its way any more.
    stage.set_limit(&account, 4710).await;
    let mut last = (0, Instant::now());
    until("nothing is on its way", async || {
        let captured = in_box(folder, "captured");
        if captured != last.0 {
            last = (captured, Instant::now());
        }
        last.1.elapsed() > Duration::from_secs(4)
            && stage.limit(&account).await == "4710"
            && in_box(folder, "pending") == 0
    })
    .await;

    let begun = Instant::now();
    insta::assert_snapshot!(said(&ask(folder, &["pause", CUSTOMERS, "--reason", "month end"])), @"0| Paused customers-v3.accounts.");
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert_eq!(state(folder, CUSTOMERS), "paused");
    stage.set_limit(&account, 4711).await;
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
    assert_ne!(stage.limit(&account).await, "4711");
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
        stage.limit(&account).await == "4711"
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
    stage.set_limit(&account, 5000).await;
    fs::write(&file, text.replace("CREDITLIMIT =", "CREDITLIMT =")).unwrap();
    let refused = ask(folder, &["reload"]);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    fs::write(&file, &text).unwrap();
    assert!(ask(folder, &["reload"]).status.success());
    until("the field is synced again", async || {
        stage.limit(&account).await == "5000"
    })
    .await;

    drop(running);
    assert_eq!(state(folder, CUSTOMERS), "not-running");
    stage.quiesce().await;
    stage.assert_agreement().await;
    stage.assert_accounts_balance();
}
