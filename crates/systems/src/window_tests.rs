//! The window against a table that is written while it is read.

use super::*;
use duet_map::record::{RecordId, Version};
use duet_map::value::Row;
use proptest::prelude::*;
use std::collections::BTreeSet;

const OVERLAP: SignedDuration = SignedDuration::from_secs(60);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn record(id: &str, version: u32, modified: Timestamp) -> Record {
    Record {
        id: RecordId(id.into()),
        version: Some(Version {
            tag: version.to_string(),
            ordinal: None,
        }),
        modified: Some(modified),
        modified_by: None,
        row: Row::new(),
    }
}

/// Reads a window's whole sweep over these records; what is news.
fn sweep(window: &mut Window, now: Timestamp, records: &[Record]) -> Vec<String> {
    window.begin(now);
    let mut inside: Vec<&Record> = records
        .iter()
        .filter(|record| record.modified.unwrap() >= window.from)
        .collect();
    inside.sort_by(|a, b| (a.modified, &a.id).cmp(&(b.modified, &b.id)));
    let news = inside
        .into_iter()
        .filter(|record| window.take(record, record.modified.unwrap()))
        .map(|record| record.id.0.clone())
        .collect();
    window.end(OVERLAP);
    news
}

#[test]
fn the_stored_form_stands() {
    let mut window = Window::opening(at(0), OVERLAP);
    window.begin(at(5));
    window.take(&record("a='1'", 1, at(3)), at(3));
    insta::assert_snapshot!(window.cursor().0, @r#"{"v":1,"from":"2023-11-14T22:12:20Z","at":{"modified":"2023-11-14T22:13:23Z","id":"a='1'"},"begun":"2023-11-14T22:13:25Z","newest":"2023-11-14T22:13:23Z","seen":{"d50772ac00385685":1700000003}}"#);
    assert_eq!(Window::parse("s", "t", &window.cursor()).unwrap(), window);
    window.end(OVERLAP);
    insta::assert_snapshot!(window.cursor().0, @r#"{"v":1,"from":"2023-11-14T22:12:23Z","newest":"2023-11-14T22:13:23Z","seen":{"d50772ac00385685":1700000003}}"#);
}

#[test]
fn a_version_is_told_once_and_a_new_one_again() {
    let mut window = Window::opening(at(0), OVERLAP);
    let mut table = vec![record("1", 1, at(1)), record("2", 1, at(1))];
    assert_eq!(sweep(&mut window, at(2), &table), ["1", "2"]);
    assert!(sweep(&mut window, at(3), &table).is_empty());
    table[0] = record("1", 2, at(1));
    assert_eq!(sweep(&mut window, at(4), &table), ["1"]);
}

#[test]
fn a_row_without_a_version_goes_by_its_time() {
    let mut window = Window::opening(at(0), OVERLAP);
    let mut row = record("1", 1, at(1));
    row.version = None;
    assert_eq!(sweep(&mut window, at(2), &[row.clone()]), ["1"]);
    assert!(sweep(&mut window, at(3), &[row.clone()]).is_empty());
    row.modified = Some(at(4));
    assert_eq!(sweep(&mut window, at(5), &[row]), ["1"]);
}

#[test]
fn an_idle_window_closes() {
    let mut window = Window::opening(at(0), OVERLAP);
    let table = [record("1", 1, at(1))];
    sweep(&mut window, at(2), &table);
    assert_eq!(window.from, at(-59));
    sweep(&mut window, at(10_000), &table);
    let settled = at(10_000 - 120);
    assert!(window.from <= settled && window.from > settled - SignedDuration::from_mins(1));
    assert_eq!(window.from.as_second() % 60, 0);
    assert!(!window.cursor().0.contains("seen"));
}

#[test]
fn a_window_never_moves_back() {
    let mut window = Window::opening(at(1000), OVERLAP);
    window.begin(at(10));
    window.end(OVERLAP);
    assert_eq!(window.from, at(940));
}

proptest! {
    /// Rows are stamped when their transaction begins and show when it ends, at most the overlap
    /// later. Whatever the order, each version is told exactly once.
    #[test]
    fn nothing_is_lost_and_nothing_told_twice(
        writes in prop::collection::vec((0_usize..8, 0_i64..300, 0_i64..60), 1..60),
        polls in prop::collection::btree_set(0_i64..400, 0..30),
    ) {
        let mut window = Window::opening(at(0), OVERLAP);
        let mut told = Vec::new();
        // Each version with its record, its stamp and the time it shows.
        let mut versions: Vec<(String, u32, i64, i64)> = Vec::new();
        for (version, (id, stamp, lateness)) in writes.into_iter().enumerate() {
            let version = u32::try_from(version).unwrap();
            versions.push((id.to_string(), version, stamp, stamp + lateness));
        }
        let mut expected = BTreeSet::new();
        for now in polls.into_iter().chain([1000]) {
            // The newest version that shows is the row as it stands.
            let mut table: std::collections::BTreeMap<&str, &(String, u32, i64, i64)> =
                std::collections::BTreeMap::new();
            for version in versions.iter().filter(|version| version.3 <= now) {
                let newer = table.get(version.0.as_str()).is_none_or(|known| known.3 <= version.3);
                if newer {
                    table.insert(&version.0, version);
                }
            }
            let records: Vec<Record> = table
                .values()
                .map(|(id, version, stamp, _)| record(id, *version, at(*stamp)))
                .collect();
            expected.extend(table.values().map(|version| (version.0.clone(), version.1)));
            let inside = window.clone();
            let news = sweep(&mut window, at(now), &records);
            for id in news {
                let version = table[id.as_str()].1;
                told.push((id, version));
            }
            // What was not told was told before, or lies outside for good.
            for record in &records {
                let known = (record.id.0.clone(), record.version.as_ref().unwrap().tag.parse().unwrap());
                prop_assert!(told.contains(&known), "{known:?} from {:?}", inside.from);
            }
        }
        let unique: BTreeSet<(String, u32)> = told.iter().cloned().collect();
        prop_assert_eq!(unique.len(), told.len());
        prop_assert_eq!(unique, expected);
    }

    #[test]
    fn no_text_breaks_the_reader(text in ".*") {
        let _ = Window::parse("s", "t", &Cursor(text));
    }
}
