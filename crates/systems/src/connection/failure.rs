//! What is wrong with the way to a service, in words for the person who has to act.

use super::client::Broken;
use super::retry::parse_retry_after;
use super::{Answer, Repeat};
use crate::codes;
use crate::error::{Class, SystemError};
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use std::error::Error;
use std::time::Duration;

/// No whole answer came.
pub(crate) fn broken(
    system: &str,
    what: &str,
    broken: Broken,
    repeat: Repeat,
    timeout: Duration,
) -> SystemError {
    let unknown = repeat != Repeat::Safe;
    let (code, message, unknown) = match &broken {
        Broken::NotSent(_) => (
            codes::UNREACHABLE,
            format!(
                "no connection to `{system}` while {what}; check the URL, the network and whether \
                 the service is up"
            ),
            false,
        ),
        Broken::TimedOut(_) => (
            codes::TIMED_OUT,
            format!(
                "`{system}` did not answer within {} s while {what}{}",
                timeout.as_secs(),
                fate(unknown)
            ),
            unknown,
        ),
        Broken::Lost(_) => (
            codes::LOST,
            format!(
                "the connection to `{system}` broke while {what}{}",
                fate(unknown)
            ),
            unknown,
        ),
        Broken::TooLong => (
            codes::UNEXPECTED,
            format!("`{system}` sent an answer without end while {what}"),
            unknown,
        ),
    };
    let class = if matches!(broken, Broken::TooLong) {
        Class::Bug
    } else {
        Class::Retry
    };
    let mut error = SystemError::new(class, code, message);
    error.outcome_unknown = unknown;
    error.source = Some(Box::new(broken));
    error
}

fn fate(unknown: bool) -> &'static str {
    if unknown {
        "; whether the write took effect has to be looked up"
    } else {
        ""
    }
}

/// 502, 503 or 504.
pub(crate) fn unavailable(
    system: &str,
    answer: &Answer,
    after: Option<Duration>,
    repeat: Repeat,
) -> SystemError {
    let unknown = repeat != Repeat::Safe;
    let mut error = SystemError::new(
        Class::Retry,
        codes::UNAVAILABLE,
        format!(
            "`{system}` is unavailable ({}) while {}{}",
            answer.status,
            answer.what,
            fate(unknown)
        ),
    );
    error.status = Some(answer.status.as_u16());
    error.retry_after = after;
    error.outcome_unknown = unknown;
    error
}

/// 429.
pub(crate) fn throttled(system: &str, answer: &Answer, after: Option<Duration>) -> SystemError {
    let mut error = SystemError::new(
        Class::Wait,
        codes::THROTTLED,
        format!(
            "`{system}` is being asked too much and wants a pause{}",
            after.map_or_else(String::new, |after| format!(" of {} s", after.as_secs()))
        ),
    );
    error.retry_after = after;
    error.detail = words(answer);
    error
}

/// The service asked for a longer pause than a call waits for.
pub(crate) fn paused(system: &str, what: &str, rest: Duration) -> SystemError {
    let mut error = SystemError::new(
        Class::Wait,
        codes::THROTTLED,
        format!(
            "`{system}` wants a pause of another {} s; {what} waits until then",
            rest.as_secs().max(1)
        ),
    );
    error.retry_after = Some(rest);
    error
}

/// 401 in spite of fresh credentials.
pub(crate) fn unauthorized(system: &str, answer: &Answer) -> SystemError {
    let mut error = SystemError::new(
        Class::FixAccess,
        codes::UNAUTHORIZED,
        format!(
            "`{system}` does not accept the connection's credentials while {}: register the client \
             id there (Dataverse: as an application user; Finance & Operations: under Microsoft \
             Entra ID applications; other services: as their operator says) and check that the URL \
             belongs to the tenant",
            answer.what
        ),
    );
    error.detail = words(answer);
    error
}

/// The answer is not what the protocol promises.
pub(crate) fn unreadable(
    system: &str,
    what: &str,
    why: &str,
    source: impl Error + Send + Sync + 'static,
) -> SystemError {
    let mut error = unexpected(system, what, why);
    error.source = Some(Box::new(source));
    error
}

/// The answer is not what the protocol promises.
pub(crate) fn unexpected(system: &str, what: &str, why: &str) -> SystemError {
    SystemError::new(
        Class::Bug,
        codes::UNEXPECTED,
        format!(
            "the answer of `{system}` while {what} is not what its protocol promises: {why}; \
             please report this"
        ),
    )
}

/// A link that is no URL.
pub(crate) fn bad_link(system: &str, source: url::ParseError) -> SystemError {
    unreadable(system, "following a link", "the link is no URL", source)
}

/// A link to another host, which must not get our token.
pub(crate) fn foreign_link(system: &str) -> SystemError {
    unexpected(
        system,
        "following a link",
        "the link leads to another host than the configured one, and a token is never sent there",
    )
}

/// The service's own words: an OData error's message.
fn words(answer: &Answer) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let message = body.get("error")?.get("message")?.as_str()?;
    Some(message.to_owned())
}

/// A batch's answer ended before all of its parts were there.
pub(crate) fn torn(system: &str, what: &str) -> SystemError {
    SystemError::new(
        Class::Retry,
        codes::LOST,
        format!("the answer of `{system}` broke off while {what}"),
    )
}

/// A whole request was refused for a reason that is not a record's.
pub(crate) fn refused(system: &str, answer: &Answer) -> SystemError {
    let (class, code) = match answer.status {
        StatusCode::PAYLOAD_TOO_LARGE => (Class::FixData, codes::TOO_LARGE),
        status if status.is_server_error() => (Class::Retry, codes::UNAVAILABLE),
        _ => (Class::Bug, codes::REFUSED),
    };
    let mut error = SystemError::new(
        class,
        code,
        format!("`{system}` answers {} while {}", answer.status, answer.what),
    );
    error.detail = words(answer);
    error
}

/// The service does not take batches.
pub(crate) fn no_batch(system: &str, answer: &Answer) -> SystemError {
    let mut error = SystemError::new(
        Class::FixAccess,
        codes::NO_BATCH,
        format!(
            "`{system}` answers {} to a batch while {}: it takes none; write `batch: off` for the \
             connection in duet.yaml, and check its URL",
            answer.status, answer.what
        ),
    );
    error.detail = words(answer);
    error
}

/// The same error once more, for another operation of the same batch; the source stays behind.
pub(crate) fn copy(error: &SystemError) -> SystemError {
    SystemError {
        class: error.class,
        code: error.code,
        message: error.message.clone(),
        system_code: error.system_code.clone(),
        status: error.status,
        detail: error.detail.clone(),
        retry_after: error.retry_after,
        outcome_unknown: error.outcome_unknown,
        source: None,
    }
}

/// What a part of a batch says about the way, if it does: 401, 429, 502 to 504.
pub(crate) fn of_the_way(system: &str, answer: &Answer, now: Timestamp) -> Option<SystemError> {
    let after = answer
        .header(RETRY_AFTER.as_str())
        .and_then(|text| parse_retry_after(text, now));
    match answer.status {
        StatusCode::UNAUTHORIZED => Some(unauthorized(system, answer)),
        StatusCode::TOO_MANY_REQUESTS => Some(throttled(system, answer, after)),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Some(unavailable(system, answer, after, Repeat::Safe))
        }
        _ => None,
    }
}
