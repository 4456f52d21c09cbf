//! Conflict records: history where a policy decided, open while a person has to.

use super::columns::{
    Word as _, from_json, from_nanos, optional_text_of, text_of, to_json, to_limit, to_nanos,
    word_of,
};
use super::fault::Fault;
use super::history::{self, Needle, Subject};
use super::{journal, parking};
use crate::change::NewChange;
use crate::conflict::{
    Conflict, ConflictFilter, ConflictState, Decision, NewConflict, OpenConflict,
};
use duet_map::record::Key;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use std::collections::HashMap;

/// The columns that [`read`] reads, in its order.
const COLUMNS: &str = "id, map, key, at, kind, state, policy, fields, touched, decision, ended_at, \
                       ended_how";

fn read(row: &Row<'_>) -> Result<Conflict, Fault> {
    let id: i64 = row.get(0)?;
    let what = |part: &str| format!("the {part} of conflict {id}");
    let touched = optional_text_of(row, 8)?
        .map(|json| from_json(json, || what("times")))
        .transpose()?
        .unwrap_or_default();
    let decision = match optional_text_of(row, 9)? {
        Some(json) => Some(from_json(json, || what("decision"))?),
        None => None,
    };
    let ended_at: Option<i64> = row.get(10)?;
    Ok(Conflict {
        id,
        map: row.get(1)?,
        key: Key(row.get(2)?),
        at: from_nanos(row.get(3)?),
        kind: word_of(row, 4)?,
        state: word_of(row, 5)?,
        policy: row.get(6)?,
        fields: from_json(text_of(row, 7)?, || what("fields"))?,
        touched,
        decision,
        ended_at: ended_at.map(from_nanos),
        ended_how: row.get(11)?,
    })
}

/// Records conflicts that policies decided, of changes that stand in the journal.
pub(super) fn add(
    tx: &Connection,
    conflicts: &[(i64, NewConflict)],
    now: Timestamp,
) -> Result<(), Fault> {
    for (seq, conflict) in conflicts {
        if let Some(subject) = Subject::load(tx, *seq)? {
            add_one(tx, &subject, conflict, now)?;
        }
    }
    Ok(())
}

/// Records a conflict that a policy decided, unless it is the last one of its key told again.
pub(super) fn add_one(
    tx: &Connection,
    subject: &Subject,
    conflict: &NewConflict,
    now: Timestamp,
) -> Result<(), Fault> {
    let fields = to_json(&conflict.fields)?;
    tx.prepare_cached(
        "INSERT INTO conflicts (map, key, at, kind, policy, fields, touched, ended_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?3 WHERE NOT EXISTS (
             SELECT 1 FROM conflicts
             WHERE id = (SELECT max(id) FROM conflicts
                         WHERE map = ?1 AND key = ?2 AND state = 'decided')
               AND policy = ?5 AND fields = ?6)",
    )?
    .execute(params![
        subject.map,
        subject.key,
        to_nanos(now),
        conflict.kind.word(),
        conflict.policy,
        fields,
        to_json(&conflict.touched)?,
    ])?;
    Ok(())
}

/// Does to the open conflict of a pair what its settlement says.
pub(super) fn settle_open(
    tx: &Connection,
    subject: &Subject,
    write: &OpenConflict,
    now: Timestamp,
) -> Result<(), Fault> {
    match write {
        OpenConflict::Keep => Ok(()),
        OpenConflict::Waits(conflict) => wait(tx, subject, conflict, now),
        OpenConflict::Resolved => end(tx, subject, ConflictState::Resolved, "carried out", now),
        OpenConflict::Gone(why) => end(tx, subject, ConflictState::Gone, why, now),
    }
}

/// Makes the open conflict of a key, or brings it up to date. A decision stays only as long as
/// nothing else is contested than what it was about.
fn wait(
    tx: &Connection,
    subject: &Subject,
    conflict: &NewConflict,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT INTO conflicts (map, key, at, kind, policy, fields, touched, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open')
         ON CONFLICT (map, key) WHERE state = 'open' DO UPDATE SET
             kind = CASE WHEN kind = 'meeting' AND excluded.kind = 'fields'
                         THEN kind ELSE excluded.kind END,
             policy = excluded.policy, fields = excluded.fields,
             touched = excluded.touched,
             decision = CASE WHEN fields = excluded.fields THEN decision END",
    )?
    .execute(params![
        subject.map,
        subject.key,
        to_nanos(now),
        conflict.kind.word(),
        conflict.policy,
        to_json(&conflict.fields)?,
        to_json(&conflict.touched)?,
    ])?;
    Ok(())
}

fn end(
    tx: &Connection,
    subject: &Subject,
    state: ConflictState,
    how: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE conflicts SET state = ?3, ended_at = ?4, ended_how = ?5
         WHERE map = ?1 AND key = ?2 AND state = 'open'",
    )?
    .execute(params![
        subject.map,
        subject.key,
        state.word(),
        to_nanos(now),
        how
    ])?;
    Ok(())
}

/// Moves the conflicts of a pair to its new key; where one is open already, the other one stays.
pub(super) fn move_to(tx: &Connection, map: &str, from: &str, to: &str) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE OR IGNORE conflicts SET key = ?3 WHERE map = ?1 AND key = ?2")?
        .execute([map, from, to])?;
    Ok(())
}

/// Conflict records, newest first.
pub(super) fn list(
    tx: &Connection,
    filter: &ConflictFilter,
    limit: usize,
) -> Result<Vec<Conflict>, Fault> {
    let mut select = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM conflicts
         WHERE (?1 IS NULL OR map = ?1) AND (NOT ?2 OR state = 'open') ORDER BY id DESC"
    ))?;
    let wanted = filter.key_contains.as_deref().map(Needle::new);
    let mut rows = select.query(params![filter.map, filter.open])?;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(row) = rows.next()? else { break };
        if let Some(wanted) = &wanted
            && !wanted.is_in(&Key(row.get(2)?))
        {
            continue;
        }
        found.push(read(row)?);
    }
    Ok(found)
}

/// One conflict record.
pub(super) fn one(tx: &Connection, id: i64) -> Result<Option<Conflict>, Fault> {
    let mut select =
        tx.prepare_cached(&format!("SELECT {COLUMNS} FROM conflicts WHERE id = ?1"))?;
    let mut rows = select.query([id])?;
    rows.next()?.map(read).transpose()
}

/// The open conflicts of these keys.
pub(super) fn open(
    tx: &Connection,
    map: &str,
    keys: &[Key],
) -> Result<HashMap<Key, Conflict>, Fault> {
    let mut select = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM conflicts WHERE map = ?1 AND key = ?2 AND state = 'open'"
    ))?;
    let mut found = HashMap::new();
    for key in keys {
        let mut rows = select.query(params![map, key.0])?;
        if let Some(row) = rows.next()? {
            found.insert(key.clone(), read(row)?);
        }
    }
    Ok(found)
}

/// Stores a decision about an open conflict, and sets in motion what carries it out.
pub(super) fn decide(
    tx: &Connection,
    id: i64,
    decision: &Decision,
    changes: &[NewChange],
    tokens: &[String],
) -> Result<bool, Fault> {
    let updated = tx
        .prepare_cached("UPDATE conflicts SET decision = ?2 WHERE id = ?1 AND state = 'open'")?
        .execute(params![id, to_json(decision)?])?;
    let Some(conflict) = one(tx, id)?.filter(|_| updated == 1) else {
        return Ok(false);
    };
    journal::add(tx, changes, decision.at)?;
    let subject = Subject::of_pair(tx, &conflict.map, &conflict.key.0, decision.at)?;
    let told = format!("conflict {id}, by {}", decision.by);
    history::tell(tx, &subject, "resolved", &told, decision.at)?;
    let released = parking::release(tx, tokens.iter().map(String::as_str), decision.at)?;
    if released == 0 && changes.is_empty() && !is_alive(tx, &conflict)? {
        // Nothing will ever carry it out: its pair ended while the conflict was being recorded.
        let how = "its records are linked no more";
        end(tx, &subject, ConflictState::Gone, how, decision.at)?;
    }
    Ok(true)
}

/// Whether the pair of a conflict stands, or anything is to be done under its key.
fn is_alive(tx: &Connection, conflict: &Conflict) -> Result<bool, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT 1 FROM pairs WHERE map = ?1 AND key = ?2 AND state <> 'deleted'
         UNION ALL SELECT 1 FROM journal WHERE map = ?1 AND key = ?2",
    )?;
    Ok(select.exists([&conflict.map, &conflict.key.0])?)
}

/// Forgets the oldest conflicts that ended before a moment.
pub(super) fn forget(tx: &Connection, before: Timestamp, limit: usize) -> Result<u64, Fault> {
    let forgotten = tx
        .prepare_cached(
            "DELETE FROM conflicts WHERE id IN (
                 SELECT id FROM conflicts WHERE state <> 'open' AND ended_at < ?1
                 ORDER BY ended_at LIMIT ?2)",
        )?
        .execute(params![to_nanos(before), to_limit(limit)])?;
    Ok(forgotten as u64)
}
