//! The road a change travels: capture, journal, apply, initial sync and live sync.
//!
//! The engine takes its clock, randomness, systems and store as parameters and touches neither
//! terminal nor environment, so that all of it runs in a simulation as well as in a service.
//!
//! 1. [`project`]: the compiled maps of a project, their order and who owns which table.
//! 2. [`engine`]: what a caller holds: initial sync, live sync, notices in.
//! 3. [`progress`]: what the engine tells while it works.

mod apply;
mod capture;
pub mod clock;
mod core;
pub mod engine;
pub mod error;
mod live;
pub mod progress;
pub mod project;
mod resolve;
pub mod settings;
mod snapshot;

pub use clock::{Clock, SystemClock};
pub use engine::{Engine, MapSync, Parts, SyncReport, TableSync};
pub use error::EngineError;
pub use progress::{Event, Progress};
pub use project::Project;
pub use settings::Settings;
