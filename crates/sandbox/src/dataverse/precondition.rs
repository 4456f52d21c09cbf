//! `If-Match` and `If-None-Match` of a write (protocol reference A7).

use super::errors::{ApiError, ApiResult};
use super::session::Call;

/// Which version of a row a write is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Any.
    None,
    /// The row must exist (`If-Match: *`).
    Exists,
    /// The row must not exist (`If-None-Match: *`).
    Absent,
    /// The row must have this version.
    Version(i64),
}

impl Condition {
    /// Reads `If-Match` and `If-None-Match`. The literal word `null` in the latter is no tag.
    pub(super) fn read(call: &Call) -> ApiResult<Self> {
        let header = |name: &str| {
            let value = call.headers.get(name).and_then(|value| value.to_str().ok());
            value
                .map(str::trim)
                .filter(|text| !text.is_empty() && *text != "null")
        };
        if let Some(tag) = header("if-match") {
            return match tag {
                "*" => Ok(Self::Exists),
                tag => version(tag).map(Self::Version).ok_or_else(|| {
                    ApiError::malformed("The If-Match header does not hold an entity tag.")
                }),
            };
        }
        Ok(if header("if-none-match") == Some("*") {
            Self::Absent
        } else {
            Self::None
        })
    }
}

/// The version in an entity tag `W/"123"`.
pub(super) fn version(tag: &str) -> Option<i64> {
    tag.trim_start_matches("W/").trim_matches('"').parse().ok()
}
