//! The road a change travels: capture, journal, apply, initial sync and live sync.
//!
//! The engine takes its clock, randomness, systems and store as parameters and touches neither
//! terminal nor environment, so that all of it runs in a simulation as well as in a service.
//!
//! 1. [`project`]: the compiled maps of a project, their order and who owns which table.
//! 2. [`engine`]: initial sync, live sync and notices in, over one project.
//! 3. [`sessions`]: one engine after the other, as maps and schemas change.
//! 4. [`orders`]: what people order of maps while they run; [`alerts`]: what rules order;
//!    [`decisions`]: what people decide about conflicts and parked changes.
//! 5. [`reconcile`]: both sides compared, and drift put right.
//! 6. [`progress`]: what the engine tells while it works.

pub mod alerts;
mod apply;
mod breaker;
mod capture;
pub mod clock;
mod core;
pub mod decisions;
mod definition;
pub mod engine;
pub mod error;
pub mod error_class;
pub mod failpoint;
mod lifecycle;
mod live;
pub mod orders;
pub mod progress;
pub mod project;
pub mod reconcile;
mod resolve;
mod retention;
pub mod sessions;
pub mod settings;
mod snapshot;

pub use clock::{Clock, SystemClock};
pub use engine::{Engine, MapSync, Parts, SyncReport, TableSync};
pub use error::EngineError;
pub use error_class::ErrorClass;
pub use progress::{Event, Progress};
pub use project::Project;
pub use sessions::{Broken, Frame, Loaded, Loader, Sessions};
pub use settings::Settings;
