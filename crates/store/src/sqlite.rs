//! The store in one `SQLite` file.
//!
//! The road: [`SqliteStore`] hands each call as one transaction to a [`worker::Worker`]; the
//! modules below it are plain functions over a transaction, one subject each. Three connections
//! share a file: one writes, one reads for the engine, one answers people, so that neither a slow
//! report nor a flush to disk holds up the rest.

mod columns;
mod conflicts;
mod deletions;
mod fault;
mod file;
mod history;
mod intents;
mod journal;
mod lifecycle;
mod migrate;
mod operation;
mod pairs;
mod parking;
mod settle;
mod sweep;
mod tally;
#[cfg(test)]
mod tests;
mod upkeep;
mod verify;
mod worker;

use crate::accounting::AuditLine;
use crate::change::{Amendment, Change, NewChange, Park, Parked, ParkedFilter};
use crate::conflict::{Conflict, ConflictFilter, Decision, NewConflict};
use crate::error::StoreError;
use crate::health::Health;
use crate::intent::Intent;
use crate::lifecycle::{Alert, Definition, Forget, Order};
use crate::pair::Pair;
use crate::settlement::{Settled, Settlement};
use crate::store::{Activity, Capture, Created, MapStatus, Store, StoredNotice, Waiting};
use async_trait::async_trait;
use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tally::Progress;
use worker::Worker;

pub use history::STORY_LENGTH;

/// How long a transaction waits for another process before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

/// The store in one `SQLite` file, or in memory.
///
/// Dropping it waits for the work that was handed to it and closes the file.
#[derive(Debug)]
pub struct SqliteStore {
    /// Everything that changes something. In memory, and read-only, everything.
    writer: Worker,
    /// What the engine asks for on its road.
    reader: Option<Worker>,
    /// What people ask for.
    reports: Option<Worker>,
    /// The file; `None` in memory.
    path: Option<PathBuf>,
    /// Held once the store is claimed; released after the files are closed.
    claim: Mutex<Option<File>>,
}

impl SqliteStore {
    /// Opens the store, or creates it for its owner alone, and brings it to this release's format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_writing(path.as_ref(), None)
    }

    fn open_writing(path: &Path, at_most: Option<u64>) -> Result<Self, StoreError> {
        let path = file::prepare(path)?;
        let mut writer = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate::bring_up(&mut writer, &path)?;
        file::keep_private(&path);
        prepare_file(&writer, at_most).map_err(|error| migrate::failed(error, &path))?;
        let reader = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let reports = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self {
            writer: Worker::spawn("duet-store-write", writer)?,
            reader: Some(Worker::spawn("duet-store-read", reader)?),
            reports: Some(Worker::spawn("duet-store-report", reports)?),
            path: Some(path),
            claim: Mutex::default(),
        })
    }

    /// As [`Self::open`], and the database file never grows beyond this many bytes: what would need
    /// more fails with [`StoreError::Full`] and stores nothing.
    pub fn open_limited(path: impl AsRef<Path>, at_most: u64) -> Result<Self, StoreError> {
        Self::open_writing(path.as_ref(), Some(at_most))
    }

    /// From now on the database file grows to this many bytes at most; `None`: as far as the disk has
    /// room. A file that is larger already keeps its size.
    pub async fn limit(&self, at_most: Option<u64>) -> Result<(), StoreError> {
        self.writer
            .run("limit its size", move |connection| {
                Ok(limit(connection, at_most)?)
            })
            .await
    }

    /// Looks at every page, index and reference. Fails with [`StoreError::Corrupt`] when the file is
    /// damaged, as a copy can be that was taken while the store was written.
    pub async fn verify(&self) -> Result<(), StoreError> {
        self.reports()
            .read("look whether it is whole", |tx| verify::whole(tx))
            .await
    }

    /// Whether some process has claimed the store. For people only: it may end or begin any moment.
    pub fn is_claimed(&self) -> bool {
        self.path.as_deref().is_some_and(file::is_locked)
    }

    /// Opens a store that exists, for looking only; the methods that change something fail. The
    /// process that drives the store may be running.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        migrate::check(&connection, path)?;
        Ok(Self {
            writer: Worker::spawn("duet-store-report", connection)?,
            reader: None,
            reports: None,
            path: Some(path.to_owned()),
            claim: Mutex::default(),
        })
    }

    /// A store in memory, gone when it is dropped. Its work is done where it is called, so that it
    /// behaves the same in every run of a simulation.
    pub fn open_in_memory() -> Result<Self, StoreError> {
        let name = Path::new("the store in memory");
        let mut connection =
            Connection::open_in_memory().map_err(|error| migrate::failed(error, name))?;
        configure(&connection).map_err(|error| migrate::failed(error, name))?;
        migrate::bring_up(&mut connection, name)?;
        Ok(Self {
            writer: Worker::inline(connection),
            reader: None,
            reports: None,
            path: None,
            claim: Mutex::default(),
        })
    }

    /// Writes a complete copy for its owner alone to a path where nothing stands yet, while work goes
    /// on. The copy is a store as good as this one.
    pub async fn backup(&self, target: impl Into<PathBuf>) -> Result<(), StoreError> {
        const DOING: &str = "write a backup";
        let target = target.into();
        let copied = self
            .reports()
            .run(DOING, move |connection| {
                Ok(upkeep::back_up(connection, &target))
            })
            .await?;
        copied.map_err(|source| StoreError::Database {
            doing: DOING,
            source,
        })
    }

    /// Gives the space of what has ended back to the file system. Needs as much free space as the
    /// store is large, and holds up writing meanwhile.
    pub async fn vacuum(&self) -> Result<(), StoreError> {
        self.writer
            .run("give space back", |connection| upkeep::vacuum(connection))
            .await
    }

    fn reader(&self) -> &Worker {
        self.reader.as_ref().unwrap_or(&self.writer)
    }

    fn reports(&self) -> &Worker {
        self.reports.as_ref().unwrap_or(&self.writer)
    }
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let opened = || -> rusqlite::Result<Connection> {
        // Each connection belongs to one thread, so SQLite's own locks are not needed.
        let connection =
            Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        configure(&connection)?;
        Ok(connection)
    };
    opened().map_err(|error| migrate::failed(error, path))
}

/// Settings of a connection.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Plans that depend on bound values make SQLite compile a statement anew at each use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    Ok(())
}

/// Settings of the file. Only after its format was read: they would change a foreign database.
fn prepare_file(writer: &Connection, at_most: Option<u64>) -> rusqlite::Result<()> {
    limit(writer, at_most)?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    // The other connections lose their cache whenever this one writes; this one keeps it.
    writer.pragma_update(None, "cache_size", -48 * 1024)?;
    // Keys arrive in no order, so a batch touches many index pages. Moving the log into the file
    // every 32 MB instead of every 4 writes a page once that many batches have touched.
    writer.pragma_update(None, "wal_autocheckpoint", 8192)?;
    // After a burst the log shrinks again.
    writer.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)
}

/// The most pages that SQLite itself can count.
const NO_LIMIT: u64 = 4_294_967_294;

/// Limits the size of the file; what is there already stays.
fn limit(writer: &Connection, at_most: Option<u64>) -> rusqlite::Result<()> {
    let pages = match at_most {
        Some(bytes) => {
            let page: i64 = writer.query_row("PRAGMA page_size", [], |row| row.get(0))?;
            (bytes / page.unsigned_abs().max(1)).max(1)
        }
        None => NO_LIMIT,
    };
    writer.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // The connection that closes last moves the log into the file; one that only reads cannot.
        self.reader = None;
        self.reports = None;
        let claim = self.claim.get_mut().unwrap_or_else(PoisonError::into_inner);
        if claim.is_some() {
            // Without room for it the next process only looks at the file more closely.
            self.writer.finish(|connection| verify::closed(connection));
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn claim(&self) -> Result<(), StoreError> {
        {
            let mut claim = self.claim.lock().unwrap_or_else(PoisonError::into_inner);
            let (None, Some(path)) = (&*claim, &self.path) else {
                return Ok(());
            };
            *claim = Some(file::lock(path)?);
        }
        let opened = self
            .writer
            .run("look whether it is whole", |connection| {
                verify::opened(connection)
            })
            .await;
        if opened.is_err() {
            // It stays marked, and open to a process that mends it.
            *self.claim.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        opened
    }

    async fn reserve_ticks(&self, count: i64) -> Result<i64, StoreError> {
        self.writer
            .write("set logical time aside", move |tx| {
                operation::reserve_ticks(tx, count)
            })
            .await
    }

    async fn cursor(&self, name: &str) -> Result<Option<String>, StoreError> {
        let name = name.to_owned();
        self.reader()
            .read("read a cursor", move |tx| operation::cursor(tx, &name))
            .await
    }

    async fn journal(&self, capture: Capture, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .write("journal changes", move |tx| {
                journal::capture(tx, &capture, now)
            })
            .await
    }

    async fn add_notices(
        &self,
        notices: Vec<(Side, String, Option<RecordId>)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .write("store notices", move |tx| {
                operation::add_notices(tx, &notices, now)
            })
            .await
    }

    async fn notices(&self, side: Side, limit: usize) -> Result<Vec<StoredNotice>, StoreError> {
        self.reader()
            .read("read notices", move |tx| {
                operation::notices(tx, side, limit)
            })
            .await
    }

    async fn due(
        &self,
        map: &str,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Change>, StoreError> {
        let map = map.to_owned();
        self.reader()
            .read("read the journal", move |tx| {
                journal::due(tx, &map, limit, now)
            })
            .await
    }

    async fn next_due(&self, map: &str) -> Result<Option<Timestamp>, StoreError> {
        let map = map.to_owned();
        self.reader()
            .read("read the journal", move |tx| journal::next_due(tx, &map))
            .await
    }

    async fn pending_upserts(
        &self,
        map: &str,
        side: Side,
        keys: &[Key],
    ) -> Result<HashMap<Key, Change>, StoreError> {
        let (map, keys) = (map.to_owned(), keys.to_vec());
        self.reader()
            .read("read the journal", move |tx| {
                journal::pending_upserts(tx, &map, side, &keys)
            })
            .await
    }

    async fn pending_keys(
        &self,
        map: &str,
        side: Side,
        records: &[RecordId],
    ) -> Result<HashMap<RecordId, Key>, StoreError> {
        let (map, records) = (map.to_owned(), records.to_vec());
        self.reader()
            .read("read the journal", move |tx| {
                journal::pending_keys(tx, &map, side, &records)
            })
            .await
    }

    async fn pairs_by_key(
        &self,
        map: &str,
        keys: &[Key],
    ) -> Result<HashMap<Key, Pair>, StoreError> {
        let (map, keys) = (map.to_owned(), keys.to_vec());
        self.reader()
            .read("read pairs", move |tx| pairs::by_key(tx, &map, &keys))
            .await
    }

    async fn pairs_by_record(
        &self,
        map: &str,
        side: Side,
        records: &[RecordId],
    ) -> Result<HashMap<RecordId, Pair>, StoreError> {
        let (map, records) = (map.to_owned(), records.to_vec());
        self.reader()
            .read("read pairs", move |tx| {
                pairs::by_record(tx, &map, side, &records)
            })
            .await
    }

    async fn settle(
        &self,
        settlements: Vec<Settlement>,
        now: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        self.writer
            .write("settle changes", move |tx| {
                settle::settle(tx, &settlements, now)
            })
            .await
    }

    async fn add_intents(&self, intents: Vec<Intent>) -> Result<(), StoreError> {
        self.writer
            .write("store intents", move |tx| intents::add(tx, &intents))
            .await
    }

    async fn add_conflicts(
        &self,
        conflicts: Vec<(i64, NewConflict)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .write("record conflicts", move |tx| {
                conflicts::add(tx, &conflicts, now)
            })
            .await
    }

    async fn intents(
        &self,
        map: &str,
        keys: &[Key],
    ) -> Result<HashMap<Key, Vec<Intent>>, StoreError> {
        let (map, keys) = (map.to_owned(), keys.to_vec());
        self.reader()
            .read("read intents", move |tx| intents::by_key(tx, &map, &keys))
            .await
    }

    async fn unnamed_creates(&self, map: &str, to: Side) -> Result<Vec<Intent>, StoreError> {
        let map = map.to_owned();
        self.reader()
            .read("read intents", move |tx| intents::unnamed(tx, &map, to))
            .await
    }

    async fn sweep_missing(
        &self,
        sweep: &str,
        map: &str,
        side: Side,
        companies: &[String],
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        let (sweep, map) = (sweep.to_owned(), map.to_owned());
        let companies = companies.to_vec();
        self.reader()
            .read("compare key sets", move |tx| {
                sweep::missing(tx, &sweep, &map, side, &companies, limit)
            })
            .await
    }

    async fn end_sweep(&self, sweep: &str) -> Result<(), StoreError> {
        let sweep = sweep.to_owned();
        self.writer
            .write("end a comparison of key sets", move |tx| {
                sweep::end(tx, &sweep)
            })
            .await
    }

    async fn count_pairs(&self, map: &str) -> Result<u64, StoreError> {
        let map = map.to_owned();
        self.reports()
            .read("count pairs", move |tx| {
                pairs::count(tx, &map).map(columns::count)
            })
            .await
    }

    async fn set_map_status(&self, status: MapStatus) -> Result<(), StoreError> {
        self.writer
            .write("set the state of a map", move |tx| {
                operation::set_map_status(tx, &status)
            })
            .await
    }

    async fn map_statuses(&self) -> Result<Vec<MapStatus>, StoreError> {
        self.reports()
            .read("read the states of maps", |tx| operation::map_statuses(tx))
            .await
    }

    async fn set_orders(&self, orders: Vec<Order>) -> Result<(), StoreError> {
        self.writer
            .write("store what is wanted of maps", move |tx| {
                lifecycle::set_orders(tx, &orders)
            })
            .await
    }

    async fn orders(&self) -> Result<Vec<Order>, StoreError> {
        self.reports()
            .read("read what is wanted of maps", |tx| lifecycle::orders(tx))
            .await
    }

    async fn last_place(&self) -> Result<i64, StoreError> {
        self.reports()
            .read("read the journal", |tx| lifecycle::last_place(tx))
            .await
    }

    async fn hold(
        &self,
        map: &str,
        up_to: i64,
        park: Park,
        limit: usize,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let map = map.to_owned();
        self.writer
            .write("keep changes aside", move |tx| {
                lifecycle::hold(tx, &map, up_to, &park, limit, now)
            })
            .await
    }

    async fn definitions(&self) -> Result<Vec<Definition>, StoreError> {
        self.reports()
            .read("read the definitions of maps", |tx| {
                lifecycle::definitions(tx)
            })
            .await
    }

    async fn define(
        &self,
        definition: Definition,
        forget: Option<Forget>,
    ) -> Result<(), StoreError> {
        self.writer
            .write("store the definition of a map", move |tx| {
                lifecycle::define(tx, &definition, forget.as_ref())
            })
            .await
    }

    async fn add_alert(&self, alert: Alert) -> Result<(), StoreError> {
        self.writer
            .write("store an alert", move |tx| lifecycle::add_alert(tx, &alert))
            .await
    }

    async fn alerts(&self, limit: usize) -> Result<Vec<Alert>, StoreError> {
        self.reports()
            .read("read alerts", move |tx| lifecycle::alerts(tx, limit))
            .await
    }

    async fn parked(&self, filter: &ParkedFilter, limit: usize) -> Result<Vec<Parked>, StoreError> {
        let filter = filter.clone();
        self.reports()
            .read("read parked changes", move |tx| {
                parking::list(tx, &filter, limit)
            })
            .await
    }

    async fn retry(&self, filter: &ParkedFilter, now: Timestamp) -> Result<u64, StoreError> {
        let filter = filter.clone();
        self.writer
            .write("retry parked changes", move |tx| {
                parking::retry(tx, &filter, now)
            })
            .await
    }

    async fn change(&self, seq: i64) -> Result<Option<Change>, StoreError> {
        self.reports()
            .read("read a change", move |tx| journal::one(tx, seq))
            .await
    }

    async fn amend(
        &self,
        filter: &ParkedFilter,
        amendment: Amendment,
        told: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let (filter, told) = (filter.clone(), told.to_owned());
        self.writer
            .write("amend parked changes", move |tx| {
                parking::amend(tx, &filter, &amendment, &told, now)
            })
            .await
    }

    async fn discard(
        &self,
        filter: &ParkedFilter,
        why: &str,
        provides: Vec<String>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let (filter, why) = (filter.clone(), why.to_owned());
        self.writer
            .write("discard parked changes", move |tx| {
                parking::discard(tx, &filter, &why, &provides, now)
            })
            .await
    }

    async fn waiting(
        &self,
        map: &str,
        side: Side,
        records: &[RecordId],
    ) -> Result<HashMap<RecordId, Waiting>, StoreError> {
        let (map, records) = (map.to_owned(), records.to_vec());
        self.reader()
            .read("read the journal", move |tx| {
                journal::waiting(tx, &map, side, &records)
            })
            .await
    }

    async fn unconfirmed_deletions(
        &self,
        map: &str,
        side: Side,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let map = map.to_owned();
        self.reader()
            .read("count deletions", move |tx| {
                deletions::unconfirmed(tx, &map, side, limit)
            })
            .await
    }

    async fn passed_deletions(
        &self,
        map: &str,
        side: Side,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        let map = map.to_owned();
        self.reader()
            .read("count deletions", move |tx| {
                deletions::passed_since(tx, &map, side, since)
            })
            .await
    }

    async fn conflicts(
        &self,
        filter: &ConflictFilter,
        limit: usize,
    ) -> Result<Vec<Conflict>, StoreError> {
        let filter = filter.clone();
        self.reports()
            .read("read conflicts", move |tx| {
                conflicts::list(tx, &filter, limit)
            })
            .await
    }

    async fn conflict(&self, id: i64) -> Result<Option<Conflict>, StoreError> {
        self.reports()
            .read("read a conflict", move |tx| conflicts::one(tx, id))
            .await
    }

    async fn open_conflicts(
        &self,
        map: &str,
        keys: &[Key],
    ) -> Result<HashMap<Key, Conflict>, StoreError> {
        let (map, keys) = (map.to_owned(), keys.to_vec());
        self.reader()
            .read("read open conflicts", move |tx| {
                conflicts::open(tx, &map, &keys)
            })
            .await
    }

    async fn decide(
        &self,
        id: i64,
        decision: Decision,
        changes: Vec<NewChange>,
        tokens: Vec<String>,
    ) -> Result<bool, StoreError> {
        self.writer
            .write("store a decision", move |tx| {
                conflicts::decide(tx, id, &decision, &changes, &tokens)
            })
            .await
    }

    async fn forget_conflicts(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.writer
            .write("forget old conflicts", move |tx| {
                conflicts::forget(tx, before, limit)
            })
            .await
    }

    async fn activity(
        &self,
        key_contains: &str,
        limit: usize,
    ) -> Result<Vec<Activity>, StoreError> {
        let text = key_contains.to_owned();
        self.reports()
            .read("read the story of a record", move |tx| {
                history::activity(tx, &text, limit)
            })
            .await
    }

    async fn audit(&self) -> Result<Vec<AuditLine>, StoreError> {
        self.reports()
            .read("count the journal", |tx| tally::audit(tx))
            .await
    }

    async fn awaited(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.reader()
            .read("read what changes wait for", |tx| parking::awaited(tx))
            .await
    }

    async fn created(&self, created: Vec<Created>, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .write("count created records", move |tx| {
                settle::created(tx, &created, now)
            })
            .await
    }

    async fn release(&self, tokens: &[String], now: Timestamp) -> Result<u64, StoreError> {
        let tokens = tokens.to_vec();
        self.writer
            .write("release parked changes", move |tx| {
                parking::release(tx, tokens.iter().map(String::as_str), now)
            })
            .await
    }

    async fn last_progress(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
        self.reports()
            .read("read when something last moved", |tx| {
                Ok((Progress::Journaled.load(tx)?, Progress::Settled.load(tx)?))
            })
            .await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        let log = self.path.as_deref().map(|path| file::beside(path, "-wal"));
        self.reports()
            .read("read its figures", move |tx| {
                upkeep::health(tx, log.as_deref())
            })
            .await
    }
}
