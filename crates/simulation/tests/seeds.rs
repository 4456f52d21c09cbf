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
    let report = campaign(seeds(), ENOUGH, Plan::new);
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
const MENDED: [(u64, &str); 17] = [
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
    (
        21_629,
        "a write that was never answered beat the edit of a person who had seen it",
    ),
];

/// The same, of those that half of the seeds have more of.
const MENDED_WIDE: [(u64, &str); 11] = [
    (
        471,
        "a conflict stayed open for ever after the deletion it was about had been discarded",
    ),
    (
        1_263,
        "a record created again met one that somebody had created there, for ever",
    ),
    (
        81,
        "a sync that went on after a map got a new field did not read again",
    ),
    (
        402,
        "the version of a row from before a map got a new field stood for that field, too",
    ),
    (764, "the same, and the field never travelled"),
    (
        1_689,
        "a record created again waited for ever for the one it takes the place of",
    ),
    (
        412,
        "a conflict stayed open for ever after its record had left the filter",
    ),
    (
        607,
        "a decision was carried to the side that had nothing to say, and ended there",
    ),
    (
        818,
        "a decision about a deletion never fitted where a value before was nothing",
    ),
    (
        1_310,
        "what was read for a map before it got a field counted for the new one, too",
    ),
    (
        1_624,
        "the value that lost by a person's decision went with what still waited",
    ),
];

/// The same, under the plan of all seeds, which has more of everything.
const MENDED_NOW: [(u64, &str); 24] = [
    (
        9_597,
        "a change journaled while its record got its pair stood apart from later ones",
    ),
    (
        2_497,
        "the checker judged a change by a record whose later change was kept aside",
    ),
    (
        2_679,
        "the checker wanted a number from a record that was gone and may stay away",
    ),
    (
        2_773,
        "a resume accepted in advance what a schema would become",
    ),
    (
        2_818,
        "a change waited for a record that was deleted while nobody reported deletions",
    ),
    (8_038, "the same, and the record was created once more"),
    (
        4_764,
        "a row older than a known version counted as new once the map had another company",
    ),
    (
        5_871,
        "a comparison left out records that were deleted and created again",
    ),
    (
        6_020,
        "missing records of a side that reports deletions were held for ever",
    ),
    (
        6_407,
        "a comparison left out a survivor that a new record had met",
    ),
    (
        7_312,
        "a conflict that a policy decided showed other times than it had gone by",
    ),
    (
        8_783,
        "a rule was not obeyed for a map that its schema had broken",
    ),
    (
        9_146,
        "a row from before a map got a field was applied as if the field were empty",
    ),
    (
        11_126,
        "a deletion waited for a decision about a record that had left the filter",
    ),
    (
        12_026,
        "a queue was discarded while one of its changes was being written",
    ),
    (
        12_996,
        "the checker forgot that people had just let a map run",
    ),
    (
        14_165,
        "the checker missed the conflict record of a value that somebody had emptied",
    ),
    (
        14_433,
        "the checker did not know that a key may wait for a deletion that is held",
    ),
    (
        14_438,
        "a map that was stopped as its existing rows had been read counted as read",
    ),
    (
        15_039,
        "a deletion that a person had discarded was found once more",
    ),
    (
        17_378,
        "the checker took a deletion that a new record had overtaken for one",
    ),
    (
        18_255,
        "a value that waited for a person counted as bouncing each time it was read",
    ),
    (
        22_314,
        "a list that was read for one map was older than the changes read for all",
    ),
    (
        23_033,
        "a conflict was recorded just after a person had discarded its deletion, and stayed open",
    ),
];

/// The same, with people who change keys.
const MENDED_KEYS: [(u64, &str); 14] = [
    (
        287,
        "a pair outside the filter kept a key that neither of its records had any more",
    ),
    (
        423,
        "the checker took a key that somebody typed with a blank at its end for another one",
    ),
    (
        495,
        "a text named the record that had the key before, and not the one that has it",
    ),
    (789, "the same"),
    (
        992,
        "the checker took a deletion for one although the record was there again",
    ),
    (
        1_053,
        "a reference was written by a key that another record had by now",
    ),
    (
        1_176,
        "the checker did not know that people had discarded the new key of the other pair",
    ),
    (
        1_194,
        "a deletion waited for a decision about a record that had left the filter",
    ),
    (
        1_417,
        "a record that refers to itself was created again under a key that nobody had yet",
    ),
    (
        1_701,
        "a pair did not follow a key that had been discarded first and repaired later",
    ),
    (
        2_388,
        "the checker missed a record that stood outside the filter under another key",
    ),
    (2_684, "the same"),
    (
        3_796,
        "a text named a record by a key that only the other side had given it",
    ),
    (
        4_106,
        "the checker missed a record that was left alone outside the filter, and got another key",
    ),
];

#[test]
fn mended_seeds_stay_mended() {
    let plain = MENDED.map(|(seed, reason)| (Plan::plain(seed), reason));
    let wide = MENDED_WIDE.map(|(seed, reason)| (Plan::wide(seed), reason));
    let now = MENDED_NOW.map(|(seed, reason)| (Plan::new(seed), reason));
    let keys = MENDED_KEYS.map(|(seed, reason)| (Plan::with_keys(seed), reason));
    let failing: Vec<String> = plain
        .into_iter()
        .chain(wide)
        .chain(now)
        .chain(keys)
        .filter_map(|(plan, reason)| {
            let seed = plan.seed;
            let broken = broken(&outcome(&plan))?;
            Some(format!("seed {seed} ({reason}):\n{broken}"))
        })
        .collect();
    assert!(failing.is_empty(), "{}", failing.join("\n"));
}
