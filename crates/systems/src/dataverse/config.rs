//! What a connection to Dataverse has to be told.

use super::Dataverse;
use super::metadata::Catalogue;
use crate::connection::{Connection, RetryPolicy, Settings, odata_headers};
use crate::endpoint;
use crate::entra::EntraSignIn;
use crate::error::SystemError;
use crate::timing::Timing;
use std::time::Duration;
use url::Url;

/// A connection to one Dataverse environment.
#[derive(Debug, Clone)]
pub struct DataverseConfig {
    /// The name that people give this connection, for messages.
    pub name: String,
    /// The environment's URL: `https://org.crm.dynamics.com`.
    pub url: Url,
    /// As whom Duet signs in, and where.
    pub sign_in: EntraSignIn,
    /// The version of the Web API: `v9.2`.
    pub api_version: String,
    /// How many rows a page of a read has, 5,000 at most.
    pub page_size: usize,
    /// How many operations a batch has, 1,000 at most.
    pub batch_size: usize,
    /// How many requests may be under way at once. Dataverse allows 52 a user.
    pub parallel: usize,
    /// The longest that one request may take.
    pub timeout: Duration,
    /// When and how often to try again within a call.
    pub retry: RetryPolicy,
    /// A mark that plug-ins see as the shared variable `tag` of every write.
    pub tag: Option<String>,
}

impl DataverseConfig {
    /// A connection with the defaults for everything that is not named.
    pub fn new(name: impl Into<String>, url: Url, sign_in: EntraSignIn) -> Self {
        Self {
            name: name.into(),
            url,
            sign_in,
            api_version: "v9.2".into(),
            page_size: 5000,
            batch_size: 100,
            parallel: 8,
            timeout: Duration::from_mins(2),
            retry: RetryPolicy::default(),
            tag: None,
        }
    }

    /// The connector. Nothing is sent yet.
    pub fn build(self) -> Result<Dataverse, SystemError> {
        self.build_with(Timing::system())
    }

    /// The connector, by a clock and chance of the caller's.
    pub fn build_with(self, timing: Timing) -> Result<Dataverse, SystemError> {
        let auth = self.sign_in.auth(&self.name, &self.url)?;
        let root = endpoint::below(
            &self.name,
            &self.url,
            &format!("api/data/{}/", self.api_version),
        )?;
        let connection = Connection::new(
            Settings {
                name: self.name,
                root,
                auth,
                timeout: self.timeout,
                parallel: self.parallel,
                retry: self.retry,
                headers: odata_headers("application/json"),
            },
            timing,
        )?;
        Ok(Dataverse {
            connection,
            catalogue: Catalogue::default(),
            page_size: self.page_size.clamp(1, 5000),
            batch_size: self.batch_size.clamp(1, 1000),
            parallel: self.parallel.max(1),
            tag: self.tag,
        })
    }
}
