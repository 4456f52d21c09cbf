//! A selection across tables, with groups and totals: what `FetchXML`, `?sql=` and `$apply` have in
//! common.
//!
//! Each of them builds a [`Selection`]; here it becomes one SQL statement and its rows JSON.

use serde_json::{Map, Value as Json};

use super::errors::{ApiError, ApiResult};
use super::formatted::formatted;
use super::model::{ColumnFacts, Table};
use super::session::{Call, Session};
use super::value;
use crate::rows::{Order, Sql, Value, quote};
use crate::schema::{Column, ColumnKind};

/// What is selected.
#[derive(Debug, Default)]
pub(super) struct Selection<'m> {
    /// `FROM …`, without the word.
    pub(super) from: Sql,
    pub(super) fields: Vec<Field<'m>>,
    pub(super) condition: Option<Sql>,
    pub(super) groups: Vec<Sql>,
    pub(super) order: Vec<Order>,
    pub(super) distinct: bool,
    pub(super) limit: usize,
    pub(super) skip: usize,
}

/// A property of the result.
#[derive(Debug)]
pub(super) struct Field<'m> {
    pub(super) name: String,
    pub(super) sql: Sql,
    pub(super) shown: Shown<'m>,
}

/// How the value of a field is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown<'m> {
    /// As the column shows it.
    Column(&'m Column),
    /// As a total: a number, exact.
    Number,
}

/// A total over a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Total {
    Count,
    CountColumn,
    CountDistinct,
    Sum,
    Average,
    Min,
    Max,
}

impl<'m> Field<'m> {
    /// A total of a column.
    pub(super) fn total(name: String, total: Total, sql: Sql, column: &'m Column) -> Self {
        let text = &sql.text;
        let (text, shown) = match total {
            Total::Count => ("count(*)".into(), Shown::Number),
            Total::CountColumn => (format!("count({text})"), Shown::Number),
            Total::CountDistinct => (format!("count(DISTINCT {text})"), Shown::Number),
            Total::Sum => (
                format!("decimal_sum({text}) COLLATE DECIMAL"),
                Shown::Number,
            ),
            Total::Average => (
                format!("decimal_avg({text}) COLLATE DECIMAL"),
                Shown::Number,
            ),
            Total::Min => (format!("min({text})"), Shown::Column(column)),
            Total::Max => (format!("max({text})"), Shown::Column(column)),
        };
        let params = if total == Total::Count {
            Vec::new()
        } else {
            sql.params
        };
        Self {
            name,
            sql: Sql::new(text, params),
            shown,
        }
    }

    fn json(&self, value: &Value) -> Json {
        match (self.shown, value) {
            (Shown::Column(column), value) => value::to_json(column, value),
            (Shown::Number, Value::Integer(number)) => Json::from(*number),
            (Shown::Number, Value::Text(text)) => text.parse().map_or(Json::Null, Json::Number),
            (Shown::Number, _) => Json::Null,
        }
    }
}

/// Runs a selection: its rows, and whether there are more.
pub(super) fn run(
    session: &Session<'_>,
    call: &Call,
    selection: &Selection<'_>,
) -> ApiResult<(Vec<Map<String, Json>>, bool)> {
    let mut params = Vec::new();
    let mut take = |sql: &Sql| {
        params.extend(sql.params.iter().cloned());
        sql.text.clone()
    };
    let columns: Vec<String> = selection
        .fields
        .iter()
        .map(|field| take(&field.sql))
        .collect();
    if columns.is_empty() {
        return Err(ApiError::malformed("The query selects no columns."));
    }
    let distinct = if selection.distinct { "DISTINCT " } else { "" };
    let mut text = format!(
        "SELECT {distinct}{} FROM {}",
        columns.join(", "),
        take(&selection.from)
    );
    if let Some(condition) = &selection.condition {
        text.push_str(" WHERE ");
        text.push_str(&take(condition));
    }
    if !selection.groups.is_empty() {
        let groups: Vec<String> = selection.groups.iter().map(&mut take).collect();
        text.push_str(" GROUP BY ");
        text.push_str(&groups.join(", "));
    }
    let order: Vec<String> = selection
        .order
        .iter()
        .map(|term| {
            format!(
                "{}{}",
                take(&term.by),
                if term.descending { " DESC" } else { "" }
            )
        })
        .collect();
    if !order.is_empty() {
        text.push_str(" ORDER BY ");
        text.push_str(&order.join(", "));
    }
    text.push_str(" LIMIT ? OFFSET ?");
    // One more than wanted tells whether there is a next page.
    for bound in [selection.limit.saturating_add(1), selection.skip] {
        params.push(Value::Integer(i64::try_from(bound).unwrap_or(i64::MAX)));
    }
    let mut found = session.tx.query(&text, &params)?;
    let more = found.len() > selection.limit;
    found.truncate(selection.limit);
    let rows = found
        .iter()
        .map(|values| row(call, selection, values))
        .collect();
    Ok((rows, more))
}

fn row(call: &Call, selection: &Selection<'_>, values: &[Value]) -> Map<String, Json> {
    let mut shown = Map::new();
    for (field, value) in selection.fields.iter().zip(values) {
        // As in the service, what is empty is left out.
        if *value == Value::Null {
            continue;
        }
        if let Shown::Column(column) = field.shown
            && call
                .preferences
                .wants("OData.Community.Display.V1.FormattedValue")
            && let Some(text) = formatted(column, value)
        {
            let name = format!("{}@OData.Community.Display.V1.FormattedValue", field.name);
            shown.insert(name, text.into());
        }
        shown.insert(field.name.clone(), field.json(value));
    }
    shown
}

/// A column under a table's alias, with the comparison rule it would lose in an expression.
pub(super) fn column_sql(alias: &str, column: &Column) -> Sql {
    Sql::new(
        format!("{}.{}", quote(alias), quote(&column.name)),
        Vec::new(),
    )
}

/// The column that a name means in `FetchXML` and SQL: its logical name, or its property name.
pub(super) fn column<'m>(table: &'m Table, name: &str) -> ApiResult<&'m Column> {
    table
        .column(name)
        .or_else(|| table.property(name))
        .ok_or_else(|| {
            ApiError::new(
                axum::http::StatusCode::BAD_REQUEST,
                "0x80041103",
                format!(
                    "'{}' entity doesn't contain attribute with Name = '{name}'.",
                    table.name()
                ),
            )
        })
}

/// The properties of a row that are shown when nothing is selected.
pub(super) fn all_fields<'m>(table: &'m Table, alias: &str, prefix: &str) -> Vec<Field<'m>> {
    let columns = table.schema.columns.iter();
    columns
        .map(|column| plain_field(alias, column, prefix))
        .collect()
}

/// A column as a field.
pub(super) fn plain_field<'m>(alias: &str, column: &'m Column, prefix: &str) -> Field<'m> {
    let name = if prefix.is_empty() {
        column.property_name()
    } else {
        format!("{prefix}{}", column.name)
    };
    Field {
        name,
        sql: column_sql(alias, column),
        shown: Shown::Column(column),
    }
}

/// Groups times by a part of them: a text of digits that counts as a number.
pub(super) fn date_part(sql: &Sql, part: &str) -> Option<Sql> {
    let (start, length) = match part {
        "year" => (1, 4),
        "month" => (6, 2),
        "day" => (9, 2),
        _ => return None,
    };
    let text = format!("CAST(substr({}, {start}, {length}) AS INTEGER)", sql.text);
    Some(Sql::new(text, sql.params.clone()))
}

/// Whether a column can be added up.
pub(super) fn adds_up(column: &Column) -> bool {
    matches!(
        column.kind,
        ColumnKind::Integer { .. }
            | ColumnKind::BigInt
            | ColumnKind::Decimal { .. }
            | ColumnKind::Double { .. }
            | ColumnKind::Money { .. }
    )
}
