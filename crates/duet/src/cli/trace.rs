//! `duet trace`: the story of a record, change by change, and how it stands now.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use crate::terminal::{Terminal, table};
use clap::Args;
use duet_map::record::{Key, RecordId};
use duet_map::side::{PerSide, Side};
use duet_store::change::{Parked, ParkedFilter};
use duet_store::conflict::{Conflict, ConflictFilter, ConflictState};
use duet_store::pair::PairState;
use duet_store::store::Activity;
use duet_store::{Store, StoreError};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;

/// Arguments of `duet trace`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet trace us-001
  duet trace 'usmf / us-001' --json

Tells every change and what became of it, the conflicts, and how each record stands now. Values stand
in `duet conflicts show NUMBER` and `duet parked show NUMBER` only.")]
pub struct TraceArgs {
    /// A text that the record's key contains, in any case (`us-001`)
    #[arg(value_name = "RECORD")]
    record: String,
    /// Most lines to show
    #[arg(long, default_value_t = 200, value_name = "COUNT")]
    limit: usize,
}

/// The story of one record in one map.
#[derive(Debug, Serialize)]
struct Story {
    map: String,
    key: Key,
    /// The link between both records; missing when they are not linked, or no more.
    pair: Option<Standing>,
    /// Whether a change is still to be applied.
    pending: bool,
    /// Changes that wait for something.
    parked: Vec<Parked>,
    /// Conflicts, oldest first.
    conflicts: Vec<Clash>,
    /// The lines, oldest first.
    lines: Vec<Activity>,
}

/// How a pair stands.
#[derive(Debug, Serialize)]
struct Standing {
    state: PairState,
    /// The identifiers of both records.
    records: PerSide<Option<RecordId>>,
    settled_at: Timestamp,
}

/// A conflict, without its values.
#[derive(Debug, Serialize)]
struct Clash {
    id: i64,
    at: Timestamp,
    state: ConflictState,
    /// The contested columns of the left side, each with what stands and why.
    fields: Vec<String>,
}

impl Clash {
    fn of(conflict: &Conflict) -> Self {
        let told = conflict.fields.iter().map(|field| {
            let policy = field.policy.as_ref().unwrap_or(&conflict.policy);
            match field.winner {
                Some(side) => format!("{}: the {side} stands ({policy})", field.left_column),
                None => field.left_column.clone(),
            }
        });
        Self {
            id: conflict.id,
            at: conflict.at,
            state: conflict.state,
            fields: told.collect(),
        }
    }

    const fn waits(&self) -> bool {
        matches!(self.state, ConflictState::Open)
    }
}

/// Shows the stories of the records that fit, oldest line first.
pub async fn run(args: TraceArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let opened = project::open_store_to_read(&config)?;
    let told = stories(opened.as_ref(), &args.record.to_lowercase(), args.limit).await?;
    terminal.data(&told, |told| text(told));
    Ok(Exit::Done)
}

async fn stories(store: &dyn Store, text: &str, limit: usize) -> Result<Vec<Story>, StoreError> {
    let lines = store.activity(text, limit).await?;
    let filter = ConflictFilter {
        key_contains: Some(text.to_owned()),
        ..ConflictFilter::default()
    };
    let mut conflicts = store.conflicts(&filter, limit).await?;
    conflicts.reverse();
    let filter = ParkedFilter {
        key_contains: Some(text.to_owned()),
        ..ParkedFilter::default()
    };
    let parked = store.parked(&filter, limit).await?;
    let named = lines.iter().map(|line| (&line.map, &line.key));
    let clashed = conflicts.iter().map(|one| (&one.map, &one.key));
    let records: BTreeSet<(String, Key)> = named
        .chain(clashed)
        .chain(parked.iter().map(|one| (&one.map, &one.key)))
        .map(|(map, key)| (map.clone(), key.clone()))
        .collect();
    let mut told = Vec::with_capacity(records.len());
    for (map, key) in records {
        let mut pairs = store.pairs_by_key(&map, std::slice::from_ref(&key)).await?;
        let pair = pairs.remove(&key).map(|pair| pair.body);
        let mut pending = false;
        if let Some(pair) = &pair {
            for side in Side::BOTH {
                let record = pair.halves[side].record.as_slice();
                let waiting = store.waiting(&map, side, record).await?;
                pending |= waiting.values().any(|waiting| waiting.pending);
            }
        }
        let own = |other: &str, of: &Key| other == map && *of == key;
        told.push(Story {
            pair: pair.map(|body| Standing {
                state: body.state,
                records: PerSide::from_fn(|side| body.halves[side].record.clone()),
                settled_at: body.settled_at,
            }),
            pending,
            parked: parked
                .iter()
                .filter(|one| own(&one.map, &one.key))
                .cloned()
                .collect(),
            conflicts: conflicts
                .iter()
                .filter(|one| own(&one.map, &one.key))
                .map(Clash::of)
                .collect(),
            lines: lines
                .iter()
                .filter(|line| own(&line.map, &line.key))
                .cloned()
                .collect(),
            map,
            key,
        });
    }
    Ok(told)
}

fn text(told: &[Story]) -> String {
    if told.is_empty() {
        return "No change of such a record was ever captured.".to_owned();
    }
    let mut rows: Vec<(Timestamp, Vec<String>)> = Vec::new();
    for story in told {
        for clash in &story.conflicts {
            let detail = format!("number {}, {}", clash.id, clash.fields.join("; "));
            let row = row(story, clash.at, "both", "conflict", None, detail);
            rows.push((clash.at, row));
        }
        for line in &story.lines {
            let took = line.at.duration_since(line.journaled_at).as_millis();
            let (side, detail) = (line.side.as_str(), line.detail.clone());
            let row = row(story, line.at, side, &line.outcome, Some(took), detail);
            rows.push((line.at, row));
        }
    }
    // A conflict is found before the change that found it settles, in the same moment.
    rows.sort_by_key(|(at, _)| *at);
    let header = [
        "settled at (UTC)",
        "map",
        "record",
        "from",
        "outcome",
        "after",
        "detail",
    ];
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    let mut parts = vec![table(&header, &[5], rows)];
    parts.extend(told.iter().map(now));
    parts.join("\n\n")
}

fn row(
    story: &Story,
    at: Timestamp,
    from: &str,
    outcome: &str,
    took: Option<i128>,
    detail: String,
) -> Vec<String> {
    vec![
        at.strftime("%F %T%.3f").to_string(),
        story.map.clone(),
        story.key.to_string(),
        from.to_owned(),
        outcome.to_owned(),
        took.map_or_else(String::new, |took| format!("{took} ms")),
        detail,
    ]
}

/// How a record stands now, and what a person can do about it.
fn now(story: &Story) -> String {
    let state = match &story.pair {
        None => "not linked".to_owned(),
        Some(pair) => {
            let state = match pair.state {
                PairState::Linked => "linked",
                PairState::OutsideFilter => "outside the map's filter, nothing travels",
                PairState::Deleted => "deleted",
            };
            format!("{state}, settled {} UTC", pair.settled_at.strftime("%F %T"))
        }
    };
    let mut lines = vec![format!("{} of {} now: {state}", story.key, story.map)];
    for side in Side::BOTH {
        let record = story
            .pair
            .as_ref()
            .and_then(|pair| pair.records[side].as_ref());
        if let Some(record) = record {
            lines.push(format!("  {:<9} {record}", side.as_str()));
        }
    }
    if story.pending {
        lines.push("  pending   a change is on its way".to_owned());
    }
    for parked in &story.parked {
        let (seq, side, code) = (parked.seq, parked.side, &parked.code);
        lines.push(format!(
            "  parked    change {seq} from the {side}, {code}: duet parked show {seq}"
        ));
    }
    for clash in story.conflicts.iter().filter(|clash| clash.waits()) {
        let id = clash.id;
        lines.push(format!(
            "  conflict  {id} waits for a person: duet conflicts show {id}"
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use duet_store::change::ParkReason;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    #[test]
    fn a_story_tells_changes_conflicts_and_how_the_record_stands() {
        let key = Key::from_parts(&["usmf".to_owned(), "us-001".to_owned()]);
        let line = |second, side, outcome: &str, detail: &str| Activity {
            seq: 7,
            map: "customers".to_owned(),
            side,
            key: key.clone(),
            outcome: outcome.to_owned(),
            detail: detail.to_owned(),
            journaled_at: at(second - 1),
            at: at(second),
        };
        let clash = |id, state, field: &str| Clash {
            id,
            at: at(20),
            state,
            fields: vec![field.to_owned()],
        };
        let story = Story {
            map: "customers".to_owned(),
            key: key.clone(),
            pair: Some(Standing {
                state: PairState::Linked,
                records: PerSide {
                    left: Some(RecordId("CustomerAccount='US-001'".to_owned())),
                    right: Some(RecordId("a08f".to_owned())),
                },
                settled_at: at(20),
            }),
            pending: true,
            parked: vec![Parked {
                seq: 9,
                map: "customers".to_owned(),
                side: Side::Right,
                key: key.clone(),
                record: RecordId("a08f".to_owned()),
                reason: ParkReason::Conflict,
                code: "DUET2120".to_owned(),
                message: "both sides changed it".to_owned(),
                waits_for: Vec::new(),
                since: at(20),
                attempts: 1,
            }],
            conflicts: vec![
                clash(
                    3,
                    ConflictState::Decided,
                    "CREDITLIMIT: the left stands (master)",
                ),
                clash(4, ConflictState::Open, "SALESMEMO"),
            ],
            lines: vec![
                line(10, Side::Left, "applied", "creditlimit; by a whole read"),
                line(20, Side::Right, "parked", "DUET2120: both sides changed it"),
            ],
        };
        insta::assert_snapshot!(text(&[story]), @"
        SETTLED AT (UTC)         MAP        RECORD         FROM   OUTCOME     AFTER  DETAIL
        2023-11-14 22:13:30.000  customers  usmf / us-001  left   applied   1000 ms  creditlimit; by a whole read
        2023-11-14 22:13:40.000  customers  usmf / us-001  both   conflict           number 3, CREDITLIMIT: the left stands (master)
        2023-11-14 22:13:40.000  customers  usmf / us-001  both   conflict           number 4, SALESMEMO
        2023-11-14 22:13:40.000  customers  usmf / us-001  right  parked    1000 ms  DUET2120: both sides changed it

        usmf / us-001 of customers now: linked, settled 2023-11-14 22:13:40 UTC
          left      CustomerAccount='US-001'
          right     a08f
          pending   a change is on its way
          parked    change 9 from the right, DUET2120: duet parked show 9
          conflict  4 waits for a person: duet conflicts show 4
        ");
        assert_eq!(text(&[]), "No change of such a record was ever captured.");
    }
}
