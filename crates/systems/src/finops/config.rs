//! What a connection to Finance & Operations has to be told.

use super::FinOps;
use super::metadata::Catalogue;
use crate::connection::{Connection, RetryPolicy, Settings, odata_headers};
use crate::endpoint;
use crate::entra::EntraSignIn;
use crate::error::SystemError;
use crate::etags::Etags;
use crate::timing::Timing;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// A connection to one Finance & Operations environment.
#[derive(Debug, Clone)]
pub struct FinOpsConfig {
    /// The name that people give this connection, for messages.
    pub name: String,
    /// The environment's URL: `https://env.operations.dynamics.com`.
    pub url: Url,
    /// As whom Duet signs in, and where.
    pub sign_in: EntraSignIn,
    /// Whether requests reach beyond the default company of the application's user.
    pub cross_company: bool,
    /// The column that holds when a row was last modified, by entity set. It is not the same for
    /// all entities, and some have none.
    pub modified_columns: BTreeMap<String, String>,
    /// The names to look for where `modified_columns` says nothing.
    pub default_modified_columns: Vec<String>,
    /// The entity set that a business event is about, by `BusinessEventId`.
    pub business_events: BTreeMap<String, String>,
    /// How far back every read of changes reaches, so that rows whose transaction ended late are
    /// not missed. Longer than the longest transaction.
    pub overlap: Duration,
    /// How many rows a page of a read has, 10,000 at most.
    pub page_size: usize,
    /// How many operations a batch has, 5,000 at most.
    pub batch_size: usize,
    /// How many requests may be under way at once.
    pub parallel: usize,
    /// The longest that one request may take.
    pub timeout: Duration,
    /// When and how often to try again within a call.
    pub retry: RetryPolicy,
    /// What to do with `ETag`s.
    pub etags: Etags,
}

impl FinOpsConfig {
    /// A connection with the defaults for everything that is not named.
    pub fn new(name: impl Into<String>, url: Url, sign_in: EntraSignIn) -> Self {
        Self {
            name: name.into(),
            url,
            sign_in,
            cross_company: true,
            modified_columns: BTreeMap::new(),
            default_modified_columns: ["ModifiedDateTime", "ModifiedDateTime1", "ModifiedOn"]
                .map(str::to_owned)
                .to_vec(),
            business_events: BTreeMap::new(),
            overlap: Duration::from_mins(2),
            page_size: 2000,
            batch_size: 100,
            parallel: 8,
            timeout: Duration::from_mins(2),
            retry: RetryPolicy::default(),
            etags: Etags::default(),
        }
    }

    /// The connector. Nothing is sent yet.
    pub fn build(self) -> Result<FinOps, SystemError> {
        self.build_with(Timing::system())
    }

    /// The connector, by a clock and chance of the caller's.
    pub fn build_with(self, timing: Timing) -> Result<FinOps, SystemError> {
        let auth = self.sign_in.auth(&self.name, &self.url)?;
        let root = endpoint::below(&self.name, &self.url, "data/")?;
        let connection = Connection::new(
            Settings {
                name: self.name,
                root,
                auth,
                timeout: self.timeout,
                parallel: self.parallel,
                retry: self.retry,
                headers: odata_headers("application/json;odata.metadata=minimal"),
            },
            timing,
        )?;
        Ok(FinOps {
            connection,
            catalogue: Catalogue::default(),
            cross_company: self.cross_company,
            modified_columns: self
                .modified_columns
                .into_iter()
                .map(|(set, column)| (set.to_lowercase(), column))
                .collect(),
            default_modified_columns: self.default_modified_columns,
            business_events: self.business_events,
            overlap: SignedDuration::try_from(self.overlap)
                .unwrap_or(SignedDuration::from_hours(24)),
            page_size: self.page_size.clamp(1, 10_000),
            batch_size: self.batch_size.clamp(1, 5000),
            parallel: self.parallel.max(1),
            etags: self.etags,
        })
    }
}
