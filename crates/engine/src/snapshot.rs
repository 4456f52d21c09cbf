//! Whole reads: every record of a table into the journal, page by page, resumable.
//!
//! A whole read ends with the comparison of key sets that it makes possible: a pair whose record
//! was not seen may have been deleted while nobody watched. Such a record is looked up by itself
//! before its deletion is journaled, and a suspiciously large number of them stops everything.

use crate::capture::live_cursor;
use crate::core::Core;
use crate::error::EngineError;
use crate::live::Stop;
use crate::progress::Event;
use crate::project::TableUse;
use duet_map::record::RecordId;
use duet_map::side::Side;
use duet_store::change::{ChangeKind, Origin, ParkedFilter};
use duet_store::pair::PairState;
use duet_store::store::Capture;
use duet_systems::{Class, Cursor, Page, Seen, SnapshotRequest};
use std::collections::HashSet;

/// How many missing records are looked up at once.
const LOOK_UPS: usize = 200;

/// How many parked changes are looked after at once. Bounds memory.
const MOST_PARKED: usize = 2_000;

/// How many deletions one confirmation lets pass at most. Bounds memory.
const CONFIRMED_AT_ONCE: usize = 10_000;

/// The name under which the store remembers that a comparison holds deletions of a map back.
pub(crate) fn held_cursor(side: Side, map: &str) -> String {
    format!("held:{side}:{map}")
}

/// The name under which the store remembers that a person lets those deletions pass.
pub(crate) fn confirmed_cursor(side: Side, map: &str) -> String {
    format!("confirmed:{side}:{map}")
}

/// What a whole read found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SnapshotFigures {
    /// Records read.
    pub(crate) records: u64,
    /// Pairs whose record was missing, and more of them than the brake lets pass.
    pub(crate) held: u64,
}

fn page_cursor(side: Side, table: &str) -> String {
    format!("snapshot:{side}:{table}")
}

/// The value of a page cursor when no page is left to read.
const READ: &str = "";

/// Where the place from which changes are read on is kept while key sets are compared. Until the
/// comparison has come to its end, nobody knows of the records that were deleted unseen, so the
/// live cursor is not moved past them.
fn comparing_cursor(side: Side, table: &str) -> String {
    format!("comparing:{side}:{table}")
}

impl Core {
    /// Reads a table whole into the journal, going on where an interrupted read ended.
    pub(crate) async fn snapshot(
        &self,
        side: Side,
        used: &TableUse,
    ) -> Result<SnapshotFigures, EngineError> {
        let _reading = self.reading(side, &used.table).await;
        let name = page_cursor(side, &used.table);
        let comparing = comparing_cursor(side, &used.table);
        let mut figures = SnapshotFigures::default();
        if self.store.cursor(&comparing).await?.is_none() {
            let read = self.read_whole(side, used, &name, &comparing, None).await?;
            // Nobody asks it to stop.
            figures.records = read.unwrap_or_default();
        }
        figures.held = self.journal_missing(side, used, &name).await?;
        self.settings.failpoints.reach("key-sets-compared");
        let from = self.store.cursor(&comparing).await?;
        let mut cursors = vec![(comparing, None)];
        if let Some(from) = from.filter(|from| !from.is_empty()) {
            cursors.push((live_cursor(side, &used.table), Some(from)));
        }
        self.journal(Capture {
            cursors,
            ..Capture::default()
        })
        .await?;
        self.store.end_sweep(&name).await?;
        self.progress.report(Event::SnapshotDone {
            side,
            table: used.table.clone(),
            records: figures.records,
        });
        Ok(figures)
    }

    /// Reads a table whole for one map, while its changes go on being read for all maps that mention
    /// it. Returns `false` when it was asked to stop before the end.
    pub(crate) async fn reread(
        &self,
        side: Side,
        place: usize,
        stop: &Stop,
    ) -> Result<bool, EngineError> {
        let Some(map) = self.project.maps().get(place) else {
            return Ok(true);
        };
        let used = TableUse {
            table: map.table(side).to_owned(),
            columns: map.columns(side).to_vec(),
            maps: vec![place],
        };
        let name = format!("reread:{side}:{}:{}", used.table, map.id());
        let comparing = format!("comparing:{name}");
        let begun = format!("begun:{name}");
        // What an interrupted read brought counts only for the definition that it was begun for.
        let since = self.lifecycle.reads_since(map.id());
        let since = since.map(|since| since.to_string());
        if self.store.cursor(&begun).await? != since {
            let cursors = vec![
                (name.clone(), None),
                (comparing.clone(), None),
                (begun.clone(), since),
            ];
            self.journal(Capture {
                cursors,
                ..Capture::default()
            })
            .await?;
        }
        if self.store.cursor(&comparing).await?.is_none() {
            let read = self
                .read_whole(side, &used, &name, &comparing, Some(stop))
                .await?;
            if read.is_none() {
                return Ok(false);
            }
        }
        let _reading = self.reading(side, &used.table).await;
        self.read_on(side, &used, &comparing).await?;
        self.journal_missing(side, &used, &name).await?;
        self.settings.failpoints.reach("key-sets-compared");
        self.journal(Capture {
            cursors: vec![(name.clone(), None), (comparing, None), (begun, None)],
            ..Capture::default()
        })
        .await?;
        self.store.end_sweep(&name).await?;
        Ok(true)
    }

    /// Reads what changed since a whole read for one map. What was listed may be older than the place
    /// from which changes are read for all maps, and what lies between was not read for this one.
    async fn read_on(&self, side: Side, used: &TableUse, from: &str) -> Result<(), EngineError> {
        while let Some(since) = self.store.cursor(from).await?
            && !since.is_empty()
        {
            let tick = self.tick().await?;
            let Some(read) = self.read_changes(side, used, &since).await? else {
                // So old that nobody knows any more.
                return Ok(());
            };
            let ended = !read.more;
            let changes = self
                .address(side, used, read.seen, tick, Origin::Live)
                .await?;
            self.journal(Capture {
                changes,
                cursors: vec![(from.to_owned(), Some(read.next.0))],
                ..Capture::default()
            })
            .await?;
            if ended {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads a table's pages, going on where an interrupted read ended, until only the comparison of
    /// key sets is left to do. Returns how many records were read.
    ///
    /// Without `stop` the caller holds the table's reading. With it the reading is taken for each
    /// page, so that changes are read in between, and nothing comes back when it turned true.
    async fn read_whole(
        &self,
        side: Side,
        used: &TableUse,
        name: &str,
        comparing: &str,
        stop: Option<&Stop>,
    ) -> Result<Option<u64>, EngineError> {
        self.progress.report(Event::SnapshotStarted {
            side,
            table: used.table.clone(),
        });
        let saved = self.store.cursor(name).await?;
        let mut after = saved.filter(|cursor| cursor != READ).map(Cursor);
        if after.is_none() {
            self.begin_comparison(name).await?;
        }
        let mut records = 0;
        loop {
            if stop.is_some_and(|stop| *stop.borrow()) {
                return Ok(None);
            }
            let _page = match stop {
                Some(_) => self.reading(side, &used.table).await,
                None => None,
            };
            let tick = self.tick().await?;
            let page = match self.page(side, used, after.clone()).await {
                Ok(page) => page,
                // The place where an earlier process stopped is not known any more.
                Err(error) if after.is_some() && is_stale_place(error.class) => {
                    after = None;
                    records = 0;
                    self.begin_comparison(name).await?;
                    continue;
                }
                Err(error) => return Err(self.failed(side, format!("read {}", used.table), error)),
            };
            records += page.records.len() as u64;
            let ids: Vec<RecordId> = page
                .records
                .iter()
                .map(|record| record.id.clone())
                .collect();
            let seen = page.records.into_iter().map(Seen::Upserted).collect();
            let changes = self
                .address(side, used, seen, tick, Origin::Initial)
                .await?;
            let place = page.next.as_ref().map_or(READ, |next| &next.0);
            let mut cursors = vec![(name.to_owned(), Some(place.to_owned()))];
            if page.next.is_none() {
                let from = page.changes_from.unwrap_or(Cursor(String::new()));
                cursors.push((comparing.to_owned(), Some(from.0)));
            }
            self.settings.failpoints.reach("snapshot-page-read");
            self.journal(Capture {
                changes,
                cursors,
                notices: Vec::new(),
                sweep_seen: Some((name.to_owned(), ids)),
            })
            .await?;
            self.settings.failpoints.reach("snapshot-page-journaled");
            self.progress.report(Event::SnapshotPage {
                side,
                table: used.table.clone(),
                records,
            });
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(Some(records)),
            }
        }
    }

    /// Whether a whole read of the table has begun and is not at its end.
    pub(crate) async fn is_being_read_whole(
        &self,
        side: Side,
        used: &TableUse,
    ) -> Result<bool, EngineError> {
        let pages = self.store.cursor(&page_cursor(side, &used.table)).await?;
        Ok(pages.is_some_and(|place| place != READ)
            || self
                .store
                .cursor(&comparing_cursor(side, &used.table))
                .await?
                .is_some())
    }

    async fn page(
        &self,
        side: Side,
        used: &TableUse,
        after: Option<Cursor>,
    ) -> Result<Page, duet_systems::SystemError> {
        self.systems[side]
            .snapshot(&SnapshotRequest {
                table: used.table.clone(),
                columns: used.columns.clone(),
                companies: self.project.companies(),
                after,
            })
            .await
    }

    /// Begins a comparison of key sets: pairs that are made from now on are no concern of it.
    async fn begin_comparison(&self, name: &str) -> Result<(), EngineError> {
        self.store.end_sweep(name).await?;
        self.journal(Capture {
            sweep_seen: Some((name.to_owned(), Vec::new())),
            ..Capture::default()
        })
        .await
    }

    /// Whether key sets of a table are to be compared again: its side does not report deletions, or
    /// the brake holds what a comparison found missing, which nobody reports any more.
    pub(crate) async fn wants_sweep(
        &self,
        side: Side,
        used: &TableUse,
    ) -> Result<bool, EngineError> {
        if !self.systems[side].reports_deletes() {
            return Ok(true);
        }
        for place in &used.maps {
            if let Some(map) = self.project.maps().get(*place)
                && self
                    .store
                    .cursor(&held_cursor(side, map.id()))
                    .await?
                    .is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Compares a side's identifiers with the pairs. Returns how many missing records the brake holds back.
    pub(crate) async fn sweep(&self, side: Side, used: &TableUse) -> Result<u64, EngineError> {
        let _reading = self.reading(side, &used.table).await;
        let name = format!("sweep:{side}:{}", used.table);
        self.begin_comparison(&name).await?;
        let mut after = None;
        loop {
            let page = self.systems[side]
                .keys(&SnapshotRequest {
                    table: used.table.clone(),
                    columns: Vec::new(),
                    companies: self.project.companies(),
                    after,
                })
                .await
                .map_err(|error| {
                    self.failed(side, format!("read the keys of {}", used.table), error)
                })?;
            let ids = page.records.into_iter().map(|record| record.id).collect();
            self.journal(Capture {
                sweep_seen: Some((name.clone(), ids)),
                ..Capture::default()
            })
            .await?;
            self.settings.failpoints.reach("keys-read");
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let held = self.journal_missing(side, used, &name).await?;
        self.settings.failpoints.reach("key-sets-compared");
        self.store.end_sweep(&name).await?;
        Ok(held)
    }

    /// Journals the deletion of paired records that a complete comparison has not seen and that
    /// are not there when asked for by themselves, and the rows of those that are.
    async fn journal_missing(
        &self,
        side: Side,
        used: &TableUse,
        sweep: &str,
    ) -> Result<u64, EngineError> {
        let mut missing: Vec<RecordId> = Vec::new();
        let mut held = 0;
        let mut passing = Vec::new();
        for place in &used.maps {
            let Some(map) = self.project.maps().get(*place) else {
                continue;
            };
            // A company that left the scope is not read, and so its records miss nothing.
            let companies = if map.is_per_company() {
                self.project.companies()
            } else {
                Vec::new()
            };
            let brake = self.brake(map.id(), side).await?;
            let confirmed = self
                .store
                .cursor(&confirmed_cursor(side, map.id()))
                .await?
                .is_some();
            let limit = if confirmed {
                CONFIRMED_AT_ONCE
            } else {
                usize::try_from(brake.room())
                    .unwrap_or(usize::MAX)
                    .saturating_add(1)
            };
            let found = self
                .store
                .sweep_missing(sweep, map.id(), side, &companies, limit)
                .await?;
            if found.len() as u64 > brake.room() && !confirmed {
                let seen = brake.told();
                self.remember_held(side, map.id(), Some(&seen)).await?;
                held += found.len() as u64;
                self.trouble(
                    side,
                    format!(
                        "DUET4106: {seen} records of {} are missing on the {side} side; nothing is \
                         deleted. Check that the reader may see them all; if they are really \
                         deleted, `duet deletes confirm`",
                        used.table
                    ),
                );
                continue;
            }
            if confirmed {
                passing.push(map.id().to_owned());
            } else if self
                .store
                .cursor(&held_cursor(side, map.id()))
                .await?
                .is_some()
            {
                // What was missing is there again.
                self.remember_held(side, map.id(), None).await?;
            }
            missing.extend(
                found
                    .into_iter()
                    .filter_map(|pair| pair.body.halves[side].record.clone()),
            );
        }
        let unread: HashSet<RecordId> = missing.iter().cloned().collect();
        missing.extend(self.parked_records(side, used).await?);
        missing.sort();
        missing.dedup();
        for ids in missing.chunks(LOOK_UPS) {
            let tick = self.tick().await?;
            let read = self.systems[side]
                .fetch(&used.table, &used.columns, ids)
                .await
                .map_err(|error| self.failed(side, format!("read {}", used.table), error))?;
            // A list may be a little old: what it lacks and is there after all was never read.
            let seen = ids
                .iter()
                .zip(read)
                .filter_map(|(id, record)| match record {
                    None => Some(Seen::Deleted(id.clone())),
                    Some(record) => unread.contains(id).then_some(Seen::Upserted(record)),
                });
            let seen = seen.collect();
            let mut changes = self.address(side, used, seen, tick, Origin::Sweep).await?;
            for change in &mut changes {
                let deletes = change.kind == ChangeKind::Delete;
                change.amendment.confirmed = deletes && passing.contains(&change.map);
            }
            self.journal(Capture {
                changes,
                ..Capture::default()
            })
            .await?;
        }
        for map in &passing {
            self.remember_held(side, map, None).await?;
        }
        Ok(held)
    }

    /// Remembers what the brake holds back of a map, or that it was let pass.
    async fn remember_held(
        &self,
        side: Side,
        map: &str,
        seen: Option<&str>,
    ) -> Result<(), EngineError> {
        let mut cursors = vec![(held_cursor(side, map), seen.map(str::to_owned))];
        if seen.is_none() {
            cursors.push((confirmed_cursor(side, map), None));
        }
        self.journal(Capture {
            cursors,
            ..Capture::default()
        })
        .await
    }

    /// The records without pair of parked changes: a change that waits must not outlive its record.
    /// Nobody reports their deletions, or not those from before a whole read.
    async fn parked_records(
        &self,
        side: Side,
        used: &TableUse,
    ) -> Result<Vec<RecordId>, EngineError> {
        let mut records = Vec::new();
        for place in &used.maps {
            let Some(map) = self.project.maps().get(*place) else {
                continue;
            };
            let filter = ParkedFilter {
                map: Some(map.id().to_owned()),
                ..ParkedFilter::default()
            };
            let parked = self.store.parked(&filter, MOST_PARKED).await?;
            let here: Vec<RecordId> = parked
                .into_iter()
                .filter(|parked| parked.side == side)
                .map(|parked| parked.record)
                .collect();
            // Those of pairs are compared with the pairs, unless the pair has ended.
            let pairs = self.store.pairs_by_record(map.id(), side, &here).await?;
            records.extend(here.into_iter().filter(|record| {
                pairs
                    .get(record)
                    .is_none_or(|pair| pair.body.state == PairState::Deleted)
            }));
        }
        Ok(records)
    }

    /// Forgets how far whole reads got, so that the next one begins anew.
    pub(crate) async fn forget_snapshots(&self) -> Result<(), EngineError> {
        let cursors = Side::BOTH
            .into_iter()
            .flat_map(|side| {
                self.project.tables(side).iter().flat_map(move |used| {
                    [
                        (page_cursor(side, &used.table), None),
                        (comparing_cursor(side, &used.table), None),
                    ]
                })
            })
            .collect();
        self.store
            .journal(
                Capture {
                    cursors,
                    ..Capture::default()
                },
                self.clock.now(),
            )
            .await?;
        Ok(())
    }

    /// Whether a whole read of this table was completed by the sync that is going on.
    pub(crate) async fn snapshot_done(
        &self,
        side: Side,
        used: &TableUse,
    ) -> Result<bool, EngineError> {
        let pages = self.store.cursor(&page_cursor(side, &used.table)).await?;
        let live = self.store.cursor(&live_cursor(side, &used.table)).await?;
        Ok(pages.as_deref() == Some(READ)
            && live.is_some()
            && !self.is_being_read_whole(side, used).await?)
    }
}

const fn is_stale_place(class: Class) -> bool {
    matches!(
        class,
        Class::CursorExpired | Class::FixMap | Class::FixData | Class::Gone | Class::Bug
    )
}
