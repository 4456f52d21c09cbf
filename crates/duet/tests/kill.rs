//! `kill -9` at random moments of an initial sync and of live traffic: nothing is lost, nothing is
//! doubled, and the accounting holds.
//!
//! Everything is real: the stand-ins and `duet` are processes of their own, the traffic and the
//! comparison go over HTTP. The moments come from a seed, which a failure prints.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

use duet::config::Config;
use duet::demo::caller::Caller;
use duet::demo::project_files::{self, Addresses};
use duet::project;
use duet::stand_ins::USER;
use duet::terminal::Terminal;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often each phase is killed.
const KILLS: usize = 10;

/// Ends a process when the test ends, however it ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn duet(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet"));
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
        command.env_remove(proxy);
    }
    command
}

/// The stand-ins as a process, the project beside them, and a user at each.
struct Stage {
    folder: PathBuf,
    finops: Caller,
    dataverse: Caller,
    _sandbox: Process,
}

impl Stage {
    async fn set(folder: &Path) -> Self {
        let sandbox = duet(
            folder,
            &["sandbox", "--json", "--dir", "systems", "--customers", "40"],
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
        let mut sandbox = Process(sandbox);
        let mut line = String::new();
        BufReader::new(sandbox.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let told: Value = serde_json::from_str(&line).expect("the sandbox tells where it serves");
        let url = |side: &str| told[side]["url"].as_str().unwrap().to_owned();
        let addresses = Addresses {
            finops: url("finops"),
            dataverse: url("dataverse"),
            listen: "127.0.0.1:0".to_owned(),
        };
        project_files::write(folder, &addresses).unwrap();
        let sign_in = |url: String, root: &'static str| async move {
            Caller::sign_in(&url, root, USER).await.unwrap()
        };
        Self {
            folder: folder.to_owned(),
            finops: sign_in(addresses.finops, "/data").await,
            dataverse: sign_in(addresses.dataverse, "/api/data/v9.2").await,
            _sandbox: sandbox,
        }
    }

    /// Starts `duet`, lets it work for a while and kills it.
    async fn kill_after(&self, command: &str, moment: Duration) {
        let child = duet(&self.folder, &[command])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Process(child);
        tokio::time::sleep(moment).await;
        process.0.kill().unwrap();
        process.0.wait().unwrap();
    }

    /// Reads and applies until nothing is pending.
    async fn quiesce(&self) {
        let config = Config::read(&self.folder.join("duet.yaml")).unwrap();
        let prepared = project::prepare(&config, Terminal::of_process(false))
            .await
            .unwrap();
        let engine = prepared.engine(&config, Arc::new(()));
        engine.claim().await.unwrap();
        tokio::time::timeout(Duration::from_mins(3), engine.quiesce())
            .await
            .expect("the engine comes to rest")
            .unwrap();
    }

    async fn customers(&self) -> BTreeMap<String, Value> {
        let rows = self
            .finops
            .list("CustomersV3?cross-company=true&$filter=PartyType eq Microsoft.Dynamics.DataEntities.PartyType'Organization'")
            .await
            .unwrap();
        by_key(rows, |row| {
            let company = row["dataAreaId"].as_str()?;
            let account = row["CustomerAccount"].as_str()?;
            (company != "dat").then(|| key(company, account))
        })
    }

    async fn accounts(&self) -> BTreeMap<String, Value> {
        let companies: BTreeMap<String, String> = self
            .dataverse
            .list("cdm_companies?$select=cdm_companyid,cdm_companycode")
            .await
            .unwrap()
            .iter()
            .map(|row| {
                let text = |column: &str| row[column].as_str().unwrap_or_default().to_owned();
                (text("cdm_companyid"), text("cdm_companycode"))
            })
            .collect();
        let rows = self
            .dataverse
            .list("accounts?$filter=customertypecode eq 3&$expand=msdyn_paymentterm($select=msdyn_name),msdyn_customergroupid($select=msdyn_groupid),transactioncurrencyid($select=isocurrencycode)")
            .await
            .unwrap();
        by_key(rows, |row| {
            let company = companies.get(row["_msdyn_company_value"].as_str()?)?;
            Some(key(company, row["accountnumber"].as_str()?))
        })
    }

    /// What both sides must agree on under the map of customers and accounts.
    async fn assert_agreement(&self) {
        let (left, right) = (self.customers().await, self.accounts().await);
        let keys = |side: &BTreeMap<String, Value>| side.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(
            keys(&left),
            keys(&right),
            "the same customers on both sides"
        );
        for (key, customer) in &left {
            let account = &right[key];
            let pairs = [
                (&customer["CreditLimit"], &account["creditlimit"]),
                (&customer["SalesMemo"], &account["description"]),
                (&customer["CreditRating"], &account["msdyn_creditrating"]),
                (&customer["PartyCountry"], &account["msdyn_partycountry"]),
                (
                    &customer["PaymentTerms"],
                    &account["msdyn_paymentterm"]["msdyn_name"],
                ),
                (
                    &customer["CustomerGroupId"],
                    &account["msdyn_customergroupid"]["msdyn_groupid"],
                ),
                (
                    &customer["SalesCurrencyCode"],
                    &account["transactioncurrencyid"]["isocurrencycode"],
                ),
            ];
            for (column, (left, right)) in pairs.into_iter().enumerate() {
                assert_eq!(plain(left), plain(right), "column {column} of {key}");
            }
        }
    }

    fn assert_accounts_balance(&self) {
        let output = duet(&self.folder, &["audit", "--json"]).output().unwrap();
        let audit: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(output.status.success(), "duet audit balances: {audit:#}");
        for line in audit["lines"].as_array().unwrap() {
            assert_eq!(line["boxes"]["pending"], 0, "{line}");
            assert_eq!(line["boxes"]["parked"], 0, "{line}");
        }
    }
}

fn key(company: &str, account: &str) -> String {
    format!("{company}/{account}").to_lowercase()
}

/// Rows by key; fails when two rows have one key, for that would be a doubled record.
fn by_key(rows: Vec<Value>, key_of: impl Fn(&Value) -> Option<String>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for row in rows {
        if let Some(key) = key_of(&row) {
            assert!(found.insert(key.clone(), row).is_none(), "{key} is doubled");
        }
    }
    found
}

/// A value as both systems mean it: no empty texts, no trailing zeros, keys without case.
fn plain(value: &Value) -> String {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            } else {
                text
            }
        }
        Value::String(text) => text.trim_end().to_lowercase(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// What users last saved, by customer: the credit limit in finance, the note in sales.
#[derive(Default)]
struct Saved {
    limits: BTreeMap<String, u64>,
    memos: BTreeMap<String, String>,
    created: Vec<String>,
    deleted: BTreeSet<String>,
}

/// Users at work on both sides, until told to stop.
async fn traffic(
    finops: Caller,
    dataverse: Caller,
    customers: Vec<(String, String)>,
    seed: u64,
    stop: Arc<AtomicBool>,
) -> Saved {
    let mut random = StdRng::seed_from_u64(seed);
    let mut saved = Saved::default();
    let (doomed, edited) = customers.split_at(5);
    let mut doomed = doomed.iter();
    let group = finops
        .list("CustomerGroups?cross-company=true&$filter=dataAreaId eq 'usmf'&$top=1")
        .await
        .unwrap()[0]["CustomerGroupId"]
        .clone();
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (account, guid) = &edited[random.random_range(0..edited.len())];
        let left = format!(
            "CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true"
        );
        match random.random_range(0..20) {
            0 => {
                let account = format!("KILL-{number}");
                let row = json!({
                    "dataAreaId": "usmf",
                    "CustomerAccount": account,
                    "PartyType": "Organization",
                    "OrganizationName": account,
                    "CustomerGroupId": group,
                    "SalesCurrencyCode": "USD",
                });
                let set = "CustomersV3?cross-company=true";
                finops.create(set, &row).await.unwrap();
                saved.created.push(account);
            }
            1 => {
                if let Some((account, _)) = doomed.next() {
                    let path = format!(
                        "CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true"
                    );
                    finops.delete(&path).await.unwrap();
                    saved.deleted.insert(account.clone());
                }
            }
            2..=10 => {
                finops
                    .update(&left, &json!({"CreditLimit": number}))
                    .await
                    .unwrap();
                saved.limits.insert(account.clone(), number);
            }
            _ => {
                let memo = format!("note {number}");
                dataverse
                    .update(&format!("accounts({guid})"), &json!({"description": memo}))
                    .await
                    .unwrap();
                saved.memos.insert(account.clone(), memo);
            }
        }
        // Users think between two edits.
        tokio::time::sleep(Duration::from_millis(random.random_range(5..40))).await;
    }
    saved
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_by_kill_nine() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(folder.path()).await;
    let seed = std::env::var("DUET_KILL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(rand::random::<u64>);
    eprintln!("DUET_KILL_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);

    for _ in 0..KILLS {
        let moment = Duration::from_millis(random.random_range(50..1500));
        stage.kill_after("sync", moment).await;
    }
    let synced = duet(&stage.folder, &["sync"]).output().unwrap();
    assert!(
        synced.status.success(),
        "{}",
        String::from_utf8_lossy(&synced.stderr)
    );
    stage.assert_agreement().await;
    stage.assert_accounts_balance();

    let customers: Vec<(String, String)> = stage
        .accounts()
        .await
        .iter()
        .filter(|(key, _)| key.starts_with("usmf/"))
        .map(|(_, row)| {
            let text = |column: &str| row[column].as_str().unwrap().to_owned();
            (text("accountnumber"), text("accountid"))
        })
        .take(20)
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let users = tokio::spawn(traffic(
        stage.finops.clone(),
        stage.dataverse.clone(),
        customers,
        seed,
        Arc::clone(&stop),
    ));
    for _ in 0..KILLS {
        let moment = Duration::from_millis(random.random_range(200..2000));
        stage.kill_after("run", moment).await;
    }
    stop.store(true, Ordering::Relaxed);
    let saved = users.await.unwrap();
    assert!(
        !saved.limits.is_empty() && !saved.memos.is_empty(),
        "users did edit"
    );
    stage.quiesce().await;
    stage.assert_agreement().await;
    stage.assert_accounts_balance();

    // Both sides agree; they must agree on what users saved last.
    let left = stage.customers().await;
    for (account, limit) in &saved.limits {
        let shown = plain(&left[&key("usmf", account)]["CreditLimit"]);
        assert_eq!(shown, limit.to_string(), "the credit limit of {account}");
    }
    for (account, memo) in &saved.memos {
        let shown = plain(&left[&key("usmf", account)]["SalesMemo"]);
        assert_eq!(&shown, memo, "the note on {account}");
    }
    for account in &saved.created {
        assert!(left.contains_key(&key("usmf", account)), "{account} stays");
    }
    for account in &saved.deleted {
        assert!(
            !left.contains_key(&key("usmf", account)),
            "{account} is gone"
        );
    }
}
