//! What a person decides is taken exactly once, or is still open: real processes die on either side of the
//! transaction that a decision is, and at the points of the road that carries it out.
//!
//! `DUET_KILLS` says how often each point kills, as in `failpoints.rs`. The table goes to standard error.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use duet_engine::failpoint::DECISION_POINTS;
use serde_json::json;
use stage::commands::{ask, in_box, json_of, said};
use stage::small_project;
use stage::{Stage, duet, key, kills, plain};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

/// Points of the road that a decision meets when it is carried out.
const ROAD: [&str; 5] = [
    "round-taken",
    "before-write",
    "after-write",
    "before-settle",
    "after-settle",
];

/// As many of so many customers are not deleted at once without a person, themselves counted.
const fn too_many(customers: usize) -> usize {
    customers / 9 + 21
}

/// Runs a command that dies at a point.
fn dies(folder: &Path, command: &[&str], point: &str) {
    let status = duet(folder, command)
        .env(duet::failpoints::VARIABLE, point)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(
        status.code().is_none(),
        "{command:?} dies at {point}: {status}"
    );
}

fn done(folder: &Path, command: &[&str]) {
    let output = ask(folder, command);
    assert!(output.status.success(), "{command:?}: {}", said(&output));
}

/// People at the stand-ins and at the desk of Duet, and how often they met death.
struct Desk<'s> {
    stage: &'s Stage,
    number: u64,
    table: BTreeMap<String, u32>,
}

impl Desk<'_> {
    fn folder(&self) -> &Path {
        &self.stage.folder
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn synced(&self) {
        done(self.folder(), &["sync"]);
    }

    /// Takes a decision that dies at a point. The death on the near side leaves it open, the one on the
    /// far side has taken it; a person who saw neither gives it again. Returns whether it was taken.
    fn decide(&mut self, what: &str, command: &[&str], point: &str) -> bool {
        dies(self.folder(), command, point);
        *self.table.entry(format!("{what}, {point}")).or_default() += 1;
        point == "after-decision"
    }

    /// Carries out what was decided, dying at each point of the road in turn where there is anything to
    /// carry out, and then to its end.
    fn carried_out(&mut self, what: &str) {
        for point in ROAD {
            let status = duet(self.folder(), &["sync"])
                .env(duet::failpoints::VARIABLE, point)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            if status.code().is_none() {
                *self.table.entry(format!("{what}, {point}")).or_default() += 1;
            }
        }
        self.synced();
    }

    /// The lines of a record's story with one outcome.
    fn told(&self, account: &str, outcome: &str) -> usize {
        let stories = json_of(self.folder(), &["trace", account]);
        let stories = stories.as_array().expect("a list of stories").iter();
        let lines = stories.flat_map(|story| story["lines"].as_array().expect("lines"));
        lines.filter(|line| line["outcome"] == outcome).count()
    }

    async fn note_in_finance(&self, account: &str) -> String {
        plain(&self.stage.customers().await[&key("usmf", account)]["SalesMemo"])
    }

    /// A customer that both sides have, whose story has only begun.
    async fn newcomer(&mut self) -> String {
        let account = format!("NEW-{}", self.next());
        small_project::new_customer(self.stage, &account, "Net30").await;
        self.synced();
        account
    }

    /// Both sides change one note, and a person decides for sales.
    async fn resolve(&mut self, point: &str) {
        let account = self.newcomer().await;
        let accounts = self.stage.accounts().await;
        let guid = accounts[&key("usmf", &account)]["accountid"].clone();
        let left = format!(
            "CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true"
        );
        let right = format!("accounts({})", guid.as_str().unwrap());
        let note = |side: &str| format!("{side} of {account}").to_lowercase();
        let edited = json!({"SalesMemo": note("finance")});
        self.stage.finops.update(&left, &edited).await.unwrap();
        let edited = json!({"description": note("sales")});
        self.stage.dataverse.update(&right, &edited).await.unwrap();
        self.synced();
        let open = json_of(self.folder(), &["conflicts", "--open"]);
        let [conflict] = &open.as_array().unwrap()[..] else {
            panic!("one conflict is open: {open:#}")
        };
        let id = conflict["id"].to_string();
        let command = [
            "conflicts",
            "resolve",
            &id,
            "--take",
            "right",
            "--by",
            "alba",
        ];
        let taken = self.decide("resolve", &command, point);
        let conflict = json_of(self.folder(), &["conflicts", "show", &id]);
        assert_eq!(conflict["state"], "open");
        assert_eq!(conflict["decision"].is_object(), taken, "{conflict:#}");
        assert_eq!(self.told(&account, "resolved"), usize::from(taken));
        if !taken {
            done(self.folder(), &command);
        }
        self.carried_out("resolve");
        let conflict = json_of(self.folder(), &["conflicts", "show", &id]);
        assert_eq!(conflict["state"], "resolved", "{conflict:#}");
        assert_eq!(self.told(&account, "resolved"), 1);
        assert_eq!(self.note_in_finance(&account).await, note("sales"));
        let again = ask(self.folder(), &command);
        assert_eq!(again.status.code(), Some(2), "{}", said(&again));
        // What carried it out contests nothing.
        let newest = json_of(
            self.folder(),
            &["conflicts", "--key", &account, "--limit", "1"],
        );
        assert_eq!(newest[0]["id"].to_string(), id, "{newest:#}");
    }

    /// A customer whose payment term does not exist is parked. Returns its account and change.
    async fn parked(&mut self) -> (String, String) {
        let account = format!("WAIT-{}", self.next());
        small_project::new_customer(self.stage, &account, "Nowhere").await;
        self.synced();
        let parked = json_of(self.folder(), &["parked", "--key", &account]);
        (account, parked[0]["seq"].to_string())
    }

    /// How many changes of a record are parked.
    fn waiting(&self, account: &str) -> usize {
        let parked = json_of(self.folder(), &["parked", "--key", account]);
        parked.as_array().unwrap().len()
    }

    fn is_parked(&self, account: &str) -> bool {
        self.waiting(account) > 0
    }

    /// A person gives a parked change a value that exists.
    async fn edit(&mut self, point: &str) {
        let (account, seq) = self.parked().await;
        let command = ["parked", "edit", &seq, "PaymentTerms=Net30", "--by", "alba"];
        let taken = self.decide("parked edit", &command, point);
        assert_eq!(self.is_parked(&account), !taken);
        assert_eq!(self.told(&account, "amended"), usize::from(taken));
        let again = ask(self.folder(), &command);
        assert_eq!(again.status.success(), !taken, "{}", said(&again));
        assert_eq!(self.told(&account, "amended"), 1);
        self.carried_out("parked edit");
        assert!(!self.is_parked(&account));
        let customers = self.stage.customers().await;
        let given = plain(&customers[&key("usmf", &account)]["PaymentTerms"]);
        assert_eq!(given, "net30", "the value travels back to its source");
    }

    /// What queued in a pause is parked, and a person lets it be tried.
    async fn retry(&mut self, point: &str) {
        let account = self.newcomer().await;
        let limit = self.next();
        self.stage.set_limit(&account, limit).await;
        let folder = self.folder().to_owned();
        done(&folder, &["pause", "customers"]);
        self.synced();
        done(&folder, &["resume", "customers", "--keep-parked"]);
        self.synced();
        let held = in_box(&folder, "parked");
        let waiting = self.waiting(&account);
        assert!(waiting > 0, "the queue is parked");
        let command = ["retry", "--reason", "held"];
        let taken = self.decide("retry", &command, point);
        assert_eq!(in_box(&folder, "parked"), if taken { 0 } else { held });
        done(&folder, &command);
        assert_eq!(self.told(&account, "retried"), waiting);
        self.carried_out("retry");
        assert_eq!(self.stage.limit(&account).await, limit.to_string());
    }

    /// A person drops a parked change, and the record goes with it.
    async fn discard(&mut self, point: &str) {
        let (account, seq) = self.parked().await;
        let dropped = in_box(self.folder(), "discarded");
        let command = ["parked", "discard", &seq, "--yes", "--by", "alba"];
        let taken = self.decide("parked discard", &command, point);
        assert_eq!(self.is_parked(&account), !taken);
        let counted = in_box(self.folder(), "discarded");
        assert_eq!(counted, dropped + u64::from(taken));
        let again = ask(self.folder(), &command);
        assert_eq!(again.status.success(), !taken, "{}", said(&again));
        assert_eq!(in_box(self.folder(), "discarded"), dropped + 1);
        let path = format!(
            "CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true"
        );
        self.stage.finops.delete(&path).await.unwrap();
        self.carried_out("parked discard");
        assert!(!self.is_parked(&account));
    }

    /// More customers are deleted than may be at once, and a person confirms it.
    async fn confirm(&mut self, point: &str) {
        let mut doomed = Vec::new();
        for _ in 0..too_many(self.stage.customers().await.len()) {
            let account = format!("GONE-{}", self.next());
            small_project::new_customer(self.stage, &account, "Net30").await;
            doomed.push(account);
        }
        self.synced();
        for account in &doomed {
            let path = format!(
                "CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true"
            );
            self.stage.finops.delete(&path).await.unwrap();
        }
        self.synced();
        let held = |folder: &Path| json_of(folder, &["deletes"]);
        let before = held(self.folder());
        assert_eq!(before.as_array().unwrap().len(), 1, "{before:#}");
        let command = ["deletes", "confirm", "--yes", "--by", "alba"];
        self.decide("deletes confirm", &command, point);
        // Taken or not, it may be given again: only what is still held is confirmed.
        done(self.folder(), &command);
        self.carried_out("deletes confirm");
        assert_eq!(held(self.folder()), json!([]));
        let accounts = self.stage.accounts().await;
        for account in &doomed {
            assert!(!accounts.contains_key(&key("usmf", account)), "{account}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_taken_exactly_once_or_is_still_open() {
    let folder = tempfile::tempdir().unwrap();
    let stage = small_project::set(folder.path()).await;
    let mut desk = Desk {
        stage: &stage,
        number: 0,
        table: BTreeMap::new(),
    };
    for _ in 0..kills() {
        for point in DECISION_POINTS {
            desk.resolve(point).await;
            desk.edit(point).await;
            desk.retry(point).await;
            desk.discard(point).await;
            desk.confirm(point).await;
            done(&stage.folder, &["compare", "--grace", "0s"]);
            stage.assert_accounts_balance();
        }
    }
    eprintln!("{:<35} {:>5}", "decision, point", "died");
    for (point, died) in &desk.table {
        eprintln!("{point:<35} {died:>5}");
    }
}
