//! Which columns of which tables hold one and the same value, and what record number `n` holds
//! there.
//!
//! A field line says that its two columns are equal; a lookup path says that the column it ends in
//! is. Columns that are connected that way share a [`Domain`], and a domain gives record number `n`
//! the same value wherever it stands. So every reference resolves, without a word about order.

use duet_map::file::{Direction, Field, MapFile};
use duet_map::schema::{ColumnType, SchemaSet, SchemaSource as _, TableSchema};
use duet_map::side::{PerSide, Side};
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan as _};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A column, or a path behind one, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) side: Side,
    /// The table; on the left the map, where filters keep several maps of one entity apart.
    pub(crate) scope: String,
    pub(crate) path: String,
}

/// What may stand at connected spots.
#[derive(Debug, Default)]
struct Domain {
    types: Vec<ColumnType>,
    /// Value maps by the side that this domain is on.
    values: PerSide<Vec<Vec<String>>>,
    name: String,
}

pub(crate) struct Domains {
    of: BTreeMap<Spot, usize>,
    domains: BTreeMap<usize, Domain>,
}

/// A value before it takes the form of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Made {
    Text(String),
    Number(Decimal),
    Day(Date),
    Moment(Timestamp),
    Id(Uuid),
}

/// The scope of a map's left columns.
pub(crate) fn left_scope(file: &MapFile) -> String {
    let end = &file.ends.left;
    if end.filter.is_some() {
        file.map.value.clone()
    } else {
        end.entity.value.to_lowercase()
    }
}

pub(crate) fn spot(file: &MapFile, side: Side, path: &str) -> Spot {
    Spot {
        side,
        scope: match side {
            Side::Left => left_scope(file),
            Side::Right => file.ends.right.entity.value.to_lowercase(),
        },
        path: path.to_lowercase(),
    }
}

/// The lookup column of a path, and what lies behind it in the first table that the path can mean.
pub(crate) fn behind<'s>(
    schemas: &'s SchemaSet,
    table: &str,
    path: &str,
) -> Option<(String, &'s TableSchema, String)> {
    let (column, rest) = path.split_once('.')?;
    let schema = schemas.table(table)?;
    let ColumnType::Lookup { targets } = &schema.column(column)?.ty else {
        return None;
    };
    if let Some((ty, rest)) = rest.split_once('(') {
        // `Account(accountnumber).Contact(…)`: the first branch is taken.
        let target = targets
            .iter()
            .find(|target| target.type_name.eq_ignore_ascii_case(ty))?;
        let (end, _) = rest.split_once(')')?;
        return Some((
            column.to_owned(),
            schemas.table(&target.table)?,
            end.to_owned(),
        ));
    }
    let first = rest.split('.').next()?;
    let target = targets
        .iter()
        .filter_map(|target| schemas.table(&target.table))
        .find(|table| table.column(first).is_some())?;
    Some((column.to_owned(), target, rest.to_owned()))
}

/// The type at the end of a path.
pub(crate) fn type_at<'s>(
    schemas: &'s SchemaSet,
    table: &str,
    path: &str,
) -> Option<&'s ColumnType> {
    if let Some((_, target, rest)) = behind(schemas, table, path) {
        return type_at(schemas, &target.name, &rest);
    }
    Some(&schemas.table(table)?.column(path)?.ty)
}

impl Domains {
    pub(crate) fn of(files: &[MapFile], schemas: &PerSide<SchemaSet>) -> Self {
        let mut joined = Joined::default();
        for file in files {
            for field in &file.fields {
                for side in Side::BOTH {
                    if let Some(end) = end(field, side) {
                        joined.path(&spot(file, side, end), &schemas[side]);
                    }
                }
                if let (Some(left), Some(right), true) =
                    (&field.left, &field.right, !maps_values(field))
                {
                    let left = joined.number(spot(file, Side::Left, &left.value));
                    let right = joined.number(spot(file, Side::Right, &right.value));
                    joined.join(left, right);
                }
            }
        }
        for (one, other) in super::reviewed::SAME {
            let at = |(table, column): &(&str, &str)| Spot {
                side: Side::Right,
                scope: (*table).to_owned(),
                path: (*column).to_owned(),
            };
            let (one, other) = (joined.number(at(one)), joined.number(at(other)));
            joined.join(one, other);
        }
        let mut made = Self {
            of: BTreeMap::new(),
            domains: BTreeMap::new(),
        };
        for (spot, number) in joined.numbers.clone() {
            let root = joined.root(number);
            made.of.insert(spot.clone(), root);
            let domain = made.domains.entry(root).or_default();
            if domain.name.is_empty() {
                spot.path
                    .rsplit('.')
                    .next()
                    .unwrap_or("")
                    .clone_into(&mut domain.name);
            }
        }
        for file in files {
            for field in &file.fields {
                for side in Side::BOTH {
                    let Some(path) = end(field, side) else {
                        continue;
                    };
                    let root = made.of[&spot(file, side, path)];
                    let domain = made.domains.get_mut(&root).unwrap();
                    let table = &file.ends[side].entity.value;
                    domain
                        .types
                        .extend(type_at(&schemas[side], table, path).cloned());
                    if maps_values(field) {
                        domain.values[side].push(words(field, side));
                    }
                }
            }
        }
        made
    }

    /// A number for the domain of a spot: two spots with one number hold one value.
    pub(crate) fn number(&self, spot: &Spot) -> usize {
        self.of[spot]
    }

    /// What record `n` holds at this spot.
    pub(crate) fn value(&self, spot: &Spot, n: usize) -> Made {
        let number = self.of[spot];
        let domain = &self.domains[&number];
        let allowed = &domain.values[spot.side];
        if let Some((first, others)) = allowed.split_first() {
            let common: Vec<&String> = first
                .iter()
                .filter(|word| {
                    others
                        .iter()
                        .all(|other| other.iter().any(|o| o.eq_ignore_ascii_case(word)))
                })
                .collect();
            assert!(!common.is_empty(), "{spot:?}: value maps share no value");
            return Made::Text(common[n % common.len()].clone());
        }
        made(&domain.types, &domain.name, number, n)
    }
}

/// The path that a field names on a side.
pub(crate) fn end(field: &Field, side: Side) -> Option<&str> {
    let end = match side {
        Side::Left => &field.left,
        Side::Right => &field.right,
    };
    end.as_ref().map(|end| end.value.as_str())
}

/// Whether a field has a value map that says more than how nothing is written.
pub(crate) fn maps_values(field: &Field) -> bool {
    !words(field, Side::Left).is_empty()
}

/// The values that a field's value map takes from a side, without those that mean nothing and
/// without those that do not come back.
fn words(field: &Field, side: Side) -> Vec<String> {
    let both = matches!(field.direction, Direction::BothTransformed);
    let mut words: Vec<String> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (left, right) in &field.values {
        let (word, other) = match side {
            Side::Left => (&left.value, &right.value),
            Side::Right => (&right.value, &left.value),
        };
        let nothing = |word: &str| word.is_empty() || word.eq_ignore_ascii_case("blank");
        if nothing(word) || nothing(other) || words.contains(word) || (both && seen.contains(other))
        {
            continue;
        }
        seen.push(other.clone());
        words.push(word.clone());
    }
    words
}

/// A valid value for columns of all these types at once.
fn made(types: &[ColumnType], name: &str, domain: usize, n: usize) -> Made {
    let n64 = i64::try_from(n).unwrap();
    let texts: Vec<u32> = types
        .iter()
        .filter_map(|ty| match ty {
            ColumnType::Text { max_length } => Some(max_length.unwrap_or(60)),
            _ => None,
        })
        .collect();
    if let Some(ColumnType::Choice { options }) = types
        .iter()
        .find(|ty| matches!(ty, ColumnType::Choice { .. }))
    {
        // The first option may be what a system fills in by itself.
        let at = (n + 1) % options.len().max(1);
        return Made::Number(options[at].0.into());
    }
    let enums: Vec<&Vec<String>> = types
        .iter()
        .filter_map(|ty| match ty {
            ColumnType::Enum { members, .. } => Some(members),
            _ => None,
        })
        .collect();
    if let Some((first, others)) = enums.split_first() {
        let common: Vec<&String> = first
            .iter()
            .filter(|member| {
                others
                    .iter()
                    .all(|other| other.iter().any(|o| o.eq_ignore_ascii_case(member)))
            })
            .collect();
        return Made::Text(common[(n + 1) % common.len()].clone());
    }
    if types.iter().any(|ty| matches!(ty, ColumnType::Bool)) {
        return Made::Text(if n.is_multiple_of(2) { "true" } else { "false" }.to_owned());
    }
    if types.iter().any(|ty| matches!(ty, ColumnType::Guid)) {
        return Made::Id(Uuid::new_v5(
            &Uuid::NAMESPACE_OID,
            format!("{domain}/{n}").as_bytes(),
        ));
    }
    let day = date(2024, 1, 1) + (n64 + i64::try_from(domain % 200).unwrap()).days();
    if types.iter().any(|ty| matches!(ty, ColumnType::Date)) {
        return Made::Day(day);
    }
    if types.iter().any(|ty| matches!(ty, ColumnType::DateTime)) {
        let at = day.at(8, 30, i8::try_from(n % 60).unwrap(), 0);
        return Made::Moment(at.in_tz("UTC").unwrap().timestamp());
    }
    let number = Decimal::from(n64 + 1);
    if types.iter().any(|ty| matches!(ty, ColumnType::Int { .. })) {
        return Made::Number(within(number, types));
    }
    if types
        .iter()
        .any(|ty| matches!(ty, ColumnType::Decimal { .. }))
    {
        let scale = types.iter().filter_map(|ty| match ty {
            ColumnType::Decimal { scale, .. } => *scale,
            _ => None,
        });
        let scale = scale.min().unwrap_or(2).min(2);
        return Made::Number(within(number + Decimal::new(25, 2).round_dp(scale), types));
    }
    let length = texts.iter().min().copied().unwrap_or(10) as usize;
    Made::Text(text(name, domain, n, length))
}

fn within(number: Decimal, types: &[ColumnType]) -> Decimal {
    let mut number = number;
    for ty in types {
        let (low, high) = match ty {
            ColumnType::Int { min, max } => (Some((*min).into()), Some((*max).into())),
            ColumnType::Decimal { min, max, .. } => (*min, *max),
            _ => (None, None),
        };
        if high.is_some_and(|high| number > high) {
            number = high.unwrap();
        }
        if low.is_some_and(|low| number < low) {
            number = low.unwrap();
        }
    }
    number
}

/// A text that no other record of the domain has, as telling as its length allows.
fn text(name: &str, domain: usize, n: usize, length: usize) -> String {
    if name == "legalentityid" || name == "cdm_companycode" {
        return super::COMPANIES[n % super::COMPANIES.len()].to_owned();
    }
    let code = base36(n + 36 * (domain % 36));
    let long = format!("{name} {}-{n}", base36(domain));
    if length >= long.len() {
        long
    } else if length >= 8 {
        format!("{}-{}", base36(domain), base36(n))
    } else {
        let code: String = code.chars().rev().take(length).collect();
        code.chars().rev().collect()
    }
}

fn base36(mut number: usize) -> String {
    let mut digits = Vec::new();
    while digits.is_empty() || number > 0 {
        digits.push(char::from_digit(u32::try_from(number % 36).unwrap(), 36).unwrap());
        number /= 36;
    }
    digits.iter().rev().collect::<String>().to_uppercase()
}

/// The form that a value takes in a column, as its system writes it.
pub(crate) fn json(value: &Made, ty: &ColumnType) -> Json {
    let number = |number: &Decimal| number.normalize().to_string().parse().map(Json::Number);
    match (value, ty) {
        (Made::Text(word), ColumnType::Bool) => Json::Bool(word.eq_ignore_ascii_case("true")),
        (Made::Text(word), ColumnType::Choice { .. }) => Json::from(word.parse::<i64>().unwrap()),
        (Made::Text(word), ColumnType::Int { .. } | ColumnType::Decimal { .. }) => {
            number(&word.parse().unwrap()).unwrap()
        }
        (Made::Text(word), ColumnType::Enum { members, .. }) => {
            let bare = |word: &str| word.replace('-', "").to_lowercase();
            let member = members.iter().find(|member| bare(member) == bare(word));
            Json::from(
                member
                    .unwrap_or_else(|| panic!("{word} is none of {members:?}"))
                    .clone(),
            )
        }
        (Made::Number(n), ColumnType::Text { .. }) => Json::from(n.normalize().to_string()),
        (Made::Number(n), _) => number(n).unwrap(),
        (Made::Day(day), ColumnType::DateTime) => Json::from(format!("{day}T00:00:00Z")),
        (Made::Text(text), _) => Json::from(text.clone()),
        (Made::Day(day), _) => Json::from(day.to_string()),
        (Made::Moment(at), _) => Json::from(at.to_string()),
        (Made::Id(id), _) => Json::from(id.to_string()),
    }
}

/// Spots that are being connected.
#[derive(Default)]
struct Joined {
    numbers: BTreeMap<Spot, usize>,
    parents: Vec<usize>,
}

impl Joined {
    fn number(&mut self, spot: Spot) -> usize {
        let next = self.parents.len();
        let number = *self.numbers.entry(spot).or_insert(next);
        if number == next {
            self.parents.push(next);
        }
        number
    }

    /// Connects a path with what it ends in.
    fn path(&mut self, spot: &Spot, schemas: &SchemaSet) {
        let here = self.number(spot.clone());
        if let Some((_, target, rest)) = behind(schemas, &spot.scope, &spot.path) {
            let next = Spot {
                side: spot.side,
                scope: target.name.to_lowercase(),
                path: rest,
            };
            let there = self.number(next.clone());
            self.join(here, there);
            self.path(&next, schemas);
        }
    }

    fn root(&self, mut number: usize) -> usize {
        while self.parents[number] != number {
            number = self.parents[number];
        }
        number
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other);
    }
}

/// A value for a mandatory column that no map mentions.
pub(crate) fn alone(ty: &ColumnType, name: &str, n: usize) -> Made {
    made(std::slice::from_ref(ty), &name.to_lowercase(), 0, n)
}
