//! The SARIF log keeps the rules of the published schema of SARIF 2.1.0.
#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

use duet::checking::{Checked, sarif};
use duet_map::analysis::acceptance::Accepted;
use duet_map::diagnostic::{Code, Diagnostic, Place, Severity};
use serde_json::Value;
use std::path::Path;

fn finding(code: u16, severity: Severity, file: Option<&str>) -> Diagnostic {
    Diagnostic {
        code: Code(code),
        severity,
        message: "a thing is so".to_owned(),
        place: file.map(|file| Place {
            file: file.to_owned(),
            line: 3,
            column: 5,
            length: 4,
        }),
        notes: vec!["a fact".to_owned()],
        fix: Some("do something".to_owned()),
    }
}

fn log() -> Value {
    let checked = Checked {
        findings: vec![
            finding(1130, Severity::Warning, Some("project/maps/a b.yaml")),
            finding(1152, Severity::Warning, None),
            finding(1011, Severity::Error, Some("/elsewhere/c.yaml")),
        ],
        accepted: vec![Accepted {
            finding: finding(1132, Severity::Note, Some("project/maps/a b.yaml")),
            why: "prices are never negative".to_owned(),
        }],
        ..Checked::default()
    };
    sarif::log(&checked, Path::new("project"))
}

/// The members that the schema knows of an object; it forbids all others.
fn only(object: &Value, known: &[&str]) {
    for key in object.as_object().unwrap().keys() {
        assert!(known.contains(&key.as_str()), "`{key}` in {object}");
    }
}

#[test]
fn the_log_keeps_the_rules_of_the_schema() {
    let log = log();
    only(&log, &["$schema", "version", "runs"]);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    only(run, &["tool", "columnKind", "results"]);
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let driver = &run["tool"]["driver"];
    only(
        driver,
        &["name", "semanticVersion", "informationUri", "rules"],
    );
    assert!(driver["name"].is_string());
    let rules = driver["rules"].as_array().unwrap();
    for rule in rules {
        only(
            rule,
            &[
                "id",
                "shortDescription",
                "help",
                "helpUri",
                "defaultConfiguration",
            ],
        );
        assert!(
            !rule["shortDescription"]["text"]
                .as_str()
                .unwrap()
                .is_empty()
        );
        assert!(
            rule["help"]["text"]
                .as_str()
                .unwrap()
                .contains("## What to do")
        );
        assert!(rule["helpUri"].as_str().unwrap().starts_with("https://"));
    }
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    for result in results {
        only(
            result,
            &[
                "ruleId",
                "ruleIndex",
                "level",
                "message",
                "locations",
                "suppressions",
            ],
        );
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning", "note", "none"].contains(&result["level"].as_str().unwrap()));
        assert!(result["message"]["text"].is_string());
        let locations = result["locations"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        for location in locations {
            only(location, &["physicalLocation"]);
            let physical = &location["physicalLocation"];
            only(physical, &["artifactLocation", "region"]);
            let region = &physical["region"];
            only(region, &["startLine", "startColumn", "endColumn"]);
            for member in ["startLine", "startColumn", "endColumn"] {
                assert!(region[member].as_u64().unwrap() >= 1);
            }
        }
    }
    let uri = |index: usize| {
        &results[index]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    };
    assert_eq!(uri(0), "maps/a%20b.yaml");
    assert_eq!(uri(2), "/elsewhere/c.yaml");
    let suppression = &results[3]["suppressions"][0];
    only(suppression, &["kind", "status", "justification"]);
    assert_eq!(suppression["kind"], "inSource");
    assert_eq!(suppression["justification"], "prices are never negative");
}
