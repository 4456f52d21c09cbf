//! Dynamics 365 Finance & Operations: its OData service behind [`System`].
//!
//! A call takes this road: `metadata` knows the entities, `key` spells record identifiers,
//! `coding` turns rows into values and back, `read` pages through a table and through what
//! changed in it, `find` searches, `write` writes, and `refusal` turns the
//! service's errors into ones that say what to do. `notice` reads its events.

mod coding;
mod config;
mod filter;
mod find;
mod key;
mod metadata;
mod notice;
mod read;
mod refusal;
mod write;

pub use config::FinOpsConfig;

use crate::connection::batch::{Carriage, JSON, Plan};
use crate::connection::{Answer, Call, Connection};
use crate::error::SystemError;
use crate::etags::Etags;
use crate::service::Service;
use crate::system::{
    Changes, ChangesRequest, Cursor, Find, Found, Notice, Page, SnapshotRequest, System, Write,
    Written,
};
use async_trait::async_trait;
use duet_map::record::{Record, RecordId};
use duet_map::schema::TableSchema;
use jiff::{SignedDuration, Timestamp};
use metadata::Catalogue;
use std::collections::BTreeMap;

/// A Finance & Operations environment.
pub struct FinOps {
    connection: Connection,
    catalogue: Catalogue,
    cross_company: bool,
    modified_columns: BTreeMap<String, String>,
    default_modified_columns: Vec<String>,
    business_events: BTreeMap<String, String>,
    overlap: SignedDuration,
    page_size: usize,
    batch_size: usize,
    parallel: usize,
    etags: Etags,
}

impl FinOps {
    /// How batches of this connection are sent.
    fn plan(&self, what: String) -> Plan {
        Plan {
            what,
            size: self.batch_size,
            parallel: self.parallel,
            change_sets: true,
            prefer: Some("odata.continue-on-error"),
            carriage: Carriage::FromHost,
            media_type: JSON,
        }
    }

    /// The query option that opens every company.
    fn companies_option(&self) -> Option<&'static str> {
        self.cross_company.then_some("true")
    }
}

impl Service for FinOps {
    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn refusal(system: &str, answer: &Answer, now: Timestamp) -> SystemError {
        refusal::of_read(system, answer, now)
    }
}

#[async_trait]
impl System for FinOps {
    fn name(&self) -> &str {
        self.connection.name()
    }

    fn checks_versions(&self) -> bool {
        self.etags == Etags::Trusted
    }

    fn accepts_ids(&self) -> bool {
        false
    }

    fn reports_deletes(&self) -> bool {
        false
    }

    fn refresh(&self, table: Option<&str>) {
        self.catalogue.forget(table);
    }

    async fn probe(&self) -> Result<(), SystemError> {
        self.connection.sign_in().await?;
        let url = self.connection.url("")?;
        self.get(&Call::get("reading the list of entities", url))
            .await
            .map(drop)
    }

    async fn schema(&self, table: &str) -> Result<TableSchema, SystemError> {
        Ok(self.table(table).await?.schema.clone())
    }

    async fn snapshot(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        self.read_snapshot(request).await
    }

    async fn changes_from_now(
        &self,
        table: &str,
        columns: &[String],
    ) -> Result<Cursor, SystemError> {
        self.window_from_now(table, columns).await
    }

    async fn changes(&self, request: &ChangesRequest) -> Result<Changes, SystemError> {
        self.read_changes(request).await
    }

    async fn fetch(
        &self,
        table: &str,
        columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError> {
        self.fetch_by_key(table, columns, ids).await
    }

    fn read_notice(&self, body: &[u8]) -> Result<Vec<Notice>, SystemError> {
        notice::read(self.name(), body, &self.catalogue, &self.business_events)
    }

    async fn find(
        &self,
        table: &str,
        columns: &[String],
        finds: &[Find],
    ) -> Result<Vec<Found>, SystemError> {
        self.find_equal(table, columns, finds).await
    }

    async fn keys(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        self.read_keys(request).await
    }

    async fn write(
        &self,
        table: &str,
        columns: &[String],
        writes: Vec<Write>,
    ) -> Vec<Result<Written, SystemError>> {
        self.write_all(table, columns, writes).await
    }
}
