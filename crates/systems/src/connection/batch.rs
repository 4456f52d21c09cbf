//! Many requests in one: OData `$batch`, in chunks, with the bad part isolated.
//!
//! Every operation gets an answer of its own. A batch that fails as a whole is sent again in
//! halves until the operation that breaks it stands alone; what a torn answer does not tell is
//! asked again where that is harmless and reported as unknown where it is not.

use super::envelope::{self, Parts};
use super::{Answer, Call, Connection, Repeat, failure};
use crate::codes;
use crate::error::SystemError;
use bytes::Bytes;
use futures::StreamExt;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use std::ops::Range;

/// How many whole-batch failures one chunk may see before the rest of it is given up. Isolating
/// one bad operation among a hundred takes seven.
const TROUBLES: u32 = 12;

/// How batches are sent.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What is being done, for messages.
    pub(crate) what: String,
    /// The most operations of one batch.
    pub(crate) size: usize,
    /// How many batches may be under way at once.
    pub(crate) parallel: usize,
    /// Whether each write stands in a change set of its own.
    pub(crate) change_sets: bool,
    /// The `Prefer` header of the batch itself.
    pub(crate) prefer: Option<&'static str>,
    /// How operations are carried.
    pub(crate) carriage: Carriage,
    /// The media type of bodies: a form of JSON.
    pub(crate) media_type: &'static str,
}

/// Plain JSON.
pub(crate) const JSON: &str = "application/json";

/// How operations are carried to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carriage {
    /// In batches, with links that begin at the host: `/data/Customers(1)`.
    FromHost,
    /// In batches, with links that begin at the service's root: `Customers(1)`.
    FromRoot,
    /// Each in a request of its own.
    Single,
}

/// One operation of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// Relative to the service's root, percent-encoded.
    pub(crate) link: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// JSON.
    pub(crate) body: Option<String>,
    pub(crate) repeat: Repeat,
}

impl Operation {
    /// A read.
    pub(crate) fn get(link: String) -> Self {
        Self {
            method: Method::GET,
            link,
            headers: Vec::new(),
            body: None,
            repeat: Repeat::Safe,
        }
    }
}

/// What to do with operations that a batch left without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Send them again in two halves.
    Halve,
    /// Send them again as they are.
    Resend,
    /// Report them.
    Report,
}

/// Why a batch left operations without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    /// The service refused it whole, without having begun: too large, malformed.
    Refused,
    /// It took too long or failed inside; some of it may have taken effect.
    Failed,
    /// The answer ended early.
    Torn,
    /// The service stopped at a failure, although it was asked to go on; what follows was not
    /// begun.
    Stopped,
    /// The way is broken; the connection has tried again already.
    Down,
}

/// Decides for `count` operations that are left, after `troubles` earlier failures of this chunk.
fn next(whole: Whole, count: usize, repeat: Repeat, troubles: u32) -> Next {
    if troubles >= TROUBLES && whole != Whole::Stopped {
        return Next::Report;
    }
    match whole {
        Whole::Refused if count > 1 => Next::Halve,
        Whole::Failed if repeat <= Repeat::Same && count > 1 => Next::Halve,
        Whole::Torn if repeat <= Repeat::Same => Next::Resend,
        Whole::Stopped => Next::Resend,
        _ => Next::Report,
    }
}

/// A stretch of operations that still wants answers.
struct Stretch {
    range: Range<usize>,
    repeated: bool,
}

impl Connection {
    /// Runs operations in batches; the answers stand in their order. An `Err` is about the way;
    /// refusals of single operations are answers with their status.
    pub(crate) async fn batch(
        &self,
        plan: &Plan,
        operations: &[Operation],
    ) -> Vec<Result<Answer, SystemError>> {
        if plan.carriage == Carriage::Single {
            let calls: Vec<_> = operations
                .iter()
                .map(|operation| self.single(plan, operation))
                .collect();
            return futures::stream::iter(calls)
                .buffered(plan.parallel.max(1))
                .collect()
                .await;
        }
        let chunks = operations.chunks(plan.size.max(1));
        let chunks: Vec<_> = chunks.map(|chunk| self.chunk(plan, chunk)).collect();
        futures::stream::iter(chunks)
            .buffered(plan.parallel.max(1))
            .concat()
            .await
    }

    /// Sends one operation as a request of its own.
    async fn single(&self, plan: &Plan, operation: &Operation) -> Result<Answer, SystemError> {
        let mut call = Call {
            what: plan.what.clone(),
            method: operation.method.clone(),
            url: self.url(&operation.link)?,
            headers: HeaderMap::new(),
            body: Bytes::from(operation.body.clone().unwrap_or_default()),
            repeat: operation.repeat,
            keep_torn: false,
        };
        if operation.body.is_some() {
            call = call.header(CONTENT_TYPE.as_str(), plan.media_type);
        }
        for (name, value) in &operation.headers {
            call = call.header(name, value);
        }
        self.send(&call).await
    }

    async fn chunk(
        &self,
        plan: &Plan,
        operations: &[Operation],
    ) -> Vec<Result<Answer, SystemError>> {
        let mut answers: Vec<Option<Result<Answer, SystemError>>> = Vec::new();
        answers.resize_with(operations.len(), || None);
        let mut troubles = 0;
        let mut open = vec![Stretch {
            range: 0..operations.len(),
            repeated: false,
        }];
        while let Some(Stretch { range, repeated }) = open.pop() {
            let (Some(part), Some(slots)) = (
                operations.get(range.clone()),
                answers.get_mut(range.clone()),
            ) else {
                continue;
            };
            let (whole, error, answered, effect_possible) = match self.send_batch(plan, part).await
            {
                Sent::Parts(Parts { answers, whole }) => {
                    let mut answered = 0;
                    let stopped =
                        whole && answers.last().is_some_and(|last| !last.status.is_success());
                    for (slot, mut answer) in slots.iter_mut().zip(answers) {
                        answer.repeated |= repeated;
                        self.heed(&answer);
                        *slot = Some(Ok(answer));
                        answered += 1;
                    }
                    if answered == part.len() {
                        continue;
                    }
                    let error = failure::torn(self.name(), &plan.what);
                    if stopped {
                        (Whole::Stopped, error, answered, false)
                    } else {
                        (Whole::Torn, error, answered, true)
                    }
                }
                Sent::Refused(answer) if has_no_batch(answer.status) => (
                    Whole::Down,
                    failure::no_batch(self.name(), &answer),
                    0,
                    false,
                ),
                Sent::Refused(answer) => {
                    if part.len() == 1 {
                        if let Some(slot) = slots.first_mut() {
                            *slot = Some(Ok(answer));
                        }
                        continue;
                    }
                    let error = failure::refused(self.name(), &answer);
                    if answer.status.is_server_error() {
                        (Whole::Failed, error, 0, true)
                    } else {
                        (Whole::Refused, error, 0, false)
                    }
                }
                Sent::Failed(error) => {
                    let whole = if error.code == codes::TIMED_OUT {
                        Whole::Failed
                    } else {
                        Whole::Down
                    };
                    let unknown = error.outcome_unknown;
                    (whole, error, 0, unknown)
                }
            };
            let left = range.start + answered..range.end;
            let repeat = operations
                .get(left.clone())
                .unwrap_or_default()
                .iter()
                .map(|operation| operation.repeat)
                .max()
                .unwrap_or(Repeat::Unsafe);
            let next = next(whole, left.len(), repeat, troubles);
            if whole != Whole::Stopped {
                troubles += 1;
            }
            let repeated = repeated || (effect_possible && repeat != Repeat::Safe);
            match next {
                Next::Resend => open.push(Stretch {
                    range: left,
                    repeated,
                }),
                Next::Halve => {
                    let middle = left.start + left.len() / 2;
                    // The first half is on top of the stack: order is kept.
                    for range in [middle..left.end, left.start..middle] {
                        open.push(Stretch { range, repeated });
                    }
                }
                Next::Report => {
                    for index in left {
                        let repeat = operations.get(index).map(|operation| operation.repeat);
                        let mut copy = failure::copy(&error);
                        copy.outcome_unknown = repeated && repeat != Some(Repeat::Safe);
                        if let Some(slot) = answers.get_mut(index) {
                            *slot = Some(Err(copy));
                        }
                    }
                }
            }
        }
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(failure::torn(self.name(), &plan.what))))
            .collect()
    }

    /// A part that was asked for patience makes everyone wait.
    fn heed(&self, answer: &Answer) {
        if answer.status == StatusCode::TOO_MANY_REQUESTS
            && let Some(after) = self.retry_after(&answer.headers)
        {
            self.pause(after);
        }
    }

    async fn send_batch(&self, plan: &Plan, operations: &[Operation]) -> Sent {
        let repeat = operations
            .iter()
            .map(|operation| operation.repeat)
            .max()
            .unwrap_or(Repeat::Safe);
        let url = match self.url("$batch") {
            Ok(url) => url,
            Err(error) => return Sent::Failed(error),
        };
        let id = uuid::Uuid::new_v4().simple().to_string();
        let encoded = envelope::encode(plan, operations, self.root().path(), &id);
        let mut call = Call {
            what: plan.what.clone(),
            method: Method::POST,
            url,
            headers: HeaderMap::new(),
            body: Bytes::from(encoded.body),
            repeat,
            keep_torn: repeat != Repeat::Safe,
        }
        .header(CONTENT_TYPE.as_str(), &encoded.content_type);
        if let Some(prefer) = plan.prefer {
            call = call.header("prefer", prefer);
        }
        let answer = match self.send(&call).await {
            Ok(answer) => answer,
            Err(error) => return Sent::Failed(error),
        };
        let content_type = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        if !content_type
            .to_ascii_lowercase()
            .starts_with("multipart/mixed")
        {
            return if answer.status.is_success() {
                let why = "a batch was answered without parts";
                let mut error = failure::unexpected(self.name(), &plan.what, why);
                error.outcome_unknown = repeat != Repeat::Safe;
                Sent::Failed(error)
            } else {
                Sent::Refused(answer)
            };
        }
        match envelope::decode(&plan.what, content_type, &answer.body) {
            Ok(mut parts) => {
                parts.answers.truncate(operations.len());
                for part in &mut parts.answers {
                    part.repeated = answer.repeated;
                }
                Sent::Parts(parts)
            }
            // Nothing of it arrived whole.
            Err(_) if answer.torn => Sent::Parts(Parts {
                answers: Vec::new(),
                whole: false,
            }),
            Err(error) => {
                let why = "a batch was answered with parts that cannot be read";
                let mut error = failure::unreadable(self.name(), &plan.what, why, error);
                error.outcome_unknown = repeat != Repeat::Safe;
                Sent::Failed(error)
            }
        }
    }
}

/// Whether a status says that there is no `$batch` here, rather than anything about what is in it.
fn has_no_batch(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    )
}

/// What became of one batch.
enum Sent {
    /// Answers to its operations in order; fewer than there were operations when it was torn.
    Parts(Parts),
    /// The service refused it without beginning.
    Refused(Answer),
    /// The way failed, or the answer makes no sense.
    Failed(SystemError),
}
