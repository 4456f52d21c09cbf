//! The shape of a stored table and the SQL that creates it.

use rusqlite::Connection;

use super::RowsError;

/// What `SQLite` stores for a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlType {
    /// Text, also GUIDs, times and decimals.
    Text,
    /// Whole numbers, booleans and option values.
    Integer,
    /// Floating point numbers.
    Real,
    /// Bytes.
    Blob,
}

/// How the values of a column compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collation {
    /// Byte by byte.
    Binary,
    /// Without case and trailing spaces.
    Folded,
    /// Without case, accents and trailing spaces.
    Accentless,
    /// As decimal numbers.
    Decimal,
}

/// A column of a stored table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name, unique in its table without regard to case.
    pub name: String,
    /// The storage class.
    pub sql_type: SqlType,
    /// The order of its values.
    pub collation: Collation,
}

impl Column {
    /// A text column that compares without case and trailing spaces.
    pub fn text(name: &str) -> Self {
        Self {
            name: name.into(),
            sql_type: SqlType::Text,
            collation: Collation::Folded,
        }
    }

    /// A text column that compares without case, accents and trailing spaces.
    pub fn accentless(name: &str) -> Self {
        Self {
            name: name.into(),
            sql_type: SqlType::Text,
            collation: Collation::Accentless,
        }
    }

    /// A text column that compares byte by byte: GUIDs and times.
    pub fn exact(name: &str) -> Self {
        Self {
            name: name.into(),
            sql_type: SqlType::Text,
            collation: Collation::Binary,
        }
    }

    /// A decimal column: text inside, a number in comparisons.
    pub fn decimal(name: &str) -> Self {
        Self {
            name: name.into(),
            sql_type: SqlType::Text,
            collation: Collation::Decimal,
        }
    }

    /// A column of whole numbers.
    pub fn integer(name: &str) -> Self {
        Self {
            name: name.into(),
            sql_type: SqlType::Integer,
            collation: Collation::Binary,
        }
    }
}

/// A stored table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name.
    pub name: String,
    /// All columns.
    pub columns: Vec<Column>,
    /// The primary key: names of columns.
    pub key: Vec<String>,
    /// Further sets of columns that must be unique where none of them is null.
    pub unique: Vec<Vec<String>>,
    /// Columns that are searched for often, one index each.
    pub indexed: Vec<String>,
}

impl Table {
    /// Creates the table, or adds the columns that an older file does not have.
    pub(super) fn create(&self, connection: &Connection) -> Result<(), RowsError> {
        let stored = stored_columns(connection, &self.name)?;
        if stored.is_empty() {
            connection.execute_batch(&self.create_statement())?;
        } else {
            for key in &self.key {
                if !stored.iter().any(|column| column.eq_ignore_ascii_case(key)) {
                    return Err(RowsError::Shape {
                        table: self.name.clone(),
                        detail: format!("the key column {key} is missing"),
                    });
                }
            }
            for column in &self.columns {
                if !stored
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(&column.name))
                {
                    connection.execute_batch(&format!(
                        "ALTER TABLE {} ADD COLUMN {}",
                        quote(&self.name),
                        column.definition()
                    ))?;
                }
            }
        }
        for columns in &self.unique {
            let name = self.unique_index(columns);
            connection.execute_batch(&format!(
                "CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} ({})",
                quote(&name),
                quote(&self.name),
                quoted_list(columns)
            ))?;
        }
        for column in &self.indexed {
            connection.execute_batch(&format!(
                "CREATE INDEX IF NOT EXISTS {} ON {} ({})",
                quote(&self.plain_index(column)),
                quote(&self.name),
                quote(column)
            ))?;
        }
        Ok(())
    }

    /// Drops what the table has no longer: `earlier` is what it was before.
    pub(super) fn drop_lost(
        &self,
        connection: &Connection,
        earlier: &Self,
    ) -> Result<(), RowsError> {
        let lost = |name: &String| !self.columns.iter().any(|column| column.name == *name);
        for columns in &earlier.unique {
            if !self.unique.contains(columns) {
                drop_index(connection, &earlier.unique_index(columns))?;
            }
        }
        for column in earlier.indexed.iter().filter(|column| lost(column)) {
            drop_index(connection, &earlier.plain_index(column))?;
        }
        for column in earlier.columns.iter().filter(|column| lost(&column.name)) {
            connection.execute_batch(&format!(
                "ALTER TABLE {} DROP COLUMN {}",
                quote(&self.name),
                quote(&column.name)
            ))?;
        }
        Ok(())
    }

    fn unique_index(&self, columns: &[String]) -> String {
        format!("{}_unique_{}", self.name, columns.join("_"))
    }

    fn plain_index(&self, column: &str) -> String {
        format!("{}_by_{column}", self.name)
    }

    fn create_statement(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(Column::definition).collect();
        format!(
            "CREATE TABLE {} ({}, PRIMARY KEY ({}))",
            quote(&self.name),
            columns.join(", "),
            quoted_list(&self.key)
        )
    }
}

impl Column {
    fn definition(&self) -> String {
        let sql_type = match self.sql_type {
            SqlType::Text => "TEXT",
            SqlType::Integer => "INTEGER",
            SqlType::Real => "REAL",
            SqlType::Blob => "BLOB",
        };
        let collation = match self.collation {
            Collation::Binary => "",
            Collation::Folded => " COLLATE FOLDED",
            Collation::Accentless => " COLLATE ACCENTLESS",
            Collation::Decimal => " COLLATE DECIMAL",
        };
        format!("{} {sql_type}{collation}", quote(&self.name))
    }
}

/// A name as SQL takes it, whatever characters it has.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn quoted_list<S: AsRef<str>>(names: &[S]) -> String {
    names
        .iter()
        .map(|name| quote(name.as_ref()))
        .collect::<Vec<_>>()
        .join(", ")
}

fn drop_index(connection: &Connection, name: &str) -> Result<(), RowsError> {
    Ok(connection.execute_batch(&format!("DROP INDEX IF EXISTS {}", quote(name)))?)
}

fn stored_columns(connection: &Connection, table: &str) -> Result<Vec<String>, RowsError> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?)")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}
