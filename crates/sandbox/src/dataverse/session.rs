//! One transaction of the stand-in: who acts, on which tables, and what came of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use axum::http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value as Json;

use super::address::Segment;
use super::errors::ApiResult;
use super::model::{ColumnFacts, Model, Table, target_column};
use super::options::{Options, Preferences};
use super::settings::Settings;
use super::webhooks::Steps;
use crate::counters::WriteKind;
use crate::rows::{Select, Sql, Tx, Value, quote};
use crate::schema::Column;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Actor {
    /// The client id of the token.
    pub(super) client: String,
    /// The user as whom the client acts.
    pub(super) user: String,
    /// The client's own user, when it acts as somebody else.
    pub(super) on_behalf_by: Option<String>,
}

/// A running transaction.
pub(super) struct Session<'a> {
    pub(super) model: &'a Model,
    pub(super) settings: &'a Settings,
    pub(super) tx: &'a Tx<'a>,
    pub(super) actor: &'a Actor,
    pub(super) now: Timestamp,
    /// The webhook steps in force when the transaction began.
    pub(super) steps: Arc<Steps>,
    /// What was written so far.
    pub(super) effects: RefCell<Vec<Effect>>,
    names: RefCell<HashMap<(String, String), Option<String>>>,
}

/// One row write, known to be committed once the transaction is.
#[derive(Debug, Clone)]
pub(super) struct Effect {
    pub(super) table: String,
    pub(super) kind: WriteKind,
    pub(super) id: String,
    /// The stored columns that were written, with their new values.
    pub(super) written: Vec<(String, Value)>,
    /// The row before, when a webhook step may want it.
    pub(super) before: Option<Row>,
    /// The row after, when a webhook step may want it.
    pub(super) after: Option<Row>,
    /// The `tag` of the request.
    pub(super) tag: Option<String>,
}

/// One request, or one part of a batch.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The service root in absolute form, without a trailing slash.
    pub(super) root: String,
    pub(super) segments: Vec<Segment>,
    pub(super) options: Options,
    pub(super) preferences: Preferences,
    pub(super) headers: HeaderMap,
    pub(super) body: axum::body::Bytes,
    /// Absolute addresses of rows made by earlier parts of a batch, by their `$n`.
    pub(super) content_ids: HashMap<String, String>,
}

/// What a call gives back.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: ReplyBody,
}

/// The body of a [`Reply`].
#[derive(Debug, Clone)]
pub(super) enum ReplyBody {
    Empty,
    Json(Json),
    Text(String),
    Xml(String),
    Bytes(Vec<u8>),
}

impl Reply {
    pub(super) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: ReplyBody::Empty,
        }
    }

    pub(super) fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    pub(super) fn json(body: Json) -> Self {
        Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            body: ReplyBody::Json(body),
        }
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn preferring(mut self, applied: &str) -> Self {
        if !applied.is_empty() {
            self.headers
                .push(("Preference-Applied", applied.to_owned()));
        }
        self
    }
}

/// A stored row, or a part of its columns.
#[derive(Debug, Clone)]
pub(super) struct Row {
    index: Arc<HashMap<String, usize>>,
    values: Vec<Value>,
}

impl Row {
    /// The value of a stored column; null when it was not read.
    pub(super) fn get(&self, column: &str) -> &Value {
        self.index
            .get(column)
            .and_then(|at| self.values.get(*at))
            .unwrap_or(&Value::Null)
    }

    /// The text in a stored column.
    pub(super) fn text(&self, column: &str) -> Option<&str> {
        match self.get(column) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number in a stored column.
    pub(super) fn integer(&self, column: &str) -> Option<i64> {
        match self.get(column) {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The values behind those of the named columns.
    pub(super) fn extra(&self, count: usize) -> &[Value] {
        &self.values[self.values.len().saturating_sub(count)..]
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        model: &'a Model,
        settings: &'a Settings,
        tx: &'a Tx<'a>,
        actor: &'a Actor,
        now: Timestamp,
        steps: Arc<Steps>,
    ) -> Self {
        Self {
            model,
            settings,
            tx,
            actor,
            now,
            steps,
            effects: RefCell::default(),
            names: RefCell::default(),
        }
    }

    /// Reads rows: the given columns of a table (the key and the version always), narrowed and
    /// ordered by `select`. `extra` expressions are read behind them.
    pub(super) fn rows(
        &self,
        table: &Table,
        columns: &[&Column],
        extra: &[Sql],
        narrow: impl FnOnce(Select) -> Select,
    ) -> ApiResult<Vec<Row>> {
        let mut names: Vec<String> = vec![table.id().to_owned(), super::model::VERSION.to_owned()];
        for column in columns {
            if !names.contains(&column.name) {
                names.push(column.name.clone());
                if column.is_lookup() {
                    names.push(target_column(&column.name));
                }
            }
        }
        let mut select = narrow(Select::from(table.name(), &names));
        select.columns.extend(extra.iter().cloned());
        let index: HashMap<String, usize> = names
            .into_iter()
            .enumerate()
            .map(|(at, name)| (name, at))
            .collect();
        let index = Arc::new(index);
        let found = self.tx.select(&select)?;
        let row = |values| Row {
            index: Arc::clone(&index),
            values,
        };
        Ok(found.into_iter().map(row).collect())
    }

    /// The row with an id, with the given columns.
    pub(super) fn row(
        &self,
        table: &Table,
        columns: &[&Column],
        id: &str,
    ) -> ApiResult<Option<Row>> {
        let condition = by_id(table, id);
        let found = self.rows(table, columns, &[], |select| select.filter(condition))?;
        Ok(found.into_iter().next())
    }

    /// The row with an id, whole.
    pub(super) fn whole_row(&self, table: &Table, id: &str) -> ApiResult<Option<Row>> {
        let columns: Vec<&Column> = table.schema.columns.iter().collect();
        self.row(table, &columns, id)
    }

    /// Whether there is a row with an id.
    pub(super) fn exists(&self, table: &Table, id: &str) -> ApiResult<bool> {
        Ok(self.tx.count(table.name(), Some(&by_id(table, id)))? > 0)
    }

    /// The name that a row shows to people.
    pub(super) fn primary_name(&self, table: &str, id: &str) -> ApiResult<Option<String>> {
        let key = (table.to_owned(), id.to_owned());
        if let Some(known) = self.names.borrow().get(&key) {
            return Ok(known.clone());
        }
        let mut name = None;
        if let Some(table) = self.model.table(table)
            && let Some(column) = &table.schema.primary_name
            && let Some(column) = table.column(column)
        {
            let row = self.row(table, &[column], id)?;
            name = row.and_then(|row| row.text(&column.name).map(ToOwned::to_owned));
        }
        self.names.borrow_mut().insert(key, name.clone());
        Ok(name)
    }
}

/// The condition that selects a row by its id.
pub(super) fn by_id(table: &Table, id: &str) -> Sql {
    Sql::new(
        format!("t.{} = ?", quote(table.id())),
        vec![Value::Text(id.into())],
    )
}
