//! Positions in reads and in changes: the service's own links, with the columns they read.

use crate::error::SystemError;
use crate::mismatch;
use crate::system::Cursor;
use serde::{Deserialize, Serialize};

/// A stored position. Its JSON form is a persisted format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    v: u8,
    /// The link to follow, without scheme and host.
    pub(super) link: String,
    /// The columns that the link reads, sorted: a link repeats its `$select`.
    pub(super) columns: Vec<String>,
    /// Whether the read it belongs to tracks changes.
    pub(super) tracked: bool,
}

impl Position {
    pub(super) fn new(link: String, columns: Vec<String>, tracked: bool) -> Self {
        Self {
            v: 1,
            link,
            columns,
            tracked,
        }
    }

    pub(super) fn cursor(&self) -> Cursor {
        // A struct of texts always has a JSON form.
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }

    pub(super) fn parse(system: &str, table: &str, cursor: &Cursor) -> Result<Self, SystemError> {
        serde_json::from_str::<Self>(&cursor.0)
            .ok()
            .filter(|position| position.v == 1)
            .ok_or_else(|| mismatch::bad_cursor(system, table))
    }

    /// Whether the link reads all of these columns.
    pub(super) fn covers(&self, columns: &[String]) -> bool {
        columns.iter().all(|column| self.columns.contains(column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_and_its_form_stands() {
        let position = Position::new("/api/x?$deltatoken=1".into(), vec!["name".into()], true);
        let cursor = position.cursor();
        insta::assert_snapshot!(
            cursor.0,
            @r#"{"v":1,"link":"/api/x?$deltatoken=1","columns":["name"],"tracked":true}"#
        );
        assert_eq!(Position::parse("s", "t", &cursor).unwrap(), position);
        for other in ["", "{}", r#"{"v":2,"link":"","columns":[],"tracked":true}"#] {
            let error = Position::parse("s", "t", &Cursor(other.into())).unwrap_err();
            assert_eq!(error.class, crate::error::Class::CursorExpired);
        }
    }
}
