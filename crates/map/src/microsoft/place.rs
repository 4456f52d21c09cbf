//! Where something stands in a JSON text. `serde_json` keeps no places, so the text is walked once
//! more for each finding; it has been parsed before, so the walk may trust its form.

use crate::diagnostic::Place;
use std::collections::HashSet;

/// One step down into a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Member(String),
    Index(usize),
}

impl From<&str> for Step {
    fn from(name: &str) -> Self {
        Self::Member(name.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A text and what people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) file: String,
    pub(super) text: String,
}

impl Origin {
    /// The place of a value; the whole text where the path leads nowhere.
    pub(super) fn place(&self, path: &[Step]) -> Place {
        let start = locate(&self.text, path).unwrap_or(0);
        let mut scan = Scan {
            text: &self.text,
            at: start,
        };
        scan.skip_value();
        self.span(start, scan.at)
    }

    /// Members that stand twice in one object: their names and places. Only the last one counts.
    pub(super) fn repeated(&self) -> Vec<(String, Place)> {
        let found = repeated(&self.text).into_iter();
        found
            .map(|(start, end, name)| (name, self.span(start, end)))
            .collect()
    }

    fn span(&self, start: usize, end: usize) -> Place {
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        // A text that breaks off inside a string ends before its member does.
        let rest = self.text.get(start..end).or_else(|| self.text.get(start..));
        let rest = rest.unwrap_or_default().lines().next().unwrap_or_default();
        Place {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            length: rest.chars().count().max(1),
        }
    }
}

/// The offset of the value that a path leads to.
fn locate(text: &str, path: &[Step]) -> Option<usize> {
    let mut scan = Scan { text, at: 0 };
    scan.skip_space();
    for step in path {
        let mut hit = None;
        match (step, scan.peek()?) {
            (Step::Member(wanted), b'{') => {
                scan.items(|scan| {
                    let name = scan.string();
                    scan.skip_space();
                    scan.at += 1; // The colon.
                    scan.skip_space();
                    // Of two members with one name the parser keeps the last.
                    if name.as_deref() == Some(wanted) {
                        hit = Some(scan.at);
                    }
                    scan.skip_value();
                });
            }
            (Step::Index(wanted), b'[') => {
                let mut index = 0;
                scan.items(|scan| {
                    if index == *wanted {
                        hit = Some(scan.at);
                    }
                    index += 1;
                    scan.skip_value();
                });
            }
            _ => return None,
        }
        scan.at = hit?;
    }
    Some(scan.at)
}

fn repeated(text: &str) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    let mut open: Vec<HashSet<String>> = Vec::new();
    let mut scan = Scan { text, at: 0 };
    while let Some(byte) = scan.peek() {
        match byte {
            b'{' => {
                open.push(HashSet::new());
                scan.at += 1;
            }
            b'[' => {
                // Texts in a list are no names.
                open.push(HashSet::new());
                scan.at += 1;
            }
            b'}' | b']' => {
                open.pop();
                scan.at += 1;
            }
            b'"' => {
                let start = scan.at;
                let name = scan.string();
                let end = scan.at;
                scan.skip_space();
                if scan.peek() == Some(b':')
                    && let (Some(name), Some(names)) = (name, open.last_mut())
                    && !names.insert(name.clone())
                {
                    found.push((start, end, name));
                }
            }
            _ => scan.at += 1,
        }
    }
    found
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Reads the text that begins here.
    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.skip_string();
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => return,
                _ => {}
            }
        }
    }

    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                    if depth == 0 {
                        return;
                    }
                }
                b'"' => {
                    self.skip_string();
                    if depth == 0 {
                        return;
                    }
                }
                _ if depth == 0 && byte.is_ascii_whitespace() => return,
                _ => self.at += 1,
            }
        }
    }

    /// Calls `item` at each item of the list or object that begins here; it must leave the scan
    /// behind the item.
    fn items(&mut self, mut item: impl FnMut(&mut Self)) {
        self.at += 1;
        loop {
            self.skip_space();
            match self.peek() {
                None | Some(b'}' | b']') => return,
                Some(b',') => self.at += 1,
                Some(_) => {
                    let before = self.at;
                    item(self);
                    if self.at == before {
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin {
            file: "map.json".to_owned(),
            text: text.to_owned(),
        }
    }

    fn at(text: &str, path: &[Step]) -> (usize, usize, usize) {
        let place = origin(text).place(path);
        (place.line, place.column, place.length)
    }

    #[test]
    fn a_path_leads_to_line_and_column() {
        let text = "{\n  \"größe\": [1, {\"b\": \"x\\\"y\"}],\n  \"b\": true }";
        assert_eq!(at(text, &["größe".into()]), (2, 12, 18));
        assert_eq!(at(text, &["größe".into(), 0.into()]), (2, 13, 1));
        let deep = ["größe".into(), 1.into(), "b".into()];
        assert_eq!(at(text, &deep), (2, 22, 6));
        assert_eq!(at(text, &["b".into()]), (3, 8, 4));
    }

    #[test]
    fn a_path_that_leads_nowhere_means_the_whole() {
        assert_eq!(at("[1]", &["a".into()]), (1, 1, 3));
        assert_eq!(at("", &["a".into()]), (1, 1, 1));
    }

    #[test]
    fn of_a_repeated_member_the_last_one_is_meant() {
        let text = r#"{"a": 1, "b": {"a": 2}, "a": 3, "c": ["a", "a"]}"#;
        assert_eq!(at(text, &["a".into()]), (1, 30, 1));
        let repeated = origin(text).repeated();
        assert_eq!(repeated.len(), 1);
        assert_eq!((repeated[0].0.as_str(), repeated[0].1.column), ("a", 25));
    }
}
