//! Writes: how a create, an update and a delete look to this service.
//!
//! A create is a `POST`, or a `PUT` or `PATCH` to the record that is not there yet; the latter
//! carries `If-None-Match: *` and, because services ignore that, the record is looked for first.
//! Updates and deletes carry `If-Match`, with `*` when any version will do, because services answer
//! 428 without it and must not create what is gone. A create that was refused for no known reason
//! is looked up: an earlier attempt may have made the record.

use super::coding::{Intent, Selection, predicate};
use super::config::Creates;
use super::key;
use super::metadata::Table;
use super::{OData, refusal};
use crate::bulk::{self, Writer};
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::connection::{Answer, Repeat};
use crate::error::{Class, SystemError};
use crate::etags::Etags;
use crate::refusal::{Action, duplicate};
use crate::system::{Write, Written};
use async_trait::async_trait;
use duet_map::record::{Record, RecordId, Version};
use duet_map::value::{Row, Value};
use reqwest::Method;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// One table that is written to, and the columns to read back.
struct TableWriter<'a> {
    odata: &'a OData,
    table: Arc<Table>,
    columns: &'a [String],
}

impl OData {
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
            odata: self,
            table,
            columns,
        };
        let results = bulk::write_all(&target, &writes).await;
        target.look_up_creates(&writes, results).await
    }

    fn if_match(&self, version: Option<&Version>) -> Option<(&'static str, String)> {
        let tag = match (self.etags, version) {
            (Etags::Off, _) => return None,
            (_, Some(version)) => version.tag.clone(),
            (_, None) => "*".to_owned(),
        };
        Some(("If-Match", tag))
    }
}

impl TableWriter<'_> {
    /// The row of a create with the identifier that the caller chose, and the record it will be,
    /// as far as that is known before.
    fn named(&self, id: Option<&RecordId>, row: &Row) -> (Row, Option<RecordId>) {
        let mut row = row.clone();
        if let Some(key) = self.table.guid_key()
            && key.create
            && let Some(chosen) = id.and_then(|id| Uuid::parse_str(&id.0).ok())
            && row.value(&key.name).is_null()
        {
            row.set(key.name.clone(), Value::Guid(chosen));
        }
        let record = key::of_row(&self.table, &row);
        (row, record)
    }

    fn create(&self, id: Option<&RecordId>, row: &Row) -> Result<Operation, SystemError> {
        let (odata, table) = (self.odata, &*self.table);
        if !table.allows.insert {
            return Err(refusal::not_allowed(&table.set, Action::Create));
        }
        let (row, record) = self.named(id, row);
        let prefer = ("Prefer", "return=representation".to_owned());
        let method = match odata.creates {
            Creates::Post => None,
            Creates::Put => Some(Method::PUT),
            Creates::Patch => Some(Method::PATCH),
        };
        let body = odata.body(table, &row, Intent::Create)?;
        Ok(match (method, record) {
            (Some(method), Some(record)) => Operation {
                method,
                link: key::link(table, &record)?.into_text(),
                headers: vec![prefer, ("If-None-Match", "*".to_owned())],
                body: Some(text(body)),
                repeat: Repeat::Same,
            },
            // Without a key of ours there is nothing to address.
            _ => Operation {
                method: Method::POST,
                link: Link::to(&table.set).into_text(),
                headers: vec![prefer],
                body: Some(text(body)),
                repeat: Repeat::Unsafe,
            },
        })
    }

    /// Creates that went wrong in a way that says nothing of the record: those whose record is
    /// there all the same are told so.
    async fn look_up_creates(
        &self,
        writes: &[Write],
        mut results: Vec<Result<Written, SystemError>>,
    ) -> Vec<Result<Written, SystemError>> {
        let mut places = Vec::new();
        let mut ids = Vec::new();
        for (place, (write, result)) in writes.iter().zip(&results).enumerate() {
            if let (Write::Create { id, row }, Err(error)) = (write, result)
                && (error.outcome_unknown || error.class == Class::FixData)
                && let (_, Some(record)) = self.named(id.as_ref(), row)
            {
                places.push(place);
                ids.push(record);
            }
        }
        if ids.is_empty() {
            return results;
        }
        // When even that cannot be read, the first error stands.
        if let Ok(records) = self.odata.fetch_by_key(&self.table, &[], &ids).await {
            for ((place, id), record) in places.into_iter().zip(&ids).zip(records) {
                if let (Some(_), Some(slot)) = (record, results.get_mut(place)) {
                    *slot = Err(duplicate(&self.table.set, Some(id)));
                }
            }
        }
        results
    }
}

#[async_trait]
impl Writer for TableWriter<'_> {
    fn system(&self) -> &str {
        self.odata.connection.name()
    }

    fn table(&self) -> &str {
        &self.table.set
    }

    fn operation(&self, write: &Write) -> Result<Operation, SystemError> {
        let (odata, table) = (self.odata, &*self.table);
        Ok(match write {
            Write::Create { id, row } => self.create(id.as_ref(), row)?,
            Write::Update {
                id,
                row,
                if_version,
            } => {
                if !table.allows.update {
                    return Err(refusal::not_allowed(&table.set, Action::Update));
                }
                let prefer = ("Prefer", "return=representation".to_owned());
                let if_match = odata.if_match(if_version.as_ref());
                Operation {
                    method: Method::PATCH,
                    link: key::link(table, id)?.into_text(),
                    headers: [Some(prefer), if_match].into_iter().flatten().collect(),
                    body: Some(text(odata.body(table, row, Intent::Update)?)),
                    repeat: Repeat::Same,
                }
            }
            Write::Delete { id, if_version } => {
                if !table.allows.delete {
                    return Err(refusal::not_allowed(&table.set, Action::Delete));
                }
                Operation {
                    method: Method::DELETE,
                    link: key::link(table, id)?.into_text(),
                    headers: odata.if_match(if_version.as_ref()).into_iter().collect(),
                    body: None,
                    repeat: Repeat::Same,
                }
            }
        })
    }

    fn stored(&self, answer: &Answer) -> Result<Option<Record>, SystemError> {
        let row: Map<String, Json> = answer.json(self.system())?;
        let selection = Selection::new(&self.table, self.columns)?;
        if !selection.is_whole(&row) {
            return Ok(None);
        }
        let record = selection.read(self.system(), &row, answer.header("etag"))?;
        Ok(Some(record))
    }

    fn created(&self, id: Option<&RecordId>, row: &Row, answer: &Answer) -> Option<RecordId> {
        let located = answer
            .header("odata-entityid")
            .or_else(|| answer.header("location"))
            .and_then(predicate)
            .and_then(|predicate| key::canonical(&self.table, &predicate));
        // A service may tell the key in the body although it left columns out there.
        let in_body = || {
            let row: Map<String, Json> = answer.json(self.system()).ok()?;
            let selection = Selection::new(&self.table, &[]).ok()?;
            selection.id(self.system(), &row).ok()
        };
        located.or_else(in_body).or_else(|| self.named(id, row).1)
    }

    fn refusal(&self, action: Action, id: Option<&RecordId>, answer: &Answer) -> SystemError {
        let now = self.odata.connection.timing().now();
        refusal::of_write(self.system(), &self.table.set, action, id, answer, now)
    }

    fn forget(&self) {
        self.odata.forget_metadata();
    }

    /// Creates by `PUT` or `PATCH` whose record is there already: a service that does not know
    /// `If-None-Match` would write over it.
    async fn held_back(
        &self,
        writes: &[Write],
    ) -> Result<HashMap<usize, SystemError>, SystemError> {
        let mut held_back = HashMap::new();
        if self.odata.creates == Creates::Post || self.odata.etags == Etags::Trusted {
            return Ok(held_back);
        }
        let mut places = Vec::new();
        let mut ids = Vec::new();
        for (place, write) in writes.iter().enumerate() {
            if let Write::Create { id, row } = write
                && let (_, Some(record)) = self.named(id.as_ref(), row)
            {
                places.push(place);
                ids.push(record);
            }
        }
        let records = self.odata.fetch_by_key(&self.table, &[], &ids).await?;
        for ((place, id), record) in places.into_iter().zip(&ids).zip(records) {
            if record.is_some() {
                held_back.insert(place, duplicate(&self.table.set, Some(id)));
            }
        }
        Ok(held_back)
    }

    async fn send(&self, operations: &[Operation]) -> Vec<Result<Answer, SystemError>> {
        let what = format!("writing to `{}`", self.table.set);
        self.odata.carry(&self.table, what, operations).await
    }

    async fn fetch(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, SystemError> {
        self.odata
            .fetch_by_key(&self.table, self.columns, ids)
            .await
    }
}

fn text(body: Map<String, Json>) -> String {
    Json::Object(body).to_string()
}
