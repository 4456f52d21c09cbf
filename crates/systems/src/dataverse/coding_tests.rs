//! Rows there and back, without a service.

use super::*;
use jiff::civil::date;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use std::collections::BTreeMap;

fn column(name: &str, ty: ColumnType) -> (String, Column) {
    let column = Column {
        name: name.into(),
        ty,
        required: false,
        create: true,
        update: true,
        empty: None,
    };
    (name.to_lowercase(), column)
}

fn target(type_name: &str, table: &str, navigation: &str) -> LookupTarget {
    LookupTarget {
        type_name: type_name.into(),
        table: table.into(),
        navigation: navigation.into(),
    }
}

fn table() -> Table {
    let customers = vec![
        target("account", "accounts", "customerid_account"),
        target("contact", "contacts", "customerid_contact"),
    ];
    let group = vec![target("new_group", "new_groups", "new_Group")];
    let columns: BTreeMap<String, Column> = [
        column("thingid", ColumnType::Guid),
        column(
            "name",
            ColumnType::Text {
                max_length: Some(9),
            },
        ),
        column("count", ColumnType::Int { min: 0, max: 9 }),
        column(
            "state",
            ColumnType::Choice {
                options: Vec::new(),
            },
        ),
        column(
            "price",
            ColumnType::Decimal {
                scale: Some(4),
                min: None,
                max: None,
            },
        ),
        column("open", ColumnType::Bool),
        column("day", ColumnType::Date),
        column("modifiedon", ColumnType::DateTime),
        column("other", ColumnType::Guid),
        column("customerid", ColumnType::Lookup { targets: customers }),
        column("new_group", ColumnType::Lookup { targets: group }),
    ]
    .into();
    Table {
        schema: duet_map::schema::TableSchema {
            name: "things".into(),
            type_name: "thing".into(),
            title: "Thing".into(),
            primary_key: vec!["thingid".into()],
            alternate_keys: Vec::new(),
            company: None,
            columns,
            tracks_changes: true,
            modified: None,
        },
        set: "things".into(),
        primary_id: "thingid".into(),
        checks_versions: true,
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const ID: &str = "4026be43-6b69-e111-8f65-78e7d1620f5e";

fn reference(table: &str) -> Value {
    Value::Reference(Reference {
        table: table.into(),
        id: ID.parse().unwrap(),
    })
}

#[test]
fn lookups_are_selected_by_their_value_and_ask_for_their_table_where_needed() {
    let table = table();
    let one = Selection::new(&table, &names(&["NAME", "new_group", "name"])).unwrap();
    assert_eq!(one.select(), "thingid,name,_new_group_value,modifiedon");
    assert_eq!(one.annotations(), None);
    let poly = Selection::new(&table, &names(&["customerid"])).unwrap();
    assert_eq!(poly.select(), "thingid,_customerid_value,modifiedon");
    assert_eq!(
        poly.annotations().as_deref(),
        Some("odata.include-annotations=\"Microsoft.Dynamics.CRM.lookuplogicalname\"")
    );
    let error = Selection::new(&table, &names(&["nope"])).unwrap_err();
    assert_eq!(error.code, crate::codes::NO_COLUMN);
}

#[test]
fn a_row_becomes_values_and_says_what_it_does_not_hold() {
    let table = table();
    let all: Vec<String> = table.schema.columns.keys().cloned().collect();
    let selection = Selection::new(&table, &all).unwrap();
    let mut json = json!({
        "@odata.etag": "W/\"536530\"",
        "thingid": ID.to_uppercase(),
        "name": "",
        "count": 7,
        "state": 754_400_000,
        "open": false,
        "day": "2024-02-29",
        "modifiedon": "2024-02-29T23:59:59Z",
        "other": null,
        "_customerid_value": ID,
        "_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "contact",
        "_new_group_value": ID,
    });
    json["price"] = serde_json::from_str("20000.0000").unwrap();
    let record = selection.read("sales", json.as_object().unwrap()).unwrap();
    assert_eq!(record.id.0, ID);
    assert_eq!(record.version.as_ref().unwrap().ordinal, Some(536_530));
    assert_eq!(record.modified.unwrap().to_string(), "2024-02-29T23:59:59Z");
    let row = &record.row;
    assert_eq!(row.value("name"), &Value::Null);
    assert_eq!(row.value("count"), &Value::Int(7));
    assert_eq!(row.value("state"), &Value::Int(754_400_000));
    assert_eq!(row.value("price").to_string(), "20000.0000");
    assert_eq!(row.value("open"), &Value::Bool(false));
    assert_eq!(row.value("day"), &Value::Date(date(2024, 2, 29)));
    assert_eq!(row.value("other"), &Value::Null);
    assert_eq!(row.value("customerid"), &reference("contacts"));
    assert_eq!(row.value("new_group"), &reference("new_groups"));

    for (property, broken) in [
        ("count", json!("x")),
        ("price", json!(true)),
        ("open", json!("yes")),
        ("day", json!("tomorrow")),
        ("_new_group_value", json!("no guid")),
        (
            "_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname",
            json!(null),
        ),
    ] {
        let mut json = json.clone();
        json[property] = broken;
        let error = selection
            .read("sales", json.as_object().unwrap())
            .unwrap_err();
        assert_eq!(error.class, crate::error::Class::Bug, "{property}");
    }
    json["thingid"] = json!(null);
    assert!(selection.read("sales", json.as_object().unwrap()).is_err());
}

#[test]
fn values_become_a_body() {
    let table = table();
    let row = Row::new()
        .with("NAME", "text")
        .with("count", 3)
        .with("state", 1)
        .with("price", Value::Decimal(Decimal::new(200_000_000, 4)))
        .with("open", true)
        .with("day", Value::Date(date(2024, 2, 29)))
        .with(
            "modifiedon",
            Value::DateTime("2024-02-29T23:59:59.9Z".parse().unwrap()),
        )
        .with("other", Value::Guid(ID.parse().unwrap()))
        .with("customerid", reference("contacts"))
        .with("new_group", Value::Null)
        .with("thingid", Value::Guid(ID.parse().unwrap()));
    let text = |intent| Json::Object(body(&table, &row, intent).unwrap()).to_string();
    insta::assert_snapshot!(text(Intent::Update), @r#"{"name":"text","count":3,"customerid_contact@odata.bind":"/contacts(4026be43-6b69-e111-8f65-78e7d1620f5e)","day":"2024-02-29","modifiedon":"2024-02-29T23:59:59Z","new_Group@odata.bind":null,"open":true,"other":"4026be43-6b69-e111-8f65-78e7d1620f5e","price":20000.0000,"state":1}"#);
    // A lookup that is not set needs no clearing.
    assert!(!text(Intent::Create).contains("new_Group"));
}

#[test]
fn a_value_that_does_not_fit_is_refused_by_name() {
    let table = table();
    for (name, value, code) in [
        ("name", Value::Int(1), crate::codes::WRONG_KIND),
        (
            "count",
            Value::Decimal(Decimal::new(15, 1)),
            crate::codes::WRONG_KIND,
        ),
        ("state", Value::from("1"), crate::codes::WRONG_KIND),
        ("new_group", reference("accounts"), crate::codes::WRONG_KIND),
        (
            "customerid",
            Value::Guid(ID.parse().unwrap()),
            crate::codes::WRONG_KIND,
        ),
        ("day", Value::from("2024-01-01"), crate::codes::WRONG_KIND),
        ("nope", Value::Null, crate::codes::NO_COLUMN),
    ] {
        let error = body(&table, &Row::new().with(name, value), Intent::Update).unwrap_err();
        assert_eq!(error.code, code, "{name}");
        assert!(error.message.contains(name), "{error}");
    }
}

#[test]
fn a_version_is_ordered_by_the_number_in_its_tag() {
    assert_eq!(version("W/\"17\"").ordinal, Some(17));
    assert_eq!(version("\"x\"").ordinal, None);
}

proptest! {
    #[test]
    fn any_value_that_is_written_reads_back_the_same(
        name in ".{1,40}",
        count in any::<i64>(),
        digits in any::<i64>(),
        scale in 0_u32..10,
        open in any::<bool>(),
        second in -60_000_000_000_i64..200_000_000_000,
        day in 0_i64..100_000,
    ) {
        let table = table();
        let all: Vec<String> = table.schema.columns.keys().cloned().collect();
        let selection = Selection::new(&table, &all).unwrap();
        let day = date(1900, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
        let row = Row::new()
            .with("thingid", Value::Guid(ID.parse().unwrap()))
            .with("name", name.as_str())
            .with("count", count)
            .with("price", Value::Decimal(Decimal::new(digits, scale)))
            .with("open", open)
            .with("day", Value::Date(day))
            .with("modifiedon", Value::DateTime(jiff::Timestamp::from_second(second).unwrap()))
            .with("state", Value::Null)
            .with("other", Value::Guid(ID.parse().unwrap()))
            .with("customerid", Value::Null)
            .with("new_group", Value::Null);
        let mut sent = body(&table, &row, Intent::Create).unwrap();
        sent.insert("thingid".into(), Json::String(ID.into()));
        let text = Json::Object(sent).to_string();
        let read: Map<String, Json> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(selection.read("sales", &read).unwrap().row, row);
    }
}
