//! What a table map means: values, schemas, map files, filters, translation and merge.
//!
//! Everything here is pure. Nothing knows a network, a clock or a database; what a map needs
//! from outside (schemas, resolved lookups) comes in as a value. The road through the crate:
//!
//! 1. [`value`], [`schema`], [`record`]: what a row holds and what a table promises.
//! 2. [`mod@file`] reads a map file, [`filter`] both filter dialects.
//! 3. [`compile`] binds the file to two schemas: a [`CompiledMap`], or [`diagnostic`]s.
//! 4. A row's way through it: [`key`], [`image`] (diff), [`lookup`]s, [`translate`], [`merge`],
//!    [`check`], and after the write the image again.
//! 5. [`microsoft`] reads and writes the map documents of Dual-write.
//! 6. [`analysis`] finds what maps that compile will do that nobody wants.
//! 7. [`order`] sorts maps so that what is referenced comes first.

pub mod analysis;
mod canonical;
pub mod check;
pub mod codes;
pub mod company;
pub mod compile;
pub mod compiled;
mod convert;
mod counterpart;
pub mod creation;
pub mod diagnostic;
pub mod difference;
pub mod example;
mod expression;
pub mod field_set;
pub mod file;
pub mod filter;
pub mod image;
pub mod key;
pub mod lookup;
pub mod merge;
pub mod microsoft;
mod near;
mod needs;
pub mod order;
mod path;
pub mod problem;
pub mod record;
pub mod schema;
pub mod side;
pub mod translate;
mod twins;
pub mod typed;
pub mod value;
mod values;
mod words;

pub use compiled::{CompiledMap, LookupUse};
pub use creation::NewRecord;
pub use diagnostic::{Code, Diagnostic, Place, Severity};
pub use field_set::FieldSet;
pub use file::MapFile;
pub use key::KeyProblem;
pub use lookup::{
    CounterpartNeed, FindCandidate, FindNeed, FollowNeed, LookupNeed, Resolution, ResolvedLookups,
};
pub use merge::{Decision, Meeting, Merged, MergedConflict, Ruling, Verdict};
pub use order::{Order, dependency_order};
pub use problem::Problem;
pub use record::{Key, Record, RecordId, Version};
pub use schema::{Column, ColumnType, LookupTarget, SchemaSet, SchemaSource, TableSchema};
pub use side::{PerSide, Side};
pub use translate::{TranslatedColumn, Translation, Waiting};
pub use value::{Reference, Row, Value};
