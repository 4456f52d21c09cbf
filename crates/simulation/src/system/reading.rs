//! What a system shows: whole reads, changes, records by identifier and by search.

use super::{ModelSystem, State, folded};
use duet_map::record::{Record, RecordId, Version};
use duet_map::schema::SchemaSource;
use duet_map::value::{Reference, Row, Value};
use duet_systems::{Changes, ChangesRequest, Cursor, Find, Found, Page, Seen, SnapshotRequest};
use jiff::Timestamp;
use rand::RngExt;
use rand::seq::SliceRandom;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Who modified a record, as far as a record tells.
const SOMEBODY: &str = "somebody";

impl ModelSystem {
    fn record(&self, id: &str, row: &Row, version: i64, modified: Option<Timestamp>) -> Record {
        let versioned = self.quirks.modern || self.quirks.checks_versions;
        Record {
            id: RecordId(id.to_owned()),
            version: versioned.then(|| Version {
                tag: version.to_string(),
                ordinal: self.quirks.modern.then_some(version),
            }),
            modified,
            modified_by: modified.map(|_| SOMEBODY.to_owned()),
            row: row.clone(),
        }
    }

    /// The record as it stood at a place in the log; as it stands, where nobody kept what was.
    pub(super) fn as_of(
        &self,
        state: &State,
        table: &str,
        id: &str,
        place: usize,
    ) -> Option<Record> {
        if !self.recorded {
            return self.show(state, table, id);
        }
        let (version, entry) = state.log[..place.min(state.log.len())]
            .iter()
            .enumerate()
            .rev()
            .find(|(_, entry)| entry.table == table && entry.id == id)?;
        let version = i64::try_from(version + 1).unwrap_or(i64::MAX);
        Some(self.record(id, entry.row.as_ref()?, version, entry.modified))
    }

    /// The record now.
    pub(super) fn show(&self, state: &State, table: &str, id: &str) -> Option<Record> {
        let place = (table.to_owned(), id.to_owned());
        let stored = state.rows.get(&place)?;
        Some(self.record(id, &stored.row, stored.version, stored.modified))
    }

    /// The value at the end of a path over references, compared as keys are.
    pub(super) fn reach(
        &self,
        state: &State,
        table: &str,
        row: &Row,
        path: &str,
    ) -> Option<String> {
        let (first, rest) = path
            .split_once('.')
            .map_or((path, None), |(a, b)| (a, Some(b)));
        let column = self.schemas.table(table)?.column(first)?;
        let value = row.value(&column.name);
        match (rest, value) {
            (None, value) => (!value.is_null()).then(|| folded(value)),
            (Some(rest), Value::Reference(Reference { table, id })) => {
                let stored = state.rows.get(&(table.clone(), id.to_string()))?;
                self.reach(state, table, &stored.row, rest)
            }
            _ => None,
        }
    }

    /// How far back a read may look, given where it must not look behind.
    pub(super) fn horizon(&self, floor: usize) -> usize {
        let stale = self.quirks.modern && self.network.chance(self.network.faults.stale_read);
        let state = &mut *self.state();
        let now = state.log.len();
        if !stale || now <= floor {
            return now;
        }
        let lag = self.network.random().random_range(1..=6);
        now.saturating_sub(lag).max(floor)
    }

    /// Records by their identifiers, each as it stands or, from a replica that lags behind, as it stood.
    pub(super) fn points(&self, table: &str, ids: &[RecordId]) -> Vec<Option<Record>> {
        let stale = self.quirks.modern && self.network.chance(self.network.faults.stale_point);
        let state = &*self.state();
        let now = state.log.len();
        if !stale {
            return ids
                .iter()
                .map(|id| self.show(state, table, &id.0))
                .collect();
        }
        self.ledger().count("stale read by identifier");
        let lag = self.network.random().random_range(1..=6);
        let place = now.saturating_sub(lag);
        ids.iter()
            .map(|id| self.as_of(state, table, &id.0, place))
            .collect()
    }

    pub(super) fn page(&self, request: &SnapshotRequest) -> Page {
        let (after, begin) = match &request.after {
            None => (None, self.horizon(0)),
            Some(cursor) => {
                let (place, after) = cursor.0.split_once('|').unwrap_or(("0", ""));
                (Some(after.to_owned()), place.parse().unwrap_or_default())
            }
        };
        let horizon = self.horizon(begin);
        let state = &*self.state();
        let ids: BTreeSet<String> = state
            .log
            .iter()
            .filter(|entry| entry.table == request.table)
            .map(|entry| entry.id.clone())
            .filter(|id| after.as_ref().is_none_or(|after| id > after))
            .collect();
        let mut records = Vec::new();
        for id in ids {
            if records.len() == self.page {
                break;
            }
            records.extend(self.as_of(state, &request.table, &id, horizon));
        }
        let more = records.len() == self.page;
        let last = records.last().map(|record| record.id.0.clone());
        Page {
            next: more.then(|| Cursor(format!("{begin}|{}", last.unwrap_or_default()))),
            changes_from: (!more).then(|| Cursor(begin.to_string())),
            records,
        }
    }

    pub(super) fn read_changes(&self, request: &ChangesRequest) -> Changes {
        let since: usize = request.since.0.parse().unwrap_or_default();
        let horizon = self.horizon(since);
        let state = &mut *self.state();
        let most = if self.recorded {
            self.network.random().random_range(1..20)
        } else {
            self.page
        };
        let until = horizon.min(since.saturating_add(most));
        // One that lists rows by their time of modification reports some twice.
        let from = if self.relists && !self.network.is_healed() {
            since.saturating_sub(self.network.random().random_range(0..3))
        } else {
            since
        };
        let mut ids: Vec<String> = state.log[from.min(until)..until]
            .iter()
            .filter(|entry| entry.table == request.table)
            .map(|entry| entry.id.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        ids.shuffle(&mut *self.network.random());
        let mut seen = Vec::new();
        for id in ids {
            match self.as_of(state, &request.table, &id, horizon) {
                Some(record) => seen.push(Seen::Upserted(record)),
                None if self.quirks.modern => seen.push(Seen::Deleted(RecordId(id))),
                None => {}
            }
        }
        Changes {
            seen,
            next: Cursor(until.to_string()),
            more: until < horizon,
        }
    }

    pub(super) fn search(&self, table: &str, finds: &[Find]) -> Vec<Found> {
        let state = &*self.state();
        // By the first path of each find, so that a round of finds looks at each row once.
        let mut by_first: BTreeMap<&str, HashMap<String, Vec<&String>>> = BTreeMap::new();
        for (path, _) in finds.iter().filter_map(|find| find.equal.first()) {
            by_first.entry(path).or_insert_with(|| {
                let mut rows: HashMap<String, Vec<&String>> = HashMap::new();
                for ((name, id), stored) in &state.rows {
                    if name == table
                        && let Some(value) = self.reach(state, table, &stored.row, path)
                    {
                        rows.entry(value).or_default().push(id);
                    }
                }
                rows
            });
        }
        let matches = |id: &str, find: &Find| {
            let stored = state.rows.get(&(table.to_owned(), id.to_owned()));
            stored.is_some_and(|stored| {
                find.equal.iter().all(|(path, value)| {
                    self.reach(state, table, &stored.row, path) == Some(folded(value))
                })
            })
        };
        finds
            .iter()
            .map(|find| {
                let candidates = find
                    .equal
                    .first()
                    .and_then(|(path, value)| by_first.get(path.as_str())?.get(&folded(value)));
                let hits: Vec<&String> = candidates
                    .into_iter()
                    .flatten()
                    .copied()
                    .filter(|id| matches(id, find))
                    .collect();
                match hits.as_slice() {
                    [] => Found::None,
                    [id] => self
                        .show(state, table, id)
                        .map_or(Found::None, |record| Found::One(Box::new(record))),
                    _ => Found::Many(hits.into_iter().cloned().map(RecordId).collect()),
                }
            })
            .collect()
    }
}
