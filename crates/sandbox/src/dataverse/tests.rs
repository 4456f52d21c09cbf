//! The rules of the reference, each seen through HTTP.

mod batches;
mod changes;
mod customizing;
mod files;
mod hooks;
mod links;
mod metadata;
mod queries;
mod robustness;
mod selections;
mod values;
mod writes;

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::*;
use crate::auth::Client;

/// A served stand-in and a signed-in client.
struct Stage {
    dataverse: Dataverse,
    running: Running,
    http: reqwest::Client,
    token: String,
}

/// An answer, read to its end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The id at the end of `OData-EntityId`.
    fn id(&self) -> String {
        let address = self
            .header("odata-entityid")
            .unwrap_or_else(|| panic!("no id: {self:?}"));
        address
            .rsplit('(')
            .next()
            .unwrap()
            .trim_end_matches(')')
            .to_owned()
    }

    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    #[track_caller]
    fn expect_error(&self, status: u16, code: &str, part: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let error = &self.json()["error"];
        assert_eq!(error["code"], code, "{}", self.text);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
    }
}

fn config() -> Config {
    let sign_in = SignIn {
        clients: vec![Client::new("app", "s3cret"), Client::new("sales", "s3cret")],
        ..SignIn::default()
    };
    Config::new(crate::schema::dataverse().unwrap(), sign_in)
}

impl Stage {
    async fn new() -> Self {
        Self::with(config()).await
    }

    async fn with(config: Config) -> Self {
        let dataverse = Dataverse::open(config).unwrap();
        let running = dataverse.serve().await.unwrap();
        let http = crate::local_http();
        let mut stage = Self {
            dataverse,
            running,
            http,
            token: String::new(),
        };
        stage.sign_in("app").await;
        stage
    }

    async fn sign_in(&mut self, client: &str) {
        let form = format!(
            "grant_type=client_credentials&client_id={client}&client_secret=s3cret&scope=x/.default"
        );
        let url = format!("{}/t/oauth2/v2.0/token", self.running.url());
        let answer = self.http.post(url).body(form).send().await.unwrap();
        let body: Json = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        body["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.token);
    }

    fn root(&self) -> String {
        format!("{}/api/data/v9.2", self.running.url())
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http://") {
            path.to_owned()
        } else {
            format!("{}/{path}", self.root())
        }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Json>,
    ) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .http
            .request(method, self.url(path))
            .bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer {
            status,
            headers,
            text: answer.text().await.unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await
    }

    async fn post(&self, path: &str, body: Json) -> Answer {
        self.send("POST", path, &[], Some(body)).await
    }

    async fn patch(&self, path: &str, body: Json) -> Answer {
        self.send("PATCH", path, &[], Some(body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None).await
    }

    async fn control(&self, method: &str, path: &str, body: Json) -> Answer {
        self.send(
            method,
            &format!("{}/_sandbox/{path}", self.running.url()),
            &[],
            Some(body),
        )
        .await
    }

    /// Makes a row; gives its id.
    async fn make(&self, set: &str, body: Json) -> String {
        self.post(set, body).await.expect(204).id()
    }

    /// The names (or another column) of a list, in its order.
    async fn column(&self, path: &str, column: &str) -> Vec<String> {
        let body = self.get(path).await.expect(200).json();
        let rows = body["value"].as_array().unwrap();
        rows.iter()
            .map(|row| row[column].as_str().unwrap_or("null").to_owned())
            .collect()
    }
}

#[tokio::test]
async fn the_service_document_lists_the_sets() {
    let stage = Stage::new().await;
    let answer = stage.get("").await.expect(200);
    let body = answer.json();
    assert_eq!(
        body["@odata.context"],
        format!("{}/$metadata", stage.root())
    );
    let accounts = json!({"name": "accounts", "kind": "EntitySet", "url": "accounts"});
    assert!(body["value"].as_array().unwrap().contains(&accounts));
    assert_eq!(answer.header("odata-version"), Some("4.0"));
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("application/json")
    );
    assert!(answer.header("x-ms-service-request-id").is_some());
}

#[tokio::test]
async fn a_call_without_a_token_is_challenged() {
    let stage = Stage::new().await;
    let answer = stage.http.get(stage.url("accounts")).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.starts_with("Bearer authorization_uri="),
        "{challenge}"
    );
}

#[tokio::test]
async fn unknown_sets_and_versions_are_not_found() {
    let stage = Stage::new().await;
    let missing = stage.get("acounts").await;
    missing.expect_error(
        404,
        "0x80060888",
        "Resource not found for the segment 'acounts'.",
    );
    let old = format!("{}/api/data/v8.2/accounts", stage.running.url());
    assert_eq!(stage.get(&old).await.status, 404);
    stage
        .get("accounts?$skip=1")
        .await
        .expect_error(400, "0x80060888", "$skip is not supported");
}

#[tokio::test]
async fn a_reset_leaves_a_fresh_organisation() {
    let stage = Stage::new().await;
    stage.make("accounts", json!({"name": "A"})).await;
    stage.control("POST", "reset", json!({})).await.expect(204);
    assert_eq!(stage.column("accounts", "name").await, Vec::<String>::new());
    assert!(
        stage
            .column("systemusers", "fullname")
            .await
            .contains(&"# app".to_owned())
    );
    stage.make("accounts", json!({"name": "B"})).await;
}

#[tokio::test]
async fn rows_put_in_directly_are_served() {
    let stage = Stage::new().await;
    let company = json!({"cdm_companycode": "USMF", "cdm_name": "Contoso"});
    let company = stage.dataverse.insert("cdm_company", company).unwrap();
    let rows = vec![
        json!({"name": "A", "msdyn_company@odata.bind": format!("/cdm_companies({company})")}),
        json!({"name": "B", "msdyn_company@odata.bind": "/cdm_companies(cdm_companycode='usmf')"}),
    ];
    stage.dataverse.insert_all("account", rows).unwrap();
    let answer = stage
        .get("accounts?$orderby=name&$select=name,_msdyn_company_value")
        .await;
    let body = answer.expect(200).json();
    assert_eq!(body["value"][0]["_msdyn_company_value"], company);
    assert_eq!(body["value"][1]["_msdyn_company_value"], company);
    let error = stage
        .dataverse
        .insert_all("account", vec![json!({}), json!({"nam": 1})]);
    let error = error.unwrap_err();
    assert_eq!((error.index, error.table.as_str()), (1, "account"));
    assert!(error.reason.contains("'nam' does not exist"), "{error}");
}

#[tokio::test]
async fn rows_survive_a_restart_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = Config {
        place: Place::File(folder.path().join("dv.db")),
        ..config()
    };
    let stage = Stage::with(at.clone()).await;
    let id = stage.make("accounts", json!({"name": "A"})).await;
    stage.running.shutdown().await;
    let stage = Stage::with(at).await;
    assert_eq!(
        stage
            .get(&format!("accounts({id})"))
            .await
            .expect(200)
            .json()["name"],
        "A"
    );
}

#[tokio::test]
async fn service_protection_is_switched_on_and_off() {
    let stage = Stage::new().await;
    stage
        .control("PUT", "limits", json!({"requests": 1}))
        .await
        .expect(204);
    let first = stage.get("WhoAmI").await.expect(200);
    assert_eq!(
        first.header("x-ms-ratelimit-burst-remaining-xrm-requests"),
        Some("0")
    );
    let second = stage.get("WhoAmI").await;
    second.expect_error(429, "0x80072322", "exceeded the limit of 1");
    let wait: u64 = second.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=300).contains(&wait));
    stage
        .control("DELETE", "limits", json!({}))
        .await
        .expect(204);
    stage.get("WhoAmI").await.expect(200);
    assert_eq!(
        stage
            .control("PUT", "limits", json!({"request": 1}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn an_injected_429_speaks_as_the_service() {
    let stage = Stage::new().await;
    let rule = json!({"fault": "too-many-requests", "retry_after": 2, "count": 1});
    stage.control("POST", "faults", rule).await.expect(204);
    let answer = stage.get("accounts").await;
    answer.expect_error(429, "0x80072322", "Number of requests exceeded");
    assert_eq!(answer.header("retry-after"), Some("2"));
    stage.get("accounts").await.expect(200);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_row() {
    let stage = Stage::new().await;
    let send = || {
        let request = stage
            .http
            .post(stage.url("accounts"))
            .bearer_auth(&stage.token);
        request.body(json!({"name": "A"}).to_string()).send()
    };
    for (fault, rows) in [("drop-before-commit", 0), ("drop-after-commit", 1)] {
        stage
            .control("POST", "faults", json!({"fault": fault, "count": 1}))
            .await
            .expect(204);
        assert!(send().await.is_err(), "{fault}");
        assert_eq!(
            stage.column("accounts", "name").await.len(),
            rows,
            "{fault}"
        );
    }
}

#[tokio::test]
async fn a_url_has_a_longest_length() {
    let stage = Stage::new().await;
    let filter = |length: usize| format!("accounts?$filter=name eq '{}'", "x".repeat(length));
    stage.get(&filter(30_000)).await.expect(200);
    assert_eq!(stage.get(&filter(33_000)).await.status, 414);
}
