//! What Dataverse posts to a webhook: a remote execution context, of which only the place of the
//! change is taken.

use crate::codes;
use crate::error::{Class, SystemError};
use crate::system::Notice;
use duet_map::record::RecordId;
use serde_json::Value as Json;
use uuid::Uuid;

/// Reads a body. `set_of` gives the entity set of a type name.
pub(super) fn read(
    system: &str,
    body: &[u8],
    set_of: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Notice>, SystemError> {
    let unreadable = |why: &str| {
        SystemError::new(
            Class::Bug,
            codes::NOTICE_UNREADABLE,
            format!(
                "what was posted for `{system}` is no execution context of Dataverse ({why}); \
                 check which service posts to this webhook"
            ),
        )
    };
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let context: Json = serde_json::from_slice(body).map_err(|_| unreadable("it is no JSON"))?;
    let type_name = context
        .get("PrimaryEntityName")
        .and_then(Json::as_str)
        .ok_or_else(|| unreadable("it names no table"))?;
    // A table that is not known is in no map.
    let Some(table) = set_of(type_name) else {
        return Ok(Vec::new());
    };
    let notice = |id: Option<Uuid>| Notice {
        table: table.clone(),
        record: id.map(|id| RecordId(id.hyphenated().to_string())),
    };
    // Bulk messages carry their records as `Targets` and no primary one.
    let mut records: Vec<Uuid> = targets(&context).filter_map(identifier).collect();
    if let Some(id) = context.get("PrimaryEntityId").and_then(guid) {
        records.push(id);
    }
    records.sort_unstable();
    records.dedup();
    if records.is_empty() {
        return Ok(vec![notice(None)]);
    }
    Ok(records.into_iter().map(|id| notice(Some(id))).collect())
}

/// The records among a bulk message's parameters.
fn targets(context: &Json) -> impl Iterator<Item = &Json> {
    context
        .get("InputParameters")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter(|pair| pair.get("key").and_then(Json::as_str) == Some("Targets"))
        .filter_map(|pair| pair.get("value"))
        .filter_map(|value| value.get("Entities").unwrap_or(value).as_array())
        .flatten()
}

fn identifier(entity: &Json) -> Option<Uuid> {
    entity.get("Id").and_then(guid)
}

/// A GUID that names a record: all zeros name none.
fn guid(json: &Json) -> Option<Uuid> {
    let id = Uuid::parse_str(json.as_str()?).ok()?;
    (!id.is_nil()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_notices(body: &Json) -> Vec<Notice> {
        read("sales", body.to_string().as_bytes(), |name| {
            (name == "contact").then(|| "contacts".to_owned())
        })
        .unwrap()
    }

    #[test]
    fn an_update_names_its_record() {
        let notices = read_notices(&json!({
            "MessageName": "Update",
            "PrimaryEntityName": "contact",
            "PrimaryEntityId": "4026BE43-6B69-E111-8F65-78E7D1620F5E",
        }));
        assert_eq!(
            notices,
            [Notice {
                table: "contacts".into(),
                record: Some(RecordId("4026be43-6b69-e111-8f65-78e7d1620f5e".into())),
            }]
        );
    }

    #[test]
    fn a_bulk_message_names_all_its_records() {
        let id = "4026be43-6b69-e111-8f65-78e7d162000";
        let entity = |n: u8| json!({"LogicalName": "contact", "Id": format!("{id}{n}")});
        let nothing = "00000000-0000-0000-0000-000000000000";
        for targets in [
            json!([entity(1), entity(2)]),
            json!({"Entities": [entity(1), entity(2)]}),
        ] {
            let notices = read_notices(&json!({
                "MessageName": "UpdateMultiple",
                "PrimaryEntityName": "contact",
                "PrimaryEntityId": nothing,
                "InputParameters": [{"key": "Targets", "value": targets}],
            }));
            let ids: Vec<String> = notices
                .into_iter()
                .filter_map(|notice| notice.record)
                .map(|id| id.0)
                .collect();
            assert_eq!(ids, [format!("{id}1"), format!("{id}2")]);
        }
    }

    #[test]
    fn a_stripped_body_still_names_its_table_and_an_unknown_table_is_nobodys() {
        let notices = read_notices(&json!({"PrimaryEntityName": "contact"}));
        assert_eq!(notices[0].record, None);
        assert!(read_notices(&json!({"PrimaryEntityName": "task"})).is_empty());
    }

    #[test]
    fn anything_else_is_refused_without_a_panic() {
        for body in ["", "[]", "{}", "null", "{\"PrimaryEntityName\":1}"] {
            let error = read("sales", body.as_bytes(), |_| None).unwrap_err();
            assert_eq!(error.code, codes::NOTICE_UNREADABLE);
        }
    }
}
