//! What changes under maps that run: fields, companies, schemas, and the environment itself.

use crate::pair::Pair;
use crate::stage::{CUSTOMERS, Stage, now, settings};
use duet_engine::{Settings, orders};
use duet_map::schema::ColumnType;
use duet_map::side::Side;
use duet_map::value::Row;
use duet_store::Store;
use duet_store::lifecycle::Queue;
use duet_store::store::MapState;
use duet_systems::System as _;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_new_field_of_a_running_map_is_synced_without_losing_changes() {
    let pair = Arc::new(Pair::new());
    pair.customer(
        "usmf",
        "US-001",
        Row::new().with("CreditLimit", rust_decimal::Decimal::from(5)),
    );
    let mut stage = Stage::over(pair, settings()).await;
    // The stage began with the field; take it away, then bring it back as a new one.
    stage.change_map("  - CREDITLIMIT = creditlimit\n", "");
    stage.change_map("version: 1.0.0", "version: 1.1.0");
    assert!(stage.reload().await.changed);
    stage.shows(CUSTOMERS, MapState::Running).await;
    let customer = stage
        .pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001");
    let ten = rust_decimal::Decimal::from(10);
    stage.pair.left.edit(
        "CustomersV3",
        &customer.unwrap().0,
        Row::new().with("CreditLimit", ten),
    );
    stage.rename("US-001", "Marker");
    stage.arrives("US-001", "Marker").await;
    let (_, row) = stage.pair.account("US-001").unwrap();
    assert_ne!(
        row.value("creditlimit"),
        Row::new().with("x", ten).value("x")
    );

    stage.change_map(
        "fields:\n  - CUSTOMERACCOUNT = accountnumber",
        "fields:\n  - CREDITLIMIT = creditlimit\n  - CUSTOMERACCOUNT = accountnumber",
    );
    stage.change_map("version: 1.1.0", "version: 1.2.0");
    assert!(stage.reload().await.changed);
    stage.rename("US-001", "Renamed meanwhile");
    stage.arrives("US-001", "Renamed meanwhile").await;
    stage
        .until("the new field is synced", async || {
            let (_, row) = stage.pair.account("US-001").unwrap();
            row.value("creditlimit") == Row::new().with("x", ten).value("x")
        })
        .await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    let versions = stage.pair.store.definitions().await.unwrap();
    assert!(
        versions
            .iter()
            .all(|map| map.version == "1.2.0" && map.whole)
    );
    stage.stop.send(true).unwrap();
    (&mut stage.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_company_that_is_added_live_brings_its_rows_and_one_that_is_removed_keeps_them() {
    let pair = Arc::new(Pair::new());
    pair.customer("usmf", "US-001", Row::new());
    pair.customer("dat", "DAT-001", Row::new());
    let settings = Settings {
        sweep_every: Duration::from_millis(50),
        ..settings()
    };
    let stage = Stage::over(pair, settings).await;
    assert!(stage.pair.account("DAT-001").is_none());
    // More than the brake lets be deleted in one go.
    for number in 0..30 {
        stage
            .pair
            .customer("dat", &format!("MORE-{number}"), Row::new());
    }
    stage
        .office
        .companies
        .lock()
        .unwrap()
        .push("dat".to_owned());
    assert!(stage.reload().await.changed);
    stage
        .until("the company's rows arrive", async || {
            stage.pair.account("DAT-001").is_some()
        })
        .await;
    stage.shows(CUSTOMERS, MapState::Running).await;

    stage
        .office
        .companies
        .lock()
        .unwrap()
        .retain(|company| company != "dat");
    assert!(stage.reload().await.changed);
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.rename("DAT-001", "Out of scope");
    stage.rename("US-001", "In scope");
    stage.arrives("US-001", "In scope").await;
    stage.at_rest().await;
    assert_eq!(stage.name("DAT-001").as_deref(), Some("Name of DAT-001"));
    // The records of the company that nobody reads any more are not taken for deleted ones, and do
    // not keep deletions of other companies from travelling.
    let gone = stage
        .pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001");
    stage.pair.left.delete("CustomersV3", &gone.unwrap().0);
    stage
        .until("the deletion arrives", async || {
            stage.pair.account("US-001").is_none()
        })
        .await;
    assert_eq!(stage.pair.right.rows("accounts").len(), 31);
    stage.end().await;
}

#[tokio::test]
async fn a_column_that_vanishes_pauses_its_map_alone_until_it_is_back() {
    let stage = Stage::live_with(Settings {
        refresh_every: Duration::from_millis(50),
        ..settings()
    })
    .await;
    let before = stage.pair.right.schemas();
    let mut without = before.clone();
    for table in &mut without.0 {
        if table.name == "accounts" {
            table.columns.remove("creditlimit");
        }
    }
    stage.pair.right.set_schemas(without);
    stage.shows(CUSTOMERS, MapState::ErrorPaused).await;
    let (_, reason) = stage.state(CUSTOMERS).await;
    let reason = reason.unwrap();
    assert!(reason.contains("creditlimit"), "{reason}");
    stage.rename("US-001", "Renamed while broken");
    stage.pair.terms("usmf", "Net60");
    stage
        .until("other maps go on", async || {
            let right = &stage.pair.right;
            right
                .find_by("msdyn_paymentterms", "msdyn_name", "Net60")
                .is_some()
        })
        .await;
    assert_eq!(stage.name("US-001").as_deref(), Some("Name of US-001"));

    stage.pair.right.set_schemas(before);
    stage.arrives("US-001", "Renamed while broken").await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.end().await;
}

#[tokio::test]
async fn a_column_that_shrinks_pauses_its_map_until_somebody_accepts_it() {
    let stage = Stage::live_with(Settings {
        refresh_every: Duration::from_millis(50),
        ..settings()
    })
    .await;
    let mut narrow = stage.pair.right.schemas();
    for table in &mut narrow.0 {
        if table.name == "accounts" {
            table.columns.get_mut("name").unwrap().ty = ColumnType::Text {
                max_length: Some(30),
            };
        }
    }
    stage.pair.right.set_schemas(narrow);
    stage.shows(CUSTOMERS, MapState::ErrorPaused).await;
    let (_, reason) = stage.state(CUSTOMERS).await;
    let reason = reason.unwrap();
    assert!(
        reason.contains("DUET4123") && reason.contains("`name`"),
        "{reason}"
    );
    stage.rename("US-001", "Accepted");
    stage.resume(CUSTOMERS, Queue::CatchUp).await;
    stage.arrives("US-001", "Accepted").await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.end().await;
}

#[tokio::test]
async fn relinking_keeps_everything_and_writes_nothing_that_agrees() {
    let stage = Stage::live().await;
    stage.at_rest().await;
    stage.stop.send(true).unwrap();
    stage.running.await.unwrap().unwrap();
    let pair = stage.pair;
    let writes = pair.writes();
    let pairs = pair.store.count_pairs(CUSTOMERS).await.unwrap();
    let tables: Vec<String> = pair
        .right
        .schemas()
        .0
        .into_iter()
        .map(|table| table.name)
        .collect();
    orders::relink(pair.store.as_ref(), Side::Right, &tables, now())
        .await
        .unwrap();
    let stage = Stage::over(pair, settings()).await;
    stage.rename("US-001", "After relinking");
    stage.arrives("US-001", "After relinking").await;
    stage.at_rest().await;
    assert_eq!(
        stage.pair.store.count_pairs(CUSTOMERS).await.unwrap(),
        pairs
    );
    assert_eq!(stage.pair.writes(), (writes.0, writes.1 + 1));
    assert!(stage.pair.right.probe().await.is_ok());
    stage.end().await;
}
