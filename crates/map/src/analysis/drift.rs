//! What has changed since the maps were deployed: in the tables of both sides, and in the maps.
//!
//! [`kept`] reduces schemas to what maps lean on, so that a lock stays small; [`check`] compares
//! such a lock with today.

use super::{column_of, finding};
use crate::codes;
use crate::diagnostic::{Diagnostic, Severity};
use crate::file::{MapFile, Mark};
use crate::schema::{Column, ColumnType, SchemaSet, SchemaSource, TableSchema};
use crate::side::{PerSide, Side};
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// What stood when the maps were deployed.
#[derive(Debug, Clone, Default)]
pub struct Deployed {
    /// The tables, reduced to what the maps lean on.
    pub tables: PerSide<SchemaSet>,
    /// The maps.
    pub maps: Vec<MapFile>,
}

/// The parts of the schemas that maps lean on: the columns that they name, and whatever decides
/// whether a record can be written (keys, company, required columns).
pub fn kept(files: &[MapFile], schemas: &PerSide<SchemaSet>) -> PerSide<SchemaSet> {
    PerSide::from_fn(|side| {
        let words = words(files, side);
        let tables = schemas[side].0.iter().map(|table| {
            let in_key = |name: &str| {
                let mut keys = table.alternate_keys.iter().chain([&table.primary_key]);
                keys.any(|key| key.iter().any(|part| part.eq_ignore_ascii_case(name)))
            };
            let mut table = table.clone();
            let all = std::mem::take(&mut table.columns);
            table.columns = all
                .into_iter()
                .filter(|(folded, column)| {
                    words.contains(folded)
                        || column.required
                        || in_key(&column.name)
                        || table.company.as_deref() == Some(column.name.as_str())
                })
                .collect();
            table
        });
        let mut tables: Vec<TableSchema> = tables.collect();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        SchemaSet(tables)
    })
}

/// Every name in the keys, fields and filters of a side, in lower case.
fn words(files: &[MapFile], side: Side) -> BTreeSet<String> {
    let mut texts: Vec<&str> = Vec::new();
    for file in files {
        texts.extend(
            file.ends[side]
                .filter
                .iter()
                .map(|text| text.value.as_str()),
        );
        texts.extend(file.key.iter().map(|part| match side {
            Side::Left => part.left.value.as_str(),
            Side::Right => part.right.value.as_str(),
        }));
        let ends = file
            .fields
            .iter()
            .filter_map(|field| super::end(field, side));
        texts.extend(ends.map(|end| end.value.as_str()));
    }
    texts
        .into_iter()
        .flat_map(|text| text.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty())
        .collect()
}

/// What is otherwise than in the lock.
pub fn check(
    deployed: &Deployed,
    files: &[MapFile],
    schemas: &PerSide<SchemaSet>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for side in Side::BOTH {
        for was in &deployed.tables[side].0 {
            let drift = Drift { side, was, files };
            match schemas[side].table(&was.name) {
                Some(now) => found.extend(drift.table(now)),
                // A table that nobody mentions any more is not read.
                None if drift.is_mapped() => found.push(drift.gone()),
                None => {}
            }
        }
    }
    found.extend(maps(&deployed.maps, files));
    found
}

struct Drift<'a> {
    side: Side,
    was: &'a TableSchema,
    files: &'a [MapFile],
}

impl Drift<'_> {
    fn owners(&self) -> impl Iterator<Item = &MapFile> {
        let is_ours = |file: &&MapFile| {
            file.ends[self.side]
                .entity
                .value
                .eq_ignore_ascii_case(&self.was.name)
        };
        self.files.iter().filter(is_ours)
    }

    fn is_mapped(&self) -> bool {
        self.owners().next().is_some()
    }

    /// The first line of a map that names the column, else the map's table.
    fn mark(&self, column: Option<&str>) -> Mark {
        let line = |file: &MapFile| {
            let column = column?;
            let mut fields = file.fields.iter();
            fields
                .find(|field| {
                    column_of(field, self.side)
                        .is_some_and(|name| name.eq_ignore_ascii_case(column))
                })
                .map(|field| field.at.clone())
        };
        let table = || {
            self.owners()
                .next()
                .map(|f| f.ends[self.side].entity.at.clone())
        };
        let found = self.owners().find_map(line).or_else(table);
        // A table behind a lookup is nobody's own: the line that leads there tells.
        let reached = || {
            let column = column?;
            let end = format!(".{column}").to_lowercase();
            self.files
                .iter()
                .flat_map(|file| &file.fields)
                .find_map(|field| {
                    let path = super::end(field, self.side)?.value.to_lowercase();
                    path.ends_with(&end).then(|| field.at.clone())
                })
        };
        found.or_else(reached).unwrap_or_default()
    }

    fn gone(&self) -> Diagnostic {
        finding(
            Severity::Error,
            codes::DRIFT_GONE,
            &self.mark(None),
            format!("{} is gone from the {}", self.was.name, self.side),
            vec![
                "it was there when the lock was written".to_owned(),
                "its maps cannot run".to_owned(),
            ],
            "bring the table back, or take its maps out and write the lock anew: `duet check --save`",
        )
    }

    fn table(&self, now: &TableSchema) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for was in self.was.columns.values() {
            match now.column(&was.name) {
                Some(now) => found.extend(self.column(was, now)),
                None => found.push(self.column_gone(was)),
            }
        }
        if self.is_mapped() {
            found.extend(self.demands(now));
        }
        found.extend(self.keys(now));
        found
    }

    fn tell(
        &self,
        severity: Severity,
        code: crate::Code,
        column: &Column,
        what: &str,
        facts: [String; 2],
        consequence: &str,
    ) -> Diagnostic {
        let mut notes: Vec<String> = facts.into();
        notes.push(consequence.to_owned());
        finding(
            severity,
            code,
            &self.mark(Some(&column.name)),
            format!("`{}` of {} {what}", column.name, self.was.name),
            notes,
            RENEW,
        )
    }

    fn column_gone(&self, was: &Column) -> Diagnostic {
        self.tell(
            Severity::Error,
            codes::DRIFT_GONE,
            was,
            "is gone",
            [
                format!("the lock knows it as {}", described(&was.ty)),
                format!("the {} has no such column any more", self.side),
            ],
            "a map that names it cannot run",
        )
    }

    fn column(&self, was: &Column, now: &Column) -> Vec<Diagnostic> {
        let facts = || {
            [
                format!("when the lock was written: {}", described(&was.ty)),
                format!("now: {}", described(&now.ty)),
            ]
        };
        let mut found = Vec::new();
        if was.ty.kind() != now.ty.kind() {
            found.push(self.tell(
                Severity::Warning,
                codes::DRIFT_TYPE,
                was,
                "has another type",
                facts(),
                "values that were carried over may not fit any more",
            ));
        } else if narrower(&was.ty, &now.ty) {
            found.push(self.tell(
                Severity::Warning,
                codes::DRIFT_NARROWER,
                was,
                "holds less than before",
                facts(),
                "rows with longer texts, finer or larger numbers are parked from now on",
            ));
        }
        found.extend(self.members(was, now));
        let lost = [
            (
                !was.required && now.required,
                "is required now",
                "was optional",
                "is required",
                "rows without it are parked (DUET2006)",
            ),
            (
                was.create && !now.create,
                "cannot be set any more",
                "could be set in a new record",
                "cannot",
                "new records are refused if the field travels there",
            ),
            (
                was.update && !now.update,
                "cannot be changed any more",
                "could be changed",
                "cannot",
                "changes of it are parked (DUET2009)",
            ),
        ];
        for (is, what, before, after, consequence) in lost {
            if is {
                let facts = [
                    format!("when the lock was written it {before}"),
                    format!("now it {after}"),
                ];
                let code = codes::DRIFT_DEMANDS;
                found.push(self.tell(Severity::Warning, code, was, what, facts, consequence));
            }
        }
        found
    }

    fn members(&self, was: &Column, now: &Column) -> Option<Diagnostic> {
        let (before, after) = (members(&was.ty), members(&now.ty));
        if before.is_empty() || after.is_empty() {
            return None;
        }
        let missing = |of: &[String], from: &[String]| -> Vec<String> {
            of.iter()
                .filter(|member| !from.iter().any(|m| m.eq_ignore_ascii_case(member)))
                .cloned()
                .collect()
        };
        let (gone, new) = (missing(&before, &after), missing(&after, &before));
        if gone.is_empty() && new.is_empty() {
            return None;
        }
        let told = |list: &[String]| {
            let names: Vec<&str> = list.iter().map(String::as_str).collect();
            if names.is_empty() {
                "none".to_owned()
            } else {
                super::listed(&names)
            }
        };
        Some(self.tell(
            Severity::Warning,
            codes::DRIFT_MEMBERS,
            was,
            "has other values",
            [
                format!("gone since the lock was written: {}", told(&gone)),
                format!("new: {}", told(&new)),
            ],
            "rows that hold a new one are parked where a value map leaves it out; one that is \
             gone can no longer be written",
        ))
    }

    /// Columns that a new record must carry now, and did not have to.
    fn demands(&self, now: &TableSchema) -> Vec<Diagnostic> {
        let new = now.columns.values().filter(|column| {
            column.required && column.create && self.was.column(&column.name).is_none()
        });
        let mut found: Vec<Diagnostic> = new
            .map(|column| {
                self.tell(
                    Severity::Warning,
                    codes::DRIFT_DEMANDS,
                    column,
                    "is required now",
                    [
                        "when the lock was written it was not".to_owned(),
                        format!("now it is required: {}", described(&column.ty)),
                    ],
                    "new records are parked until something fills it",
                )
            })
            .collect();
        if self.was.tracks_changes && !now.tracks_changes {
            found.push(finding(
                Severity::Error,
                codes::DRIFT_DEMANDS,
                &self.mark(None),
                format!("{} does not track changes any more", now.name),
                vec![
                    "it did when the lock was written".to_owned(),
                    "live sync cannot read its changes (DUET3024)".to_owned(),
                ],
                "switch change tracking on again",
            ));
        }
        found
    }

    fn keys(&self, now: &TableSchema) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut tell = |what: String, facts: Vec<String>| {
            found.push(finding(
                Severity::Warning,
                codes::DRIFT_KEYS,
                &self.mark(None),
                what,
                facts,
                RENEW,
            ));
        };
        let told = |key: &[String]| {
            let names: Vec<&str> = key.iter().map(String::as_str).collect();
            super::listed(&names)
        };
        let same = |a: &[String], b: &[String]| {
            a.len() == b.len()
                && a.iter()
                    .all(|x| b.iter().any(|y| x.eq_ignore_ascii_case(y)))
        };
        for key in &self.was.alternate_keys {
            if !now.alternate_keys.iter().any(|other| same(key, other)) {
                tell(
                    format!("{} has lost its alternate key on {}", now.name, told(key)),
                    vec![
                        "it was there when the lock was written".to_owned(),
                        "two records with one key are possible now; a pair or lookup may find \
                         either (DUET2007, DUET2103)"
                            .to_owned(),
                    ],
                );
            }
        }
        if !same(&self.was.primary_key, &now.primary_key) {
            tell(
                format!("{} is identified otherwise", now.name),
                vec![
                    format!("when the lock was written: {}", told(&self.was.primary_key)),
                    format!("now: {}", told(&now.primary_key)),
                    "pairs that were made before may not be found again".to_owned(),
                ],
            );
        }
        if self.was.company != now.company {
            let kept = |company: &Option<String>| match company {
                Some(column) => format!("by company, in `{column}`"),
                None => "shared by all companies".to_owned(),
            };
            tell(
                format!("{} keeps its rows otherwise", now.name),
                vec![
                    format!("when the lock was written: {}", kept(&self.was.company)),
                    format!("now: {}", kept(&now.company)),
                    "keys that were computed before do not match those of now".to_owned(),
                ],
            );
        }
        found
    }
}

const RENEW: &str = "adapt the maps if need be, then write the lock anew: `duet check --save`";

fn maps(deployed: &[MapFile], files: &[MapFile]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for was in deployed {
        let name = &was.map.value;
        let Some(now) = files.iter().find(|file| file.map.value == *name) else {
            found.push(finding(
                Severity::Warning,
                codes::DRIFT_MAP_GONE,
                &Mark::default(),
                format!("the map {name} is not in the project any more"),
                vec![
                    "the lock knows it".to_owned(),
                    "its pairs and parked changes stay in the store and wait for it".to_owned(),
                ],
                "bring its file back, or write the lock anew: `duet check --save`",
            ));
            continue;
        };
        let same_version = was.version.value == now.version.value;
        if same_version && meaning(was) != meaning(now) {
            found.push(finding(
                Severity::Note,
                codes::DRIFT_MAP,
                &now.version.at,
                format!(
                    "{name} has changed and is still version {}",
                    now.version.value
                ),
                vec![
                    "the lock holds another map under this version".to_owned(),
                    "whoever looks at the version alone takes the two for one".to_owned(),
                ],
                "raise the version, then write the lock anew: `duet check --save`",
            ));
        }
    }
    found
}

/// A map without what does not change its work.
fn meaning(file: &MapFile) -> MapFile {
    MapFile {
        why: String::new(),
        assumed: Vec::new(),
        allow: Vec::new(),
        ..file.clone()
    }
}

/// Whether a column of the same kind holds less than before.
fn narrower(was: &ColumnType, now: &ColumnType) -> bool {
    use ColumnType as T;
    fn less<N: PartialOrd>(was: Option<N>, now: Option<N>) -> bool {
        match (was, now) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(was), Some(now)) => now < was,
        }
    }
    let lower = |was: Option<Decimal>, now: Option<Decimal>| less(was.map(|n| -n), now.map(|n| -n));
    match (was, now) {
        (T::Text { max_length: was }, T::Text { max_length: now }) => less(*was, *now),
        (
            T::Int { min, max },
            T::Int {
                min: least,
                max: most,
            },
        ) => least > min || most < max,
        (
            T::Decimal { scale, min, max },
            T::Decimal {
                scale: finer,
                min: least,
                max: most,
            },
        ) => less(*scale, *finer) || lower(*min, *least) || less(*max, *most),
        _ => false,
    }
}

/// The values of a column that holds only a few, as they are written in maps.
fn members(ty: &ColumnType) -> Vec<String> {
    match ty {
        ColumnType::Choice { options } => options
            .iter()
            .map(|(option, _)| option.to_string())
            .collect(),
        ColumnType::Enum { members, .. } => members.clone(),
        ColumnType::Lookup { targets } => targets.iter().map(|t| t.table.clone()).collect(),
        _ => Vec::new(),
    }
}

fn described(ty: &ColumnType) -> String {
    match ty {
        ColumnType::Text {
            max_length: Some(max),
        } => format!("text of at most {max} characters"),
        ColumnType::Int { min, max } => format!("integer from {min} to {max}"),
        ColumnType::Decimal { scale, min, max } => {
            let scale = scale.map_or(String::new(), |scale| format!(" with {scale} decimals"));
            let min = min.map_or(String::new(), |min| format!(" from {min}"));
            let max = max.map_or(String::new(), |max| format!(" to {max}"));
            format!("decimal{scale}{min}{max}")
        }
        ty => ty.kind().to_owned(),
    }
}
