//! What Dataverse refuses and why, in words for the person who has to act.
//!
//! Codes and statuses are those of the reference, sections A13 and A14. A code that is not known
//! falls back to its status. Messages name tables, columns and limits as far as the service does,
//! and never a value.

use crate::codes;
use crate::connection::{Answer, failure};
use crate::error::{Class, SystemError};
use crate::refusal::{self, Action, Manners, Verdict, Words, is_name};
use duet_map::record::RecordId;
use duet_map::schema::TableSchema;
use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::Value as Json;

const MANNERS: Manners = Manners {
    forbidden: "the application user lacks a privilege; give its security role the right to this \
                table",
    refused: codes::REFUSED,
    refusal: "the system refuses it; see the system's words",
};

/// The error that the service sent; its code in upper case, with a small `0x`.
fn words_of(answer: &Answer) -> Words {
    let Ok(body) = serde_json::from_slice::<Json>(&answer.body) else {
        return Words::default();
    };
    let text = |name: &str| {
        body.get("error")
            .and_then(|error| error.get(name))
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Words {
        code: normal(&text("code")),
        message: text("message"),
    }
}

/// Codes are compared without regard to the case of their digits.
fn normal(code: &str) -> String {
    match code.strip_prefix("0x").or_else(|| code.strip_prefix("0X")) {
        Some(digits) => format!("0x{}", digits.to_ascii_uppercase()),
        None => code.to_owned(),
    }
}

/// What a code says about the record, apart from what was being done to it.
fn verdict(words: &Words) -> Option<Verdict> {
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
        "0x80060882" => (Class::Moved, codes::MOVED, refusal::MOVED.into()),
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

/// Whether a 404 says that a record is not there, rather than the table.
pub(super) fn is_absence(answer: &Answer) -> bool {
    let words = words_of(answer);
    matches!(words.code.as_str(), "0x80040217" | "0x80060891")
        || (words.code.is_empty() && words.has("Does Not Exist"))
}

/// A refused read.
pub(super) fn of_read(system: &str, answer: &Answer, now: Timestamp) -> SystemError {
    if let Some(error) = failure::of_the_way(system, answer, now) {
        return error;
    }
    let words = words_of(answer);
    let verdict = match verdict(&words) {
        // A read names nothing that data could be wrong in.
        Some((Class::FixData, _, _)) | None => {
            let (class, code, why) = refusal::by_status(answer.status, &MANNERS);
            let class = if class == Class::FixData || class == Class::Moved {
                Class::Bug
            } else {
                class
            };
            (class, code, why)
        }
        Some(verdict) => verdict,
    };
    let detail = words.message.clone();
    refusal::of_read(system, answer, verdict, &words, detail)
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
    let words = words_of(answer);
    let verdict = if answer.status == StatusCode::NOT_FOUND
        && matches!(words.code.as_str(), "0x80040217" | "0x80060891" | "")
    {
        Some(missing(table, action, id, &words))
    } else {
        verdict(&words)
    };
    let verdict = verdict.unwrap_or_else(|| {
        if action == Action::Create && answer.status == StatusCode::PRECONDITION_FAILED {
            return (
                Class::Duplicate,
                codes::DUPLICATE,
                "a record with the same identifier or key is there already".into(),
            );
        }
        refusal::by_status(answer.status, &MANNERS)
    });
    let place = (system, table.name.as_str());
    let detail = words.message.clone();
    refusal::of_write(place, action, id, answer, verdict, &words, detail)
}

/// A 404: of the record itself, or of one that it refers to.
fn missing(table: &TableSchema, action: Action, id: Option<&RecordId>, words: &Words) -> Verdict {
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
