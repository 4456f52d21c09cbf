//! Turns expressions into SQL conditions with bound parameters.
//!
//! No text of the expression ever reaches the SQL: names go through [`Columns`], values become
//! parameters. The meaning is that of [`evaluate`](super::evaluate), except that the database
//! folds letter case by its own rules (SQLite: ASCII only).

mod calls;
mod writer;

use jiff::Timestamp;

use super::{Collation, Expr};
use crate::Literal;
use writer::{Scope, Tight, Writer};

/// The SQL of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// SQLite: `?1`, `COLLATE NOCASE`.
    #[default]
    Sqlite,
    /// PostgreSQL: `$1`, `lower(…)`.
    Postgres,
}

/// How to write the SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlOptions {
    /// The database.
    pub dialect: Dialect,
    /// How strings compare.
    pub collation: Collation,
    /// The number of the first parameter, so that a condition fits into a larger statement.
    pub first_param: usize,
    /// The time that `now()` stands for.
    pub now: Option<Timestamp>,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            collation: Collation::default(),
            first_param: 1,
            now: None,
        }
    }
}

/// A piece of SQL and the values of its parameters, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sql {
    /// The SQL text.
    pub text: String,
    /// The values to bind.
    pub params: Vec<Literal>,
}

/// The SQL of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// An SQL expression, quoted as needed.
    pub sql: String,
    /// Whether it holds text, which compares by the collation.
    pub text: bool,
}

impl Column {
    /// A column of text.
    pub fn text(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            text: true,
        }
    }

    /// A column of any other type.
    pub fn other(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            text: false,
        }
    }
}

/// The SQL of a collection that `any`, `all` or `$count` goes through.
pub struct Collection<'a> {
    /// What follows `FROM`, such as `orders AS m1`.
    pub from: String,
    /// The condition that ties the members to the row, such as `m1.customer = c.id`.
    pub on: String,
    /// The columns of a member.
    pub columns: Box<dyn Columns + 'a>,
}

/// Where the names of an expression lead in a database.
pub trait Columns {
    /// The column at a path such as `name` or `customer/name`; `None` if there is none.
    fn column(&self, path: &str) -> Option<Column>;

    /// The collection at a path; `alias` is a table alias that nothing else uses.
    fn collection(&self, path: &str, alias: &str) -> Option<Collection<'_>> {
        let _ = (path, alias);
        None
    }

    /// What a parameter alias (without `@`) stands for.
    fn alias(&self, name: &str) -> Option<Expr> {
        let _ = name;
        None
    }

    /// Rewrites a call of a service's function, such as `Microsoft.Dynamics.CRM.In`, into an
    /// expression of the protocol's own means.
    fn call(&self, subject: &str, name: &str, args: &[(String, Expr)]) -> Option<Expr> {
        let _ = (subject, name, args);
        None
    }
}

/// Why an expression has no SQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// There is no such column.
    #[error("there is no property `{path}`; check its spelling and letter case")]
    UnknownProperty {
        /// The path that was asked for.
        path: String,
    },
    /// The alias is used but not given.
    #[error("the parameter alias `@{name}` has no value; add `@{name}=…` to the query")]
    UnknownAlias {
        /// The alias without its `@`.
        name: String,
    },
    /// Something of the language that has no SQL here.
    #[error("{what} cannot be translated to SQL")]
    Unsupported {
        /// What it is.
        what: String,
    },
    /// Aliases or rewritten calls that lead back to themselves.
    #[error("an alias or a function stands for itself")]
    Loop,
}

/// Turns a condition into SQL for a `WHERE`.
///
/// ```
/// use duet_odata::expr::{self, Column, Columns, SqlOptions};
///
/// struct Accounts;
/// impl Columns for Accounts {
///     fn column(&self, path: &str) -> Option<Column> {
///         (path == "name").then(|| Column::text("a.name"))
///     }
/// }
///
/// let filter = expr::parse("name ne null and startswith(name,'A')")?;
/// let sql = expr::to_sql(&filter, &Accounts, &SqlOptions::default())?;
/// assert_eq!(sql.text, r"a.name IS NOT NULL AND substr(a.name, 1, length(?1)) = ?1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_sql(expr: &Expr, columns: &dyn Columns, options: &SqlOptions) -> Result<Sql, SqlError> {
    let mut writer = Writer::new(options);
    writer.condition(
        expr,
        &Scope {
            columns,
            variable: None,
        },
        Tight::Whole,
    )?;
    Ok(writer.sql)
}

/// Turns sort keys (expression, descending) into SQL for an `ORDER BY`; nulls come first when
/// ascending and last when descending, as the protocol asks.
pub fn order_by_sql<'a>(
    keys: impl IntoIterator<Item = (&'a Expr, bool)>,
    columns: &dyn Columns,
    options: &SqlOptions,
) -> Result<Sql, SqlError> {
    let mut writer = Writer::new(options);
    for (index, (expr, descending)) in keys.into_iter().enumerate() {
        if index > 0 {
            writer.push(", ");
        }
        let text = writer.value(
            expr,
            &Scope {
                columns,
                variable: None,
            },
        )?;
        let folded = text && options.collation.case_insensitive;
        match options.dialect {
            Dialect::Sqlite if folded => writer.push(" COLLATE NOCASE"),
            _ => {}
        }
        writer.push(match (descending, options.dialect) {
            (false, Dialect::Sqlite) => "",
            (true, Dialect::Sqlite) => " DESC",
            (false, Dialect::Postgres) => " NULLS FIRST",
            (true, Dialect::Postgres) => " DESC NULLS LAST",
        });
    }
    Ok(writer.sql)
}

fn unsupported<T>(what: &str) -> Result<T, SqlError> {
    Err(SqlError::Unsupported {
        what: what.to_owned(),
    })
}
