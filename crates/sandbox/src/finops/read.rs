//! Reads rows: one by its key, or pages of a collection (protocol reference B2).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use odata::url::{ExpandItem, QueryOptions};
use serde_json::{Map, Value as Json, json};

use super::config::NextLink;
use super::error::Refused;
use super::filter::{self, Reader};
use super::session::{Key, Row, Session, etag};
use super::tables::{REC_ID, REC_VERSION};
use super::values;
use super::write::COMPANY;
use crate::rows::{Order, Select, Sql, Value, keyset_after, quote};
use crate::schema::{Entity, Field, Relation};

/// Where a page goes on: base64 of this as JSON, opaque to clients.
#[derive(serde::Serialize, serde::Deserialize)]
struct SkipToken {
    /// The order values of the last row, the record id at the end.
    after: Vec<Json>,
    /// How many rows `$top` still allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u64>,
}

/// What a read returns besides its keys.
struct Projection<'a> {
    fields: Vec<&'a Field>,
    expands: Vec<(&'a ExpandItem, &'a Relation, &'a Entity)>,
}

/// One row by its key, as clients read it.
pub(super) fn single(
    session: &Session<'_>,
    entity: &Entity,
    key: &Key,
    options: &QueryOptions,
) -> Result<(Row, Map<String, Json>), Refused> {
    let projection = projection(session, entity, options)?;
    let row = session
        .load(entity, key)?
        .ok_or_else(|| no_row(session, entity))?;
    let object = project(session, entity, &projection, &row)?;
    Ok((row, object))
}

/// The answer to a read by a key that no row has.
pub(super) fn no_row(session: &Session<'_>, entity: &Entity) -> Refused {
    Refused::NoRow {
        collection: entity.collection.clone(),
        status: session.settings.missing_row_status,
    }
}

/// A page of a collection that is asked for.
pub(super) struct Page<'a> {
    pub(super) options: &'a QueryOptions,
    /// Whether rows of all companies are read.
    pub(super) cross_company: bool,
    /// The most rows it may have.
    pub(super) size: usize,
    /// The absolute URL of the request; the nextLink repeats its options.
    pub(super) url: &'a str,
    pub(super) context: &'a str,
}

impl Page<'_> {
    /// Its rows, `@odata.count` when asked for, `@odata.nextLink` when there is more.
    pub(super) fn read(&self, session: &Session<'_>, entity: &Entity) -> Result<Json, Refused> {
        let Self {
            options,
            cross_company,
            size: page_size,
            url,
            context,
        } = *self;
        let projection = projection(session, entity, options)?;
        let order = order(entity, options)?;
        let token = options.skiptoken.as_deref().map(read_token).transpose()?;
        let condition = condition(session, entity, options, cross_company)?;

        let count = match options.count {
            Some(true) => Some(session.tx.count(&entity.collection, condition.as_ref())?),
            _ => None,
        };

        let left = match &token {
            Some(token) => token.left,
            None => options.top,
        };
        let mut wanted: Vec<&Field> = projection.fields.clone();
        for name in order.iter().map(|(name, _)| name.as_str()).chain(
            projection
                .expands
                .iter()
                .flat_map(|(_, relation, _)| relation.fields.iter().map(|pair| pair.from.as_str())),
        ) {
            if !wanted.iter().any(|field| field.name == name)
                && let Some(field) = entity.field(name)
            {
                wanted.push(field);
            }
        }
        if entity.per_company && !wanted.iter().any(|field| field.name == COMPANY) {
            wanted.extend(entity.field(COMPANY));
        }
        let mut columns = vec![REC_ID, REC_VERSION];
        columns.extend(wanted.iter().map(|field| field.name.as_str()));
        let mut select = Select::from(&entity.collection, &columns);
        if let Some(condition) = condition {
            select = select.filter(condition);
        }
        for (name, descending) in &order {
            select = select.order(if *descending {
                Order::descending(name)
            } else {
                Order::ascending(name)
            });
        }
        select = select.order(Order::ascending(REC_ID));
        if let Some(token) = &token {
            let last: Vec<Value> = token.after.iter().map(stored).collect();
            if last.len() != select.order.len() {
                return Err(Refused::request(
                    "The skip token does not belong to this query.",
                ));
            }
            let after = keyset_after(&select.order, &last);
            select = select.filter(after);
        } else if let Some(skip) = options.skip {
            select.skip = usize::try_from(skip).unwrap_or(usize::MAX);
        }
        let limit = left
            .and_then(|left| usize::try_from(left).ok())
            .unwrap_or(usize::MAX);
        let size = page_size.max(1).min(limit);
        // One more row than a page holds tells whether there is a next page.
        let mut rows = session.tx.select(&select.limit(size.saturating_add(1)))?;
        let more = rows.len() > size && limit > size;
        rows.truncate(size);

        let mut value = Vec::with_capacity(rows.len());
        let mut last = None;
        for columns in rows {
            let partial = Row::from_columns(columns);
            let by_name: BTreeMap<&str, &Value> = wanted
                .iter()
                .map(|field| field.name.as_str())
                .zip(&partial.values)
                .collect();
            let mut object = Map::new();
            let tag = etag(partial.rec_version, partial.rec_id);
            object.insert("@odata.etag".to_owned(), Json::String(tag));
            for field in &projection.fields {
                if let Some(stored) = by_name.get(field.name.as_str()) {
                    let json = values::write(&session.store.schema, field, stored);
                    object.insert(field.name.clone(), json);
                }
            }
            expand(
                session,
                &projection,
                |name| by_name.get(name).copied(),
                &mut object,
            )?;
            value.push(Json::Object(object));
            if more {
                let mut after: Vec<Json> = order
                    .iter()
                    .map(|(name, _)| by_name.get(name.as_str()).map_or(Json::Null, |v| plain(v)))
                    .collect();
                after.push(Json::from(partial.rec_id));
                last = Some(after);
            }
        }

        let mut body = Map::new();
        body.insert(
            "@odata.context".to_owned(),
            Json::String(context.to_owned()),
        );
        if let Some(count) = count {
            body.insert("@odata.count".to_owned(), Json::from(count));
        }
        body.insert("value".to_owned(), Json::Array(value));
        if let Some(after) = last {
            let rest = left.map(|left| left.saturating_sub(size as u64));
            let link = match session.settings.next_link {
                NextLink::SkipToken => {
                    let token =
                        serde_json::to_string(&SkipToken { after, left: rest }).unwrap_or_default();
                    next_link(
                        url,
                        &["$skiptoken"],
                        &[("$skiptoken", URL_SAFE_NO_PAD.encode(token))],
                    )
                }
                NextLink::Skip => {
                    let skip = options.skip.unwrap_or(0) + size as u64;
                    let mut added = vec![("$skip", skip.to_string())];
                    added.extend(rest.map(|rest| ("$top", rest.to_string())));
                    next_link(url, &["$skip", "$top"], &added)
                }
            };
            body.insert("@odata.nextLink".to_owned(), Json::String(link));
        }
        Ok(Json::Object(body))
    }
}

/// The number of rows that a filter leaves.
pub(super) fn count(
    session: &Session<'_>,
    entity: &Entity,
    options: &QueryOptions,
    cross_company: bool,
) -> Result<i64, Refused> {
    let condition = condition(session, entity, options, cross_company)?;
    Ok(session.tx.count(&entity.collection, condition.as_ref())?)
}

/// The part of `@odata.context` that names the selected properties: `(Name,Description)`.
pub(super) fn selection(options: &QueryOptions) -> String {
    match &options.select {
        Some(items) if !items.iter().any(|item| item.path == "*") => {
            let names: Vec<&str> = items.iter().map(|item| item.path.as_str()).collect();
            format!("({})", names.join(","))
        }
        _ => String::new(),
    }
}

/// The filter and, unless the read crosses companies, the user's company.
fn condition(
    session: &Session<'_>,
    entity: &Entity,
    options: &QueryOptions,
    cross_company: bool,
) -> Result<Option<Sql>, Refused> {
    let reader = Reader {
        schema: &session.store.schema,
        settings: session.settings,
        entity,
    };
    let filter = options
        .filter
        .as_ref()
        .map(|filter| reader.sql(filter))
        .transpose()?;
    let company = (entity.per_company && !cross_company).then(|| {
        Sql::new(
            format!("t.{} = ?", quote(COMPANY)),
            vec![Value::Text(session.user.company.clone())],
        )
    });
    Ok(match (filter, company) {
        (Some(filter), Some(company)) => Some(filter.and(company)),
        (one, other) => one.or(other),
    })
}

/// Names and directions of `$orderby`; the record id makes the order total.
fn order(entity: &Entity, options: &QueryOptions) -> Result<Vec<(String, bool)>, Refused> {
    options
        .orderby
        .iter()
        .map(|by| match &by.expr {
            odata::expr::Expr::Path(path) => match path.as_name() {
                Some(name) => Ok((filter::find(entity, name)?.name.clone(), by.descending)),
                None => Err(Refused::request("Rows can only be ordered by properties.")),
            },
            _ => Err(Refused::request("Rows can only be ordered by properties.")),
        })
        .collect()
}

fn projection<'a>(
    session: &'a Session<'_>,
    entity: &'a Entity,
    options: &'a QueryOptions,
) -> Result<Projection<'a>, Refused> {
    let fields = selected(entity, options)?;
    let mut expands = Vec::new();
    for item in &options.expand {
        let relation = entity
            .relations
            .iter()
            .find(|relation| relation.name == item.path);
        let target =
            relation.and_then(|relation| session.store.schema.collection(&relation.entity));
        let (Some(relation), Some(target)) = (relation, target) else {
            return Err(Refused::request(format!(
                "Could not find a property named '{}' on type \
                 'Microsoft.Dynamics.DataEntities.{}'.",
                item.path, entity.name
            )));
        };
        if !item.options.expand.is_empty() {
            return Err(Refused::request(
                "$expand is supported on the first level only.",
            ));
        }
        selected(target, &item.options)?;
        expands.push((item, relation, target));
    }
    Ok(Projection { fields, expands })
}

fn selected<'a>(entity: &'a Entity, options: &QueryOptions) -> Result<Vec<&'a Field>, Refused> {
    match &options.select {
        Some(items) if !items.iter().any(|item| item.path == "*") => items
            .iter()
            .map(|item| filter::find(entity, &item.path))
            .collect(),
        _ => Ok(entity.fields.iter().collect()),
    }
}

fn project(
    session: &Session<'_>,
    entity: &Entity,
    projection: &Projection<'_>,
    row: &Row,
) -> Result<Map<String, Json>, Refused> {
    let mut object = Map::new();
    object.insert("@odata.etag".to_owned(), Json::String(row.etag()));
    for field in &projection.fields {
        if let Some(stored) = row.value(entity, &field.name) {
            object.insert(
                field.name.clone(),
                values::write(&session.store.schema, field, stored),
            );
        }
    }
    expand(
        session,
        projection,
        |name| row.value(entity, name),
        &mut object,
    )?;
    Ok(object)
}

/// Adds the related row of each expanded relation, or null.
fn expand<'v>(
    session: &Session<'_>,
    projection: &Projection<'_>,
    value: impl Fn(&str) -> Option<&'v Value>,
    object: &mut Map<String, Json>,
) -> Result<(), Refused> {
    for (item, relation, target) in &projection.expands {
        let mut key: Key = relation
            .fields
            .iter()
            .filter_map(|pair| Some((pair.to.clone(), value(&pair.from)?.clone())))
            .collect();
        if target.per_company
            && let Some(company) = value(COMPANY)
        {
            key.push((COMPANY.to_owned(), company.clone()));
        }
        let related = session.load(target, &key)?;
        let json = match related {
            None => Json::Null,
            Some(row) => {
                let fields = selected(target, &item.options)?;
                let inner = Projection {
                    fields,
                    expands: Vec::new(),
                };
                Json::Object(project(session, target, &inner, &row)?)
            }
        };
        object.insert(relation.name.clone(), json);
    }
    Ok(())
}

/// The request's URL with some options left out and others added.
fn next_link(url: &str, without: &[&str], added: &[(&str, String)]) -> String {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut options: Vec<String> = query
        .split('&')
        .filter(|option| !option.is_empty())
        .filter(|option| {
            let name = option
                .split('=')
                .next()
                .unwrap_or_default()
                .replace("%24", "$");
            !without.contains(&name.as_str())
        })
        .map(str::to_owned)
        .collect();
    options.extend(added.iter().map(|(name, value)| format!("{name}={value}")));
    format!("{path}?{}", options.join("&"))
}

fn read_token(text: &str) -> Result<SkipToken, Refused> {
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| Refused::request("The skip token is not one of this service."))
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!({"t": text}),
        Value::Integer(number) => json!(number),
        _ => Json::Null,
    }
}

fn stored(json: &Json) -> Value {
    match json {
        Json::Number(number) => number
            .to_string()
            .parse()
            .map_or(Value::Null, Value::Integer),
        Json::Object(object) => match object.get("t") {
            Some(Json::String(text)) => Value::Text(text.clone()),
            _ => Value::Null,
        },
        _ => Value::Null,
    }
}
