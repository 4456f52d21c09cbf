//! Microsoft's map documents: every published map goes out and comes back, nothing is lost, and
//! documents as they are found in the wild are read.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use duet_map::file::{Company, Direction};
use duet_map::microsoft::{Carried, EntityName, Imported, Known, export, find, import, latest};
use duet_map::{Diagnostic, MapFile, Severity};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::LazyLock;

/// The names of the stand-in's entities and the published maps.
fn known() -> &'static Known {
    static KNOWN: LazyLock<Known> = LazyLock::new(|| {
        let schema: Json =
            serde_json::from_str(include_str!("../../sandbox/schemas/finops.json")).unwrap();
        let text = |entity: &Json, name: &str| entity[name].as_str().unwrap_or("").to_owned();
        let entities = schema["entities"].as_array().unwrap();
        Known {
            entities: entities
                .iter()
                .map(|entity| EntityName {
                    title: text(entity, "title"),
                    object: text(entity, "object"),
                    collection: text(entity, "collection"),
                })
                .collect(),
            maps: published().into_iter().map(|(_, map)| map).collect(),
            schemas: None,
        }
    });
    &KNOWN
}

/// Every out-of-the-box map, by its file.
fn published() -> Vec<(String, MapFile)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../solutions");
    let mut maps = Vec::new();
    for package in std::fs::read_dir(root).unwrap() {
        for file in std::fs::read_dir(package.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name != "package.yaml" && !name.ends_with(".test.yaml") {
                let text = std::fs::read_to_string(&path).unwrap();
                maps.push((name.clone(), MapFile::parse(&text, &name).unwrap()));
            }
        }
    }
    maps.sort_by(|a, b| a.0.cmp(&b.0));
    maps
}

fn imported(document: &Json) -> Vec<Imported> {
    let (found, findings) = find(&document.to_string(), "map.json");
    assert_eq!(findings, []);
    found
        .iter()
        .flat_map(|found| import(found, known()))
        .collect()
}

fn one(document: &Json) -> Imported {
    let mut all = imported(document);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// What a map file becomes when it is written, read, and exported again.
fn back(imported: &Imported) -> Json {
    let text = imported.file.as_ref().unwrap().to_yaml();
    let file =
        MapFile::parse(&text, "map.yaml").unwrap_or_else(|found| panic!("{text}\n{found:#?}"));
    assert_eq!(Some(&file), imported.file.as_ref(), "{text}");
    let carried = Carried::parse(&imported.carried.to_json()).unwrap();
    export(&file, Some(&carried), known()).mapping
}

fn told(findings: &[Diagnostic]) -> String {
    let line = |finding: &Diagnostic| {
        let place = finding.place.as_ref().map_or(String::new(), |place| {
            format!(" {}:{}:{}", place.file, place.line, place.column)
        });
        format!(
            "{:?} {}{place}: {}",
            finding.severity, finding.code, finding.message
        )
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_published_map_goes_out_and_comes_back() {
    let (mut lines, mut maps) = (0, 0);
    for (name, file) in published() {
        let out = export(&file, None, known());
        let again = one(&out.mapping);
        assert_eq!(again.mappings, file.fields.len(), "{name}");
        assert_eq!(
            again.lines,
            file.fields.len(),
            "{name}: {:#?}",
            again.findings
        );
        let map = again.file.as_ref().unwrap();
        assert_eq!(map.fields, file.fields, "{name}");
        assert_eq!(map.ends, file.ends, "{name}");
        assert_eq!(map.map, file.map, "{name}");
        assert_eq!(
            (&map.key, map.company.value),
            (&file.key, file.company.value),
            "{name}"
        );
        assert_eq!(
            (&map.why, map.master, &map.deletes),
            (&file.why, file.master, &file.deletes)
        );
        assert_eq!(back(&again), out.mapping, "{name}");
        lines += again.lines;
        maps += 1;
    }
    assert_eq!(maps, 135);
    // 1,691 published lines and the one that the map of employments cannot do without.
    assert_eq!(lines, 1692);
}

/// A document with the oddities that exports carry.
fn odd() -> Json {
    json!({
        "$type": "EntityMappingTask",
        "name": "[Customers V3] - [accounts]",
        "order": 0,
        "leftEnvironmentType": "AX",
        "centerEnvironmentType": "CRM",
        "rightEnvironmentType": "UNDEFINED",
        "newMember": { "a": 1 },
        "legs": [{
            "id": "001",
            "sourceSchema": "CustCustomerV3Entity",
            "sourceSchemaDistinctName": "CustCustomerV3Entity (Distinct)",
            "destinationSchema": "accounts",
            "sourceEnvironmentType": "AX",
            "destinationEnvironmentType": "CRM",
            "sourceFilter": "((PartyType == \"Organization\"))",
            "reversedSourceFilter": "customertypecode eq 3",
            "isSourceFilterEditable": true,
            "fieldMappings": [
                { "id": "1", "syncDirection": "Bidirectional", "sourceField": "CUSTOMERACCOUNT",
                  "destinationField": "accountnumber", "isSystemGenerated": true, "valueTransforms": [] },
                { "syncDirection": "3", "sourceField": "CREDITLIMITISMANDATORY",
                  "destinationField": "msdyn_creditlimitismandatory",
                  "valueTransforms": [{ "$type": "X", "transformType": "ValueMap", "defaultValue": null,
                    "valueMap": { "no": false, "yes": "True" }, "createValuesOnDestination": false }] },
                { "syncDirection": "Sideways", "sourceField": "SALESMEMO", "destinationField": "description" },
                { "syncDirection": 1, "sourceField": "", "destinationField": "customertypecode",
                  "valueTransforms": [{ "transformType": "Default", "defaultValue": 3 }], "hint": "x" },
                { "syncDirection": "Backward", "sourceField": "LANGUAGEID", "destinationField": null,
                  "valueTransforms": { "transformType": "Default", "defaultValue": "en-us" } },
                { "syncDirection": 3, "sourceField": "CUSTOMERGROUPID",
                  "destinationField": "msdyn_customergroupid.msdyn_groupid",
                  "destinationLookupFieldRelatedEntity": "msdyn_customergroups", "hint": "y",
                  "valueTransforms": [{ "transformType": "Truncate", "length": 10 }] },
                { "syncDirection": 1, "sourceField": "CREDITRATING", "destinationField": "msdyn_creditrating",
                  "valueTransforms": [
                    { "transformType": "ValueMap", "valueMap": { "employee": 754_400_000, "both": 754_400_000 },
                      "createValuesOnDestination": true },
                    { "transformType": "Default", "defaultValue": "0" }] },
            ],
        }],
    })
}

#[test]
fn oddities_are_read_or_told_and_none_is_lost() {
    let document = odd();
    let again = one(&document);
    assert_eq!((again.mappings, again.lines), (7, 5));
    assert_eq!(back(&again), document);
    insta::assert_snapshot!(again.file.as_ref().unwrap().to_yaml(), @r#"
    map: customers-v3.accounts
    version: 1.0.0
    why: Sales works on the same customer organization that finance invoices.
    left: { entity: CustomersV3, filter: ((PartyType == "Organization")) }
    right: { entity: accounts, filter: customertypecode eq 3 }
    company: per-company
    key: [CUSTOMERACCOUNT = accountnumber]
    master: left
    deletes: propagate
    allocates: left
    fields:
      - CUSTOMERACCOUNT = accountnumber
      - CREDITLIMITISMANDATORY >< msdyn_creditlimitismandatory: { no: false, yes: True }
      - '"3" >> customertypecode'
      - LANGUAGEID << "en-us"
      - CREDITRATING >> msdyn_creditrating default 0: { employee: 754400000, both: 754400000 }
    assumed:
      - 'key: a map''s JSON does not say it; it is that of the published map of these tables'
      - 'left out: field mapping 3 of the original, which stays beside this file'
      - 'left out: field mapping 6 of the original, which stays beside this file'
    "#);
    insta::assert_snapshot!(told(&again.findings), @"
    Warning DUET1203 map.json:1:984: `SALESMEMO` ↔ `description` is left out of the map: `Sideways` is no direction
    Warning DUET1204 map.json:1:1355: `CUSTOMERGROUPID` ↔ `msdyn_customergroupid.msdyn_groupid` is left out of the map: what a lookup is found by is truncated
    Warning DUET1206 map.json:1:1597: `CREDITRATING` ↔ `msdyn_creditrating` creates missing values at its target; the map does not
    Note DUET1205 map.json:1:1201: `hint` (2 times) means nothing to Duet; it stays beside the map and goes back with an export
    Note DUET1205 map.json:1:181: `newMember` means nothing to Duet; it stays beside the map and goes back with an export
    ");
}

/// A document with one field mapping, spoilt a little.
fn truncating(direction: i64, transform: &Json) -> Json {
    let mut document = odd();
    document["legs"][0]["fieldMappings"] = json!([
        { "syncDirection": 3, "sourceField": "CUSTOMERACCOUNT", "destinationField": "accountnumber" },
        { "syncDirection": direction, "sourceField": "SALESMEMO", "destinationField": "description",
          "valueTransforms": [transform] },
    ]);
    document
}

#[test]
fn a_truncation_becomes_an_expression_and_goes_back_as_it_came() {
    let line = |document: &Json| {
        let read = one(document);
        assert_eq!(&back(&read), document, "nobody changed it");
        read.file.unwrap().fields[1].to_string()
    };
    let transform = json!({ "$type": "T", "transformType": "Truncate", "length": 40 });
    assert_eq!(
        line(&truncating(1, &transform)),
        "(SALESMEMO/Duet.truncate(length=40)) >> description"
    );
    assert_eq!(
        line(&truncating(2, &transform)),
        "SALESMEMO << (description/Duet.truncate(length=40))"
    );
    // A number as text, and another member's name: no documentation says how it is written.
    let text = json!({ "transformType": "truncate", "maxLength": "12" });
    assert_eq!(
        line(&truncating(1, &text)),
        "(SALESMEMO/Duet.truncate(length=12)) >> description"
    );

    let read = one(&truncating(1, &transform));
    let mut file = read.file.clone().unwrap();
    file.fields[1].expression = Some("SALESMEMO/Duet.truncate(length=60)".into());
    let exported = export(&file, Some(&read.carried), known());
    let mapping = &exported.mapping["legs"][0]["fieldMappings"][1];
    assert_eq!(mapping["sourceField"], "SALESMEMO");
    assert_eq!(mapping["valueTransforms"][0]["length"], 60);
    assert_eq!(mapping["valueTransforms"][0]["$type"], "T");
    let fresh = export(&file, None, known()).mapping;
    let mapping = &fresh["legs"][0]["fieldMappings"][1];
    assert_eq!(mapping["valueTransforms"][0]["transformType"], "Truncate");
}

#[test]
fn a_truncation_that_no_line_can_say_is_told() {
    let reasons = [
        truncating(3, &json!({ "transformType": "Truncate", "length": 40 })),
        truncating(1, &json!({ "transformType": "Truncate" })),
        truncating(
            1,
            &json!({ "transformType": "Truncate", "length": 40, "defaultValue": "x" }),
        ),
    ]
    .map(|document| {
        let read = one(&document);
        assert_eq!(back(&read), document);
        let found = read.findings.iter().find(|one| one.code.0 == 1204).unwrap();
        found.message.clone()
    });
    insta::assert_snapshot!(reasons.join("\n"), @"
    `SALESMEMO` ↔ `description` is left out of the map: it truncates both ways: write a line for each way, such as `(NAME/Duet.truncate(length=40)) >> name`
    `SALESMEMO` ↔ `description` is left out of the map: the truncation has no length
    `SALESMEMO` ↔ `description` is left out of the map: a truncation comes with more than its length
    ");
}

#[test]
fn an_edit_changes_its_own_line_only() {
    let document = odd();
    let again = one(&document);
    let mut file = again.file.clone().unwrap();
    // One line changed, one removed, one added, the filter dropped.
    file.fields[0].direction = Direction::ToRight;
    let removed = file.fields.remove(3);
    file.fields.push(removed.clone());
    file.fields[3].default = Some("5".into());
    file.fields[4].left = Some("ACCOUNTSTATEMENT".into());
    file.ends.left.filter = None;
    let out = export(&file, Some(&again.carried), known()).mapping;
    let leg = &out["legs"][0];
    assert_eq!(leg["sourceFilter"], "");
    assert_eq!(leg["sourceSchema"], "CustCustomerV3Entity");
    let names: Vec<String> = leg["fieldMappings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| format!("{} {}", m["sourceField"], m["syncDirection"]))
        .collect();
    insta::assert_snapshot!(names.join("\n"), @r#"
    "CUSTOMERACCOUNT" "1"
    "CREDITLIMITISMANDATORY" "3"
    "SALESMEMO" "Sideways"
    "" 1
    "CREDITRATING" 1
    "ACCOUNTSTATEMENT" 2
    "CUSTOMERGROUPID" 3
    "#);
    // The changed one keeps what Duet does not know.
    assert_eq!(leg["fieldMappings"][0]["id"], "1");
    // And the result reads as the edited map.
    let read = one(&out).file.unwrap();
    assert_eq!(read.fields, file.fields);
}

#[test]
fn a_leg_from_dataverse_is_turned_around() {
    let document = json!({ "legs": [{
        "sourceSchema": "accounts", "sourceEnvironmentType": "CRM", "sourceFilter": "statecode eq 0",
        "destinationSchema": "Customers V3", "destinationEnvironmentType": "AX",
        "fieldMappings": [
            { "syncDirection": 1, "sourceField": "accountnumber", "destinationField": "CUSTOMERACCOUNT" },
            { "syncDirection": 2, "sourceField": "name", "destinationField": "NAMEALIAS",
              "valueTransforms": [{ "transformType": "ValueMap", "valueMap": { "1": "a", "2": "b" } }] },
            { "syncDirection": 3, "sourceField": "x", "destinationField": "Y",
              "valueTransforms": [{ "transformType": "ValueMap", "valueMap": { "1": "a", "2": "a" } }] },
        ],
    }]});
    let again = one(&document);
    let file = again.file.as_ref().unwrap();
    assert_eq!(
        file.ends.right.filter.as_ref().unwrap().value,
        "statecode eq 0"
    );
    let lines: Vec<String> = file.fields.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        ["CUSTOMERACCOUNT < accountnumber", "NAMEALIAS >> name"]
    );
    assert_eq!(file.fields[1].values[0].0.value, "a");
    assert_eq!(back(&again), document);
}

#[test]
fn several_legs_become_several_maps_of_one_document() {
    let leg = |entity: &str, table: &str| {
        json!({ "sourceSchema": entity, "destinationSchema": table, "fieldMappings": [
            { "syncDirection": 3, "sourceField": "A", "destinationField": "a" }] })
    };
    let document = json!({ "name": "two", "legs": [leg("Customers V3", "accounts"), leg("Vendors V2", "msdyn_vendors")] });
    let all = imported(&document);
    assert_eq!(all.len(), 2);
    assert!(all[0].carried.same_document(&all[1].carried));
    for again in &all {
        assert_eq!(back(again), document);
    }
}

#[test]
fn documents_are_found_wherever_they_stand() {
    let map = json!({ "name": "m", "legs": [{ "sourceSchema": "Units", "destinationSchema": "uoms",
        "fieldMappings": [{ "syncDirection": 3, "sourceField": "UNITSYMBOL", "destinationField": "name" }] }] });
    let row = |version: &str| {
        json!({ "msdyn_dualwriteentitymapid": "1", "msdyn_name": "units", "msdyn_version": version,
            "msdyn_mapping": map.to_string() })
    };
    let count = |text: &str| {
        let (found, findings) = find(text, "f.json");
        assert_eq!(findings, []);
        found.len()
    };
    assert_eq!(count(&map.to_string()), 1);
    assert_eq!(count(&format!("\u{feff}{map}\r\n")), 1);
    assert_eq!(count(&json!([map, map]).to_string()), 2);
    assert_eq!(count(&Json::String(map.to_string()).to_string()), 1);
    assert_eq!(count(&row("1").to_string()), 1);
    assert_eq!(count(&json!({ "msdyn_mapping": map }).to_string()), 1);
    assert_eq!(
        count(&json!({ "entityMappingTasks": [map], "environments": [] }).to_string()),
        1
    );
    let page = json!({ "@odata.nextLink": "x", "value": [row("1.0.0.9"), row("1.0.0.10"), row("1.0.0.2")] });
    let (found, _) = find(&page.to_string(), "page.json");
    assert_eq!(found.len(), 3);
    let (kept, dropped) = latest(found);
    assert_eq!((kept.len(), dropped), (1, 2));
    assert_eq!(kept[0].version().as_deref(), Some("1.0.0.10"));
    let again = &import(&kept[0], known())[0];
    assert_eq!(again.file.as_ref().unwrap().version.value, "1.0.0.10");
    assert_eq!(again.carried.record["msdyn_name"], "units");
}

#[test]
fn what_holds_no_map_is_told_with_its_place() {
    let told = |text: &str| told(&find(text, "f.json").1);
    let cut = json!({ "value": [{ "msdyn_name": "units", "msdyn_mapping": "{\"legs\": [" }] });
    insta::assert_snapshot!(
        [
            told(""),
            told("{\"legs\":\n [ }"),
            told("{\"a\": 1}"),
            told("7"),
            told(&cut.to_string()),
            told(r#"{"legs": [], "name": "a", "name": "b"}"#),
        ]
        .join("\n"),
        @"
    Error DUET1200 f.json:1:1: this is no JSON: EOF while parsing a value at line 1 column 0
    Error DUET1200 f.json:2:4: this is no JSON: expected value at line 2 column 4
    Error DUET1201: f.json holds no map of Dual-write
    Error DUET1201: f.json holds no map of Dual-write
    Error DUET1200 f.json (units):1:10: this is no JSON: EOF while parsing a list at line 1 column 10
    Warning DUET1202 f.json:1:27: `name` stands twice here; only the last one counts
    "
    );
    // A row that does not read hides no other.
    let map = json!({ "legs": [] }).to_string();
    let rows = json!([{ "msdyn_mapping": "{" }, { "msdyn_mapping": map }]);
    let (found, findings) = find(&rows.to_string(), "f.json");
    assert_eq!((found.len(), findings.len()), (1, 1));
}

#[test]
fn legs_without_tables_or_keys_are_errors_and_stay_carried() {
    for legs in [
        json!([]),
        json!([7]),
        json!([{ "sourceSchema": "Units" }]),
        json!([{ "sourceSchema": "Units", "destinationSchema": "uoms", "fieldMappings": [] }]),
        json!([{ "sourceSchema": "Units", "destinationSchema": "uoms", "fieldMappings": null }]),
    ] {
        let document = json!({ "name": "x", "legs": legs });
        let again = one(&document);
        assert!(again.file.is_none(), "{document}");
        assert!(
            again.findings.iter().any(|f| f.severity == Severity::Error),
            "{document}"
        );
        assert_eq!(again.carried.mapping, document);
    }
}

#[test]
fn the_row_names_the_key() {
    let map = json!({ "legs": [{ "sourceSchema": "SSTTimeReportEntity", "destinationSchema": "sst_reports",
        "fieldMappings": [
            { "syncDirection": 3, "sourceField": "LINE", "destinationField": "sst_line" },
            { "syncDirection": 3, "sourceField": "ID", "destinationField": "sst_name" }] }] });
    let row = json!({ "msdyn_mapping": map.to_string(),
        "msdyn_properties": "{\"IntegrationKey\":\"sst_name, msdyn_company.cdm_companycode\"}" });
    let again = one(&row);
    let file = again.file.unwrap();
    assert_eq!(file.key.len(), 1);
    assert_eq!(file.key[0].left.value, "ID");
    assert_eq!(file.company.value, Company::PerCompany);
    insta::assert_snapshot!(told(&again.findings), @"Warning DUET1209 map.json (msdyn_mapping):1:26: the public name of the entity `SSTTimeReportEntity` is not known; the map says `SSTTimeReportEntity`");
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z_][A-Za-z0-9_.()]{0,12}",
        Just("none".to_owned()),
        Just(String::new()),
        ".{0,6}"
    ]
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        any::<i32>().prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
        Just(Json::Null),
        ".{0,10}".prop_map(Json::from),
        "[0-9]{1,30}\\.[0-9]{1,8}"
            .prop_map(|text| serde_json::from_str(&text).unwrap_or(Json::Null)),
    ]
}

fn anything() -> impl Strategy<Value = Json> {
    prop_oneof![
        4 => scalar(),
        1 => prop::collection::vec(scalar(), 0..3).prop_map(Json::from),
        1 => prop::collection::btree_map(".{0,6}", scalar(), 0..3)
            .prop_map(|members| Json::Object(members.into_iter().collect())),
    ]
}

fn transform() -> impl Strategy<Value = Json> {
    let kind = prop_oneof![
        Just("ValueMap"),
        Just("Default"),
        Just("default"),
        Just("Truncate"),
        Just("")
    ];
    let values = prop::collection::btree_map(".{0,6}", scalar(), 0..4);
    (
        kind,
        prop::option::of(values),
        prop::option::of(scalar()),
        prop::option::of(any::<bool>()),
    )
        .prop_map(|(kind, values, default, creates)| {
            let mut transform = json!({ "transformType": kind });
            if let Some(values) = values {
                transform["valueMap"] = Json::Object(values.into_iter().collect());
            }
            if let Some(default) = default {
                transform["defaultValue"] = default;
            }
            if let Some(creates) = creates {
                transform["createValuesOnDestination"] = Json::from(creates);
            }
            transform
        })
}

fn mapping() -> impl Strategy<Value = Json> {
    let direction = prop_oneof![
        6 => prop_oneof![Just(json!(1)), Just(json!(2)), Just(json!(3)), Just(json!("1")), Just(json!("Bidirectional"))],
        1 => anything(),
    ];
    let transforms = prop_oneof![
        3 => prop::collection::vec(transform(), 0..3).prop_map(Json::from),
        1 => anything(),
    ];
    (
        word(),
        word(),
        prop::option::of(direction),
        prop::option::of(transforms),
        prop::option::of((".{1,8}", anything())),
    )
        .prop_map(|(from, to, direction, transforms, extra)| {
            let mut mapping = json!({ "sourceField": from, "destinationField": to });
            if let Some(direction) = direction {
                mapping["syncDirection"] = direction;
            }
            if let Some(transforms) = transforms {
                mapping["valueTransforms"] = transforms;
            }
            if let Some((name, value)) = extra {
                mapping[name] = value;
            }
            mapping
        })
}

fn document() -> impl Strategy<Value = Json> {
    let kinds = prop_oneof![
        Just(("AX", "CRM")),
        Just(("CRM", "AX")),
        Just(("", "SALESFORCE"))
    ];
    let filter = prop_oneof![Just(String::new()), Just("  ".to_owned()), ".{0,20}"];
    (
        kinds,
        filter.clone(),
        filter,
        prop::collection::vec(mapping(), 0..8),
        anything(),
    )
        .prop_map(
            |((source, destination), forward, backward, mappings, extra)| {
                json!({
                    "name": "x",
                    "legs": [{
                        "sourceSchema": "Customers V3",
                        "destinationSchema": "accounts",
                        "sourceEnvironmentType": source,
                        "destinationEnvironmentType": destination,
                        "sourceFilter": forward,
                        "reversedSourceFilter": backward,
                        "fieldMappings": mappings,
                    }],
                    "extra": extra,
                })
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Import and export of an untouched map is the identity, whatever the document holds.
    #[test]
    fn a_document_comes_back_as_it_was(document in document()) {
        let again = one(&document);
        let total = document["legs"][0]["fieldMappings"].as_array().unwrap().len();
        prop_assert!(again.mappings == total);
        if again.file.is_some() {
            prop_assert_eq!(back(&again), document);
            // Each mapping is a line, or is told.
            let told = again.findings.iter().filter(|f| f.message.contains("left out")).count();
            prop_assert_eq!(again.lines + told, total);
        }
    }

    /// Any text is read or told, never a panic.
    #[test]
    fn any_text_is_read_or_told(text in "[\\[\\]{}\",:a-z0-9 \\\\legs]{0,60}") {
        let (found, findings) = find(&text, "f.json");
        prop_assert!(!found.is_empty() || !findings.is_empty());
        for found in &found {
            import(found, known());
        }
    }
}
