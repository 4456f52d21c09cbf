//! One leg of a document, read into what a map file can say; the rest is named with its reason.

use super::direction::Way;
use super::known::{Known, squeezed};
use super::member;
use super::place::Step;
use super::transforms::{Transforms, truncated};
use crate::codes;
use crate::diagnostic::{Code, Severity};
use crate::file::{Direction, Field, Mark, Marked, is_column};
use crate::side::{PerSide, Side};
use serde_json::{Map, Value as Json};
use std::collections::HashSet;

/// A leg as map files see it.
#[derive(Debug)]
pub(super) struct Leg {
    /// The side that the leg calls its source.
    pub(super) source: Side,
    /// The tables, as map files name them.
    pub(super) tables: PerSide<String>,
    /// What the left table is called on screens.
    pub(super) title: String,
    pub(super) filters: PerSide<Option<String>>,
    /// A field for each field mapping, in order; none for one that no map file can say.
    pub(super) fields: Vec<Option<Field>>,
    /// Field mappings that the system made itself, which often are those of the key.
    pub(super) generated: Vec<bool>,
    pub(super) remarks: Vec<Remark>,
}

/// A finding with its path below the leg.
#[derive(Debug)]
pub(super) struct Remark {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) path: Vec<Step>,
    pub(super) message: String,
    pub(super) fix: Option<String>,
}

impl Remark {
    fn warning(code: Code, path: Vec<Step>, message: String, fix: &str) -> Self {
        Self {
            code,
            severity: Severity::Warning,
            path,
            message,
            fix: Some(fix.to_owned()),
        }
    }
}

/// Names that mean F&O and Dataverse as the type of an environment.
const FINOPS: [&str; 5] = ["AX", "FNO", "FO", "FINOPS", "AX7"];
const DATAVERSE: [&str; 5] = ["CRM", "CDS", "DATAVERSE", "CE", "COMMONDATASERVICE"];

impl Leg {
    /// Reads a leg; none where it does not name two tables.
    pub(super) fn read(leg: &Map<String, Json>, known: &Known) -> Result<Self, Remark> {
        let mut remarks = Vec::new();
        let source = source_side(leg, &mut remarks);
        let (left_member, right_member) = match source {
            Side::Left => ("sourceSchema", "destinationSchema"),
            Side::Right => ("destinationSchema", "sourceSchema"),
        };
        let table = |name: &str| {
            member::filled(leg, name).ok_or_else(|| Remark {
                code: codes::NO_MICROSOFT_MAP,
                severity: Severity::Error,
                path: Vec::new(),
                message: format!("the leg has no `{name}`, so that it joins no tables"),
                fix: Some("export the map again, or add the name of the table".to_owned()),
            })
        };
        let (left, right) = (table(left_member)?, table(right_member)?);
        let distinct = member::filled(leg, &format!("{left_member}DistinctName"));
        let (left, title) = entity(&left, left_member, distinct.as_deref(), known, &mut remarks);
        let right = known
            .table(Side::Right, right.trim())
            .map_or_else(|| right.trim().to_owned(), |table| table.name.clone());
        let filter = |name: &str| member::filled(leg, name).map(|text| text.trim().to_owned());
        let (forward, backward) = (filter("sourceFilter"), filter("reversedSourceFilter"));
        let filters = match source {
            Side::Left => PerSide {
                left: forward,
                right: backward,
            },
            Side::Right => PerSide {
                left: backward,
                right: forward,
            },
        };
        let mut fields = Vec::new();
        let mut generated = Vec::new();
        let (list_name, list) = match member::entry(leg, "fieldMappings") {
            Some((name, Json::Array(list))) => (name, list.as_slice()),
            _ => ("fieldMappings", &[][..]),
        };
        for (index, mapping) in list.iter().enumerate() {
            let here = || vec![list_name.into(), index.into()];
            let read = match mapping {
                Json::Object(mapping) => field(mapping, source),
                _ => Err(LeftOut {
                    code: codes::NOT_EXPRESSED,
                    path: Vec::new(),
                    message: "a field mapping is no object".to_owned(),
                }),
            };
            generated.push(member_is_on(mapping, "isSystemGenerated"));
            fields.push(match read {
                Ok(field) => Some(field),
                Err(left_out) => {
                    let path = here().into_iter().chain(left_out.path).collect();
                    let message = format!(
                        "{} is left out of the map: {}",
                        names(mapping),
                        left_out.message
                    );
                    let fix = "write the line by hand if the field has to travel; the original \
                               stays beside the map and goes back with an export";
                    remarks.push(Remark::warning(left_out.code, path, message, fix));
                    None
                }
            });
            if defaults_in_value_map(mapping) {
                remarks.push(Remark {
                    code: codes::NOT_EXPRESSED,
                    severity: Severity::Note,
                    path: here(),
                    message: format!(
                        "the value map of {} has a default; the map writes it where the source is empty",
                        names(mapping)
                    ),
                    fix: None,
                });
            }
            if creates_values(mapping) {
                remarks.push(Remark::warning(
                    codes::NOT_EXPRESSED,
                    here(),
                    format!(
                        "{} creates missing values at its target; the map does not",
                        names(mapping)
                    ),
                    "sync the referenced table with a map of its own",
                ));
            }
        }
        if member::get(leg, "deleteNonMatchingData") == Some(&Json::Bool(true)) {
            remarks.push(Remark::warning(
                codes::NOT_EXPRESSED,
                vec![
                    member::spelling(leg, "deleteNonMatchingData")
                        .as_str()
                        .into(),
                ],
                "the leg deletes records without a counterpart; Duet never does so by itself"
                    .to_owned(),
                "compare both sides after the first sync and decide about such records there",
            ));
        }
        Ok(Self {
            source,
            tables: PerSide { left, right },
            title,
            filters,
            fields,
            generated,
            remarks,
        })
    }
}

fn member_is_on(mapping: &Json, name: &str) -> bool {
    let value = mapping.as_object().and_then(|m| member::get(m, name));
    value
        .and_then(member::text)
        .is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

fn transforms(mapping: &Json) -> &[Json] {
    mapping
        .as_object()
        .and_then(|m| member::get(m, "valueTransforms"))
        .and_then(Json::as_array)
        .map_or(&[], Vec::as_slice)
}

fn creates_values(mapping: &Json) -> bool {
    let mut transforms = transforms(mapping).iter();
    transforms.any(|transform| member_is_on(transform, "createValuesOnDestination"))
}

/// Whether a value map carries a default of its own, whose exact meaning is not documented.
fn defaults_in_value_map(mapping: &Json) -> bool {
    let mut transforms = transforms(mapping).iter().filter_map(Json::as_object);
    transforms.any(|transform| {
        member::filled(transform, "transformType")
            .is_some_and(|kind| kind.eq_ignore_ascii_case("ValueMap"))
            && member::get(transform, "defaultValue").is_some_and(|value| !value.is_null())
    })
}

/// Which side a leg calls its source: F&O unless the leg says that Dataverse is.
fn source_side(leg: &Map<String, Json>, remarks: &mut Vec<Remark>) -> Side {
    let kind = |name: &str| {
        member::filled(leg, name)
            .unwrap_or_default()
            .trim()
            .to_ascii_uppercase()
    };
    let (source, destination) = (
        kind("sourceEnvironmentType"),
        kind("destinationEnvironmentType"),
    );
    let (finops, dataverse) = (
        |kind: &str| FINOPS.contains(&kind),
        |kind: &str| DATAVERSE.contains(&kind),
    );
    if dataverse(&source) && !dataverse(&destination) {
        return Side::Right;
    }
    let usual = (source.is_empty() || finops(&source))
        && (destination.is_empty() || dataverse(&destination));
    if !usual {
        remarks.push(Remark::warning(
            codes::OTHER_ENVIRONMENT,
            vec![member::spelling(leg, "sourceEnvironmentType").as_str().into()],
            format!("the leg joins `{source}` and `{destination}`, not AX and CRM; its source becomes the left side"),
            "check that duet.yaml connects these two systems",
        ));
    }
    Side::Left
}

/// The public name and the title of the entity that a leg names.
fn entity(
    name: &str,
    member_name: &str,
    distinct: Option<&str>,
    known: &Known,
    remarks: &mut Vec<Remark>,
) -> (String, String) {
    let names = || [Some(name), distinct].into_iter().flatten();
    if let Some(entity) = names().find_map(|name| known.entity(name)) {
        return (entity.collection.clone(), entity.title.clone());
    }
    let title = name.trim().to_owned();
    if let Some(table) = names().find_map(|name| known.table(Side::Left, name)) {
        return (table.name.clone(), title);
    }
    let guess = squeezed(name);
    remarks.push(Remark::warning(
        codes::ENTITY_GUESSED,
        vec![member_name.into()],
        format!("the public name of the entity `{title}` is not known; the map says `{guess}`"),
        "check it with `duet check`, or import with both systems at hand: `--connect`",
    ));
    (guess, title)
}

/// Why a field mapping is not in the map, and where below it.
struct LeftOut {
    code: Code,
    path: Vec<Step>,
    message: String,
}

fn field(mapping: &Map<String, Json>, source: Side) -> Result<Field, LeftOut> {
    let left_out = |code, path, message: &str| LeftOut {
        code,
        path,
        message: message.to_owned(),
    };
    let way = match member::entry(mapping, "syncDirection") {
        // Projects of the Data Integrator know one way only and do not name it.
        None | Some((_, Json::Null)) => Way::Forward,
        Some((name, value)) => Way::read(value).ok_or_else(|| {
            let shown = member::text(value).unwrap_or_else(|| "this value".to_owned());
            LeftOut {
                code: codes::UNKNOWN_DIRECTION,
                path: vec![name.into()],
                message: format!("`{shown}` is no direction"),
            }
        })?,
    };
    let transforms = Transforms::read(mapping).map_err(|strange| LeftOut {
        code: codes::UNKNOWN_TRANSFORM,
        path: strange.path,
        message: strange.message,
    })?;
    let from = column(mapping, "sourceField")?;
    let to = column(mapping, "destinationField")?;
    let (left, right, way, transforms) = match source {
        Side::Left => (from, to, way, transforms),
        Side::Right => (to, from, way.turned(), transforms.turned()),
    };
    if let Some(length) = transforms.truncate {
        return truncating(left, right, way, &transforms, length);
    }
    let transformed = !transforms.values.is_empty() || transforms.default.is_some();
    let direction = match (way, transformed) {
        (Way::Both, false) => Direction::Both,
        (Way::Forward, false) => Direction::ToRight,
        (Way::Backward, false) => Direction::ToLeft,
        (Way::Both, true) => Direction::BothTransformed,
        (Way::Forward, true) => Direction::ToRightTransformed,
        (Way::Backward, true) => Direction::ToLeftTransformed,
    };
    let direction = match (&left, &right) {
        (Some(_), Some(_)) => direction,
        (None, None) => {
            return Err(left_out(
                codes::NOT_EXPRESSED,
                Vec::new(),
                "it names no column on either side",
            ));
        }
        (left, _) => {
            let (writes, direction) = if left.is_none() {
                (way != Way::Backward, Direction::ToRightTransformed)
            } else {
                (way != Way::Forward, Direction::ToLeftTransformed)
            };
            if transforms.default.is_none() {
                let message = "one side has no column, and there is no default to write";
                return Err(left_out(codes::NOT_EXPRESSED, Vec::new(), message));
            }
            if !writes {
                let message = "it travels towards the side that has no column";
                return Err(left_out(codes::NOT_EXPRESSED, Vec::new(), message));
            }
            if !transforms.values.is_empty() {
                let message = "a constant has a value map";
                return Err(left_out(codes::NOT_EXPRESSED, Vec::new(), message));
            }
            direction
        }
    };
    let mut seen = HashSet::new();
    if !transforms.values.iter().all(|(left, _)| seen.insert(left)) {
        let message = "its value map gives one left value several right ones";
        return Err(left_out(codes::NOT_EXPRESSED, Vec::new(), message));
    }
    let values = transforms.values.into_iter();
    Ok(Field {
        at: Mark::default(),
        left: left.map(Marked::unplaced),
        right: right.map(Marked::unplaced),
        direction,
        values: values
            .map(|(left, right)| (Marked::unplaced(left), Marked::unplaced(right)))
            .collect(),
        default: transforms.default.map(Marked::unplaced),
        expression: None,
        conflicts: None,
        create: None,
    })
}

/// A line that truncates. It has no inverse, so it can travel one way only.
fn truncating(
    left: Option<String>,
    right: Option<String>,
    way: Way,
    transforms: &Transforms,
    length: u32,
) -> Result<Field, LeftOut> {
    let refused = |message: &str| LeftOut {
        code: codes::UNKNOWN_TRANSFORM,
        path: Vec::new(),
        message: message.to_owned(),
    };
    if !transforms.values.is_empty() || transforms.default.is_some() {
        return Err(refused("a truncation follows another transform"));
    }
    let (Some(left), Some(right)) = (left, right) else {
        return Err(refused("a constant is truncated"));
    };
    if left.contains('.') || right.contains('.') {
        return Err(refused("what a lookup is found by is truncated"));
    }
    let (from, left, right, direction) = match way {
        Way::Forward => (left, None, Some(right), Direction::ToRightTransformed),
        Way::Backward => (right, Some(left), None, Direction::ToLeftTransformed),
        Way::Both => {
            let message = "it truncates both ways: write a line for each way, such as \
                           `(NAME/Duet.truncate(length=40)) >> name`";
            return Err(refused(message));
        }
    };
    // In an expression a name is OData's identifier: a dot or a parenthesis would mean another thing.
    if !from.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(refused(&format!("`{from}` cannot stand in an expression")));
    }
    Ok(Field {
        at: Mark::default(),
        left: left.map(Marked::unplaced),
        right: right.map(Marked::unplaced),
        direction,
        values: Vec::new(),
        default: None,
        expression: Some(Marked::unplaced(truncated(&from, length))),
        conflicts: None,
        create: None,
    })
}

/// A column's name; none where the mapping has no column on that side.
fn column(mapping: &Map<String, Json>, name: &str) -> Result<Option<String>, LeftOut> {
    let Some((member, value)) = member::entry(mapping, name) else {
        return Ok(None);
    };
    let left_out = |message: String| LeftOut {
        code: codes::NOT_EXPRESSED,
        path: vec![member.into()],
        message,
    };
    let text = match value {
        Json::Null => return Ok(None),
        Json::String(text) => text.trim(),
        _ => return Err(left_out(format!("`{member}` is no text"))),
    };
    if text.is_empty() || text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    if is_column(text) {
        Ok(Some(text.to_owned()))
    } else {
        Err(left_out(format!("`{text}` cannot be a column's name")))
    }
}

/// A field mapping as findings call it.
fn names(mapping: &Json) -> String {
    let name = |member: &str| {
        mapping
            .as_object()
            .and_then(|mapping| member::filled(mapping, member))
            .unwrap_or_else(|| "none".to_owned())
    };
    format!("`{}` ↔ `{}`", name("sourceField"), name("destinationField"))
}
