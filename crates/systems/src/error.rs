//! What can go wrong with a system, classed by what has to be done about it.

use duet_map::diagnostic::Code;
use std::fmt;
use std::time::Duration;

/// What a person or the engine does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Try the same again after a pause: the network or the service failed for a moment.
    Retry,
    /// The system asks for patience (429): wait as long as it says, then go on.
    Wait,
    /// The record's version is not the one the request named: read it again and merge.
    Moved,
    /// The record is not there (any more).
    Gone,
    /// A record with this key is there already.
    Duplicate,
    /// The system refuses the data; a person changes the data.
    FixData,
    /// The map asks for what the system does not have; a person changes the map.
    FixMap,
    /// Credentials or privileges are wrong; a person changes the access.
    FixAccess,
    /// The change cursor is too old; the table has to be read whole again.
    CursorExpired,
    /// The system or the connector broke its protocol; report it.
    Bug,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retry => "retry",
            Self::Wait => "wait",
            Self::Moved => "moved",
            Self::Gone => "gone",
            Self::Duplicate => "duplicate",
            Self::FixData => "fix data",
            Self::FixMap => "fix map",
            Self::FixAccess => "fix access",
            Self::CursorExpired => "cursor expired",
            Self::Bug => "bug",
        })
    }
}

/// An error of a system or of the way to it.
///
/// The message says what happened and what to do next. It never carries a secret or the values of
/// a row; the system's own words go into `detail`, which is shown to the operator but not logged.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct SystemError {
    /// What has to be done.
    pub class: Class,
    /// The stable code with a page in the documentation (`DUET3xxx`).
    pub code: Code,
    /// What happened, to which record and field, and what to do next.
    pub message: String,
    /// The system's own error code, where it sent one (`0x80060891`).
    pub system_code: Option<String>,
    /// The HTTP status that tells more than the class does: 502 from 503.
    pub status: Option<u16>,
    /// The system's own words, where it sent some. May name a record's values.
    pub detail: Option<String>,
    /// How long the system asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether the request may have taken effect although no answer came.
    pub outcome_unknown: bool,
    /// What caused it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SystemError {
    /// An error with a class, a code and a message, and nothing else known.
    pub fn new(class: Class, code: Code, message: impl Into<String>) -> Self {
        Self {
            class,
            code,
            message: message.into(),
            system_code: None,
            status: None,
            detail: None,
            retry_after: None,
            outcome_unknown: false,
            source: None,
        }
    }
}
