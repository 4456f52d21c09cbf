//! How many changes a second the store journals, offers and settles, on a file with full flushes.

// Benchmarks, like tests, may unwrap: a panic is their failure.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use duet_map::record::{Key, RecordId, Version};
use duet_map::side::{PerSide, Side};
use duet_map::value::{Row, Value};
use duet_store::change::Amendment;
use duet_store::change::{Change, ChangeKind, NewChange, Origin};
use duet_store::conflict::OpenConflict;
use duet_store::intent::{Intent, Sent};
use duet_store::pair::{Half, Pair, PairBody, PairState};
use duet_store::settlement::{Outcome, PairWrite, Settlement};
use duet_store::store::Capture;
use duet_store::{SqliteStore, Store};
use jiff::Timestamp;
use std::cell::Cell;
use tokio::runtime::Runtime;

const MAP: &str = "customers-v3.accounts";
const NOW: Timestamp = Timestamp::UNIX_EPOCH;
/// Changes of one read of a system.
const PAGE: usize = 1000;
/// Changes of one settled batch.
const BATCH: usize = 500;
/// Columns of a row, about as many as the map of customers reads.
const COLUMNS: usize = 30;
/// Pairs that are there already.
const PAIRS: usize = 50_000;

fn row(number: usize) -> Row {
    (0..COLUMNS)
        .map(|column| {
            let value = match column % 3 {
                0 => Value::text(format!("Value {column} of record {number}")),
                1 => Value::Decimal(i64::try_from(number).unwrap().into()),
                _ => Value::Null,
            };
            (format!("column{column:02}"), value)
        })
        .collect()
}

fn change(number: usize) -> NewChange {
    // Keys arrive in no order.
    let shuffled = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    NewChange {
        map: MAP.to_owned(),
        side: Side::Left,
        key: Key::from_parts(&["usmf".to_owned(), format!("{shuffled:016x}")]),
        record: RecordId(format!(
            "dataAreaId='usmf',CustomerAccount='{shuffled:016x}'"
        )),
        kind: ChangeKind::Upsert {
            row: row(number),
            version: Some(Version {
                tag: format!("W/\"{number}\""),
                ordinal: None,
            }),
            modified: Some(NOW),
            by: None,
        },
        tick: 1,
        origin: Origin::Live,
        amendment: Amendment::default(),
    }
}

fn capture(numbers: std::ops::Range<usize>) -> Capture {
    Capture {
        changes: numbers.map(change).collect(),
        cursors: vec![("live:left:CustomersV3".to_owned(), Some("1".to_owned()))],
        ..Capture::default()
    }
}

fn settlement(change: Change) -> Settlement {
    let image = match &change.change.kind {
        ChangeKind::Upsert { row, .. } => row.clone(),
        ChangeKind::Delete => Row::new(),
    };
    let record = change.change.record.0;
    let body = PairBody {
        halves: PerSide::from_fn(|side| Half {
            record: Some(RecordId(format!("{record} {side}"))),
            image: image.clone(),
            ..Half::default()
        }),
        key: change.change.key,
        state: PairState::Linked,
        bounces: 0,
        settled_at: NOW,
    };
    Settlement {
        seq: change.seq,
        supersedes: change.supersedes,
        outcome: Outcome::Applied { writes: 1 },
        pair: PairWrite::Insert(body),
        conflict: None,
        open_conflict: OpenConflict::Keep,
        provides: vec![format!("{record} token")],
        writes_known: true,
        columns: vec!["column00".to_owned(), "column01".to_owned()],
    }
}

fn intent(change: &Change) -> Intent {
    let row = match &change.change.kind {
        ChangeKind::Upsert { row, .. } => row.clone(),
        ChangeKind::Delete => Row::new(),
    };
    Intent {
        seq: change.seq,
        map: change.change.map.clone(),
        key: change.change.key.clone(),
        to: Side::Right,
        source: change.change.record.clone(),
        sent: Sent::Create { id: None, row },
        at: NOW,
    }
}

fn update(pair: &Pair, change: Change) -> Settlement {
    let mut settlement = settlement(change);
    if let PairWrite::Insert(body) = settlement.pair {
        settlement.pair = PairWrite::Update {
            id: pair.id,
            expected: pair.revision,
            body,
        };
    }
    settlement
}

fn store(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("duet.db")).unwrap();
    let next = Cell::new(0);
    let journal = |count: usize| {
        let first = next.replace(next.get() + count);
        runtime
            .block_on(store.journal(capture(first..first + count), NOW))
            .unwrap();
    };
    let due = |limit: usize| runtime.block_on(store.due(MAP, limit, NOW)).unwrap();
    let settle = |settlements: Vec<Settlement>| {
        runtime.block_on(store.settle(settlements, NOW)).unwrap();
    };
    let settlements =
        |limit| -> Vec<Settlement> { due(limit).into_iter().map(settlement).collect() };
    for _ in 0..PAIRS / BATCH {
        journal(BATCH);
        settle(settlements(BATCH));
    }

    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("settle new pairs", |bench| {
        bench.iter_batched(
            || {
                journal(BATCH);
                settlements(BATCH)
            },
            settle,
            BatchSize::PerIteration,
        );
    });
    // What it costs that a create is durable before it is sent: the same, with an intent for each.
    group.bench_function("settle new pairs after intents", |bench| {
        bench.iter_batched(
            || {
                journal(BATCH);
                due(BATCH)
            },
            |changes| {
                let intents = changes.iter().map(intent).collect();
                runtime.block_on(store.add_intents(intents)).unwrap();
                settle(changes.into_iter().map(settlement).collect());
            },
            BatchSize::PerIteration,
        );
    });
    let known = Cell::new(0);
    group.bench_function("settle known pairs", |bench| {
        bench.iter_batched(
            || {
                let first = known.replace((known.get() + BATCH) % PAIRS);
                let capture = capture(first..first + BATCH);
                runtime.block_on(store.journal(capture, NOW)).unwrap();
                let changes = due(BATCH);
                let keys: Vec<Key> = changes.iter().map(|c| c.change.key.clone()).collect();
                let pairs = runtime.block_on(store.pairs_by_key(MAP, &keys)).unwrap();
                changes
                    .into_iter()
                    .map(|change| update(&pairs[&change.change.key], change))
                    .collect()
            },
            settle,
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(PAGE as u64));
    group.bench_function("journal", |bench| {
        bench.iter_batched(
            || {
                let first = next.replace(next.get() + PAGE);
                capture(first..first + PAGE)
            },
            |capture| runtime.block_on(store.journal(capture, NOW)).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("due", |bench| bench.iter(|| due(BATCH)));
    group.finish();

    let health = runtime.block_on(store.health()).unwrap();
    let pending: u64 = health.backlogs.iter().map(|backlog| backlog.pending).sum();
    let mut group = criterion.benchmark_group("reports");
    group.sample_size(10);
    group.throughput(Throughput::Elements(pending));
    group.bench_function("audit", |bench| {
        bench.iter(|| runtime.block_on(store.audit()).unwrap());
    });
    group.bench_function("health", |bench| {
        bench.iter(|| runtime.block_on(store.health()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, store);
criterion_main!(benches);
