//! Brings a map file into its canonical form and keeps every comment.
//!
//! The canonical text is what [`MapFile`] prints. Comments and blank lines of the source belong to
//! the item that they stand before or behind (a top-level key, a field, a value pair), and follow it
//! to its place in the canonical text.

use super::MapFile;
use super::yaml::{self, Content, Node};
use crate::diagnostic::Diagnostic;
use std::collections::{BTreeMap, BTreeSet};

/// What an item of a file is called, whatever its line: keys and indices from the root.
type Item = Vec<String>;

/// Comments around an item.
#[derive(Debug, Default)]
struct Notes {
    /// Whole lines before it, an empty one for a blank line.
    before: Vec<String>,
    /// Behind it on its line; more than one where several items became one line.
    behind: Vec<String>,
}

impl MapFile {
    /// The canonical form of a map file's text, comments included. `file_name` is how the user calls
    /// the file. A text that is no map file is refused with all findings.
    pub fn format(text: &str, file_name: &str) -> Result<String, Vec<Diagnostic>> {
        let file = Self::parse(text, file_name)?;
        let canonical = file.to_yaml();
        let notes = notes(text, &items(text, file_name)?);
        let told = woven(&canonical, &items(&canonical, file_name)?, notes);
        debug_assert_eq!(Self::parse(&told, file_name).as_ref(), Ok(&file));
        Ok(told)
    }
}

/// The items of a text by the line on which they begin, counted from zero. Of several on one line
/// the outermost stands for all.
fn items(text: &str, file_name: &str) -> Result<BTreeMap<usize, Vec<Item>>, Vec<Diagnostic>> {
    let root = yaml::read(text, file_name).map_err(|error| vec![error.into()])?;
    let mut items = BTreeMap::new();
    collect(&root, &mut Vec::new(), &mut items);
    Ok(items)
}

fn collect(node: &Node, path: &mut Item, items: &mut BTreeMap<usize, Vec<Item>>) {
    match &node.content {
        Content::Text { .. } => {}
        Content::List(list) => {
            for (index, item) in list.iter().enumerate() {
                path.push(index.to_string());
                items
                    .entry(item.at.line - 1)
                    .or_default()
                    .push(path.clone());
                collect(item, path, items);
                path.pop();
            }
        }
        Content::Mapping(entries) => {
            for (key, value) in entries {
                let Content::Text { text, .. } = &key.content else {
                    continue;
                };
                path.push(text.clone());
                items.entry(key.at.line - 1).or_default().push(path.clone());
                collect(value, path, items);
                path.pop();
            }
        }
    }
}

/// The comments of a text by the item that they belong to; those at the end under the empty item.
fn notes(text: &str, items: &BTreeMap<usize, Vec<Item>>) -> BTreeMap<Item, Notes> {
    let mut notes: BTreeMap<Item, Notes> = BTreeMap::new();
    let mut waiting: Vec<String> = Vec::new();
    let mut block: Option<usize> = None;
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let word = line.trim();
        if let Some(outside) = block {
            // Lines of a text block are no comments, whatever they begin with.
            if word.is_empty() || indent > outside {
                continue;
            }
            block = None;
        }
        if word.is_empty() {
            if waiting.last().is_some_and(|last| !last.is_empty())
                || (waiting.is_empty() && number > 0)
            {
                waiting.push(String::new());
            }
            continue;
        }
        if word.starts_with('#') {
            waiting.push(word.to_owned());
            continue;
        }
        let comment = comment_start(line);
        let content = line[..comment.unwrap_or(line.len())].trim_end();
        if content.ends_with(['|', '>']) || content.ends_with("|-") || content.ends_with(">-") {
            block = Some(indent);
        }
        let Some(item) = items.get(&number).and_then(|all| all.first()) else {
            waiting.extend(comment.map(|at| line[at..].trim_end().to_owned()));
            continue;
        };
        if notes.is_empty() {
            // What stands before the first item speaks of the whole file.
            notes.entry(head()).or_default().before.append(&mut waiting);
        }
        let known = notes.entry(item.clone()).or_default();
        known.before.append(&mut waiting);
        known
            .behind
            .extend(comment.map(|at| line[at..].trim_end().to_owned()));
    }
    while waiting.last().is_some_and(String::is_empty) {
        waiting.pop();
    }
    let end = Notes {
        before: waiting,
        behind: Vec::new(),
    };
    notes.insert(end_of_file(), end);
    notes
}

/// Where a comment begins on a line: a `#` after a blank, outside of quotes.
fn comment_start(line: &str) -> Option<usize> {
    let mut quote: Option<char> = None;
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        match quote {
            Some(open) => {
                let escaped = open == '"' && before == '\\';
                quote = quote.filter(|_| letter != open || escaped);
            }
            // Inside a plain word a quote is a letter (`O'Neary`).
            None if matches!(letter, '"' | '\'') && !before.is_alphanumeric() => {
                quote = Some(letter);
            }
            None if letter == '#' && before.is_whitespace() => return Some(at),
            None => {}
        }
        before = letter;
    }
    None
}

/// What stands for the head of the file. No key has an empty name.
fn head() -> Item {
    vec![String::new()]
}

/// What stands for the end of the file.
fn end_of_file() -> Item {
    Item::new()
}

/// Gives the comments of items that the canonical form does not have (a pair of the long form) to
/// the nearest item around them that it has.
fn settled(
    notes: BTreeMap<Item, Notes>,
    items: &BTreeMap<usize, Vec<Item>>,
) -> BTreeMap<Item, Notes> {
    let known: BTreeSet<&Item> = items.values().flatten().collect();
    let mut settled: BTreeMap<Item, Notes> = BTreeMap::new();
    for (mut item, note) in notes {
        while !known.contains(&item) && item.len() > 1 {
            item.pop();
        }
        let there = settled.entry(item).or_default();
        there.before.extend(note.before);
        there.behind.extend(note.behind);
    }
    settled
}

/// The canonical text with the comments around its items.
fn woven(
    canonical: &str,
    items: &BTreeMap<usize, Vec<Item>>,
    notes: BTreeMap<Item, Notes>,
) -> String {
    let mut notes = settled(notes, items);
    let mut out = String::new();
    for comment in notes
        .remove(&head())
        .into_iter()
        .flat_map(|notes| notes.before)
    {
        out.push_str(&comment);
        out.push('\n');
    }
    let lines: Vec<&str> = canonical.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let mut before: Vec<String> = Vec::new();
        let mut behind: Vec<String> = Vec::new();
        for item in items.get(&number).into_iter().flatten() {
            if let Some(known) = notes.remove(item) {
                before.extend(known.before);
                behind.extend(known.behind);
            }
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        // Of two comments behind one line the second stands before it.
        for comment in before.iter().chain(behind.iter().skip(1)) {
            out.push_str(if comment.is_empty() { "" } else { indent });
            out.push_str(comment);
            out.push('\n');
        }
        out.push_str(line);
        if let Some(comment) = behind.first() {
            out.push(' ');
            out.push_str(comment);
        }
        out.push('\n');
    }
    // What stood at the end.
    for known in notes.into_values() {
        for comment in known.before.into_iter().chain(known.behind) {
            out.push_str(&comment);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNTIDY: &str = "\
# Head of the file.

version: '1.0.0' # the version
map: a
why: \"Test # no comment\"
right: {entity: r}
# About the left side.
left:
    entity: L # the table
    # Only persons.
    filter: \"(Type == 'x')\"
company: shared
key: [A = a]
master: left
fields:
# First.
- A    =   a   # key

- left: C   # long form
  direction: '><'
  right: c
  values:
    no: False # never
    yes: True
# The end.
";

    #[test]
    fn the_canonical_form_keeps_every_comment() {
        insta::assert_snapshot!(MapFile::format(UNTIDY, "a.yaml").unwrap(), @"
        # Head of the file.

        map: a
        version: 1.0.0 # the version
        why: 'Test # no comment'
        # About the left side.
        # Only persons.
        left: { entity: L, filter: (Type == 'x') } # the table
        right: { entity: r }
        company: shared
        key: [A = a]
        master: left
        deletes: ignore
        fields:
          # First.
          - A = a # key

          # never
          - C >< c: { no: False, yes: True } # long form
        # The end.
        ");
    }

    #[test]
    fn formatting_twice_changes_nothing() {
        let once = MapFile::format(UNTIDY, "a.yaml").unwrap();
        assert_eq!(MapFile::format(&once, "a.yaml").unwrap(), once);
    }

    proptest! {
        #[test]
        fn no_comment_is_lost_and_nothing_else_changes(
            places in prop::collection::btree_set(0_usize..24, 0..8),
        ) {
            let mut text = String::new();
            for (number, line) in UNTIDY.lines().enumerate() {
                if places.contains(&number) {
                    text.push_str("# note ");
                    text.push_str(&number.to_string());
                    text.push_str(".\n");
                }
                text.push_str(line);
                text.push('\n');
            }
            let before = MapFile::parse(&text, "a.yaml").unwrap();
            let told = MapFile::format(&text, "a.yaml").unwrap();
            prop_assert_eq!(MapFile::parse(&told, "a.yaml").unwrap(), before);
            for number in places {
                let note = format!("# note {number}.");
                prop_assert_eq!(told.matches(&note).count(), 1, "{} in {}", note, told);
            }
        }
    }
}
