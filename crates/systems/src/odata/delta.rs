//! Changes by the service's own links: a read that asks for tracking ends with a delta link, which
//! leads to what changed since.
//!
//! Here the service's links are followed as they are: whoever hands out a delta link promises that
//! the read and the changes together miss nothing.

use super::OData;
use super::coding::{Selection, predicate};
use super::key;
use super::metadata::Table;
use super::read::Rows;
use super::refusal;
use crate::connection::link::Link;
use crate::connection::{Answer, Call, failure};
use crate::error::SystemError;
use crate::mismatch;
use crate::service::Service;
use crate::system::{Changes, ChangesRequest, Cursor, Page, Seen, SnapshotRequest};
use duet_map::record::RecordId;
use odata::payload::{Deleted, DeltaItem, DeltaPage};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// Where a tracked read stands. Its JSON form is a persisted format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    v: u8,
    /// Relative to the service's origin.
    link: String,
    /// The columns that the link was made for.
    columns: Vec<String>,
}

/// Whether a cursor is a place in a tracked read.
pub(super) fn is_position(cursor: &Cursor) -> bool {
    serde_json::from_str::<Position>(&cursor.0).is_ok()
}

impl Position {
    fn parse(system: &str, table: &str, cursor: &Cursor) -> Result<Self, SystemError> {
        serde_json::from_str::<Self>(&cursor.0)
            .ok()
            .filter(|position| position.v == 1)
            .ok_or_else(|| mismatch::bad_cursor(system, table))
    }

    fn cursor(&self) -> Cursor {
        // Texts always have a JSON form.
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }
}

impl OData {
    /// Reads the next page of a whole table that tracks changes.
    pub(super) async fn read_tracked(
        &self,
        table: &Table,
        request: &SnapshotRequest,
    ) -> Result<Page, SystemError> {
        let system = self.connection.name();
        let selection = Selection::new(table, &request.columns)?;
        let position = match &request.after {
            Some(cursor) => Position::parse(system, &table.set, cursor)?,
            None => self.beginning(table, &selection)?,
        };
        let (rows, next) = self.tracked_page(table, &position).await?;
        let records = rows
            .value
            .into_iter()
            .map(|row| selection.read(system, &row, None))
            .collect::<Result<_, _>>()?;
        Ok(match next {
            Onward::Page(next) => Page {
                records,
                next: Some(next.cursor()),
                changes_from: None,
            },
            Onward::Changes(next) => Page {
                records,
                next: None,
                changes_from: Some(next.cursor()),
            },
        })
    }

    /// Reads a table that tracks changes whole and keeps only the position at its end: delta links
    /// are handed out in no other way.
    pub(super) async fn read_to_the_end(
        &self,
        table: &Table,
        columns: &[String],
    ) -> Result<Cursor, SystemError> {
        let selection = Selection::new(table, columns)?;
        let mut position = self.beginning(table, &selection)?;
        loop {
            match self.tracked_page(table, &position).await?.1 {
                Onward::Page(next) => position = next,
                Onward::Changes(next) => return Ok(next.cursor()),
            }
        }
    }

    /// Reads what changed since a delta link.
    pub(super) async fn read_delta(
        &self,
        table: &Table,
        request: &ChangesRequest,
    ) -> Result<Changes, SystemError> {
        let system = self.connection.name();
        let what = format!("reading the changes of `{}`", table.set);
        let selection = Selection::new(table, &request.columns)?;
        let position = Position::parse(system, &table.set, &request.since)?;
        let covered = selection
            .names()
            .iter()
            .all(|name| position.columns.contains(name));
        let answer = self.follow(table, &position).await?;
        let page = DeltaPage::parse(&answer.body).map_err(|error| {
            failure::unreadable(system, &what, "it is no page of changes", error)
        })?;
        let mut seen = Vec::with_capacity(page.items.len());
        // Rows that do not tell everything are read once more.
        let mut again: Vec<RecordId> = Vec::new();
        for item in page.items {
            match item {
                DeltaItem::Changed(entity) => {
                    let row = entity.to_json();
                    if covered && selection.is_whole(&row) {
                        seen.push(Seen::Upserted(selection.read(system, &row, None)?));
                    } else {
                        again.push(selection.id(system, &row)?);
                    }
                }
                DeltaItem::Deleted(deleted) => {
                    let id = deleted_id(&selection, table, system, &deleted).ok_or_else(|| {
                        failure::unexpected(system, &what, "a deleted row has no identifier")
                    })?;
                    seen.push(Seen::Deleted(id));
                }
                // A link's ends report for themselves: the row that holds it is changed.
                DeltaItem::Linked(_) | DeltaItem::Unlinked(_) => {}
            }
        }
        let read = self.fetch_by_key(table, &request.columns, &again).await?;
        seen.extend(
            again
                .into_iter()
                .zip(read)
                .map(|(id, record)| match record {
                    Some(record) => Seen::Upserted(record),
                    None => Seen::Deleted(id),
                }),
        );
        let more = page.next_link.is_some();
        let link = page.next_link.or(page.delta_link).ok_or_else(|| {
            failure::unexpected(
                system,
                &what,
                "a page has neither a next link nor a delta link",
            )
        })?;
        let next = self.onward(&position, &link)?;
        if more && next.link == position.link {
            return Err(crate::paging::same_page(system, &table.set));
        }
        Ok(Changes {
            seen,
            next: next.cursor(),
            more,
        })
    }

    fn beginning(&self, table: &Table, selection: &Selection<'_>) -> Result<Position, SystemError> {
        let link = Link::to(&table.set)
            .option("$select", &selection.select())
            .option_if("$expand", selection.expand().as_deref());
        Ok(Position {
            v: 1,
            link: self.connection.relative(&link.into_text())?,
            columns: selection.names(),
        })
    }

    /// Reads a page of the first read, and where it leads.
    async fn tracked_page(
        &self,
        table: &Table,
        position: &Position,
    ) -> Result<(Rows, Onward), SystemError> {
        let answer = self.follow(table, position).await?;
        let rows: Rows = answer.json(self.connection.name())?;
        let onward = match (&rows.next, &rows.delta) {
            (Some(link), _) => {
                let next = self.onward(position, link)?;
                if next.link == position.link {
                    let system = self.connection.name();
                    return Err(crate::paging::same_page(system, &table.set));
                }
                Onward::Page(next)
            }
            (None, Some(link)) => Onward::Changes(self.onward(position, link)?),
            (None, None) => return Err(refusal::not_tracked(&table.set)),
        };
        Ok((rows, onward))
    }

    fn onward(&self, here: &Position, link: &str) -> Result<Position, SystemError> {
        Ok(Position {
            v: 1,
            link: self.connection.relative(link)?,
            columns: here.columns.clone(),
        })
    }

    async fn follow(&self, table: &Table, position: &Position) -> Result<Answer, SystemError> {
        let call = Call::get(
            format!("reading `{}`", table.set),
            self.connection.url(&position.link)?,
        )
        .header("prefer", &format!("odata.maxpagesize={}", self.page_size))
        .header("prefer", "odata.track-changes");
        let answer = self.connection.send(&call).await?;
        match answer.status {
            status if status.is_success() => Ok(answer),
            // The service does not know the link any more.
            StatusCode::GONE => Err(refusal::expired(&table.set)),
            _ => Err(self.refused(&answer)),
        }
    }
}

/// Where a page of the first read leads.
enum Onward {
    Page(Position),
    Changes(Position),
}

/// The identifier of a row that is gone, from its link or from its key.
fn deleted_id(
    selection: &Selection<'_>,
    table: &Table,
    system: &str,
    deleted: &Deleted,
) -> Option<RecordId> {
    let by_link = deleted
        .id
        .as_deref()
        .and_then(predicate)
        .and_then(|predicate| key::canonical(table, &predicate));
    let row: Map<String, Json> = deleted.row.to_json();
    by_link.or_else(|| selection.id(system, &row).ok())
}
