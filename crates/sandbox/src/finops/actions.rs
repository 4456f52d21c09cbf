//! Actions that are bound to entities: `POST /data/Set(key)/Microsoft.Dynamics.DataEntities.Name`
//! (protocol reference B2).
//!
//! Which actions an entity has is up to its developers, and hardly one is published. A stand-in is
//! therefore told its actions: what they are bound to, what they take, which fields they set and
//! what they give back. The platform's own, on `DataManagementEntities`, are built in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::error::Refused;
use super::metadata::NAMESPACE;
use super::session::{Key, Session};
use super::write;
use crate::schema::Entity;

/// An action of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Collection name of the entity.
    pub entity: String,
    /// Its name, without the namespace.
    pub name: String,
    /// Whether it is called on a row or on the whole set.
    #[serde(default)]
    pub bound_to: BoundTo,
    /// What it takes.
    #[serde(default)]
    pub parameters: Vec<ActionParameter>,
    /// Fields that it sets on its row: a value, or `"$name"` for that of a parameter.
    #[serde(default)]
    pub sets: Map<String, Json>,
    /// The type of what it gives back; nothing without one.
    #[serde(default)]
    pub returns: Option<String>,
    /// What it gives back: a value, `"$name"` for that of a parameter or of a field of the row.
    #[serde(default)]
    pub value: Json,
}

/// What an action is called on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundTo {
    /// A row.
    #[default]
    Row,
    /// The whole set.
    Set,
}

/// A parameter of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionParameter {
    /// Its name.
    pub name: String,
    /// Its type: `Edm.String`, an enum of the service.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The set of the platform's own actions.
pub(super) const PLATFORM: &str = "DataManagementEntities";

/// The value of an action of the platform; nothing when there is none of this name.
pub(super) fn platform(name: &str) -> Option<&'static str> {
    match name {
        "GetApplicationVersion" | "GetApplicationBuildVersion" => Some("10.0.40.2"),
        "GetPlatformBuildVersion" => Some("7.0.7279.4"),
        _ => None,
    }
}

/// The names of the platform's own actions, for `$metadata`.
pub(super) const PLATFORM_ACTIONS: [&str; 3] = [
    "GetApplicationVersion",
    "GetApplicationBuildVersion",
    "GetPlatformBuildVersion",
];

/// The name in a path segment such as `Microsoft.Dynamics.DataEntities.Name`.
pub(super) fn name_of(segment: &str) -> Option<&str> {
    segment.strip_prefix(NAMESPACE)?.strip_prefix('.')
}

/// Calls an action of an entity, on the row with a key or on the set; gives the body of the answer,
/// where there is one.
pub(super) fn call(
    session: &Session<'_>,
    entity: &Entity,
    key: Option<&Key>,
    name: &str,
    sent: &Map<String, Json>,
    context: &str,
) -> Result<Option<Json>, Refused> {
    let wanted = match key {
        Some(_) => BoundTo::Row,
        None => BoundTo::Set,
    };
    let actions = session.store.actions();
    let action = actions
        .iter()
        .find(|known| {
            known.entity == entity.collection && known.name == name && known.bound_to == wanted
        })
        .ok_or_else(|| {
            Refused::NotFound(format!(
                "No action '{NAMESPACE}.{name}' is bound to '{}' this way.",
                entity.collection
            ))
        })?;
    for given in sent.keys().filter(|given| !given.contains('@')) {
        if !action.parameters.iter().any(|known| known.name == *given) {
            return Err(Refused::request(format!(
                "The parameter '{given}' in the request payload is not a valid parameter for the \
                 operation '{name}'."
            )));
        }
    }
    for parameter in &action.parameters {
        if !sent.contains_key(&parameter.name) {
            return Err(Refused::request(format!(
                "The parameter '{}' of the operation '{name}' is missing.",
                parameter.name
            )));
        }
    }
    let mut known = sent.clone();
    if let Some(key) = key {
        let mut row = session.load(entity, key)?.ok_or(Refused::NothingToUpdate)?;
        if !action.sets.is_empty() {
            let body: Map<String, Json> = action
                .sets
                .iter()
                .map(|(field, value)| (field.clone(), filled(value, sent)))
                .collect();
            row = write::update(session, entity, key, &body, false, None)?;
        }
        for (field, value) in row.json(session.store, entity) {
            known.entry(field).or_insert(value);
        }
    }
    Ok(action.returns.as_ref().map(|kind| {
        json!({
            "@odata.context": format!("{context}#{kind}"),
            "value": filled(&action.value, &known),
        })
    }))
}

/// A value, or for `"$name"` the one that is known under the name.
fn filled(value: &Json, known: &Map<String, Json>) -> Json {
    let name = value.as_str().and_then(|text| text.strip_prefix('$'));
    match name {
        Some(name) => known.get(name).cloned().unwrap_or(Json::Null),
        None => value.clone(),
    }
}
