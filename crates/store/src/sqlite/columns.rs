//! How words, times and rows stand in columns, and what to say when one does not read back.

use super::fault::Fault;
use crate::change::{Origin, ParkReason};
use crate::conflict::{ConflictKind, ConflictState};
use crate::lifecycle::{Cause, Queue, Wanted};
use crate::pair::PairState;
use crate::store::MapState;
use duet_map::record::Version;
use duet_map::side::Side;
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{Type, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that is stored as one word of a closed list.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// What it is, for messages.
    const WHAT: &'static str;
    /// Every value with its word. Persisted: a word never changes.
    const WORDS: &'static [(Self, &'static str)];

    /// The stored word.
    fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(value, _)| *value == self)
            .map_or("", |(_, word)| word)
    }

    /// The value of a stored word.
    fn from_word(text: &str) -> Result<Self, Fault> {
        Self::WORDS
            .iter()
            .find(|(_, word)| *word == text)
            .map(|(value, _)| *value)
            .ok_or_else(|| Fault::unreadable(Self::WHAT, format!("unknown word `{text}`")))
    }
}

impl Word for Side {
    const WHAT: &'static str = "a side";
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Left, "left"), (Self::Right, "right")];
}

impl Word for Origin {
    const WHAT: &'static str = "the origin of a change";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Live, "live"),
        (Self::Initial, "initial"),
        (Self::Sweep, "sweep"),
    ];
}

impl Word for ParkReason {
    const WHAT: &'static str = "the reason of a parked change";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::WaitingForKey, "waiting-for-key"),
        (Self::Validation, "validation"),
        (Self::Conflict, "conflict"),
        (Self::Refused, "refused"),
        (Self::Fault, "fault"),
        (Self::Oscillating, "oscillating"),
        (Self::Held, "held"),
        (Self::MassDelete, "mass-delete"),
    ];
}

impl Word for ConflictState {
    const WHAT: &'static str = "the state of a conflict";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Open, "open"),
        (Self::Decided, "decided"),
        (Self::Resolved, "resolved"),
        (Self::Gone, "gone"),
    ];
}

impl Word for ConflictKind {
    const WHAT: &'static str = "the kind of a conflict";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Fields, "fields"),
        (Self::Meeting, "meeting"),
        (Self::Deletion, "deletion"),
    ];
}

impl Word for PairState {
    const WHAT: &'static str = "the state of a pair";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Linked, "linked"),
        (Self::OutsideFilter, "outside-filter"),
        (Self::Deleted, "deleted"),
    ];
}

impl Word for MapState {
    const WHAT: &'static str = "the state of a map";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::NotRunning, "not-running"),
        (Self::InitialSync, "initial-sync"),
        (Self::CatchUp, "catch-up"),
        (Self::Running, "running"),
        (Self::Paused, "paused"),
        (Self::ErrorPaused, "error-paused"),
    ];
}

impl Word for Wanted {
    const WHAT: &'static str = "an order";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Run, "run"),
        (Self::Pause, "pause"),
        (Self::Stop, "stop"),
    ];
}

impl Word for Cause {
    const WHAT: &'static str = "the cause of an order";
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Person, "person"), (Self::Alert, "alert")];
}

impl Word for Queue {
    const WHAT: &'static str = "what becomes of a queue";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::CatchUp, "catch-up"),
        (Self::KeepParked, "keep-parked"),
        (Self::Discard, "discard"),
    ];
}

/// A time of the engine's clock as nanoseconds; times beyond the years 1677 to 2262 become the
/// nearest one that fits.
pub(super) fn to_nanos(at: Timestamp) -> i64 {
    let nanos = at.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// The time of stored nanoseconds; every 64-bit number is one.
pub(super) fn from_nanos(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default()
}

/// A column of JSON.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|source| Fault::unreadable("a value to store", source))
}

/// Reads a column of JSON; `what` names it when it does not read back.
pub(super) fn from_json<T: DeserializeOwned>(
    text: &str,
    what: impl FnOnce() -> String,
) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|source| Fault::unreadable(what(), source))
}

/// A version from its two columns.
pub(super) fn version(tag: Option<String>, ordinal: Option<i64>) -> Option<Version> {
    tag.map(|tag| Version { tag, ordinal })
}

/// A count that the store has only ever raised.
pub(super) fn count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// A count on its way into a column.
pub(super) fn to_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A limit on its way into a statement.
pub(super) fn to_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Reads a column that holds one word.
pub(super) fn word_of<T: Word>(row: &Row<'_>, column: usize) -> Result<T, Fault> {
    T::from_word(text_of(row, column)?)
}

/// Reads a column that names a side.
pub(super) fn side_of(row: &Row<'_>, column: usize) -> Result<Side, Fault> {
    word_of(row, column)
}

/// Reads a column of text without copying it.
pub(super) fn text_of<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str, Fault> {
    Ok(row.get_ref(column)?.as_str().map_err(|source| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, source.into())
    })?)
}

/// Reads a column of text that may be empty.
pub(super) fn optional_text_of<'r>(
    row: &'r Row<'_>,
    column: usize,
) -> Result<Option<&'r str>, Fault> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => text_of(row, column).map(Some),
    }
}
