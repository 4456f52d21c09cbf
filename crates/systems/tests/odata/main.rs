//! The OData connector against a service that keeps the standard, and against the same service with
//! each of the faults that real ones have.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is a test's failure, in its builders too"
)]

mod changes;
mod faults;
mod reads;
mod rows;
mod service;
#[expect(dead_code, reason = "the tests of the other connectors use the rest")]
#[path = "../stand_in/mod.rs"]
mod stand_in;
