//! Functions and actions of the Web API: who am I, versions, and the bulk actions (protocol
//! reference A11 and C).

use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::address::{Argument, Segment};
use super::change::object;
use super::errors::{ApiError, ApiResult};
use super::locate::{Located, bound, locate};
use super::model::Table;
use super::organisation::{BUSINESS_UNIT, ORGANIZATION};
use super::precondition::Condition;
use super::session::{Call, Reply, Session};
use super::write;
use super::{bulk_delete, metadata_changes, resource, value};

/// The version of the Web API that the stand-in follows.
pub(super) const VERSION: &str = "9.2.24104.00182";

/// Answers an unbound function or action; nothing when the name is none.
pub(super) fn unbound(
    session: &Session<'_>,
    call: &Call,
    segment: &Segment,
) -> ApiResult<Option<Reply>> {
    let name = segment.name.trim_start_matches("Microsoft.Dynamics.CRM.");
    let no_arguments = Vec::new();
    let arguments = segment.arguments.as_ref().unwrap_or(&no_arguments);
    let response = match (call.method.as_str(), name) {
        ("GET", "WhoAmI") => json!({
            "BusinessUnitId": BUSINESS_UNIT,
            "UserId": session.actor.user,
            "OrganizationId": ORGANIZATION,
        }),
        ("GET", "RetrieveVersion") => json!({"Version": VERSION}),
        ("GET", "RetrieveCurrentOrganization") => organization(session, call),
        ("POST", "BulkDelete") => return bulk_delete::run(session, call).map(Some),
        ("GET", "RetrieveTotalRecordCount") => record_counts(session, call, arguments)?,
        ("GET", "RetrieveMetadataChanges") => {
            let query = argument(call, arguments, "Query").unwrap_or_default();
            metadata_changes::retrieve(session, query)?
        }
        // What is made is there at once: there is nothing to publish.
        ("POST", "PublishXml" | "PublishAllXml") => return Ok(Some(Reply::no_content())),
        _ => return Ok(None),
    };
    let mut body = Map::new();
    let context = format!(
        "{}/$metadata#Microsoft.Dynamics.CRM.{name}Response",
        call.root
    );
    body.insert("@odata.context".into(), context.into());
    if let Json::Object(fields) = response {
        body.extend(fields);
    }
    Ok(Some(Reply::json(Json::Object(body))))
}

fn organization(session: &Session<'_>, call: &Call) -> Json {
    let origin = call.root.split("/api/").next().unwrap_or_default();
    json!({"Detail": {
        "OrganizationId": ORGANIZATION,
        "FriendlyName": session.settings.organization_name,
        "OrganizationVersion": VERSION,
        "EnvironmentId": ORGANIZATION,
        "DatacenterId": ORGANIZATION,
        "Geo": "NA",
        "TenantId": ORGANIZATION,
        "UrlName": session.settings.organization_name,
        "UniqueName": session.settings.organization_name,
        "State": "Enabled",
        "Endpoints": {
            "Count": 2,
            "IsReadOnly": false,
            "Keys": ["WebApplication", "OrganizationDataService"],
            "Values": [format!("{origin}/"), format!("{}/", call.root)],
        },
    }})
}

/// The text of an argument; behind a parameter alias, the alias's.
fn argument<'c>(call: &'c Call, arguments: &'c [Argument], name: &str) -> Option<&'c str> {
    let given = arguments
        .iter()
        .find(|one| one.name.as_deref() == Some(name))?;
    let aliased = call.options.aliases.get(&given.text);
    Some(aliased.unwrap_or(&given.text))
}

/// `RetrieveTotalRecordCount(EntityNames=['account'])`
fn record_counts(session: &Session<'_>, call: &Call, arguments: &[Argument]) -> ApiResult<Json> {
    let wrong = || ApiError::invalid_argument("EntityNames must be a list of table names.");
    let text = argument(call, arguments, "EntityNames").ok_or_else(wrong)?;
    let names: Vec<String> =
        serde_json::from_str(&text.replace('\'', "\"")).map_err(|_| wrong())?;
    let mut keys = Vec::new();
    let mut values = Vec::new();
    for name in names {
        let table = session.model.table(&name).ok_or_else(wrong)?;
        values.push(session.tx.count(table.name(), None)?);
        keys.push(name);
    }
    Ok(json!({"EntityRecordCountCollection": {
        "Count": keys.len(), "IsReadOnly": false, "Keys": keys, "Values": values,
    }}))
}

/// Answers an action bound to a table; nothing when the name is none.
pub(super) fn bound_to_table(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    name: &str,
) -> ApiResult<Option<Reply>> {
    let Some(name) = name.strip_prefix("Microsoft.Dynamics.CRM.") else {
        return Ok(None);
    };
    if call.method != axum::http::Method::POST {
        return Ok(None);
    }
    match name {
        "CreateMultiple" => {
            let mut ids = Vec::new();
            for target in targets(call, table)? {
                ids.push(write::create(session, call, table, &target, None, &[])?);
            }
            Ok(Some(Reply::json(json!({
                "@odata.context":
                    format!("{}/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse", call.root),
                "Ids": ids,
            }))))
        }
        "UpdateMultiple" => {
            for target in targets(call, table)? {
                let located = target_row(session, call, table, &target)?;
                let id = located.found(table)?;
                let body = without_key(table, target);
                write::update(session, call, table, &id, &body, Condition::Exists, &[])?;
            }
            Ok(Some(Reply::no_content()))
        }
        "UpsertMultiple" => {
            for target in targets(call, table)? {
                let located = target_row(session, call, table, &target)?;
                let body = without_key(table, target);
                resource::put(session, call, table, &body, located, Condition::None)?;
            }
            Ok(Some(Reply::no_content()))
        }
        "DeleteMultiple" => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "0x80040203",
            format!(
                "DeleteMultiple is not supported for the standard table {}.",
                table.name()
            ),
        )),
        _ => Ok(None),
    }
}

/// The rows in `Targets`; each must say its type.
fn targets(call: &Call, table: &Table) -> ApiResult<Vec<Map<String, Json>>> {
    let mut body = object(table.set(), &call.body)?;
    let Some(Json::Array(rows)) = body.remove("Targets") else {
        return Err(ApiError::payload(
            table.set(),
            "The parameter 'Targets' must be a list.",
        ));
    };
    let wanted = format!("Microsoft.Dynamics.CRM.{}", table.name());
    rows.into_iter()
        .map(|row| {
            let Json::Object(fields) = row else {
                return Err(ApiError::payload(
                    table.set(),
                    "'Targets' must hold objects.",
                ));
            };
            let kind = fields.get("@odata.type").and_then(Json::as_str);
            if kind.map(|kind| kind.trim_start_matches('#')) != Some(&wanted) {
                return Err(ApiError::payload(
                    table.set(),
                    format_args!("Every target must have '@odata.type' with '{wanted}'."),
                ));
            }
            Ok(fields)
        })
        .collect()
}

/// The row that a target names: by its primary key or by `@odata.id`.
fn target_row(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    target: &Map<String, Json>,
) -> ApiResult<Located> {
    if let Some(url) = target.get("@odata.id").and_then(Json::as_str) {
        let relative = super::locate::below_root(url);
        let path = super::address::segments(&super::address::decode_path(relative))?;
        return match path.as_slice() {
            [one] if one.name == table.set() => match &one.arguments {
                Some(arguments) => locate(session, call, table, arguments),
                None => Err(ApiError::no_segment(relative)),
            },
            _ => bound(session, call, url).map(|(_, id)| Located::Row(id)),
        };
    }
    let id = target
        .get(table.id())
        .and_then(Json::as_str)
        .and_then(value::guid);
    let id = id.ok_or_else(|| {
        ApiError::payload(
            table.set(),
            format_args!(
                "Every target must have its key '{}' or '@odata.id'.",
                table.id()
            ),
        )
    })?;
    let found = session.exists(table, &id)?;
    Ok(if found {
        Located::Row(id)
    } else {
        Located::NoId(id)
    })
}

fn without_key(table: &Table, mut target: Map<String, Json>) -> Map<String, Json> {
    target.remove(table.id());
    target
}
