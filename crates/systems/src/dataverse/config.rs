//! What a connection to Dataverse has to be told.

use super::Dataverse;
use super::metadata::Catalogue;
use crate::connection::{Auth, ClientCredentials, Connection, RetryPolicy, Settings};
use crate::endpoint;
use crate::error::SystemError;
use crate::timing::Timing;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use secrecy::SecretString;
use std::time::Duration;
use url::Url;

/// A connection to one Dataverse environment.
#[derive(Debug, Clone)]
pub struct DataverseConfig {
    /// The name that people give this connection, for messages.
    pub name: String,
    /// The environment's URL: `https://org.crm.dynamics.com`.
    pub url: Url,
    /// Who issues tokens; the tenant's `/oauth2/v2.0/token` is below it. `None`: Microsoft's
    /// public cloud.
    pub authority: Option<Url>,
    /// Where tokens are issued, when that is not below `authority`.
    pub token_url: Option<Url>,
    /// The Entra tenant, by identifier or domain.
    pub tenant: String,
    /// The registered application; the environment needs an application user for it.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
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
        let origin = endpoint::origin(&self.name, &self.url)?;
        let root = endpoint::below(
            &self.name,
            &self.url,
            &format!("api/data/{}/", self.api_version),
        )?;
        let token_url = match self.token_url {
            Some(url) => url,
            None => endpoint::token_url(&self.name, self.authority.as_ref(), &self.tenant)?,
        };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
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
