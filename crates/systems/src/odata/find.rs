//! Searches by equal values, over lookups too.

use super::OData;
use super::coding::Selection;
use super::column::{Place, Wire};
use super::key;
use super::metadata::Table;
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::error::SystemError;
use crate::system::{Find, Found};
use crate::{keyset, mismatch, scalar, search};
use duet_map::record::Record;
use duet_map::schema::ColumnType;
use duet_map::value::Value;
use std::collections::HashSet;
use std::sync::Arc;

impl OData {
    pub(super) async fn find_equal(
        &self,
        name: &str,
        columns: &[String],
        finds: &[Find],
    ) -> Result<Vec<Found>, SystemError> {
        let table = self.table(name).await?;
        let wanted: HashSet<String> = Selection::new(&table, columns)?
            .names()
            .into_iter()
            .collect();
        let mut operations = Vec::with_capacity(finds.len());
        let mut selections = Vec::with_capacity(finds.len());
        for find in finds {
            let mut terms = Vec::with_capacity(find.equal.len());
            for (path, value) in &find.equal {
                terms.push(Some(self.term(&table, path, value).await?));
            }
            let condition = keyset::all(terms).ok_or_else(|| {
                search::bad_path(&table.set, "", "is empty: a search names no column")
            })?;
            // What is compared is read as well, to tell a true match from one of a service that
            // leaves the filter out.
            let own = find.equal.iter().map(|(path, _)| path);
            let own = own.filter(|path| !path.contains('.'));
            let with_keys: Vec<String> = columns.iter().chain(own).cloned().collect();
            let selection = Selection::new(&table, &with_keys)?;
            let link = Link::to(&table.set)
                .option("$select", &selection.select())
                .option_if("$expand", selection.expand().as_deref())
                .option("$filter", &condition)
                .option("$top", search::TOP);
            operations.push(Operation::get(link.into_text()));
            selections.push(selection);
        }
        let system = self.connection.name();
        let what = format!("searching `{}`", table.set);
        let answers = self.carry(&table, what, &operations).await;
        let searches = finds.iter().zip(&selections).zip(answers);
        searches
            .map(|((find, selection), answer)| {
                search::found(self, answer?, |row| {
                    let mut record = selection.read(system, row, None)?;
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
            let (column, place) = here.column(name)?;
            if steps.peek().is_none() {
                let (property, wire) = match place {
                    Place::Own { wire, .. } => (column.name.clone(), wire),
                    Place::ForeignKey { property } => (property.clone(), &Wire::Guid),
                    Place::Reference { navigation, key } => {
                        (format!("{navigation}/{key}"), &Wire::Guid)
                    }
                    Place::Behind {
                        navigation,
                        key,
                        wire,
                        ..
                    } => (format!("{navigation}/{key}"), wire),
                };
                let literal = key::literal(wire, value)
                    .ok_or_else(|| mismatch::wrong_kind(&here.set, column, value))?;
                return Ok(keyset::equal(&format!("{prefix}{property}"), &literal));
            }
            let ColumnType::Lookup { targets } = &column.ty else {
                return Err(search::bad_path(
                    &table.set,
                    path,
                    "goes on behind a column that is no lookup",
                ));
            };
            let Some(target) = targets.first() else {
                return Err(search::bad_path(
                    &table.set,
                    path,
                    "goes through a lookup without a table",
                ));
            };
            prefix.push_str(&target.navigation);
            prefix.push('/');
            let next = target.table.clone();
            here = self.table(&next).await?;
        }
        Err(search::bad_path(&table.set, path, "is empty"))
    }
}

/// Whether a row is what was searched for, as far as it tells. Texts compare as loosely as any
/// system compares keys: a row that the service found by its own rules of letters is not thrown
/// away for a difference in case or in blanks at the end.
fn matches(table: &Table, find: &Find, record: &Record) -> bool {
    find.equal.iter().all(|(path, wanted)| {
        if path.contains('.') {
            return true;
        }
        let column = table.schema.column(path).map_or("", |column| &column.name);
        match (record.row.value(column), wanted) {
            (Value::Text(text), Value::Text(wanted)) => scalar::fold(text) == scalar::fold(wanted),
            (Value::Symbol(text), Value::Text(wanted) | Value::Symbol(wanted)) => text == wanted,
            (Value::Reference(found), Value::Guid(id)) => found.id == *id,
            (Value::Reference(found), Value::Reference(wanted)) => found.id == wanted.id,
            (Value::Int(_) | Value::Decimal(_), Value::Int(_) | Value::Decimal(_)) => {
                number(record.row.value(column)) == number(wanted)
            }
            (found, wanted) => found == wanted,
        }
    })
}

fn number(value: &Value) -> Option<rust_decimal::Decimal> {
    match value {
        Value::Int(whole) => Some((*whole).into()),
        Value::Decimal(decimal) => Some(decimal.normalize()),
        _ => None,
    }
}
