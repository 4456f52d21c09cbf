//! The examples beside the published maps hold: rows in, expected rows out, both ways.
//!
//! `DUET_EXAMPLES=write cargo test -p duet-map --test examples` writes a first file for a map that
//! has none: a row with every field filled from a small dictionary, and what the map makes of it, for
//! a person to read before it is kept.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod published;

use duet_map::example::{ENDING, Example, ExampleFile, Expected, Outcome};
use duet_map::file::{Company, Field, MapFile, Marked};
use duet_map::{ColumnType, CompiledMap, SchemaSource as _, Side};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Every published map and the file of its examples.
fn maps() -> Vec<(CompiledMap, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../solutions");
    let mut maps = Vec::new();
    for package in std::fs::read_dir(root).unwrap() {
        let package = package.unwrap().path();
        if !package.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&package).unwrap() {
            let file = file.unwrap().path();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let Some(stem) = name.strip_suffix(".yaml") else {
                continue;
            };
            if name == "package.yaml" || name.ends_with(ENDING) {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let parsed = MapFile::parse(&text, &name).unwrap();
            let (map, _) =
                CompiledMap::compile(&parsed, published::finops(), published::dataverse()).unwrap();
            maps.push((map, package.join(format!("{stem}{ENDING}"))));
        }
    }
    maps.sort_by(|(a, _), (b, _)| a.id().cmp(b.id()));
    maps
}

#[test]
fn every_published_map_does_what_its_examples_say() {
    if std::env::var("DUET_EXAMPLES").is_ok_and(|word| word == "write") {
        write();
    }
    let (mut played, mut wrong) = (0, Vec::new());
    let maps = maps();
    assert_eq!(maps.len(), 135);
    for (map, file) in &maps {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(text) = std::fs::read_to_string(file) else {
            wrong.push(format!("{name} is missing"));
            continue;
        };
        let examples =
            ExampleFile::parse(&text, &name).unwrap_or_else(|found| panic!("{found:#?}"));
        for example in &examples.examples {
            played += 1;
            match example.run(map) {
                Ok(found) => wrong.extend(
                    found
                        .iter()
                        .map(|mismatch| format!("{name}: {}: {mismatch}", example.name.value)),
                ),
                Err(finding) => wrong.push(format!("{name}: {}", finding.message)),
            }
        }
        for side in Side::BOTH {
            let shown = examples.examples.iter().any(|example| {
                example.from == side && matches!(example.expected, Expected::Gives(_))
            });
            if map.flows(side) && !shown {
                wrong.push(format!("{name} has no example from the {side}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(played >= 240, "only {played} examples");
}

#[test]
fn every_field_of_a_published_map_stands_in_an_example() {
    let mut missing = Vec::new();
    for (map, file) in maps() {
        let text = std::fs::read_to_string(&file).unwrap();
        let examples = ExampleFile::parse(&text, "examples").unwrap();
        for field in &map.file().fields {
            for from in Side::BOTH {
                if !field.direction.flows_from(from) {
                    continue;
                }
                let end = end(field, from);
                let shown = examples
                    .examples
                    .iter()
                    .filter(|e| e.from == from)
                    .any(|example| {
                        let Some(path) = end else {
                            return matches!(example.expected, Expected::Gives(_));
                        };
                        example.row.iter().any(|(name, _)| {
                            first_branch(&name.value).eq_ignore_ascii_case(&first_branch(path))
                        })
                    });
                if !shown && !is_half_way(map.file(), field, from) {
                    missing.push(format!("{} from the {from}: {field}", map.id()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Whether the field shares its end with another field of the map, whose example speaks for both.
fn is_half_way(file: &MapFile, field: &Field, from: Side) -> bool {
    let Some(path) = end(field, from) else {
        return false;
    };
    let same = |other: &&Field| end(other, from).is_some_and(|p| p.eq_ignore_ascii_case(path));
    file.fields.iter().filter(same).count() > 1
}

fn end(field: &Field, side: Side) -> Option<&str> {
    let end = match side {
        Side::Left => &field.left,
        Side::Right => &field.right,
    };
    end.as_ref().map(|end| end.value.as_str())
}

/// `a.Account(x).Contact(y)` → `a.Account(x)`.
fn first_branch(path: &str) -> String {
    match path.split_once(')') {
        Some((first, _)) => format!("{first})"),
        None => path.to_owned(),
    }
}

/// Writes examples for every map that has none.
fn write() {
    for (map, file) in maps() {
        if file.exists() {
            continue;
        }
        let mut text = String::from("examples:\n");
        for from in Side::BOTH {
            if map.flows(from) {
                describe(&map, from, &mut text);
            }
        }
        std::fs::write(file, text).unwrap();
    }
}

fn describe(map: &CompiledMap, from: Side, text: &mut String) {
    let file = map.file();
    let per_company = file.company.value == Company::PerCompany;
    let mut row: BTreeMap<String, String> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for field in file
        .fields
        .iter()
        .filter(|field| field.direction.flows_from(from))
    {
        let Some(path) = end(field, from) else {
            continue;
        };
        let path = first_branch(path);
        if order.iter().any(|known| known.eq_ignore_ascii_case(&path)) {
            continue;
        }
        row.insert(path.clone(), value(map, field, from));
        order.push(path);
    }
    let mut example = Example {
        name: Marked::from("x"),
        from,
        company: per_company.then(|| "usmf".to_owned()),
        row: Vec::new(),
        expected: Expected::Filtered,
    };
    let put_row = |example: &mut Example, row: &BTreeMap<String, String>, order: &[String]| {
        example.row = order
            .iter()
            .map(|path| {
                (
                    Marked::from(path.as_str()),
                    Marked::from(row[path].as_str()),
                )
            })
            .collect();
    };
    put_row(&mut example, &row, &order);
    // What the filter asks for.
    if let Some(filter) = &file.ends[from].filter
        && example.outcome(map).unwrap() == Outcome::Filtered
    {
        let words: Vec<String> = filter
            .value
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .chain(["Yes".to_owned(), "Vendor".to_owned(), "true".to_owned()])
            .collect();
        let schema = map.schema(from);
        let columns: BTreeSet<String> = words
            .iter()
            .filter_map(|word| schema.column(word))
            .map(|column| column.name.clone())
            .collect();
        for column in &columns {
            let path = order
                .iter()
                .find(|path| path.eq_ignore_ascii_case(column))
                .cloned()
                .unwrap_or_else(|| column.clone());
            if !order.contains(&path) {
                order.push(path.clone());
            }
            row.entry(path).or_default();
        }
        let mut tries: Vec<BTreeMap<String, String>> = vec![row.clone()];
        for column in &columns {
            let path = order
                .iter()
                .find(|p| p.eq_ignore_ascii_case(column))
                .unwrap()
                .clone();
            tries = tries
                .iter()
                .flat_map(|row| {
                    words
                        .iter()
                        .map(|word| {
                            let mut row = row.clone();
                            row.insert(path.clone(), word.clone());
                            row
                        })
                        .chain([row.clone()])
                        .collect::<Vec<_>>()
                })
                .filter(|row| {
                    put_row(&mut example, row, &order);
                    example.outcome(map).is_ok()
                })
                .take(400)
                .collect();
        }
        let passing = tries.into_iter().find(|row| {
            put_row(&mut example, row, &order);
            matches!(example.outcome(map), Ok(Outcome::Gives(_)))
        });
        row = passing.unwrap_or_else(|| panic!("{}: nothing passes {}", map.id(), filter.value));
        put_row(&mut example, &row, &order);
    }
    let outcome = example.outcome(map).unwrap();
    let Outcome::Gives(columns) = outcome else {
        panic!("{} from the {from}: {outcome:?}\n{row:#?}", map.id());
    };
    let to = match from {
        Side::Left => "Dataverse",
        Side::Right => "finance",
    };
    let _ = writeln!(
        text,
        "  - example: Every field filled, for a new record in {to}"
    );
    let _ = writeln!(text, "    from: {from}");
    if per_company {
        let _ = writeln!(text, "    company: usmf");
    }
    let _ = writeln!(text, "    row:");
    for path in &order {
        let _ = writeln!(text, "      {}: {}", scalar(path), scalar(&row[path]));
    }
    let _ = writeln!(text, "    gives:");
    for (path, value) in &columns {
        let _ = writeln!(text, "      {}: {}", scalar(path), scalar(value));
    }
    // And a row that the filter leaves out.
    if file.ends[from].filter.is_some() {
        let mut empty = example.clone();
        empty.row = Vec::new();
        if empty.outcome(map).unwrap() == Outcome::Filtered {
            let _ = writeln!(
                text,
                "  - example: A row that the filter does not ask for stays where it is"
            );
            let _ = writeln!(text, "    from: {from}\n    row: {{}}\n    filtered: true");
        }
    }
}

fn scalar(text: &str) -> String {
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ' | '/' | '(' | ')');
    let starts = text.chars().next().is_some_and(char::is_alphanumeric);
    if starts && text.chars().all(plain) && !text.ends_with(' ') {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// A value for a field that its map can carry.
fn value(map: &CompiledMap, field: &Field, from: Side) -> String {
    let both = Side::BOTH
        .iter()
        .all(|side| field.direction.flows_from(*side));
    let nothing = |word: &str| word.is_empty() || word.eq_ignore_ascii_case("blank");
    let meant = field
        .values
        .iter()
        .filter(|(l, r)| !nothing(&l.value) && !nothing(&r.value) && !l.value.contains('/'));
    // The second pair tells more than the first, which is often what an empty record holds.
    let pair = meant.clone().nth(1).or_else(|| meant.clone().next());
    if let Some((left, right)) = pair {
        let pair = if both {
            meant.clone().find(|(_, r)| r.value == right.value).unwrap()
        } else {
            meant.clone().find(|(l, _)| l.value == left.value).unwrap()
        };
        return match from {
            Side::Left => pair.0.value.clone(),
            Side::Right => pair.1.value.clone(),
        };
    }
    let types: Vec<ColumnType> = Side::BOTH
        .iter()
        .filter_map(|side| Some((side, end(field, *side)?)))
        .filter_map(|(side, path)| type_of(map, *side, path))
        .collect();
    let own = end(field, from).and_then(|path| type_of(map, from, path));
    let name = field
        .left
        .as_ref()
        .map_or_else(String::new, |left| left.value.to_uppercase());
    likely(&name, &types, own.as_ref())
}

fn type_of(map: &CompiledMap, side: Side, path: &str) -> Option<ColumnType> {
    let schemas = match side {
        Side::Left => published::finops(),
        Side::Right => published::dataverse(),
    };
    let mut table = schemas.table(map.table(side))?;
    let path = path.replace('(', ".").replace(')', "");
    let mut rest: Vec<&str> = path.split('.').collect();
    rest.reverse();
    while let Some(name) = rest.pop() {
        let column = table.column(name)?;
        let ColumnType::Lookup { targets } = &column.ty else {
            return Some(column.ty.clone());
        };
        // `customerid.Account.accountnumber` names the table; other paths take the one that fits.
        let next = rest.last()?;
        if let Some(named) = targets
            .iter()
            .find(|t| t.type_name.eq_ignore_ascii_case(next))
        {
            table = schemas.table(&named.table)?;
            rest.pop();
            rest.truncate(rest.len());
            let column = rest.pop()?;
            return Some(table.column(column)?.ty.clone());
        }
        table = targets
            .iter()
            .filter_map(|target| schemas.table(&target.table))
            .find(|table| table.column(next).is_some())?;
    }
    None
}

/// Words that columns of such names are likely to hold.
const WORDS: &[(&str, &str)] = &[
    ("PHONENUMBERDESCRIPTION", "Business phone"),
    ("EMAILADDRESSDESCRIPTION", "Business mail"),
    ("URLDESCRIPTION", "Web site"),
    ("FAXNUMBERDESCRIPTION", "Business fax"),
    ("EXTENSION", "210"),
    ("CREDITRATING", "Good"),
    ("SYMBOL", "ea"),
    ("TAXEXEMPT", "91-1234567"),
    ("IDENTIFICATIONNUMBER", "12345678"),
    ("CONTACTPERSONID", "000000041"),
    ("LEGALENTITY", "usmf"),
    ("CURRENCY", "USD"),
    ("LANGUAGE", "en-us"),
    ("EMAIL", "karen.berg@contoso.com"),
    ("URL", "https://www.contoso.com"),
    ("PHONE", "425-555-0100"),
    ("FAX", "425-555-0199"),
    ("ZIP", "98052"),
    ("POSTALCODE", "98052"),
    ("POSTBOX", "PO Box 12"),
    ("CITY", "Redmond"),
    ("COUNTRY", "USA"),
    ("COUNTY", "King"),
    ("DISTRICT", "Bear Creek"),
    ("STATE", "WA"),
    ("STREETNUMBER", "4567"),
    ("STREET", "123 Coffee Street"),
    ("FORMATTED", "123 Coffee Street, Redmond, WA 98052, USA"),
    ("DUNS", "123456789"),
    ("FIRSTNAME", "Karen"),
    ("MIDDLENAME", "A."),
    ("LASTNAME", "Berg"),
    ("PERSONNELNUMBER", "000020"),
    ("VENDORACCOUNT", "1001"),
    ("VENDACCOUNT", "1001"),
    ("CUSTOMERACCOUNT", "US-001"),
    ("ACCOUNTNUMBER", "US-001"),
    ("INVOICEACCOUNT", "US-002"),
    ("CUSTOMERGROUP", "30"),
    ("VENDORGROUP", "10"),
    ("PARTYNUMBER", "000001702"),
    ("PAYMENTTERM", "Net30"),
    ("PAYMENTMETHOD", "CHECK"),
    ("PAYMENTSCHEDULE", "Thirds"),
    ("PAYMENTDAY", "Day15"),
    ("DELIVERYTERMS", "FOB"),
    ("DELIVERYMODE", "AIR"),
    ("TAXGROUP", "WA"),
    ("SALESORDERNUMBER", "001036"),
    ("PURCHASEORDERNUMBER", "00000275"),
    ("INVOICENUMBER", "CIV-000724"),
    ("PRODUCTNUMBER", "D0001"),
    ("PRODUCTMASTER", "D0001"),
    ("ITEMNUMBER", "D0001"),
    ("PRODUCTNAME", "Mid-range speaker"),
    ("COLOR", "Black"),
    ("SIZE", "40"),
    ("STYLE", "Regular"),
    ("CONFIGURATION", "HD"),
    ("UNITSYMBOL", "ea"),
    ("UNIT", "ea"),
    ("SITE", "1"),
    ("WAREHOUSE", "11"),
    ("CALENDAR", "Fiscal"),
    ("EXCHANGERATETYPE", "Default"),
    ("CHARTOFACCOUNTS", "Shared"),
    ("NOTES", "Met at the spring fair."),
    ("MEMO", "Met at the spring fair."),
    ("DESCRIPTION", "As agreed for this year"),
    ("TITLE", "Purchasing manager"),
    ("ORGANIZATIONNAME", "Contoso Retail San Diego"),
    ("COMPANYNAME", "Contoso Retail San Diego"),
    ("ALIAS", "Contoso"),
    ("NAME", "Contoso Retail"),
];

/// `CreditRating` → `Credit rating`, or `CR-01` for what identifies.
fn worded(name: &str) -> String {
    if !name.chars().any(char::is_lowercase) {
        // Its spelling is not published.
        let first: String = name.chars().take(1).collect();
        return first + &name.get(1..).unwrap_or("").to_lowercase();
    }
    let mut words: Vec<String> = Vec::new();
    for letter in name.chars() {
        match words.last_mut() {
            Some(word)
                if !letter.is_uppercase()
                    || word.chars().all(char::is_uppercase) && word.len() > 1 =>
            {
                word.push(letter);
            }
            _ => words.push(letter.to_string()),
        }
    }
    let last = words.last().map_or("", String::as_str);
    if ["Id", "ID", "Code", "Number", "Key", "Reference"].contains(&last) {
        let initials: String = words
            .iter()
            .filter_map(|word| word.chars().next())
            .collect();
        return format!("{}-01", initials.to_uppercase());
    }
    let text = words.join(" ").to_lowercase();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn likely(name: &str, types: &[ColumnType], own: Option<&ColumnType>) -> String {
    for ty in types {
        match ty {
            ColumnType::Choice { options } => return options.last().unwrap().0.to_string(),
            ColumnType::Enum { members, .. } => return members.last().unwrap().clone(),
            ColumnType::Bool => return "true".to_owned(),
            ColumnType::Guid => return "b3c1f0a2-5d8e-4a77-9c1e-0d2f4a6b8c10".to_owned(),
            _ => {}
        }
    }
    let ends = ["End", "To", "Expir", "Retire", "Until"];
    let day = if ends.iter().any(|word| name.contains(word)) {
        "2025-12-31"
    } else {
        "2024-03-01"
    };
    if types.iter().any(|ty| matches!(ty, ColumnType::Date)) {
        return match own {
            Some(ColumnType::DateTime) => format!("{day}T00:00:00Z"),
            _ => day.to_owned(),
        };
    }
    if types.iter().any(|ty| matches!(ty, ColumnType::DateTime)) {
        return format!("{day}T08:30:00Z");
    }
    if types.iter().any(|ty| matches!(ty, ColumnType::Int { .. })) {
        return "3".to_owned();
    }
    if types
        .iter()
        .any(|ty| matches!(ty, ColumnType::Decimal { .. }))
    {
        let money = ["AMOUNT", "PRICE", "LIMIT", "COST", "CHARGE"];
        let upper = name.to_uppercase();
        let money = money.iter().any(|word| upper.contains(word));
        let percent = upper.contains("PERCENT");
        if upper.contains("LATITUDE") {
            return "47.67".to_owned();
        }
        if upper.contains("LONGITUDE") {
            return "-122.12".to_owned();
        }
        let whole = types
            .iter()
            .any(|ty| matches!(ty, ColumnType::Decimal { scale: Some(0), .. }));
        return match (money, percent) {
            _ if whole => "12",
            (true, _) => "1250.5",
            (_, true) => "7.5",
            _ => "12.25",
        }
        .to_owned();
    }
    let length = types
        .iter()
        .filter_map(|ty| match ty {
            ColumnType::Text { max_length } => *max_length,
            _ => None,
        })
        .min()
        .unwrap_or(60) as usize;
    let upper = name.to_uppercase();
    let known = WORDS
        .iter()
        .find(|(part, word)| upper.contains(part) && word.len() <= length);
    let word = known.map_or_else(|| worded(name), |(_, word)| (*word).to_owned());
    if word.chars().count() <= length {
        return word;
    }
    let initials: String = name
        .chars()
        .filter(|letter| letter.is_uppercase())
        .collect();
    format!("{initials}1").chars().take(length).collect()
}
