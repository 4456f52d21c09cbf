//! The stand-ins as a process, a project beside them, and what both sides must agree on: for tests
//! that kill real processes.

// Each test binary uses the part it needs.
#![allow(dead_code, unreachable_pub)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

pub mod commands;
pub mod in_process;
pub mod small_project;

use duet::config::Config;
use duet::demo::caller::Caller;
use duet::demo::project_files::{self, Addresses};
use duet::project;
use duet::stand_ins::USER;
use duet::terminal::Terminal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// How often each point kills: once, or as `DUET_KILLS` says.
pub fn kills() -> u32 {
    std::env::var("DUET_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(1)
}

/// Ends a process when the test ends, however it ends.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The `duet` of this build, or the one that `DUET_BINARY` names.
pub fn binary() -> PathBuf {
    std::env::var_os("DUET_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_duet").into(), PathBuf::from)
}

/// A `duet` process in a folder, not yet started.
pub fn duet(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env_remove("RUST_LOG")
        .env_remove("DUET_CONFIG")
        .env("NO_COLOR", "1");
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
        command.env_remove(proxy);
    }
    command
}

/// The stand-ins as a process, the project beside them, and a user at each.
pub struct Stage {
    pub folder: PathBuf,
    pub finops: Caller,
    pub dataverse: Caller,
    _sandbox: Process,
}

impl Stage {
    /// With 40 customers in each of the two companies.
    pub async fn set(folder: &Path) -> Self {
        Self::set_with(folder, 40).await
    }

    /// With this many customers in each of the two companies.
    pub async fn set_with(folder: &Path, customers: usize) -> Self {
        let customers = customers.to_string();
        let sandbox = duet(
            folder,
            &[
                "sandbox",
                "--json",
                "--dir",
                "systems",
                "--customers",
                &customers,
            ],
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
    pub async fn kill_after(&self, command: &str, moment: Duration) {
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
    pub async fn quiesce(&self) {
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

    pub async fn customers(&self) -> BTreeMap<String, Value> {
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

    pub async fn accounts(&self) -> BTreeMap<String, Value> {
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
    pub async fn assert_agreement(&self) {
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

    /// The number of a customer in company USMF.
    pub async fn an_account(&self) -> String {
        let accounts = self.accounts().await;
        let mut of_company = accounts.iter().filter(|(key, _)| key.starts_with("usmf/"));
        let (_, row) = of_company.next().unwrap();
        row["accountnumber"].as_str().unwrap().to_owned()
    }

    /// A user changes a customer's credit limit in finance.
    pub async fn set_limit(&self, account: &str, limit: u64) {
        set_limit_as(&self.finops, account, limit).await;
    }

    /// A user of finance whose session begins anew.
    pub async fn signed_in_again(&self) -> Caller {
        let config = Config::read(&self.folder.join("duet.yaml")).unwrap();
        let url = config.sides.left.url.to_string();
        let url = url.trim_end_matches('/');
        Caller::sign_in(url, "/data", USER).await.unwrap()
    }

    /// A customer's credit limit in sales.
    pub async fn limit(&self, account: &str) -> String {
        plain(&self.accounts().await[&key("usmf", account)]["creditlimit"])
    }

    /// The identifier of a company in sales.
    pub async fn company(&self, code: &str) -> String {
        let path = format!("cdm_companies?$filter=cdm_companycode eq '{code}'");
        let found = self.dataverse.list(&path).await.unwrap();
        found[0]["cdm_companyid"].as_str().unwrap().to_owned()
    }

    /// The identifier of a currency in sales.
    pub async fn currency(&self, code: &str) -> String {
        let path = format!("transactioncurrencies?$filter=isocurrencycode eq '{code}'");
        let found = self.dataverse.list(&path).await.unwrap();
        found[0]["transactioncurrencyid"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The identifier of one of a company's customer groups in sales.
    pub async fn customer_group(&self, company: &str) -> String {
        let path = format!("msdyn_customergroups?$filter=_msdyn_company_value eq {company}");
        let found = self.dataverse.list(&path).await.unwrap();
        found[0]["msdyn_customergroupid"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Nothing is pending or parked, and every change stands in one box.
    pub fn assert_accounts_balance(&self) {
        let output = duet(&self.folder, &["audit", "--json"]).output().unwrap();
        let audit: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(output.status.success(), "duet audit balances: {audit:#}");
        for line in audit["lines"].as_array().unwrap() {
            assert_eq!(line["boxes"]["pending"], 0, "{line}");
            let parked = duet(&self.folder, &["parked"]).output().unwrap();
            let parked = String::from_utf8_lossy(&parked.stdout);
            assert_eq!(line["boxes"]["parked"], 0, "{line}\n{parked}");
        }
    }
}

/// A user of finance changes a customer's credit limit.
pub async fn set_limit_as(finops: &Caller, account: &str, limit: u64) {
    let path =
        format!("CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true");
    let row = json!({"CreditLimit": limit});
    finops.update(&path, &row).await.unwrap();
}

/// A customer, as both sides can name it.
pub fn key(company: &str, account: &str) -> String {
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
pub fn plain(value: &Value) -> String {
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
