//! What a method does to the resource that a path names.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::address::Segment;
use super::change::object;
use super::errors::{ApiError, ApiResult};
use super::locate::{Located, bound, by_alternate_key, key_address, locate};
use super::model::{ColumnFacts, Model, Table};
use super::precondition::Condition;
use super::session::{Call, Reply, ReplyBody, Session};
use super::shape::{Shape, etag, members_of};
use super::write;
use super::{apply, csdl, delta, fetchxml, files, metadata, operations, read, sql};
use crate::faults::Plan;

/// Answers a request.
pub(super) fn answer(session: &Session<'_>, call: &Call, plan: &Plan) -> ApiResult<Reply> {
    let Some((first, rest)) = call.segments.split_first() else {
        return only(call, &Method::GET).map(|()| service_document(session.model, call));
    };
    if let Some(table) = session.model.by_set(&first.name) {
        return match &first.arguments {
            None => set(session, call, table, rest, plan),
            Some(arguments) if rest.is_empty() => row(session, call, table, arguments),
            Some(arguments) => {
                let id = locate(session, call, table, arguments)?.found(table)?;
                part(session, call, table, &id, rest)
            }
        };
    }
    if metadata::is_metadata(&first.name) {
        return metadata::answer(session.model, call);
    }
    if first.name == "$metadata" && rest.is_empty() {
        only(call, &Method::GET)?;
        let text = csdl::text(session.model, call.options.annotations);
        return Ok(Reply {
            body: ReplyBody::Xml(text),
            ..Reply::empty(StatusCode::OK)
        });
    }
    if rest.is_empty()
        && let Some(reply) = operations::unbound(session, call, first)?
    {
        return Ok(reply);
    }
    Err(ApiError::no_segment(&first.name))
}

/// Fails unless the method is the one that the resource knows.
fn only(call: &Call, method: &Method) -> ApiResult<()> {
    if call.method == *method {
        Ok(())
    } else {
        Err(wrong_method(call))
    }
}

fn wrong_method(call: &Call) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "0x80060888",
        format!(
            "The requested resource does not support http method '{}'.",
            call.method
        ),
    )
}

fn service_document(model: &Model, call: &Call) -> Reply {
    let sets: Vec<Json> = model
        .tables()
        .iter()
        .map(|table| json!({"name": table.set(), "kind": "EntitySet", "url": table.set()}))
        .collect();
    Reply::json(json!({"@odata.context": format!("{}/$metadata", call.root), "value": sets}))
}

/// `accounts…`
fn set(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    rest: &[Segment],
    plan: &Plan,
) -> ApiResult<Reply> {
    match (rest, call.method.as_str()) {
        ([], "GET") if call.options.fetch_xml.is_some() => {
            let text = call.options.fetch_xml.as_deref().unwrap_or_default();
            fetchxml::read(session, call, table, text)
        }
        ([], "GET") if call.options.sql.is_some() => sql::read(
            session,
            call,
            table,
            call.options.sql.as_deref().unwrap_or_default(),
        ),
        ([], "GET") if call.options.apply.is_some() => apply::read(
            session,
            call,
            table,
            call.options.apply.as_deref().unwrap_or_default(),
        ),
        ([], "GET") if delta::is_tracked(call) => delta::read(session, call, table, plan),
        ([], "GET") => read::many(session, call, table, None, table.set()),
        ([], "POST") => create(session, call, table),
        ([], _) => Err(wrong_method(call)),
        ([segment], "GET") if segment.name == "$count" => {
            if call.options.delta_token.is_some() {
                delta::count(session, call, table, plan)
            } else {
                read::count(session, call, table, None)
            }
        }
        ([segment], _) => operations::bound_to_table(session, call, table, &segment.name)?
            .ok_or_else(|| ApiError::no_segment(&segment.name)),
        ([segment, ..], _) => Err(ApiError::no_segment(&segment.name)),
    }
}

fn create(session: &Session<'_>, call: &Call, table: &Table) -> ApiResult<Reply> {
    let body = object(table.set(), &call.body)?;
    let id = write::create(session, call, table, &body, None, &[])?;
    written(session, call, table, &id, StatusCode::CREATED, None)
}

/// The reply to a write of a row: nothing but its address, or the row when that is preferred.
fn written(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    status: StatusCode,
    address: Option<String>,
) -> ApiResult<Reply> {
    if call.preferences.representation {
        let shape = Shape::new(session.model, table, &call.options)?;
        let row = session.row(table, &shape.needed(), id)?;
        let row = row.ok_or_else(|| ApiError::no_record(table.name(), id))?;
        let body = read::with_context(session, call, table, &shape, &row)?;
        return Ok(Reply::json(body)
            .with_status(status)
            .with_header("ETag", etag(&row))
            .preferring(&read::applied(call, &["return", "include-annotations"])));
    }
    let address = address.unwrap_or_else(|| format!("{}({id})", table.set()));
    let address = format!("{}/{address}", call.root);
    Ok(Reply::no_content()
        .with_header("Location", address.clone())
        .with_header("OData-EntityId", address))
}

/// `accounts(key)`
fn row(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    arguments: &[super::address::Argument],
) -> ApiResult<Reply> {
    let located = locate(session, call, table, arguments)?;
    let condition = Condition::read(call)?;
    match call.method.as_str() {
        "GET" => read::one(session, call, table, &located.found(table)?),
        "PATCH" => upsert(session, call, table, arguments, located, condition),
        "DELETE" => {
            let id = located.found(table)?;
            write::delete(session, call, table, &id, condition)?;
            Ok(Reply::no_content())
        }
        _ => Err(wrong_method(call)),
    }
}

fn upsert(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    arguments: &[super::address::Argument],
    located: Located,
    condition: Condition,
) -> ApiResult<Reply> {
    let body = object(table.set(), &call.body)?;
    let (id, status, key) = put(session, call, table, &body, located, condition)?;
    // Addressed by an alternate key, the row is named by it in the answer too.
    let address = match key {
        Some(key) => Some(key),
        None if by_alternate_key(table, arguments) => {
            session.whole_row(table, &id)?.and_then(|row| {
                let names = arguments.iter().filter_map(|one| one.name.as_deref());
                let values = names
                    .filter_map(|name| table.property(name))
                    .map(|column| (column.name.clone(), row.get(&column.name).clone()))
                    .collect::<Vec<_>>();
                (!values.is_empty()).then(|| key_address(table, &values))
            })
        }
        None => None,
    };
    written(session, call, table, &id, status, address)
}

/// Writes a body to the row an address leads to, or makes it: its id, 200 or 201, and the
/// alternate-key address of a new row that was addressed so.
pub(super) fn put(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    body: &Map<String, Json>,
    located: Located,
    condition: Condition,
) -> ApiResult<(String, StatusCode, Option<String>)> {
    match located {
        Located::Row(id) => {
            if condition == Condition::Absent {
                return Err(ApiError::duplicate());
            }
            // The columns of the address keep their values.
            let ignored: Vec<String> = call
                .segments
                .first()
                .and_then(|segment| segment.arguments.as_ref())
                .into_iter()
                .flatten()
                .filter_map(|one| table.property(one.name.as_deref()?))
                .flat_map(|column| {
                    [
                        column.name.clone(),
                        super::model::target_column(&column.name),
                    ]
                })
                .collect();
            write::update(session, call, table, &id, body, condition, &ignored)?;
            Ok((id, StatusCode::OK, None))
        }
        located @ (Located::NoId(_) | Located::NoKey(_))
            if matches!(condition, Condition::Exists | Condition::Version(_)) =>
        {
            located.found(table).map(|id| (id, StatusCode::OK, None))
        }
        Located::NoId(id) => {
            let id = write::create(session, call, table, body, Some(&id), &[])?;
            Ok((id, StatusCode::CREATED, None))
        }
        Located::NoKey(values) => {
            let id = write::create(session, call, table, body, None, &values)?;
            Ok((id, StatusCode::CREATED, Some(key_address(table, &values))))
        }
    }
}

/// What follows `accounts(key)/`.
fn part(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    rest: &[Segment],
) -> ApiResult<Reply> {
    let Some((segment, rest)) = rest.split_first() else {
        return Err(wrong_method(call));
    };
    let name = segment.name.as_str();
    if let Some(collection) = table.collection(name) {
        let members = session.model.table(&collection.table);
        let members = members.ok_or_else(|| ApiError::no_segment(name))?;
        return related(session, call, table, id, segment, collection, members, rest);
    }
    let lookups = table.navigation(name);
    if let Some((column, _)) = lookups.first() {
        let columns = [*column];
        let target = session
            .row(table, &columns, id)?
            .ok_or_else(|| ApiError::no_record(table.name(), id))?;
        let target_table = target
            .text(&super::model::target_column(&column.name))
            .filter(|stored| lookups.iter().any(|(_, known)| known.table == **stored))
            .and_then(|stored| session.model.table(stored));
        let target_id = target.text(&column.name).filter(|_| target_table.is_some());
        return match (rest, call.method.as_str()) {
            ([reference], method) if reference.name == "$ref" => single_reference(
                session,
                call,
                table,
                id,
                name,
                method,
                target_table.zip(target_id),
            ),
            (rest, method) => {
                let Some((target_table, target_id)) = target_table.zip(target_id) else {
                    return Ok(Reply::no_content());
                };
                match (rest, method) {
                    ([], "GET") => read::one(session, call, target_table, target_id),
                    ([], _) => Err(wrong_method(call)),
                    (rest, _) => part(session, call, target_table, target_id, rest),
                }
            }
        };
    }
    property(session, call, table, id, name, rest)
}

/// `accounts(key)/primarycontactid/$ref`
fn single_reference(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    name: &str,
    method: &str,
    target: Option<(&Table, &str)>,
) -> ApiResult<Reply> {
    let lookups = table.navigation(name);
    let Some((column, _)) = lookups.first() else {
        return Err(ApiError::no_segment(name));
    };
    match method {
        "GET" => match target {
            Some((target, target_id)) => Ok(Reply::json(json!({
                "@odata.context": format!("{}/$metadata#$ref", call.root),
                "@odata.id": format!("{}/{}({target_id})", call.root, target.set()),
            }))),
            None => Ok(Reply::no_content()),
        },
        "PUT" => {
            let (target, target_id) = referenced(session, call, table)?;
            if !lookups
                .iter()
                .any(|(_, known)| known.table == target.name())
            {
                return Err(ApiError::payload(
                    table.set(),
                    format_args!(
                        "The navigation property '{name}' cannot refer to a row of type \
                         'Microsoft.Dynamics.CRM.{}'.",
                        target.name()
                    ),
                ));
            }
            let found = Some((target, target_id.as_str()));
            write::set_lookup(session, call, table, id, &column.name, found)?;
            Ok(Reply::no_content())
        }
        "DELETE" => {
            write::set_lookup(session, call, table, id, &column.name, None)?;
            Ok(Reply::no_content())
        }
        _ => Err(wrong_method(call)),
    }
}

/// The row in a body `{"@odata.id": "accounts(…)"}`.
fn referenced<'m>(
    session: &Session<'m>,
    call: &Call,
    table: &Table,
) -> ApiResult<(&'m Table, String)> {
    let body = object(table.set(), &call.body)?;
    let url = body
        .get("@odata.id")
        .or_else(|| body.get("@id"))
        .and_then(Json::as_str);
    let url = url.ok_or_else(|| {
        ApiError::payload(
            table.set(),
            "The payload of a reference must hold '@odata.id'.",
        )
    })?;
    bound(session, call, url)
}

/// `accounts(key)/contact_customer_accounts…`
#[expect(clippy::too_many_arguments, reason = "the parts of one address")]
fn related(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    segment: &Segment,
    collection: &super::model::Collection,
    members: &Table,
    rest: &[Segment],
) -> ApiResult<Reply> {
    if !session.exists(table, id)? {
        return Err(ApiError::no_record(table.name(), id));
    }
    let base = members_of(collection, members, table, id);
    let member = |arguments: &[super::address::Argument]| -> ApiResult<String> {
        locate(session, call, members, arguments)?.found(members)
    };
    match (&segment.arguments, rest, call.method.as_str()) {
        (None, [], "GET") => {
            let address = format!("{}({id})/{}", table.set(), segment.name);
            read::many(session, call, members, Some(base), &address)
        }
        (None, [], "POST") => {
            let body = object(members.set(), &call.body)?;
            let new = write::make_child(session, call, table, id, collection, &body)?;
            written(session, call, members, &new, StatusCode::CREATED, None)
        }
        (None, [one], "GET") if one.name == "$count" => {
            read::count(session, call, members, Some(base))
        }
        (None, [one], "GET") if one.name == "$ref" => {
            let rows = session.rows(members, &[], &[], |select| select.filter(base))?;
            let links: Vec<Json> = rows
                .iter()
                .filter_map(|row| row.text(members.id()))
                .map(|id| json!({"@odata.id": format!("{}/{}({id})", call.root, members.set())}))
                .collect();
            Ok(Reply::json(json!({
                "@odata.context": format!("{}/$metadata#Collection($ref)", call.root),
                "value": links,
            })))
        }
        (None, [one], "POST") if one.name == "$ref" => {
            let (target, child) = referenced(session, call, table)?;
            if target.name() != members.name() {
                return Err(ApiError::payload(
                    table.set(),
                    format_args!("The referenced row is no '{}'.", members.name()),
                ));
            }
            write::tie(session, call, table, id, collection, &child)?;
            Ok(Reply::no_content())
        }
        (arguments, [one], "DELETE") if one.name == "$ref" => {
            let child = match (arguments, &call.options.id) {
                (Some(arguments), _) => member(arguments)?,
                (None, Some(url)) => bound(session, call, url)?.1,
                (None, None) => {
                    return Err(ApiError::malformed("$id is missing from the request."));
                }
            };
            write::untie(session, call, id, collection, &child)?;
            Ok(Reply::no_content())
        }
        (Some(arguments), [], "GET") => read::one(session, call, members, &member(arguments)?),
        (Some(arguments), rest, _) if !rest.is_empty() => {
            let child = member(arguments)?;
            part(session, call, members, &child, rest)
        }
        _ => Err(wrong_method(call)),
    }
}

/// `accounts(key)/name`
fn property(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    name: &str,
    rest: &[Segment],
) -> ApiResult<Reply> {
    let column = table
        .property(name)
        .ok_or_else(|| ApiError::no_segment(name))?;
    if files::is_file(column)
        && let Some(reply) = files::answer(session, call, table, id, column, rest)?
    {
        return Ok(reply);
    }
    match (rest, call.method.as_str()) {
        ([], "GET") => read::property(session, call, table, id, name),
        ([one], "GET") if one.name == "$value" => read::raw(session, table, id, name),
        ([], "PUT") => {
            let body = object(table.set(), &call.body)?;
            let value = body.get("value").ok_or_else(|| {
                ApiError::payload(table.set(), "The payload of a property must hold 'value'.")
            })?;
            change(
                session,
                call,
                table,
                id,
                column.property_name(),
                value.clone(),
            )
        }
        ([], "DELETE") => change(session, call, table, id, column.property_name(), Json::Null),
        _ => Err(wrong_method(call)),
    }
}

fn change(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    name: String,
    value: Json,
) -> ApiResult<Reply> {
    let mut body = Map::new();
    body.insert(name, value);
    let condition = Condition::read(call)?;
    write::update(session, call, table, id, &body, condition, &[])?;
    Ok(Reply::no_content())
}
