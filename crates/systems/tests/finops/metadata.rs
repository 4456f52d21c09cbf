//! Signing in, and what the metadata tells.

use crate::house::{config, house, house_with};
use duet_sandbox::finops::Settings;
use duet_systems::{Class, FinOpsConfig, System, codes};
use secrecy::SecretString;
use std::collections::BTreeMap;

#[tokio::test]
async fn signing_in_works_and_says_what_is_wrong_when_not() {
    let house = house().await;
    house.finops.probe().await.unwrap();

    let mut wrong = config(&house.running);
    wrong.sign_in.client_secret = SecretString::from("wrong");
    let error = wrong.build().unwrap().probe().await.unwrap_err();
    assert_eq!(error.class, Class::FixAccess);
    assert_eq!(error.code, codes::SIGN_IN_REFUSED);
    assert!(error.message.contains("client secret"), "{error}");
    assert!(!format!("{error:?}").contains("wrong\""));
}

#[tokio::test]
async fn schema_comes_from_both_kinds_of_metadata() {
    let house = house().await;
    let schema = house.finops.schema("customersv3").await.unwrap();
    assert_eq!(schema.name, "CustomersV3");
    assert_eq!(schema.company.as_deref(), Some("dataAreaId"));
    assert_eq!(schema.primary_key, ["dataAreaId", "CustomerAccount"]);
    assert!(schema.tracks_changes);
    let error = house.finops.schema("NoSuch").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::FixMap, codes::NO_TABLE));
}

#[tokio::test]
async fn the_column_of_modification_can_be_named() {
    let named = |name: &str| {
        let name = name.to_owned();
        move |config: &mut FinOpsConfig| {
            config.default_modified_columns.clear();
            config.modified_columns = BTreeMap::from([("CUSTOMERGROUPS".into(), name)]);
        }
    };
    let house = house_with(Settings::default(), named("modifieddatetime")).await;
    assert!(
        house
            .finops
            .schema("CustomerGroups")
            .await
            .unwrap()
            .tracks_changes
    );
    let house = house_with(Settings::default(), named("Description")).await;
    let error = house.finops.schema("CustomerGroups").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::FixMap, codes::NO_COLUMN));
}
