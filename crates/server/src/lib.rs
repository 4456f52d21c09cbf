//! HTTP for people and machines: health, readiness by progress, status, metrics, webhooks in.
//!
//! Nothing here shows a row's values: maps, sides, figures and codes only.
//!
//! 1. [`service`]: the router and how it is served until told to stop.
//! 2. [`status`]: what the store knows, gathered for people and programs.
//! 3. [`readiness`]: whether changes get through, side by side.
//! 4. [`metrics`]: the same figures for Prometheus.
//! 5. [`hooks`]: webhooks, durable before they are answered.

pub mod hooks;
pub mod metrics;
pub mod readiness;
pub mod service;
pub mod status;

pub use hooks::Notices;
pub use readiness::{Reach, Readiness};
pub use service::{Service, router, serve};
pub use status::Status;
