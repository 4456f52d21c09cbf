//! `else create`: how it is written, what it creates, and where it cannot work.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod published;

use duet_map::creation::NewRecord;
use duet_map::diagnostic::Diagnostic;
use duet_map::lookup::{FindNeed, LookupNeed};
use duet_map::{CompiledMap, MapFile, Row, Side, Value, analysis};

const HEAD: &str = "\
map: customers
version: 1.0.0
why: Sales works on the same customer that finance invoices.
left: { entity: CustomersV3 }
right: { entity: accounts }
company: per-company
key: [CUSTOMERACCOUNT = accountnumber]
master: left
deletes: ignore
fields:
  - CUSTOMERACCOUNT = accountnumber
  - CUSTOMERGROUPID << \"10\"
  - SALESCURRENCYCODE << \"USD\"
";

fn file(lines: &str) -> MapFile {
    MapFile::parse(&format!("{HEAD}{lines}"), "m.yaml").unwrap_or_else(|e| panic!("{e:#?}"))
}

fn compiled(lines: &str) -> (CompiledMap, Vec<Diagnostic>) {
    CompiledMap::compile(&file(lines), published::finops(), published::dataverse())
        .unwrap_or_else(|e| panic!("{e:#?}"))
}

fn told(found: &[Diagnostic]) -> String {
    let lines = found.iter().map(|one| {
        let place = one.place.as_ref().map_or(0, |place| place.line);
        let fix = one.fix.as_deref().unwrap_or_default();
        format!("{} line {place}: {}; {fix}", one.code, one.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn refused(lines: &str) -> String {
    let file = file(lines);
    told(&CompiledMap::compile(&file, published::finops(), published::dataverse()).unwrap_err())
}

/// The question that a row raises, and what is created where nothing answers it.
fn created(map: &CompiledMap, row: &Row) -> Option<NewRecord> {
    let fields = map.all_fields(Side::Left);
    let needs = map.needs(Side::Left, row, &fields, false);
    let find: &FindNeed = needs
        .iter()
        .find_map(|need| match need {
            LookupNeed::Find(find) => Some(find),
            LookupNeed::Follow(_) | LookupNeed::Counterpart(_) => None,
        })
        .unwrap();
    let field = fields
        .iter()
        .find(|field| map.field_name(*field).contains('.'));
    map.new_record(field.unwrap(), find).transpose().unwrap()
}

fn row(column: &str, value: &str) -> Row {
    Row::new().with("dataAreaId", "usmf").with(column, value)
}

#[test]
fn a_line_says_it_in_either_form_and_prints_as_written() {
    let short = "  - PAYMENTTERMS = msdyn_paymentterm.msdyn_name else create\n";
    let long = "  - left: PAYMENTTERMS\n    direction: \"=\"\n    right: msdyn_paymentterm.msdyn_name\n    else: create\n";
    assert_eq!(file(short), file(long));
    assert!(file(long).to_yaml().ends_with(short));
    let columns = long.replace(
        "else: create",
        "else: { create: { msdyn_description: 'From finance' } }",
    );
    let printed = MapFile::format(&format!("{HEAD}{columns}"), "m.yaml").unwrap();
    insta::assert_snapshot!(printed.split("\"USD\"\n").nth(1).unwrap(), @r#"
      - left: PAYMENTTERMS
        direction: "="
        right: msdyn_paymentterm.msdyn_name
        else: { create: { msdyn_description: From finance } }
    "#);
    assert_eq!(MapFile::parse(&printed, "m.yaml").unwrap(), file(&columns));
    let difference = duet_map::difference::between(&file(short), &file(&columns));
    insta::assert_snapshot!(difference[0].to_string(), @"~ PAYMENTTERMS ↔ msdyn_paymentterm.msdyn_name: PAYMENTTERMS = msdyn_paymentterm.msdyn_name else create → PAYMENTTERMS = msdyn_paymentterm.msdyn_name else create { msdyn_description: From finance }");
}

#[test]
fn the_new_record_holds_its_key_its_company_and_what_the_line_names() {
    let (map, _) = compiled(
        "  - left: PAYMENTTERMS\n    direction: \"=\"\n    right: msdyn_paymentterm.msdyn_name\n    else: { create: { msdyn_description: New, msdyn_days: 30 } }\n",
    );
    let record = created(&map, &row("PaymentTerms", "Net30")).unwrap();
    assert_eq!(record.table, "msdyn_paymentterms");
    let wanted = Row::new()
        .with("msdyn_description", "New")
        .with("msdyn_days", Value::Int(30))
        .with("msdyn_name", "Net30");
    assert_eq!(record.row.0, wanted.0);
    let (column, company) = record.company.unwrap();
    assert_eq!(column, "msdyn_company");
    assert_eq!(
        company.to_string(),
        "cdm_companies with cdm_companycode = usmf"
    );
}

#[test]
fn a_line_that_does_not_say_so_creates_nothing() {
    let (map, _) = compiled("  - PAYMENTTERMS = msdyn_paymentterm.msdyn_name\n");
    assert_eq!(created(&map, &row("PaymentTerms", "Net30")), None);
}

#[test]
fn where_it_cannot_work_the_compiler_says_why() {
    let long = |columns: &str| {
        format!(
            "  - left: PAYMENTTERMS\n    direction: \"=\"\n    right: msdyn_paymentterm.msdyn_name\n    else: {{ create: {{ {columns} }} }}\n"
        )
    };
    insta::assert_snapshot!(
        [
            refused("  - CREDITLIMIT = creditlimit else create\n"),
            refused("  - PAYMENTTERMS < msdyn_paymentterm.msdyn_name else create\n"),
            refused(&long("msdyn_descripton: x")),
            refused(&long("msdyn_days: many")),
            refused(&long("msdyn_name: x")),
        ]
        .join("\n"),
        @"
    DUET1180 line 14: `CREDITLIMIT = creditlimit else create` leads through no lookup, so there is nothing to create; drop `else create`
    DUET1180 line 14: `PAYMENTTERMS < msdyn_paymentterm.msdyn_name else create` never sets the lookup, so nothing is missing on the right; let it travel to the lookup's side, or drop `else create`
    DUET1180 line 17: msdyn_paymentterms has no column `msdyn_descripton`; did you mean `msdyn_description`?
    DUET1180 line 17: `many` cannot stand in `msdyn_days`: the column holds whole numbers; 
    DUET1180 line 17: `msdyn_name` of msdyn_paymentterms takes no value here: the row itself says what stands there; drop it
    "
    );
}

#[test]
fn a_new_record_that_lacks_a_required_column_is_told() {
    let (_, found) =
        compiled("  - SALESCURRENCYCODE > transactioncurrencyid.isocurrencycode else create\n");
    insta::assert_snapshot!(told(&found), @"DUET1181 line 14: a new record of transactioncurrencies needs `currencyname`, `currencysymbol`, `exchangerate`, which nothing gives; name a value in the long form: `else: { create: { currencyname: … } }`");
}

#[test]
fn a_table_that_another_map_fills_is_told() {
    let (customers, _) = compiled("  - PAYMENTTERMS = msdyn_paymentterm.msdyn_name else create\n");
    let terms = include_str!("../../../solutions/finance/terms-of-payment.msdyn_paymentterms.yaml");
    let terms = MapFile::parse(terms, "terms.yaml").unwrap();
    let terms = CompiledMap::compile(&terms, published::finops(), published::dataverse());
    let maps = [customers, terms.unwrap().0];
    let found = analysis::of_project(&analysis::Project {
        maps: &maps,
        ranks: &[],
        companies: &["usmf".to_owned()],
        rows: &analysis::RowCounts::default(),
    });
    let found: Vec<Diagnostic> = found
        .into_iter()
        .filter(|one| {
            one.place
                .as_ref()
                .is_some_and(|place| place.file == "m.yaml")
        })
        .filter(|one| one.message.contains("msdyn_paymentterm"))
        .collect();
    insta::assert_snapshot!(told(&found), @"DUET1182 line 14: `msdyn_paymentterm` creates records of msdyn_paymentterms that `terms-of-payment.msdyn_paymentterms` brings; drop `else create`, so that rows wait for the map that knows the whole record");
}
