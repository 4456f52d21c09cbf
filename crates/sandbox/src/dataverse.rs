//! A local Dataverse: the Web API over real HTTP from a real database.
//!
//! The road of a request: [`service`] finds out who calls and opens a transaction, [`resource`]
//! reads the address and does what the method asks, with [`read`], [`write`] and [`delta`];
//! [`filter`] turns expressions into SQL, [`shape`] rows into JSON. Writes to the metadata go by
//! [`metadata_write`] and change the tables themselves. The contract is section A of the protocol
//! reference.

mod address;
mod apply;
mod batch;
mod binding;
mod bulk_delete;
mod change;
mod column_definition;
mod computed;
mod conditions;
mod cookie;
mod csdl;
mod customization;
mod definitions;
mod delivery;
mod delta;
mod errors;
mod execution_context;
mod fetchxml;
mod files;
mod filter;
mod formatted;
mod limits;
mod links;
mod locate;
mod metadata;
mod metadata_changes;
mod metadata_write;
mod model;
mod operations;
mod options;
mod organisation;
mod precondition;
mod read;
mod resource;
mod respond;
mod selection;
mod service;
mod session;
mod settings;
mod shape;
mod sql;
mod system_columns;
mod system_tables;
mod transact;
mod value;
mod webhooks;
mod write;
mod xml;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use serde_json::{Map, Value as Json};

use self::customization::Customization;
use self::model::Model;
use self::service::Inner;
pub use self::settings::{Limits, Settings};
use crate::auth::{SignIn, Tokens};
use crate::clock::Clock;
use crate::control::Control;
use crate::counters::{Counters, Counts};
use crate::faults::Faults;
use crate::http::{Running, Tls, serve_with};
use crate::rows::{Place, Rows, RowsError};
use crate::schema::DataverseSchema;

/// How a Dataverse stand-in is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it serves; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Where its rows live.
    pub place: Place,
    /// Who may sign in.
    pub sign_in: SignIn,
    /// Its tables.
    pub schema: Arc<DataverseSchema>,
    /// Limits and habits.
    pub settings: Settings,
    /// The seed of its faults' chance.
    pub seed: u64,
    /// Its time.
    pub clock: Clock,
    /// Serve TLS with this certificate.
    pub tls: Option<Arc<Tls>>,
}

impl Config {
    /// A stand-in in memory on a free port of this machine.
    pub fn new(schema: Arc<DataverseSchema>, sign_in: SignIn) -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            place: Place::Memory,
            sign_in,
            schema,
            settings: Settings::default(),
            seed: 0,
            clock: Clock::system(),
            tls: None,
        }
    }
}

/// Why a stand-in does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its rows cannot be opened.
    #[error("the rows of the Dataverse stand-in cannot be opened")]
    Rows(#[from] RowsError),
    /// Its webhooks cannot be set up.
    #[error("the webhooks of the Dataverse stand-in cannot be set up: {0}")]
    Webhooks(String),
    /// Its address cannot be used.
    #[error("the Dataverse stand-in cannot serve on {bind}")]
    Bind {
        /// The address.
        bind: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Why a row is not taken, in the service's own words.
#[derive(Debug, thiserror::Error)]
#[error("row {index} of {table} was not taken: {reason}")]
pub struct InsertError {
    /// The table.
    pub table: String,
    /// The place of the row in the list, from zero; that of the first row when the list as a
    /// whole was refused.
    pub index: usize,
    /// The service's code and message.
    pub reason: String,
}

/// A Dataverse stand-in. Cloning is cheap and shares it.
#[derive(Debug, Clone)]
pub struct Dataverse {
    inner: Arc<Inner>,
    control: Control,
    bind: SocketAddr,
    tls: Option<Arc<Tls>>,
}

impl Dataverse {
    /// Opens a stand-in and serves it.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        Self::open(config)?.serve().await
    }

    /// Opens a stand-in without serving it yet, for rows to be put in.
    pub fn open(config: Config) -> Result<Self, StartError> {
        let rows = Rows::open(&config.place, Vec::new())?;
        let mut model = Model::new(&config.schema);
        let kept = rows.read(Customization::kept)?;
        if !kept.is_empty() {
            let mut schema = model.schema().clone();
            for change in kept {
                change.apply(&mut schema, |name| {
                    model.table(name).map(|table| table.schema.clone())
                });
            }
            model = Model::new(&schema);
        }
        rows.reshape::<RowsError>(model.storage(), |_| Ok(()), || ())?;
        let tokens = Tokens::new(config.sign_in.clone(), config.clock.clone());
        let counters = Counters::default();
        let control = Control {
            name: "dataverse",
            faults: Faults::new(config.seed),
            counters: counters.clone(),
            tokens: tokens.clone(),
            rows: rows.clone(),
        };
        let inner = Inner {
            tables: RwLock::new(Arc::new(model)),
            customizing: Mutex::default(),
            limiter: limits::Limiter::new(config.settings.limits),
            settings: config.settings,
            rows,
            tokens,
            counters,
            clock: config.clock,
            clients: config.sign_in.clients,
            steps: Mutex::default(),
            outbox: delivery::Outbox::default(),
        };
        inner.found()?;
        inner
            .reload_steps()
            .map_err(|error| StartError::Webhooks(error.to_string()))?;
        Ok(Self {
            inner: Arc::new(inner),
            control,
            bind: config.bind,
            tls: config.tls,
        })
    }

    /// Serves the stand-in until the handle is shut down or dropped.
    pub async fn serve(&self) -> Result<Running, StartError> {
        let timeout = Duration::from_secs(self.inner.settings.webhook_timeout_seconds);
        let opened = self.inner.outbox.open(timeout);
        let (http, deliveries) = opened.map_err(|error| StartError::Webhooks(error.to_string()))?;
        let inner = Arc::clone(&self.inner);
        let posting = tokio::spawn(delivery::run(http, deliveries, move |delivery, error| {
            inner.delivery_failed(&delivery, &error);
        }));
        let service = Arc::clone(&self.inner);
        let running = serve_with(
            self.bind,
            self.tls.as_deref(),
            service,
            self.control.clone(),
        )
        .await
        .map_err(|source| StartError::Bind {
            bind: self.bind,
            source,
        })?;
        Ok(running.with_companion(posting))
    }

    /// Makes a row as a `POST` with this body would, without a request. Gives its id.
    pub fn insert(&self, table: &str, row: Json) -> Result<String, InsertError> {
        let ids = self.insert_all(table, vec![row])?;
        ids.into_iter().next().ok_or_else(|| InsertError {
            table: table.into(),
            index: 0,
            reason: "it has no id".into(),
        })
    }

    /// Makes rows in one transaction: all or none. Gives their ids.
    pub fn insert_all(&self, table: &str, rows: Vec<Json>) -> Result<Vec<String>, InsertError> {
        let refused = |index, reason: String| InsertError {
            table: table.into(),
            index,
            reason,
        };
        let mut bodies: Vec<Map<String, Json>> = Vec::with_capacity(rows.len());
        for (index, row) in rows.into_iter().enumerate() {
            match row {
                Json::Object(fields) => bodies.push(fields),
                _ => return Err(refused(index, "it is no JSON object".into())),
            }
        }
        self.inner
            .insert(table, &bodies)
            .map_err(|(index, error)| refused(index, error.to_string()))
    }

    /// The number of rows of a table.
    pub fn count(&self, table: &str) -> Result<usize, RowsError> {
        let count = self.inner.rows.read(|tx| tx.count(table, None))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// What the stand-in counted so far.
    pub fn counts(&self) -> Counts {
        self.control.counters.counts()
    }

    /// Its faults, to be switched on without a request.
    pub fn faults(&self) -> &Faults {
        &self.control.faults
    }
}

#[cfg(test)]
mod tests;
