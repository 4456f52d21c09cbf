//! What a connection to an OData service has to be told.

use super::OData;
use super::metadata::{Catalogue, Hints};
use super::transport::Transport;
use crate::codes;
use crate::connection::batch::{Carriage, JSON};
use crate::connection::{Auth, Connection, RetryPolicy, Settings, odata_headers};
use crate::endpoint;
use crate::error::{Class, SystemError};
use crate::etags::Etags;
use crate::timing::Timing;
use jiff::SignedDuration;
use reqwest::header::{HeaderName, HeaderValue};
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// How a record is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Creates {
    /// `POST` to the set; an update is a `PATCH`. Every service has this.
    #[default]
    Post,
    /// `PUT` to the record that is not there yet.
    Put,
    /// `PATCH` to the record that is not there yet.
    Patch,
}

/// Whether and how requests travel together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Batches {
    /// The service is asked once which form it takes.
    #[default]
    Ask,
    /// In `$batch`, with links relative to the service's root.
    Relative,
    /// In `$batch`, with links that begin at the host.
    Absolute,
    /// Each alone.
    Off,
}

/// A connection to one OData v4 service.
#[derive(Debug, Clone)]
pub struct ODataConfig {
    /// The name that people give this connection, for messages.
    pub name: String,
    /// The service's root, below which `$metadata` stands.
    pub url: Url,
    /// How to sign in.
    pub auth: Auth,
    /// Headers of every request, such as a tenant's or client's number.
    pub headers: BTreeMap<String, String>,
    /// How records are created.
    pub creates: Creates,
    /// Whether requests travel together.
    pub batches: Batches,
    /// What to do with `ETag`s.
    pub etags: Etags,
    /// Whether tables track changes: `None` asks the metadata. With `Some(true)` every mapped
    /// table does and its deletions are taken from there.
    pub deltas: Option<bool>,
    /// Whether decimals and 64-bit numbers travel as text, so that nobody rounds them
    /// (`IEEE754Compatible`).
    pub exact_numbers: bool,
    /// The column that holds when a row was last modified, by entity set.
    pub modified_columns: BTreeMap<String, String>,
    /// The names to look for where `modified_columns` says nothing.
    pub default_modified_columns: Vec<String>,
    /// Columns that the service keeps unique besides its keys, by entity set.
    pub unique_columns: BTreeMap<String, Vec<String>>,
    /// The column that holds the company of a row, by entity set. Sets that are not named keep
    /// their rows for all companies.
    pub company_columns: BTreeMap<String, String>,
    /// How far back every read of changes reaches. Longer than the longest transaction.
    pub overlap: Duration,
    /// How many rows a page of a read has.
    pub page_size: usize,
    /// How many operations a batch has.
    pub batch_size: usize,
    /// How many requests may be under way at once.
    pub parallel: usize,
    /// The longest that one request may take.
    pub timeout: Duration,
    /// When and how often to try again within a call.
    pub retry: RetryPolicy,
}

impl ODataConfig {
    /// A connection with the defaults for everything that is not named.
    pub fn new(name: impl Into<String>, url: Url, auth: Auth) -> Self {
        Self {
            name: name.into(),
            url,
            auth,
            headers: BTreeMap::new(),
            creates: Creates::default(),
            batches: Batches::default(),
            etags: Etags::default(),
            deltas: None,
            exact_numbers: true,
            modified_columns: BTreeMap::new(),
            default_modified_columns: [
                "modifiedAt",
                "lastModifiedDateTime",
                "lastModified",
                "lastChangeDateTime",
                "changedAt",
                "updatedAt",
                "modifiedOn",
                "modifiedDateTime",
                "systemModifiedAt",
            ]
            .map(str::to_owned)
            .to_vec(),
            unique_columns: BTreeMap::new(),
            company_columns: BTreeMap::new(),
            overlap: Duration::from_mins(2),
            page_size: 1000,
            batch_size: 100,
            parallel: 4,
            timeout: Duration::from_mins(2),
            retry: RetryPolicy::default(),
        }
    }

    /// The connector. Nothing is sent yet.
    pub fn build(self) -> Result<OData, SystemError> {
        self.build_with(Timing::system())
    }

    /// The connector, by a clock and chance of the caller's.
    pub fn build_with(self, timing: Timing) -> Result<OData, SystemError> {
        endpoint::origin(&self.name, &self.url)?;
        let root = endpoint::below(&self.name, &self.url, "")?;
        let (accept, media_type) = if self.exact_numbers {
            (
                "application/json;odata.metadata=minimal;IEEE754Compatible=true",
                "application/json;IEEE754Compatible=true",
            )
        } else {
            ("application/json;odata.metadata=minimal", JSON)
        };
        let mut headers = odata_headers(accept);
        for (name, value) in &self.headers {
            let header = HeaderName::try_from(name.as_str()).ok();
            let value = HeaderValue::from_str(value).ok();
            let (Some(header), Some(value)) = (header, value) else {
                return Err(bad_header(&self.name, name));
            };
            headers.insert(header, value);
        }
        let connection = Connection::new(
            Settings {
                name: self.name,
                root,
                auth: self.auth,
                timeout: self.timeout,
                parallel: self.parallel,
                retry: self.retry,
                headers,
            },
            timing,
        )?;
        let carriage = match self.batches {
            Batches::Ask => None,
            Batches::Relative => Some(Carriage::FromRoot),
            Batches::Absolute => Some(Carriage::FromHost),
            Batches::Off => Some(Carriage::Single),
        };
        Ok(OData {
            connection,
            catalogue: Catalogue::default(),
            transport: Transport::new(
                carriage,
                self.batch_size.clamp(1, 5000),
                self.parallel.max(1),
                media_type,
                accept,
            ),
            hints: Hints {
                modified_columns: in_lower_case(self.modified_columns),
                default_modified_columns: self.default_modified_columns,
                unique_columns: in_lower_case(self.unique_columns),
                company_columns: in_lower_case(self.company_columns),
                deltas: self.deltas,
            },
            creates: self.creates,
            etags: self.etags,
            reports_deletes: self.deltas == Some(true),
            exact_numbers: self.exact_numbers,
            overlap: SignedDuration::try_from(self.overlap)
                .unwrap_or(SignedDuration::from_hours(24)),
            page_size: self.page_size.clamp(1, 10_000),
        })
    }
}

fn in_lower_case<T>(by_set: BTreeMap<String, T>) -> BTreeMap<String, T> {
    by_set
        .into_iter()
        .map(|(set, value)| (set.to_lowercase(), value))
        .collect()
}

fn bad_header(name: &str, header: &str) -> SystemError {
    SystemError::new(
        Class::FixAccess,
        codes::CONFIGURATION,
        format!(
            "the header `{header}` of the connection `{name}` cannot travel: its name or value \
             holds characters that no header has; change the configuration"
        ),
    )
}
