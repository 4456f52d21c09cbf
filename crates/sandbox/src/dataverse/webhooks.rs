//! Webhook steps: who wants to hear of which writes (protocol reference A15).
//!
//! Steps are rows that clients register over the Web API: a `serviceendpoint` with a URL, an
//! `sdkmessageprocessingstep` that names a message, a table and filtering attributes, and images.
//! They are read once and again after a write to one of these tables.

use std::collections::HashMap;

use super::errors::ApiResult;
use super::session::{Effect, Row, Session};
use super::xml::Element;
use crate::counters::WriteKind;
use crate::rows::{Order, Value};

/// The registered steps in the order of their rank.
#[derive(Debug, Default)]
pub(super) struct Steps {
    steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) id: String,
    pub(super) name: String,
    message: String,
    /// The table; all when missing.
    table: Option<String>,
    /// The columns of which one must be written by an update; any when empty.
    filtering: Vec<String>,
    /// Whether the write waits for the answer, and fails with it.
    pub(super) synchronous: bool,
    pub(super) stage: i64,
    pub(super) images: Vec<Image>,
    pub(super) endpoint: Endpoint,
}

/// A picture of the row that a step wants along.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) alias: String,
    /// Its columns; all when empty.
    pub(super) attributes: Vec<String>,
    pub(super) before: bool,
    pub(super) after: bool,
}

/// Where a step posts to.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
}

impl std::fmt::Debug for Endpoint {
    /// Without the headers and the query, which are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The tables that hold steps.
const OWN_TABLES: [&str; 3] = [
    "serviceendpoint",
    "sdkmessageprocessingstep",
    "sdkmessageprocessingstepimage",
];

/// Whether a write may have changed the steps.
pub(super) fn changes_steps(effect: &Effect) -> bool {
    OWN_TABLES.contains(&effect.table.as_str())
}

/// The message that a write causes.
pub(super) fn message(kind: WriteKind) -> &'static str {
    match kind {
        WriteKind::Create => "Create",
        WriteKind::Update => "Update",
        WriteKind::Delete => "Delete",
    }
}

impl Steps {
    /// Reads the steps in force.
    pub(super) fn load(session: &Session<'_>) -> ApiResult<Self> {
        let all = |name: &str| -> ApiResult<Vec<Row>> {
            let Some(table) = session.model.table(name) else {
                return Ok(Vec::new());
            };
            let columns: Vec<_> = table.schema.columns.iter().collect();
            session.rows(table, &columns, &[], |select| {
                select.order(Order::ascending(table.id()))
            })
        };
        let by_id = |rows: Vec<Row>, id: &str| -> HashMap<String, Row> {
            let keyed = rows
                .into_iter()
                .map(|row| (row.text(id).unwrap_or_default().into(), row));
            keyed.collect()
        };
        let steps = all("sdkmessageprocessingstep")?;
        if steps.is_empty() {
            return Ok(Self::default());
        }
        let endpoints = by_id(all("serviceendpoint")?, "serviceendpointid");
        let messages = by_id(all("sdkmessage")?, "sdkmessageid");
        let filters = by_id(all("sdkmessagefilter")?, "sdkmessagefilterid");
        let images = all("sdkmessageprocessingstepimage")?;
        let mut found = Vec::new();
        for row in steps {
            let enabled = row.integer("statecode").unwrap_or(0) == 0;
            let endpoint = row.text("eventhandler").and_then(|id| endpoints.get(id));
            let message = row.text("sdkmessageid").and_then(|id| messages.get(id));
            let (Some(endpoint), Some(message)) = (endpoint, message) else {
                continue;
            };
            // Only webhooks post; queues and topics are other systems.
            let Some(endpoint) = Endpoint::read(endpoint).filter(|_| enabled) else {
                continue;
            };
            let filter = row
                .text("sdkmessagefilterid")
                .and_then(|id| filters.get(id));
            let table = filter
                .and_then(|filter| filter.text("primaryobjecttypecode"))
                .filter(|table| *table != "none");
            let id = row
                .text("sdkmessageprocessingstepid")
                .unwrap_or_default()
                .to_owned();
            let own_images = images
                .iter()
                .filter(|image| image.text("sdkmessageprocessingstepid") == Some(&id));
            let step = Step {
                name: row.text("name").unwrap_or_default().to_owned(),
                message: message.text("name").unwrap_or_default().to_owned(),
                table: table.map(ToOwned::to_owned),
                filtering: names(row.text("filteringattributes")),
                synchronous: row.integer("mode") == Some(0),
                stage: row.integer("stage").unwrap_or(40),
                images: own_images.map(Image::read).collect(),
                endpoint,
                id,
            };
            found.push((row.integer("rank").unwrap_or(1), step));
        }
        found.sort_by_key(|(rank, _)| *rank);
        Ok(Self {
            steps: found.into_iter().map(|(_, step)| step).collect(),
        })
    }

    /// Whether some step listens to writes of a kind to a table.
    pub(super) fn watch(&self, table: &str, kind: WriteKind) -> bool {
        self.steps.iter().any(|step| step.listens(table, kind))
    }

    /// The steps that a write concerns.
    pub(super) fn of<'s>(
        &'s self,
        effect: &'s Effect,
        synchronous: bool,
    ) -> impl Iterator<Item = &'s Step> {
        self.steps.iter().filter(move |step| {
            step.synchronous == synchronous
                && step.listens(&effect.table, effect.kind)
                && step.lets_through(effect)
        })
    }
}

impl Step {
    fn listens(&self, table: &str, kind: WriteKind) -> bool {
        self.message == message(kind) && self.table.as_deref().is_none_or(|name| name == table)
    }

    fn lets_through(&self, effect: &Effect) -> bool {
        effect.kind != WriteKind::Update
            || self.filtering.is_empty()
            || effect
                .written
                .iter()
                .any(|(name, _)| self.filtering.contains(name))
    }
}

impl Image {
    fn read(row: &Row) -> Self {
        let kind = row.integer("imagetype").unwrap_or(0);
        let alias = row
            .text("entityalias")
            .or(row.text("name"))
            .unwrap_or("image");
        Self {
            alias: alias.to_owned(),
            attributes: names(row.text("attributes")),
            before: matches!(kind, 0 | 2),
            after: matches!(kind, 1 | 2),
        }
    }
}

impl Endpoint {
    /// The endpoint of a webhook; nothing for other contracts.
    fn read(row: &Row) -> Option<Self> {
        if row.integer("contract") != Some(8) {
            return None;
        }
        let url = row.text("url")?.to_owned();
        let secret = row.text("authvalue").unwrap_or_default();
        let pairs = || {
            let settings = Element::read(secret).unwrap_or_default();
            let pairs = settings.named("setting").filter_map(|setting| {
                let name = setting.attribute("name")?;
                Some((name.to_owned(), setting.attribute("value")?.to_owned()))
            });
            pairs.collect::<Vec<_>>()
        };
        let (headers, query) = match row.integer("authtype") {
            Some(4) => (Vec::new(), vec![("code".to_owned(), secret.to_owned())]),
            Some(5) => (pairs(), Vec::new()),
            Some(6) => (Vec::new(), pairs()),
            _ => (Vec::new(), Vec::new()),
        };
        Some(Self {
            url,
            headers,
            query,
        })
    }
}

fn names(list: Option<&str>) -> Vec<String> {
    let names = list.unwrap_or_default().split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// The written columns that are columns of the table, not marks beside lookups.
pub(super) fn plain(written: &[(String, Value)]) -> impl Iterator<Item = &(String, Value)> {
    written
        .iter()
        .filter(|(name, _)| !name.ends_with("__target"))
}
