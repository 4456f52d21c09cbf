//! What stands on either side of a map, behind one trait.
//!
//! A connector turns its system's protocol into [`System`]: schemas, whole reads, changes since a
//! cursor, point reads and bulk writes. It knows tables, columns and versions, and nothing of maps,
//! pairs or the journal. A new system is one new folder here.

pub mod error;
pub mod system;

pub use error::{Class, SystemError};
pub use system::{
    Changes, ChangesRequest, Cursor, Find, Found, Notice, Page, Seen, SnapshotRequest, System,
    Write, Written,
};
