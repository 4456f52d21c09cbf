//! The stand-in from outside: every rule over HTTP on a free port.

mod actions;
mod batches;
mod events;
mod metadata;
mod packages;
mod reads;
mod writes;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{FinOps, FinOpsConfig, Settings};
use crate::auth::{Client, SignIn};
use crate::http::Running;

/// A running stand-in with a signed-in client.
struct Sandbox {
    finops: FinOps,
    running: Running,
    http: reqwest::Client,
    token: String,
}

/// An answer that has arrived.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The Infolog or message of an error.
    fn message(&self) -> String {
        self.json()["error"]["innererror"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

fn config() -> FinOpsConfig {
    FinOpsConfig {
        sign_in: SignIn {
            clients: vec![Client::new("app", "secret")],
            ..SignIn::default()
        },
        ..FinOpsConfig::default()
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

impl Sandbox {
    async fn start() -> Self {
        Self::with(config()).await
    }

    async fn with_settings(settings: Settings) -> Self {
        Self::with(FinOpsConfig {
            settings,
            ..config()
        })
        .await
    }

    async fn with(config: FinOpsConfig) -> Self {
        let finops = FinOps::open(config).unwrap();
        let running = finops.serve().await.unwrap();
        let http = crate::local_http();
        let answer = http
            .post(format!("{}/tenant/oauth2/v2.0/token", running.url()))
            .form(&[
                ("grant_type", "client_credentials"),
                ("client_id", "app"),
                ("client_secret", "secret"),
                ("scope", "https://fo.example/.default"),
            ])
            .send()
            .await
            .unwrap();
        let body: Value = answer.json().await.unwrap();
        let token = body["access_token"].as_str().unwrap().to_owned();
        Self {
            finops,
            running,
            http,
            token,
        }
    }

    /// With the reference data that a customer leans on, in usmf and frrt.
    async fn with_groups() -> Self {
        let sandbox = Self::start().await;
        sandbox.add_groups();
        sandbox
    }

    fn add_groups(&self) {
        for code in ["USD", "EUR"] {
            self.insert("Currencies", json!({"CurrencyCode": code, "Name": code}));
        }
        for company in ["usmf", "frrt"] {
            self.insert(
                "CustomerGroups",
                json!({"dataAreaId": company, "CustomerGroupId": "10"}),
            );
            self.insert(
                "PaymentTerms",
                json!({"dataAreaId": company, "Name": "Net30"}),
            );
        }
    }

    fn insert(&self, collection: &str, row: Value) {
        self.finops.insert(collection, [object(row)]).unwrap();
    }

    fn insert_customer(&self, company: &str, account: &str) {
        self.insert(
            "CustomersV3",
            json!({"dataAreaId": company, "CustomerAccount": account, "CustomerGroupId": "10",
                   "PartyType": "Organization", "OrganizationName": format!("Name {account}")}),
        );
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.running.url())
        };
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        Answer {
            status: answer.status(),
            headers: answer.headers().clone(),
            text: answer.text().await.unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }
}

#[tokio::test]
async fn a_request_without_a_known_token_is_not_let_in() {
    let sandbox = Sandbox::start().await;
    let url = format!("{}/data/Currencies", sandbox.running.url());
    let answer = sandbox.http.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(answer.headers().contains_key("www-authenticate"));
    let answer = sandbox
        .http
        .get(&url)
        .bearer_auth("made-up")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(sandbox.get("/data/Currencies").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_wrong_secret_gets_no_token_and_version_one_gives_one() {
    let sandbox = Sandbox::start().await;
    let url = sandbox.running.url();
    let form = |secret: &'static str| {
        [
            ("grant_type", "client_credentials"),
            ("client_id", "app"),
            ("client_secret", secret),
            ("resource", "https://fo.example"),
        ]
    };
    let token = |secret| {
        sandbox
            .http
            .post(format!("{url}/tenant/oauth2/token"))
            .form(&form(secret))
            .send()
    };
    assert_eq!(
        token("wrong").await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(token("secret").await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn injected_refusals_speak_as_the_service_does() {
    let sandbox = Sandbox::start().await;
    let rule = json!({"fault": "too-many-requests", "count": 1, "retry_after": 7});
    assert_eq!(
        sandbox.post("/_sandbox/faults", rule).await.status,
        StatusCode::NO_CONTENT
    );
    let answer = sandbox.get("/data/Currencies").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "7");
    assert!(
        answer.message().contains("high resource utilization"),
        "{}",
        answer.text
    );
    assert_eq!(sandbox.get("/data/Currencies").await.status, StatusCode::OK);
}

#[tokio::test]
async fn settings_are_read_and_changed_while_running() {
    let sandbox = Sandbox::start().await;
    let mut settings = sandbox.get("/_sandbox/settings").await.json();
    assert_eq!(settings["page_size"], json!(10_000));
    settings["page_size"] = json!(3);
    let answer = sandbox
        .send(Method::PUT, "/_sandbox/settings", &[], Some(settings))
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(sandbox.finops.store.settings().page_size, 3);
    let answer = sandbox
        .send(
            Method::PUT,
            "/_sandbox/settings",
            &[],
            Some(json!({"typo": 1})),
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn rows_and_numbers_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let place = crate::rows::Place::File(folder.path().join("finops.db"));
    let at_place = || FinOpsConfig {
        place: place.clone(),
        ..config()
    };
    let sandbox = Sandbox::with(at_place()).await;
    sandbox.add_groups();
    let body = json!({"CustomerGroupId": "10", "PartyType": "Person"});
    let first = sandbox.post("/data/CustomersV3", body.clone()).await.json();
    assert_eq!(first["CustomerAccount"], "C-000001");
    sandbox.running.shutdown().await;

    let sandbox = Sandbox::with(at_place()).await;
    let path = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='C-000001')";
    let mut again = sandbox.get(path).await.json();
    again["@odata.context"] = first["@odata.context"].clone();
    assert_eq!(again, first);
    let second = sandbox.post("/data/CustomersV3", body).await.json();
    assert_eq!(second["CustomerAccount"], "C-000002");
}
