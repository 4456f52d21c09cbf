//! How entities are stored: a table each, a column a field, plus the record id and version.

use crate::rows::{Column, Table};
use crate::schema::{Entity, FieldKind, FinOpsSchema};

/// The record id, unique over all tables.
pub(super) const REC_ID: &str = "_recid";
/// The record version, a new one with each write.
pub(super) const REC_VERSION: &str = "_recversion";

/// The tables of all entities, named after their collections.
pub(super) fn all(schema: &FinOpsSchema) -> Vec<Table> {
    schema.entities.iter().map(table).collect()
}

fn table(entity: &Entity) -> Table {
    let mut columns = vec![Column::integer(REC_ID), Column::integer(REC_VERSION)];
    columns.extend(entity.fields.iter().map(|field| match field.kind {
        FieldKind::String { .. } | FieldKind::Enum { .. } => Column::text(&field.name),
        FieldKind::Int | FieldKind::Int64 => Column::integer(&field.name),
        FieldKind::Real => Column::decimal(&field.name),
        FieldKind::Date | FieldKind::UtcDateTime | FieldKind::Guid => Column::exact(&field.name),
    }));
    Table {
        name: entity.collection.clone(),
        columns,
        key: vec![REC_ID.to_owned()],
        unique: vec![entity.keys.clone()],
        indexed: vec![entity.modified_field.clone()],
    }
}
