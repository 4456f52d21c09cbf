//! A page of rows.

use serde_json::{Map, Value};

use super::{Entity, PayloadError, object, take_count, take_text};

/// What a GET on a set returns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// `@odata.context`.
    pub context: Option<String>,
    /// `@odata.count`: rows that match, on all pages.
    pub count: Option<u64>,
    /// `@odata.nextLink`, opaque.
    pub next_link: Option<String>,
    /// `@odata.deltaLink`, opaque; on the last page only.
    pub delta_link: Option<String>,
    /// The rows.
    pub rows: Vec<Entity>,
    /// Other annotations of the page, without `@`.
    pub annotations: Map<String, Value>,
}

impl Page {
    /// Reads a page from a body.
    ///
    /// ```
    /// use duet_odata::payload::Page;
    ///
    /// let page = Page::parse(br#"{"value":[{"id":9007199254740993}],"@odata.nextLink":"n"}"#)?;
    /// assert_eq!(page.rows[0].get("id").unwrap().to_string(), "9007199254740993");
    /// assert_eq!(page.next_link.as_deref(), Some("n"));
    /// # Ok::<(), duet_odata::payload::PayloadError>(())
    /// ```
    pub fn parse(body: &[u8]) -> Result<Self, PayloadError> {
        Self::from_json(object(body)?)
    }

    /// Sorts the members of a JSON object.
    pub fn from_json(mut members: Map<String, Value>) -> Result<Self, PayloadError> {
        let Some(Value::Array(values)) = members.shift_remove("value") else {
            return Err(PayloadError::Shape {
                what: "has no array `value`",
            });
        };
        let mut rows = Vec::with_capacity(values.len());
        for value in values {
            match value {
                Value::Object(members) => rows.push(Entity::from_json(members)),
                _ => {
                    return Err(PayloadError::Shape {
                        what: "`value` holds more than objects",
                    });
                }
            }
        }
        Ok(Self {
            context: take_text(&mut members, "context"),
            count: take_count(&mut members),
            next_link: take_text(&mut members, "nextLink"),
            delta_link: take_text(&mut members, "deltaLink"),
            rows,
            annotations: Entity::from_json(members).annotations,
        })
    }

    /// The JSON object.
    pub fn to_json(&self) -> Map<String, Value> {
        let rows = self
            .rows
            .iter()
            .map(|row| Value::Object(row.to_json()))
            .collect();
        envelope(self, rows)
    }
}

/// A page's members around its rows.
pub(super) fn envelope(page: &Page, rows: Vec<Value>) -> Map<String, Value> {
    let mut members = Map::new();
    if let Some(context) = &page.context {
        members.insert("@odata.context".to_owned(), context.clone().into());
    }
    if let Some(count) = page.count {
        members.insert("@odata.count".to_owned(), count.into());
    }
    for (name, value) in &page.annotations {
        members.insert(format!("@{name}"), value.clone());
    }
    if let Some(link) = &page.delta_link {
        members.insert("@odata.deltaLink".to_owned(), link.clone().into());
    }
    members.insert("value".to_owned(), Value::Array(rows));
    if let Some(link) = &page.next_link {
        members.insert("@odata.nextLink".to_owned(), link.clone().into());
    }
    members
}
