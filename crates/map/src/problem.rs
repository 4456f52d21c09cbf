//! What stops one row: a finding with the field, the rule and the fix, without the row's values.

use crate::diagnostic::Code;
use crate::value::Value;
use crate::words::a;
use serde::Serialize;
use std::fmt;

/// Why a row cannot be applied as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its stable code.
    pub code: Code,
    /// The field's line in the map file.
    pub field: String,
    /// The column that cannot take or give the value.
    pub column: String,
    /// What is wrong; lengths and rules, never the value of a text or number.
    pub message: String,
    /// What to do.
    pub fix: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} ({}): {}",
            self.code, self.column, self.field, self.message
        )?;
        match &self.fix {
            Some(fix) => write!(f, "; {fix}"),
            None => Ok(()),
        }
    }
}

/// A value as a message may show it: members of enumerations and options are the system's own
/// words, everything else may be personal and is only measured.
pub(crate) fn measured(value: &Value) -> String {
    match value {
        Value::Symbol(symbol) => format!("`{symbol}`"),
        Value::Bool(yes) => format!("`{yes}`"),
        Value::Text(text) => format!("a text of {} characters", text.chars().count()),
        Value::Null => "an empty value".to_owned(),
        other => a(other.kind()),
    }
}
