//! What a table map means: values, schemas, map files, filters, translation and merge.
//!
//! Everything here is pure. Nothing knows a network, a clock or a database; what a map needs
//! from outside (schemas, resolved lookups) comes in as a value. The road through the crate:
//!
//! 1. [`value`] and [`schema`]: what a row holds and what a table promises.

pub mod diagnostic;
pub mod record;
pub mod schema;
pub mod side;
pub mod value;
