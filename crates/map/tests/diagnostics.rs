//! What an author is told about a map that will not work: place, clash and fix.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod published;

use duet_map::{CompiledMap, Diagnostic, MapFile};

/// A map that works, to be spoilt one line at a time.
const GOOD: &str = "\
map: customers-v3.accounts
version: 1.0.0
why: Sales works on the same customer that finance invoices.
left: { entity: CustomersV3, filter: '(PartyType == \"Organization\")' }
right: { entity: accounts, filter: customertypecode eq 3 }
company: per-company
key: [CUSTOMERACCOUNT = accountnumber]
master: left
allocates: left
fields:
  - CUSTOMERACCOUNT = accountnumber
  - CUSTOMERGROUPID = msdyn_customergroupid.msdyn_groupid
  - SALESCURRENCYCODE = transactioncurrencyid.isocurrencycode
  - CREDITLIMITISMANDATORY >< msdyn_creditlimitismandatory: { no: False, yes: True }
";

fn findings(text: &str) -> Vec<Diagnostic> {
    match MapFile::parse(text, "customers.yaml") {
        Err(found) => found,
        Ok(file) => {
            match CompiledMap::compile(&file, published::finops(), published::dataverse()) {
                Ok((_, found)) | Err(found) => found,
            }
        }
    }
}

fn told(text: &str) -> String {
    let line = |d: &Diagnostic| {
        let place = d.place.as_ref().map_or("?".to_owned(), |place| {
            format!("{}:{}+{}", place.line, place.column, place.length)
        });
        let notes: Vec<String> = d.notes.iter().map(|note| format!("\n  = {note}")).collect();
        let notes = notes.concat();
        let fix = d
            .fix
            .as_ref()
            .map_or(String::new(), |fix| format!("\n  > {fix}"));
        format!(
            "{:?} {} {place} {}{notes}{fix}",
            d.severity, d.code, d.message
        )
    };
    findings(text)
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The good map with one text put in the place of another.
fn spoilt(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    told(&GOOD.replacen(from, to, 1))
}

/// The good map with one more field.
fn with_field(line: &str) -> String {
    told(&format!("{GOOD}  - {line}\n"))
}

#[test]
fn a_good_map_has_no_findings() {
    assert_eq!(told(GOOD), "");
}

#[test]
fn what_is_no_map_file() {
    insta::assert_snapshot!(told(""), @"
    Error DUET1001 1:1+1 this is not readable as YAML: the file is empty
      > write a map into it
    ");
    insta::assert_snapshot!(told("map: [a"), @"Error DUET1001 2:1+1 this is not readable as YAML: while parsing a flow sequence, expected ',' or ']'");
    insta::assert_snapshot!(told("- a"), @"Error DUET1004 1:1+1 here is a list, wanted is a map file with the keys `map`, `version`, `why`, `left`, `right`, `company`, `key`, `master`, `conflicts`, `deletes`, `allocates`, `fields`, `assumed`, `allow`");
    insta::assert_snapshot!(told("map: &x a"), @"
    Error DUET1001 1:6+4 this is not readable as YAML: map files have no anchors, aliases or tags
      > write the value out; quote a text that begins with `&`, `*` or `!`
    ");
    insta::assert_snapshot!(told("map: a\n---\nmap: b"), @"
    Error DUET1001 2:1+3 this is not readable as YAML: a second document begins here
      > keep one map in a file
    ");
}

#[test]
fn keys_that_are_unknown_missing_or_twice() {
    insta::assert_snapshot!(spoilt("version: 1.0.0", "verison: 1.0.0"), @"
    Error DUET1002 2:1+7 a map file has no key `verison`
      > did you mean `version`?
    Error DUET1003 1:1+1 the key `version` is missing
      > add `version: 1.0.0`
    ");
    insta::assert_snapshot!(spoilt("master: left", "master: left\nmaster: right"), @"
    Error DUET1007 9:1+6 `master` stands here twice
      > keep one of them
    ");
    insta::assert_snapshot!(spoilt("entity: accounts", "table: accounts"), @"
    Error DUET1002 5:10+5 a side has no key `table`
      > use one of: `entity`, `filter`
    Error DUET1003 5:8+2 the key `entity` is missing
      > add `entity:` with the table's name
    ");
}

#[test]
fn words_and_shapes_that_do_not_fit() {
    insta::assert_snapshot!(spoilt("per-company", "per company"), @"
    Error DUET1005 6:10+11 `per company` is not one of the words that may stand here
      > use one of: `per-company`, `shared`
    ");
    insta::assert_snapshot!(spoilt("[CUSTOMERACCOUNT = accountnumber]", "CUSTOMERACCOUNT = accountnumber"), @"
    Error DUET1004 7:6+31 here is a text, wanted is a list
    Error DUET1004 7:6+31 the key has no columns
      > name at least one pair: `key: [CUSTOMERACCOUNT = accountnumber]`
    ");
    insta::assert_snapshot!(spoilt("[CUSTOMERACCOUNT = accountnumber]", "[]"), @"
    Error DUET1004 7:6+1 the key has no columns
      > name at least one pair: `key: [CUSTOMERACCOUNT = accountnumber]`
    ");
    insta::assert_snapshot!(spoilt("map: customers-v3.accounts", "map:"), @"Error DUET1004 1:4+1 here is nothing, wanted is a text");
}

#[test]
fn field_lines_that_contradict_themselves() {
    insta::assert_snapshot!(with_field("SALESMEMO == description"), @"
    Error DUET1006 15:15+2 `==` is no arrow
      > use one of `=` `>` `<` `><` `>>` `<<`
    ");
    insta::assert_snapshot!(with_field("SALESMEMO >> description"), @"
    Error DUET1006 15:15+2 `>>` promises a transform, but there is no value map or default
      > add one, or write `>`
    ");
    insta::assert_snapshot!(with_field("SALESMEMO = description default x"), @"
    Error DUET1006 15:15+1 `=` takes values as they are, but a transform is given
      > write `><`
    ");
    insta::assert_snapshot!(with_field("'\"3\" << customertypecode'"), @"
    Error DUET1006 15:10+2 a constant on the left cannot travel `<<`
      > write `>>`
    ");
    insta::assert_snapshot!(with_field("none >> customertypecode"), @"
    Error DUET1006 15:10+2 the left side has no column and no constant
      > put the constant in quotes on the left
    ");
}

#[test]
fn names_that_do_not_exist() {
    insta::assert_snapshot!(spoilt("entity: accounts", "entity: account"), @"
    Error DUET1010 5:18+7 the right system has no table `account`
      = a map names the entity set: `accounts`, `CustomersV3`
      > did you mean `accounts`?
    ");
    insta::assert_snapshot!(with_field("CREDITLIMT = creditlimit"), @"
    Error DUET1011 15:5+10 CustomersV3 has no column `CREDITLIMT`
      = CustomersV3 is the left table; it has 304 columns
      > did you mean `CreditLimit`?
    ");
    insta::assert_snapshot!(with_field("PAYMENTTERMS = msdyn_paymentterm.msdyn_nmae"), @"
    Error DUET1012 15:20+28 the path `msdyn_paymentterm.msdyn_nmae` leads nowhere: msdyn_paymentterms has no column `msdyn_nmae`
      = the path begins in accounts, the right table
      > did you mean `msdyn_name`?
    ");
    insta::assert_snapshot!(with_field("SALESMEMO = description.text"), @"
    Error DUET1012 15:17+16 the path `description.text` leads nowhere: `description` is a text, not a lookup: nothing lies behind it
      = the path begins in accounts, the right table
      > map `description` itself
    ");
    insta::assert_snapshot!(with_field("SALESMEMO = msdyn_paymentterm"), @"
    Error DUET1013 15:5+29 `SALESMEMO = msdyn_paymentterm` joins columns of types that do not go together
      = `SALESMEMO` on the left is a text of at most 2000 characters
      = `msdyn_paymentterm` on the right is a lookup
      > follow the lookup to the column that names its record: `lookup.column`
    ");
    insta::assert_snapshot!(with_field("SALESMEMO = msdyn_paymentterm..x"), @"
    Error DUET1012 15:17+20 the path `msdyn_paymentterm..x` leads nowhere: a name is missing between the dots
      = the path begins in accounts, the right table
    ");
    insta::assert_snapshot!(with_field("SALESMEMO = msdyn_paymentterm.Contact(fullname)"), @"
    Error DUET1012 15:17+35 the path `msdyn_paymentterm.Contact(fullname)` leads nowhere: its lookup cannot point at a `Contact`
      = the path begins in accounts, the right table
      > use one of: `msdyn_paymentterm`
    ");
}

#[test]
fn types_and_values_that_do_not_go_together() {
    insta::assert_snapshot!(with_field("ISONETIMECUSTOMER = msdyn_onetimecustomer"), @"
    Error DUET1013 15:5+41 `ISONETIMECUSTOMER = msdyn_onetimecustomer` joins columns of types that do not go together
      = `ISONETIMECUSTOMER` on the left is an enumeration (NoYes)
      = `msdyn_onetimecustomer` on the right is a boolean
      > add a value map, for example `{ no: False, yes: True }`
    ");
    insta::assert_snapshot!(with_field("SALESMEMO = creditlimit"), @"
    Error DUET1013 15:5+23 `SALESMEMO = creditlimit` joins columns of types that do not go together
      = `SALESMEMO` on the left is a text of at most 2000 characters
      = `creditlimit` on the right is a decimal with 4 decimals
      > map it to a column of the same type
    ");
    insta::assert_snapshot!(with_field("ISONETIMECUSTOMER >< msdyn_onetimecustomer: { no: False, ja: True }"), @"
    Error DUET1016 15:62+2 `ja` cannot be a value of `ISONETIMECUSTOMER`: the enumeration NoYes has no such member; use one of: `No`, `Yes`
      = `ISONETIMECUSTOMER` on the left is an enumeration
    ");
    insta::assert_snapshot!(with_field("ISONETIMECUSTOMER >< msdyn_onetimecustomer: { no: False }"), @"
    Warning DUET1014 15:5+42 the value map leaves out 1 of the values of `ISONETIMECUSTOMER`
      = rows that hold one of them will be parked: Yes
      > add a pair for each value that may occur
    Warning DUET1014 15:5+42 the value map leaves out 1 of the values of `msdyn_onetimecustomer`
      = rows that hold one of them will be parked: true
      > add a pair for each value that may occur
    ");
    insta::assert_snapshot!(with_field("ISONETIMECUSTOMER >< msdyn_onetimecustomer: { no: False, yes: False }"), @"
    Warning DUET1014 15:5+42 the value map leaves out 1 of the values of `msdyn_onetimecustomer`
      = rows that hold one of them will be parked: true
      > add a pair for each value that may occur
    Warning DUET1015 15:62+3 `false` of the right has several counterparts on the left
      = `false` always becomes `No`, the first that is listed
      > put the one that is meant first
    ");
    insta::assert_snapshot!(with_field("'\"33\" >> customertypecode'"), @"
    Error DUET1017 15:6+4 `33` cannot stand in `customertypecode`: the option set has only 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
      = `customertypecode` on the right is an option set
    ");
}

#[test]
fn what_is_too_short_or_too_coarse_is_a_warning() {
    insta::assert_snapshot!(with_field("SALESMEMO = tickersymbol"), @"
    Warning DUET1050 15:5+24 in `SALESMEMO = tickersymbol`, the right holds fewer characters than the left
      = `SALESMEMO` on the left is a text of at most 2000 characters
      = `tickersymbol` on the right is a text of at most 10 characters
      > texts of more than 10 characters will be parked, never cut
    ");
}

#[test]
fn keys_that_cannot_identify() {
    insta::assert_snapshot!(spoilt("[CUSTOMERACCOUNT = accountnumber]", "[CUSTOMERACCOUNT = name]"), @"
    Error DUET1020 7:7+15 the key part `CUSTOMERACCOUNT = name` is not mapped
      = a record that is created on the other side would be born without its key
      > add the field `CUSTOMERACCOUNT = name`
    ");
    let one_way = GOOD.replace(
        "- CUSTOMERACCOUNT = accountnumber",
        "- CUSTOMERACCOUNT > accountnumber",
    );
    assert_eq!(told(&one_way), "", "F&O allocates the number");
    insta::assert_snapshot!(told(&one_way.replace("allocates: left\n", "")), @"
    Error DUET1021 10:5+31 rows travel from the right, but their key does not
      = `CUSTOMERACCOUNT > accountnumber` is part of the key and travels one way
      > let it travel both ways, let every field travel its way, or write `allocates: left`
    ");
    insta::assert_snapshot!(
        told(&GOOD.replace("- CUSTOMERACCOUNT = accountnumber", "- CUSTOMERACCOUNT < accountnumber")),
        @"
    Error DUET1021 11:5+31 rows travel from the left, but their key does not
      = `CUSTOMERACCOUNT < accountnumber` is part of the key and travels one way
      > let it travel both ways, let every field travel its way, or write `allocates: right`
    "
    );
}

#[test]
fn companies_that_do_not_fit() {
    insta::assert_snapshot!(spoilt("per-company", "shared"), @"
    Error DUET1023 6:10+6 the map is shared, but its tables are not
      = CustomersV3 keeps rows by company, in `dataAreaId`
      = accounts keeps rows by company, in `msdyn_company`
      > write `company: per-company`
    ");
    insta::assert_snapshot!(with_field("DATAAREAID = msdyn_company.cdm_companycode"), @"
    Error DUET1024 15:5+10 `DATAAREAID` holds the company, which travels by itself
      > remove the line
    Error DUET1024 15:18+29 `msdyn_company` holds the company, which travels by itself
      > remove the line
    ");
    insta::assert_snapshot!(
        told(&GOOD.replace("accounts, filter: customertypecode eq 3", "transactioncurrencies")),
        @"
    Error DUET1011 11:23+13 transactioncurrencies has no column `accountnumber`
      = transactioncurrencies is the right table; it has 21 columns
    Error DUET1011 12:23+35 transactioncurrencies has no column `msdyn_customergroupid`
      = transactioncurrencies is the right table; it has 21 columns
    Error DUET1012 13:25+37 the path `transactioncurrencyid.isocurrencycode` leads nowhere: `transactioncurrencyid` is a guid, not a lookup: nothing lies behind it
      = the path begins in transactioncurrencies, the right table
      > map `transactioncurrencyid` itself
    Error DUET1011 14:31+28 transactioncurrencies has no column `msdyn_creditlimitismandatory`
      = transactioncurrencies is the right table; it has 21 columns
    Error DUET1023 6:10+11 the map is per-company, but its tables are not
      = CustomersV3 keeps rows by company, in `dataAreaId`
      = transactioncurrencies keeps rows that all companies share
      > map the table to one that keeps its rows the same way
    Error DUET1011 7:25+13 transactioncurrencies has no column `accountnumber`
      = transactioncurrencies is the right table; it has 21 columns
    "
    );
}

#[test]
fn targets_that_are_missing_closed_or_taken() {
    insta::assert_snapshot!(spoilt("  - CUSTOMERGROUPID = msdyn_customergroupid.msdyn_groupid\n", ""), @r#"
    Error DUET1030 4:17+11 CustomersV3 needs `CustomerGroupId`, and nothing is mapped to it
      = every record that travels to the left for the first time would be refused
      > map a field to it, or add a constant: `CustomerGroupId << "…"`
    "#);
    insta::assert_snapshot!(with_field("CREDITLIMIT = creditlimit_base"), @"
    Error DUET1031 15:5+30 `creditlimit_base` of accounts cannot be written
      = the system computes it, or fills it by itself
      > let the field travel from the right only
    ");
    insta::assert_snapshot!(with_field("SALESMEMO = accountnumber"), @"
    Warning DUET1050 15:5+25 in `SALESMEMO = accountnumber`, the right holds fewer characters than the left
      = `SALESMEMO` on the left is a text of at most 2000 characters
      = `accountnumber` on the right is a text of at most 20 characters
      > texts of more than 20 characters will be parked, never cut
    Error DUET1032 15:5+25 `SALESMEMO = accountnumber` writes `accountnumber`, which another field writes
      = `CUSTOMERACCOUNT = accountnumber` writes `accountnumber` too
      > let one of them travel the other way only
    ");
    insta::assert_snapshot!(with_field("'\"US-001\" >> accountnumber'"), @r#"
    Error DUET1032 11:5+31 `"US-001" >> accountnumber` writes `accountnumber`, but `CUSTOMERACCOUNT = accountnumber` writes it too
      > make the constant the field's default
    "#);
}

#[test]
fn policies_that_the_tables_cannot_follow() {
    let with =
        |lines: &str| told(&GOOD.replace("master: left\n", &format!("master: left\n{lines}\n")));
    insta::assert_snapshot!(
        [
            with("conflicts: newest"),
            with("conflicts: latest"),
            with("deletes: { deactivate: { left: { OnHold: Yes }, right: { statecode: yes } } }"),
            with("deletes: deactivate"),
            with_field("{ direction: \">>\", right: name, default: x, conflicts: manual }"),
        ]
        .join("\n"),
        @"
    Error DUET1005 9:12+6 `newest` is not one of the words that may stand here
      > use one of: `master`, `latest`, `manual`
    Error DUET1060 9:12+6 `latest` needs to know when a row was modified; no column tells in CustomersV3 on the left side and accounts on the right side
      = `CUSTOMERACCOUNT = accountnumber` is decided by it
      > write `conflicts: master` or `conflicts: manual`
    Error DUET1011 9:34+6 CustomersV3 has no column `OnHold`
      = CustomersV3 is the left table; it has 304 columns
    Error DUET1061 9:69+3 `statecode` cannot deactivate a record: an option set goes by its numbers, not by its labels
      > name a column and a value that the system takes
    Error DUET1062 9:10+10 deletions deactivate the record of CustomersV3 on the left side, and it has no `statecode`
      > say how: `deletes: { deactivate: { left: { COLUMN: VALUE } } }`, or write `deletes: ignore`
    Error DUET1006 15:18+4 a constant cannot conflict
      > drop `conflicts`: a constant is written to new records only
    "
    );
}

#[test]
fn filters_that_cannot_judge() {
    insta::assert_snapshot!(spoilt("(PartyType == \"Organization\")", "(PartyType == )"), @"
    Error DUET1040 4:53+1 the left filter cannot be read: a column or a value is missing here
      = it was read as an X++ query range, by its operators; the other dialect is the OData $filter
    ");
    insta::assert_snapshot!(spoilt("(PartyType == \"Organization\")", "(PartyTpe == \"Organization\")"), @"
    Error DUET1041 4:38+31 the filter names `PartyTpe`, which CustomersV3 does not have
      > did you mean `PartyType`?
    ");
    insta::assert_snapshot!(spoilt("(PartyType == \"Organization\")", "(PartyType == \"Organisation\")"), @"Error DUET1042 4:38+32 the filter compares `PartyType` with what it can never hold: the enumeration PartyType has no such member; did you mean `Organization`?");
    insta::assert_snapshot!(spoilt("customertypecode eq 3", "customertypecode equals 3"), @"
    Error DUET1040 5:53+1 the right filter cannot be read: expected an operator such as `eq` or `and`
      = it was read as an OData $filter, by its operators; the other dialect is the X++ query range
    ");
    insta::assert_snapshot!(spoilt("customertypecode eq 3", "customertypecode eq 333"), @"Error DUET1042 5:36+23 the filter compares `customertypecode` with what it can never hold: the option set has only 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12");
    insta::assert_snapshot!(spoilt("customertypecode eq 3", "primarycontactid/fullname eq 'x'"), @"
    Error DUET1041 5:36+32 a filter cannot follow a lookup
      > filter on a column of the table itself
    ");
}

#[test]
fn all_findings_come_at_once() {
    let text = GOOD
        .replace("CUSTOMERGROUPID", "CUSTOMERGROUPIDD")
        .replace(
            "msdyn_creditlimitismandatory",
            "msdyn_creditlimitismandatori",
        )
        .replace("\"Organization\"", "\"Organisation\"");
    assert!(findings(&text).len() >= 4, "{}", told(&text));
}
