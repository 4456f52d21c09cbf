//! The way to a service, against a server that answers by script.

use super::batch::{Carriage, JSON, Operation, Plan};
use super::*;
use crate::codes;
use crate::error::Class;
use crate::testing::ManualClock;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response};
use jiff::SignedDuration;
use odata::batch::{BatchRequest, BatchResponse, PartResponse, RequestPart, ResponsePart};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

type Reply = Box<dyn FnOnce(&Seen) -> Response<Body> + Send>;

/// A request as the server saw it.
#[derive(Clone)]
struct Seen {
    path: String,
    token: String,
    content_type: String,
    body: Bytes,
}

impl Seen {
    /// The operations of a batch: method and URL.
    fn operations(&self) -> Vec<String> {
        let batch = BatchRequest::decode(&self.content_type, &self.body).unwrap();
        let parts = batch.parts.into_iter().flat_map(|part| match part {
            RequestPart::Single(request) => vec![request],
            RequestPart::ChangeSet(requests) => requests,
        });
        parts
            .map(|request| format!("{} {}", request.method, request.url))
            .collect()
    }
}

/// What the server will answer and has seen. Without a script left it answers 200 and `{}`.
#[derive(Default)]
struct Book {
    replies: VecDeque<Reply>,
    seen: Vec<Seen>,
    tokens: u32,
}

struct Server {
    book: Arc<Mutex<Book>>,
    clock: ManualClock,
    connection: Connection,
}

async fn server() -> Server {
    let book = Arc::new(Mutex::new(Book::default()));
    let app = axum::Router::new()
        .fallback(answer)
        .with_state(Arc::clone(&book));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let clock = ManualClock::new();
    let settings = Settings {
        name: "sales".into(),
        root: format!("{origin}/api/").parse().unwrap(),
        auth: Auth::Client(ClientCredentials {
            token_url: format!("{origin}/token").parse().unwrap(),
            client_id: "client".into(),
            client_secret: "s3cret".into(),
            scope: Some("scope".into()),
        }),
        timeout: Duration::from_secs(30),
        parallel: 4,
        retry: RetryPolicy::default(),
        headers: HeaderMap::new(),
    };
    let connection = Connection::new(settings, clock.timing()).unwrap();
    Server {
        book,
        clock,
        connection,
    }
}

async fn answer(State(book): State<Arc<Mutex<Book>>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let header = |name: &str| {
        let value = parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let mut book = book.lock().unwrap();
    if parts.uri.path() == "/token" {
        book.tokens += 1;
        let token = format!(r#"{{"access_token":"t{}","expires_in":3600}}"#, book.tokens);
        return Response::new(Body::from(token));
    }
    let seen = Seen {
        path: parts.uri.to_string(),
        token: header("authorization"),
        content_type: header("content-type"),
        body,
    };
    book.seen.push(seen.clone());
    match book.replies.pop_front() {
        Some(reply) => reply(&seen),
        None => Response::new(Body::from("{}")),
    }
}

fn status(status: u16) -> Reply {
    Box::new(move |_| {
        Response::builder()
            .status(status)
            .body(Body::empty())
            .unwrap()
    })
}

fn asking(code: u16, seconds: u64) -> Reply {
    Box::new(move |_| {
        let reply = Response::builder()
            .status(code)
            .header("retry-after", seconds);
        reply.body(Body::empty()).unwrap()
    })
}

/// A body that breaks off after these bytes.
fn torn(content_type: &str, begun: Vec<u8>) -> Response<Body> {
    let chunks = [
        Ok(Bytes::from(begun)),
        Err(std::io::Error::other("the wire was cut")),
    ];
    let body = Body::from_stream(futures::stream::iter(chunks));
    let reply = Response::builder().header("content-type", content_type);
    reply.body(body).unwrap()
}

/// An answer to the operations of a batch, each with its URL as body; `keep` of them.
fn parts(seen: &Seen, keep: usize, status: impl Fn(usize) -> u16) -> odata::batch::Encoded {
    let parts = seen
        .operations()
        .into_iter()
        .take(keep)
        .enumerate()
        .map(|(index, operation)| {
            ResponsePart::Single(PartResponse::new(status(index)).with_body(operation))
        })
        .collect();
    BatchResponse { parts }.encode("b")
}

fn multipart(encoded: odata::batch::Encoded) -> Response<Body> {
    let reply = Response::builder().header("content-type", encoded.content_type);
    reply.body(Body::from(encoded.body)).unwrap()
}

impl Server {
    fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.book.lock().unwrap().replies.extend(replies);
    }

    fn seen(&self) -> Vec<Seen> {
        self.book.lock().unwrap().seen.clone()
    }

    fn call(&self, repeat: Repeat) -> Call {
        let mut call = Call::get("testing", self.connection.url("thing").unwrap());
        call.repeat = repeat;
        call
    }

    async fn send(&self, repeat: Repeat) -> Result<Answer, SystemError> {
        self.connection.send(&self.call(repeat)).await
    }

    async fn batch(&self, operations: &[Operation]) -> Vec<Result<Answer, SystemError>> {
        let plan = Plan {
            what: "writing".into(),
            size: 100,
            parallel: 2,
            change_sets: false,
            prefer: None,
            carriage: Carriage::FromHost,
            media_type: JSON,
        };
        self.connection.batch(&plan, operations).await
    }
}

fn operations(count: usize, repeat: Repeat) -> Vec<Operation> {
    (0..count)
        .map(|n| Operation {
            method: Method::POST,
            link: n.to_string(),
            headers: Vec::new(),
            body: Some("{}".into()),
            repeat,
        })
        .collect()
}

/// What became of each operation: its own answer, or the error's code and whether the outcome is
/// unknown.
fn told(answers: &[Result<Answer, SystemError>]) -> Vec<String> {
    answers
        .iter()
        .map(|answer| match answer {
            Ok(answer) => {
                let again = if answer.repeated { " again" } else { "" };
                let body = String::from_utf8_lossy(&answer.body);
                format!("{} {body}{again}", answer.status.as_u16())
            }
            Err(error) if error.outcome_unknown => format!("{} unknown", error.code),
            Err(error) => error.code.to_string(),
        })
        .collect()
}

#[tokio::test]
async fn many_calls_share_one_token_until_shortly_before_its_end() {
    let server = server().await;
    let calls = (0..10).map(|_| server.send(Repeat::Safe));
    for answer in futures::future::join_all(calls).await {
        answer.unwrap();
    }
    assert_eq!(server.book.lock().unwrap().tokens, 1);
    server.clock.advance(SignedDuration::from_mins(54));
    server.send(Repeat::Safe).await.unwrap();
    assert_eq!(server.book.lock().unwrap().tokens, 1);
    server.clock.advance(SignedDuration::from_mins(2));
    server.send(Repeat::Safe).await.unwrap();
    assert_eq!(server.seen().last().unwrap().token, "Bearer t2");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let server = server().await;
    server.script([status(401)]);
    server.send(Repeat::Unsafe).await.unwrap();
    assert_eq!(server.seen().last().unwrap().token, "Bearer t2");
    server.script([status(401), status(401)]);
    let error = server.send(Repeat::Unsafe).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::FixAccess, codes::UNAUTHORIZED)
    );
    assert!(!error.outcome_unknown);
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn what_may_have_taken_effect_is_sent_again_only_when_that_is_safe() {
    for (repeat, attempts, unknown) in [
        (Repeat::Safe, 5, false),
        (Repeat::Same, 5, true),
        (Repeat::Unsafe, 1, true),
    ] {
        for code in [502, 503, 504] {
            let server = server().await;
            server.script((0..9).map(|_| status(code)));
            let error = server.send(repeat).await.unwrap_err();
            assert_eq!(
                (error.class, error.code),
                (Class::Retry, codes::UNAVAILABLE)
            );
            assert_eq!(error.outcome_unknown, unknown);
            assert_eq!(server.seen().len(), attempts);
            assert_eq!(server.clock.slept().len(), attempts - 1);
        }
    }
}

#[tokio::test]
async fn an_answer_after_a_lost_one_says_so() {
    let server = server().await;
    server.script([status(503), status(412)]);
    let answer = server.send(Repeat::Same).await.unwrap();
    assert!(answer.repeated);
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
    server.script([asking(429, 1), status(412)]);
    assert!(!server.send(Repeat::Same).await.unwrap().repeated);
    // A refusal after a lost answer does not make the first attempt undone.
    server.script([status(503), status(401), status(401)]);
    let error = server.send(Repeat::Same).await.unwrap_err();
    assert_eq!(error.code, codes::UNAUTHORIZED);
    assert!(error.outcome_unknown);
}

#[tokio::test]
async fn a_request_for_patience_holds_everyone_up() {
    let server = server().await;
    server.script([asking(429, 9)]);
    server.send(Repeat::Unsafe).await.unwrap();
    assert_eq!(server.clock.slept(), [Duration::from_secs(9)]);
    server.script([asking(429, 600)]);
    let error = server.send(Repeat::Safe).await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Wait, codes::THROTTLED));
    assert_eq!(error.retry_after, Some(Duration::from_mins(10)));
    let seen = server.seen().len();
    let error = server.send(Repeat::Safe).await.unwrap_err();
    assert_eq!(error.class, Class::Wait);
    assert_eq!(server.seen().len(), seen, "the service was left alone");
}

#[tokio::test]
async fn statuses_that_speak_about_the_request_come_back_as_they_are() {
    let server = server().await;
    for code in [200, 204, 304, 400, 403, 404, 412, 413, 500] {
        server.script([status(code)]);
        assert_eq!(
            server.send(Repeat::Unsafe).await.unwrap().status.as_u16(),
            code
        );
    }
}

#[tokio::test]
async fn a_torn_answer_to_a_read_is_asked_for_again() {
    let server = server().await;
    server.script([Box::new(|_: &Seen| torn("application/json", b"{\"va".to_vec())) as Reply]);
    assert_eq!(server.send(Repeat::Safe).await.unwrap().body, "{}");
    server.script([Box::new(|_: &Seen| torn("application/json", b"{\"va".to_vec())) as Reply]);
    let error = server.send(Repeat::Unsafe).await.unwrap_err();
    assert_eq!(error.code, codes::LOST);
    assert!(error.outcome_unknown);
}

#[tokio::test]
async fn a_token_never_goes_to_another_host() {
    let server = server().await;
    for link in [
        "https://evil.example/api/x",
        "//evil.example/x",
        "http://127.0.0.1:1/api/x",
    ] {
        let error = server.connection.url(link).unwrap_err();
        assert_eq!((error.class, error.code), (Class::Bug, codes::UNEXPECTED));
    }
    let link = server.connection.url("/api/things?$skiptoken=1").unwrap();
    assert_eq!(
        server.connection.relative(link.as_str()).unwrap(),
        "/api/things?$skiptoken=1"
    );
    // A redirect is not followed either.
    server.script([Box::new(|_: &Seen| {
        let reply = Response::builder()
            .status(302)
            .header("location", "http://127.0.0.1:1/");
        reply.body(Body::empty()).unwrap()
    }) as Reply]);
    assert_eq!(
        server.send(Repeat::Safe).await.unwrap().status,
        StatusCode::FOUND
    );
}

#[tokio::test]
async fn a_batch_that_is_refused_whole_is_halved_until_the_bad_part_stands_alone() {
    let server = server().await;
    let picky = || {
        Box::new(|seen: &Seen| {
            if seen
                .operations()
                .iter()
                .any(|operation| operation.ends_with("/5"))
            {
                let refusal = r#"{"error":{"code":"x","message":"y"}}"#;
                let reply = Response::builder().status(413);
                return reply.body(Body::from(refusal)).unwrap();
            }
            multipart(parts(seen, 100, |_| 204))
        }) as Reply
    };
    server.script((0..20).map(|_| picky()));
    let answers = server.batch(&operations(8, Repeat::Unsafe)).await;
    let statuses: Vec<u16> = answers
        .iter()
        .map(|answer| answer.as_ref().unwrap().status.as_u16())
        .collect();
    assert_eq!(statuses, [204, 204, 204, 204, 204, 413, 204, 204]);
    // Each operation took effect once, in order.
    let sent: Vec<usize> = server
        .seen()
        .iter()
        .map(|seen| seen.operations().len())
        .collect();
    assert_eq!(sent, [8, 4, 4, 2, 1, 1, 2]);
}

#[tokio::test]
async fn what_a_torn_batch_does_not_tell_is_asked_again_or_reported() {
    let cut = |keep: usize| {
        Box::new(move |seen: &Seen| {
            let mut encoded = parts(seen, keep + 1, |_| 200);
            encoded.body.truncate(encoded.body.len() - 40);
            torn(&encoded.content_type, encoded.body)
        }) as Reply
    };
    let rest = || Box::new(|seen: &Seen| multipart(parts(seen, 100, |_| 200))) as Reply;

    let server1 = server().await;
    server1.script([cut(2), rest()]);
    insta::assert_snapshot!(
        told(&server1.batch(&operations(4, Repeat::Same)).await).join("\n"),
        @"
    200 POST /api/0 again
    200 POST /api/1 again
    200 POST /api/2 again
    200 POST /api/3 again
    "
    );

    let server2 = server().await;
    server2.script([cut(2), rest()]);
    insta::assert_snapshot!(
        told(&server2.batch(&operations(4, Repeat::Unsafe)).await).join("\n"),
        @"
    DUET3003 unknown
    DUET3003 unknown
    DUET3003 unknown
    DUET3003 unknown
    "
    );
    assert_eq!(server2.seen().len(), 1);
}

#[tokio::test]
async fn a_service_that_stops_at_a_failure_is_made_to_go_on() {
    let server = server().await;
    server.script([
        Box::new(|seen: &Seen| {
            multipart(parts(seen, 2, |index| if index == 1 { 400 } else { 200 }))
        }) as Reply,
        Box::new(|seen: &Seen| multipart(parts(seen, 1, |_| 412))),
        Box::new(|seen: &Seen| multipart(parts(seen, 100, |_| 200))),
    ]);
    insta::assert_snapshot!(
        told(&server.batch(&operations(4, Repeat::Unsafe)).await).join("\n"),
        @"
    200 POST /api/0
    400 POST /api/1
    412 POST /api/2
    200 POST /api/3
    "
    );
}

#[tokio::test]
async fn a_batch_that_fails_inside_is_of_unknown_outcome() {
    let server = server().await;
    server.script([status(500)]);
    let unsafe_ones = told(&server.batch(&operations(2, Repeat::Unsafe)).await);
    assert_eq!(unsafe_ones, ["DUET3004 unknown", "DUET3004 unknown"]);
    // One that can be repeated is, in halves.
    let rest = || Box::new(|seen: &Seen| multipart(parts(seen, 100, |_| 200))) as Reply;
    server.script([status(500), rest(), rest()]);
    let same_ones = told(&server.batch(&operations(2, Repeat::Same)).await);
    assert_eq!(
        same_ones,
        ["200 POST /api/0 again", "200 POST /api/1 again"]
    );
}

#[tokio::test]
async fn answers_that_are_no_batch_are_a_broken_protocol() {
    let server = server().await;
    for reply in [
        Box::new(|_: &Seen| Response::new(Body::from("{}"))) as Reply,
        Box::new(|_: &Seen| {
            let reply = Response::builder().header("content-type", "multipart/mixed; boundary=q");
            reply.body(Body::from("nothing")).unwrap()
        }),
    ] {
        server.script([reply]);
        let mut answers = server.batch(&operations(1, Repeat::Unsafe)).await;
        let error = answers.pop().unwrap().unwrap_err();
        assert_eq!((error.class, error.code), (Class::Bug, codes::UNEXPECTED));
        assert!(error.outcome_unknown);
    }
}

#[tokio::test]
async fn a_service_that_is_down_does_not_cost_a_request_for_each_part() {
    let server = server().await;
    server.script((0..1000).map(|_| status(500)));
    let answers = server.batch(&operations(100, Repeat::Same)).await;
    assert!(answers.iter().all(|answer| match answer {
        Ok(answer) => answer.status.is_server_error(),
        Err(error) => error.outcome_unknown,
    }));
    assert!(server.seen().len() < 30, "{}", server.seen().len());
}

#[tokio::test]
async fn batches_run_in_chunks_and_keep_their_order() {
    let server = server().await;
    server.script(
        (0..30).map(|_| Box::new(|seen: &Seen| multipart(parts(seen, 100, |_| 200))) as Reply),
    );
    let operations = operations(23, Repeat::Unsafe);
    let plan = Plan {
        what: "writing".into(),
        size: 5,
        parallel: 3,
        change_sets: true,
        prefer: Some("odata.continue-on-error"),
        carriage: Carriage::FromHost,
        media_type: JSON,
    };
    let answers = server.connection.batch(&plan, &operations).await;
    let expected: Vec<String> = (0..23).map(|n| format!("200 POST /api/{n}")).collect();
    assert_eq!(told(&answers), expected);
    assert_eq!(server.seen().len(), 5);
    assert!(server.seen().iter().all(|seen| seen.path == "/api/$batch"));
}

#[tokio::test]
async fn neither_secret_nor_token_shows_in_an_error() {
    let server = server().await;
    server.script([status(401), status(401)]);
    let error = server.send(Repeat::Safe).await.unwrap_err();
    let shown = format!("{error:?} {error}");
    assert!(
        !shown.contains("s3cret") && !shown.contains("t1") && !shown.contains("t2"),
        "{shown}"
    );
}
