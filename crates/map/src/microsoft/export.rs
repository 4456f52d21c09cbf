//! From a map file back to a document: what nobody changed comes out as it went in.

use super::carried::Carried;
use super::direction::Way;
use super::known::Known;
use super::leg::Leg;
use super::member;
use super::transforms::{Transforms, truncation};
use crate::codes;
use crate::diagnostic::{Code, Diagnostic, Place, Severity};
use crate::file::{Conflicts, Deletes, Field, MapFile};
use crate::schema::ColumnType;
use crate::side::Side;
use serde_json::{Map, Value as Json, json};
use std::collections::HashSet;

/// A document and what it could not take up.
#[derive(Debug)]
pub struct Exported {
    /// The document.
    pub mapping: Json,
    /// What the map says and the document cannot.
    pub findings: Vec<Diagnostic>,
}

/// Writes a map into the document that it came from, or into a new one.
pub fn export(file: &MapFile, carried: Option<&Carried>, known: &Known) -> Exported {
    let mut findings = beyond(file);
    let mut mapping = carried.map_or_else(|| fresh(file, known), |carried| carried.mapping.clone());
    let index = carried.map_or(0, |carried| carried.leg);
    let leg = mapping
        .as_object_mut()
        .and_then(|document| {
            let name = member::spelling(document, "legs");
            document.get_mut(&name)
        })
        .and_then(|legs| legs.get_mut(index))
        .and_then(Json::as_object_mut);
    if let Some(leg) = leg {
        patch(leg, file, known, &mut findings);
    }
    Exported { mapping, findings }
}

/// An empty document for a map that came from none.
fn fresh(file: &MapFile, known: &Known) -> Json {
    let left = &file.ends.left.entity.value;
    let title = known.title(left).unwrap_or(left);
    let table = &file.ends.right.entity.value;
    json!({
        "name": format!("[{title}] - [{table}]"),
        "leftEnvironmentType": "AX",
        "centerEnvironmentType": "CRM",
        "rightEnvironmentType": "UNDEFINED",
        "legs": [{
            "id": "001",
            "sourceSchema": title,
            "sourceEnvironmentType": "AX",
            "destinationSchema": table,
            "destinationEnvironmentType": "CRM",
            "sourceFilter": "",
            "reversedSourceFilter": "",
            "fieldMappings": [],
        }],
    })
}

fn patch(
    leg: &mut Map<String, Json>,
    file: &MapFile,
    known: &Known,
    findings: &mut Vec<Diagnostic>,
) {
    let Ok(before) = Leg::read(leg, known) else {
        return;
    };
    for side in Side::BOTH {
        let end = &file.ends[side];
        let (schema, filter) = if side == before.source {
            ("sourceSchema", "sourceFilter")
        } else {
            ("destinationSchema", "reversedSourceFilter")
        };
        if end.entity.value != before.tables[side] {
            let name = match side {
                Side::Left => known.title(&end.entity.value).unwrap_or(&end.entity.value),
                Side::Right => &end.entity.value,
            };
            member::set(leg, schema, json!(name));
        }
        let wanted = end.filter.as_ref().map(|filter| filter.value.as_str());
        if wanted != before.filters[side].as_deref() {
            member::set(leg, filter, json!(wanted.unwrap_or_default()));
        }
    }
    let raw = match member::get(leg, "fieldMappings") {
        Some(Json::Array(raw)) => raw.clone(),
        _ => Vec::new(),
    };
    let mappings = merge(&raw, &before, file, known, findings);
    if mappings != raw {
        member::set(leg, "fieldMappings", Json::Array(mappings));
    }
}

/// The field mappings in the order of the file. One that the map never could say stays behind the
/// one that it stood behind.
fn merge(
    raw: &[Json],
    before: &Leg,
    file: &MapFile,
    known: &Known,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Json> {
    let mut used = vec![false; raw.len()];
    // Equal lines first, so that an edited line never takes the place of an unchanged one.
    let mut source: Vec<Option<usize>> = vec![None; file.fields.len()];
    let same_columns = |a: &Field, b: &Field| a.left == b.left && a.right == b.right;
    for alike in
        [&|a: &Field, b: &Field| a == b, &same_columns] as [&dyn Fn(&Field, &Field) -> bool; 2]
    {
        for (line, field) in file.fields.iter().enumerate() {
            if source[line].is_some() {
                continue;
            }
            let found = (0..raw.len()).find(|index| {
                !used[*index]
                    && before.fields[*index]
                        .as_ref()
                        .is_some_and(|old| alike(old, field))
            });
            if let Some(index) = found {
                used[index] = true;
                source[line] = Some(index);
            }
        }
    }
    let unsaid =
        |from: usize| (from..raw.len()).take_while(|index| before.fields[*index].is_none());
    let mut taken = vec![false; raw.len()];
    let mut out = Vec::with_capacity(raw.len());
    for index in unsaid(0) {
        taken[index] = true;
        out.push(raw[index].clone());
    }
    for (line, field) in file.fields.iter().enumerate() {
        let Some(index) = source[line] else {
            let new = json!({
                "syncDirection": 0,
                "sourceField": "",
                "destinationField": "",
                "isSystemGenerated": false,
            });
            out.push(rewritten(&new, field, before.source, known, file, findings));
            continue;
        };
        let changed = before.fields[index].as_ref() != Some(field);
        out.push(if changed {
            rewritten(&raw[index], field, before.source, known, file, findings)
        } else {
            raw[index].clone()
        });
        for index in unsaid(index + 1) {
            taken[index] = true;
            out.push(raw[index].clone());
        }
    }
    // What stood behind a line that is gone.
    for (index, mapping) in raw.iter().enumerate() {
        if before.fields[index].is_none() && !taken[index] {
            out.push(mapping.clone());
        }
    }
    out
}

/// A field mapping as a line says it now; members that the line does not touch stay.
fn rewritten(
    raw: &Json,
    field: &Field,
    source: Side,
    known: &Known,
    file: &MapFile,
    findings: &mut Vec<Diagnostic>,
) -> Json {
    let mut mapping = raw.as_object().cloned().unwrap_or_default();
    let (from, to) = match source {
        Side::Left => (&field.left, &field.right),
        Side::Right => (&field.right, &field.left),
    };
    let cut = field
        .expression
        .as_ref()
        .and_then(|text| truncation(&text.value));
    let cut_column = cut.map(|(column, _)| crate::file::Marked::from(column));
    // What is truncated is a column of the side that the line comes from.
    let from = &if cut.is_some() && from.is_none() {
        cut_column.clone()
    } else {
        from.clone()
    };
    let to = &if cut.is_some() && to.is_none() {
        cut_column
    } else {
        to.clone()
    };
    if field.expression.is_some() && cut.is_none() {
        findings.push(remark(
            codes::NOT_EXPORTED,
            field.at.place(),
            format!(
                "`{field}` of {} is computed, which the document cannot say; it gets no source",
                file.map.value
            ),
            "leave the line to Duet, or map a column instead",
        ));
    }
    if let Some(create) = &field.create {
        findings.push(remark(
            codes::NOT_EXPORTED,
            create.at.place(),
            format!(
                "`{field}` of {} creates what its lookup misses; Dual-write refuses such a row",
                file.map.value
            ),
            "see to it that the referenced records exist once the map runs there",
        ));
    }
    let mut put = |name: &str, column: &Option<crate::file::Marked<String>>| {
        let column = column.as_ref().map(|column| column.value.as_str());
        let old = member::get(&mapping, name).and_then(Json::as_str);
        if old.map(str::trim) != column.or(Some("")) {
            member::set(&mut mapping, name, json!(column.unwrap_or_default()));
        }
    };
    put("sourceField", from);
    put("destinationField", to);
    let way = match (
        field.direction.flows_from(Side::Left),
        field.direction.flows_from(Side::Right),
    ) {
        (true, true) => Way::Both,
        (true, false) => Way::Forward,
        (false, _) => Way::Backward,
    };
    let way = if source == Side::Left {
        way
    } else {
        way.turned()
    };
    if member::get(&mapping, "syncDirection").and_then(Way::read) != Some(way) {
        // A digit text stays a digit text.
        let value = match member::get(&mapping, "syncDirection") {
            Some(Json::String(_)) => json!(way.number().to_string()),
            _ => json!(way.number()),
        };
        member::set(&mut mapping, "syncDirection", value);
    }
    let values = field.values.iter();
    let wanted = Transforms {
        values: values
            .map(|(left, right)| (left.value.clone(), right.value.clone()))
            .collect(),
        default: field.default.as_ref().map(|default| default.value.clone()),
        truncate: cut.map(|(_, length)| length),
    };
    let wanted = if source == Side::Left {
        wanted
    } else {
        wanted.turned()
    };
    let mut sources = HashSet::new();
    if !wanted.values.iter().all(|(from, _)| sources.insert(from)) {
        findings.push(remark(
            codes::NOT_EXPORTED,
            field.at.place(),
            format!(
                "`{field}` of {} names one source value twice; the document keeps the last",
                file.map.value
            ),
            "write the map from the other side, or make the value map one to one",
        ));
    }
    if Transforms::read(&mapping).ok().as_ref() != Some(&wanted) {
        wanted.write(&mut mapping);
    }
    let path = field
        .right
        .as_ref()
        .map_or("", |right| right.value.as_str());
    if source == Side::Left
        && member::get(&mapping, "destinationLookupFieldRelatedEntity").is_none()
        && let Some(table) = referenced(&file.ends.right.entity.value, path, known)
    {
        member::set(
            &mut mapping,
            "destinationLookupFieldRelatedEntity",
            json!(table),
        );
    }
    Json::Object(mapping)
}

/// The table that the first step of a lookup path leads to, where the schema is known.
fn referenced(table: &str, path: &str, known: &Known) -> Option<String> {
    let (column, _) = path.split_once('.')?;
    match &known.table(Side::Right, table)?.column(column)?.ty {
        ColumnType::Lookup { targets } => match targets.as_slice() {
            [only] => Some(only.table.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// What a map says and no document of Microsoft's can.
fn beyond(file: &MapFile) -> Vec<Diagnostic> {
    let key: Vec<&str> = file
        .key
        .iter()
        .map(|part| part.right.value.as_str())
        .collect();
    let mut findings = vec![Diagnostic {
        code: codes::NOT_EXPORTED,
        severity: Severity::Note,
        message: format!("the key of {} is no part of a map's JSON", file.map.value),
        place: file.map.at.place(),
        notes: Vec::new(),
        fix: Some(format!(
            "set it under Environment details > Integration key: {}",
            key.join(", ")
        )),
    }];
    if file.deletes.value != Deletes::Propagate {
        findings.push(remark(
            codes::NOT_EXPORTED,
            file.map.at.place(),
            format!(
                "{} says `deletes: {}`; Dual-write always propagates deletions",
                file.map.value,
                file.deletes.value.as_str()
            ),
            "expect deletions to travel once the map runs there",
        ));
    }
    let policies = file
        .fields
        .iter()
        .filter_map(|field| field.conflicts.as_ref());
    let other = policies
        .chain([&file.conflicts])
        .find(|policy| policy.value != Conflicts::Master);
    if let Some(policy) = other {
        findings.push(remark(
            codes::NOT_EXPORTED,
            policy.at.place().or_else(|| file.map.at.place()),
            format!(
                "{} says `conflicts: {}`; Dual-write has no policy for conflicts",
                file.map.value,
                policy.value.as_str()
            ),
            "expect the last write to stand once the map runs there",
        ));
    }
    findings
}

fn remark(code: Code, place: Option<Place>, message: String, fix: &str) -> Diagnostic {
    Diagnostic {
        code,
        severity: Severity::Warning,
        message,
        place,
        notes: Vec::new(),
        fix: Some(fix.to_owned()),
    }
}
