//! Registers webhooks, so that the environment tells of changes at once.
//!
//! A webhook is a `serviceendpoint` and one `sdkmessageprocessingstep` for each message and table
//! (reference section A15). All of them go by their names, so registering twice changes nothing.

use super::Dataverse;
use crate::connection::link::Link;
use crate::connection::{Call, Repeat, failure};
use crate::error::SystemError;
use crate::service::Service;
use bytes::Bytes;
use odata::Literal;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use url::Url;

/// What is registered for each table.
const MESSAGES: [&str; 3] = ["Create", "Update", "Delete"];

/// `serviceendpoint.contract`: a webhook.
const WEBHOOK: i64 = 8;
/// `serviceendpoint.authtype`: a key in the query, `?code=`.
const WEBHOOK_KEY: i64 = 4;
/// `sdkmessageprocessingstep.stage`: after the operation.
const AFTER: i64 = 40;
/// `sdkmessageprocessingstep.mode`: in the background, so that a user's save never waits for us.
const ASYNCHRONOUS: i64 = 1;

#[derive(Deserialize)]
struct Rows {
    value: Vec<HashMap<String, Json>>,
}

impl Dataverse {
    /// Makes the environment post every change of these tables to `callback`, with `key` as the
    /// query parameter `code`. What is registered already under the same names is brought up to
    /// date and not doubled. Give the tables by their entity sets.
    pub async fn subscribe(
        &self,
        tables: &[String],
        callback: &Url,
        key: &SecretString,
    ) -> Result<(), SystemError> {
        let host = callback.authority();
        let endpoint_name = format!("Duet {host}");
        let endpoint = self
            .ensure(
                "serviceendpoints",
                "serviceendpointid",
                &endpoint_name,
                json!({
                    "name": endpoint_name,
                    "url": callback.as_str(),
                    "contract": WEBHOOK,
                    "authtype": WEBHOOK_KEY,
                    "authvalue": key.expose_secret(),
                }),
            )
            .await?;
        for message in MESSAGES {
            let filter = equal("name", message);
            let message_id = self
                .first("sdkmessages", "sdkmessageid", &filter)
                .await?
                .ok_or_else(|| self.absent(&format!("the message `{message}`")))?;
            for name in tables {
                let table = self.table(name).await?;
                let type_name = &table.schema.type_name;
                let filter = format!(
                    "{} and _sdkmessageid_value eq {message_id}",
                    equal("primaryobjecttypecode", type_name)
                );
                let filter_id = self
                    .first("sdkmessagefilters", "sdkmessagefilterid", &filter)
                    .await?
                    .ok_or_else(|| self.absent(&format!("`{message}` of `{type_name}`")))?;
                let step_name = format!("Duet {host}: {message} of {type_name}");
                let step = json!({
                    "name": step_name,
                    "stage": AFTER,
                    "mode": ASYNCHRONOUS,
                    "rank": 1,
                    "supporteddeployment": 0,
                    "asyncautodelete": true,
                    "sdkmessageid@odata.bind": format!("/sdkmessages({message_id})"),
                    "sdkmessagefilterid@odata.bind": format!("/sdkmessagefilters({filter_id})"),
                    "eventhandler_serviceendpoint@odata.bind":
                        format!("/serviceendpoints({endpoint})"),
                });
                self.ensure(
                    "sdkmessageprocessingsteps",
                    "sdkmessageprocessingstepid",
                    &step_name,
                    step,
                )
                .await?;
            }
        }
        Ok(())
    }

    /// Creates a record of this name or brings the one that is there up to date; its identifier.
    async fn ensure(
        &self,
        set: &str,
        id_column: &str,
        name: &str,
        body: Json,
    ) -> Result<String, SystemError> {
        let known = self.first(set, id_column, &equal("name", name)).await?;
        let (method, link, condition, repeat) = match &known {
            Some(id) => (Method::PATCH, Link::record(set, id), "*", Repeat::Same),
            None => (Method::POST, Link::to(set), "", Repeat::Unsafe),
        };
        let link = link.option("$select", id_column).into_text();
        let mut call = Call {
            what: format!("registering a webhook in `{set}`"),
            method,
            url: self.connection.url(&link)?,
            headers: reqwest::header::HeaderMap::new(),
            body: Bytes::from(body.to_string()),
            repeat,
            keep_torn: false,
        }
        .header("content-type", "application/json")
        .header("prefer", "return=representation");
        if !condition.is_empty() {
            call = call.header("if-match", condition);
        }
        let answer = self.get(&call).await?;
        if let Some(id) = known {
            return Ok(id);
        }
        let row: HashMap<String, Json> = answer.json(self.connection.name())?;
        row.get(id_column)
            .and_then(Json::as_str)
            .map(str::to_owned)
            .ok_or_else(|| self.absent("the identifier of the new record"))
    }

    /// The identifier of the first record that a filter finds.
    async fn first(
        &self,
        set: &str,
        id_column: &str,
        filter: &str,
    ) -> Result<Option<String>, SystemError> {
        let link = Link::to(set)
            .option("$select", id_column)
            .option("$filter", filter)
            .option("$top", "1");
        let url = self.connection.url(&link.into_text())?;
        let answer = self
            .get(&Call::get(format!("reading `{set}`"), url))
            .await?;
        let rows: Rows = answer.json(self.connection.name())?;
        Ok(rows
            .value
            .first()
            .and_then(|row| row.get(id_column))
            .and_then(Json::as_str)
            .map(str::to_owned))
    }

    fn absent(&self, what: &str) -> SystemError {
        failure::unexpected(
            self.connection.name(),
            "registering a webhook",
            &format!("{what} is missing"),
        )
    }
}

fn equal(column: &str, text: &str) -> String {
    format!("{column} eq {}", Literal::from(text))
}
