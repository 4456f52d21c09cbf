//! The accounting: counters that move with the changes they count.

use super::columns::{Word as _, count, from_nanos, side_of, to_count, to_nanos};
use super::fault::Fault;
use crate::accounting::{AuditLine, Boxes};
use duet_map::side::Side;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::{BTreeMap, HashMap};

/// What one transaction adds to the counters; stored once, at its end.
#[derive(Debug, Default)]
pub(super) struct Tally(HashMap<String, [Boxes; 2]>);

impl Tally {
    /// The boxes to add to.
    pub(super) fn boxes(&mut self, map: &str, side: Side) -> &mut Boxes {
        let [left, right] = self.0.entry(map.to_owned()).or_default();
        match side {
            Side::Left => left,
            Side::Right => right,
        }
    }

    /// Adds everything to the stored counters.
    pub(super) fn store(self, tx: &Connection) -> Result<(), Fault> {
        let mut add = tx.prepare_cached(
            "INSERT INTO counters (map, side, captured, applied, coalesced, echoed, filtered,
                                   discarded, writes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (map, side) DO UPDATE SET
                captured = captured + excluded.captured,
                applied = applied + excluded.applied,
                coalesced = coalesced + excluded.coalesced,
                echoed = echoed + excluded.echoed,
                filtered = filtered + excluded.filtered,
                discarded = discarded + excluded.discarded,
                writes = writes + excluded.writes",
        )?;
        for (map, sides) in &self.0 {
            for (side, boxes) in Side::BOTH.into_iter().zip(sides) {
                if *boxes == Boxes::default() {
                    continue;
                }
                add.execute(params![
                    map,
                    side.word(),
                    to_count(boxes.captured),
                    to_count(boxes.applied),
                    to_count(boxes.coalesced),
                    to_count(boxes.echoed),
                    to_count(boxes.filtered),
                    to_count(boxes.discarded),
                    to_count(boxes.writes),
                ])?;
            }
        }
        Ok(())
    }
}

/// Every map and side that ever captured something.
pub(super) fn audit(tx: &Connection) -> Result<Vec<AuditLine>, Fault> {
    let mut lines: BTreeMap<(String, Side), Boxes> = BTreeMap::new();
    let mut counters = tx.prepare_cached(
        "SELECT map, side, captured, applied, coalesced, echoed, filtered, discarded, writes
         FROM counters",
    )?;
    let mut rows = counters.query([])?;
    while let Some(row) = rows.next()? {
        let boxes = Boxes {
            captured: count(row.get(2)?),
            applied: count(row.get(3)?),
            coalesced: count(row.get(4)?),
            echoed: count(row.get(5)?),
            filtered: count(row.get(6)?),
            discarded: count(row.get(7)?),
            writes: count(row.get(8)?),
            ..Boxes::default()
        };
        let side = side_of(row, 1)?;
        lines.insert((row.get(0)?, side), boxes);
    }
    let mut journal = tx.prepare_cached(
        "SELECT map, side, state, count(*) FROM journal GROUP BY map, state, side",
    )?;
    let mut rows = journal.query([])?;
    while let Some(row) = rows.next()? {
        let side = side_of(row, 1)?;
        let boxes = lines.entry((row.get(0)?, side)).or_default();
        let state: String = row.get(2)?;
        if state == "parked" {
            boxes.parked = count(row.get(3)?);
        } else {
            boxes.pending = count(row.get(3)?);
        }
    }
    Ok(lines
        .into_iter()
        .map(|((map, side), boxes)| AuditLine { map, side, boxes })
        .collect())
}

/// What moved last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Something was journaled.
    Journaled,
    /// Something settled.
    Settled,
}

impl Progress {
    const fn name(self) -> &'static str {
        match self {
            Self::Journaled => "last_journaled",
            Self::Settled => "last_settled",
        }
    }

    /// Remembers when.
    pub(super) fn store(self, tx: &Connection, now: Timestamp) -> Result<(), Fault> {
        tx.prepare_cached(
            "INSERT INTO meta (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![self.name(), to_nanos(now)])?;
        Ok(())
    }

    /// When it was.
    pub(super) fn load(self, tx: &Connection) -> Result<Option<Timestamp>, Fault> {
        let nanos = tx
            .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
            .query_row([self.name()], |row| row.get(0))
            .optional()?;
        Ok(nanos.map(from_nanos))
    }
}
