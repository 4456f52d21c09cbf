//! What a terminal shows, without what differs from run to run.

use crate::stage::commands::{ask, said};
use regex_lite::Regex;
use std::path::Path;

/// What a command says, without what differs from run to run.
pub(crate) fn shown(folder: &Path, arguments: &[&str]) -> String {
    tidied(&said(&ask(folder, arguments)))
}

/// A text without what differs from run to run.
pub(crate) fn tidied(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, put) in [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "[time]"),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[id]",
        ),
        (r"127\.0\.0\.1:\d+", "[address]"),
        (r#"W/\\"[^"\\]*\\""#, "[version]"),
        // How long something took, and with it how wide its column is.
        (r" {2,}AFTER  ", "  AFTER  "),
        (r" {2,}\d+ ms  ", "  [ms]  "),
        (r"\b(\d+(ms|s|m|h) ?)+ ago", "[age] ago"),
        (r" +LAG\n", "  LAG\n"),
        (r"(?m) +(-|(\d+(ms|s|m|h) ?)+)$", "  [lag]"),
        // Numbers of changes and conflicts.
        (r"(?m)^((\d\| )?) *\d+  ", "${1}[number]  "),
        (
            r"(?im)\b(change|conflict|show|edit|discard|resolve)( +)\d+( |;|,|$)",
            "${1}${2}[number]${3}",
        ),
        (r#""(seq|id|edited)": \d+"#, r#""$1": [number]"#),
        // What is read and applied first differs from run to run.
        (r"(?m)^(read|applied) [^\n]*\n", ""),
        (r"\b(changed by )\S+", "${1}[user]"),
        (r"(?m)^[^\n]*finding about the maps[^\n]*\n", ""),
        // Both sides have customer groups from the beginning; which side's are met first is chance.
        (
            r"(?m)^(\d\| )?[^\n]*customer-groups\.msdyn_customergroups  [^\n]*\n",
            "",
        ),
    ] {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, put)
            .into_owned();
    }
    text
}
