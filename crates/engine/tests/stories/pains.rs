//! What users of Dual-write suffer from, played on Duet, as far as no other story does already.
//! `docs/explanation/pains.md` names for each pain the tests that show it cured.

use crate::pair::{Pair, reference, synced};
use crate::wide;
use duet_engine::{Settings, orders};
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_simulation::landscape::{COMPANIES, compile, map_files};
use duet_simulation::system::ModelSystem;
use duet_simulation::timeline::{Ended, Task, Timeline, run_session};
use duet_store::Store;
use duet_store::change::{ParkReason, ParkedFilter};
use duet_store::conflict::ConflictState;
use duet_store::lifecycle::Queue;
use rust_decimal::Decimal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

fn named(name: &str) -> Row {
    Row::new().with("OrganizationName", name)
}

fn no_cheats(table: &str, row: &Row) -> Option<&'static str> {
    let cheat = table == "accounts" && row.value("name").as_str() == Some("Cheat");
    cheat.then_some("the credit department has blocked this customer")
}

#[tokio::test]
async fn one_row_that_a_system_refuses_stands_alone_and_the_bulk_arrives() {
    let pair = Pair::shaped(|left| left, |right| right.ruled(no_cheats));
    let engine = pair.engine();
    engine.sync().await.unwrap();
    for number in 0..100 {
        let name = if number == 50 { "Cheat" } else { "Fair" };
        pair.customer("usmf", &format!("C-{number}"), named(name));
    }
    engine.quiesce().await.unwrap();
    assert_eq!(pair.right.rows("accounts").len(), 99);
    let [parked] = &pair.parked().await[..] else {
        panic!("one change is parked")
    };
    assert_eq!(parked.key.to_string(), "usmf / c-50");
    assert!(
        parked.message.contains("the credit department has blocked"),
        "{}",
        parked.message
    );

    let (customer, _) = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "C-50")
        .unwrap();
    pair.left.edit("CustomersV3", &customer, named("Fair now"));
    engine.quiesce().await.unwrap();
    assert!(pair.account("C-50").is_some());
    assert_eq!(pair.parked().await, []);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn each_of_thirty_bad_rows_says_record_field_rule_and_next_step() {
    let pair = Pair::new();
    for number in 0..30 {
        let name = "x".repeat(61 + number % 10);
        pair.customer("usmf", &format!("C-{number:02}"), named(&name));
    }
    let engine = pair.engine();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    let mut parked = pair.parked().await;
    parked.sort_by_key(|one| one.key.to_string());
    assert_eq!(parked.len(), 30, "all of them are listed");
    for (number, one) in parked.iter().enumerate() {
        assert_eq!(one.reason, ParkReason::Validation);
        assert_eq!(one.key.to_string(), format!("usmf / c-{number:02}"));
        let length = 61 + number % 10;
        let says = [
            "ORGANIZATIONNAME = name".to_owned(),
            format!("{length} characters"),
            "holds 60".to_owned(),
            "shorten it".to_owned(),
        ];
        for part in says {
            assert!(one.message.contains(&part), "{part}: {}", one.message);
        }
        assert!(!one.message.contains("xx"), "{}", one.message);
        let page = format!("docs/errors/{}.md", one.code);
        assert!(root().join(&page).exists(), "{page}");
    }
    pair.assert_balanced().await;
}

#[tokio::test]
async fn changes_that_raise_no_event_are_captured() {
    let pair = Pair::new();
    let customers: Vec<_> = (0..200)
        .map(|number| pair.customer("usmf", &format!("C-{number}"), Row::new()))
        .collect();
    let engine = pair.engine();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    // As a set-based update does: all rows at once, and nobody is told.
    for customer in &customers {
        pair.left.edit("CustomersV3", customer, named("Renamed"));
    }
    assert!(pair.left.next_notice().is_none());
    engine.quiesce().await.unwrap();
    for (_, account) in pair.right.rows("accounts") {
        assert_eq!(account.value("name").as_str(), Some("Renamed"));
    }
    pair.assert_balanced().await;
}

#[tokio::test]
async fn an_empty_text_in_a_filter_takes_rows_with_nothing_in_the_column() {
    let pair = Pair::shaped(ModelSystem::listing_once, |right| right);
    let nothing = Row::new().with("City", Value::Null);
    pair.customer("usmf", "NULL", nothing);
    pair.customer("usmf", "EMPTY", Row::new().with("City", ""));
    pair.customer("usmf", "OSLO", Row::new().with("City", "Oslo"));
    let engine = pair.engine_for_customers(|map| {
        map.replace(
            r#"(PartyType == "Organization")"#,
            r#"((PartyType == "Organization") && (City == ""))"#,
        )
    });
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    assert!(pair.account("NULL").is_some());
    assert!(pair.account("EMPTY").is_some());
    assert!(pair.account("OSLO").is_none());
    // What stays out is counted, not forgotten.
    let lines = pair.store.audit().await.unwrap();
    let filtered: u64 = lines.iter().map(|line| line.boxes.filtered).sum();
    assert_eq!(filtered, 1);
    pair.assert_balanced().await;
}

#[test]
fn thirty_days_in_pause_lose_nothing() {
    let timeline = Arc::new(Timeline::default());
    let pair = Pair::new();
    let rarely = DAY / 4;
    let settings = Settings {
        poll_every: rarely,
        sweep_every: rarely,
        recheck_every: rarely,
        ..Settings::default()
    };
    let project = compile(map_files(Side::Left, true), COMPANIES.map(str::to_owned)).unwrap();
    let engine = pair.engine_over(project, settings, timeline.clone());
    let (stop, stopped) = tokio::sync::watch::channel(false);

    let people = async {
        let record = |account: &str| {
            let found = pair.left.find_by("CustomersV3", "CustomerAccount", account);
            found.unwrap().0
        };
        let store = pair.store.as_ref();
        let now = || duet_engine::Clock::now(&*timeline);
        for account in ["LEFT", "RIGHT", "BOTH", "CLASH", "GONE"] {
            pair.customer("usmf", account, Row::new());
        }
        timeline.pause(DAY).await;
        let account = |number: &str| pair.account(number).unwrap();
        let maps = ["customers".to_owned()];
        orders::pause(store, &maps, None, now()).await.unwrap();
        engine.wake();
        timeline.pause(DAY).await;
        pair.left.delete("CustomersV3", &record("GONE"));
        pair.account_of_sales("NEW", Row::new());
        for day in 1..=30 {
            let name = format!("Day {day}");
            for number in ["LEFT", "BOTH", "CLASH"] {
                pair.left.edit("CustomersV3", &record(number), named(&name));
            }
            let city = Row::new().with("address1_city", format!("City {day}").as_str());
            for number in ["RIGHT", "BOTH"] {
                pair.right
                    .edit("accounts", &account(number).0, city.clone());
            }
            let other = Row::new().with("name", format!("Other {day}").as_str());
            pair.right.edit("accounts", &account("CLASH").0, other);
            timeline.pause(DAY).await;
        }
        let lines = store.audit().await.unwrap();
        let pending: u64 = lines.iter().map(|line| line.boxes.pending).sum();
        assert!(pending >= 6 * 30, "{pending} changes queue");
        assert_eq!(
            account("LEFT").1.value("name").as_str(),
            Some("Name of LEFT")
        );
        assert!(pair.account("GONE").is_some());

        orders::resume(store, &maps, Queue::CatchUp, now())
            .await
            .unwrap();
        engine.wake();
        timeline.pause(DAY).await;
        stop.send(true).unwrap();
    };
    let both = async { futures::join!(engine.run(stopped), people).0 };
    let ended = run_session(&timeline, Task::new(both), &mut None, None);
    assert!(matches!(ended, Ended::Done(Ok(()))), "{ended:?}");
    assert!(timeline.elapsed() > DAY * 32);

    let rest = async {
        let text = |side: Side, number: &str, column: &str| {
            let row = match side {
                Side::Left => {
                    let found = pair.left.find_by("CustomersV3", "CustomerAccount", number);
                    found.unwrap().1
                }
                Side::Right => pair.account(number).unwrap().1,
            };
            row.value(column).as_str().unwrap_or_default().to_owned()
        };
        for number in ["LEFT", "BOTH", "CLASH"] {
            assert_eq!(text(Side::Right, number, "name"), "Day 30");
            assert_eq!(text(Side::Left, number, "OrganizationName"), "Day 30");
        }
        for number in ["RIGHT", "BOTH"] {
            assert_eq!(text(Side::Left, number, "City"), "City 30");
            assert_eq!(text(Side::Right, number, "address1_city"), "City 30");
        }
        assert!(pair.account("GONE").is_none());
        assert_eq!(text(Side::Left, "NEW", "OrganizationName"), "Name of NEW");
        let conflicts = pair.conflicts().await;
        assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
        assert_eq!(conflicts[0].state, ConflictState::Decided);
        assert_eq!(conflicts[0].fields[0].right.as_str(), Some("Other 30"));
        assert_eq!(pair.parked().await, []);
        pair.assert_balanced().await;
    };
    let ended = run_session(&timeline, Task::new(rest), &mut None, None);
    assert_eq!(ended, Ended::Done(()));
}

#[tokio::test]
async fn sixty_companies_sync_in_one_go() {
    let pair = Pair::new();
    let companies: Vec<String> = (0..60).map(|number| format!("c{number:02}")).collect();
    for company in &companies {
        let row = Row::new().with("LegalEntityId", company.as_str());
        pair.left.create("LegalEntities", row);
        pair.terms(company, "Net30");
        // The same number in each of them.
        pair.customer(company, "ONE", Row::new().with("PaymentTerms", "Net30"));
    }
    let project = compile(map_files(Side::Left, true), companies.clone()).unwrap();
    let engine = pair.engine_of(project);
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    for company in &companies {
        let home = pair.company(company);
        let accounts = pair.right.rows("accounts");
        let own = accounts
            .iter()
            .filter(|(_, row)| *row.value("msdyn_company") == home);
        let own: Vec<_> = own.collect();
        assert_eq!(own.len(), 1, "{company}");
        let terms = own[0].1.value("msdyn_paymentterm").as_reference().unwrap();
        let terms = duet_map::record::RecordId(terms.id.to_string());
        let terms = pair.right.row("msdyn_paymentterms", &terms).unwrap();
        assert_eq!(*terms.value("msdyn_company"), home, "{company}");
    }
    assert_eq!(pair.parked().await, []);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn twelve_lookups_and_a_circle_of_maps_without_companies_sync_in_one_go() {
    let pair = wide::pair();
    for place in 1..=wide::LOOKUPS {
        let kind = Row::new().with("Name", format!("K-{place}").as_str());
        pair.left.create("Kinds", kind.with("BestItem", "I-1"));
    }
    for item in 1..=3 {
        let mut row = Row::new().with("Number", format!("I-{item}").as_str());
        for place in 1..=wide::LOOKUPS {
            row.set(format!("Kind{place}"), format!("K-{place}").as_str());
        }
        pair.left.create("Items", row);
    }
    let engine = wide::engine(&pair);
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();

    let id = |table: &str, column: &str, value: &str| {
        let found = pair.right.find_by(table, column, value);
        reference(table, &found.unwrap_or_else(|| panic!("no {value}")).0)
    };
    let best = id("duet_items", "duet_number", "I-1");
    for (_, kind) in pair.right.rows("duet_kinds") {
        assert_eq!(*kind.value("duet_bestitem"), best);
    }
    for (_, item) in pair.right.rows("duet_items") {
        for place in 1..=wide::LOOKUPS {
            let kind = id("duet_kinds", "duet_name", &format!("K-{place}"));
            assert_eq!(*item.value(&wide::right_kind(place)), kind);
        }
    }
    assert_eq!(pair.right.rows("duet_items").len(), 3);
    assert_eq!(pair.parked().await, []);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn five_thousand_changes_in_one_burst_all_arrive() {
    const ROWS: usize = 5_000;
    let pair = Pair::shaped(|left| left.paged(1_000), |right| right.paged(1_000));
    let engine = pair.engine();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    let before = pair.writes();
    for number in 0..ROWS {
        pair.customer("usmf", &format!("C-{number}"), Row::new());
    }
    engine.quiesce().await.unwrap();
    assert_eq!(pair.right.rows("accounts").len(), ROWS);
    assert_eq!(pair.writes(), (before.0, before.1 + ROWS as u64));
    assert_eq!(pair.parked().await, []);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_rollout_in_phases_finds_what_came_before() {
    let pair = Pair::new();
    pair.terms("usmf", "Net30");
    pair.terms("frrt", "Net60");
    let of = |company: &str, number: &str, terms: &str| {
        pair.customer(company, number, Row::new().with("PaymentTerms", terms));
    };
    of("usmf", "US-001", "Net30");
    of("frrt", "FR-001", "Net60");
    let engine = |files: Vec<String>, companies: &[&str]| {
        let companies = companies.iter().map(|company| (*company).to_owned());
        pair.engine_of(compile(files, companies).unwrap())
    };
    let [companies, terms, customers] = map_files(Side::Left, true);

    // First the terms of one company; sales types its customers by hand meanwhile.
    let first = engine(vec![companies.clone(), terms.clone()], &["usmf"]);
    first.sync().await.unwrap();
    first.quiesce().await.unwrap();
    assert_eq!(pair.right.rows("msdyn_paymentterms").len(), 1);
    let limit = Value::Decimal(Decimal::from(7));
    pair.account_of_sales("US-001", Row::new().with("creditlimit", limit));

    // Then the customers: the two meet by their number, and refer to the terms that are there.
    let before = pair.right.rows("msdyn_paymentterms");
    let files = vec![companies, terms, customers];
    let second = engine(files.clone(), &["usmf"]);
    second.sync().await.unwrap();
    second.quiesce().await.unwrap();
    assert_eq!(pair.right.rows("msdyn_paymentterms"), before);
    assert_eq!(pair.right.rows("accounts").len(), 1);
    let (_, account) = pair.account("US-001").unwrap();
    let terms = reference("msdyn_paymentterms", &before[0].0);
    assert_eq!(*account.value("msdyn_paymentterm"), terms);

    // Then the second company.
    let third = engine(files, &["usmf", "frrt"]);
    third.sync().await.unwrap();
    third.quiesce().await.unwrap();
    let (_, account) = pair.account("FR-001").unwrap();
    assert_eq!(*account.value("msdyn_company"), pair.company("frrt"));
    assert!(account.value("msdyn_paymentterm").as_reference().is_some());
    assert_eq!(pair.parked().await, []);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn children_before_their_parents_in_one_burst_all_arrive() {
    let (pair, engine) = synced().await;
    // Each names terms and a payer that come after it, and nobody has declared any relation.
    for number in 0..50 {
        let row = Row::new()
            .with("PaymentTerms", format!("T-{number}").as_str())
            .with(
                "InvoiceAccount",
                format!("C-{}", (number + 1) % 50).as_str(),
            );
        pair.customer("usmf", &format!("C-{number}"), row);
    }
    for number in (0..50).rev() {
        pair.terms("usmf", &format!("T-{number}"));
    }
    engine.quiesce().await.unwrap();
    for number in 0..50 {
        let (_, account) = pair.account(&format!("C-{number}")).unwrap();
        let terms = pair
            .right
            .find_by("msdyn_paymentterms", "msdyn_name", &format!("T-{number}"));
        let payer = pair.account(&format!("C-{}", (number + 1) % 50));
        let terms = reference("msdyn_paymentterms", &terms.unwrap().0);
        let payer = reference("accounts", &payer.unwrap().0);
        assert_eq!(*account.value("msdyn_paymentterm"), terms);
        assert_eq!(*account.value("msdyn_billingaccount"), payer);
    }
    assert_eq!(
        pair.store
            .parked(&ParkedFilter::default(), 1)
            .await
            .unwrap(),
        []
    );
    pair.assert_balanced().await;
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of the tests below a folder: functions with a test's attribute just above them.
fn tests_below(folder: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut marked = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    marked = true;
                } else if let Some((_, name)) = line.split_once("fn ")
                    && marked
                {
                    names.extend(name.split('(').next().map(str::to_owned));
                    marked = false;
                }
            }
        }
    }
}

#[test]
fn every_test_that_the_book_names_for_a_pain_exists() {
    let mut tests = Vec::new();
    tests_below(&root().join("crates/engine/tests"), &mut tests);
    tests_below(&root().join("crates/duet/tests"), &mut tests);
    let book = include_str!("../../../../docs/explanation/pains.md");
    let rows: Vec<Vec<&str>> = book
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| pain"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    for (place, row) in rows.iter().enumerate() {
        let [pain, _, shown] = &row[..] else {
            panic!("{row:?}")
        };
        assert!(pain.starts_with(&format!("{}.", place + 1)), "{pain}");
        let named: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{pain} names no test");
        for name in named {
            assert!(
                tests.iter().any(|test| test == name),
                "{pain}: no test {name}"
            );
        }
    }
    assert_eq!(rows.len(), 10);
}
