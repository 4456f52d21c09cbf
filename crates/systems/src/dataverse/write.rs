//! Writes in bulk, each for itself, with the row read back in the same breath.
//!
//! Updates carry `If-Match` (with `*` when any version will do), so that none of them creates a
//! record by accident; creates with a chosen identifier carry `If-None-Match: *`, so that sending
//! one twice creates one record.

use super::coding::{self, Intent, Selection};
use super::metadata::Table;
use super::{Dataverse, refusal};
use crate::bulk::{self, Writer};
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::connection::{Answer, Repeat};
use crate::error::SystemError;
use crate::refusal::{Action, moved};
use crate::system::{Write, Written};
use async_trait::async_trait;
use duet_map::record::{Record, RecordId, Version};
use duet_map::value::Row;
use reqwest::Method;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// One table that is written to, and the columns to read back.
struct TableWriter<'a> {
    dataverse: &'a Dataverse,
    table: Arc<Table>,
    columns: &'a [String],
}

impl Dataverse {
    pub(super) async fn write_all(
        &self,
        name: &str,
        columns: &[String],
        writes: Vec<Write>,
    ) -> Vec<Result<Written, SystemError>> {
        let table = match self.table(name).await {
            Ok(table) => table,
            Err(error) => return bulk::refuse_all(&error, writes.len()),
        };
        if let Err(error) = Selection::new(&table, columns) {
            return bulk::refuse_all(&error, writes.len());
        }
        let target = TableWriter {
            dataverse: self,
            table,
            columns,
        };
        bulk::write_all(&target, &writes).await
    }
}

#[async_trait]
impl Writer for TableWriter<'_> {
    fn system(&self) -> &str {
        self.dataverse.connection.name()
    }

    fn table(&self) -> &str {
        &self.table.set
    }

    fn operation(&self, write: &Write) -> Result<Operation, SystemError> {
        let table = &*self.table;
        let selection = Selection::new(table, self.columns)?;
        let tag = self.dataverse.tag.as_deref();
        let read_back = |link: Link| {
            link.option("$select", &selection.select())
                .option_if("tag", tag)
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
                    ("If-Match", version_tag(table, if_version.as_ref())),
                ],
                Some(coding::body(table, row, Intent::Update)?),
                Repeat::Same,
            ),
            Write::Delete { id, if_version } => operation(
                Method::DELETE,
                record(table, coding::guid(table, id)?)
                    .option_if("tag", tag)
                    .into_text(),
                vec![("If-Match", version_tag(table, if_version.as_ref()))],
                None,
                Repeat::Same,
            ),
        })
    }

    fn stored(&self, answer: &Answer) -> Result<Option<Record>, SystemError> {
        let row = answer.json(self.system())?;
        let selection = Selection::new(&self.table, self.columns)?;
        selection.read(self.system(), &row).map(Some)
    }

    fn created(&self, id: Option<&RecordId>, _: &Row, answer: &Answer) -> Option<RecordId> {
        id.cloned().or_else(|| created_id(answer))
    }

    fn refusal(&self, action: Action, id: Option<&RecordId>, answer: &Answer) -> SystemError {
        let now = self.dataverse.connection.timing().now();
        refusal::of_write(self.system(), &self.table.schema, action, id, answer, now)
    }

    fn forget(&self) {
        self.dataverse.forget_table(&self.table.set);
    }

    /// The writes whose version has moved, for a table where the service does not look at versions:
    /// the records are read once more just before they are written.
    async fn held_back(
        &self,
        writes: &[Write],
    ) -> Result<HashMap<usize, SystemError>, SystemError> {
        let mut held_back = HashMap::new();
        if self.table.checks_versions {
            return Ok(held_back);
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
        let set = &self.table.set;
        let records = self.dataverse.fetch_by_id(set, &[], &ids).await?;
        for ((place, _, wanted), record) in conditional.into_iter().zip(records) {
            // One that is gone is left to the write itself, which is told so.
            if record.is_some_and(|record| record.version.as_ref() != Some(wanted)) {
                held_back.insert(place, moved(set));
            }
        }
        Ok(held_back)
    }

    async fn send(&self, operations: &[Operation]) -> Vec<Result<Answer, SystemError>> {
        let plan = self
            .dataverse
            .plan(format!("writing to `{}`", self.table.set));
        self.dataverse.connection.batch(&plan, operations).await
    }

    async fn fetch(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, SystemError> {
        self.dataverse
            .fetch_by_id(&self.table.set, self.columns, ids)
            .await
    }
}

fn record(table: &Table, id: Uuid) -> Link {
    Link::record(&table.set, &id.hyphenated().to_string())
}

/// The value of `If-Match`: the version, or any.
fn version_tag(table: &Table, version: Option<&Version>) -> String {
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

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
