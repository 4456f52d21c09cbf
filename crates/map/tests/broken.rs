//! Broken maps, at least one for every code of the analysis, with what is said about each.
//!
//! Each test spoils a map that has nothing to be said about, or the schemas beneath it; the
//! snapshot is the finding whole: severity, code, place, message, facts, fix.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod published;

use duet_map::analysis::acceptance::accept;
use duet_map::analysis::drift::{self, Deployed};
use duet_map::analysis::{self, Project, RowCounts};
use duet_map::{
    Column, ColumnType, CompiledMap, Diagnostic, MapFile, PerSide, SchemaSet, SchemaSource, Side,
    TableSchema,
};
use std::collections::BTreeSet;

/// Customers and accounts, with nothing to be said about them.
const CUSTOMERS: &str = "\
map: customers
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
  - CUSTOMERGROUPID > msdyn_customergroupid.msdyn_groupid
  - SALESCURRENCYCODE > transactioncurrencyid.isocurrencycode
  - CUSTOMERGROUPID << \"10\"
  - SALESCURRENCYCODE << \"USD\"
  - PARTYTYPE << \"Organization\"
  - '\"3\" >> customertypecode'
";

/// Two sides whose schemas a test may spoil.
#[derive(Clone)]
struct Schemas(PerSide<SchemaSet>);

impl Schemas {
    fn published() -> Self {
        Self(PerSide {
            left: published::finops().clone(),
            right: published::dataverse().clone(),
        })
    }

    fn table(&mut self, side: Side, name: &str) -> &mut TableSchema {
        let tables = self.0[side].0.iter_mut();
        tables.into_iter().find(|table| table.name == name).unwrap()
    }

    fn column(&mut self, side: Side, table: &str, column: &str) -> &mut Column {
        let columns = &mut self.table(side, table).columns;
        columns.get_mut(&column.to_lowercase()).unwrap()
    }

    fn sources(&self) -> PerSide<&dyn SchemaSource> {
        PerSide {
            left: &self.0.left,
            right: &self.0.right,
        }
    }
}

fn parse(text: &str, name: &str) -> MapFile {
    MapFile::parse(text, name).unwrap_or_else(|found| panic!("{found:#?}"))
}

/// Everything that is found about maps, the compiler's own findings left out.
fn findings(texts: &[&str], schemas: &Schemas, companies: &[&str]) -> Vec<Diagnostic> {
    let sources = schemas.sources();
    let mut found = Vec::new();
    let mut maps = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let file = parse(text, &format!("{}.yaml", index + 1));
        let compiled = CompiledMap::compile(&file, sources.left, sources.right);
        let (map, _) = compiled.unwrap_or_else(|found| panic!("{found:#?}"));
        found.extend(analysis::of_map(&map, &sources));
        maps.push(map);
    }
    let companies: Vec<String> = companies.iter().map(ToString::to_string).collect();
    let ranks: Vec<usize> = (0..maps.len()).collect();
    let mut rows = RowCounts::default();
    rows.left.insert("currencies".to_owned(), 500_000);
    found.extend(analysis::of_project(&Project {
        maps: &maps,
        ranks: &ranks,
        companies: &companies,
        rows: &rows,
    }));
    analysis::in_reading_order(&mut found);
    found
}

fn told(found: &[Diagnostic], code: u16) -> String {
    let of_code = found.iter().filter(|finding| finding.code.0 == code);
    let lines: Vec<String> = of_code
        .map(|finding| {
            let place = finding.place.as_ref().map_or("-".to_owned(), |place| {
                format!("{}:{}:{}", place.file, place.line, place.column)
            });
            let notes: Vec<String> = finding.notes.iter().map(|n| format!("\n  = {n}")).collect();
            let fix = finding.fix.as_deref().unwrap_or("");
            format!(
                "{:?} {} {place}: {}{}\n  > {fix}",
                finding.severity,
                finding.code,
                finding.message,
                notes.concat()
            )
        })
        .collect();
    assert!(!lines.is_empty(), "{code} does not arise: {found:#?}");
    lines.join("\n")
}

/// What is said about one map against the schemas as they are.
fn one(text: &str, code: u16) -> String {
    told(&findings(&[text], &Schemas::published(), &["usmf"]), code)
}

/// The customers with one text in the place of another.
fn spoilt(from: &str, to: &str) -> String {
    assert!(CUSTOMERS.contains(from), "{from}");
    CUSTOMERS.replacen(from, to, 1)
}

fn with_field(line: &str) -> String {
    format!("{CUSTOMERS}  - {line}\n")
}

/// A shared map of two plain tables.
fn currencies(extra: &str) -> String {
    format!(
        "\
map: currencies
version: 1.0.0
why: Prices name a currency.
left: {{ entity: Currencies }}
right: {{ entity: transactioncurrencies }}
company: shared
key: [CURRENCYCODE = isocurrencycode]
master: left
fields:
  - CURRENCYCODE = isocurrencycode
{extra}"
    )
}

/// What a currency of Dataverse cannot do without.
const CONSTANTS: &str = concat!(
    "  - '\"x\" >> currencyname'\n",
    "  - '\"x\" >> currencysymbol'\n",
    "  - '\"2\" >> currencyprecision'\n",
    "  - '\"1\" >> exchangerate'\n",
);

#[test]
fn the_map_that_is_spoilt_has_nothing_wrong_with_it() {
    let found = findings(&[CUSTOMERS], &Schemas::published(), &["usmf"]);
    // The project has this one map, so nobody brings what it points at.
    let codes: BTreeSet<u16> = found.iter().map(|finding| finding.code.0).collect();
    assert_eq!(codes, BTreeSet::from([1111]), "{found:#?}");
}

#[test]
fn keys() {
    let mut schemas = Schemas::published();
    let renamed = spoilt(
        "[CUSTOMERACCOUNT = accountnumber]",
        "[ORGANIZATIONNAME = name]",
    )
    .replace("allocates: left\n", "")
        + "  - ORGANIZATIONNAME = name\n";
    let found = findings(&[&renamed], &schemas, &["usmf"]);
    insta::assert_snapshot!(told(&found, 1100));
    insta::assert_snapshot!(told(&found, 1101));
    schemas
        .column(Side::Left, "CustomersV3", "CustomerAccount")
        .ty = ColumnType::DateTime;
    schemas.column(Side::Right, "accounts", "accountnumber").ty = ColumnType::Date;
    let found = findings(&[CUSTOMERS], &schemas, &["usmf"]);
    insta::assert_snapshot!(told(&found, 1102));
}

#[test]
fn lookups() {
    let mut schemas = Schemas::published();
    schemas
        .table(Side::Right, "msdyn_customergroups")
        .alternate_keys
        .clear();
    let found = findings(&[CUSTOMERS], &schemas, &["usmf"]);
    insta::assert_snapshot!(told(&found, 1110));
    insta::assert_snapshot!(one(CUSTOMERS, 1111));
    let mut schemas = Schemas::published();
    schemas.table(Side::Left, "CustomersV3").company = None;
    schemas.table(Side::Right, "accounts").company = None;
    let company = schemas.column(Side::Left, "CustomersV3", "dataAreaId");
    company.required = false;
    let shared = spoilt("company: per-company", "company: shared");
    let found = findings(&[&shared], &schemas, &["usmf"]);
    insta::assert_snapshot!(told(&found, 1112));
    let silent = currencies("").replace(" = isocurrencycode\n", " < isocurrencycode\n");
    let found = findings(&[&silent, CUSTOMERS], &Schemas::published(), &["usmf"]);
    insta::assert_snapshot!(told(&found, 1113));
}

#[test]
fn filters() {
    let never = spoilt(
        "PartyType == \"Organization\"",
        "CreditLimit != 0) && (PartyType != \"\"",
    );
    insta::assert_snapshot!(one(&never, 1120));
    let unmapped = spoilt(
        "customertypecode eq 3",
        "customertypecode eq 3 and creditonhold eq true",
    );
    insta::assert_snapshot!(one(&unmapped, 1121));
    insta::assert_snapshot!(one(&spoilt("'\"3\" >>", "'\"1\" >>"), 1122));
    let wider = spoilt(
        "  - PARTYTYPE << \"Organization\"\n",
        "  - CREDITRATING = msdyn_creditrating\n",
    )
    .replace("PartyType == \"Organization\"", "CreditRating == \"A\"");
    insta::assert_snapshot!(one(&wider, 1123));
    let none = spoilt(
        "customertypecode eq 3",
        "customertypecode eq 3 and customertypecode eq 4",
    );
    insta::assert_snapshot!(one(&none, 1124));
}

#[test]
fn targets() {
    let optional = spoilt("  - CUSTOMERGROUPID << \"10\"\n", "")
        .replace("CUSTOMERGROUPID > ", "CUSTOMERGROUPID = ");
    insta::assert_snapshot!(one(&optional, 1130));
    let mut schemas = Schemas::published();
    schemas
        .column(Side::Right, "accounts", "description")
        .update = false;
    let once = with_field("SALESMEMO > description");
    insta::assert_snapshot!(told(&findings(&[&once], &schemas, &["usmf"]), 1131));
    insta::assert_snapshot!(one(&with_field("CREDITLIMIT > creditlimit"), 1132));
}

#[test]
fn sources() {
    let mut schemas = Schemas::published();
    let column = schemas.column(Side::Right, "accounts", "description");
    (column.create, column.update) = (false, false);
    let computed = with_field("SALESMEMO < description");
    insta::assert_snapshot!(told(&findings(&[&computed], &schemas, &["usmf"]), 1133));
    let jobs = "\
map: jobs
version: 1.0.0
why: Positions name a job.
left: { entity: Jobs }
right: { entity: cdm_jobs }
company: shared
key: [JOBID = cdm_name]
master: left
fields:
  - JOBID > cdm_name
  - EFFECTIVE > cdm_validfrom
";
    insta::assert_snapshot!(one(jobs, 1134));
    schemas.table(Side::Right, "accounts").tracks_changes = false;
    insta::assert_snapshot!(told(&findings(&[CUSTOMERS], &schemas, &["usmf"]), 1135));
    let silent = jobs.replace("master: left", "master: right");
    insta::assert_snapshot!(one(&silent, 1136));
}

#[test]
fn round_trips() {
    let default = with_field("CREDITRATING >< msdyn_creditrating default none");
    insta::assert_snapshot!(one(&default, 1140));
}

#[test]
fn maps_among_each_other() {
    let published = Schemas::published();
    let open = currencies(CONSTANTS);
    let open = open + "  - NAME > currencyname\n";
    let open = open.replace("  - '\"x\" >> currencyname'\n", "");
    let twin = open.replace("map: currencies", "map: twin");
    let found = findings(&[&open, &twin], &published, &["usmf"]);
    insta::assert_snapshot!(told(&found, 1142));
    insta::assert_snapshot!(told(&found, 1154));
    let own = with_field("INVOICEACCOUNT > msdyn_billingaccount.accountnumber");
    insta::assert_snapshot!(one(&own, 1150));
    let found = findings(&[CUSTOMERS, &open], &published, &[]);
    insta::assert_snapshot!(told(&found, 1151));
    insta::assert_snapshot!(told(&found, 1152));
    let four: Vec<String> = (0..4)
        .map(|n| open.replace("map: currencies", &format!("map: currencies-{n}")))
        .collect();
    let four: Vec<&str> = four.iter().map(String::as_str).collect();
    insta::assert_snapshot!(told(&findings(&four, &published, &["usmf"]), 1153));
}

#[test]
fn many_lookups() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../solutions/finance/customers-v3.accounts.yaml"
    );
    let text = std::fs::read_to_string(path).unwrap();
    insta::assert_snapshot!(one(&text, 1114));
}

#[test]
fn what_has_changed_since_deployment() {
    let then = Schemas::published();
    let files = vec![parse(
        &with_field("SALESMEMO > description"),
        "customers.yaml",
    )];
    let gone = parse(&currencies(""), "currencies.yaml");
    let deployed = Deployed {
        tables: drift::kept(&files, &then.0),
        maps: vec![files[0].clone(), gone],
    };
    assert_eq!(drift::check(&deployed, &files, &then.0).len(), 1);

    let mut now = then.clone();
    now.column(Side::Right, "accounts", "description").ty = ColumnType::Text {
        max_length: Some(50),
    };
    now.column(Side::Right, "accounts", "accountnumber")
        .required = true;
    now.column(Side::Left, "CustomersV3", "CustomerGroupId").ty = ColumnType::Guid;
    now.table(Side::Left, "CustomersV3")
        .columns
        .remove("salesmemo");
    now.table(Side::Right, "accounts").alternate_keys.clear();
    let choice = now.column(Side::Right, "accounts", "customertypecode");
    let ColumnType::Choice { options } = &mut choice.ty else {
        panic!("an option set");
    };
    options.pop();
    options.push((99, "New".to_owned()));
    let mut changed = files.clone();
    changed[0].fields.pop();
    let found = drift::check(&deployed, &changed, &now.0);
    for code in 1160..=1167 {
        insta::assert_snapshot!(format!("drift-{code}"), told(&found, code));
    }
}

#[test]
fn what_a_map_accepts() {
    let text = with_field("CREDITLIMIT > creditlimit")
        + "\
allow:
  - { code: DUET1132, column: creditlimit, why: nobody owes less than nothing }
  - { code: DUET1140, why: it once did }
  - { code: DUET1135, why: we know }
";
    let mut schemas = Schemas::published();
    let file = parse(&text, "1.yaml");
    let found = findings(&[&text], &schemas, &["usmf"]);
    let verdict = accept(found, std::slice::from_ref(&file));
    assert_eq!(verdict.accepted.len(), 1);
    assert_eq!(verdict.accepted[0].why, "nobody owes less than nothing");
    insta::assert_snapshot!(told(&verdict.open, 1170));
    schemas.table(Side::Right, "accounts").tracks_changes = false;
    let found = findings(&[&text], &schemas, &["usmf"]);
    let verdict = accept(found, &[file]);
    insta::assert_snapshot!(told(&verdict.open, 1171));
    assert!(told(&verdict.open, 1135).starts_with("Error"));
}
