//! Findings about maps and rows, for the person who has to act.
//!
//! A finding has a stable [`Code`] with a page in the documentation, a place, the facts that clash
//! and the fix.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A stable code (`DUET1004`). The first digit names the area: 1 maps and schemas, 2 rows and
/// values, 3 systems, 4 store and engine, 5 configuration and command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DUET{:04}", self.0)
    }
}

/// A text that is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code is written DUET1051")]
pub struct NoCode;

impl FromStr for Code {
    type Err = NoCode;

    fn from_str(text: &str) -> Result<Self, NoCode> {
        let digits = text.strip_prefix("DUET").filter(|digits| {
            digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit())
        });
        digits
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or(NoCode)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Runs, but some rows will not fare as the map's author may think.
    Warning,
    /// Cannot run.
    Error,
}

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// How many characters are meant.
    pub length: usize,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// The facts that clash and what will happen at run time.
    pub notes: Vec<String>,
    /// What to do.
    pub fix: Option<String>,
}
