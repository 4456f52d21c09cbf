//! The Finance & Operations connector against the stand-in, over real HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is a test's failure, in its builders too"
)]

mod stand_in;

use duet_map::record::{Record, RecordId, Version};
use duet_map::value::{Row, Value};
use duet_sandbox::auth::{Client, SignIn};
use duet_sandbox::clock::Clock;
use duet_sandbox::faults::{Fault, Rule};
use duet_sandbox::finops::{
    Endpoint, EventKind, FinOps as Sandbox, FinOpsConfig as SandboxConfig, NextLink, Settings,
};
use duet_sandbox::http::Running;
use duet_systems::{
    Changes, ChangesRequest, Class, Cursor, Etags, FinOps, FinOpsConfig, Find, Found, Seen,
    SnapshotRequest, System, SystemError, Write, Written, codes,
};
use futures::future::join_all;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use secrecy::SecretString;
use stand_in::{CLIENT, ImpatientClock, SECRET, columns};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A stand-in and a connector to it.
struct House {
    sandbox: Sandbox,
    running: Running,
    /// By how many seconds the stand-in's clock is late.
    late: Arc<AtomicI64>,
    clock: ImpatientClock,
    finops: FinOps,
}

async fn house() -> House {
    house_with(Settings::default(), |_| ()).await
}

async fn house_with(settings: Settings, change: impl FnOnce(&mut FinOpsConfig)) -> House {
    let late = Arc::new(AtomicI64::new(0));
    let lateness = Arc::clone(&late);
    let sandbox = Sandbox::open(SandboxConfig {
        settings,
        clock: Clock::new(move || {
            Timestamp::now() - SignedDuration::from_secs(lateness.load(Ordering::SeqCst))
        }),
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
        late,
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

    /// What a customer refers to.
    async fn seed_references(&self) {
        self.write_group(create(group("usmf", "10"))).await.unwrap();
        let row = Row::new()
            .with("CurrencyCode", "USD")
            .with("Name", "US dollar");
        self.write_one("Currencies", &[], create(row))
            .await
            .unwrap();
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

/// Reads a table whole.
async fn snapshot(
    finops: &FinOps,
    table: &str,
    names: &[String],
    companies: &[&str],
) -> (Vec<Record>, Option<Cursor>) {
    let mut request = SnapshotRequest {
        table: table.into(),
        columns: names.to_vec(),
        companies: columns(companies),
        after: None,
    };
    let mut records = Vec::new();
    loop {
        let page = finops.snapshot(&request).await.unwrap();
        records.extend(page.records);
        if page.next.is_none() {
            return (records, page.changes_from);
        }
        assert!(page.changes_from.is_none());
        request.after = page.next;
    }
}

#[tokio::test]
async fn a_whole_read_pages_over_companies_and_ends_with_a_cursor() {
    for next_link in [NextLink::SkipToken, NextLink::Skip] {
        let settings = Settings {
            page_size: 3,
            next_link,
            ..Settings::default()
        };
        let house = house_with(settings, |config| config.page_size = 4).await;
        let mut expected = BTreeSet::new();
        for company in ["usmf", "frrt", "dat"] {
            for n in 0..5 {
                let name = format!("it's * {n}");
                stored(house.write_group(create(group(company, &name))).await);
                expected.insert((
                    company,
                    format!("dataAreaId='{company}',CustomerGroupId='it''s * {n}'"),
                ));
            }
        }
        let (records, cursor) =
            snapshot(&house.finops, "CustomerGroups", &group_columns(), &[]).await;
        let ids: Vec<&str> = records.iter().map(|record| record.id.0.as_str()).collect();
        assert_eq!(ids.len(), 15);
        assert_eq!(
            ids.iter().copied().collect::<BTreeSet<_>>(),
            expected.iter().map(|(_, id)| id.as_str()).collect()
        );
        // What the read has shown is no news afterwards.
        let changes = house.changes(cursor.unwrap()).await;
        assert_eq!((changes.seen, changes.more), (Vec::new(), false));

        let (records, _) = snapshot(
            &house.finops,
            "CustomerGroups",
            &group_columns(),
            &["USMF", "dat"],
        )
        .await;
        assert_eq!(records.len(), 10);
        let request = SnapshotRequest {
            table: "CustomerGroups".into(),
            columns: Vec::new(),
            companies: Vec::new(),
            after: None,
        };
        let keys = house.finops.keys(&request).await.unwrap();
        assert!(keys.changes_from.is_none() && keys.next.is_some());
        assert!(keys.records.iter().all(|record| record.row.is_empty()));
    }
}

#[tokio::test]
async fn an_enumeration_in_the_key_is_paged_through_as_well() {
    let house = house_with(Settings::default(), |config| config.page_size = 2).await;
    let schema = house.finops.schema("NameAffixes").await.unwrap();
    assert!(
        schema.primary_key.iter().any(|name| name == "Type"),
        "{:?}",
        schema.primary_key
    );
    let text_key = schema
        .primary_key
        .iter()
        .find(|name| *name != "Type")
        .unwrap()
        .clone();
    let duet_map::schema::ColumnType::Enum { members, .. } = &schema.column("Type").unwrap().ty
    else {
        panic!("no enumeration")
    };
    let mut expected = 0;
    for n in 0..3 {
        for symbol in members.iter().take(2) {
            let row = Row::new()
                .with(text_key.clone(), format!("A{n}").as_str())
                .with("Type", Value::Symbol(symbol.clone()));
            let created = stored(
                house
                    .write_one("NameAffixes", &schema.primary_key, create(row))
                    .await,
            );
            let fetched = house
                .finops
                .fetch(
                    "NameAffixes",
                    &schema.primary_key,
                    std::slice::from_ref(&created.id),
                )
                .await
                .unwrap();
            assert_eq!(fetched, [Some(created)]);
            expected += 1;
        }
    }
    let (records, _) = snapshot(&house.finops, "NameAffixes", &schema.primary_key, &[]).await;
    let ids: BTreeSet<&RecordId> = records.iter().map(|record| &record.id).collect();
    assert_eq!(ids.len(), expected);
}

fn upserted(changes: &Changes) -> Vec<&str> {
    changes
        .seen
        .iter()
        .map(|seen| match seen {
            Seen::Upserted(record) => record.id.0.as_str(),
            Seen::Deleted(_) => panic!("deletions cannot be told"),
        })
        .collect()
}

#[tokio::test]
async fn changes_come_once_and_late_ones_come_too() {
    let house = house().await;
    house
        .write_group(create(group("usmf", "old")))
        .await
        .unwrap();
    let start = house
        .finops
        .changes_from_now("CustomerGroups", &group_columns())
        .await
        .unwrap();
    let nothing = house.changes(start).await;
    assert!(nothing.seen.is_empty() && !nothing.more);

    house
        .write_group(create(group("usmf", "new")))
        .await
        .unwrap();
    let first = house.changes(nothing.next).await;
    assert_eq!(upserted(&first), [id("usmf", "new").0]);
    let again = house.changes(first.next).await;
    assert!(again.seen.is_empty());

    // A transaction that began a minute ago ends only now.
    house.late.store(60, Ordering::SeqCst);
    house
        .write_group(create(group("frrt", "late")))
        .await
        .unwrap();
    let late = house.changes(again.next).await;
    assert_eq!(upserted(&late), [id("frrt", "late").0]);
    let quiet = house.changes(late.next).await;
    assert!(quiet.seen.is_empty());
}

#[tokio::test]
async fn a_cursor_of_another_kind_asks_for_a_whole_read() {
    let house = house().await;
    for text in ["", "{}", "{\"v\":9}", "[1]"] {
        let request = ChangesRequest {
            table: "CustomerGroups".into(),
            columns: Vec::new(),
            companies: Vec::new(),
            since: Cursor(text.into()),
        };
        let error = house.finops.changes(&request).await.unwrap_err();
        assert_eq!(
            (error.class, error.code),
            (Class::CursorExpired, codes::CURSOR_UNREADABLE)
        );
    }
}

#[tokio::test]
async fn an_entity_without_a_time_of_modification_has_no_changes() {
    let house = house_with(Settings::default(), |config| {
        config.default_modified_columns.clear();
    })
    .await;
    assert!(
        !house
            .finops
            .schema("CustomerGroups")
            .await
            .unwrap()
            .tracks_changes
    );
    let error = house
        .finops
        .changes_from_now("CustomerGroups", &[])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::FixMap, codes::NOT_TRACKED)
    );
    let (_, cursor) = snapshot(&house.finops, "CustomerGroups", &[], &[]).await;
    assert_eq!(cursor, None);
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

#[tokio::test]
async fn patience_is_kept_and_short_failures_are_not_noticed() {
    let house = house().await;
    stored(house.write_group(create(group("usmf", "1"))).await);
    let faults = house.sandbox.faults();
    faults.add(Rule {
        retry_after: Some(7),
        count: Some(2),
        ..Rule::always(Fault::TooManyRequests)
    });
    faults.add(Rule::once(Fault::DropBeforeCommit));
    faults.add(Rule::once(Fault::Unavailable));
    let update = |text: &str| Write::Update {
        id: id("usmf", "1"),
        row: Row::new().with("Description", text),
        if_version: None,
    };
    stored(house.write_group(update("one")).await);
    stored(house.write_group(update("two")).await);
    assert!(house.clock.slept().contains(&Duration::from_secs(7)));

    faults.add(Rule {
        retry_after: Some(300),
        ..Rule::once(Fault::TooManyRequests)
    });
    let error = house.write_group(update("three")).await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Wait, codes::THROTTLED));
    assert_eq!(error.retry_after, Some(Duration::from_mins(5)));
    assert!(!error.outcome_unknown);
    // Nobody else goes on meanwhile, and nobody waits that long either.
    let error = house
        .finops
        .fetch("CustomerGroups", &[], &[id("usmf", "1")])
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Wait);
    house.clock.advance(Duration::from_mins(5));
    stored(house.write_group(update("three")).await);
}

#[tokio::test]
async fn a_create_whose_answer_got_lost_is_never_sent_again() {
    for (fault, rows) in [(Fault::DropBeforeCommit, 0), (Fault::DropAfterCommit, 1)] {
        let house = house().await;
        house.finops.schema("CustomerGroups").await.unwrap();
        house.sandbox.faults().add(Rule::once(fault));
        let error = house
            .write_group(create(group("usmf", "1")))
            .await
            .unwrap_err();
        assert_eq!((error.class, error.code), (Class::Retry, codes::LOST));
        assert!(error.outcome_unknown);
        assert_eq!(house.sandbox.count("CustomerGroups").unwrap(), rows);
    }
}

#[tokio::test]
async fn a_deletion_whose_answer_got_lost_is_done_once() {
    let house = house().await;
    house.write_group(create(group("usmf", "1"))).await.unwrap();
    house
        .sandbox
        .faults()
        .add(Rule::once(Fault::DropAfterCommit));
    let delete = Write::Delete {
        id: id("usmf", "1"),
        if_version: None,
    };
    assert_eq!(house.write_group(delete).await.unwrap(), Written::Deleted);
    assert_eq!(house.sandbox.count("CustomerGroups").unwrap(), 0);
}

#[tokio::test]
async fn a_torn_batch_tells_what_it_does_not_know() {
    let house = house().await;
    house.finops.schema("CustomerGroups").await.unwrap();
    house.sandbox.faults().add(Rule {
        after: Some(2),
        ..Rule::once(Fault::TornBatch)
    });
    let writes = (0..4)
        .map(|n| create(group("usmf", &n.to_string())))
        .collect();
    let results = house
        .finops
        .write("CustomerGroups", &group_columns(), writes)
        .await;
    assert_eq!(results.len(), 4);
    for result in results {
        assert!(result.unwrap_err().outcome_unknown);
    }
    assert_eq!(house.sandbox.count("CustomerGroups").unwrap(), 2);

    // Updates are sent again until all is known.
    house.sandbox.faults().add(Rule {
        after: Some(1),
        ..Rule::once(Fault::TornBatch)
    });
    let writes = (0..2)
        .map(|n| Write::Update {
            id: id("usmf", &n.to_string()),
            row: Row::new().with("Description", "torn"),
            if_version: None,
        })
        .collect();
    for result in house
        .finops
        .write("CustomerGroups", &group_columns(), writes)
        .await
    {
        assert_eq!(
            stored(result).row.value("Description"),
            &Value::from("torn")
        );
    }
}

#[tokio::test]
async fn a_read_that_fails_part_way_fails_whole() {
    let house = house().await;
    house.write_group(create(group("usmf", "1"))).await.unwrap();
    house.sandbox.faults().add(Rule::always(Fault::Unavailable));
    let error = house
        .finops
        .fetch("CustomerGroups", &[], &[id("usmf", "1")])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::Retry, codes::UNAVAILABLE)
    );
    assert!(!error.outcome_unknown);
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_renewed_without_a_word() {
    let house = house().await;
    house.finops.probe().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let tokens = format!("{}/_sandbox/tokens", house.running.url());
    http.delete(tokens)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    stored(house.write_group(create(group("usmf", "1"))).await);
    // By our clock the token is about to expire, so it is renewed before anyone asks.
    house.clock.advance(Duration::from_mins(58));
    stored(house.write_group(create(group("usmf", "2"))).await);
}

#[tokio::test]
async fn a_stand_in_that_is_gone_is_unreachable() {
    let house = house().await;
    house.finops.probe().await.unwrap();
    house.running.shutdown().await;
    let error = house
        .finops
        .changes_from_now("CustomerGroups", &[])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::Retry, codes::UNREACHABLE)
    );
    assert!(!error.outcome_unknown);
}

#[tokio::test]
async fn no_change_is_lost_while_many_write() {
    let house = house_with(Settings::default(), |config| {
        config.page_size = 7;
        config.batch_size = 5;
    })
    .await;
    let start = house
        .finops
        .changes_from_now("CustomerGroups", &group_columns())
        .await
        .unwrap();
    let writer = |worker: i64| {
        let house = &house;
        async move {
            let mut last = BTreeMap::new();
            for round in 0..6 {
                // Some transactions stamp their rows long before they commit.
                house
                    .late
                    .store((worker * 7 + round * 13) % 50, Ordering::SeqCst);
                let names: Vec<String> = (0..4).map(|n| format!("w{worker}n{n}")).collect();
                let writes = names
                    .iter()
                    .map(|name| {
                        let row = Row::new().with("Description", format!("round {round}").as_str());
                        if round == 0 {
                            let mut whole = group("usmf", name);
                            whole.0.extend(row.0);
                            create(whole)
                        } else {
                            Write::Update {
                                id: id("usmf", name),
                                row,
                                if_version: None,
                            }
                        }
                    })
                    .collect();
                let results = house
                    .finops
                    .write("CustomerGroups", &group_columns(), writes)
                    .await;
                for record in results.into_iter().map(stored) {
                    last.insert(record.id.clone(), record);
                }
            }
            last
        }
    };
    let reader = async {
        let mut cursor = start;
        let mut seen: BTreeMap<RecordId, Record> = BTreeMap::new();
        let mut quiet = 0;
        let mut versions = BTreeSet::new();
        while quiet < 3 {
            let changes = house.changes(cursor).await;
            quiet = if changes.seen.is_empty() && seen.len() == 32 {
                quiet + 1
            } else {
                0
            };
            for change in changes.seen {
                let Seen::Upserted(record) = change else {
                    panic!("nothing was deleted")
                };
                let version = record.version.clone().unwrap().tag;
                assert!(
                    versions.insert((record.id.clone(), version)),
                    "reported twice"
                );
                seen.insert(record.id.clone(), record);
            }
            cursor = changes.next;
            tokio::task::yield_now().await;
        }
        (seen, cursor)
    };
    let (written, (mut seen, cursor)) = tokio::join!(join_all((0..8).map(writer)), reader);
    // What the writers did after the reader fell silent.
    for change in house.changes(cursor).await.seen {
        let Seen::Upserted(record) = change else {
            panic!("nothing was deleted")
        };
        seen.insert(record.id.clone(), record);
    }
    let written: BTreeMap<RecordId, Record> = written.into_iter().flatten().collect();
    assert_eq!(written.len(), 32);
    for (id, record) in written {
        assert_eq!(seen[&id].row, record.row, "{id}");
    }
}

#[tokio::test]
async fn posted_events_name_their_records() {
    let house = house().await;
    house.finops.schema("CustomerGroups").await.unwrap();
    let (sender, mut posted) = tokio::sync::mpsc::unbounded_channel();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let hook = axum::Router::new().route(
        "/hook",
        axum::routing::post(move |body: bytes::Bytes| {
            let sender = sender.clone();
            async move { sender.send(body).unwrap() }
        }),
    );
    let server = tokio::spawn(async move { axum::serve(listener, hook).await });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for kind in [EventKind::Data, EventKind::Business] {
        let endpoint = Endpoint {
            url: url.clone(),
            kind,
            entities: Vec::new(),
            header: None,
        };
        http.post(format!("{}/_sandbox/events", house.running.url()))
            .json(&endpoint)
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap();
    }
    let test_event = posted.recv().await.unwrap();
    assert_eq!(house.finops.read_notice(&test_event).unwrap(), []);
    house
        .write_group(create(group("usmf", "G/1")))
        .await
        .unwrap();
    for _ in 0..2 {
        let body = posted.recv().await.unwrap();
        let notices = house.finops.read_notice(&body).unwrap();
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].table, "CustomerGroups");
        assert_eq!(notices[0].record, Some(id("usmf", "G/1")));
    }
    for body in ["", "[]", "{}", "null"] {
        let error = house.finops.read_notice(body.as_bytes()).unwrap_err();
        assert_eq!(error.code, codes::NOTICE_UNREADABLE);
    }
    server.abort();
}

#[tokio::test]
async fn a_crowded_window_tells_single_changes_and_many() {
    let house = house().await;
    let writes = |count: usize, description: &str| -> Vec<Write> {
        (0..count)
            .map(|n| Write::Update {
                id: id("usmf", &format!("{n:03}")),
                row: Row::new().with("Description", description),
                if_version: None,
            })
            .collect()
    };
    let creates = (0..120)
        .map(|n| create(group("usmf", &format!("{n:03}"))))
        .collect();
    for written in house
        .finops
        .write("CustomerGroups", &group_columns(), creates)
        .await
    {
        stored(written);
    }
    let mut cursor = house
        .finops
        .changes_from_now("CustomerGroups", &group_columns())
        .await
        .unwrap();
    for count in [1, 100, 0, 5] {
        let description = format!("{count} changed");
        for written in house
            .finops
            .write(
                "CustomerGroups",
                &group_columns(),
                writes(count, &description),
            )
            .await
        {
            stored(written);
        }
        let changes = house.changes(cursor).await;
        assert_eq!(
            upserted(&changes)
                .into_iter()
                .collect::<BTreeSet<_>>()
                .len(),
            count
        );
        for seen in &changes.seen {
            let Seen::Upserted(record) = seen else {
                panic!("nothing was deleted")
            };
            assert_eq!(
                record.row.value("Description"),
                &Value::from(description.as_str())
            );
        }
        assert!(!changes.more);
        cursor = changes.next;
    }
    // A row that is gone before it is read is no news.
    house
        .write_group(Write::Update {
            id: id("usmf", "000"),
            row: Row::new().with("Description", "short-lived"),
            if_version: None,
        })
        .await
        .unwrap();
    house
        .write_group(Write::Delete {
            id: id("usmf", "000"),
            if_version: None,
        })
        .await
        .unwrap();
    assert!(house.changes(cursor).await.seen.is_empty());
}
