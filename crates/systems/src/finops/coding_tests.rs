//! Rows there and back and their identifiers, without a service.

use super::*;
use crate::finops::filter;
use duet_map::record::RecordId;
use jiff::civil::date;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use std::collections::BTreeMap;

fn column(name: &str, ty: ColumnType, empty: Option<Value>) -> (String, Column) {
    let column = Column {
        name: name.into(),
        ty,
        required: false,
        create: true,
        update: true,
        empty,
    };
    (name.to_lowercase(), column)
}

fn no_yes() -> ColumnType {
    ColumnType::Enum {
        name: "NoYes".into(),
        members: vec!["No".into(), "Yes".into()],
    }
}

fn table() -> Table {
    let text = || ColumnType::Text { max_length: None };
    let columns: BTreeMap<String, Column> = [
        column("dataAreaId", text(), None),
        column("Account", text(), None),
        column(
            "LineNumber",
            ColumnType::Int { min: 0, max: 9 },
            Some(Value::Int(0)),
        ),
        column("Kind", no_yes(), Some(Value::Symbol("No".into()))),
        column("ValidFrom", ColumnType::DateTime, None),
        column("Day", ColumnType::Date, None),
        column(
            "Price",
            ColumnType::Decimal {
                scale: None,
                min: None,
                max: None,
            },
            Some(Value::Decimal(Decimal::ZERO)),
        ),
        column("Token", ColumnType::Guid, None),
        column("ModifiedDateTime", ColumnType::DateTime, None),
    ]
    .into();
    Table {
        schema: duet_map::schema::TableSchema {
            name: "Lines".into(),
            type_name: "Line".into(),
            title: "Lines".into(),
            primary_key: ["dataAreaId", "Account", "LineNumber", "Kind", "ValidFrom"]
                .map(str::to_owned)
                .to_vec(),
            alternate_keys: Vec::new(),
            company: Some("dataAreaId".into()),
            columns,
            tracks_changes: true,
            modified: None,
        },
        set: "Lines".into(),
        modified: Some("ModifiedDateTime".into()),
    }
}

fn sent() -> Json {
    json!({
        "@odata.etag": "W/\"JzEn\"",
        "dataAreaId": "USMF",
        "Account": "O'Neil & Söhne/1",
        "LineNumber": 20,
        "Kind": "Yes",
        "ValidFrom": "2024-02-29T23:59:59Z",
        "Day": "2024-02-29T12:00:00Z",
        "Price": 0,
        "Token": "00000000-0000-0000-0000-000000000000",
        "ModifiedDateTime": "2024-03-01T00:00:00.25Z",
    })
}

fn all(table: &Table) -> Vec<String> {
    table
        .schema
        .columns
        .values()
        .map(|column| column.name.clone())
        .collect()
}

#[test]
fn a_row_has_one_identifier_in_the_order_of_its_key() {
    let table = table();
    let selection = Selection::new(&table, &[]).unwrap();
    assert_eq!(
        selection.select(),
        "dataAreaId,Account,LineNumber,Kind,ValidFrom,ModifiedDateTime"
    );
    let record = selection
        .read("finance", sent().as_object().unwrap())
        .unwrap();
    insta::assert_snapshot!(record.id.0, @"dataAreaId='usmf',Account='O''Neil & Söhne/1',LineNumber=20,Kind=Microsoft.Dynamics.DataEntities.NoYes'Yes',ValidFrom=2024-02-29T23:59:59Z");
    assert!(record.row.is_empty());
    assert_eq!(
        record.modified.unwrap().to_string(),
        "2024-03-01T00:00:00.25Z"
    );
    let shuffled = "kind=Microsoft.Dynamics.DataEntities.NoYes'Yes', Account='O''Neil & Söhne/1',\
                    ValidFrom=2024-02-29T23:59:59Z,LineNumber=20,dataAreaId='USMF'";
    assert_eq!(key::canonical(&table, shuffled).unwrap(), record.id);
    for bad in [
        "",
        "'x'",
        "dataAreaId='usmf'",
        "dataAreaId='usmf',Account=",
        "x=1",
    ] {
        assert!(key::canonical(&table, bad).is_err(), "{bad}");
    }
    let doubled = format!("{},Extra=1", record.id);
    assert!(key::canonical(&table, &doubled).is_err());
}

#[test]
fn nothing_is_null_and_zero_stays_zero() {
    let table = table();
    let selection = Selection::new(&table, &all(&table)).unwrap();
    let mut json = sent();
    json["Account"] = json!("");
    json["Day"] = json!("1900-01-01T12:00:00Z");
    json["ValidFrom"] = json!("1900-01-01T00:00:00Z");
    json["Kind"] = json!("No");
    json["LineNumber"] = json!(0);
    let record = selection
        .read("finance", json.as_object().unwrap())
        .unwrap();
    for name in ["Account", "Day", "ValidFrom", "Token"] {
        assert_eq!(record.row.value(name), &Value::Null, "{name}");
    }
    assert_eq!(record.row.value("dataAreaId"), &Value::from("usmf"));
    assert_eq!(record.row.value("LineNumber"), &Value::Int(0));
    assert_eq!(record.row.value("Price"), &Value::Decimal(Decimal::ZERO));
    assert_eq!(record.row.value("Kind"), &Value::Symbol("No".into()));
    insta::assert_snapshot!(record.id.0, @"dataAreaId='usmf',Account='',LineNumber=0,Kind=Microsoft.Dynamics.DataEntities.NoYes'No',ValidFrom=1900-01-01T00:00:00Z");
}

#[test]
fn a_row_that_breaks_its_metadata_is_reported() {
    let table = table();
    let selection = Selection::new(&table, &all(&table)).unwrap();
    for (name, broken) in [
        ("LineNumber", json!("x")),
        ("Day", json!("tomorrow")),
        ("Kind", json!(1)),
        ("Price", json!("much")),
    ] {
        let mut json = sent();
        json[name] = broken;
        let error = selection
            .read("finance", json.as_object().unwrap())
            .unwrap_err();
        assert_eq!(error.class, crate::error::Class::Bug, "{name}");
        assert!(error.message.contains(name));
    }
    let mut json = sent();
    json.as_object_mut().unwrap().remove("Account");
    assert!(
        selection
            .read("finance", json.as_object().unwrap())
            .is_err()
    );
}

#[test]
fn clearing_writes_what_stands_for_nothing_and_a_create_leaves_it_out() {
    let table = table();
    let row: Row = all(&table)
        .into_iter()
        .map(|name| (name, Value::Null))
        .collect();
    let update = Json::Object(update_body(&table, &row).unwrap()).to_string();
    insta::assert_snapshot!(update, @r#"{"Day":"1900-01-01T12:00:00Z","ModifiedDateTime":"1900-01-01T00:00:00Z","Price":0,"Token":"00000000-0000-0000-0000-000000000000"}"#);
    assert!(create_body(&table, &row).unwrap().is_empty());
    let row = Row::new()
        .with("kind", Value::Symbol("YES".into()))
        .with("day", Value::Date(date(2024, 2, 29)))
        .with("price", Value::Int(3))
        .with("dataareaid", "usmf");
    let create = Json::Object(create_body(&table, &row).unwrap()).to_string();
    insta::assert_snapshot!(create, @r#"{"dataAreaId":"usmf","Day":"2024-02-29T12:00:00Z","Kind":"Yes","Price":3}"#);
}

#[test]
fn a_value_that_does_not_fit_is_refused_by_name() {
    let table = table();
    for (name, value) in [
        ("Price", Value::from("1")),
        ("Day", Value::DateTime(Timestamp::UNIX_EPOCH)),
        ("Token", Value::from("x")),
        ("ModifiedDateTime", Value::Date(date(2024, 1, 1))),
    ] {
        let error = update_body(&table, &Row::new().with(name, value)).unwrap_err();
        assert_eq!(error.code, crate::codes::WRONG_KIND);
        assert!(error.message.contains(name));
    }
}

#[test]
fn literals_of_a_filter_are_typed() {
    let table = table();
    let term = |name: &str, value: Value| {
        let column = table.schema.column(name).unwrap();
        filter::equal(&column.name, &key::literal(column, &value).unwrap())
    };
    let terms = [
        term("dataAreaId", Value::from("USMF")),
        term("Account", Value::from("O'Neil  ")),
        term("Account", Value::Null),
        term("Kind", Value::Symbol("yes".into())),
        term("Kind", Value::Null),
        term("Day", Value::Date(date(2024, 2, 29))),
        term("Day", Value::Null),
        term("ValidFrom", Value::Null),
        term("Price", Value::Decimal(Decimal::new(12_500, 3))),
        term("Token", Value::Null),
    ];
    insta::assert_snapshot!(terms.join("\n"), @"
    dataAreaId eq 'usmf'
    Account eq 'O''Neil'
    Account eq ''
    Kind eq Microsoft.Dynamics.DataEntities.NoYes'Yes'
    Kind eq Microsoft.Dynamics.DataEntities.NoYes'No'
    Day eq 2024-02-29T12:00:00Z
    Day eq 1900-01-01T12:00:00Z
    ValidFrom eq 1900-01-01T00:00:00Z
    Price eq 12.5
    Token eq 00000000-0000-0000-0000-000000000000
    ");
}

proptest! {
    #[test]
    fn an_identifier_reads_back_as_itself(
        account in ".{0,30}",
        line in any::<i64>(),
        second in -2_000_000_000_i64..4_000_000_000,
    ) {
        let table = table();
        let row = Row::new()
            .with("dataAreaId", "USMF")
            .with("Account", account.as_str())
            .with("LineNumber", line)
            .with("Kind", Value::Symbol("Yes".into()))
            .with("ValidFrom", Value::DateTime(Timestamp::from_second(second).unwrap()));
        let id = key::of_row(&table, &row).unwrap();
        prop_assert_eq!(key::canonical(&table, &id.0).unwrap(), id);
    }

    #[test]
    fn no_text_breaks_the_reader_of_identifiers(text in ".*") {
        let table = table();
        if let Ok(RecordId(id)) = key::canonical(&table, &text) {
            prop_assert_eq!(key::canonical(&table, &id).unwrap().0, id);
        }
    }
}
