//! Connections that a request can end without an answer, plain or over TLS.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// The connection a request came on.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    aborted: Arc<AtomicBool>,
}

impl Connection {
    /// Ends the connection: the next read or write fails, so no answer leaves the server.
    pub fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, Abortable>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Abortable>) -> Self {
        stream.io().connection.clone()
    }
}

/// A listener whose connections can be ended from inside a request.
pub(super) struct Abortable {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Abortable {
    /// Wraps a listener; with an acceptor its connections speak TLS.
    pub(super) fn new(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        Self { listener, tls }
    }
}

impl Listener for Abortable {
    type Io = AbortableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Answers are small and whole: waiting to fill a packet only adds latency.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with Nagle's algorithm");
        }
        let stream = match &self.tls {
            Some(acceptor) => Stream::Handshake(Box::new(acceptor.accept(stream))),
            None => Stream::Plain(stream),
        };
        (
            AbortableStream {
                stream,
                connection: Connection::default(),
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that can be ended.
pub(super) struct AbortableStream {
    stream: Stream,
    connection: Connection,
}

impl AbortableStream {
    fn check(&self) -> io::Result<()> {
        if self.connection.aborted.load(Ordering::Acquire) {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "dropped on request",
            ));
        }
        Ok(())
    }
}

impl AsyncRead for AbortableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        match ready!(self.stream.poll_open(context)?) {
            Open::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Open::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for AbortableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        match ready!(self.stream.poll_open(context)?) {
            Open::Plain(stream) => Pin::new(stream).poll_write(context, data),
            Open::Tls(stream) => Pin::new(stream).poll_write(context, data),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        match ready!(self.stream.poll_open(context)?) {
            Open::Plain(stream) => Pin::new(stream).poll_flush(context),
            Open::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.stream.poll_open(context)?) {
            Open::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Open::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// The bytes of a connection. A handshake goes on inside of the first reads, so that a client that
/// dawdles over it keeps nobody else waiting.
enum Stream {
    Plain(TcpStream),
    Handshake(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A stream that is ready for bytes.
enum Open<'s> {
    Plain(&'s mut TcpStream),
    Tls(&'s mut TlsStream<TcpStream>),
}

impl Stream {
    fn poll_open(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Open<'_>>> {
        if let Self::Handshake(handshake) = self {
            let stream = ready!(Pin::new(handshake.as_mut()).poll(context)?);
            *self = Self::Tls(Box::new(stream));
        }
        match self {
            Self::Plain(stream) => Poll::Ready(Ok(Open::Plain(stream))),
            Self::Tls(stream) => Poll::Ready(Ok(Open::Tls(stream))),
            Self::Handshake(_) => Poll::Pending,
        }
    }
}
