//! What an OData service refuses and why, in words for the person who has to act.
//!
//! The standard fixes statuses and the form of an error, and no codes. What databases and common
//! frameworks write into the message tells the rest: a twin, a missing value, a text too long. All
//! else stands by its status. Messages name properties as far as the service does, and never a
//! value.

use crate::codes;
use crate::connection::{Answer, failure};
use crate::error::{Class, SystemError};
use crate::refusal::{self, Action, Manners, Verdict, Words, is_name};
use duet_map::diagnostic::Code;
use duet_map::record::RecordId;
use jiff::Timestamp;
use odata::payload::ErrorBody;
use reqwest::StatusCode;

const MANNERS: Manners = Manners {
    forbidden: "the connection's user has no right to this; give it the right to the entity set",
    refused: codes::VALIDATION,
    refusal: "the service's validation refuses it; see the system's words",
};

/// The service's words, and the property that they are about.
fn words_of(answer: &Answer) -> (Words, Option<String>) {
    let Ok(body) = ErrorBody::parse(&answer.body) else {
        return (Words::default(), None);
    };
    let target = body
        .target
        .iter()
        .chain(
            body.details
                .iter()
                .filter_map(|detail| detail.target.as_ref()),
        )
        .map(|target| target.rsplit('/').next().unwrap_or(target))
        .find(|target| is_name(target))
        .map(str::to_owned);
    let words = Words {
        message: body.best_message().to_owned(),
        code: body.code,
    };
    (words, target)
}

/// Phrases of databases and frameworks, with what they mean; all of a row's have to stand there.
const KNOWN: &[(&[&str], Class, Code)] = &[
    (&["unique constraint"], Class::Duplicate, codes::DUPLICATE),
    (&["duplicate key"], Class::Duplicate, codes::DUPLICATE),
    (&["already exist"], Class::Duplicate, codes::DUPLICATE),
    (&["not null constraint"], Class::FixData, codes::REQUIRED),
    (&["cannot be null"], Class::FixData, codes::REQUIRED),
    (&["must not be null"], Class::FixData, codes::REQUIRED),
    (&["is required"], Class::FixData, codes::REQUIRED),
    (&["value is missing"], Class::FixData, codes::REQUIRED),
    (&["foreign key"], Class::FixData, codes::NO_REFERENCE),
    (
        &["reference integrity"],
        Class::FixData,
        codes::NO_REFERENCE,
    ),
    (&["too long"], Class::FixData, codes::TOO_LONG),
    (&["maximum length"], Class::FixData, codes::TOO_LONG),
    (&["is not a valid string("], Class::FixData, codes::TOO_LONG),
    (&["out of range"], Class::FixData, codes::OUT_OF_RANGE),
    (
        &["property", "does not exist"],
        Class::FixMap,
        codes::NO_COLUMN,
    ),
    (
        &["could not find a property"],
        Class::FixMap,
        codes::NO_COLUMN,
    ),
    (&["undeclared property"], Class::FixMap, codes::NO_COLUMN),
    (&["unknown property"], Class::FixMap, codes::NO_COLUMN),
];

/// What the text says.
fn verdict(words: &Words, target: Option<&str>, action: Option<Action>) -> Option<Verdict> {
    let (_, class, code) = KNOWN
        .iter()
        .find(|(parts, _, _)| parts.iter().all(|part| words.has(part)))?;
    let code = match (*code, action) {
        (codes::NO_REFERENCE, Some(Action::Delete)) => codes::IN_USE,
        (code, _) => code,
    };
    let column = target.map_or_else(|| "a column".to_owned(), |name| format!("column `{name}`"));
    let message = match code {
        codes::DUPLICATE => "a record with the same key is there already".to_owned(),
        codes::REQUIRED => {
            format!("{column} is required and empty; fill it in, or give it a default in the map")
        }
        codes::NO_REFERENCE => {
            "it refers to a record that is not there; create that record first".to_owned()
        }
        codes::IN_USE => "other records refer to it, so it cannot be deleted; delete those first, \
                          or let the map ignore deletions"
            .to_owned(),
        codes::TOO_LONG => {
            format!("the text in {column} is too long; shorten it, or let the map truncate it")
        }
        codes::OUT_OF_RANGE => {
            format!("the value in {column} is outside its range; correct the value")
        }
        _ => "it names a property that the service does not have; correct the map".to_owned(),
    };
    Some((*class, code, message))
}

/// A refused read.
pub(super) fn of_read(system: &str, answer: &Answer, now: Timestamp) -> SystemError {
    if let Some(error) = failure::of_the_way(system, answer, now) {
        return error;
    }
    let (words, target) = words_of(answer);
    let verdict = match verdict(&words, target.as_deref(), None) {
        Some(verdict) if verdict.0 == Class::FixMap => verdict,
        _ if answer.status == StatusCode::NOT_FOUND => (
            Class::FixMap,
            codes::NO_TABLE,
            "there is no such entity set, or the URL is not the service's root; correct the map \
             or the configuration"
                .to_owned(),
        ),
        _ => match refusal::by_status(answer.status, &MANNERS) {
            // A read names nothing that data could be wrong in.
            (Class::FixData | Class::Moved, _, _) => (
                Class::Bug,
                codes::REFUSED,
                "the service does not understand the request; it may not filter, order or expand \
                 by these columns. See the system's words"
                    .to_owned(),
            ),
            verdict => verdict,
        },
    };
    let detail = words.message.clone();
    refusal::of_read(system, answer, verdict, &words, detail)
}

/// A refused write.
pub(super) fn of_write(
    system: &str,
    table: &str,
    action: Action,
    id: Option<&RecordId>,
    answer: &Answer,
    now: Timestamp,
) -> SystemError {
    if let Some(error) = failure::of_the_way(system, answer, now) {
        return error;
    }
    let (words, target) = words_of(answer);
    let by_words = verdict(&words, target.as_deref(), Some(action));
    let known = by_words.is_some();
    let verdict = by_words.unwrap_or_else(|| by_status(action, answer.status));
    let place = (system, table);
    let detail = words.message.clone();
    let mut error = refusal::of_write(place, action, id, answer, verdict, &words, detail);
    // A constraint of its database that a service reports as a failure inside stopped the write.
    error.outcome_unknown &= !known;
    error
}

fn by_status(action: Action, status: StatusCode) -> Verdict {
    let (class, code, why) = match (status, action) {
        (StatusCode::NOT_FOUND | StatusCode::GONE, Action::Update | Action::Delete) => {
            (Class::Gone, codes::GONE, "it is not there any more")
        }
        (StatusCode::NOT_FOUND, Action::Create) => (
            Class::FixData,
            codes::NO_REFERENCE,
            "the entity set, or a record that this one refers to, is not there",
        ),
        (StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED, Action::Create) => (
            Class::Duplicate,
            codes::DUPLICATE,
            "a record with the same key is there already",
        ),
        (StatusCode::CONFLICT, Action::Delete) => (
            Class::FixData,
            codes::IN_USE,
            "other records refer to it, so it cannot be deleted; delete those first, or let the \
             map ignore deletions",
        ),
        // The next attempt knows the version, because the record is read before it.
        (StatusCode::PRECONDITION_REQUIRED, _) => (
            Class::Moved,
            codes::VERSION_DEMANDED,
            "the service takes no write without a version (428); the record is read again. Where \
             this stays, write `etags: sent` for the connection in duet.yaml",
        ),
        (StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED, _) => (
            Class::FixMap,
            codes::NOT_ALLOWED,
            "the service does not allow this; let the map's fields travel the other way only, or \
             choose another `create` for the connection in duet.yaml",
        ),
        _ => return refusal::by_status(status, &MANNERS),
    };
    (class, code, why.to_owned())
}

/// An entity set that is not there.
pub(super) fn no_table(system: &str, table: &str) -> SystemError {
    SystemError::new(
        Class::FixMap,
        codes::NO_TABLE,
        format!(
            "`{system}` has no entity set `{table}`; a map names a table by its entity set, as the \
             service's `$metadata` spells it"
        ),
    )
}

/// A kind of write that the service's metadata rules out.
pub(super) fn not_allowed(table: &str, action: Action) -> SystemError {
    let what = match action {
        Action::Create => "new records",
        Action::Update => "changes",
        Action::Delete => "deletions",
    };
    SystemError::new(
        Class::FixMap,
        codes::NOT_ALLOWED,
        format!(
            "`{table}` takes no {what}, as the service's metadata says; let the map's fields \
             travel the other way only"
        ),
    )
}

/// A table whose changes nobody can tell.
pub(super) fn no_changes(table: &str) -> SystemError {
    SystemError::new(
        Class::FixMap,
        codes::NO_CHANGES,
        format!(
            "the changes of `{table}` cannot be read: it has no delta links and no column that \
             tells when a row was modified; name one under `modified` of the connection in \
             duet.yaml"
        ),
    )
}

/// A table that was said to track changes and does not.
pub(super) fn not_tracked(table: &str) -> SystemError {
    SystemError::new(
        Class::FixMap,
        codes::NO_CHANGES,
        format!(
            "the service hands out no delta link for `{table}`, although it or the configuration \
             says that it tracks changes; write `deltas: off` for the connection in duet.yaml"
        ),
    )
}

/// A delta link that the service does not know any more.
pub(super) fn expired(table: &str) -> SystemError {
    SystemError::new(
        Class::CursorExpired,
        codes::CURSOR_EXPIRED,
        format!(
            "the position in the changes of `{table}` is older than the service keeps them; the \
             table is read whole again"
        ),
    )
}

/// A page whose rows do not stand in the order that was asked for.
pub(super) fn out_of_order(system: &str, table: &str) -> SystemError {
    SystemError::new(
        Class::Bug,
        codes::PAGES,
        format!(
            "`{system}` sends `{table}` in another order than it was asked for, so rows could be \
             missed; nothing of it is taken for a change. Check that the service orders by the \
             key and by the column that tells when a row was modified"
        ),
    )
}

/// Notices of a service that has none.
pub(super) fn no_notices(system: &str) -> SystemError {
    SystemError::new(
        Class::FixMap,
        codes::NOTICE_UNREADABLE,
        format!(
            "`{system}` is an OData service, whose web hooks have no common form; it is polled"
        ),
    )
}
