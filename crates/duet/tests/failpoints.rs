//! Real processes die at each named point, over and over, against the real stand-ins over HTTP and a
//! real store; afterwards both sides agree, nothing is doubled, and the accounting holds.
//!
//! `DUET_KILLS` says how often each point kills (once by default, 20 times for the table of a release). The
//! table of points and outcomes goes to standard error.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use duet::demo::project_files::HOOK_SECRET;
use duet_engine::failpoint::POINTS;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use stage::commands::{ask, said};
use stage::{Process, Stage, duet, key, kills, plain};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Longest that a process may take to reach its point.
const PATIENCE: Duration = Duration::from_secs(30);

/// The map whose orders and drift are at stake.
const CUSTOMERS: &str = "customers-v3.accounts";

/// What became of one point.
#[derive(Default)]
struct Outcome {
    died: u32,
    unreached: u32,
    edits: u32,
}

impl Outcome {
    fn count(&mut self, died: bool) {
        if died {
            self.died += 1;
        } else {
            self.unreached += 1;
        }
    }
}

/// A customer whose note both sides change. Finance is the master.
struct Contested {
    account: String,
    guid: String,
    /// The number in its newest notes; none were written yet at 0.
    number: u64,
}

impl Contested {
    fn note(&self, side: &str) -> String {
        format!("{side} {}", self.number)
    }

    async fn change_in_finance(&self, stage: &Stage) {
        let path = format!(
            "CustomersV3(dataAreaId='usmf',CustomerAccount='{}')?cross-company=true",
            self.account
        );
        let memo = json!({"SalesMemo": self.note("finance")});
        stage.finops.update(&path, &memo).await.unwrap();
    }

    async fn change_in_sales(&self, stage: &Stage) {
        let path = format!("accounts({})", self.guid);
        let memo = json!({"description": self.note("sales")});
        stage.dataverse.update(&path, &memo).await.unwrap();
    }
}

/// People who edit both sides, and remember what they saved last.
struct People<'s> {
    stage: &'s Stage,
    random: StdRng,
    customers: Vec<(String, String)>,
    /// Whose note both sides change at once.
    contested: Contested,
    /// Whose note sales changes while a change of finance's waits.
    overruled: Contested,
    group: Value,
    number: u64,
    limits: BTreeMap<String, u64>,
    memos: BTreeMap<String, String>,
    created: Vec<String>,
    prospects: Vec<String>,
    /// The payment term for which the newest customer waits.
    awaited: Option<u64>,
}

fn term(number: u64) -> String {
    format!("T{number}")
}

impl<'s> People<'s> {
    async fn new(stage: &'s Stage) -> Self {
        // Imports into the real system can skip the check of references as well.
        let unchecked = json!({"reference_checks": false});
        let set = stage.finops.control(Method::PUT, "settings", &unchecked);
        set.await.unwrap();
        let mut customers: Vec<_> = stage
            .accounts()
            .await
            .iter()
            .filter(|(key, _)| key.starts_with("usmf/"))
            .map(|(_, row)| {
                let text = |column: &str| row[column].as_str().unwrap().to_owned();
                (text("accountnumber"), text("accountid"))
            })
            .take(12)
            .collect();
        let mut contested = || {
            let (account, guid) = customers.pop().unwrap();
            Contested {
                account,
                guid,
                number: 0,
            }
        };
        let (overruled, contested) = (contested(), contested());
        let group = stage
            .finops
            .list("CustomerGroups?cross-company=true&$filter=dataAreaId eq 'usmf'&$top=1")
            .await
            .unwrap()[0]["CustomerGroupId"]
            .clone();
        Self {
            stage,
            random: StdRng::seed_from_u64(7),
            customers,
            contested,
            overruled,
            group,
            number: 0,
            limits: BTreeMap::new(),
            memos: BTreeMap::new(),
            created: Vec::new(),
            prospects: Vec::new(),
            awaited: None,
        }
    }

    /// A few edits of each kind, so that every point has something to meet.
    async fn edit(&mut self) -> u32 {
        let (finops, dataverse) = (&self.stage.finops, &self.stage.dataverse);
        for _ in 0..2 {
            self.number += 1;
            let number = self.number;
            let (account, guid) =
                &self.customers[self.random.random_range(0..self.customers.len())];
            let left = format!(
                "CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true"
            );
            finops
                .update(&left, &json!({"CreditLimit": number}))
                .await
                .unwrap();
            self.limits.insert(account.clone(), number);
            let memo = format!("note {number}");
            dataverse
                .update(&format!("accounts({guid})"), &json!({"description": memo}))
                .await
                .unwrap();
            self.memos.insert(account.clone(), memo);
        }
        let account = format!("FAIL-{}", self.number);
        let row = json!({
            "dataAreaId": "usmf",
            "CustomerAccount": account,
            "PartyType": "Organization",
            "OrganizationName": account,
            "CustomerGroupId": self.group,
            "SalesCurrencyCode": "USD",
        });
        finops
            .create("CustomersV3?cross-company=true", &row)
            .await
            .unwrap();
        self.created.push(account);
        // Finance allocates the number of this one, which is what intents are for.
        let name = format!("Fail {}", self.number);
        let company = self.stage.company("usmf").await;
        let group = self.stage.customer_group(&company).await;
        let currency = self.stage.currency("USD").await;
        let row = json!({
            "name": name,
            "description": name,
            "creditlimit": self.number,
            "customertypecode": 3,
            "transactioncurrencyid@odata.bind": format!("/transactioncurrencies({currency})"),
            "msdyn_company@odata.bind": format!("/cdm_companies({company})"),
            "msdyn_customergroupid@odata.bind": format!("/msdyn_customergroups({group})"),
        });
        dataverse.create("accounts", &row).await.unwrap();
        self.prospects.push(name);
        // Both sides change one note: finance is the master.
        self.contested.number = self.number;
        self.contested.change_in_finance(self.stage).await;
        self.contested.change_in_sales(self.stage).await;
        // A customer waits for a payment term; the one before gets its own now.
        self.create_term().await;
        let account = format!("WAIT-{}", self.number);
        let row = json!({
            "dataAreaId": "usmf",
            "CustomerAccount": account,
            "PartyType": "Organization",
            "OrganizationName": account,
            "CustomerGroupId": self.group,
            "SalesCurrencyCode": "USD",
            "PaymentTerms": term(self.number),
        });
        let set = "CustomersV3?cross-company=true";
        finops.create(set, &row).await.unwrap();
        self.created.push(account);
        self.awaited = Some(self.number);
        9
    }

    /// The payment term comes into being for which a customer waits.
    async fn create_term(&mut self) {
        let Some(number) = self.awaited.take() else {
            return;
        };
        let row = json!({
            "dataAreaId": "usmf",
            "Name": term(number),
            "Description": "Later",
            "NumberOfDays": 7,
        });
        let set = "PaymentTerms?cross-company=true";
        self.stage.finops.create(set, &row).await.unwrap();
    }

    /// Does what a point needs to be met, and tells which command will meet it.
    async fn prepare(&mut self, point: &str) -> &'static [&'static str] {
        let folder = self.stage.folder.clone();
        let order = |arguments: &[&str]| {
            let output = ask(&folder, arguments);
            assert!(output.status.success(), "{}", said(&output));
        };
        match point {
            // Whose change arrives second is dropped, and nothing is written over: finance's is
            // journaled before sales edits.
            "conflicts-recorded" => {
                order(&["pause", CUSTOMERS]);
                self.overruled.number = self.number;
                self.overruled.change_in_finance(self.stage).await;
                order(&["sync"]);
                self.overruled.change_in_sales(self.stage).await;
                order(&["resume", CUSTOMERS]);
                &["run"]
            }
            "queue-cleared" => {
                order(&["pause", CUSTOMERS]);
                order(&["resume", CUSTOMERS, "--keep-parked"]);
                &["run"]
            }
            "map-read-whole" => {
                order(&["relink", "--side", "right", "--yes"]);
                &["run"]
            }
            // While nothing runs, a new payment term is missing on the other side.
            "repair-journaled" => &[
                "repair",
                "--apply",
                "--grace",
                "0s",
                "--map",
                "terms-of-payment.msdyn_paymentterms",
            ],
            _ => &["run"],
        }
    }

    /// The conflict records of customers.
    fn conflicts(&self) -> Vec<Value> {
        let found = ask(
            &self.stage.folder,
            &[
                "conflicts",
                "--json",
                "--limit",
                "10000",
                "--map",
                CUSTOMERS,
            ],
        );
        serde_json::from_slice(&found.stdout).unwrap_or_else(|_| panic!("{}", said(&found)))
    }

    /// Whether a conflict is one that people made on purpose.
    fn is_on_purpose(&self, conflict: &Value) -> bool {
        let key = conflict["key"].as_str().unwrap();
        let fields = conflict["fields"].as_array().unwrap();
        let on_purpose = [&self.contested, &self.overruled];
        on_purpose
            .iter()
            .any(|one| key.contains(&format!("\"{}\"", one.account.to_lowercase())))
            && fields
                .iter()
                .all(|field| field["right_column"] == "description")
    }

    /// Fails unless both sides hold what people saved last, each record once. People edit different
    /// fields on the two sides, so that nothing but Duet's own writes could contest an edit.
    async fn find_everything(&self) {
        let left = self.stage.customers().await;
        for (account, limit) in &self.limits {
            let shown = plain(&left[&key("usmf", account)]["CreditLimit"]);
            assert_eq!(shown, limit.to_string(), "the credit limit of {account}");
        }
        for (account, memo) in &self.memos {
            let shown = plain(&left[&key("usmf", account)]["SalesMemo"]);
            assert_eq!(shown, *memo, "the note on {account}");
        }
        for account in &self.created {
            assert!(left.contains_key(&key("usmf", account)), "{account} stays");
        }
        let conflicts = self.conflicts();
        for one in [&self.contested, &self.overruled] {
            let account = &one.account;
            let held = plain(&left[&key("usmf", account)]["SalesMemo"]);
            let told = format!("accounts({})?$select=description", one.guid);
            let told = self.stage.dataverse.get(&told).await.unwrap().unwrap();
            assert_eq!(held, plain(&told["description"]), "the note on {account}");
            assert_eq!(held, one.note("finance"), "the master's note on {account}");
            let lost = one.note("sales");
            let kept = conflicts.iter().any(|conflict| {
                let fields = conflict["fields"].as_array().unwrap();
                fields.iter().any(|field| field["right"] == lost.as_str())
            });
            assert!(kept, "`{lost}` stands in the record");
        }
        for name in &self.prospects {
            let found = left
                .values()
                .filter(|row| row["SalesMemo"].as_str() == Some(name))
                .count();
            assert_eq!(found, 1, "{name} was created once");
        }
    }
}

/// Starts `duet` with a point and waits until it is dead. Returns whether it died of the point.
async fn dies(stage: &Stage, command: &[&str], point: &str, times: u32) -> bool {
    let child = duet(&stage.folder, command)
        .env(duet::failpoints::VARIABLE, format!("{point}:{times}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut process = Process(child);
    ended_by_a_signal(&mut process).await
}

/// Starts `duet run` and posts a notice that kills it once it is durable.
async fn dies_of_a_notice(stage: &Stage) -> bool {
    let child = duet(&stage.folder, &["run"])
        .env(duet::failpoints::VARIABLE, "notices-stored")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut process = Process(child);
    let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
    let url = lines
        .find_map(|line| Some(line.ok()?.strip_prefix("serving ")?.to_owned()))
        .expect("it says where it serves");
    // The rest of its output has to go somewhere.
    std::thread::spawn(move || lines.for_each(drop));
    let body = r#"{"PrimaryEntityName":"account","PrimaryEntityId":"00000000-0000-0000-0000-000000000000","MessageName":"Update","BusinessEventId":"CustCustomerV3Entity","EventId":"1"}"#;
    for side in ["right", "left"] {
        let posted = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .post(format!("{url}/hooks/{side}"))
            .header(duet_server::hooks::SECRET_HEADER, HOOK_SECRET)
            .body(body)
            .send()
            .await;
        if posted.is_err() {
            break;
        }
    }
    ended_by_a_signal(&mut process).await
}

async fn ended_by_a_signal(process: &mut Process) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(status) = process.0.try_wait().unwrap() {
            return !status.success() && status.code().is_none();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// Reads and applies until nothing is pending, in a process that nothing kills.
async fn mended(stage: &Stage) {
    stage.quiesce().await;
    stage.assert_agreement().await;
    stage.assert_accounts_balance();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_at_any_point_loses_nothing_and_doubles_nothing() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut table: BTreeMap<&str, Outcome> = BTreeMap::new();

    // Points of an initial sync: it goes on where it was killed. Two systems that have never met, each
    // time, so that there is something to do at every point.
    let begins = [
        "snapshot-page-read",
        "snapshot-page-journaled",
        "key-sets-compared",
        "round-taken",
        "before-write",
        "after-write",
        "before-settle",
        "after-settle",
    ];
    let mut met = None;
    for kill in 0..kills() {
        // The systems before this go first.
        drop(met.take());
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage::set(folder.path()).await;
        for point in begins {
            let outcome = table.entry(point).or_default();
            outcome.count(dies(&stage, &["sync"], point, kill % 3 + 1).await);
        }
        let synced = ask(&stage.folder, &["sync"]);
        assert!(synced.status.success(), "{}", said(&synced));
        stage.assert_agreement().await;
        stage.assert_accounts_balance();
        eprintln!("initial sync {}: both sides agree", kill + 1);
        met = Some((stage, folder));
    }
    let (stage, _folder) = met.expect("every point kills at least once");

    // All points, live, with people at work on both sides.
    let mut people = People::new(&stage).await;
    for kill in 1..=kills() {
        for point in POINTS {
            if point.starts_with("snapshot-") {
                continue;
            }
            let edits = people.edit().await;
            let outcome = table.entry(point).or_default();
            outcome.edits += edits;
            let command = people.prepare(point).await;
            outcome.count(if point == "notices-stored" {
                dies_of_a_notice(&stage).await
            } else {
                dies(&stage, command, point, 1).await
            });
        }
        people.create_term().await;
        let retried = ask(&stage.folder, &["retry", "--reason", "held"]);
        assert!(retried.status.success(), "{}", said(&retried));
        mended(&stage).await;
        people.find_everything().await;
        eprintln!("round {kill}: both sides agree, every edit is there once");
    }
    // Every round above ended with both sides compared: what follows was found nowhere else.
    eprintln!(
        "{:<25} {:>5} {:>9} {:>6}",
        "point", "died", "unreached", "edits"
    );
    for point in POINTS {
        let outcome = table.entry(point).or_default();
        let Outcome {
            died,
            unreached,
            edits,
        } = outcome;
        eprintln!("{point:<25} {died:>5} {unreached:>9} {edits:>6}");
    }
    let conflicts = people.conflicts();
    let wrong: Vec<_> = conflicts
        .iter()
        .filter(|conflict| !people.is_on_purpose(conflict))
        .collect();
    assert!(wrong.is_empty(), "Duet's own writes contest: {wrong:#?}");
    let unreached = table.iter().filter(|(_, outcome)| outcome.unreached > 0);
    let unreached: Vec<_> = unreached.map(|(point, _)| point).collect();
    assert!(unreached.is_empty(), "not reached each time: {unreached:?}");
    eprintln!("no edit is lost, doubled or contested by Duet's own writes");
}
