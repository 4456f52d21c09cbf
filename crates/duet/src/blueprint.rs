//! The data blueprint: what a project syncs, why, and in which order, for the people who decide.
//!
//! 1. [`content`] gathers it from the configuration, the maps and, unless told otherwise, from both
//!    systems: schemas give the order, counts the volumes.
//! 2. [`graph`] lays the dependencies out in layers and draws them as SVG.
//! 3. [`markdown`] and [`html`] write it down; the page needs nothing from outside.

pub mod content;
pub mod graph;
pub mod html;
pub mod markdown;

pub use content::Blueprint;
