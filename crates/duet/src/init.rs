//! A new project: two connections, what their systems hold, and which maps serve it.
//!
//! 1. [`answers`] takes flags, and asks for what they leave open.
//! 2. [`survey`] reads both systems: which maps of which packages could run, how many rows each
//!    would carry, and in which companies they stand.
//! 3. [`proposal`] picks packages and companies; a person may pick others.
//! 4. [`write`] puts `duet.yaml` and the maps into the project's folder, and never over anything.

pub mod answers;
pub mod proposal;
pub mod survey;
pub mod write;

use duet_map::diagnostic::Code;

/// The codes of failures of a new project; each has a page under `docs/errors`.
pub mod codes {
    use super::Code;

    /// There is a project already.
    pub const PROJECT_EXISTS: Code = Code(5140);
    /// Something must be known that no flag says and nobody can be asked.
    pub const NOT_ANSWERED: Code = Code(5141);
    /// Neither system holds anything that a package maps.
    pub const NOTHING_IN_USE: Code = Code(5142);
}
