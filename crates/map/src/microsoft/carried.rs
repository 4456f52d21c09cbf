//! What stays beside an imported map: the document it came from, so that nothing of it is lost.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// The version of the format of a carried document.
const FORMAT: u32 = 1;

/// A document that a map was imported from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    format: u32,
    /// Which leg of it became the map.
    pub leg: usize,
    /// The other columns of the row that held it, if it was a row.
    pub record: Map<String, Json>,
    /// The document itself.
    pub mapping: Json,
}

/// Why a carried document does not read.
#[derive(Debug, thiserror::Error)]
pub enum CarriedError {
    /// It is no JSON of this form.
    #[error("it is not what an import writes: {0}")]
    Form(#[from] serde_json::Error),
    /// A later release wrote it.
    #[error("it has format {0}, this release reads {FORMAT}")]
    Format(u32),
}

impl Carried {
    /// A document and which leg of it is meant.
    pub const fn new(leg: usize, record: Map<String, Json>, mapping: Json) -> Self {
        Self {
            format: FORMAT,
            leg,
            record,
            mapping,
        }
    }

    /// Reads the text that [`Self::to_json`] wrote.
    pub fn parse(text: &str) -> Result<Self, CarriedError> {
        let carried: Self = serde_json::from_str(text)?;
        if carried.format == FORMAT {
            Ok(carried)
        } else {
            Err(CarriedError::Format(carried.format))
        }
    }

    /// The text to keep beside the map.
    pub fn to_json(&self) -> String {
        // A document that was read has nothing that JSON cannot say.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Whether two maps came from one document.
    pub fn same_document(&self, other: &Self) -> bool {
        self.record == other.record && self.mapping == other.mapping
    }
}
