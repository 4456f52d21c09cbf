//! Writes in bulk, each in a change set of its own, with the row read back.
//!
//! Nothing makes a create safe to repeat here: the service may allocate the key itself. A create
//! whose answer got lost is therefore reported as unknown and never sent again.

use super::coding::{self, Selection};
use super::metadata::Table;
use super::{FinOps, key, refusal};
use crate::bulk::{self, Writer};
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::connection::{Answer, Repeat};
use crate::error::SystemError;
use crate::etags::Etags;
use crate::refusal::Action;
use crate::system::{Write, Written};
use async_trait::async_trait;
use duet_map::record::{Record, RecordId, Version};
use duet_map::value::Row;
use odata::url::decode_path;
use reqwest::Method;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// One table that is written to, and the columns to read back.
struct TableWriter<'a> {
    finops: &'a FinOps,
    table: Arc<Table>,
    columns: &'a [String],
}

impl FinOps {
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
            finops: self,
            table,
            columns,
        };
        bulk::write_all(&target, &writes).await
    }

    fn if_match(&self, version: Option<&Version>) -> Option<(&'static str, String)> {
        let version = version.filter(|_| self.etags != Etags::Off)?;
        Some(("If-Match", version.tag.clone()))
    }
}

#[async_trait]
impl Writer for TableWriter<'_> {
    fn system(&self) -> &str {
        self.finops.connection.name()
    }

    fn table(&self) -> &str {
        &self.table.set
    }

    fn operation(&self, write: &Write) -> Result<Operation, SystemError> {
        let (finops, table) = (self.finops, &*self.table);
        let with_companies = |link: Link| {
            link.option_if("cross-company", finops.companies_option())
                .into_text()
        };
        let record = |id: &RecordId| -> Result<String, SystemError> {
            let id = key::canonical(table, &id.0)?;
            Ok(with_companies(Link::record(&table.set, &id.0)))
        };
        let text = |body: Map<String, Json>| Some(Json::Object(body).to_string());
        let prefer = ("Prefer", "return=representation".to_owned());
        Ok(match write {
            Write::Create { row, .. } => Operation {
                method: Method::POST,
                link: with_companies(Link::to(&table.set)),
                headers: vec![prefer],
                body: text(coding::create_body(table, row)?),
                repeat: Repeat::Unsafe,
            },
            Write::Update {
                id,
                row,
                if_version,
            } => Operation {
                method: Method::PATCH,
                link: record(id)?,
                headers: [Some(prefer), finops.if_match(if_version.as_ref())]
                    .into_iter()
                    .flatten()
                    .collect(),
                body: text(coding::update_body(table, row)?),
                repeat: Repeat::Same,
            },
            Write::Delete { id, if_version } => Operation {
                method: Method::DELETE,
                link: record(id)?,
                headers: finops.if_match(if_version.as_ref()).into_iter().collect(),
                body: None,
                repeat: Repeat::Same,
            },
        })
    }

    fn stored(&self, answer: &Answer) -> Result<Option<Record>, SystemError> {
        let row = answer.json(self.system())?;
        let selection = Selection::new(&self.table, self.columns)?;
        selection.read(self.system(), &row).map(Some)
    }

    fn created(&self, _: Option<&RecordId>, row: &Row, answer: &Answer) -> Option<RecordId> {
        located(&self.table, answer).or_else(|| complete_key(&self.table, row))
    }

    fn refusal(&self, action: Action, id: Option<&RecordId>, answer: &Answer) -> SystemError {
        let now = self.finops.connection.timing().now();
        refusal::of_write(self.system(), &self.table.set, action, id, answer, now)
    }

    fn forget(&self) {
        self.finops.forget_table(&self.table.set);
    }

    async fn send(&self, operations: &[Operation]) -> Vec<Result<Answer, SystemError>> {
        let plan = self.finops.plan(format!("writing to `{}`", self.table.set));
        self.finops.connection.batch(&plan, operations).await
    }

    async fn fetch(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, SystemError> {
        self.finops
            .fetch_by_key(&self.table.set, self.columns, ids)
            .await
    }
}

/// The identifier of a created record from `OData-EntityId` or `Location`.
fn located(table: &Table, answer: &Answer) -> Option<RecordId> {
    let link = answer
        .header("odata-entityid")
        .or_else(|| answer.header("location"))?;
    let link = link.split_once('?').map_or(link, |(path, _)| path);
    let (_, predicate) = link.rsplit_once('/')?.1.split_once('(')?;
    let predicate = decode_path(predicate.strip_suffix(')')?).ok()?;
    key::canonical(table, &predicate).ok()
}

/// The identifier that a row would have, when it holds every field of the key.
fn complete_key(table: &Table, row: &Row) -> Option<RecordId> {
    let mut key_row = Row::new();
    for column in table.key() {
        let (_, value) = row
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&column.name))?;
        if value.is_null() {
            return None;
        }
        key_row.set(column.name.clone(), value.clone());
    }
    key::of_row(table, &key_row).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use duet_map::schema::{Column, ColumnType, TableSchema};
    use duet_map::value::Value;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    fn table() -> Table {
        let text = |name: &str| {
            let column = Column {
                name: name.into(),
                ty: ColumnType::Text { max_length: None },
                required: true,
                create: true,
                update: false,
                empty: None,
            };
            (name.to_lowercase(), column)
        };
        Table {
            schema: TableSchema {
                name: "CustomersV3".into(),
                type_name: "CustomerV3".into(),
                title: "Customers V3".into(),
                primary_key: vec!["dataAreaId".into(), "CustomerAccount".into()],
                alternate_keys: Vec::new(),
                company: Some("dataAreaId".into()),
                columns: [text("dataAreaId"), text("CustomerAccount")].into(),
                tracks_changes: false,
                modified: None,
            },
            set: "CustomersV3".into(),
            modified: None,
        }
    }

    #[test]
    fn a_created_records_key_is_read_from_its_link() {
        let located_at = |link: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("location", link.parse().unwrap());
            let answer = Answer {
                what: String::new(),
                status: StatusCode::NO_CONTENT,
                headers,
                body: Bytes::new(),
                repeated: false,
                torn: false,
            };
            located(&table(), &answer).map(|id| id.0)
        };
        assert_eq!(
            located_at(
                "https://env/data/CustomersV3(CustomerAccount='C%2F1''s',dataAreaId='USMF')?cross-company=true"
            )
            .as_deref(),
            Some("dataAreaId='usmf',CustomerAccount='C/1''s'")
        );
        for other in [
            "https://env/data/CustomersV3",
            "x",
            "https://env/data/CustomersV3(5)",
        ] {
            assert_eq!(located_at(other), None);
        }
    }

    #[test]
    fn a_row_with_its_whole_key_names_itself() {
        let row = Row::new()
            .with("DATAAREAID", "USMF")
            .with("CUSTOMERACCOUNT", "1");
        assert_eq!(
            complete_key(&table(), &row).map(|id| id.0).as_deref(),
            Some("dataAreaId='usmf',CustomerAccount='1'")
        );
        let row = Row::new()
            .with("dataAreaId", "usmf")
            .with("CustomerAccount", Value::Null);
        assert_eq!(complete_key(&table(), &row), None);
    }
}
