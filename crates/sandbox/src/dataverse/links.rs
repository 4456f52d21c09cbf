//! Links of many-to-many relationships: rows of an intersect table that hold the ids of both ends.

use uuid::Uuid;

use super::errors::{ApiError, ApiResult};
use super::model::{Table, VERSION};
use super::session::Session;
use crate::rows::{RowsError, Value, quote};

/// The two columns of an intersect table, with the ids they hold in a link.
pub(super) struct Link<'a> {
    /// The intersect table.
    pub(super) intersect: &'a str,
    /// The column and id of the row whose collection it is.
    pub(super) near: (&'a str, &'a str),
    /// The column and id of the row in the collection.
    pub(super) far: (&'a str, &'a str),
}

/// Ties two rows that are there.
pub(super) fn make(session: &Session<'_>, link: &Link<'_>) -> ApiResult<()> {
    let table = intersect(session, link.intersect)?;
    let text = |text: &str| Value::Text(text.into());
    let id = Uuid::new_v4().to_string();
    let values = [
        (table.id(), text(&id)),
        (link.near.0, text(link.near.1)),
        (link.far.0, text(link.far.1)),
        (VERSION, Value::Integer(session.tx.next_version())),
    ];
    match session.tx.insert(table.name(), &values) {
        Err(RowsError::Duplicate { .. }) => Err(ApiError::duplicate()),
        other => Ok(other?),
    }
}

/// Unties two rows.
pub(super) fn undo(session: &Session<'_>, link: &Link<'_>) -> ApiResult<()> {
    let table = intersect(session, link.intersect)?;
    let text = format!(
        "DELETE FROM {} WHERE {} = ? AND {} = ?",
        quote(table.name()),
        quote(link.near.0),
        quote(link.far.0)
    );
    let params = [link.near.1, link.far.1].map(|id| Value::Text(id.into()));
    if session.tx.execute(&text, &params)? == 0 {
        return Err(ApiError::no_record(table.name(), link.far.1));
    }
    Ok(())
}

/// Unties a row that is deleted from all others.
pub(super) fn forget_all(session: &Session<'_>, table: &Table, id: &str) -> ApiResult<()> {
    for (relationship, end) in session.model.links_of(table.name()) {
        if session.model.table(&relationship.intersect).is_none() {
            continue;
        }
        let text = format!(
            "DELETE FROM {} WHERE {} = ?",
            quote(&relationship.intersect),
            quote(&end.column)
        );
        session.tx.execute(&text, &[Value::Text(id.into())])?;
    }
    Ok(())
}

fn intersect<'m>(session: &Session<'m>, name: &str) -> ApiResult<&'m Table> {
    let table = session.model.table(name);
    table.ok_or_else(|| ApiError::no_segment(name))
}
