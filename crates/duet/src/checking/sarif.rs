//! Findings in SARIF 2.1.0, the format in which code hosts and editors take them.
//!
//! Each code that occurs becomes a rule with its page of `docs/errors`; each finding a result with
//! its place; what a map accepts a result that is suppressed in source, with the reason.

use super::Checked;
use crate::error_pages;
use duet_map::diagnostic::{Code, Diagnostic, Place, Severity};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Where the published schema of the format stands.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log of one check. Files are named from `folder`, where that is possible.
pub fn log(checked: &Checked, folder: &Path) -> Value {
    let findings = || {
        let accepted = checked.accepted.iter();
        checked
            .findings
            .iter()
            .chain(accepted.map(|accepted| &accepted.finding))
    };
    let mut codes: BTreeMap<Code, Severity> = BTreeMap::new();
    for finding in findings() {
        let worst = codes.entry(finding.code).or_insert(finding.severity);
        *worst = finding.severity.max(*worst);
    }
    let indices: BTreeMap<Code, usize> = codes
        .keys()
        .enumerate()
        .map(|(index, code)| (*code, index))
        .collect();
    let rules: Vec<Value> = codes
        .iter()
        .map(|(code, severity)| rule(*code, *severity))
        .collect();
    let mut results: Vec<Value> = checked
        .findings
        .iter()
        .map(|finding| result(finding, &indices, folder))
        .collect();
    results.extend(checked.accepted.iter().map(|accepted| {
        let mut result = result(&accepted.finding, &indices, folder);
        result["suppressions"] = json!([
            { "kind": "inSource", "status": "accepted", "justification": accepted.why }
        ]);
        result
    }));
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "duet",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: Code, severity: Severity) -> Value {
    let id = code.to_string();
    let page = error_pages::page(&id).unwrap_or_default();
    let body = page.lines().skip(1).collect::<Vec<_>>().join("\n");
    json!({
        "id": id,
        "shortDescription": { "text": error_pages::title(page) },
        "help": { "text": body.trim(), "markdown": body.trim() },
        "helpUri": format!("{}/blob/main/docs/errors/{id}.md", env!("CARGO_PKG_REPOSITORY")),
        "defaultConfiguration": { "level": level(severity) },
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn result(finding: &Diagnostic, indices: &BTreeMap<Code, usize>, folder: &Path) -> Value {
    let mut text = finding.message.clone();
    for note in &finding.notes {
        text.extend(["\n", note.as_str()]);
    }
    if let Some(fix) = &finding.fix {
        text.extend(["\nWhat to do: ", fix]);
    }
    let mut result = json!({
        "ruleId": finding.code.to_string(),
        "ruleIndex": indices.get(&finding.code),
        "level": level(finding.severity),
        "message": { "text": text },
    });
    if let Some(place) = &finding.place {
        result["locations"] = json!([location(place, folder)]);
    }
    result
}

fn location(place: &Place, folder: &Path) -> Value {
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(&place.file, folder) },
        "region": {
            "startLine": place.line.max(1),
            "startColumn": place.column.max(1),
            "endColumn": place.column.max(1) + place.length.max(1),
        },
    }})
}

/// A file's name as a relative reference: slashes, and everything else that a URI does not take
/// percent-encoded.
fn uri(file: &str, folder: &Path) -> String {
    let path = Path::new(file);
    let path = path.strip_prefix(folder).unwrap_or(path);
    let text = path.to_string_lossy().replace('\\', "/");
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(["%", &format!("{byte:02X}")]);
        }
    }
    out
}
