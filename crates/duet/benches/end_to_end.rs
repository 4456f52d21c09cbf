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
use std::time::Instant;

/// Customers of each of the two companies.
const CUSTOMERS: usize = 1000;

/// Edits of a burst.
const EDITS: usize = 2000;

/// Users who edit at once.
const USERS: usize = 8;

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
        .list("accounts?$select=accountid,accountnumber&$filter=customertypecode eq 3 and msdyn_company/cdm_companycode eq 'usmf'")
        .await
        .unwrap();
    edit(&accounts, |number, row| {
        let finops = finops.clone();
        let account = row["accountnumber"].as_str().unwrap_or_default().to_owned();
        async move {
            let path = format!(
                "CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true"
            );
            finops
                .update(&path, &json!({"CreditLimit": 1_000 + number}))
                .await
        }
    })
    .await;
    let before = applied(&engine).await;
    let begin = Instant::now();
    engine.quiesce().await.unwrap();
    tell(
        "burst of edits, finance to sales",
        applied(&engine).await - before,
        begin,
    );

    edit(&accounts, |number, row| {
        let dataverse = dataverse.clone();
        let guid = row["accountid"].as_str().unwrap_or_default().to_owned();
        async move {
            let memo = json!({"description": format!("note {number}")});
            dataverse.update(&format!("accounts({guid})"), &memo).await
        }
    })
    .await;
    let before = applied(&engine).await;
    let begin = Instant::now();
    engine.quiesce().await.unwrap();
    tell(
        "burst of edits, sales to finance",
        applied(&engine).await - before,
        begin,
    );

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

/// Users edit records, several at once; every record's last edit is one change.
async fn edit<F>(accounts: &[Value], one: impl Fn(usize, Value) -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    stream::iter(accounts.iter().cycle().take(EDITS).cloned().enumerate())
        .map(|(number, row)| one(number, row))
        .buffer_unordered(USERS)
        .for_each(async |outcome| outcome.unwrap())
        .await;
}

/// Changes on the other side so far, coalesced ones included: every edit counts once.
async fn applied(engine: &Engine) -> u64 {
    let audit = engine.store().audit().await.unwrap();
    audit
        .iter()
        .map(|line| line.boxes.applied + line.boxes.coalesced)
        .sum()
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
