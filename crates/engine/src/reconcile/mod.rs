//! Reconciliation: both sides read and compared under the maps, and what differs put right.
//!
//! 1. [`compare`]: both tables page by page, each record with its counterpart, and what is known of each
//!    difference. Only one page is in memory, and nothing is written.
//! 2. `counterparts`: the other record of each; `fields`: the fields in which both differ;
//!    `key_range`: which of the records are asked for.
//! 3. [`repair`]: drift becomes changes in the journal, which the road carries out as the master has it.

pub mod compare;
mod counterparts;
mod fields;
pub mod key_range;
pub mod repair;

pub use compare::{Class, CompareOptions, Comparison, Difference, MapComparison};
pub use key_range::KeyRange;
pub use repair::{Action, Step};
