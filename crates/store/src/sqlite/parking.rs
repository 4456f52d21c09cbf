//! Parked changes: why they wait, for what, and how they become pending again.

use super::columns::{Word as _, count, from_nanos, side_of, to_json, to_nanos, word_of};
use super::fault::Fault;
use super::history::{self, Subject};
use super::tally::Tally;
use super::{conflicts, journal, pairs, settle};
use crate::change::{Amendment, Park, Parked, ParkedFilter};
use crate::conflict::OpenConflict;
use duet_map::record::{Key, RecordId};
use jiff::Timestamp;
use rusqlite::{Connection, params};

/// Parks a change that stands in the journal.
pub(super) fn park(tx: &Connection, seq: i64, park: &Park, now: Timestamp) -> Result<(), Fault> {
    unpark(tx, seq)?;
    tx.prepare_cached(
        "UPDATE journal SET state = 'parked', until = 0, attempts = attempts + 1 WHERE seq = ?1",
    )?
    .execute([seq])?;
    tx.prepare_cached(
        "INSERT INTO parked (seq, reason, code, message, since) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        seq,
        park.reason.word(),
        park.code.to_string(),
        park.message,
        to_nanos(now),
    ])?;
    let mut wait =
        tx.prepare_cached("INSERT INTO waits (seq, token) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    for token in &park.waits_for {
        wait.execute(params![seq, token])?;
    }
    Ok(())
}

/// Forgets why a change was parked and what it waits for.
pub(super) fn unpark(tx: &Connection, seq: i64) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM parked WHERE seq = ?1")?
        .execute([seq])?;
    Ok(())
}

/// Parked changes that the filter means, oldest first.
pub(super) fn list(
    tx: &Connection,
    filter: &ParkedFilter,
    limit: usize,
) -> Result<Vec<Parked>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT seq, map, side, key, record, reason, code, message, since, attempts
         FROM parked JOIN journal USING (seq)
         WHERE (?1 IS NULL OR map = ?1) AND (?2 IS NULL OR reason = ?2) AND (?3 IS NULL OR seq = ?3)
           AND (?4 IS NULL OR side = ?4)
         ORDER BY seq",
    )?;
    let mut tokens = tx.prepare_cached("SELECT token FROM waits WHERE seq = ?1 ORDER BY id")?;
    let reason = filter.reason.map(super::columns::Word::word);
    let side = filter.side.map(super::columns::Word::word);
    let mut rows = select.query(params![filter.map, reason, filter.seq, side])?;
    let wanted = filter.key_contains.as_deref().map(history::Needle::new);
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(row) = rows.next()? else { break };
        let key = Key(row.get(3)?);
        if wanted.as_ref().is_some_and(|wanted| !wanted.is_in(&key)) {
            continue;
        }
        let seq = row.get(0)?;
        found.push(Parked {
            seq,
            map: row.get(1)?,
            side: side_of(row, 2)?,
            key,
            record: RecordId(row.get(4)?),
            reason: word_of(row, 5)?,
            code: row.get(6)?,
            message: row.get(7)?,
            since: from_nanos(row.get(8)?),
            attempts: row.get(9)?,
            waits_for: tokens
                .query_map([seq], |row| row.get(0))?
                .collect::<Result<_, _>>()?,
        });
    }
    Ok(found)
}

/// Makes parked changes pending again because a person asks for it.
pub(super) fn retry(tx: &Connection, filter: &ParkedFilter, now: Timestamp) -> Result<u64, Fault> {
    let parked = list(tx, filter, usize::MAX)?;
    for change in &parked {
        make_pending(tx, change.seq, "retried", "", now)?;
    }
    Ok(parked.len() as u64)
}

/// Says something about parked changes and makes them pending.
pub(super) fn amend(
    tx: &Connection,
    filter: &ParkedFilter,
    amendment: &Amendment,
    told: &str,
    now: Timestamp,
) -> Result<u64, Fault> {
    let parked = list(tx, filter, usize::MAX)?;
    let amendment = to_json(amendment)?;
    let mut update = tx.prepare_cached("UPDATE journal SET amendment = ?2 WHERE seq = ?1")?;
    for change in &parked {
        update.execute(params![change.seq, amendment])?;
        make_pending(tx, change.seq, "amended", told, now)?;
    }
    Ok(parked.len() as u64)
}

/// Ends parked changes as discarded because a person says so.
pub(super) fn discard(
    tx: &Connection,
    filter: &ParkedFilter,
    why: &str,
    provides: &[String],
    now: Timestamp,
) -> Result<u64, Fault> {
    let parked = list(tx, filter, usize::MAX)?;
    let mut tally = Tally::default();
    for change in &parked {
        if let Some(subject) = Subject::load(tx, change.seq)? {
            if journal::is_last_deletion(tx, &subject)?
                && pairs::leave_alone(tx, &change.map, change.side, &change.record)?
            {
                let gone = OpenConflict::Gone("its change was discarded".to_owned());
                conflicts::settle_open(tx, &subject, &gone, now)?;
            }
            tally.boxes(&change.map, change.side).discarded += 1;
            settle::remove(tx, change.seq)?;
            history::tell(tx, &subject, "discarded", why, now)?;
        }
    }
    tally.store(tx)?;
    release(tx, provides.iter().map(String::as_str), now)?;
    Ok(parked.len() as u64)
}

/// Makes every change pending again that waits for any of these tokens.
pub(super) fn release<'t>(
    tx: &Connection,
    tokens: impl IntoIterator<Item = &'t str>,
    now: Timestamp,
) -> Result<u64, Fault> {
    let mut select = tx.prepare_cached("SELECT seq FROM waits WHERE token = ?1 ORDER BY seq")?;
    let mut released = 0;
    for token in tokens {
        let waiting: Vec<i64> = select
            .query_map([token], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for seq in waiting {
            make_pending(tx, seq, "released", "what it waited for is there", now)?;
            released += 1;
        }
    }
    Ok(released)
}

/// The obstacle is gone, or a person says so: failures are counted afresh.
fn make_pending(
    tx: &Connection,
    seq: i64,
    word: &'static str,
    detail: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    unpark(tx, seq)?;
    tx.prepare_cached(
        "UPDATE journal SET state = 'pending', until = 0, attempts = 0 WHERE seq = ?1",
    )?
    .execute([seq])?;
    if let Some(subject) = Subject::load(tx, seq)? {
        history::tell(tx, &subject, word, detail, now)?;
    }
    Ok(())
}

/// Tokens that parked changes wait for, with how many wait for each.
pub(super) fn awaited(tx: &Connection) -> Result<Vec<(String, u64)>, Fault> {
    let mut select =
        tx.prepare_cached("SELECT token, count(*) FROM waits GROUP BY token ORDER BY token")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, count(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
