//! Rows there and back: values, writes, searches.

use crate::house::{account, create, delete, guid, house, id, reference, stored, update};
use crate::stand_in::columns;
use duet_map::record::RecordId;
use duet_map::value::{Row, Value};
use duet_systems::{Class, Find, Found, System, Write, Written, codes};
use jiff::civil::date;
use rust_decimal::Decimal;
use uuid::Uuid;

/// A contact with a value in a column of every kind.
fn contact() -> Row {
    Row::new()
        .with("firstname", "Zoë \"Zo\" O'Neil\n<&>")
        .with("lastname", "L")
        .with("birthdate", Value::Date(date(1984, 2, 29)))
        .with(
            "lastonholdtime",
            Value::DateTime("2024-02-29T23:59:59Z".parse().unwrap()),
        )
        .with(
            "creditlimit",
            Value::Decimal(Decimal::new(1_234_567_890_123, 4)),
        )
        .with("donotemail", true)
        .with("numberofchildren", 7)
        .with("familystatuscode", 2)
        .with("parentcustomerid", reference("accounts", guid(1)))
        .with(
            "transactioncurrencyid",
            reference("transactioncurrencies", guid(9)),
        )
}

#[tokio::test]
async fn every_kind_of_value_goes_there_and_back_and_can_be_cleared() {
    let house = house().await;
    stored(house.write_account(create(1, account("Parent"))).await);
    let euro = Row::new()
        .with("isocurrencycode", "EUR")
        .with("currencyname", "Euro")
        .with("currencysymbol", "€")
        .with("exchangerate", Value::Decimal(Decimal::ONE))
        .with("currencyprecision", 2);
    stored(
        house
            .write_one("transactioncurrencies", &[], create(9, euro))
            .await,
    );
    let row = contact();
    let names: Vec<String> = row.iter().map(|(name, _)| name.to_owned()).collect();
    let created = stored(
        house
            .write_one("contacts", &names, create(2, row.clone()))
            .await,
    );
    assert_eq!(created.row, row);
    assert_eq!(created.id, id(2));
    let version = created.version.clone().unwrap();
    assert_eq!(version.tag, format!("W/\"{}\"", version.ordinal.unwrap()));
    assert!(created.modified.is_some());
    let fetch = || async {
        let fetched = house
            .dataverse
            .fetch("contacts", &names, &[id(2)])
            .await
            .unwrap();
        fetched.into_iter().next().unwrap().unwrap()
    };
    assert_eq!(fetch().await, created);

    // The other table of the polymorphic lookup.
    stored(
        house
            .write_one("contacts", &[], create(3, Row::new().with("lastname", "P")))
            .await,
    );
    let moved = Row::new().with("parentcustomerid", reference("contacts", guid(3)));
    let moved = stored(house.write_one("contacts", &names, update(2, moved)).await);
    assert_eq!(
        moved.row.value("parentcustomerid"),
        &reference("contacts", guid(3))
    );
    assert!(moved.version.clone().unwrap().ordinal > version.ordinal);

    let empty: Row = names
        .iter()
        .filter(|name| *name != "lastname")
        .map(|name| (name.clone(), Value::Null))
        .collect();
    let cleared = stored(house.write_one("contacts", &names, update(2, empty)).await);
    assert_eq!(fetch().await, cleared);
    for name in names.iter().filter(|name| *name != "lastname") {
        assert_eq!(cleared.row.value(name), &Value::Null, "{name}");
    }
}

#[tokio::test]
async fn a_create_with_an_identifier_can_be_repeated_without_harm() {
    let house = house().await;
    stored(house.write_account(create(1, account("First"))).await);
    let error = house
        .write_account(create(1, account("Second")))
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::Duplicate, codes::DUPLICATE)
    );
    assert!(!error.outcome_unknown);
    let fetched = house
        .dataverse
        .fetch("accounts", &columns(&["NAME"]), &[id(1)])
        .await
        .unwrap();
    assert_eq!(fetched[0].as_ref().unwrap().row, account("First"));
    // Without one, the system chooses.
    let created = stored(
        house
            .write_account(Write::Create {
                id: None,
                row: account("Third"),
            })
            .await,
    );
    assert!(Uuid::parse_str(&created.id.0).is_ok());
}

#[tokio::test]
async fn an_update_never_creates_and_a_stale_one_is_refused() {
    let house = house().await;
    let error = house
        .write_account(update(1, account("x")))
        .await
        .unwrap_err();
    assert_eq!((error.class, error.code), (Class::Gone, codes::GONE));
    let first = stored(house.write_account(create(1, account("1"))).await);
    stored(house.write_account(update(1, account("2"))).await);
    let stale = |row| Write::Update {
        id: id(1),
        row,
        if_version: first.version.clone(),
    };
    let error = house.write_account(stale(account("3"))).await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Moved, codes::MOVED));
    let error = house
        .write_account(Write::Delete {
            id: id(1),
            if_version: first.version.clone(),
        })
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Moved);
    assert_eq!(
        house.write_account(delete(1)).await.unwrap(),
        Written::Deleted
    );
    let error = house.write_account(delete(1)).await.unwrap_err();
    assert_eq!(error.class, Class::Gone);
}

#[tokio::test]
async fn one_refused_write_leaves_the_others_alone() {
    let house = house().await;
    stored(
        house
            .write_account(create(1, account("taken").with("accountnumber", "N-1")))
            .await,
    );
    let text = |name: &str, value: &str| Row::new().with(name, value);
    let writes = vec![
        create(2, account("good")),
        create(1, account("again")),
        create(3, account("key").with("accountnumber", "n-1")),
        update(99, account("nobody")),
        update(1, text("accountnumber", &"x".repeat(21))),
        update(1, Row::new().with("customertypecode", 77)),
        update(1, Row::new().with("numberofemployees", -1)),
        update(
            1,
            Row::new().with("creditlimit", Value::Decimal(Decimal::NEGATIVE_ONE)),
        ),
        update(1, Row::new().with("name", true)),
        update(1, text("nosuchcolumn", "x")),
        create(
            4,
            account("lost").with(
                "msdyn_customergroupid",
                reference("msdyn_customergroups", guid(77)),
            ),
        ),
        update(
            1,
            Row::new().with("msdyn_customergroupid", reference("contacts", guid(1))),
        ),
        Write::Delete {
            id: RecordId("nonsense".into()),
            if_version: None,
        },
        create(5, account("also good")),
    ];
    let results = house
        .dataverse
        .write("accounts", &columns(&["name"]), writes)
        .await;
    let told: Vec<String> = results
        .iter()
        .map(|result| match result {
            Ok(_) => "stored".to_owned(),
            Err(error) => {
                assert!(!error.outcome_unknown);
                let code = error.system_code.as_deref().unwrap_or("-");
                format!("{}, {code}, {error}", error.class)
            }
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    stored
    duplicate, 0x80040237, DUET3031: creating `accounts(4026be43-6b69-e111-8f65-78e7d1620001)` in `sales`: a record with the same identifier or key is there already
    stored
    gone, 0x80040217, DUET3030: updating `accounts(4026be43-6b69-e111-8f65-78e7d1620063)` in `sales`: it is not there any more
    fix data, 0x80044331, DUET3040: updating `accounts(4026be43-6b69-e111-8f65-78e7d1620001)` in `sales`: the text in column `accountnumber` is longer than 20 characters; shorten it, or let the map truncate it
    fix data, 0x8004431A, DUET3042: updating `accounts(4026be43-6b69-e111-8f65-78e7d1620001)` in `sales`: the value in column `customertypecode` is none of its options; add it to the map's value map or to the option set
    fix data, 0x8004432F, DUET3041: updating `accounts(4026be43-6b69-e111-8f65-78e7d1620001)` in `sales`: the number in column `numberofemployees` is outside its range; correct the number
    fix data, 0x80044330, DUET3041: updating `accounts(4026be43-6b69-e111-8f65-78e7d1620001)` in `sales`: the number in column `creditlimit` is outside its range; correct the number
    fix data, -, DUET3022: column `name` of `accounts` takes values of type text, not boolean; give the field a transform in the map
    fix map, -, DUET3021: `accounts` has no column `nosuchcolumn` that can be read; correct the map or create the column
    fix data, 0x80040217, DUET3045: creating `accounts(4026be43-6b69-e111-8f65-78e7d1620004)` in `sales`: it refers to a record of `msdyn_customergroup` that is not there; create that record first
    fix map, -, DUET3022: column `msdyn_customergroupid` of `accounts` refers to `msdyn_customergroups`, not to `contacts`; correct the lookup in the map
    bug, -, DUET3035: a record identifier for `accounts` is not a GUID; please report this
    stored
    ");
}

#[tokio::test]
async fn searches_go_over_references_and_compare_as_the_system_does() {
    let house = house().await;
    let company = Row::new()
        .with("cdm_companycode", "USMF")
        .with("cdm_name", "Contoso");
    stored(
        house
            .write_one("cdm_companies", &[], create(50, company))
            .await,
    );
    let group = Row::new()
        .with("msdyn_groupid", "A%/&?'")
        .with("msdyn_company", reference("cdm_companies", guid(50)));
    stored(
        house
            .write_one("msdyn_customergroups", &[], create(60, group))
            .await,
    );
    stored(
        house
            .write_account(create(
                1,
                account("One").with(
                    "msdyn_customergroupid",
                    reference("msdyn_customergroups", guid(60)),
                ),
            ))
            .await,
    );
    stored(
        house
            .write_account(create(2, account("Two").with("accountnumber", "x")))
            .await,
    );
    stored(house.write_account(create(3, account("two"))).await);
    let person = Row::new()
        .with("lastname", "P")
        .with("parentcustomerid", reference("accounts", guid(1)));
    stored(house.write_one("contacts", &[], create(4, person)).await);

    let find = |equal: &[(&str, Value)]| Find {
        equal: equal
            .iter()
            .map(|(path, value)| ((*path).to_owned(), value.clone()))
            .collect(),
    };
    let finds = [
        find(&[("msdyn_customergroupid.msdyn_groupid", Value::from("a%/&?'"))]),
        find(&[(
            "msdyn_customergroupid.msdyn_company.cdm_companycode",
            Value::from("usmf"),
        )]),
        find(&[("NAME", Value::from("TWO "))]),
        find(&[("name", Value::from("two")), ("accountnumber", Value::Null)]),
        find(&[("name", Value::from("T_o"))]),
        find(&[(
            "msdyn_customergroupid",
            reference("msdyn_customergroups", guid(60)),
        )]),
        find(&[("accountid", Value::Guid(guid(2)))]),
        find(&[("name", Value::from("nobody"))]),
    ];
    let found = house
        .dataverse
        .find("accounts", &columns(&["name"]), &finds)
        .await
        .unwrap();
    let told: Vec<String> = found
        .iter()
        .map(|found| match found {
            Found::None => "none".to_owned(),
            Found::One(record) => {
                assert_eq!(record.row.0.len(), 1);
                record.row.value("name").to_string()
            }
            Found::Many(ids) => format!("{} of them", ids.len()),
        })
        .collect();
    assert_eq!(
        told,
        [
            "One",
            "One",
            "2 of them",
            "two",
            "none",
            "One",
            "Two",
            "none"
        ]
    );

    let finds = [
        find(&[("parentcustomerid.Account.name", Value::from("One"))]),
        find(&[
            ("parentcustomerid.accountnumber", Value::Null),
            ("lastname", Value::from("p")),
        ]),
    ];
    let found = house
        .dataverse
        .find("contacts", &columns(&["lastname"]), &finds)
        .await
        .unwrap();
    assert!(
        found.iter().all(|found| matches!(found, Found::One(_))),
        "{found:?}"
    );

    for (path, value, code) in [
        ("name.x", Value::Null, codes::BAD_PATH),
        ("nope", Value::Null, codes::NO_COLUMN),
        ("msdyn_customergroupid.nope", Value::Null, codes::NO_COLUMN),
        ("name", Value::Int(1), codes::WRONG_KIND),
    ] {
        let error = house
            .dataverse
            .find("accounts", &[], &[find(&[(path, value)])])
            .await
            .unwrap_err();
        assert_eq!(error.code, code, "{path}");
    }
    let ambiguous = find(&[("parentcustomerid.modifiedon", Value::Null)]);
    let error = house
        .dataverse
        .find("contacts", &[], &[ambiguous])
        .await
        .unwrap_err();
    assert_eq!(error.code, codes::BAD_PATH);
}
