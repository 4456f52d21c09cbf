//! What people order of maps: pause, resume, stop, and requests to look again.
//!
//! An order goes into the store, so that any process can give one, whether or not another one runs.
//! The process that runs takes it up when it is woken, or at its next look.

use crate::capture::live_cursor;
use crate::definition;
use duet_map::side::Side;
use duet_store::lifecycle::{Cause, Forget, Order, Queue, Wanted};
use duet_store::store::Capture;
use duet_store::{Store, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Pauses maps: changes are captured and queue.
pub async fn pause(
    store: &dyn Store,
    maps: &[String],
    reason: Option<String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    give(store, maps, Wanted::Pause, Queue::CatchUp, reason, now).await
}

/// Lets maps run: ends a pause or a stop. What queued up to this moment ends as `queue` says. A map
/// that is shown as paused by a changed schema accepts the schema as it is; nobody accepts what they
/// were not shown.
pub async fn resume(
    store: &dyn Store,
    maps: &[String],
    queue: Queue,
    now: Timestamp,
) -> Result<(), StoreError> {
    let statuses = store.map_statuses().await?;
    let changed = |map: &String| {
        statuses.iter().any(|status| {
            let error = status.error.as_ref();
            status.map == *map && error.is_some_and(|error| error.starts_with(definition::CHANGED))
        })
    };
    for mut definition in store.definitions().await? {
        if maps.contains(&definition.map) && changed(&definition.map) {
            definition::ACCEPT.clone_into(&mut definition.columns);
            store.define(definition, None).await?;
        }
    }
    give(store, maps, Wanted::Run, queue, None, now).await
}

/// Stops maps: nothing is captured for them. Running again reads their tables whole.
pub async fn stop(store: &dyn Store, maps: &[String], now: Timestamp) -> Result<(), StoreError> {
    give(store, maps, Wanted::Stop, Queue::CatchUp, None, now).await
}

async fn give(
    store: &dyn Store,
    maps: &[String],
    wanted: Wanted,
    queue: Queue,
    reason: Option<String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let up_to = store.last_place().await?;
    let orders = maps
        .iter()
        .map(|map| Order {
            map: map.clone(),
            wanted,
            cause: Cause::Person,
            reason: reason.clone(),
            queue,
            up_to,
            at: now,
        })
        .collect();
    store.set_orders(orders).await
}

/// The environment behind a side turns out to be the same at another address, or a copy of it.
/// Pairs, parked changes and figures stay. Every table of the side is read whole at the next start,
/// because saved positions and versions belong to the old address; rows that both sides agree on
/// are not written.
pub async fn relink(
    store: &dyn Store,
    side: Side,
    tables: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    for mut definition in store.definitions().await? {
        definition.whole = false;
        definition.at = now;
        store
            .define(definition, Some(Forget::Versions(side)))
            .await?;
    }
    let cursors = tables
        .iter()
        .map(|table| (live_cursor(side, table), None))
        .collect();
    let forget = Capture {
        cursors,
        ..Capture::default()
    };
    store.journal(forget, now).await
}

/// What a person asks of the process that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Read `duet.yaml` and the map files again.
    Reload,
    /// Read the metadata of tables again; empty means all.
    Refresh(Vec<String>),
}

#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    at: Timestamp,
    request: Request,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// When it was asked.
    pub asked: Timestamp,
    /// Whether maps changed.
    pub changed: bool,
    /// Maps that run or could.
    pub maps: usize,
    /// Maps that are error-paused, with the reason of each.
    pub broken: Vec<(String, String)>,
    /// Why nothing was done.
    pub refused: Option<String>,
}

const REQUEST: &str = "request";
const ANSWER: &str = "answer";

/// Asks the process that runs; [`answer`] tells what came of it.
pub async fn ask(store: &dyn Store, request: Request, now: Timestamp) -> Result<(), StoreError> {
    save(store, REQUEST, &Asked { at: now, request }, now).await
}

/// The answer to the request of that moment, once there is one.
pub async fn answer(store: &dyn Store, asked: Timestamp) -> Result<Option<Answer>, StoreError> {
    let answer: Option<Answer> = load(store, ANSWER).await?;
    Ok(answer.filter(|answer| answer.asked == asked))
}

/// The request that nobody has answered yet.
pub(crate) async fn asked(store: &dyn Store) -> Result<Option<(Timestamp, Request)>, StoreError> {
    let asked: Option<Asked> = load(store, REQUEST).await?;
    Ok(asked.map(|asked| (asked.at, asked.request)))
}

/// Answers the request.
pub(crate) async fn reply(
    store: &dyn Store,
    answer: &Answer,
    now: Timestamp,
) -> Result<(), StoreError> {
    let cursors = vec![
        (REQUEST.to_owned(), None),
        (ANSWER.to_owned(), serde_json::to_string(answer).ok()),
    ];
    let capture = Capture {
        cursors,
        ..Capture::default()
    };
    store.journal(capture, now).await
}

async fn save(
    store: &dyn Store,
    name: &str,
    value: &impl Serialize,
    now: Timestamp,
) -> Result<(), StoreError> {
    let cursors = vec![(name.to_owned(), serde_json::to_string(value).ok())];
    let capture = Capture {
        cursors,
        ..Capture::default()
    };
    store.journal(capture, now).await
}

async fn load<T: serde::de::DeserializeOwned>(
    store: &dyn Store,
    name: &str,
) -> Result<Option<T>, StoreError> {
    let text = store.cursor(name).await?;
    // One of another release's form is no request that this one could meet.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
