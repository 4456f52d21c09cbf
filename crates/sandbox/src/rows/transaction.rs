//! One transaction: reads, writes, the version counter and the deletion log.

use std::cell::Cell;

use rusqlite::{Transaction, params_from_iter};

use super::table::{quote, quoted_list};
use super::{RowsError, Select, Sql, Table, Value};

/// The store's own tables.
pub(super) const OWN_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS _counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
    INSERT OR IGNORE INTO _counters VALUES ('version', 1000), ('delta_floor', 0);
    CREATE TABLE IF NOT EXISTS _deletions (
        version INTEGER PRIMARY KEY, tbl TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS _deletions_by_table ON _deletions (tbl, version);
    CREATE TABLE IF NOT EXISTS _documents (
        number INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS _files (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
        content BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS _files_by_owner ON _files (owner);
";

/// A row that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The version number of the deletion.
    pub version: i64,
    /// The key of the row, in the form in which it was logged.
    pub key: String,
}

/// A running transaction.
pub struct Tx<'a> {
    inner: &'a Transaction<'a>,
    tables: &'a [Table],
    version: Cell<i64>,
    begun_at: i64,
}

impl<'a> Tx<'a> {
    pub(super) fn begin(
        inner: &'a Transaction<'a>,
        tables: &'a [Table],
    ) -> Result<Self, RowsError> {
        let version = counter(inner, "version")?;
        Ok(Self {
            inner,
            tables,
            version: Cell::new(version),
            begun_at: version,
        })
    }

    pub(super) fn save_version(&self) -> Result<(), RowsError> {
        if self.version.get() != self.begun_at {
            self.set_counter("version", self.version.get())?;
        }
        Ok(())
    }

    /// The number of the latest change.
    pub fn version(&self) -> i64 {
        self.version.get()
    }

    /// Takes the next number for a change.
    pub fn next_version(&self) -> i64 {
        self.version.set(self.version.get() + 1);
        self.version.get()
    }

    /// A number that the store keeps under a name; zero when it was never set.
    pub fn counter(&self, name: &str) -> Result<i64, RowsError> {
        counter(self.inner, name)
    }

    /// Keeps a number under a name.
    pub fn set_counter(&self, name: &str, value: i64) -> Result<(), RowsError> {
        self.execute(
            "INSERT INTO _counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            &[Value::Text(name.into()), Value::Integer(value)],
        )?;
        Ok(())
    }

    /// Keeps a text of some kind; the texts of a kind stay in the order in which they came.
    pub fn keep_document(&self, kind: &str, text: &Value) -> Result<(), RowsError> {
        self.execute(
            "INSERT INTO _documents (kind, text) VALUES (?, ?)",
            &[Value::Text(kind.into()), text.clone()],
        )?;
        Ok(())
    }

    /// The kept texts of a kind, oldest first.
    pub fn documents(&self, kind: &str) -> Result<Vec<String>, RowsError> {
        let found = self.query(
            "SELECT text FROM _documents WHERE kind = ? ORDER BY number",
            &[Value::Text(kind.into())],
        )?;
        let texts = found.into_iter().flatten().filter_map(|value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        });
        Ok(texts.collect())
    }

    /// Inserts a row.
    pub fn insert(&self, table: &str, values: &[(&str, Value)]) -> Result<(), RowsError> {
        let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        let marks = vec!["?"; values.len()].join(", ");
        let text = format!(
            "INSERT INTO {} ({}) VALUES ({marks})",
            quote(table),
            quoted_list(&names)
        );
        let mut statement = self.inner.prepare_cached(&text)?;
        statement
            .execute(params_from_iter(values.iter().map(|(_, value)| value)))
            .map_err(|error| self.explain(table, error))?;
        Ok(())
    }

    /// Sets columns of the rows that the condition selects; gives how many there were.
    pub fn update(
        &self,
        table: &str,
        values: &[(&str, Value)],
        condition: &Sql,
    ) -> Result<usize, RowsError> {
        if values.is_empty() {
            return Ok(0);
        }
        let sets: Vec<String> = values
            .iter()
            .map(|(name, _)| format!("{} = ?", quote(name)))
            .collect();
        let text = format!(
            "UPDATE {} AS t SET {} WHERE {}",
            quote(table),
            sets.join(", "),
            condition.text
        );
        let mut statement = self.inner.prepare_cached(&text)?;
        let params = values
            .iter()
            .map(|(_, value)| value)
            .chain(&condition.params);
        statement
            .execute(params_from_iter(params))
            .map_err(|error| self.explain(table, error))
    }

    /// Deletes the rows that the condition selects; gives how many there were. The caller logs the
    /// deletion with [`Tx::log_deletion`], since only it knows the key that readers expect.
    pub fn delete(&self, table: &str, condition: &Sql) -> Result<usize, RowsError> {
        self.execute(
            &format!("DELETE FROM {} AS t WHERE {}", quote(table), condition.text),
            &condition.params,
        )
    }

    /// Runs a selection.
    pub fn select(&self, select: &Select) -> Result<Vec<Vec<Value>>, RowsError> {
        let sql = select.sql();
        self.query(&sql.text, &sql.params)
    }

    /// Counts the rows of a table that the condition selects.
    pub fn count(&self, table: &str, condition: Option<&Sql>) -> Result<i64, RowsError> {
        let mut text = format!("SELECT count(*) FROM {} AS t", quote(table));
        let mut params: &[Value] = &[];
        if let Some(condition) = condition {
            text.push_str(" WHERE ");
            text.push_str(&condition.text);
            params = &condition.params;
        }
        match self.query(&text, params)?.into_iter().flatten().next() {
            Some(Value::Integer(count)) => Ok(count),
            _ => Ok(0),
        }
    }

    /// Runs a query of any form.
    pub fn query(&self, text: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, RowsError> {
        let mut statement = self.inner.prepare_cached(text)?;
        let width = statement.column_count();
        let mut rows = statement.query(params_from_iter(params))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let values: Result<Vec<Value>, _> = (0..width).map(|index| row.get(index)).collect();
            found.push(values?);
        }
        Ok(found)
    }

    /// Runs a statement of any form; gives the number of rows it changed.
    pub fn execute(&self, text: &str, params: &[Value]) -> Result<usize, RowsError> {
        Ok(self
            .inner
            .prepare_cached(text)?
            .execute(params_from_iter(params))?)
    }

    /// Notes that a row is gone: under the next version number, at a time in seconds of the epoch.
    pub fn log_deletion(&self, table: &str, key: &str, at: i64) -> Result<i64, RowsError> {
        let version = self.next_version();
        self.execute(
            "INSERT INTO _deletions VALUES (?, ?, ?, ?)",
            &[
                Value::Integer(version),
                Value::Text(table.into()),
                Value::Text(key.into()),
                Value::Integer(at),
            ],
        )?;
        Ok(version)
    }

    /// The deletions of a table with a version above `after` and up to `until`, oldest first, at
    /// most `limit`.
    pub fn deletions(
        &self,
        table: &str,
        after: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<Deletion>, RowsError> {
        let mut statement = self.inner.prepare_cached(
            "SELECT version, key FROM _deletions WHERE tbl = ? AND version > ? AND version <= ?
             ORDER BY version LIMIT ?",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = statement.query_map((table, after, until, limit), |row| {
            Ok(Deletion {
                version: row.get(0)?,
                key: row.get(1)?,
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Forgets the deletions before a time (seconds of the epoch). Reads from an earlier version
    /// can no longer be complete: see [`Tx::delta_floor`].
    pub fn forget_deletions(&self, before: i64) -> Result<(), RowsError> {
        let newest = self.query(
            "SELECT max(version) FROM _deletions WHERE at < ?",
            &[Value::Integer(before)],
        )?;
        if let Some(Value::Integer(newest)) = newest.into_iter().flatten().next() {
            self.raise_delta_floor(newest)?;
            self.execute(
                "DELETE FROM _deletions WHERE at < ?",
                &[Value::Integer(before)],
            )?;
        }
        Ok(())
    }

    /// The version from which delta reads are still complete.
    pub fn delta_floor(&self) -> Result<i64, RowsError> {
        self.counter("delta_floor")
    }

    /// Declares delta reads from versions below `version` as expired.
    pub fn raise_delta_floor(&self, version: i64) -> Result<(), RowsError> {
        let version = version.max(self.delta_floor()?);
        self.set_counter("delta_floor", version)
    }

    /// Turns a violated index into [`RowsError::Duplicate`].
    fn explain(&self, table: &str, error: rusqlite::Error) -> RowsError {
        let rusqlite::Error::SqliteFailure(code, Some(message)) = &error else {
            return error.into();
        };
        if code.code != rusqlite::ErrorCode::ConstraintViolation {
            return error.into();
        }
        // "UNIQUE constraint failed: account.accountnumber, account.x".
        let columns = message
            .split_once("failed: ")
            .map(|(_, columns)| {
                columns
                    .split(", ")
                    .map(|column| column.rsplit('.').next().unwrap_or(column))
                    .collect::<Vec<_>>()
                    .join(", ")
            })
            .filter(|_| self.tables.iter().any(|known| known.name == table));
        match columns {
            Some(columns) => RowsError::Duplicate {
                table: table.into(),
                columns,
            },
            None => error.into(),
        }
    }
}

fn counter(inner: &Transaction<'_>, name: &str) -> Result<i64, RowsError> {
    let mut statement = inner.prepare_cached("SELECT value FROM _counters WHERE name = ?")?;
    let mut rows = statement.query([name])?;
    match rows.next()? {
        Some(row) => Ok(row.get(0)?),
        None => Ok(0),
    }
}
