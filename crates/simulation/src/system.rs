//! A business application in memory, with the quirks of the real ones and a bad network before it.
//!
//! The right one is made like Dataverse: callers choose GUIDs, versions are numbers that only rise,
//! changes come by a token with deletions that name only an identifier, tokens expire, reads may be
//! a little old. The left one is made like Finance & Operations: a record's identifier is its key,
//! deletions are never listed, changed rows are listed twice rather than missed, versions are
//! opaque or absent, empty fields take their type's empty value, and a number may be allocated.
//!
//! Every call travels: it takes virtual time on the way there and back, and may get lost on either.

mod network;
mod reading;
mod renaming;
mod witness;
mod writing;

pub use network::{Call, Fault};

use crate::drift::Drift;
use crate::landscape::kind_of;
use crate::ledger::Ledger;
use crate::limits::Limit;
use crate::memory::{self, Handed};
use crate::plan::Faults;
use crate::timeline::Timeline;
use async_trait::async_trait;
use duet_engine::{Clock, ErrorClass};
use duet_map::diagnostic::Code;
use duet_map::record::{Record, RecordId};
use duet_map::schema::{SchemaSet, SchemaSource, TableSchema};
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_systems::{
    Changes, ChangesRequest, Class, Cursor, Find, Found, Notice, Page, SnapshotRequest, System,
    SystemError, Write, Written,
};
use jiff::{SignedDuration, Timestamp};
use network::Network;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;
use witness::Witness;
pub(crate) use witness::emptied;

/// How many records a page of a whole read holds, unless it is said otherwise.
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
    /// Records have identifiers that the system chooses, and their keys may change.
    pub surrogates: bool,
    /// A write that names a record by a key that nobody has is refused.
    pub checks_names: bool,
}

impl Quirks {
    /// As Finance & Operations is: versions are opaque where they are checked at all.
    pub const FINOPS: Self = Self {
        modern: false,
        checks_versions: false,
        computes: false,
        allocates: false,
        surrogates: false,
        checks_names: false,
    };

    /// As Dataverse is.
    pub const DATAVERSE: Self = Self {
        modern: true,
        checks_versions: true,
        computes: false,
        allocates: false,
        surrogates: false,
        checks_names: false,
    };
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
    modified: Option<Timestamp>,
}

#[derive(Debug)]
struct Entry {
    table: String,
    id: String,
    row: Option<Row>,
    modified: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<(String, String), Stored>,
    /// Every state that a record ever had; the place in it, counted from one, is its version.
    log: Vec<Entry>,
    /// When the bulk of writes that is under way was sent.
    sent: Duration,
    allocated: u64,
    notices: BTreeMap<(Duration, u64), Vec<u8>>,
    posted: u64,
    /// Writes that were stored on behalf of Duet.
    writes: u64,
    /// What the system's own clock shows, if its records tell when they were modified.
    clock: Option<Timestamp>,
}

/// Rewrites a row of a table as it is stored.
pub type Rewriting = fn(&str, &mut Row);

/// Says why the system does not take a row of a table.
pub type Rule = fn(&str, &Row) -> Option<&'static str>;

/// A system in memory.
#[derive(Debug)]
pub struct ModelSystem {
    side: Side,
    quirks: Quirks,
    schemas: SchemaSet,
    rewriting: Option<Rewriting>,
    rule: Option<Rule>,
    /// By how much the clock is wrong that follows the world's; `None`: there is none.
    wrong: Option<SignedDuration>,
    /// How many records a page of a whole read holds.
    page: usize,
    /// Whether earlier states are kept, the ledger is told and notices are posted.
    recorded: bool,
    /// Whether changed rows are listed twice rather than missed.
    relists: bool,
    timeline: Arc<Timeline>,
    network: Network,
    witness: Witness,
    /// Columns that are not as they were for a while.
    drifts: Vec<Drift>,
    /// When nobody answered the last time that somebody asked whether the system is there.
    missed_probe: Mutex<Option<Duration>>,
    /// What the system says of its tables, when that is not how they are.
    published: Mutex<Option<SchemaSet>>,
    state: Mutex<State>,
}

impl ModelSystem {
    /// An empty system at the end of a bad network, with its part in a ledger.
    pub fn new(
        side: Side,
        quirks: Quirks,
        schemas: SchemaSet,
        network: (Faults, Duration),
        timeline: Arc<Timeline>,
        ledger: Arc<Mutex<Ledger>>,
        seed: u64,
    ) -> Self {
        Self {
            side,
            quirks,
            schemas,
            rewriting: None,
            rule: None,
            wrong: None,
            page: PAGE,
            recorded: true,
            relists: !quirks.modern,
            timeline: timeline.clone(),
            network: Network::new(network, timeline.clone(), ledger.clone(), seed),
            witness: Witness {
                side,
                timeline,
                ledger,
            },
            drifts: Vec::new(),
            missed_probe: Mutex::default(),
            published: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// An empty system at the end of a network that does only what a story writes down. Nobody keeps
    /// a record of what happens, so that a story may be as long as it likes.
    pub fn quiet(side: Side, quirks: Quirks, schemas: SchemaSet) -> Self {
        let nothing = (Faults::default(), Duration::ZERO);
        let (timeline, ledger) = (Arc::default(), Arc::default());
        Self {
            recorded: false,
            ..Self::new(side, quirks, schemas, nothing, timeline, ledger, 0)
        }
    }

    /// Every row goes through this function as it is stored.
    #[must_use]
    pub fn rewriting(mut self, rewriting: Rewriting) -> Self {
        self.rewriting = Some(rewriting);
        self
    }

    /// Writes of Duet that break this rule are refused, as a business rule of the system would.
    #[must_use]
    pub fn ruled(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// Columns are not as they were for a while, until everything heals.
    #[must_use]
    pub fn drifting(mut self, drifts: Vec<Drift>) -> Self {
        self.drifts = drifts;
        self
    }

    /// What nobody can read or write in a table now.
    fn closed(&self, table: &str) -> impl Iterator<Item = &Drift> {
        let now = self.timeline.elapsed();
        let healed = self.network.is_healed();
        self.drifts
            .iter()
            .filter(move |drift| !healed && drift.table == table && drift.is_closed(now))
    }

    /// Refuses whoever names a column that is not there as it was.
    fn names<'a>(
        &self,
        table: &str,
        named: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<(), SystemError> {
        let mut closed = self.closed(table);
        let refused = closed.find_map(|drift| drift.refuse(named.clone()));
        refused.map_or(Ok(()), Err)
    }

    /// What people can type into a table now.
    fn typed(&self, table: &str, mut columns: Row) -> Row {
        for drift in self.closed(table) {
            columns.0.remove(drift.column);
        }
        columns
    }

    /// When nobody answered the last time that somebody asked whether the system is there.
    pub fn missed_probe(&self) -> Option<Duration> {
        *self
            .missed_probe
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Records tell when they were modified, by a clock that follows the world's and is wrong by so
    /// much.
    #[must_use]
    pub fn dated(mut self, wrong: SignedDuration) -> Self {
        self.wrong = Some(wrong);
        self
    }

    /// What the clock shows that follows the world's.
    fn shown(&self) -> Option<Timestamp> {
        let elapsed = SignedDuration::try_from(self.timeline.elapsed()).ok()?;
        let shown = elapsed.checked_add(self.wrong?)?;
        self.timeline.began().checked_add(shown).ok()
    }

    /// One user may ask for so much, until everything heals.
    #[must_use]
    pub fn limited(self, limit: Limit) -> Self {
        self.network.set_limit(limit);
        self
    }

    /// Whole reads, and in a story reads of changes, have pages of so many records.
    #[must_use]
    pub fn paged(mut self, records: usize) -> Self {
        self.page = records;
        self
    }

    /// Changed rows are listed once, as by a connector that remembers what it has reported.
    #[must_use]
    pub fn listing_once(mut self) -> Self {
        self.relists = false;
        self
    }

    /// Customers that come without a number get one.
    #[must_use]
    pub fn allocating(mut self) -> Self {
        self.quirks.allocates = true;
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.witness
            .ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing goes wrong any more.
    pub fn heal(&self) {
        self.network.heal();
    }

    /// Whether nothing goes wrong any more.
    pub(crate) fn is_healed(&self) -> bool {
        self.network.is_healed()
    }

    /// Writes down what happens to the next calls of a kind.
    pub fn inject(&self, call: Call, faults: impl IntoIterator<Item = Fault>) {
        self.network.inject(call, faults);
    }

    /// From now on nobody answers, or somebody does again.
    pub fn set_down(&self, away: bool) {
        self.network.set_down(away);
    }

    /// The system's own clock from now on; records tell when they were modified by it.
    pub fn set_clock(&self, now: Timestamp) {
        self.state().clock = Some(now);
    }

    /// How often the system was asked for something.
    pub fn asked(&self) -> u64 {
        self.network.asked()
    }

    /// What the system says of its tables.
    pub fn schemas(&self) -> SchemaSet {
        let published = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut schemas = published.clone().unwrap_or_else(|| self.schemas.clone());
        let now = self.timeline.elapsed();
        for drift in &self.drifts {
            if !self.network.is_healed() && drift.is_on(now) {
                drift.change(&mut schemas);
            }
        }
        schemas
    }

    /// What the system says of its tables when nothing happens to them.
    pub(crate) fn lasting_schemas(&self) -> SchemaSet {
        self.schemas.clone()
    }

    /// Somebody changes what the system says of its tables.
    pub fn set_schemas(&self, schemas: SchemaSet) {
        let mut published = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *published = Some(schemas);
    }

    /// Writes that were stored on behalf of Duet.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// The record whose column has this value.
    pub fn find_by(&self, table: &str, column: &str, value: &str) -> Option<(RecordId, Row)> {
        self.rows(table)
            .into_iter()
            .find(|(_, row)| row.value(column).as_str() == Some(value))
    }

    /// A person creates a record. `None`: the system refuses it.
    pub fn create(&self, table: &str, row: Row) -> Option<RecordId> {
        let mut row = self.typed(table, row);
        let state = &mut *self.state();
        self.allocate(state, table, &mut row);
        let id = if self.quirks.modern {
            let name = format!("{}:{}", self.side, state.log.len());
            RecordId(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string())
        } else {
            self.identifier(state, table, &row)?
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
        let columns = self.typed(table, columns);
        if columns.is_empty() && !self.drifts.is_empty() {
            return false;
        }
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
        let answer = self.network.request(Call::Find).await;
        if answer.is_err() {
            let missed = &mut *self
                .missed_probe
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *missed = Some(self.timeline.elapsed());
        }
        answer.map(drop)
    }

    async fn schema(&self, table: &str) -> Result<TableSchema, SystemError> {
        self.schemas()
            .table(table)
            .cloned()
            .ok_or_else(|| SystemError::new(Class::FixMap, Code(3020), "no such table"))
    }

    async fn snapshot(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        let way = self.network.request(Call::Snapshot).await?;
        self.names(&request.table, request.columns.iter().map(String::as_str))?;
        self.network.answer(way, self.page(request)).await
    }

    async fn changes_from_now(
        &self,
        table: &str,
        columns: &[String],
    ) -> Result<Cursor, SystemError> {
        let way = self.network.request(Call::Changes).await?;
        self.names(table, columns.iter().map(String::as_str))?;
        let now = self.state().log.len();
        self.network.answer(way, Cursor(now.to_string())).await
    }

    async fn changes(&self, request: &ChangesRequest) -> Result<Changes, SystemError> {
        let way = self.network.request(Call::Changes).await?;
        self.names(&request.table, request.columns.iter().map(String::as_str))?;
        if self.network.chance(self.network.faults.expired_cursor) {
            self.ledger().count("expired cursor");
            return Err(network::expired());
        }
        self.network.answer(way, self.read_changes(request)).await
    }

    async fn fetch(
        &self,
        table: &str,
        columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError> {
        if self.recorded {
            memory::handed(&mut self.ledger(), Handed::Fetched, ids.len());
        }
        let way = self.network.request(Call::Fetch).await?;
        self.names(table, columns.iter().map(String::as_str))?;
        let records = self.points(table, ids);
        self.network.answer(way, records).await
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
        columns: &[String],
        finds: &[Find],
    ) -> Result<Vec<Found>, SystemError> {
        let way = self.network.request(Call::Find).await?;
        let searched = finds.iter().flat_map(|find| &find.equal);
        let searched = searched.map(|(path, _)| path.as_str());
        self.names(table, columns.iter().map(String::as_str).chain(searched))?;
        let found = self.search(table, finds);
        self.network.answer(way, found).await
    }

    async fn keys(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        let way = self.network.request(Call::Keys).await?;
        let mut page = self.page(request);
        for record in &mut page.records {
            record.row = Row::new();
        }
        self.network.answer(way, page).await
    }

    async fn write(
        &self,
        table: &str,
        columns: &[String],
        writes: Vec<Write>,
    ) -> Vec<Result<Written, SystemError>> {
        if self.recorded {
            memory::handed(&mut self.ledger(), Handed::Written, writes.len());
        }
        let mut answers = Vec::with_capacity(writes.len());
        let mut torn = false;
        // A bulk is one request.
        let refused = self.network.admit().err();
        self.state().sent = self.timeline.elapsed();
        self.network.count_request();
        for write in writes {
            if let Some(retry_after) = refused {
                answers.push(Err(network::over_limit(retry_after)));
                continue;
            }
            if !torn && self.network.chance(self.network.faults.torn_batch) {
                self.ledger().count("torn batch");
                torn = true;
            }
            if torn {
                answers.push(Err(self.network.silence().await));
                continue;
            }
            let answer = match self.network.request(Call::Write).await {
                Ok(way) => {
                    let named = columns.iter().map(String::as_str);
                    let applied = match self.names(table, named) {
                        Ok(()) => self.apply(&mut self.state(), table, write),
                        Err(error) => Err(error),
                    };
                    let answer = self.network.answer(way, applied).await;
                    answer.and_then(|applied| applied)
                }
                Err(error) => Err(error),
            };
            answers.push(answer);
        }
        let errors = answers.iter().filter_map(|answer| answer.as_ref().err());
        let errors = errors.filter(|error| ErrorClass::of(error) == Some(ErrorClass::Application));
        let map = kind_of(self.side, table).map_or("companies", |kind| kind.map);
        for _ in errors {
            let now = self.timeline.now();
            self.ledger().rules.error(map, now);
        }
        answers
    }
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
