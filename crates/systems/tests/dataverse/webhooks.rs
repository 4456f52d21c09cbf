//! Registering webhooks, and what they post.

use crate::house::{account, create, house, id, stored};
use crate::stand_in::columns;
use duet_systems::System;
use secrecy::SecretString;

#[tokio::test]
async fn subscribing_twice_registers_once_and_posts_name_their_records() {
    let house = house().await;
    let (sender, mut posted) = tokio::sync::mpsc::unbounded_channel();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let callback: url::Url = format!("http://{}/hook", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let hook = axum::Router::new().route(
        "/hook",
        axum::routing::post(move |body: bytes::Bytes| {
            let sender = sender.clone();
            async move { sender.send(body).unwrap() }
        }),
    );
    let server = tokio::spawn(async move { axum::serve(listener, hook).await });
    let key = SecretString::from("knock knock");
    let tables = columns(&["accounts", "contacts"]);
    for _ in 0..2 {
        house
            .dataverse
            .subscribe(&tables, &callback, &key)
            .await
            .unwrap();
    }
    let (steps, ..) = house.snapshot("sdkmessageprocessingsteps", &[]).await;
    assert_eq!(steps.len(), 6);
    house.dataverse.schema("accounts").await.unwrap();
    stored(house.write_account(create(1, account("A"))).await);
    let body = posted.recv().await.unwrap();
    let notices = house.dataverse.read_notice(&body).unwrap();
    assert_eq!(notices.len(), 1);
    assert_eq!(
        (notices[0].table.as_str(), notices[0].record.clone()),
        ("accounts", Some(id(1)))
    );
    server.abort();
}
