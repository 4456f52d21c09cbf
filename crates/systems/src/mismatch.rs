//! Values that a column cannot hold, found before anything is sent.

use crate::codes;
use crate::error::{Class, SystemError};
use duet_map::schema::{Column, ColumnType};
use duet_map::value::Value;

/// The value is of a kind that the column does not take.
pub(crate) fn wrong_kind(table: &str, column: &Column, value: &Value) -> SystemError {
    SystemError::new(
        Class::FixData,
        codes::WRONG_KIND,
        format!(
            "column `{}` of `{table}` takes values of type {}, not {}; give the field a transform \
             in the map",
            column.name,
            column.ty.kind(),
            value.kind()
        ),
    )
}

/// The reference points at a table that the lookup does not take.
pub(crate) fn wrong_target(table: &str, column: &Column, target: &str) -> SystemError {
    let takes = match &column.ty {
        ColumnType::Lookup { targets } => {
            let names: Vec<String> = targets
                .iter()
                .map(|target| format!("`{}`", target.table))
                .collect();
            names.join(" or ")
        }
        _ => "no table".to_owned(),
    };
    SystemError::new(
        Class::FixMap,
        codes::WRONG_KIND,
        format!(
            "column `{}` of `{table}` refers to {takes}, not to `{target}`; correct the lookup in \
             the map",
            column.name
        ),
    )
}

/// The service sent a value that does not fit its own metadata.
pub(crate) fn unreadable(system: &str, table: &str, column: &Column) -> SystemError {
    SystemError::new(
        Class::Bug,
        codes::UNEXPECTED,
        format!(
            "`{system}` sent a value in column `{}` of `{table}` that is not {}, as its metadata \
             says; please report this",
            column.name,
            column.ty.kind()
        ),
    )
}

/// The record identifier is not of the form that this table uses.
pub(crate) fn bad_id(table: &str, wanted: &str) -> SystemError {
    SystemError::new(
        Class::Bug,
        codes::BAD_ID,
        format!("a record identifier for `{table}` is not {wanted}; please report this"),
    )
}

/// The cursor is not one that this connector wrote.
pub(crate) fn bad_cursor(system: &str, table: &str) -> SystemError {
    SystemError::new(
        Class::CursorExpired,
        codes::CURSOR_UNREADABLE,
        format!(
            "the saved position in the changes of `{table}` is not one that the connection \
             `{system}` can read; the table is read whole again"
        ),
    )
}
