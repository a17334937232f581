//! One client's connection.

use crate::core::Core;
use crate::forward::Forwarded;
use crate::live;
use crate::local::Local;
use crate::proxy::Stop;
use crate::settings::Settings;
use crate::tls;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How an HTTP/2 client begins (RFC 9113, 3.4); `PRI` is the method of no other request.
const PREFACE: &[u8] = b"PRI";

/// Wait for the second byte of a client that sent one: it comes, or the time limit does.
const PREFACE_PAUSE: Duration = Duration::from_millis(1);

/// What a stream may send before it is read, and what may wait to be sent on it.
const STREAM_WINDOW: u32 = 64 << 10;

/// What all streams of a connection together may send before they are read.
const CONNECTION_WINDOW: u32 = 1 << 20;

/// What all requests of a connection share.
pub(crate) struct Client {
    /// The cluster key of requests that name none.
    pub(crate) key: u64,
    pub(crate) forwarded: Forwarded,
    streams: Cell<usize>,
    last_stream: Cell<Instant>,
}

/// How connections are served, the same for all of a core.
pub(crate) struct Server {
    h1: http1::Builder,
    h2: http2::Builder<Local>,
    header_timeout: Duration,
}

impl Server {
    /// As the limits of `settings` say.
    pub(crate) fn new(settings: &Settings) -> Self {
        let header_timeout = settings.limits.header_timeout.0;
        let mut h1 = http1::Builder::new();
        h1.timer(TokioTimer::new())
            // Also bounds how long a kept connection may be silent between two requests.
            .header_read_timeout(header_timeout)
            .max_buf_size(settings.head_bytes())
            .max_header_size(settings.head_bytes())
            // The response is the primary's: nothing is added to it.
            .auto_date_header(false);
        let mut h2 = http2::Builder::new(Local);
        h2.timer(TokioTimer::new())
            .auto_date_header(false)
            .max_concurrent_streams(settings.limits.h2_streams)
            .max_pending_accept_reset_streams(settings.limits.h2_resets)
            .max_header_list_size(u32::try_from(settings.head_bytes()).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(STREAM_WINDOW as usize)
            // A client that is gone without a word is noticed by its silence.
            .keep_alive_interval(header_timeout)
            .keep_alive_timeout(header_timeout);
        Self { h1, h2, header_timeout }
    }
}

/// Serves requests until the client leaves or `stop` says to finish.
pub(crate) async fn serve(
    open: Open,
    server: Rc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    mut stop: Stop,
) {
    let core = &open.0;
    // Responses go out as they come; waiting for more to send would only add latency.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the client left before it was served");
        return;
    }
    let begun = tokio::select! {
        biased;
        begun = tokio::time::timeout(server.header_timeout, begin(core, stream)) => begun,
        _ = stop.wait_for(Option::is_some) => return,
    };
    let served = match begun {
        // Silent for too long.
        Err(_) => return,
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a client has not begun as it should");
            return;
        }
        Ok(Ok(Begun::Plain(stream, is_h2))) => {
            let client = Rc::new(Client::new(core, peer, "http"));
            serve_as(core, &server, stream, is_h2, client, stop).await
        }
        Ok(Ok(Begun::Tls(stream))) => {
            let client = Rc::new(Client::new(core, peer, "https"));
            let is_h2 = stream.get_ref().1.alpn_protocol() == Some(tls::H2);
            serve_as(core, &server, stream, is_h2, client, stop).await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "client connection ended early");
    }
}

/// A connection on which a client has begun to speak.
enum Begun {
    Plain(TcpStream, bool),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Finds out what the client speaks; with TLS, who it is.
async fn begin(core: &Core, stream: TcpStream) -> io::Result<Begun> {
    let setup = core.setup();
    let Some(acceptor) = &setup.settings.tls else {
        let is_h2 = begins_as_h2(&stream).await?;
        return Ok(Begun::Plain(stream, is_h2));
    };
    let accepted = TlsAcceptor::from(acceptor.current()).accept(stream).await;
    if accepted.is_err() {
        core.counters.tls_failures.add(1);
    }
    Ok(Begun::Tls(Box::new(accepted?)))
}

/// Looks at what the client sends first, and leaves it there.
async fn begins_as_h2(stream: &TcpStream) -> io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut seen).await?;
        if count == PREFACE.len() || count == 0 || !PREFACE.starts_with(&seen[..count]) {
            return Ok(seen[..count] == *PREFACE);
        }
        tokio::time::sleep(PREFACE_PAUSE).await;
    }
}

async fn serve_as(
    core: &Rc<Core>,
    server: &Server,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_h2: bool,
    client: Rc<Client>,
    stop: Stop,
) -> hyper::Result<()> {
    if is_h2 {
        serve_h2(core, server, stream, client, stop).await
    } else {
        serve_h1(core, server, stream, client, stop).await
    }
}

async fn serve_h1(
    core: &Rc<Core>,
    server: &Server,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: Rc<Client>,
    mut stop: Stop,
) -> hyper::Result<()> {
    let service = service_fn(|request| live::serve(Rc::clone(core), Rc::clone(&client), request));
    let mut connection =
        std::pin::pin!(server.h1.serve_connection(TokioIo::new(stream), service).with_upgrades());
    tokio::select! {
        biased;
        served = connection.as_mut() => served,
        _ = stop.wait_for(Option::is_some) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

async fn serve_h2(
    core: &Rc<Core>,
    server: &Server,
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    client: Rc<Client>,
    mut stop: Stop,
) -> hyper::Result<()> {
    let service = service_fn(|request| live::serve(Rc::clone(core), Rc::clone(&client), request));
    let mut connection = std::pin::pin!(server.h2.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased;
        served = connection.as_mut() => return served,
        _ = stop.wait_for(Option::is_some) => {
            connection.as_mut().graceful_shutdown();
            return connection.await;
        }
        () = client.idle(server.header_timeout) => connection.as_mut().graceful_shutdown(),
    }
    // Told to go; a client that does not is not waited for.
    tokio::time::timeout(server.header_timeout, connection).await.unwrap_or(Ok(()))
}

impl Client {
    fn new(core: &Core, peer: SocketAddr, scheme: &'static str) -> Self {
        Self {
            key: core.unique(),
            forwarded: Forwarded::for_client(peer.ip(), scheme),
            streams: Cell::new(0),
            last_stream: Cell::new(Instant::now()),
        }
    }

    /// Ends when no stream was open for `limit`.
    async fn idle(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            let since = if self.streams.get() > 0 { now } else { self.last_stream.get() };
            if now.saturating_duration_since(since) >= limit {
                return;
            }
            tokio::time::sleep_until((since + limit).into()).await;
        }
    }
}

/// An open stream of an HTTP/2 connection, from its request to the last of its response.
pub(crate) struct Busy(Rc<Client>);

impl Busy {
    /// One more.
    pub(crate) fn new(client: &Rc<Client>) -> Self {
        client.streams.set(client.streams.get() + 1);
        Self(Rc::clone(client))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
        self.0.last_stream.set(Instant::now());
    }
}

/// Counts an open connection of a core.
pub(crate) struct Open(Rc<Core>);

impl Open {
    /// One more.
    pub(crate) fn new(core: &Rc<Core>) -> Self {
        core.counters.connections.add(1);
        Self(Rc::clone(core))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.connections.subtract(1);
    }
}
