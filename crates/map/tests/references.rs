//! Lookups of every shape, through the out-of-the-box maps that have them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod published;

use duet_map::{
    CompiledMap, FieldSet, KeyProblem, LookupNeed, MapFile, Reference, Resolution, ResolvedLookups,
    Row, Side, Translation, Value, codes,
};
use uuid::Uuid;

const RATES: &str = include_str!(
    "../../../solutions/application-core/cds-exchange-rates.msdyn_currencyexchangerates.yaml"
);
const ORDERS: &str =
    include_str!("../../../solutions/supply-chain/cds-sales-order-headers.salesorders.yaml");
const YEARS: &str = include_str!(
    "../../../solutions/finance/fiscal-calendar-year-integration-entity.msdyn_fiscalcalendaryears.yaml"
);
const WORKERS: &str = include_str!(
    "../../../solutions/supply-chain/product-default-order-settings-v2.msdyn_productspecificdefaultordersettings.yaml"
);

fn map(text: &str) -> CompiledMap {
    let file = MapFile::parse(text, "map.yaml").unwrap();
    let compiled = CompiledMap::compile(&file, published::finops(), published::dataverse());
    compiled.unwrap_or_else(|found| panic!("{found:#?}")).0
}

fn reference(table: &str, n: u128) -> Value {
    Value::Reference(Reference {
        table: table.to_owned(),
        id: Uuid::from_u128(n),
    })
}

/// The set of the one field whose line contains this text.
fn field(map: &CompiledMap, from: Side, line: &str) -> FieldSet {
    let all = map.all_fields(from);
    let found: FieldSet = all
        .iter()
        .filter(|field| map.field_name(*field).contains(line))
        .collect();
    assert_eq!(found.len(), 1, "{line} in {:?}", map.field_names(&all));
    found
}

fn told(needs: &[LookupNeed]) -> Vec<String> {
    needs.iter().map(ToString::to_string).collect()
}

fn resolved(needs: Vec<LookupNeed>, answer: &Resolution) -> ResolvedLookups {
    needs
        .into_iter()
        .map(|need| (need, answer.clone()))
        .collect()
}

fn columns(translation: &Translation) -> Vec<(&str, &Value)> {
    assert_eq!(translation.problems, []);
    translation
        .columns
        .iter()
        .map(|column| (column.column.as_str(), &column.value))
        .collect()
}

#[test]
fn several_nested_columns_name_one_record() {
    let map = map(RATES);
    let row = Row::new()
        .with("ExchangeRateTypeName", "Average")
        .with("FromCurrencyCode", "USD")
        .with("ToCurrencyCode", "EUR");
    let pair = field(&map, Side::Left, "FROMCURRENCYCODE");
    let needs = map.needs(Side::Left, &row, &pair, false);
    assert_eq!(
        told(&needs),
        [
            "msdyn_currencyexchangeratepairs with msdyn_currencyexchangeratetypeid.msdyn_name = Average, \
          msdyn_fromtransactioncurrencyid.isocurrencycode = USD, \
          msdyn_totransactioncurrencyid.isocurrencycode = EUR"
        ]
    );
    let found = reference("msdyn_currencyexchangeratepairs", 1);
    let answers = resolved(needs, &Resolution::Found(found.clone()));
    let translation = map.translate(Side::Left, &row, &pair, &answers, false);
    assert_eq!(
        columns(&translation),
        [("msdyn_currencyexchangeratepair", &found)]
    );
    // One part missing: there is no such record to name, so the lookup is cleared.
    let row = row.with("ToCurrencyCode", "");
    assert_eq!(map.needs(Side::Left, &row, &pair, false), []);
    let translation = map.translate(Side::Left, &row, &pair, &answers, false);
    assert_eq!(
        columns(&translation),
        [("msdyn_currencyexchangeratepair", &Value::Null)]
    );
}

#[test]
fn several_records_that_answer_are_a_problem_and_none_is_a_wait() {
    let map = map(RATES);
    let row = Row::new()
        .with("ExchangeRateTypeName", "Average")
        .with("FromCurrencyCode", "USD")
        .with("ToCurrencyCode", "EUR");
    let pair = field(&map, Side::Left, "FROMCURRENCYCODE");
    let needs = map.needs(Side::Left, &row, &pair, false);
    let answers = resolved(needs.clone(), &Resolution::Ambiguous);
    let translation = map.translate(Side::Left, &row, &pair, &answers, false);
    assert_eq!(translation.problems[0].code, codes::LOOKUP_AMBIGUOUS);
    let answers = resolved(needs.clone(), &Resolution::Missing);
    let translation = map.translate(Side::Left, &row, &pair, &answers, false);
    assert_eq!(translation.waiting[0].need, needs[0]);
}

#[test]
fn a_key_behind_lookups_is_the_same_from_both_sides() {
    let map = map(RATES);
    let left = Row::new()
        .with("ExchangeRateTypeName", "Average")
        .with("FromCurrencyCode", "USD")
        .with("ToCurrencyCode", "EUR")
        .with(
            "ValidFrom",
            Value::DateTime("2024-01-31T00:00:00Z".parse().unwrap()),
        );
    let key = map.key(Side::Left, &left, &ResolvedLookups::new()).unwrap();
    assert_eq!(
        key.to_string(),
        "average / usd / eur / 2024-01-31T00:00:00Z"
    );
    let right = Row::new()
        .with(
            "msdyn_currencyexchangeratepair",
            reference("msdyn_currencyexchangeratepairs", 1),
        )
        .with(
            "msdyn_validfrom",
            Value::DateTime("2024-01-31T00:00:00Z".parse().unwrap()),
        );
    let Err(KeyProblem::Needs(needs)) = map.key(Side::Right, &right, &ResolvedLookups::new())
    else {
        panic!("three parts stand behind the pair")
    };
    let answers: ResolvedLookups = needs
        .into_iter()
        .map(|need| {
            let LookupNeed::Follow(follow) = &need else {
                panic!("{need}")
            };
            let value = match follow.path.as_str() {
                "msdyn_currencyexchangeratetypeid.msdyn_name" => "AVERAGE",
                "msdyn_fromtransactioncurrencyid.isocurrencycode" => "USD",
                _ => "EUR",
            };
            (need.clone(), Resolution::Found(Value::from(value)))
        })
        .collect();
    assert_eq!(map.key(Side::Right, &right, &answers).unwrap(), key);
}

#[test]
fn a_customer_of_an_order_is_an_account_or_a_contact() {
    let map = map(ORDERS);
    let row = Row::new()
        .with("dataAreaId", "usmf")
        .with("OrderingCustomerAccountNumber", "US-001");
    let customer = field(&map, Side::Left, " customerid.Account");
    let needs = map.needs(Side::Left, &row, &customer, false);
    assert_eq!(
        told(&needs),
        [
            "accounts with accountnumber = US-001 or contacts with msdyn_contactpersonid = US-001 in company usmf"
        ]
    );
    let found = reference("contacts", 5);
    let answers = resolved(needs, &Resolution::Found(found.clone()));
    let translation = map.translate(Side::Left, &row, &customer, &answers, false);
    assert_eq!(columns(&translation), [("customerid", &found)]);
    // Back: the table that it points at tells which column to read.
    let row = Row::new().with("customerid", found);
    let customer = field(&map, Side::Right, " customerid.Account");
    let needs = map.needs(Side::Right, &row, &customer, false);
    let LookupNeed::Follow(follow) = &needs[0] else {
        panic!("{needs:?}")
    };
    assert_eq!(
        (follow.reference.table.as_str(), follow.path.as_str()),
        ("contacts", "msdyn_contactpersonid")
    );
    let answers = resolved(needs, &Resolution::Found(Value::from("US-001")));
    let translation = map.translate(Side::Right, &row, &customer, &answers, false);
    assert_eq!(
        columns(&translation),
        [("OrderingCustomerAccountNumber", &Value::from("US-001"))]
    );
}

#[test]
fn a_reference_to_an_uncovered_table_or_an_unnamed_record_is_a_problem() {
    let map = map(ORDERS);
    let customer = field(&map, Side::Right, " customerid.Account");
    let row = Row::new().with("customerid", reference("leads", 5));
    let translation = map.translate(Side::Right, &row, &customer, &ResolvedLookups::new(), false);
    insta::assert_snapshot!(translation.problems[0].message, @"it points at a record that is in none of accounts, contacts");
    let row = Row::new().with("customerid", reference("accounts", 5));
    let needs = map.needs(Side::Right, &row, &customer, false);
    let answers = resolved(needs, &Resolution::Found(Value::Null));
    let translation = map.translate(Side::Right, &row, &customer, &answers, false);
    assert_eq!(translation.problems[0].code, codes::REFERENCED_EMPTY);
}

#[test]
fn two_fields_that_write_one_column_must_agree() {
    let map = map(YEARS);
    let row = Row::new()
        .with("msdyn_name", "2024")
        .with("msdyn_fiscalcalendarname", "Standard")
        .with("msdyn_calendar", reference("msdyn_fiscalcalendars", 1));
    let fields = map.all_fields(Side::Right);
    let needs = map.needs(Side::Right, &row, &fields, false);
    let agreeing = resolved(needs.clone(), &Resolution::Found(Value::from("STANDARD")));
    let translation = map.translate(Side::Right, &row, &fields, &agreeing, false);
    let calendar = columns(&translation)
        .into_iter()
        .filter(|(name, _)| *name == "FiscalCalendar_CalendarId");
    assert_eq!(calendar.count(), 1);
    let other = resolved(needs, &Resolution::Found(Value::from("Other")));
    let translation = map.translate(Side::Right, &row, &fields, &other, false);
    assert_eq!(translation.problems[0].code, codes::TARGETS_DISAGREE);
}

#[test]
fn a_key_may_have_empty_parts_but_not_only() {
    let map = map(WORKERS);
    let row = Row::new()
        .with("dataAreaId", "usmf")
        .with("ItemNumber", "A0001")
        .with("ProductColorId", "Red");
    let key = map.key(Side::Left, &row, &ResolvedLookups::new()).unwrap();
    assert_eq!(key.parts(), ["usmf", "a0001", "", "red", "", "", ""]);
    let row = Row::new().with("dataAreaId", "usmf");
    assert!(matches!(
        map.key(Side::Left, &row, &ResolvedLookups::new()),
        Err(KeyProblem::Empty { .. })
    ));
}
