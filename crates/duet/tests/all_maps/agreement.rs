//! Whether both sides agree under the maps, judged from what any client reads: map files and rows
//! over HTTP, none of Duet's images, pairs or translations.

use super::domains::{end, maps_values, type_at};
use super::rows::{Made, RightRows, follow};
use duet::demo::caller::Caller;
use duet_map::file::{Company, Direction, Field, MapFile};
use duet_map::schema::{ColumnType, SchemaSet, SchemaSource as _};
use duet_map::side::{PerSide, Side};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The rows of both sides at one moment.
pub(crate) struct Rows<'a> {
    files: &'a [MapFile],
    schemas: &'a PerSide<SchemaSet>,
    pub(crate) left: BTreeMap<String, Vec<Json>>,
    pub(crate) right: RightRows,
}

/// Field lines whose values were seen to arrive: map, line, the side they came from.
pub(crate) type Carried = BTreeSet<(usize, usize, Side)>;

/// The rows of both sides by their key.
type Pairs<'r> = HashMap<String, (Vec<&'r Json>, Vec<&'r Json>)>;

impl<'a> Rows<'a> {
    pub(crate) async fn read(
        finops: &Caller,
        dataverse: &Caller,
        files: &'a [MapFile],
        schemas: &'a PerSide<SchemaSet>,
    ) -> Self {
        let mut left = BTreeMap::new();
        for file in files {
            let entity = &file.ends.left.entity.value;
            if !left.contains_key(entity) {
                let rows = finops.list(&format!("{entity}?cross-company=true")).await;
                left.insert(entity.clone(), rows.unwrap());
            }
        }
        Self {
            files,
            schemas,
            left,
            right: super::rows::right_rows(dataverse, files, schemas).await,
        }
    }

    /// The pairs of a map by their key: the left row and the right one, where they are there.
    fn pairs(&self, map: usize) -> Pairs<'_> {
        let file = &self.files[map];
        let mut pairs = Pairs::new();
        for row in &self.left[&file.ends.left.entity.value] {
            pairs
                .entry(self.key(file, Side::Left, row))
                .or_default()
                .0
                .push(row);
        }
        for (set, row) in self.right.values() {
            if set.eq_ignore_ascii_case(&file.ends.right.entity.value) {
                pairs
                    .entry(self.key(file, Side::Right, row))
                    .or_default()
                    .1
                    .push(row);
            }
        }
        pairs
    }

    fn key(&self, file: &MapFile, side: Side, row: &Json) -> String {
        let mut parts: Vec<String> = file
            .key
            .iter()
            .map(|part| {
                let path = match side {
                    Side::Left => &part.left.value,
                    Side::Right => &part.right.value,
                };
                let value = self.value(file, side, row, path);
                let value = match side {
                    Side::Left => self.as_on_the_right(file, path, value),
                    Side::Right => value,
                };
                let day = Side::BOTH.iter().any(|side| {
                    let path = match side {
                        Side::Left => &part.left.value,
                        Side::Right => &part.right.value,
                    };
                    self.ty(file, *side, path) == Some(&ColumnType::Date)
                });
                if day {
                    value.chars().take(10).collect()
                } else {
                    value
                }
            })
            .collect();
        if file.company.value == Company::PerCompany {
            parts.push(match side {
                Side::Left => plain(&row["dataAreaId"]),
                Side::Right => {
                    let schema = self
                        .schemas
                        .right
                        .table(&file.ends.right.entity.value)
                        .unwrap();
                    let path = format!("{}.cdm_companycode", schema.company.as_ref().unwrap());
                    plain(&follow(&self.right, row, &path))
                }
            });
        }
        parts.join("|").to_lowercase()
    }

    /// A left value of the key as the right side writes it, where a value map stands between them.
    fn as_on_the_right(&self, file: &MapFile, path: &str, value: String) -> String {
        let field = file.fields.iter().find(|field| {
            end(field, Side::Left).is_some_and(|left| left.eq_ignore_ascii_case(path))
                && maps_values(field)
        });
        let Some(field) = field else { return value };
        let ty = self.ty(file, Side::Left, path);
        let pair = field
            .values
            .iter()
            .find(|(left, _)| same_word(&literal(&left.value, ty), &value));
        pair.map_or(value, |(_, right)| right.value.clone())
    }

    fn ty(&self, file: &MapFile, side: Side, path: &str) -> Option<&ColumnType> {
        type_at(&self.schemas[side], &file.ends[side].entity.value, path)
    }

    /// What stands at a path of a row, in a form that can be compared.
    fn value(&self, file: &MapFile, side: Side, row: &Json, path: &str) -> String {
        let ty = self.ty(file, side, path);
        let json = match side {
            Side::Left => {
                let schema = self
                    .schemas
                    .left
                    .table(&file.ends.left.entity.value)
                    .unwrap();
                row[schema.column(path).unwrap().name.as_str()].clone()
            }
            Side::Right => follow(&self.right, row, path),
        };
        match ty {
            Some(ColumnType::Date) => plain(&json).chars().take(10).collect::<String>(),
            _ => plain(&json),
        }
        .replace("1900-01-01", "")
    }

    /// The row of a record on either side.
    pub(crate) fn record(&self, made: &Made, left_key: &str) -> PerSide<Option<&Json>> {
        let pairs = self.pairs(made.map);
        let pair = pairs.get(left_key);
        PerSide {
            left: pair.and_then(|(left, _)| left.first().copied()),
            right: pair.and_then(|(_, right)| right.first().copied()),
        }
    }

    /// Compares every record of every map; the lines that were carried from where a record began are
    /// added.
    pub(crate) fn compare(
        &self,
        made: &[Made],
        keys: &[String],
        carried: &mut Carried,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut pairs: HashMap<usize, Pairs<'_>> = HashMap::new();
        for (record, key) in made.iter().zip(keys) {
            let file = &self.files[record.map];
            let pairs = pairs
                .entry(record.map)
                .or_insert_with(|| self.pairs(record.map));
            let name = format!("{} [{key}]", file.map.value);
            let (left, right) = match pairs.get(key) {
                Some((left, right)) if left.len() == 1 && right.len() == 1 => (left[0], right[0]),
                Some((left, right)) => {
                    wrong.push(format!(
                        "{name}: {} on the left, {} on the right",
                        left.len(),
                        right.len()
                    ));
                    continue;
                }
                None => {
                    wrong.push(format!("{name}: on neither side"));
                    continue;
                }
            };
            for (line, field) in file.fields.iter().enumerate() {
                match self.line(file, field, left, right) {
                    Line::Agrees { telling } => {
                        let from = record.origin;
                        if telling && field.direction.flows_from(from) {
                            carried.insert((record.map, line, from));
                        }
                    }
                    // A constant is for records that begin on the other side.
                    Line::Constant(to, holds) => {
                        if holds && record.origin != to {
                            carried.insert((record.map, line, to.other()));
                        } else if !holds && record.origin != to {
                            wrong.push(format!("{name}: {field}: the constant is missing"));
                        }
                    }
                    // The other part of such a lookup brought the record; this one is not taken back.
                    Line::Differs(_)
                        if record.origin == Side::Right && is_half_way(file, field) => {}
                    Line::Differs(why) => wrong.push(format!("{name}: {field}: {why}")),
                }
            }
        }
        wrong
    }

    fn line(&self, file: &MapFile, field: &Field, left: &Json, right: &Json) -> Line {
        let (one, other) = match (end(field, Side::Left), end(field, Side::Right)) {
            (Some(one), Some(other)) => (one, other),
            (None, Some(path)) => return self.constant(file, field, Side::Right, right, path),
            (Some(path), None) => return self.constant(file, field, Side::Left, left, path),
            (None, None) => unreachable!(),
        };
        let tys = PerSide {
            left: self.ty(file, Side::Left, one),
            right: self.ty(file, Side::Right, other),
        };
        let seen = PerSide {
            left: self.value(file, Side::Left, left, one),
            right: self.value(file, Side::Right, right, other),
        };
        let first_member = |side: Side| match tys[side] {
            Some(ColumnType::Enum { members, .. }) => members
                .first()
                .is_some_and(|m| m.eq_ignore_ascii_case(&seen[side])),
            _ => false,
        };
        let empty = |side: Side| seen[side].is_empty() || first_member(side);
        if maps_values(field) {
            let words: Vec<(String, String)> = field
                .values
                .iter()
                .map(|(l, r)| (literal(&l.value, tys.left), literal(&r.value, tys.right)))
                .collect();
            let agrees = words
                .iter()
                .any(|(l, r)| same_word(l, &seen.left) && same_word(r, &seen.right));
            if agrees {
                let telling = match field.direction {
                    Direction::ToLeftTransformed => !empty(Side::Left),
                    _ => !seen.right.is_empty() && seen.right != "false",
                };
                return Line::Agrees { telling };
            }
            if (seen.left.is_empty() || first_member(Side::Left))
                && (seen.right.is_empty() || seen.right == "false")
            {
                return Line::Agrees { telling: false };
            }
        } else {
            let day = Side::BOTH
                .iter()
                .any(|side| tys[*side] == Some(&ColumnType::Date));
            let cut = |text: &str| -> String {
                if day {
                    text.chars().take(10).collect()
                } else {
                    text.to_owned()
                }
            };
            let (l, r) = (cut(&seen.left), cut(&seen.right));
            if same_word(&l, &r) {
                return Line::Agrees {
                    telling: !l.is_empty(),
                };
            }
            if (l.is_empty() || first_member(Side::Left)) && r.is_empty() {
                return Line::Agrees { telling: false };
            }
        }
        if let Some(default) = &field.default {
            let target = match field.direction {
                Direction::ToLeftTransformed => Side::Left,
                _ => Side::Right,
            };
            if same_word(&literal(&default.value, tys[target]), &seen[target]) {
                return Line::Agrees { telling: true };
            }
        }
        Line::Differs(format!(
            "`{}` on the left, `{}` on the right",
            seen.left, seen.right
        ))
    }

    fn constant(&self, file: &MapFile, field: &Field, to: Side, row: &Json, path: &str) -> Line {
        let seen = self.value(file, to, row, path);
        let wanted = literal(
            &field.default.as_ref().unwrap().value,
            self.ty(file, to, path),
        );
        Line::Constant(to, same_word(&seen, &wanted))
    }

    /// The keys of records that began on the left or the right, from the rows as they are now.
    pub(crate) fn keys(&self, made: &[Made], left: &dyn Fn(&Made) -> Json) -> Vec<String> {
        made.iter()
            .map(|record| {
                let file = &self.files[record.map];
                match record.id {
                    None => self.key(file, Side::Left, &left(record)),
                    Some(id) => self.key(file, Side::Right, &self.right[&id].1),
                }
            })
            .collect()
    }
}

/// Whether a field only travels to the right and names, with a field that travels both ways, the
/// record of one lookup.
fn is_half_way(file: &MapFile, field: &Field) -> bool {
    let lookup = |field: &Field| {
        let (column, _) = end(field, Side::Right)?.split_once('.')?;
        Some(column.to_lowercase())
    };
    let column = lookup(field);
    column.is_some()
        && !field.direction.flows_from(Side::Right)
        && file
            .fields
            .iter()
            .any(|other| lookup(other) == column && other.direction.flows_from(Side::Right))
}

enum Line {
    /// Both hold the same; `telling` if it is not what an untouched record would hold.
    Agrees {
        telling: bool,
    },
    Constant(Side, bool),
    Differs(String),
}

fn same_word(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || match (one.parse::<Decimal>(), other.parse::<Decimal>()) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
}

fn literal(word: &str, ty: Option<&ColumnType>) -> String {
    if let Some(ColumnType::Enum { members, .. }) = ty {
        let bare = |word: &str| word.replace('-', "").to_lowercase();
        if let Some(member) = members.iter().find(|member| bare(member) == bare(word)) {
            return member.clone();
        }
    }
    if word.eq_ignore_ascii_case("blank") || word.starts_with("1/1/1900") {
        return String::new();
    }
    match (ty, word) {
        (Some(ColumnType::Bool), "1") => "true".to_owned(),
        (Some(ColumnType::Bool), "0") => "false".to_owned(),
        _ => word.trim_end().to_owned(),
    }
}

/// A value as text: empty for nothing, in whichever way a system says it.
pub(crate) fn plain(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::Bool(truth) => truth.to_string(),
        Json::Number(number) => {
            let number: Decimal = number.to_string().parse().unwrap();
            if number.is_zero() {
                String::new()
            } else {
                number.normalize().to_string()
            }
        }
        Json::String(text) if text.starts_with("1900-01-01T") => String::new(),
        Json::String(text) if text == "00000000-0000-0000-0000-000000000000" => String::new(),
        Json::String(text) => text.trim_end().to_owned(),
        other => other.to_string(),
    }
}
