//! Looks for map documents in whatever JSON they come in.
//!
//! A document is an object with `legs`. It stands alone, in a list, as a task of a project, or in a
//! row of `msdyn_dualwriteentitymaps` (alone or in a page of rows), where it usually is a text.

use super::member;
use super::place::{Origin, Step};
use crate::codes;
use crate::diagnostic::{Code, Diagnostic, Severity};
use serde_json::{Map, Value as Json};
use std::cmp::Ordering;

/// Deeper than any export nests its documents.
const MAX_DEPTH: usize = 24;

/// A document and where it was found.
#[derive(Debug, Clone)]
pub struct Found {
    pub(super) origin: Origin,
    pub(super) path: Vec<Step>,
    /// The document.
    pub mapping: Json,
    /// The other columns of the row that held it.
    pub record: Map<String, Json>,
}

impl Found {
    /// What the document or its row calls itself.
    pub fn title(&self) -> String {
        ["msdyn_displayname", "msdyn_name"]
            .iter()
            .find_map(|column| member::filled(&self.record, column))
            .or_else(|| member::filled(self.mapping.as_object()?, "name"))
            .unwrap_or_else(|| self.origin.file.clone())
    }

    /// The version that its row gives it.
    pub fn version(&self) -> Option<String> {
        member::filled(&self.record, "msdyn_version")
    }

    /// A finding at a place below the document.
    pub(super) fn finding(
        &self,
        code: Code,
        severity: Severity,
        path: &[Step],
        message: String,
        fix: Option<String>,
    ) -> Diagnostic {
        let whole: Vec<Step> = self.path.iter().chain(path).cloned().collect();
        Diagnostic {
            code,
            severity,
            message,
            place: Some(self.origin.place(&whole)),
            notes: Vec::new(),
            fix,
        }
    }
}

/// Looks for documents in a text; `file` is how the user calls it. Rows that cannot be read are
/// findings and do not hide the others.
pub fn find(text: &str, file: &str) -> (Vec<Found>, Vec<Diagnostic>) {
    let mut search = Search::default();
    search.text(text, file, &Map::new());
    if search.found.is_empty() && search.findings.is_empty() {
        search.findings.push(Diagnostic {
            code: codes::NO_MICROSOFT_MAP,
            severity: Severity::Error,
            message: format!("{file} holds no map of Dual-write"),
            place: None,
            notes: vec![
                "a map is an object with `legs`, or a row with the column `msdyn_mapping`"
                    .to_owned(),
            ],
            fix: Some("export `msdyn_dualwriteentitymaps`, or name a file with a map".to_owned()),
        });
    }
    (search.found, search.findings)
}

#[derive(Default)]
struct Search {
    found: Vec<Found>,
    findings: Vec<Diagnostic>,
}

impl Search {
    /// A text of its own, which is the origin of places.
    fn text(&mut self, text: &str, file: &str, record: &Map<String, Json>) {
        let text = text.trim_start_matches('\u{feff}');
        let origin = Origin {
            file: file.to_owned(),
            text: text.to_owned(),
        };
        match serde_json::from_str::<Json>(text) {
            Ok(Json::String(inner)) => self.text(&inner, file, record),
            Ok(json) => {
                let before = self.found.len();
                self.walk(&json, &origin, &mut Vec::new(), record);
                if self.found.len() > before {
                    for (name, place) in origin.repeated() {
                        self.findings.push(Diagnostic {
                            code: codes::REPEATED_MEMBER,
                            severity: Severity::Warning,
                            message: format!(
                                "`{name}` stands twice here; only the last one counts"
                            ),
                            place: Some(place),
                            notes: Vec::new(),
                            fix: Some("remove one of them".to_owned()),
                        });
                    }
                }
            }
            Err(error) => {
                let mut place = origin.place(&[]);
                (place.line, place.column) = (error.line().max(1), error.column().max(1));
                place.length = 1;
                self.findings.push(Diagnostic {
                    code: codes::NOT_JSON,
                    severity: Severity::Error,
                    message: format!("this is no JSON: {error}"),
                    place: Some(place),
                    notes: Vec::new(),
                    fix: Some(
                        "export the map again; a text cut off in the middle does not read"
                            .to_owned(),
                    ),
                });
            }
        }
    }

    fn walk(
        &mut self,
        json: &Json,
        origin: &Origin,
        path: &mut Vec<Step>,
        record: &Map<String, Json>,
    ) {
        if path.len() > MAX_DEPTH {
            return;
        }
        match json {
            Json::Object(object) => self.object(object, origin, path, record),
            Json::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.into());
                    self.walk(item, origin, path, record);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    fn object(
        &mut self,
        object: &Map<String, Json>,
        origin: &Origin,
        path: &mut Vec<Step>,
        record: &Map<String, Json>,
    ) {
        if member::get(object, "legs").is_some_and(Json::is_array) {
            self.found.push(Found {
                origin: origin.clone(),
                path: path.clone(),
                mapping: Json::Object(object.clone()),
                record: record.clone(),
            });
            return;
        }
        if let Some((column, mapping)) = member::entry(object, "msdyn_mapping") {
            let mut row = object.clone();
            row.shift_remove(column);
            if let Json::String(text) = mapping {
                let name =
                    member::filled(object, "msdyn_name").unwrap_or_else(|| column.to_owned());
                self.text(text, &format!("{} ({name})", origin.file), &row);
            } else {
                path.push(column.into());
                self.walk(mapping, origin, path, &row);
                path.pop();
            }
            return;
        }
        for (name, value) in object {
            path.push(name.as_str().into());
            self.walk(value, origin, path, record);
            path.pop();
        }
    }
}

/// Of documents with one row name only the one with the highest version: an environment keeps each
/// version that was ever saved as a row of its own. The second value counts those left out.
pub fn latest(found: Vec<Found>) -> (Vec<Found>, usize) {
    let total = found.len();
    let mut kept: Vec<Found> = Vec::new();
    for candidate in found {
        let name = member::filled(&candidate.record, "msdyn_name");
        let rival = kept
            .iter_mut()
            .find(|other| name.is_some() && member::filled(&other.record, "msdyn_name") == name);
        match rival {
            Some(rival) if compare(candidate.version(), rival.version()) == Ordering::Greater => {
                *rival = candidate;
            }
            Some(_) => {}
            None => kept.push(candidate),
        }
    }
    let dropped = total - kept.len();
    (kept, dropped)
}

/// Compares `1.0.0.10` with `1.0.0.9` by numbers.
fn compare(a: Option<String>, b: Option<String>) -> Ordering {
    let parts = |version: Option<String>| -> Vec<u64> {
        let version = version.unwrap_or_default();
        version
            .split('.')
            .map(|part| part.trim().parse().unwrap_or(0))
            .collect()
    };
    parts(a).cmp(&parts(b))
}
