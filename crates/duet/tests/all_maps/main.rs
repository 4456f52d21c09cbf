//! All out-of-the-box maps at work between the two stand-ins, every mapped field filled.
//!
//! 1. [`stage`]: both systems over HTTP and a project of the maps.
//! 2. [`domains`] says which columns hold one value, [`rows`] makes records from it: on the left for
//!    an initial sync, on the right for live sync, and edits of every field on either side.
//! 3. [`agreement`] compares both sides with nothing but map files and what any client reads.
//! 4. [`reviewed`] lists what the generator had to be told and what cannot be carried, with reasons.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod agreement;
mod domains;
mod reviewed;
mod rows;
mod stage;

use agreement::{Carried, Rows};
use domains::Domains;
use duet::cli::audit::Audit;
use duet_map::side::Side;
use duet_store::change::ParkedFilter;
use reviewed::NOT_CARRIED;
use rows::{Made, Maker};
use serde_json::Value as Json;
use stage::Stage;
use std::time::Duration;

/// The companies of both systems; striped rows belong to the first two.
const COMPANIES: [&str; 8] = [
    "usmf", "frrt", "gbsi", "jpmf", "demf", "cnmf", "inmf", "brmf",
];

/// `DUET_MAPS=finance/` runs a package alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_every_map_is_carried() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = std::env::var("DUET_MAPS").unwrap_or_default();
    let stage = Stage::set(folder.path(), |name| name.contains(&wanted)).await;
    let domains = Domains::of(&stage.files, &stage.schemas);
    let maker = Maker::new(&stage.files, &stage.schemas, &domains);
    let mut carried = Carried::new();

    let (tables, mut made) = maker.left_rows();
    let mut refused = Vec::new();
    let mut count = 0;
    for (entity, rows) in tables {
        count += rows.len();
        refused.extend(
            stage
                .finops_rows
                .insert(&entity, rows)
                .err()
                .map(|error| error.to_string()),
        );
    }
    report("rows entered on the left", &refused);
    stage.check_references().await;
    println!("{count} rows on the left");
    rest(&stage, "initial sync", async |stage| {
        stage.engine.sync().await.map(drop)
    })
    .await;
    rest(&stage, "rest", async |stage| stage.engine.quiesce().await).await;
    let mut wrong = parked(&stage).await;
    let rows = stage_rows(&stage).await;
    let keys = maker.left_keys(&rows, &made);
    wrong.extend(rows.compare(&made, &keys, &mut carried));
    report("after the initial sync", &wrong);
    let before = stage.duet_writes().await;
    rest(&stage, "second sync", async |stage| {
        stage.engine.sync().await.map(drop)
    })
    .await;
    assert_eq!(
        stage.duet_writes().await,
        before,
        "a second sync writes nothing"
    );

    let entered = maker.enter_right_rows(&stage.dataverse).await;
    made.extend(entered);
    rest(&stage, "live", async |stage| stage.engine.quiesce().await).await;
    let mut wrong = parked(&stage).await;
    let rows = stage_rows(&stage).await;
    let keys = maker.left_keys(&rows, &made);
    wrong.extend(rows.compare(&made, &keys, &mut carried));
    report("after rows were entered on the right", &wrong);

    for side in [Side::Right, Side::Left] {
        let rows = stage_rows(&stage).await;
        let keys = maker.left_keys(&rows, &made);
        edit(&stage, &maker, &rows, &made, &keys, side).await;
        rest(&stage, "edits", async |stage| stage.engine.quiesce().await).await;
        let mut wrong = parked(&stage).await;
        let rows = stage_rows(&stage).await;
        // Edits leave some fields alone, so they do not count as carried.
        wrong.extend(rows.compare(&made, &keys, &mut Carried::new()));
        report(&format!("after edits on the {side}"), &wrong);
    }

    let audit = Audit::of(stage.store.audit().await.unwrap());
    assert!(audit.balances, "{:#?}", audit.lines);
    let before = stage.duet_writes().await;
    rest(&stage, "last sync", async |stage| {
        stage.engine.sync().await.map(drop)
    })
    .await;
    assert_eq!(
        stage.duet_writes().await,
        before,
        "a last sync writes nothing"
    );

    let (mut lines, mut directions, mut missing) = (0, 0, Vec::new());
    for (map, file) in stage.files.iter().enumerate() {
        for (line, field) in file.fields.iter().enumerate() {
            lines += 1;
            for from in Side::BOTH {
                if !field.direction.flows_from(from) {
                    continue;
                }
                directions += 1;
                let told = field.to_string();
                let reviewed = NOT_CARRIED
                    .iter()
                    .any(|(map, line, _)| *map == file.map.value && *line == told);
                if !carried.contains(&(map, line, from)) && !reviewed {
                    missing.push(format!("{} from the {from}: {told}", file.map.value));
                }
            }
        }
    }
    println!(
        "{} maps, {} records, {lines} lines in {directions} directions carried",
        stage.files.len(),
        made.len()
    );
    report("not carried", &missing);
    if wanted.is_empty() {
        // 1,691 are published; one is added and marked as assumed.
        assert_eq!((stage.files.len(), lines), (135, 1692));
    }
}

async fn stage_rows(stage: &Stage) -> Rows<'_> {
    Rows::read(
        &stage.finops,
        &stage.dataverse,
        &stage.files,
        &stage.schemas,
    )
    .await
}

async fn edit(
    stage: &Stage,
    maker: &Maker<'_>,
    rows: &Rows<'_>,
    made: &[Made],
    keys: &[String],
    side: Side,
) {
    for (record, key) in made.iter().zip(keys) {
        let found = rows.record(record, key);
        let Some(row) = found[side] else { continue };
        let change = maker.edit(record, side, &rows.right);
        if change.is_empty() {
            continue;
        }
        let path = maker.path(record, side, row);
        let user = match side {
            Side::Left => &stage.finops,
            Side::Right => &stage.dataverse,
        };
        user.update(&path, &Json::Object(change.clone()))
            .await
            .unwrap_or_else(|error| panic!("{path}: {error:#}"));
    }
}

async fn rest(
    stage: &Stage,
    what: &str,
    work: impl AsyncFnOnce(&Stage) -> Result<(), duet_engine::EngineError>,
) {
    let begin = std::time::Instant::now();
    tokio::time::timeout(Duration::from_mins(3), work(stage))
        .await
        .unwrap_or_else(|_| panic!("{what} comes to no end"))
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    println!("{what}: {:?}", begin.elapsed());
}

async fn parked(stage: &Stage) -> Vec<String> {
    let parked = stage
        .store
        .parked(&ParkedFilter::default(), 10_000)
        .await
        .unwrap();
    parked
        .iter()
        .map(|change| format!("parked: {change:?}"))
        .collect()
}

fn report(when: &str, wrong: &[String]) {
    if wrong.is_empty() {
        return;
    }
    let told: Vec<&str> = wrong.iter().take(100).map(String::as_str).collect();
    panic!("{when}: {} findings\n{}", wrong.len(), told.join("\n"));
}
