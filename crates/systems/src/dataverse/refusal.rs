//! What Dataverse refuses and why, in words for the person who has to act.
//!
//! Codes and statuses are those of the reference, sections A13 and A14. A code that is not known
//! falls back to its status. Messages name tables, columns and limits as far as the service does,
//! and never a value.

use crate::codes;
use crate::connection::Answer;
use crate::connection::failure;
use crate::error::{Class, SystemError};
use duet_map::diagnostic::Code;
use duet_map::record::RecordId;
use duet_map::schema::TableSchema;
use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::Value as Json;

/// What a write was about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Update,
    Delete,
}

/// The error that the service sent.
#[derive(Debug, Default, PartialEq, Eq)]
struct Words {
    /// The hexadecimal code, in upper case, with a small `0x`.
    code: String,
    message: String,
}

impl Words {
    fn of(answer: &Answer) -> Self {
        let Ok(body) = serde_json::from_slice::<Json>(&answer.body) else {
            return Self::default();
        };
        let text = |name: &str| {
            body.get("error")
                .and_then(|error| error.get(name))
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            code: normal(&text("code")),
            message: text("message"),
        }
    }

    fn has(&self, part: &str) -> bool {
        self.message
            .to_ascii_lowercase()
            .contains(&part.to_ascii_lowercase())
    }

    /// The quoted words that follow a phrase, as in `the 'subject' attribute`.
    fn quoted_before(&self, phrase: &str) -> Option<&str> {
        let (before, _) = self.message.split_once(phrase)?;
        let before = before.trim_end().strip_suffix('\'')?;
        let (_, name) = before.rsplit_once('\'')?;
        is_name(name).then_some(name)
    }

    fn quoted_after(&self, phrase: &str) -> Option<&str> {
        let (_, after) = self.message.split_once(phrase)?;
        let after = after.trim_start().strip_prefix('\'')?;
        let (name, _) = after.split_once('\'')?;
        is_name(name).then_some(name)
    }
}

/// Whether a quoted word is a name of metadata or a number, and so no value of a row.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}

/// Codes are compared without regard to the case of their digits.
fn normal(code: &str) -> String {
    match code.strip_prefix("0x").or_else(|| code.strip_prefix("0X")) {
        Some(digits) => format!("0x{}", digits.to_ascii_uppercase()),
        None => code.to_owned(),
    }
}

/// What a code says about the record, apart from what was being done to it.
fn verdict(words: &Words) -> Option<(Class, Code, String)> {
    let column = words
        .quoted_before("attribute")
        .or_else(|| words.quoted_after("attribute"))
        .or_else(|| words.quoted_after("value of"))
        .or_else(|| words.quoted_after("field"))
        .map_or_else(|| "a column".to_owned(), |name| format!("column `{name}`"));
    Some(match words.code.as_str() {
        "0x80044331" => (
            Class::FixData,
            codes::TOO_LONG,
            match words.quoted_after("maximum allowed length of") {
                Some(limit) => format!(
                    "the text in {column} is longer than {limit} characters; shorten it, or let \
                     the map truncate it"
                ),
                None => format!("the text in {column} is too long; shorten it"),
            },
        ),
        "0x8004432F" | "0x80044330" => (
            Class::FixData,
            codes::OUT_OF_RANGE,
            format!("the number in {column} is outside its range; correct the number"),
        ),
        "0x80040239" => (
            Class::FixData,
            codes::OUT_OF_RANGE,
            "a date lies before the year 1753, which the system cannot store; correct the date"
                .into(),
        ),
        "0x8004431A" => (
            Class::FixData,
            codes::NO_OPTION,
            format!(
                "the value in {column} is none of its options; add it to the map's value map or \
                 to the option set"
            ),
        ),
        "0x80040200" => (
            Class::FixData,
            codes::REQUIRED,
            format!("{column} is required and empty; fill it in, or give it a default in the map"),
        ),
        "0x80040203" => (
            Class::FixData,
            codes::VALIDATION,
            "a value is not valid for its column; see the system's words".into(),
        ),
        "0x80048D19" => (
            Class::FixMap,
            codes::NO_COLUMN,
            match words.quoted_after("undeclared property") {
                Some(name) => format!(
                    "there is no property `{name}` to write to; correct the map, or create the \
                     column"
                ),
                None => "a value has the wrong type for its column; correct the map".into(),
            },
        ),
        "0x80060888" if words.has("Could not find a property named") => (
            Class::FixMap,
            codes::NO_COLUMN,
            match words.quoted_after("property named") {
                Some(name) => format!("there is no column `{name}`; correct the map"),
                None => "a column is not there; correct the map".into(),
            },
        ),
        "0x80060888" if words.has("Resource not found for the segment") => (
            Class::FixMap,
            codes::NO_TABLE,
            match words.quoted_after("segment") {
                Some(name) => format!("there is no table `{name}`; correct the map"),
                None => "the table is not there; correct the map".into(),
            },
        ),
        "0x80060888" if words.has("The key in the request URI is not valid") => (
            Class::FixMap,
            codes::NO_KEY,
            "the columns of a key are not those of any key of the table; correct the map".into(),
        ),
        "0x8006088D" => (
            Class::FixMap,
            codes::NO_VERSIONS,
            "the table does not check versions; turn optimistic concurrency on for it".into(),
        ),
        "0x80060883" => (
            Class::Bug,
            codes::UNEXPECTED,
            "a version was expected and not sent; please report this".into(),
        ),
        "0x80060882" => (
            Class::Moved,
            codes::MOVED,
            "it was changed in the meantime; it is read again and merged".into(),
        ),
        "0x80040237" | "0x80060892" => (
            Class::Duplicate,
            codes::DUPLICATE,
            "a record with the same identifier or key is there already".into(),
        ),
        "0x80040333" => (
            Class::Duplicate,
            codes::DUPLICATE,
            "a duplicate detection rule found a record like it; merge the two, or turn the rule \
             off for the integration"
                .into(),
        ),
        "0x80040220" => (
            Class::FixAccess,
            codes::FORBIDDEN,
            "the application user lacks a privilege; give its security role the right to this \
             table"
                .into(),
        ),
        "0x80040265" => (
            Class::FixData,
            codes::VALIDATION,
            "a plug-in refuses it; see the plug-in's words".into(),
        ),
        "0x80040227" => (
            Class::FixData,
            codes::IN_USE,
            "other records refer to it, so it cannot be deleted; delete those first, or let the \
             map deactivate instead"
                .into(),
        ),
        "0x80044182" => (
            Class::FixData,
            codes::LOOP,
            "plug-ins or flows of the environment call each other without end; find the loop and \
             break it"
                .into(),
        ),
        "0x80044352" => (
            Class::CursorExpired,
            codes::CURSOR_EXPIRED,
            "the position in its changes is older than the environment keeps them (7 days unless \
             set otherwise); the table is read whole again"
                .into(),
        ),
        "0x80072491" => (
            Class::FixMap,
            codes::NOT_TRACKED,
            "it does not track changes; turn change tracking on in its properties".into(),
        ),
        _ => return None,
    })
}

/// What a status says when the code says nothing.
fn by_status(status: StatusCode) -> (Class, Code, &'static str) {
    match status {
        StatusCode::FORBIDDEN => (
            Class::FixAccess,
            codes::FORBIDDEN,
            "the application user lacks a privilege; give its security role the right to this \
             table",
        ),
        StatusCode::PRECONDITION_FAILED => (
            Class::Moved,
            codes::MOVED,
            "it was changed in the meantime; it is read again and merged",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            Class::FixData,
            codes::TOO_LARGE,
            "it is too large for one request; shorten its texts or map fewer columns",
        ),
        StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED | StatusCode::CONFLICT => (
            Class::FixData,
            codes::REFUSED,
            "the system refuses it; see the system's words",
        ),
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
    }
}

fn error(class: Class, code: Code, message: String, words: Words) -> SystemError {
    let mut error = SystemError::new(class, code, message);
    if !words.code.is_empty() {
        error.system_code = Some(words.code);
    }
    if !words.message.is_empty() {
        error.detail = Some(words.message);
    }
    error
}

/// Whether a 404 says that a record is not there, rather than the table.
pub(super) fn is_absence(answer: &Answer) -> bool {
    let words = Words::of(answer);
    matches!(words.code.as_str(), "0x80040217" | "0x80060891")
        || (words.code.is_empty() && words.has("Does Not Exist"))
}

/// A refused read.
pub(super) fn of_read(system: &str, answer: &Answer, now: Timestamp) -> SystemError {
    if let Some(error) = failure::of_the_way(system, answer, now) {
        return error;
    }
    let words = Words::of(answer);
    let (class, code, message) = match verdict(&words) {
        // A read names nothing that data could be wrong in.
        Some((Class::FixData, _, _)) | None => {
            let (class, code, why) = by_status(answer.status);
            let class = if class == Class::FixData || class == Class::Moved {
                Class::Bug
            } else {
                class
            };
            (class, code, why.to_owned())
        }
        Some(verdict) => verdict,
    };
    let message = format!("{} in `{system}`: {message}", answer.what);
    error(class, code, message, words)
}

/// A refused read from a stored position. Links are the service's own and may lose their meaning;
/// a read from the beginning shows whether the position or the request was wrong.
pub(super) fn of_stored_position(table: &str, error: SystemError) -> SystemError {
    if error.class != Class::Bug || error.code != codes::REFUSED {
        return error;
    }
    SystemError {
        class: Class::CursorExpired,
        code: codes::CURSOR_UNREADABLE,
        message: format!(
            "the system does not know the saved position in `{table}` any more; the table is read \
             whole again"
        ),
        ..error
    }
}

/// A refused write.
pub(super) fn of_write(
    system: &str,
    table: &TableSchema,
    action: Action,
    id: Option<&RecordId>,
    answer: &Answer,
    now: Timestamp,
) -> SystemError {
    if let Some(error) = failure::of_the_way(system, answer, now) {
        return error;
    }
    let words = Words::of(answer);
    let verdict = if answer.status == StatusCode::NOT_FOUND
        && matches!(words.code.as_str(), "0x80040217" | "0x80060891" | "")
    {
        Some(missing(table, action, id, &words))
    } else {
        verdict(&words)
    };
    let (class, code, message) = verdict.unwrap_or_else(|| {
        if action == Action::Create && answer.status == StatusCode::PRECONDITION_FAILED {
            return (
                Class::Duplicate,
                codes::DUPLICATE,
                "a record with the same identifier or key is there already".into(),
            );
        }
        let (class, code, why) = by_status(answer.status);
        (class, code, why.to_owned())
    });
    let doing = match action {
        Action::Create => "creating",
        Action::Update => "updating",
        Action::Delete => "deleting",
    };
    let which = id.map_or_else(
        || format!("a record of `{}`", table.name),
        |id| format!("`{}({id})`", table.name),
    );
    let mut error = error(
        class,
        code,
        format!("{doing} {which} in `{system}`: {message}"),
        words,
    );
    error.outcome_unknown = answer.status.is_server_error();
    error
}

/// A 404: of the record itself, or of one that it refers to.
fn missing(
    table: &TableSchema,
    action: Action,
    id: Option<&RecordId>,
    words: &Words,
) -> (Class, Code, String) {
    // "account With Id = 7eb682f1-… Does Not Exist", "… does not exist in account entity"
    let lower = words.message.to_lowercase();
    let own_id = id.is_some_and(|id| lower.contains(&id.0));
    let names_other_id = lower.contains("with id") && !own_id;
    let is_reference = action == Action::Create || (id.is_some() && names_other_id);
    if is_reference {
        let other = lower
            .split_once(" with id")
            .map(|(before, _)| before.rsplit([' ', '\'', '"']).next().unwrap_or_default())
            .filter(|name| is_name(name) && *name != table.type_name)
            .map_or_else(String::new, |name| format!(" of `{name}`"));
        return (
            Class::FixData,
            codes::NO_REFERENCE,
            format!("it refers to a record{other} that is not there; create that record first"),
        );
    }
    (
        Class::Gone,
        codes::GONE,
        "it is not there any more".to_owned(),
    )
}

/// A record that is not there.
pub(super) fn gone(table: &str, id: Option<&RecordId>) -> SystemError {
    let which = id.map_or_else(String::new, |id| format!("({id})"));
    SystemError::new(
        Class::Gone,
        codes::GONE,
        format!("`{table}{which}` is not there any more"),
    )
}

/// A record whose version has moved.
pub(super) fn moved(table: &str) -> SystemError {
    SystemError::new(
        Class::Moved,
        codes::MOVED,
        format!("a record of `{table}` was changed in the meantime; it is read again and merged"),
    )
}

/// A table that is not there.
pub(super) fn no_table(system: &str, table: &str) -> SystemError {
    SystemError::new(
        Class::FixMap,
        codes::NO_TABLE,
        format!(
            "`{system}` has no table `{table}`; a map names a Dataverse table by its entity set, \
             such as `accounts`, and the table's solution must be installed"
        ),
    )
}

/// A table that does not track changes.
pub(super) fn not_tracked(table: &str) -> SystemError {
    SystemError::new(
        Class::FixMap,
        codes::NOT_TRACKED,
        format!(
            "`{table}` does not track changes; turn change tracking on in the table's properties"
        ),
    )
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
