//! Typed rows in SQLite, shared by both stand-ins.
//!
//! The road: a stand-in describes its tables ([`Table`]), opens the store ([`Rows::open`]) and runs
//! each request as one transaction ([`Rows::write`]), which commits when the closure returns `Ok`
//! and leaves no trace otherwise. Every change takes the next number of one counter that never goes
//! back: Dataverse shows it as the row version, F&O as `RecVersion`. Deletions are kept in a log,
//! for delta reads that must name what is gone.
//!
//! Decimals are stored as text and compared as numbers through the `DECIMAL` collation, strings
//! through `FOLDED` (case and trailing spaces do not count) or `ACCENTLESS`, so that a plain `=`, `<` or
//! `ORDER BY` means what it means in the services' own databases.

mod compare;
mod select;
mod table;
mod transaction;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rusqlite::{Connection, TransactionBehavior};

pub use compare::{compare_accentless, compare_decimals, compare_folded, fold, like};
pub use rusqlite::types::Value;
pub use select::{Order, Select, Sql, keyset_after};
pub use table::{Collation, Column, SqlType, Table, quote};
pub use transaction::{Deletion, Tx};

/// What goes wrong with the stored rows.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// A value would appear twice where it must be unique.
    #[error("a row of {table} with the same {columns} exists already")]
    Duplicate {
        /// The table that refused the row.
        table: String,
        /// The columns of the violated index, comma separated.
        columns: String,
    },
    /// The file holds a table that cannot be brought to the wanted shape.
    #[error(
        "the stored table {table} has other columns than the schema wants ({detail}); \
         start with a new database file"
    )]
    Shape {
        /// The table.
        table: String,
        /// What differs.
        detail: String,
    },
    /// `SQLite` refused.
    #[error("the sandbox database refused a statement")]
    Sqlite(#[from] rusqlite::Error),
}

impl RowsError {
    /// Whether the stored rows do not fit what was asked of them.
    pub fn is_constraint(&self) -> bool {
        match self {
            Self::Duplicate { .. } => true,
            Self::Sqlite(rusqlite::Error::SqliteFailure(code, _)) => {
                code.code == rusqlite::ErrorCode::ConstraintViolation
            }
            _ => false,
        }
    }
}

/// Where the rows live.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// In memory, gone when the stand-in stops.
    #[default]
    Memory,
    /// In a file, which is created when it is missing.
    File(PathBuf),
}

/// A store of tables. Cloning is cheap and shares the store.
#[derive(Clone)]
pub struct Rows {
    shared: Arc<Mutex<Connection>>,
    tables: Arc<RwLock<Arc<Vec<Table>>>>,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("tables", &self.tables().len())
            .finish_non_exhaustive()
    }
}

impl Rows {
    /// Opens the store and creates what is missing: tables, columns and indexes.
    pub fn open(place: &Place, tables: Vec<Table>) -> Result<Self, RowsError> {
        let connection = match place {
            Place::Memory => Connection::open_in_memory()?,
            Place::File(path) => Connection::open(path)?,
        };
        connection.set_prepared_statement_cache_capacity(512);
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        compare::register(&connection)?;
        connection.execute_batch(transaction::OWN_TABLES)?;
        for table in &tables {
            table.create(&connection)?;
        }
        Ok(Self {
            shared: Arc::new(Mutex::new(connection)),
            tables: Arc::new(RwLock::new(Arc::new(tables))),
        })
    }

    /// The tables as they are now.
    pub fn tables(&self) -> Arc<Vec<Table>> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Brings the store to other tables: what is new is created, what is left out is dropped with
    /// its rows. `work` runs in the same transaction, `done` once it is committed and before any
    /// other transaction begins.
    pub fn reshape<E: From<RowsError>>(
        &self,
        tables: Vec<Table>,
        work: impl FnOnce(&Tx<'_>) -> Result<(), E>,
        done: impl FnOnce(),
    ) -> Result<(), E> {
        let mut connection = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        // Statements that were prepared for the old shape are of no more use.
        connection.flush_prepared_statement_cache();
        let inner = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(RowsError::from)?;
        let before = self.tables();
        for earlier in before.iter() {
            match tables.iter().find(|table| table.name == earlier.name) {
                Some(table) if table == earlier => {}
                Some(table) => table.drop_lost(&inner, earlier)?,
                None => inner
                    .execute_batch(&format!("DROP TABLE {}", quote(&earlier.name)))
                    .map_err(RowsError::from)?,
            }
        }
        for table in &tables {
            if !before.contains(table) {
                table.create(&inner)?;
            }
        }
        let tx = Tx::begin(&inner, &tables)?;
        work(&tx)?;
        tx.save_version()?;
        inner.commit().map_err(RowsError::from)?;
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tables);
        done();
        Ok(())
    }

    /// Runs `work` in one transaction: committed on `Ok`, undone on `Err`.
    pub fn write<T, E: From<RowsError>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(RowsError::from)?;
        let tables = self.tables();
        let tx = Tx::begin(&inner, &tables)?;
        let outcome = work(&tx)?;
        tx.save_version()?;
        inner.commit().map_err(RowsError::from)?;
        Ok(outcome)
    }

    /// Runs `work` on a consistent view and undoes whatever it wrote.
    pub fn read<T, E: From<RowsError>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = connection.transaction().map_err(RowsError::from)?;
        let tables = self.tables();
        let tx = Tx::begin(&inner, &tables)?;
        work(&tx)
    }

    /// Empties every table and the deletion log. The version counter keeps rising.
    pub fn clear(&self) -> Result<(), RowsError> {
        self.write(|tx| {
            for table in self.tables().iter() {
                tx.execute(&format!("DELETE FROM {}", quote(&table.name)), &[])?;
            }
            tx.execute("DELETE FROM _deletions", &[])?;
            tx.execute("DELETE FROM _files", &[])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
