//! Whole reads, changes and point reads.

use super::coding::{self, Selection, record_id};
use super::cursor::Position;
use super::metadata::Table;
use super::{Dataverse, refusal};
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::connection::{Call, failure};
use crate::error::SystemError;
use crate::service::Service;
use crate::system::{Changes, ChangesRequest, Cursor, Page, Seen, SnapshotRequest};
use duet_map::record::{Record, RecordId};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use uuid::Uuid;

/// A page of rows as the service sends it.
#[derive(Debug, Deserialize)]
struct Rows {
    value: Vec<Map<String, Json>>,
    #[serde(default, rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(default, rename = "@odata.deltaLink")]
    delta: Option<String>,
}

impl Dataverse {
    pub(super) async fn read_snapshot(
        &self,
        request: &SnapshotRequest,
    ) -> Result<Page, SystemError> {
        let table = self.table(&request.table).await?;
        let selection = Selection::new(&table, &request.columns)?;
        let tracked = table.schema.tracks_changes;
        self.read_page(&table, &selection, request.after.as_ref(), tracked)
            .await
    }

    pub(super) async fn read_keys(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        let table = self.table(&request.table).await?;
        let selection = Selection::new(&table, &[])?;
        self.read_page(&table, &selection, request.after.as_ref(), false)
            .await
    }

    async fn read_page(
        &self,
        table: &Table,
        selection: &Selection<'_>,
        after: Option<&Cursor>,
        tracked: bool,
    ) -> Result<Page, SystemError> {
        let position = match after {
            Some(cursor) => Position::parse(self.connection.name(), &table.set, cursor)?,
            None => self.beginning(table, selection, tracked)?,
        };
        let rows = self.follow(table, selection, &position).await;
        let rows = rows.map_err(|error| match after {
            Some(_) => refusal::of_stored_position(&table.set, error),
            None => error,
        })?;
        let records = rows
            .value
            .into_iter()
            .map(|row| selection.read(self.connection.name(), &row))
            .collect::<Result<_, _>>()?;
        let next = self.position(&position, rows.next.as_deref())?;
        let changes_from = self.position(&position, rows.delta.as_deref())?;
        if position.tracked && next.is_none() && changes_from.is_none() {
            return Err(failure::unexpected(
                self.connection.name(),
                &format!("reading `{}`", table.set),
                "the last page of a tracked read has no delta link",
            ));
        }
        Ok(Page {
            records,
            next,
            changes_from,
        })
    }

    /// Where a whole read begins. Tracking forbids filters and an order of ours; without tracking
    /// pages are only stable in the order of a unique column.
    fn beginning(
        &self,
        table: &Table,
        selection: &Selection<'_>,
        tracked: bool,
    ) -> Result<Position, SystemError> {
        let mut link = Link::to(&table.set).option("$select", &selection.select());
        if !tracked {
            link = link.option("$orderby", &table.primary_id);
        }
        let link = self.connection.relative(&link.into_text())?;
        Ok(Position::new(link, selection.names(), tracked))
    }

    fn position(&self, here: &Position, link: Option<&str>) -> Result<Option<Cursor>, SystemError> {
        let Some(link) = link else { return Ok(None) };
        let link = self.connection.relative(link)?;
        let position = Position::new(link, here.columns.clone(), here.tracked);
        Ok(Some(position.cursor()))
    }

    /// Reads the page that a position leads to. The service wants the same preferences with every
    /// page.
    async fn follow(
        &self,
        table: &Table,
        selection: &Selection<'_>,
        position: &Position,
    ) -> Result<Rows, SystemError> {
        let url = self.connection.url(&position.link)?;
        let mut call = Call::get(format!("reading `{}`", table.set), url)
            .header("prefer", &format!("odata.maxpagesize={}", self.page_size));
        if position.tracked {
            call = call.header("prefer", "odata.track-changes");
        }
        if let Some(annotations) = selection.annotations() {
            call = call.header("prefer", &annotations);
        }
        let answer = self.get(&call).await.inspect_err(|error| {
            if error.class == crate::error::Class::FixMap {
                self.forget_table(&table.set);
            }
        })?;
        answer.json(self.connection.name())
    }

    /// Reads the whole table and keeps only the position at its end: the service hands a delta
    /// link out in no other way.
    pub(super) async fn read_to_the_end(
        &self,
        name: &str,
        columns: &[String],
    ) -> Result<Cursor, SystemError> {
        let table = self.table(name).await?;
        let selection = Selection::new(&table, columns)?;
        if !table.schema.tracks_changes {
            return Err(refusal::not_tracked(&table.set));
        }
        let mut position = self.beginning(&table, &selection, true)?;
        loop {
            let rows = self.follow(&table, &selection, &position).await?;
            if let Some(cursor) = self.position(&position, rows.delta.as_deref())? {
                return Ok(cursor);
            }
            let next = rows.next.as_deref().ok_or_else(|| {
                failure::unexpected(
                    self.connection.name(),
                    &format!("reading `{}`", table.set),
                    "the last page of a tracked read has no delta link",
                )
            })?;
            position.link = self.connection.relative(next)?;
        }
    }

    pub(super) async fn read_changes(
        &self,
        request: &ChangesRequest,
    ) -> Result<Changes, SystemError> {
        let table = self.table(&request.table).await?;
        let wanted = Selection::new(&table, &request.columns)?;
        if !table.schema.tracks_changes {
            return Err(refusal::not_tracked(&table.set));
        }
        let position = Position::parse(self.connection.name(), &table.set, &request.since)?;
        // The link reads the columns that it was made for. Where the map asks for more by now,
        // the changed records are read once more.
        let covered = position.covers(&wanted.names());
        let reads = if covered {
            wanted.clone()
        } else {
            Selection::new(&table, &[])?
        };
        let rows = self.follow(&table, &wanted, &position).await;
        let rows = rows.map_err(|error| refusal::of_stored_position(&table.set, error))?;
        let mut seen = rows
            .value
            .into_iter()
            .map(|row| self.read_change(&table, &reads, &row))
            .collect::<Result<Vec<_>, _>>()?;
        if !covered {
            seen = self.read_again(&table, &request.columns, seen).await?;
        }
        let more = rows.next.is_some();
        let next = self
            .position(&position, rows.next.as_deref().or(rows.delta.as_deref()))?
            .ok_or_else(|| {
                failure::unexpected(
                    self.connection.name(),
                    &format!("reading the changes of `{}`", table.set),
                    "a page has neither a next link nor a delta link",
                )
            })?;
        Ok(Changes { seen, next, more })
    }

    fn read_change(
        &self,
        table: &Table,
        selection: &Selection<'_>,
        row: &Map<String, Json>,
    ) -> Result<Seen, SystemError> {
        let deleted = row.contains_key("reason")
            || row
                .get("@odata.context")
                .and_then(Json::as_str)
                .is_some_and(|context| context.ends_with("/$deletedEntity"));
        if !deleted {
            return Ok(Seen::Upserted(selection.read(self.connection.name(), row)?));
        }
        // The identifier may stand as a GUID or as the record's link, `accounts(guid)`.
        let id = row
            .get("id")
            .and_then(Json::as_str)
            .map(|id| {
                id.rsplit_once('(')
                    .map_or(id, |(_, id)| id.trim_end_matches(')'))
            })
            .and_then(|id| Uuid::parse_str(id).ok())
            .ok_or_else(|| {
                failure::unexpected(
                    self.connection.name(),
                    &format!("reading the changes of `{}`", table.set),
                    "a deleted record has no identifier",
                )
            })?;
        Ok(Seen::Deleted(record_id(id)))
    }

    /// Reads changed records once more with all columns; one that is gone by now is deleted.
    async fn read_again(
        &self,
        table: &Table,
        columns: &[String],
        seen: Vec<Seen>,
    ) -> Result<Vec<Seen>, SystemError> {
        let ids: Vec<RecordId> = seen
            .iter()
            .filter_map(|seen| match seen {
                Seen::Upserted(record) => Some(record.id.clone()),
                Seen::Deleted(_) => None,
            })
            .collect();
        let records = self.fetch_by_id(&table.set, columns, &ids).await?;
        let records: HashMap<RecordId, Option<Record>> = ids.into_iter().zip(records).collect();
        Ok(seen
            .into_iter()
            .map(|seen| match seen {
                Seen::Upserted(old) => match records.get(&old.id).cloned().flatten() {
                    Some(record) => Seen::Upserted(record),
                    None => Seen::Deleted(old.id),
                },
                deleted @ Seen::Deleted(_) => deleted,
            })
            .collect())
    }

    pub(super) async fn fetch_by_id(
        &self,
        name: &str,
        columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError> {
        let table = self.table(name).await?;
        let selection = Selection::new(&table, columns)?;
        let operations = ids
            .iter()
            .map(|id| {
                let id = coding::guid(&table, id)?;
                Ok(get_record(&table, &selection, id))
            })
            .collect::<Result<Vec<_>, SystemError>>()?;
        let plan = self.plan(format!("reading records of `{}`", table.set));
        let system = self.connection.name();
        let mut records = Vec::with_capacity(ids.len());
        for answer in self.connection.batch(&plan, &operations).await {
            let answer = answer?;
            records.push(if answer.status.is_success() {
                Some(selection.read(system, &answer.json(system)?)?)
            } else if answer.status == StatusCode::NOT_FOUND && refusal::is_absence(&answer) {
                None
            } else {
                return Err(self.refused(&answer));
            });
        }
        Ok(records)
    }
}

/// A read of one record by its identifier.
fn get_record(table: &Table, selection: &Selection<'_>, id: Uuid) -> Operation {
    let link = Link::record(&table.set, &id.hyphenated().to_string())
        .option("$select", &selection.select());
    let mut operation = Operation::get(link.into_text());
    if let Some(annotations) = selection.annotations() {
        operation.headers.push(("Prefer", annotations));
    }
    operation
}
