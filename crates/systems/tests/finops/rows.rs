//! Rows there and back: values, writes, searches.

use crate::house::{create, group, group_columns, house, house_with, id, stored};
use crate::stand_in::columns;
use duet_map::record::{RecordId, Version};
use duet_map::value::{Row, Value};
use duet_sandbox::finops::Settings;
use duet_systems::{Class, Etags, Find, Found, System, Write, Written, codes};
use jiff::civil::date;
use rust_decimal::Decimal;

#[tokio::test]
async fn a_row_is_created_changed_read_found_and_deleted() {
    let house = house().await;
    let created = stored(house.write_group(create(group("usmf", "G-1"))).await);
    assert_eq!(created.id, id("usmf", "G-1"));
    assert_eq!(created.row, group("usmf", "G-1"));
    assert!(created.modified.is_some());

    let updated = stored(
        house
            .write_group(Write::Update {
                id: id("USMF", "G-1"),
                row: Row::new().with("Description", Value::Null),
                if_version: created.version.clone(),
            })
            .await,
    );
    assert_eq!(updated.id, created.id);
    assert_eq!(updated.row.get("Description"), Some(&Value::Null));
    assert_ne!(updated.version, created.version);

    let fetched = house
        .finops
        .fetch(
            "CustomerGroups",
            &group_columns(),
            &[id("usmf", "no"), id("usmf", "G-1")],
        )
        .await
        .unwrap();
    assert_eq!(fetched, [None, Some(updated.clone())]);

    let find = |group: &str| Find {
        equal: vec![
            ("dataareaid".into(), Value::from("usmf")),
            ("CUSTOMERGROUPID".into(), Value::from(group)),
        ],
    };
    let found = house
        .finops
        .find(
            "CustomerGroups",
            &group_columns(),
            &[find("g-1 "), find("no")],
        )
        .await
        .unwrap();
    assert_eq!(found, [Found::One(Box::new(updated)), Found::None]);

    let deleted = house
        .write_group(Write::Delete {
            id: id("usmf", "G-1"),
            if_version: None,
        })
        .await
        .unwrap();
    assert_eq!(deleted, Written::Deleted);
    let error = house
        .write_group(Write::Delete {
            id: id("usmf", "G-1"),
            if_version: None,
        })
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Gone);
}

/// A row with a value in a column of every kind.
fn customer() -> Row {
    Row::new()
        .with("dataAreaId", "usmf")
        .with("CustomerAccount", "C/1 & ?'#%+ü")
        .with("CustomerGroupId", "10")
        .with("OrganizationName", "Line one\nline \"two\"")
        .with("PartyType", Value::Symbol("Organization".into()))
        .with("IsOneTimeCustomer", Value::Symbol("Yes".into()))
        .with("OrganizationNumberOfEmployees", -7)
        .with("PrimaryContactEmailRecordId", 9_007_199_254_740_993)
        .with("CreditLimit", Decimal::new(123_456_789_012_345_678, 6))
        .with("CredManLastReviewDate", Value::Date(date(2024, 2, 29)))
        .with(
            "AddressValidFrom",
            Value::DateTime("2024-02-29T23:59:59Z".parse().unwrap()),
        )
}

#[tokio::test]
async fn every_kind_of_value_goes_there_and_back_and_can_be_cleared() {
    let house = house().await;
    house.seed_references().await;
    let row = customer();
    let names: Vec<String> = row.iter().map(|(name, _)| name.to_owned()).collect();
    let created = stored(
        house
            .write_one("CustomersV3", &names, create(row.clone()))
            .await,
    );
    assert_eq!(created.row, row);
    let fetch = || async {
        let ids = [created.id.clone()];
        let mut found = house
            .finops
            .fetch("CustomersV3", &names, &ids)
            .await
            .unwrap();
        found.pop().unwrap().unwrap()
    };
    assert_eq!(fetch().await, created);

    let empty: Row = names
        .iter()
        .filter(|name| {
            !["dataAreaId", "CustomerAccount", "CustomerGroupId"].contains(&name.as_str())
        })
        .map(|name| (name.clone(), Value::Null))
        .collect();
    let cleared = stored(
        house
            .write_one(
                "CustomersV3",
                &names,
                Write::Update {
                    id: created.id.clone(),
                    row: empty,
                    if_version: None,
                },
            )
            .await,
    );
    assert_eq!(cleared, fetch().await);
    let schema = house.finops.schema("CustomersV3").await.unwrap();
    for name in names
        .iter()
        .filter(|name| row.get(name) != cleared.row.get(name))
    {
        let empty = schema
            .column(name)
            .unwrap()
            .empty
            .clone()
            .unwrap_or_default();
        assert_eq!(cleared.row.value(name), &empty, "{name}");
    }
    // All but the three that were not cleared differ.
    assert_eq!(
        names
            .iter()
            .filter(|name| row.get(name) == cleared.row.get(name))
            .count(),
        3
    );
}

#[tokio::test]
async fn the_system_may_choose_the_key_and_default_the_rest() {
    let house = house().await;
    house.seed_references().await;
    let row = Row::new()
        .with("dataAreaId", "USMF")
        .with("CustomerAccount", Value::Null)
        .with("OrganizationName", "Contoso")
        .with("CustomerGroupId", "10");
    let created = stored(
        house
            .write_one(
                "CustomersV3",
                &columns(&["SALESCURRENCYCODE", "CustomerAccount"]),
                create(row),
            )
            .await,
    );
    let account = created.row.value("CustomerAccount").as_str().unwrap();
    assert_eq!(
        created.id.0,
        format!("dataAreaId='usmf',CustomerAccount='{account}'")
    );
    assert_eq!(created.row.value("SalesCurrencyCode"), &Value::from("USD"));
}

#[tokio::test]
async fn one_refused_write_leaves_the_others_alone() {
    let house = house().await;
    house
        .write_group(create(group("usmf", "taken")))
        .await
        .unwrap();
    let update = |group: &str, description: Value| Write::Update {
        id: id("usmf", group),
        row: Row::new().with("Description", description),
        if_version: None,
    };
    let writes = vec![
        create(group("usmf", "new 1")),
        create(group("usmf", "taken")),
        create(group("nope", "x")),
        update("absent", Value::from("text")),
        update("taken", Value::from("x".repeat(500).as_str())),
        update("taken", Value::Bool(true)),
        create(group("usmf", "bad").with("PaymentTermId", "no such term")),
        create(
            group("usmf", "bad").with("IsSalesTaxIncludedInPrice", Value::Symbol("Maybe".into())),
        ),
        create(
            Row::new()
                .with("dataAreaId", "usmf")
                .with("Description", "no key"),
        ),
        create(group("usmf", "bad").with("NoSuchColumn", "x")),
        Write::Delete {
            id: RecordId("nonsense".into()),
            if_version: None,
        },
        create(group("usmf", "new 2")),
    ];
    let results = house
        .finops
        .write("CustomerGroups", &group_columns(), writes)
        .await;
    let told: Vec<String> = results
        .iter()
        .map(|result| match result {
            Ok(_) => "stored".to_owned(),
            Err(error) => {
                assert!(!error.outcome_unknown);
                format!("{}, {}", error.class, error)
            }
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    stored
    duplicate, DUET3031: creating a record of `CustomerGroups` in `finance`: a record with the same key is there already
    fix data, DUET3044: creating a record of `CustomerGroups` in `finance`: the entity's validation refuses it; see the system's words
    gone, DUET3030: updating `CustomerGroups(dataAreaId='usmf',CustomerGroupId='absent')` in `finance`: it is not there any more, or its company is closed to the application
    fix data, DUET3040: updating `CustomerGroups(dataAreaId='usmf',CustomerGroupId='taken')` in `finance`: the text in field `Description` is too long; shorten it, or let the map truncate it
    fix data, DUET3022: column `Description` of `CustomerGroups` takes values of type text, not boolean; give the field a transform in the map
    fix data, DUET3045: creating a record of `CustomerGroups` in `finance`: what field `PaymentTermId` refers to is not there; create that record first, or correct the value
    fix data, DUET3042: creating a record of `CustomerGroups` in `finance`: the value in field `IsSalesTaxIncludedInPrice` is no member of its enumeration; correct the map's value map
    fix data, DUET3043: creating a record of `CustomerGroups` in `finance`: field `CustomerGroupId` is mandatory and empty; fill it in, or give it a default in the map
    fix map, DUET3021: `CustomerGroups` has no field `NoSuchColumn`; correct the map, or refresh the entity list in Finance & Operations after a change of the entity
    bug, DUET3035: a record identifier for `CustomerGroups` is not a predicate of all fields of its key; please report this
    stored
    ");
    assert_eq!(house.sandbox.count("CustomerGroups").unwrap(), 3);
}

#[tokio::test]
async fn a_stale_version_is_refused_and_left_out_when_etags_are_off() {
    for (etags, refused) in [
        (Etags::Sent, true),
        (Etags::Trusted, true),
        (Etags::Off, false),
    ] {
        let house = house_with(Settings::default(), |config| config.etags = etags).await;
        assert_eq!(house.finops.checks_versions(), etags == Etags::Trusted);
        house.write_group(create(group("usmf", "1"))).await.unwrap();
        let stale = Some(Version {
            tag: "W/\"JzEsMSc=\"".into(),
            ordinal: None,
        });
        let update = Write::Update {
            id: id("usmf", "1"),
            row: Row::new().with("Description", "new"),
            if_version: stale.clone(),
        };
        match house.write_group(update).await {
            Err(error) => {
                assert!(refused);
                assert_eq!((error.class, error.code), (Class::Moved, codes::MOVED));
            }
            Ok(_) => assert!(!refused),
        }
        let delete = Write::Delete {
            id: id("usmf", "1"),
            if_version: stale,
        };
        assert_eq!(house.write_group(delete).await.is_err(), refused);
    }
}

#[tokio::test]
async fn searches_compare_as_the_system_does() {
    let house = house().await;
    for (name, tax) in [("A", "Yes"), ("A*", "No"), ("AB", "No")] {
        let row = group("usmf", name)
            .with("IsSalesTaxIncludedInPrice", Value::Symbol(tax.into()))
            .with("Description", Value::Null);
        house.write_group(create(row)).await.unwrap();
    }
    let find = |column: &str, value: Value| Find {
        equal: vec![(column.into(), value)],
    };
    let finds = [
        find("CustomerGroupId", Value::from("a ")),
        find("CustomerGroupId", Value::from("A*")),
        find("IsSalesTaxIncludedInPrice", Value::Symbol("no".into())),
        find("Description", Value::Null),
        find("CustomerGroupId", Value::from("O'Neil")),
    ];
    let found = house
        .finops
        .find("CustomerGroups", &group_columns(), &finds)
        .await
        .unwrap();
    let told: Vec<String> = found
        .iter()
        .map(|found| match found {
            Found::None => "none".to_owned(),
            Found::One(record) => record.id.0.clone(),
            Found::Many(ids) => format!("{} of them", ids.len()),
        })
        .collect();
    assert_eq!(
        told,
        [
            id("usmf", "A").0.as_str(),
            id("usmf", "A*").0.as_str(),
            "2 of them",
            "3 of them",
            "none"
        ]
    );
    for (equal, code) in [
        (vec![("a.b".to_owned(), Value::Null)], codes::BAD_PATH),
        (Vec::new(), codes::BAD_PATH),
        (vec![("Nope".to_owned(), Value::Null)], codes::NO_COLUMN),
        (
            vec![("Description".to_owned(), Value::Int(1))],
            codes::WRONG_KIND,
        ),
    ] {
        let error = house
            .finops
            .find("CustomerGroups", &[], &[Find { equal }])
            .await
            .unwrap_err();
        assert_eq!(error.code, code);
    }
}
