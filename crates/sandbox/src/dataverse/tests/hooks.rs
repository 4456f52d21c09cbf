//! Webhook steps (A15).

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use axum::extract::State;
use axum::http::HeaderMap;
use tokio::sync::mpsc;

use super::*;

type Heard = (HeaderMap, String, Json);

#[derive(Clone)]
struct Ear {
    heard: mpsc::UnboundedSender<Heard>,
    /// The answer to the next calls, and to those after as many as `times`.
    status: Arc<AtomicU16>,
    times: Arc<AtomicUsize>,
}

/// A receiver of webhooks.
struct Receiver {
    url: String,
    ear: Ear,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl Receiver {
    async fn new() -> Self {
        async fn hear(
            State(ear): State<Ear>,
            headers: HeaderMap,
            request: axum::extract::Request,
        ) -> StatusCode {
            let query = request.uri().query().unwrap_or_default().to_owned();
            let body = axum::body::to_bytes(request.into_body(), 1 << 20)
                .await
                .unwrap();
            let body = serde_json::from_slice(&body).unwrap();
            ear.heard.send((headers, query, body)).unwrap();
            if ear.times.load(Ordering::SeqCst) == 0 {
                return StatusCode::OK;
            }
            ear.times.fetch_sub(1, Ordering::SeqCst);
            StatusCode::from_u16(ear.status.load(Ordering::SeqCst)).unwrap()
        }
        let (sender, heard) = mpsc::unbounded_channel();
        let ear = Ear {
            heard: sender,
            status: Arc::new(AtomicU16::new(200)),
            times: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(hear).with_state(ear.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, ear, heard }
    }

    fn answer(&self, status: u16, times: usize) {
        self.ear.status.store(status, Ordering::SeqCst);
        self.ear.times.store(times, Ordering::SeqCst);
    }

    async fn next(&mut self) -> Heard {
        self.heard.recv().await.unwrap()
    }
}

/// Registers a step for a message of `account`; gives its id.
async fn register(stage: &Stage, receiver: &Receiver, message: &str, step: Json) -> String {
    let endpoint = stage
        .make(
            "serviceendpoints",
            json!({
                "name": "hook", "contract": 8, "authtype": 5, "url": receiver.url,
                "authvalue": "<settings><setting name=\"x-key\" value=\"k&amp;1\"/></settings>",
            }),
        )
        .await;
    let id = |set: &'static str, filter: String, column: &'static str| async move {
        stage
            .column(&format!("{set}?$filter={filter}"), column)
            .await
            .remove(0)
    };
    let message_id = id(
        "sdkmessages",
        format!("name eq '{message}'"),
        "sdkmessageid",
    )
    .await;
    let filter =
        format!("primaryobjecttypecode eq 'account' and _sdkmessageid_value eq {message_id}");
    let filter = id("sdkmessagefilters", filter, "sdkmessagefilterid").await;
    let mut body = json!({
        "name": format!("{message} of account"), "mode": 1, "stage": 40, "rank": 1,
        "sdkmessageid@odata.bind": format!("/sdkmessages({message_id})"),
        "sdkmessagefilterid@odata.bind": format!("/sdkmessagefilters({filter})"),
        "eventhandler_serviceendpoint@odata.bind": format!("/serviceendpoints({endpoint})"),
    });
    for (name, value) in step.as_object().unwrap() {
        body[name] = value.clone();
    }
    stage.make("sdkmessageprocessingsteps", body).await
}

fn attribute<'j>(entity: &'j Json, key: &str) -> Option<&'j Json> {
    let attributes = entity["Attributes"].as_array().unwrap();
    attributes
        .iter()
        .find(|one| one["key"] == key)
        .map(|one| &one["value"])
}

#[tokio::test]
async fn a_create_posts_its_context() {
    let stage = Stage::new().await;
    let mut receiver = Receiver::new().await;
    register(&stage, &receiver, "Create", json!({})).await;
    stage
        .make("contacts", json!({"lastname": "Not listened to"}))
        .await;
    let id = stage
        .make(
            "accounts?tag=duet",
            json!({
                "name": "A", "customertypecode": 3, "creditlimit": 5,
                "lastonholdtime": "2017-09-25T23:10:47Z",
            }),
        )
        .await;
    let (headers, _, context) = receiver.next().await;
    assert_eq!(headers["x-ms-dynamics-entity-name"], "account");
    assert_eq!(headers["x-ms-dynamics-request-name"], "Create");
    assert_eq!(headers["x-key"], "k&1");
    assert_eq!(
        headers["x-ms-correlation-request-id"],
        context["CorrelationId"].as_str().unwrap()
    );
    assert_eq!(
        (&context["MessageName"], &context["Mode"]),
        (&json!("Create"), &json!(1))
    );
    assert_eq!(
        (&context["PrimaryEntityName"], &context["PrimaryEntityId"]),
        (&json!("account"), &json!(id))
    );
    assert_eq!(
        context["SharedVariables"],
        json!([{"key": "tag", "value": "duet"}])
    );
    assert_eq!(
        context["OutputParameters"],
        json!([{"key": "id", "value": id}])
    );
    let target = &context["InputParameters"][0]["value"];
    assert_eq!(
        target["__type"],
        "Entity:http://schemas.microsoft.com/xrm/2011/Contracts"
    );
    assert_eq!(attribute(target, "name").unwrap(), "A");
    assert_eq!(attribute(target, "customertypecode").unwrap()["Value"], 3);
    assert_eq!(
        attribute(target, "lastonholdtime").unwrap(),
        "/Date(1506381047000)/"
    );
    let by = attribute(target, "modifiedby").unwrap();
    assert_eq!(
        (&by["LogicalName"], &by["Id"]),
        (&json!("systemuser"), &context["UserId"])
    );
    assert_eq!(attribute(target, "description"), None);
}

#[tokio::test]
async fn an_update_posts_written_columns_when_its_filter_lets_it() {
    let stage = Stage::new().await;
    let mut receiver = Receiver::new().await;
    let step = register(
        &stage,
        &receiver,
        "Update",
        json!({"filteringattributes": "name,fax"}),
    )
    .await;
    stage.make("sdkmessageprocessingstepimages", json!({
        "name": "pre", "entityalias": "pre", "imagetype": 0, "attributes": "name",
        "messagepropertyname": "Target",
        "sdkmessageprocessingstepid@odata.bind": format!("/sdkmessageprocessingsteps({step})"),
    })).await;
    let id = stage
        .make("accounts", json!({"name": "Old", "telephone1": "1"}))
        .await;
    let path = format!("accounts({id})");
    stage
        .patch(&path, json!({"telephone1": "2"}))
        .await
        .expect(204);
    stage.patch(&path, json!({"name": "New"})).await.expect(204);
    let (_, _, context) = receiver.next().await;
    let target = &context["InputParameters"][0]["value"];
    assert_eq!(
        attribute(target, "name").unwrap(),
        "New",
        "the first change was filtered out"
    );
    assert_eq!(attribute(target, "telephone1"), None);
    let image = &context["PreEntityImages"][0];
    assert_eq!(image["key"], "pre");
    assert_eq!(attribute(&image["value"], "name").unwrap(), "Old");
    assert_eq!(attribute(&image["value"], "telephone1"), None);
    stage
        .patch(
            &format!("sdkmessageprocessingsteps({step})"),
            json!({"statecode": 1}),
        )
        .await
        .expect(204);
    stage
        .patch(&path, json!({"name": "Unheard"}))
        .await
        .expect(204);
    stage
        .patch(
            &format!("sdkmessageprocessingsteps({step})"),
            json!({"statecode": 0}),
        )
        .await
        .expect(204);
    stage
        .patch(&path, json!({"name": "Heard"}))
        .await
        .expect(204);
    let (_, _, context) = receiver.next().await;
    assert_eq!(
        attribute(&context["InputParameters"][0]["value"], "name").unwrap(),
        "Heard"
    );
}

#[tokio::test]
async fn a_delete_posts_a_reference_and_the_image_before() {
    let stage = Stage::new().await;
    let mut receiver = Receiver::new().await;
    let step = register(&stage, &receiver, "Delete", json!({})).await;
    stage.make("sdkmessageprocessingstepimages", json!({
        "entityalias": "pre", "imagetype": 0,
        "sdkmessageprocessingstepid@odata.bind": format!("/sdkmessageprocessingsteps({step})"),
    })).await;
    let id = stage
        .make("accounts", json!({"name": "A", "accountnumber": "7"}))
        .await;
    stage.delete(&format!("accounts({id})")).await.expect(204);
    let (_, _, context) = receiver.next().await;
    let target = &context["InputParameters"][0]["value"];
    assert_eq!(
        target["__type"],
        "EntityReference:http://schemas.microsoft.com/xrm/2011/Contracts"
    );
    assert_eq!(target["Id"], id);
    assert_eq!(
        attribute(&context["PreEntityImages"][0]["value"], "accountnumber").unwrap(),
        "7"
    );
}

#[tokio::test]
async fn only_a_gateway_error_is_tried_again_and_once() {
    let stage = Stage::new().await;
    let mut receiver = Receiver::new().await;
    register(&stage, &receiver, "Create", json!({})).await;
    receiver.answer(503, 1);
    stage.make("accounts", json!({"name": "A"})).await;
    let (first, second) = (receiver.next().await.2, receiver.next().await.2);
    assert_eq!(first["OperationId"], second["OperationId"]);
    receiver.answer(500, 1);
    stage.make("accounts", json!({"name": "B"})).await;
    receiver.next().await;
    let job = loop {
        let jobs = stage.get("asyncoperations").await.expect(200).json();
        if let Some(job) = jobs["value"].as_array().unwrap().first() {
            break job.clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        (&job["statuscode"], &job["primaryentitytype"]),
        (&json!(31), &json!("account"))
    );
    assert!(job["friendlymessage"].as_str().unwrap().contains("500"));
    stage.make("accounts", json!({"name": "C"})).await;
    let target = receiver.next().await.2["InputParameters"][0]["value"].clone();
    assert_eq!(
        attribute(&target, "name").unwrap(),
        "C",
        "the failure was not repeated"
    );
}

#[tokio::test]
async fn a_synchronous_step_that_fails_undoes_the_write() {
    let stage = Stage::new().await;
    let mut receiver = Receiver::new().await;
    register(&stage, &receiver, "Create", json!({"mode": 0})).await;
    receiver.answer(400, 1);
    let refused = stage.post("accounts", json!({"name": "A"})).await;
    refused.expect_error(400, "0x80040265", "answered 400");
    assert!(stage.column("accounts", "name").await.is_empty());
    assert_eq!(receiver.next().await.2["Mode"], 0);
    stage.make("accounts", json!({"name": "B"})).await;
    assert_eq!(stage.column("accounts", "name").await, ["B"]);
}

#[tokio::test]
async fn a_webhook_key_travels_in_the_query() {
    let stage = Stage::new().await;
    let mut receiver = Receiver::new().await;
    register(&stage, &receiver, "Create", json!({})).await;
    let endpoint = stage
        .column("serviceendpoints", "serviceendpointid")
        .await
        .remove(0);
    let body = json!({"authtype": 4, "authvalue": "a key"});
    stage
        .patch(&format!("serviceendpoints({endpoint})"), body)
        .await
        .expect(204);
    stage.make("accounts", json!({"name": "A"})).await;
    let (headers, query, _) = receiver.next().await;
    assert_eq!(query, "code=a+key");
    assert!(headers.get("x-key").is_none());
}
