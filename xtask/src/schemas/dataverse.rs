//! Derives the Dataverse tables: published columns, then what the maps mention, then what every
//! table has.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use duet_sandbox::schema::{
    AlternateKey, Choice, Column, ColumnKind, DataverseSchema, DateBehavior, LookupTarget,
    RequiredLevel, Table,
};
use rust_decimal::Decimal;

use super::guess::{self, Guess};
use super::keys::{COMPANY, Keys};
use super::lookups::Lookups;
use super::names::{self, Casing};
use super::overrides;
use crate::facts::{Facts, MapField, PublishedColumn};

/// Tables that every organization has, with their text columns; not in the published list.
const SYSTEM_TABLES: &[(&str, &str, &[&str])] = &[
    ("businessunit", "businessunits", &["name"]),
    ("organization", "organizations", &["name"]),
    (
        "systemuser",
        "systemusers",
        &[
            "domainname",
            "firstname",
            "fullname",
            "internalemailaddress",
            "lastname",
        ],
    ),
    ("team", "teams", &["name"]),
];

type Columns = BTreeMap<String, Column>;

/// Builds all tables.
pub(crate) fn build(
    facts: &Facts,
    lookups: &Lookups,
    keys: &Keys,
) -> anyhow::Result<DataverseSchema> {
    let casing = Casing::learn(facts.entity_fields.iter().map(|field| field.name.as_str()));
    let mut sets: BTreeMap<String, String> = lookups
        .tables
        .iter()
        .map(|(set, table)| (table.clone(), set.clone()))
        .collect();
    for column in &facts.columns {
        sets.entry(column.table.clone())
            .or_insert_with(|| format!("{}s", column.table));
    }
    for (table, set, _) in SYSTEM_TABLES {
        sets.insert((*table).to_owned(), (*set).to_owned());
    }

    let mut tables = Vec::new();
    for (name, set) in &sets {
        let mut columns = Columns::new();
        for published in facts.columns.iter().filter(|column| column.table == *name) {
            if let Some(column) = published_column(name, published, &sets)? {
                columns.insert(column.name.clone(), column);
            }
        }
        let is_published = !columns.is_empty();
        let primary_id = format!("{name}id");
        let lines = mapped_lines(facts, lookups, name);
        // The service fills in what it requires and no map writes (precision, unit group, owner).
        for column in columns.values_mut() {
            if column.required == RequiredLevel::System && !lines.contains_key(&column.name) {
                column.required = RequiredLevel::Application;
            }
        }
        // What a map takes from the platform's own columns has the platform's type.
        identity_columns(&primary_id, &mut columns);
        for (column, lines) in lines {
            mapped_column(name, &column, &lines, lookups, &casing, &mut columns);
        }
        system_columns(name, keys, &mut columns);
        table_columns(name, &mut columns);

        let key = table_key(name, keys, &columns)?;
        let primary_name = overrides::primary_name(name)
            .map(str::to_owned)
            .or_else(|| first_name(&columns, key.as_ref()));
        let mut ordered: Vec<Column> = Vec::with_capacity(columns.len());
        ordered.extend(columns.remove(&primary_id));
        ordered.extend(columns.into_values());
        tables.push(Table {
            logical_name: name.clone(),
            schema_name: if is_published {
                names::capitalised(name)
            } else {
                name.clone()
            },
            entity_set_name: set.clone(),
            primary_id,
            primary_name,
            per_company: keys.per_company.contains(name),
            change_tracking: !SYSTEM_TABLES.iter().any(|(system, _, _)| system == name),
            assumed: !is_published,
            label: None,
            origin: duet_sandbox::schema::TableOrigin::Published,
            columns: ordered,
            keys: key.into_iter().collect(),
        });
    }
    Ok(DataverseSchema {
        tables,
        ..DataverseSchema::default()
    })
}

/// The published column; nothing where its table is not modelled or the service has it otherwise.
fn published_column(
    table: &str,
    published: &PublishedColumn,
    sets: &BTreeMap<String, String>,
) -> anyhow::Result<Option<Column>> {
    // The published company is the Common Data Model's; dual-write's own has other columns.
    if table == "cdm_company" {
        return Ok(None);
    }
    let length = published.max_length;
    let kind = match published.kind.as_str() {
        "type" => return Ok(None),
        "entityId" | "guid" => ColumnKind::Uniqueidentifier,
        "integer" | "timezone" => {
            let (min, max) = bounds(&published.range, "-2147483648", "2147483647")?;
            ColumnKind::Integer {
                min: min.try_into().unwrap_or(i64::from(i32::MIN)),
                max: max.try_into().unwrap_or(i64::from(i32::MAX)),
            }
        }
        "bigInteger" => ColumnKind::BigInt,
        "decimal" => {
            let (min, max) = bounds(&published.range, "-100000000000", "100000000000")?;
            ColumnKind::Decimal {
                precision: 10,
                min,
                max,
            }
        }
        "currency" | "baseCurrency" => {
            let (min, max) = bounds(&published.range, "-922337203685477", "922337203685477")?;
            ColumnKind::Money {
                precision: 4,
                min,
                max,
            }
        }
        "latitude" | "longitude" | "double" => ColumnKind::Double { precision: 5 },
        "boolean" => ColumnKind::Boolean,
        "dateTime" => ColumnKind::DateTime {
            behavior: if overrides::DATE_ONLY.contains(&published.name.as_str()) {
                DateBehavior::DateOnly
            } else {
                DateBehavior::UserLocal
            },
        },
        "listLookup" if overrides::TABLE_NAMES.contains(&published.name.as_str()) => {
            ColumnKind::String { max_length: 64 }
        }
        "listLookup" | "listLookupCorrelated" => {
            let options = choices(&published.options)?;
            match published.name.as_str() {
                "statecode" => ColumnKind::State { options },
                "statuscode" => ColumnKind::Status { options },
                _ => ColumnKind::Picklist { options },
            }
        }
        "lookup" => {
            let tables: Vec<&str> = published
                .options
                .split('|')
                .filter_map(|target| target_table(target.trim()))
                .filter(|target| sets.contains_key(*target))
                .collect();
            if tables.is_empty() {
                return Ok(None);
            }
            lookup(&published.name, &tables)
        }
        _ if length.unwrap_or(100) >= 1000 => ColumnKind::Memo {
            max_length: length.unwrap_or(2000),
        },
        _ => ColumnKind::String {
            max_length: length.unwrap_or(100),
        },
    };
    let read_only = published.name.ends_with("_base")
        || published.name.ends_with("_composite")
        || (published.name == "exchangerate" && table != "transactioncurrency")
        || (published.name == "fullname" && table == "contact")
        || matches!(
            published.name.as_str(),
            "createdon"
                | "modifiedon"
                | "createdby"
                | "modifiedby"
                | "createdonbehalfby"
                | "modifiedonbehalfby"
                | "versionnumber"
                | "createdbyexternalparty"
                | "modifiedbyexternalparty"
                | "entityimageid"
                | "traversedpath"
        );
    Ok(Some(Column {
        name: published.name.clone(),
        kind,
        required: match published.required.as_str() {
            "systemrequired" => RequiredLevel::System,
            "required" => RequiredLevel::Application,
            "recommended" => RequiredLevel::Recommended,
            _ => RequiredLevel::None,
        },
        read_only,
        label: Some(published.label.clone()).filter(|label| !label.is_empty()),
        schema_name: None,
        assumed: false,
    }))
}

fn target_table(published: &str) -> Option<&'static str> {
    Some(match published {
        "Account" => "account",
        "BusinessUnit" => "businessunit",
        "Contact" => "contact",
        "Currency" => "transactioncurrency",
        "Invoice" => "invoice",
        "InvoiceProduct" => "invoicedetail",
        "Lead" => "lead",
        "Order" => "salesorder",
        "OrderProduct" => "salesorderdetail",
        "Organization" => "organization",
        "PriceList" => "pricelevel",
        "Product" => "product",
        "Quote" => "quote",
        "QuoteProduct" => "quotedetail",
        "Team" => "team",
        "Unit" => "uom",
        "UnitGroup" => "uomschedule",
        "User" => "systemuser",
        _ => return None,
    })
}

/// All map lines that mention each column of a table.
fn mapped_lines<'a>(
    facts: &'a Facts,
    lookups: &Lookups,
    table: &str,
) -> BTreeMap<String, Vec<&'a MapField>> {
    let mut lines: BTreeMap<String, Vec<&MapField>> = BTreeMap::new();
    for map in facts
        .maps
        .iter()
        .filter(|map| lookups.tables[&map.entity_set] == table)
    {
        for field in facts
            .map_fields
            .iter()
            .filter(|field| field.map_id == map.id)
        {
            let column = field.path.split('.').next().unwrap_or_default();
            if column != "none" {
                lines.entry(column.to_owned()).or_default().push(field);
            }
        }
    }
    lines
}

/// Adds a column that maps mention, or widens a published one by the options that maps use.
fn mapped_column(
    table: &str,
    name: &str,
    lines: &[&MapField],
    lookups: &Lookups,
    casing: &Casing,
    columns: &mut Columns,
) {
    let symbols: Vec<(&str, i64)> = lines
        .iter()
        .flat_map(|line| &line.values)
        .filter_map(|(symbol, value)| Some((symbol.as_str(), value.parse().ok()?)))
        .chain(lines.iter().filter_map(|line| {
            let value: i64 = line.default.parse().ok().filter(|_| line.field == "none")?;
            Some(("", value))
        }))
        .collect();
    if let Some(known) = columns.get_mut(name) {
        if let ColumnKind::Picklist { options }
        | ColumnKind::State { options }
        | ColumnKind::Status { options } = &mut known.kind
        {
            add_choices(options, &symbols);
        }
        if let Some(targets) = lookups.targets(table, name)
            && !matches!(known.kind, ColumnKind::Lookup { .. })
        {
            known.kind = lookup(
                name,
                &targets.iter().map(String::as_str).collect::<Vec<_>>(),
            );
            known.assumed = true;
        }
        return;
    }
    let kind = if let Some(targets) = lookups.targets(table, name) {
        lookup(
            name,
            &targets.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    } else {
        derived_kind(lines, &symbols, casing)
    };
    columns.insert(
        name.to_owned(),
        Column {
            name: name.to_owned(),
            kind,
            required: RequiredLevel::None,
            read_only: false,
            label: lines
                .iter()
                .find(|line| line.field != "none")
                .map(|line| names::label(&casing.restore(&line.field))),
            schema_name: None,
            assumed: true,
        },
    );
}

/// The type that value maps, defaults and names suggest.
fn derived_kind(lines: &[&MapField], symbols: &[(&str, i64)], casing: &Casing) -> ColumnKind {
    let is_bool =
        |text: &str| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
    let values: Vec<&str> = lines
        .iter()
        .flat_map(|line| line.values.iter().map(|(_, value)| value.as_str()))
        .chain(
            lines
                .iter()
                .filter(|line| line.field == "none")
                .map(|line| line.default.as_str()),
        )
        .filter(|value| !value.is_empty())
        .collect();
    if !values.is_empty() && values.iter().all(|value| is_bool(value)) {
        return ColumnKind::Boolean;
    }
    if !values.is_empty() && values.iter().all(|value| value.parse::<i64>().is_ok()) {
        let mut options = Vec::new();
        add_choices(&mut options, symbols);
        return ColumnKind::Picklist { options };
    }
    let field = lines.iter().find(|line| line.field != "none");
    let Some(field) = field else {
        return ColumnKind::String { max_length: 100 };
    };
    let limit = Decimal::from(100_000_000_000_i64);
    // A published column is called as people call it: without its publisher's prefix.
    let column = field.path.split_once('_').map_or("", |(_, name)| name);
    match guess::from_names(
        &casing.restore(&field.field),
        &casing.restore(&column.to_uppercase()),
    ) {
        Guess::Text(length) => ColumnKind::String {
            max_length: length.max(100),
        },
        Guess::Memo => ColumnKind::Memo { max_length: 4000 },
        Guess::Int => ColumnKind::Integer {
            min: i64::from(i32::MIN),
            max: i64::from(i32::MAX),
        },
        Guess::Int64 => ColumnKind::BigInt,
        Guess::Real => ColumnKind::Decimal {
            precision: 10,
            min: -limit,
            max: limit,
        },
        Guess::Date => ColumnKind::DateTime {
            behavior: DateBehavior::DateOnly,
        },
        Guess::DateTime => ColumnKind::DateTime {
            behavior: DateBehavior::UserLocal,
        },
        Guess::YesNo => ColumnKind::Boolean,
    }
}

fn add_choices(options: &mut Vec<Choice>, symbols: &[(&str, i64)]) {
    for (symbol, value) in symbols {
        match options.iter_mut().find(|option| option.value == *value) {
            None => options.push(Choice {
                value: *value,
                label: names::label(symbol),
            }),
            Some(known) if known.label.is_empty() => known.label = names::label(symbol),
            Some(_) => {}
        }
    }
    for option in options.iter_mut().filter(|option| option.label.is_empty()) {
        option.label = option.value.to_string();
    }
    options.sort_by_key(|option| option.value);
}

/// A lookup; one target takes the column's own name as navigation property, several add the table.
fn lookup(name: &str, tables: &[&str]) -> ColumnKind {
    ColumnKind::Lookup {
        targets: tables
            .iter()
            .map(|table| LookupTarget {
                table: (*table).to_owned(),
                navigation: if tables.len() == 1 {
                    name.to_owned()
                } else {
                    format!("{name}_{table}")
                },
            })
            .collect(),
    }
}

/// Which row it is, and since when: columns of every table.
fn identity_columns(primary_id: &str, columns: &mut Columns) {
    let moment = || ColumnKind::DateTime {
        behavior: DateBehavior::UserLocal,
    };
    add_own(columns, primary_id, ColumnKind::Uniqueidentifier, false);
    add_own(columns, "createdon", moment(), true);
    add_own(columns, "modifiedon", moment(), true);
}

/// Adds a column of the platform, unless it is there.
fn add_own(columns: &mut Columns, name: &str, kind: ColumnKind, read_only: bool) {
    columns.entry(name.to_owned()).or_insert_with(|| Column {
        name: name.to_owned(),
        kind,
        required: RequiredLevel::None,
        read_only,
        label: None,
        schema_name: None,
        assumed: true,
    });
}

/// Adds the columns that every table has.
fn system_columns(table: &str, keys: &Keys, columns: &mut Columns) {
    let mut add = |name: &str, kind: ColumnKind, read_only: bool| {
        add_own(columns, name, kind, read_only);
    };
    let list = |entries: [(i64, &str); 2]| {
        entries
            .map(|(value, label)| Choice {
                value,
                label: label.to_owned(),
            })
            .to_vec()
    };
    add("createdby", lookup("createdby", &["systemuser"]), true);
    add("modifiedby", lookup("modifiedby", &["systemuser"]), true);
    add("versionnumber", ColumnKind::BigInt, true);
    add(
        "statecode",
        ColumnKind::State {
            options: list([(0, "Active"), (1, "Inactive")]),
        },
        false,
    );
    add(
        "statuscode",
        ColumnKind::Status {
            options: list([(1, "Active"), (2, "Inactive")]),
        },
        false,
    );
    // Both kinds of owner share one navigation property, typed as principal.
    let owner = ["systemuser", "team"].map(|kind| LookupTarget {
        table: kind.to_owned(),
        navigation: "ownerid".to_owned(),
    });
    add(
        "ownerid",
        ColumnKind::Lookup {
            targets: owner.to_vec(),
        },
        false,
    );
    add(
        "owningbusinessunit",
        lookup("owningbusinessunit", &["businessunit"]),
        true,
    );
    if keys.per_company.contains(table) {
        add(COMPANY, lookup(COMPANY, &["cdm_company"]), false);
    }
    if columns
        .values()
        .any(|column| matches!(column.kind, ColumnKind::Money { .. }))
    {
        columns
            .entry("transactioncurrencyid".to_owned())
            .or_insert_with(|| Column {
                name: "transactioncurrencyid".to_owned(),
                kind: lookup("transactioncurrencyid", &["transactioncurrency"]),
                required: RequiredLevel::None,
                read_only: false,
                label: None,
                schema_name: None,
                assumed: true,
            });
    }
    for (name, column) in columns.iter_mut() {
        column.read_only |= matches!(
            name.as_str(),
            "createdon" | "modifiedon" | "createdby" | "modifiedby" | "versionnumber"
        );
    }
}

/// Adds the columns that one table has beyond the published and the mapped ones.
fn table_columns(table: &str, columns: &mut Columns) {
    let mut add = |name: &str, kind: ColumnKind| {
        columns.entry(name.to_owned()).or_insert_with(|| Column {
            name: name.to_owned(),
            kind,
            required: RequiredLevel::None,
            read_only: false,
            label: None,
            schema_name: None,
            assumed: true,
        });
    };
    if let Some((_, _, texts)) = SYSTEM_TABLES.iter().find(|(system, _, _)| *system == table) {
        for name in *texts {
            add(name, ColumnKind::String { max_length: 160 });
        }
    }
    match table {
        "systemuser" => {
            add("azureactivedirectoryobjectid", ColumnKind::Uniqueidentifier);
            add("isdisabled", ColumnKind::Boolean);
            add(
                "businessunitid",
                lookup("businessunitid", &["businessunit"]),
            );
        }
        "team" => {
            add(
                "businessunitid",
                lookup("businessunitid", &["businessunit"]),
            );
            add(
                "administratorid",
                lookup("administratorid", &["systemuser"]),
            );
        }
        "businessunit" => {
            add(
                "parentbusinessunitid",
                lookup("parentbusinessunitid", &["businessunit"]),
            );
        }
        // The team that owns the rows of the company.
        "cdm_company" => {
            add(
                "cdm_defaultowningteam",
                lookup("cdm_defaultowningteam", &["team"]),
            );
        }
        _ => {}
    }
}

/// The alternate key, company included.
fn table_key(table: &str, keys: &Keys, columns: &Columns) -> anyhow::Result<Option<AlternateKey>> {
    let Some(own) = keys.columns.get(table) else {
        return Ok(None);
    };
    let mut names = own.clone();
    if keys.per_company.contains(table) && !names.iter().any(|name| name == COMPANY) {
        names.push(COMPANY.to_owned());
    }
    for name in &names {
        match columns.get(name).map(|column| &column.kind) {
            None => bail!("{table}: key column {name} does not exist; correct overrides.rs"),
            Some(ColumnKind::Memo { .. } | ColumnKind::Boolean | ColumnKind::Money { .. }) => {
                bail!("{table}: key column {name} has a type that no key may have")
            }
            Some(_) => {}
        }
    }
    let short = table.strip_prefix("msdyn_").unwrap_or(table);
    Ok(Some(AlternateKey {
        name: format!("duet_{short}_key"),
        columns: names,
        assumed: true,
    }))
}

fn first_name(columns: &Columns, key: Option<&AlternateKey>) -> Option<String> {
    [
        "name",
        "msdyn_name",
        "cdm_name",
        "msmrw_name",
        "msdyn_description",
    ]
    .into_iter()
    .find(|name| columns.contains_key(*name))
    .map(str::to_owned)
    .or_else(|| {
        key?.columns
            .iter()
            .find(|name| {
                columns
                    .get(*name)
                    .is_some_and(|column| matches!(column.kind, ColumnKind::String { .. }))
            })
            .cloned()
    })
}

fn choices(published: &str) -> anyhow::Result<Vec<Choice>> {
    published
        .split(" | ")
        .filter(|option| !option.is_empty())
        .map(|option| {
            let (value, label) = option
                .split_once('=')
                .with_context(|| format!("option `{option}` has no `=`"))?;
            Ok(Choice {
                value: value.trim().parse()?,
                label: label.trim().to_owned(),
            })
        })
        .collect()
}

fn bounds(range: &str, low: &str, high: &str) -> anyhow::Result<(Decimal, Decimal)> {
    let (low, high) = range.split_once("..").unwrap_or((low, high));
    Ok((decimal(low)?, decimal(high)?))
}

fn decimal(text: &str) -> anyhow::Result<Decimal> {
    let parsed = if text.contains(['e', 'E']) {
        Decimal::from_scientific(text)
    } else {
        text.parse()
    };
    parsed.with_context(|| format!("`{text}` is no decimal"))
}
