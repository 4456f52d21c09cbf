//! Filtered, ordered selections that go on exactly after a known row (keyset paging).

use super::{Value, quote};

/// A piece of SQL with its bound parameters, in the order of its `?` marks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sql {
    /// The text, with one `?` for each parameter.
    pub text: String,
    /// The parameters.
    pub params: Vec<Value>,
}

impl Sql {
    /// SQL from its text and parameters.
    pub fn new(text: impl Into<String>, params: Vec<Value>) -> Self {
        Self {
            text: text.into(),
            params,
        }
    }

    /// Both conditions must hold.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.text = format!("({}) AND ({})", self.text, other.text);
        self.params.extend(other.params);
        self
    }
}

/// One term of an order.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The SQL expression to order by, for a plain column its quoted name.
    pub by: Sql,
    /// Largest first.
    pub descending: bool,
}

impl Order {
    /// By a column of the selected table, smallest first. Null counts as smallest.
    pub fn ascending(column: &str) -> Self {
        Self {
            by: Sql::new(format!("t.{}", quote(column)), Vec::new()),
            descending: false,
        }
    }

    /// By a column of the selected table, largest first.
    pub fn descending(column: &str) -> Self {
        Self {
            descending: true,
            ..Self::ascending(column)
        }
    }
}

/// A selection from one table, which its filter and order may name as `t`.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// The table.
    pub table: String,
    /// Expressions to return; plain columns as quoted names.
    pub columns: Vec<Sql>,
    /// Rows to keep; all when missing.
    pub filter: Option<Sql>,
    /// The order; end it with a unique column when the result is paged.
    pub order: Vec<Order>,
    /// Leave out this many rows.
    pub skip: usize,
    /// Return at most this many rows.
    pub limit: Option<usize>,
}

impl Select {
    /// All rows and the named columns of a table.
    pub fn from<S: AsRef<str>>(table: &str, columns: &[S]) -> Self {
        let columns = columns
            .iter()
            .map(|column| Sql::new(format!("t.{}", quote(column.as_ref())), Vec::new()))
            .collect();
        Self {
            table: table.into(),
            columns,
            ..Self::default()
        }
    }

    /// Adds a condition to those that hold already.
    #[must_use]
    pub fn filter(mut self, condition: Sql) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(present) => present.and(condition),
            None => condition,
        });
        self
    }

    /// Adds a term to the order.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order.push(order);
        self
    }

    /// Sets the greatest number of rows.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The statement.
    pub fn sql(&self) -> Sql {
        let mut params = Vec::new();
        let columns: Vec<&str> = self
            .columns
            .iter()
            .map(|column| {
                params.extend(column.params.iter().cloned());
                column.text.as_str()
            })
            .collect();
        let mut text = format!(
            "SELECT {} FROM {} AS t",
            columns.join(", "),
            quote(&self.table)
        );
        if let Some(filter) = &self.filter {
            text.push_str(" WHERE ");
            text.push_str(&filter.text);
            params.extend(filter.params.iter().cloned());
        }
        for (index, order) in self.order.iter().enumerate() {
            text.push_str(if index == 0 { " ORDER BY " } else { ", " });
            text.push_str(&order.by.text);
            if order.descending {
                text.push_str(" DESC");
            }
            params.extend(order.by.params.iter().cloned());
        }
        if self.limit.is_some() || self.skip > 0 {
            text.push_str(" LIMIT ? OFFSET ?");
            let limit = self
                .limit
                .and_then(|limit| i64::try_from(limit).ok())
                .unwrap_or(-1);
            params.push(Value::Integer(limit));
            params.push(Value::Integer(i64::try_from(self.skip).unwrap_or(i64::MAX)));
        }
        Sql { text, params }
    }
}

/// The condition that holds for the rows that come after the row whose order terms had the values
/// `last`. Null stands before everything else, as in the services' databases.
pub fn keyset_after(order: &[Order], last: &[Value]) -> Sql {
    let mut alternatives = Vec::new();
    let mut params = Vec::new();
    for (index, (term, value)) in order.iter().zip(last).enumerate() {
        let mut parts = Vec::new();
        let mut bound = Vec::new();
        for (earlier, equal) in order.iter().zip(last).take(index) {
            parts.push(format!("{} IS ?", earlier.by.text));
            bound.extend(earlier.by.params.iter().cloned());
            bound.push(equal.clone());
        }
        let by = &term.by.text;
        bound.extend(term.by.params.iter().cloned());
        match (value, term.descending) {
            (Value::Null, false) => parts.push(format!("{by} IS NOT NULL")),
            // Nothing comes after null when null is last.
            (Value::Null, true) => continue,
            (value, false) => {
                parts.push(format!("{by} > ?"));
                bound.push(value.clone());
            }
            (value, true) => {
                parts.push(format!("({by} < ? OR {by} IS NULL)"));
                bound.push(value.clone());
                bound.extend(term.by.params.iter().cloned());
            }
        }
        alternatives.push(format!("({})", parts.join(" AND ")));
        params.extend(bound);
    }
    if alternatives.is_empty() {
        return Sql::new("0", Vec::new());
    }
    Sql::new(alternatives.join(" OR "), params)
}
