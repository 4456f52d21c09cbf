//! What must survive a crash: journal, pairs, cursors, parked changes, conflicts, activity.
//!
//! One trait, [`Store`]; one file for each database behind it. Every method that changes something
//! is one transaction, and the accounting is part of it: a counter moves in the transaction that
//! moves the change it counts.

pub mod accounting;
pub mod change;
pub mod conflict;
pub mod error;
pub mod health;
pub mod intent;
pub mod lifecycle;
pub mod pair;
pub mod settlement;
pub mod sqlite;
pub mod store;
#[cfg(test)]
mod testing;

pub use error::StoreError;
pub use sqlite::SqliteStore;
pub use store::Store;
