//! Reads rows: one, a page of many, or their number (protocol reference A4 and A8).

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::address::encode_option;
use super::cookie::Cookie;
use super::errors::{ApiError, ApiResult};
use super::filter::Filters;
use super::model::{Model, Table};
use super::precondition;
use super::session::{Call, Reply, ReplyBody, Row, Session};
use super::shape::{Shape, etag, render};
use crate::rows::{Order, Sql, keyset_after};

/// The greatest number that `$count` tells.
const COUNT_LIMIT: i64 = 5000;

/// Reads the row with an id.
pub(super) fn one(session: &Session<'_>, call: &Call, table: &Table, id: &str) -> ApiResult<Reply> {
    let shape = Shape::new(session.model, table, &call.options)?;
    let row = session.row(table, &shape.needed(), id)?;
    let row = row.ok_or_else(|| ApiError::no_record(table.name(), id))?;
    let tag = call
        .headers
        .get("if-none-match")
        .and_then(|value| value.to_str().ok());
    let unchanged = tag.is_some_and(|tag| {
        tag == "*" || precondition::version(tag) == precondition::version(&etag(&row))
    });
    if unchanged && !shape.expands() && call.preferences.annotations.is_none() {
        return Ok(Reply::empty(StatusCode::NOT_MODIFIED));
    }
    let body = with_context(session, call, table, &shape, &row)?;
    Ok(Reply::json(body)
        .with_header("ETag", etag(&row))
        .preferring(&applied(call, &["include-annotations"])))
}

/// The row as a single read shows it, with its context.
pub(super) fn with_context(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    shape: &Shape<'_>,
    row: &Row,
) -> ApiResult<Json> {
    let context = format!(
        "{}/$metadata#{}/$entity",
        call.root,
        shape.context(table.set())
    );
    let mut body = serde_json::Map::new();
    body.insert("@odata.context".into(), context.into());
    body.extend(render(session, call, table, shape, row)?);
    Ok(Json::Object(body))
}

/// The preferences that were given and have one of these names, as one header value.
pub(super) fn applied(call: &Call, names: &[&str]) -> String {
    let kept = call.preferences.applied.iter().filter(|text| {
        let name = text.split('=').next().unwrap_or_default().trim();
        names.contains(&name.trim_start_matches("odata."))
    });
    kept.cloned().collect::<Vec<_>>().join(",")
}

/// The condition of a request's `$filter`, together with one that holds anyway.
pub(super) fn condition(
    session: &Session<'_>,
    model: &Model,
    call: &Call,
    table: &Table,
    base: Option<Sql>,
) -> ApiResult<Option<Sql>> {
    let filters = Filters::new(model, &call.options.aliases, session.now);
    let asked = call
        .options
        .filter
        .as_deref()
        .map(|text| filters.condition(table, text))
        .transpose()?;
    Ok(match (base, asked) {
        (Some(base), Some(asked)) => Some(base.and(asked)),
        (base, asked) => base.or(asked),
    })
}

/// Reads a page of the rows of a table, of those alone that `base` selects. `address` is the path
/// of the list below the root, for links.
pub(super) fn many(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    base: Option<Sql>,
    address: &str,
) -> ApiResult<Reply> {
    let model = session.model;
    let options = &call.options;
    let shape = Shape::new(model, table, options)?;
    let condition = condition(session, model, call, table, base)?;
    let filters = Filters::new(model, &options.aliases, session.now);
    let mut order = filters.order(table, &options.order)?;
    order.push(Order::ascending(table.id()));
    let mut names: Vec<String> = options
        .order
        .iter()
        .map(|(by, _)| by.replace('/', "."))
        .collect();
    names.push(table.id().to_owned());

    let page = call
        .preferences
        .page_size
        .unwrap_or(session.settings.page_size);
    let page = page.min(session.settings.page_size);
    // With a page size, `$top` does not count.
    let top = options.top.filter(|_| call.preferences.page_size.is_none());
    let limit = top.map_or(page, |top| top.min(page));
    let cookie = options
        .skip_token
        .as_deref()
        .map(Cookie::read)
        .transpose()?;
    let after = match &cookie {
        Some(cookie) => Some(keyset_after(&order, &cookie.last_values(&names)?)),
        None => None,
    };
    let by: Vec<Sql> = order.iter().map(|term| term.by.clone()).collect();
    let mut rows = session.rows(table, &shape.needed(), &by, |mut select| {
        select.order = order;
        for condition in condition.clone().into_iter().chain(after) {
            select = select.filter(condition);
        }
        // One more than the page tells whether there is a next one.
        select.limit(limit + 1)
    })?;
    let more = rows.len() > limit;
    rows.truncate(limit);

    let mut body = serde_json::Map::new();
    let context = format!("{}/$metadata#{}", call.root, shape.context(table.set()));
    body.insert("@odata.context".into(), context.into());
    if options.count {
        let count = session.tx.count(table.name(), condition.as_ref())?;
        body.insert("@odata.count".into(), count.min(COUNT_LIMIT).into());
        if call
            .preferences
            .wants("Microsoft.Dynamics.CRM.totalrecordcount")
        {
            body.insert(
                "@Microsoft.Dynamics.CRM.totalrecordcount".into(),
                count.min(COUNT_LIMIT).into(),
            );
            body.insert(
                "@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded".into(),
                (count > COUNT_LIMIT).into(),
            );
        }
    }
    let shown: ApiResult<Vec<Json>> = rows
        .iter()
        .map(|row| render(session, call, table, &shape, row).map(Json::Object))
        .collect();
    body.insert("value".into(), Json::Array(shown?));
    if more
        && top.is_none()
        && let (Some(first), Some(last)) = (rows.first(), rows.last())
    {
        let next = Cookie::after(
            cookie.as_ref().map_or(1, |cookie| cookie.page) + 1,
            &names,
            first.extra(names.len()),
            last.extra(names.len()),
        );
        let link = link(call, address, "$skiptoken", &next.text());
        body.insert("@odata.nextLink".into(), link.into());
    }
    Ok(Reply::json(Json::Object(body))
        .preferring(&applied(call, &["include-annotations", "maxpagesize"])))
}

/// A link that repeats a request from another position.
pub(super) fn link(call: &Call, address: &str, token: &str, position: &str) -> String {
    let mut options: Vec<String> = call
        .options
        .without_tokens()
        .iter()
        .map(|(name, value)| format!("{name}={}", encode_option(value)))
        .collect();
    options.push(format!("{token}={}", encode_option(position)));
    format!("{}/{address}?{}", call.root, options.join("&"))
}

/// The number of rows, as plain text.
pub(super) fn count(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    base: Option<Sql>,
) -> ApiResult<Reply> {
    let condition = condition(session, session.model, call, table, base)?;
    let count = session.tx.count(table.name(), condition.as_ref())?;
    Ok(count_text(count.min(COUNT_LIMIT)))
}

/// A number as the service sends it alone: text behind a byte-order mark.
pub(super) fn count_text(count: i64) -> Reply {
    Reply {
        status: StatusCode::OK,
        headers: Vec::new(),
        body: ReplyBody::Text(format!("\u{feff}{count}")),
    }
}

/// One property of a row.
pub(super) fn property(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    name: &str,
) -> ApiResult<Reply> {
    let column = table
        .property(name)
        .ok_or_else(|| ApiError::no_segment(name))?;
    let row = session.row(table, &[column], id)?;
    let row = row.ok_or_else(|| ApiError::no_record(table.name(), id))?;
    let value = super::value::to_json(column, row.get(&column.name));
    if value.is_null() {
        return Ok(Reply::no_content());
    }
    Ok(Reply::json(json!({
        "@odata.context": format!("{}/$metadata#{}({id})/{name}", call.root, table.set()),
        "value": value,
    })))
}

/// One property of a row as bare text.
pub(super) fn raw(session: &Session<'_>, table: &Table, id: &str, name: &str) -> ApiResult<Reply> {
    let column = table
        .property(name)
        .ok_or_else(|| ApiError::no_segment(name))?;
    let row = session.row(table, &[column], id)?;
    let row = row.ok_or_else(|| ApiError::no_record(table.name(), id))?;
    let body = match super::value::to_json(column, row.get(&column.name)) {
        Json::Null => return Ok(Reply::no_content()),
        Json::String(text) => text,
        other => other.to_string(),
    };
    Ok(Reply {
        status: StatusCode::OK,
        headers: Vec::new(),
        body: ReplyBody::Text(body),
    })
}
