//! Searches by equal values.

use super::coding::Selection;
use super::metadata::Table;
use super::{FinOps, filter, key};
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::error::SystemError;
use crate::system::{Find, Found};
use crate::{keyset, mismatch, search};
use serde_json::{Map, Value as Json};

impl FinOps {
    pub(super) async fn find_equal(
        &self,
        name: &str,
        columns: &[String],
        finds: &[Find],
    ) -> Result<Vec<Found>, SystemError> {
        let table = self.table(name).await?;
        let selection = Selection::new(&table, columns)?;
        let operations = finds
            .iter()
            .map(|find| {
                let link = Link::to(&table.set)
                    .option_if("cross-company", self.companies_option())
                    .option("$select", &selection.select())
                    .option("$filter", &condition(&table, find)?)
                    .option("$top", search::TOP);
                Ok(Operation::get(link.into_text()))
            })
            .collect::<Result<Vec<_>, SystemError>>()?;
        let plan = self.plan(format!("searching `{}`", table.set));
        let system = self.connection.name();
        let answers = self.connection.batch(&plan, &operations).await;
        let read = |row: &Map<String, Json>| selection.read(system, row).map(Some);
        answers
            .into_iter()
            .map(|answer| search::found(self, answer?, read))
            .collect()
    }
}

fn condition(table: &Table, find: &Find) -> Result<String, SystemError> {
    let mut terms = Vec::with_capacity(find.equal.len());
    for (path, value) in &find.equal {
        if path.contains('.') {
            return Err(search::bad_path(
                &table.set,
                path,
                "cannot be followed: Finance & Operations filters by an entity's own fields only",
            ));
        }
        let column = table.column(path)?;
        let literal = key::literal(column, value)
            .ok_or_else(|| mismatch::wrong_kind(&table.set, column, value))?;
        terms.push(Some(filter::equal(&column.name, &literal)));
    }
    keyset::all(terms)
        .ok_or_else(|| search::bad_path(&table.set, "", "is empty: a search names no field"))
}
