//! The Finance & Operations connector against the stand-in, over real HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is a test's failure, in its builders too"
)]

mod changes;
mod events;
mod faults;
mod house;
mod metadata;
mod reads;
mod rows;
#[path = "../stand_in/mod.rs"]
mod stand_in;
