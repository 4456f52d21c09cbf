//! The JSON of a row: which columns and expanded rows it has, and the annotations beside them
//! (protocol reference A3 and A8).

use serde_json::{Map, Value as Json, json};

use super::errors::{ApiError, ApiResult};
use super::filter::Filters;
use super::formatted::formatted;
use super::model::{Collection, ColumnFacts, Model, Table, Tie, VERSION, target_column};
use super::options::{Expand, Options};
use super::session::{Call, Row, Session};
use super::value;
use crate::rows::{Order, Sql, Value, quote};
use crate::schema::{Column, ColumnKind};

const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";
const NAVIGATION: &str = "Microsoft.Dynamics.CRM.associatednavigationproperty";
const LOGICAL_NAME: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";

/// What a row shows.
#[derive(Debug)]
pub(super) struct Shape<'m> {
    /// The columns in the order of the payload.
    pub(super) columns: Vec<&'m Column>,
    expands: Vec<ExpandShape<'m>>,
    /// What stands in the parentheses of the context URL.
    context: Vec<String>,
}

#[derive(Debug)]
struct ExpandShape<'m> {
    name: String,
    what: Expanded<'m>,
    shape: Option<Shape<'m>>,
    options: Options,
}

#[derive(Debug)]
enum Expanded<'m> {
    /// A lookup and the tables it may point to by this name.
    One(&'m Column, Vec<&'m Table>),
    Many(&'m Collection, &'m Table),
    CountOfMany(&'m Collection, &'m Table),
}

impl<'m> Shape<'m> {
    /// The shape that `$select` and `$expand` ask for.
    pub(super) fn new(model: &'m Model, table: &'m Table, options: &Options) -> ApiResult<Self> {
        let mut columns: Vec<&Column> = Vec::new();
        let mut context = Vec::new();
        match &options.select {
            Some(names) if !names.iter().any(|name| name == "*") => {
                for name in names {
                    // The name of a lookup or its navigation means its value.
                    let column = table
                        .property(name)
                        .or_else(|| table.column(name))
                        .or_else(|| table.navigation(name).first().map(|(lookup, _)| *lookup));
                    let Some(column) = column else {
                        if table.collection(name).is_some() {
                            continue;
                        }
                        return Err(ApiError::no_property(name, table.name()));
                    };
                    if !columns.iter().any(|known| known.name == column.name) {
                        columns.push(column);
                    }
                    context.push(name.clone());
                }
                let with_money = columns
                    .iter()
                    .any(|one| matches!(one.kind, ColumnKind::Money { .. }));
                if with_money
                    && let Some(currency) = table.column("transactioncurrencyid")
                    && !columns.iter().any(|known| known.name == currency.name)
                {
                    columns.push(currency);
                }
                if let Some(id) = table.column(table.id())
                    && !columns.iter().any(|known| known.name == id.name)
                {
                    columns.push(id);
                }
            }
            _ => columns.extend(table.schema.columns.iter()),
        }
        let mut expands = Vec::new();
        for item in &options.expand {
            let expand = ExpandShape::new(model, table, item)?;
            let inside = expand.shape.as_ref().map(|shape| shape.context.join(","));
            context.push(format!(
                "{}({})",
                item.navigation,
                inside.unwrap_or_default()
            ));
            expands.push(expand);
        }
        Ok(Self {
            columns,
            expands,
            context,
        })
    }

    /// The columns to read for this shape: those shown, and the lookups that are expanded.
    pub(super) fn needed(&self) -> Vec<&'m Column> {
        let mut needed = self.columns.clone();
        for expand in &self.expands {
            if let Expanded::One(column, _) = expand.what {
                needed.push(column);
            }
        }
        needed
    }

    /// `accounts(name,accountnumber)`, for context URLs.
    pub(super) fn context(&self, set: &str) -> String {
        if self.context.is_empty() {
            set.to_owned()
        } else {
            format!("{set}({})", self.context.join(","))
        }
    }

    /// Whether something is expanded.
    pub(super) fn expands(&self) -> bool {
        !self.expands.is_empty()
    }
}

impl<'m> ExpandShape<'m> {
    fn new(model: &'m Model, table: &'m Table, item: &Expand) -> ApiResult<Self> {
        let name = item.navigation.clone();
        if item.navigation == "*" {
            return Err(ApiError::malformed("$expand=* is not supported."));
        }
        if let Some(collection) = table.collection(&name) {
            let members = model.table(&collection.table);
            let members = members.ok_or_else(|| ApiError::no_property(&name, table.name()))?;
            let what = match item.suffix.as_deref() {
                Some("$count") => Expanded::CountOfMany(collection, members),
                _ => Expanded::Many(collection, members),
            };
            let shape = match item.suffix.as_deref() {
                None => Some(Shape::new(model, members, &item.options)?),
                Some("$ref" | "$count") => None,
                Some(other) => return Err(ApiError::no_property(other, members.name())),
            };
            return Ok(Self {
                name,
                what,
                shape,
                options: item.options.clone(),
            });
        }
        let found = table.navigation(&name);
        let Some((column, _)) = found.first().copied() else {
            return Err(ApiError::no_property(&name, table.name()));
        };
        let targets: Vec<&Table> = found
            .iter()
            .filter_map(|(_, target)| model.table(&target.table))
            .collect();
        let Some(first) = targets.first() else {
            return Err(ApiError::no_property(&name, table.name()));
        };
        let shape = match item.suffix.as_deref() {
            None => Some(Shape::new(model, first, &item.options)?),
            Some("$ref") => None,
            Some(other) => return Err(ApiError::no_property(other, first.name())),
        };
        let what = Expanded::One(column, targets);
        Ok(Self {
            name,
            what,
            shape,
            options: item.options.clone(),
        })
    }
}

/// The entity tag of a row.
pub(super) fn etag(row: &Row) -> String {
    format!("W/\"{}\"", row.integer(VERSION).unwrap_or_default())
}

/// A row with its entity tag, as list members and single reads show it.
pub(super) fn render(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    shape: &Shape<'_>,
    row: &Row,
) -> ApiResult<Map<String, Json>> {
    let mut body = Map::new();
    body.insert("@odata.etag".into(), etag(row).into());
    render_into(&mut body, session, call, table, shape, row)?;
    Ok(body)
}

fn render_into(
    body: &mut Map<String, Json>,
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    shape: &Shape<'_>,
    row: &Row,
) -> ApiResult<()> {
    for column in &shape.columns {
        // A secret can be written, never read.
        let secret = table.name() == "serviceendpoint" && column.name == "authvalue";
        let value = if secret {
            &Value::Null
        } else {
            row.get(&column.name)
        };
        let name = column.property_name();
        if call.preferences.annotations.is_some() && !matches!(value, Value::Null) {
            annotate(body, session, call, column, &name, value, row)?;
        }
        body.insert(name, value::to_json(column, value));
    }
    for expand in &shape.expands {
        expand_into(body, session, call, table, expand, row)?;
    }
    Ok(())
}

fn annotate(
    body: &mut Map<String, Json>,
    session: &Session<'_>,
    call: &Call,
    column: &Column,
    name: &str,
    value: &Value,
    row: &Row,
) -> ApiResult<()> {
    let wants = |annotation: &str| call.preferences.wants(annotation);
    if let ColumnKind::Lookup { targets } = &column.kind {
        let target = row.text(&target_column(&column.name)).unwrap_or_default();
        if wants(FORMATTED)
            && let Value::Text(id) = value
            && let Some(shown) = session.primary_name(target, id)?
        {
            body.insert(format!("{name}@{FORMATTED}"), shown.into());
        }
        if wants(NAVIGATION)
            && let Some(known) = targets.iter().find(|one| one.table == target)
        {
            body.insert(
                format!("{name}@{NAVIGATION}"),
                known.navigation.clone().into(),
            );
        }
        if wants(LOGICAL_NAME) {
            body.insert(format!("{name}@{LOGICAL_NAME}"), target.into());
        }
    } else if wants(FORMATTED)
        && let Some(shown) = formatted(column, value)
    {
        body.insert(format!("{name}@{FORMATTED}"), shown.into());
    }
    Ok(())
}

fn expand_into(
    body: &mut Map<String, Json>,
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    expand: &ExpandShape<'_>,
    row: &Row,
) -> ApiResult<()> {
    match &expand.what {
        Expanded::One(column, targets) => {
            let stored = row.text(&target_column(&column.name));
            let target = targets.iter().find(|target| Some(target.name()) == stored);
            let shown = match (target, row.text(&column.name)) {
                (Some(target), Some(id)) => one(session, call, target, expand, id)?,
                _ => Json::Null,
            };
            body.insert(expand.name.clone(), shown);
        }
        Expanded::Many(collection, members) => {
            let id = row.text(table.id()).unwrap_or_default();
            let shown = many(session, call, table, collection, members, expand, id)?;
            body.insert(expand.name.clone(), Json::Array(shown));
            let link = format!(
                "{}/{}({id})/{}{}",
                call.root,
                table.set(),
                expand.name,
                link_options(&expand.options)
            );
            body.insert(format!("{}@odata.nextLink", expand.name), link.into());
        }
        Expanded::CountOfMany(collection, members) => {
            let id = row.text(table.id()).unwrap_or_default();
            let condition = members_of(collection, members, table, id);
            let count = session.tx.count(members.name(), Some(&condition))?;
            body.insert(format!("{}@odata.count", expand.name), count.into());
        }
    }
    Ok(())
}

fn one(
    session: &Session<'_>,
    call: &Call,
    target: &Table,
    expand: &ExpandShape<'_>,
    id: &str,
) -> ApiResult<Json> {
    let Some(shape) = &expand.shape else {
        return Ok(json!({"@odata.id": format!("{}/{}({id})", call.root, target.set())}));
    };
    // Another target than the first may have been meant: its columns by the same names.
    let retargeted;
    let shape = if target.name() == shape_table(expand) {
        shape
    } else {
        retargeted = Shape::new(session.model, target, &expand.options)?;
        &retargeted
    };
    let Some(row) = session.row(target, &shape.needed(), id)? else {
        return Ok(Json::Null);
    };
    let mut inner = Map::new();
    render_into(&mut inner, session, call, target, shape, &row)?;
    Ok(Json::Object(inner))
}

fn shape_table<'x>(expand: &'x ExpandShape<'_>) -> &'x str {
    match &expand.what {
        Expanded::One(_, targets) => targets.first().map_or("", |table| table.name()),
        Expanded::Many(_, table) | Expanded::CountOfMany(_, table) => table.name(),
    }
}

fn many(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    collection: &Collection,
    members: &Table,
    expand: &ExpandShape<'_>,
    id: &str,
) -> ApiResult<Vec<Json>> {
    let filters = Filters::new(session.model, &call.options.aliases, session.now);
    let mut condition = members_of(collection, members, table, id);
    if let Some(text) = &expand.options.filter {
        condition = condition.and(filters.condition(members, text)?);
    }
    let mut order = filters.order(members, &expand.options.order)?;
    order.push(Order::ascending(members.id()));
    let limit = expand.options.top.unwrap_or(session.settings.page_size);
    let columns = expand.shape.as_ref().map(Shape::needed).unwrap_or_default();
    let rows = session.rows(members, &columns, &[], |mut select| {
        select.order = order;
        select.filter(condition).limit(limit)
    })?;
    rows.iter()
        .map(|row| {
            if let Some(shape) = &expand.shape {
                render(session, call, members, shape, row).map(Json::Object)
            } else {
                let id = row.text(members.id()).unwrap_or_default();
                Ok(json!({"@odata.id": format!("{}/{}({id})", call.root, members.set())}))
            }
        })
        .collect()
}

/// The condition for the rows of a collection: those that belong to a row of `table`.
pub(super) fn members_of(collection: &Collection, members: &Table, table: &Table, id: &str) -> Sql {
    match &collection.by {
        Tie::Lookup(column) => Sql::new(
            format!(
                "t.{} = ? AND t.{} = ?",
                quote(column),
                quote(&target_column(column))
            ),
            vec![Value::Text(id.into()), Value::Text(table.name().into())],
        ),
        Tie::Links {
            intersect,
            near,
            far,
        } => Sql::new(
            format!(
                "t.{} IN (SELECT {} FROM {} WHERE {} = ?)",
                quote(members.id()),
                quote(far),
                quote(intersect),
                quote(near)
            ),
            vec![Value::Text(id.into())],
        ),
    }
}

fn link_options(options: &Options) -> String {
    let parts: Vec<String> = options
        .given
        .iter()
        .map(|(name, value)| format!("{name}={}", super::address::encode_option(value)))
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("?{}", parts.join("&"))
    }
}
