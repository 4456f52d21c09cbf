//! Changes to the tables themselves, as clients make them through the metadata part of the Web API.
//!
//! A change is a value: [`apply`](Customization::apply) carries it out on a schema, and the changes
//! made so far are kept beside the rows, so that a stand-in opened on the same file again serves the
//! same tables.

use serde::{Deserialize, Serialize};

use crate::rows::{RowsError, Tx, Value};
use crate::schema::{
    AlternateKey, Column, ColumnKind, DataverseSchema, ManyToMany, OneToMany, OptionSet, Table,
};

/// One change to the tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Customization {
    /// A table is new, or other than before in what is not its columns.
    PutTable(Box<Table>),
    /// A table is gone, with all that refers to it.
    DropTable(String),
    /// A column of a table is new or other than before.
    PutColumn(String, Box<Column>),
    /// A column of a table is gone.
    DropColumn(String, String),
    /// An alternate key of a table is new.
    PutKey(String, AlternateKey),
    /// An alternate key of a table is gone.
    DropKey(String, String),
    /// A one-to-many relationship is new or other than before; its lookup is a column of its own.
    PutOneToMany(OneToMany),
    /// A one-to-many relationship is gone.
    DropOneToMany(String),
    /// A many-to-many relationship is new.
    PutManyToMany(ManyToMany),
    /// A many-to-many relationship is gone.
    DropManyToMany(String),
    /// A shared choice is new or other than before.
    PutOptionSet(OptionSet),
    /// A shared choice is gone.
    DropOptionSet(String),
}

impl Customization {
    /// Carries the change out. `system` gives the platform's own table of a name, which a schema
    /// does not list before a change is made to it.
    pub(super) fn apply(
        &self,
        schema: &mut DataverseSchema,
        system: impl Fn(&str) -> Option<Table>,
    ) {
        match self {
            Self::PutTable(table) => put(&mut schema.tables, (**table).clone(), |one| {
                one.logical_name == table.logical_name
            }),
            Self::DropTable(name) => {
                schema.tables.retain(|table| table.logical_name != *name);
                for table in &mut schema.tables {
                    for column in &mut table.columns {
                        if let ColumnKind::Lookup { targets } = &mut column.kind {
                            targets.retain(|target| target.table != *name);
                        }
                    }
                    let orphan = |column: &Column| matches!(&column.kind, ColumnKind::Lookup { targets } if targets.is_empty());
                    table.columns.retain(|column| !orphan(column));
                }
                schema
                    .one_to_many
                    .retain(|one| one.table != *name && one.target != *name);
                schema
                    .many_to_many
                    .retain(|one| one.first.table != *name && one.second.table != *name);
            }
            Self::PutColumn(table, column) => {
                if let Some(table) = table_in(schema, table, system) {
                    put(&mut table.columns, (**column).clone(), |one| {
                        one.name == column.name
                    });
                }
            }
            Self::DropColumn(name, column) => {
                if let Some(table) = table_in(schema, name, system) {
                    table.columns.retain(|one| one.name != *column);
                    table.keys.retain(|key| !key.columns.contains(column));
                }
                schema
                    .one_to_many
                    .retain(|one| one.table != *name || one.column != *column);
            }
            Self::PutKey(table, key) => {
                if let Some(table) = table_in(schema, table, system) {
                    put(&mut table.keys, key.clone(), |one| one.name == key.name);
                }
            }
            Self::DropKey(table, key) => {
                if let Some(table) = table_in(schema, table, system) {
                    table.keys.retain(|one| one.name != *key);
                }
            }
            Self::PutOneToMany(relationship) => {
                put(&mut schema.one_to_many, relationship.clone(), |one| {
                    one.name == relationship.name
                });
            }
            Self::DropOneToMany(name) => schema.one_to_many.retain(|one| one.name != *name),
            Self::PutManyToMany(relationship) => {
                put(&mut schema.many_to_many, relationship.clone(), |one| {
                    one.name == relationship.name
                });
            }
            Self::DropManyToMany(name) => schema.many_to_many.retain(|one| one.name != *name),
            Self::PutOptionSet(set) => put(&mut schema.option_sets, set.clone(), |one| {
                one.name == set.name
            }),
            Self::DropOptionSet(name) => schema.option_sets.retain(|one| one.name != *name),
        }
    }

    /// Keeps the change for the next opening.
    pub(super) fn keep(&self, tx: &Tx<'_>) -> Result<(), RowsError> {
        // A change is made of texts and numbers: it always has a JSON form.
        let Ok(text) = serde_json::to_string(self) else {
            return Ok(());
        };
        tx.keep_document("customization", &Value::Text(text))
    }

    /// The changes kept so far, oldest first.
    pub(super) fn kept(tx: &Tx<'_>) -> Result<Vec<Self>, RowsError> {
        let documents = tx.documents("customization")?;
        Ok(documents
            .iter()
            .filter_map(|text| serde_json::from_str(text).ok())
            .collect())
    }
}

fn put<T>(list: &mut Vec<T>, item: T, same: impl Fn(&T) -> bool) {
    match list.iter_mut().find(|one| same(one)) {
        Some(known) => *known = item,
        None => list.push(item),
    }
}

fn table_in<'s>(
    schema: &'s mut DataverseSchema,
    name: &str,
    system: impl Fn(&str) -> Option<Table>,
) -> Option<&'s mut Table> {
    if !schema.tables.iter().any(|table| table.logical_name == name) {
        schema.tables.push(system(name)?);
    }
    schema
        .tables
        .iter_mut()
        .find(|table| table.logical_name == name)
}
