//! YAML with places: every value knows its line and column, and every key asked for is a key known.
//!
//! [`Table::require`] and [`Table::optional`] remember the names they were asked for, so that
//! [`Table::finish`] reports whatever else stands in the file and suggests the nearest known name.

use super::codes;
use duet_map::diagnostic::{Code, Diagnostic, Place, Severity};
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use std::cell::RefCell;

/// A parsed file and the findings about it.
pub struct Document<'a> {
    root: Option<MarkedYaml<'a>>,
    file: String,
    findings: RefCell<Vec<Diagnostic>>,
}

impl<'a> Document<'a> {
    /// Parses a text; the finding says where it is not YAML.
    pub fn parse(text: &'a str, file: &str) -> Result<Self, Vec<Diagnostic>> {
        let documents = MarkedYaml::load_from_str(text).map_err(|error| {
            let place = Place {
                file: file.to_owned(),
                line: error.marker().line().max(1),
                column: error.marker().col() + 1,
                length: 1,
            };
            vec![finding(
                codes::NOT_YAML,
                format!("this is not YAML: {}", error.info()),
                Some(place),
                Some("check the indentation and quotes around this place".to_owned()),
            )]
        })?;
        Ok(Self {
            root: documents.into_iter().next(),
            file: file.to_owned(),
            findings: RefCell::default(),
        })
    }

    /// The top of the file.
    pub fn root(&self) -> Option<Table<'_>> {
        if let Some(node) = &self.root {
            Entry {
                document: self,
                node,
                path: String::new(),
            }
            .table()
        } else {
            self.findings.borrow_mut().push(finding(
                codes::WRONG_VALUE,
                "the file is empty".to_owned(),
                None,
                Some("let `duet demo` write one to start from".to_owned()),
            ));
            None
        }
    }

    /// What was found wrong.
    pub fn into_findings(self) -> Vec<Diagnostic> {
        let mut findings = self.findings.into_inner();
        findings.sort_by_key(|finding| {
            finding
                .place
                .as_ref()
                .map(|place| (place.line, place.column))
        });
        findings
    }

    fn place(&self, node: &MarkedYaml<'_>) -> Place {
        let start = node.span.start;
        let end = node.span.end;
        let length = if start.line() == end.line() {
            end.col().saturating_sub(start.col()).max(1)
        } else {
            1
        };
        Place {
            file: self.file.clone(),
            line: start.line().max(1),
            column: start.col() + 1,
            length,
        }
    }
}

/// An error at a place.
pub fn finding(
    code: Code,
    message: String,
    place: Option<Place>,
    fix: Option<String>,
) -> Diagnostic {
    Diagnostic {
        code,
        severity: Severity::Error,
        message,
        place,
        notes: Vec::new(),
        fix,
    }
}

/// A value under its key.
#[derive(Clone)]
pub struct Entry<'d> {
    document: &'d Document<'d>,
    node: &'d MarkedYaml<'d>,
    path: String,
}

impl<'d> Entry<'d> {
    /// The keys that lead here (`left.client-secret`).
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where this value stands.
    pub fn place(&self) -> Place {
        self.document.place(self.node)
    }

    /// Reports an error about this value.
    pub fn report(&self, code: Code, message: String, fix: Option<String>) {
        let place = self.place();
        self.document
            .findings
            .borrow_mut()
            .push(finding(code, message, Some(place), fix));
    }

    fn wrong(&self, wanted: &str) {
        let subject = if self.path.is_empty() {
            "the file".to_owned()
        } else {
            format!("`{}`", self.path)
        };
        self.report(
            codes::WRONG_VALUE,
            format!("{subject} has to be {wanted}"),
            None,
        );
    }

    /// Whether this is a single value rather than keys or a list.
    pub fn is_scalar(&self) -> bool {
        matches!(self.node.data, YamlData::Value(_))
    }

    /// The text; a number or a boolean counts as its text.
    pub fn text(&self) -> Option<String> {
        let text = match &self.node.data {
            YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
            YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
            YamlData::Value(Scalar::Boolean(value)) => Some(value.to_string()),
            YamlData::Value(Scalar::FloatingPoint(number)) => Some(number.to_string()),
            _ => None,
        }
        .filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.wrong("a text");
        }
        text
    }

    /// The whole number.
    pub fn integer(&self) -> Option<i64> {
        if let YamlData::Value(Scalar::Integer(number)) = &self.node.data {
            return Some(*number);
        }
        self.wrong("a whole number");
        None
    }

    /// The number.
    pub fn number(&self) -> Option<f64> {
        match &self.node.data {
            #[expect(clippy::cast_precision_loss, reason = "settings are small numbers")]
            YamlData::Value(Scalar::Integer(number)) => Some(*number as f64),
            YamlData::Value(Scalar::FloatingPoint(number)) => Some(number.into_inner()),
            _ => {
                self.wrong("a number");
                None
            }
        }
    }

    /// The entries of a list.
    pub fn items(&self) -> Vec<Self> {
        let YamlData::Sequence(items) = &self.node.data else {
            self.wrong("a list");
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .map(|(index, node)| Self {
                document: self.document,
                node,
                path: format!("{}[{index}]", self.path),
            })
            .collect()
    }

    /// The texts of a list.
    pub fn texts(&self) -> Vec<String> {
        self.items().iter().filter_map(Self::text).collect()
    }

    /// The keys and values where any key may stand.
    pub fn entries(&self) -> Vec<(String, Self)> {
        let YamlData::Mapping(mapping) = &self.node.data else {
            self.wrong("keys with values");
            return Vec::new();
        };
        mapping
            .iter()
            .filter_map(|(key, node)| {
                let name = key_text(key)?;
                let entry = Entry {
                    document: self.document,
                    node,
                    path: format!("{}.{name}", self.path),
                };
                Some((name, entry))
            })
            .collect()
    }

    /// The keys and values.
    pub fn table(&self) -> Option<Table<'d>> {
        if matches!(self.node.data, YamlData::Mapping(_)) {
            return Some(Table {
                entry: self.clone(),
                known: Vec::new(),
            });
        }
        self.wrong("keys with values");
        None
    }
}

/// Keys and values, and which keys were asked for.
pub struct Table<'d> {
    entry: Entry<'d>,
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// The value of a key, if it is there and not empty.
    pub fn optional(&mut self, name: &'static str) -> Option<Entry<'d>> {
        self.known.push(name);
        let YamlData::Mapping(mapping) = &self.entry.node.data else {
            return None;
        };
        let (_, node) = mapping
            .iter()
            .find(|(key, _)| key_text(key).as_deref() == Some(name))?;
        if matches!(node.data, YamlData::Value(Scalar::Null)) {
            return None;
        }
        Some(Entry {
            document: self.entry.document,
            node,
            path: self.path_of(name),
        })
    }

    /// The value of a key that must be there.
    pub fn require(&mut self, name: &'static str) -> Option<Entry<'d>> {
        let entry = self.optional(name);
        if entry.is_none() {
            self.entry.report(
                codes::MISSING_KEY,
                format!("`{}` is missing", self.path_of(name)),
                Some(format!(
                    "add it; the reference of duet.yaml tells what `{name}` means"
                )),
            );
        }
        entry
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(self) {
        let YamlData::Mapping(mapping) = &self.entry.node.data else {
            return;
        };
        for (key, _) in mapping {
            let Some(name) = key_text(key) else {
                continue;
            };
            if self.known.contains(&name.as_str()) {
                continue;
            }
            let entry = Entry {
                document: self.entry.document,
                node: key,
                path: self.path_of(&name),
            };
            let fix = nearest(&name, &self.known).map_or_else(
                || format!("known here: {}", self.known.join(", ")),
                |nearest| format!("did you mean `{nearest}`?"),
            );
            entry.report(
                codes::UNKNOWN_KEY,
                format!("`{}` is no key that Duet knows", entry.path),
                Some(fix),
            );
        }
    }

    fn path_of(&self, name: &str) -> String {
        if self.entry.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.entry.path)
        }
    }
}

fn key_text(key: &MarkedYaml<'_>) -> Option<String> {
    match &key.data {
        YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
        YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// The known name that a mistyped one most likely means.
fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}
