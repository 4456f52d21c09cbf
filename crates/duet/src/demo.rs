//! The demo: two local systems, a project to look at, and what users do on both sides.
//!
//! 1. [`project_files`] writes a real project that every other command works on.
//! 2. [`web_hooks`] registers Duet at both systems.
//! 3. [`scenario`] plays what has to be shown, through independent [`caller`]s, waiting with
//!    [`wait`] and noting into [`expectation`].

pub mod caller;
pub mod expectation;
pub mod project_files;
pub mod scenario;
pub mod wait;
pub mod web_hooks;
