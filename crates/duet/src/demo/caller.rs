//! An independent HTTP client of a stand-in, under a client id of its own.
//!
//! It shares no code with Duet's connectors, so that what it reads is what any client would read,
//! and the servers' counts tell its writes from Duet's.

use crate::stand_ins::{Application, TENANT};
use anyhow::{Context as _, bail};
use duet_sandbox::counters::Counts;
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// A signed-in client of one stand-in.
#[derive(Debug, Clone)]
pub struct Caller {
    http: reqwest::Client,
    url: String,
    root: &'static str,
    token: String,
}

impl Caller {
    /// Signs in; `root` is where the system's data begins (`/data`, `/api/data/v9.2`).
    pub async fn sign_in(
        url: &str,
        root: &'static str,
        application: Application,
    ) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let answer: Value = http
            .post(format!("{url}/{TENANT}/oauth2/v2.0/token"))
            .form(&[
                ("grant_type", "client_credentials"),
                ("client_id", application.id),
                ("client_secret", application.secret),
                ("scope", &format!("{url}/.default")),
            ])
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let token = answer["access_token"]
            .as_str()
            .context("the token service sent no token")?;
        Ok(Self {
            http,
            url: url.to_owned(),
            root,
            token: token.to_owned(),
        })
    }

    /// Reads a resource; `None` when there is none.
    pub async fn get(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let (status, body) = self.send(Method::GET, path, None).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(serde_json::from_str(&body)?)),
            status => bail!("GET {path} answered {status}: {body}"),
        }
    }

    /// The rows of a list.
    pub async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut answer = self.get(path).await?.unwrap_or_default();
        let mut rows = take_rows(&mut answer);
        while let Some(next) = answer["@odata.nextLink"].as_str() {
            let next = next
                .split_once(self.root)
                .map(|(_, path)| path.to_owned())
                .context("a next link leads elsewhere")?;
            answer = self.get(&next).await?.unwrap_or_default();
            rows.extend(take_rows(&mut answer));
        }
        Ok(rows)
    }

    /// Creates a record and returns what the system answers, `Null` without a body.
    pub async fn create(&self, set: &str, row: &Value) -> anyhow::Result<Value> {
        self.write(Method::POST, set, Some(row)).await
    }

    /// Changes a record.
    pub async fn update(&self, path: &str, row: &Value) -> anyhow::Result<()> {
        self.write(Method::PATCH, path, Some(row)).await.map(|_| ())
    }

    /// Deletes a record.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.write(Method::DELETE, path, None).await.map(|_| ())
    }

    /// What the server counted.
    pub async fn counts(&self) -> anyhow::Result<Counts> {
        Ok(self
            .http
            .get(format!("{}/_sandbox/counters", self.url))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
    }

    /// Sets something at the control endpoint.
    pub async fn control(&self, method: Method, topic: &str, body: &Value) -> anyhow::Result<()> {
        self.http
            .request(method, format!("{}/_sandbox/{topic}", self.url))
            .json(body)
            .send()
            .await?
            .error_for_status()
            .with_context(|| format!("the control endpoint {topic} refuses"))?;
        Ok(())
    }

    async fn write(
        &self,
        method: Method,
        path: &str,
        row: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let (status, body) = self.send(method.clone(), path, row).await?;
        if !status.is_success() {
            bail!("{method} {path} answered {status}: {body}");
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_str(&body)?)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        row: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, String)> {
        let path = path.trim_start_matches('/');
        let mut request = self
            .http
            .request(method, format!("{}{}/{path}", self.url, self.root))
            .bearer_auth(&self.token)
            .header("Prefer", "return=representation");
        if let Some(row) = row {
            request = request.json(row);
        }
        let answer = request.send().await?;
        let status = answer.status();
        Ok((status, answer.text().await?))
    }
}

fn take_rows(answer: &mut Value) -> Vec<Value> {
    match answer["value"].take() {
        Value::Array(rows) => rows,
        _ => Vec::new(),
    }
}
