//! The HTTP server under a stand-in.
//!
//! The road of a request: the control endpoint and sign-in answer for themselves; everything else
//! draws its faults, waits, is refused or runs in the stand-in's [`Service`] on a blocking thread,
//! and is counted. A connection can be closed without an answer: its stream is wrapped so that a
//! request may end it ([`Connection::abort`]), after which nothing more is read or written.

mod connection;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::connection::Abortable;
pub use self::connection::Connection;
pub use self::tls::{Tls, TlsError};
use crate::auth::{Caller, Tokens, discovery};
use crate::control::Control;
use crate::faults::Refusal;

/// The largest body that is read; larger ones get 413.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// What a stand-in does with a request. It runs on a blocking thread and may take its time.
///
/// The request carries an [`Origin`] and a [`Plan`](crate::faults::Plan) as extensions. The response may carry a
/// [`Caller`], for the counters, or [`CutOff`], to close the connection instead of answering.
pub trait Service: Send + Sync + 'static {
    /// Answers a request.
    fn answer(&self, request: Request<Bytes>) -> Response<Bytes>;

    /// The body, a JSON text, of an injected refusal as the service words it.
    fn refusal(&self, refusal: Refusal) -> String;

    /// Answers a request to the control endpoint about a topic of the stand-in's own; nothing for
    /// topics that all stand-ins share ([`Control`]).
    fn control(&self, method: &Method, topic: &str, body: &[u8]) -> Option<Response<Bytes>> {
        let _ = (method, topic, body);
        None
    }

    /// Puts back what the stand-in needs after all its rows were removed.
    fn reset(&self) {}
}

/// The scheme and host under which a client reached the stand-in, without a trailing slash: every
/// absolute link is built from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(pub String);

/// In a response: close the connection instead of sending it.
#[derive(Debug, Clone, Copy)]
pub struct CutOff;

/// A stand-in that serves. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Running {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    companions: Vec<JoinHandle<()>>,
}

impl Running {
    /// Where it serves: scheme, address and port, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets a background task end with the server.
    #[must_use]
    pub fn with_companion(mut self, task: JoinHandle<()>) -> Self {
        self.companions.push(task);
        self
    }

    /// Takes no new requests, finishes those that run, and returns when all is still.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone only when the server has ended already.
            let _ = stop.send(());
        }
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "a stand-in did not stop cleanly");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
        for companion in &self.companions {
            companion.abort();
        }
    }
}

/// Serves a stand-in on an address; port 0 takes a free one.
pub async fn serve(
    bind: SocketAddr,
    service: Arc<dyn Service>,
    control: Control,
) -> io::Result<Running> {
    serve_with(bind, None, service, control).await
}

/// Serves a stand-in on an address, over TLS when there is a certificate for it.
pub async fn serve_with(
    bind: SocketAddr,
    tls: Option<&Tls>,
    service: Arc<dyn Service>,
    control: Control,
) -> io::Result<Running> {
    let listener = TcpListener::bind(bind).await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", listener.local_addr()?);
    let listener = Abortable::new(listener, tls.map(Tls::acceptor));
    let (stop, stopped) = oneshot::channel::<()>();
    let inner = Arc::new(Inner {
        service,
        control,
        scheme,
    });
    let router = Router::new().fallback(entry).with_state(inner);
    let app = router.into_make_service_with_connect_info::<Connection>();
    let task = tokio::spawn(async move {
        let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
            // A dropped sender means that the handle is gone: stop as well.
            let _ = stopped.await;
        });
        if let Err(error) = serving.await {
            tracing::error!(%error, "a stand-in stopped serving");
        }
    });
    Ok(Running {
        url,
        stop: Some(stop),
        task,
        companions: Vec::new(),
    })
}

struct Inner {
    service: Arc<dyn Service>,
    control: Control,
    scheme: &'static str,
}

async fn entry(
    State(inner): State<Arc<Inner>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request<Body>,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let path = parts.uri.path().to_owned();
    if path == "/_sandbox" || path.starts_with("/_sandbox/") {
        let method = parts.method.clone();
        let answered = on_blocking_thread(move || {
            let topic = path.trim_start_matches("/_sandbox").trim_matches('/');
            if let Some(response) = inner.service.control(&method, topic, &body) {
                return response;
            }
            let response = inner.control.answer(&method, &path, &body);
            if topic == "reset" && response.status().is_success() {
                inner.service.reset();
            }
            response
        })
        .await;
        return answered.map_or_else(plain, |response| response.map(Body::from));
    }
    let method = parts.method.to_string();
    let target = parts
        .uri
        .path_and_query()
        .map_or(path.as_str(), |whole| whole.as_str());
    let target = percent_encoding::percent_decode_str(target)
        .decode_utf8_lossy()
        .into_owned();
    let signs_in = Tokens::is_endpoint(&path) || discovery::is_endpoint(&path);
    let plan = inner.control.faults.draw(&method, &target, signs_in);
    let counters = inner.control.counters.clone();
    let cut = || {
        connection.abort();
        counters.request(&method, "dropped", None);
        plain(StatusCode::SERVICE_UNAVAILABLE)
    };

    if !plan.delay.is_zero() {
        tokio::time::sleep(plan.delay).await;
    }
    if plan.drop_before {
        return cut();
    }
    if let Some(refusal) = plan.refusal {
        let response = refused(refusal, inner.service.refusal(refusal));
        counters.request(&method, response.status().as_str(), None);
        return response;
    }
    let host = parts
        .headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost");
    let origin = format!("{}://{host}", inner.scheme);
    parts.extensions.insert(Origin(origin.clone()));
    parts.extensions.insert(plan.clone());
    let answered = on_blocking_thread(move || {
        if let Some(answer) = discovery::answer(&path, &origin) {
            answer
        } else if signs_in {
            inner.control.tokens.answer(&path, &parts.headers, &body)
        } else {
            inner.service.answer(Request::from_parts(parts, body))
        }
    })
    .await;
    let response = match answered {
        Ok(response) => response,
        Err(status) => {
            counters.request(&method, status.as_str(), None);
            return plain(status);
        }
    };
    if plan.drop_after || response.extensions().get::<CutOff>().is_some() {
        return cut();
    }
    let caller = response
        .extensions()
        .get::<Caller>()
        .map(|caller| caller.client.as_str());
    counters.request(&method, response.status().as_str(), caller);
    response.map(Body::from)
}

async fn on_blocking_thread(
    work: impl FnOnce() -> Response<Bytes> + Send + 'static,
) -> Result<Response<Bytes>, StatusCode> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a request ended in a panic");
        StatusCode::INTERNAL_SERVER_ERROR
    })
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn refused(refusal: Refusal, body: String) -> Response<Body> {
    let (status, retry_after) = match refusal {
        Refusal::TooManyRequests { retry_after } => {
            (StatusCode::TOO_MANY_REQUESTS, Some(retry_after))
        }
        Refusal::Unavailable { retry_after } => (StatusCode::SERVICE_UNAVAILABLE, retry_after),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; odata.metadata=minimal"),
    );
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests;
