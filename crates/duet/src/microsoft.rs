//! Where Microsoft's map documents come from and go to; what they mean is `duet_map::microsoft`.
//!
//! 1. [`sources`] reads files, exported solutions and folders, [`environment`] a Dataverse.
//! 2. [`known`] brings what the documents do not say: names, published maps, live schemas.
//! 3. [`maps`] writes imported maps into a project, each with its document beside it, and finds
//!    them again for an export.
//! 4. [`rows`] makes rows of exported documents, for [`environment`] and for a [`solution`].

pub mod environment;
pub mod known;
pub mod maps;
pub mod rows;
pub mod solution;
pub mod sources;

use duet_map::diagnostic::{Code, Diagnostic};
use duet_map::microsoft::Found;

/// The codes of failures of imports and exports; each has a page under `docs/errors`.
pub mod codes {
    use super::Code;

    /// An imported map would be written over one that is there.
    pub const MAP_EXISTS: Code = Code(5135);
    /// A file to import cannot be read.
    pub const SOURCE_UNREADABLE: Code = Code(5136);
    /// No map of the project has this name.
    pub const NO_SUCH_MAP: Code = Code(5137);
    /// No side of the project keeps maps of Dual-write.
    pub const NO_DATAVERSE: Code = Code(5138);
    /// The document beside a map cannot be read.
    pub const CARRIED_UNREADABLE: Code = Code(5139);
}

/// Documents and what could not be read beside them.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The documents.
    pub found: Vec<Found>,
    /// What was wrong with their surroundings.
    pub findings: Vec<Diagnostic>,
}
