//! Runs seeds of the simulation and prints what they reached.
//!
//! `cargo run --profile simulation -p duet-simulation -- --seeds 0..2000 --mutations`

use duet_simulation::campaign::{Report, broken, campaign, outcome, replay};
use duet_simulation::coverage::missing;
use duet_simulation::{Mutation, Plan, run};
use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str =
    "usage: duet-simulation [--keys | --stale-points] [--seeds FROM..UNTIL] [--mutations]
       duet-simulation [--keys | --stale-points] --story SEED

  --seeds 0..2000   which seeds to run (default 0..2000)
  --story 17        tell what happens in one seed, step by step
  --keys            people also change keys (some of these seeds are not mended yet)
  --stale-points    reads by identifier may be old (some of these seeds break a promise)
  --mutations       also run the bugs on purpose and say which checker caught each";

/// A bug that no checker notices within so many seeds is not noticed.
const PATIENCE: u64 = 400;

fn range(text: &str) -> Option<Range<u64>> {
    let (from, until) = text.split_once("..")?;
    Some(from.trim().parse().ok()?..until.trim().parse().ok()?)
}

fn main() -> ExitCode {
    let mut seeds = 0..2_000;
    let mut mutations = false;
    let mut plan: fn(u64) -> Plan = Plan::new;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--mutations" => mutations = true,
            "--keys" => plan = Plan::with_keys,
            "--stale-points" => plan = Plan::with_stale_points,
            "--seeds" => {
                let Some(wanted) = arguments.next().as_deref().and_then(range) else {
                    eprintln!("--seeds takes two numbers, as in 0..2000\n\n{USAGE}");
                    return ExitCode::from(2);
                };
                seeds = wanted;
            }
            "--story" => {
                let Some(seed) = arguments.next().and_then(|text| text.parse().ok()) else {
                    eprintln!("--story takes a number\n\n{USAGE}");
                    return ExitCode::from(2);
                };
                return tell(&plan(seed));
            }
            "--help" | "-h" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            other => {
                eprintln!("{other} is unknown\n\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    }

    let begun = Instant::now();
    let report = campaign(seeds, usize::MAX, plan);
    let seconds = begun.elapsed().as_secs().max(1);
    println!(
        "{} seeds in {seconds} s, {} a second",
        report.seeds,
        report.seeds / seconds
    );
    println!("\nwhat happened:");
    for (what, count) in &report.counts {
        println!("{count:>10}  {what}");
    }
    print_reached(&report);
    for (seed, text) in &report.failures {
        println!("\nseed {seed}:\n{text}\n  replay: {}", replay(*seed));
    }
    if mutations && !catch_mutations() {
        return ExitCode::FAILURE;
    }
    if report.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("\n{} seeds failed", report.failures.len());
        ExitCode::FAILURE
    }
}

/// Prints what was reached, subject by subject, and what was not.
fn print_reached(report: &Report) {
    let mut subject = "";
    for (what, count) in &report.reached {
        let (of, what) = what.split_once(": ").unwrap_or(("", what));
        if of != subject {
            subject = of;
            let kinds = report.reached.keys();
            let kinds = kinds.filter(|key| key.starts_with(&format!("{of}: ")));
            println!(
                "\n{of}: {} kinds, and how many seeds reached each",
                kinds.count()
            );
        }
        println!("{count:>10}  {what}");
    }
    println!("\nnever reached:");
    for what in missing(report) {
        println!("            {what}");
    }
}

/// Tells what happens in one seed.
fn tell(plan: &Plan) -> ExitCode {
    let outcome = outcome(plan);
    println!("{plan:#?}");
    if let Ok(outcome) = &outcome {
        println!("{}", outcome.story.join("\n"));
    }
    match broken(&outcome) {
        None => ExitCode::SUCCESS,
        Some(broken) => {
            println!("{broken}");
            ExitCode::FAILURE
        }
    }
}

/// Prints which checker catches each bug on purpose; `false` when one is missed.
fn catch_mutations() -> bool {
    println!("\n{:<18} {:<24} seeds", "bug", "caught by");
    let mut all = true;
    for mutation in Mutation::ALL {
        let caught = (0..PATIENCE).find_map(|seed| {
            let outcome = run(&mutation.plan(seed), Some(mutation));
            let first = outcome.violations.into_iter().next()?;
            Some((seed + 1, first.checker))
        });
        let name = format!("{mutation:?}");
        if let Some((seeds, checker)) = caught {
            println!("{name:<18} {checker:<24} {seeds}");
        } else {
            println!("{name:<18} {:<24} -", "nobody");
            all = false;
        }
    }
    all
}
