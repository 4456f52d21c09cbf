//! Creates, changes and deletes rows (protocol reference A3, A4, A6 and A7).
//!
//! A body becomes a [`Change`]; then the platform adds what it [computes](super::computed) itself,
//! the row is written, and the write noted for the counters and the webhooks.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::change::{Change, put_lookup, read};
use super::computed::{defaults, derived, follow_state};
use super::errors::{ApiError, ApiResult};
use super::links::{self, Link};
use super::model::{Collection, Reference, Table, Tie, VERSION, target_column};
use super::precondition::Condition;
use super::session::{Call, Effect, Row, Session, by_id};
use super::{files, value};
use crate::counters::WriteKind;
use crate::rows::{RowsError, Sql, Value, quote};
use crate::schema::{ColumnKind, OnDelete, RequiredLevel};

/// Makes a row; gives its id. `preset` values hold where the body says nothing else.
pub(super) fn create(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    body: &Map<String, Json>,
    id: Option<&str>,
    preset: &[(String, Value)],
) -> ApiResult<String> {
    if table.is_intersect() {
        return Err(ApiError::invalid_argument(format!(
            "Rows of {} are made by associating the rows of its two ends.",
            table.name()
        )));
    }
    let mut change = read(session, call, table, body)?;
    for (name, value) in preset {
        change
            .values
            .entry(name.clone())
            .or_insert_with(|| value.clone());
        if let Some(ColumnKind::Lookup { targets }) = table.column(name).map(|one| &one.kind)
            && let Some(target) = targets.first()
        {
            let target = Value::Text(target.table.clone());
            change.values.entry(target_column(name)).or_insert(target);
        }
    }
    make_parents(session, call, &mut change)?;
    let chosen = id.map(ToOwned::to_owned).or_else(|| change.id.take());
    let id = chosen.unwrap_or_else(|| Uuid::new_v4().to_string());
    let mut values = change.values;
    defaults(session, table, &mut values);
    for column in &table.schema.columns {
        let missing = values
            .get(&column.name)
            .is_none_or(|value| *value == Value::Null);
        if column.required == RequiredLevel::System && !column.read_only && missing {
            return Err(ApiError::required(table.name(), &column.name));
        }
    }
    derived(session, table, None, &mut values)?;
    values.insert(table.id().into(), Value::Text(id.clone()));
    values.insert(VERSION.into(), Value::Integer(session.tx.next_version()));
    let listed: Vec<(&str, Value)> = values
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    session
        .tx
        .insert(table.name(), &listed)
        .map_err(|error| duplicate(table, error))?;
    note(session, call, table, WriteKind::Create, &id, &values, None)?;
    for (collection, child) in change.children {
        make_child(session, call, table, &id, collection, &child)?;
    }
    for (collection, child) in change.tied {
        tie(session, call, table, &id, collection, &child)?;
    }
    Ok(id)
}

/// Changes a row that exists. `ignored` columns keep their values whatever the body says.
pub(super) fn update(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    body: &Map<String, Json>,
    condition: Condition,
    ignored: &[String],
) -> ApiResult<()> {
    let before = session
        .whole_row(table, id)?
        .ok_or_else(|| ApiError::no_record(table.name(), id))?;
    if let Condition::Version(version) = condition
        && before.integer(VERSION) != Some(version)
    {
        return Err(ApiError::version_mismatch());
    }
    let mut change = read(session, call, table, body)?;
    make_parents(session, call, &mut change)?;
    let mut values = change.values;
    values.retain(|name, _| !ignored.contains(name));
    for (name, value) in &values {
        let required = table
            .column(name)
            .is_some_and(|one| one.required == RequiredLevel::System);
        if required && *value == Value::Null {
            return Err(ApiError::required(table.name(), name));
        }
    }
    change_row(session, call, table, &before, values)?;
    for (collection, child) in change.children {
        make_child(session, call, table, id, collection, &child)?;
    }
    for (collection, child) in change.tied {
        tie(session, call, table, id, collection, &child)?;
    }
    Ok(())
}

/// Writes stored columns of a row, with what the platform adds.
pub(super) fn change_row(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    before: &Row,
    mut values: BTreeMap<String, Value>,
) -> ApiResult<()> {
    let id = before.text(table.id()).unwrap_or_default().to_owned();
    let text = |text: &str| Value::Text(text.into());
    follow_state(table, before, &mut values);
    values.insert(
        "modifiedon".into(),
        Value::Text(value::instant_text(session.now)),
    );
    values.insert("modifiedby".into(), text(&session.actor.user));
    values.insert(target_column("modifiedby"), text("systemuser"));
    let behalf = session.actor.on_behalf_by.as_deref();
    values.insert(
        "modifiedonbehalfby".into(),
        behalf.map_or(Value::Null, text),
    );
    values.insert(
        target_column("modifiedonbehalfby"),
        behalf.map_or(Value::Null, |_| text("systemuser")),
    );
    derived(session, table, Some(before), &mut values)?;
    values.insert(VERSION.into(), Value::Integer(session.tx.next_version()));
    let listed: Vec<(&str, Value)> = values
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    session
        .tx
        .update(table.name(), &listed, &by_id(table, &id))
        .map_err(|error| duplicate(table, error))?;
    note(
        session,
        call,
        table,
        WriteKind::Update,
        &id,
        &values,
        Some(before),
    )
}

/// Deletes a row.
pub(super) fn delete(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    condition: Condition,
) -> ApiResult<()> {
    let before = session
        .whole_row(table, id)?
        .ok_or_else(|| ApiError::no_record(table.name(), id))?;
    if let Condition::Version(version) = condition
        && before.integer(VERSION) != Some(version)
    {
        return Err(ApiError::version_mismatch());
    }
    for reference in &table.referenced_by {
        let in_use = reference.delete == OnDelete::Restrict
            && session
                .tx
                .count(&reference.table, Some(&pointing_to(reference, table, id)))?
                > 0;
        if in_use {
            return Err(ApiError::new(
                axum::http::StatusCode::METHOD_NOT_ALLOWED,
                "0x80040227",
                "The object you tried to delete is associated with another object and cannot be \
                 deleted.",
            ));
        }
    }
    session.tx.delete(table.name(), &by_id(table, id))?;
    session
        .tx
        .log_deletion(table.name(), id, session.now.as_second())?;
    note(
        session,
        call,
        table,
        WriteKind::Delete,
        id,
        &BTreeMap::new(),
        Some(&before),
    )?;
    links::forget_all(session, table, id)?;
    files::forget_all(session, table, id)?;
    // The row is gone before what hung on it, so that rows that point to each other end.
    for reference in &table.referenced_by {
        let_go(session, call, reference, table, id)?;
    }
    Ok(())
}

/// The rows that point to a row through one lookup.
fn pointing_to(reference: &Reference, table: &Table, id: &str) -> Sql {
    Sql::new(
        format!(
            "t.{} = ? AND t.{} = ?",
            quote(&reference.column),
            quote(&target_column(&reference.column))
        ),
        vec![Value::Text(id.into()), Value::Text(table.name().into())],
    )
}

/// Does with the rows that pointed to a deleted row what their relationship says.
fn let_go(
    session: &Session<'_>,
    call: &Call,
    reference: &Reference,
    table: &Table,
    id: &str,
) -> ApiResult<()> {
    let Some(other) = session.model.table(&reference.table) else {
        return Ok(());
    };
    if !matches!(reference.delete, OnDelete::Cascade | OnDelete::RemoveLink) {
        return Ok(());
    }
    let condition = pointing_to(reference, table, id);
    let linked = session.rows(other, &[], &[], |select| select.filter(condition))?;
    for row in linked {
        let row_id = row.text(other.id()).unwrap_or_default();
        // A cascade may have taken it already.
        let Some(whole) = session.whole_row(other, row_id)? else {
            continue;
        };
        if reference.delete == OnDelete::Cascade {
            delete(session, call, other, row_id, Condition::None)?;
            continue;
        }
        let mut values = BTreeMap::new();
        put_lookup(&mut values, &reference.column, None);
        change_row(session, call, other, &whole, values)?;
    }
    Ok(())
}

/// Points a lookup of a row to another row, or to nothing.
pub(super) fn set_lookup(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    column: &str,
    target: Option<(&Table, &str)>,
) -> ApiResult<()> {
    let before = session
        .whole_row(table, id)?
        .ok_or_else(|| ApiError::no_record(table.name(), id))?;
    let mut values = BTreeMap::new();
    put_lookup(
        &mut values,
        column,
        target.map(|(table, id)| (table.name(), id)),
    );
    change_row(session, call, table, &before, values)
}

/// Ties a row that is there to the row whose collection it shall be in.
pub(super) fn tie(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    collection: &Collection,
    child: &str,
) -> ApiResult<()> {
    match &collection.by {
        Tie::Lookup(column) => {
            let members = members(session, collection)?;
            set_lookup(session, call, members, child, column, Some((table, id)))
        }
        Tie::Links {
            intersect,
            near,
            far,
        } => links::make(
            session,
            &Link {
                intersect,
                near: (near, id),
                far: (far, child),
            },
        ),
    }
}

/// Takes a row out of the collection of another one.
pub(super) fn untie(
    session: &Session<'_>,
    call: &Call,
    id: &str,
    collection: &Collection,
    child: &str,
) -> ApiResult<()> {
    match &collection.by {
        Tie::Lookup(column) => {
            let members = members(session, collection)?;
            set_lookup(session, call, members, child, column, None)
        }
        Tie::Links {
            intersect,
            near,
            far,
        } => links::undo(
            session,
            &Link {
                intersect,
                near: (near, id),
                far: (far, child),
            },
        ),
    }
}

fn members<'m>(session: &Session<'m>, collection: &Collection) -> ApiResult<&'m Table> {
    let members = session.model.table(&collection.table);
    members.ok_or_else(|| ApiError::no_segment(&collection.table))
}

/// Makes a row in the collection of another one; gives its id.
pub(super) fn make_child(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    collection: &Collection,
    body: &Map<String, Json>,
) -> ApiResult<String> {
    let members = members(session, collection)?;
    match &collection.by {
        Tie::Lookup(column) => {
            let preset = [
                (target_column(column), Value::Text(table.name().into())),
                (column.clone(), Value::Text(id.into())),
            ];
            create(session, call, members, body, None, &preset)
        }
        Tie::Links { .. } => {
            let child = create(session, call, members, body, None, &[])?;
            tie(session, call, table, id, collection, &child)?;
            Ok(child)
        }
    }
}

fn make_parents(session: &Session<'_>, call: &Call, change: &mut Change<'_>) -> ApiResult<()> {
    for (column, parent, body) in std::mem::take(&mut change.parents) {
        let id = create(session, call, parent, &body, None, &[])?;
        put_lookup(&mut change.values, &column.name, Some((parent.name(), &id)));
    }
    Ok(())
}

/// A violated unique index as the service words it.
fn duplicate(table: &Table, error: RowsError) -> ApiError {
    let RowsError::Duplicate { columns, .. } = &error else {
        return error.into();
    };
    if columns == table.id() {
        return ApiError::duplicate();
    }
    let names: Vec<&str> = columns.split(", ").collect();
    match table.key(&names) {
        Some(key) => ApiError::duplicate_key(&key.name, columns),
        None => ApiError::duplicate_key(columns, columns),
    }
}

/// Remembers a write for the counters and the webhooks.
fn note(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    kind: WriteKind,
    id: &str,
    values: &BTreeMap<String, Value>,
    before: Option<&Row>,
) -> ApiResult<()> {
    let watched = session.steps.watch(table.name(), kind);
    let after = if watched && kind != WriteKind::Delete {
        session.whole_row(table, id)?
    } else {
        None
    };
    let written = if watched {
        values
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    } else {
        Vec::new()
    };
    session.effects.borrow_mut().push(Effect {
        table: table.name().to_owned(),
        kind,
        id: id.to_owned(),
        written,
        before: before.filter(|_| watched).cloned(),
        after,
        tag: call.options.tag.clone(),
    });
    Ok(())
}
