//! A page of changes: rows that were written, rows that are gone, links that came and went.

use serde_json::{Map, Value};

use super::page::envelope;
use super::{Entity, Page, PayloadError, object, take_control, take_text};

/// What a GET on a delta link returns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeltaPage {
    /// `@odata.context`, ending in `/$delta`.
    pub context: Option<String>,
    /// `@odata.count`.
    pub count: Option<u64>,
    /// `@odata.nextLink`: there are more changes.
    pub next_link: Option<String>,
    /// `@odata.deltaLink`: where the changes after these will be.
    pub delta_link: Option<String>,
    /// The changes in the order of the text.
    pub items: Vec<DeltaItem>,
    /// Other annotations of the page, without `@`.
    pub annotations: Map<String, Value>,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum DeltaItem {
    /// A row that was created or updated.
    Changed(Entity),
    /// A row that is gone.
    Deleted(Deleted),
    /// A link that was made.
    Linked(Link),
    /// A link that was taken away.
    Unlinked(Link),
}

/// A row that is gone, in either form of the protocol.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Deleted {
    /// `@odata.context` of the entry, as the 4.0 form has it; it names the set.
    pub context: Option<String>,
    /// The row's URL or bare key; the 4.01 form may leave it out and give key properties.
    pub id: Option<String>,
    /// `deleted`, or `changed` if the row only left the set that is tracked.
    pub reason: Option<String>,
    /// What else the entry tells of the row, in the 4.01 form its key.
    pub row: Entity,
    /// Whether it is in the 4.01 form (`@removed`) rather than that of 4.0 (`$deletedEntity`).
    pub removed_form: bool,
}

/// A link between two rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// `@odata.context` of the entry, ending in `$link` or `$deletedLink`.
    pub context: String,
    /// The URL of the row that it starts from.
    pub source: String,
    /// The navigation property.
    pub relationship: String,
    /// The URL of the row that it leads to.
    pub target: String,
}

impl DeltaPage {
    /// Reads a page of changes from a body.
    ///
    /// ```
    /// use duet_odata::payload::{DeltaItem, DeltaPage};
    ///
    /// let page = DeltaPage::parse(
    ///     br#"{"@odata.deltaLink":"d","value":[
    ///       {"name":"A"},
    ///       {"@odata.context":"$metadata#accounts/$deletedEntity","id":"42","reason":"deleted"},
    ///       {"@removed":{"reason":"changed"},"@id":"accounts(43)"}]}"#,
    /// )?;
    /// let gone: Vec<_> = page.items.iter().filter_map(|item| match item {
    ///     DeltaItem::Deleted(gone) => gone.id.as_deref(),
    ///     _ => None,
    /// }).collect();
    /// assert_eq!(gone, ["42", "accounts(43)"]);
    /// # Ok::<(), duet_odata::payload::PayloadError>(())
    /// ```
    pub fn parse(body: &[u8]) -> Result<Self, PayloadError> {
        let mut members = object(body)?;
        let Some(Value::Array(values)) = members.shift_remove("value") else {
            return Err(PayloadError::Shape {
                what: "has no array `value`",
            });
        };
        members.insert("value".to_owned(), Value::Array(Vec::new()));
        let envelope = Page::from_json(members)?;
        let items = values
            .into_iter()
            .map(DeltaItem::from_json)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            context: envelope.context,
            count: envelope.count,
            next_link: envelope.next_link,
            delta_link: envelope.delta_link,
            items,
            annotations: envelope.annotations,
        })
    }

    /// The JSON object.
    pub fn to_json(&self) -> Map<String, Value> {
        let page = Page {
            context: self.context.clone(),
            count: self.count,
            next_link: self.next_link.clone(),
            delta_link: self.delta_link.clone(),
            rows: Vec::new(),
            annotations: self.annotations.clone(),
        };
        envelope(
            &page,
            self.items
                .iter()
                .map(|item| Value::Object(item.to_json()))
                .collect(),
        )
    }
}

impl DeltaItem {
    fn from_json(value: Value) -> Result<Self, PayloadError> {
        let Value::Object(mut members) = value else {
            return Err(PayloadError::Shape {
                what: "`value` holds more than objects",
            });
        };
        if let Some(removed) = take_control(&mut members, "removed") {
            let reason = removed
                .get("reason")
                .and_then(Value::as_str)
                .map(str::to_owned);
            let mut id = take_text(&mut members, "id");
            if id.is_none()
                && let Some(Value::String(text)) = members.get("id")
            {
                id = Some(text.clone());
            }
            let context = take_text(&mut members, "context");
            let row = Entity::from_json(members);
            return Ok(Self::Deleted(Deleted {
                context,
                id,
                reason,
                row,
                removed_form: true,
            }));
        }
        let entity = Entity::from_json(members);
        let kind = entity
            .context()
            .and_then(|context| context.rsplit('/').next());
        match kind {
            Some("$deletedEntity") => Ok(Self::Deleted(deleted(entity))),
            Some("$link") => Ok(Self::Linked(link(&entity))),
            Some("$deletedLink") => Ok(Self::Unlinked(link(&entity))),
            _ => Ok(Self::Changed(entity)),
        }
    }

    fn to_json(&self) -> Map<String, Value> {
        match self {
            Self::Changed(entity) => entity.to_json(),
            Self::Deleted(deleted) => deleted.to_json(),
            Self::Linked(link) | Self::Unlinked(link) => Entity::default()
                .with_annotation("odata.context", link.context.as_str())
                .with("source", link.source.as_str())
                .with("relationship", link.relationship.as_str())
                .with("target", link.target.as_str())
                .to_json(),
        }
    }
}

impl Deleted {
    fn to_json(&self) -> Map<String, Value> {
        let mut members = Map::new();
        if let Some(context) = &self.context {
            members.insert("@odata.context".to_owned(), context.clone().into());
        }
        if self.removed_form {
            let mut removed = Map::new();
            if let Some(reason) = &self.reason {
                removed.insert("reason".to_owned(), reason.clone().into());
            }
            members.insert("@removed".to_owned(), Value::Object(removed));
            if let Some(id) = &self.id
                && !self.row.properties.contains_key("id")
            {
                members.insert("@id".to_owned(), id.clone().into());
            }
        } else {
            if let Some(id) = &self.id {
                members.insert("id".to_owned(), id.clone().into());
            }
            if let Some(reason) = &self.reason {
                members.insert("reason".to_owned(), reason.clone().into());
            }
        }
        members.extend(self.row.to_json());
        members
    }
}

/// The 4.0 form: `id` and `reason` are members like any other.
fn deleted(mut row: Entity) -> Deleted {
    let context = row.context().map(str::to_owned);
    row.annotations
        .retain(|name, _| super::control_name(name) != Some("context"));
    let mut text = |name: &str| match row.properties.shift_remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (id, reason) = (text("id"), text("reason"));
    Deleted {
        context,
        id,
        reason,
        row,
        removed_form: false,
    }
}

fn link(entity: &Entity) -> Link {
    let text = |name: &str| {
        entity
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .unwrap_or_default()
    };
    Link {
        context: entity.context().unwrap_or_default().to_owned(),
        source: text("source"),
        relationship: text("relationship"),
        target: text("target"),
    }
}
