//! A day's backlog over HTTP: sales is down while people go on working in finance; then it is back.
//!
//! Real processes, real HTTP, a real file. 1,000 changes queue by default; the figures in the book come from
//!
//! ```sh
//! DUET_BACKLOG=200000 cargo test --release -p duet --test backlog -- --nocapture
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a panic is a test's failure, and figures are for people"
)]

mod stage;

use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use stage::Stage;
use stage::commands::{Running, ask, json_of, pending, said};
use std::path::Path;
use std::time::{Duration, Instant};

/// People who edit at once.
const USERS: usize = 12;

/// How often each customer is edited while sales is down, at least.
const ROUNDS: u64 = 20;

/// How long nothing may move before the test gives up.
const PATIENCE: Duration = Duration::from_mins(3);

fn wanted() -> u64 {
    std::env::var("DUET_BACKLOG")
        .ok()
        .and_then(|wanted| wanted.parse().ok())
        .unwrap_or(1_000)
}

/// The memory of a process in MB, now and at most; `None` where the system does not tell.
fn memory(process: u32) -> Option<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let figure = |name: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some((figure("VmRSS:")? / 1024, figure("VmHWM:")? / 1024))
}

/// Waits until a figure is as wanted, as long as it moves. Returns when it was.
async fn until(figure: impl Fn() -> u64, is_as_wanted: impl Fn(u64) -> bool) -> Instant {
    let mut last = figure();
    let mut moved = Instant::now();
    while !is_as_wanted(last) {
        assert!(moved.elapsed() < PATIENCE, "stuck at {last}");
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = figure();
        if now != last {
            (last, moved) = (now, Instant::now());
        }
    }
    moved
}

/// Every customer gets another credit limit.
async fn edit_all(stage: &Stage, customers: &[(String, String)], round: u64) {
    let edits = customers
        .iter()
        .zip(1_u64..)
        .map(|((company, account), number)| async move {
            let path = format!(
                "CustomersV3(dataAreaId='{company}',CustomerAccount='{account}')?cross-company=true"
            );
            let row = json!({"CreditLimit": round * 1_000_000 + number});
            stage.finops.update(&path, &row).await.unwrap();
        });
    stream::iter(edits)
        .buffer_unordered(USERS)
        .collect::<()>()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_drains_with_flat_memory_and_both_agree() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let per_company = usize::try_from(wanted() / ROUNDS / 2).unwrap();
    let stage = Stage::set_with(folder.path(), per_company).await;
    let folder = folder.path();
    let begun = Instant::now();
    let synced = ask(folder, &["sync"]);
    assert!(synced.status.success(), "{}", said(&synced));
    eprintln!(
        "first sync           {:>8.1} s",
        begun.elapsed().as_secs_f64()
    );
    let customers: Vec<(String, String)> = stage
        .customers()
        .await
        .values()
        .map(|row| {
            let text = |column: &str| row[column].as_str().unwrap().to_owned();
            (text("dataAreaId"), text("CustomerAccount"))
        })
        .collect();

    let running = Running::start(folder);
    until(|| pending(folder), |pending| pending == 0).await;
    let started = memory(running.id());
    let down = json!([{"fault": "unavailable"}]);
    stage
        .dataverse
        .control(Method::PUT, "faults", &down)
        .await
        .unwrap();

    let captured_before = captured(folder);
    let newly = || captured(folder) - captured_before;
    let begun = Instant::now();
    let mut early = None;
    let each = customers.len() as u64;
    let rounds = wanted().div_ceil(each).max(ROUNDS);
    for round in 1..=rounds {
        edit_all(&stage, &customers, round).await;
        // What is tried in vain supersedes what the same record said before: the queue itself may
        // shrink, what was captured does not.
        let journaled = round * each;
        until(newly, |captured| captured >= journaled).await;
        if round == rounds / 5 {
            early = memory(running.id());
        }
    }
    let queued = newly();
    let took = begun.elapsed().as_secs_f64();
    let late = memory(running.id());
    eprintln!("queued               {queued:>8} changes in {took:.0} s, one side down");
    assert!(queued >= wanted(), "{queued} queued");
    let writes_before = writes(folder);

    stage
        .dataverse
        .control(Method::DELETE, "faults", &Value::Null)
        .await
        .unwrap();
    let begun = Instant::now();
    let drained = until(|| pending(folder), |pending| pending == 0).await;
    let took = drained.duration_since(begun).as_secs_f64();
    let written = writes(folder) - writes_before;
    eprintln!(
        "drained              {:>8.0} changes/s: {queued} in {took:.1} s, {written} writes ({:.0}/s)",
        queued as f64 / took,
        written as f64 / took,
    );
    if let (Some(started), Some(early), Some(late), Some(end)) =
        (started, early, late, memory(running.id()))
    {
        eprintln!(
            "memory               {:>8} MB at start, {} MB at a fifth of the queue, {} MB at all of it, \
             {} MB drained, {} MB at most",
            started.0, early.0, late.0, end.0, end.1
        );
        // The queue is in the store: five times as much of it takes no more memory.
        assert!(late.0 < early.0 + 64, "{early:?} grew to {late:?}");
        assert!(end.1 < started.1 + 256, "{started:?} grew to {end:?}");
    }
    assert!(running.end().success());
    stage.quiesce().await;
    stage.assert_agreement().await;
    stage.assert_accounts_balance();
    let accounts = stage.accounts().await;
    assert_eq!(accounts.len(), customers.len());
    let last = (rounds * 1_000_000).to_string();
    for (key, row) in &accounts {
        let limit = stage::plain(&row["creditlimit"]);
        assert!(limit.len() == last.len() && limit > last, "{key}: {limit}");
    }
    eprintln!(
        "agreement            {:>8} customers alike, the audit balances",
        accounts.len()
    );
}

/// Changes of customers that finance has shown.
fn captured(folder: &Path) -> u64 {
    let status = json_of(folder, &["status"]);
    let maps = status["maps"].as_array().unwrap();
    let customers = maps
        .iter()
        .find(|map| map["map"] == "customers-v3.accounts")
        .unwrap();
    customers["left"]["captured"].as_u64().unwrap()
}

/// Writes that the systems accepted.
fn writes(folder: &Path) -> u64 {
    let status = json_of(folder, &["status"]);
    let maps = status["maps"].as_array().unwrap();
    let of = |map: &Value, side: &str| map[side]["writes"].as_u64().unwrap();
    maps.iter()
        .map(|map| of(map, "left") + of(map, "right"))
        .sum()
}
