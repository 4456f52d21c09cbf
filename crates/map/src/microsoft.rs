//! Microsoft's own map documents: read into map files, and written back without loss.
//!
//! Dual-write keeps a map as JSON (`msdyn_dualwriteentitymaps`, column `msdyn_mapping`): legs with
//! field mappings, directions as a number, a digit text or a word, and value transforms. The road:
//!
//! 1. [`find`] looks for such documents in any JSON: alone, in rows, in pages of rows, in projects.
//! 2. [`import`] turns each leg into a [`crate::MapFile`]. What no map file can say is reported with
//!    its place and stays in [`Carried`], which is kept beside the map.
//! 3. [`export`] writes a map file back into the document it came from, member by member: what
//!    nobody changed comes out as it went in.
//!
//! What is beyond a map's JSON (keys, names of entities, company) comes from [`Known`].

mod carried;
mod direction;
mod export;
mod find;
mod import;
mod key;
mod known;
mod leg;
mod member;
mod place;
mod transforms;

pub use carried::{Carried, CarriedError};
pub use export::{Exported, export};
pub use find::{Found, find, latest};
pub use import::{Imported, import};
pub use known::{EntityName, Known, map_name};
