//! `$batch`: parts in order, each in a transaction of its own; change sets all or nothing (protocol
//! reference B3).

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response};
use odata::batch::{
    BatchRequest, BatchResponse, PartRequest, PartResponse, RequestPart, ResponsePart,
};
use uuid::Uuid;

use super::Store;
use super::error::Refused;
use super::operation::{self, json_part, prefer};
use super::session::{Session, User};
use crate::faults::Plan;

/// Operations that a batch may hold.
const MAX_BATCH: usize = 5000;

impl Store {
    /// Answers a batch.
    pub(super) fn batch(
        &self,
        request: &Request<Bytes>,
        origin: &str,
        user: &User,
    ) -> Result<Response<Bytes>, Refused> {
        if request.method() != Method::POST {
            return Err(Refused::Method("A batch is posted.".to_owned()));
        }
        let header = |name: HeaderName| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let batch = BatchRequest::decode(header(CONTENT_TYPE), request.body())
            .map_err(|error| Refused::request(format!("The batch cannot be read {error}.")))?;
        let operations: usize = batch
            .parts
            .iter()
            .map(|part| match part {
                RequestPart::Single(_) => 1,
                RequestPart::ChangeSet(parts) => parts.len(),
            })
            .sum();
        if operations > MAX_BATCH {
            return Err(Refused::request(format!(
                "The batch has {operations} operations; {MAX_BATCH} are allowed."
            )));
        }
        let prefer = prefer(
            request
                .headers()
                .get_all("prefer")
                .iter()
                .filter_map(|value| value.to_str().ok()),
        );
        let torn = request
            .extensions()
            .get::<Plan>()
            .and_then(|plan| plan.torn_batch_after);

        let mut answers = Vec::with_capacity(batch.parts.len());
        let mut done = 0;
        for part in &batch.parts {
            if torn.is_some_and(|after| done >= after) {
                return Err(Refused::Cut);
            }
            let (answer, succeeded) = match part {
                RequestPart::Single(part) => {
                    done += 1;
                    let answer = match self.alone(part, origin, user) {
                        Ok(answer) => answer,
                        Err(refused) => refusal(&refused),
                    };
                    let succeeded = answer.is_success();
                    (
                        ResponsePart::Single(with_id(answer, part.content_id.as_deref())),
                        succeeded,
                    )
                }
                RequestPart::ChangeSet(parts) => {
                    done += parts.len();
                    match self.change_set(parts, origin, user) {
                        Ok(answers) => (ResponsePart::ChangeSet(answers), true),
                        Err((failed, refused)) => {
                            let id = parts
                                .get(failed)
                                .and_then(|part| part.content_id.as_deref());
                            let answer = with_id(refusal(&refused), id);
                            (ResponsePart::ChangeSet(vec![answer]), false)
                        }
                    }
                }
            };
            answers.push(answer);
            if !succeeded && !prefer.continue_on_error {
                break;
            }
        }
        // With every part carried out and committed the answer may still be torn away.
        if torn.is_some_and(|after| done >= after) {
            return Err(Refused::Cut);
        }
        let encoded = BatchResponse { parts: answers }.encode(&Uuid::new_v4().simple().to_string());
        let mut response = Response::new(Bytes::from(encoded.body));
        if let Ok(value) = HeaderValue::from_str(&encoded.content_type) {
            response.headers_mut().insert(CONTENT_TYPE, value);
        }
        response.headers_mut().insert(
            HeaderName::from_static("odata-version"),
            HeaderValue::from_static("4.0"),
        );
        Ok(response)
    }

    /// Runs the operations of a change set in one transaction; on failure gives the index of the
    /// operation that failed.
    fn change_set(
        &self,
        parts: &[PartRequest],
        origin: &str,
        user: &User,
    ) -> Result<Vec<PartResponse>, (usize, Refused)> {
        let settings = self.settings();
        let mut failed = 0;
        let outcome = self.rows.write(|tx| -> Result<_, Refused> {
            let session = Session::new(self, &settings, tx, user);
            let mut answers = Vec::with_capacity(parts.len());
            let mut created: Vec<(String, String)> = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                failed = index;
                if part.method == "GET" {
                    return Err(Refused::request("A change set cannot hold a read."));
                }
                let answer = operation::run(&session, part, origin, &created)?;
                if let (Some(id), Some(location)) = (&part.content_id, answer.header("Location")) {
                    created.push((id.clone(), location.to_owned()));
                }
                answers.push(with_id(answer, part.content_id.as_deref()));
            }
            Ok((answers, session.effects.into_inner()))
        });
        match outcome {
            Ok((answers, effects)) => {
                self.committed(effects, user);
                Ok(answers)
            }
            Err(refused) => Err((failed, refused)),
        }
    }
}

fn refusal(refused: &Refused) -> PartResponse {
    if let Refused::Rows(error) = refused {
        tracing::error!(%error, "an operation of a batch failed");
    }
    json_part(refused.status().as_u16(), &refused.body())
}

fn with_id(answer: PartResponse, id: Option<&str>) -> PartResponse {
    match id {
        Some(id) => answer.with_id(id),
        None => answer,
    }
}
