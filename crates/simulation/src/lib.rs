//! A deterministic simulation of the whole engine: one seed, one run, on virtual time.
//!
//! 1. [`plan`]: what a seed decides. 2. [`world`], [`system`], [`people`]: two business systems with
//!    the quirks of the real ones, a bad network, and people who edit both.
//!    [`renames`], [`removals`], [`limits`]: other keys, rules of deletions, requests a user has.
//!    `operators`, `clerks`: people at Duet's own controls; `companies`: the scope over time;
//!    [`drift`]: columns that change; [`alerts`]: rules that fire; [`files`]: the maps as they have them.
//! 3. [`timeline`]: virtual time on one thread; [`watched`]: the store under observation.
//! 4. `session`: one life of Duet after the other; [`run`]: work, faults and crashes, then rest. 5. [`ledger`], [`checks`]: what must hold;
//!    [`mutation`]: bugs on purpose that the checkers have to find. 6. [`campaign`]: many seeds.
//!
//! The engine that runs here is the one that runs in production: only its clock, its systems and
//! the place of its store are others.

#![allow(
    clippy::match_same_arms,
    clippy::needless_pass_by_value,
    clippy::similar_names,
    clippy::struct_excessive_bools,
    clippy::unused_self,
    reason = "a table of cases reads best with one line a case, and a plan is a list of switches"
)]

pub mod alerts;
pub mod campaign;
pub mod checks;
mod clerks;
mod companies;
pub mod coverage;
pub mod drift;
pub mod files;
pub mod landscape;
pub mod ledger;
pub mod limits;
mod memory;
mod mend;
pub mod mutation;
mod operators;
pub mod people;
pub mod plan;
pub mod removals;
pub mod renames;
mod run;
mod session;
pub mod system;
pub mod timeline;
pub mod watched;
pub mod world;

pub use mutation::Mutation;
pub use plan::Plan;
pub use run::{Outcome, run};
