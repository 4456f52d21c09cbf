//! The exit codes that scripts can trust.

use std::process::ExitCode;

/// How a command ended. The numbers are part of the interface and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The command did what it was asked.
    Done = 0,
    /// The command ran and found something: errors in maps, parked changes where none are
    /// allowed, an audit that does not balance, an expectation of the demo that did not hold.
    Findings = 1,
    /// The command line itself is wrong. `clap` ends with the same number.
    Usage = 2,
    /// `duet.yaml`, a map file or a secret that they refer to cannot be used.
    Configuration = 3,
    /// A side cannot be reached or refuses access.
    Side = 4,
    /// The store is in use by another process, or broken.
    Store = 5,
    /// Something happened that should be impossible. Worth a report.
    Bug = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
