//! Searches by equal values.

use super::coding::Selection;
use super::metadata::Table;
use super::{FinOps, filter, key};
use crate::codes;
use crate::connection::batch::Operation;
use crate::connection::link::Link;
use crate::error::{Class, SystemError};
use crate::system::{Find, Found};
use crate::{keyset, mismatch};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// A search reads so many rows at most. Two are too many to be one; the others let the caller
/// sort out those that it knows.
const TOP: &str = "25";

#[derive(Deserialize)]
struct Rows {
    value: Vec<Map<String, Json>>,
}

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
                    .option("$top", TOP);
                Ok(Operation::get(link.into_text()))
            })
            .collect::<Result<Vec<_>, SystemError>>()?;
        let plan = self.plan(format!("searching `{}`", table.set));
        let system = self.connection.name();
        let mut found = Vec::with_capacity(finds.len());
        for answer in self.connection.batch(&plan, &operations).await {
            let answer = answer?;
            if !answer.status.is_success() {
                return Err(self.refused_read(&answer));
            }
            let rows: Rows = answer.json(system)?;
            let mut records = rows
                .value
                .iter()
                .map(|row| selection.read(system, row))
                .collect::<Result<Vec<_>, _>>()?;
            found.push(match records.len() {
                0 => Found::None,
                1 => records
                    .pop()
                    .map_or(Found::None, |record| Found::One(Box::new(record))),
                _ => Found::Many(records.into_iter().map(|record| record.id).collect()),
            });
        }
        Ok(found)
    }
}

fn condition(table: &Table, find: &Find) -> Result<String, SystemError> {
    let mut terms = Vec::with_capacity(find.equal.len());
    for (path, value) in &find.equal {
        if path.contains('.') {
            return Err(SystemError::new(
                Class::FixMap,
                codes::BAD_PATH,
                format!(
                    "the path `{path}` from `{}` cannot be followed: Finance & Operations filters \
                     by an entity's own fields only; correct the map",
                    table.set
                ),
            ));
        }
        let column = table.column(path)?;
        let literal = key::literal(column, value)
            .ok_or_else(|| mismatch::wrong_kind(&table.set, column, value))?;
        terms.push(Some(filter::equal(&column.name, &literal)));
    }
    keyset::all(terms).ok_or_else(|| {
        SystemError::new(
            Class::FixMap,
            codes::BAD_PATH,
            format!(
                "a search in `{}` names no field; correct the map",
                table.set
            ),
        )
    })
}
