//! The integration key of an imported map, which its JSON does not say.

use super::known::Known;
use super::leg::Leg;
use super::member;
use crate::file::{Field, KeyPart};
use crate::side::Side;
use serde_json::{Map, Value as Json};

/// A key and where it comes from.
pub(super) struct Guess {
    pub(super) parts: Vec<KeyPart>,
    /// For the note in the map.
    pub(super) reason: &'static str,
    /// Whether a person should look at it.
    pub(super) sure: bool,
}

/// The key that the published map, the row, the schema or the mappings suggest, in this order.
/// None where no line joins two columns.
pub(super) fn guess(leg: &Leg, record: &Map<String, Json>, known: &Known) -> Option<Guess> {
    let joined: Vec<(usize, &Field)> = leg
        .fields
        .iter()
        .enumerate()
        .filter_map(|(index, field)| Some((index, field.as_ref()?)))
        .filter(|(_, field)| field.left.is_some() && field.right.is_some())
        .collect();
    let fields = || joined.iter().map(|(_, field)| *field);
    let by =
        |matches: &dyn Fn(&Field) -> bool| fields().find(|field| matches(field)).and_then(part);
    let named = |side: Side, name: &str| by(&|field| is(field, side, name));

    if let Some(published) = known.published(&leg.tables.left, &leg.tables.right) {
        let parts: Option<Vec<KeyPart>> = published
            .key
            .iter()
            .map(|key| {
                by(&|field| {
                    is(field, Side::Left, &key.left.value)
                        && is(field, Side::Right, &key.right.value)
                })
            })
            .collect();
        if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
            return Some(Guess {
                parts,
                reason: "it is that of the published map of these tables",
                sure: true,
            });
        }
    }
    let declared = declared(record);
    let parts: Option<Vec<KeyPart>> = declared
        .iter()
        .map(|name| named(Side::Left, name).or_else(|| named(Side::Right, name)))
        .collect();
    if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
        return Some(Guess {
            parts,
            reason: "the map's row names it as its integration key",
            sure: true,
        });
    }
    for side in Side::BOTH {
        let Some(table) = known.table(side, &leg.tables[side]) else {
            continue;
        };
        let keys = [&table.primary_key]
            .into_iter()
            .chain(&table.alternate_keys);
        for key in keys {
            let columns = key.iter().filter(|column| {
                !table
                    .company
                    .as_ref()
                    .is_some_and(|company| company.eq_ignore_ascii_case(column))
            });
            let parts: Option<Vec<KeyPart>> = columns.map(|column| named(side, column)).collect();
            if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
                return Some(Guess {
                    parts,
                    reason: "the table's own key says so",
                    sure: true,
                });
            }
        }
    }
    let generated = |plain: bool| -> Vec<KeyPart> {
        joined
            .iter()
            .filter(|(index, field)| leg.generated[*index] && (!plain || !is_path(field)))
            .filter_map(|(_, field)| part(field))
            .collect()
    };
    let parts = [generated(true), generated(false)]
        .into_iter()
        .find(|parts| !parts.is_empty());
    if let Some(parts) = parts {
        return Some(Guess {
            parts,
            reason: "its lines are those that the system made itself",
            sure: false,
        });
    }
    let first = fields()
        .find(|field| !is_path(field))
        .or_else(|| fields().next())?;
    Some(Guess {
        parts: part(first).into_iter().collect(),
        reason: "its line is the first that joins two columns",
        sure: false,
    })
}

fn is(field: &Field, side: Side, name: &str) -> bool {
    let column = match side {
        Side::Left => &field.left,
        Side::Right => &field.right,
    };
    column
        .as_ref()
        .is_some_and(|column| column.value.eq_ignore_ascii_case(name))
}

fn is_path(field: &Field) -> bool {
    field
        .right
        .as_ref()
        .is_some_and(|right| right.value.contains('.'))
}

fn part(field: &Field) -> Option<KeyPart> {
    Some(KeyPart {
        left: field.left.clone()?,
        right: field.right.clone()?,
    })
}

/// The columns that a row's properties name as its key, the company left out.
fn declared(record: &Map<String, Json>) -> Vec<String> {
    let properties = member::get(record, "msdyn_properties");
    let parsed: Option<Json> = match properties {
        Some(Json::String(text)) => serde_json::from_str(text).ok(),
        other => other.cloned(),
    };
    let names = match parsed.as_ref().and_then(Json::as_object) {
        Some(properties) => member::get(properties, "IntegrationKey").cloned(),
        None => None,
    };
    let names: Vec<String> = match names {
        Some(Json::Array(names)) => names.iter().filter_map(member::text).collect(),
        Some(other) => member::text(&other)
            .unwrap_or_default()
            .split([',', ';', '+', '|'])
            .map(|name| name.trim().to_owned())
            .collect(),
        None => Vec::new(),
    };
    let is_company = |name: &String| {
        let name = name.to_lowercase();
        name == "dataareaid" || name.starts_with("msdyn_company")
    };
    names
        .into_iter()
        .filter(|name| !name.is_empty() && !is_company(name))
        .collect()
}
