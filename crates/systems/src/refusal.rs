//! What a service refuses and why: what all connectors have in common about it.
//!
//! A connector finds a [`Verdict`] in the service's own words, or takes the one that the status
//! alone gives ([`by_status`]); [`of_read`] and [`of_write`] make the error of it. Messages name
//! tables, columns and limits as far as the service does, and never a value.

use crate::codes;
use crate::connection::Answer;
use crate::error::{Class, SystemError};
use duet_map::diagnostic::Code;
use duet_map::record::RecordId;
use reqwest::StatusCode;

/// What a write was about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Create,
    Update,
    Delete,
}

/// What a refusal means: what has to be done, the code, and the sentence for a person.
pub(crate) type Verdict = (Class, Code, String);

/// The service's own words about a refusal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// The service's code, where it sent one.
    pub(crate) code: String,
    /// What it says.
    pub(crate) message: String,
}

impl Words {
    /// Whether a phrase stands in the message, in letters of any case.
    pub(crate) fn has(&self, part: &str) -> bool {
        self.message
            .to_ascii_lowercase()
            .contains(&part.to_ascii_lowercase())
    }

    /// The quoted word before a phrase, as in `the 'subject' attribute`.
    pub(crate) fn quoted_before(&self, phrase: &str) -> Option<&str> {
        let (before, _) = self.message.split_once(phrase)?;
        let before = before.trim_end().strip_suffix('\'')?;
        let (_, name) = before.rsplit_once('\'')?;
        is_name(name).then_some(name)
    }

    /// The quoted word after a phrase, as in `field 'Name'`.
    pub(crate) fn quoted_after(&self, phrase: &str) -> Option<&str> {
        let (_, after) = self.message.split_once(phrase)?;
        let after = after.trim_start().strip_prefix('\'')?;
        let (name, _) = after.split_once('\'')?;
        is_name(name).then_some(name)
    }

    /// Puts the words into an error; `detail` is what a person should read of them.
    fn attach(&self, detail: String, error: &mut SystemError) {
        if !self.code.is_empty() {
            error.system_code = Some(self.code.clone());
        }
        if !detail.is_empty() {
            error.detail = Some(detail);
        }
    }
}

/// Whether a quoted word is a name of metadata or a number, and so no value of a row.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}

/// How a system speaks of what is the same everywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// What a 403 means here, and what to do about it.
    pub(crate) forbidden: &'static str,
    /// The code of a refusal that only the system's own words explain.
    pub(crate) refused: Code,
    /// That refusal in words.
    pub(crate) refusal: &'static str,
}

/// What a status says when the words say nothing.
pub(crate) fn by_status(status: StatusCode, manners: &Manners) -> Verdict {
    let (class, code, why) = match status {
        StatusCode::FORBIDDEN => (Class::FixAccess, codes::FORBIDDEN, manners.forbidden),
        StatusCode::PRECONDITION_FAILED => (Class::Moved, codes::MOVED, MOVED),
        StatusCode::PAYLOAD_TOO_LARGE => (
            Class::FixData,
            codes::TOO_LARGE,
            "it is too large for one request; shorten its texts or map fewer columns",
        ),
        StatusCode::BAD_REQUEST
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::CONFLICT
        | StatusCode::UNPROCESSABLE_ENTITY => (Class::FixData, manners.refused, manners.refusal),
        status if status.is_server_error() => (
            Class::Retry,
            codes::UNAVAILABLE,
            "the system failed inside; it is tried again later",
        ),
        _ => (
            Class::Bug,
            codes::REFUSED,
            "the system refuses it in a way that is not known; please report this",
        ),
    };
    (class, code, why.to_owned())
}

/// What is said of a record whose version has moved.
pub(crate) const MOVED: &str = "it was changed in the meantime; it is read again and merged";

/// The error of a refused read. `detail` is what a person should read of the system's words.
pub(crate) fn of_read(
    system: &str,
    answer: &Answer,
    verdict: Verdict,
    words: &Words,
    detail: String,
) -> SystemError {
    let (class, code, why) = verdict;
    let message = format!("{} in `{system}`: {why}", answer.what);
    let mut error = SystemError::new(class, code, message);
    words.attach(detail, &mut error);
    error
}

/// The error of a refused write of a record. `detail` is as in [`of_read`].
pub(crate) fn of_write(
    place: (&str, &str),
    action: Action,
    id: Option<&RecordId>,
    answer: &Answer,
    verdict: Verdict,
    words: &Words,
    detail: String,
) -> SystemError {
    let (system, table) = place;
    let (class, code, why) = verdict;
    let doing = match action {
        Action::Create => "creating",
        Action::Update => "updating",
        Action::Delete => "deleting",
    };
    let which = id.map_or_else(
        || format!("a record of `{table}`"),
        |id| format!("`{table}({id})`"),
    );
    let mut error = SystemError::new(class, code, format!("{doing} {which} in `{system}`: {why}"));
    words.attach(detail, &mut error);
    error.outcome_unknown = answer.status.is_server_error();
    error
}

/// A record that is not there.
pub(crate) fn gone(table: &str, id: Option<&RecordId>) -> SystemError {
    let which = id.map_or_else(String::new, |id| format!("({id})"));
    SystemError::new(
        Class::Gone,
        codes::GONE,
        format!("`{table}{which}` is not there any more"),
    )
}

/// A record whose version has moved.
pub(crate) fn moved(table: &str) -> SystemError {
    SystemError::new(
        Class::Moved,
        codes::MOVED,
        format!("a record of `{table}` was changed in the meantime; it is read again and merged"),
    )
}

/// A record that is there already.
pub(crate) fn duplicate(table: &str, id: Option<&RecordId>) -> SystemError {
    let which = id.map_or_else(String::new, |id| format!("({id})"));
    SystemError::new(
        Class::Duplicate,
        codes::DUPLICATE,
        format!("`{table}{which}` is there already"),
    )
}
