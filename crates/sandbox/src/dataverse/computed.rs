//! What the platform itself puts into a row: who and when, defaults, the status of a state, full
//! names, amounts in the base currency.

use std::collections::BTreeMap;

use super::change::put_lookup;
use super::errors::ApiResult;
use super::model::Table;
use super::session::{Row, Session};
use super::value;
use crate::rows::Value;
use crate::schema::ColumnKind;

/// What the platform fills in for a new row.
pub(super) fn defaults(session: &Session<'_>, table: &Table, values: &mut BTreeMap<String, Value>) {
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
pub(super) fn follow_state(table: &Table, before: &Row, values: &mut BTreeMap<String, Value>) {
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
pub(super) fn derived(
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
