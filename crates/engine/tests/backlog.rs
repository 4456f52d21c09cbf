//! A day's backlog: one side is down while 200,000 changes queue, then it comes back. Run by hand,
//! because it takes minutes:
//!
//! `cargo test --release -p duet-engine --test backlog -- --ignored --nocapture`

// A panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod pair;

use duet_map::value::Row;
use duet_store::SqliteStore;
use duet_store::Store;
use duet_store::change::ParkedFilter;
use pair::Pair;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CUSTOMERS: usize = 4_000;
const EDITS: usize = 50;

/// The memory of this process, in MB; the model systems' rows are part of it.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

async fn pending(pair: &Pair) -> u64 {
    let lines = pair.store.audit().await.unwrap();
    lines.iter().map(|line| line.boxes.pending).sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; run by hand"]
async fn a_days_backlog_drains_with_flat_memory_and_both_agree() {
    let folder = tempfile::tempdir().unwrap();
    let mut pair = Pair::shaped(|left| left.paged(500), |right| right.paged(500));
    pair.store = Arc::new(SqliteStore::open(folder.path().join("duet.db")).unwrap());
    let records: Vec<_> = (0..CUSTOMERS)
        .map(|number| pair.customer("usmf", &format!("C-{number}"), Row::new()))
        .collect();
    let engine = pair.engine();
    let begun = Instant::now();
    engine.sync().await.unwrap();
    println!(
        "{CUSTOMERS} customers synced in {:.1?}, {} MB",
        begun.elapsed(),
        memory()
    );

    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.run(stopped).await }
    });
    pair.right.set_down(true);
    let mut journaled = pending(&pair).await;
    let begun = Instant::now();
    for edit in 0..EDITS {
        for record in &records {
            let name = Row::new().with("OrganizationName", format!("Name {edit}").as_str());
            pair.left.edit("CustomersV3", record, name);
        }
        journaled += CUSTOMERS as u64;
        engine
            .notice(duet_map::side::Side::Left, b"CustomersV3")
            .await
            .unwrap();
        while pending(&pair).await < journaled {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if edit % 10 == 9 {
            let seconds = begun.elapsed().as_secs_f64();
            println!("{journaled} queued after {seconds:.0} s, {} MB", memory());
        }
    }
    let asked = pair.right.asked();
    println!("{asked} requests at the side that is down");

    pair.right.set_down(false);
    let begun = Instant::now();
    let mut most = 0;
    loop {
        let left = pending(&pair).await;
        most = most.max(memory());
        if left == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let total = CUSTOMERS * EDITS;
    println!(
        "{total} drained in {seconds:.1} s ({:.0} a second), at most {most} MB",
        f64::from(u32::try_from(total).unwrap()) / seconds
    );
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
    engine.quiesce().await.unwrap();
    assert!(
        pair.store
            .parked(&ParkedFilter::default(), 1)
            .await
            .unwrap()
            .is_empty()
    );
    let last = format!("Name {}", EDITS - 1);
    let agree = pair
        .right
        .rows("accounts")
        .iter()
        .filter(|(_, row)| row.value("name").as_str() == Some(&last))
        .count();
    assert_eq!(agree, CUSTOMERS);
    pair.assert_balanced().await;
}
