//! Searches by equal values, over references too.
//!
//! Every search is a `$filter`: addressing by alternate key breaks on the characters
//! `/ < > * % & : \ ? +` (reference A5), a filter on the same columns does not.

use super::Dataverse;
use super::coding::{Selection, property};
use super::metadata::Table;
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::error::SystemError;
use crate::system::{Find, Found};
use crate::{mismatch, scalar, search};
use duet_map::record::Record;
use duet_map::schema::{Column, ColumnType, LookupTarget};
use duet_map::value::Value;
use odata::Literal;
use std::collections::HashSet;
use std::sync::Arc;

impl Dataverse {
    pub(super) async fn find_equal(
        &self,
        name: &str,
        columns: &[String],
        finds: &[Find],
    ) -> Result<Vec<Found>, SystemError> {
        let table = self.table(name).await?;
        let selection = Selection::new(&table, columns)?;
        let mut operations = Vec::with_capacity(finds.len());
        let mut selections = Vec::with_capacity(finds.len());
        for find in finds {
            let mut terms = Vec::with_capacity(find.equal.len());
            for (path, value) in &find.equal {
                terms.push(self.term(&table, path, value).await?);
            }
            // What is compared is read as well, to tell a true match from a wildcard's.
            let own = find
                .equal
                .iter()
                .map(|(path, _)| path)
                .filter(|path| !path.contains('.'));
            let with_keys: Vec<String> = columns.iter().chain(own).cloned().collect();
            let with_keys = Selection::new(&table, &with_keys)?;
            let link = Link::to(&table.set)
                .option("$select", &with_keys.select())
                .option("$filter", &terms.join(" and "))
                .option("$top", search::TOP);
            let mut operation = Operation::get(link.into_text());
            if let Some(annotations) = with_keys.annotations() {
                operation.headers.push(("Prefer", annotations));
            }
            operations.push(operation);
            selections.push(with_keys);
        }
        let wanted: HashSet<String> = selection.names().into_iter().collect();
        let plan = self.plan(format!("searching `{}`", table.set));
        let system = self.connection.name();
        let answers = self.connection.batch(&plan, &operations).await;
        let searches = finds.iter().zip(&selections).zip(answers);
        searches
            .map(|((find, with_keys), answer)| {
                search::found(self, answer?, |row| {
                    let mut record = with_keys.read(system, row)?;
                    if !matches(&table, find, &record) {
                        return Ok(None);
                    }
                    record.row.0.retain(|column, _| wanted.contains(column));
                    Ok(Some(record))
                })
            })
            .collect()
    }

    /// One comparison of a filter.
    async fn term(
        &self,
        table: &Arc<Table>,
        path: &str,
        value: &Value,
    ) -> Result<String, SystemError> {
        let mut steps = path.split('.').peekable();
        let mut here = Arc::clone(table);
        let mut prefix = String::new();
        while let Some(name) = steps.next() {
            let column = here.column(name)?;
            if steps.peek().is_none() {
                let literal = literal(&here.set, column, value)?;
                return Ok(format!("{prefix}{} eq {literal}", property(column)));
            }
            let ColumnType::Lookup { targets } = &column.ty else {
                return Err(search::bad_path(
                    &table.set,
                    path,
                    "goes on behind a column that is no lookup",
                ));
            };
            let named = steps.peek().and_then(|next| {
                let mut same = targets.iter();
                same.find(|target| target.type_name.eq_ignore_ascii_case(next))
            });
            let target = match (named, targets.as_slice()) {
                (_, [only]) => only,
                (Some(named), _) => {
                    steps.next();
                    if steps.peek().is_none() {
                        return Err(search::bad_path(
                            &table.set,
                            path,
                            "ends with the name of a table",
                        ));
                    }
                    named
                }
                (None, _) => self.target(table, path, targets, steps.peek()).await?,
            };
            prefix.push_str(&target.navigation);
            prefix.push('/');
            here = self.table_by_type(&target.type_name).await?;
        }
        Err(search::bad_path(&table.set, path, "is empty"))
    }

    /// The only table of a polymorphic lookup that has the column which the path goes on with.
    async fn target<'t>(
        &self,
        table: &Table,
        path: &str,
        targets: &'t [LookupTarget],
        next: Option<&&str>,
    ) -> Result<&'t LookupTarget, SystemError> {
        let mut fitting = Vec::new();
        for target in targets {
            let candidate = self.table_by_type(&target.type_name).await?;
            if next.is_some_and(|name| candidate.schema.column(name).is_some()) {
                fitting.push(target);
            }
        }
        match fitting.as_slice() {
            [only] => Ok(only),
            [] => Err(search::bad_path(
                &table.set,
                path,
                "goes on with a column that no referenced table has",
            )),
            _ => Err(search::bad_path(
                &table.set,
                path,
                "could go on in several tables; name one, as in `customerid.account.name`",
            )),
        }
    }
}

/// A value as the right side of a comparison with a column.
fn literal(table: &str, column: &Column, value: &Value) -> Result<Literal, SystemError> {
    Ok(match (&column.ty, value) {
        (_, Value::Null) => Literal::Null,
        (ColumnType::Bool, Value::Bool(yes)) => Literal::Bool(*yes),
        (
            ColumnType::Int { .. } | ColumnType::Choice { .. } | ColumnType::Decimal { .. },
            Value::Int(whole),
        ) => Literal::Int(*whole),
        (ColumnType::Decimal { .. } | ColumnType::Int { .. }, Value::Decimal(decimal)) => {
            Literal::Decimal(*decimal)
        }
        (ColumnType::Text { .. }, Value::Text(text) | Value::Symbol(text)) => {
            Literal::String(text.trim_end().to_owned())
        }
        (ColumnType::Date, Value::Date(date)) => Literal::Date(*date),
        (ColumnType::DateTime, Value::DateTime(at)) => {
            Literal::DateTimeOffset(scalar::whole_seconds(*at))
        }
        (ColumnType::Guid | ColumnType::Lookup { .. }, Value::Guid(id)) => Literal::Guid(*id),
        (ColumnType::Lookup { .. }, Value::Reference(reference)) => Literal::Guid(reference.id),
        _ => return Err(mismatch::wrong_kind(table, column, value)),
    })
}

/// Whether a row is what was searched for: `%`, `_` and `[` in a searched text can make the
/// service compare by pattern. Without them its own comparison stands, which knows more about
/// letters and accents than we do.
fn matches(table: &Table, find: &Find, record: &Record) -> bool {
    find.equal.iter().all(|(path, value)| {
        let Value::Text(wanted) = value else {
            return true;
        };
        if path.contains('.') || !wanted.contains(['%', '_', '[']) {
            return true;
        }
        let column = table.schema.column(path).map_or("", |column| &column.name);
        match record.row.value(column) {
            Value::Text(text) => scalar::fold(text) == scalar::fold(wanted),
            _ => false,
        }
    })
}
