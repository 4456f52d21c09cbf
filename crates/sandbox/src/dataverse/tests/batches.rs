//! `$batch` (A10), as other people's clients write it.

use odata::batch::{BatchRequest, BatchResponse, PartRequest, RequestPart, ResponsePart};

use super::*;

impl Stage {
    async fn batch(
        &self,
        parts: Vec<RequestPart>,
        headers: &[(&str, &str)],
    ) -> (u16, BatchResponse) {
        let encoded = BatchRequest { parts }.encode("a1");
        let mut request = self.http.post(self.url("$batch")).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .header("content-type", encoded.content_type)
            .body(encoded.body);
        let answer = request.send().await.unwrap();
        let content_type = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap();
        let decoded = BatchResponse::decode(&content_type, &body);
        (
            status,
            decoded.unwrap_or_else(|error| panic!("{error}: {body:?}")),
        )
    }
}

fn post(id: &str, url: &str, body: &Json) -> PartRequest {
    PartRequest::new("POST", url)
        .with_id(id)
        .with_json(body.to_string())
}

fn statuses(response: &BatchResponse) -> Vec<u16> {
    response.responses().map(|part| part.status).collect()
}

#[tokio::test]
async fn a_change_set_may_refer_to_its_own_rows() {
    let stage = Stage::new().await;
    let root = stage.root();
    let change_set = RequestPart::ChangeSet(vec![
        post("1", "/api/data/v9.2/contacts", &json!({"lastname": "L"})),
        post(
            "2",
            &format!("{root}/accounts"),
            &json!({"name": "A", "primarycontactid@odata.bind": "$1"}),
        ),
        PartRequest::new("PATCH", "$1")
            .with_id("3")
            .with_json(r#"{"firstname":"F"}"#),
        PartRequest::new("PUT", "$2/name")
            .with_id("4")
            .with_json(r#"{"value":"B"}"#),
        PartRequest::new("PUT", "$1/parentcustomerid_account/$ref")
            .with_id("5")
            .with_json(r#"{"@odata.id":"$2"}"#),
    ]);
    let read = RequestPart::Single(PartRequest::new(
        "GET",
        "/api/data/v9.2/accounts?$select=name&$expand=primarycontactid($select=fullname)",
    ));
    let (status, response) = stage.batch(vec![change_set, read], &[]).await;
    assert_eq!(status, 200);
    assert_eq!(statuses(&response), [204, 204, 204, 204, 204, 200]);
    let ResponsePart::ChangeSet(parts) = &response.parts[0] else {
        panic!("{response:?}")
    };
    assert_eq!(parts[1].content_id.as_deref(), Some("2"));
    assert!(
        parts[1]
            .header("OData-EntityId")
            .unwrap()
            .starts_with(&format!("{root}/accounts("))
    );
    let ResponsePart::Single(read) = &response.parts[1] else {
        panic!("{response:?}")
    };
    let body: Json = serde_json::from_slice(&read.body).unwrap();
    assert_eq!(body["value"][0]["name"], "B");
    assert_eq!(body["value"][0]["primarycontactid"]["fullname"], "F L");
}

#[tokio::test]
async fn a_failed_change_set_leaves_nothing_and_answers_once() {
    let stage = Stage::new().await;
    let change_set = RequestPart::ChangeSet(vec![
        post("1", "/api/data/v9.2/accounts", &json!({"name": "A"})),
        post("2", "/api/data/v9.2/accounts", &json!({"nope": "B"})),
    ]);
    let after = RequestPart::Single(PartRequest::new("GET", "/api/data/v9.2/accounts/$count"));
    let (status, response) = stage
        .batch(vec![change_set.clone(), after.clone()], &[])
        .await;
    assert_eq!(status, 400);
    assert_eq!(response.parts.len(), 1, "the rest was not carried out");
    let ResponsePart::ChangeSet(parts) = &response.parts[0] else {
        panic!("{response:?}")
    };
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].content_id.as_deref(), Some("2"));
    let body: Json = serde_json::from_slice(&parts[0].body).unwrap();
    assert_eq!(body["error"]["code"], "0x80048d19");

    let go_on = [("prefer", "odata.continue-on-error")];
    let (status, response) = stage.batch(vec![change_set, after], &go_on).await;
    assert_eq!((status, statuses(&response)), (200, vec![400, 200]));
    assert!(stage.column("accounts", "name").await.is_empty());
    assert_eq!(stage.dataverse.counts().rows_written, 0);
}

#[tokio::test]
async fn single_parts_stand_alone_and_the_first_failure_stops() {
    let stage = Stage::new().await;
    let single = |body: Json| {
        RequestPart::Single(
            PartRequest::new("POST", "/api/data/v9.2/accounts").with_json(body.to_string()),
        )
    };
    let missing = uuid::Uuid::nil();
    let parts = vec![
        single(json!({"name": "A"})),
        RequestPart::Single(PartRequest::new(
            "GET",
            format!("/api/data/v9.2/accounts({missing})"),
        )),
        single(json!({"name": "B"})),
    ];
    let (status, response) = stage.batch(parts.clone(), &[]).await;
    assert_eq!((status, statuses(&response)), (404, vec![204, 404]));
    let go_on = [("prefer", "odata.continue-on-error")];
    let (status, response) = stage.batch(parts, &go_on).await;
    assert_eq!((status, statuses(&response)), (200, vec![204, 404, 204]));
    assert_eq!(
        stage.column("accounts?$orderby=name", "name").await,
        ["A", "A", "B"]
    );
}

#[tokio::test]
async fn what_a_batch_may_not_hold_is_said() {
    let stage = Stage::new().await;
    for (part, text) in [
        (
            RequestPart::ChangeSet(vec![
                PartRequest::new("PATCH", "$7").with_id("1").with_json("{}"),
            ]),
            "Content-ID Reference: '$7' does not exist in the batch context.",
        ),
        (
            RequestPart::ChangeSet(vec![
                PartRequest::new("GET", "/api/data/v9.2/accounts").with_id("1"),
            ]),
            "cannot be part of a change set",
        ),
        (
            RequestPart::ChangeSet(vec![
                PartRequest::new("POST", "/api/data/v9.2/accounts").with_json("{}"),
            ]),
            "Content-ID should be specified",
        ),
        (
            RequestPart::Single(PartRequest::new("POST", "/api/data/v9.2/$batch").with_json("{}")),
            "cannot hold another batch",
        ),
    ] {
        let (status, response) = stage.batch(vec![part], &[]).await;
        assert_eq!(status, 400);
        let part = response.responses().next().unwrap();
        let body = String::from_utf8(part.body.clone()).unwrap();
        assert!(body.contains(text) && body.contains("0x80060888"), "{body}");
    }
    let broken = stage
        .http
        .post(stage.url("$batch"))
        .bearer_auth(&stage.token);
    let answer = broken
        .header("content-type", "multipart/mixed;boundary=x")
        .body("nothing")
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 400);
}

#[tokio::test]
async fn the_body_is_as_the_pickiest_reader_wants_it() {
    let stage = Stage::new().await;
    let body = format!(
        "\r\n--dwa_batch_1\r\nContent-Type: multipart/mixed;boundary=changeset_1\r\n\r\n\
         --changeset_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
         Content-ID: 100001\r\n\r\nPOST {0}/accounts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n\
         {{\"name\":\"A\"}}\r\n--changeset_1--\r\n--dwa_batch_1\r\nContent-Type: application/http\r\n\
         Content-Transfer-Encoding: binary\r\n\r\nGET {0}/accounts/$count HTTP/1.1\r\n\
         --dwa_batch_1--\r\n",
        stage.root()
    );
    let request = stage
        .http
        .post(stage.url("$batch"))
        .bearer_auth(&stage.token);
    let request = request
        .header("content-type", "multipart/mixed;boundary=dwa_batch_1")
        .body(body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(text.starts_with("--batchresponse_"), "{text}");
    let mut lines = text.split("\r\n");
    assert!(
        lines
            .nth(1)
            .unwrap()
            .starts_with("Content-Type: multipart/mixed;"),
        "{text}"
    );
    assert_eq!(lines.next(), Some(""));
    assert!(
        lines.next().unwrap().starts_with("--changesetresponse_"),
        "{text}"
    );
    assert!(
        text.contains("HTTP/1.1 204 No Content\r\n") && text.contains("Content-ID: 100001\r\n"),
        "{text}"
    );
    assert!(text.contains("Content-Type: text/plain\r\n"), "{text}");
}

#[tokio::test]
async fn a_torn_batch_keeps_what_came_before() {
    let stage = Stage::new().await;
    let rule = json!({"fault": "torn-batch", "after": 1, "count": 1});
    stage
        .control("POST", "faults", rule.clone())
        .await
        .expect(204);
    let single = |name: &str| {
        RequestPart::Single(
            PartRequest::new("POST", "/api/data/v9.2/accounts")
                .with_json(json!({"name": name}).to_string()),
        )
    };
    let send = |parts| {
        let encoded = BatchRequest { parts }.encode("a1");
        let request = stage
            .http
            .post(stage.url("$batch"))
            .bearer_auth(&stage.token);
        request
            .header("content-type", encoded.content_type)
            .body(encoded.body)
            .send()
    };
    assert!(send(vec![single("A"), single("B")]).await.is_err());
    assert_eq!(stage.column("accounts", "name").await, ["A"]);
    stage.control("POST", "faults", rule).await.expect(204);
    let change_set = RequestPart::ChangeSet(vec![
        post("1", "/api/data/v9.2/accounts", &json!({"name": "C"})),
        post("2", "/api/data/v9.2/accounts", &json!({"name": "D"})),
    ]);
    assert!(send(vec![change_set]).await.is_err());
    assert_eq!(
        stage.column("accounts", "name").await,
        ["A"],
        "a change set is whole or not there"
    );
}
