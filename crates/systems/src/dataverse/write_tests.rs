//! Writing to a table that does not look at versions, against a service of a few lines.

use super::*;
use crate::dataverse::DataverseConfig;
use crate::entra::EntraSignIn;
use crate::error::Class;
use crate::system::System;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, Response};
use duet_map::value::Row;
use odata::batch::{
    BatchRequest, BatchResponse, PartRequest, PartResponse, RequestPart, ResponsePart,
};
use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::json;
use std::sync::Mutex;

const ID: &str = "4026be43-6b69-e111-8f65-78e7d1620f5e";

/// The conditional headers of the writes that the service has seen.
type Seen = Arc<Mutex<Vec<String>>>;

/// A service with one table, whose only record stands at version 7 and which stores anything.
async fn answer(State(seen): State<Seen>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().rsplit('/').next().unwrap().to_owned();
    let json = match path.as_str() {
        "token" => json!({"access_token": "t", "expires_in": 3600}),
        "EntityDefinitions" => json!({"value": [{
            "LogicalName": "thing",
            "EntitySetName": "things",
            "PrimaryIdAttribute": "thingid",
            "ChangeTrackingEnabled": true,
            "IsOptimisticConcurrencyEnabled": false,
        }]}),
        "Attributes" => json!({"value": [
            {"LogicalName": "thingid", "AttributeType": "Uniqueidentifier"},
            {"LogicalName": "open", "AttributeType": "Boolean"},
        ]}),
        "$batch" => {
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let content_type = parts.headers["content-type"].to_str().unwrap();
            return batch(&seen, content_type, &body);
        }
        _ => json!({"value": []}),
    };
    Response::new(Body::from(json.to_string()))
}

fn batch(seen: &Seen, content_type: &str, body: &Bytes) -> Response<Body> {
    let batch = BatchRequest::decode(content_type, body).unwrap();
    let respond = |request: PartRequest| {
        if request.method != "GET" {
            let condition = request.header("If-Match").unwrap_or_default();
            seen.lock().unwrap().push(condition.to_owned());
        }
        let row = json!({"@odata.etag": "W/\"7\"", "thingid": ID, "open": true});
        ResponsePart::Single(PartResponse::new(200).with_body(row.to_string()))
    };
    let parts = batch
        .parts
        .into_iter()
        .map(|part| match part {
            RequestPart::Single(request) => respond(request),
            RequestPart::ChangeSet(_) => panic!("change sets are not asked for"),
        })
        .collect();
    let encoded = BatchResponse { parts }.encode("x");
    let reply = Response::builder().header("content-type", encoded.content_type);
    reply.body(Body::from(encoded.body)).unwrap()
}

#[tokio::test]
async fn a_table_that_does_not_check_versions_is_read_again_before_a_write() {
    let seen = Seen::default();
    let app = axum::Router::new()
        .fallback(answer)
        .with_state(Arc::clone(&seen));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let url: url::Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut sign_in = EntraSignIn::new("t", "c", SecretString::from("s"));
    sign_in.authority = Some(url.clone());
    let dataverse = DataverseConfig::new("sales", url, sign_in).build().unwrap();
    let update = |version: i64| Write::Update {
        id: RecordId(ID.into()),
        row: Row::new().with("open", true),
        if_version: Some(coding::version(&format!("W/\"{version}\""))),
    };
    let writes = vec![update(7), update(6), update(7)];
    let results = dataverse.write("things", &["open".into()], writes).await;
    let error = results[1].as_ref().unwrap_err();
    assert_eq!(error.class, Class::Moved);
    assert!(results[0].is_ok() && results[2].is_ok());
    // The service would refuse a version as a condition here.
    assert_eq!(*seen.lock().unwrap(), ["*", "*"]);
    server.abort();
}

#[test]
fn a_created_records_identifier_is_read_from_its_link() {
    let answer = |name: &'static str, link: &str| {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert(name, link.parse().unwrap());
        Answer {
            what: String::new(),
            status: StatusCode::NO_CONTENT,
            headers,
            body: Bytes::new(),
            repeated: false,
            torn: false,
        }
    };
    let link = format!(
        "https://org.crm.dynamics.com/api/data/v9.2/accounts({})",
        ID.to_uppercase()
    );
    for name in ["odata-entityid", "location"] {
        assert_eq!(created_id(&answer(name, &link)), Some(RecordId(ID.into())));
    }
    let by_key = "https://org/api/data/v9.2/accounts(accountnumber='1')";
    assert_eq!(created_id(&answer("location", by_key)), None);
}
