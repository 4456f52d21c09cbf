//! Which rows a filter takes, in both dialects, on schemas of the stand-ins.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod published;

use duet_map::{CompiledMap, MapFile, Reference, Row, Side, Value};
use rust_decimal::Decimal;
use uuid::Uuid;

/// The Customers V3 map with these filters.
fn map(left: &str, right: &str) -> CompiledMap {
    let text = format!(
        "map: m\nversion: 1.0.0\nwhy: Filters.\nleft: {{ entity: CustomersV3, filter: '{}' }}\n\
         right: {{ entity: accounts, filter: '{}' }}\ncompany: per-company\n\
         key: [CUSTOMERACCOUNT = accountnumber]\nmaster: left\nfields:\n  - CUSTOMERACCOUNT > accountnumber\n",
        left.replace('\'', "''"),
        right.replace('\'', "''"),
    );
    let file = MapFile::parse(&text, "m.yaml").unwrap();
    let compiled = CompiledMap::compile(&file, published::finops(), published::dataverse());
    compiled.unwrap_or_else(|found| panic!("{found:#?}")).0
}

fn left(filter: &str, row: &Row) -> bool {
    map(filter, "accountnumber ne null").passes(Side::Left, row)
}

fn right(filter: &str, row: &Row) -> bool {
    map("(CustomerAccount != \"\")", filter).passes(Side::Right, row)
}

fn symbol(text: &str) -> Value {
    Value::Symbol(text.to_owned())
}

#[test]
fn members_compare_by_symbol_whatever_the_case_and_by_number() {
    let row = Row::new().with("PartyType", symbol("organization"));
    assert!(left("((PartyType == \"Organization\"))", &row));
    assert!(left("(PartyType == PartyType::Organization)", &row));
    assert!(left("(PartyType == 2)", &row));
    assert!(!left("(PartyType != \"ORGANIZATION\")", &row));
    assert!(
        left("PartyType eq 'Organization'", &row),
        "either dialect on either side"
    );
}

#[test]
fn null_and_empty_text_are_the_same() {
    let empty = Row::new().with("SalesMemo", Value::Null);
    let full = Row::new().with("SalesMemo", "x");
    assert!(left("(SalesMemo == \"\")", &empty) && !left("(SalesMemo == \"\")", &full));
    assert!(!left("(SalesMemo != \"\")", &empty) && left("(SalesMemo != \"\")", &full));
    let empty = Row::new().with("description", "");
    assert!(right("description eq null", &empty) && right("description eq ''", &empty));
    assert!(!right("description ne ''", &Row::new()));
}

#[test]
fn numbers_have_an_order_and_nothing_is_their_zero() {
    let row = |n: i64| Row::new().with("CreditLimit", Value::Decimal(Decimal::new(n, 2)));
    let filter = "((CreditLimit > 1000) && (CreditLimit <= 2000))";
    assert!(
        !left(filter, &row(100_000)) && left(filter, &row(100_001)) && left(filter, &row(200_000))
    );
    assert!(
        left("(CreditLimit <= 0)", &Row::new()),
        "F&O has no empty number"
    );
    assert!(!right("creditlimit le 0", &Row::new()), "Dataverse has");
}

#[test]
fn texts_are_matched_without_regard_to_case() {
    let row = Row::new().with("SalesMemo", "Ask for Mr. Abel");
    assert!(left("(SalesMemo like \"ask*\")", &row));
    assert!(left("(SalesMemo like \"*MR.*\")", &row));
    assert!(left("(!(SalesMemo like \"*bob*\"))", &row));
    assert!(left("(SalesMemo like \"Ask*Abe?\")", &row));
    let row = Row::new().with("name", "Contoso");
    assert!(right(
        "startswith(name,'con') and endswith(name,'SO')",
        &row
    ));
    assert!(right("not contains(name,'x') or name eq 'y'", &row));
    assert!(right("name in ('a','CONTOSO')", &row));
}

#[test]
fn options_go_by_their_numbers_even_in_quotes() {
    let row = Row::new().with("customertypecode", 3);
    assert!(right("customertypecode eq 3", &row));
    assert!(right("customertypecode eq '3'", &row));
    assert!(right("3 eq customertypecode", &row));
    assert!(!right("customertypecode eq 3", &Row::new()));
}

#[test]
fn a_lookup_compares_with_an_identifier() {
    let id = Uuid::from_u128(7);
    let row = Row::new().with(
        "msdyn_company",
        Value::Reference(Reference {
            table: "cdm_companies".to_owned(),
            id,
        }),
    );
    assert!(right(&format!("_msdyn_company_value eq {id}"), &row));
    assert!(!right(&format!("_msdyn_company_value ne {id}"), &row));
    assert!(right("_msdyn_company_value eq null", &Row::new()));
}

#[test]
fn a_filters_columns_are_read_though_they_are_not_mapped() {
    let map = map("(PartyType == \"Organization\")", "customertypecode eq 3");
    assert_eq!(
        map.columns(Side::Left),
        ["CustomerAccount", "dataAreaId", "PartyType"]
    );
    assert_eq!(
        map.columns(Side::Right),
        ["accountnumber", "msdyn_company", "customertypecode"]
    );
}
