//! `$apply`: `filter`, `groupby` and `aggregate`, the transformations that the service knows.

use serde_json::{Map, Value as Json};

use super::address::split;
use super::errors::{ApiError, ApiResult};
use super::filter::Filters;
use super::model::Table;
use super::selection::{Field, Selection, Shown, Total, adds_up, run};
use super::session::{Call, Reply, Session};
use crate::rows::{Order, Sql, quote};
use crate::schema::Column;

/// Answers a read of a set with `$apply`.
pub(super) fn read(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    text: &str,
) -> ApiResult<Reply> {
    let filters = Filters::new(session.model, &call.options.aliases, session.now);
    let mut selection = Selection {
        from: Sql::new(format!("{} AS t", quote(table.name())), Vec::new()),
        limit: session.settings.page_size,
        ..Selection::default()
    };
    let mut condition: Option<Sql> = None;
    for step in split(text, '/') {
        let (name, inside) = call_of(step.trim())?;
        match name {
            "filter" => {
                let found = filters.condition(table, inside)?;
                condition = Some(match condition.take() {
                    Some(present) => present.and(found),
                    None => found,
                });
            }
            "aggregate" => totals(table, inside, &mut selection)?,
            "groupby" => groups(table, inside, &mut selection)?,
            other => {
                return Err(ApiError::malformed(format!(
                    "The transformation '{other}' is not supported."
                )));
            }
        }
    }
    selection.condition = condition;
    for (by, descending) in &call.options.order {
        let field = selection.fields.iter().find(|field| field.name == *by);
        let by = field.map(|field| field.sql.clone());
        let by = by.ok_or_else(|| ApiError::malformed("$orderby names no result of $apply."))?;
        selection.order.push(Order {
            by,
            descending: *descending,
        });
    }
    if let Some(top) = call.options.top {
        selection.limit = top.min(selection.limit);
    }
    let (rows, _) = run(session, call, &selection)?;
    let mut body = Map::new();
    let names: Vec<&str> = selection
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    let context = format!(
        "{}/$metadata#{}({})",
        call.root,
        table.set(),
        names.join(",")
    );
    body.insert("@odata.context".into(), context.into());
    body.insert("value".into(), rows.into_iter().map(Json::Object).collect());
    Ok(Reply::json(Json::Object(body)))
}

/// `name(inside)`
fn call_of(text: &str) -> ApiResult<(&str, &str)> {
    let parts = text
        .split_once('(')
        .and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)));
    parts.ok_or_else(|| ApiError::malformed("The value of $apply is not a transformation."))
}

/// `(a,b),aggregate(…)`
fn groups<'m>(table: &'m Table, text: &str, selection: &mut Selection<'m>) -> ApiResult<()> {
    let parts = split(text, ',');
    let Some((columns, rest)) = parts.split_first() else {
        return Ok(());
    };
    let columns = columns.trim().trim_start_matches('(').trim_end_matches(')');
    for name in columns
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let (sql, column) = property(table, name)?;
        selection.groups.push(sql.clone());
        selection.fields.push(Field {
            name: name.into(),
            sql,
            shown: Shown::Column(column),
        });
    }
    for part in rest {
        match call_of(part.trim())? {
            ("aggregate", inside) => totals(table, inside, selection)?,
            (other, _) => {
                return Err(ApiError::malformed(format!(
                    "The transformation '{other}' is not supported within groupby."
                )));
            }
        }
    }
    Ok(())
}

/// `creditlimit with sum as total,$count as count`
fn totals<'m>(table: &'m Table, text: &str, selection: &mut Selection<'m>) -> ApiResult<()> {
    for item in split(text, ',') {
        let words: Vec<&str> = item.split_whitespace().collect();
        let (name, total, alias) = match words.as_slice() {
            ["$count", "as", alias] => (table.id(), Total::Count, *alias),
            [name, "with", method, "as", alias] => {
                let total = match *method {
                    "sum" => Total::Sum,
                    "average" => Total::Average,
                    "min" => Total::Min,
                    "max" => Total::Max,
                    "countdistinct" => Total::CountDistinct,
                    other => {
                        return Err(ApiError::malformed(format!(
                            "The aggregation method '{other}' is not supported."
                        )));
                    }
                };
                (*name, total, *alias)
            }
            _ => {
                return Err(ApiError::malformed(
                    "An aggregate must be 'column with method as alias'.",
                ));
            }
        };
        let (sql, column) = property(table, name)?;
        if matches!(total, Total::Sum | Total::Average) && !adds_up(column) {
            return Err(ApiError::malformed(format!(
                "The column '{name}' cannot be added up."
            )));
        }
        selection
            .fields
            .push(Field::total(alias.into(), total, sql, column));
    }
    Ok(())
}

fn property<'m>(table: &'m Table, name: &str) -> ApiResult<(Sql, &'m Column)> {
    let column = table
        .property(name)
        .ok_or_else(|| ApiError::no_property(name, table.name()))?;
    Ok((
        Sql::new(format!("t.{}", quote(&column.name)), Vec::new()),
        column,
    ))
}
