//! A stand-in for Dynamics 365 Finance & Operations: its OData service, metadata and events over
//! real HTTP, its rows in SQLite.
//!
//! It answers as the protocol reference (sections B and D) tells: companies and `cross-company`,
//! composite keys, enum symbols, no nulls, Infolog errors, defaulting, number sequences, paging,
//! `$batch`, data and business events. What the reference marks as only assumed is a [`Settings`]
//! switch. The road of a request: [`http`](crate::http) → `service` (or `batch`) → `operation` →
//! `read` or `write` in one transaction → counters and `events` after the commit.
//!
//! The control endpoint has more topics than [`control`](crate::control) lists:
//!
//! | request | effect |
//! |---|---|
//! | `GET /_sandbox/settings`, `PUT` | the [`Settings`] in force; others from now on |
//! | `GET /_sandbox/events` | endpoints, deliveries, failures |
//! | `POST /_sandbox/events` | registers an [`Endpoint`] |
//! | `DELETE /_sandbox/events` | removes the endpoint `{"url": …}`, or all without a body |
//! | `GET /_sandbox/projects`, `POST` | the data [`Project`]s; adds or replaces one |
//! | `DELETE /_sandbox/projects` | removes the project `{"name": …}` |
//! | `GET /_sandbox/actions`, `PUT` | the [`Action`]s of entities; others from now on |
//! | `POST /_sandbox/recurring` | `{"activity", "project", "company"}`: exports into a queue |

mod actions;
mod batch;
mod blobs;
mod config;
mod csdl;
mod error;
mod events;
mod filter;
mod labels;
mod metadata;
mod operation;
mod packages;
mod party;
mod payload;
mod read;
mod recurring;
mod service;
mod session;
mod tables;
mod values;
mod write;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

use axum::body::Bytes;
use serde_json::{Map, Value as Json};

pub use actions::{Action, ActionParameter, BoundTo};
pub use config::{Company, FinOpsConfig, NextLink, Settings};
pub use events::{Endpoint, EventKind, Failure};
pub use packages::{Project, ProjectEntity};

use self::blobs::Blobs;
use self::events::Events;
use self::packages::{Executions, Projects};
use self::recurring::Queues;
use self::session::{Row, Session, User};
use crate::auth::Tokens;
use crate::clock::Clock;
use crate::control::Control;
use crate::counters::Counters;
use crate::faults::Faults;
use crate::http::{self, Running, Tls};
use crate::rows::{self, Rows, RowsError, Select};
use crate::schema::{self, FinOpsSchema, SchemaError};

/// The client id under which rows are written that no request brought.
const LOCAL_CLIENT: &str = "local";

/// Why a stand-in cannot start or take rows.
#[derive(Debug, thiserror::Error)]
pub enum FinOpsError {
    /// The embedded schema is broken.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The database cannot be opened or written.
    #[error("the rows of the F&O stand-in cannot be stored")]
    Rows(#[from] RowsError),
    /// The address is taken or not allowed.
    #[error("the F&O stand-in cannot listen on {address}; choose another address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificates for outgoing events cannot be loaded.
    #[error("the F&O stand-in cannot prepare to post events")]
    Http(#[from] reqwest::Error),
    /// The default company is not among the companies.
    #[error("the default company `{0}` is not among the companies; add it or choose another")]
    Company(String),
    /// A row that was given directly is refused.
    #[error("row {index} of {collection} is refused: {reason}")]
    Row {
        /// The entity's collection name.
        collection: String,
        /// The position of the row, from zero.
        index: usize,
        /// What the service would have said.
        reason: String,
    },
    /// There is no such entity.
    #[error("there is no entity {0}; use a public collection name such as CustomersV3")]
    Entity(String),
}

/// What all requests share.
pub(crate) struct Store {
    schema: Arc<FinOpsSchema>,
    rows: Rows,
    companies: Vec<Company>,
    default_company: String,
    user_companies: HashMap<String, String>,
    settings: RwLock<Settings>,
    clock: Clock,
    tokens: Tokens,
    faults: Faults,
    counters: Counters,
    events: Events,
    /// The `$metadata` document, until the actions change.
    csdl: RwLock<Option<Bytes>>,
    actions: RwLock<Arc<Vec<Action>>>,
    projects: Projects,
    executions: Executions,
    blobs: Blobs,
    queues: Queues,
    /// The stand-in itself, for runs that outlive their request.
    me: Weak<Store>,
}

/// A Finance & Operations stand-in: open it, fill it, serve it. Cloning is cheap and shares it.
#[derive(Clone)]
pub struct FinOps {
    store: Arc<Store>,
    bind: SocketAddr,
    tls: Option<Arc<Tls>>,
    posting: Arc<OnceLock<()>>,
}

impl std::fmt::Debug for FinOps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FinOps")
            .field("bind", &self.bind)
            .finish_non_exhaustive()
    }
}

impl FinOps {
    /// Opens the stand-in and serves it.
    pub async fn start(config: FinOpsConfig) -> Result<Running, FinOpsError> {
        Self::open(config)?.serve().await
    }

    /// Opens the database and creates the tables of all entities; does not listen yet.
    pub fn open(config: FinOpsConfig) -> Result<Self, FinOpsError> {
        let schema = schema::finops()?;
        if !config
            .companies
            .iter()
            .any(|known| known.id == config.default_company)
        {
            return Err(FinOpsError::Company(config.default_company));
        }
        let rows = Rows::open(&config.place, tables::all(&schema))?;
        let events = Events::new(
            config.endpoints,
            Arc::clone(&schema),
            config.event_retry_pause,
        );
        let store = Arc::new_cyclic(|me| Store {
            schema,
            rows,
            companies: config.companies,
            default_company: config.default_company,
            user_companies: config.user_companies,
            settings: RwLock::new(config.settings),
            tokens: Tokens::new(config.sign_in, config.clock.clone()),
            clock: config.clock,
            faults: Faults::new(config.seed),
            counters: Counters::default(),
            events,
            csdl: RwLock::default(),
            actions: RwLock::new(Arc::new(config.actions)),
            projects: Projects::new(config.projects),
            executions: Executions::default(),
            blobs: Blobs::default(),
            queues: Queues::default(),
            me: me.clone(),
        });
        Ok(Self {
            store,
            bind: config.bind,
            tls: config.tls,
            posting: Arc::default(),
        })
    }

    /// Listens and answers until the returned handle is shut down or dropped.
    pub async fn serve(&self) -> Result<Running, FinOpsError> {
        if self.posting.set(()).is_ok() {
            // Another part of the process may have chosen a provider already; any will do.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let http = reqwest::Client::builder().no_proxy().build()?;
            self.store
                .events
                .start(tokio::runtime::Handle::current(), http);
        }
        let control = Control {
            name: "finops",
            faults: self.store.faults.clone(),
            counters: self.store.counters.clone(),
            tokens: self.store.tokens.clone(),
            rows: self.store.rows.clone(),
        };
        let service: Arc<Store> = Arc::clone(&self.store);
        http::serve_with(self.bind, self.tls.as_deref(), service, control)
            .await
            .map_err(|source| FinOpsError::Listen {
                address: self.bind,
                source,
            })
    }

    /// Creates rows directly, in one transaction, under the same rules as a request but without
    /// counting them or telling endpoints. A refused row undoes all of them.
    pub fn insert(
        &self,
        collection: &str,
        rows: impl IntoIterator<Item = Map<String, Json>>,
    ) -> Result<usize, FinOpsError> {
        let entity = self
            .store
            .schema
            .collection(collection)
            .ok_or_else(|| FinOpsError::Entity(collection.to_owned()))?;
        let user = self.store.user(LOCAL_CLIENT);
        let settings = self.store.settings();
        self.store.rows.write(|tx| {
            let session = Session::new(&self.store, &settings, tx, &user);
            let mut inserted = 0;
            for (index, row) in rows.into_iter().enumerate() {
                write::create(&session, entity, &row).map_err(|refused| FinOpsError::Row {
                    collection: collection.to_owned(),
                    index,
                    reason: refused.to_string(),
                })?;
                inserted += 1;
            }
            Ok(inserted)
        })
    }

    /// The number of rows of an entity, over all companies.
    pub fn count(&self, collection: &str) -> Result<usize, FinOpsError> {
        if self.store.schema.collection(collection).is_none() {
            return Err(FinOpsError::Entity(collection.to_owned()));
        }
        let count = self.store.rows.read(|tx| tx.count(collection, None))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// All rows of an entity as a client would read them, over all companies, in the order in
    /// which they were made.
    pub fn rows(&self, collection: &str) -> Result<Vec<Map<String, Json>>, FinOpsError> {
        let entity = self
            .store
            .schema
            .collection(collection)
            .ok_or_else(|| FinOpsError::Entity(collection.to_owned()))?;
        let mut columns = vec![tables::REC_ID, tables::REC_VERSION];
        columns.extend(entity.fields.iter().map(|field| field.name.as_str()));
        let select =
            Select::from(collection, &columns).order(rows::Order::ascending(tables::REC_ID));
        let found = self.store.rows.read(|tx| tx.select(&select))?;
        Ok(found
            .into_iter()
            .map(|columns| Row::from_columns(columns).json(&self.store, entity))
            .collect())
    }

    /// What was counted: requests and committed row writes.
    pub fn counters(&self) -> &Counters {
        &self.store.counters
    }

    /// The faults in force.
    pub fn faults(&self) -> &Faults {
        &self.store.faults
    }

    /// The companies that rows may belong to.
    pub fn companies(&self) -> &[Company] {
        &self.store.companies
    }
}

impl Store {
    /// The user that a client id is mapped to.
    fn user(&self, client: &str) -> User {
        let company = self
            .user_companies
            .iter()
            .find(|(id, _)| id.eq_ignore_ascii_case(client))
            .map_or(&self.default_company, |(_, company)| company);
        User {
            client: client.to_owned(),
            company: company.to_lowercase(),
        }
    }

    fn settings(&self) -> Settings {
        self.settings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_settings(&self, settings: Settings) {
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// The actions of entities in force.
    fn actions(&self) -> Arc<Vec<Action>> {
        Arc::clone(&self.actions.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_actions(&self, actions: Vec<Action>) {
        *self.actions.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(actions);
        *self.csdl.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The `$metadata` document, built once for the actions in force.
    fn csdl(&self) -> Bytes {
        let known = self.csdl.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref() {
            return known.clone();
        }
        drop(known);
        let built = Bytes::from(csdl::document(&self.schema, &self.actions()));
        *self.csdl.write().unwrap_or_else(PoisonError::into_inner) = Some(built.clone());
        built
    }
}

#[cfg(test)]
mod tests;
