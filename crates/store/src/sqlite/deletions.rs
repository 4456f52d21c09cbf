//! What the brake on mass deletions counts: deletions that wait, and those that were let pass.

use super::columns::{Word as _, count, to_count, to_nanos};
use super::fault::Fault;
use super::history::Subject;
use duet_map::side::Side;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};

/// How long it is remembered that deletions passed.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(31 * 24);

/// How many deletions of a side nobody has confirmed, counted up to a limit.
pub(super) fn unconfirmed(
    tx: &Connection,
    map: &str,
    side: Side,
    limit: u64,
) -> Result<u64, Fault> {
    let counted = tx
        .prepare_cached(
            "SELECT count(*) FROM (
                 SELECT 1 FROM journal
                 WHERE map = ?1 AND side = ?2 AND kind = 'delete' AND amendment IS NULL LIMIT ?3)",
        )?
        .query_row(params![map, side.word(), to_count(limit)], |row| row.get(0))?;
    Ok(count(counted))
}

/// How many unconfirmed deletions of a side were carried out after a moment.
pub(super) fn passed_since(
    tx: &Connection,
    map: &str,
    side: Side,
    since: Timestamp,
) -> Result<u64, Fault> {
    let counted = tx
        .prepare_cached(
            "SELECT coalesce(sum(count), 0) FROM passed_deletions
             WHERE map = ?1 AND side = ?2 AND at > ?3",
        )?
        .query_row(params![map, side.word(), to_nanos(since)], |row| row.get(0))?;
    Ok(count(counted))
}

/// Remembers that a deletion was carried out. One that a person confirmed says that those before it
/// were meant as well: counting begins anew.
pub(super) fn passed(tx: &Connection, subject: &Subject, now: Timestamp) -> Result<(), Fault> {
    let old = if subject.confirmed {
        Timestamp::MAX
    } else {
        now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN)
    };
    tx.prepare_cached("DELETE FROM passed_deletions WHERE map = ?1 AND side = ?2 AND at <= ?3")?
        .execute(params![subject.map, subject.side.word(), to_nanos(old)])?;
    if !subject.confirmed {
        tx.prepare_cached(
            "INSERT INTO passed_deletions (map, side, at, count) VALUES (?1, ?2, ?3, 1)
             ON CONFLICT DO UPDATE SET count = count + 1",
        )?
        .execute(params![subject.map, subject.side.word(), to_nanos(now)])?;
    }
    Ok(())
}
