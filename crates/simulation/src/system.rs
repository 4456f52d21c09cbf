//! A business application in memory, with the quirks of the real ones and a bad network before it.
//!
//! The right one is made like Dataverse: callers choose GUIDs, versions are numbers that only rise,
//! changes come by a token with deletions that name only an identifier, tokens expire, reads may be
//! a little old. The left one is made like Finance & Operations: a record's identifier is its key,
//! deletions are never listed, changed rows are listed twice rather than missed, versions are
//! opaque or absent, empty fields take their type's empty value, and a number may be allocated.
//!
//! Every call travels: it takes virtual time on the way there and back, and may get lost on either.

use crate::landscape::{inside, kind_of, mark_of};
use crate::ledger::{Ledger, Owed};
use crate::plan::Faults;
use crate::timeline::Timeline;
use async_trait::async_trait;
use duet_map::diagnostic::Code;
use duet_map::record::{Record, RecordId, Version};
use duet_map::schema::{SchemaSet, SchemaSource, TableSchema};
use duet_map::side::Side;
use duet_map::value::{Reference, Row, Value};
use duet_systems::{
    Changes, ChangesRequest, Class, Cursor, Find, Found, Notice, Page, Seen, SnapshotRequest,
    System, SystemError, Write, Written,
};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How many records a page of a whole read holds.
const PAGE: usize = 3;

/// What makes a system different from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub struct Quirks {
    /// Identifiers are GUIDs that callers may choose, versions are ordered numbers and deletions
    /// are listed, as in Dataverse; otherwise identifiers are keys, as in Finance & Operations.
    pub modern: bool,
    /// A conditional write is refused when the version has moved.
    pub checks_versions: bool,
    /// An empty search name is computed from the name.
    pub computes: bool,
    /// A customer that comes without a number gets one.
    pub allocates: bool,
}

/// Who changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// A person.
    Person,
    /// Duet; `blind` when the system gave it no means to notice what it writes over.
    Duet { blind: bool },
    /// The system itself, as a consequence of something else.
    System,
}

#[derive(Debug)]
struct Stored {
    row: Row,
    version: i64,
    at: Duration,
}

#[derive(Debug)]
struct Entry {
    table: String,
    id: String,
    row: Option<Row>,
}

#[derive(Debug)]
struct State {
    rows: BTreeMap<(String, String), Stored>,
    /// Every state that a record ever had; the place in it, counted from one, is its version.
    log: Vec<Entry>,
    /// When the bulk of writes that is under way was sent.
    sent: Duration,
    network: StdRng,
    allocated: u64,
    notices: BTreeMap<(Duration, u64), Vec<u8>>,
    posted: u64,
}

/// A system in memory.
#[derive(Debug)]
pub struct ModelSystem {
    side: Side,
    quirks: Quirks,
    schemas: SchemaSet,
    faults: Faults,
    latency: Duration,
    timeline: Arc<Timeline>,
    ledger: Arc<Mutex<Ledger>>,
    healed: AtomicBool,
    state: Mutex<State>,
}

impl ModelSystem {
    /// An empty system.
    pub fn new(
        side: Side,
        quirks: Quirks,
        schemas: SchemaSet,
        (faults, latency): (Faults, Duration),
        timeline: Arc<Timeline>,
        ledger: Arc<Mutex<Ledger>>,
        seed: u64,
    ) -> Self {
        Self {
            side,
            quirks,
            schemas,
            faults,
            latency,
            timeline,
            ledger,
            healed: AtomicBool::new(false),
            state: Mutex::new(State {
                rows: BTreeMap::new(),
                log: Vec::new(),
                sent: Duration::ZERO,
                network: StdRng::seed_from_u64(seed),
                allocated: 0,
                notices: BTreeMap::new(),
                posted: 0,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing goes wrong any more.
    pub fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
    }

    /// A person creates a record. `None`: the system refuses it.
    pub fn create(&self, table: &str, mut row: Row) -> Option<RecordId> {
        let state = &mut *self.state();
        self.allocate(state, table, &mut row);
        let id = if self.quirks.modern {
            let name = format!("{}:{}", self.side, state.log.len());
            RecordId(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string())
        } else {
            self.key_of(table, &row)?
        };
        if state.rows.contains_key(&(table.to_owned(), id.0.clone()))
            || self.twin(state, table, &id, &row)
        {
            return None;
        }
        self.store(state, table, &id, row, By::Person);
        Some(id)
    }

    /// A person changes columns of a record. `false`: the system refuses it.
    pub fn edit(&self, table: &str, id: &RecordId, columns: Row) -> bool {
        let state = &mut *self.state();
        let Some(stored) = state.rows.get(&(table.to_owned(), id.0.clone())) else {
            return false;
        };
        let mut row = stored.row.clone();
        row.0.extend(columns.0);
        if self.twin(state, table, id, &row) {
            return false;
        }
        self.store(state, table, id, row, By::Person);
        true
    }

    /// A person deletes a record. `false`: the system refuses it because others refer to it.
    pub fn delete(&self, table: &str, id: &RecordId) -> bool {
        let state = &mut *self.state();
        if self.is_named(state, table, id) {
            return false;
        }
        self.remove(state, table, id, By::Person);
        true
    }

    /// The record's row.
    pub fn row(&self, table: &str, id: &RecordId) -> Option<Row> {
        self.state()
            .rows
            .get(&(table.to_owned(), id.0.clone()))
            .map(|stored| stored.row.clone())
    }

    /// Every record of a table.
    pub fn rows(&self, table: &str) -> Vec<(RecordId, Row)> {
        self.state()
            .rows
            .iter()
            .filter(|((name, _), _)| name == table)
            .map(|((_, id), stored)| (RecordId(id.clone()), stored.row.clone()))
            .collect()
    }

    /// How many changes a table's log holds between two cursors, record by record; for the check
    /// that a cursor never runs ahead.
    pub fn changed_between(&self, table: &str, since: &str, until: &str) -> BTreeSet<RecordId> {
        let place = |cursor: &str| cursor.parse::<usize>().unwrap_or_default();
        let state = self.state();
        let until = place(until).min(state.log.len());
        let since = place(since).min(until);
        let later: BTreeSet<&String> = state.log[until..].iter().map(|entry| &entry.id).collect();
        state.log[since..until]
            .iter()
            .filter(|entry| entry.table == table && (entry.row.is_some() || self.quirks.modern))
            // A row that is gone since is not listed by a system that lists no deletions, and one
            // that changed again will be.
            .filter(|entry| self.quirks.modern || !later.contains(&entry.id))
            .filter(|entry| {
                self.quirks.modern
                    || state
                        .rows
                        .contains_key(&(entry.table.clone(), entry.id.clone()))
            })
            .map(|entry| RecordId(entry.id.clone()))
            .collect()
    }

    /// The next notice that this system posts, once it is due; it stays until it is received.
    pub fn next_notice(&self) -> Option<(Duration, u64, Vec<u8>)> {
        let state = self.state();
        let ((due, number), body) = state.notices.first_key_value()?;
        Some((*due, *number, body.clone()))
    }

    /// The notice was received.
    pub fn received(&self, due: Duration, number: u64) {
        self.state().notices.remove(&(due, number));
    }

    fn store(&self, state: &mut State, table: &str, id: &RecordId, mut row: Row, by: By) {
        if let Some(schema) = self.schemas.table(table) {
            for column in schema.columns.values() {
                let empty = column.empty.clone().unwrap_or_default();
                let value = row
                    .0
                    .entry(column.name.clone())
                    .or_insert_with(|| empty.clone());
                if value.is_null() {
                    *value = empty;
                }
            }
        }
        if self.quirks.computes
            && table == "CustomersV3"
            && row.value("SearchName").is_null()
            && let Some(name) = row.value("OrganizationName").as_str()
        {
            let search: String = name.chars().take(12).collect();
            row.set("SearchName", search.to_uppercase().as_str());
        }
        let place = (table.to_owned(), id.0.clone());
        let before = state.rows.get(&place).map(|stored| stored.row.clone());
        self.account(table, id, before.as_ref(), Some(&row), by);
        state.log.push(Entry {
            table: table.to_owned(),
            id: id.0.clone(),
            row: Some(row.clone()),
        });
        let version = i64::try_from(state.log.len()).unwrap_or(i64::MAX);
        let at = self.timeline.elapsed();
        state.rows.insert(place, Stored { row, version, at });
        self.post(state, table, id);
    }

    fn remove(&self, state: &mut State, table: &str, id: &RecordId, by: By) {
        let place = (table.to_owned(), id.0.clone());
        let Some(before) = state.rows.remove(&place) else {
            return;
        };
        self.account(table, id, Some(&before.row), None, by);
        state.log.push(Entry {
            table: table.to_owned(),
            id: id.0.clone(),
            row: None,
        });
        self.post(state, table, id);
        // References to it are emptied.
        let naming: Vec<(String, String, Row)> = state
            .rows
            .iter()
            .filter_map(|((name, other), stored)| {
                let mut row = stored.row.clone();
                let mut touched = false;
                for value in row.0.values_mut() {
                    if is_reference_to(value, table, id) {
                        *value = Value::Null;
                        touched = true;
                    }
                }
                touched.then(|| (name.clone(), other.clone(), row))
            })
            .collect();
        for (table, id, row) in naming {
            self.store(state, &table, &RecordId(id), row, By::System);
        }
    }

    /// Whether people may not delete the record because others name it.
    fn is_named(&self, state: &State, table: &str, id: &RecordId) -> bool {
        if self.quirks.modern || table != "PaymentTerms" {
            return false;
        }
        let Some(stored) = state.rows.get(&(table.to_owned(), id.0.clone())) else {
            return false;
        };
        state.rows.iter().any(|((name, _), customer)| {
            name == "CustomersV3"
                && customer.row.value("dataAreaId") == stored.row.value("dataAreaId")
                && customer.row.value("PaymentTerms") == stored.row.value("Name")
        })
    }

    /// Tells the ledger what a change means to people.
    fn account(
        &self,
        table: &str,
        id: &RecordId,
        before: Option<&Row>,
        after: Option<&Row>,
        by: By,
    ) {
        let ledger = &mut *self.ledger();
        let who = match by {
            By::Person => "a person",
            By::Duet { .. } => "Duet",
            By::System => "the system",
        };
        let what = match (before, after) {
            (None, Some(row)) => format!("created: {}", spell(row, None)),
            (Some(before), Some(row)) => format!("changed: {}", spell(row, Some(before))),
            _ => "deleted".to_owned(),
        };
        let at = self.timeline.elapsed().as_secs_f64();
        ledger.story.push(format!(
            "{at:>9.3} {:5} {table} {id} {who} {what}",
            self.side
        ));
        match by {
            By::Person => ledger.count("edits"),
            By::Duet { .. } => ledger.count("writes"),
            By::System => {}
        }
        let Some(kind) = kind_of(self.side, table) else {
            return;
        };
        for row in [before, after].into_iter().flatten() {
            if !inside(self.side, table, row)
                && let Some(mark) = mark_of(self.side, table, row)
            {
                ledger.outside.insert(mark);
                ledger
                    .outside
                    .insert(folded(row.value(kind.key[self.side])));
            }
        }
        for columns in kind.tracked {
            self.account_column(columns[self.side], table, id, before, after, by, ledger);
        }
        self.account_life(table, id, before, after, by, ledger);
    }

    #[allow(clippy::too_many_arguments)]
    fn account_column(
        &self,
        column: &str,
        table: &str,
        id: &RecordId,
        before: Option<&Row>,
        after: Option<&Row>,
        by: By,
        ledger: &mut Ledger,
    ) {
        let of = |row: Option<&Row>| row.and_then(|row| tracked_text(row.value(column)));
        let (old, new) = (of(before), of(after));
        let place = (table.to_owned(), id.0.clone(), column.to_owned());
        if before.is_none() {
            // A new record has no past, whoever had its key before.
            ledger.pages[self.side].past.remove(&place);
        }
        if old == new {
            return;
        }
        if let (Some(old), By::Duet { blind }) = (&old, by)
            && ledger.pages[self.side].entered.contains(old)
            && !ledger.pages[self.side.other()].shown.contains(old)
        {
            if blind {
                ledger.count("overwritten unseen, as the system gives no means to notice");
            } else {
                ledger.owed.push(Owed {
                    side: self.side,
                    place: format!("{table} {id}"),
                    column: column.to_owned(),
                    value: old.clone(),
                });
            }
        }
        let page = &mut ledger.pages[self.side];
        if let Some(new) = &new {
            // Where two records meet as strangers, nothing may be filled by something.
            let mark = after.and_then(|row| mark_of(self.side, table, row));
            let strangers = !page.paired.contains(&id.0)
                || mark.is_some_and(|mark| ledger.unlearned.contains(&mark));
            let meets = old.is_none() && strangers;
            let revived = matches!(by, By::Duet { .. })
                && !meets
                && page.past.get(&place).is_some_and(|past| past.contains(new));
            if by == By::Person {
                page.entered.insert(new.clone());
            }
            page.shown.insert(new.clone());
            if revived {
                // Forgiven where a conflict record keeps the newer one: a write whose answer was
                // lost is sent again, and its own effect looks like another's.
                let what = format!(
                    "{} {table} {id}: {column} went back to an older value",
                    self.side
                );
                ledger.suspect("order", old.as_deref().unwrap_or_default(), what);
            }
        }
        if let (Some(old), Some(_)) = (old, after) {
            ledger.pages[self.side]
                .past
                .entry(place)
                .or_default()
                .push(old);
        }
    }

    /// Births and deaths.
    fn account_life(
        &self,
        table: &str,
        id: &RecordId,
        before: Option<&Row>,
        after: Option<&Row>,
        by: By,
        ledger: &mut Ledger,
    ) {
        let mark = |row: Option<&Row>| row.and_then(|row| mark_of(self.side, table, row));
        let (old, new) = (mark(before), mark(after));
        let side = self.side;
        let duet = matches!(by, By::Duet { .. });
        if before.is_none()
            && let Some(mark) = &new
        {
            if duet && ledger.pages[side].gone.contains(mark) {
                ledger.suspect(
                    "resurrection",
                    mark,
                    format!("{side} {table} {id}: {mark} was deleted and is back"),
                );
            }
            if duet {
                ledger.unsettled.insert((side, id.0.clone()), mark.clone());
            }
            if duet && !ledger.pages[side].alive.insert(mark.clone()) {
                ledger.suspect(
                    "one record",
                    mark,
                    format!("{side} {table} {id}: {mark} was created twice"),
                );
            }
            ledger.pages[side].alive.insert(mark.clone());
        }
        if after.is_none()
            && let Some(mark) = &old
        {
            ledger.pages[side].alive.remove(mark);
            if ledger.pages[side].paired.contains(&id.0) {
                ledger.pages[side].gone.insert(mark.clone());
            } else {
                ledger.count("deleted before Duet knew of it");
            }
            if by == By::Person {
                ledger.pages[side].deleted.insert(mark.clone());
            }
            if duet && !ledger.pages[side.other()].deleted.contains(mark) {
                ledger.suspect(
                    "nothing deleted unasked",
                    mark,
                    format!("{side} {table} {id}: Duet deleted {mark}, which nobody deleted"),
                );
            }
        }
        if let (Some(old), By::Person) = (&old, by)
            && ledger.unlearned.contains(old)
            && !ledger.pages[side].paired.contains(&id.0)
        {
            ledger.disguised.insert(old.clone());
        }
        if let (Some(old), Some(new)) = (&old, &new)
            && old != new
        {
            ledger.pages[side].alive.remove(old);
            ledger.pages[side].alive.insert(new.clone());
        }
    }

    /// Posts a notice, which may get lost, come twice and be overtaken.
    fn post(&self, state: &mut State, table: &str, id: &RecordId) {
        let healed = self.healed.load(Ordering::Relaxed);
        if !healed && state.network.random_bool(self.faults.lost_notice) {
            return;
        }
        let times = if !healed && state.network.random_bool(self.faults.doubled_notice) {
            2
        } else {
            1
        };
        for _ in 0..times {
            let delay = Duration::from_millis(state.network.random_range(0..1_500));
            let named = !self.quirks.modern || state.network.random_bool(0.5);
            let body = if named {
                format!("{table} {id}")
            } else {
                table.to_owned()
            };
            state.posted += 1;
            let due = self.timeline.elapsed() + delay;
            state.notices.insert((due, state.posted), body.into_bytes());
        }
    }

    fn allocate(&self, state: &mut State, table: &str, row: &mut Row) {
        if self.quirks.allocates && table == "CustomersV3" && row.value("CustomerAccount").is_null()
        {
            state.allocated += 1;
            row.set(
                "CustomerAccount",
                format!("auto-{}", state.allocated).as_str(),
            );
        }
    }

    /// The identifier that a row's key makes; `None` when the key is empty.
    fn key_of(&self, table: &str, row: &Row) -> Option<RecordId> {
        let keys = &self.schemas.table(table)?.primary_key;
        let mut parts = Vec::new();
        for key in keys {
            let value = row.value(key);
            if value.is_null() {
                return None;
            }
            parts.push(format!("{key}='{}'", folded(value)));
        }
        Some(RecordId(parts.join(",")))
    }

    fn record(&self, id: &str, row: &Row, version: i64) -> Record {
        let versioned = self.quirks.modern || self.quirks.checks_versions;
        Record {
            id: RecordId(id.to_owned()),
            version: versioned.then(|| Version {
                tag: version.to_string(),
                ordinal: self.quirks.modern.then_some(version),
            }),
            modified: None,
            modified_by: None,
            row: row.clone(),
        }
    }

    /// The record as it stood at a place in the log.
    fn as_of(&self, state: &State, table: &str, id: &str, place: usize) -> Option<Record> {
        let (version, entry) = state.log[..place.min(state.log.len())]
            .iter()
            .enumerate()
            .rev()
            .find(|(_, entry)| entry.table == table && entry.id == id)?;
        let version = i64::try_from(version + 1).unwrap_or(i64::MAX);
        Some(self.record(id, entry.row.as_ref()?, version))
    }

    /// The record now.
    fn show(&self, state: &State, table: &str, id: &str) -> Option<Record> {
        let place = (table.to_owned(), id.to_owned());
        let stored = state.rows.get(&place)?;
        Some(self.record(id, &stored.row, stored.version))
    }

    /// The value at the end of a path over references, compared as keys are.
    fn reach(&self, state: &State, table: &str, row: &Row, path: &str) -> Option<String> {
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

    fn twin(&self, state: &State, table: &str, id: &RecordId, row: &Row) -> bool {
        let Some(schema) = self.schemas.table(table) else {
            return false;
        };
        schema.alternate_keys.iter().any(|key| {
            let of = |row: &Row| -> Option<Vec<String>> {
                key.iter()
                    .map(|column| {
                        let value = row.value(column);
                        (!value.is_null()).then(|| folded(value))
                    })
                    .collect()
            };
            let Some(mine) = of(row) else { return false };
            state.rows.iter().any(|((name, other), stored)| {
                name == table && *other != id.0 && of(&stored.row).as_ref() == Some(&mine)
            })
        })
    }

    /// Whether every reference of a row leads to a record.
    fn refers_well(&self, state: &State, row: &Row) -> bool {
        row.iter().all(|(_, value)| match value {
            Value::Reference(Reference { table, id }) => {
                state.rows.contains_key(&(table.clone(), id.to_string()))
            }
            _ => true,
        })
    }

    fn apply(&self, state: &mut State, table: &str, write: Write) -> Result<Written, SystemError> {
        let error = |class, code, text: &str| Err(SystemError::new(class, Code(code), text));
        match write {
            Write::Create { id, mut row } => {
                self.allocate(state, table, &mut row);
                if !self.refers_well(state, &row) {
                    return error(Class::FixData, 3045, "a reference leads nowhere");
                }
                let id = match id {
                    Some(id) if self.quirks.modern => id,
                    _ => match self.key_of(table, &row) {
                        Some(id) => id,
                        None => return error(Class::FixData, 3043, "the key is empty"),
                    },
                };
                if state.rows.contains_key(&(table.to_owned(), id.0.clone()))
                    || self.twin(state, table, &id, &row)
                {
                    return error(Class::Duplicate, 3031, "there is such a record already");
                }
                self.store(state, table, &id, row, By::Duet { blind: false });
                self.stored(state, table, &id)
            }
            Write::Update {
                id,
                row: columns,
                if_version,
            } => {
                let (before, blind) = self.stands(state, table, &id, if_version.as_ref())?;
                if !self.refers_well(state, &columns) {
                    return error(Class::FixData, 3045, "a reference leads nowhere");
                }
                let mut row = before.clone();
                row.0.extend(columns.0);
                if !self.quirks.modern {
                    if self.key_of(table, &row).is_none_or(|key| key != id) {
                        return error(Class::FixData, 3044, "a key cannot be changed");
                    }
                    let keys = self
                        .schemas
                        .table(table)
                        .map(|schema| schema.primary_key.clone());
                    for key in keys.unwrap_or_default() {
                        row.set(key.clone(), before.value(&key).clone());
                    }
                }
                if self.twin(state, table, &id, &row) {
                    return error(Class::Duplicate, 3031, "there is such a record already");
                }
                self.store(state, table, &id, row, By::Duet { blind });
                self.stored(state, table, &id)
            }
            Write::Delete { id, if_version } => {
                let (_, blind) = self.stands(state, table, &id, if_version.as_ref())?;
                self.remove(state, table, &id, By::Duet { blind });
                Ok(Written::Deleted)
            }
        }
    }

    /// The record that a conditional write means, and whether Duet could not know its last state.
    fn stands(
        &self,
        state: &State,
        table: &str,
        id: &RecordId,
        if_version: Option<&Version>,
    ) -> Result<(Row, bool), SystemError> {
        let place = (table.to_owned(), id.0.clone());
        let Some(stored) = state.rows.get(&place) else {
            return Err(SystemError::new(
                Class::Gone,
                Code(3030),
                "there is no such record",
            ));
        };
        if self.quirks.checks_versions
            && if_version.is_some_and(|expected| expected.tag != stored.version.to_string())
        {
            return Err(SystemError::new(
                Class::Moved,
                Code(3032),
                "the record has moved",
            ));
        }
        // Between the last look at the record and the write lie an answer, another question with
        // its answer, and the write's own way.
        let looked = state.sent.saturating_sub(self.latency * 3);
        let blind = !self.quirks.checks_versions && stored.at >= looked;
        Ok((stored.row.clone(), blind))
    }

    fn stored(&self, state: &State, table: &str, id: &RecordId) -> Result<Written, SystemError> {
        match self.show(state, table, &id.0) {
            Some(record) => Ok(Written::Stored(Box::new(record))),
            None => Err(SystemError::new(
                Class::Bug,
                Code(3006),
                "the stored record vanished",
            )),
        }
    }

    fn chance(&self, share: f64) -> bool {
        !self.healed.load(Ordering::Relaxed)
            && share > 0.0
            && self.state().network.random_bool(share)
    }

    /// The way there or back.
    async fn travel(&self) {
        let longest = if self.healed.load(Ordering::Relaxed) {
            self.latency.min(Duration::from_millis(50))
        } else {
            self.latency
        };
        let longest = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        let takes = if longest == 0 {
            0
        } else {
            self.state().network.random_range(1..=longest)
        };
        // At least one step, so that the engine can die and others can act at every call.
        crate::timeline::step_aside().await;
        self.timeline.pause(Duration::from_micros(takes)).await;
    }

    /// The request travels; what can go wrong before anything is done goes wrong here.
    async fn request(&self) -> Result<(), SystemError> {
        self.travel().await;
        let now = self.timeline.elapsed();
        let down = !self.healed.load(Ordering::Relaxed)
            && self
                .faults
                .down
                .iter()
                .any(|(from, until)| now >= *from && now < *until);
        if down || self.chance(self.faults.unavailable) {
            self.ledger().count("503");
            return Err(SystemError::new(
                Class::Retry,
                Code(3004),
                "not available for the moment",
            ));
        }
        if self.chance(self.faults.busy) {
            self.ledger().count("429");
            let mut error = SystemError::new(Class::Wait, Code(3005), "too many requests");
            let seconds = self.state().network.random_range(1..6);
            error.retry_after = Some(Duration::from_secs(seconds));
            return Err(error);
        }
        if self.chance(self.faults.lost_request) {
            self.ledger().count("lost request");
            return Err(self.silence().await);
        }
        Ok(())
    }

    /// The answer travels.
    async fn answer<T>(&self, answer: T) -> Result<T, SystemError> {
        self.travel().await;
        if self.chance(self.faults.lost_answer) {
            {
                let ledger = &mut *self.ledger();
                ledger.count("lost answer");
                // More than what this answer told may be unsettled; what is too much does no harm.
                ledger.forget();
            }
            return Err(self.silence().await);
        }
        Ok(answer)
    }

    /// Nothing came until the time was up.
    async fn silence(&self) -> SystemError {
        self.timeline.pause(Duration::from_secs(2)).await;
        let mut error = SystemError::new(Class::Retry, Code(3002), "no answer came");
        error.outcome_unknown = true;
        error
    }

    /// How far back a read may look, given where it must not look behind.
    fn horizon(&self, floor: usize) -> usize {
        let stale = self.quirks.modern && self.chance(self.faults.stale_read);
        let state = &mut *self.state();
        let now = state.log.len();
        if !stale || now <= floor {
            return now;
        }
        let lag = state.network.random_range(1..=6);
        now.saturating_sub(lag).max(floor)
    }

    fn page(&self, request: &SnapshotRequest) -> Page {
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
            if records.len() == PAGE {
                break;
            }
            records.extend(self.as_of(state, &request.table, &id, horizon));
        }
        let more = records.len() == PAGE;
        let last = records.last().map(|record| record.id.0.clone());
        Page {
            next: more.then(|| Cursor(format!("{begin}|{}", last.unwrap_or_default()))),
            changes_from: (!more).then(|| Cursor(begin.to_string())),
            records,
        }
    }
}

impl ModelSystem {
    fn read_changes(&self, request: &ChangesRequest) -> Changes {
        let since: usize = request.since.0.parse().unwrap_or_default();
        let horizon = self.horizon(since);
        let state = &mut *self.state();
        let most = state.network.random_range(1..20);
        let until = horizon.min(since.saturating_add(most));
        // One that lists rows by their time of modification reports some twice.
        let from = if self.quirks.modern || self.healed.load(Ordering::Relaxed) {
            since
        } else {
            since.saturating_sub(state.network.random_range(0..3))
        };
        let mut ids: Vec<String> = state.log[from.min(until)..until]
            .iter()
            .filter(|entry| entry.table == request.table)
            .map(|entry| entry.id.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        ids.shuffle(&mut state.network);
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

    fn search(&self, table: &str, find: &Find) -> Found {
        let state = &*self.state();
        let hits: Vec<String> = state
            .rows
            .iter()
            .filter(|((name, _), stored)| {
                name == table
                    && find.equal.iter().all(|(path, value)| {
                        self.reach(state, table, &stored.row, path) == Some(folded(value))
                    })
            })
            .map(|((_, id), _)| id.clone())
            .collect();
        match hits.as_slice() {
            [] => Found::None,
            [id] => self
                .show(state, table, id)
                .map_or(Found::None, |record| Found::One(Box::new(record))),
            _ => Found::Many(hits.into_iter().map(RecordId).collect()),
        }
    }
}

#[async_trait]
impl System for ModelSystem {
    fn name(&self) -> &str {
        self.side.as_str()
    }

    fn checks_versions(&self) -> bool {
        self.quirks.checks_versions
    }

    fn accepts_ids(&self) -> bool {
        self.quirks.modern
    }

    fn reports_deletes(&self) -> bool {
        self.quirks.modern
    }

    async fn probe(&self) -> Result<(), SystemError> {
        self.request().await
    }

    async fn schema(&self, table: &str) -> Result<TableSchema, SystemError> {
        self.schemas
            .table(table)
            .cloned()
            .ok_or_else(|| SystemError::new(Class::FixMap, Code(3020), "no such table"))
    }

    async fn snapshot(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        self.request().await?;
        self.answer(self.page(request)).await
    }

    async fn changes_from_now(
        &self,
        _table: &str,
        _columns: &[String],
    ) -> Result<Cursor, SystemError> {
        self.request().await?;
        let now = self.state().log.len();
        self.answer(Cursor(now.to_string())).await
    }

    async fn changes(&self, request: &ChangesRequest) -> Result<Changes, SystemError> {
        self.request().await?;
        if self.chance(self.faults.expired_cursor) {
            self.ledger().count("expired cursor");
            return Err(SystemError::new(
                Class::CursorExpired,
                Code(3033),
                "the cursor is too old",
            ));
        }
        self.answer(self.read_changes(request)).await
    }

    async fn fetch(
        &self,
        table: &str,
        _columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError> {
        self.request().await?;
        let records = {
            let state = &*self.state();
            ids.iter()
                .map(|id| self.show(state, table, &id.0))
                .collect()
        };
        self.answer(records).await
    }

    fn read_notice(&self, body: &[u8]) -> Result<Vec<Notice>, SystemError> {
        let text = String::from_utf8_lossy(body);
        let (table, record) = text.split_once(' ').unwrap_or((text.as_ref(), ""));
        Ok(vec![Notice {
            table: table.to_owned(),
            record: (!record.is_empty()).then(|| RecordId(record.to_owned())),
        }])
    }

    async fn find(
        &self,
        table: &str,
        _columns: &[String],
        finds: &[Find],
    ) -> Result<Vec<Found>, SystemError> {
        self.request().await?;
        let found = finds.iter().map(|find| self.search(table, find)).collect();
        self.answer(found).await
    }

    async fn keys(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        self.request().await?;
        let mut page = self.page(request);
        for record in &mut page.records {
            record.row = Row::new();
        }
        self.answer(page).await
    }

    async fn write(
        &self,
        table: &str,
        _columns: &[String],
        writes: Vec<Write>,
    ) -> Vec<Result<Written, SystemError>> {
        let mut answers = Vec::with_capacity(writes.len());
        let mut torn = false;
        self.state().sent = self.timeline.elapsed();
        for write in writes {
            if !torn && self.chance(self.faults.torn_batch) {
                self.ledger().count("torn batch");
                torn = true;
            }
            if torn {
                answers.push(Err(self.silence().await));
                continue;
            }
            let answer = match self.request().await {
                Ok(()) => {
                    let applied = self.apply(&mut self.state(), table, write);
                    self.answer(applied).await.and_then(|applied| applied)
                }
                Err(error) => Err(error),
            };
            answers.push(answer);
        }
        answers
    }
}

fn is_reference_to(value: &Value, table: &str, id: &RecordId) -> bool {
    value
        .as_reference()
        .is_some_and(|reference| reference.table == table && reference.id.to_string() == id.0)
}

/// A value as keys are compared: without case and without blanks at its end.
pub fn folded(value: &Value) -> String {
    value.to_string().trim_end().to_lowercase()
}

/// The value of a column that is watched; `None` for nothing and for zero.
pub fn tracked_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Decimal(number) if number.is_zero() => None,
        Value::Decimal(number) => Some(number.normalize().to_string()),
        other => Some(other.to_string()),
    }
}

/// A row in the words of a story: every column that is set, or that differs from before.
fn spell(row: &Row, before: Option<&Row>) -> String {
    row.iter()
        .filter(|(column, value)| match before {
            None => !value.is_null(),
            Some(before) => before.value(column) != *value,
        })
        .map(|(column, value)| format!("{column}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}
