//! Writes to the metadata: tables, columns, alternate keys, relationships and shared choices that
//! clients make, change and delete (protocol reference A12 and C, as far as integration clients go).
//!
//! The road: [`plan`] reads a request against the model as it is and tells the
//! [changes](Customization) it asks for and what it will be answered; the caller carries them out.

mod choices;
mod relationships;
mod tables;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value as Json};

use super::customization::Customization;
use super::errors::{ApiError, ApiResult};
use super::model::Model;
use super::session::{Call, Reply};

/// What a request changes, and its answer.
pub(super) struct Plan {
    pub(super) changes: Vec<Customization>,
    pub(super) reply: Reply,
}

/// Whether a request is a write to the metadata.
pub(super) fn is_write(call: &Call) -> bool {
    let Some(first) = call.segments.first() else {
        return false;
    };
    call.method != Method::GET
        && (super::metadata::is_metadata(&first.name) || first.name == "CreateEntities")
}

/// Reads a write to the metadata.
pub(super) fn plan(model: &Model, call: &Call) -> ApiResult<Plan> {
    let (Some(first), rest) = (call.segments.first(), &call.segments[1..]) else {
        return Err(ApiError::no_segment(""));
    };
    match first.name.as_str() {
        "CreateEntities" => tables::create(model, call),
        "EntityDefinitions" => tables::write(model, call, first, rest),
        "RelationshipDefinitions" => relationships::write(model, call, first),
        _ => choices::write(model, call, first),
    }
}

fn wrong_method(call: &Call) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "0x80060888",
        format!(
            "The requested resource does not support http method '{}'.",
            call.method
        ),
    )
}

fn made(call: &Call, address: &str, changes: Vec<Customization>) -> Plan {
    Plan {
        changes,
        reply: Reply::no_content()
            .with_header("OData-EntityId", format!("{}/{address}", call.root)),
    }
}

fn done(changes: Vec<Customization>) -> Plan {
    Plan {
        changes,
        reply: Reply::no_content(),
    }
}

pub(super) fn text<'b>(body: &'b Map<String, Json>, name: &str) -> ApiResult<&'b str> {
    body.get(name)
        .and_then(Json::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| missing(name))
}

fn missing(name: &str) -> ApiError {
    ApiError::invalid_argument(format!("Required field '{name}' is missing."))
}

fn taken(what: &str, name: &str) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "0x80044363",
        format!("An {what} with the name {name} already exists."),
    )
}

/// Names of one's own carry a prefix, and are plain identifiers.
pub(super) fn check_name(name: &str) -> ApiResult<()> {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let prefixed = name
        .split_once('_')
        .is_some_and(|(prefix, rest)| !prefix.is_empty() && !rest.is_empty());
    if plain
        && prefixed
        && name.len() <= 100
        && !name.starts_with(|first: char| first.is_ascii_digit())
    {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::BAD_REQUEST,
        "0x8004f026",
        format!(
            "The name '{name}' must be letters, digits and underscores behind a publisher's prefix, \
             such as new_name."
        ),
    ))
}
