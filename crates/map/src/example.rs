//! Examples of a map: a row goes in, the row that the other side would get comes out.
//!
//! A file of examples stands beside its map (`customers-v3.accounts.test.yaml`):
//!
//! ```yaml
//! examples:
//!   - example: A customer with a credit limit
//!     from: left
//!     company: usmf
//!     row:
//!       CUSTOMERACCOUNT: US-001
//!       PARTYTYPE: Organization
//!       CUSTOMERGROUPID: '30'
//!     gives:
//!       accountnumber: US-001
//!       msdyn_customergroupid.msdyn_groupid: '30'
//!       customertypecode: 3
//!   - example: Persons are another map's business
//!     from: left
//!     row: { PARTYTYPE: Person }
//!     filtered: true
//! ```
//!
//! A reference is written as the path that names its record, on both sides of an example; every
//! record that a lookup asks for is taken to exist. Columns that the example leaves out were not read
//! and travel nowhere. `gives` is everything that is written to a new record, its company left out; `parks: DUET2003` expects a row that cannot travel, with the code of one reason.
//!
//! [`ExampleFile::parse`] reads such a file, [`Example::run`] plays one example.

use crate::codes;
use crate::compiled::{CompanyColumn, CompiledMap, Kind};
use crate::convert::literal;
use crate::diagnostic::{Code, Diagnostic, Place, Severity};
use crate::file::Marked;
use crate::file::yaml::{self, Content, Node};
use crate::lookup::{LookupNeed, Resolution, ResolvedLookups};
use crate::near;
use crate::path::{Beyond, ColumnPath};
use crate::side::Side;
use crate::value::{Reference, Row, Value};
use std::collections::BTreeMap;
use std::fmt;
use uuid::Uuid;

/// The ending of a file of examples, behind the name of its map.
pub const ENDING: &str = ".test.yaml";

/// The engine's code of a change that waits for a record.
const WAITS: Code = Code(2102);

const KEYS: [&str; 7] = [
    "example", "from", "company", "row", "gives", "filtered", "parks",
];

/// A file of examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleFile {
    /// The examples in the order of the file.
    pub examples: Vec<Example>,
}

/// One example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What it shows.
    pub name: Marked<String>,
    /// The side on which its row stands.
    pub from: Side,
    /// The company of the row, in a map per company.
    pub company: Option<String>,
    /// The row: columns or paths, and their values.
    pub row: Vec<(Marked<String>, Marked<String>)>,
    /// What has to come of it.
    pub expected: Expected,
}

/// What has to come of an example's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// A new record with these columns.
    Gives(Vec<(Marked<String>, Marked<String>)>),
    /// Nothing: the row is outside of its side's filter.
    Filtered,
    /// Nothing yet: the row is parked, with this code among the reasons.
    Parks(Marked<String>),
}

/// One way in which an example went otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Where the example says what it expects.
    pub place: Option<Place>,
    /// The column, or what else it is about.
    pub about: String,
    /// What was expected; `None` for nothing.
    pub expected: Option<String>,
    /// What came; `None` for nothing.
    pub came: Option<String>,
}

/// `msdyn_groupid: expected 30, got 20`.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |value: &Option<String>| match value {
            Some(value) => format!("`{value}`"),
            None => "nothing".to_owned(),
        };
        write!(
            f,
            "{}: expected {}, got {}",
            self.about,
            told(&self.expected),
            told(&self.came)
        )
    }
}

impl ExampleFile {
    /// Reads a file of examples. `file_name` is how the user calls it.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Vec<Diagnostic>> {
        let root = yaml::read(text, file_name).map_err(|error| vec![error.into()])?;
        let mut reader = Reader { found: Vec::new() };
        let examples = reader.examples(&root);
        if reader.found.is_empty() {
            Ok(Self { examples })
        } else {
            Err(reader.found)
        }
    }
}

struct Reader {
    found: Vec<Diagnostic>,
}

impl Reader {
    fn examples(&mut self, root: &Node) -> Vec<Example> {
        let entries = self.entries(root, &["examples"]);
        let Some((
            _,
            Node {
                content: Content::List(list),
                ..
            },
        )) = entries.first()
        else {
            self.report(
                &root.at,
                "a file of examples is a list under `examples:`",
                None,
            );
            return Vec::new();
        };
        list.iter().filter_map(|node| self.example(node)).collect()
    }

    fn example(&mut self, node: &Node) -> Option<Example> {
        let entries = self.entries(node, &KEYS);
        let get = |key: &str| {
            entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, node)| *node)
        };
        let Some(name) = get("example").and_then(|node| self.text(node)) else {
            self.report(
                &node.at,
                "an example says what it shows: `example: …`",
                None,
            );
            return None;
        };
        let from = match get("from").and_then(|node| self.text(node)) {
            Some(word) if word.value == "left" => Side::Left,
            Some(word) if word.value == "right" => Side::Right,
            _ => {
                self.report(&node.at, "`from: left` or `from: right` is missing", None);
                return None;
            }
        };
        let row = match get("row") {
            Some(row) => self.row(row),
            None => Vec::new(),
        };
        let company = get("company").and_then(|node| self.text(node));
        let expected = match (get("gives"), get("filtered"), get("parks")) {
            (Some(node), None, None) => Expected::Gives(self.row(node)),
            (None, Some(_), None) => Expected::Filtered,
            (None, None, Some(node)) => Expected::Parks(self.text(node)?),
            _ => {
                self.report(
                    &node.at,
                    "an example expects one thing",
                    Some("write `gives:` with the columns, `filtered: true` or `parks: CODE`"),
                );
                return None;
            }
        };
        Some(Example {
            name,
            from,
            company: company.map(|company| company.value),
            row,
            expected,
        })
    }

    fn row(&mut self, node: &Node) -> Vec<(Marked<String>, Marked<String>)> {
        let Content::Mapping(entries) = &node.content else {
            self.report(
                &node.at,
                "a row is columns and values: `CREDITLIMIT: 2000`",
                None,
            );
            return Vec::new();
        };
        entries
            .iter()
            .filter_map(|(name, value)| Some((self.text(name)?, self.text(value)?)))
            .collect()
    }

    fn entries<'n>(&mut self, node: &'n Node, known: &[&str]) -> Vec<(String, &'n Node)> {
        let Content::Mapping(entries) = &node.content else {
            self.report(
                &node.at,
                &format!("the keys here are `{}`", known.join("`, `")),
                None,
            );
            return Vec::new();
        };
        let mut read = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Content::Text { text, .. } = &key.content else {
                continue;
            };
            if known.contains(&text.as_str()) {
                read.push((text.clone(), value));
            } else {
                let fix = near::suggestion(text, known);
                self.report(
                    &key.at,
                    &format!("there is no key `{text}` here"),
                    fix.as_deref(),
                );
            }
        }
        read
    }

    fn text(&mut self, node: &Node) -> Option<Marked<String>> {
        if let Content::Text { text, .. } = &node.content {
            return Some(Marked {
                value: text.clone(),
                at: node.mark(),
            });
        }
        self.report(&node.at, "a text must stand here", None);
        None
    }

    fn report(&mut self, at: &Place, message: &str, fix: Option<&str>) {
        self.found.push(Diagnostic {
            code: codes::BAD_EXAMPLE,
            severity: Severity::Error,
            message: message.to_owned(),
            place: Some(at.clone()),
            notes: Vec::new(),
            fix: fix.map(str::to_owned),
        });
    }
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new record: columns or paths, and their values as text, by name.
    Gives(BTreeMap<String, String>),
    /// The row is outside of its side's filter.
    Filtered,
    /// The row cannot travel: code and reason, without values.
    Parks(Vec<(Code, String)>),
}

impl Example {
    /// Plays the example and compares; nothing is returned where all went as expected. An error
    /// means that the row itself cannot be read.
    pub fn run(&self, map: &CompiledMap) -> Result<Vec<Mismatch>, Box<Diagnostic>> {
        let came = self.outcome(map)?;
        let place = self.name.at.place();
        let outcome = |expected: &str, came: String| {
            vec![Mismatch {
                place: place.clone(),
                about: "the outcome".to_owned(),
                expected: Some(expected.to_owned()),
                came: Some(came),
            }]
        };
        let told = |came: &Outcome| match came {
            Outcome::Gives(columns) => format!("a record of {} columns", columns.len()),
            Outcome::Filtered => "filtered".to_owned(),
            Outcome::Parks(reasons) => {
                let reasons: Vec<String> = reasons
                    .iter()
                    .map(|(code, why)| format!("{code} {why}"))
                    .collect();
                format!("parked: {}", reasons.join("; "))
            }
        };
        Ok(match (&self.expected, &came) {
            (Expected::Filtered, Outcome::Filtered) => Vec::new(),
            (Expected::Parks(code), Outcome::Parks(reasons))
                if reasons
                    .iter()
                    .any(|(known, _)| known.to_string() == code.value) =>
            {
                Vec::new()
            }
            (Expected::Gives(expected), Outcome::Gives(came)) => self.compare(map, expected, came),
            (Expected::Gives(columns), came) => outcome(
                &format!("a record of {} columns", columns.len()),
                told(came),
            ),
            (Expected::Filtered, came) => outcome("filtered", told(came)),
            (Expected::Parks(code), came) => {
                outcome(&format!("parked: {}", code.value), told(came))
            }
        })
    }

    fn compare(
        &self,
        map: &CompiledMap,
        expected: &[(Marked<String>, Marked<String>)],
        came: &BTreeMap<String, String>,
    ) -> Vec<Mismatch> {
        let to = self.from.other();
        let mut found = Vec::new();
        let mut named: Vec<String> = Vec::new();
        for (column, value) in expected {
            let name = column.value.to_lowercase();
            let seen = came
                .iter()
                .find(|(known, _)| known.to_lowercase() == name)
                .map(|(_, value)| value.clone());
            named.push(name);
            let wanted = map
                .read_text(to, &column.value, &value.value)
                .map_or_else(|_| value.value.clone(), |value| shown(&value));
            if seen.as_ref() != Some(&wanted) {
                found.push(Mismatch {
                    place: value.at.place(),
                    about: column.value.clone(),
                    expected: Some(wanted),
                    came: seen,
                });
            }
        }
        for (column, value) in came {
            if !named.contains(&column.to_lowercase()) {
                found.push(Mismatch {
                    place: self.name.at.place(),
                    about: column.clone(),
                    expected: None,
                    came: Some(value.clone()),
                });
            }
        }
        found
    }

    /// What becomes of the row, with every record that it asks for taken to exist.
    pub fn outcome(&self, map: &CompiledMap) -> Result<Outcome, Box<Diagnostic>> {
        let from = self.from;
        let mut stage = Stage::default();
        let row = stage.row(map, self)?;
        if !map.passes(from, &row) {
            return Ok(Outcome::Filtered);
        }
        let fields = map.all_fields(from);
        let mut resolved = ResolvedLookups::new();
        // A question may only arise with the answer to another: the company, then its records.
        for _ in 0..3 {
            let mut needs = map.needs(from, &row, &fields, true);
            needs.extend(
                map.translate(from, &row, &fields, &resolved, true)
                    .waiting
                    .into_iter()
                    .map(|waiting| waiting.need),
            );
            for need in needs {
                let answer = stage.answer(&need);
                resolved.insert(need, answer);
            }
        }
        let translation = map.translate(from, &row, &fields, &resolved, true);
        let mut reasons: Vec<(Code, String)> = translation
            .problems
            .iter()
            .map(|problem| {
                (
                    problem.code,
                    format!("{}: {}", problem.field, problem.message),
                )
            })
            .collect();
        reasons.extend(translation.waiting.iter().map(|waiting| {
            (
                WAITS,
                format!("{} waits for a record", map.field_name(waiting.field)),
            )
        }));
        let mut target = Row::new();
        for column in &translation.columns {
            target.set(column.column.clone(), column.value.clone());
        }
        // The row of an example is a part of one: what it leaves out is not empty.
        let refused = map.check(from.other(), &target, true).into_iter();
        reasons.extend(
            refused
                .filter(|problem| target.get(&problem.column).is_some())
                .map(|problem| {
                    let told = format!("{}: {}", problem.field, problem.message);
                    (problem.code, told)
                }),
        );
        if !reasons.is_empty() {
            return Ok(Outcome::Parks(reasons));
        }
        let mut columns = BTreeMap::new();
        for column in translation.columns {
            // The company travels by itself.
            if column.field == map.units.len() {
                continue;
            }
            match &column.value {
                Value::Reference(reference) => {
                    for (path, value) in stage.named(reference) {
                        columns.insert(format!("{}.{path}", column.column), shown(value));
                    }
                }
                value => drop(columns.insert(column.column.clone(), shown(value))),
            }
        }
        Ok(Outcome::Gives(columns))
    }
}

/// A value as an example writes it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Decimal(number) => number.normalize().to_string(),
        value => value.to_string(),
    }
}

/// The records that an example speaks of.
#[derive(Debug, Default)]
struct Stage {
    known: Vec<(Reference, Vec<(String, Value)>)>,
}

impl Stage {
    fn reference(&mut self, table: &str, values: Vec<(String, Value)>) -> Reference {
        let number = u128::try_from(self.known.len() + 1).unwrap_or_default();
        let reference = Reference {
            table: table.to_owned(),
            id: Uuid::from_u128(number),
        };
        self.known.push((reference.clone(), values));
        reference
    }

    fn named(&self, reference: &Reference) -> &[(String, Value)] {
        let known = self.known.iter().find(|(known, _)| known == reference);
        known.map_or(&[], |(_, values)| values)
    }

    /// The example's row as its system would give it.
    fn row(&mut self, map: &CompiledMap, example: &Example) -> Result<Row, Box<Diagnostic>> {
        let from = example.from;
        let mut row = Row::new();
        let mut lookups: BTreeMap<String, (String, Vec<(String, Value)>)> = BTreeMap::new();
        for (column, text) in &example.row {
            let wrong = |why: String, fix: Option<String>| {
                Box::new(Diagnostic {
                    code: codes::BAD_EXAMPLE,
                    severity: Severity::Error,
                    message: format!("`{}` of the example: {why}", column.value),
                    place: text.at.place(),
                    notes: Vec::new(),
                    fix,
                })
            };
            let value = map
                .read_text(from, &column.value, &text.value)
                .map_err(|why| wrong(why, None))?;
            match ColumnPath::parse(&column.value).map_err(|why| wrong(why, None))? {
                ColumnPath::Column(name) => {
                    let name = map
                        .schema(from)
                        .column(&name)
                        .map_or(name.clone(), |column| column.name.clone());
                    row.set(name, value);
                }
                ColumnPath::Lookup { column, beyond } => {
                    let (table, path) = map.behind(from, &column, &beyond).ok_or_else(|| {
                        wrong(
                            "the map does not follow this path".to_owned(),
                            Some("write a path as a field line of the map does".to_owned()),
                        )
                    })?;
                    let known = lookups
                        .entry(column.to_lowercase())
                        .or_insert_with(|| (table, Vec::new()));
                    known.1.push((path, value));
                }
            }
        }
        for (column, (table, values)) in lookups {
            let empty = values.iter().all(|(_, value)| value.is_null());
            let value = if empty {
                Value::Null
            } else {
                Value::Reference(self.reference(&table, values))
            };
            let name = map
                .schema(from)
                .column(&column)
                .map_or(column.clone(), |column| column.name.clone());
            row.set(name, value);
        }
        if let (Some(code), Some(columns)) = (&example.company, &map.company) {
            let slot = columns[from].slot();
            let name = map.slots[from][slot].name.clone();
            let value = match &columns[from] {
                CompanyColumn::Text(_) => Value::Text(code.clone()),
                CompanyColumn::Lookup { table, path, .. } => {
                    let values = vec![(path.clone(), Value::Text(code.clone()))];
                    Value::Reference(self.reference(table, values))
                }
            };
            row.set(name, value);
        }
        Ok(row)
    }

    fn answer(&mut self, need: &LookupNeed) -> Resolution {
        match need {
            LookupNeed::Follow(follow) => self
                .named(&follow.reference)
                .iter()
                .find(|(path, _)| path.eq_ignore_ascii_case(&follow.path))
                .map_or(Resolution::Found(Value::Null), |(_, value)| {
                    Resolution::Found(value.clone())
                }),
            LookupNeed::Counterpart(need) => match need.tables.first() {
                None => Resolution::Missing,
                Some(table) => {
                    let named = self.named(&need.reference).to_vec();
                    Resolution::Found(Value::Reference(self.reference(table, named)))
                }
            },
            LookupNeed::Find(find) => match find.candidates.first() {
                None => Resolution::Missing,
                Some(first) => {
                    let known = self.known.iter().find(|(reference, values)| {
                        reference.table == first.table && *values == first.equal
                    });
                    let reference = match known {
                        Some((reference, _)) => reference.clone(),
                        None => self.reference(&first.table, first.equal.clone()),
                    };
                    Resolution::Found(Value::Reference(reference))
                }
            },
        }
    }
}

impl CompiledMap {
    /// A text as a value of a column or of the end of a path that the map follows.
    fn read_text(&self, side: Side, path: &str, text: &str) -> Result<Value, String> {
        match ColumnPath::parse(path)? {
            ColumnPath::Column(name) => {
                let column = self
                    .schema(side)
                    .column(&name)
                    .ok_or_else(|| format!("{} has no such column", self.table(side)))?;
                literal(text, &column.ty)
            }
            ColumnPath::Lookup { column, beyond } => {
                let wanted = self
                    .behind(side, &column, &beyond)
                    .ok_or("the map does not follow this path")?;
                let ty = self
                    .path_ends(side, &column)
                    .find(|end| end.table == wanted.0 && end.path.eq_ignore_ascii_case(&wanted.1))
                    .map(|end| end.ty.clone())
                    .ok_or("the map does not follow this path")?;
                literal(text, &ty)
            }
        }
    }

    /// The ends behind a lookup column that field lines lead to.
    fn path_ends<'m>(
        &'m self,
        side: Side,
        column: &'m str,
    ) -> impl Iterator<Item = &'m crate::compiled::PathEnd> {
        self.units.iter().flat_map(move |unit| {
            let parts = match &unit.kind {
                Kind::Lookup(lookup)
                    if lookup.side == side
                        && self.slots[side][lookup.slot]
                            .name
                            .eq_ignore_ascii_case(column) =>
                {
                    lookup.parts.as_slice()
                }
                _ => &[],
            };
            let twins = match &unit.kind {
                Kind::Twins(twins)
                    if self.slots[side][twins.slots[side]]
                        .name
                        .eq_ignore_ascii_case(column) =>
                {
                    twins.parts.as_slice()
                }
                _ => &[],
            };
            let behind = twins.iter().flat_map(move |part| &part.ends[side]);
            parts.iter().flat_map(|part| &part.ends).chain(behind)
        })
    }

    /// The table and path that a written path means: that of a field line, or one branch of it
    /// (`customerid.Account(accountnumber)`).
    fn behind(&self, side: Side, column: &str, beyond: &Beyond) -> Option<(String, String)> {
        let path = match beyond {
            Beyond::Any(path) => path,
            Beyond::ByType(branches) => &branches.first()?.1,
        };
        let end = self
            .path_ends(side, column)
            .find(|end| end.path.eq_ignore_ascii_case(path))?;
        Some((end.table.clone(), end.path.clone()))
    }
}
