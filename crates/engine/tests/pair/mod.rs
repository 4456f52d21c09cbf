//! A small pair of systems in memory with three maps: companies, payment terms, customers. They are
//! the ones of the simulation, at the end of a network that does what a story writes down.

// Each test binary uses the part it needs.
#![allow(dead_code, unreachable_pub)]

use duet_engine::failpoint::Failpoints;
use duet_engine::{Clock, Engine, Parts, Project, Settings, SystemClock};
use duet_map::record::RecordId;
use duet_map::side::{PerSide, Side};
use duet_map::value::{Row, Value};
pub use duet_simulation::landscape::reference;
use duet_simulation::landscape::{COMPANIES, compile, left_schemas, map_files, right_schemas};
use duet_simulation::system::{ModelSystem, Quirks};
use duet_store::Store;
use duet_store::change::{Parked, ParkedFilter};
use duet_store::conflict::{Conflict, ConflictFilter};
use duet_store::sqlite::SqliteStore;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// A system, with people at it who expect that it takes what they enter.
#[derive(Clone)]
pub struct Desk(pub Arc<ModelSystem>);

impl Deref for Desk {
    type Target = ModelSystem;

    fn deref(&self) -> &ModelSystem {
        &self.0
    }
}

impl Desk {
    /// The system behind the desk.
    pub fn system(&self) -> Arc<ModelSystem> {
        self.0.clone()
    }

    /// A person creates a record.
    pub fn create(&self, table: &str, row: Row) -> RecordId {
        self.0.create(table, row).expect("the system refuses it")
    }

    /// A person changes columns of a record.
    pub fn edit(&self, table: &str, id: &RecordId, columns: Row) {
        assert!(self.0.edit(table, id, columns), "the system refuses it");
    }

    /// A person deletes a record.
    pub fn delete(&self, table: &str, id: &RecordId) {
        assert!(self.0.delete(table, id), "the system refuses it");
    }
}

/// Both systems, the store and what connects them.
pub struct Pair {
    pub left: Desk,
    pub right: Desk,
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
        let finops = ModelSystem::quiet(Side::Left, Quirks::FINOPS, left_schemas());
        let dataverse = ModelSystem::quiet(Side::Right, Quirks::DATAVERSE, right_schemas());
        let pair = Self::of(left(finops), right(dataverse));
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

    /// A pair of systems that somebody else has shaped.
    pub fn of(left: ModelSystem, right: ModelSystem) -> Self {
        Self {
            left: Desk(Arc::new(left)),
            right: Desk(Arc::new(right)),
            store: Arc::new(SqliteStore::open_in_memory().unwrap()),
        }
    }

    /// An engine over the pair; call it again for a restart after a crash.
    pub fn engine(&self) -> Engine {
        self.engine_with(str::to_owned)
    }

    /// The process of an engine ends at a point of its road.
    pub async fn dies_at(&self, point: &'static str) {
        let project = compile(map_files(Side::Left, true), COMPANIES.map(str::to_owned));
        self.dies_over(project.unwrap(), point).await;
    }

    /// The process of an engine for a project of one's own ends at a point of its road.
    pub async fn dies_over(&self, project: Project, point: &'static str) {
        let settings = Settings {
            failpoints: Failpoints::new(move |reached| {
                assert_ne!(reached, point, "the process ends here");
            }),
            ..Settings::default()
        };
        let engine = self.engine_over(project, settings, Arc::new(SystemClock));
        let died = tokio::spawn(async move { engine.quiesce().await }).await;
        assert!(died.is_err(), "{point} was never reached: {died:?}");
    }

    /// An engine whose map of customers is changed a little.
    pub fn engine_for_customers(&self, change: fn(&str) -> String) -> Engine {
        let [companies, terms, customers] = map_files(Side::Left, true);
        let maps = [companies, terms, change(&customers)];
        self.engine_of(compile(maps, COMPANIES.map(str::to_owned)).unwrap())
    }

    /// An engine whose map files are changed a little.
    pub fn engine_with(&self, change: fn(&str) -> String) -> Engine {
        let maps = map_files(Side::Left, true).map(|map| change(&map));
        self.engine_of(compile(maps, COMPANIES.map(str::to_owned)).unwrap())
    }

    /// An engine for a project of one's own, with short waits.
    pub fn engine_of(&self, project: Project) -> Engine {
        let settings = Settings {
            retry_after: Duration::from_millis(1),
            retry_at_most: Duration::from_millis(5),
            ..Settings::default()
        };
        self.engine_over(project, settings, Arc::new(SystemClock))
    }

    /// An engine for a project, settings and a clock of one's own.
    pub fn engine_over(
        &self,
        project: Project,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Engine {
        Engine::new(Parts {
            project,
            systems: PerSide {
                left: self.left.system(),
                right: self.right.system(),
            },
            store: self.store.clone(),
            clock,
            settings,
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

    /// The account with this number.
    pub fn account(&self, number: &str) -> Option<(RecordId, Row)> {
        self.right.find_by("accounts", "accountnumber", number)
    }

    /// An account that sales creates.
    pub fn account_of_sales(&self, number: &str, more: Row) -> RecordId {
        let mut row = Row::new()
            .with("accountnumber", number)
            .with("name", format!("Name of {number}").as_str())
            .with("customertypecode", Value::Int(3))
            .with("msdyn_company", self.company("usmf"));
        row.0.extend(more.0);
        self.right.create("accounts", row)
    }

    /// The number of US-001's customer and account.
    pub fn first(&self) -> (RecordId, RecordId) {
        let customer = self
            .left
            .find_by("CustomersV3", "CustomerAccount", "US-001");
        (customer.unwrap().0, self.account("US-001").unwrap().0)
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

    /// What is parked.
    pub async fn parked(&self) -> Vec<Parked> {
        let all = ParkedFilter::default();
        self.store.parked(&all, 100).await.unwrap()
    }

    /// The conflicts, open and ended.
    pub async fn conflicts(&self) -> Vec<Conflict> {
        let all = ConflictFilter::default();
        self.store.conflicts(&all, 100).await.unwrap()
    }

    /// Fails unless every captured change stands in exactly one box.
    pub async fn assert_accounted(&self) {
        for line in self.store.audit().await.unwrap() {
            assert!(line.boxes.balances(), "{line:?}");
        }
    }

    /// Fails unless every captured change stands in exactly one box and nothing is pending.
    pub async fn assert_balanced(&self) {
        self.assert_accounted().await;
        for line in self.store.audit().await.unwrap() {
            assert_eq!(line.boxes.pending, 0, "{line:?}");
        }
    }
}

/// A pair with one customer and its terms on both sides.
pub async fn synced() -> (Pair, Engine) {
    let pair = Pair::new();
    pair.terms("usmf", "Net30");
    pair.customer("usmf", "US-001", Row::new().with("PaymentTerms", "Net30"));
    let engine = pair.engine();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    (pair, engine)
}
