//! Writes in bulk, each for itself, with the row read back in the same breath.
//!
//! Updates carry `If-Match` (with `*` when any version will do), so that none of them creates a
//! record by accident; creates with a chosen identifier carry `If-None-Match: *`, so that sending
//! one twice creates one record.

use super::Dataverse;
use super::coding::{self, Intent, Selection};
use super::metadata::Table;
use super::refusal::{self, Action};
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::connection::{Answer, Repeat, failure};
use crate::error::{Class, SystemError};
use crate::system::{Write, Written};
use duet_map::record::{RecordId, Version};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value as Json};
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

impl Dataverse {
    pub(super) async fn write_all(
        &self,
        name: &str,
        columns: &[String],
        writes: Vec<Write>,
    ) -> Vec<Result<Written, SystemError>> {
        let table = match self.table(name).await {
            Ok(table) => table,
            Err(error) => return refuse_all(&error, writes.len()),
        };
        let selection = match Selection::new(&table, columns) {
            Ok(selection) => selection,
            Err(error) => return refuse_all(&error, writes.len()),
        };
        let mut results: Vec<Option<Result<Written, SystemError>>> = Vec::new();
        let mut operations = Vec::new();
        let mut places = Vec::new();
        let moved = match self.moved(&table, &writes).await {
            Ok(moved) => moved,
            Err(error) => return refuse_all(&error, writes.len()),
        };
        for (place, write) in writes.iter().enumerate() {
            if moved.contains(&place) {
                results.push(Some(Err(refusal::moved(&table.set))));
                continue;
            }
            match self.operation(&table, &selection, write) {
                Ok(operation) => {
                    operations.push(operation);
                    places.push(place);
                    results.push(None);
                }
                Err(error) => results.push(Some(Err(error))),
            }
        }
        let plan = self.plan(format!("writing to `{}`", table.set));
        let answers = self.connection.batch(&plan, &operations).await;
        let mut unread = Vec::new();
        for (place, answer) in places.into_iter().zip(answers) {
            let (Some(write), Some(result)) = (writes.get(place), results.get_mut(place)) else {
                continue;
            };
            match answer.and_then(|answer| self.outcome(&table, &selection, write, &answer)) {
                Ok(Outcome::Done(written)) => *result = Some(Ok(written)),
                Ok(Outcome::Unread(id)) => unread.push((place, id)),
                Err(error) => *result = Some(Err(error)),
            }
        }
        self.read_back(&table, columns, unread, &mut results).await;
        results
            .into_iter()
            .map(|result| {
                result.unwrap_or_else(|| Err(failure::torn(self.connection.name(), &plan.what)))
            })
            .collect()
    }

    /// The writes whose version has moved, for a table where the service does not look at versions:
    /// the records are read once more just before they are written.
    async fn moved(&self, table: &Table, writes: &[Write]) -> Result<HashSet<usize>, SystemError> {
        let mut moved = HashSet::new();
        if table.checks_versions {
            return Ok(moved);
        }
        let conditional: Vec<(usize, &RecordId, &Version)> = writes
            .iter()
            .enumerate()
            .filter_map(|(place, write)| match write {
                Write::Update { id, if_version, .. } | Write::Delete { id, if_version } => {
                    Some((place, id, if_version.as_ref()?))
                }
                Write::Create { .. } => None,
            })
            .collect();
        let ids: Vec<RecordId> = conditional.iter().map(|(_, id, _)| (*id).clone()).collect();
        let records = self.fetch_by_id(&table.set, &[], &ids).await?;
        for ((place, _, wanted), record) in conditional.into_iter().zip(records) {
            // One that is gone is left to the write itself, which is told so.
            if record.is_some_and(|record| record.version.as_ref() != Some(wanted)) {
                moved.insert(place);
            }
        }
        Ok(moved)
    }

    /// The request that a write becomes.
    fn operation(
        &self,
        table: &Arc<Table>,
        selection: &Selection<'_>,
        write: &Write,
    ) -> Result<Operation, SystemError> {
        let read_back = |link: Link| {
            link.option("$select", &selection.select())
                .option_if("tag", self.tag.as_deref())
                .into_text()
        };
        let mut prefer = "return=representation".to_owned();
        if let Some(annotations) = selection.annotations() {
            prefer.push(',');
            prefer.push_str(&annotations);
        }
        let operation = |method, link, headers: Vec<(&'static str, String)>, body, repeat| {
            let body: Option<Map<String, Json>> = body;
            Operation {
                method,
                link,
                headers,
                body: body.map(|body| Json::Object(body).to_string()),
                repeat,
            }
        };
        Ok(match write {
            Write::Create { id: None, row } => operation(
                Method::POST,
                read_back(Link::to(&table.set)),
                vec![("Prefer", prefer)],
                Some(coding::body(table, row, Intent::Create)?),
                Repeat::Unsafe,
            ),
            Write::Create { id: Some(id), row } => operation(
                Method::PATCH,
                read_back(record(table, coding::guid(table, id)?)),
                vec![("Prefer", prefer), ("If-None-Match", "*".into())],
                Some(coding::body(table, row, Intent::Create)?),
                Repeat::Same,
            ),
            Write::Update {
                id,
                row,
                if_version,
            } => operation(
                Method::PATCH,
                read_back(record(table, coding::guid(table, id)?)),
                vec![
                    ("Prefer", prefer),
                    ("If-Match", tag(table, if_version.as_ref())),
                ],
                Some(coding::body(table, row, Intent::Update)?),
                Repeat::Same,
            ),
            Write::Delete { id, if_version } => operation(
                Method::DELETE,
                record(table, coding::guid(table, id)?)
                    .option_if("tag", self.tag.as_deref())
                    .into_text(),
                vec![("If-Match", tag(table, if_version.as_ref()))],
                None,
                Repeat::Same,
            ),
        })
    }

    /// What an answer says about its write.
    fn outcome(
        &self,
        table: &Table,
        selection: &Selection<'_>,
        write: &Write,
        answer: &Answer,
    ) -> Result<Outcome, SystemError> {
        let system = self.connection.name();
        let (action, id) = match write {
            Write::Create { id, .. } => (Action::Create, id.as_ref()),
            Write::Update { id, .. } => (Action::Update, Some(id)),
            Write::Delete { id, .. } => (Action::Delete, Some(id)),
        };
        if answer.status.is_success() {
            if action == Action::Delete {
                return Ok(Outcome::Done(Written::Deleted));
            }
            if answer.status == StatusCode::NO_CONTENT || answer.body.is_empty() {
                let id = id.cloned().or_else(|| created_id(answer));
                return id.map(Outcome::Unread).ok_or_else(|| {
                    let mut error = failure::unexpected(
                        system,
                        &format!("creating a record of `{}`", table.set),
                        "the answer does not tell its identifier",
                    );
                    error.outcome_unknown = true;
                    error
                });
            }
            // The record is written, whatever is wrong with the answer.
            let written = answer
                .json(system)
                .and_then(|row| selection.read(system, &row))
                .map_err(|mut error| {
                    error.outcome_unknown = true;
                    error
                })?;
            return Ok(Outcome::Done(Written::Stored(Box::new(written))));
        }
        let now = self.connection.timing().now();
        let mut error = refusal::of_write(system, &table.schema, action, id, answer, now);
        if answer.repeated {
            // The refusal may be the echo of an earlier attempt that did take effect.
            if action == Action::Delete && error.class == Class::Gone {
                return Ok(Outcome::Done(Written::Deleted));
            }
            error.outcome_unknown |=
                matches!(error.class, Class::Duplicate | Class::Moved | Class::Gone);
        }
        if error.class == Class::FixMap {
            self.forget_table(&table.set);
        }
        Err(error)
    }

    /// Reads the rows that were written without being sent back.
    async fn read_back(
        &self,
        table: &Table,
        columns: &[String],
        unread: Vec<(usize, RecordId)>,
        results: &mut [Option<Result<Written, SystemError>>],
    ) {
        if unread.is_empty() {
            return;
        }
        let (places, ids): (Vec<_>, Vec<_>) = unread.into_iter().unzip();
        let fetched = self.fetch_by_id(&table.set, columns, &ids).await;
        for (index, place) in places.into_iter().enumerate() {
            let result = match &fetched {
                Ok(records) => match records.get(index).cloned().flatten() {
                    Some(record) => Ok(Written::Stored(Box::new(record))),
                    None => Err(refusal::gone(&table.set, ids.get(index))),
                },
                Err(error) => Err(failure::copy(error)),
            };
            if let Some(slot) = results.get_mut(place) {
                *slot = Some(result.map_err(|mut error| {
                    error.outcome_unknown = true;
                    error
                }));
            }
        }
    }
}

/// What an answer tells of a write that succeeded.
enum Outcome {
    Done(Written),
    /// Written, but the row did not come back.
    Unread(RecordId),
}

fn record(table: &Table, id: Uuid) -> Link {
    Link::record(&table.set, &id.hyphenated().to_string())
}

/// The value of `If-Match`: the version, or any.
fn tag(table: &Table, version: Option<&Version>) -> String {
    match version {
        Some(version) if table.checks_versions => version.tag.clone(),
        _ => "*".into(),
    }
}

/// The identifier of a created record from `OData-EntityId` or `Location`.
fn created_id(answer: &Answer) -> Option<RecordId> {
    let link = answer
        .header("odata-entityid")
        .or_else(|| answer.header("location"))?;
    let (_, id) = link.trim_end_matches(')').rsplit_once('(')?;
    Uuid::parse_str(id).ok().map(coding::record_id)
}

fn refuse_all(error: &SystemError, count: usize) -> Vec<Result<Written, SystemError>> {
    (0..count).map(|_| Err(failure::copy(error))).collect()
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
