//! The one trait that a system is seen through, and the words it is spoken to in.

use crate::error::SystemError;
use async_trait::async_trait;
use duet_map::record::{Record, RecordId, Version};
use duet_map::schema::TableSchema;
use duet_map::value::{Row, Value};
use serde::{Deserialize, Serialize};

/// Where a reader stands in a system's changes; opaque to everyone but the connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// What a whole read asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRequest {
    /// The table.
    pub table: String,
    /// The columns to read; identifier and version come anyway.
    pub columns: Vec<String>,
    /// Only rows of these companies, where the table is striped and the system can tell.
    /// Empty: all. A system may return more; the road filters again.
    pub companies: Vec<String>,
    /// Where an earlier page of the same read ended; `None` begins it.
    pub after: Option<Cursor>,
}

/// A page of a whole read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<Cursor>,
    /// Where reading changes may begin so that nothing after the start of this whole read is
    /// missed. Set on the last page.
    pub changes_from: Option<Cursor>,
}

/// What a read of changes asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangesRequest {
    /// The table.
    pub table: String,
    /// The columns to read.
    pub columns: Vec<String>,
    /// As in [`SnapshotRequest::companies`].
    pub companies: Vec<String>,
    /// Where the last read ended.
    pub since: Cursor,
}

/// One change as a system reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The record was created or updated; this is how it stands now.
    Upserted(Record),
    /// The record is gone; often its identifier is all there is.
    Deleted(RecordId),
}

/// A page of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The changes in the system's order.
    pub seen: Vec<Seen>,
    /// Where the next read begins. Valid only once `seen` is durable.
    pub next: Cursor,
    /// Whether more changes are waiting right now.
    pub more: bool,
}

/// What a webhook's body says: look at this record, or at this table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The table that changed.
    pub table: String,
    /// The record, where the body names it.
    pub record: Option<RecordId>,
}

/// A search for records by equal values; the columns may be paths over references
/// (`msdyn_paymentschedule.msdyn_name`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    /// Column or path, and the value it must have. Text compares as the system compares keys.
    pub equal: Vec<(String, Value)>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No record.
    None,
    /// Exactly one.
    One(Box<Record>),
    /// More than one; the identifiers of at least two.
    Many(Vec<RecordId>),
}

/// One write of a bulk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Creates a record.
    Create {
        /// The identifier to use, where the caller chooses it (Dataverse GUIDs). Repeating such a
        /// create answers [`crate::error::Class::Duplicate`] and changes nothing.
        id: Option<RecordId>,
        /// The columns to set.
        row: Row,
    },
    /// Changes columns of a record.
    Update {
        /// The record.
        id: RecordId,
        /// The columns to set; [`Value::Null`] clears one.
        row: Row,
        /// The version that must still stand; `None` writes over whatever stands.
        if_version: Option<Version>,
    },
    /// Deletes a record.
    Delete {
        /// The record.
        id: RecordId,
        /// The version that must still stand.
        if_version: Option<Version>,
    },
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The record as the system stored it, its own defaulting included.
    Stored(Box<Record>),
    /// The record is gone.
    Deleted,
}

/// A business application or database on one side.
///
/// Every method may be called at any time from several tasks. None retries for ever: a call ends
/// after the connector's own short retries with an error whose class says what to do.
#[async_trait]
pub trait System: Send + Sync {
    /// The name people gave this connection, for messages.
    fn name(&self) -> &str;

    /// Whether [`Write::Update`] with `if_version` is refused by the system when the version has
    /// moved. Where it is not, the engine reads a record again just before it writes.
    fn checks_versions(&self) -> bool;

    /// Whether the caller chooses the identifier of a created record.
    fn accepts_ids(&self) -> bool;

    /// Whether [`System::changes`] reports deletions. Where it does not, the engine compares key
    /// sets from time to time.
    fn reports_deletes(&self) -> bool;

    /// Forgets what is kept of a table's metadata, or of all tables', so that the next call reads it
    /// anew. A system that keeps none has nothing to do.
    fn refresh(&self, _table: Option<&str>) {}

    /// Reaches the system and signs in. Says what is wrong when that fails.
    async fn probe(&self) -> Result<(), SystemError>;

    /// The schema of one table; [`crate::error::Class::FixMap`] when there is none of this name.
    async fn schema(&self, table: &str) -> Result<TableSchema, SystemError>;

    /// Reads a table whole, a page a call.
    async fn snapshot(&self, request: &SnapshotRequest) -> Result<Page, SystemError>;

    /// Where reading changes may begin without a whole read first: now.
    async fn changes_from_now(
        &self,
        table: &str,
        columns: &[String],
    ) -> Result<Cursor, SystemError>;

    /// Reads what changed since a cursor.
    async fn changes(&self, request: &ChangesRequest) -> Result<Changes, SystemError>;

    /// Reads records by identifier; the answers stand in the order of `ids`, `None` for one that
    /// is not there. A failed part fails the whole call: absence is never guessed.
    async fn fetch(
        &self,
        table: &str,
        columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError>;

    /// Reads the body of a webhook that this system posted. It is only a hint to look: nothing in it
    /// is taken as data, because such posts repeat, overtake each other and get lost.
    fn read_notice(&self, body: &[u8]) -> Result<Vec<Notice>, SystemError>;

    /// Searches records by equal values; the answers stand in the order of `finds`.
    async fn find(
        &self,
        table: &str,
        columns: &[String],
        finds: &[Find],
    ) -> Result<Vec<Found>, SystemError>;

    /// Reads the identifiers of all records, a page a call, for comparing key sets.
    async fn keys(&self, request: &SnapshotRequest) -> Result<Page, SystemError>;

    /// Writes in bulk, each for itself: one refused write does not undo the others. The answers
    /// stand in the order of `writes`; `columns` are read back of each stored record.
    async fn write(
        &self,
        table: &str,
        columns: &[String],
        writes: Vec<Write>,
    ) -> Vec<Result<Written, SystemError>>;
}
