//! `$batch` with and without change sets.

use odata::batch::{BatchRequest, BatchResponse, PartRequest, RequestPart, ResponsePart};

use super::*;

fn create(account: &str) -> PartRequest {
    PartRequest::new("POST", "/data/CustomersV3")
        .with_id(account)
        .with_json(
            json!({"dataAreaId": "usmf", "CustomerAccount": account, "CustomerGroupId": "10"})
                .to_string(),
        )
}

async fn batch(
    sandbox: &Sandbox,
    parts: Vec<RequestPart>,
    headers: &[(&str, &str)],
) -> BatchResponse {
    let encoded = BatchRequest { parts }.encode("1");
    let mut request = sandbox
        .http
        .post(format!("{}/data/$batch", sandbox.running.url()))
        .bearer_auth(&sandbox.token)
        .header("Content-Type", &encoded.content_type)
        .body(encoded.body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let content_type = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    BatchResponse::decode(&content_type, &answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_change_set_is_written_as_one_and_counts_each_row() {
    let sandbox = Sandbox::with_groups().await;
    let parts = vec![RequestPart::ChangeSet(vec![
        create("A").with_header("Prefer", "return=representation"),
        create("B"),
        PartRequest::new("PATCH", "$A")
            .with_id("3")
            .with_json(r#"{"SalesMemo":"x"}"#),
    ])];
    let answer = batch(&sandbox, parts, &[]).await;
    let ResponsePart::ChangeSet(answers) = &answer.parts[0] else {
        panic!("{answer:?}")
    };
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [201, 201, 204]);
    assert_eq!(answers[0].content_id.as_deref(), Some("A"));
    assert_eq!(sandbox.finops.counters().counts().rows_written, 3);
    let row = sandbox
        .get("/data/CustomersV3(dataAreaId='usmf',CustomerAccount='A')")
        .await
        .json();
    assert_eq!(row["SalesMemo"], "x");
}

#[tokio::test]
async fn a_failed_change_set_leaves_nothing_and_answers_once() {
    let sandbox = Sandbox::with_groups().await;
    let parts = vec![RequestPart::ChangeSet(vec![
        create("A"),
        create("B"),
        create("A"),
    ])];
    let answer = batch(&sandbox, parts, &[]).await;
    let answers: Vec<_> = answer.responses().collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].status, 400);
    assert!(String::from_utf8_lossy(&answers[0].body).contains("already exists"));
    assert_eq!(sandbox.finops.count("CustomersV3").unwrap(), 0);
    assert_eq!(sandbox.finops.counters().counts().rows_written, 0);
}

#[tokio::test]
async fn a_batch_stops_at_the_first_failure_unless_asked_to_go_on() {
    let parts = || {
        vec![
            RequestPart::Single(create("A")),
            RequestPart::Single(create("A")),
            RequestPart::Single(PartRequest::new(
                "GET",
                "CustomersV3?$select=CustomerAccount",
            )),
        ]
    };
    let sandbox = Sandbox::with_groups().await;
    let answer = batch(&sandbox, parts(), &[]).await;
    let statuses: Vec<u16> = answer.responses().map(|answer| answer.status).collect();
    assert_eq!(statuses, [201, 400]);
    let go_on = [("Prefer", "odata.continue-on-error")];
    let answer = batch(&sandbox, parts(), &go_on).await;
    let statuses: Vec<u16> = answer.responses().map(|answer| answer.status).collect();
    assert_eq!(statuses, [400, 400, 200]);
}

#[tokio::test]
async fn a_torn_batch_keeps_what_was_committed() {
    let sandbox = Sandbox::with_groups().await;
    let rule = json!({"fault": "torn-batch", "after": 1, "count": 1});
    sandbox.post("/_sandbox/faults", rule).await;
    let encoded = BatchRequest {
        parts: vec![
            RequestPart::Single(create("A")),
            RequestPart::Single(create("B")),
        ],
    }
    .encode("1");
    let outcome = sandbox
        .http
        .post(format!("{}/data/$batch", sandbox.running.url()))
        .bearer_auth(&sandbox.token)
        .header("Content-Type", &encoded.content_type)
        .body(encoded.body)
        .send()
        .await;
    assert!(outcome.is_err(), "the connection is cut");
    assert_eq!(sandbox.finops.count("CustomersV3").unwrap(), 1);
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_a_bad_request() {
    let sandbox = Sandbox::start().await;
    let answer = sandbox.post("/data/$batch", json!({})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}
