//! Who runs the transactions: a thread that owns its connection, or the caller itself.
//!
//! `SQLite` blocks, so a connection to a file lives on a thread of its own and takes its work as
//! closures from a channel; the asynchronous side waits without blocking. A store in memory never
//! waits for a disk and runs where it is called: a simulation with virtual time stays
//! deterministic, because no answer comes from another thread.

use super::fault::Fault;
use crate::error::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Runs transactions one after the other on one connection.
#[derive(Debug)]
pub(super) enum Worker {
    /// On a thread of its own; both are `Some` until the worker is dropped.
    Thread {
        jobs: Option<mpsc::Sender<Job>>,
        thread: Option<JoinHandle<()>>,
    },
    /// Where it is called.
    Inline(Box<Mutex<Connection>>),
}

impl Worker {
    /// Gives a connection a thread of its own.
    pub(super) fn spawn(name: &str, mut connection: Connection) -> Result<Self, StoreError> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while let Ok(job) = inbox.recv() {
                    job(&mut connection);
                }
            })
            .map_err(|source| StoreError::Database {
                doing: "start a thread",
                source: source.into(),
            })?;
        Ok(Self::Thread {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Runs everything where it is called.
    pub(super) fn inline(connection: Connection) -> Self {
        Self::Inline(Box::new(Mutex::new(connection)))
    }

    /// Runs `work` in one transaction that may write: committed on `Ok`, undone on `Err`.
    /// `doing` completes "the store failed to".
    pub(super) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(doing, move |connection| {
            // Immediate: two processes queue here instead of failing half-way.
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = work(&tx)?;
            tx.commit()?;
            Ok(answer)
        })
        .await
    }

    /// Runs `work` on one consistent view.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(doing, move |connection| {
            work(&connection.transaction_with_behavior(TransactionBehavior::Deferred)?)
        })
        .await
    }

    /// Hands over the last work before the worker is dropped, which waits for it; nobody asks how it
    /// ended.
    pub(super) fn finish(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<(), Fault> + Send + 'static,
    ) {
        if let Self::Thread {
            jobs: Some(jobs), ..
        } = self
        {
            let job: Job = Box::new(move |connection| {
                if let Err(fault) = work(connection) {
                    let error = fault.while_doing("close");
                    tracing::warn!(%error, "the store is looked at more closely at the next start");
                }
            });
            // A thread that has ended closes nothing any more.
            let _ = jobs.send(job);
        }
    }

    /// Runs `work` on the connection outside a transaction.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let outcome = match self {
            Self::Inline(connection) => {
                work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Self::Thread { jobs, .. } => {
                let (answer, answered) = oneshot::channel();
                let job: Job = Box::new(move |connection| {
                    // Nobody waits any more when the caller was cancelled; the work is done anyway.
                    let _ = answer.send(work(connection));
                });
                let sent = jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
                let answer = if sent { answered.await.ok() } else { None };
                answer.ok_or_else(|| StoreError::Database {
                    doing,
                    source: "the store's thread has ended".into(),
                })?
            }
        };
        outcome.map_err(|fault| fault.while_doing(doing))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Self::Thread { jobs, thread } = self {
            // Closing the channel ends the thread once its last job is done; waiting for it makes
            // sure that the files are closed when the store is gone.
            drop(jobs.take());
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
    }
}
