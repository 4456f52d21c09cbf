//! Creates, changes and deletes rows (protocol reference A3, A4, A6 and A7).
//!
//! A body becomes a [`Change`]: stored columns with their new values, and rows to be made or tied
//! along with it. Then the platform adds what it computes itself: the version, who and when,
//! defaults, full names, base currency amounts.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::errors::{ApiError, ApiResult};
use super::locate::bound;
use super::model::{Collection, ColumnFacts, Table, VERSION, target_column};
use super::session::{Call, Effect, Row, Session, by_id};
use super::value;
use crate::counters::WriteKind;
use crate::rows::{RowsError, Sql, Value, quote};
use crate::schema::{Column, ColumnKind, RequiredLevel};

/// What a body asks for.
#[derive(Debug, Default)]
struct Change<'m> {
    /// Stored columns and their values.
    values: BTreeMap<String, Value>,
    /// The primary key, when the client chose it.
    id: Option<String>,
    /// Rows to be made before, and the lookups that will point to them.
    parents: Vec<(&'m Column, &'m Table, Map<String, Json>)>,
    /// Rows to be made after, pointing back.
    children: Vec<(&'m Collection, Map<String, Json>)>,
    /// Existing rows that shall point back.
    tied: Vec<(&'m Collection, String)>,
}

/// Which version of a row a write is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Any.
    None,
    /// The row must exist (`If-Match: *`).
    Exists,
    /// The row must not exist (`If-None-Match: *`).
    Absent,
    /// The row must have this version.
    Version(i64),
}

impl Condition {
    /// Reads `If-Match` and `If-None-Match`. The literal word `null` in the latter is no tag.
    pub(super) fn read(call: &Call) -> ApiResult<Self> {
        let header = |name: &str| {
            let value = call.headers.get(name).and_then(|value| value.to_str().ok());
            value
                .map(str::trim)
                .filter(|text| !text.is_empty() && *text != "null")
        };
        if let Some(tag) = header("if-match") {
            return match tag {
                "*" => Ok(Self::Exists),
                tag => version(tag).map(Self::Version).ok_or_else(|| {
                    ApiError::malformed("The If-Match header does not hold an entity tag.")
                }),
            };
        }
        Ok(if header("if-none-match") == Some("*") {
            Self::Absent
        } else {
            Self::None
        })
    }
}

/// The version in an entity tag `W/"123"`.
pub(super) fn version(tag: &str) -> Option<i64> {
    tag.trim_start_matches("W/").trim_matches('"').parse().ok()
}

/// The object in a request body.
pub(super) fn object(table_set: &str, body: &[u8]) -> ApiResult<Map<String, Json>> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if body.trim_ascii().is_empty() {
        return Err(ApiError::payload(
            table_set,
            "A non-empty payload was expected.",
        ));
    }
    match serde_json::from_slice(body) {
        Ok(Json::Object(fields)) => Ok(fields),
        Ok(_) => Err(ApiError::payload(
            table_set,
            "The payload must be a JSON object.",
        )),
        Err(error) => Err(ApiError::payload(
            table_set,
            format_args!(
                "Invalid JSON at line {}, column {}.",
                error.line(),
                error.column()
            ),
        )),
    }
}

/// Makes a row; gives its id. `preset` values hold where the body says nothing else.
pub(super) fn create(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    body: &Map<String, Json>,
    id: Option<&str>,
    preset: &[(String, Value)],
) -> ApiResult<String> {
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
    derive(session, table, None, &mut values)?;
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
    derive(session, table, Some(before), &mut values)?;
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
        let pointing = Sql::new(
            format!(
                "t.{} = ? AND t.{} = ?",
                quote(&reference.column),
                quote(&target_column(&reference.column))
            ),
            vec![Value::Text(id.into()), Value::Text(table.name().into())],
        );
        if reference.restricts {
            if session.tx.count(&reference.table, Some(&pointing))? > 0 {
                return Err(ApiError::new(
                    axum::http::StatusCode::METHOD_NOT_ALLOWED,
                    "0x80040227",
                    "The object you tried to delete is associated with another object and cannot \
                     be deleted.",
                ));
            }
            continue;
        }
        let Some(other) = session.model.table(&reference.table) else {
            continue;
        };
        // System links to users and teams stay: their rows are never really gone.
        let by_platform = reference.column.starts_with("owning")
            || matches!(
                reference.column.as_str(),
                "createdby" | "modifiedby" | "createdonbehalfby" | "modifiedonbehalfby" | "ownerid"
            );
        if by_platform {
            continue;
        }
        let linked = session.rows(other, &[], &[], |select| select.filter(pointing))?;
        for row in linked {
            let row_id = row.text(other.id()).unwrap_or_default();
            let Some(whole) = session.whole_row(other, row_id)? else {
                continue;
            };
            let mut values = BTreeMap::new();
            values.insert(reference.column.clone(), Value::Null);
            values.insert(target_column(&reference.column), Value::Null);
            change_row(session, call, other, &whole, values)?;
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
    )
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

/// Points a row of a collection back to the row it belongs to.
pub(super) fn tie(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    collection: &Collection,
    child: &str,
) -> ApiResult<()> {
    let Some(members) = session.model.table(&collection.table) else {
        return Err(ApiError::no_segment(&collection.table));
    };
    set_lookup(
        session,
        call,
        members,
        child,
        &collection.column,
        Some((table, id)),
    )
}

fn make_child(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    collection: &Collection,
    body: &Map<String, Json>,
) -> ApiResult<()> {
    let Some(members) = session.model.table(&collection.table) else {
        return Err(ApiError::no_segment(&collection.table));
    };
    let preset = [
        (
            target_column(&collection.column),
            Value::Text(table.name().into()),
        ),
        (collection.column.clone(), Value::Text(id.into())),
    ];
    create(session, call, members, body, None, &preset).map(|_| ())
}

fn make_parents(session: &Session<'_>, call: &Call, change: &mut Change<'_>) -> ApiResult<()> {
    for (column, parent, body) in std::mem::take(&mut change.parents) {
        let id = create(session, call, parent, &body, None, &[])?;
        put_lookup(&mut change.values, &column.name, Some((parent.name(), &id)));
    }
    Ok(())
}

fn put_lookup(values: &mut BTreeMap<String, Value>, column: &str, target: Option<(&str, &str)>) {
    let (table, id) = match target {
        Some((table, id)) => (Value::Text(table.into()), Value::Text(id.into())),
        None => (Value::Null, Value::Null),
    };
    if column == "ownerid" {
        let user = matches!(&table, Value::Text(name) if name == "systemuser");
        values.insert(
            "owninguser".into(),
            if user { id.clone() } else { Value::Null },
        );
        values.insert(
            target_column("owninguser"),
            if user { table.clone() } else { Value::Null },
        );
    }
    values.insert(column.into(), id);
    values.insert(target_column(column), table);
}

/// Reads a body against its table.
fn read<'m>(
    session: &Session<'m>,
    call: &Call,
    table: &'m Table,
    body: &Map<String, Json>,
) -> ApiResult<Change<'m>> {
    let mut change = Change::default();
    for (name, json) in body {
        if let Some((property, annotation)) = name.split_once('@') {
            if annotation == "odata.bind" && !property.is_empty() {
                bind(session, call, table, property, json, &mut change)?;
            }
            continue;
        }
        if let Some(column) = table.property(name) {
            if name == table.id() {
                let id = json.as_str().and_then(value::guid);
                change.id = Some(id.ok_or_else(|| {
                    ApiError::payload(
                        table.set(),
                        format_args!("Cannot convert the literal of property '{name}' to the expected type 'Edm.Guid'."),
                    )
                })?);
            } else if column.is_lookup() {
                if !column.read_only && !json.is_null() {
                    return Err(ApiError::malformed(
                        "CRM do not support direct update of Entity Reference properties, Use \
                         Navigation properties instead.",
                    ));
                }
            } else if !column.read_only {
                change
                    .values
                    .insert(column.name.clone(), value::from_json(table, column, json)?);
            }
            continue;
        }
        let lookups = table.navigation(name);
        if let Some((column, target)) = lookups.first() {
            match json {
                Json::Null => put_lookup(&mut change.values, &column.name, None),
                Json::Object(fields) => {
                    let parent = session.model.table(&target.table);
                    let parent = parent.ok_or_else(|| ApiError::no_segment(&target.table))?;
                    change.parents.push((column, parent, fields.clone()));
                }
                _ => return Err(ApiError::undeclared(table.set(), table.name(), name)),
            }
            continue;
        }
        match (table.collection(name), json) {
            (Some(collection), Json::Array(rows)) => {
                for row in rows {
                    let Json::Object(fields) = row else {
                        return Err(ApiError::payload(
                            table.set(),
                            format_args!("The property '{name}' must hold objects."),
                        ));
                    };
                    change.children.push((collection, fields.clone()));
                }
            }
            (Some(_), Json::Null) => {}
            _ => return Err(ApiError::undeclared(table.set(), table.name(), name)),
        }
    }
    Ok(change)
}

fn bind<'m>(
    session: &Session<'m>,
    call: &Call,
    table: &'m Table,
    property: &str,
    json: &Json,
    change: &mut Change<'m>,
) -> ApiResult<()> {
    let lookups = table.navigation(property);
    let Some((column, _)) = lookups.first() else {
        let Some(collection) = table.collection(property) else {
            return Err(ApiError::undeclared_navigation(table.set(), property));
        };
        for url in json.as_array().into_iter().flatten() {
            let (members, id) = bound(session, call, url.as_str().unwrap_or_default())?;
            if members.name() != collection.table {
                return Err(wrong_target(table, property, members));
            }
            change.tied.push((collection, id));
        }
        return Ok(());
    };
    match json {
        Json::Null => put_lookup(&mut change.values, &column.name, None),
        Json::String(url) => {
            let (target, id) = bound(session, call, url)?;
            if !lookups
                .iter()
                .any(|(_, known)| known.table == target.name())
            {
                return Err(wrong_target(table, property, target));
            }
            put_lookup(&mut change.values, &column.name, Some((target.name(), &id)));
        }
        _ => {
            return Err(ApiError::payload(
                table.set(),
                format_args!("The annotation '{property}@odata.bind' must be a string or null."),
            ));
        }
    }
    Ok(())
}

fn wrong_target(table: &Table, property: &str, target: &Table) -> ApiError {
    ApiError::payload(
        table.set(),
        format_args!(
            "The navigation property '{property}' cannot refer to a row of type \
             'Microsoft.Dynamics.CRM.{}'.",
            target.name()
        ),
    )
}

/// What the platform fills in for a new row.
fn defaults(session: &Session<'_>, table: &Table, values: &mut BTreeMap<String, Value>) {
    let user = session.actor.user.as_str();
    let now = Value::Text(value::instant_text(session.now));
    let created = values
        .remove("overriddencreatedon")
        .filter(|value| *value != Value::Null);
    if let Some(then) = &created {
        values.insert("overriddencreatedon".into(), then.clone());
    }
    values.insert("createdon".into(), created.unwrap_or_else(|| now.clone()));
    values.insert("modifiedon".into(), now);
    put_lookup(values, "createdby", Some(("systemuser", user)));
    put_lookup(values, "modifiedby", Some(("systemuser", user)));
    if let Some(client_user) = &session.actor.on_behalf_by {
        put_lookup(
            values,
            "createdonbehalfby",
            Some(("systemuser", client_user)),
        );
        put_lookup(
            values,
            "modifiedonbehalfby",
            Some(("systemuser", client_user)),
        );
    }
    if !values.contains_key("ownerid") {
        put_lookup(values, "ownerid", Some(("systemuser", user)));
    }
    if !values.contains_key("owningbusinessunit") {
        let unit = super::organisation::BUSINESS_UNIT.to_string();
        put_lookup(values, "owningbusinessunit", Some(("businessunit", &unit)));
    }
    for column in &table.schema.columns {
        if values.contains_key(&column.name) {
            continue;
        }
        match &column.kind {
            // A choice of yes or no starts as no.
            ColumnKind::Boolean => {
                values.insert(column.name.clone(), Value::Integer(0));
            }
            ColumnKind::State { options } => {
                let first = options.first().map_or(0, |option| option.value);
                values.insert(column.name.clone(), Value::Integer(first));
            }
            ColumnKind::Status { options } => {
                let first = options.first().map_or(1, |option| option.value);
                values.insert(column.name.clone(), Value::Integer(first));
            }
            _ => {}
        }
    }
}

/// A state that is set alone takes its default status along.
fn follow_state(table: &Table, before: &Row, values: &mut BTreeMap<String, Value>) {
    let Some(Value::Integer(state)) = values.get("statecode") else {
        return;
    };
    if values.contains_key("statuscode") || before.get("statecode") == &Value::Integer(*state) {
        return;
    }
    let options = |name: &str| match table.column(name).map(|column| &column.kind) {
        Some(ColumnKind::State { options } | ColumnKind::Status { options }) => options.clone(),
        _ => Vec::new(),
    };
    let label = options("statecode")
        .into_iter()
        .find(|option| option.value == *state);
    let statuses = options("statuscode");
    let same = statuses
        .iter()
        .find(|one| label.as_ref().is_some_and(|l| l.label == one.label));
    let next = statuses.iter().find(|one| one.value == state + 1);
    if let Some(status) = same.or(next) {
        values.insert("statuscode".into(), Value::Integer(status.value));
    }
}

/// What the platform computes from other columns: full names and amounts in the base currency.
fn derive(
    session: &Session<'_>,
    table: &Table,
    before: Option<&Row>,
    values: &mut BTreeMap<String, Value>,
) -> ApiResult<()> {
    let now = |values: &BTreeMap<String, Value>, name: &str| {
        let kept = before.map_or(Value::Null, |row| row.get(name).clone());
        values.get(name).cloned().unwrap_or(kept)
    };
    let names = ["firstname", "lastname"];
    let has_names = matches!(table.name(), "contact" | "lead" | "systemuser")
        && names.iter().any(|name| values.contains_key(*name));
    if has_names && table.column("fullname").is_some() {
        let parts: Vec<String> = names
            .iter()
            .filter_map(|name| match now(values, name) {
                Value::Text(text) => Some(text),
                _ => None,
            })
            .collect();
        let full = parts.join(" ");
        let full = if full.is_empty() {
            Value::Null
        } else {
            Value::Text(full)
        };
        values.insert("fullname".into(), full);
    }
    if table.name() == "transactioncurrency" || table.column("exchangerate").is_none() {
        return Ok(());
    }
    let Value::Text(currency) = now(values, "transactioncurrencyid") else {
        return Ok(());
    };
    let mut rate = now(values, "exchangerate");
    if values.contains_key("transactioncurrencyid") {
        rate = exchange_rate(session, &currency)?;
        values.insert("exchangerate".into(), rate.clone());
    }
    let rate = match &rate {
        Value::Text(text) => value::decimal_text(text).unwrap_or(rust_decimal::Decimal::ONE),
        _ => rust_decimal::Decimal::ONE,
    };
    for column in &table.schema.columns {
        let ColumnKind::Money { precision, .. } = &column.kind else {
            continue;
        };
        let base_name = format!("{}_base", column.name);
        if table.column(&base_name).is_none() {
            continue;
        }
        let base = match now(values, &column.name) {
            Value::Text(text) => {
                value::decimal_text(&text).and_then(|amount| amount.checked_div(rate))
            }
            _ => None,
        };
        let base = base.map(|amount| Value::Text(value::rounded(amount, *precision).to_string()));
        values.insert(base_name, base.unwrap_or(Value::Null));
    }
    Ok(())
}

fn exchange_rate(session: &Session<'_>, currency: &str) -> ApiResult<Value> {
    let Some(table) = session.model.table("transactioncurrency") else {
        return Ok(Value::Null);
    };
    let Some(column) = table.column("exchangerate") else {
        return Ok(Value::Null);
    };
    let row = session.row(table, &[column], currency)?;
    Ok(row.map_or(Value::Null, |row| row.get("exchangerate").clone()))
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
