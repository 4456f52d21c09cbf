//! Dataverse: its Web API (v9.2) behind [`System`].
//!
//! A call takes this road: `metadata` knows the tables and `attribute` their columns,
//! `coding` turns rows into values and back, `read`, `find` and `write` speak the
//! protocol, and `refusal` turns the service's errors into ones that say what to do. `notice`
//! reads what its webhooks post, and `webhook` registers them.

mod attribute;
mod coding;
mod config;
mod cursor;
mod find;
mod metadata;
mod notice;
mod read;
mod refusal;
mod webhook;
mod write;

pub use config::DataverseConfig;

use crate::connection::batch::{Carriage, JSON, Plan};
use crate::connection::{Answer, Call, Connection};
use crate::error::SystemError;
use crate::service::Service;
use crate::system::{
    Changes, ChangesRequest, Cursor, Find, Found, Notice, Page, SnapshotRequest, System, Write,
    Written,
};
use async_trait::async_trait;
use duet_map::record::{Record, RecordId};
use duet_map::schema::TableSchema;
use jiff::Timestamp;
use metadata::Catalogue;

/// A Dataverse environment.
pub struct Dataverse {
    connection: Connection,
    catalogue: Catalogue,
    page_size: usize,
    batch_size: usize,
    parallel: usize,
    tag: Option<String>,
}

impl Dataverse {
    /// How batches of this connection are sent.
    fn plan(&self, what: String) -> Plan {
        Plan {
            what,
            size: self.batch_size,
            parallel: self.parallel,
            change_sets: false,
            prefer: Some("odata.continue-on-error"),
            carriage: Carriage::FromHost,
            media_type: JSON,
        }
    }
}

impl Service for Dataverse {
    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn refusal(system: &str, answer: &Answer, now: Timestamp) -> SystemError {
        refusal::of_read(system, answer, now)
    }
}

#[async_trait]
impl System for Dataverse {
    fn name(&self) -> &str {
        self.connection.name()
    }

    fn checks_versions(&self) -> bool {
        true
    }

    fn accepts_ids(&self) -> bool {
        true
    }

    fn reports_deletes(&self) -> bool {
        true
    }

    fn refresh(&self, table: Option<&str>) {
        self.catalogue.forget(table);
    }

    async fn probe(&self) -> Result<(), SystemError> {
        self.connection.sign_in().await?;
        let url = self.connection.url("WhoAmI()")?;
        self.get(&Call::get("asking who we are", url))
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
        self.read_to_the_end(table, columns).await
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
        self.fetch_by_id(table, columns, ids).await
    }

    fn read_notice(&self, body: &[u8]) -> Result<Vec<Notice>, SystemError> {
        notice::read(self.name(), body, |type_name| {
            self.catalogue.known_set(type_name)
        })
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
