//! What is kept for people: the story of each record, and conflicts with both values.

use super::columns::{
    Word as _, from_json, from_nanos, side_of, text_of, to_json, to_limit, to_nanos,
};
use super::fault::Fault;
use crate::settlement::NewConflict;
use crate::store::{Activity, Conflict};
use duet_map::record::Key;
use duet_map::side::Side;
use jiff::Timestamp;
use rusqlite::{Connection, params};

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
}

impl Subject {
    /// The change at this place in the journal, if it is still there.
    pub(super) fn load(tx: &Connection, seq: i64) -> Result<Option<Self>, Fault> {
        let mut select = tx.prepare_cached(
            "SELECT map, side, key, record, journaled_at, attempts > 0 FROM journal WHERE seq = ?1",
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
        }))
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

/// Records conflicts of changes that stand in the journal.
pub(super) fn add_conflicts(
    tx: &Connection,
    conflicts: &[(i64, NewConflict)],
    now: Timestamp,
) -> Result<(), Fault> {
    for (seq, conflict) in conflicts {
        if let Some(subject) = Subject::load(tx, *seq)? {
            add_conflict(tx, &subject, conflict, now)?;
        }
    }
    Ok(())
}

/// Records a conflict, unless it is the last one of its key told again.
pub(super) fn add_conflict(
    tx: &Connection,
    subject: &Subject,
    conflict: &NewConflict,
    now: Timestamp,
) -> Result<(), Fault> {
    let fields = to_json(&conflict.fields)?;
    tx.prepare_cached(
        "INSERT INTO conflicts (map, key, at, policy, fields)
         SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (
             SELECT 1 FROM conflicts
             WHERE id = (SELECT max(id) FROM conflicts WHERE map = ?1 AND key = ?2)
               AND policy = ?4 AND fields = ?5)",
    )?
    .execute(params![
        subject.map,
        subject.key,
        to_nanos(now),
        conflict.policy,
        fields,
    ])?;
    Ok(())
}

/// Conflict records, newest first.
pub(super) fn conflicts(
    tx: &Connection,
    map: Option<&str>,
    limit: usize,
) -> Result<Vec<Conflict>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT id, map, key, at, policy, fields FROM conflicts
         WHERE ?1 IS NULL OR map = ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let mut rows = select.query(params![map, to_limit(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        found.push(Conflict {
            id,
            map: row.get(1)?,
            key: Key(row.get(2)?),
            at: from_nanos(row.get(3)?),
            policy: row.get(4)?,
            fields: from_json(text_of(row, 5)?, || format!("the fields of conflict {id}"))?,
        });
    }
    Ok(found)
}
