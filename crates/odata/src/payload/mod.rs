//! JSON bodies: rows, pages of rows, deltas and errors.
//!
//! Bodies are read from bytes (a byte order mark is tolerated) into plain structs that keep the
//! order of properties and the exact text of numbers. Control information is read with and
//! without the `odata.` prefix that OData 4.01 drops, and printed with it.

mod delta;
mod entity;
mod error_body;
mod page;
mod value;

pub use delta::{Deleted, DeltaItem, DeltaPage, Link};
pub use entity::Entity;
pub use error_body::{ErrorBody, ErrorDetail, InnerError};
pub use page::Page;
pub use value::{from_json, to_json};

use serde_json::{Map, Value};

/// Why a body is not what was asked for. The body's own text is never told.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The bytes are not JSON.
    #[error("the body is not JSON: line {line}, column {column}")]
    Json {
        /// The line of the fault, from one.
        line: usize,
        /// The column of the fault, from one.
        column: usize,
    },
    /// The JSON is not of the expected shape.
    #[error("the body is JSON but {what}")]
    Shape {
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Reads a JSON object.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, PayloadError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let value: Value = serde_json::from_slice(body).map_err(|error| PayloadError::Json {
        line: error.line(),
        column: error.column(),
    })?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(PayloadError::Shape {
            what: "not an object",
        }),
    }
}

/// The name of control information without its prefix: `etag` of `@odata.etag` and of `@etag`.
fn control_name(annotation: &str) -> Option<&str> {
    match annotation.strip_prefix("odata.") {
        Some(name) => Some(name),
        None if annotation.contains('.') => None,
        None => Some(annotation),
    }
}

/// Takes a string member of control information out of an object.
fn take_control(members: &mut Map<String, Value>, name: &str) -> Option<Value> {
    members
        .shift_remove(&format!("@odata.{name}"))
        .or_else(|| members.shift_remove(&format!("@{name}")))
}

fn take_text(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    match take_control(members, name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// A count, which `IEEE754Compatible=true` writes as a string.
fn take_count(members: &mut Map<String, Value>) -> Option<u64> {
    match take_control(members, "count")? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
