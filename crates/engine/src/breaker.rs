//! The circuit breaker of a side: after so many failures in a row nobody asks the side any more,
//! but for one probe from time to time, until it answers.
//!
//! A system that is down gets no shower of requests, and a worker learns at once that there is no
//! point in taking a round. Only what passes by waiting counts: a refusal is an answer. Being asked
//! for patience (429) is the connectors' own business; they know how long.

use crate::clock::Clock;
use async_trait::async_trait;
use duet_map::diagnostic::Code;
use duet_map::record::{Record, RecordId};
use duet_map::schema::TableSchema;
use duet_systems::{
    Changes, ChangesRequest, Class, Cursor, Find, Found, Notice, Page, SnapshotRequest, System,
    SystemError, Write, Written,
};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The code of what is not asked because the breaker is open.
const OPEN: Code = Code(4122);

/// Longest time between two probes, as a multiple of the first.
const DOUBLINGS: u32 = 5;

#[derive(Debug, Default)]
struct State {
    /// Failures in a row.
    failures: u32,
    /// Until when nobody asks; `None` while the breaker is closed.
    open_until: Option<Timestamp>,
    /// How often in a row it opened.
    opened: u32,
    /// Whether a probe is under way.
    probing: bool,
}

/// A system behind its breaker.
pub(crate) struct Guarded {
    inner: Arc<dyn System>,
    clock: Arc<dyn Clock>,
    /// Failures in a row that open the breaker.
    failures: u32,
    /// The first pause; it doubles.
    pause: Duration,
    state: Mutex<State>,
}

/// Leave to ask. A call that is dropped half-way gives its leave back.
struct Leave<'g> {
    guarded: &'g Guarded,
    probe: bool,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.guarded.state().probing = false;
        }
    }
}

impl Guarded {
    pub(crate) fn new(
        inner: Arc<dyn System>,
        clock: Arc<dyn Clock>,
        failures: u32,
        pause: Duration,
    ) -> Self {
        Self {
            inner,
            clock,
            failures: failures.max(1),
            pause,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long nobody asks yet; nothing when asking makes sense.
    pub(crate) fn rest(&self) -> Option<Duration> {
        let state = self.state();
        let until = state.open_until?;
        let rest = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        if rest.is_zero() {
            // Somebody asks already on behalf of all.
            return state.probing.then_some(self.pause);
        }
        Some(rest)
    }

    fn enter(&self) -> Result<Leave<'_>, SystemError> {
        if let Some(rest) = self.rest() {
            let mut error = SystemError::new(
                Class::Retry,
                OPEN,
                format!(
                    "`{}` has not answered lately and is asked again in a moment",
                    self.inner.name()
                ),
            );
            error.retry_after = Some(rest);
            return Err(error);
        }
        let mut state = self.state();
        let probe = state.open_until.is_some();
        state.probing |= probe;
        Ok(Leave {
            guarded: self,
            probe,
        })
    }

    fn note(&self, failed: bool) {
        let now = self.clock.now();
        let mut state = self.state();
        if !failed {
            *state = State {
                probing: state.probing,
                ..State::default()
            };
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures < self.failures {
            return;
        }
        let pause = self
            .pause
            .saturating_mul(1_u32 << state.opened.min(DOUBLINGS));
        if state.open_until.is_none_or(|until| until <= now) {
            state.opened = state.opened.saturating_add(1);
            let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
            state.open_until = Some(now.saturating_add(pause).unwrap_or(Timestamp::MAX));
            tracing::warn!(
                system = self.inner.name(),
                pause_ms = pause.as_millis(),
                "does not answer; asking again after a pause"
            );
        }
    }

    async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, SystemError>>,
    ) -> Result<T, SystemError> {
        let _leave = self.enter()?;
        let answer = call.await;
        self.note(matches!(&answer, Err(error) if error.class == Class::Retry));
        answer
    }
}

#[async_trait]
impl System for Guarded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn checks_versions(&self) -> bool {
        self.inner.checks_versions()
    }

    fn accepts_ids(&self) -> bool {
        self.inner.accepts_ids()
    }

    fn reports_deletes(&self) -> bool {
        self.inner.reports_deletes()
    }

    fn refresh(&self, table: Option<&str>) {
        self.inner.refresh(table);
    }

    async fn probe(&self) -> Result<(), SystemError> {
        self.ask(self.inner.probe()).await
    }

    async fn schema(&self, table: &str) -> Result<TableSchema, SystemError> {
        self.ask(self.inner.schema(table)).await
    }

    async fn snapshot(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        self.ask(self.inner.snapshot(request)).await
    }

    async fn changes_from_now(
        &self,
        table: &str,
        columns: &[String],
    ) -> Result<Cursor, SystemError> {
        self.ask(self.inner.changes_from_now(table, columns)).await
    }

    async fn changes(&self, request: &ChangesRequest) -> Result<Changes, SystemError> {
        self.ask(self.inner.changes(request)).await
    }

    async fn fetch(
        &self,
        table: &str,
        columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError> {
        self.ask(self.inner.fetch(table, columns, ids)).await
    }

    fn read_notice(&self, body: &[u8]) -> Result<Vec<Notice>, SystemError> {
        self.inner.read_notice(body)
    }

    async fn find(
        &self,
        table: &str,
        columns: &[String],
        finds: &[Find],
    ) -> Result<Vec<Found>, SystemError> {
        self.ask(self.inner.find(table, columns, finds)).await
    }

    async fn keys(&self, request: &SnapshotRequest) -> Result<Page, SystemError> {
        self.ask(self.inner.keys(request)).await
    }

    async fn write(
        &self,
        table: &str,
        columns: &[String],
        writes: Vec<Write>,
    ) -> Vec<Result<Written, SystemError>> {
        let leave = match self.enter() {
            Ok(leave) => leave,
            Err(error) => {
                return writes
                    .iter()
                    .map(|_| {
                        let mut one = SystemError::new(error.class, error.code, &*error.message);
                        one.retry_after = error.retry_after;
                        Err(one)
                    })
                    .collect();
            }
        };
        let answers = self.inner.write(table, columns, writes).await;
        let failed = |answer: &Result<Written, SystemError>| matches!(answer, Err(error) if error.class == Class::Retry);
        if !answers.is_empty() {
            self.note(answers.iter().all(failed));
        }
        drop(leave);
        answers
    }
}
