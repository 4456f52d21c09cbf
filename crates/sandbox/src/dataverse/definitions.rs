//! Tables, columns, keys and relationships as metadata rows (protocol reference A12).
//!
//! Every row is a plain JSON object with all its properties; [`metadata`](super::metadata) selects
//! from them what a request asks for.

use serde_json::{Map, Value as Json, json};

use super::model::{Model, Table, Tie};
use super::organisation::named_id;
use crate::schema::{
    AlternateKey, Choice, Column, ColumnKind, DateBehavior, ManyToMany, OptionSet, RequiredLevel,
    TableOrigin,
};

const NAMESPACE: &str = "Microsoft.Dynamics.CRM";

/// A metadata row of a table.
pub(super) fn entity(table: &Table, code: usize) -> Map<String, Json> {
    let schema = &table.schema;
    let name = table.name();
    let custom = name.contains('_');
    let shown = schema.label.as_deref().unwrap_or(&schema.schema_name);
    fields(json!({
        "MetadataId": table_id(name),
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
        "IsManaged": schema.origin != TableOrigin::Custom,
        "IsActivity": false,
        "IsIntersect": table.is_intersect(),
        "IsLogicalEntity": false,
        "IsPrivate": false,
        "ChangeTrackingEnabled": schema.change_tracking,
        "IsOptimisticConcurrencyEnabled": true,
        "CanChangeTrackingBeEnabled": managed(true, "canchangetrackingbeenabled"),
        "IsValidForAdvancedFind": true,
        "DisplayName": label(shown, name),
        "DisplayCollectionName": label(table.set(), table.set()),
        "Description": label("", name),
        "DataProviderId": null,
        "ExternalName": null,
    }))
}

/// The metadata id of a table.
pub(super) fn table_id(name: &str) -> uuid::Uuid {
    named_id("entity", name)
}

/// The metadata id of a relationship.
pub(super) fn relationship_id(name: &str) -> uuid::Uuid {
    named_id("relationship", name)
}

/// The metadata id of an option set.
pub(super) fn set_id(name: &str) -> uuid::Uuid {
    named_id("optionset", name)
}

/// The metadata id of an alternate key.
pub(super) fn key_id(table: &Table, key: &AlternateKey) -> uuid::Uuid {
    named_id("key", &format!("{}/{}", table.name(), key.name))
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
        ColumnKind::MultiSelect { .. } | ColumnKind::File { .. } | ColumnKind::Image { .. } => {
            "Virtual"
        }
    }
}

/// The text of `AttributeTypeName`, without its ending.
fn type_name(column: &Column) -> &'static str {
    match &column.kind {
        ColumnKind::MultiSelect { .. } => "MultiSelectPicklist",
        ColumnKind::File { .. } => "File",
        ColumnKind::Image { .. } => "Image",
        _ => attribute_type(column),
    }
}

/// The metadata type of a column, without its namespace: what a cast segment names.
pub(super) fn metadata_type(column: &Column) -> String {
    match type_name(column) {
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
        "SchemaName": column.schema_name.as_deref().unwrap_or(&column.name),
        "EntityLogicalName": table.name(),
        "AttributeOf": null,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": format!("{}Type", type_name(column))},
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
        "IsManaged": column.schema_name.is_none(),
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
        ColumnKind::Picklist { .. } | ColumnKind::MultiSelect { .. } => {
            json!({"DefaultFormValue": -1})
        }
        ColumnKind::File { max_kilobytes } => json!({"MaxSizeInKB": max_kilobytes}),
        ColumnKind::Image { max_kilobytes } => json!({
            "MaxSizeInKB": max_kilobytes, "CanStoreFullImage": true, "IsPrimaryImage": false,
        }),
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
        ColumnKind::Picklist { options } | ColumnKind::MultiSelect { options } => {
            (options, "Picklist")
        }
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
        "MetadataId": set_id(name),
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
        "MetadataId": key_id(table, key),
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
            relationship(model, table, column, navigation, &target.table)
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
        let Tie::Lookup(column) = &collection.by else {
            continue;
        };
        if let Some(column) = members.column(column) {
            let navigation = &collection.partner;
            found.push(relationship(
                model,
                members,
                column,
                navigation,
                table.name(),
            ));
        }
    }
    found
}

/// The many-to-many relationships of a table.
pub(super) fn many_to_many(model: &Model, table: &Table) -> Vec<Map<String, Json>> {
    let mut found: Vec<Map<String, Json>> = Vec::new();
    for (known, _) in model.links_of(table.name()) {
        // One that ties a table to itself has it at both ends.
        if !found.iter().any(|row| row["SchemaName"] == *known.name) {
            found.push(many_to_many_row(known));
        }
    }
    found
}

/// The metadata row of a many-to-many relationship.
pub(super) fn many_to_many_row(known: &ManyToMany) -> Map<String, Json> {
    fields(json!({
        "@odata.type": format!("#{NAMESPACE}.ManyToManyRelationshipMetadata"),
        "MetadataId": relationship_id(&known.name),
        "HasChanged": null,
        "SchemaName": known.name,
        "RelationshipType": "ManyToManyRelationship",
        "IsCustomRelationship": known.name.contains("new_"),
        "IsManaged": false,
        "SecurityTypes": "None",
        "IntersectEntityName": known.intersect,
        "Entity1LogicalName": known.first.table,
        "Entity1IntersectAttribute": known.first.column,
        "Entity1NavigationPropertyName": known.first.navigation,
        "Entity2LogicalName": known.second.table,
        "Entity2IntersectAttribute": known.second.column,
        "Entity2NavigationPropertyName": known.second.navigation,
    }))
}

/// The metadata row of an option set that columns may share.
pub(super) fn shared_set(set: &OptionSet) -> Map<String, Json> {
    let mut row = set_of(&set.name, "Picklist");
    let options = set.options.iter().map(|option| choice(option, &set.name));
    row.insert("Options".into(), options.collect());
    row.insert("IsGlobal".into(), true.into());
    row.insert("IsCustomOptionSet".into(), true.into());
    row.insert("IsManaged".into(), false.into());
    row.insert("DisplayName".into(), label(&set.label, &set.name));
    row
}

fn relationship(
    model: &Model,
    table: &Table,
    column: &Column,
    navigation: &str,
    target: &str,
) -> Map<String, Json> {
    let known = model.one_to_many(table.name(), &column.name, target);
    let name = known.name;
    let referenced_id = model
        .table(target)
        .map_or_else(|| format!("{target}id"), |table| table.id().to_owned());
    let custom = column.schema_name.is_some() || name.contains("msdyn_");
    fields(json!({
        "@odata.type": format!("#{NAMESPACE}.OneToManyRelationshipMetadata"),
        "MetadataId": relationship_id(&name),
        "HasChanged": null,
        "SchemaName": name,
        "RelationshipType": "OneToManyRelationship",
        "IsCustomRelationship": custom,
        "IsManaged": column.schema_name.is_none(),
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
            "Delete": known.delete,
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
