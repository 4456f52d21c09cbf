//! Metadata: the service document, `$metadata` and the `/Metadata` endpoints (protocol reference B4).

use odata::Literal;
use odata::expr::{Collation, Properties, matches};
use odata::url::{OptionNames, RequestUrl};
use serde_json::{Map, Value as Json, json};

use super::actions::{Action, BoundTo};
use super::error::{Refused, object};
use super::labels;
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
pub(super) fn answer(
    schema: &FinOpsSchema,
    actions: &[Action],
    origin: &str,
    path: &str,
    query: &str,
) -> Result<Json, Refused> {
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let (name, key) = match path.trim_matches('/').split_once('(') {
        Some((name, key)) => (name, Some(key)),
        None => (path.trim_matches('/'), None),
    };
    let (set, all): (&str, Vec<(&str, Json)>) = match name.to_lowercase().as_str() {
        "" => {
            let sets = [
                "PublicEntities",
                "PublicEnumerations",
                "DataEntities",
                "Labels",
            ]
            .map(|name| json!({"name": name, "kind": "EntitySet", "url": name}));
            return Ok(json!({
                "@odata.context": format!("{origin}/Metadata/$metadata"),
                "value": sets,
            }));
        }
        "labels" => return label(schema, origin, key.unwrap_or_default()),
        "publicentities" => (
            "PublicEntities",
            schema
                .entities
                .iter()
                .map(|e| (e.name.as_str(), public_entity(e, actions)))
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
    let options = RequestUrl::parse(
        &format!("/Metadata/{set}?{query}"),
        "/Metadata",
        OptionNames::Exact,
    )
    .map_err(|error| Refused::request(format!("The URL cannot be read {error}.")))?
    .options;
    let shown = |row: Json| match row {
        Json::Object(mut row) => {
            if let Some(select) = &options.select {
                let names: Vec<String> = select.iter().map(ToString::to_string).collect();
                row.retain(|name, _| names.iter().any(|wanted| wanted == name || wanted == "*"));
            }
            row
        }
        _ => Map::new(),
    };
    match key {
        None => {
            let mut rows = Vec::new();
            for (_, row) in all {
                let wanted = match (&options.filter, &row) {
                    (Some(filter), Json::Object(fields)) => {
                        matches(filter, &Fields(fields), &Collation::DATAVERSE)
                            .map_err(|error| Refused::request(error.to_string()))?
                    }
                    _ => true,
                };
                if wanted {
                    rows.push(row);
                }
            }
            let mut body = Map::new();
            body.insert("@odata.context".to_owned(), json!(context));
            if options.count == Some(true) {
                body.insert("@odata.count".to_owned(), json!(rows.len()));
            }
            let number = |option: Option<u64>| option.and_then(|n| usize::try_from(n).ok());
            let value: Vec<Json> = rows
                .into_iter()
                .skip(number(options.skip).unwrap_or(0))
                .take(number(options.top).unwrap_or(usize::MAX))
                .map(|row| Json::Object(shown(row)))
                .collect();
            body.insert("value".to_owned(), json!(value));
            Ok(Json::Object(body))
        }
        Some(key) => {
            let key = key_text(key)?;
            let found = all.into_iter().find(|(name, _)| *name == key);
            let Some((_, body)) = found else {
                return Err(Refused::NotFound(format!("{set} has no '{key}'.")));
            };
            let mut whole = Map::new();
            whole.insert(
                "@odata.context".to_owned(),
                json!(format!("{context}/$entity")),
            );
            whole.extend(shown(body));
            Ok(Json::Object(whole))
        }
    }
}

/// `Labels(Id='@SYS1',Language='en-us')`
fn label(schema: &FinOpsSchema, origin: &str, key: &str) -> Result<Json, Refused> {
    let part = |name: &str| {
        let from = key.find(&format!("{name}='"))? + name.len() + 2;
        let to = key[from..].find('\'')?;
        Some(key[from..from + to].to_owned())
    };
    let (Some(id), Some(language)) = (part("Id"), part("Language")) else {
        return Err(Refused::request(
            "A label is asked for by Labels(Id='…',Language='…').",
        ));
    };
    let text = labels::text(schema, &id);
    let text = text.ok_or_else(|| Refused::NotFound(format!("There is no label '{id}'.")))?;
    Ok(json!({
        "@odata.context": format!("{origin}/Metadata/$metadata#Labels/$entity"),
        "Id": id,
        "Language": language,
        "Value": text,
    }))
}

/// A metadata row as expressions see it.
struct Fields<'a>(&'a Map<String, Json>);

impl Properties for Fields<'_> {
    fn get(&self, path: &str) -> Option<Literal> {
        Some(match self.0.get(path)? {
            Json::Bool(truth) => Literal::Bool(*truth),
            Json::Number(number) => Literal::parse(number.as_str()).ok()?,
            Json::String(text) => Literal::String(text.clone()),
            _ => Literal::Null,
        })
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

fn public_entity(entity: &Entity, actions: &[Action]) -> Json {
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
                "LabelId": labels::id(&entity.name, Some(&field.name)),
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
    let of = |kind: &str| json!({"TypeName": kind, "IsCollection": false});
    let own: Vec<Json> = actions
        .iter()
        .filter(|action| action.entity == entity.collection)
        .map(|action| {
            let parameters: Vec<Json> = action
                .parameters
                .iter()
                .map(|known| json!({"Name": known.name, "Type": of(&known.kind)}))
                .collect();
            json!({
                "Name": action.name,
                "BindingKind": match action.bound_to {
                    BoundTo::Row => "BoundToEntityInstance",
                    BoundTo::Set => "BoundToEntitySet",
                },
                "Parameters": parameters,
                "ReturnType": action.returns.as_deref().map(of),
                "FieldLookup": null,
            })
        })
        .collect();
    json!({
        "Name": entity.name,
        "EntitySetName": entity.collection,
        "LabelId": labels::id(&entity.name, None),
        "IsReadOnly": false,
        "ConfigurationEnabled": true,
        "Properties": properties,
        "NavigationProperties": navigation,
        "PropertyGroups": [],
        "Actions": own,
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
                "LabelId": labels::id(&known.name, Some(&member.name)),
                "ConfigurationEnabled": true,
            })
        })
        .collect();
    let label = labels::id(&known.name, None);
    json!({"Name": known.name, "LabelId": label, "Members": members})
}

fn data_entity(entity: &Entity) -> Json {
    json!({
        "Name": object(entity),
        "PublicEntityName": entity.name,
        "PublicCollectionName": entity.collection,
        "LabelId": labels::id(&entity.name, None),
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
