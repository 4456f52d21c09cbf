//! How requests are carried: in batches where the service takes them, else each alone.
//!
//! Services differ in the links that they take inside a batch, some take no batches, and some have
//! a proxy before them that breaks every one. Unless the configuration says it, a service is asked
//! once, with a harmless read.

use super::OData;
use super::metadata::Table;
use crate::codes;
use crate::connection::batch::{Carriage, Operation, Plan};
use crate::connection::link::Link;
use crate::connection::{Answer, Repeat};
use crate::error::SystemError;
use crate::service::Service;
use std::sync::Mutex;
use std::sync::PoisonError;
use tokio::sync::OnceCell;

/// What is known of how requests are carried.
pub(super) struct Transport {
    configured: Option<Carriage>,
    /// What the metadata says about batches.
    announced: Mutex<Option<bool>>,
    found: OnceCell<Carriage>,
    batch_size: usize,
    parallel: usize,
    media_type: &'static str,
    accept: &'static str,
}

impl Transport {
    pub(super) fn new(
        configured: Option<Carriage>,
        batch_size: usize,
        parallel: usize,
        media_type: &'static str,
        accept: &'static str,
    ) -> Self {
        Self {
            configured,
            announced: Mutex::new(None),
            found: OnceCell::new(),
            batch_size,
            parallel,
            media_type,
            accept,
        }
    }

    /// Takes note of what the metadata says about batches.
    pub(super) fn heed(&self, announced: Option<bool>) {
        *self
            .announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = announced;
    }

    fn is_denied(&self) -> bool {
        let announced = self.announced.lock();
        *announced.unwrap_or_else(PoisonError::into_inner) == Some(false)
    }

    fn plan(&self, what: String, carriage: Carriage) -> Plan {
        Plan {
            what,
            size: self.batch_size,
            parallel: self.parallel,
            change_sets: false,
            prefer: Some("odata.continue-on-error"),
            carriage,
            media_type: self.media_type,
        }
    }

    /// The parts of a batch do not inherit its headers everywhere.
    fn with_headers(&self, operations: &[Operation]) -> Vec<Operation> {
        operations
            .iter()
            .map(|operation| {
                let mut operation = operation.clone();
                operation.headers.push(("Accept", self.accept.to_owned()));
                operation
            })
            .collect()
    }
}

impl OData {
    /// Carries requests about a table; the answers stand in their order.
    pub(super) async fn carry(
        &self,
        table: &Table,
        what: String,
        operations: &[Operation],
    ) -> Vec<Result<Answer, SystemError>> {
        if operations.is_empty() {
            return Vec::new();
        }
        let carriage = match self.carriage(table).await {
            Ok(carriage) => carriage,
            Err(error) => {
                return operations
                    .iter()
                    .map(|_| Err(crate::connection::failure::copy(&error)))
                    .collect();
            }
        };
        if carriage == Carriage::Single {
            let plan = self.transport.plan(what, carriage);
            return self.connection.batch(&plan, operations).await;
        }
        let operations = self.transport.with_headers(operations);
        let plan = self.transport.plan(what.clone(), carriage);
        let mut answers = self.connection.batch(&plan, &operations).await;
        // A batch that broke on its way has read nothing; alone, its reads may come through.
        let broken: Vec<usize> = (0..operations.len())
            .filter(|place| {
                let is_read = operations
                    .get(*place)
                    .is_some_and(|operation| operation.repeat == Repeat::Safe);
                is_read && matches!(answers.get(*place), Some(Err(error)) if breaks(error))
            })
            .collect();
        if !broken.is_empty() {
            let alone: Vec<Operation> = broken
                .iter()
                .filter_map(|place| operations.get(*place).cloned())
                .collect();
            let plan = self.transport.plan(what, Carriage::Single);
            let again = self.connection.batch(&plan, &alone).await;
            for (place, answer) in broken.into_iter().zip(again) {
                if let Some(slot) = answers.get_mut(place) {
                    *slot = answer;
                }
            }
        }
        answers
    }

    /// How this service takes requests.
    async fn carriage(&self, table: &Table) -> Result<Carriage, SystemError> {
        if let Some(configured) = self.transport.configured {
            return Ok(configured);
        }
        if self.transport.is_denied() {
            return Ok(Carriage::Single);
        }
        let asked = self.transport.found.get_or_try_init(|| self.ask(table));
        asked.await.copied()
    }

    /// Tries each form of batch with a read that must succeed. An error here is one of the way
    /// itself, by which nothing is learnt.
    async fn ask(&self, table: &Table) -> Result<Carriage, SystemError> {
        let key: Vec<&str> = table
            .key()
            .map(|(column, _)| column.name.as_str())
            .collect();
        let link = Link::to(&table.set)
            .option("$select", &key.join(","))
            .option("$top", "1");
        let read = [Operation::get(link.into_text())];
        let alone = self
            .transport
            .plan(format!("reading `{}`", table.set), Carriage::Single);
        let mut answers = self.connection.batch(&alone, &read).await;
        let answer = answers.pop().transpose()?;
        if let Some(refused) = answer.filter(|answer| !answer.status.is_success()) {
            return Err(self.refused(&refused));
        }
        let read = self.transport.with_headers(&read);
        for carriage in [Carriage::FromRoot, Carriage::FromHost] {
            let what = "asking whether batches are taken".to_owned();
            let plan = self.transport.plan(what, carriage);
            let answers = self.connection.batch(&plan, &read).await;
            let taken = answers.iter().all(|answer| {
                answer
                    .as_ref()
                    .is_ok_and(|answer| answer.status.is_success())
            });
            if taken {
                return Ok(carriage);
            }
        }
        tracing::info!(
            system = %self.connection.name(),
            "no form of batch is taken; each request travels alone"
        );
        Ok(Carriage::Single)
    }
}

/// Whether an error is one of the way that a batch takes.
fn breaks(error: &SystemError) -> bool {
    [
        codes::LOST,
        codes::NO_BATCH,
        codes::UNEXPECTED,
        codes::TIMED_OUT,
    ]
    .contains(&error.code)
}
