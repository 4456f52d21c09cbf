//! What a stand-in counted: requests and committed row writes, the server's own view of a client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// What was done to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteKind {
    /// A new row.
    Create,
    /// A changed row.
    Update,
    /// A removed row.
    Delete,
}

/// How many committed writes of one kind a client made to a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteCount {
    /// The table.
    pub table: String,
    /// What was done.
    pub kind: WriteKind,
    /// Who did it: the client id, or the user for local edits.
    pub client: String,
    /// How often.
    pub count: u64,
}

/// All counts since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests, faults included, without those to the control endpoint.
    pub requests: u64,
    /// Requests by method.
    pub by_method: BTreeMap<String, u64>,
    /// Requests by status; `dropped` for those without an answer.
    pub by_status: BTreeMap<String, u64>,
    /// Requests by client id, `anonymous` without one.
    pub by_client: BTreeMap<String, u64>,
    /// The sum of `writes`.
    pub rows_written: u64,
    /// Committed row writes.
    pub writes: Vec<WriteCount>,
}

#[derive(Debug, Default)]
struct State {
    requests: Counts,
    writes: BTreeMap<(String, WriteKind, String), u64>,
}

/// The running counts. Cloning is cheap and shares them.
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Mutex<State>>);

impl Counters {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a request that ended with `status`.
    pub fn request(&self, method: &str, status: &str, client: Option<&str>) {
        self.with(|state| {
            let counts = &mut state.requests;
            counts.requests += 1;
            *counts.by_method.entry(method.to_owned()).or_default() += 1;
            *counts.by_status.entry(status.to_owned()).or_default() += 1;
            *counts
                .by_client
                .entry(client.unwrap_or("anonymous").to_owned())
                .or_default() += 1;
        });
    }

    /// Counts one row write. Call it after its transaction has committed.
    pub fn row_written(&self, table: &str, kind: WriteKind, client: &str) {
        self.with(|state| {
            *state
                .writes
                .entry((table.to_owned(), kind, client.to_owned()))
                .or_default() += 1;
        });
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.with(|state| {
            let writes: Vec<WriteCount> = state
                .writes
                .iter()
                .map(|((table, kind, client), count)| WriteCount {
                    table: table.clone(),
                    kind: *kind,
                    client: client.clone(),
                    count: *count,
                })
                .collect();
            Counts {
                rows_written: writes.iter().map(|write| write.count).sum(),
                writes,
                ..state.requests.clone()
            }
        })
    }

    /// Starts again from zero.
    pub fn reset(&self) {
        self.with(|state| *state = State::default());
    }
}
