//! The journal: what capture puts in and apply takes out, in order.

use super::columns::{
    Word as _, from_json, from_nanos, optional_text_of, side_of, to_json, to_nanos, version,
    word_of,
};
use super::fault::Fault;
use super::history::Subject;
use super::tally::{Progress, Tally};
use super::{intents, operation, pairs, sweep};
use crate::change::{Amendment, Change, ChangeKind, NewChange, ParkReason};
use crate::pair::PairBody;
use crate::store::{Capture, LONGEST_PAUSE, Waiting};
use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use std::collections::{HashMap, HashSet};

/// Journals what a read showed and saves its cursors.
pub(super) fn capture(tx: &Connection, capture: &Capture, now: Timestamp) -> Result<(), Fault> {
    add(tx, &capture.changes, now)?;
    for (name, cursor) in &capture.cursors {
        operation::save_cursor(tx, name, cursor.as_deref())?;
    }
    operation::remove_notices(tx, &capture.notices)?;
    if let Some((name, records)) = &capture.sweep_seen {
        sweep::see(tx, name, records)?;
    }
    Ok(())
}

/// Journals changes and counts them. A change of a paired record stands under the key of its pair, and
/// only here that is certain: the pair may be younger than what the caller knows.
pub(super) fn add(tx: &Connection, changes: &[NewChange], now: Timestamp) -> Result<(), Fault> {
    let mut tally = Tally::default();
    for change in changes {
        let boxes = tally.boxes(&change.map, change.side);
        boxes.captured += 1;
        let paired = pairs::key_of(tx, &change.map, change.side, &change.record)?;
        let key = paired.as_ref().unwrap_or(&change.key.0);
        if is_decided(tx, change, key)? {
            boxes.coalesced += 1;
        } else {
            insert(tx, change, key, now)?;
        }
    }
    tally.store(tx)?;
    if !changes.is_empty() {
        Progress::Journaled.store(tx, now)?;
    }
    Ok(())
}

/// Whether the record's last change says the same, and a person has said what becomes of it: kept
/// aside, or applied with other values. A row that is listed again is no answer to that.
fn is_decided(tx: &Connection, change: &NewChange, key: &str) -> Result<bool, Fault> {
    let ChangeKind::Upsert { row, .. } = &change.kind else {
        return Ok(false);
    };
    if !change.amendment.is_empty() {
        return Ok(false);
    }
    let mut last = tx.prepare_cached(
        "SELECT key, row FROM journal
         WHERE seq = (SELECT max(seq) FROM journal WHERE map = ?1 AND side = ?2 AND record = ?3)
           AND kind = 'upsert'
           AND (amendment IS NOT NULL
                OR EXISTS (SELECT 1 FROM parked
                           WHERE parked.seq = journal.seq AND parked.reason = ?4))",
    )?;
    let held = ParkReason::Held.word();
    let mut rows = last.query(params![
        change.map,
        change.side.word(),
        change.record.0,
        held
    ])?;
    let Some(last) = rows.next()? else {
        return Ok(false);
    };
    let (under, said): (String, String) = (last.get(0)?, last.get(1)?);
    Ok(under == key && said == to_json(row)?)
}

fn insert(tx: &Connection, change: &NewChange, key: &str, now: Timestamp) -> Result<(), Fault> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO journal (map, side, key, record, journaled_at, tick, origin, kind, modified,
                              version_tag, version_ordinal, row, modified_by, amendment)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    let (kind, modified, version, row, by) = match &change.kind {
        ChangeKind::Delete => ("delete", None, None, None, None),
        ChangeKind::Upsert {
            row,
            version,
            modified,
            by,
        } => (
            "upsert",
            modified.map(|at| at.to_string()),
            version.as_ref(),
            Some(to_json(row)?),
            by.as_ref(),
        ),
    };
    let amendment = match &change.amendment {
        amendment if amendment.is_empty() => None,
        amendment => Some(to_json(amendment)?),
    };
    insert.execute(params![
        change.map,
        change.side.word(),
        key,
        change.record.0,
        to_nanos(now),
        change.tick,
        change.origin.word(),
        kind,
        modified,
        version.map(|version| &version.tag),
        version.and_then(|version| version.ordinal),
        row,
        by,
        amendment,
    ])?;
    Ok(())
}

/// The changes of a map that are due now: at most one for each key, in journal order. One that would wait
/// longer than any pause lasts was postponed by a clock that was wrong, and is due as well.
pub(super) fn due(
    tx: &Connection,
    map: &str,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Change>, Fault> {
    let clock = DueClock::at(now);
    let mut changes = Vec::new();
    let mut met = HashSet::new();
    let mut walk = tx.prepare_cached(
        "SELECT key FROM journal
         WHERE map = ?1 AND state = 'pending' AND (until <= ?2 OR until > ?3) ORDER BY seq",
    )?;
    let mut rows = walk.query(params![map, clock.now, clock.horizon])?;
    while changes.len() < limit {
        let Some(row) = rows.next()? else { break };
        let key: String = row.get(0)?;
        if met.contains(&key) {
            continue;
        }
        let partition = Partition::load(tx, map, &key)?;
        if let Some((seq, supersedes)) = partition.next(&clock) {
            changes.push(load(tx, seq, supersedes)?);
        }
        met.insert(key);
    }
    Ok(changes)
}

/// When the first key that waits for a postponed change is due.
pub(super) fn next_due(tx: &Connection, map: &str) -> Result<Option<Timestamp>, Fault> {
    // A key waits for the last of its postponed changes. An earlier time would be a promise that
    // `due` does not keep.
    let nanos: Option<i64> = tx
        .prepare_cached(
            "SELECT min(latest) FROM (
                 SELECT max(until) AS latest FROM journal
                 WHERE map = ?1 AND until > 0 GROUP BY key)",
        )?
        .query_row([map], |row| row.get(0))?;
    Ok(nanos.map(from_nanos))
}

/// The newest pending upsert of a side under each of these keys.
pub(super) fn pending_upserts(
    tx: &Connection,
    map: &str,
    side: Side,
    keys: &[Key],
) -> Result<HashMap<Key, Change>, Fault> {
    let mut found = HashMap::new();
    for key in keys {
        let partition = Partition::load(tx, map, &key.0)?;
        if let Some((seq, supersedes)) = partition.newest_upsert(side) {
            found.insert(key.clone(), load(tx, seq, supersedes)?);
        }
    }
    Ok(found)
}

/// The key of the last change of each of these records that stands in the journal.
pub(super) fn pending_keys(
    tx: &Connection,
    map: &str,
    side: Side,
    records: &[RecordId],
) -> Result<HashMap<RecordId, Key>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT key FROM journal WHERE map = ?1 AND side = ?2 AND record = ?3
         ORDER BY seq DESC LIMIT 1",
    )?;
    let mut found = HashMap::new();
    for record in records {
        let mut rows = select.query(params![map, side.word(), record.0])?;
        if let Some(row) = rows.next()? {
            found.insert(record.clone(), Key(row.get(0)?));
        }
    }
    Ok(found)
}

/// Moves what stands in the journal of a pair's records to the pair's key, with what was sent for
/// it. Before a record had a key (the other side allocates it), or had another one, its changes
/// stood apart from those of its pair.
pub(super) fn join_partition(tx: &Connection, map: &str, body: &PairBody) -> Result<(), Fault> {
    let mut apart = tx.prepare_cached(
        "SELECT DISTINCT key FROM journal
         WHERE map = ?1 AND side = ?2 AND record = ?3 AND key <> ?4",
    )?;
    let mut join = tx.prepare_cached(
        "UPDATE journal SET key = ?4 WHERE map = ?1 AND side = ?2 AND record = ?3 AND key <> ?4",
    )?;
    for side in Side::BOTH {
        let Some(record) = &body.halves[side].record else {
            continue;
        };
        let place = params![map, side.word(), record.0, body.key.0];
        let keys: Vec<String> = apart
            .query_map(place, |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if !keys.is_empty() {
            for key in keys {
                intents::move_of(tx, map, side, record, (&key, &body.key.0))?;
            }
            join.execute(place)?;
        }
    }
    Ok(())
}

/// Whether a change is a deletion, and nothing of its record came after it.
pub(super) fn is_last_deletion(tx: &Connection, subject: &Subject) -> Result<bool, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT 1 FROM journal AS one
         WHERE seq = ?1 AND kind = 'delete' AND NOT EXISTS (
             SELECT 1 FROM journal AS later
             WHERE later.map = one.map AND later.side = one.side AND later.record = one.record
               AND later.seq > one.seq)",
    )?;
    Ok(select.exists([subject.seq])?)
}

/// Between which moments a postponed change waits, in nanoseconds.
struct DueClock {
    now: i64,
    horizon: i64,
}

impl DueClock {
    fn at(now: Timestamp) -> Self {
        let horizon = now.saturating_add(LONGEST_PAUSE).unwrap_or(Timestamp::MAX);
        Self {
            now: to_nanos(now),
            horizon: to_nanos(horizon),
        }
    }

    const fn waits(&self, until: i64) -> bool {
        until > self.now && until <= self.horizon
    }
}

/// What stands in the journal under one key of a map, in its order.
struct Partition(Vec<Entry>);

struct Entry {
    seq: i64,
    side: Side,
    record: String,
    parked: bool,
    upsert: bool,
    until: i64,
}

impl Partition {
    fn load(tx: &Connection, map: &str, key: &str) -> Result<Self, Fault> {
        let mut select = tx.prepare_cached(
            "SELECT seq, side, record, state = 'parked', kind = 'upsert', until FROM journal
             WHERE map = ?1 AND key = ?2 ORDER BY seq",
        )?;
        let mut rows = select.query([map, key])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(Entry {
                seq: row.get(0)?,
                side: side_of(row, 1)?,
                record: row.get(2)?,
                parked: row.get(3)?,
                upsert: row.get(4)?,
                until: row.get(5)?,
            });
        }
        Ok(Self(entries))
    }

    /// The change that this key offers now, with the earlier ones of the same record.
    fn next(&self, clock: &DueClock) -> Option<(i64, Vec<i64>)> {
        let mut pending = self.0.iter().filter(|entry| !entry.parked);
        let first = pending.next()?;
        if clock.waits(first.until) || pending.any(|entry| clock.waits(entry.until)) {
            return None;
        }
        Some(self.last_of(first))
    }

    /// The newest upsert of a side that is pending and that no later change of its record overrules.
    fn newest_upsert(&self, side: Side) -> Option<(i64, Vec<i64>)> {
        self.0
            .iter()
            .rev()
            .filter(|entry| entry.side == side && entry.upsert && !entry.parked)
            .map(|entry| (entry.seq, self.last_of(entry)))
            .find_map(|(seq, last)| (last.0 == seq).then_some(last))
    }

    /// The last change of this entry's record and all that it supersedes. A row is whole, so the
    /// last one says all, and applying an earlier one after it could only bring back old values.
    fn last_of(&self, entry: &Entry) -> (i64, Vec<i64>) {
        let mut seqs: Vec<i64> = self
            .0
            .iter()
            .filter(|other| other.side == entry.side && other.record == entry.record)
            .map(|other| other.seq)
            .collect();
        let last = seqs.pop().unwrap_or(entry.seq);
        (last, seqs)
    }
}

/// One change, pending or parked.
pub(super) fn one(tx: &Connection, seq: i64) -> Result<Option<Change>, Fault> {
    let mut select = tx.prepare_cached("SELECT 1 FROM journal WHERE seq = ?1")?;
    if select.exists([seq])? {
        return load(tx, seq, Vec::new()).map(Some);
    }
    Ok(None)
}

/// What stands in the journal of these records.
pub(super) fn waiting(
    tx: &Connection,
    map: &str,
    side: Side,
    records: &[RecordId],
) -> Result<HashMap<RecordId, Waiting>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT state = 'pending', reason FROM journal LEFT JOIN parked USING (seq)
         WHERE map = ?1 AND side = ?2 AND record = ?3",
    )?;
    let mut found: HashMap<RecordId, Waiting> = HashMap::new();
    for record in records {
        let mut rows = select.query(params![map, side.word(), record.0])?;
        while let Some(row) = rows.next()? {
            let waiting = found.entry(record.clone()).or_default();
            waiting.pending |= row.get::<_, bool>(0)?;
            if optional_text_of(row, 1)?.is_some() {
                waiting.parked = Some(word_of(row, 1)?);
            }
        }
    }
    Ok(found)
}

fn load(tx: &Connection, seq: i64, supersedes: Vec<i64>) -> Result<Change, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT map, side, key, record, attempts, journaled_at, tick, origin, modified,
                version_tag, version_ordinal, row, modified_by, amendment
         FROM journal WHERE seq = ?1",
    )?;
    let mut rows = select.query([seq])?;
    let Some(row) = rows.next()? else {
        return Err(rusqlite::Error::QueryReturnedNoRows.into());
    };
    let kind = match optional_text_of(row, 11)? {
        None => ChangeKind::Delete,
        Some(json) => ChangeKind::Upsert {
            row: from_json(json, || format!("the row of change {seq}"))?,
            version: version(row.get(9)?, row.get(10)?),
            modified: match optional_text_of(row, 8)? {
                None => None,
                Some(text) => Some(text.parse().map_err(|source: jiff::Error| {
                    Fault::unreadable(format!("the time of change {seq}"), source)
                })?),
            },
            by: row.get(12)?,
        },
    };
    let amendment = match optional_text_of(row, 13)? {
        Some(json) => from_json(json, || format!("what was said about change {seq}"))?,
        None => Amendment::default(),
    };
    Ok(Change {
        seq,
        change: NewChange {
            map: row.get(0)?,
            side: side_of(row, 1)?,
            key: Key(row.get(2)?),
            record: RecordId(row.get(3)?),
            kind,
            tick: row.get(6)?,
            origin: word_of(row, 7)?,
            amendment,
        },
        journaled_at: from_nanos(row.get(5)?),
        attempts: row.get(4)?,
        supersedes,
    })
}
