//! Runs of imports and exports: their states as an integration polls them, their errors and files.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value as Json, json};

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::finops) enum Status {
    /// Nothing was asked to run.
    NotRun,
    /// It runs.
    Executing,
    /// All rows made it.
    Succeeded,
    /// Some rows made it.
    PartiallySucceeded,
    /// No row made it, or the package cannot be used.
    Failed,
}

impl Status {
    /// The word of the service.
    pub(in crate::finops) fn word(self) -> &'static str {
        match self {
            Self::NotRun => "NotRun",
            Self::Executing => "Executing",
            Self::Succeeded => "Succeeded",
            Self::PartiallySucceeded => "PartiallySucceeded",
            Self::Failed => "Failed",
        }
    }
}

/// What went wrong with one row, or with the run as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::finops) struct RowError {
    /// The entity's title; empty for the run as a whole.
    pub(in crate::finops) entity: String,
    /// The key of the row in the file, values in the order of `keys`.
    pub(in crate::finops) key: Vec<(String, String)>,
    /// The whole row of the file, when it did not even reach staging.
    pub(in crate::finops) staging: Option<Vec<(String, String)>>,
    /// The field, where one is to blame.
    pub(in crate::finops) field: String,
    /// What is wrong.
    pub(in crate::finops) message: String,
}

/// One run.
#[derive(Debug, Clone)]
pub(in crate::finops) struct Execution {
    pub(in crate::finops) status: Status,
    pub(in crate::finops) errors: Vec<RowError>,
    /// The address of the exported package.
    pub(in crate::finops) package: Option<String>,
    /// How often its state was asked for while it seemed to run.
    polls: u32,
    /// Error files by entity: how often they were asked for, and their address.
    files: HashMap<String, (u32, String)>,
}

impl Execution {
    /// A run that begins.
    pub(in crate::finops) fn begun() -> Self {
        Self {
            status: Status::Executing,
            errors: Vec::new(),
            package: None,
            polls: 0,
            files: HashMap::new(),
        }
    }

    /// A run that is over.
    pub(in crate::finops) fn ended(
        status: Status,
        errors: Vec<RowError>,
        package: Option<String>,
    ) -> Self {
        Self {
            status,
            errors,
            package,
            ..Self::begun()
        }
    }

    /// The errors as `GetExecutionErrors` lists them.
    pub(in crate::finops) fn error_list(&self) -> Json {
        let errors = self.errors.iter().map(|error| {
            let key: Vec<&str> = error.key.iter().map(|(_, value)| value.as_str()).collect();
            json!({
                "RecordId": key.join(","),
                "EntityName": error.entity,
                "Field": error.field,
                "ErrorMessage": error.message,
            })
        });
        errors.collect()
    }
}

/// All runs, by their ids.
#[derive(Default)]
pub(in crate::finops) struct Executions {
    state: Mutex<HashMap<String, Execution>>,
}

impl Executions {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Execution>) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a run; one with the same id is forgotten.
    pub(in crate::finops) fn put(&self, id: &str, execution: Execution) {
        self.with(|all| all.insert(id.to_owned(), execution));
    }

    /// Notes how a run ended, keeping what was asked of it meanwhile.
    pub(in crate::finops) fn end(&self, id: &str, ended: Execution) {
        self.with(|all| {
            let polls = all.get(id).map_or(0, |known| known.polls);
            all.insert(id.to_owned(), Execution { polls, ..ended });
        });
    }

    /// A run as it is.
    pub(in crate::finops) fn get(&self, id: &str) -> Option<Execution> {
        self.with(|all| all.get(id).cloned())
    }

    /// The state as it is told: a run seems to go on for the first `polls` questions.
    pub(in crate::finops) fn poll(&self, id: &str, polls: u32) -> &'static str {
        self.with(|all| {
            let Some(execution) = all.get_mut(id) else {
                return "Unknown";
            };
            if execution.polls < polls && execution.status != Status::NotRun {
                execution.polls += 1;
                return Status::Executing.word();
            }
            execution.status.word()
        })
    }

    /// Keeps the address of an error file.
    pub(in crate::finops) fn keep_file(&self, id: &str, name: String, address: String) {
        self.with(|all| {
            if let Some(execution) = all.get_mut(id) {
                execution.files.insert(name, (0, address));
            }
        });
    }

    /// The address of an error file; empty for the first `polls` questions, as if it were still
    /// being made, and when there is none.
    pub(in crate::finops) fn file(&self, id: &str, name: &str, polls: u32) -> String {
        self.with(|all| {
            let file = all.get_mut(id).and_then(|known| known.files.get_mut(name));
            match file {
                Some((asked, _)) if *asked < polls => {
                    *asked += 1;
                    String::new()
                }
                Some((_, address)) => address.clone(),
                None => String::new(),
            }
        })
    }
}
