//! From a document to map files, one for each leg.

use super::carried::Carried;
use super::find::Found;
use super::key;
use super::known::{Known, map_name};
use super::leg::{Leg, Remark};
use super::member;
use super::place::Step;
use crate::codes;
use crate::diagnostic::{Diagnostic, Severity};
use crate::file::{Company, Deletes, End, MapFile, Marked};
use crate::filter::Dialect;
use crate::side::{PerSide, Side};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// A leg and what became of it.
#[derive(Debug)]
pub struct Imported {
    /// The map; none where the leg joins no two columns.
    pub file: Option<MapFile>,
    /// The document, to be kept beside the map.
    pub carried: Carried,
    /// How many field mappings the leg has.
    pub mappings: usize,
    /// How many of them are lines of the map.
    pub lines: usize,
    /// What the map does not say, and what had to be guessed.
    pub findings: Vec<Diagnostic>,
}

/// Turns each leg of a document into a map file.
pub fn import(found: &Found, known: &Known) -> Vec<Imported> {
    let Some(document) = found.mapping.as_object() else {
        return Vec::new();
    };
    let Some((legs_name, Json::Array(legs))) = member::entry(document, "legs") else {
        return Vec::new();
    };
    let mut imported: Vec<Imported> = legs
        .iter()
        .enumerate()
        .map(|(index, leg)| one(found, legs_name, index, leg, known))
        .collect();
    let unknown = unknown_members(document, legs_name, legs);
    match imported.first_mut() {
        Some(first) => {
            let unknown = unknown.into_iter();
            first.findings.extend(unknown.map(|(name, (path, count))| {
                let times = if count == 1 { String::new() } else { format!(" ({count} times)") };
                found.finding(
                    codes::STRANGE_MEMBER,
                    Severity::Note,
                    &path,
                    format!("`{name}`{times} means nothing to Duet; it stays beside the map and goes back with an export"),
                    None,
                )
            }));
        }
        None => imported.push(Imported {
            file: None,
            carried: Carried::new(0, found.record.clone(), found.mapping.clone()),
            mappings: 0,
            lines: 0,
            findings: vec![found.finding(
                codes::NO_MICROSOFT_MAP,
                Severity::Error,
                &[legs_name.into()],
                format!("{} has no leg, so that it joins no tables", found.title()),
                Some("export the map again".to_owned()),
            )],
        }),
    }
    imported
}

fn one(found: &Found, legs_name: &str, index: usize, leg: &Json, known: &Known) -> Imported {
    let carried = Carried::new(index, found.record.clone(), found.mapping.clone());
    let here: Vec<Step> = vec![legs_name.into(), index.into()];
    let place = |remark: &Remark| {
        let path: Vec<Step> = here.iter().chain(&remark.path).cloned().collect();
        found.finding(
            remark.code,
            remark.severity,
            &path,
            remark.message.clone(),
            remark.fix.clone(),
        )
    };
    let empty = Map::new();
    let leg = match Leg::read(leg.as_object().unwrap_or(&empty), known) {
        Ok(leg) => leg,
        Err(remark) => {
            return Imported {
                file: None,
                carried,
                mappings: 0,
                lines: 0,
                findings: vec![place(&remark)],
            };
        }
    };
    let mut findings: Vec<Diagnostic> = leg.remarks.iter().map(place).collect();
    for (side, filter) in [
        (Side::Left, &leg.filters.left),
        (Side::Right, &leg.filters.right),
    ] {
        let member = if side == leg.source {
            "sourceFilter"
        } else {
            "reversedSourceFilter"
        };
        if let Some(Err(error)) = filter.as_ref().map(|text| Dialect::of(text).parse(text)) {
            let path: Vec<Step> = here.iter().cloned().chain([member.into()]).collect();
            findings.push(found.finding(
                codes::FILTER_NOT_READ,
                Severity::Warning,
                &path,
                format!("the filter of the {side} side does not read: {error}"),
                Some("correct it in the map; `duet check` points at the place".to_owned()),
            ));
        }
    }
    let lines = leg.fields.iter().flatten().count();
    let mappings = leg.fields.len();
    let file = build(found, &leg, known, &here, &mut findings);
    Imported {
        lines: if file.is_some() { lines } else { 0 },
        file,
        carried,
        mappings,
        findings,
    }
}

fn build(
    found: &Found,
    leg: &Leg,
    known: &Known,
    here: &[Step],
    findings: &mut Vec<Diagnostic>,
) -> Option<MapFile> {
    let published = known.published(&leg.tables.left, &leg.tables.right);
    let Some(key) = key::guess(leg, &found.record, known) else {
        findings.push(found.finding(
            codes::KEY_GUESSED,
            Severity::Error,
            here,
            format!(
                "no line of {} joins two columns, so that nothing identifies a record",
                found.title()
            ),
            Some("map the columns that identify a record on both sides".to_owned()),
        ));
        return None;
    };
    let shown: Vec<String> = key
        .parts
        .iter()
        .map(|part| format!("{} = {}", part.left.value, part.right.value))
        .collect();
    let mut assumed = vec![format!("key: a map's JSON does not say it; {}", key.reason)];
    if !key.sure {
        findings.push(
            found.finding(
                codes::KEY_GUESSED,
                Severity::Warning,
                here,
                format!(
                    "the integration key is guessed: {}; {}",
                    shown.join(", "),
                    key.reason
                ),
                Some(
                    "compare it with Environment details > Integration key, and correct `key:`"
                        .to_owned(),
                ),
            ),
        );
    }
    let company = company(leg, known, &mut assumed);
    for (mapping, field) in leg.fields.iter().enumerate() {
        if field.is_none() {
            assumed.push(format!(
                "left out: field mapping {} of the original, which stays beside this file",
                mapping + 1
            ));
        }
    }
    let end = |side: Side| End {
        entity: Marked::unplaced(leg.tables[side].clone()),
        filter: leg.filters[side].clone().map(Marked::unplaced),
    };
    let from_left = leg
        .fields
        .iter()
        .flatten()
        .any(|field| field.left.is_some() && field.direction.flows_from(Side::Left));
    let master = if from_left { Side::Left } else { Side::Right };
    Some(MapFile {
        map: Marked::unplaced(map_name(&leg.title, &leg.tables.right)),
        version: Marked::unplaced(found.version().unwrap_or_else(|| "1.0.0".to_owned())),
        why: published.map_or_else(|| reason(found), |map| map.why.clone()),
        ends: PerSide {
            left: end(Side::Left),
            right: end(Side::Right),
        },
        company: Marked::unplaced(company),
        key: key.parts,
        master: published.map_or(master, |map| map.master),
        conflicts: published.map_or_else(Marked::default, |map| map.conflicts.clone()),
        deletes: published.map_or(Marked::unplaced(Deletes::Propagate), |map| {
            map.deletes.clone()
        }),
        deactivate: published.map_or_else(PerSide::default, |map| map.deactivate.clone()),
        allocates: published.and_then(|map| map.allocates),
        fields: leg.fields.iter().flatten().cloned().collect(),
        assumed,
        allow: Vec::new(),
    })
}

/// What the document says it is for, or a question to its new owner.
fn reason(found: &Found) -> String {
    let described = found
        .mapping
        .as_object()
        .and_then(|document| member::filled(document, "description"))
        .or_else(|| member::filled(&found.record, "msdyn_description"));
    let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    described.map_or_else(
        || {
            format!(
                "Imported from {}; say here what the business wants it for.",
                one_line(found.title())
            )
        },
        one_line,
    )
}

fn company(leg: &Leg, known: &Known, assumed: &mut Vec<String>) -> Company {
    if let Some(published) = known.published(&leg.tables.left, &leg.tables.right) {
        return published.company.value;
    }
    let of_table = |striped: bool| {
        if striped {
            Company::PerCompany
        } else {
            Company::Shared
        }
    };
    if let Some(table) = known.table(Side::Left, &leg.tables.left) {
        return of_table(table.company.is_some());
    }
    let other = known.maps.iter().find(|map| {
        map.ends
            .left
            .entity
            .value
            .eq_ignore_ascii_case(&leg.tables.left)
    });
    if let Some(map) = other {
        return map.company.value;
    }
    assumed.push("company: the entity is not known; most entities keep rows by company".to_owned());
    Company::PerCompany
}

/// Members of documents, legs, field mappings and transforms whose meaning is known, or which
/// have none outside of Microsoft's own service.
const DOCUMENT: &[&str] = &[
    "$type",
    "id",
    "name",
    "description",
    "order",
    "connectionSetName",
    "leftEnvironmentType",
    "centerEnvironmentType",
    "rightEnvironmentType",
    "leftEnvironment",
    "centerEnvironment",
    "rightEnvironment",
    "leftPartitionName",
    "centerPartitionName",
    "rightPartitionName",
];
const LEG: &[&str] = &[
    "$type",
    "id",
    "sourceSchema",
    "sourceSchemaDistinctName",
    "destinationSchema",
    "destinationSchemaDistinctName",
    "sourceEnvironmentType",
    "destinationEnvironmentType",
    "sourceEnvironment",
    "destinationEnvironment",
    "sourceFilter",
    "reversedSourceFilter",
    "fieldMappings",
    "isSourceFilterEditable",
    "entityFileFormat",
    "deleteNonMatchingData",
];
const MAPPING: &[&str] = &[
    "$type",
    "id",
    "syncDirection",
    "sourceField",
    "destinationField",
    "isSystemGenerated",
    "destinationLookupFieldRelatedEntity",
    "valueTransforms",
];
const TRANSFORM: &[&str] = &[
    "$type",
    "transformType",
    "valueMap",
    "defaultValue",
    "createValuesOnDestination",
    // Of a truncation.
    "length",
    "sourceField",
    "destinationField",
];

/// Members that say something unknown: by name, where the first stands and how many there are.
fn unknown_members(
    document: &Map<String, Json>,
    legs_name: &str,
    legs: &[Json],
) -> BTreeMap<String, (Vec<Step>, usize)> {
    let mut unknown = BTreeMap::new();
    let mut look = |object: &Map<String, Json>, known: &[&str], path: &[Step]| {
        for (name, value) in object {
            let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(name));
            if is_known || member::is_void(value) || name == legs_name {
                continue;
            }
            let here: Vec<Step> = path.iter().cloned().chain([name.as_str().into()]).collect();
            unknown.entry(name.clone()).or_insert((here, 0)).1 += 1;
        }
    };
    look(document, DOCUMENT, &[]);
    for (index, leg) in legs.iter().enumerate() {
        let Some(leg) = leg.as_object() else { continue };
        let mut path: Vec<Step> = vec![legs_name.into(), index.into()];
        look(leg, LEG, &path);
        let Some((name, Json::Array(mappings))) = member::entry(leg, "fieldMappings") else {
            continue;
        };
        path.push(name.into());
        for (index, mapping) in mappings.iter().enumerate() {
            let Some(mapping) = mapping.as_object() else {
                continue;
            };
            let path: Vec<Step> = path.iter().cloned().chain([index.into()]).collect();
            look(mapping, MAPPING, &path);
            let Some((name, Json::Array(list))) = member::entry(mapping, "valueTransforms") else {
                continue;
            };
            for (index, transform) in list.iter().enumerate() {
                let Some(transform) = transform.as_object() else {
                    continue;
                };
                let steps = [name.into(), index.into()];
                let path: Vec<Step> = path.iter().cloned().chain(steps).collect();
                look(transform, TRANSFORM, &path);
            }
        }
    }
    unknown
}
