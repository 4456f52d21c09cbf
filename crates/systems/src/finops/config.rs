//! What a connection to Finance & Operations has to be told.

use super::FinOps;
use super::metadata::Catalogue;
use crate::connection::{Auth, ClientCredentials, Connection, RetryPolicy, Settings};
use crate::endpoint;
use crate::error::SystemError;
use crate::etags::Etags;
use crate::timing::Timing;
use jiff::SignedDuration;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use secrecy::SecretString;
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
    /// Who issues tokens; the tenant's `/oauth2/v2.0/token` is below it. `None`: Microsoft's
    /// public cloud.
    pub authority: Option<Url>,
    /// Where tokens are issued, when that is not below `authority`.
    pub token_url: Option<Url>,
    /// The Entra tenant, by identifier or domain.
    pub tenant: String,
    /// The registered application; it must be listed under Microsoft Entra ID applications.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
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
    pub fn new(
        name: impl Into<String>,
        url: Url,
        tenant: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: SecretString,
    ) -> Self {
        Self {
            name: name.into(),
            url,
            authority: None,
            token_url: None,
            tenant: tenant.into(),
            client_id: client_id.into(),
            client_secret,
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
        let origin = endpoint::origin(&self.name, &self.url)?;
        let root = endpoint::below(&self.name, &self.url, "data/")?;
        let token_url = match self.token_url {
            Some(url) => url,
            None => endpoint::token_url(&self.name, self.authority.as_ref(), &self.tenant)?,
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json;odata.metadata=minimal"),
        );
        headers.insert("odata-version", HeaderValue::from_static("4.0"));
        headers.insert("odata-maxversion", HeaderValue::from_static("4.0"));
        let connection = Connection::new(
            Settings {
                name: self.name,
                root,
                auth: Auth::Client(ClientCredentials {
                    token_url,
                    client_id: self.client_id,
                    client_secret: self.client_secret,
                    scope: Some(format!("{origin}/.default")),
                }),
                timeout: self.timeout,
                parallel: self.parallel,
                retry: self.retry,
                headers,
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
