//! What a search by equal values found, whatever service was asked.

use crate::codes;
use crate::connection::Answer;
use crate::error::{Class, SystemError};
use crate::service::Service;
use crate::system::Found;
use duet_map::record::Record;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// A search reads so many rows at most. Two are too many to be one; the others let the caller
/// sort out those that it knows, and make room for rows that the service found too loosely.
pub(crate) const TOP: &str = "25";

#[derive(Deserialize)]
struct Rows {
    value: Vec<Map<String, Json>>,
}

/// Reads the answer to one search. `read` makes a record of a row, or leaves out one that is not
/// what was searched for.
pub(crate) fn found<S: Service>(
    service: &S,
    answer: Answer,
    read: impl Fn(&Map<String, Json>) -> Result<Option<Record>, SystemError>,
) -> Result<Found, SystemError> {
    let rows: Rows = service.accept(answer)?.json(service.connection().name())?;
    let records = rows.value.iter().map(read).filter_map(Result::transpose);
    let mut records: Vec<Record> = records.collect::<Result<_, _>>()?;
    Ok(match records.len() {
        0 | 1 => records
            .pop()
            .map_or(Found::None, |record| Found::One(Box::new(record))),
        _ => Found::Many(records.into_iter().map(|record| record.id).collect()),
    })
}

/// A path of a map that cannot be followed from a table.
pub(crate) fn bad_path(set: &str, path: &str, why: &str) -> SystemError {
    SystemError::new(
        Class::FixMap,
        codes::BAD_PATH,
        format!("the path `{path}` from `{set}` {why}; correct the map"),
    )
}
