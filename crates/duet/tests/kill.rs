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

mod stage;

use duet::demo::caller::Caller;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use stage::{Stage, duet, key, plain};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often each phase is killed.
const KILLS: usize = 10;

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
