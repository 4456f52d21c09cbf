//! Where reading changes stands: a window over the time of modification.
//!
//! The service has no change tokens, only a time of modification in whole seconds, which a
//! transaction sets before it ends. So rows turn up late, with a time that was read past already.
//! Every sweep therefore begins a while (the overlap) before the end of the last one, and rows
//! that are still at the version that was reported are left out.
//!
//! 1. A sweep reads rows with `modified >= from`, page by page in the order of modification and
//!    key. A row that moves meanwhile moves to the end and is met again.
//! 2. When a page is not full, the sweep is over. The next one begins at the newest time seen or
//!    at the time this sweep began, whichever is earlier, less the overlap. An idle table's window
//!    does not stay open for ever: what is older than the sweep by more than the overlap and the
//!    difference that clocks may have is settled.

use crate::error::SystemError;
use crate::mismatch;
use crate::system::Cursor;
use duet_map::record::Record;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// By how much the clocks of the service's machines may differ: the one that stamps rows and the
/// one that answers. An idle window stays open for so much longer than the overlap.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// The most versions that a cursor remembers. Beyond, rows are reported twice rather than missed.
const REMEMBERED: usize = 50_000;

/// From how many known rows on a sweep reads keys first.
const CROWD: usize = 50;

/// A stored position. Its JSON form is a persisted format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    v: u8,
    /// The sweep reads rows modified at or after this time.
    pub(crate) from: Timestamp,
    /// The last row that the sweep has read, while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Place>,
    /// When the sweep under way began, by the service's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) begun: Option<Timestamp>,
    /// The newest time of modification seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest: Option<Timestamp>,
    /// Versions that were reported: a digest of record and version, and its time of modification
    /// in seconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    seen: BTreeMap<String, i64>,
}

/// A row's place in the order of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// When it was modified, in full precision.
    pub(crate) modified: Timestamp,
    /// Its identifier.
    pub(crate) id: String,
}

impl Window {
    /// A window that begins the overlap before a time.
    pub(crate) fn opening(at: Timestamp, overlap: SignedDuration) -> Self {
        Self {
            v: 1,
            from: back(at, overlap),
            at: None,
            begun: None,
            newest: None,
            seen: BTreeMap::new(),
        }
    }

    pub(crate) fn cursor(&self) -> Cursor {
        // Times and texts always have a JSON form.
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }

    pub(crate) fn parse(system: &str, table: &str, cursor: &Cursor) -> Result<Self, SystemError> {
        serde_json::from_str::<Self>(&cursor.0)
            .ok()
            .filter(|window| window.v == 1)
            .ok_or_else(|| mismatch::bad_cursor(system, table))
    }

    /// Notes when the sweep began, with its first page.
    pub(crate) fn begin(&mut self, server_time: Timestamp) {
        self.begun.get_or_insert(server_time);
    }

    /// Takes a record in; says whether it is news. `modified` is the time by which it is ordered.
    pub(crate) fn take(&mut self, record: &Record, modified: Timestamp) -> bool {
        self.newest = self.newest.max(Some(modified));
        self.at = Some(Place {
            modified,
            id: record.id.0.clone(),
        });
        let is_news = !self.knows(record);
        self.note(record);
        is_news
    }

    /// Whether this version of a record was reported.
    pub(crate) fn knows(&self, record: &Record) -> bool {
        self.seen.contains_key(&digest(record))
    }

    /// Takes a version of a record for reported.
    pub(crate) fn note(&mut self, record: &Record) {
        if self.seen.len() < REMEMBERED {
            let modified = record.modified.or(self.newest).unwrap_or(self.from);
            self.seen.insert(digest(record), modified.as_second());
        }
    }

    /// Whether so many rows are known that reading them whole again would be waste.
    pub(crate) fn is_crowded(&self) -> bool {
        self.seen.len() >= CROWD
    }

    /// Remembers a record that another read has reported, if the next sweep will meet it.
    pub(crate) fn remember(&mut self, record: &Record) {
        if let Some(modified) = record.modified
            && modified >= self.from
        {
            self.take(record, modified);
            self.at = None;
        }
    }

    /// Ends a sweep: the next one begins where nothing can have been missed.
    pub(crate) fn end(&mut self, overlap: SignedDuration) {
        let begun = self.begun.take();
        self.at = None;
        let certain = match (self.newest, begun) {
            (Some(newest), Some(begun)) => newest.min(begun),
            (Some(newest), None) => newest,
            (None, Some(begun)) => begun,
            (None, None) => return,
        };
        let mut from = back(certain, overlap);
        if let Some(begun) = begun {
            // By whole minutes, so that the position of an idle table does not change all the time.
            let settled = back(begun, overlap + SKEW);
            from = from.max(back(
                settled,
                SignedDuration::from_secs(settled.as_second().rem_euclid(60)),
            ));
        }
        // A window never moves back.
        self.from = self.from.max(from);
        let oldest = self.from.as_second();
        self.seen.retain(|_, modified| *modified >= oldest);
    }
}

fn back(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Sixteen digits that stand for a record at a version; without a version its time of modification
/// has to do.
fn digest(record: &Record) -> String {
    // The space is this module's own; it only has to stay the same.
    const SPACE: Uuid = Uuid::from_u128(0x7d1f_4a90_52c3_4b8e_9a64_0c8d_31f2_5e77);
    let version = match (&record.version, record.modified) {
        (Some(version), _) => version.tag.clone(),
        (None, Some(modified)) => modified.to_string(),
        (None, None) => String::new(),
    };
    let text = format!("{}\n{version}", record.id.0.to_lowercase());
    let (high, _) = Uuid::new_v5(&SPACE, text.as_bytes()).as_u64_pair();
    format!("{high:016x}")
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
