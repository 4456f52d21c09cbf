//! Expressions in field lines and filters: read, checked, computed, refused where they cannot work.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod published;

use duet_map::example::ExampleFile;
use duet_map::{CompiledMap, MapFile, Severity};

/// A map of customers with these field lines beside its key.
fn map(lines: &str, filter: &str) -> String {
    format!(
        "\
map: customers
version: 1.0.0
why: Sales works on the same customer that finance invoices.
left: {{ entity: CustomersV3{filter} }}
right: {{ entity: accounts }}
company: per-company
key: [CUSTOMERACCOUNT = accountnumber]
master: left
fields:
  - CUSTOMERACCOUNT = accountnumber
  - CUSTOMERGROUPID << '10'
  - SALESCURRENCYCODE << 'USD'
{lines}"
    )
}

fn compiled(text: &str) -> Result<CompiledMap, String> {
    let told = |found: Vec<duet_map::Diagnostic>| {
        let lines: Vec<String> = found
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| {
                let place = finding.place.as_ref().unwrap();
                let fix = finding.fix.as_deref().unwrap_or("");
                format!(
                    "{} {}:{} {} [{fix}]",
                    finding.code, place.line, place.column, finding.message
                )
            })
            .collect();
        lines.join("\n")
    };
    let file = MapFile::parse(text, "customers.yaml").map_err(told)?;
    CompiledMap::compile(&file, published::finops(), published::dataverse())
        .map(|(map, _)| map)
        .map_err(told)
}

fn play(map: &CompiledMap, examples: &str) -> String {
    let file = ExampleFile::parse(examples, "examples.yaml").unwrap();
    let told = file
        .examples
        .iter()
        .flat_map(|example| example.run(map).unwrap().into_iter().map(|m| m.to_string()));
    told.collect::<Vec<_>>().join("\n")
}

#[test]
fn columns_are_computed_from_several_columns() {
    let map = compiled(&map(
        "  - '(concat(concat(trim(PERSONLASTNAME),'', ''),PERSONFIRSTNAME)/Duet.none()) >> name'\n",
        "",
    ));
    // A function is called on a column, not on the result of another.
    assert!(map.is_err());
    let map = compiled(&self::map(
        "  - \"(concat(concat(trim(PERSONLASTNAME),', '),PERSONFIRSTNAME)) >> name\"
  - \"(SALESMEMO/Duet.truncate(length=10)) >> description\"
  - \"(case(CREDITLIMIT gt 1000:'large',true:'small')) >> msdyn_creditrating\"
  - CREDITLIMIT = creditlimit
  - \"CREDITRATING << (toupper(websiteurl/Duet.split(by='.',part=2)))\"
",
        "",
    ))
    .unwrap();
    let examples = "\
examples:
  - example: Names are joined, notes are cut, limits are classed
    from: left
    company: usmf
    row:
      CUSTOMERACCOUNT: C-1
      PERSONFIRSTNAME: Karen
      PERSONLASTNAME: Berg
      SALESMEMO: A long note on a customer
      CREDITLIMIT: 2000
    gives:
      accountnumber: C-1
      name: Berg, Karen
      description: A long not
      msdyn_creditrating: large
      creditlimit: 2000
  - example: A column of finance from one of sales
    from: right
    company: usmf
    row: { accountnumber: C-2, websiteurl: www.contoso.com }
    gives: { CustomerAccount: C-2, CustomerGroupId: '10', SalesCurrencyCode: USD, CreditRating: CONTOSO }
";
    assert_eq!(play(&map, examples), "");
}

#[test]
fn a_lookup_has_a_default_for_nothing() {
    let map = compiled(&map(
        "  - PAYMENTTERMS >> msdyn_paymentterm.msdyn_name default Net30\n",
        "",
    ))
    .unwrap();
    let examples = "\
examples:
  - example: Nothing becomes the usual term
    from: left
    company: usmf
    row: { CUSTOMERACCOUNT: C-1, PAYMENTTERMS: '' }
    gives: { accountnumber: C-1, msdyn_paymentterm.msdyn_name: Net30 }
  - example: A term of its own stays
    from: left
    company: usmf
    row: { CUSTOMERACCOUNT: C-1, PAYMENTTERMS: Net10 }
    gives: { accountnumber: C-1, msdyn_paymentterm.msdyn_name: Net10 }
";
    assert_eq!(play(&map, examples), "");
}

#[test]
fn a_filter_may_call_the_same_functions() {
    let filter =
        ", filter: \"startswith(tolower(CUSTOMERACCOUNT),'us') or length(CUSTOMERACCOUNT) gt 5\"";
    let map = compiled(&map("", filter)).unwrap();
    let examples = "\
examples:
  - example: By its start
    from: left
    company: usmf
    row: { CUSTOMERACCOUNT: US-1 }
    gives: { accountnumber: US-1 }
  - example: By its length
    from: left
    company: usmf
    row: { CUSTOMERACCOUNT: DE-0001 }
    gives: { accountnumber: DE-0001 }
  - example: Neither
    from: left
    company: usmf
    row: { CUSTOMERACCOUNT: DE-1 }
    filtered: true
";
    assert_eq!(play(&map, examples), "");
}

#[test]
fn what_cannot_work_is_told_with_its_place() {
    let told = |line: &str| compiled(&map(&format!("  - {line}\n"), "")).unwrap_err();
    insta::assert_snapshot!(told("\"(trim(NAMEALIAS)) = name\""), @"DUET1006 13:24 an expression cannot travel `=`: it has no inverse [write `>>`, and a line of its own for the way back]");
    insta::assert_snapshot!(told("\"(trim(NAMEALIAS) >> name\""), @"DUET1006 13:6 this parenthesis is never closed [close it; texts inside an expression stand in single quotes]");
    insta::assert_snapshot!(told("\"(trim(NAMEALIAS,)) >> name\""), @"DUET1251 13:22 the expression does not work: expected a value, a property or a function []");
    insta::assert_snapshot!(told("\"(trim(NAMEALIS)) >> name\""), @"DUET1011 13:6 CustomersV3 has no column `NAMEALIS` [did you mean `NameAlias`?]");
    insta::assert_snapshot!(told("\"(NAMEALIAS mul 2) >> name\""), @"DUET1251 13:6 the expression does not work: `mul` cannot take a string and a whole number []");
    insta::assert_snapshot!(told("\"(NAMEALIAS/Duet.shout()) >> name\""), @"DUET1251 13:6 the expression does not work: there is no function `Duet.shout` here []");
    insta::assert_snapshot!(told("\"('a') >> name\""), @"DUET1251 13:6 the expression does not work: it reads no column; write a constant in quotes []");
    insta::assert_snapshot!(told("\"(trim(NAMEALIAS)) >> accountnumber\""), @"DUET1032 10:5 `(trim(NAMEALIAS)) >> accountnumber` writes `accountnumber`, but `CUSTOMERACCOUNT = accountnumber` writes it too [keep one of them]");
    insta::assert_snapshot!(told("\"(trim(NAMEALIAS)) >> msdyn_paymentterm.msdyn_name\""), @"DUET1012 13:27 an expression cannot be written through a lookup []");
}
