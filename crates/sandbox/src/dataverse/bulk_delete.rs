//! `BulkDelete`: deletes what a `QueryExpression` selects, as a system job that is over at once
//! (protocol reference A11 and C).

use serde_json::{Map, Value as Json, json};

use super::change::object;
use super::conditions::{condition_sql, fetch_operator};
use super::errors::{ApiError, ApiResult};
use super::model::Table;
use super::precondition::Condition;
use super::selection::{column, column_sql};
use super::session::{Call, Reply, Session};
use super::write;
use crate::rows::Sql;

/// How deeply filters may nest.
const DEPTH: usize = 32;

/// Runs the action.
pub(super) fn run(session: &Session<'_>, call: &Call) -> ApiResult<Reply> {
    let body = object("BulkDelete", &call.body)?;
    let wrong = |text: &str| ApiError::payload("BulkDelete", text);
    let queries = body.get("QuerySet").and_then(Json::as_array);
    let queries = queries.ok_or_else(|| wrong("The parameter 'QuerySet' must be a list."))?;
    let mut deleted = 0_usize;
    for query in queries {
        let name = query["EntityName"].as_str().unwrap_or_default();
        let table = session
            .model
            .table(name)
            .ok_or_else(|| ApiError::no_segment(name))?;
        let condition = match &query["Criteria"] {
            Json::Object(criteria) => filter(session, table, criteria, 0)?,
            _ => Sql::new("1", Vec::new()),
        };
        let rows = session.rows(table, &[], &[], |select| select.filter(condition))?;
        for row in rows {
            let id = row.text(table.id()).unwrap_or_default();
            write::delete(session, call, table, id, Condition::None)?;
            deleted += 1;
        }
    }
    let jobs = session
        .model
        .table("asyncoperation")
        .ok_or_else(|| wrong("There are no jobs."))?;
    let job = json!({
        "name": body.get("JobName").and_then(Json::as_str).unwrap_or("Bulk delete"),
        "messagename": "BulkDelete",
        "operationtype": 13,
        "statecode": 3,
        "statuscode": 30,
        "message": format!("{deleted} rows deleted"),
    });
    let Json::Object(job) = job else {
        return Err(wrong("There are no jobs."));
    };
    let id = write::create(session, call, jobs, &job, None, &[])?;
    Ok(Reply::json(json!({
        "@odata.context": format!("{}/$metadata#Microsoft.Dynamics.CRM.BulkDeleteResponse", call.root),
        "JobId": id,
    })))
}

/// A `FilterExpression`.
fn filter(
    session: &Session<'_>,
    table: &Table,
    criteria: &Map<String, Json>,
    depth: usize,
) -> ApiResult<Sql> {
    if depth > DEPTH {
        return Err(ApiError::malformed("The query is nested too deeply."));
    }
    let any = matches!(&criteria.get("FilterOperator"), Some(Json::String(word)) if word == "Or");
    let list = |name: &str| {
        criteria
            .get(name)
            .and_then(Json::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let mut texts = Vec::new();
    let mut params = Vec::new();
    let mut add = |sql: Sql| {
        texts.push(format!("({})", sql.text));
        params.extend(sql.params);
    };
    for condition in list("Conditions") {
        let name = condition["AttributeName"].as_str().unwrap_or_default();
        let column = column(table, name)?;
        let operator = fetch_operator(condition["Operator"].as_str().unwrap_or("Equal"))?;
        let values: Vec<String> = condition["Values"]
            .as_array()
            .into_iter()
            .flatten()
            // A value comes bare or as an object with its type.
            .map(|value| value.get("Value").unwrap_or(value))
            .map(|value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), ToOwned::to_owned)
            })
            .collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let sql = column_sql("t", column).text;
        add(condition_sql(
            column,
            &sql,
            operator,
            &values,
            &session.actor.user,
        )?);
    }
    for inner in list("Filters") {
        if let Json::Object(inner) = inner {
            add(filter(session, table, &inner, depth + 1)?);
        }
    }
    if texts.is_empty() {
        return Ok(Sql::new("1", Vec::new()));
    }
    Ok(Sql::new(
        texts.join(if any { " OR " } else { " AND " }),
        params,
    ))
}
