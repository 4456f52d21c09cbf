//! The Dataverse connector against the stand-in, over real HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is a test's failure, in its builders too"
)]

mod stand_in;

use duet_map::record::{Record, RecordId};
use duet_map::schema::ColumnType;
use duet_map::value::{Reference, Row, Value};
use duet_sandbox::auth::{Client, SignIn};
use duet_sandbox::dataverse::{Config as SandboxConfig, Dataverse as Sandbox, Settings};
use duet_sandbox::faults::{Fault, Rule};
use duet_sandbox::http::Running;
use duet_systems::{
    Changes, ChangesRequest, Class, Cursor, Dataverse, DataverseConfig, Find, Found, Seen,
    SnapshotRequest, System, SystemError, Write, Written, codes,
};
use futures::future::join_all;
use jiff::civil::date;
use rust_decimal::Decimal;
use secrecy::SecretString;
use stand_in::{CLIENT, ImpatientClock, SECRET, columns};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// A stand-in and a connector to it.
struct House {
    sandbox: Sandbox,
    running: Running,
    clock: ImpatientClock,
    dataverse: Dataverse,
}

async fn house() -> House {
    house_with(|_| (), |_| ()).await
}

async fn house_with(
    settle: impl FnOnce(&mut Settings),
    change: impl FnOnce(&mut DataverseConfig),
) -> House {
    let sign_in = SignIn {
        clients: vec![Client::new(CLIENT, SECRET)],
        ..SignIn::default()
    };
    let schema = duet_sandbox::schema::dataverse().unwrap();
    let mut config = SandboxConfig::new(schema, sign_in);
    settle(&mut config.settings);
    let sandbox = Sandbox::open(config).unwrap();
    let running = sandbox.serve().await.unwrap();
    let clock = ImpatientClock::default();
    let mut config = config_for(&running);
    change(&mut config);
    let dataverse = config.build_with(clock.timing()).unwrap();
    House {
        sandbox,
        running,
        clock,
        dataverse,
    }
}

fn config_for(running: &Running) -> DataverseConfig {
    let url: url::Url = running.url().parse().unwrap();
    let secret = SecretString::from(SECRET);
    let mut config = DataverseConfig::new("sales", url.clone(), "tenant", CLIENT, secret);
    config.authority = url;
    config
}

fn guid(n: u128) -> Uuid {
    Uuid::from_u128(0x4026_be43_6b69_e111_8f65_78e7_d162_0000 + n)
}

fn id(n: u128) -> RecordId {
    RecordId(guid(n).to_string())
}

fn reference(table: &str, id: Uuid) -> Value {
    Value::Reference(Reference {
        table: table.into(),
        id,
    })
}

fn account(name: &str) -> Row {
    Row::new().with("name", name)
}

fn create(n: u128, row: Row) -> Write {
    Write::Create {
        id: Some(id(n)),
        row,
    }
}

fn update(n: u128, row: Row) -> Write {
    Write::Update {
        id: id(n),
        row,
        if_version: None,
    }
}

fn delete(n: u128) -> Write {
    Write::Delete {
        id: id(n),
        if_version: None,
    }
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
        names: &[String],
        write: Write,
    ) -> Result<Written, SystemError> {
        let mut results = self.dataverse.write(table, names, vec![write]).await;
        assert_eq!(results.len(), 1);
        results.pop().unwrap()
    }

    async fn write_account(&self, write: Write) -> Result<Written, SystemError> {
        self.write_one("accounts", &columns(&["name"]), write).await
    }

    async fn changes(&self, since: Cursor) -> Changes {
        self.dataverse
            .changes(&ChangesRequest {
                table: "accounts".into(),
                columns: columns(&["name"]),
                companies: Vec::new(),
                since,
            })
            .await
            .unwrap()
    }

    /// Follows changes to their end.
    async fn all_changes(&self, mut since: Cursor) -> (Vec<Seen>, Cursor) {
        let mut seen = Vec::new();
        loop {
            let changes = self.changes(since).await;
            seen.extend(changes.seen);
            since = changes.next;
            if !changes.more {
                return (seen, since);
            }
        }
    }

    async fn snapshot(
        &self,
        table: &str,
        names: &[String],
    ) -> (Vec<Record>, Option<Cursor>, usize) {
        let mut request = SnapshotRequest {
            table: table.into(),
            columns: names.to_vec(),
            companies: Vec::new(),
            after: None,
        };
        let (mut records, mut pages) = (Vec::new(), 0);
        loop {
            let page = self.dataverse.snapshot(&request).await.unwrap();
            records.extend(page.records);
            pages += 1;
            if page.next.is_none() {
                return (records, page.changes_from, pages);
            }
            assert!(page.changes_from.is_none());
            request.after = page.next;
        }
    }
}

#[tokio::test]
async fn signing_in_works_and_says_what_is_wrong_when_not() {
    let house = house().await;
    house.dataverse.probe().await.unwrap();

    let mut wrong = config_for(&house.running);
    wrong.client_secret = SecretString::from("wrong");
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
async fn a_whole_read_pages_and_its_changes_follow() {
    for page_size in [3, 5000] {
        let house = house_with(|_| (), |config| config.page_size = page_size).await;
        for n in 0..10 {
            stored(
                house
                    .write_account(create(n, account(&format!("A{n}"))))
                    .await,
            );
        }
        let (records, cursor, pages) = house.snapshot("accounts", &columns(&["name"])).await;
        assert_eq!(pages, if page_size == 3 { 4 } else { 1 });
        let ids: BTreeSet<&RecordId> = records.iter().map(|record| &record.id).collect();
        assert_eq!((ids.len(), records.len()), (10, 10));

        let (seen, cursor) = house.all_changes(cursor.unwrap()).await;
        assert!(seen.is_empty());
        for n in 0..5 {
            stored(house.write_account(update(n, account("changed"))).await);
        }
        house.write_account(delete(5)).await.unwrap();
        stored(house.write_account(create(20, account("new"))).await);
        house.write_account(delete(20)).await.unwrap();
        let (seen, cursor) = house.all_changes(cursor).await;
        let upserted: BTreeSet<String> = seen
            .iter()
            .filter_map(|seen| match seen {
                Seen::Upserted(record) => {
                    assert_eq!(record.row, account("changed"));
                    Some(record.id.0.clone())
                }
                Seen::Deleted(_) => None,
            })
            .collect();
        assert_eq!(upserted, (0..5).map(|n| id(n).0).collect());
        assert!(seen.contains(&Seen::Deleted(id(5))));
        let (seen, _) = house.all_changes(cursor).await;
        assert!(seen.is_empty());
    }
}

#[tokio::test]
async fn changes_can_be_read_from_now_on_and_survive_a_move_of_the_service() {
    let house = house_with(|_| (), |config| config.page_size = 2).await;
    for n in 0..5 {
        stored(house.write_account(create(n, account("old"))).await);
    }
    let cursor = house
        .dataverse
        .changes_from_now("accounts", &columns(&["name"]))
        .await
        .unwrap();
    assert!(!cursor.0.contains("127.0.0.1"), "{}", cursor.0);
    stored(house.write_account(create(9, account("new"))).await);
    let (seen, _) = house.all_changes(cursor.clone()).await;
    assert_eq!(seen.len(), 1);
    // The same rows, served elsewhere.
    let moved = house.sandbox.serve().await.unwrap();
    let elsewhere = config_for(&moved).build().unwrap();
    let changes = elsewhere
        .changes(&ChangesRequest {
            table: "accounts".into(),
            columns: columns(&["name"]),
            companies: Vec::new(),
            since: cursor,
        })
        .await
        .unwrap();
    assert_eq!(changes.seen, seen);
}

#[tokio::test]
async fn a_map_that_asks_for_more_columns_gets_them_from_an_old_cursor() {
    let house = house().await;
    let cursor = house
        .dataverse
        .changes_from_now("accounts", &columns(&["name"]))
        .await
        .unwrap();
    stored(
        house
            .write_account(create(1, account("A").with("accountnumber", "7")))
            .await,
    );
    stored(house.write_account(create(2, account("B"))).await);
    house.write_account(delete(2)).await.unwrap();
    let changes = house
        .dataverse
        .changes(&ChangesRequest {
            table: "accounts".into(),
            columns: columns(&["accountnumber"]),
            companies: Vec::new(),
            since: cursor,
        })
        .await
        .unwrap();
    let Seen::Upserted(record) = &changes.seen[0] else {
        panic!("no record")
    };
    assert_eq!(record.row, Row::new().with("accountnumber", "7"));
}

#[tokio::test]
async fn an_expired_or_foreign_cursor_asks_for_a_whole_read() {
    let house = house().await;
    let cursor = house
        .dataverse
        .changes_from_now("accounts", &columns(&["name"]))
        .await
        .unwrap();
    house
        .sandbox
        .faults()
        .add(Rule::once(Fault::ExpireDeltaTokens));
    let mut request = ChangesRequest {
        table: "accounts".into(),
        columns: columns(&["name"]),
        companies: Vec::new(),
        since: cursor,
    };
    let error = house.dataverse.changes(&request).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::CursorExpired, codes::CURSOR_EXPIRED)
    );
    request.since = Cursor("{\"v\":7}".into());
    let error = house.dataverse.changes(&request).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::CursorExpired, codes::CURSOR_UNREADABLE)
    );
}

#[tokio::test]
async fn a_table_without_tracking_is_read_whole_and_has_no_changes() {
    let house = house_with(|_| (), |config| config.page_size = 2).await;
    assert!(
        !house
            .dataverse
            .schema("serviceendpoints")
            .await
            .unwrap()
            .tracks_changes
    );
    for n in 0..5 {
        let row = Row::new().with("name", format!("E{n}").as_str());
        stored(
            house
                .write_one("serviceendpoints", &[], create(n, row))
                .await,
        );
    }
    let (records, cursor, pages) = house
        .snapshot("serviceendpoints", &columns(&["name"]))
        .await;
    assert_eq!((records.len(), pages), (5, 3));
    assert_eq!(cursor, None);
    let error = house
        .dataverse
        .changes_from_now("serviceendpoints", &[])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::FixMap, codes::NOT_TRACKED)
    );
}

#[tokio::test]
async fn identifiers_are_read_for_comparing() {
    let house = house_with(|_| (), |config| config.page_size = 2).await;
    for n in 0..3 {
        stored(house.write_account(create(n, account("x"))).await);
    }
    let mut request = SnapshotRequest {
        table: "accounts".into(),
        columns: columns(&["name"]),
        companies: Vec::new(),
        after: None,
    };
    let first = house.dataverse.keys(&request).await.unwrap();
    assert_eq!(first.records.len(), 2);
    assert!(first.records.iter().all(|record| record.row.is_empty()));
    request.after = first.next;
    let second = house.dataverse.keys(&request).await.unwrap();
    assert_eq!((second.records.len(), second.next), (1, None));
}

#[tokio::test]
async fn fetching_keeps_the_order_and_tells_absence_from_failure() {
    let house = house_with(|_| (), |config| config.batch_size = 2).await;
    for n in [1, 3, 5] {
        stored(
            house
                .write_account(create(n, account(&n.to_string())))
                .await,
        );
    }
    let ids: Vec<RecordId> = (1..=5).map(id).collect();
    let fetched = house
        .dataverse
        .fetch("accounts", &columns(&["name"]), &ids)
        .await
        .unwrap();
    let names: Vec<Option<&str>> = fetched
        .iter()
        .map(|record| {
            record
                .as_ref()
                .and_then(|record| record.row.value("name").as_str())
        })
        .collect();
    assert_eq!(names, [Some("1"), None, Some("3"), None, Some("5")]);

    house.sandbox.faults().add(Rule {
        path: Some("$batch".into()),
        ..Rule::always(Fault::Unavailable)
    });
    let error = house
        .dataverse
        .fetch("accounts", &[], &ids)
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::Retry, codes::UNAVAILABLE)
    );
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

#[tokio::test]
async fn short_failures_are_not_noticed() {
    let house = house().await;
    house.dataverse.schema("accounts").await.unwrap();
    let faults = house.sandbox.faults();
    faults.add(Rule {
        retry_after: Some(3),
        count: Some(2),
        ..Rule::always(Fault::TooManyRequests)
    });
    faults.add(Rule::once(Fault::Unavailable));
    faults.add(Rule::once(Fault::DropBeforeCommit));
    stored(house.write_account(create(1, account("A"))).await);
    assert!(house.clock.slept().contains(&Duration::from_secs(3)));
    // Committed, but the answer got lost: repeating it is refused, which must not look final.
    faults.add(Rule {
        method: Some("POST".into()),
        ..Rule::once(Fault::DropAfterCommit)
    });
    let error = house
        .write_account(create(2, account("B")))
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Duplicate);
    assert!(error.outcome_unknown);
    faults.add(Rule {
        method: Some("POST".into()),
        ..Rule::once(Fault::DropAfterCommit)
    });
    assert_eq!(
        house.write_account(delete(2)).await.unwrap(),
        Written::Deleted
    );
}

#[tokio::test]
async fn a_torn_batch_is_finished() {
    let house = house().await;
    house.dataverse.schema("accounts").await.unwrap();
    house.sandbox.faults().add(Rule {
        after: Some(3),
        ..Rule::once(Fault::TornBatch)
    });
    let writes = (0..6).map(|n| create(n, account(&n.to_string()))).collect();
    let results = house
        .dataverse
        .write("accounts", &columns(&["name"]), writes)
        .await;
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Ok(written) => assert!(n >= 3, "{written:?}"),
            Err(error) => {
                assert_eq!(error.class, Class::Duplicate);
                assert!(error.outcome_unknown && n < 3);
            }
        }
    }
    let (records, ..) = house.snapshot("accounts", &[]).await;
    assert_eq!(records.len(), 6);
}

#[tokio::test]
async fn a_revoked_token_is_renewed_without_a_word() {
    let house = house().await;
    house.dataverse.probe().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let tokens = format!("{}/_sandbox/tokens", house.running.url());
    http.delete(tokens)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    stored(house.write_account(create(1, account("A"))).await);
    // By our clock the next one is about to expire, so it is renewed before anyone asks.
    house.clock.advance(Duration::from_mins(58));
    stored(house.write_account(create(2, account("B"))).await);
}

#[tokio::test]
async fn no_change_is_lost_while_many_write() {
    let house = house_with(
        |_| (),
        |config| {
            config.page_size = 3;
            config.batch_size = 4;
        },
    )
    .await;
    let start = house
        .dataverse
        .changes_from_now("accounts", &columns(&["name"]))
        .await
        .unwrap();
    let house_ref = &house;
    let writer = |worker: u128| async move {
        let mut last: BTreeMap<RecordId, Option<Row>> = BTreeMap::new();
        for round in 0..5 {
            let numbers: Vec<u128> = (0..4).map(|n| worker * 100 + n).collect();
            let name = account(&format!("round {round}"));
            let writes = numbers
                .iter()
                .map(|n| match round {
                    0 => create(*n, name.clone()),
                    4 if n % 4 == 0 => delete(*n),
                    _ => update(*n, name.clone()),
                })
                .collect();
            let results = house_ref
                .dataverse
                .write("accounts", &columns(&["name"]), writes)
                .await;
            for (n, result) in numbers.into_iter().zip(results) {
                last.insert(
                    id(n),
                    match result.unwrap() {
                        Written::Stored(record) => Some(record.row),
                        Written::Deleted => None,
                    },
                );
            }
        }
        last
    };
    let reader = async {
        let mut cursor = start;
        let mut seen: BTreeMap<RecordId, Option<Row>> = BTreeMap::new();
        let mut quiet = 0;
        while quiet < 5 {
            let changes = house.changes(cursor).await;
            let silent = changes.seen.is_empty() && seen.len() == 32;
            quiet = if silent { quiet + 1 } else { 0 };
            take(&mut seen, changes.seen);
            cursor = changes.next;
            tokio::task::yield_now().await;
        }
        (seen, cursor)
    };
    let (written, (mut seen, cursor)) = tokio::join!(join_all((1..=8).map(writer)), reader);
    take(&mut seen, house.all_changes(cursor).await.0);
    let written: BTreeMap<RecordId, Option<Row>> = written.into_iter().flatten().collect();
    assert_eq!(seen, written);
}

fn take(known: &mut BTreeMap<RecordId, Option<Row>>, seen: Vec<Seen>) {
    for change in seen {
        match change {
            Seen::Upserted(record) => known.insert(record.id, Some(record.row)),
            Seen::Deleted(id) => known.insert(id, None),
        };
    }
}

#[tokio::test]
async fn subscribing_twice_registers_once_and_posts_name_their_records() {
    let house = house().await;
    let (sender, mut posted) = tokio::sync::mpsc::unbounded_channel();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let callback: url::Url = format!("http://{}/hook", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let hook = axum::Router::new().route(
        "/hook",
        axum::routing::post(move |body: bytes::Bytes| {
            let sender = sender.clone();
            async move { sender.send(body).unwrap() }
        }),
    );
    let server = tokio::spawn(async move { axum::serve(listener, hook).await });
    let key = SecretString::from("knock knock");
    let tables = columns(&["accounts", "contacts"]);
    for _ in 0..2 {
        house
            .dataverse
            .subscribe(&tables, &callback, &key)
            .await
            .unwrap();
    }
    let (steps, ..) = house.snapshot("sdkmessageprocessingsteps", &[]).await;
    assert_eq!(steps.len(), 6);
    house.dataverse.schema("accounts").await.unwrap();
    stored(house.write_account(create(1, account("A"))).await);
    let body = posted.recv().await.unwrap();
    let notices = house.dataverse.read_notice(&body).unwrap();
    assert_eq!(notices.len(), 1);
    assert_eq!(
        (notices[0].table.as_str(), notices[0].record.clone()),
        ("accounts", Some(id(1)))
    );
    server.abort();
}
