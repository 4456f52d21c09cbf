//! Data events and business events.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use tokio::sync::{Mutex, mpsc};

use super::*;
use crate::finops::{Endpoint, EventKind};

/// An endpoint that hands on what it is sent and refuses the first few deliveries.
struct Receiver {
    url: String,
    events: mpsc::UnboundedReceiver<Value>,
}

struct Inbox {
    refuse: u32,
    events: mpsc::UnboundedSender<Value>,
}

async fn receiver(refuse: u32) -> Receiver {
    async fn take(State(inbox): State<Arc<Mutex<Inbox>>>, body: String) -> StatusCode {
        let mut inbox = inbox.lock().await;
        if inbox.refuse > 0 {
            inbox.refuse -= 1;
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        inbox
            .events
            .send(serde_json::from_str(&body).unwrap())
            .unwrap();
        StatusCode::OK
    }
    let (sender, events) = mpsc::unbounded_channel();
    let inbox = Arc::new(Mutex::new(Inbox {
        refuse,
        events: sender,
    }));
    let app = Router::new().route("/events", post(take)).with_state(inbox);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    Receiver { url, events }
}

fn attributes(entity: &Value) -> Vec<(String, Value)> {
    entity["Attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| {
            (
                pair["key"].as_str().unwrap().to_owned(),
                pair["value"].clone(),
            )
        })
        .collect()
}

#[tokio::test]
async fn each_committed_write_is_told_with_the_key_of_its_row() {
    let mut receiver = receiver(0).await;
    let sandbox = Sandbox::with_groups().await;
    let endpoint = json!({"url": receiver.url, "entities": ["CustomersV3"]});
    assert_eq!(
        sandbox.post("/_sandbox/events", endpoint).await.status,
        StatusCode::NO_CONTENT
    );
    let path = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')";
    let row = json!({"CustomerAccount": "US-001", "CustomerGroupId": "10"});
    sandbox.post("/data/CustomersV3", row.clone()).await;
    assert_eq!(
        sandbox.post("/data/CustomersV3", row).await.status,
        StatusCode::BAD_REQUEST
    );
    sandbox.patch(path, json!({"OnHoldStatus": "All"})).await;
    sandbox.delete(path).await;

    let mut messages = Vec::new();
    for _ in 0..3 {
        let event = receiver.events.recv().await.unwrap();
        assert_eq!(event["PrimaryEntityName"], "mserp_custcustomerv3entity");
        let target = attributes(&event["InputParameters"][0]["value"]);
        for (name, value) in [
            ("mserp_dataareaid", "usmf"),
            ("mserp_customeraccount", "US-001"),
        ] {
            assert!(
                target.contains(&(name.to_owned(), json!(value))),
                "{target:?}"
            );
        }
        // Empty dates are left out.
        assert!(
            !target
                .iter()
                .any(|(name, _)| name == "mserp_addressvalidfrom")
        );
        messages.push(event["MessageName"].as_str().unwrap().to_owned());
        if messages.len() == 2 {
            let hold = target
                .iter()
                .find(|(name, _)| name == "mserp_onholdstatus")
                .unwrap();
            assert_eq!(hold.1["Value"], json!(2));
            assert!(
                !target.iter().any(|(name, _)| name == "mserp_salesmemo"),
                "unchanged"
            );
            assert_eq!(event["PreEntityImages"][0]["key"], "PreImage");
        }
    }
    assert_eq!(
        messages,
        [
            "OnExternalCreated",
            "OnExternalUpdated",
            "OnExternalDeleted"
        ]
    );
    let report = sandbox.get("/_sandbox/events").await.json();
    assert_eq!(report["endpoints"][0]["url"], receiver.url.as_str());
}

#[tokio::test]
async fn business_events_are_flat_and_begin_with_a_test() {
    let mut receiver = receiver(0).await;
    let sandbox = Sandbox::with_groups().await;
    let endpoint = json!({"url": receiver.url, "kind": "business"});
    sandbox.post("/_sandbox/events", endpoint).await;
    let test = receiver.events.recv().await.unwrap();
    assert_eq!(
        test["BusinessEventId"],
        "BusinessEventsTestEndpointContract"
    );
    assert_eq!(test["ControlNumber"], json!(i64::MIN));
    let row = json!({"CustomerAccount": "US-001", "CustomerGroupId": "10"});
    sandbox.post("/data/CustomersV3", row).await;
    let event = receiver.events.recv().await.unwrap();
    assert_eq!(
        event["BusinessEventId"],
        "CustCustomerV3CreatedBusinessEvent"
    );
    assert_eq!(event["BusinessEventLegalEntity"], "usmf");
    assert_eq!(event["CustomerAccount"], "US-001");
}

#[tokio::test]
async fn a_delivery_is_tried_again_three_times_and_then_given_up() {
    let (mut patient, deaf) = (receiver(3).await, receiver(u32::MAX).await);
    let config = FinOpsConfig {
        event_retry_pause: Duration::ZERO,
        ..config()
    };
    let sandbox = Sandbox::with(config).await;
    for url in [&deaf.url, &patient.url] {
        sandbox.post("/_sandbox/events", json!({"url": url})).await;
    }
    sandbox
        .post("/data/Currencies", json!({"CurrencyCode": "GBP"}))
        .await;
    let event = patient.events.recv().await.unwrap();
    assert_eq!(event["MessageName"], "OnExternalCreated");
    // The other endpoint has its own line; its failure comes in its own time.
    let report = loop {
        let report = sandbox.get("/_sandbox/events").await.json();
        if report["failed"] == json!(1) {
            break report;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(report["failures"][0]["url"], deaf.url.as_str());
    assert_eq!(report["failures"][0]["entity"], "Currencies");
}

#[tokio::test]
async fn an_endpoint_registers_once_and_can_be_removed() {
    let sandbox = Sandbox::start().await;
    let endpoint = json!({"url": "http://127.0.0.1:9/events", "header": ["x-key", "hidden"]});
    for _ in 0..2 {
        sandbox.post("/_sandbox/events", endpoint.clone()).await;
    }
    let report = sandbox.get("/_sandbox/events").await;
    assert_eq!(report.json()["endpoints"].as_array().unwrap().len(), 1);
    assert!(!report.text.contains("hidden"));
    let typo = json!({"uri": "http://127.0.0.1:9/events"});
    let answer = sandbox
        .send(Method::DELETE, "/_sandbox/events", &[], Some(typo))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = sandbox
        .send(Method::DELETE, "/_sandbox/events", &[], Some(endpoint))
        .await;
    assert_eq!(answer.json()["removed"], json!(1));
}

#[tokio::test]
async fn endpoints_of_the_configuration_are_told_from_the_start() {
    let mut receiver = receiver(0).await;
    let config = FinOpsConfig {
        endpoints: vec![Endpoint {
            url: receiver.url.clone(),
            kind: EventKind::Data,
            entities: Vec::new(),
            header: None,
        }],
        ..config()
    };
    let sandbox = Sandbox::with(config).await;
    sandbox
        .post("/data/Currencies", json!({"CurrencyCode": "GBP"}))
        .await;
    let event = receiver.events.recv().await.unwrap();
    assert_eq!(event["PrimaryEntityName"], "mserp_currencyentity");
}
