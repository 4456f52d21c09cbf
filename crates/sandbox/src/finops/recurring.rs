//! Recurring integrations: files put into a queue and taken from one, message by message
//! (protocol reference B7).

use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use axum::http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::Store;
use super::error::{Refused, json_response};
use super::session::User;

/// Where the queues are.
const PATH: &str = "/api/connector/";
/// After this time a message that was taken but not acknowledged is given again.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// What the control endpoint is told: export a project into the queue of an activity.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Feed {
    pub(super) activity: String,
    pub(super) project: String,
    #[serde(default)]
    pub(super) company: Option<String>,
}

struct Message {
    activity: String,
    id: Uuid,
    receipt: Uuid,
    /// The address of its file, below the host.
    location: String,
    taken: Option<Timestamp>,
}

/// The messages that wait to be taken.
#[derive(Default)]
pub(super) struct Queues {
    messages: Mutex<Vec<Message>>,
}

impl Queues {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<Message>) -> T) -> T {
        work(&mut self.messages.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a file into the queue of an activity.
    pub(super) fn put(&self, activity: &str, location: String) {
        let message = Message {
            activity: activity.to_owned(),
            id: Uuid::new_v4(),
            receipt: Uuid::nil(),
            location,
            taken: None,
        };
        self.with(|messages| messages.push(message));
    }

    fn take(&self, activity: &str, origin: &str, now: Timestamp) -> Option<Json> {
        self.with(|messages| {
            let message = messages.iter_mut().find(|message| {
                let free = message
                    .taken
                    .is_none_or(|taken| now.duration_since(taken) >= AGAIN_AFTER);
                free && message.activity.eq_ignore_ascii_case(activity)
            })?;
            message.taken = Some(now);
            message.receipt = Uuid::new_v4();
            Some(json!({
                "CorrelationId": message.id,
                "PopReceipt": message.receipt,
                "DownloadLocation": format!("{origin}{}", message.location),
                "IsDownLoadFileExist": true,
                "FileDownLoadErrorMessage": null,
                "LastDequeueDateTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            }))
        })
    }

    /// Removes a message by the body with which it was given; whether it was there.
    fn acknowledge(&self, body: &[u8]) -> bool {
        let given: Option<(Uuid, Uuid)> =
            serde_json::from_slice::<Json>(body).ok().and_then(|body| {
                let id = |name: &str| Uuid::try_parse(body.get(name)?.as_str()?).ok();
                Some((id("CorrelationId")?, id("PopReceipt")?))
            });
        self.with(|messages| {
            let before = messages.len();
            messages.retain(|message| Some((message.id, message.receipt)) != given);
            messages.len() < before
        })
    }
}

impl Store {
    /// Answers a request to a queue; nothing when the path leads to none.
    pub(super) fn connector(
        &self,
        request: &Request<Bytes>,
        origin: &str,
        user: &User,
    ) -> Option<Result<Response<Bytes>, Refused>> {
        let rest = request.uri().path().strip_prefix(PATH)?;
        let (verb, activity) = rest.split_once('/')?;
        let activity = activity.trim_matches('/');
        Some(match (request.method(), verb) {
            (&Method::POST, "enqueue") => self.enqueue(request, user),
            (&Method::GET, "dequeue") => {
                let taken = self.queues.take(activity, origin, self.clock.now());
                Ok(match taken {
                    Some(message) => json_response(StatusCode::OK, &message),
                    None => {
                        json_response(StatusCode::NO_CONTENT, &Json::Null).map(|_| Bytes::new())
                    }
                })
            }
            (&Method::POST, "ack") => {
                if self.queues.acknowledge(request.body()) {
                    Ok(json_response(StatusCode::OK, &json!("Success")))
                } else {
                    Err(Refused::request(
                        "The message is not known, or was given again since: acknowledge with the \
                         body of its last dequeue.",
                    ))
                }
            }
            _ => Err(Refused::Method(format!(
                "'{}' is not possible on a queue.",
                request.method()
            ))),
        })
    }

    /// Takes a file in, a package or the rows of one entity; its import begins at once.
    fn enqueue(&self, request: &Request<Bytes>, user: &User) -> Result<Response<Bytes>, Refused> {
        let query = request.uri().query().unwrap_or_default();
        let option = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.into_owned())
        };
        let company = option("company");
        let id = Uuid::new_v4();
        self.import_message(
            &id.to_string(),
            option("entity"),
            company.as_deref(),
            request.body().clone(),
            user,
        )?;
        Ok(json_response(StatusCode::OK, &json!(id)))
    }
}
