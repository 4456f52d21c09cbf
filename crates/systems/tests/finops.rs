//! The Finance & Operations connector against the stand-in, over real HTTP.

mod stand_in;

use duet_map::record::{Record, RecordId, Version};
use duet_map::value::{Row, Value};
use duet_sandbox::auth::{Client, SignIn};
use duet_sandbox::faults::{Fault, Rule};
use duet_sandbox::finops::{FinOps as Sandbox, FinOpsConfig as SandboxConfig, Settings};
use duet_sandbox::http::Running;
use duet_systems::{
    Changes, ChangesRequest, Class, Cursor, Etags, FinOps, FinOpsConfig, Find, Found, Seen,
    SnapshotRequest, System, SystemError, Write, Written, codes,
};
use jiff::civil::date;
use rust_decimal::Decimal;
use secrecy::SecretString;
use stand_in::{CLIENT, ImpatientClock, SECRET, columns};
use std::collections::BTreeMap;

/// A stand-in and a connector to it.
struct House {
    sandbox: Sandbox,
    running: Running,
    clock: ImpatientClock,
    finops: FinOps,
}

async fn house() -> House {
    house_with(Settings::default(), |_| ()).await
}

async fn house_with(settings: Settings, change: impl FnOnce(&mut FinOpsConfig)) -> House {
    let sandbox = Sandbox::open(SandboxConfig {
        settings,
        sign_in: SignIn {
            clients: vec![Client::new(CLIENT, SECRET)],
            ..SignIn::default()
        },
        ..SandboxConfig::default()
    })
    .unwrap();
    let running = sandbox.serve().await.unwrap();
    let clock = ImpatientClock::default();
    let mut config = config(&running);
    change(&mut config);
    let finops = config.build_with(clock.timing()).unwrap();
    House {
        sandbox,
        running,
        clock,
        finops,
    }
}

fn config(running: &Running) -> FinOpsConfig {
    let url: url::Url = running.url().parse().unwrap();
    let mut config = FinOpsConfig::new(
        "finance",
        url.clone(),
        "tenant",
        CLIENT,
        SecretString::from(SECRET),
    );
    config.authority = url;
    config
}

/// Columns that most tests read.
fn group_columns() -> Vec<String> {
    columns(&["dataAreaId", "CustomerGroupId", "Description"])
}

fn group(company: &str, id: &str) -> Row {
    Row::new()
        .with("dataAreaId", company)
        .with("CustomerGroupId", id)
        .with("Description", "A group")
}

fn create(row: Row) -> Write {
    Write::Create { id: None, row }
}

fn stored(written: Result<Written, SystemError>) -> Record {
    match written.unwrap() {
        Written::Stored(record) => *record,
        Written::Deleted => panic!("deleted instead of stored"),
    }
}

impl House {
    async fn write_one(
        &self,
        table: &str,
        columns: &[String],
        write: Write,
    ) -> Result<Written, SystemError> {
        let mut results = self.finops.write(table, columns, vec![write]).await;
        assert_eq!(results.len(), 1);
        results.pop().unwrap()
    }

    async fn write_group(&self, write: Write) -> Result<Written, SystemError> {
        self.write_one("CustomerGroups", &group_columns(), write)
            .await
    }

    async fn changes(&self, since: Cursor) -> Changes {
        self.finops
            .changes(&ChangesRequest {
                table: "CustomerGroups".into(),
                columns: group_columns(),
                companies: Vec::new(),
                since,
            })
            .await
            .unwrap()
    }
}

fn id(company: &str, group: &str) -> RecordId {
    RecordId(format!("dataAreaId='{company}',CustomerGroupId='{group}'"))
}

#[tokio::test]
async fn signing_in_works_and_says_what_is_wrong_when_not() {
    let house = house().await;
    house.finops.probe().await.unwrap();

    let mut wrong = config(&house.running);
    wrong.client_secret = SecretString::from("wrong");
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
