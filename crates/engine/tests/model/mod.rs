//! A system in memory with the quirks that matter, for tests of the engine.
//!
//! It keeps rows, versions and a change log. What a real system does behind a caller's back
//! (rewriting values, allocating keys) and what a network does (losing requests and answers) is
//! switched on by the test.

// Each test binary uses the part it needs.
#![allow(dead_code, unreachable_pub)]

use async_trait::async_trait;
use duet_map::diagnostic::Code;
use duet_map::record::{Record, RecordId, Version};
use duet_map::schema::{ColumnType, SchemaSet, SchemaSource, TableSchema};
use duet_map::value::{Reference, Row, Value};
use duet_systems::{
    Changes, ChangesRequest, Class, Cursor, Find, Found, Notice, Page, Seen, SnapshotRequest,
    System, SystemError, Write, Written,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// What happens to one write, in the order in which writes arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It works.
    None,
    /// The request never arrives.
    LostRequest,
    /// It is done, and the answer never arrives.
    LostAnswer,
    /// The system is busy.
    Busy,
}

/// Most entries of the change log that one read looks at.
const PAGE: usize = 1000;

/// Rewrites a row as it is stored.
pub type Rewriting = fn(&str, &mut Row);

#[derive(Default)]
struct State {
    rows: BTreeMap<(String, String), (Row, i64)>,
    log: Vec<(String, String, bool)>,
    version: i64,
    faults: VecDeque<Fault>,
    writes: u64,
    allocated: u64,
    expired: bool,
    down: u32,
    /// Nobody answers anything.
    away: bool,
    /// How often something was asked.
    asked: u64,
    /// What the system says of its tables, when that is not how they are.
    published: Option<SchemaSet>,
    time: Option<Timestamp>,
    modified: BTreeMap<(String, String), Timestamp>,
}

/// A system in memory.
pub struct ModelSystem {
    name: &'static str,
    schemas: SchemaSet,
    /// Identifiers are GUIDs that the caller chooses, deletions are reported and versions checked,
    /// as in Dataverse; otherwise identifiers are keys, as in Finance & Operations.
    modern: bool,
    rewriting: Option<Rewriting>,
    allocates: Option<(&'static str, &'static str)>,
    /// Records of a page of a whole read.
    page: usize,
    state: Mutex<State>,
}

impl ModelSystem {
    pub fn dataverse(schemas: SchemaSet) -> Self {
        Self::new("dataverse", schemas, true)
    }

    pub fn finops(schemas: SchemaSet) -> Self {
        Self::new("finops", schemas, false)
    }

    fn new(name: &'static str, schemas: SchemaSet, modern: bool) -> Self {
        Self {
            name,
            schemas,
            modern,
            rewriting: None,
            allocates: None,
            page: 3,
            state: Mutex::default(),
        }
    }

    /// Every stored row goes through this function.
    #[must_use]
    pub fn rewriting(mut self, rewriting: Rewriting) -> Self {
        self.rewriting = Some(rewriting);
        self
    }

    /// Whole reads have pages of so many records.
    #[must_use]
    pub fn paged(mut self, page: usize) -> Self {
        self.page = page;
        self
    }

    /// A create that leaves this column of this table empty gets a number.
    #[must_use]
    pub fn allocating(mut self, table: &'static str, column: &'static str) -> Self {
        self.allocates = Some((table, column));
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to the next writes.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }

    /// The next reads of whole tables find nobody there.
    pub fn go_down(&self, reads: u32) {
        self.state().down = reads;
    }

    /// The system's clock from now on, in seconds; records tell when they were modified by it.
    pub fn set_time(&self, second: i64) {
        self.state().time = Timestamp::from_second(second).ok();
    }

    /// From now on nobody answers, or somebody does again.
    pub fn set_down(&self, away: bool) {
        self.state().away = away;
    }

    /// How often the system was asked for something.
    pub fn asked(&self) -> u64 {
        self.state().asked
    }

    /// What the system says of its tables.
    pub fn schemas(&self) -> SchemaSet {
        let published = self.state().published.clone();
        published.unwrap_or_else(|| self.schemas.clone())
    }

    /// Somebody changes the tables.
    pub fn set_schemas(&self, schemas: SchemaSet) {
        self.state().published = Some(schemas);
    }

    /// The state, unless nobody answers.
    fn answer(&self) -> Result<MutexGuard<'_, State>, SystemError> {
        let mut state = self.state();
        state.asked += 1;
        if state.away {
            return Err(SystemError::new(Class::Retry, Code(3910), "nobody there"));
        }
        Ok(state)
    }

    /// Makes every cursor too old.
    pub fn expire_cursors(&self) {
        self.state().expired = true;
    }

    /// Writes that were stored on behalf of Duet.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// A person creates a record.
    pub fn create(&self, table: &str, row: Row) -> RecordId {
        let mut state = self.state();
        let id = if self.modern {
            RecordId(
                Uuid::new_v5(&Uuid::NAMESPACE_OID, state.version.to_string().as_bytes())
                    .to_string(),
            )
        } else {
            self.key_of(table, &row)
        };
        self.store(&mut state, table, &id, row);
        id
    }

    /// A person changes columns of a record.
    pub fn edit(&self, table: &str, id: &RecordId, columns: Row) {
        let mut state = self.state();
        let Some((mut row, _)) = state.rows.get(&(table.to_owned(), id.0.clone())).cloned() else {
            panic!("{} has no {table} {id}", self.name);
        };
        row.0.extend(columns.0);
        self.store(&mut state, table, id, row);
    }

    /// A person deletes a record.
    pub fn delete(&self, table: &str, id: &RecordId) {
        Self::remove(&mut self.state(), table, id);
    }

    /// The record's row.
    pub fn row(&self, table: &str, id: &RecordId) -> Option<Row> {
        self.state()
            .rows
            .get(&(table.to_owned(), id.0.clone()))
            .map(|(row, _)| row.clone())
    }

    /// Every record of a table.
    pub fn rows(&self, table: &str) -> Vec<(RecordId, Row)> {
        self.state()
            .rows
            .iter()
            .filter(|((name, _), _)| name == table)
            .map(|((_, id), (row, _))| (RecordId(id.clone()), row.clone()))
            .collect()
    }

    /// The record whose column has this value.
    pub fn find_by(&self, table: &str, column: &str, value: &str) -> Option<(RecordId, Row)> {
        self.rows(table)
            .into_iter()
            .find(|(_, row)| row.value(column).as_str() == Some(value))
    }

    fn store(&self, state: &mut State, table: &str, id: &RecordId, mut row: Row) {
        if let Some(rewriting) = self.rewriting {
            rewriting(table, &mut row);
        }
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
        state.version += 1;
        let version = state.version;
        if let Some(time) = state.time {
            let place = (table.to_owned(), id.0.clone());
            state.modified.insert(place, time);
        }
        state
            .rows
            .insert((table.to_owned(), id.0.clone()), (row, version));
        state.log.push((table.to_owned(), id.0.clone(), false));
    }

    fn remove(state: &mut State, table: &str, id: &RecordId) {
        state.version += 1;
        state.rows.remove(&(table.to_owned(), id.0.clone()));
        state.log.push((table.to_owned(), id.0.clone(), true));
    }

    fn key_of(&self, table: &str, row: &Row) -> RecordId {
        let keys = self
            .schemas
            .table(table)
            .map(|schema| schema.primary_key.clone())
            .unwrap_or_default();
        RecordId(
            keys.iter()
                .map(|key| format!("{key}='{}'", row.value(key)))
                .collect::<Vec<_>>()
                .join(",")
                .to_lowercase(),
        )
    }

    fn record(&self, state: &State, table: &str, id: &str, row: &Row, version: i64) -> Record {
        Record {
            id: RecordId(id.to_owned()),
            version: Some(Version {
                tag: version.to_string(),
                ordinal: self.modern.then_some(version),
            }),
            modified: state
                .modified
                .get(&(table.to_owned(), id.to_owned()))
                .copied(),
            modified_by: state.time.map(|_| "somebody".to_owned()),
            row: row.clone(),
        }
    }

    /// The value at the end of a path over references, compared as keys are.
    fn reach(&self, state: &State, table: &str, row: &Row, path: &str) -> Option<String> {
        let (first, rest) = path
            .split_once('.')
            .map_or((path, None), |(a, b)| (a, Some(b)));
        let column = self.schemas.table(table)?.column(first)?;
        let value = row.value(&column.name);
        match (rest, value) {
            (None, value) => (!value.is_null()).then(|| value.to_string().to_lowercase()),
            (Some(rest), Value::Reference(Reference { table, id })) => {
                let (row, _) = state.rows.get(&(table.clone(), id.to_string()))?;
                self.reach(state, table, row, rest)
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
                        (!value.is_null()).then(|| value.to_string().to_lowercase())
                    })
                    .collect()
            };
            let Some(mine) = of(row) else { return false };
            state.rows.iter().any(|((name, other), (row, _))| {
                name == table && *other != id.0 && of(row).as_ref() == Some(&mine)
            })
        })
    }

    fn apply(&self, state: &mut State, table: &str, write: Write) -> Result<Written, SystemError> {
        let error = |class, code, text: &str| Err(SystemError::new(class, Code(code), text));
        match write {
            Write::Create { id, mut row } => {
                if let Some((name, column)) = self.allocates
                    && name == table
                    && row.value(column).is_null()
                {
                    state.allocated += 1;
                    row.set(column, Value::text(format!("auto-{}", state.allocated)));
                }
                let id = match id {
                    Some(id) if self.modern => id,
                    _ => self.key_of(table, &row),
                };
                if state.rows.contains_key(&(table.to_owned(), id.0.clone()))
                    || self.twin(state, table, &id, &row)
                {
                    return error(Class::Duplicate, 3901, "there is such a record already");
                }
                self.store(state, table, &id, row);
                self.stored(state, table, &id)
            }
            Write::Update {
                id,
                row: columns,
                if_version,
            } => {
                let Some((mut row, version)) =
                    state.rows.get(&(table.to_owned(), id.0.clone())).cloned()
                else {
                    return error(Class::Gone, 3902, "there is no such record");
                };
                if self.modern
                    && if_version.is_some_and(|expected| expected.tag != version.to_string())
                {
                    return error(Class::Moved, 3903, "the record has moved");
                }
                row.0.extend(columns.0);
                self.store(state, table, &id, row);
                self.stored(state, table, &id)
            }
            Write::Delete { id, if_version } => {
                let Some((_, version)) = state.rows.get(&(table.to_owned(), id.0.clone())) else {
                    return error(Class::Gone, 3902, "there is no such record");
                };
                if self.modern
                    && if_version.is_some_and(|expected| expected.tag != version.to_string())
                {
                    return error(Class::Moved, 3903, "the record has moved");
                }
                Self::remove(state, table, &id);
                Ok(Written::Deleted)
            }
        }
    }

    fn stored(&self, state: &State, table: &str, id: &RecordId) -> Result<Written, SystemError> {
        let Some((row, version)) = state.rows.get(&(table.to_owned(), id.0.clone())) else {
            return Err(SystemError::new(
                Class::Bug,
                Code(3904),
                "the stored record vanished",
            ));
        };
        Ok(Written::Stored(Box::new(
            self.record(state, table, &id.0, row, *version),
        )))
    }
}

#[async_trait]
impl System for ModelSystem {
    fn name(&self) -> &str {
        self.name
    }

    fn checks_versions(&self) -> bool {
        self.modern
    }

    fn accepts_ids(&self) -> bool {
        self.modern
    }

    fn reports_deletes(&self) -> bool {
        self.modern
    }

    async fn probe(&self) -> Result<(), SystemError> {
        self.answer().map(drop)
    }

    async fn schema(&self, table: &str) -> Result<TableSchema, SystemError> {
        self.schemas
            .table(table)
            .cloned()
            .ok_or_else(|| SystemError::new(Class::FixMap, Code(3905), "no such table"))
    }

    async fn snapshot(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        let mut state = self.answer()?;
        if state.down > 0 {
            state.down -= 1;
            return Err(SystemError::new(Class::Retry, Code(3909), "nobody there"));
        }
        let begin: usize = request.after.as_ref().map_or(0, |cursor| {
            cursor
                .0
                .split(':')
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or_default()
        });
        let log: usize = request.after.as_ref().map_or(state.log.len(), |cursor| {
            cursor
                .0
                .split(':')
                .nth(1)
                .and_then(|n| n.parse().ok())
                .unwrap_or_default()
        });
        let records: Vec<Record> = state
            .rows
            .iter()
            .filter(|((table, _), _)| *table == request.table)
            .filter(|(_, (row, _))| {
                let company = row.value("dataAreaId").as_str().map(str::to_owned);
                request.companies.is_empty()
                    || company.is_none_or(|company| request.companies.contains(&company))
            })
            .skip(begin)
            .take(self.page)
            .map(|((table, id), (row, version))| self.record(&state, table, id, row, *version))
            .collect();
        let more = records.len() == self.page;
        Ok(Page {
            next: more.then(|| Cursor(format!("{}:{log}", begin + self.page))),
            changes_from: (!more).then(|| Cursor(log.to_string())),
            records,
        })
    }

    async fn changes_from_now(
        &self,
        _table: &str,
        _columns: &[String],
    ) -> Result<Cursor, SystemError> {
        Ok(Cursor(self.state().log.len().to_string()))
    }

    async fn changes(&self, request: &ChangesRequest) -> Result<Changes, SystemError> {
        let mut state = self.answer()?;
        if std::mem::take(&mut state.expired) {
            return Err(SystemError::new(
                Class::CursorExpired,
                Code(3906),
                "the cursor is old",
            ));
        }
        let since: usize = request.since.0.parse().unwrap_or_default();
        let mut seen = Vec::new();
        for (table, id, _) in state.log.iter().skip(since).take(PAGE) {
            if *table != request.table {
                continue;
            }
            match state.rows.get(&(table.clone(), id.clone())) {
                Some((row, version)) => seen.push(Seen::Upserted(
                    self.record(&state, table, id, row, *version),
                )),
                None if self.modern => seen.push(Seen::Deleted(RecordId(id.clone()))),
                None => {}
            }
        }
        Ok(Changes {
            seen,
            next: Cursor(state.log.len().min(since + PAGE).to_string()),
            more: state.log.len() > since + PAGE,
        })
    }

    async fn fetch(
        &self,
        table: &str,
        _columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError> {
        let state = self.answer()?;
        Ok(ids
            .iter()
            .map(|id| {
                let (row, version) = state.rows.get(&(table.to_owned(), id.0.clone()))?;
                Some(self.record(&state, table, &id.0, row, *version))
            })
            .collect())
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
        let state = self.answer()?;
        // By the first path of each find, so that a round of finds looks at each row once.
        let mut by_first: HashMap<&str, HashMap<String, Vec<&String>>> = HashMap::new();
        for find in finds {
            let Some((path, _)) = find.equal.first() else {
                continue;
            };
            by_first.entry(path).or_insert_with(|| {
                let mut rows: HashMap<String, Vec<&String>> = HashMap::new();
                for ((name, id), (row, _)) in &state.rows {
                    if name == table
                        && let Some(value) = self.reach(&state, table, row, path)
                    {
                        rows.entry(value).or_default().push(id);
                    }
                }
                rows
            });
        }
        Ok(finds
            .iter()
            .map(|find| {
                let candidates = find.equal.first().and_then(|(path, value)| {
                    by_first[path.as_str()].get(&value.to_string().to_lowercase())
                });
                let hits: Vec<Record> = candidates
                    .into_iter()
                    .flatten()
                    .filter_map(|id| {
                        let place = (table.to_owned(), (*id).clone());
                        Some((id, state.rows.get(&place)?))
                    })
                    .filter(|(_, (row, _))| {
                        find.equal.iter().all(|(path, value)| {
                            self.reach(&state, table, row, path)
                                == Some(value.to_string().to_lowercase())
                        })
                    })
                    .map(|(id, (row, version))| self.record(&state, table, id, row, *version))
                    .collect();
                match hits.len() {
                    0 => Found::None,
                    1 => Found::One(Box::new(hits[0].clone())),
                    _ => Found::Many(hits.into_iter().map(|record| record.id).collect()),
                }
            })
            .collect())
    }

    async fn keys(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        self.snapshot(request).await
    }

    async fn write(
        &self,
        table: &str,
        _columns: &[String],
        writes: Vec<Write>,
    ) -> Vec<Result<Written, SystemError>> {
        if let Err(error) = self.answer() {
            let failed = |_| Err(SystemError::new(error.class, error.code, &*error.message));
            return writes.iter().map(failed).collect();
        }
        let mut state = self.state();
        writes
            .into_iter()
            .map(|write| {
                let fault = state.faults.pop_front().unwrap_or(Fault::None);
                let lost = || {
                    let mut error = SystemError::new(Class::Retry, Code(3907), "no answer came");
                    error.outcome_unknown = true;
                    Err(error)
                };
                match fault {
                    Fault::LostRequest => lost(),
                    Fault::Busy => Err(SystemError::new(Class::Wait, Code(3908), "busy")),
                    Fault::None | Fault::LostAnswer => {
                        let result = self.apply(&mut state, table, write);
                        state.writes += u64::from(result.is_ok());
                        if fault == Fault::LostAnswer {
                            lost()
                        } else {
                            result
                        }
                    }
                }
            })
            .collect()
    }
}

/// A schema in few words: `name:type`, with `!` after the name for a key column and `=table` for
/// what a lookup points at.
pub fn table(name: &str, type_name: &str, columns: &[(&str, ColumnType)]) -> TableSchema {
    TableSchema {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        title: name.to_owned(),
        primary_key: Vec::new(),
        alternate_keys: Vec::new(),
        company: None,
        columns: columns
            .iter()
            .map(|(column, ty)| {
                let empty = None;
                (
                    column.to_lowercase(),
                    duet_map::schema::Column {
                        name: (*column).to_owned(),
                        ty: ty.clone(),
                        required: false,
                        create: true,
                        update: true,
                        empty,
                    },
                )
            })
            .collect(),
        tracks_changes: true,
        modified: Some("modified".into()),
    }
}
