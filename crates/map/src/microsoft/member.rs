//! Members of JSON objects as exporters really write them: names in any case, values of any kind.

use serde_json::{Map, Value as Json};

/// The member with this name, its case apart, and its own spelling.
pub(super) fn entry<'j>(object: &'j Map<String, Json>, name: &str) -> Option<(&'j str, &'j Json)> {
    object
        .get_key_value(name)
        .or_else(|| {
            object
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
        })
        .map(|(key, value)| (key.as_str(), value))
}

/// The member's value.
pub(super) fn get<'j>(object: &'j Map<String, Json>, name: &str) -> Option<&'j Json> {
    entry(object, name).map(|(_, value)| value)
}

/// The name under which an object has, or would have, a member.
pub(super) fn spelling(object: &Map<String, Json>, name: &str) -> String {
    entry(object, name).map_or_else(|| name.to_owned(), |(key, _)| key.to_owned())
}

/// Sets a member under the spelling that the object has for it.
pub(super) fn set(object: &mut Map<String, Json>, name: &str, value: Json) {
    let name = spelling(object, name);
    object.insert(name, value);
}

/// A scalar as text: numbers and booleans count as theirs. None for null, lists and objects.
pub(super) fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The member's text, where it has one that is not blank.
pub(super) fn filled(object: &Map<String, Json>, name: &str) -> Option<String> {
    get(object, name)
        .and_then(text)
        .filter(|text| !text.trim().is_empty())
}

/// Whether a value says nothing: null, false, and what is empty.
pub(super) fn is_void(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::String(text) => text.trim().is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(members) => members.is_empty(),
        Json::Bool(true) | Json::Number(_) => false,
    }
}
