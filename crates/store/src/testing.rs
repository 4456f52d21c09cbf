//! Builders for tests: a change, a pair or a settlement in one line, with the rest filled in.

use crate::change::{
    Amendment, Change, ChangeKind, NewChange, Origin, Park, ParkReason, ParkedFilter,
};
use crate::conflict::OpenConflict;
use crate::pair::{Half, Pair, PairBody, PairState};
use crate::settlement::{Outcome, PairWrite, Settled, Settlement};
use crate::store::{Capture, Store};
use duet_map::diagnostic::Code;
use duet_map::record::{Key, RecordId, Version};
use duet_map::side::{PerSide, Side};
use duet_map::value::Row;
use jiff::Timestamp;

/// The map that builders use.
pub(crate) const MAP: &str = "customers-v3.accounts";

/// A moment, in seconds of the test's own time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// A key from its parts, written as people read it.
pub(crate) fn key(shown: &str) -> Key {
    Key::from_parts(&shown.split(" / ").map(str::to_owned).collect::<Vec<_>>())
}

/// A record.
pub(crate) fn record(id: &str) -> RecordId {
    RecordId(id.to_owned())
}

/// An upsert of the left record `id` under the key `id`.
pub(crate) fn upsert(id: &str) -> NewChange {
    NewChange {
        map: MAP.to_owned(),
        side: Side::Left,
        key: key(id),
        record: record(id),
        kind: ChangeKind::Upsert {
            row: Row::new().with("NAME", id),
            version: Some(Version {
                tag: "W/\"1\"".to_owned(),
                ordinal: Some(1),
            }),
            modified: Some(at(-10)),
            by: None,
        },
        tick: 1,
        origin: Origin::Live,
        amendment: Amendment::default(),
    }
}

/// A deletion of the left record `id` under the key `id`.
pub(crate) fn delete(id: &str) -> NewChange {
    NewChange {
        kind: ChangeKind::Delete,
        ..upsert(id)
    }
}

impl NewChange {
    /// The same on a side.
    pub(crate) fn on(self, side: Side) -> Self {
        Self { side, ..self }
    }

    /// The same of another record.
    pub(crate) fn of(self, id: &str) -> Self {
        Self {
            record: record(id),
            ..self
        }
    }

    /// The same under another key than its record's.
    pub(crate) fn under(self, id: &str) -> Self {
        Self {
            key: key(id),
            ..self
        }
    }

    /// The same for another map.
    pub(crate) fn for_map(self, map: &str) -> Self {
        Self {
            map: map.to_owned(),
            ..self
        }
    }
}

/// A linked pair under the key `id`, its left record `id`, its right one `id` with an apostrophe.
pub(crate) fn linked(id: &str) -> PairBody {
    let half = |record_id: String| Half {
        record: Some(RecordId(record_id)),
        image: Row::new().with("NAME", id),
        version: None,
        written: 0,
        wrote: None,
        wrote_columns: Vec::new(),
        rewrote: Row::new(),
    };
    PairBody {
        key: key(id),
        state: PairState::Linked,
        halves: PerSide {
            left: half(id.to_owned()),
            right: half(format!("{id}'")),
        },
        bounces: 0,
        settled_at: at(0),
    }
}

/// A tombstone of [`linked`].
pub(crate) fn tombstone(id: &str) -> PairBody {
    PairBody {
        state: PairState::Deleted,
        ..linked(id)
    }
}

/// A parking for these tokens; none means a broken rule.
pub(crate) fn park(tokens: &[&str]) -> Park {
    Park {
        reason: if tokens.is_empty() {
            ParkReason::Validation
        } else {
            ParkReason::WaitingForKey
        },
        code: Code(2001),
        message: "CREDITLIMIT does not fit".to_owned(),
        waits_for: tokens.iter().map(|&token| token.to_owned()).collect(),
    }
}

/// Parked, nothing written.
pub(crate) fn parked(tokens: &[&str]) -> Outcome {
    Outcome::Parked {
        park: park(tokens),
        writes: 0,
    }
}

/// Postponed to a moment of the test's time.
pub(crate) fn postponed(seconds: i64) -> Outcome {
    Outcome::Postponed {
        until: at(seconds),
        code: "DUET3429".to_owned(),
    }
}

/// Applied by one write.
pub(crate) const APPLIED: Outcome = Outcome::Applied { writes: 1 };

impl Change {
    /// Ends this change, with all that it supersedes.
    pub(crate) fn ends(&self, outcome: Outcome) -> Settlement {
        Settlement {
            supersedes: self.supersedes.clone(),
            ..ends(self.seq, outcome)
        }
    }
}

/// Ends the change at a place in the journal.
pub(crate) fn ends(seq: i64, outcome: Outcome) -> Settlement {
    Settlement {
        seq,
        supersedes: Vec::new(),
        outcome,
        pair: PairWrite::Keep,
        conflict: None,
        open_conflict: OpenConflict::Keep,
        provides: Vec::new(),
        writes_known: true,
        columns: Vec::new(),
    }
}

impl Settlement {
    /// The same with a new pair.
    pub(crate) fn inserting(self, body: PairBody) -> Self {
        Self {
            pair: PairWrite::Insert(body),
            ..self
        }
    }

    /// The same with a new state of a pair.
    pub(crate) fn updating(self, pair: &Pair, body: PairBody) -> Self {
        Self {
            pair: PairWrite::Update {
                id: pair.id,
                expected: pair.revision,
                body,
            },
            ..self
        }
    }

    /// The same, making tokens come true.
    pub(crate) fn providing(self, tokens: &[&str]) -> Self {
        Self {
            provides: tokens.iter().map(|&token| token.to_owned()).collect(),
            ..self
        }
    }
}

/// Every parked change.
pub(crate) fn any_parked() -> ParkedFilter {
    ParkedFilter::default()
}

/// Journals changes at second 0.
pub(crate) async fn journal(store: &dyn Store, changes: impl IntoIterator<Item = NewChange>) {
    let capture = Capture {
        changes: changes.into_iter().collect(),
        ..Capture::default()
    };
    store.journal(capture, at(0)).await.unwrap();
}

/// What is due at a second.
pub(crate) async fn due(store: &dyn Store, seconds: i64) -> Vec<Change> {
    store.due(MAP, 100, at(seconds)).await.unwrap()
}

/// Places and superseded places of what is due at a second.
pub(crate) async fn due_seqs(store: &dyn Store, seconds: i64) -> Vec<(i64, Vec<i64>)> {
    due(store, seconds)
        .await
        .into_iter()
        .map(|change| (change.seq, change.supersedes))
        .collect()
}

/// Settles one by one in one batch at second 1 and expects all to stand.
pub(crate) async fn settle(store: &dyn Store, settlements: Vec<Settlement>) {
    let count = settlements.len();
    let answers = store.settle(settlements, at(1)).await.unwrap();
    assert_eq!(answers, vec![Settled::Done; count]);
}

/// The only line of the audit, which has to balance.
pub(crate) async fn boxes(store: &dyn Store) -> crate::accounting::Boxes {
    let lines = store.audit().await.unwrap();
    assert!(lines.iter().all(|line| line.boxes.balances()), "{lines:?}");
    match &lines[..] {
        [line] => line.boxes,
        other => panic!("one line expected: {other:?}"),
    }
}
