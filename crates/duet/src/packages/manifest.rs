//! `package.yaml`: what a package is called, needs and brings, and why it exists.

use super::codes;
use crate::config::codes::{UNKNOWN_FORMAT, WRONG_VALUE};
use crate::config::document::{Document, Entry};
use duet_map::diagnostic::Diagnostic;
use semver::{Version, VersionReq};
use serde::Serialize;

/// The version of the manifest format that this release reads.
const FORMAT: i64 = 1;

/// What a package says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// The package's name, which is that of its folder.
    #[serde(rename = "package")]
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Its version.
    pub version: Version,
    /// Why the business wants it, in a sentence.
    pub why: String,
    /// The packages that must be there first.
    pub needs: Vec<Need>,
    /// The names of its maps.
    pub brings: Vec<String>,
}

/// Another package that must be there first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Its name.
    pub package: String,
    /// The versions that will do, as Cargo writes them (`^1.0.0`).
    pub version: VersionReq,
}

impl Manifest {
    /// Reads a text; `file` is how the user calls it. All findings are returned at once.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Diagnostic>> {
        let document = Document::parse(text, file)?;
        let manifest = Self::read(&document);
        match (manifest, document.into_findings()) {
            (Some(manifest), findings) if findings.is_empty() => Ok(manifest),
            (_, findings) => Err(findings),
        }
    }

    fn read(document: &Document<'_>) -> Option<Self> {
        let mut root = document.root()?;
        if let Some(format) = root.require("format")
            && format.integer().is_some_and(|format| format != FORMAT)
        {
            format.report(
                UNKNOWN_FORMAT,
                format!("this release reads format {FORMAT} of package manifests"),
                Some(format!("write `format: {FORMAT}`, or use a newer release")),
            );
            return None;
        }
        let name = root.require("package").and_then(|entry| name(&entry));
        let title = root.require("title").and_then(|entry| entry.text());
        let version = root.require("version").and_then(|entry| version(&entry));
        let why = root.require("why").and_then(|entry| entry.text());
        let needs = root.require("needs").map(|entry| needs(&entry));
        let brings = root.require("brings").map(|entry| brings(&entry));
        root.finish();
        Some(Self {
            name: name?,
            title: title?,
            version: version?,
            why: why?,
            needs: needs?,
            brings: brings?,
        })
    }
}

/// A name that can be a folder's.
fn name(entry: &Entry<'_>) -> Option<String> {
    let text = entry.text()?;
    let good = text
        .chars()
        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    if !good {
        entry.report(
            codes::BAD_MANIFEST,
            format!("`{text}` cannot be a package's name"),
            Some("use small letters, digits and hyphens: `supply-chain`".to_owned()),
        );
    }
    good.then_some(text)
}

fn version(entry: &Entry<'_>) -> Option<Version> {
    let text = entry.text()?;
    let version = Version::parse(&text);
    if version.is_err() {
        entry.report(
            WRONG_VALUE,
            format!("`{text}` is no version"),
            Some("write three numbers: `1.0.0`".to_owned()),
        );
    }
    version.ok()
}

fn needs(entry: &Entry<'_>) -> Vec<Need> {
    entry
        .texts()
        .into_iter()
        .filter_map(|text| {
            let need = text.split_once(' ').and_then(|(package, version)| {
                Some(Need {
                    package: package.to_owned(),
                    version: VersionReq::parse(version.trim()).ok()?,
                })
            });
            if need.is_none() {
                entry.report(
                    codes::BAD_MANIFEST,
                    format!("`{text}` is no package with a version"),
                    Some(
                        "write the name and the versions that will do: `finance ^1.0.0`".to_owned(),
                    ),
                );
            }
            need
        })
        .collect()
}

fn brings(entry: &Entry<'_>) -> Vec<String> {
    let names = entry.texts();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            entry.report(
                codes::BAD_MANIFEST,
                format!("`{name}` is listed twice"),
                Some("list each map once".to_owned()),
            );
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
format: 1
package: finance
title: Finance
version: 1.2.0
why: Customers are the same on both sides.
needs: [application-core ^1.0.0]
brings: [customers, vendors]
";

    fn told(text: &str) -> String {
        let findings = Manifest::parse(text, "package.yaml").unwrap_err();
        let lines: Vec<String> = findings
            .iter()
            .map(|finding| {
                let place = finding.place.as_ref().unwrap();
                format!(
                    "{} {}:{} {}",
                    finding.code, place.line, place.column, finding.message
                )
            })
            .collect();
        lines.join("\n")
    }

    #[test]
    fn a_manifest_is_read() {
        let manifest = Manifest::parse(GOOD, "package.yaml").unwrap();
        assert_eq!(manifest.name, "finance");
        assert!(manifest.needs[0].version.matches(&Version::new(1, 4, 0)));
        assert!(!manifest.needs[0].version.matches(&Version::new(2, 0, 0)));
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let text = GOOD
            .replace("package: finance", "package: Fin/ance")
            .replace("1.2.0", "one")
            .replace("application-core ^1.0.0", "application-core")
            .replace("customers, vendors", "customers, customers")
            + "brigns: []\n";
        insta::assert_snapshot!(told(&text), @"
        DUET5134 2:10 `Fin/ance` cannot be a package's name
        DUET5005 4:10 `one` is no version
        DUET5134 6:8 `application-core` is no package with a version
        DUET5134 7:9 `customers` is listed twice
        DUET5003 8:1 `brigns` is no key that Duet knows
        ");
    }

    #[test]
    fn another_format_is_not_guessed_at() {
        insta::assert_snapshot!(told(&GOOD.replace("format: 1", "format: 2")), @"DUET5008 1:9 this release reads format 1 of package manifests");
    }
}
