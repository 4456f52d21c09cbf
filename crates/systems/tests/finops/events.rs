//! What the service posts.

use crate::house::{create, group, house, id};
use duet_sandbox::finops::{Endpoint, EventKind};
use duet_systems::{System, codes};

#[tokio::test]
async fn posted_events_name_their_records() {
    let house = house().await;
    house.finops.schema("CustomerGroups").await.unwrap();
    let (sender, mut posted) = tokio::sync::mpsc::unbounded_channel();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let hook = axum::Router::new().route(
        "/hook",
        axum::routing::post(move |body: bytes::Bytes| {
            let sender = sender.clone();
            async move { sender.send(body).unwrap() }
        }),
    );
    let server = tokio::spawn(async move { axum::serve(listener, hook).await });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for kind in [EventKind::Data, EventKind::Business] {
        let endpoint = Endpoint {
            url: url.clone(),
            kind,
            entities: Vec::new(),
            header: None,
        };
        http.post(format!("{}/_sandbox/events", house.running.url()))
            .json(&endpoint)
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap();
    }
    let test_event = posted.recv().await.unwrap();
    assert_eq!(house.finops.read_notice(&test_event).unwrap(), []);
    house
        .write_group(create(group("usmf", "G/1")))
        .await
        .unwrap();
    for _ in 0..2 {
        let body = posted.recv().await.unwrap();
        let notices = house.finops.read_notice(&body).unwrap();
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].table, "CustomerGroups");
        assert_eq!(notices[0].record, Some(id("usmf", "G/1")));
    }
    for body in ["", "[]", "{}", "null"] {
        let error = house.finops.read_notice(body.as_bytes()).unwrap_err();
        assert_eq!(error.code, codes::NOTICE_UNREADABLE);
    }
    server.abort();
}
