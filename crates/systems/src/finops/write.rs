//! Writes in bulk, each in a change set of its own, with the row read back.
//!
//! Nothing makes a create safe to repeat here: the service may allocate the key itself. A create
//! whose answer got lost is therefore reported as unknown and never sent again.

use super::coding::{self, Selection};
use super::metadata::Table;
use super::refusal::{self, Action};
use super::{Etags, FinOps, key};
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::connection::{Answer, Repeat, failure};
use crate::error::{Class, SystemError};
use crate::system::{Write, Written};
use duet_map::record::{RecordId, Version};
use duet_map::value::Row;
use odata::url::decode_path;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value as Json};

/// What an answer tells of a write that succeeded.
enum Outcome {
    Done(Written),
    /// Written, but the row did not come back.
    Unread(RecordId),
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
            Err(error) => return refuse_all(&error, writes.len()),
        };
        let selection = match Selection::new(&table, columns) {
            Ok(selection) => selection,
            Err(error) => return refuse_all(&error, writes.len()),
        };
        let mut results: Vec<Option<Result<Written, SystemError>>> = Vec::new();
        let mut operations = Vec::new();
        let mut places = Vec::new();
        for (place, write) in writes.iter().enumerate() {
            match self.operation(&table, write) {
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

    /// The request that a write becomes.
    fn operation(&self, table: &Table, write: &Write) -> Result<Operation, SystemError> {
        let with_companies = |link: Link| {
            link.option_if("cross-company", self.companies_option())
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
                headers: [Some(prefer), self.if_match(if_version.as_ref())]
                    .into_iter()
                    .flatten()
                    .collect(),
                body: text(coding::update_body(table, row)?),
                repeat: Repeat::Same,
            },
            Write::Delete { id, if_version } => Operation {
                method: Method::DELETE,
                link: record(id)?,
                headers: self.if_match(if_version.as_ref()).into_iter().collect(),
                body: None,
                repeat: Repeat::Same,
            },
        })
    }

    fn if_match(&self, version: Option<&Version>) -> Option<(&'static str, String)> {
        let version = version.filter(|_| self.etags != Etags::Off)?;
        Some(("If-Match", version.tag.clone()))
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
            Write::Create { .. } => (Action::Create, None),
            Write::Update { id, .. } => (Action::Update, Some(id)),
            Write::Delete { id, .. } => (Action::Delete, Some(id)),
        };
        if answer.status.is_success() {
            if action == Action::Delete {
                return Ok(Outcome::Done(Written::Deleted));
            }
            if answer.status != StatusCode::NO_CONTENT && !answer.body.is_empty() {
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
            let known = match write {
                Write::Update { id, .. } | Write::Delete { id, .. } => Some(id.clone()),
                Write::Create { row, .. } => {
                    located(table, answer).or_else(|| complete_key(table, row))
                }
            };
            return known.map(Outcome::Unread).ok_or_else(|| {
                let mut error = failure::unexpected(
                    system,
                    &format!("creating a record of `{}`", table.set),
                    "the answer does not tell its key",
                );
                error.outcome_unknown = true;
                error
            });
        }
        let now = self.connection.timing().now();
        let mut error = refusal::of_write(system, &table.set, action, id, answer, now);
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
        let fetched = self.fetch_by_key(&table.set, columns, &ids).await;
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

fn refuse_all(error: &SystemError, count: usize) -> Vec<Result<Written, SystemError>> {
    (0..count).map(|_| Err(failure::copy(error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use duet_map::schema::{Column, ColumnType, TableSchema};
    use duet_map::value::Value;
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
