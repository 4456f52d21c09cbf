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
        let (sender, mut alerts) = mpsc::channel::<Alert>(WAITING);
        tokio::spawn(async move {
            let client = reqwest::Client::new();
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
                post(&client, &address, &body).await;
            }
        });
        Self(sender)
    }
}

async fn post(client: &reqwest::Client, address: &SecretString, body: &serde_json::Value) {
    let mut pause = Duration::from_secs(1);
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
