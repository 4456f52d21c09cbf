//! The schemas of both stand-ins as the compiler wants them, read from the generated files.

#![allow(dead_code, reason = "each test program uses its part")]

use duet_map::{Column, ColumnType, LookupTarget, SchemaSet, TableSchema, Value};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Every table of the Dataverse stand-in.
pub(crate) fn dataverse() -> &'static SchemaSet {
    static TABLES: LazyLock<SchemaSet> = LazyLock::new(read_dataverse);
    &TABLES
}

/// Every entity of the F&O stand-in.
pub(crate) fn finops() -> &'static SchemaSet {
    static ENTITIES: LazyLock<SchemaSet> = LazyLock::new(read_finops);
    &ENTITIES
}

fn read_dataverse() -> SchemaSet {
    let file: Json =
        serde_json::from_str(include_str!("../../../sandbox/schemas/dataverse.json")).unwrap();
    let tables = file["tables"].as_array().unwrap();
    let set_of: BTreeMap<&str, &str> = tables
        .iter()
        .map(|table| {
            (
                text(&table["logical_name"]),
                text(&table["entity_set_name"]),
            )
        })
        .collect();
    SchemaSet(
        tables
            .iter()
            .map(|table| dataverse_table(table, &set_of))
            .collect(),
    )
}

fn dataverse_table(table: &Json, set_of: &BTreeMap<&str, &str>) -> TableSchema {
    let per_company = table["per_company"].as_bool() == Some(true);
    let columns = table["columns"].as_array().unwrap().iter().map(|column| {
        let name = text(&column["name"]);
        let writable = column["read_only"].as_bool() != Some(true);
        let company = per_company && name == "msdyn_company";
        Column {
            name: name.to_owned(),
            ty: dataverse_type(&column["type"], set_of),
            required: column["required"] == "system" && writable,
            create: writable,
            update: writable && !company,
            empty: None,
        }
    });
    let keys = table["keys"].as_array().map_or(&[][..], Vec::as_slice);
    TableSchema {
        name: text(&table["entity_set_name"]).to_owned(),
        type_name: text(&table["logical_name"]).to_owned(),
        title: text(&table["schema_name"]).to_owned(),
        primary_key: vec![text(&table["primary_id"]).to_owned()],
        alternate_keys: keys.iter().map(|key| texts(&key["columns"])).collect(),
        company: per_company.then(|| "msdyn_company".to_owned()),
        columns: columns
            .map(|column| (column.name.to_lowercase(), column))
            .collect(),
        tracks_changes: true,
        modified: None,
    }
}

fn dataverse_type(ty: &Json, set_of: &BTreeMap<&str, &str>) -> ColumnType {
    let (kind, detail) = kind(ty);
    let number = |name: &str| detail[name].as_u64().map(|n| u32::try_from(n).unwrap());
    match kind {
        "string" | "memo" => ColumnType::Text {
            max_length: number("max_length"),
        },
        "integer" => ColumnType::Int {
            min: detail["min"].as_i64().unwrap(),
            max: detail["max"].as_i64().unwrap(),
        },
        "big_int" => ColumnType::Int {
            min: i64::MIN,
            max: i64::MAX,
        },
        "decimal" | "money" => ColumnType::Decimal {
            scale: number("precision"),
            min: decimal(&detail["min"]),
            max: decimal(&detail["max"]),
        },
        "double" => ColumnType::Decimal {
            scale: number("precision"),
            min: None,
            max: None,
        },
        "boolean" => ColumnType::Bool,
        "date_time" if detail["behavior"] == "date_only" => ColumnType::Date,
        "date_time" => ColumnType::DateTime,
        "picklist" | "state" | "status" => {
            let options = detail["options"].as_array().unwrap();
            let option = |o: &Json| (o["value"].as_i64().unwrap(), text(&o["label"]).to_owned());
            ColumnType::Choice {
                options: options.iter().map(option).collect(),
            }
        }
        "lookup" => {
            let target = |target: &Json| {
                let type_name = text(&target["table"]);
                LookupTarget {
                    type_name: type_name.to_owned(),
                    table: set_of
                        .get(type_name)
                        .copied()
                        .unwrap_or(type_name)
                        .to_owned(),
                    navigation: text(&target["navigation"]).to_owned(),
                }
            };
            ColumnType::Lookup {
                targets: detail["targets"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(target)
                    .collect(),
            }
        }
        "uniqueidentifier" => ColumnType::Guid,
        other => panic!("unknown Dataverse type {other}"),
    }
}

fn read_finops() -> SchemaSet {
    let file: Json =
        serde_json::from_str(include_str!("../../../sandbox/schemas/finops.json")).unwrap();
    let enums: BTreeMap<&str, Vec<String>> = file["enums"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            let members = e["members"].as_array().unwrap();
            (
                text(&e["name"]),
                members
                    .iter()
                    .map(|m| text(&m["name"]).to_owned())
                    .collect(),
            )
        })
        .collect();
    let entities = file["entities"].as_array().unwrap();
    SchemaSet(
        entities
            .iter()
            .map(|entity| finops_entity(entity, &enums))
            .collect(),
    )
}

fn finops_entity(entity: &Json, enums: &BTreeMap<&str, Vec<String>>) -> TableSchema {
    let primary_key = texts(&entity["keys"]);
    let allocated = entity["number_sequence"]["field"].as_str();
    let columns = entity["fields"].as_array().unwrap().iter().map(|field| {
        let name = text(&field["name"]);
        let writable = field["read_only"].as_bool() != Some(true);
        let in_key = primary_key.iter().any(|key| key == name);
        let (ty, empty) = finops_type(&field["type"], enums);
        Column {
            name: name.to_owned(),
            ty,
            required: field["mandatory"].as_bool() == Some(true) && allocated != Some(name),
            create: writable,
            update: writable && !in_key,
            empty,
        }
    });
    TableSchema {
        name: text(&entity["collection"]).to_owned(),
        type_name: text(&entity["name"]).to_owned(),
        title: text(&entity["title"]).to_owned(),
        columns: columns
            .map(|column| (column.name.to_lowercase(), column))
            .collect(),
        company: (entity["per_company"].as_bool() == Some(true)).then(|| "dataAreaId".to_owned()),
        alternate_keys: Vec::new(),
        primary_key,
        tracks_changes: true,
        modified: None,
    }
}

fn finops_type(ty: &Json, enums: &BTreeMap<&str, Vec<String>>) -> (ColumnType, Option<Value>) {
    let zero = Some(Value::Int(0));
    let (kind, detail) = kind(ty);
    match kind {
        "string" => {
            let length = detail["max_length"].as_u64().filter(|length| *length > 0);
            (
                ColumnType::Text {
                    max_length: length.map(|n| u32::try_from(n).unwrap()),
                },
                None,
            )
        }
        "int" => (
            ColumnType::Int {
                min: i32::MIN.into(),
                max: i32::MAX.into(),
            },
            zero,
        ),
        "int64" => (
            ColumnType::Int {
                min: i64::MIN,
                max: i64::MAX,
            },
            zero,
        ),
        "real" => (
            ColumnType::Decimal {
                scale: None,
                min: None,
                max: None,
            },
            Some(Value::Decimal(Decimal::ZERO)),
        ),
        "date" => (ColumnType::Date, None),
        "utc_date_time" => (ColumnType::DateTime, None),
        "enum" => {
            let name = text(&detail["name"]);
            let members = enums[name].clone();
            let empty = members.first().cloned().map(Value::Symbol);
            (
                ColumnType::Enum {
                    name: name.to_owned(),
                    members,
                },
                empty,
            )
        }
        "guid" => (ColumnType::Guid, None),
        other => panic!("unknown F&O type {other}"),
    }
}

/// A type is a word, or a mapping of one word to its limits.
fn kind(ty: &Json) -> (&str, &Json) {
    match ty {
        Json::String(kind) => (kind, &Json::Null),
        Json::Object(one) => {
            let (kind, detail) = one.iter().next().unwrap();
            (kind, detail)
        }
        other => panic!("unknown type {other}"),
    }
}

fn text(json: &Json) -> &str {
    json.as_str()
        .unwrap_or_else(|| panic!("a text is missing: {json}"))
}

fn texts(json: &Json) -> Vec<String> {
    json.as_array()
        .unwrap()
        .iter()
        .map(|item| text(item).to_owned())
        .collect()
}

fn decimal(json: &Json) -> Option<Decimal> {
    json.as_str().and_then(|text| text.parse().ok())
}
