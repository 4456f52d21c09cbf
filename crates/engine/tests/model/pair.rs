//! A small pair of systems in memory with three maps: companies, payment terms, customers.

#![allow(dead_code, unreachable_pub)]

use crate::model::{ModelSystem, table};
use duet_engine::{Engine, Parts, Project, Settings, SystemClock};
use duet_map::CompiledMap;
use duet_map::file::MapFile;
use duet_map::record::RecordId;
use duet_map::schema::{ColumnType, LookupTarget, SchemaSet};
use duet_map::side::PerSide;
use duet_map::value::{Reference, Row, Value};
use duet_store::Store;
use duet_store::sqlite::SqliteStore;
use rust_decimal::Decimal;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const COMPANIES: &str = "
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

const TERMS: &str = "
map: terms
version: 1.0.0
why: Sales offers the terms that finance knows.
left: { entity: PaymentTerms }
right: { entity: msdyn_paymentterms }
company: per-company
key: [NAME = msdyn_name]
master: left
fields:
  - NAME = msdyn_name
  - DESCRIPTION = msdyn_description
";

const CUSTOMERS: &str = "
map: customers
version: 1.0.0
why: Sales works on the same customer that finance invoices.
left: { entity: CustomersV3, filter: '(PartyType == \"Organization\")' }
right: { entity: accounts, filter: customertypecode eq 3 }
company: per-company
key: [CUSTOMERACCOUNT = accountnumber]
master: left
deletes: propagate
allocates: left
fields:
  - CUSTOMERACCOUNT = accountnumber
  - ORGANIZATIONNAME = name
  - CREDITLIMIT = creditlimit
  - PAYMENTTERMS = msdyn_paymentterm.msdyn_name
  - INVOICEACCOUNT = msdyn_billingaccount.accountnumber
  - ISONETIME >< msdyn_onetime: { no: False, yes: True }
  - '\"3\" >> customertypecode'
  - PARTYTYPE << \"Organization\"
";

/// The texts of the three maps.
pub const MAPS: [&str; 3] = [COMPANIES, TERMS, CUSTOMERS];

fn text() -> ColumnType {
    ColumnType::Text {
        max_length: Some(60),
    }
}

fn lookup(table: &str, type_name: &str, navigation: &str) -> ColumnType {
    ColumnType::Lookup {
        targets: vec![LookupTarget {
            type_name: type_name.to_owned(),
            table: table.to_owned(),
            navigation: navigation.to_owned(),
        }],
    }
}

fn left_schemas() -> SchemaSet {
    let mut companies = table(
        "LegalEntities",
        "LegalEntity",
        &[("LegalEntityId", text()), ("Name", text())],
    );
    companies.primary_key = vec!["LegalEntityId".into()];
    let mut terms = table(
        "PaymentTerms",
        "PaymentTerm",
        &[
            ("dataAreaId", text()),
            ("Name", text()),
            ("Description", text()),
        ],
    );
    terms.primary_key = vec!["dataAreaId".into(), "Name".into()];
    terms.company = Some("dataAreaId".into());
    let mut customers = table(
        "CustomersV3",
        "CustomerV3",
        &[
            ("dataAreaId", text()),
            ("CustomerAccount", text()),
            ("OrganizationName", text()),
            ("PaymentTerms", text()),
            ("InvoiceAccount", text()),
            (
                "CreditLimit",
                ColumnType::Decimal {
                    scale: Some(2),
                    min: None,
                    max: None,
                },
            ),
            (
                "IsOneTime",
                ColumnType::Enum {
                    name: "NoYes".into(),
                    members: vec!["No".into(), "Yes".into()],
                },
            ),
            (
                "PartyType",
                ColumnType::Enum {
                    name: "DirPartyType".into(),
                    members: vec!["Organization".into(), "Person".into()],
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

fn right_schemas() -> SchemaSet {
    let mut companies = table(
        "cdm_companies",
        "cdm_company",
        &[
            ("cdm_companyid", ColumnType::Guid),
            ("cdm_companycode", text()),
            ("cdm_name", text()),
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
            ("msdyn_name", text()),
            ("msdyn_description", text()),
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
            ("accountnumber", text()),
            ("name", text()),
            (
                "creditlimit",
                ColumnType::Decimal {
                    scale: Some(4),
                    min: None,
                    max: None,
                },
            ),
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

/// Both systems, the store and what connects them.
pub struct Pair {
    pub left: Arc<ModelSystem>,
    pub right: Arc<ModelSystem>,
    pub store: Arc<SqliteStore>,
}

impl Pair {
    pub fn new() -> Self {
        Self::shaped(|left| left, |right| right)
    }

    /// A pair whose systems have quirks. Companies usmf and frrt exist on the left, dat too.
    pub fn shaped(
        left: impl FnOnce(ModelSystem) -> ModelSystem,
        right: impl FnOnce(ModelSystem) -> ModelSystem,
    ) -> Self {
        let pair = Self {
            left: Arc::new(left(ModelSystem::finops(left_schemas()))),
            right: Arc::new(right(ModelSystem::dataverse(right_schemas()))),
            store: Arc::new(SqliteStore::open_in_memory().unwrap()),
        };
        for company in ["usmf", "frrt", "dat"] {
            pair.left.create(
                "LegalEntities",
                Row::new()
                    .with("LegalEntityId", company)
                    .with("Name", company),
            );
        }
        pair
    }

    /// An engine over the pair; call it again for a restart after a crash.
    pub fn engine(&self) -> Engine {
        self.engine_with(str::to_owned)
    }

    /// An engine whose map files are changed a little.
    pub fn engine_with(&self, change: fn(&str) -> String) -> Engine {
        let maps = [COMPANIES, TERMS, CUSTOMERS].map(|text| {
            let text = change(text);
            let file = MapFile::parse(&text, "test.yaml").unwrap_or_else(|e| panic!("{e:#?}"));
            let compiled = CompiledMap::compile(&file, &left_schemas(), &right_schemas());
            compiled.unwrap_or_else(|e| panic!("{e:#?}")).0
        });
        Engine::new(Parts {
            project: Project::build(maps.into(), ["usmf".to_owned(), "frrt".to_owned()]),
            systems: PerSide {
                left: self.left.clone(),
                right: self.right.clone(),
            },
            store: self.store.clone(),
            clock: Arc::new(SystemClock),
            settings: Settings {
                retry_after: Duration::from_millis(1),
                retry_at_most: Duration::from_millis(5),
                ..Settings::default()
            },
            progress: Arc::new(()),
            seed: 1,
        })
    }

    /// A customer that finance creates.
    pub fn customer(&self, company: &str, account: &str, more: Row) -> RecordId {
        let mut row = Row::new()
            .with("dataAreaId", company)
            .with("CustomerAccount", account)
            .with("OrganizationName", format!("Name of {account}").as_str())
            .with("PartyType", Value::Symbol("Organization".into()));
        row.0.extend(more.0);
        self.left.create("CustomersV3", row)
    }

    /// Payment terms that finance creates.
    pub fn terms(&self, company: &str, name: &str) -> RecordId {
        self.left.create(
            "PaymentTerms",
            Row::new()
                .with("dataAreaId", company)
                .with("Name", name)
                .with("Description", name),
        )
    }

    /// How many accounts there are.
    pub fn rows_of_accounts(&self) -> usize {
        self.right.rows("accounts").len()
    }

    /// The account with this number.
    pub fn account(&self, number: &str) -> Option<(RecordId, Row)> {
        self.right.find_by("accounts", "accountnumber", number)
    }

    /// The reference to a company on the right side.
    pub fn company(&self, code: &str) -> Value {
        let (id, _) = self
            .right
            .find_by("cdm_companies", "cdm_companycode", code)
            .unwrap_or_else(|| panic!("no company {code} on the right side yet"));
        reference("cdm_companies", &id)
    }

    /// Writes that Duet made on both sides.
    pub fn writes(&self) -> (u64, u64) {
        (self.left.writes(), self.right.writes())
    }

    /// Fails unless every captured change stands in exactly one box and nothing is pending.
    pub async fn assert_balanced(&self) {
        for line in self.store.audit().await.unwrap() {
            assert!(line.boxes.balances(), "{line:?}");
            assert_eq!(line.boxes.pending, 0, "{line:?}");
        }
    }
}

/// A lookup's value.
pub fn reference(table: &str, id: &RecordId) -> Value {
    Value::Reference(Reference {
        table: table.to_owned(),
        id: Uuid::parse_str(&id.0).unwrap(),
    })
}
