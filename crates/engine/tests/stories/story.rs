//! A customer that both sides know, under a map that is changed a little.

use crate::pair::Pair;
use duet_engine::Engine;
use duet_engine::decisions::{self, Choice, Decider};
use duet_map::CompiledMap;
use duet_map::record::RecordId;
use duet_map::value::Row;
use duet_store::Store;
use duet_store::change::{Parked, ParkedFilter};
use duet_store::conflict::{Conflict, ConflictFilter, ConflictState};
use jiff::Timestamp;
use std::sync::Arc;

/// The customer, and what reaches both sides of it.
pub struct Story {
    pub pair: Pair,
    pub engine: Engine,
    pub customer: RecordId,
    pub account: RecordId,
}

/// A person who decides now.
pub fn anna() -> Decider {
    Decider::new("anna", Timestamp::now())
}

impl Story {
    pub async fn begin(change: fn(&str) -> String) -> Self {
        Self::over(Pair::new(), change).await
    }

    /// The same over systems with quirks.
    pub async fn over(pair: Pair, change: fn(&str) -> String) -> Self {
        pair.terms("usmf", "Net30");
        let customer = pair.customer("usmf", "US-001", Row::new().with("PaymentTerms", "Net30"));
        let engine = pair.engine_for_customers(change);
        engine.sync().await.unwrap();
        engine.quiesce().await.unwrap();
        let (account, _) = pair.account("US-001").unwrap();
        Self {
            pair,
            engine,
            customer,
            account,
        }
    }

    pub fn left(&self, columns: Row) {
        self.pair.left.edit("CustomersV3", &self.customer, columns);
    }

    pub fn right(&self, columns: Row) {
        self.pair.right.edit("accounts", &self.account, columns);
    }

    /// Both sides give the customer another name.
    pub async fn clash(&self) {
        self.left(Row::new().with("OrganizationName", "Finance says"));
        self.right(Row::new().with("name", "Sales says"));
        self.engine.quiesce().await.unwrap();
    }

    /// The names on the left and on the right.
    pub fn names(&self) -> (Option<String>, Option<String>) {
        let left = self.pair.left.row("CustomersV3", &self.customer);
        let (_, right) = self.pair.account("US-001").unzip();
        let text = |row: Option<Row>, column: &str| {
            row.and_then(|row| row.value(column).as_str().map(str::to_owned))
        };
        (text(left, "OrganizationName"), text(right, "name"))
    }

    pub fn assert_both_say(&self, name: &str) {
        let both = Some(name.to_owned());
        assert_eq!(self.names(), (both.clone(), both));
    }

    pub async fn parked(&self) -> Vec<Parked> {
        let filter = ParkedFilter::default();
        self.pair.store.parked(&filter, 100).await.unwrap()
    }

    pub async fn conflicts(&self) -> Vec<Conflict> {
        let filter = ConflictFilter::default();
        self.pair.store.conflicts(&filter, 100).await.unwrap()
    }

    /// The only open conflict.
    pub async fn open(&self) -> Conflict {
        let filter = ConflictFilter {
            open: true,
            ..ConflictFilter::default()
        };
        let mut open = self.pair.store.conflicts(&filter, 100).await.unwrap();
        assert_eq!(open.len(), 1, "{open:#?}");
        open.remove(0)
    }

    pub fn map(&self) -> Arc<CompiledMap> {
        let maps = self.engine.project().maps();
        let found = maps.iter().find(|map| map.id() == "customers");
        Arc::clone(found.unwrap())
    }

    pub async fn decide(&self, id: i64, choices: &[Choice]) {
        let store = &*self.pair.store;
        let map = self.map();
        decisions::decide(store, Some(&*map), id, choices, &anna())
            .await
            .unwrap();
        self.engine.quiesce().await.unwrap();
    }

    /// Nothing waits, both sides agree and the books balance.
    pub async fn assert_at_rest(&self) {
        assert_eq!(self.parked().await, []);
        let open = self.conflicts().await;
        assert!(open.iter().all(|one| one.state != ConflictState::Open));
        self.pair.assert_balanced().await;
        let before = self.pair.writes();
        self.engine.quiesce().await.unwrap();
        assert_eq!(self.pair.writes(), before);
    }
}
