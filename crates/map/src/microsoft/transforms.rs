//! `valueTransforms`: value maps, defaults and truncation, read into a field's own and written back.

use super::member;
use super::place::Step;
use serde_json::{Map, Value as Json, json};

/// What a field's transforms say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Transforms {
    /// Value pairs, the value on the leg's source side first.
    pub(super) values: Vec<(String, String)>,
    pub(super) default: Option<String>,
    /// The characters that are kept; a map file says it by an expression.
    pub(super) truncate: Option<u32>,
}

/// How the length of a truncation may be called. No documentation names it.
const LENGTHS: [&str; 6] = [
    "length",
    "maxLength",
    "maximumLength",
    "truncateLength",
    "numberOfCharacters",
    "value",
];

/// The column and the length of an expression that truncates and does nothing else.
pub(super) fn truncation(expression: &str) -> Option<(&str, u32)> {
    let (column, rest) = expression.split_once("/Duet.truncate(length=")?;
    let plain = |c: char| c.is_alphanumeric() || c == '_';
    let length = rest.strip_suffix(')')?.parse().ok()?;
    (!column.is_empty() && column.chars().all(plain)).then_some((column, length))
}

/// The expression of a truncation.
pub(super) fn truncated(column: &str, length: u32) -> String {
    format!("{column}/Duet.truncate(length={length})")
}

/// Why transforms cannot be said in a map file, and where below the field mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Strange {
    pub(super) path: Vec<Step>,
    pub(super) message: String,
}

impl Transforms {
    /// Reads the transforms of a field mapping.
    pub(super) fn read(mapping: &Map<String, Json>) -> Result<Self, Strange> {
        let Some((name, list)) = member::entry(mapping, "valueTransforms") else {
            return Ok(Self::default());
        };
        let strange = |path: Vec<Step>, message: String| Strange { path, message };
        let single;
        let list = match list {
            Json::Null => return Ok(Self::default()),
            Json::Array(list) => list.as_slice(),
            Json::Object(_) => {
                single = [list.clone()];
                &single
            }
            _ => {
                let message = "the transforms are no list".to_owned();
                return Err(strange(vec![name.into()], message));
            }
        };
        let mut read = Self::default();
        for (index, transform) in list.iter().enumerate() {
            let here = || vec![name.into(), index.into()];
            let Some(transform) = transform.as_object() else {
                return Err(strange(here(), "a transform is no object".to_owned()));
            };
            read.add(transform)
                .map_err(|message| strange(here(), message))?;
        }
        Ok(read)
    }

    fn add(&mut self, transform: &Map<String, Json>) -> Result<(), String> {
        let kind = member::filled(transform, "transformType").unwrap_or_default();
        let default = match member::get(transform, "defaultValue") {
            None | Some(Json::Null) => None,
            Some(value) => Some(
                member::text(value).ok_or_else(|| "the default is no single value".to_owned())?,
            ),
        };
        let values = match member::get(transform, "valueMap") {
            None | Some(Json::Null) => Vec::new(),
            Some(value) => pairs(value)?,
        };
        match kind.to_ascii_lowercase().as_str() {
            "valuemap" | "default" => {}
            "truncate" => {
                let length = LENGTHS
                    .iter()
                    .find_map(|name| member::text(member::get(transform, name)?))
                    .and_then(|text| text.trim().parse::<u32>().ok())
                    .filter(|length| *length > 0);
                let length = length.ok_or_else(|| "the truncation has no length".to_owned())?;
                if !values.is_empty() || default.is_some() || self.truncate.is_some() {
                    return Err("a truncation comes with more than its length".to_owned());
                }
                self.truncate = Some(length);
            }
            "" | "none" if values.is_empty() && default.is_none() => {}
            _ => return Err(format!("Duet knows no transform `{kind}`")),
        }
        if !values.is_empty() {
            if !self.values.is_empty() {
                return Err("two value maps follow each other".to_owned());
            }
            self.values = values;
        }
        if let Some(default) = default {
            if self.default.as_ref().is_some_and(|other| *other != default) {
                return Err("two defaults contradict each other".to_owned());
            }
            self.default = Some(default);
        }
        Ok(())
    }

    /// The members of a field mapping's list. What the list says besides stays.
    pub(super) fn write(&self, mapping: &mut Map<String, Json>) {
        let old = match member::get(mapping, "valueTransforms") {
            Some(Json::Array(list)) => list.clone(),
            Some(Json::Object(one)) => vec![Json::Object(one.clone())],
            _ => Vec::new(),
        };
        let of_kind = |kind: &str| {
            old.iter()
                .filter_map(Json::as_object)
                .find(|transform| {
                    member::filled(transform, "transformType")
                        .is_some_and(|name| name.eq_ignore_ascii_case(kind))
                })
                .cloned()
        };
        let mut list = Vec::new();
        if !self.values.is_empty() {
            let mut transform = of_kind("ValueMap").unwrap_or_default();
            member::set(&mut transform, "transformType", json!("ValueMap"));
            let pairs = self.values.iter();
            let pairs = pairs.map(|(from, to)| (from.clone(), Json::from(to.as_str())));
            member::set(&mut transform, "valueMap", Json::Object(pairs.collect()));
            // A default has a transform of its own.
            if transform.contains_key("defaultValue") {
                member::set(&mut transform, "defaultValue", Json::Null);
            }
            list.push(Json::Object(transform));
        }
        if let Some(default) = &self.default {
            let mut transform = of_kind("Default").unwrap_or_default();
            member::set(&mut transform, "transformType", json!("Default"));
            member::set(&mut transform, "defaultValue", json!(default));
            list.push(Json::Object(transform));
        }
        if let Some(length) = self.truncate {
            let mut transform = of_kind("Truncate").unwrap_or_default();
            let known = LENGTHS
                .iter()
                .find(|name| member::get(&transform, name).is_some());
            let name = known.copied().unwrap_or("length");
            // A digit text stays one.
            let value = match member::get(&transform, name) {
                Some(Json::String(_)) => json!(length.to_string()),
                _ => json!(length),
            };
            member::set(&mut transform, "transformType", json!("Truncate"));
            member::set(&mut transform, name, value);
            list.push(Json::Object(transform));
        }
        member::set(mapping, "valueTransforms", Json::Array(list));
    }

    /// The pairs turned around, where no two lead to one value.
    pub(super) fn turned(self) -> Self {
        let values = self.values.into_iter();
        Self {
            values: values.map(|(from, to)| (to, from)).collect(),
            default: self.default,
            truncate: self.truncate,
        }
    }
}

/// The pairs of a value map: an object, or a list of objects with a key and a value.
fn pairs(value: &Json) -> Result<Vec<(String, String)>, String> {
    let single = |value: &Json| match value {
        // Nothing stands for nothing.
        Json::Null => Ok(String::new()),
        other => member::text(other)
            .ok_or_else(|| "a value map holds more than single values".to_owned()),
    };
    match value {
        Json::Object(pairs) => pairs
            .iter()
            .map(|(from, to)| Ok((from.clone(), single(to)?)))
            .collect(),
        Json::Array(items) => items
            .iter()
            .map(|item| {
                let pair = item.as_object();
                let part = |names: [&str; 3]| {
                    names
                        .iter()
                        .find_map(|name| member::get(pair?, name))
                        .ok_or_else(|| "a pair of the value map lacks a part".to_owned())
                        .and_then(single)
                };
                Ok((
                    part(["key", "source", "left"])?,
                    part(["value", "destination", "right"])?,
                ))
            })
            .collect(),
        _ => Err("the value map is no object".to_owned()),
    }
}
