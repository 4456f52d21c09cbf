//! What a Finance & Operations stand-in is told at its start.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::actions::Action;
use super::events::Endpoint;
use super::packages::Project;
use crate::auth::SignIn;
use crate::clock::Clock;
use crate::http::Tls;
use crate::rows::Place;

/// Configuration of a stand-in.
#[derive(Debug, Clone)]
pub struct FinOpsConfig {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Where its rows live.
    pub place: Place,
    /// Who may sign in.
    pub sign_in: SignIn,
    /// The default company of the user that a client id is mapped to; clients that are not listed
    /// have [`FinOpsConfig::default_company`].
    pub user_companies: HashMap<String, String>,
    /// The companies (legal entities) that rows may belong to.
    pub companies: Vec<Company>,
    /// The default company of users.
    pub default_company: String,
    /// Behaviour that is switched.
    pub settings: Settings,
    /// Endpoints that get events from the start.
    pub endpoints: Vec<Endpoint>,
    /// The pause before an event is posted again.
    pub event_retry_pause: Duration,
    /// Actions that entities have, beside the platform's own.
    pub actions: Vec<Action>,
    /// Data projects that there are from the start.
    pub projects: Vec<Project>,
    /// Serve TLS with this certificate.
    pub tls: Option<Arc<Tls>>,
    /// The time of day.
    pub clock: Clock,
    /// The seed of chance in injected faults.
    pub seed: u64,
}

impl Default for FinOpsConfig {
    /// In memory on a free local port, with the companies usmf, frrt and dat; nobody may sign in.
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            place: Place::Memory,
            sign_in: SignIn::default(),
            user_companies: HashMap::new(),
            companies: vec![
                Company::new("usmf", "Contoso Entertainment System USA", "USD", "en-us"),
                Company::new("frrt", "Contoso Retail France", "EUR", "fr"),
                Company::new("dat", "Company accounts data", "USD", "en-us"),
            ],
            default_company: "usmf".to_owned(),
            settings: Settings::default(),
            endpoints: Vec::new(),
            event_retry_pause: Duration::from_secs(1),
            actions: Vec::new(),
            projects: Vec::new(),
            tls: None,
            clock: Clock::default(),
            seed: 0,
        }
    }
}

/// A company (legal entity).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// Its id, `dataAreaId`, at most four characters.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its accounting currency, an ISO code.
    pub currency: String,
    /// Its language tag, in lower case as F&O writes it.
    pub language: String,
}

impl Company {
    /// A company.
    pub fn new(id: &str, name: &str, currency: &str, language: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            currency: currency.to_owned(),
            language: language.to_owned(),
        }
    }
}

/// Behaviour that is switched: what the protocol reference marks as only assumed, and what tests
/// want otherwise. Readable and changeable while running under `/_sandbox/settings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Settings {
    /// Rows on a page.
    pub page_size: usize,
    /// How a page points to the next one.
    pub next_link: NextLink,
    /// A stale `If-Match` is refused with 412; otherwise it is ignored.
    pub etag_enforcement: bool,
    /// References are checked on writes, and referenced rows cannot be deleted.
    pub reference_checks: bool,
    /// Enum symbols must be written in their own case.
    pub enum_symbols_case_sensitive: bool,
    /// `Prefer: return=minimal` on a create answers 204 without the row.
    pub minimal_create: bool,
    /// A null in a change leaves the field as it is; otherwise it empties the field.
    pub null_keeps: bool,
    /// The status of a read by key that finds nothing.
    pub missing_row_status: u16,
    /// A customer or vendor that is created without a party gets one, and its name is the party's:
    /// changed in one role, it changes in all.
    pub party_model: bool,
    /// For how many questions after its state an import or export seems to run, and an error file
    /// to be made.
    pub package_polls: u32,
    /// `GetExportedPackageUrl` gives `{"value": {"value": …}}`, as some documents show it.
    pub package_value_nested: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page_size: 10_000,
            next_link: NextLink::SkipToken,
            etag_enforcement: true,
            reference_checks: true,
            enum_symbols_case_sensitive: true,
            minimal_create: true,
            null_keeps: false,
            missing_row_status: 404,
            party_model: false,
            package_polls: 1,
            package_value_nested: false,
        }
    }
}

/// How a page points to the next one; the service's own form is not known for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextLink {
    /// An opaque `$skiptoken` that goes on after the last row, whatever was written meanwhile.
    SkipToken,
    /// A `$skip`: rows written meanwhile shift the next page.
    Skip,
}
