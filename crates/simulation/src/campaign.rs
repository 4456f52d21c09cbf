//! Many seeds at once: runs them on every core and gathers what they reached and what they broke.

use crate::plan::Plan;
use crate::run::{Outcome, run};
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What many seeds came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many seeds ran.
    pub seeds: u64,
    /// How often each kind of thing happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// In how many seeds each kind of settlement was reached: what it did to the pair, and how the
    /// change ended.
    pub reached: BTreeMap<String, u64>,
    /// The seeds that broke a promise, with what they broke.
    pub failures: BTreeMap<u64, String>,
}

/// The one command that tells the story of a seed.
pub fn replay(seed: u64) -> String {
    format!(
        "DUET_SEED={seed} cargo test --profile simulation -p duet-simulation --test seeds every_seed \
         -- --nocapture"
    )
}

/// Runs a seed; a panic breaks a promise as well.
pub fn outcome(plan: &Plan) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| run(plan, None))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

/// What an outcome broke, a line each; `None` when it kept every promise.
pub fn broken(outcome: &Result<Outcome, String>) -> Option<String> {
    match outcome {
        Err(panic) => Some(format!("  panicked: {panic}")),
        Ok(outcome) if outcome.violations.is_empty() => None,
        Ok(outcome) => {
            let lines = outcome.violations.iter();
            let lines: Vec<String> = lines
                .map(|one| format!("  {}: {}", one.checker, one.what))
                .collect();
            Some(lines.join("\n"))
        }
    }
}

/// Runs the plans of seeds on every core until `enough` of them have failed.
pub fn campaign(seeds: Range<u64>, enough: usize, plan: fn(u64) -> Plan) -> Report {
    fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
    let next = AtomicU64::new(seeds.start);
    let report = Mutex::new(Report::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    if held(&report).failures.len() >= enough {
                        return;
                    }
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = outcome(&plan(seed));
                    let report = &mut *held(&report);
                    report.seeds += 1;
                    if let Some(text) = broken(&outcome) {
                        report.failures.insert(seed, text);
                    }
                    if let Ok(outcome) = outcome {
                        for (what, count) in outcome.counts {
                            *report.counts.entry(what).or_default() += count;
                        }
                        for what in outcome.reached {
                            *report.reached.entry(what).or_default() += 1;
                        }
                    }
                }
            });
        }
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}
