//! Any service that speaks OData v4, behind [`System`].
//!
//! What a service is like is read from its `$metadata` and said in its configuration; nothing is
//! taken for granted that the standard leaves open.
//!
//! A call takes this road: `metadata` knows the tables (`annotations` what is said of them, `column`
//! what their properties hold), `key` spells record identifiers, `coding` turns rows into values
//! and back, `transport` carries requests in batches where the service takes them, `read` pages
//! through a table and through what changed in it, `delta` follows the service's own links to
//! changes where it has them, `find` searches, `write` writes, and `refusal` turns the service's
//! errors into ones that say what to do.

mod annotations;
mod coding;
mod column;
mod config;
mod delta;
mod find;
mod key;
mod metadata;
mod read;
mod refusal;
mod transport;
mod write;

pub use config::{Batches, Creates, ODataConfig};

use crate::connection::{Answer, Connection};
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
use metadata::{Catalogue, Hints};
use transport::Transport;

/// A service.
pub struct OData {
    connection: Connection,
    catalogue: Catalogue,
    transport: Transport,
    hints: Hints,
    creates: Creates,
    etags: Etags,
    /// Whether every table reports its deletions.
    reports_deletes: bool,
    exact_numbers: bool,
    overlap: SignedDuration,
    page_size: usize,
}

impl OData {}

impl Service for OData {
    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn refusal(system: &str, answer: &Answer, now: Timestamp) -> SystemError {
        refusal::of_read(system, answer, now)
    }
}

#[async_trait]
impl System for OData {
    fn name(&self) -> &str {
        self.connection.name()
    }

    fn checks_versions(&self) -> bool {
        self.etags == Etags::Trusted
    }

    fn accepts_ids(&self) -> bool {
        true
    }

    fn reports_deletes(&self) -> bool {
        self.reports_deletes
    }

    fn refresh(&self, _table: Option<&str>) {
        self.forget_metadata();
    }

    async fn probe(&self) -> Result<(), SystemError> {
        self.connection.sign_in().await?;
        self.metadata().await.map(drop)
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
        self.cursor_from_now(table, columns).await
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
        let table = self.table(table).await?;
        self.fetch_by_key(&table, columns, ids).await
    }

    /// No form of notice is common to OData services.
    fn read_notice(&self, _: &[u8]) -> Result<Vec<Notice>, SystemError> {
        Err(refusal::no_notices(self.connection.name()))
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
