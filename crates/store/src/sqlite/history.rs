//! The story of each record: what became of its changes, its last lines.

use super::columns::{Word as _, from_nanos, side_of, to_limit, to_nanos};
use super::fault::Fault;
use crate::store::Activity;
use duet_map::record::Key;
use duet_map::side::Side;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

/// How many lines of its story each record keeps.
pub const STORY_LENGTH: usize = 40;

/// A change as its story names it.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) seq: i64,
    pub(super) map: String,
    pub(super) side: Side,
    pub(super) key: String,
    pub(super) record: String,
    pub(super) journaled_at: i64,
    /// Whether it was tried before.
    pub(super) tried: bool,
    /// Whether it is a deletion.
    pub(super) deletes: bool,
    /// Whether a person confirmed it, as one of many deletions.
    pub(super) confirmed: bool,
    /// How it came to be known, where nobody reported it as a change.
    pub(super) found: Option<String>,
}

impl Subject {
    /// A subject for what is said about a pair rather than a change: its newest change, or none.
    pub(super) fn of_pair(
        tx: &Connection,
        map: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let mut select = tx.prepare_cached(
            "SELECT seq FROM journal WHERE map = ?1 AND key = ?2 ORDER BY seq DESC LIMIT 1",
        )?;
        let newest: Option<i64> = select.query_row([map, key], |row| row.get(0)).optional()?;
        if let Some(seq) = newest
            && let Some(subject) = Self::load(tx, seq)?
        {
            return Ok(subject);
        }
        Ok(Self {
            seq: 0,
            map: map.to_owned(),
            side: Side::Left,
            key: key.to_owned(),
            record: String::new(),
            journaled_at: to_nanos(now),
            tried: false,
            deletes: false,
            confirmed: false,
            found: None,
        })
    }

    /// The change at this place in the journal, if it is still there.
    pub(super) fn load(tx: &Connection, seq: i64) -> Result<Option<Self>, Fault> {
        let mut select = tx.prepare_cached(
            "SELECT map, side, key, record, journaled_at, attempts > 0, kind = 'delete',
                    CASE WHEN json_extract(amendment, '$.repair') THEN 'a repair'
                         WHEN origin = 'initial' THEN 'a whole read'
                         WHEN origin = 'sweep' THEN 'a comparison' END,
                    coalesce(json_extract(amendment, '$.confirmed'), 0)
             FROM journal WHERE seq = ?1",
        )?;
        let mut rows = select.query([seq])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        Ok(Some(Self {
            seq,
            map: row.get(0)?,
            side: side_of(row, 1)?,
            key: row.get(2)?,
            record: row.get(3)?,
            journaled_at: row.get(4)?,
            tried: row.get(5)?,
            deletes: row.get(6)?,
            found: row.get(7)?,
            confirmed: row.get(8)?,
        }))
    }

    /// What was applied of it, and how it came to be known.
    pub(super) fn applied(&self, columns: &[String]) -> String {
        let mut told = columns.join(", ");
        if told.is_empty() && self.deletes {
            told.push_str("the deletion");
        }
        match &self.found {
            Some(found) if told.is_empty() => format!("by {found}"),
            Some(found) => format!("{told}; by {found}"),
            None => told,
        }
    }
}

/// Adds a line to a record's story and drops what is older than its last [`STORY_LENGTH`] lines.
pub(super) fn tell(
    tx: &Connection,
    subject: &Subject,
    outcome: &str,
    detail: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    if subject.tried {
        // A change that is postponed again and again would push out the rest of the story.
        tx.prepare_cached(
            "DELETE FROM activity
             WHERE map = ?1 AND key = ?2 AND seq = ?3 AND outcome = 'postponed'",
        )?
        .execute(params![subject.map, subject.key, subject.seq])?;
    }
    tx.prepare_cached(
        "INSERT INTO activity (seq, map, side, key, outcome, detail, journaled_at, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        subject.seq,
        subject.map,
        subject.side.word(),
        subject.key,
        outcome,
        detail,
        subject.journaled_at,
        to_nanos(now),
    ])?;
    tx.prepare_cached(
        "DELETE FROM activity WHERE map = ?1 AND key = ?2 AND id <=
             (SELECT id FROM activity WHERE map = ?1 AND key = ?2
              ORDER BY id DESC LIMIT 1 OFFSET ?3)",
    )?
    .execute(params![subject.map, subject.key, to_limit(STORY_LENGTH)])?;
    Ok(())
}

/// The last lines of the stories whose key contains the text; oldest first.
pub(super) fn activity(
    tx: &Connection,
    key_contains: &str,
    limit: usize,
) -> Result<Vec<Activity>, Fault> {
    let wanted = Needle::new(key_contains);
    let mut keys = tx.prepare_cached("SELECT DISTINCT map, key FROM activity ORDER BY map, key")?;
    let mut story = tx.prepare_cached(
        "SELECT id, seq, side, outcome, detail, journaled_at, at FROM activity
         WHERE map = ?1 AND key = ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let mut found: Vec<(i64, Activity)> = Vec::new();
    let mut rows = keys.query([])?;
    while let Some(row) = rows.next()? {
        let (map, key): (String, Key) = (row.get(0)?, Key(row.get(1)?));
        if !wanted.is_in(&key) {
            continue;
        }
        let mut lines = story.query(params![map, key.0, to_limit(limit)])?;
        while let Some(line) = lines.next()? {
            found.push((
                line.get(0)?,
                Activity {
                    seq: line.get(1)?,
                    map: map.clone(),
                    side: side_of(line, 2)?,
                    key: key.clone(),
                    outcome: line.get(3)?,
                    detail: line.get(4)?,
                    journaled_at: from_nanos(line.get(5)?),
                    at: from_nanos(line.get(6)?),
                },
            ));
        }
        if found.len() > limit.saturating_mul(2) {
            keep_newest(&mut found, limit);
        }
    }
    keep_newest(&mut found, limit);
    Ok(found.into_iter().rev().map(|(_, line)| line).collect())
}

/// Sorts the newest to the front and drops the rest.
fn keep_newest(lines: &mut Vec<(i64, Activity)>, limit: usize) {
    lines.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
    lines.truncate(limit);
}

/// A text that a key, as people read it, has to contain; case does not count.
pub(super) struct Needle(String);

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    pub(super) fn is_in(&self, key: &Key) -> bool {
        self.0.is_empty() || key.to_string().to_lowercase().contains(&self.0)
    }
}
