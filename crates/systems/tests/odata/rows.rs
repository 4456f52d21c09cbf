//! Writes and point reads.

use crate::service::{
    BatchManners, Manners, all_columns, create, house, house_with, id, item, stored,
};
use duet_map::record::{RecordId, Version};
use duet_map::value::{Row, Value};
use duet_systems::odata::{Batches, Creates};
use duet_systems::{Auth, Class, Etags, Find, Found, System, Write, Written, codes};
use rust_decimal::Decimal;
use secrecy::SecretString;

fn update(code: &str, row: Row, if_version: Option<Version>) -> Write {
    Write::Update {
        id: id(code),
        row,
        if_version,
    }
}

#[tokio::test]
async fn a_row_lives_through_create_update_and_delete() {
    let house = house(Manners::default()).await;
    let exact: Decimal = "123456789012345678901234.5678".parse().unwrap();
    let row = item("O'N/1?ä", "One")
        .with("Amount", exact)
        .with("Big", i64::MAX);
    let made = stored(house.write_one(Write::Create { id: None, row }).await);
    assert_eq!(made.id, id("O'N/1?ä"));
    assert_eq!(made.row.value("Amount"), &Value::Decimal(exact));
    assert_eq!(made.row.value("Big"), &Value::Int(i64::MAX));
    let changed = house
        .write_one(update(
            "O'N/1?ä",
            Row::new().with("Name", Value::Null),
            made.version.clone(),
        ))
        .await;
    let changed = stored(changed);
    assert_eq!(changed.row.value("Name"), &Value::Null);
    assert_ne!(changed.version, made.version);
    assert_eq!(house.fetch("O'N/1?ä").await.unwrap(), Some(changed.clone()));
    let deleted = house
        .write_one(Write::Delete {
            id: made.id,
            if_version: changed.version,
        })
        .await;
    assert_eq!(deleted.unwrap(), Written::Deleted);
    assert_eq!(house.fetch("O'N/1?ä").await.unwrap(), None);
}

#[tokio::test]
async fn every_way_of_creating_makes_one_record_and_never_writes_over_another() {
    for creates in [Creates::Post, Creates::Put, Creates::Patch] {
        for ignores in [false, true] {
            let manners = Manners {
                upserts: true,
                ignores_if_none_match: ignores,
                ..Manners::default()
            };
            let house = house_with(manners, |config| config.creates = creates).await;
            stored(house.write_one(create("A", "first")).await);
            let again = house.write_one(create("A", "second")).await.unwrap_err();
            assert_eq!(again.class, Class::Duplicate, "{creates:?} {ignores}");
            assert_eq!(house.rows(), ["A first"]);
            let method = format!("{creates:?}").to_uppercase();
            let seen = house.state.lock().unwrap().seen.clone();
            assert!(
                seen.iter().any(|line| line.starts_with(&method)),
                "{seen:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_stale_version_is_refused_and_any_version_may_be_meant() {
    let house = house(Manners::default()).await;
    let made = stored(house.write_one(create("A", "one")).await);
    house.put("A", "two");
    let row = Row::new().with("Name", "three");
    let stale = house
        .write_one(update("A", row.clone(), made.version))
        .await;
    assert_eq!(stale.unwrap_err().class, Class::Moved);
    stored(house.write_one(update("A", row, None)).await);
    assert_eq!(house.rows(), ["A three"]);
    // An update of what is gone creates nothing.
    house.remove("A");
    let gone = house.write_one(update("A", item("A", "four"), None)).await;
    assert!(matches!(
        gone.unwrap_err().class,
        Class::Gone | Class::Moved
    ));
    assert_eq!(house.rows(), [""; 0]);
}

#[tokio::test]
async fn bulk_answers_stand_in_order_and_one_refusal_spoils_no_other() {
    for batches in [
        Batches::Ask,
        Batches::Relative,
        Batches::Absolute,
        Batches::Off,
    ] {
        let house = house_with(Manners::default(), |config| {
            config.batches = batches;
            config.batch_size = 3;
        })
        .await;
        house.put("N-3", "there");
        let writes = (0..8).map(|n| create(&format!("N-{n}"), "new")).collect();
        let results = house.write(writes).await;
        let refused: Vec<usize> = (0..8).filter(|n| results[*n].is_err()).collect();
        assert_eq!(refused, [3], "{batches:?}");
        assert_eq!(house.rows().len(), 8);
    }
}

#[tokio::test]
async fn a_search_finds_by_equal_values_of_every_type() {
    let house = house(Manners::default()).await;
    let amount: Decimal = "12.5000".parse().unwrap();
    let row = item("O'N", "It's").with("Amount", amount).with("Big", 7);
    stored(house.write_one(Write::Create { id: None, row }).await);
    house.put("B", "It's");
    let find = |equal: &[(&str, Value)]| Find {
        equal: equal
            .iter()
            .map(|(column, value)| ((*column).to_owned(), value.clone()))
            .collect(),
    };
    let finds = [
        find(&[
            ("Code", Value::text("O'N")),
            ("Amount", Value::Decimal(amount)),
        ]),
        find(&[("Name", Value::text("It's"))]),
        find(&[("Big", Value::Int(8))]),
        find(&[("Amount", Value::Null), ("Code", Value::text("B"))]),
    ];
    let found = house
        .odata
        .find("Items", &all_columns(), &finds)
        .await
        .unwrap();
    assert!(matches!(&found[0], Found::One(record) if record.id == id("O'N")));
    assert!(matches!(&found[1], Found::Many(ids) if ids.len() == 2));
    assert_eq!(found[2], Found::None);
    assert!(matches!(&found[3], Found::One(record) if record.id == id("B")));
}

#[tokio::test]
async fn each_way_to_sign_in_shows_what_it_should() {
    let secret = || SecretString::from("s3cret");
    let basic = Auth::Basic {
        user: "duet".into(),
        password: secret(),
    };
    for (auth, wanted) in [
        (Auth::None, None),
        (Auth::Bearer(secret()), Some("Bearer s3cret")),
        (basic, Some("Basic ZHVldDpzM2NyZXQ=")),
    ] {
        let house = house_with(Manners::default(), |config| config.auth = auth).await;
        house.odata.probe().await.unwrap();
        let shown = house.state.lock().unwrap().authorizations.clone();
        assert_eq!(shown.first().map(String::as_str), wanted);
    }
}

#[tokio::test]
async fn rows_that_do_not_come_back_are_read_back() {
    let manners = Manners {
        minimal: true,
        ..Manners::default()
    };
    let house = house(manners).await;
    let made = stored(house.write_one(create("A", "one")).await);
    assert_eq!(made.row.value("Name"), &Value::text("one"));
    assert!(made.version.is_some());
}

#[tokio::test]
async fn a_service_without_versions_is_written_to_and_not_trusted() {
    let manners = Manners {
        no_etags: true,
        ..Manners::default()
    };
    let house = house_with(manners, |config| config.etags = Etags::Off).await;
    let made = stored(house.write_one(create("A", "one")).await);
    assert_eq!(made.version, None);
    stored(house.write_one(update("A", item("A", "two"), None)).await);
    assert_eq!(house.rows(), ["A two"]);
    assert!(!house.odata.checks_versions());
}

#[tokio::test]
async fn names_that_are_not_there_say_so() {
    let house = house_with(Manners::default(), |config| {
        config.batches = Batches::Ask;
    })
    .await;
    assert_eq!(
        house.state.lock().unwrap().manners.batch,
        BatchManners::Works
    );
    let table = house.odata.schema("Nothing").await.unwrap_err();
    assert_eq!((table.class, table.code), (Class::FixMap, codes::NO_TABLE));
    let row = Row::new().with("Nix", "x");
    let column = house
        .write_one(Write::Create { id: None, row })
        .await
        .unwrap_err();
    assert_eq!(
        (column.class, column.code),
        (Class::FixMap, codes::NO_COLUMN)
    );
    let wrong = Write::Delete {
        id: RecordId("Other='x',Than=1".into()),
        if_version: None,
    };
    assert_eq!(
        house.write_one(wrong).await.unwrap_err().code,
        codes::BAD_ID
    );
}
