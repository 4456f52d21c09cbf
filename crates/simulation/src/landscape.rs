//! The business that is simulated: companies, payment terms and customers on both sides.
//!
//! Small, but with everything that makes maps hard: rows striped by company, a lookup to another
//! map's table, a lookup to the own table, a number that one side allocates, filters, constants, a
//! value map, and a one-way field. [`TERMS`] and [`CUSTOMERS`] say once, independently of the map
//! engine, which columns belong together; the checkers read only that.

use duet_engine::Project;
use duet_map::CompiledMap;
use duet_map::file::MapFile;
use duet_map::record::RecordId;
use duet_map::schema::{Column, ColumnType, LookupTarget, SchemaSet, TableSchema};
use duet_map::side::{PerSide, Side};
use duet_map::value::{Reference, Row, Value};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Companies in scope.
pub const COMPANIES: [&str; 2] = ["usmf", "frrt"];

/// A company outside the scope.
pub const FOREIGN: &str = "dat";

/// A kind of record, with its tables and the columns that belong together.
#[derive(Debug)]
pub struct Kind {
    /// The map.
    pub map: &'static str,
    /// Its tables.
    pub tables: PerSide<&'static str>,
    /// The key column beside the company.
    pub key: PerSide<&'static str>,
    /// The birth mark: set when a person creates the record, and never changed by one.
    pub mark: PerSide<&'static str>,
    /// Columns into which people enter values that nobody entered before.
    pub tracked: &'static [PerSide<&'static str>],
}

/// Payment terms.
pub const TERMS: Kind = Kind {
    map: "terms",
    tables: PerSide {
        left: "PaymentTerms",
        right: "msdyn_paymentterms",
    },
    key: PerSide {
        left: "Name",
        right: "msdyn_name",
    },
    mark: PerSide {
        left: "Mark",
        right: "duet_mark",
    },
    tracked: &[PerSide {
        left: "Description",
        right: "msdyn_description",
    }],
};

/// Customers.
pub const CUSTOMERS: Kind = Kind {
    map: "customers",
    tables: PerSide {
        left: "CustomersV3",
        right: "accounts",
    },
    key: PerSide {
        left: "CustomerAccount",
        right: "accountnumber",
    },
    mark: PerSide {
        left: "Mark",
        right: "duet_mark",
    },
    tracked: &[
        PerSide {
            left: "OrganizationName",
            right: "name",
        },
        PerSide {
            left: "City",
            right: "address1_city",
        },
        PerSide {
            left: "CreditLimit",
            right: "creditlimit",
        },
    ],
};

/// The kinds that people work on.
pub const KINDS: [&Kind; 2] = [&TERMS, &CUSTOMERS];

/// The kind whose records stand in this table.
pub fn kind_of(side: Side, table: &str) -> Option<&'static Kind> {
    KINDS.into_iter().find(|kind| kind.tables[side] == table)
}

/// A record's birth mark.
pub fn mark_of(side: Side, table: &str, row: &Row) -> Option<String> {
    let kind = kind_of(side, table)?;
    Some(row.value(kind.mark[side]).as_str()?.to_owned())
}

/// Whether a row is inside its map's filter.
pub fn inside(side: Side, table: &str, row: &Row) -> bool {
    match (side, table) {
        (Side::Left, "CustomersV3") => {
            matches!(row.value("PartyType").as_str(), None | Some("Organization"))
        }
        (Side::Right, "accounts") => row.value("customertypecode") == &Value::Int(3),
        _ => true,
    }
}

/// Longest name on either side, so that some names fit on one side only.
pub const LONGEST_NAME: PerSide<u32> = PerSide {
    left: 80,
    right: 60,
};

const COMPANIES_MAP: &str = "
map: companies
version: 1.0.0
why: Both sides speak of the same legal entities.
left: { entity: LegalEntities }
right: { entity: cdm_companies }
company: shared
key: [LEGALENTITYID = cdm_companycode]
master: left
fields:
  - NAME > cdm_name
  - LEGALENTITYID > cdm_companycode
";

const TERMS_MAP: &str = "
map: terms
version: 1.0.0
why: Sales offers the terms that finance knows.
left: { entity: PaymentTerms }
right: { entity: msdyn_paymentterms }
company: per-company
key: [NAME = msdyn_name]
master: MASTER
deletes: propagate
fields:
  - NAME = msdyn_name
  - DESCRIPTION = msdyn_description
  - MARK = duet_mark
";

const CUSTOMERS_MAP: &str = "
map: customers
version: 1.0.0
why: Sales works on the same customer that finance invoices.
left: { entity: CustomersV3, filter: '(PartyType == \"Organization\")' }
right: { entity: accounts, filter: customertypecode eq 3 }
company: per-company
key: [CUSTOMERACCOUNT = accountnumber]
master: MASTER
deletes: propagate
ALLOCATES
fields:
  - CUSTOMERACCOUNT = accountnumber
  - ORGANIZATIONNAME = name
  - CITY = address1_city
  - SEARCHNAME = duet_searchname
  - MARK = duet_mark
  - CREDITLIMIT = creditlimit
  - PAYMENTTERMS = msdyn_paymentterm.msdyn_name
  - INVOICEACCOUNT = msdyn_billingaccount.accountnumber
  - ISONETIME >< msdyn_onetime: { no: False, yes: True }
  - '\"3\" >> customertypecode'
  - PARTYTYPE << \"Organization\"
";

/// The map files, in the order of their dependencies.
pub fn map_files(master: Side, allocates: bool) -> [String; 3] {
    let allocates = if allocates { "allocates: left" } else { "" };
    [COMPANIES_MAP, TERMS_MAP, CUSTOMERS_MAP].map(|text| {
        text.replace("MASTER", master.as_str())
            .replace("ALLOCATES", allocates)
    })
}

/// Map files, compiled, for companies in scope.
pub fn compile(
    files: impl IntoIterator<Item = String>,
    companies: impl IntoIterator<Item = String>,
) -> Result<Project, String> {
    let each = compile_each(files, &left_schemas(), &right_schemas())?;
    let maps = each.into_iter().map(|(_, map)| map);
    Ok(Project::build(
        maps.collect::<Result<Vec<_>, String>>()?,
        companies,
    ))
}

/// A map file, and the map that it makes or the reason why it makes none.
pub type Compiled = (MapFile, Result<CompiledMap, String>);

/// Map files, each compiled by itself against what the systems say of their tables. The reason of
/// one that does not compile stands in its place.
pub fn compile_each(
    files: impl IntoIterator<Item = String>,
    left: &SchemaSet,
    right: &SchemaSet,
) -> Result<Vec<Compiled>, String> {
    files
        .into_iter()
        .map(|text| {
            let file = MapFile::parse(&text, "simulation.yaml").map_err(|e| format!("{e:?}"))?;
            let compiled = CompiledMap::compile(&file, left, right)
                .map(|(map, _)| map)
                .map_err(|e| format!("{e:?}"));
            Ok((file, compiled))
        })
        .collect()
}

/// The type of a text of so many characters.
pub fn text(longest: u32) -> ColumnType {
    ColumnType::Text {
        max_length: Some(longest),
    }
}

/// The type of a reference to a table's records.
pub fn lookup(table: &str, type_name: &str, navigation: &str) -> ColumnType {
    ColumnType::Lookup {
        targets: vec![LookupTarget {
            type_name: type_name.to_owned(),
            table: table.to_owned(),
            navigation: navigation.to_owned(),
        }],
    }
}

fn decimal(scale: u32) -> ColumnType {
    ColumnType::Decimal {
        scale: Some(scale),
        min: None,
        max: None,
    }
}

/// A table whose columns are all optional and writable, without any key yet.
pub fn table(name: &str, type_name: &str, columns: &[(&str, ColumnType)]) -> TableSchema {
    TableSchema {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        title: name.to_owned(),
        primary_key: Vec::new(),
        alternate_keys: Vec::new(),
        company: None,
        columns: columns
            .iter()
            .map(|(column, ty)| {
                (
                    column.to_lowercase(),
                    Column {
                        name: (*column).to_owned(),
                        ty: ty.clone(),
                        required: false,
                        create: true,
                        update: true,
                        empty: None,
                    },
                )
            })
            .collect(),
        tracks_changes: true,
        modified: Some("modified".into()),
    }
}

/// What Finance & Operations has.
pub fn left_schemas() -> SchemaSet {
    let mut companies = table(
        "LegalEntities",
        "LegalEntity",
        &[("LegalEntityId", text(4)), ("Name", text(60))],
    );
    companies.primary_key = vec!["LegalEntityId".into()];
    let mut terms = table(
        "PaymentTerms",
        "PaymentTerm",
        &[
            ("dataAreaId", text(4)),
            ("Name", text(20)),
            ("Description", text(60)),
            ("Mark", text(60)),
        ],
    );
    terms.primary_key = vec!["dataAreaId".into(), "Name".into()];
    terms.company = Some("dataAreaId".into());
    let members = |members: [&str; 2]| members.map(str::to_owned).to_vec();
    let mut customers = table(
        "CustomersV3",
        "CustomerV3",
        &[
            ("dataAreaId", text(4)),
            ("CustomerAccount", text(20)),
            ("OrganizationName", text(LONGEST_NAME.left)),
            ("City", text(60)),
            ("SearchName", text(60)),
            ("Mark", text(60)),
            ("PaymentTerms", text(20)),
            ("InvoiceAccount", text(20)),
            ("CreditLimit", decimal(2)),
            (
                "IsOneTime",
                ColumnType::Enum {
                    name: "NoYes".into(),
                    members: members(["No", "Yes"]),
                },
            ),
            (
                "PartyType",
                ColumnType::Enum {
                    name: "DirPartyType".into(),
                    members: members(["Organization", "Person"]),
                },
            ),
        ],
    );
    customers.primary_key = vec!["dataAreaId".into(), "CustomerAccount".into()];
    customers.company = Some("dataAreaId".into());
    for (column, empty) in [
        ("creditlimit", Value::Decimal(Decimal::ZERO)),
        ("isonetime", Value::Symbol("No".into())),
        ("partytype", Value::Symbol("Organization".into())),
    ] {
        if let Some(column) = customers.columns.get_mut(column) {
            column.empty = Some(empty);
        }
    }
    SchemaSet(vec![companies, terms, customers])
}

/// What Dataverse has.
pub fn right_schemas() -> SchemaSet {
    let mut companies = table(
        "cdm_companies",
        "cdm_company",
        &[
            ("cdm_companyid", ColumnType::Guid),
            ("cdm_companycode", text(10)),
            ("cdm_name", text(60)),
        ],
    );
    companies.primary_key = vec!["cdm_companyid".into()];
    companies.alternate_keys = vec![vec!["cdm_companycode".into()]];
    let company = || lookup("cdm_companies", "cdm_company", "msdyn_company");
    let mut terms = table(
        "msdyn_paymentterms",
        "msdyn_paymentterm",
        &[
            ("msdyn_paymenttermid", ColumnType::Guid),
            ("msdyn_name", text(60)),
            ("msdyn_description", text(60)),
            ("duet_mark", text(60)),
            ("msdyn_company", company()),
        ],
    );
    terms.primary_key = vec!["msdyn_paymenttermid".into()];
    terms.alternate_keys = vec![vec!["msdyn_name".into(), "msdyn_company".into()]];
    terms.company = Some("msdyn_company".into());
    let mut accounts = table(
        "accounts",
        "account",
        &[
            ("accountid", ColumnType::Guid),
            ("accountnumber", text(60)),
            ("name", text(LONGEST_NAME.right)),
            ("address1_city", text(60)),
            ("duet_searchname", text(60)),
            ("duet_mark", text(60)),
            ("creditlimit", decimal(4)),
            ("msdyn_onetime", ColumnType::Bool),
            (
                "customertypecode",
                ColumnType::Choice {
                    options: vec![(3, "Customer".into()), (10, "Supplier".into())],
                },
            ),
            (
                "msdyn_paymentterm",
                lookup(
                    "msdyn_paymentterms",
                    "msdyn_paymentterm",
                    "msdyn_paymentterm",
                ),
            ),
            (
                "msdyn_billingaccount",
                lookup("accounts", "account", "msdyn_billingaccount"),
            ),
            ("msdyn_company", company()),
        ],
    );
    accounts.primary_key = vec!["accountid".into()];
    accounts.alternate_keys = vec![vec!["accountnumber".into(), "msdyn_company".into()]];
    accounts.company = Some("msdyn_company".into());
    SchemaSet(vec![companies, terms, accounts])
}

/// A lookup's value.
pub fn reference(table: &str, id: &RecordId) -> Value {
    Uuid::parse_str(&id.0).map_or(Value::Null, |id| {
        Value::Reference(Reference {
            table: table.to_owned(),
            id,
        })
    })
}
