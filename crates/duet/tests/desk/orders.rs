//! `duet pause`, `resume`, `stop`, `start`, `refresh` and `relink`, beside a process at work and without one.

use crate::screen::shown;
use crate::stage::commands::{Running, ask, in_box, json_of, state, until};
use crate::stage::small_project::{new_customer, set};
use crate::stage::{key, plain};
use insta::assert_snapshot;
use std::time::{Duration, Instant};

/// Longer than a table is not looked at.
const ECHO: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn orders_say_what_they_did_and_what_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    new_customer(&stage, "US-001", "Net30").await;
    let running = Running::start(folder);
    let arrived = async |limit: u64| {
        let accounts = stage.accounts().await;
        let row = accounts.get(&key("usmf", "US-001"));
        row.is_some_and(|row| plain(&row["creditlimit"]) == limit.to_string())
    };
    // What Duet writes comes back and would queue as well: it is waited for.
    let settled = async |limit: u64| {
        let mut last = (0, Instant::now());
        until("the edit arrives and all is at rest", async || {
            let captured = in_box(folder, "captured");
            if captured != last.0 {
                last = (captured, Instant::now());
            }
            last.1.elapsed() > ECHO && in_box(folder, "pending") == 0 && arrived(limit).await
        })
        .await;
    };
    until("the new customer arrives", async || {
        stage.accounts().await.contains_key(&key("usmf", "US-001"))
    })
    .await;
    stage.set_limit("US-001", 1).await;
    settled(1).await;
    let queued = async |limit: u64| {
        stage.set_limit("US-001", limit).await;
        until("the edit queues", async || in_box(folder, "pending") == 1).await;
    };
    assert_snapshot!(shown(folder, &["pause", "customers", "--json"]), @r#"
    0| {
      "paused": [
        "customers"
      ],
      "running": true,
      "done": true
    }
    "#);
    assert_snapshot!(shown(folder, &["pause", "customers", "--reason", "month end"]), @"0| Paused customers.");
    queued(2).await;
    // How often an edit was read, by notice and by asking, is chance.
    let status = shown(folder, &["status"]);
    let line = status.lines().find(|line| line.starts_with("customers "));
    let words: Vec<&str> = line.unwrap().split_whitespace().collect();
    assert_eq!((words[1], words[5]), ("paused", "1"), "{status}");
    assert!(status.contains("customers: month end"), "{status}");
    assert_snapshot!(shown(folder, &["resume", "customers"]), @"0| Resumed customers. Applied first: 1 change.");
    settled(2).await;
    ask(folder, &["pause", "customers"]);
    queued(3).await;
    assert_snapshot!(shown(folder, &["resume", "customers", "--keep-parked"]), @"0| Resumed customers. Parked: 1 change, which `duet retry --reason held` applies.");
    until("the queue is parked", async || {
        in_box(folder, "parked") == 1
    })
    .await;
    assert_snapshot!(shown(folder, &["retry", "--reason", "held"]), @"0| 1 change will be tried again.");
    settled(3).await;
    ask(folder, &["pause", "customers"]);
    queued(4).await;
    let lost = in_box(folder, "discarded");
    assert_snapshot!(shown(folder, &["resume", "customers", "--discard"]), @"
    2| error[DUET5091]: nothing was discarded: 1 change in the queue, and nobody confirmed it
     |
     = help: type the words when asked, or give `--confirm 'discard [number] change'`

    More about it: duet explain DUET5091
    ");
    assert_snapshot!(shown(folder, &["resume", "customers", "--discard", "--confirm", "discard 1 change"]), @"0| Resumed customers. Discarded: 1 change.");
    until("the queue is discarded", async || {
        in_box(folder, "discarded") == lost + 1
    })
    .await;
    assert!(arrived(3).await);
    assert_snapshot!(shown(folder, &["stop", "customers"]), @"0| Stopped customers.");
    assert_eq!(state(folder, "customers"), "not-running");
    assert_snapshot!(shown(folder, &["start", "customers"]), @"0| Resumed customers.");
    until("it runs again", async || {
        state(folder, "customers") == "running"
    })
    .await;
    assert_snapshot!(shown(folder, &["refresh"]), @"0| Nothing has changed; 5 maps run.");
    assert_snapshot!(shown(folder, &["relink", "--side", "right", "--yes"]), @"
    5| error[DUET4001]: another duet process is working on duet.db
     |
     = help: stop it first, or use a second store

    More about it: duet explain DUET4001
    ");
    assert!(running.end().success());
    assert_snapshot!(shown(folder, &["stop", "nothing"]), @"
    2| error[DUET5090]: there is no map `nothing`
     |
     = help: did you mean `customers`? `duet status` lists the maps

    More about it: duet explain DUET5090
    ");
    assert_snapshot!(shown(folder, &["refresh"]), @"0| Nothing runs now; the next `duet run` reads everything anew.");
    assert_snapshot!(shown(folder, &["relink"]), @"0| Both sides have the address that the store knows; there is nothing to relink.");
    assert_snapshot!(shown(folder, &["relink", "--side", "right"]), @"
    2| right: http://127.0.0.1 -> http://127.0.0.1
    error[DUET5091]: nothing was relinked: nobody said that it is the same environment
     |
     = help: answer `yes` when asked, or give `--yes`

    More about it: duet explain DUET5091
    ");
    assert_snapshot!(shown(folder, &["relink", "--side", "right", "--yes"]), @"
    0| Relinked. The next `duet run` reads the tables whole and writes only what differs.
    right: http://127.0.0.1 -> http://127.0.0.1
    ");
    assert!(ask(folder, &["sync"]).status.success());
    assert_eq!(json_of(folder, &["audit"])["balances"], true);
}
