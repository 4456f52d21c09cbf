//! Posts alerts to a web hook.
//!
//! The engine only hands an alert over; posting, with its retries, happens on a task of its own, so
//! that a chat that is down holds up no change.

use duet_engine::progress::{Event, Progress};
use duet_store::lifecycle::Alert;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;

/// Most alerts that wait to be posted; more are only logged and shown.
const WAITING: usize = 100;

/// How often one alert is posted at most.
const TRIES: u32 = 5;

/// Hands alerts to the task that posts them.
pub struct Notifier(mpsc::Sender<Alert>);

impl Notifier {
    /// Starts the task. The address counts as a secret: those of chats hold a token.
    pub fn start(address: SecretString, project: String, environment: String) -> Self {
        Self::start_with(address, project, environment, Duration::from_secs(1))
    }

    /// `pause` is the first one between two tries; it doubles.
    fn start_with(
        address: SecretString,
        project: String,
        environment: String,
        pause: Duration,
    ) -> Self {
        let (sender, mut alerts) = mpsc::channel::<Alert>(WAITING);
        tokio::spawn(async move {
            let client = match reqwest::Client::builder().build() {
                Ok(client) => client,
                Err(error) => {
                    tracing::error!(%error, "alerts cannot be posted; they are only shown");
                    return;
                }
            };
            while let Some(alert) = alerts.recv().await {
                let body = json!({
                    "text": format!(
                        "Duet {project} ({environment}): {} - {}",
                        alert.map.as_deref().unwrap_or("both sides"),
                        alert.text
                    ),
                    "project": project,
                    "environment": environment,
                    "alert": alert,
                });
                post(&client, &address, &body, pause).await;
            }
        });
        Self(sender)
    }
}

async fn post(
    client: &reqwest::Client,
    address: &SecretString,
    body: &serde_json::Value,
    mut pause: Duration,
) {
    for attempt in 1..=TRIES {
        let sent = client
            .post(address.expose_secret())
            .timeout(Duration::from_secs(10))
            .json(body)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        match sent {
            Ok(_) => return,
            Err(error) => {
                // The address may hold a token.
                let error = error.without_url();
                tracing::warn!(attempt, %error, "an alert could not be posted");
            }
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

impl Progress for Notifier {
    fn report(&self, event: Event) {
        if let Event::Alert(alert) = event
            && self.0.try_send(alert).is_err()
        {
            tracing::warn!("too many alerts wait to be posted; this one is only shown");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[tokio::test]
    async fn an_alert_is_posted_again_until_it_is_taken() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/hook?token=x", listener.local_addr().unwrap());
        let notifier = Notifier::start_with(
            SecretString::from(address),
            "contoso".to_owned(),
            "prod".to_owned(),
            Duration::from_millis(1),
        );
        notifier.report(Event::Live);
        notifier.report(Event::Alert(Alert {
            at: jiff::Timestamp::UNIX_EPOCH,
            rule: "1 503 error in 5m".to_owned(),
            action: "notify".to_owned(),
            map: Some("customers".to_owned()),
            text: "1 503 error in 5m".to_owned(),
        }));
        let chat = tokio::task::spawn_blocking(move || {
            ["503 Service Unavailable", "200 OK"].map(|status| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = String::new();
                while !request.contains("\"alert\"") {
                    let mut buffer = [0; 4096];
                    let count = stream.read(&mut buffer).unwrap();
                    request.push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
                .unwrap();
                request
            })
        });
        for post in chat.await.unwrap() {
            assert!(post.starts_with("POST /hook?token=x"), "{post}");
            let text = "Duet contoso (prod): customers - 1 503 error in 5m";
            assert!(post.contains(text), "{post}");
        }
    }
}
