//! Whole reads, changes and point reads.

use super::FinOps;
use super::coding::Selection;
use super::metadata::Table;
use super::{filter, key};
use crate::connection::Call;
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::connection::retry::http_date;
use crate::error::{Class, SystemError};
use crate::paging::{self, Answered, Ask, Paged};
use crate::service::Service;
use crate::system::{Changes, ChangesRequest, Cursor, Page, SnapshotRequest};
use crate::{keyset, mismatch};
use async_trait::async_trait;
use duet_map::record::{Record, RecordId};
use duet_map::schema::Column;
use jiff::SignedDuration;
use odata::Literal;
use odata::url::{KeyPredicate, KeyValue};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// A page of rows as the service sends it.
#[derive(Debug, Deserialize)]
struct Rows {
    value: Vec<Map<String, Json>>,
    #[serde(default, rename = "@odata.nextLink")]
    next: Option<String>,
}

/// A table of this environment.
struct Reader<'a> {
    finops: &'a FinOps,
    table: Arc<Table>,
}

impl FinOps {
    async fn reader(&self, name: &str) -> Result<Reader<'_>, SystemError> {
        Ok(Reader {
            finops: self,
            table: self.table(name).await?,
        })
    }

    pub(super) async fn read_snapshot(
        &self,
        request: &SnapshotRequest,
    ) -> Result<Page, SystemError> {
        let reader = self.reader(&request.table).await?;
        let tracked = reader.tracked();
        paging::whole(&reader, request, &request.columns, tracked).await
    }

    pub(super) async fn read_keys(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        let reader = self.reader(&request.table).await?;
        paging::whole(&reader, request, &[], false).await
    }

    /// Sweeps once over what was modified just now without reporting it.
    pub(super) async fn window_from_now(
        &self,
        name: &str,
        columns: &[String],
    ) -> Result<Cursor, SystemError> {
        paging::from_now(&self.reader(name).await?, name, columns).await
    }

    pub(super) async fn read_changes(
        &self,
        request: &ChangesRequest,
    ) -> Result<Changes, SystemError> {
        paging::changes(&self.reader(&request.table).await?, request).await
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
                return Err(self.refused(&answer));
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

#[async_trait]
impl Paged for Reader<'_> {
    fn system(&self) -> &str {
        self.finops.connection.name()
    }

    fn table(&self) -> &str {
        &self.table.set
    }

    fn tracked(&self) -> bool {
        self.table.modified.is_some()
    }

    fn overlap(&self) -> SignedDuration {
        self.finops.overlap
    }

    async fn page(&self, ask: &Ask<'_>) -> Result<Answered, SystemError> {
        let (finops, table) = (self.finops, &*self.table);
        let selection = Selection::new(table, ask.columns)?;
        let modified = table.modified.as_deref().filter(|_| ask.by_modified);
        let mut order: Vec<&str> = modified.into_iter().collect();
        order.extend(table.key().map(|column| column.name.as_str()));
        let companies = match &table.schema.company {
            Some(_) => filter::companies(ask.companies),
            None => None,
        };
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
                keyset::past(modified, &key_of(table, &place.id)?, filter::equal)
            }
            None => None,
        };
        let size = finops.page_size + keyset::ties(table.key());
        let link = Link::to(&table.set)
            .option_if("cross-company", finops.companies_option())
            .option("$select", &selection.select())
            .option_if("$filter", keyset::all([companies, from, after]).as_deref())
            .option("$orderby", &order.join(","))
            .option("$top", &size.to_string());
        let call = Call::get(
            format!("reading `{}`", table.set),
            finops.connection.url(&link.into_text())?,
        );
        let answer = finops.get(&call).await.inspect_err(|error| {
            if error.class == Class::FixMap {
                finops.forget_table(&table.set);
            }
        })?;
        // Without a date from the service ours has to do.
        let now = answer
            .header("date")
            .and_then(http_date)
            .unwrap_or_else(|| finops.connection.timing().now());
        let rows: Rows = answer.json(self.system())?;
        // Text, JSON and records of a page are large: each goes as soon as the next is there.
        drop(answer);
        let more = rows.next.is_some() || rows.value.len() >= size;
        Ok(Answered {
            more,
            records: rows
                .value
                .into_iter()
                .map(|row| selection.read(self.system(), &row))
                .collect::<Result<_, _>>()?,
            now,
        })
    }

    async fn fetch(
        &self,
        columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError> {
        self.finops
            .fetch_by_key(&self.table.set, columns, ids)
            .await
    }
}

/// The columns of a key with the values that an identifier gives them.
fn key_of<'t>(table: &'t Table, id: &str) -> Result<Vec<(&'t Column, Literal)>, SystemError> {
    let bad = || mismatch::bad_id(&table.set, "a predicate of all fields of its key");
    let KeyPredicate::Named(values) = KeyPredicate::parse(id).map_err(|_| bad())? else {
        return Err(bad());
    };
    table
        .key()
        .map(|column| {
            let literal = values.iter().find_map(|(name, value)| match value {
                KeyValue::Literal(literal) if *name == column.name => Some(literal.clone()),
                _ => None,
            });
            Ok((column, literal.ok_or_else(bad)?))
        })
        .collect()
}
