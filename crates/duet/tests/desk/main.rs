//! What people at a terminal see when they decide about conflicts, parked changes, drift and deletions, and
//! what scripts get: outputs and exit codes of real commands over a real store and the stand-ins.
//!
//! A file for each group of commands; [`screen`] leaves out of what they say what differs by run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod conflicts;
mod deletions;
mod drift;
mod orders;
mod parked;
mod screen;
#[path = "../stage/mod.rs"]
mod stage;
