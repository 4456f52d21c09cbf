//! One side: which system stands there, where it is and how to sign in to it.

use super::codes;
use super::document::{Entry, Table};
use super::odata::{self, ODataService};
use super::secret::SecretRef;
use std::path::Path;
use url::Url;

/// How to reach the system on one side.
#[derive(Debug, Clone)]
pub struct Connection {
    /// What messages call it.
    pub name: String,
    /// Its address (`https://contoso.crm.dynamics.com`).
    pub url: Url,
    /// What kind of system it is, with what only that kind needs.
    pub service: Service,
}

/// What kind of system stands on a side.
#[derive(Debug, Clone)]
pub enum Service {
    /// Dynamics 365 Finance & Operations.
    FinOps(Application),
    /// Microsoft Dataverse.
    Dataverse(Application),
    /// Any service that speaks OData v4.
    OData(Box<ODataService>),
}

/// An application that is registered in Microsoft Entra.
#[derive(Debug, Clone)]
pub struct Application {
    /// The Entra tenant that issues its tokens.
    pub tenant: String,
    /// Where tokens come from, when not from Entra's public address.
    pub token_url: Option<Url>,
    /// The application id that Duet signs in with.
    pub client_id: String,
    /// Where its secret is.
    pub client_secret: SecretRef,
}

impl Connection {
    /// Reads a side. Relative paths start from `folder`.
    pub(super) fn read(entry: &Entry<'_>, folder: &Path) -> Option<Self> {
        let mut table = entry.table()?;
        let kind = table.require("system").and_then(|entry| kind(&entry));
        let name = table.optional("name").and_then(|entry| entry.text());
        let url = table.require("url").and_then(|entry| address(&entry));
        // Without a kind nobody knows which keys belong here.
        let kind = kind?;
        let (title, service) = match kind {
            Kind::FinOps => (
                "Finance & Operations",
                application(&mut table, folder).map(Service::FinOps),
            ),
            Kind::Dataverse => (
                "Dataverse",
                application(&mut table, folder).map(Service::Dataverse),
            ),
            Kind::OData => (
                "OData service",
                odata::read(&mut table, entry, folder)
                    .map(|service| Service::OData(Box::new(service))),
            ),
        };
        table.finish();
        Some(Self {
            name: name.unwrap_or_else(|| title.to_owned()),
            url: url?,
            service: service?,
        })
    }
}

/// The word after `system`.
#[derive(Debug, Clone, Copy)]
enum Kind {
    FinOps,
    Dataverse,
    OData,
}

fn kind(entry: &Entry<'_>) -> Option<Kind> {
    match entry.text()?.as_str() {
        "finops" => Some(Kind::FinOps),
        "dataverse" => Some(Kind::Dataverse),
        "odata" => Some(Kind::OData),
        other => {
            entry.report(
                codes::WRONG_VALUE,
                format!("`{other}` is no system that this release knows"),
                Some("use `finops`, `dataverse` or `odata`".to_owned()),
            );
            None
        }
    }
}

fn application(table: &mut Table<'_>, folder: &Path) -> Option<Application> {
    let token_url = table
        .optional("token-url")
        .and_then(|entry| address(&entry));
    let tenant = table.require("tenant").and_then(|entry| entry.text());
    let client_id = table.require("client-id").and_then(|entry| entry.text());
    let client_secret = table
        .require("client-secret")
        .and_then(|entry| SecretRef::read(&entry, folder));
    Some(Application {
        tenant: tenant?,
        token_url,
        client_id: client_id?,
        client_secret: client_secret?,
    })
}

/// An `http(s)` address.
pub(super) fn address(entry: &Entry<'_>) -> Option<Url> {
    let text = entry.text()?;
    let url = Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    if url.is_none() {
        entry.report(
            codes::WRONG_VALUE,
            format!("`{}` has to be a web address", entry.path()),
            Some("write it whole: `https://contoso.operations.dynamics.com`".to_owned()),
        );
    }
    url
}
