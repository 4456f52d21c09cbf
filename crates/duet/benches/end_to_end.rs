//! Changes per second from one stand-in to the other, with the peak memory of Duet alone.
//!
//! The stand-ins are a process of their own, so that this process holds nothing but Duet and the
//! few users who edit. Each figure is one run over real HTTP and a store on disk; both processes
//! share the machine's cores.
//!
//! ```sh
//! cargo bench -p duet --bench end_to_end
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints figures, and a panic is its failure"
)]

use duet::config::Config;
use duet::demo::caller::Caller;
use duet::demo::project_files::{self, Addresses};
use duet::project;
use duet::stand_ins::USER;
use duet::terminal::Terminal;
use duet_engine::Engine;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Customers of each of the two companies.
const CUSTOMERS: usize = 1000;

/// Users who edit at once.
const USERS: usize = 8;

/// How long a backlog may take.
const PATIENCE: Duration = Duration::from_mins(10);

struct Sandbox(Child);

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let (_sandbox, finops, dataverse) = stage(folder.path()).await;
    let config = Config::read(&folder.path().join("duet.yaml")).unwrap();
    let prepared = project::prepare(&config, Terminal::of_process(false))
        .await
        .unwrap();
    let engine = prepared.engine(&config, Arc::new(()));
    engine.claim().await.unwrap();

    let begin = Instant::now();
    let report = engine.sync().await.unwrap();
    let changes: u64 = report.maps.iter().map(|map| map.boxes.captured).sum();
    tell("initial sync, both sides", changes, begin);

    let begin = Instant::now();
    let report = engine.sync().await.unwrap();
    let changes: u64 = report.maps.iter().map(|map| map.boxes.captured).sum();
    tell("second sync, nothing to write", changes, begin);

    let accounts = dataverse
        .list(
            "accounts?$select=accountid,accountnumber&$filter=customertypecode eq 3\
             &$expand=msdyn_company($select=cdm_companycode)",
        )
        .await
        .unwrap();
    edit(&accounts, |number, row| {
        let finops = finops.clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let company = text(&row["msdyn_company"]["cdm_companycode"]);
        let account = text(&row["accountnumber"]);
        async move {
            let path = format!(
                "CustomersV3(dataAreaId='{company}',CustomerAccount='{account}')?cross-company=true"
            );
            let limit = json!({"CreditLimit": 1_000 + number});
            finops.update(&path, &limit).await
        }
    })
    .await;
    live(
        &engine,
        "backlog of edits, finance to sales",
        accounts.len(),
    )
    .await;

    edit(&accounts, |number, row| {
        let dataverse = dataverse.clone();
        let guid = row["accountid"].as_str().unwrap_or_default().to_owned();
        async move {
            let memo = json!({"description": format!("note {number}")});
            dataverse.update(&format!("accounts({guid})"), &memo).await
        }
    })
    .await;
    live(
        &engine,
        "backlog of edits, sales to finance",
        accounts.len(),
    )
    .await;

    println!(
        "{:<36} {:>10} MiB",
        "peak memory of Duet",
        peak_memory_mib()
    );
}

/// The stand-ins in a process of their own, and a user at each.
async fn stage(folder: &Path) -> (Sandbox, Caller, Caller) {
    let customers = CUSTOMERS.to_string();
    let mut sandbox = Sandbox(
        Command::new(env!("CARGO_BIN_EXE_duet"))
            .args(["sandbox", "--json", "--customers", &customers])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(sandbox.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let url = |side: &str| told[side]["url"].as_str().unwrap().to_owned();
    let addresses = Addresses {
        finops: url("finops"),
        dataverse: url("dataverse"),
        listen: "127.0.0.1:0".to_owned(),
    };
    project_files::write(folder, &addresses).unwrap();
    let finops = Caller::sign_in(&addresses.finops, "/data", USER)
        .await
        .unwrap();
    let dataverse = Caller::sign_in(&addresses.dataverse, "/api/data/v9.2", USER)
        .await
        .unwrap();
    (sandbox, finops, dataverse)
}

/// Users edit every record once, several at a time.
async fn edit<F>(accounts: &[Value], one: impl Fn(usize, Value) -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    stream::iter(accounts.iter().cloned().enumerate())
        .map(|(number, row)| one(number, row))
        .buffer_unordered(USERS)
        .for_each(async |outcome| outcome.unwrap())
        .await;
}

/// Goes live with a backlog and tells how fast it is worked off.
async fn live(engine: &Engine, what: &str, edits: usize) {
    let wanted = applied(engine).await + edits as u64;
    let (stop, stopped) = watch::channel(false);
    let begin = Instant::now();
    let running = {
        let engine = engine.clone();
        tokio::spawn(async move { engine.run(stopped).await })
    };
    while applied(engine).await < wanted {
        assert!(begin.elapsed() < PATIENCE, "{what} does not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tell(what, edits as u64, begin);
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
}

/// Changes that are on the other side so far.
async fn applied(engine: &Engine) -> u64 {
    let audit = engine.store().audit().await.unwrap();
    audit.iter().map(|line| line.boxes.applied).sum()
}

fn tell(what: &str, changes: u64, begin: Instant) {
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{what:<36} {changes:>10} changes in {seconds:>6.2} s = {:>8.0} changes/s",
        changes as f64 / seconds
    );
}

/// The most memory that this process ever had resident.
fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| {
            rest.trim()
                .trim_end_matches(" kB")
                .trim()
                .parse::<u64>()
                .ok()
        })
        .unwrap_or(0)
        / 1024
}
