//! Whole reads and changes of a table that is read in pages by key and by time of modification.
//!
//! A connector says how one page is read ([`Paged`]); this module goes from page to page
//! ([`whole`]) and from sweep to sweep ([`changes`], over the [`Window`] that a cursor holds).

use crate::codes;
use crate::connection::failure;
use crate::error::{Class, SystemError};
use crate::mismatch;
use crate::system::{Changes, ChangesRequest, Cursor, Page, Seen, SnapshotRequest};
use crate::window::{Place, Window};
use async_trait::async_trait;
use duet_map::record::{Record, RecordId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What a page is to hold.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// The columns; identifier, version and time of modification come anyway.
    pub(crate) columns: &'a [String],
    /// Only rows of these companies.
    pub(crate) companies: &'a [String],
    /// Whether the order begins with the time of modification.
    pub(crate) by_modified: bool,
    /// Only rows modified at or after this time.
    pub(crate) from: Option<Timestamp>,
    /// Only rows after this one.
    pub(crate) after: Option<Place>,
}

/// A page of records, in the order that was asked for.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) records: Vec<Record>,
    /// Whether rows may follow.
    pub(crate) more: bool,
    /// The service's time.
    pub(crate) now: Timestamp,
}

/// A table that can be read a page at a time.
#[async_trait]
pub(crate) trait Paged: Sync {
    /// The connection's name, for messages.
    fn system(&self) -> &str;

    /// The table's name, for messages.
    fn table(&self) -> &str;

    /// Whether rows tell when they were modified.
    fn tracked(&self) -> bool;

    /// How far back every sweep reaches, so that rows whose transaction ended late are not missed.
    fn overlap(&self) -> SignedDuration;

    /// Reads one page.
    async fn page(&self, ask: &Ask<'_>) -> Result<Answered, SystemError>;

    /// Reads records by identifier.
    async fn fetch(
        &self,
        columns: &[String],
        ids: &[RecordId],
    ) -> Result<Vec<Option<Record>>, SystemError>;
}

/// Where a whole read stands. Its JSON form is a persisted format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    v: u8,
    /// The last record that was read.
    after: String,
    /// From where changes are to be read once this read is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
}

/// Reads the next page of a whole table. With `tracked` the last page tells from where changes are
/// to be read.
pub(crate) async fn whole(
    paged: &impl Paged,
    request: &SnapshotRequest,
    columns: &[String],
    tracked: bool,
) -> Result<Page, SystemError> {
    let position = request
        .after
        .as_ref()
        .map(|cursor| {
            serde_json::from_str::<Position>(&cursor.0)
                .ok()
                .filter(|position| position.v == 1)
                .ok_or_else(|| mismatch::bad_cursor(paged.system(), paged.table()))
        })
        .transpose()?;
    let answered = page(
        paged,
        &Ask {
            columns,
            companies: &request.companies,
            by_modified: false,
            from: None,
            after: position.as_ref().map(|position| Place {
                modified: Timestamp::UNIX_EPOCH,
                id: position.after.clone(),
            }),
        },
    )
    .await?;
    let mut window = match position {
        Some(position) => position.window,
        // Changes are read from before the first page on.
        None => tracked.then(|| Window::opening(answered.now, paged.overlap())),
    };
    if let Some(window) = &mut window {
        for record in &answered.records {
            window.remember(record);
        }
    }
    let last = answered.records.last().map(|record| record.id.0.clone());
    let next = last.filter(|_| answered.more).map(|after| {
        let position = Position {
            v: 1,
            after,
            window: window.clone(),
        };
        Cursor(serde_json::to_string(&position).unwrap_or_default())
    });
    let changes_from = match (&next, window) {
        (None, Some(window)) => Some(window.cursor()),
        _ => None,
    };
    Ok(Page {
        records: answered.records,
        next,
        changes_from,
    })
}

/// Sweeps once over what was modified just now without reporting it.
pub(crate) async fn from_now(
    paged: &impl Paged,
    name: &str,
    columns: &[String],
) -> Result<Cursor, SystemError> {
    require_modified(paged)?;
    let opening = page(
        paged,
        &Ask {
            columns,
            companies: &[],
            by_modified: true,
            from: Some(far_future()),
            after: None,
        },
    )
    .await?;
    let mut cursor = Window::opening(opening.now, paged.overlap()).cursor();
    loop {
        let request = ChangesRequest {
            table: name.to_owned(),
            columns: columns.to_vec(),
            companies: Vec::new(),
            since: cursor,
        };
        let read = changes(paged, &request).await?;
        cursor = read.next;
        if !read.more {
            return Ok(cursor);
        }
    }
}

/// Reads what was modified since a cursor.
pub(crate) async fn changes(
    paged: &impl Paged,
    request: &ChangesRequest,
) -> Result<Changes, SystemError> {
    require_modified(paged)?;
    let mut window = Window::parse(paged.system(), paged.table(), &request.since)?;
    loop {
        let (news, more) = sweep_page(paged, request, &mut window).await?;
        if !more {
            window.end(paged.overlap());
        }
        // Pages that hold nothing new are not worth a round through the engine.
        if !news.is_empty() || !more {
            return Ok(Changes {
                seen: news.into_iter().map(Seen::Upserted).collect(),
                next: window.cursor(),
                more,
            });
        }
    }
}

/// Reads the next page of a sweep: what is news on it, and whether pages follow.
async fn sweep_page(
    paged: &impl Paged,
    request: &ChangesRequest,
    window: &mut Window,
) -> Result<(Vec<Record>, bool), SystemError> {
    // After a busy while most rows of the window are known, and every poll meets them again.
    let narrow = window.is_crowded();
    let mut ask = Ask {
        columns: if narrow { &[] } else { &request.columns },
        companies: &request.companies,
        by_modified: true,
        from: Some(window.from),
        after: window.at.clone(),
    };
    let mut answered = page(paged, &ask).await?;
    let news = |answered: &Answered| {
        let unknown = |record: &&Record| !window.knows(record);
        answered.records.iter().filter(unknown).count()
    };
    let again = narrow && news(&answered) > answered.records.len() / 4;
    if again {
        ask.columns = &request.columns;
        answered = page(paged, &ask).await?;
    }
    window.begin(answered.now);
    let mut fresh = Vec::new();
    for record in answered.records {
        let modified = record.modified.ok_or_else(|| {
            failure::unexpected(
                paged.system(),
                &format!("reading the changes of `{}`", paged.table()),
                "a row does not tell when it was modified",
            )
        })?;
        if window.take(&record, modified) {
            fresh.push(record);
        }
    }
    if narrow && !again && !fresh.is_empty() {
        let ids: Vec<RecordId> = fresh.into_iter().map(|record| record.id).collect();
        let read = paged.fetch(&request.columns, &ids).await?;
        // One that is gone by now is no news; one that moved on is known at its new version.
        fresh = read.into_iter().flatten().collect();
        for record in &fresh {
            window.note(record);
        }
    }
    Ok((fresh, answered.more))
}

/// Reads a page and makes sure that it leads on.
async fn page(paged: &impl Paged, ask: &Ask<'_>) -> Result<Answered, SystemError> {
    let mut answered = paged.page(ask).await?;
    if let (Some(last), Some(place)) = (answered.records.last(), &ask.after)
        && answered.more
        && last.id.0 == place.id
        && (!ask.by_modified || last.modified == Some(place.modified))
    {
        return Err(same_page(paged.system(), paged.table()));
    }
    answered.more &= !answered.records.is_empty();
    Ok(answered)
}

/// The service sends a page that it has sent before.
pub(crate) fn same_page(system: &str, table: &str) -> SystemError {
    SystemError::new(
        Class::Bug,
        codes::PAGES,
        format!(
            "`{system}` sent the same page of `{table}` twice, so reading would never end; nothing \
             of it is taken for a change. Check that the service filters and orders by the key"
        ),
    )
}

/// A time that no row was modified at or after; reading from there tells only the service's time.
fn far_future() -> Timestamp {
    Timestamp::from_second(32_503_680_000).unwrap_or(Timestamp::MAX)
}

fn require_modified(paged: &impl Paged) -> Result<(), SystemError> {
    if paged.tracked() {
        return Ok(());
    }
    Err(SystemError::new(
        Class::FixMap,
        codes::NOT_TRACKED,
        format!(
            "`{}` has no field that tells when a row was modified, so its changes cannot be read; \
             name one in the configuration, or extend the entity by one",
            paged.table()
        ),
    ))
}
