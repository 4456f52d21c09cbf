//! The documents tell the truth about the project: links lead somewhere, keys and commands exist.
#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

use clap::CommandFactory;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn documents() -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&root().join("docs"), &mut found);
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
    found
}

#[test]
fn relative_links_lead_to_files() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.contains(char::is_whitespace) {
                continue;
            }
            if !document.parent().unwrap().join(target).exists() {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_command_is_documented_with_an_example() {
    let reference = fs::read_to_string(root().join("docs/reference/commands.md")).unwrap();
    for command in duet::cli::Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(
            reference.contains(&format!("`duet {name}")),
            "docs/reference/commands.md does not know `duet {name}`"
        );
        let help = command
            .get_subcommands()
            .next()
            .unwrap_or(command)
            .get_after_help();
        assert!(
            help.is_some_and(|help| help.to_string().contains("Example")),
            "`duet {name} --help` shows no example"
        );
    }
}

#[test]
fn every_key_of_the_configuration_is_documented() {
    let reference = fs::read_to_string(root().join("docs/reference/duet-yaml.md")).unwrap();
    let sources = ["config.rs", "config/overrides.rs", "config/secret.rs"];
    for source in sources {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src")
            .join(source);
        let text = fs::read_to_string(path).unwrap();
        for asked in [".require(\"", ".optional(\""] {
            for (at, _) in text.match_indices(asked) {
                let key = text[at + asked.len()..]
                    .split('"')
                    .next()
                    .unwrap_or_default();
                assert!(
                    reference.contains(&format!("`{key}`"))
                        || reference.contains(&format!("{key}: ")),
                    "docs/reference/duet-yaml.md does not know `{key}`"
                );
            }
        }
    }
}

#[test]
fn nearly_every_known_error_of_dual_write_is_told() {
    let text = fs::read_to_string(root().join("docs/reference/check.md")).unwrap();
    let (_, table) = text.split_once("| class | when | codes |").unwrap();
    let rows: Vec<&str> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert_eq!(rows.len(), 37);
    let covered = rows.iter().filter(|row| {
        let when = row.split('|').nth(2).unwrap_or_default().trim();
        when != "–" && row.contains("](../errors/DUET")
    });
    assert_eq!(covered.count(), 35);
}
