//! Errors as people who know Dual-write class them: application, 400, 401/403, 429, 502 and 503.
//!
//! [`duet_systems::Class`] says what has to be done about an error; this says what it looks like to
//! whoever writes an alert rule.

use duet_map::diagnostic::Code;
use duet_systems::{Class, SystemError, codes};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A class of errors that alert rules count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// The data breaks a rule: one of ours before a write, or one of the system's business logic.
    Application,
    /// The system does not understand the request (400): table, column or type.
    BadRequest,
    /// Credentials or privileges (401, 403).
    Access,
    /// The system asks for patience (429).
    Throttled,
    /// A gateway failed (502).
    BadGateway,
    /// The system does not answer, or not now (500, 503, 504, no connection).
    Unavailable,
}

impl ErrorClass {
    /// Every class.
    pub const ALL: [Self; 6] = [
        Self::Application,
        Self::BadRequest,
        Self::Access,
        Self::Throttled,
        Self::BadGateway,
        Self::Unavailable,
    ];

    /// The class of an error; none for what is no error to a person: a record that moved, is gone
    /// or exists already, and a cursor that is read anew.
    pub fn of(error: &SystemError) -> Option<Self> {
        match error.class {
            Class::Moved | Class::Gone | Class::Duplicate | Class::CursorExpired => None,
            _ if error.status == Some(502) => Some(Self::BadGateway),
            Class::Wait => Some(Self::Throttled),
            Class::FixAccess => Some(Self::Access),
            Class::Retry => Some(Self::Unavailable),
            Class::FixData => Some(Self::Application),
            Class::FixMap => Some(Self::BadRequest),
            Class::Bug => Some(Self::of_code(error.code)),
        }
    }

    fn of_code(code: Code) -> Self {
        match code {
            codes::UNEXPECTED | codes::UNAVAILABLE => Self::Unavailable,
            _ => Self::BadRequest,
        }
    }

    /// Whether it is about a side as a whole rather than about a record or a map.
    pub const fn is_of_side(self) -> bool {
        matches!(
            self,
            Self::Access | Self::Throttled | Self::BadGateway | Self::Unavailable
        )
    }

    /// The word in rules and output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::BadRequest => "400",
            Self::Access => "401/403",
            Self::Throttled => "429",
            Self::BadGateway => "502",
            Self::Unavailable => "503",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for ErrorClass {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if matches!(text, "401" | "403") {
            return Ok(Self::Access);
        }
        Self::ALL
            .into_iter()
            .find(|class| class.word() == text)
            .ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for class in ErrorClass::ALL {
            assert_eq!(class.word().parse(), Ok(class));
        }
        assert_eq!("403".parse(), Ok(ErrorClass::Access));
        assert!("404".parse::<ErrorClass>().is_err());
    }

    #[test]
    fn a_gateways_failure_is_told_from_a_service_that_is_away() {
        let error = |status| {
            let mut error = SystemError::new(Class::Retry, codes::UNAVAILABLE, "away");
            error.status = status;
            ErrorClass::of(&error)
        };
        assert_eq!(error(Some(502)), Some(ErrorClass::BadGateway));
        assert_eq!(error(Some(503)), Some(ErrorClass::Unavailable));
        assert_eq!(error(None), Some(ErrorClass::Unavailable));
        let moved = SystemError::new(Class::Moved, codes::MOVED, "moved");
        assert_eq!(ErrorClass::of(&moved), None);
    }
}
