//! `?fetchXml=`: selections in XML, with links, nested filters, groups and totals.

use axum::http::StatusCode;
use serde_json::{Map, Value as Json};

use super::conditions::condition_sql;
use super::cookie::Cookie;
use super::errors::{ApiError, ApiResult};
use super::model::{ColumnFacts, Table};
use super::selection::{
    Field, Selection, Shown, Total, adds_up, all_fields, column, column_sql, date_part,
    plain_field, run,
};
use super::session::{Call, Reply, Session};
use super::xml::Element;
use crate::rows::{Order, Sql, Value, quote};
use crate::schema::Column;

/// Answers a read of a set by `FetchXML`.
pub(super) fn read(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    text: &str,
) -> ApiResult<Reply> {
    let wrong = || ApiError::new(StatusCode::BAD_REQUEST, "0x80041102", "Invalid XML.");
    let fetch = Element::read(text)
        .filter(|root| root.name == "fetch")
        .ok_or_else(wrong)?;
    let entity = fetch.named("entity").next().ok_or_else(wrong)?;
    if entity.attribute("name") != Some(table.name()) {
        return Err(ApiError::malformed(format!(
            "The entity of the query is not '{}', which the address names.",
            table.name()
        )));
    }
    let number = |name: &str| -> ApiResult<Option<usize>> {
        let given = fetch.attribute(name);
        given
            .map(|text| text.parse().map_err(|_| wrong()))
            .transpose()
    };
    let aggregates = fetch.flag("aggregate");
    let mut builder = Builder {
        session,
        selection: Selection {
            distinct: fetch.flag("distinct"),
            ..Selection::default()
        },
        aggregates,
        links: Vec::new(),
        conditions: Vec::new(),
    };
    builder.selection.from = Sql::new(format!("{} AS \"t\"", quote(table.name())), Vec::new());
    builder.element(table, "t", entity, "")?;
    let Builder {
        mut selection,
        conditions,
        ..
    } = builder;
    for condition in conditions {
        selection.condition = Some(match selection.condition.take() {
            Some(present) => present.and(condition),
            None => condition,
        });
    }
    if !aggregates {
        let id = column(table, table.id())?;
        if !selection
            .fields
            .iter()
            .any(|field| field.name == table.id())
            && !selection.distinct
        {
            selection.fields.push(plain_field("t", id, ""));
        }
        if !selection.distinct {
            selection.order.push(Order {
                by: column_sql("t", id),
                descending: false,
            });
        }
    }
    let page = number("page")?.unwrap_or(1).max(1);
    let size = number("count")?.or(call.preferences.page_size);
    let size = size
        .unwrap_or(session.settings.page_size)
        .min(session.settings.page_size);
    let top = number("top")?;
    selection.limit = top.unwrap_or(size).min(session.settings.page_size);
    selection.skip = (page - 1).saturating_mul(size);
    let (rows, more) = run(session, call, &selection)?;

    let mut body = Map::new();
    let context = format!("{}/$metadata#{}", call.root, table.set());
    body.insert("@odata.context".into(), context.into());
    if fetch.flag("returntotalrecordcount") {
        let counted = Selection {
            limit: usize::MAX - 1,
            skip: 0,
            fields: vec![Field {
                name: "n".into(),
                sql: Sql::new("1", Vec::new()),
                shown: Shown::Number,
            }],
            order: Vec::new(),
            ..selection
        };
        let count = run(session, call, &counted)?.0.len().min(5000);
        body.insert("@odata.count".into(), count.into());
        body.insert(
            "@Microsoft.Dynamics.CRM.totalrecordcount".into(),
            count.into(),
        );
    }
    if more && top.is_none() {
        let id = rows
            .last()
            .and_then(|row| row.get(table.id()))
            .and_then(Json::as_str);
        let edge = [Value::Text(id.unwrap_or_default().to_owned())];
        let cookie = Cookie::after(page + 1, &[table.id().to_owned()], &edge, &edge).text();
        body.insert(
            "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie".into(),
            cookie.into(),
        );
        body.insert("@Microsoft.Dynamics.CRM.morerecords".into(), true.into());
    } else {
        body.insert("@Microsoft.Dynamics.CRM.morerecords".into(), false.into());
    }
    body.insert("value".into(), rows.into_iter().map(Json::Object).collect());
    Ok(Reply::json(Json::Object(body)))
}

struct Builder<'m, 's> {
    session: &'s Session<'m>,
    selection: Selection<'m>,
    aggregates: bool,
    /// Aliases of linked tables, and the tables.
    links: Vec<(String, &'m Table)>,
    conditions: Vec<Sql>,
}

impl<'m> Builder<'m, '_> {
    /// Reads an `entity` or a `link-entity`.
    fn element(
        &mut self,
        table: &Table,
        alias: &str,
        element: &Element,
        prefix: &str,
    ) -> ApiResult<()> {
        // The model outlives the request, which the borrow of a parameter cannot say.
        let table = self
            .session
            .model
            .table(table.name())
            .ok_or_else(|| ApiError::no_segment(table.name()))?;
        // Links come first, so that conditions may name their aliases.
        for link in element.named("link-entity") {
            self.link(table, alias, link)?;
        }
        if element.named("all-attributes").next().is_some() {
            self.selection
                .fields
                .extend(all_fields(table, alias, prefix));
        }
        for attribute in element.named("attribute") {
            let name = attribute.attribute("name").unwrap_or_default();
            let column = column(table, name)?;
            self.attribute(alias, column, attribute, prefix)?;
        }
        if element
            .children
            .iter()
            .all(|one| !one.name.ends_with("attribute"))
            && element
                .children
                .iter()
                .all(|one| one.name != "all-attributes")
            && element.name == "entity"
            && !self.aggregates
        {
            self.selection
                .fields
                .extend(all_fields(table, alias, prefix));
        }
        if element.name == "entity" {
            for filter in element.named("filter") {
                let condition = self.filter(table, alias, filter)?;
                self.conditions.push(condition);
            }
        }
        for order in element.named("order") {
            let by = match (order.attribute("alias"), order.attribute("attribute")) {
                (Some(name), _) => {
                    let field = self
                        .selection
                        .fields
                        .iter()
                        .find(|field| field.name == name);
                    field.map(|field| field.sql.clone())
                }
                (None, Some(name)) => Some(column_sql(alias, column(table, name)?)),
                (None, None) => None,
            };
            let by = by.ok_or_else(|| ApiError::malformed("An order names no attribute."))?;
            self.selection.order.push(Order {
                by,
                descending: order.flag("descending"),
            });
        }
        Ok(())
    }

    fn attribute(
        &mut self,
        alias: &str,
        column: &'m Column,
        attribute: &Element,
        prefix: &str,
    ) -> ApiResult<()> {
        let sql = column_sql(alias, column);
        let name = match attribute.attribute("alias") {
            Some(alias) => alias.to_owned(),
            None if prefix.is_empty() => column.property_name(),
            None => format!("{prefix}{}", column.name),
        };
        if attribute.flag("groupby") {
            let part = attribute.attribute("dategrouping");
            let (sql, shown) = match part {
                Some(part) => {
                    let sql = date_part(&sql, part).ok_or_else(|| {
                        ApiError::malformed(format!("The grouping '{part}' is not supported."))
                    })?;
                    (sql, Shown::Number)
                }
                None => (sql, Shown::Column(column)),
            };
            self.selection.groups.push(sql.clone());
            self.selection.fields.push(Field { name, sql, shown });
            return Ok(());
        }
        let Some(total) = attribute.attribute("aggregate") else {
            if self.aggregates {
                return Err(ApiError::malformed(
                    "An attribute of an aggregate query must be grouped or added up.",
                ));
            }
            self.selection.fields.push(Field {
                name,
                sql,
                shown: Shown::Column(column),
            });
            return Ok(());
        };
        let total = match total {
            "count" => Total::Count,
            "countcolumn" if attribute.flag("distinct") => Total::CountDistinct,
            "countcolumn" => Total::CountColumn,
            "sum" if adds_up(column) => Total::Sum,
            "avg" if adds_up(column) => Total::Average,
            "min" => Total::Min,
            "max" => Total::Max,
            other => {
                return Err(ApiError::malformed(format!(
                    "The aggregate '{other}' does not go with '{}'.",
                    column.name
                )));
            }
        };
        self.selection
            .fields
            .push(Field::total(name, total, sql, column));
        Ok(())
    }

    fn link(&mut self, table: &Table, alias: &str, link: &Element) -> ApiResult<()> {
        let name = link.attribute("name").unwrap_or_default();
        let linked = self
            .session
            .model
            .table(name)
            .ok_or_else(|| ApiError::no_segment(name))?;
        let link_alias = match link.attribute("alias") {
            Some(alias) => alias.to_owned(),
            None => format!("{name}{}", self.links.len() + 1),
        };
        let from = column(linked, link.attribute("from").unwrap_or(linked.id()))?;
        let to = column(table, link.attribute("to").unwrap_or(table.id()))?;
        let join = match link.attribute("link-type").unwrap_or("inner") {
            "outer" => "LEFT JOIN",
            "inner" => "JOIN",
            other => {
                return Err(ApiError::malformed(format!(
                    "The link type '{other}' is not supported."
                )));
            }
        };
        let text = format!(
            "{} {join} {} AS {} ON {} = {}",
            self.selection.from.text,
            quote(linked.name()),
            quote(&link_alias),
            column_sql(&link_alias, from).text,
            column_sql(alias, to).text,
        );
        self.selection.from.text = text;
        // A link's own filter belongs to the join: an outer link keeps rows without a partner.
        for filter in link.named("filter") {
            let condition = self.filter(linked, &link_alias, filter)?;
            self.selection
                .from
                .text
                .extend([" AND (", &condition.text, ")"]);
            self.selection.from.params.extend(condition.params);
        }
        self.links.push((link_alias.clone(), linked));
        let prefix = format!("{link_alias}.");
        self.element(linked, &link_alias, link, &prefix)
    }

    fn filter(&self, table: &Table, alias: &str, filter: &Element) -> ApiResult<Sql> {
        let separator = match filter.attribute("type").unwrap_or("and") {
            "or" => " OR ",
            _ => " AND ",
        };
        let mut texts = Vec::new();
        let mut params = Vec::new();
        for child in &filter.children {
            let condition = match child.name.as_str() {
                "filter" => self.filter(table, alias, child)?,
                "condition" => self.condition(table, alias, child)?,
                _ => continue,
            };
            texts.push(format!("({})", condition.text));
            params.extend(condition.params);
        }
        let text = if texts.is_empty() {
            "1".into()
        } else {
            texts.join(separator)
        };
        Ok(Sql::new(text, params))
    }

    fn condition(&self, table: &Table, alias: &str, condition: &Element) -> ApiResult<Sql> {
        let (table, alias) = match condition.attribute("entityname") {
            Some(name) => self
                .links
                .iter()
                .find(|(known, _)| known == name)
                .map(|(known, linked)| (*linked, known.as_str()))
                .ok_or_else(|| ApiError::malformed(format!("There is no link '{name}'.")))?,
            None => (table, alias),
        };
        let column = column(table, condition.attribute("attribute").unwrap_or_default())?;
        let sql = column_sql(alias, column).text;
        let mut values: Vec<&str> = condition.attribute("value").into_iter().collect();
        values.extend(condition.named("value").map(|value| value.text.as_str()));
        let operator = condition.attribute("operator").unwrap_or("eq");
        let user = self.session.actor.user.as_str();
        condition_sql(column, &sql, operator, &values, user)
    }
}
