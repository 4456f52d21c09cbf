//! The checkers notice: every bug on purpose is caught within a few hundred seeds, and the seeds that
//! catch it break no promise without it.

use duet_simulation::{Mutation, run};

/// A bug that no checker notices within so many seeds is not noticed.
const SEEDS: u64 = 400;

#[test]
fn every_bug_on_purpose_is_caught() {
    let (mut missed, mut anyway) = (Vec::new(), Vec::new());
    println!("{:<18} {:<24} seeds", "bug", "caught by");
    for mutation in Mutation::ALL {
        let caught = (0..SEEDS).find_map(|seed| {
            let outcome = run(&mutation.plan(seed), Some(mutation));
            let first = outcome.violations.into_iter().next()?;
            Some((seed + 1, first.checker))
        });
        match caught {
            Some((seeds, checker)) => {
                // It is the bug that is noticed, and nothing else.
                if !run(&mutation.plan(seeds - 1), None).violations.is_empty() {
                    anyway.push((mutation, seeds - 1));
                }
                println!("{:<18} {checker:<24} {seeds}", format!("{mutation:?}"));
            }
            None => missed.push(mutation),
        }
    }
    assert!(missed.is_empty(), "no checker noticed {missed:?}");
    assert!(anyway.is_empty(), "broken without the bug: {anyway:?}");
}
