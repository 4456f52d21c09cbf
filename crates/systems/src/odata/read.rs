//! Whole reads by key, changes by time of modification, and point reads.

use super::OData;
use super::coding::Selection;
use super::key;
use super::metadata::Table;
use super::{delta, refusal};
use crate::connection::Call;
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::connection::retry::http_date;
use crate::error::{Class, SystemError};
use crate::keyset;
use crate::paging::{self, Answered, Ask, Paged};
use crate::service::Service;
use crate::system::{Changes, ChangesRequest, Cursor, Page, SnapshotRequest};
use async_trait::async_trait;
use duet_map::record::{Record, RecordId};
use duet_map::schema::ColumnType;
use jiff::SignedDuration;
use odata::Literal;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// A page of rows as the service sends it.
#[derive(Debug, Deserialize)]
pub(super) struct Rows {
    pub(super) value: Vec<Map<String, Json>>,
    #[serde(default, rename = "@odata.nextLink", alias = "@nextLink")]
    pub(super) next: Option<String>,
    #[serde(default, rename = "@odata.deltaLink", alias = "@deltaLink")]
    pub(super) delta: Option<String>,
}

/// A table of this service.
struct Reader<'a> {
    odata: &'a OData,
    table: Arc<Table>,
}

impl OData {
    pub(super) async fn read_snapshot(
        &self,
        request: &SnapshotRequest,
    ) -> Result<Page, SystemError> {
        let table = self.table(&request.table).await?;
        if table.deltas {
            return self.read_tracked(&table, request).await;
        }
        let reader = Reader { odata: self, table };
        let tracked = reader.tracked();
        paging::whole(&reader, request, &request.columns, tracked).await
    }

    pub(super) async fn read_keys(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        let table = self.table(&request.table).await?;
        paging::whole(&Reader { odata: self, table }, request, &[], false).await
    }

    pub(super) async fn cursor_from_now(
        &self,
        name: &str,
        columns: &[String],
    ) -> Result<Cursor, SystemError> {
        let table = self.table(name).await?;
        if table.deltas {
            return self.read_to_the_end(&table, columns).await;
        }
        require_modified(&table)?;
        paging::from_now(&Reader { odata: self, table }, name, columns).await
    }

    pub(super) async fn read_changes(
        &self,
        request: &ChangesRequest,
    ) -> Result<Changes, SystemError> {
        let table = self.table(&request.table).await?;
        if delta::is_position(&request.since) {
            return self.read_delta(&table, request).await;
        }
        require_modified(&table)?;
        paging::changes(&Reader { odata: self, table }, request).await
    }

    /// Reads records by identifier; the answers stand in the order of `ids`.
    pub(super) async fn fetch_by_key(
        &self,
        table: &Table,
        columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError> {
        let selection = Selection::new(table, columns)?;
        let operations = ids
            .iter()
            .map(|id| {
                let link = key::link(table, id)?
                    .option("$select", &selection.select())
                    .option_if("$expand", selection.expand().as_deref());
                Ok(Operation::get(link.into_text()))
            })
            .collect::<Result<Vec<_>, SystemError>>()?;
        let what = format!("reading records of `{}`", table.set);
        let system = self.connection.name();
        let mut records = Vec::with_capacity(ids.len());
        let mut absent = false;
        for answer in self.carry(table, what, &operations).await {
            let answer = answer?;
            records.push(if answer.status == StatusCode::NO_CONTENT {
                absent = true;
                None
            } else if answer.status.is_success() {
                let row = answer.json(system)?;
                Some(selection.read(system, &row, answer.header("etag"))?)
            } else if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
                absent = true;
                None
            } else {
                return Err(self.refused(&answer));
            });
        }
        // A missing entity set is answered like a missing row; the two must not be confused.
        if absent && records.iter().all(Option::is_none) {
            self.require_set(table).await?;
        }
        Ok(records)
    }

    /// Makes sure that an entity set still answers.
    async fn require_set(&self, table: &Table) -> Result<(), SystemError> {
        let link = Link::to(&table.set).option("$top", "1");
        let url = self.connection.url(&link.into_text())?;
        let call = Call::get(format!("reading `{}`", table.set), url);
        self.get(&call)
            .await
            .map(drop)
            .inspect_err(|_| self.forget_metadata())
    }
}

fn require_modified(table: &Table) -> Result<(), SystemError> {
    match table.modified {
        Some(_) => Ok(()),
        None => Err(refusal::no_changes(&table.set)),
    }
}

#[async_trait]
impl Paged for Reader<'_> {
    fn system(&self) -> &str {
        self.odata.connection.name()
    }

    fn table(&self) -> &str {
        &self.table.set
    }

    fn tracked(&self) -> bool {
        self.table.modified.is_some()
    }

    fn overlap(&self) -> SignedDuration {
        self.odata.overlap
    }

    async fn page(&self, ask: &Ask<'_>) -> Result<Answered, SystemError> {
        let (odata, table) = (self.odata, &*self.table);
        let selection = Selection::new(table, ask.columns)?;
        let modified = table.modified.as_deref().filter(|_| ask.by_modified);
        let mut order: Vec<&str> = modified.into_iter().collect();
        order.extend(table.key().map(|(column, _)| column.name.as_str()));
        let from = match (modified, ask.from) {
            // A place is never before the beginning of its sweep.
            (Some(column), Some(from)) if ask.after.is_none() => {
                Some(format!("{column} ge {}", Literal::DateTimeOffset(from)))
            }
            _ => None,
        };
        let after = match &ask.after {
            Some(place) => {
                let at = Literal::DateTimeOffset(place.modified);
                let modified = modified.map(|column| (column, &at));
                let values = key::values(table, &RecordId(place.id.clone()))?;
                keyset::past(modified, &values, keyset::equal)
            }
            None => None,
        };
        let size = odata.page_size + keyset::ties(table.key().map(|(column, _)| column));
        let link = Link::to(&table.set)
            .option("$select", &selection.select())
            .option_if("$expand", selection.expand().as_deref())
            .option_if("$filter", keyset::all([from, after]).as_deref())
            .option("$orderby", &order.join(","))
            .option("$top", &size.to_string());
        let call = Call::get(
            format!("reading `{}`", table.set),
            odata.connection.url(&link.into_text())?,
        );
        let answer = odata.get(&call).await.inspect_err(|error| {
            if error.class == Class::FixMap {
                odata.forget_metadata();
            }
        })?;
        // Without a date from the service ours has to do.
        let now = answer
            .header("date")
            .and_then(http_date)
            .unwrap_or_else(|| odata.connection.timing().now());
        let rows: Rows = answer.json(self.system())?;
        // Text, JSON and records of a page are large: each goes as soon as the next is there.
        drop(answer);
        let more = rows.next.is_some() || rows.value.len() >= size;
        let records = rows
            .value
            .into_iter()
            .map(|row| selection.read(self.system(), &row, None))
            .collect::<Result<Vec<_>, _>>()?;
        check_order(self.system(), table, ask, &records)?;
        Ok(Answered { records, more, now })
    }

    async fn fetch(
        &self,
        columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError> {
        self.odata.fetch_by_key(&self.table, columns, ids).await
    }
}

/// Makes sure that a page is the one that was asked for. A service that leaves filter or order out
/// would have rows skipped in silence; where it shows, reading stops.
fn check_order(
    system: &str,
    table: &Table,
    ask: &Ask<'_>,
    records: &[Record],
) -> Result<(), SystemError> {
    if let Some(place) = &ask.after {
        let same_time =
            |record: &Record| !ask.by_modified || record.modified == Some(place.modified);
        let has_ties = keyset::ties(table.key().map(|(column, _)| column)) > 0;
        let again = records
            .iter()
            .any(|record| record.id.0 == place.id && same_time(record));
        if again && !has_ties {
            return Err(paging::same_page(system, &table.set));
        }
    }
    if ask.by_modified {
        let mut times = records.iter().filter_map(|record| record.modified);
        let mut last = times.next();
        for time in times {
            if last.is_some_and(|last| time < last) {
                return Err(refusal::out_of_order(system, &table.set));
            }
            last = Some(time);
        }
        return Ok(());
    }
    // Only numbers have the same order everywhere.
    let mut key = table.key();
    let (Some((column, _)), None) = (key.next(), key.next()) else {
        return Ok(());
    };
    if !matches!(column.ty, ColumnType::Int { .. }) {
        return Ok(());
    }
    let numbers: Option<Vec<i64>> = records
        .iter()
        .map(|record| record.id.0.parse().ok())
        .collect();
    match numbers {
        Some(numbers) if !numbers.is_sorted() => Err(refusal::out_of_order(system, &table.set)),
        _ => Ok(()),
    }
}
