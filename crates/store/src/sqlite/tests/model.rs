//! Random sequences of calls against a model that is plain enough to be believed.

use super::*;
use crate::accounting::{AuditLine, Boxes};
use crate::change::{Change, NewChange};
use crate::settlement::{Outcome, PairWrite, Settled, Settlement};
use crate::store::Store as _;
use duet_map::record::Key;
use duet_map::side::Side;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One call.
#[derive(Debug, Clone)]
enum Step {
    /// Journals changes: key, side, record of the key, deletion.
    Journal(Vec<(u8, bool, u8, bool)>),
    /// Settles what is due, in one batch: an outcome, a pair write and a token for each.
    Settle(Vec<(End, Write, Option<u8>)>),
    /// Settles what was due before the last batch once more.
    SettleAgain,
    /// Retries everything parked.
    Retry,
    /// Releases what waits for a token.
    Release(u8),
    /// Lets time pass, in seconds.
    Wait(u8),
    /// Loses the process and opens what is on the disk.
    Crash,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Applied(u8),
    Echoed,
    Filtered,
    Discarded,
    Parked(Option<u8>),
    Postponed(u8),
}

#[derive(Debug, Clone, Copy)]
enum Write {
    Keep,
    Insert,
    Update,
    UpdateOld,
}

fn step() -> impl Strategy<Value = Step> {
    let change = (0..4u8, any::<bool>(), 0..2u8, any::<bool>());
    let end = prop_oneof![
        3 => (0..3u8).prop_map(End::Applied),
        1 => Just(End::Echoed),
        1 => Just(End::Filtered),
        1 => Just(End::Discarded),
        3 => proptest::option::of(0..3u8).prop_map(End::Parked),
        2 => (0..40u8).prop_map(End::Postponed),
    ];
    let write = prop_oneof![
        3 => Just(Write::Keep),
        2 => Just(Write::Insert),
        2 => Just(Write::Update),
        1 => Just(Write::UpdateOld),
    ];
    let settlement = (end, write, proptest::option::of(0..3u8));
    prop_oneof![
        4 => prop::collection::vec(change, 1..8).prop_map(Step::Journal),
        6 => prop::collection::vec(settlement, 1..5).prop_map(Step::Settle),
        1 => Just(Step::SettleAgain),
        1 => Just(Step::Retry),
        1 => (0..3u8).prop_map(Step::Release),
        2 => (1..30u8).prop_map(Step::Wait),
        1 => Just(Step::Crash),
    ]
}

/// A change that has not ended.
#[derive(Debug, Clone, PartialEq)]
struct Open {
    change: NewChange,
    parked: Option<BTreeSet<String>>,
    until: i64,
    attempts: u32,
}

/// What the store should hold.
#[derive(Debug, Default)]
struct Model {
    journaled: i64,
    open: BTreeMap<i64, Open>,
    boxes: BTreeMap<Side, Boxes>,
    /// Revisions of the pairs by key.
    pairs: HashMap<Key, i64>,
    /// Of each record the place of the last change that ended by itself.
    ended: HashMap<(Key, Side, String), i64>,
    now: i64,
}

impl Model {
    fn due(&self) -> Vec<(i64, Vec<i64>)> {
        let mut met = BTreeSet::new();
        let mut due = Vec::new();
        for open in self.open.values() {
            if open.parked.is_some() || !met.insert(&open.change.key) {
                continue;
            }
            let same_key = |other: &&Open| other.change.key == open.change.key;
            let blocked = self
                .open
                .values()
                .filter(same_key)
                .any(|other| other.parked.is_none() && other.until > self.now);
            if blocked {
                continue;
            }
            let mut seqs: Vec<i64> = self
                .open
                .iter()
                .filter(|(_, other)| {
                    other.change.key == open.change.key
                        && other.change.side == open.change.side
                        && other.change.record == open.change.record
                })
                .map(|(seq, _)| *seq)
                .collect();
            due.extend(seqs.pop().map(|last| (last, seqs)));
        }
        due
    }

    fn audit(&self) -> Vec<AuditLine> {
        let mut boxes = self.boxes.clone();
        for open in self.open.values() {
            let boxes = boxes.entry(open.change.side).or_default();
            if open.parked.is_some() {
                boxes.parked += 1;
            } else {
                boxes.pending += 1;
            }
        }
        boxes
            .into_iter()
            .map(|(side, boxes)| AuditLine {
                map: MAP.to_owned(),
                side,
                boxes,
            })
            .collect()
    }

    fn journal(&mut self, change: NewChange) {
        self.journaled += 1;
        self.boxes.entry(change.side).or_default().captured += 1;
        let open = Open {
            change,
            parked: None,
            until: 0,
            attempts: 0,
        };
        self.open.insert(self.journaled, open);
    }

    fn settle(&mut self, settlement: &Settlement) -> Settled {
        let Some(open) = self.open.get(&settlement.seq).cloned() else {
            return Settled::PairMoved;
        };
        match &settlement.pair {
            PairWrite::Keep => {}
            PairWrite::Insert(body) => {
                if self.pairs.contains_key(&body.key) {
                    return Settled::PairMoved;
                }
                self.pairs.insert(body.key.clone(), 1);
            }
            PairWrite::Update { expected, body, .. } => match self.pairs.get_mut(&body.key) {
                Some(revision) if revision == expected => *revision += 1,
                _ => return Settled::PairMoved,
            },
        }
        if !matches!(settlement.outcome, Outcome::Postponed { .. }) {
            for seq in &settlement.supersedes {
                if self.open.remove(seq).is_some() {
                    self.boxes.entry(open.change.side).or_default().coalesced += 1;
                }
            }
        }
        let boxes = self.boxes.entry(open.change.side).or_default();
        let kept = match &settlement.outcome {
            Outcome::Applied { writes } => {
                boxes.applied += 1;
                boxes.writes += u64::from(*writes);
                None
            }
            Outcome::Echoed => {
                boxes.echoed += 1;
                None
            }
            Outcome::Filtered(_) => {
                boxes.filtered += 1;
                None
            }
            Outcome::Discarded(_) => {
                boxes.discarded += 1;
                None
            }
            Outcome::Parked { park, writes } => {
                boxes.writes += u64::from(*writes);
                Some((Some(park.waits_for.iter().cloned().collect()), 0))
            }
            Outcome::Postponed { until, .. } => Some((None, until.as_second() - at(0).as_second())),
        };
        if let Some((parked, until)) = kept {
            let open = Open {
                parked,
                until,
                attempts: open.attempts + 1,
                ..open
            };
            self.open.insert(settlement.seq, open);
        } else {
            self.open.remove(&settlement.seq);
            let change = open.change;
            let record = (change.key, change.side, change.record.0);
            let before = self.ended.insert(record, settlement.seq);
            assert!(before < Some(settlement.seq), "an older change ended later");
        }
        Settled::Done
    }

    fn release(&mut self, meant: impl Fn(&BTreeSet<String>) -> bool) -> u64 {
        let mut released = 0;
        for open in self.open.values_mut() {
            if open.parked.as_ref().is_some_and(&meant) {
                (open.parked, open.until, open.attempts) = (None, 0, 0);
                released += 1;
            }
        }
        released
    }
}

fn token(number: u8) -> String {
    format!("token {number}")
}

/// Turns a random end of a due change into a settlement.
fn settlement(
    change: &Change,
    (end, write, provides): (End, Write, Option<u8>),
    pairs: &HashMap<Key, crate::pair::Pair>,
    now: i64,
) -> Settlement {
    let outcome = match end {
        End::Applied(writes) => Outcome::Applied {
            writes: writes.into(),
        },
        End::Echoed => Outcome::Echoed,
        End::Filtered => Outcome::Filtered("f".to_owned()),
        End::Discarded => Outcome::Discarded("d".to_owned()),
        End::Parked(waits_for) => {
            let token = waits_for.map(token);
            Outcome::Parked {
                park: park(token.as_deref().as_slice()),
                writes: 1,
            }
        }
        End::Postponed(seconds) => postponed(now + i64::from(seconds)),
    };
    let key = &change.change.key;
    let body = linked(&key.to_string());
    let settlement = change.ends(outcome);
    let mut settlement = match (write, pairs.get(key)) {
        (Write::Keep, _) | (Write::Update | Write::UpdateOld, None) => settlement,
        (Write::Insert, _) => settlement.inserting(body),
        (Write::Update, Some(pair)) => settlement.updating(pair, body),
        (Write::UpdateOld, Some(pair)) => {
            let mut old = pair.clone();
            old.revision -= 1;
            settlement.updating(&old, body)
        }
    };
    settlement.provides = provides.map(token).into_iter().collect();
    settlement
}

/// The store under test, on a disk that survives its process or in memory.
struct Bench {
    folder: Option<tempfile::TempDir>,
    lives: u32,
    store: SqliteStore,
}

impl Bench {
    fn new(disk: bool) -> Self {
        let folder = disk.then(|| tempfile::tempdir().unwrap());
        let store = match &folder {
            Some(folder) => SqliteStore::open(folder.path().join("0.db")).unwrap(),
            None => memory(),
        };
        Self {
            folder,
            lives: 0,
            store,
        }
    }

    /// Opens a copy of the files as they are now, with the old process still holding them open.
    fn crash(&mut self) {
        if let Some(folder) = &self.folder {
            let name = |life: u32, suffix: &str| folder.path().join(format!("{life}.db{suffix}"));
            for suffix in ["", "-wal"] {
                std::fs::copy(name(self.lives, suffix), name(self.lives + 1, suffix)).unwrap();
            }
            self.lives += 1;
            self.store = SqliteStore::open(name(self.lives, "")).unwrap();
        }
    }
}

async fn compare(store: &SqliteStore, model: &Model) {
    let due = due(store, model.now).await;
    let offered: Vec<_> = due
        .iter()
        .map(|change| (change.seq, change.supersedes.clone()))
        .collect();
    assert_eq!(offered, model.due());
    for change in &due {
        let open = &model.open[&change.seq];
        assert_eq!(change.change, open.change);
        assert_eq!(change.attempts, open.attempts);
    }
    if due.is_empty() {
        // Waking at this time is neither too early nor too late.
        if let Some(next) = store.next_due(MAP).await.unwrap() {
            let just_before = next - jiff::SignedDuration::from_nanos(1);
            assert!(store.due(MAP, 1, just_before).await.unwrap().is_empty());
            assert_eq!(store.due(MAP, 1, next).await.unwrap().len(), 1);
        } else {
            assert!(model.open.values().all(|open| open.parked.is_some()));
        }
    }
    let audit = store.audit().await.unwrap();
    assert_eq!(audit, model.audit());
    assert!(audit.iter().all(|line| line.boxes.balances()));
    let parked = store.parked(&any_parked(), usize::MAX).await.unwrap();
    let waiting: Vec<_> = parked
        .into_iter()
        .map(|parked| (parked.seq, parked.waits_for.into_iter().collect()))
        .collect();
    let expected: Vec<(i64, BTreeSet<String>)> = model
        .open
        .iter()
        .filter_map(|(seq, open)| open.parked.clone().map(|tokens| (*seq, tokens)))
        .collect();
    assert_eq!(waiting, expected);
    let awaited: u64 = store.awaited().await.unwrap().iter().map(|t| t.1).sum();
    assert_eq!(
        awaited,
        expected.iter().map(|(_, t)| t.len() as u64).sum::<u64>()
    );
    assert_eq!(
        store.count_pairs(MAP).await.unwrap(),
        model.pairs.len() as u64
    );
}

async fn settle_both(bench: &Bench, model: &mut Model, settlements: &[Settlement]) {
    let answers = bench
        .store
        .settle(settlements.to_vec(), at(model.now))
        .await
        .unwrap();
    let mut provided = BTreeSet::new();
    for (settlement, answer) in settlements.iter().zip(answers) {
        let expected = model.settle(settlement);
        assert_eq!(answer, expected, "{settlement:?}");
        if expected == Settled::Done {
            provided.extend(settlement.provides.clone());
        }
    }
    model.release(|tokens| tokens.intersection(&provided).next().is_some());
}

async fn run(disk: bool, steps: Vec<Step>) {
    let mut bench = Bench::new(disk);
    let mut model = Model::default();
    let mut last_batch = Vec::new();
    for step in steps {
        match step {
            Step::Journal(changes) => {
                let changes: Vec<NewChange> = changes
                    .into_iter()
                    .map(|(key, right, record, deleted)| {
                        let key = format!("key {key}");
                        let change = if deleted { delete(&key) } else { upsert(&key) };
                        change.of(&format!("{key} record {record}")).on(if right {
                            Side::Right
                        } else {
                            Side::Left
                        })
                    })
                    .collect();
                for change in &changes {
                    model.journal(change.clone());
                }
                journal(&bench.store, changes).await;
            }
            Step::Settle(ends) => {
                let changes = due(&bench.store, model.now).await;
                let keys: Vec<Key> = changes.iter().map(|c| c.change.key.clone()).collect();
                let pairs = bench.store.pairs_by_key(MAP, &keys).await.unwrap();
                for (key, pair) in &pairs {
                    assert_eq!(model.pairs[key], pair.revision);
                }
                last_batch = changes
                    .iter()
                    .zip(ends)
                    .map(|(change, end)| settlement(change, end, &pairs, model.now))
                    .collect();
                settle_both(&bench, &mut model, &last_batch).await;
            }
            Step::SettleAgain => {
                // Of a batch that was answered only what has not ended may still be settled.
                last_batch.retain(|settlement| !model.open.contains_key(&settlement.seq));
                settle_both(&bench, &mut model, &last_batch).await;
            }
            Step::Retry => {
                let retried = bench
                    .store
                    .retry(&any_parked(), at(model.now))
                    .await
                    .unwrap();
                assert_eq!(retried, model.release(|_| true));
            }
            Step::Release(number) => {
                let token = token(number);
                let released = bench
                    .store
                    .release(std::slice::from_ref(&token), at(model.now))
                    .await
                    .unwrap();
                assert_eq!(released, model.release(|tokens| tokens.contains(&token)));
            }
            Step::Wait(seconds) => model.now += i64::from(seconds),
            Step::Crash => bench.crash(),
        }
        compare(&bench.store, &model).await;
    }
    drain(&bench, &mut model).await;
}

/// Applies all that is left: nothing may be lost, and of each record the newest change goes last.
async fn drain(bench: &Bench, model: &mut Model) {
    let newest: HashMap<_, i64> = model
        .open
        .iter()
        .map(|(seq, open)| {
            let change = open.change.clone();
            ((change.key, change.side, change.record.0), *seq)
        })
        .collect();
    bench
        .store
        .retry(&any_parked(), at(model.now))
        .await
        .unwrap();
    model.release(|_| true);
    model.now += 1000;
    while !model.open.is_empty() {
        let batch: Vec<Settlement> = due(&bench.store, model.now)
            .await
            .iter()
            .map(|change| change.ends(APPLIED))
            .collect();
        assert!(!batch.is_empty(), "stuck: {:?}", model.open);
        settle_both(bench, model, &batch).await;
    }
    compare(&bench.store, model).await;
    for (record, seq) in newest {
        assert_eq!(model.ended[&record], seq);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_store_in_memory_does_what_the_model_does(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        runtime().block_on(run(false, steps));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn the_store_on_disk_does_what_the_model_does_across_crashes(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        runtime().block_on(run(true, steps));
    }
}
