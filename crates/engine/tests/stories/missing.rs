//! Records that lookups miss and whose lines say `else create`. One story a test.

use crate::pair::Pair;
use duet_engine::{Engine, Project};
use duet_map::CompiledMap;
use duet_map::file::MapFile;
use duet_map::schema::ColumnType;
use duet_map::side::Side;
use duet_map::value::Row;
use duet_simulation::landscape::{COMPANIES, compile, left_schemas, map_files, right_schemas};
use duet_simulation::system::{Call, Fault};
use duet_store::Store;
use duet_store::change::ParkReason;

const LINE: &str = "  - PAYMENTTERMS = msdyn_paymentterm.msdyn_name\n";

fn creating(map: &str) -> String {
    map.replace(LINE, &LINE.replace('\n', " else create\n"))
}

fn describing(map: &str) -> String {
    let long = "  - left: PAYMENTTERMS\n    direction: \"=\"\n    right: msdyn_paymentterm.msdyn_name\n    else: { create: { msdyn_description: New } }\n";
    map.replace(LINE, long)
}

/// Payment terms travel to sales only.
fn to_sales_only(map: &str) -> String {
    match map.split_once("fields:\n") {
        Some((head, lines)) if map.contains("map: terms") => {
            format!("{head}fields:\n{}", lines.replace(" = ", " > "))
        }
        _ => creating(map),
    }
}

fn on_terms(terms: &str) -> Row {
    Row::new().with("PaymentTerms", terms)
}

async fn begun(pair: &Pair, change: fn(&str) -> String) -> Engine {
    let engine = pair.engine_with(change);
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    engine
}

/// An engine over the pair without the map of payment terms.
fn without_terms(pair: &Pair) -> Engine {
    let files = map_files(Side::Left, true).map(|map| creating(&map));
    let files = files
        .into_iter()
        .filter(|file| !file.contains("map: terms"));
    pair.engine_of(compile(files, COMPANIES.map(str::to_owned)).unwrap())
}

/// An engine that believes that names of payment terms in sales are short.
fn with_short_names(pair: &Pair) -> Engine {
    let (left, mut right) = (left_schemas(), right_schemas());
    let terms = right.0.iter_mut().find(|t| t.name == "msdyn_paymentterms");
    let name = terms.unwrap().columns.get_mut("msdyn_name").unwrap();
    name.ty = ColumnType::Text {
        max_length: Some(4),
    };
    let maps = map_files(Side::Left, true).map(|text| {
        let file = MapFile::parse(&creating(&text), "test.yaml").unwrap();
        CompiledMap::compile(&file, &left, &right).unwrap().0
    });
    pair.engine_of(Project::build(maps.into(), COMPANIES.map(str::to_owned)))
}

/// The payment terms of the account, by name.
fn terms_of(pair: &Pair, account: &str) -> String {
    let (_, row) = pair.account(account).unwrap();
    let reference = row
        .value("msdyn_paymentterm")
        .as_reference()
        .unwrap()
        .clone();
    let terms = pair.right.rows("msdyn_paymentterms").into_iter();
    let (_, terms) = terms
        .into_iter()
        .find(|(id, _)| id.0 == reference.id.to_string())
        .expect("the lookup points at a record");
    terms.value("msdyn_name").as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_lookup_misses_is_created_and_paired_by_its_own_map() {
    let pair = Pair::new();
    let engine = begun(&pair, describing).await;
    pair.customer("usmf", "US-001", on_terms("Net99"));
    engine.quiesce().await.unwrap();
    assert_eq!(terms_of(&pair, "US-001"), "Net99");
    let (_, terms) = pair
        .right
        .find_by("msdyn_paymentterms", "msdyn_name", "Net99")
        .unwrap();
    assert_eq!(terms.value("msdyn_description").as_str(), Some("New"));
    assert_eq!(terms.value("msdyn_company"), &pair.company("usmf"));
    // Their own map carries them on to finance.
    let (_, finance) = pair.left.find_by("PaymentTerms", "Name", "Net99").unwrap();
    assert_eq!(finance.value("Description").as_str(), Some("New"));
    assert_eq!(pair.store.count_pairs("terms").await.unwrap(), 1);
    assert!(pair.parked().await.is_empty());
    pair.assert_balanced().await;
    let story = pair.store.activity("US-001", 50).await.unwrap();
    assert!(story.iter().any(|line| line.outcome == "created"
        && line.detail == "msdyn_paymentterms with msdyn_name = Net99 in company usmf"));
    let writes: u64 = pair
        .store
        .audit()
        .await
        .unwrap()
        .iter()
        .map(|l| l.boxes.writes)
        .sum();
    let (left, right) = pair.writes();
    assert_eq!(writes, left + right, "the audit counts the created record");
}

#[tokio::test]
async fn many_rows_that_miss_one_record_create_it_once() {
    let pair = Pair::new();
    for number in 1..=9 {
        pair.customer("usmf", &format!("US-00{number}"), on_terms("Net99"));
        pair.customer("frrt", &format!("FR-00{number}"), on_terms("Net99"));
    }
    let engine = without_terms(&pair);
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    // One in each company.
    assert_eq!(pair.right.rows("msdyn_paymentterms").len(), 2);
    assert_eq!(pair.right.rows("accounts").len(), 18);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn the_row_that_comes_later_is_linked() {
    let pair = Pair::new();
    // Terms travel to sales only, so finance does not hear of the new ones.
    let engine = begun(&pair, to_sales_only).await;
    pair.customer("usmf", "US-001", on_terms("Net99"));
    engine.quiesce().await.unwrap();
    assert_eq!(terms_of(&pair, "US-001"), "Net99");
    pair.terms("usmf", "Net99");
    engine.quiesce().await.unwrap();
    let terms = pair.right.rows("msdyn_paymentterms");
    assert_eq!(terms.len(), 1, "linked, not created again");
    assert_eq!(pair.store.count_pairs("terms").await.unwrap(), 1);
    assert_eq!(
        terms[0].1.value("msdyn_description").as_str(),
        Some("Net99")
    );
    assert!(pair.parked().await.is_empty());
    pair.assert_balanced().await;
}

#[tokio::test]
async fn what_its_own_map_is_about_to_bring_is_waited_for() {
    let pair = Pair::new();
    for number in 1..=9 {
        pair.terms("usmf", &format!("Net{number}"));
        pair.customer(
            "usmf",
            &format!("US-00{number}"),
            on_terms(&format!("Net{number}")),
        );
    }
    let engine = begun(&pair, describing).await;
    engine.quiesce().await.unwrap();
    let terms = pair.right.rows("msdyn_paymentterms");
    assert_eq!(terms.len(), 9);
    for (_, row) in terms {
        assert_eq!(row.value("msdyn_name"), row.value("msdyn_description"));
    }
    assert_eq!(pair.right.rows("accounts").len(), 9);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_lost_answer_creates_nothing_twice() {
    for fault in [
        Fault::LostAnswer,
        Fault::LostRequest,
        Fault::Garbled,
        Fault::Busy,
    ] {
        let pair = Pair::new();
        let engine = begun(&pair, creating).await;
        pair.customer("usmf", "US-001", on_terms("Net99"));
        pair.right.inject(Call::Write, [fault]);
        engine.quiesce().await.unwrap();
        assert_eq!(pair.right.rows("msdyn_paymentterms").len(), 1, "{fault:?}");
        assert_eq!(terms_of(&pair, "US-001"), "Net99", "{fault:?}");
        assert!(pair.parked().await.is_empty(), "{fault:?}");
        pair.assert_balanced().await;
    }
}

#[tokio::test]
async fn a_refusal_parks_the_change_until_somebody_creates_the_record() {
    let pair = Pair::new();
    let engine = with_short_names(&pair);
    engine.sync().await.unwrap();
    pair.customer("usmf", "US-001", on_terms("Net99"));
    engine.quiesce().await.unwrap();
    let parked = pair.parked().await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!(parked[0].reason, ParkReason::WaitingForKey);
    assert_eq!(parked[0].code, "DUET2012");
    assert!(pair.right.rows("msdyn_paymentterms").is_empty());
    let terms = Row::new()
        .with("msdyn_name", "Net99")
        .with("msdyn_company", pair.company("usmf"));
    pair.right.create("msdyn_paymentterms", terms);
    engine.quiesce().await.unwrap();
    assert_eq!(terms_of(&pair, "US-001"), "Net99");
    assert!(pair.parked().await.is_empty());
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_record_is_not_created_for_a_change_that_cannot_travel() {
    let pair = Pair::new();
    let engine = begun(&pair, creating).await;
    let more = on_terms("Net99").with("InvoiceAccount", "nobody");
    pair.customer("usmf", "US-001", more);
    engine.quiesce().await.unwrap();
    assert_eq!(pair.parked().await.len(), 1);
    assert!(pair.right.rows("msdyn_paymentterms").is_empty());
    pair.assert_balanced().await;
}
