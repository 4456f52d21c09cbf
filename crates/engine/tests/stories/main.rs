//! What the engine does, told as stories over two systems in memory: one story a test.

// A panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::similar_names, reason = "a story has a store")]
#![allow(unreachable_pub, reason = "stories share parts, and nobody else does")]

#[path = "../pair/mod.rs"]
mod pair;
mod stage;
mod story;
mod wide;

mod alerts;
mod clocks;
mod conflicts;
mod deletions;
mod evolution;
mod filters;
mod found;
mod lifecycle;
mod meeting;
mod missing;
mod network;
mod oscillation;
mod own_writes;
mod pains;
mod parking;
mod peers;
mod reconcile;
mod references;
mod renamed;
mod renaming;
mod rewriting;
mod road;
mod scope;
mod twins;
