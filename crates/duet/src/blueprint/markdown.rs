//! The blueprint as Markdown.

use super::content::{Blueprint, End, Entry};
use duet_map::side::Side;
use std::fmt::Write as _;

/// What a direction means in words.
pub(super) fn direction(entry: &Entry, blueprint: &Blueprint) -> String {
    let (left, right) = (&blueprint.systems.left, &blueprint.systems.right);
    match entry.direction {
        ">" => format!("{left} to {right}"),
        "<" => format!("{right} to {left}"),
        _ => "both ways".to_owned(),
    }
}

/// Which side wins, by its system's name.
pub(super) fn master<'b>(entry: &Entry, blueprint: &'b Blueprint) -> &'b str {
    &blueprint.systems[entry.master]
}

/// How many rows a side has, in words.
pub(super) fn volume(end: &End) -> String {
    end.volume
        .as_ref()
        .map_or_else(|| "not counted".to_owned(), ToString::to_string)
}

/// The companies in words.
pub(super) fn companies(blueprint: &Blueprint) -> String {
    if blueprint.companies.is_empty() {
        "all".to_owned()
    } else {
        blueprint.companies.join(", ")
    }
}

/// Pairs of a value map in words.
pub(super) fn values(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(left, right)| format!("{left} ↔ {right}"))
        .collect();
    pairs.join(", ")
}

/// Writes the whole document.
pub fn render(blueprint: &Blueprint) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(text, "# Data blueprint: {}\n", inline(&blueprint.name));
    let _ = writeln!(text, "| | |\n|---|---|");
    let owner = blueprint.owner.as_deref().unwrap_or("nobody named");
    let _ = writeln!(text, "| owner | {} |", cell(owner));
    let _ = writeln!(text, "| environment | {} |", cell(&blueprint.environment));
    let _ = writeln!(text, "| left | {} |", cell(&blueprint.systems.left));
    let _ = writeln!(text, "| right | {} |", cell(&blueprint.systems.right));
    let _ = writeln!(text, "| companies | {} |", cell(&companies(blueprint)));
    let _ = writeln!(text, "| maps | {} |", blueprint.maps.len());
    if !blueprint.connected {
        text.push_str(
            "\nNo system was asked: there are no volumes, and the order is that of the files.\n",
        );
    }
    text.push_str("\n## Order and volumes\n\n");
    text.push_str(
        "| | map | direction | left rows | right rows | after |\n|---:|---|---|---:|---:|---|\n",
    );
    for (index, entry) in blueprint.maps.iter().enumerate() {
        let after: Vec<String> = entry
            .needs
            .iter()
            .map(|need| (need + 1).to_string())
            .collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            index + 1,
            cell(&entry.map),
            cell(&direction(entry, blueprint)),
            volume(&entry.ends.left),
            volume(&entry.ends.right),
            after.join(", ")
        );
    }
    for (index, entry) in blueprint.maps.iter().enumerate() {
        section(&mut text, index, entry, blueprint);
    }
    text
}

fn section(text: &mut String, index: usize, entry: &Entry, blueprint: &Blueprint) {
    let _ = writeln!(
        text,
        "\n## {}. {}\n\n{}\n",
        index + 1,
        inline(&entry.map),
        inline(&entry.why)
    );
    let _ = writeln!(text, "| | |\n|---|---|");
    for side in Side::BOTH {
        let end = &entry.ends[side];
        let filter = end.filter.as_ref().map_or_else(
            || "every row".to_owned(),
            |filter| format!("rows with {}", code(filter)),
        );
        let _ = writeln!(
            text,
            "| {side} | {}, {filter} ({}) |",
            code(&end.table),
            volume(end)
        );
    }
    let _ = writeln!(
        text,
        "| direction | {} |",
        cell(&direction(entry, blueprint))
    );
    let _ = writeln!(text, "| key | {} |", code(&entry.key.join(", ")));
    let _ = writeln!(text, "| company | {} |", entry.company);
    let _ = writeln!(text, "| master | {} |", cell(master(entry, blueprint)));
    let _ = writeln!(text, "| conflicts | {} |", entry.conflicts);
    let _ = writeln!(text, "| deletions | {} |", entry.deletes);
    let _ = writeln!(text, "| version | {} |", cell(&entry.version));
    if !entry.circular.is_empty() {
        let _ = writeln!(text, "| circular | {} |", code(&entry.circular.join(", ")));
    }
    text.push_str("\n| field | values |\n|---|---|\n");
    for field in &entry.fields {
        let _ = writeln!(
            text,
            "| {} | {} |",
            code(&field.line),
            cell(&values(&field.values))
        );
    }
    if !entry.assumed.is_empty() {
        text.push_str("\nAssumed:\n\n");
        for note in &entry.assumed {
            let _ = writeln!(text, "- {}", inline(note));
        }
    }
}

/// A text that means itself: what Markdown or HTML would read otherwise is escaped.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

fn cell(text: &str) -> String {
    inline(text)
}

/// A text as code in a table's cell.
fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    let text = text.replace('|', "\\|");
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}
