//! Signing in, and what the metadata tells.

use crate::house::{config_for, house};
use duet_map::schema::ColumnType;
use duet_systems::{Class, System, codes};
use rust_decimal::Decimal;
use secrecy::SecretString;
use std::collections::BTreeSet;

#[tokio::test]
async fn signing_in_works_and_says_what_is_wrong_when_not() {
    let house = house().await;
    house.dataverse.probe().await.unwrap();

    let mut wrong = config_for(&house.running);
    wrong.sign_in.client_secret = SecretString::from("wrong");
    let error = wrong.build().unwrap().probe().await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::FixAccess, codes::SIGN_IN_REFUSED)
    );
    assert!(error.message.contains("client secret"), "{error}");
}

#[tokio::test]
async fn a_schema_knows_types_limits_keys_and_lookups() {
    let house = house().await;
    let schema = house.dataverse.schema("ACCOUNTS").await.unwrap();
    assert_eq!(
        (schema.name.as_str(), schema.type_name.as_str()),
        ("accounts", "account")
    );
    assert_eq!(schema.primary_key, ["accountid"]);
    assert_eq!(schema.company.as_deref(), Some("msdyn_company"));
    assert!(schema.tracks_changes);
    assert!(schema.is_unique(&["msdyn_company", "accountnumber"]));
    let ty = |name: &str| schema.column(name).unwrap().ty.clone();
    assert_eq!(
        ty("accountnumber"),
        ColumnType::Text {
            max_length: Some(20)
        }
    );
    assert_eq!(ty("creditonhold"), ColumnType::Bool);
    assert_eq!(ty("accountid"), ColumnType::Guid);
    assert_eq!(ty("modifiedon"), ColumnType::DateTime);
    assert_eq!(
        ty("creditlimit"),
        ColumnType::Decimal {
            scale: Some(4),
            min: Some(Decimal::ZERO),
            max: Some(Decimal::new(100_000_000_000_000, 0)),
        }
    );
    let ColumnType::Choice { options } = ty("customertypecode") else {
        panic!("no option set")
    };
    assert_eq!(options[2], (3, "Customer".to_owned()));
    let ColumnType::Lookup { targets } = ty("msdyn_customergroupid") else {
        panic!("no lookup")
    };
    assert_eq!(targets.len(), 1);
    assert_eq!(targets[0].table, "msdyn_customergroups");
    assert_eq!(targets[0].navigation, "msdyn_customergroupid");

    let schema = house.dataverse.schema("contacts").await.unwrap();
    assert_eq!(schema.column("birthdate").unwrap().ty, ColumnType::Date);
    let ColumnType::Lookup { targets } = &schema.column("parentcustomerid").unwrap().ty else {
        panic!("no lookup")
    };
    let tables: BTreeSet<(&str, &str)> = targets
        .iter()
        .map(|target| (target.table.as_str(), target.navigation.as_str()))
        .collect();
    assert_eq!(
        tables,
        [
            ("accounts", "parentcustomerid_account"),
            ("contacts", "parentcustomerid_contact")
        ]
        .into()
    );

    let error = house.dataverse.schema("account").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::FixMap, codes::NO_TABLE));
}
