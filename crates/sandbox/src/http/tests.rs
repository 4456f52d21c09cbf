//! The front door with real sockets: addresses, faults, sign-in, refusals, TLS, the way down.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::auth::{Client, SignIn};
use crate::clock::Clock;
use crate::counters::Counters;
use crate::faults::Faults;
use crate::rows::{Place, Rows};

#[derive(Default)]
struct Echo {
    calls: AtomicUsize,
    tokens: Option<Tokens>,
}

impl Service for Echo {
    fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let origin = request.extensions().get::<Origin>().unwrap().0.clone();
        let mut response = Response::new(Bytes::from(format!("{origin}{}", request.uri().path())));
        if let Some(tokens) = &self.tokens {
            match tokens.identify(request.headers()) {
                Ok(caller) => {
                    response.extensions_mut().insert(caller);
                }
                Err(_) => *response.status_mut() = StatusCode::UNAUTHORIZED,
            }
        }
        response
    }

    fn refusal(&self, refusal: Refusal) -> String {
        json!({"error": {"message": format!("{refusal:?}")}}).to_string()
    }
}

struct Stage {
    running: Running,
    echo: Arc<Echo>,
    http: reqwest::Client,
}

async fn stage() -> Stage {
    stage_with(None).await
}

async fn stage_with(clock: Option<Clock>) -> Stage {
    let checks_tokens = clock.is_some();
    let sign_in = SignIn {
        clients: vec![Client::new("app", "s3cret")],
        ..SignIn::default()
    };
    let tokens = Tokens::new(sign_in, clock.unwrap_or_default());
    let control = Control {
        name: "echo",
        faults: Faults::new(1),
        counters: Counters::default(),
        tokens: tokens.clone(),
        rows: Rows::open(&Place::Memory, Vec::new()).unwrap(),
    };
    let echo = Arc::new(Echo {
        tokens: checks_tokens.then_some(tokens),
        ..Echo::default()
    });
    let running = serve(([127, 0, 0, 1], 0).into(), echo.clone(), control)
        .await
        .unwrap();
    Stage {
        running,
        echo,
        http: crate::local_http(),
    }
}

impl Stage {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.url())
    }

    async fn faults(&self, rules: Value) {
        let sent = self
            .http
            .put(self.url("/_sandbox/faults"))
            .body(rules.to_string());
        assert_eq!(sent.send().await.unwrap().status(), 204);
    }

    async fn counters(&self) -> Value {
        let sent = self
            .http
            .get(self.url("/_sandbox/counters"))
            .send()
            .await
            .unwrap();
        serde_json::from_str(&sent.text().await.unwrap()).unwrap()
    }

    fn calls(&self) -> usize {
        self.echo.calls.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn an_answer_knows_the_host_the_client_used() {
    let stage = stage().await;
    let answer = stage
        .http
        .get(stage.url("/x"))
        .header("host", "org.example:1")
        .send()
        .await;
    assert_eq!(
        answer.unwrap().text().await.unwrap(),
        "http://org.example:1/x"
    );
}

#[tokio::test]
async fn a_connection_is_dropped_before_or_after_the_work() {
    let stage = stage().await;
    stage
        .faults(json!([{"fault": "drop-before-commit", "count": 1}]))
        .await;
    assert!(stage.http.post(stage.url("/x")).send().await.is_err());
    assert_eq!(stage.calls(), 0);
    stage
        .faults(json!([{"fault": "drop-after-commit", "count": 1}]))
        .await;
    let error = stage.http.post(stage.url("/x")).send().await.unwrap_err();
    assert!(error.status().is_none() && !error.is_connect(), "{error:?}");
    assert_eq!(stage.calls(), 1);
    assert_eq!(
        stage
            .http
            .post(stage.url("/x"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(
        stage.counters().await["by_status"],
        json!({"200": 1, "dropped": 2})
    );
}

#[tokio::test]
async fn refusals_carry_retry_after_and_the_words_of_the_service() {
    let stage = stage().await;
    stage
        .faults(json!([{"fault": "too-many-requests", "retry_after": 7, "path": "/x"}]))
        .await;
    let answer = stage.http.get(stage.url("/x")).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "7");
    assert!(answer.text().await.unwrap().contains("TooManyRequests"));
    assert_eq!(
        stage
            .http
            .get(stage.url("/y"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    stage.faults(json!([{"fault": "unavailable"}])).await;
    assert_eq!(
        stage
            .http
            .get(stage.url("/x"))
            .send()
            .await
            .unwrap()
            .status(),
        503
    );
    assert_eq!(stage.calls(), 1);
}

#[tokio::test]
async fn an_unknown_fault_is_explained() {
    let stage = stage().await;
    let sent = stage
        .http
        .post(stage.url("/_sandbox/faults"))
        .body(r#"{"fault":"gremlins"}"#);
    let answer = sent.send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let text = answer.text().await.unwrap();
    assert!(
        text.contains("gremlins") && text.contains("drop-before-commit"),
        "{text}"
    );
}

#[tokio::test]
async fn shutdown_ends_the_server() {
    let stage = stage().await;
    let url = stage.url("/x");
    assert_eq!(stage.http.get(&url).send().await.unwrap().status(), 200);
    stage.running.shutdown().await;
    assert!(stage.http.get(&url).send().await.unwrap_err().is_connect());
}

async fn sign_in(stage: &Stage, path: &str, form: &str) -> (u16, Value) {
    let sent = stage
        .http
        .post(stage.url(path))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_owned());
    let answer = sent.send().await.unwrap();
    let status = answer.status().as_u16();
    (
        status,
        serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
    )
}

const GOOD: &str = "grant_type=client_credentials&client_id=app&client_secret=s3cret";

#[tokio::test]
async fn a_token_opens_the_service_until_it_expires() {
    let seconds = Arc::new(AtomicUsize::new(1_000_000));
    let shared = Arc::clone(&seconds);
    let clock = Clock::new(move || {
        let now = i64::try_from(shared.load(Ordering::SeqCst)).unwrap();
        jiff::Timestamp::from_second(now).unwrap()
    });
    let stage = stage_with(Some(clock)).await;
    let form = format!("{GOOD}&scope=https%3A%2F%2Forg%2F.default");
    let (status, body) = sign_in(&stage, "/tenant/oauth2/v2.0/token", &form).await;
    assert_eq!(
        (status, &body["token_type"], &body["expires_in"]),
        (200, &json!("Bearer"), &json!(3599))
    );
    let token = body["access_token"].as_str().unwrap().to_owned();
    let call = || async {
        stage
            .http
            .get(stage.url("/x"))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(call().await, 200);
    assert_eq!(stage.counters().await["by_client"]["app"], 1);
    seconds.fetch_add(3600, Ordering::SeqCst);
    assert_eq!(call().await, 401);
}

#[tokio::test]
async fn version_one_takes_a_resource() {
    let stage = stage().await;
    let form = format!("{GOOD}&resource=https%3A%2F%2Forg");
    let (status, body) = sign_in(&stage, "/tenant/oauth2/token", &form).await;
    assert_eq!((status, &body["expires_in"]), (200, &json!("3599")));
    assert_eq!(body["resource"], "https://org");
}

#[tokio::test]
async fn refused_sign_ins_have_entras_codes() {
    let stage = stage().await;
    let scope = "&scope=https%3A%2F%2Forg%2F.default";
    for (form, status, error, code) in [
        (format!("{GOOD}X{scope}"), 401, "invalid_client", 7_000_215),
        (
            format!("{GOOD}{scope}").replace("id=app", "id=other"),
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            format!("{GOOD}{scope}").replace("&client_secret=s3cret", ""),
            401,
            "invalid_client",
            7_000_218,
        ),
        (GOOD.to_owned(), 400, "invalid_request", 900_144),
        (
            format!("grant_type=password{scope}"),
            400,
            "unsupported_grant_type",
            70_003,
        ),
    ] {
        let (seen, body) = sign_in(&stage, "/t/oauth2/v2.0/token", &form).await;
        assert_eq!(
            (seen, &body["error"], &body["error_codes"]),
            (status, &json!(error), &json!([code]))
        );
        let text = body["error_description"].as_str().unwrap();
        assert!(
            text.starts_with(&format!("AADSTS{code}: ")) && !text.contains("s3cret"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn tls_is_served_with_a_certificate_that_clients_can_trust() {
    let tls = Tls::self_signed().unwrap();
    let stage = stage().await;
    let control = Control {
        name: "echo",
        faults: Faults::new(1),
        counters: Counters::default(),
        tokens: Tokens::new(SignIn::default(), Clock::system()),
        rows: Rows::open(&Place::Memory, Vec::new()).unwrap(),
    };
    let bind = ([127, 0, 0, 1], 0).into();
    let running = serve_with(bind, Some(&tls), stage.echo.clone(), control)
        .await
        .unwrap();
    let url = format!("{}/x", running.url());
    assert!(url.starts_with("https://127.0.0.1:"));
    let certificate = reqwest::Certificate::from_pem(tls.certificate().as_bytes()).unwrap();
    let trusting = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([certificate]);
    let answer = trusting.build().unwrap().get(&url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), url);
    assert!(
        stage.http.get(&url).send().await.is_err(),
        "others do not trust it"
    );
}
