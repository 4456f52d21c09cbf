//! What Finance & Operations refuses and why, in words for the person who has to act.
//!
//! Nearly every refusal is a 400 without a code; the reason is text in `innererror.message`, after
//! `Infolog:` (reference section B5). Messages name fields and entities as far as the service
//! does, and never a value.

use crate::codes;
use crate::connection::{Answer, failure};
use crate::error::{Class, SystemError};
use crate::refusal::{self, Action, Manners, Verdict, Words};
use duet_map::diagnostic::Code;
use duet_map::record::RecordId;
use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::Value as Json;

const MANNERS: Manners = Manners {
    forbidden: "the application's user has no right to this; give it a role with the entity's \
                privilege",
    refused: codes::VALIDATION,
    refusal: "the entity's validation refuses it; see the system's words",
};

/// The service's own words: the innermost message.
fn words_of(answer: &Answer) -> Words {
    let Ok(body) = serde_json::from_slice::<Json>(&answer.body) else {
        return Words::default();
    };
    let Some(error) = body.get("error") else {
        return Words::default();
    };
    let text = |json: &Json| {
        json.get("message")
            .and_then(Json::as_str)
            .map(str::to_owned)
    };
    let mut message = text(error).unwrap_or_default();
    let mut inner = error.get("innererror");
    while let Some(next) = inner {
        if let Some(text) = text(next) {
            message = text;
        }
        inner = next
            .get("internalexception")
            .or_else(|| next.get("innererror"));
    }
    let code = error.get("code").and_then(Json::as_str);
    Words {
        code: code.unwrap_or_default().to_owned(),
        message,
    }
}

/// What a person should read: the Infolog's lines, without their levels.
fn readable(words: &Words) -> String {
    let log = words
        .message
        .split_once("Infolog:")
        .map_or(words.message.as_str(), |(_, log)| log);
    log.split(';')
        .map(|line| {
            let line = line.trim();
            ["Warning:", "Error:", "Info:"]
                .iter()
                .find_map(|level| line.strip_prefix(level))
                .unwrap_or(line)
                .trim()
        })
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}

/// The field that a phrase such as `field 'Name'` names.
fn field(words: &Words) -> String {
    ["field", "property", "Field", "property named"]
        .iter()
        .find_map(|phrase| words.quoted_after(phrase))
        .map_or_else(|| "a field".to_owned(), |name| format!("field `{name}`"))
}

/// What the text says.
fn verdict(words: &Words) -> Option<Verdict> {
    let known: &[(&[&str], Class, Code)] = &[
        (
            &["No resources were found when selecting for update"],
            Class::Gone,
            codes::GONE,
        ),
        (&["already exists"], Class::Duplicate, codes::DUPLICATE),
        (&["update conflict"], Class::Moved, codes::MOVED),
        (
            &["cannot be deleted", "dependent"],
            Class::FixData,
            codes::IN_USE,
        ),
        (&["must be filled in"], Class::FixData, codes::REQUIRED),
        (
            &["is not found in the related table"],
            Class::FixData,
            codes::NO_REFERENCE,
        ),
        (&["maximum length"], Class::FixData, codes::TOO_LONG),
        (&["cannot be edited"], Class::FixMap, codes::NO_COLUMN),
        (&["does not exist on type"], Class::FixMap, codes::NO_COLUMN),
        (
            &["Could not find a property named"],
            Class::FixMap,
            codes::NO_COLUMN,
        ),
        (
            &["Resource not found for the segment"],
            Class::FixMap,
            codes::NO_TABLE,
        ),
        (
            &["Cannot convert", "expected type"],
            Class::FixData,
            codes::NO_OPTION,
        ),
        (
            &["reading the property", "was expected"],
            Class::FixMap,
            codes::WRONG_KIND,
        ),
    ];
    let (_, class, code) = known
        .iter()
        .find(|(parts, _, _)| parts.iter().all(|part| words.has(part)))?;
    let field = field(words);
    let message = match *code {
        codes::GONE => {
            "it is not there any more, or its company is closed to the application".to_owned()
        }
        codes::DUPLICATE => "a record with the same key is there already".to_owned(),
        codes::MOVED => refusal::MOVED.to_owned(),
        codes::IN_USE => {
            "other records depend on it, so it cannot be deleted; delete those first, \
                          or let the map ignore deletions"
                .to_owned()
        }
        codes::REQUIRED => {
            format!("{field} is mandatory and empty; fill it in, or give it a default in the map")
        }
        codes::NO_REFERENCE => format!(
            "what {field} refers to is not there; create that record first, or correct the value"
        ),
        codes::TOO_LONG => {
            format!("the text in {field} is too long; shorten it, or let the map truncate it")
        }
        codes::NO_OPTION => format!(
            "the value in {field} is no member of its enumeration; correct the map's value map"
        ),
        codes::NO_TABLE => "there is no such entity; correct the map".to_owned(),
        codes::WRONG_KIND => format!("{field} takes another type of value; correct the map"),
        _ if words.has("cannot be edited") => {
            format!("{field} cannot be changed; take it out of the map or map it one way only")
        }
        _ => format!("there is no {field} to use; correct the map"),
    };
    Some((*class, *code, message))
}

/// What a status says when the text says nothing.
fn by_status(status: StatusCode) -> Verdict {
    if status == StatusCode::NOT_FOUND {
        let why = "there is no such entity; correct the map";
        return (Class::FixMap, codes::NO_TABLE, why.to_owned());
    }
    refusal::by_status(status, &MANNERS)
}

/// A refused read.
pub(super) fn of_read(system: &str, answer: &Answer, now: Timestamp) -> SystemError {
    if let Some(error) = failure::of_the_way(system, answer, now) {
        return error;
    }
    let words = words_of(answer);
    let verdict = match verdict(&words) {
        Some(verdict) if verdict.0 == Class::FixMap => verdict,
        _ => {
            let (class, code, why) = by_status(answer.status);
            match class {
                // A read names nothing that data could be wrong in.
                Class::FixData | Class::Moved => (
                    Class::Bug,
                    codes::REFUSED,
                    "the system does not understand the request; please report this".to_owned(),
                ),
                class => (class, code, why),
            }
        }
    };
    refusal::of_read(system, answer, verdict, &words, readable(&words))
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
    let words = words_of(answer);
    let verdict = match verdict(&words) {
        // Somebody else's missing record cannot make a create's own one gone.
        Some((Class::Gone, ..)) if action == Action::Create => (
            Class::FixData,
            codes::NO_REFERENCE,
            "a record that it needs is not there; see the system's words".to_owned(),
        ),
        Some(verdict) => verdict,
        None => by_status(answer.status),
    };
    let place = (system, table);
    refusal::of_write(place, action, id, answer, verdict, &words, readable(&words))
}

/// An entity that is not there.
pub(super) fn no_table(system: &str, table: &str) -> SystemError {
    SystemError::new(
        Class::FixMap,
        codes::NO_TABLE,
        format!(
            "`{system}` has no public entity `{table}`; a map names an entity by its public \
             collection, such as `CustomersV3`, and a new one shows only after the entity list \
             was refreshed"
        ),
    )
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
