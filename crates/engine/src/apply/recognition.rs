//! Recognition: tells the record that a create of Duet's own made from everybody else's.
//!
//! Where Duet chooses a record's identifier, nothing else is needed. Where the system does, the record
//! is known by its key, and where the system allocates the key as well, by all the values that were
//! sent, whatever the system has made of their spelling.

use super::ended;
use super::intake::Arrival;
use super::unknown::Stands;
use crate::capture::is_unresolved;
use crate::core::Core;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::record::{Record, RecordId};
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_store::intent::{Intent, Sent};
use duet_store::pair::PairState;
use duet_store::settlement::{Outcome, Settlement};
use duet_systems::{Find, Found};

impl Core {
    /// Looks for the record that a create may have made whose identifier the system chose: one that
    /// belongs to no pair and carries the key that was sent, else every value that was sent.
    pub(super) async fn search_created(
        &self,
        map: &CompiledMap,
        intent: &Intent,
        row: &Row,
    ) -> Result<Stands, EngineError> {
        let to = intent.to;
        let keys = key_columns(map, to);
        let named = keys.iter().all(|column| !row.value(column).is_null());
        let equal = row
            .iter()
            .filter(|(_, value)| !value.is_null())
            .filter(|(column, _)| !named || keys.iter().any(|key| key == column))
            .map(|(column, value)| (column.to_owned(), value.clone()))
            .collect();
        let found = self.systems[to]
            .find(map.table(to), map.columns(to), &[Find { equal }])
            .await
            .map_err(|error| self.failed(to, format!("search {}", map.table(to)), error))?
            .into_iter()
            .next()
            .unwrap_or(Found::None);
        let (ids, one) = match found {
            Found::None => return Ok(Stands::Absent),
            Found::One(record) => (vec![record.id.clone()], Some(record)),
            Found::Many(ids) => (ids, None),
        };
        let paired = self.store.pairs_by_record(map.id(), to, &ids).await?;
        let free: Vec<RecordId> = ids
            .into_iter()
            .filter(|id| {
                paired
                    .get(id)
                    .is_none_or(|pair| pair.body.state == PairState::Deleted)
            })
            .collect();
        match (free.as_slice(), one) {
            ([], _) => Ok(Stands::Absent),
            ([_], Some(record)) => Ok(Stands::Here(record)),
            ([id], None) => {
                let read = self.systems[to]
                    .fetch(map.table(to), map.columns(to), std::slice::from_ref(id))
                    .await
                    .map_err(|error| self.failed(to, format!("read {}", map.table(to)), error))?;
                let read = read.into_iter().flatten().next();
                Ok(read.map_or(Stands::Absent, |record| Stands::Here(Box::new(record))))
            }
            _ => Ok(Stands::Several),
        }
    }

    /// Holds back records that look like what a create of our own asked for whose answer never came
    /// and whose number its system chose: until somebody has looked, nobody knows whose they are.
    pub(super) async fn hold_back_own(
        &self,
        map: &CompiledMap,
        arrivals: Vec<Arrival>,
        settlements: &mut Vec<Settlement>,
    ) -> Result<Vec<Arrival>, EngineError> {
        let Some(to) = map.allocates() else {
            return Ok(arrivals);
        };
        let unpaired = |arrival: &Arrival| {
            arrival.pair.is_none() && arrival.change.change.side == to && arrival.row.is_some()
        };
        if !arrivals.iter().any(unpaired) {
            return Ok(arrivals);
        }
        let mut open = self.store.unnamed_creates(map.id(), to).await?;
        open.retain(|intent| is_unresolved(&intent.key));
        let mut free = Vec::with_capacity(arrivals.len());
        let mut recognised = Vec::new();
        for arrival in arrivals {
            let own = arrival
                .row
                .as_ref()
                .filter(|_| unpaired(&arrival))
                .and_then(|(row, _)| open.iter().find_map(|one| recognise(map, one, row)));
            if let Some(intent) = own {
                recognised.push(intent);
                let outcome = Outcome::Postponed {
                    until: self.due_again(arrival.change.attempts, None),
                    code: Code(4105).to_string(),
                };
                settlements.push(ended(&arrival.change, outcome));
            } else {
                free.push(arrival);
            }
        }
        if !recognised.is_empty() {
            self.store.add_intents(recognised).await?;
        }
        Ok(free)
    }
}

/// Whether a row holds everything that was sent, or what its system may have made of it: the same
/// letters and digits, in whatever case and however separated.
fn looks_like(map: &CompiledMap, to: Side, sent: &Row, row: &Row) -> bool {
    let (sent, row) = (map.image(to, sent), map.image(to, row));
    let alike = |sent: &Value, stands: &Value| match (sent.as_str(), stands.as_str()) {
        (Some(sent), Some(stands)) => letters(sent).eq(letters(stands)),
        _ => false,
    };
    sent.iter().all(|(column, sent)| {
        let stands = row.value(column);
        sent.is_null() || sent == stands || alike(sent, stands)
    })
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
}

/// What of a record is ours that may have come from a create. `None`: nothing tells that it did.
pub(super) fn created(
    map: &CompiledMap,
    intent: &Intent,
    chosen_id: bool,
    row: &Row,
    record: &Record,
) -> Option<Row> {
    let keys = key_columns(map, intent.to);
    let mut sent = map.image(intent.to, row);
    sent.0.retain(|_, value| !value.is_null());
    let mut arrived = map.arrived(intent.to, &sent, &record.row);
    // Nobody else knows the identifier; and nobody else enters so many values alike.
    if chosen_id || looks_like(map, intent.to, &sent, &record.row) {
        // Of what was not sent nothing is known, but that nothing stands there.
        let stands = map.image(intent.to, &record.row).0.into_iter();
        arrived = stands.filter(|(_, value)| value.is_null()).collect();
        arrived.0.extend(sent.0);
    } else {
        // A stranger under the same key may share a value or two.
        let telling = |row: &Row| {
            row.iter()
                .filter(|(column, _)| !is_key(&keys, column))
                .count()
        };
        if telling(&arrived) * 2 <= telling(&sent) {
            return None;
        }
    }
    if is_unresolved(&intent.key) {
        // The number, which the system added, has yet to travel back.
        let number = map.key_paths(intent.to);
        arrived.0.retain(|column, _| !is_key(&number, column));
    }
    Some(arrived)
}

/// The columns that the key is read from, the company's included.
fn key_columns(map: &CompiledMap, side: Side) -> Vec<String> {
    let mut columns = map.key_paths(side);
    let company = map.schema(side).company.clone();
    columns.extend(company.filter(|_| map.is_per_company()));
    columns
}

fn is_key(keys: &[String], column: &str) -> bool {
    keys.iter().any(|key| key == column)
}

/// The intent of a row that holds everything it asked for, or the key under which its record was
/// recognised before. People may change the record before somebody looks, but not its key.
fn recognise(map: &CompiledMap, intent: &Intent, row: &Row) -> Option<Intent> {
    let Sent::Create { id, row: sent } = &intent.sent else {
        return None;
    };
    let (asked, image) = (map.image(intent.to, sent), map.image(intent.to, row));
    let holds = |column: &str| image.value(column) == asked.value(column);
    let keys = map.key_paths(intent.to);
    let answers = if keys.iter().all(|column| !asked.value(column).is_null()) {
        keys.iter().all(|column| holds(column))
    } else {
        looks_like(map, intent.to, sent, row)
    };
    answers.then(|| {
        let mut sent = sent.clone();
        for column in keys {
            let value = row.value(&column).clone();
            sent.set(column, value);
        }
        Intent {
            sent: Sent::Create {
                id: id.clone(),
                row: sent,
            },
            ..intent.clone()
        }
    })
}
