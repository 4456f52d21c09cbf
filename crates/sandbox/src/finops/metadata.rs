//! Metadata: the service document, `$metadata` and the `/Metadata` endpoints (protocol reference B4).

use serde_json::{Value as Json, json};

use super::error::{Refused, object};
use crate::schema::{Entity, EnumType, Field, FieldKind, FinOpsSchema};

/// The namespace of all types.
pub(super) const NAMESPACE: &str = "Microsoft.Dynamics.DataEntities";

/// The service document.
pub(super) fn service_document(schema: &FinOpsSchema, origin: &str) -> Json {
    let sets: Vec<Json> = schema
        .entities
        .iter()
        .map(|entity| {
            json!({"name": entity.collection, "kind": "EntitySet", "url": entity.collection})
        })
        .collect();
    json!({"@odata.context": format!("{origin}/data/$metadata"), "value": sets})
}

/// Answers a request below `/Metadata`; the path is taken without regard to case, the key is not.
pub(super) fn answer(schema: &FinOpsSchema, origin: &str, path: &str) -> Result<Json, Refused> {
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let (name, key) = match path.trim_matches('/').split_once('(') {
        Some((name, key)) => (name, Some(key_text(key)?)),
        None => (path.trim_matches('/'), None),
    };
    let (set, all): (&str, Vec<(&str, Json)>) = match name.to_lowercase().as_str() {
        "" => {
            let sets = ["PublicEntities", "PublicEnumerations", "DataEntities"]
                .map(|name| json!({"name": name, "kind": "EntitySet", "url": name}));
            return Ok(json!({
                "@odata.context": format!("{origin}/Metadata/$metadata"),
                "value": sets,
            }));
        }
        "publicentities" => (
            "PublicEntities",
            schema
                .entities
                .iter()
                .map(|e| (e.name.as_str(), public_entity(e)))
                .collect(),
        ),
        "publicenumerations" => (
            "PublicEnumerations",
            schema
                .enums
                .iter()
                .map(|e| (e.name.as_str(), public_enumeration(e)))
                .collect(),
        ),
        "dataentities" => (
            "DataEntities",
            schema
                .entities
                .iter()
                .map(|e| (object(e), data_entity(e)))
                .collect(),
        ),
        _ => {
            return Err(Refused::NotFound(format!(
                "Resource not found for the segment '{name}'."
            )));
        }
    };
    let context = format!("{origin}/Metadata/$metadata#{set}");
    match key {
        None => {
            let value: Vec<Json> = all.into_iter().map(|(_, body)| body).collect();
            Ok(json!({"@odata.context": context, "value": value}))
        }
        Some(key) => {
            let found = all.into_iter().find(|(name, _)| *name == key);
            let Some((_, Json::Object(body))) = found else {
                return Err(Refused::NotFound(format!("{set} has no '{key}'.")));
            };
            let mut whole = serde_json::Map::new();
            whole.insert(
                "@odata.context".to_owned(),
                json!(format!("{context}/$entity")),
            );
            whole.extend(body);
            Ok(Json::Object(whole))
        }
    }
}

/// The name in `('CustomerV3')` or `(Name='CustomerV3')`.
fn key_text(key: &str) -> Result<String, Refused> {
    let key = key.strip_suffix(')').unwrap_or(key).trim();
    let quoted = key.strip_prefix("Name=").unwrap_or(key).trim();
    quoted
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''))
        .map(|text| text.replace("''", "'"))
        .ok_or_else(|| Refused::request("The key must be a name in quotes."))
}

fn public_entity(entity: &Entity) -> Json {
    let properties: Vec<Json> = entity
        .fields
        .iter()
        .map(|field| {
            let is_key = entity.is_key(&field.name);
            let (type_name, data_type) = type_names(field);
            json!({
                "Name": field.name,
                "TypeName": type_name,
                "DataType": data_type,
                "LabelId": null,
                "IsKey": is_key,
                "IsMandatory": field.mandatory,
                "ConfigurationEnabled": true,
                "AllowEdit": !field.read_only && !is_key,
                "AllowEditOnCreate": !field.read_only,
                "IsDimension": false,
                "DimensionRelation": null,
                "IsDynamicDimension": false,
                "DimensionLegalEntityProperty": null,
                "DimensionTypeProperty": null,
            })
        })
        .collect();
    let navigation: Vec<Json> = entity
        .relations
        .iter()
        .map(|relation| {
            let constraints: Vec<Json> = relation
                .fields
                .iter()
                .map(|pair| {
                    json!({
                        "@odata.type":
                            "#Microsoft.Dynamics.Metadata.ReferentialConstraint",
                        "Property": pair.from,
                        "ReferencedProperty": pair.to,
                    })
                })
                .collect();
            json!({
                "Name": relation.name,
                "RelatedEntity": relation.entity,
                "Cardinality": "Single",
                "Constraints": constraints,
            })
        })
        .collect();
    json!({
        "Name": entity.name,
        "EntitySetName": entity.collection,
        "LabelId": entity.title,
        "IsReadOnly": false,
        "ConfigurationEnabled": true,
        "Properties": properties,
        "NavigationProperties": navigation,
        "PropertyGroups": [],
        "Actions": [],
    })
}

fn public_enumeration(known: &EnumType) -> Json {
    let members: Vec<Json> = known
        .members
        .iter()
        .map(|member| {
            json!({
                "Name": member.name,
                "Value": member.value,
                "LabelId": null,
                "ConfigurationEnabled": true,
            })
        })
        .collect();
    json!({"Name": known.name, "LabelId": null, "Members": members})
}

fn data_entity(entity: &Entity) -> Json {
    json!({
        "Name": object(entity),
        "PublicEntityName": entity.name,
        "PublicCollectionName": entity.collection,
        "LabelId": entity.title,
        "DataServiceEnabled": true,
        "DataManagementEnabled": true,
        "EntityCategory": "Master",
        "IsReadOnly": false,
    })
}

/// The type of a field in CSDL and in the application.
pub(super) fn type_names(field: &Field) -> (String, &'static str) {
    let (type_name, data_type) = match &field.kind {
        FieldKind::String { .. } => ("Edm.String", "String"),
        FieldKind::Int => ("Edm.Int32", "Integer"),
        FieldKind::Int64 => ("Edm.Int64", "Int64"),
        FieldKind::Real => ("Edm.Decimal", "Real"),
        FieldKind::Date => ("Edm.DateTimeOffset", "Date"),
        FieldKind::UtcDateTime => ("Edm.DateTimeOffset", "UtcDateTime"),
        FieldKind::Guid => ("Edm.Guid", "Guid"),
        FieldKind::Enum { name } => return (format!("{NAMESPACE}.{name}"), "Enum"),
    };
    (type_name.to_owned(), data_type)
}
