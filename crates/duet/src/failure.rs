//! Why a command could not do its duty: findings with codes, and the exit code they lead to.

use crate::exit::Exit;
use duet_engine::EngineError;
use duet_engine::decisions::DecisionError;
use duet_map::diagnostic::{Code, Diagnostic, Severity};
use duet_store::StoreError;
use duet_systems::{Class, SystemError};
use std::error::Error;

/// The codes of failures of the command line; each has a page under `docs/errors`.
pub mod codes {
    use super::Code;

    /// No map file stands where `maps:` points.
    pub const NO_MAPS: Code = Code(5009);
    /// A map file cannot be read.
    pub const MAP_UNREADABLE: Code = Code(5010);
    /// The address to listen on cannot be had.
    pub const LISTEN: Code = Code(5011);
    /// There is no store yet.
    pub const NO_STORE: Code = Code(5012);
    /// No page explains a code.
    pub const NO_PAGE: Code = Code(5013);
    /// Two map files carry one name.
    pub const SAME_MAP: Code = Code(5014);
    /// A file or folder of the demo or the sandbox cannot be written.
    pub const UNWRITABLE: Code = Code(5015);
    /// A stand-in cannot be started.
    pub const STAND_IN: Code = Code(5016);
    /// The certificate of the sandbox cannot be made or written.
    pub const CERTIFICATE: Code = Code(5110);
    /// An expectation of the scripted demo did not hold in time.
    pub const EXPECTATION: Code = Code(5017);
    /// An argument is not of the form COLUMN=VALUE.
    pub const NO_ASSIGNMENT: Code = Code(5081);
    /// A command names a map that does not exist.
    pub const NO_SUCH_MAP: Code = Code(5090);
    /// What cannot be undone was not confirmed.
    pub const NOT_CONFIRMED: Code = Code(5091);
    /// The running process did not take up what was changed.
    pub const NOT_RELOADED: Code = Code(5092);
    /// A side is another environment than the one that the store knows.
    pub const OTHER_ENVIRONMENT: Code = Code(5093);
    /// A name is neither a map file nor a published map.
    pub const NO_MAP_NAMED: Code = Code(5150);
    /// No map that was named has examples.
    pub const NO_EXAMPLES: Code = Code(5151);
    /// A comparison or repair is asked for companies that it cannot concern.
    pub const NOT_IN_SCOPE: Code = Code(5160);
    /// A company in scope does not exist.
    pub const COMPANY_UNKNOWN: Code = Code(5120);
    /// Company codes are empty or not unique.
    pub const COMPANY_CODES: Code = Code(5121);
    /// A side is another environment than when the lock was written.
    pub const ENVIRONMENT_MOVED: Code = Code(5122);
    /// The lock does not read.
    pub const LOCK_UNREADABLE: Code = Code(5123);
    /// The lock cannot be written.
    pub const LOCK_UNWRITABLE: Code = Code(5124);
    /// Something happened that should be impossible.
    pub const BUG: Code = Code(5070);
}

/// Why a command could not do its duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What is said about it.
    pub findings: Vec<Diagnostic>,
}

impl Failure {
    /// A failure of one sentence and a next step.
    pub fn new(
        exit: Exit,
        code: Code,
        message: impl Into<String>,
        fix: impl Into<Option<String>>,
    ) -> Self {
        Self {
            exit,
            findings: vec![Diagnostic {
                code,
                severity: Severity::Error,
                message: message.into(),
                place: None,
                notes: Vec::new(),
                fix: fix.into(),
            }],
        }
    }

    /// Adds a fact to the last finding.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        if let Some(finding) = self.findings.last_mut() {
            finding.notes.push(note.into());
        }
        self
    }

    /// Findings in `duet.yaml` or map files.
    pub const fn configuration(findings: Vec<Diagnostic>) -> Self {
        Self {
            exit: Exit::Configuration,
            findings,
        }
    }

    /// An error of the system that `doing` was done with.
    pub fn system(doing: &str, error: &SystemError) -> Self {
        let fix = match error.class {
            Class::Retry => "check that the address is right and the system up, then try again",
            Class::Wait => "the system asks for patience; try again in a while",
            Class::FixAccess => {
                "check tenant, client id and secret in duet.yaml, and the application user's roles"
            }
            Class::FixMap => "correct the map; `duet check` tells the place",
            Class::FixData | Class::Moved | Class::Gone | Class::Duplicate => {
                "correct the record, then `duet retry`"
            }
            Class::CursorExpired => "run `duet sync`, which reads the table whole again",
            Class::Bug => "report this with the output of the same command and `--verbose`",
        };
        let failure = Self::new(
            Exit::Side,
            error.code,
            format!("{doing}: {}", error.message),
            fix.to_owned(),
        );
        let words = error
            .detail
            .as_ref()
            .map(|detail| match &error.system_code {
                Some(code) => format!("the system answered {code}: {detail}"),
                None => format!("the system answered: {detail}"),
            });
        let failure = match words {
            Some(words) => failure.note(words),
            None => failure,
        };
        failure.causes(error.source.as_deref().map(|source| source as &dyn Error))
    }

    /// Something that should be impossible.
    pub fn bug(doing: &str, error: &(dyn Error + 'static)) -> Self {
        Self::new(
            Exit::Bug,
            codes::BUG,
            format!("{doing}: {error}"),
            "this should not happen; please report it with the output of `--verbose`".to_owned(),
        )
        .causes(error.source())
    }

    fn causes(mut self, mut cause: Option<&dyn Error>) -> Self {
        while let Some(error) = cause {
            self = self.note(format!("caused by: {error}"));
            cause = error.source();
        }
        self
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        let text = text
            .split_once(": ")
            .map_or(text.as_str(), |(_, message)| message);
        // The store's messages end in what to do, after the semicolon.
        let (message, fix) = text
            .rsplit_once("; ")
            .map_or((text, None), |(message, fix)| {
                (message, Some(fix.to_owned()))
            });
        Self::new(Exit::Store, error.code(), message, fix).causes(error.source())
    }
}

impl From<DecisionError> for Failure {
    fn from(error: DecisionError) -> Self {
        if let DecisionError::Store(error) = error {
            return error.into();
        }
        let text = error.to_string();
        let text = text
            .split_once(": ")
            .map_or(text.as_str(), |(_, message)| message);
        let (message, fix) = text
            .rsplit_once("; ")
            .map_or((text, None), |(message, fix)| {
                (message, Some(fix.to_owned()))
            });
        Self::new(Exit::Usage, error.code(), message, fix)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::System {
                side,
                name,
                doing,
                source,
            } => Self::system(&format!("the {side} side ({name}) {doing}"), &source),
        }
    }
}
