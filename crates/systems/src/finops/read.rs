//! Whole reads, changes and point reads.
//!
//! Pages are cut by key, not by the service's own links: a link may count rows, and then rows that
//! come or go meanwhile shift the next page and something is skipped.

use super::FinOps;
use super::coding::Selection;
use super::filter;
use super::key;
use super::metadata::Table;
use super::window::{Place, Window};
use crate::codes;
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::connection::retry::http_date;
use crate::connection::{Call, failure};
use crate::error::{Class, SystemError};
use crate::mismatch;
use crate::system::{Changes, ChangesRequest, Cursor, Page, Seen, SnapshotRequest};
use duet_map::record::{Record, RecordId};
use duet_map::schema::ColumnType;
use jiff::Timestamp;
use odata::Literal;
use odata::url::{KeyPredicate, KeyValue};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// A page of rows as the service sends it.
#[derive(Debug, Deserialize)]
struct Rows {
    value: Vec<Map<String, Json>>,
    #[serde(default, rename = "@odata.nextLink")]
    next: Option<String>,
}

/// Where a whole read stands. Its JSON form is a persisted format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    v: u8,
    /// The last record that was read.
    after: String,
    /// From where changes are to be read once this read is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
}

/// What a page is to hold.
struct Query<'a> {
    table: &'a Table,
    selection: &'a Selection<'a>,
    companies: &'a [String],
    /// Whether the order begins with the time of modification.
    by_modified: bool,
    /// Only rows modified at or after this time.
    from: Option<Timestamp>,
    /// Only rows after this one.
    after: Option<Place>,
}

/// A page of records, in the order that was asked for.
struct Answered {
    records: Vec<Record>,
    /// Whether rows may follow.
    more: bool,
    /// The service's time.
    now: Timestamp,
}

impl FinOps {
    pub(super) async fn read_snapshot(
        &self,
        request: &SnapshotRequest,
    ) -> Result<Page, SystemError> {
        let table = self.table(&request.table).await?;
        let tracked = table.modified.is_some();
        self.read_whole(request, &table, &request.columns, tracked)
            .await
    }

    pub(super) async fn read_keys(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        let table = self.table(&request.table).await?;
        self.read_whole(request, &table, &[], false).await
    }

    async fn read_whole(
        &self,
        request: &SnapshotRequest,
        table: &Table,
        columns: &[String],
        tracked: bool,
    ) -> Result<Page, SystemError> {
        let selection = Selection::new(table, columns)?;
        let position = request
            .after
            .as_ref()
            .map(|cursor| {
                serde_json::from_str::<Position>(&cursor.0)
                    .ok()
                    .filter(|position| position.v == 1)
                    .ok_or_else(|| mismatch::bad_cursor(self.connection.name(), &table.set))
            })
            .transpose()?;
        let answered = self
            .page(&Query {
                table,
                selection: &selection,
                companies: &request.companies,
                by_modified: false,
                from: None,
                after: position.as_ref().map(|position| Place {
                    modified: Timestamp::UNIX_EPOCH,
                    id: position.after.clone(),
                }),
            })
            .await?;
        let mut window = match position {
            Some(position) => position.window,
            // Changes are read from before the first page on.
            None => tracked.then(|| Window::opening(answered.now, self.overlap)),
        };
        if let Some(window) = &mut window {
            for record in &answered.records {
                window.remember(record);
            }
        }
        let last = answered.records.last().map(|record| record.id.0.clone());
        let next = last.filter(|_| answered.more).map(|after| {
            let position = Position {
                v: 1,
                after,
                window: window.clone(),
            };
            Cursor(serde_json::to_string(&position).unwrap_or_default())
        });
        let changes_from = match (&next, window) {
            (None, Some(window)) => Some(window.cursor()),
            _ => None,
        };
        Ok(Page {
            records: answered.records,
            next,
            changes_from,
        })
    }

    /// Sweeps once over what was modified just now without reporting it.
    pub(super) async fn window_from_now(
        &self,
        name: &str,
        columns: &[String],
    ) -> Result<Cursor, SystemError> {
        let table = self.table(name).await?;
        require_modified(&table)?;
        let selection = Selection::new(&table, columns)?;
        let opening = self
            .page(&Query {
                table: &table,
                selection: &selection,
                companies: &[],
                by_modified: true,
                from: Some(Timestamp::MAX.min(far_future())),
                after: None,
            })
            .await?;
        let mut cursor = Window::opening(opening.now, self.overlap).cursor();
        loop {
            let changes = self
                .read_changes(&ChangesRequest {
                    table: name.to_owned(),
                    columns: columns.to_vec(),
                    companies: Vec::new(),
                    since: cursor,
                })
                .await?;
            cursor = changes.next;
            if !changes.more {
                return Ok(cursor);
            }
        }
    }

    pub(super) async fn read_changes(
        &self,
        request: &ChangesRequest,
    ) -> Result<Changes, SystemError> {
        let table = self.table(&request.table).await?;
        let selection = Selection::new(&table, &request.columns)?;
        require_modified(&table)?;
        let mut window = Window::parse(self.connection.name(), &table.set, &request.since)?;
        loop {
            let (news, more) = self
                .sweep_page(&table, &selection, request, &mut window)
                .await?;
            if !more {
                window.end(self.overlap);
            }
            // Pages that hold nothing new are not worth a round through the engine.
            if !news.is_empty() || !more {
                return Ok(Changes {
                    seen: news.into_iter().map(Seen::Upserted).collect(),
                    next: window.cursor(),
                    more,
                });
            }
        }
    }

    /// Reads the next page of a sweep: what is news on it, and whether pages follow.
    async fn sweep_page(
        &self,
        table: &Table,
        selection: &Selection<'_>,
        request: &ChangesRequest,
        window: &mut Window,
    ) -> Result<(Vec<Record>, bool), SystemError> {
        let keys = Selection::new(table, &[])?;
        let mut query = Query {
            table,
            selection,
            companies: &request.companies,
            by_modified: true,
            from: Some(window.from),
            after: window.at.clone(),
        };
        // After a busy while most rows of the window are known, and every poll meets them again.
        let narrow = window.is_crowded();
        if narrow {
            query.selection = &keys;
        }
        let mut answered = self.page(&query).await?;
        let news = |answered: &Answered| {
            let unknown = |record: &&Record| !window.knows(record);
            answered.records.iter().filter(unknown).count()
        };
        let again = narrow && news(&answered) > answered.records.len() / 4;
        if again {
            query.selection = selection;
            answered = self.page(&query).await?;
        }
        window.begin(answered.now);
        let mut fresh = Vec::new();
        for record in answered.records {
            let modified = record.modified.ok_or_else(|| {
                failure::unexpected(
                    self.connection.name(),
                    &format!("reading the changes of `{}`", table.set),
                    "a row does not tell when it was modified",
                )
            })?;
            if window.take(&record, modified) {
                fresh.push(record);
            }
        }
        if narrow && !again && !fresh.is_empty() {
            let ids: Vec<RecordId> = fresh.into_iter().map(|record| record.id).collect();
            let read = self
                .fetch_by_key(&table.set, &request.columns, &ids)
                .await?;
            // One that is gone by now is no news; one that moved on is known at its new version.
            fresh = read.into_iter().flatten().collect();
            for record in &fresh {
                window.note(record);
            }
        }
        Ok((fresh, answered.more))
    }

    /// Reads one page.
    async fn page(&self, query: &Query<'_>) -> Result<Answered, SystemError> {
        let table = query.table;
        let modified = table.modified.as_deref().filter(|_| query.by_modified);
        let mut order: Vec<&str> = modified.into_iter().collect();
        order.extend(table.key().map(|column| column.name.as_str()));
        let companies = match &table.schema.company {
            Some(_) => filter::companies(query.companies),
            None => None,
        };
        let from = match (modified, query.from) {
            // A place is never before the beginning of its sweep.
            (Some(column), Some(from)) if query.after.is_none() => {
                Some(format!("{column} ge {}", Literal::DateTimeOffset(from)))
            }
            _ => None,
        };
        let after = match &query.after {
            Some(place) => after(table, modified, place)?,
            None => None,
        };
        let size = self.page_size + ties(table);
        let link = Link::to(&table.set)
            .option_if("cross-company", self.companies_option())
            .option("$select", &query.selection.select())
            .option_if("$filter", filter::all([companies, from, after]).as_deref())
            .option("$orderby", &order.join(","))
            .option("$top", &size.to_string());
        let call = Call::get(
            format!("reading `{}`", table.set),
            self.connection.url(&link.into_text())?,
        );
        let answer = self.get(&call).await.inspect_err(|error| {
            if error.class == Class::FixMap {
                self.forget_table(&table.set);
            }
        })?;
        // Without a date from the service ours has to do.
        let now = answer
            .header("date")
            .and_then(http_date)
            .unwrap_or_else(|| self.connection.timing().now());
        let rows: Rows = answer.json(self.connection.name())?;
        let more = rows.next.is_some() || rows.value.len() >= size;
        let records = rows
            .value
            .iter()
            .map(|row| query.selection.read(self.connection.name(), row))
            .collect::<Result<Vec<_>, _>>()?;
        if let (true, Some(last), Some(place)) = (more, records.last(), &query.after)
            && last.id.0 == place.id
            && (modified.is_none() || last.modified == Some(place.modified))
        {
            return Err(failure::unexpected(
                self.connection.name(),
                &format!("reading `{}`", table.set),
                "the same page came twice",
            ));
        }
        Ok(Answered {
            more: more && !records.is_empty(),
            records,
            now,
        })
    }

    pub(super) async fn fetch_by_key(
        &self,
        name: &str,
        columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError> {
        let table = self.table(name).await?;
        let selection = Selection::new(&table, columns)?;
        let operations = ids
            .iter()
            .map(|id| self.get_record(&table, &selection, id))
            .collect::<Result<Vec<_>, _>>()?;
        let plan = self.plan(format!("reading records of `{}`", table.set));
        let system = self.connection.name();
        let mut records = Vec::with_capacity(ids.len());
        let mut absent = false;
        for answer in self.connection.batch(&plan, &operations).await {
            let answer = answer?;
            records.push(if answer.status.is_success() {
                Some(selection.read(system, &answer.json(system)?)?)
            } else if answer.status == StatusCode::NOT_FOUND {
                absent = true;
                None
            } else {
                return Err(self.refused_read(&answer));
            });
        }
        // A missing entity set is answered like a missing row; the two must not be confused.
        if absent && records.iter().all(Option::is_none) {
            self.require_set(&table).await?;
        }
        Ok(records)
    }

    /// A read of one record by its key.
    pub(super) fn get_record(
        &self,
        table: &Table,
        selection: &Selection<'_>,
        id: &RecordId,
    ) -> Result<Operation, SystemError> {
        let id = key::canonical(table, &id.0)?;
        let link = Link::record(&table.set, &id.0)
            .option_if("cross-company", self.companies_option())
            .option("$select", &selection.select());
        Ok(Operation::get(link.into_text()))
    }

    /// Makes sure that an entity set still answers.
    async fn require_set(&self, table: &Table) -> Result<(), SystemError> {
        let link = Link::to(&table.set)
            .option_if("cross-company", self.companies_option())
            .option("$top", "1");
        let url = self.connection.url(&link.into_text())?;
        let call = Call::get(format!("reading `{}`", table.set), url);
        let answer = self.get(&call).await;
        if answer.is_err() {
            self.forget_table(&table.set);
        }
        answer.map(drop)
    }
}

/// A time that no row was modified at or after; reading from there tells only the service's time.
fn far_future() -> Timestamp {
    Timestamp::from_second(32_503_680_000).unwrap_or(Timestamp::MAX)
}

/// How many rows can tie in the order of the key at most, less one: those that differ in nothing
/// but enumerations. A page that has room for them always leads on.
fn ties(table: &Table) -> usize {
    const MOST_TIES: usize = 5000;
    let combinations: usize = table
        .key()
        .map(|column| match &column.ty {
            ColumnType::Enum { members, .. } => members.len().max(1),
            ColumnType::Bool => 2,
            _ => 1,
        })
        .fold(1, usize::saturating_mul);
    combinations.min(MOST_TIES) - 1
}

/// The condition that leads past a row. Enumerations have no order, so with one of them in the key
/// rows that differ in nothing else may come again.
fn after(
    table: &Table,
    modified: Option<&str>,
    place: &Place,
) -> Result<Option<String>, SystemError> {
    let bad = || mismatch::bad_id(&table.set, "a predicate of all fields of its key");
    let KeyPredicate::Named(values) = KeyPredicate::parse(&place.id).map_err(|_| bad())? else {
        return Err(bad());
    };
    let modified = modified.map(|column| (column, Literal::DateTimeOffset(place.modified)));
    let mut steps: Vec<(&str, &Literal)> = Vec::new();
    if let Some((column, literal)) = &modified {
        steps.push((column, literal));
    }
    let mut complete = true;
    for column in table.key() {
        if !filter::is_ordered(column) {
            complete = false;
            continue;
        }
        let literal = values.iter().find_map(|(name, value)| match value {
            KeyValue::Literal(literal) if *name == column.name => Some(literal),
            _ => None,
        });
        steps.push((column.name.as_str(), literal.ok_or_else(bad)?));
    }
    Ok(filter::after(&steps, !complete))
}

fn require_modified(table: &Table) -> Result<(), SystemError> {
    if table.modified.is_some() {
        return Ok(());
    }
    Err(SystemError::new(
        Class::FixMap,
        codes::NOT_TRACKED,
        format!(
            "`{}` has no field that tells when a row was modified, so its changes cannot be read; \
             name one in the configuration, or extend the entity by one",
            table.set
        ),
    ))
}
