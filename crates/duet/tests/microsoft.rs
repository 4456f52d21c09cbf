//! Maps of Dual-write in and out with real processes: all published maps as one export, an exported
//! solution, and a Dataverse that keeps them.
#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

mod stage;

use duet::demo::caller::Caller;
use duet::stand_ins::{Plan, USER};
use serde_json::{Value, json};
use stage::commands::ask;
use stage::in_process::{InProcess, answer, project, transcript};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use tempfile::TempDir;

/// A project whose systems are never asked.
fn alone() -> TempDir {
    project("http://127.0.0.1:1", "http://127.0.0.1:2")
}

#[test]
fn every_published_map_travels_as_one_export_and_back() {
    let folder = alone();
    let packages = [
        "application-core",
        "finance",
        "human-resources",
        "supply-chain",
    ]
    .into_iter()
    .chain(["asset-management", "notes", "party"]);
    let install: Vec<&str> = ["package", "install"].into_iter().chain(packages).collect();
    assert!(ask(folder.path(), &install).status.success());
    assert!(
        ask(folder.path(), &["export", "--to", "exported"])
            .status
            .success()
    );
    // As an environment answers a query for them.
    let mut rows = Vec::new();
    for file in fs::read_dir(folder.path().join("exported")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        rows.push(json!({
            "msdyn_name": name,
            "msdyn_version": "1.0.0.1",
            "msdyn_mapping": fs::read_to_string(path).unwrap(),
        }));
    }
    assert_eq!(rows.len(), 135);
    let page = json!({ "value": rows });
    fs::write(folder.path().join("page.json"), page.to_string()).unwrap();
    fs::remove_dir_all(folder.path().join("maps")).unwrap();

    let report = answer(&ask(folder.path(), &["import", "page.json", "--json"]));
    assert_eq!(report["maps"].as_array().unwrap().len(), 135);
    assert_eq!(
        (&report["mappings"], &report["lines"]),
        (&json!(1692), &json!(1692))
    );
    assert_eq!(report["findings"], json!([]));

    assert!(
        ask(folder.path(), &["export", "--to", "again"])
            .status
            .success()
    );
    for row in rows {
        let name = row["msdyn_name"].as_str().unwrap();
        let again = fs::read_to_string(folder.path().join(format!("again/{name}.json"))).unwrap();
        let before: Value = serde_json::from_str(row["msdyn_mapping"].as_str().unwrap()).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&again).unwrap(),
            before,
            "{name}"
        );
    }

    // Twice is once.
    let report = answer(&ask(folder.path(), &["import", "page.json", "--json"]));
    let actions = report["maps"].as_array().unwrap().iter();
    assert!(
        actions.clone().all(|map| map["action"] == "same"),
        "{report:#}"
    );
}

const PACKAGES: [&str; 7] = [
    "application-core",
    "finance",
    "human-resources",
    "supply-chain",
    "asset-management",
    "notes",
    "party",
];

/// The documents of an exported solution, by the names of their rows.
fn documents(solution: &Path) -> BTreeMap<String, Value> {
    let mut archive = zip::ZipArchive::new(fs::File::open(solution).unwrap()).unwrap();
    let mut names: Vec<String> = (0..archive.len())
        .map(|index| {
            archive
                .by_index(index)
                .unwrap()
                .name()
                .unwrap()
                .into_owned()
        })
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["[Content_Types].xml", "customizations.xml", "solution.xml"]
    );
    let mut xml = String::new();
    let mut file = archive.by_name("customizations.xml").unwrap();
    file.read_to_string(&mut xml).unwrap();
    let text = |row: &str, column: &str| {
        let (_, rest) = row.split_once(&format!("<{column}>")).unwrap();
        let (text, _) = rest.split_once(&format!("</{column}>")).unwrap();
        quick_xml::escape::unescape(text).unwrap().into_owned()
    };
    xml.split("<msdyn_dualwriteentitymap ")
        .skip(1)
        .map(|row| {
            let mapping = serde_json::from_str(&text(row, "msdyn_mapping")).unwrap();
            (text(row, "msdyn_name"), mapping)
        })
        .collect()
}

#[test]
fn every_published_map_travels_as_a_solution_and_back() {
    let folder = alone();
    let install: Vec<&str> = ["package", "install"].into_iter().chain(PACKAGES).collect();
    assert!(ask(folder.path(), &install).status.success());
    let export = |file: &str| {
        let output = ask(folder.path(), &["export", "--solution", file]);
        assert!(output.status.success(), "{}", transcript(&output));
        documents(&folder.path().join(file))
    };
    let before = export("one.zip");
    assert_eq!(before.len(), 135);
    fs::remove_dir_all(folder.path().join("maps")).unwrap();

    let report = answer(&ask(folder.path(), &["import", "one.zip", "--json"]));
    assert_eq!(report["maps"].as_array().unwrap().len(), 135);
    assert_eq!(
        (&report["mappings"], &report["lines"]),
        (&json!(1692), &json!(1692))
    );
    assert_eq!(report["findings"], json!([]));
    assert_eq!(export("again.zip"), before);
    let bytes = |file: &str| fs::read(folder.path().join(file)).unwrap();
    export("once-more.zip");
    assert_eq!(bytes("again.zip"), bytes("once-more.zip"), "byte for byte");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_published_map_travels_to_an_environment_and_back() {
    let stage = InProcess::set(&Plan::default()).await;
    let maps = stage.folder().join("maps");
    let install: Vec<&str> = ["package", "install"].into_iter().chain(PACKAGES).collect();
    assert!(stage.ask(&install).await.status.success());
    let steps = async |arguments: &[&str]| {
        let report = answer(&stage.ask(arguments).await);
        let plan = report["environment"].as_array().unwrap().clone();
        let count = |step: &str| plan.iter().filter(|one| one["step"] == step).count();
        (count("create"), count("update"), count("same"))
    };
    let look = ["export", "--environment", "--json"];
    let write = ["export", "--environment", "--apply", "--json"];
    assert_eq!(steps(&look).await, (135, 0, 0), "a look writes nothing");
    assert_eq!(steps(&write).await, (135, 0, 0));
    assert_eq!(steps(&look).await, (0, 0, 135));
    fs::remove_dir_all(&maps).unwrap();
    let report = answer(&stage.ask(&["import", "--environment", "--json"]).await);
    assert_eq!(report["maps"].as_array().unwrap().len(), 135);
    assert_eq!(report["lines"], 1692);
    assert_eq!(
        steps(&look).await,
        (0, 0, 135),
        "what came goes back as it is"
    );

    // One line changes, and its row with it; a new version is a row of its own.
    let file = maps.join("imported/customers-v3.accounts.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains(" = ") && line.starts_with("  - "));
    let line = line.unwrap().to_owned();
    fs::write(&file, text.replacen(&line, &line.replace(" = ", " > "), 1)).unwrap();
    let plan = stage.ask(&["export", "--environment"]).await.stdout;
    insta::assert_snapshot!(String::from_utf8(plan).unwrap(), @"
    MAP                    STEP    VERSION  CHANGES
    customers-v3.accounts  update  1.0.0.0  1 of 25 field mappings differ

    0 to create, 1 to update, 134 are the same. Nothing is written yet; `--apply` writes.
    ");
    assert_eq!(steps(&write).await, (0, 1, 134));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("version: 1.0.0.0", "version: 1.0.1.0")).unwrap();
    assert_eq!(steps(&write).await, (1, 0, 134));
    stage.stand_ins.stop().await;
}

/// A map as a team may have changed it.
fn own_map() -> Value {
    json!({
        "name": "[Time report] - [sst_reports]",
        "leftEnvironmentType": "AX",
        "centerEnvironmentType": "CRM",
        "legs": [{
            "id": "001",
            "sourceSchema": "Time report",
            "destinationSchema": "sst_reports",
            "sourceEnvironmentType": "AX",
            "destinationEnvironmentType": "CRM",
            "sourceFilter": "(Hours > 0",
            "fieldMappings": [
                { "syncDirection": "3", "sourceField": "REPORTID", "destinationField": "sst_name", "isSystemGenerated": true },
                { "syncDirection": 1, "sourceField": "HOURS", "destinationField": "sst_hours",
                  "valueTransforms": [{ "transformType": "Round", "digits": 2 }] },
                { "syncDirection": 2, "sourceField": "STATUS", "destinationField": "sst_status",
                  "valueTransforms": [{ "transformType": "ValueMap", "valueMap": { "draft": "1", "sent": "2" } }] },
            ],
        }],
    })
}

#[test]
fn what_no_map_can_say_is_told() {
    let folder = alone();
    let text = serde_json::to_string_pretty(&own_map()).unwrap();
    fs::write(folder.path().join("own.json"), text).unwrap();
    insta::assert_snapshot!(transcript(&ask(folder.path(), &["import", "own.json"])), @r#"
    warning[DUET1209]: the public name of the entity `Time report` is not known; the map says `Timereport`
     --> own.json:8:23
      |
    8 |       "sourceSchema": "Time report",
      |                       ^^^^^^^^^^^^^
      |
      = help: check it with `duet check`, or import with both systems at hand: `--connect`

    warning[DUET1204]: `HOURS` ↔ `sst_hours` is left out of the map: Duet knows no transform `Round`
      --> own.json:25:13
       |
    25 |             {
       |             ^
       |
       = help: write the line by hand if the field has to travel; the original stays beside the map and goes back with an export

    warning[DUET1210]: the filter of the left side does not read: at offset 10: a `)` is missing here
      --> own.json:12:23
       |
    12 |       "sourceFilter": "(Hours > 0",
       |                       ^^^^^^^^^^^^
       |
       = help: correct it in the map; `duet check` points at the place

    warning[DUET1207]: the integration key is guessed: REPORTID = sst_name; its lines are those that the system made itself
     --> own.json:6:5
      |
    6 |     {
      |     ^
      |
      = help: compare it with Environment details > Integration key, and correct `key:`

    note[DUET1205]: `digits` means nothing to Duet; it stays beside the map and goes back with an export
      --> own.json:27:25
       |
    27 |               "digits": 2
       |                         ^

    MAP                      LEFT        RIGHT        MAPPINGS  LINES  FILE
    time-report.sst_reports  Timereport  sst_reports         3      2  added

    Maps: 1. Field mappings: 3, of which 2 are lines and 1 are left out.
    exit code 0
    "#);
    let written = fs::read_to_string(
        folder
            .path()
            .join("maps/imported/time-report.sst_reports.yaml"),
    );
    insta::assert_snapshot!(written.unwrap(), @"
    map: time-report.sst_reports
    version: 1.0.0
    why: Imported from [Time report] - [sst_reports]; say here what the business wants it for.
    left: { entity: Timereport, filter: (Hours > 0 }
    right: { entity: sst_reports }
    company: per-company
    key: [REPORTID = sst_name]
    master: left
    deletes: propagate
    fields:
      - REPORTID = sst_name
      - STATUS << sst_status: { draft: 1, sent: 2 }
    assumed:
      - 'key: a map''s JSON does not say it; its lines are those that the system made itself'
      - 'company: the entity is not known; most entities keep rows by company'
      - 'left out: field mapping 2 of the original, which stays beside this file'
    ");
    let strict = ask(
        folder.path(),
        &["import", "own.json", "--strict", "--dry-run"],
    );
    assert_eq!(strict.status.code(), Some(1));

    // An edited map is kept, and goes out with the document's own members.
    let path = folder
        .path()
        .join("maps/imported/time-report.sst_reports.yaml");
    let edited = fs::read_to_string(&path)
        .unwrap()
        .replace("STATUS <<", "STATUS ><");
    fs::write(&path, &edited).unwrap();
    assert!(transcript(&ask(folder.path(), &["import", "own.json"])).contains("DUET5135"));
    assert_eq!(fs::read_to_string(&path).unwrap(), edited);
    let arguments = ["export", "time-report.sst_reports", "--to", "out.json"];
    assert!(ask(folder.path(), &arguments).status.success());
    let out: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("out.json")).unwrap()).unwrap();
    let mut wanted = own_map();
    wanted["legs"][0]["fieldMappings"][2]["syncDirection"] = json!(3);
    assert_eq!(out, wanted);

    insta::assert_snapshot!(transcript(&ask(folder.path(), &["export", "time-report"])), @"
    error[DUET5137]: no map of this project is called `time-report`
     |
     = help: did you mean `time-report.sst_reports`?

    More about it: duet explain DUET5137
    exit code 2
    ");
    insta::assert_snapshot!(transcript(&ask(folder.path(), &["import", "duet.yaml"])), @"
    error[DUET1200]: this is no JSON: expected value at line 1 column 1
     --> duet.yaml:1:1
      |
    1 | # Written by `duet demo` at every start: both stand-ins and Duet's own server may have moved.
      | ^
      |
      = help: export the map again; a text cut off in the middle does not read

    MAP  LEFT  RIGHT  MAPPINGS  LINES  FILE

    Maps: 0. Field mappings: 0, of which 0 are lines and 0 are left out.
    exit code 1
    ");
    let unreachable = ask(folder.path(), &["import", "--environment"]);
    assert_eq!(unreachable.status.code(), Some(4));
    assert!(transcript(&unreachable).contains("DUET3001"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_gives_its_latest_maps() {
    let stage = InProcess::set(&Plan::default()).await;
    let user = Caller::sign_in(stage.stand_ins.dataverse.url(), "/api/data/v9.2", USER)
        .await
        .unwrap();
    for version in ["1.0.0.9", "1.0.0.10"] {
        let row = json!({
            "msdyn_name": "sst_report",
            "msdyn_displayname": "Time reports",
            "msdyn_version": version,
            "msdyn_mapping": own_map().to_string(),
            "msdyn_properties": "{\"IntegrationKey\": \"sst_name\"}",
        });
        user.create("/msdyn_dualwriteentitymaps", &row)
            .await
            .unwrap();
    }
    let report = answer(&stage.ask(&["import", "--environment", "--json"]).await);
    assert_eq!(report["maps"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(report["older_versions"], 1);
    let map = stage
        .folder()
        .join("maps/imported/time-report.sst_reports.yaml");
    let map = fs::read_to_string(map).unwrap();
    assert!(
        map.contains("version: 1.0.0.10") && map.contains("key: [REPORTID = sst_name]"),
        "{map}"
    );
    let document = stage
        .folder()
        .join("maps/imported/time-report.sst_reports.microsoft.json");
    assert!(
        fs::read_to_string(document)
            .unwrap()
            .contains("msdyn_dualwriteentitymapid")
    );
    stage.stand_ins.stop().await;
}
