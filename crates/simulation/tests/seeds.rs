//! Every seed keeps every promise.
//!
//! `DUET_SEEDS=100000` runs more of them, `DUET_SEEDS=5000..6000` those, and `DUET_SEED=17` tells the
//! story of one.

// A panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use duet_simulation::campaign::{broken, campaign, outcome, replay};
use duet_simulation::{Plan, run};
use std::ops::Range;

/// How many seeds run where nobody says otherwise.
const SEEDS: u64 = 2_000;

/// How many failing seeds are enough.
const ENOUGH: usize = 20;

fn number(text: &str) -> u64 {
    text.trim().parse().expect("DUET_SEEDS holds numbers")
}

fn seeds() -> Range<u64> {
    match std::env::var("DUET_SEEDS") {
        Err(_) => 0..SEEDS,
        Ok(text) => match text.split_once("..") {
            Some((from, until)) => number(from)..number(until),
            None => 0..number(&text),
        },
    }
}

#[test]
fn every_seed_keeps_every_promise() {
    if let Ok(seed) = std::env::var("DUET_SEED") {
        let plan = Plan::new(number(&seed));
        let outcome = outcome(&plan);
        let story = outcome
            .as_ref()
            .map_or_else(Clone::clone, |one| one.story.join("\n"));
        println!("{plan:#?}\n{story}");
        let broken = broken(&outcome);
        assert!(broken.is_none(), "{}", broken.unwrap_or_default());
        return;
    }
    let report = campaign(seeds(), ENOUGH);
    println!("{} seeds: {:#?}", report.seeds, report.counts);
    println!("{} kinds of settlement reached", report.reached.len());
    for (seed, text) in &report.failures {
        println!("seed {seed}:\n{text}\n  replay: {}", replay(*seed));
    }
    assert!(
        report.failures.is_empty(),
        "{} seeds failed",
        report.failures.len()
    );
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in [3, 17, 40_134] {
        let plan = Plan::new(seed);
        assert_eq!(run(&plan, None), run(&plan, None), "seed {seed}");
    }
}

/// Seeds that broke a promise once, run under the plan that found them, with what was wrong.
const MENDED: [(u64, &str); 16] = [
    (
        5_313,
        "the live cursor moved on before the key sets of a whole read were compared",
    ),
    (10_218, "the same, and the deletion stayed unseen for ever"),
    (
        7_780,
        "a round that failed after a write forgot that it had written",
    ),
    (
        9_326,
        "the same, on a side whose rows were read between write and retry",
    ),
    (13_537, "the same, and the older value travelled back"),
    (
        9_726,
        "a change that superseded a failed attempt did not know of its write",
    ),
    (
        9_571,
        "the other side was written between the look at a record and its write",
    ),
    (
        13_869,
        "a change waited for a record whose deletion was never seen",
    ),
    (
        15_109,
        "a number on its way was taken for one that is missing",
    ),
    (
        10_676,
        "the checker gave a new record the past of one that had its key",
    ),
    (11_570, "the same, on the side that allocates numbers"),
    (
        40_134,
        "a version that was read and not written did not count as known",
    ),
    (6_246, "the same, after a lost answer"),
    (
        2_199,
        "a change waited for a record of a pair that had ended",
    ),
    (
        11_443,
        "a number that stood there already released nobody who waited for it",
    ),
    (19_388, "the same, after a crash"),
];

#[test]
fn mended_seeds_stay_mended() {
    let failing: Vec<String> = MENDED
        .into_iter()
        .filter_map(|(seed, reason)| {
            let broken = broken(&outcome(&Plan::plain(seed)))?;
            Some(format!("seed {seed} ({reason}):\n{broken}"))
        })
        .collect();
    assert!(failing.is_empty(), "{}", failing.join("\n"));
}
