//! Writes in bulk, each for itself, with the row read back.
//!
//! A connector says what request a write becomes and how an answer reads ([`Writer`]); this module
//! sends them together, tells refusals from echoes of earlier attempts, and reads back what was
//! written without being sent back.

use crate::connection::batch::Operation;
use crate::connection::{Answer, failure};
use crate::error::{Class, SystemError};
use crate::refusal::{self, Action};
use crate::system::{Write, Written};
use async_trait::async_trait;
use duet_map::record::{Record, RecordId};
use duet_map::value::Row;
use reqwest::StatusCode;
use std::collections::HashMap;

/// One table that is written to.
#[async_trait]
pub(crate) trait Writer: Sync {
    /// The connection's name, for messages.
    fn system(&self) -> &str;

    /// The table's name, for messages.
    fn table(&self) -> &str;

    /// The request that a write becomes.
    fn operation(&self, write: &Write) -> Result<Operation, SystemError>;

    /// The row that came back with a successful answer; `None` when it did not come back whole.
    fn stored(&self, answer: &Answer) -> Result<Option<Record>, SystemError>;

    /// The identifier of a created record whose row did not come back.
    fn created(&self, id: Option<&RecordId>, row: &Row, answer: &Answer) -> Option<RecordId>;

    /// The error that a refused write stands for.
    fn refusal(&self, action: Action, id: Option<&RecordId>, answer: &Answer) -> SystemError;

    /// Drops what is kept of the table's metadata, which turned out to be old.
    fn forget(&self);

    /// Writes that must not be sent, by their place, and why: looked up just before.
    async fn held_back(
        &self,
        _writes: &[Write],
    ) -> Result<HashMap<usize, SystemError>, SystemError> {
        Ok(HashMap::new())
    }

    /// Sends requests; the answers stand in their order.
    async fn send(&self, operations: &[Operation]) -> Vec<Result<Answer, SystemError>>;

    /// Reads records by identifier.
    async fn fetch(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, SystemError>;
}

/// What an answer tells of a write that succeeded.
enum Outcome {
    Done(Written),
    /// Written, but the row did not come back.
    Unread(RecordId),
}

/// Writes all; the results stand in the order of `writes`.
pub(crate) async fn write_all(
    target: &impl Writer,
    writes: &[Write],
) -> Vec<Result<Written, SystemError>> {
    let mut held_back = match target.held_back(writes).await {
        Ok(held_back) => held_back,
        Err(error) => return refuse_all(&error, writes.len()),
    };
    let mut results: Vec<Option<Result<Written, SystemError>>> = Vec::with_capacity(writes.len());
    let mut operations = Vec::new();
    let mut places = Vec::new();
    for (place, write) in writes.iter().enumerate() {
        let operation = match held_back.remove(&place) {
            Some(error) => Err(error),
            None => target.operation(write),
        };
        results.push(match operation {
            Ok(operation) => {
                operations.push(operation);
                places.push(place);
                None
            }
            Err(error) => Some(Err(error)),
        });
    }
    let answers = target.send(&operations).await;
    let mut unread = Vec::new();
    for (place, answer) in places.into_iter().zip(answers) {
        let (Some(write), Some(result)) = (writes.get(place), results.get_mut(place)) else {
            continue;
        };
        match answer.and_then(|answer| outcome(target, write, &answer)) {
            Ok(Outcome::Done(written)) => *result = Some(Ok(written)),
            Ok(Outcome::Unread(id)) => unread.push((place, id)),
            Err(error) => *result = Some(Err(error)),
        }
    }
    read_back(target, unread, &mut results).await;
    results
        .into_iter()
        .map(|result| {
            result.unwrap_or_else(|| {
                let what = format!("writing to `{}`", target.table());
                Err(failure::torn(target.system(), &what))
            })
        })
        .collect()
}

/// The same error for each of so many writes.
pub(crate) fn refuse_all(error: &SystemError, count: usize) -> Vec<Result<Written, SystemError>> {
    (0..count).map(|_| Err(failure::copy(error))).collect()
}

/// What an answer says about its write.
fn outcome(target: &impl Writer, write: &Write, answer: &Answer) -> Result<Outcome, SystemError> {
    let (action, id) = match write {
        Write::Create { id, .. } => (Action::Create, id.as_ref()),
        Write::Update { id, .. } => (Action::Update, Some(id)),
        Write::Delete { id, .. } => (Action::Delete, Some(id)),
    };
    if !answer.status.is_success() {
        return refused(target, action, id, answer);
    }
    if action == Action::Delete {
        return Ok(Outcome::Done(Written::Deleted));
    }
    let came_back = answer.status != StatusCode::NO_CONTENT && !answer.body.is_empty();
    // The record is written, whatever is wrong with the answer.
    if came_back && let Some(record) = target.stored(answer).map_err(unknown)? {
        return Ok(Outcome::Done(Written::Stored(Box::new(record))));
    }
    let known = match write {
        Write::Update { id, .. } | Write::Delete { id, .. } => Some(id.clone()),
        Write::Create { id, row } => target.created(id.as_ref(), row, answer),
    };
    known.map(Outcome::Unread).ok_or_else(|| {
        unknown(failure::unexpected(
            target.system(),
            &format!("creating a record of `{}`", target.table()),
            "the answer does not tell its identifier",
        ))
    })
}

/// What a refusal says about its write.
fn refused(
    target: &impl Writer,
    action: Action,
    id: Option<&RecordId>,
    answer: &Answer,
) -> Result<Outcome, SystemError> {
    let mut error = target.refusal(action, id, answer);
    if answer.repeated {
        // The refusal may be the echo of an earlier attempt that did take effect.
        if action == Action::Delete && error.class == Class::Gone {
            return Ok(Outcome::Done(Written::Deleted));
        }
        error.outcome_unknown |=
            matches!(error.class, Class::Duplicate | Class::Moved | Class::Gone);
    }
    if error.class == Class::FixMap {
        target.forget();
    }
    Err(error)
}

/// Reads the rows that were written without being sent back.
async fn read_back(
    target: &impl Writer,
    unread: Vec<(usize, RecordId)>,
    results: &mut [Option<Result<Written, SystemError>>],
) {
    if unread.is_empty() {
        return;
    }
    let (places, ids): (Vec<_>, Vec<_>) = unread.into_iter().unzip();
    let fetched = target.fetch(&ids).await;
    for (index, place) in places.into_iter().enumerate() {
        let result = match &fetched {
            Ok(records) => match records.get(index).cloned().flatten() {
                Some(record) => Ok(Written::Stored(Box::new(record))),
                None => Err(refusal::gone(target.table(), ids.get(index))),
            },
            Err(error) => Err(failure::copy(error)),
        };
        if let Some(slot) = results.get_mut(place) {
            *slot = Some(result.map_err(unknown));
        }
    }
}

/// The error with a mark that the write may have taken effect.
fn unknown(mut error: SystemError) -> SystemError {
    error.outcome_unknown = true;
    error
}
