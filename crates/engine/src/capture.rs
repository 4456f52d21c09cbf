//! Capture: reads what changed on a side, once a table, and journals it for every map.
//!
//! 1. Read: changes since the table's cursor, or the records that a notice names.
//! 2. Address: every map that mentions the table gets the change, under the canonical integration
//!    key of its pair, so that both sides' changes of one record stand in one partition.
//! 3. Journal: changes, cursor and the notices looked after, in one transaction.

use crate::core::Core;
use crate::error::EngineError;
use crate::project::TableUse;
use crate::resolve::Follow;
use duet_map::CompiledMap;
use duet_map::key::KeyProblem;
use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use duet_map::value::Row;
use duet_store::change::{Amendment, ChangeKind, NewChange, Origin};
use duet_store::store::Capture;
use duet_systems::{Changes, ChangesRequest, Class, Cursor, Seen};
use std::collections::{BTreeMap, HashMap};

/// The first part of a key that could not be computed; the second is the record's identifier.
const UNRESOLVED: &str = "?";

/// The partition of a record whose integration key is not known (yet).
pub(crate) fn unresolved_key(record: &RecordId) -> Key {
    Key::from_parts(&[UNRESOLVED.to_owned(), record.0.clone()])
}

/// Whether a key stands in for one that could not be computed.
pub(crate) fn is_unresolved(key: &Key) -> bool {
    key.parts().first().is_some_and(|part| part == UNRESOLVED)
}

/// The name of the cursor from which a table's changes are read.
pub(crate) fn live_cursor(side: Side, table: &str) -> String {
    format!("live:{side}:{table}")
}

impl Core {
    /// Reads and journals one page of a table's changes. Returns whether more are waiting, or
    /// `None` when the cursor is missing or too old and the table has to be read whole.
    pub(crate) async fn capture_changes(
        &self,
        side: Side,
        used: &TableUse,
        notices: Vec<i64>,
    ) -> Result<Option<bool>, EngineError> {
        let name = live_cursor(side, &used.table);
        let Some(cursor) = self.store.cursor(&name).await? else {
            return Ok(None);
        };
        // A whole read was needed because the cursor does not tell everything. One that was
        // interrupted is ended first.
        if self.is_being_read_whole(side, used).await? {
            return Ok(None);
        }
        let tick = self.tick().await?;
        let Some(read) = self.read_changes(side, used, &cursor).await? else {
            return Ok(None);
        };
        if read.seen.is_empty() && read.next.0 == cursor && notices.is_empty() {
            return Ok(Some(read.more));
        }
        let changes = self
            .address(side, used, read.seen, tick, Origin::Live)
            .await?;
        let capture = Capture {
            changes,
            cursors: vec![(name, Some(read.next.0))],
            notices,
            sweep_seen: None,
        };
        self.settings.failpoints.reach("changes-read");
        self.journal(capture).await?;
        self.settings.failpoints.reach("changes-journaled");
        Ok(Some(read.more))
    }

    /// Reads one page of a table's changes; `None` where the cursor is too old.
    pub(crate) async fn read_changes(
        &self,
        side: Side,
        used: &TableUse,
        since: &str,
    ) -> Result<Option<Changes>, EngineError> {
        let request = ChangesRequest {
            table: used.table.clone(),
            columns: used.columns.clone(),
            companies: self.project.companies(),
            since: Cursor(since.to_owned()),
        };
        match self.systems[side].changes(&request).await {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.class == Class::CursorExpired => Ok(None),
            Err(error) => Err(self.failed(side, format!("read changes of {}", used.table), error)),
        }
    }

    /// Looks after the oldest notices of a side. Returns how many there were.
    pub(crate) async fn capture_notices(&self, side: Side) -> Result<usize, EngineError> {
        let notices = self.store.notices(side, self.settings.round).await?;
        let count = notices.len();
        let mut by_table: BTreeMap<String, (Vec<i64>, Vec<RecordId>, bool)> = BTreeMap::new();
        for notice in notices {
            let entry = by_table.entry(notice.table).or_default();
            entry.0.push(notice.id);
            match notice.record {
                Some(record) if !self.systems[side].reports_deletes() => entry.1.push(record),
                _ => entry.2 = true,
            }
        }
        for (table, (ids, mut records, look)) in by_table {
            let Some(used) = self.project.table(side, &table) else {
                self.journal(Capture {
                    notices: ids,
                    ..Capture::default()
                })
                .await?;
                continue;
            };
            let reading = self.reading(side, &used.table).await;
            if !records.is_empty() {
                records.sort();
                records.dedup();
                let tick = self.tick().await?;
                let read = self.systems[side]
                    .fetch(&used.table, &used.columns, &records)
                    .await
                    .map_err(|error| self.failed(side, format!("read {}", used.table), error))?;
                let seen = records
                    .into_iter()
                    .zip(read)
                    .map(|(id, record)| record.map_or(Seen::Deleted(id), Seen::Upserted))
                    .collect();
                let changes = self.address(side, used, seen, tick, Origin::Live).await?;
                self.journal(Capture {
                    changes,
                    notices: ids.clone(),
                    ..Capture::default()
                })
                .await?;
            }
            if !look {
                continue;
            }
            let mut more = Some(true);
            while more == Some(true) {
                more = self.capture_changes(side, used, ids.clone()).await?;
            }
            drop(reading);
            if more.is_none() {
                // The cursor is lost: a whole read looks after everything the notices can mean.
                self.snapshot(side, used).await?;
                self.journal(Capture {
                    notices: ids,
                    ..Capture::default()
                })
                .await?;
            }
        }
        Ok(count)
    }

    /// Journals a capture and wakes the workers of its maps.
    pub(crate) async fn journal(&self, capture: Capture) -> Result<(), EngineError> {
        let mut maps: Vec<String> = capture
            .changes
            .iter()
            .map(|change| change.map.clone())
            .collect();
        maps.sort();
        maps.dedup();
        self.store.journal(capture, self.clock.now()).await?;
        for map in &maps {
            self.wake_map(map);
        }
        Ok(())
    }

    /// Addresses what was seen to every map that mentions the table.
    pub(crate) async fn address(
        &self,
        side: Side,
        used: &TableUse,
        seen: Vec<Seen>,
        tick: i64,
        origin: Origin,
    ) -> Result<Vec<NewChange>, EngineError> {
        let maps: Vec<&CompiledMap> = used
            .maps
            .iter()
            .filter_map(|place| self.project.maps().get(*place))
            .map(AsRef::as_ref)
            .filter(|map| self.lifecycle.captures(map.id()))
            .collect();
        let Some((last, others)) = maps.split_last() else {
            return Ok(Vec::new());
        };
        let mut changes = Vec::with_capacity(seen.len() * maps.len());
        let addressed = |map: &CompiledMap, sighting: Seen, key: Key| {
            let (record, kind) = match sighting {
                Seen::Deleted(id) => (id, ChangeKind::Delete),
                Seen::Upserted(record) => (
                    record.id,
                    ChangeKind::Upsert {
                        row: project(map, side, record.row),
                        version: record.version,
                        modified: record.modified,
                        by: record.modified_by,
                    },
                ),
            };
            NewChange {
                map: map.id().to_owned(),
                side,
                key,
                record,
                kind,
                tick,
                origin,
                amendment: Amendment::default(),
            }
        };
        for map in others {
            let keys = self.keys(map, side, &seen).await?;
            let read = seen.iter().zip(keys);
            changes.extend(read.map(|(sighting, key)| addressed(map, sighting.clone(), key)));
        }
        // A page may be large: the last map takes its rows instead of copying them.
        let keys = self.keys(last, side, &seen).await?;
        let read = seen.into_iter().zip(keys);
        changes.extend(read.map(|(sighting, key)| addressed(last, sighting, key)));
        Ok(changes)
    }

    /// The partition of each sighting: its pair's key, else the key of its earlier changes, else
    /// the key its columns give, else one made of its identifier.
    async fn keys(
        &self,
        map: &CompiledMap,
        side: Side,
        seen: &[Seen],
    ) -> Result<Vec<Key>, EngineError> {
        let records: Vec<RecordId> = seen.iter().map(|seen| id_of(seen).clone()).collect();
        // A pair carries both its images, and only its key is wanted.
        let mut known = HashMap::with_capacity(records.len());
        for bite in records.chunks(self.settings.round.max(1)) {
            let pairs = self.store.pairs_by_record(map.id(), side, bite).await?;
            let keys = pairs.into_iter().map(|(id, pair)| (id, pair.body.key));
            known.extend(keys);
        }
        let unpaired: Vec<RecordId> = records
            .iter()
            .filter(|record| !known.contains_key(*record))
            .cloned()
            .collect();
        let pending = self.store.pending_keys(map.id(), side, &unpaired).await?;
        known.extend(pending);

        let rows: Vec<(&RecordId, &Row)> = seen
            .iter()
            .filter_map(|seen| match seen {
                Seen::Upserted(record) if !known.contains_key(&record.id) => {
                    Some((&record.id, &record.row))
                }
                _ => None,
            })
            .collect();
        let mut computed = self.compute_keys(map, side, &rows).await?;
        Ok(records
            .iter()
            .map(|record| {
                known
                    .get(record)
                    .cloned()
                    .or_else(|| computed.remove(record))
                    .unwrap_or_else(|| unresolved_key(record))
            })
            .collect())
    }

    /// The keys that rows give, with lookups in keys followed.
    pub(crate) async fn compute_keys(
        &self,
        map: &CompiledMap,
        side: Side,
        rows: &[(&RecordId, &Row)],
    ) -> Result<HashMap<RecordId, Key>, EngineError> {
        let nothing = duet_map::lookup::ResolvedLookups::default();
        let mut keys = HashMap::new();
        let mut needs = Vec::new();
        let mut open = Vec::new();
        for (record, row) in rows {
            match map.key(side, row, &nothing) {
                Ok(key) => {
                    keys.insert((*record).clone(), key);
                }
                Err(KeyProblem::Needs(more)) => {
                    needs.extend(more);
                    open.push((*record, *row));
                }
                Err(KeyProblem::Empty { .. } | KeyProblem::Unresolved(_)) => {}
            }
        }
        let resolved = self.resolve(needs, Follow::Any).await?;
        for (record, row) in open {
            if let Ok(key) = map.key(side, row, &resolved) {
                keys.insert(record.clone(), key);
            }
        }
        Ok(keys)
    }
}

fn id_of(seen: &Seen) -> &RecordId {
    match seen {
        Seen::Upserted(record) => &record.id,
        Seen::Deleted(id) => id,
    }
}

/// The columns of a row that a map reads; the table may have been read for other maps too.
fn project(map: &CompiledMap, side: Side, mut row: Row) -> Row {
    let columns = map.columns(side).iter();
    columns
        .filter_map(|column| row.0.remove_entry(column))
        .collect()
}
