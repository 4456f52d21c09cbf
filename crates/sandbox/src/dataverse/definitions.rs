//! Tables, columns, keys and relationships as metadata rows (protocol reference A12).
//!
//! Every row is a plain JSON object with all its properties; [`metadata`](super::metadata) selects
//! from them what a request asks for.

use serde_json::{Map, Value as Json, json};

use super::model::{Model, Table, relationship_name};
use super::organisation::named_id;
use crate::schema::{AlternateKey, Choice, Column, ColumnKind, DateBehavior, RequiredLevel};

const NAMESPACE: &str = "Microsoft.Dynamics.CRM";

/// A metadata row of a table.
pub(super) fn entity(table: &Table, code: usize) -> Map<String, Json> {
    let schema = &table.schema;
    let name = table.name();
    let custom = name.contains('_');
    fields(json!({
        "MetadataId": named_id("entity", name),
        "HasChanged": null,
        "LogicalName": name,
        "SchemaName": schema.schema_name,
        "EntitySetName": table.set(),
        "LogicalCollectionName": table.set(),
        "CollectionSchemaName": table.set(),
        "PrimaryIdAttribute": table.id(),
        "PrimaryNameAttribute": schema.primary_name,
        "PrimaryImageAttribute": null,
        "ObjectTypeCode": if custom { 10_000 + code } else { code + 1 },
        "TableType": "Standard",
        "OwnershipType": "UserOwned",
        "IsCustomEntity": custom,
        "IsManaged": true,
        "IsActivity": false,
        "IsIntersect": false,
        "IsLogicalEntity": false,
        "IsPrivate": false,
        "ChangeTrackingEnabled": schema.change_tracking,
        "IsOptimisticConcurrencyEnabled": true,
        "CanChangeTrackingBeEnabled": managed(true, "canchangetrackingbeenabled"),
        "IsValidForAdvancedFind": true,
        "DisplayName": label(&schema.schema_name, name),
        "DisplayCollectionName": label(table.set(), table.set()),
        "Description": label("", name),
        "DataProviderId": null,
        "ExternalName": null,
    }))
}

fn managed(value: bool, property: &str) -> Json {
    json!({"Value": value, "CanBeChanged": true, "ManagedPropertyLogicalName": property})
}

/// A text in the organisation's only language.
fn label(text: &str, about: &str) -> Json {
    let localized = json!({
        "Label": text,
        "LanguageCode": 1033,
        "IsManaged": true,
        "MetadataId": named_id("label", &format!("{about}/{text}")),
        "HasChanged": null,
    });
    json!({"LocalizedLabels": [localized.clone()], "UserLocalizedLabel": localized})
}

/// The text of `AttributeType`.
pub(super) fn attribute_type(column: &Column) -> &'static str {
    match &column.kind {
        ColumnKind::String { .. } => "String",
        ColumnKind::Memo { .. } => "Memo",
        ColumnKind::Integer { .. } => "Integer",
        ColumnKind::BigInt => "BigInt",
        ColumnKind::Decimal { .. } => "Decimal",
        ColumnKind::Double { .. } => "Double",
        ColumnKind::Money { .. } => "Money",
        ColumnKind::Boolean => "Boolean",
        ColumnKind::DateTime { .. } => "DateTime",
        ColumnKind::Picklist { .. } => "Picklist",
        ColumnKind::State { .. } => "State",
        ColumnKind::Status { .. } => "Status",
        ColumnKind::Lookup { .. } if column.name == "ownerid" => "Owner",
        ColumnKind::Lookup { targets } => {
            let to = |name: &str| targets.iter().any(|target| target.table == name);
            if to("account") && to("contact") && targets.len() == 2 {
                "Customer"
            } else {
                "Lookup"
            }
        }
        ColumnKind::Uniqueidentifier => "Uniqueidentifier",
    }
}

/// The metadata type of a column, without its namespace: what a cast segment names.
pub(super) fn metadata_type(column: &Column) -> String {
    match attribute_type(column) {
        "Owner" | "Customer" | "Lookup" => "LookupAttributeMetadata".into(),
        "Uniqueidentifier" => "UniqueIdentifierAttributeMetadata".into(),
        other => format!("{other}AttributeMetadata"),
    }
}

/// A metadata row of a column: the properties every column has, and those of its own type, which
/// only a cast shows.
pub(super) struct Attribute {
    pub(super) common: Map<String, Json>,
    pub(super) own: Map<String, Json>,
}

/// The metadata row of a column.
pub(super) fn attribute(table: &Table, column: &Column) -> Attribute {
    let kind = attribute_type(column);
    let primary = column.name == table.id();
    let primary_name = table.schema.primary_name.as_deref() == Some(&column.name);
    let required = match column.required {
        _ if primary => "SystemRequired",
        RequiredLevel::None => "None",
        RequiredLevel::Recommended => "Recommended",
        RequiredLevel::Application => "ApplicationRequired",
        RequiredLevel::System => "SystemRequired",
    };
    let writable = !column.read_only;
    let shown = column.label.as_deref().unwrap_or(&column.name);
    let common = fields(json!({
        "@odata.type": format!("#{NAMESPACE}.{}", metadata_type(column)),
        "MetadataId": attribute_id(table, column),
        "HasChanged": null,
        "LogicalName": column.name,
        "SchemaName": column.name,
        "EntityLogicalName": table.name(),
        "AttributeOf": null,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": format!("{kind}Type")},
        "ColumnNumber": null,
        "DisplayName": label(shown, &column.name),
        "Description": label("", &column.name),
        "RequiredLevel": {
            "Value": required,
            "CanBeChanged": required != "SystemRequired",
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        "IsCustomAttribute": column.name.contains('_') && !column.name.ends_with("_base"),
        "IsPrimaryId": primary,
        "IsPrimaryName": primary_name,
        "IsLogical": false,
        "IsManaged": true,
        "IsSecured": false,
        "IsValidForRead": true,
        "IsValidForCreate": writable || primary,
        "IsValidForUpdate": writable && !primary,
        "IsValidODataAttribute": true,
        "SourceType": null,
        "IsAuditEnabled": managed(true, "canmodifyauditsettings"),
    }));
    Attribute {
        common,
        own: fields(own(column)),
    }
}

pub(super) fn attribute_id(table: &Table, column: &Column) -> uuid::Uuid {
    named_id("attribute", &format!("{}/{}", table.name(), column.name))
}

fn own(column: &Column) -> Json {
    match &column.kind {
        ColumnKind::String { max_length } => {
            json!({"MaxLength": max_length, "Format": "Text", "FormatName": {"Value": "Text"},
                   "DatabaseLength": max_length * 2})
        }
        ColumnKind::Memo { max_length } => {
            json!({"MaxLength": max_length, "Format": "TextArea"})
        }
        ColumnKind::Integer { min, max } => {
            json!({"MinValue": min, "MaxValue": max, "Format": "None"})
        }
        ColumnKind::BigInt => json!({"MinValue": i64::MIN, "MaxValue": i64::MAX}),
        ColumnKind::Decimal {
            precision,
            min,
            max,
        } => json!({
            "Precision": precision, "MinValue": number(*min), "MaxValue": number(*max),
        }),
        ColumnKind::Money {
            precision,
            min,
            max,
        } => json!({
            "Precision": precision, "MinValue": number(*min), "MaxValue": number(*max),
            "PrecisionSource": 0, "IsBaseCurrency": column.name.ends_with("_base"),
            "CalculationOf": column.name.strip_suffix("_base"),
        }),
        ColumnKind::Double { precision } => json!({
            "Precision": precision, "MinValue": -100_000_000_000_i64,
            "MaxValue": 100_000_000_000_i64,
        }),
        ColumnKind::Boolean => json!({"DefaultValue": false}),
        ColumnKind::DateTime { behavior } => {
            let (behavior, format) = match behavior {
                DateBehavior::UserLocal => ("UserLocal", "DateAndTime"),
                DateBehavior::TimeZoneIndependent => ("TimeZoneIndependent", "DateAndTime"),
                DateBehavior::DateOnly => ("DateOnly", "DateOnly"),
            };
            json!({"DateTimeBehavior": {"Value": behavior}, "Format": format})
        }
        ColumnKind::Picklist { .. } => json!({"DefaultFormValue": -1}),
        ColumnKind::State { .. } | ColumnKind::Status { .. } => {
            json!({"DefaultFormValue": null})
        }
        ColumnKind::Lookup { targets } => {
            let targets: Vec<&str> = targets.iter().map(|target| target.table.as_str()).collect();
            json!({"Targets": targets, "Format": "None"})
        }
        ColumnKind::Uniqueidentifier => json!({}),
    }
}

fn number(value: rust_decimal::Decimal) -> Json {
    value.to_string().parse().map_or(Json::Null, Json::Number)
}

/// The option set of a choice column; nothing for other columns.
pub(super) fn option_set(table: &Table, column: &Column) -> Option<Map<String, Json>> {
    let (options, kind) = match &column.kind {
        ColumnKind::Picklist { options } => (options, "Picklist"),
        ColumnKind::State { options } => (options, "State"),
        ColumnKind::Status { options } => (options, "Status"),
        ColumnKind::Boolean => return Some(boolean_set(table, column)),
        _ => return None,
    };
    let name = format!("{}_{}", table.name(), column.name);
    let options: Vec<Json> = options
        .iter()
        .map(|option| {
            let mut shown = fields(choice(option, &name));
            match kind {
                "State" => {
                    shown.insert("InvariantName".into(), option.label.clone().into());
                    shown.insert("DefaultStatus".into(), (option.value + 1).into());
                }
                "Status" => {
                    shown.insert("State".into(), (option.value - 1).max(0).into());
                }
                _ => {}
            }
            Json::Object(shown)
        })
        .collect();
    let mut set = set_of(&name, kind);
    set.insert("Options".into(), Json::Array(options));
    Some(set)
}

fn boolean_set(table: &Table, column: &Column) -> Map<String, Json> {
    let name = format!("{}_{}", table.name(), column.name);
    let option = |value, label: &str| {
        choice(
            &Choice {
                value,
                label: label.into(),
            },
            &name,
        )
    };
    let mut set = set_of(&name, "Boolean");
    set.insert("TrueOption".into(), option(1, "Yes"));
    set.insert("FalseOption".into(), option(0, "No"));
    set
}

fn set_of(name: &str, kind: &str) -> Map<String, Json> {
    fields(json!({
        "@odata.type": if kind == "Boolean" {
            format!("#{NAMESPACE}.BooleanOptionSetMetadata")
        } else {
            format!("#{NAMESPACE}.OptionSetMetadata")
        },
        "MetadataId": named_id("optionset", name),
        "HasChanged": null,
        "Name": name,
        "IsGlobal": false,
        "IsCustomOptionSet": false,
        "IsManaged": true,
        "OptionSetType": kind,
        "DisplayName": label(name, name),
        "Description": label("", name),
    }))
}

fn choice(option: &Choice, set: &str) -> Json {
    json!({
        "Value": option.value,
        "Label": label(&option.label, &format!("{set}/{}", option.value)),
        "Description": label("", &format!("{set}/{}", option.value)),
        "Color": null,
        "IsManaged": true,
        "ExternalValue": null,
        "ParentValues": [],
        "Tag": null,
        "IsHidden": false,
        "MetadataId": null,
        "HasChanged": null,
    })
}

/// The metadata row of an alternate key.
pub(super) fn key(table: &Table, key: &AlternateKey) -> Map<String, Json> {
    fields(json!({
        "MetadataId": named_id("key", &format!("{}/{}", table.name(), key.name)),
        "HasChanged": null,
        "LogicalName": key.name,
        "SchemaName": key.name,
        "EntityLogicalName": table.name(),
        "KeyAttributes": key.columns,
        "EntityKeyIndexStatus": "Active",
        "IsManaged": true,
        "IsSynchronous": false,
        "DisplayName": label(&key.name, &key.name),
        "AsyncJob": null,
    }))
}

/// The relationships of all lookups of a table.
pub(super) fn many_to_one(model: &Model, table: &Table) -> Vec<Map<String, Json>> {
    table
        .navigations()
        .map(|(navigation, column, target)| {
            let referenced = model.table(&target.table);
            let restricts = referenced.is_some_and(|referenced| {
                let mut uses = referenced.referenced_by.iter();
                uses.any(|one| {
                    one.table == table.name() && one.column == column.name && one.restricts
                })
            });
            relationship(
                table,
                column,
                navigation,
                &target.table,
                referenced,
                restricts,
            )
        })
        .collect()
}

/// The relationships of all lookups that point to a table.
pub(super) fn one_to_many(model: &Model, table: &Table) -> Vec<Map<String, Json>> {
    let mut found = Vec::new();
    for (_, collection) in table.collections() {
        let Some(members) = model.table(&collection.table) else {
            continue;
        };
        let Some(column) = members.column(&collection.column) else {
            continue;
        };
        let restricts = table
            .referenced_by
            .iter()
            .any(|one| one.table == members.name() && one.column == column.name && one.restricts);
        found.push(relationship(
            members,
            column,
            &collection.partner,
            table.name(),
            Some(table),
            restricts,
        ));
    }
    found
}

fn relationship(
    table: &Table,
    column: &Column,
    navigation: &str,
    target: &str,
    referenced: Option<&Table>,
    restricts: bool,
) -> Map<String, Json> {
    let name = relationship_name(table.name(), &column.name, target);
    let referenced_id =
        referenced.map_or_else(|| format!("{target}id"), |table| table.id().to_owned());
    fields(json!({
        "@odata.type": format!("#{NAMESPACE}.OneToManyRelationshipMetadata"),
        "MetadataId": named_id("relationship", &name),
        "HasChanged": null,
        "SchemaName": name,
        "RelationshipType": "OneToManyRelationship",
        "IsCustomRelationship": name.contains("msdyn_"),
        "IsManaged": true,
        "SecurityTypes": "Append",
        "ReferencedAttribute": referenced_id,
        "ReferencedEntity": target,
        "ReferencingAttribute": column.name,
        "ReferencingEntity": table.name(),
        "IsHierarchical": table.name() == target,
        "ReferencedEntityNavigationPropertyName": name,
        "ReferencingEntityNavigationPropertyName": navigation,
        "CascadeConfiguration": {
            "Assign": "NoCascade",
            "Delete": if restricts { "Restrict" } else { "RemoveLink" },
            "Merge": "NoCascade",
            "Reparent": "NoCascade",
            "Share": "NoCascade",
            "Unshare": "NoCascade",
            "RollupView": "NoCascade",
        },
    }))
}

fn fields(object: Json) -> Map<String, Json> {
    match object {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}
