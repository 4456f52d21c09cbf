//! The command line of Duet, as a library so that tests and benches can drive it.
//!
//! 1. [`cli`] parses arguments; each command is a thin file over the library crates.
//! 2. [`config`] reads `duet.yaml`, [`map_files`] the maps, [`schemas`] what both sides promise;
//!    [`project`] puts them together into an engine, [`live`] runs it.
//!    [`checking`] finds trouble before that.
//!    [`environment`] tells whose records a store holds, [`notifier`] posts alerts.
//! 3. [`packages`] are the out-of-the-box maps, installed by module; [`microsoft`] brings the maps
//!    of Dual-write in and out.
//! 4. [`init`] begins a project, [`blueprint`] writes down what it syncs, [`volumes`] counts what
//!    its maps would carry.
//! 5. [`stand_ins`] and [`demo`] show it at work without any real system.
//! 6. [`terminal`], [`render`], [`progress`], [`report`]: how findings and data reach people and
//!    programs; [`failure`] and [`exit`] tell how a command ended.

pub mod blueprint;
pub mod checking;
pub mod cli;
pub mod config;
pub mod confirmation;
pub mod connectors;
pub mod demo;
pub mod environment;
pub mod error_pages;
pub mod exit;
pub mod failpoints;
pub mod failure;
pub mod init;
pub mod live;
pub mod map_files;
pub mod microsoft;
pub mod notifier;
pub mod packages;
pub mod progress;
pub mod project;
pub mod render;
pub mod report;
pub mod schemas;
pub mod signal;
pub mod solutions;
pub mod stand_ins;
pub mod terminal;
pub mod tracing_setup;
pub mod volumes;
