//! One row: its properties, apart from the annotations around them.

use serde_json::{Map, Value};

use super::{PayloadError, control_name, object};

/// A row as JSON carries it.
///
/// ```
/// use duet_odata::payload::Entity;
///
/// let row = Entity::parse(
///     br#"{"@odata.etag":"W/\"7\"","name":"A","price":20000.0000,
///          "parent@odata.bind":"/accounts(1)"}"#,
/// )?;
/// assert_eq!(row.etag(), Some("W/\"7\""));
/// assert_eq!(row.get("price").unwrap().to_string(), "20000.0000");
/// assert_eq!(row.bind("parent").unwrap(), "/accounts(1)");
/// assert_eq!(row.properties.len(), 2);
/// # Ok::<(), duet_odata::payload::PayloadError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entity {
    /// Annotations of the row itself, without `@`: `odata.etag`, `odata.type`, `Ns.Term`.
    pub annotations: Map<String, Value>,
    /// The properties in the order of the text; nested rows stay JSON.
    pub properties: Map<String, Value>,
    /// Annotations of properties (which need not be present themselves), in the order of the
    /// text: property, annotation without `@`, value.
    pub property_annotations: Vec<(String, String, Value)>,
}

impl Entity {
    /// Reads a row from a body.
    pub fn parse(body: &[u8]) -> Result<Self, PayloadError> {
        object(body).map(Self::from_json)
    }

    /// Sorts the members of a JSON object.
    pub fn from_json(members: Map<String, Value>) -> Self {
        let mut entity = Self::default();
        for (name, value) in members {
            match name.split_once('@') {
                None => {
                    entity.properties.insert(name, value);
                }
                Some(("", annotation)) => {
                    entity.annotations.insert(annotation.to_owned(), value);
                }
                Some((property, annotation)) => {
                    let entry = (property.to_owned(), annotation.to_owned(), value);
                    entity.property_annotations.push(entry);
                }
            }
        }
        entity
    }

    /// The JSON object: annotations of the row, then each property after its annotations.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut members = Map::new();
        for (annotation, value) in &self.annotations {
            members.insert(format!("@{annotation}"), value.clone());
        }
        for (property, value) in &self.properties {
            for (annotated, annotation, value) in &self.property_annotations {
                if annotated == property {
                    members.insert(format!("{property}@{annotation}"), value.clone());
                }
            }
            members.insert(property.clone(), value.clone());
        }
        for (property, annotation, value) in &self.property_annotations {
            if !self.properties.contains_key(property) {
                members.insert(format!("{property}@{annotation}"), value.clone());
            }
        }
        members
    }

    /// A property; null is `Value::Null`, absent is `None`.
    pub fn get(&self, property: &str) -> Option<&Value> {
        self.properties.get(property)
    }

    /// Sets a property.
    #[must_use]
    pub fn with(mut self, property: impl Into<String>, value: impl Into<Value>) -> Self {
        self.properties.insert(property.into(), value.into());
        self
    }

    /// Sets an annotation of the row, named without `@`.
    #[must_use]
    pub fn with_annotation(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.annotations.insert(name.into(), value.into());
        self
    }

    /// Binds a navigation property to a row by its URL.
    #[must_use]
    pub fn with_bind(mut self, navigation: impl Into<String>, url: impl Into<String>) -> Self {
        let url = Value::String(url.into());
        self.property_annotations
            .push((navigation.into(), "odata.bind".to_owned(), url));
        self
    }

    /// Control information of the row by its bare name: `context`, `etag`, `id`, `type`.
    pub fn control(&self, name: &str) -> Option<&Value> {
        let found = self
            .annotations
            .iter()
            .find(|(known, _)| control_name(known) == Some(name));
        found.map(|(_, value)| value)
    }

    /// The version.
    pub fn etag(&self) -> Option<&str> {
        self.control("etag")?.as_str()
    }

    /// The URL that identifies the row.
    pub fn id(&self) -> Option<&str> {
        self.control("id")?.as_str()
    }

    /// The type's qualified name, without the leading `#`.
    pub fn type_name(&self) -> Option<&str> {
        let name = self.control("type")?.as_str()?;
        Some(name.strip_prefix('#').unwrap_or(name))
    }

    /// The context URL.
    pub fn context(&self) -> Option<&str> {
        self.control("context")?.as_str()
    }

    /// An annotation of a property; control information by its bare or its prefixed name.
    pub fn annotation(&self, property: &str, name: &str) -> Option<&Value> {
        let found = self
            .property_annotations
            .iter()
            .find(|(known, annotation, _)| {
                known == property && (annotation == name || control_name(annotation) == Some(name))
            });
        found.map(|(.., value)| value)
    }

    /// What a navigation property is bound to: a URL, a list of URLs, or null to clear it.
    pub fn bind(&self, navigation: &str) -> Option<&Value> {
        self.annotation(navigation, "bind")
    }

    /// Every navigation property that is bound, with its target.
    pub fn binds(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.property_annotations
            .iter()
            .filter_map(|(property, annotation, value)| {
                (control_name(annotation) == Some("bind")).then_some((property.as_str(), value))
            })
    }
}
