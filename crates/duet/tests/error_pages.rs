//! Every code in the sources has a page, and every page a code.
#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The codes that a text names, as `Code(1011)` or `DUET1011`.
fn codes_in(text: &str) -> impl Iterator<Item = String> + '_ {
    ["Code(", "DUET"].into_iter().flat_map(move |start| {
        text.match_indices(start).filter_map(move |(at, _)| {
            let rest = &text[at + start.len()..];
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            (digits.len() == 4).then(|| format!("DUET{digits}"))
        })
    })
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && !path.ends_with("tests.rs")
            && !path.ends_with("testing.rs")
        {
            found.push(path);
        }
    }
}

fn codes_of_the_sources() -> BTreeSet<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for entry in fs::read_dir(&crates).unwrap() {
        sources(&entry.unwrap().path().join("src"), &mut files);
    }
    files
        .iter()
        .flat_map(|file| {
            let text = fs::read_to_string(file).unwrap();
            // What stands in tests is no promise.
            let text = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default();
            codes_in(text).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_code_has_a_page_with_a_next_step() {
    let missing: Vec<String> = codes_of_the_sources()
        .into_iter()
        .filter(|code| {
            !duet::error_pages::page(code).is_some_and(|page| page.contains("## What to do"))
        })
        .collect();
    assert!(missing.is_empty(), "codes without a page: {missing:?}");
}

#[test]
fn every_page_is_headed_by_its_code_and_listed() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors/README.md");
    let list = fs::read_to_string(list).unwrap();
    for (code, page) in duet::error_pages::all() {
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        assert!(
            list.contains(&format!("[{code}]({code}.md)")),
            "{code} is not listed"
        );
    }
}

#[test]
fn every_page_belongs_to_a_code_in_the_sources() {
    let codes = codes_of_the_sources();
    let orphans: Vec<&str> = duet::error_pages::all()
        .map(|(code, _)| code)
        .filter(|code| !codes.contains(*code))
        .collect();
    assert!(orphans.is_empty(), "pages without a code: {orphans:?}");
}
