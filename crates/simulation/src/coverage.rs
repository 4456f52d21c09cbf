//! What a campaign is expected to reach, so that it can say what it never did.

use crate::campaign::Report;
use duet_engine::failpoint::POINTS;

/// States that a map shows.
const STATES: [&str; 6] = [
    "NotRunning",
    "InitialSync",
    "CatchUp",
    "Running",
    "Paused",
    "ErrorPaused",
];

/// Orders that people give.
const ORDERS: [&str; 5] = [
    "Pause, CatchUp",
    "Run, CatchUp",
    "Run, KeepParked",
    "Run, Discard",
    "Stop, CatchUp",
];

/// Why changes are parked.
const REASONS: [&str; 8] = [
    "WaitingForKey",
    "Validation",
    "Conflict",
    "Refused",
    "Fault",
    "Oscillating",
    "Held",
    "MassDelete",
];

/// What happens to maps that run: to their scope, their files, their columns.
const KINDS: [&str; 8] = [
    "drift: ChangesType noticed",
    "drift: Shrinks noticed",
    "drift: Vanishes noticed",
    "revision: with every field",
    "revision: without a field",
    "scope: one enters",
    "scope: one enters and one leaves",
    "scope: one leaves",
];

/// Everything that a campaign is expected to reach, each with its subject.
pub fn expected() -> Vec<String> {
    let mut all: Vec<String> = STATES
        .iter()
        .map(|state| format!("state: {state}"))
        .collect();
    for order in ORDERS {
        for state in STATES {
            all.push(format!("order: {order}, by Person while {state}"));
        }
    }
    all.extend(KINDS.iter().map(|kind| (*kind).to_owned()));
    all.extend(REASONS.iter().map(|reason| format!("parked: {reason}")));
    for point in POINTS {
        all.push(format!("point: {point}"));
        all.push(format!("death: {point}"));
    }
    all
}

/// What was expected and never reached.
pub fn missing(report: &Report) -> Vec<String> {
    let mut all = expected();
    all.retain(|what| !report.reached.contains_key(what));
    all
}
