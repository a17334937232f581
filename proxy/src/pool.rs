//! One role's upstream connections on one core: newest first, bounded, dropped when idle too long.
//!
//! Newest first keeps few connections hot and lets the others expire. Nothing is shared between
//! roles or cores, so a role that hangs can exhaust only its own pool.

use crate::payload::Payload;
use crate::settings::Settings;
use crate::target::Target;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// How many connections that still finish their last answer are looked at before a new one is made.
const BUSY_LOOKED_AT: usize = 8;

/// One role's connections.
pub(crate) struct Pool {
    target: Target,
    idle: RefCell<Vec<Idle>>,
    idle_limit: usize,
    idle_timeout: Duration,
    connect_timeout: Duration,
    client: Builder,
    /// Whether the last attempt to connect failed, so that only changes are logged.
    failing: Cell<bool>,
}

struct Idle {
    sender: SendRequest<Payload>,
    since: Instant,
}

/// A connection in use; give it back once its response has been read to the end.
pub(crate) struct Lease {
    pub(crate) sender: SendRequest<Payload>,
    pool: Rc<Pool>,
}

/// Why no connection could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("connecting took too long")]
    Timeout,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Pool {
    /// An empty pool for `target`.
    pub(crate) fn new(target: Target, settings: &Settings) -> Rc<Self> {
        let limits = &settings.limits;
        let mut client = Builder::new();
        client.max_buf_size(settings.head_bytes()).max_header_size(settings.head_bytes());
        Rc::new(Self {
            target,
            idle: RefCell::default(),
            idle_limit: limits.idle_connections,
            idle_timeout: limits.idle_timeout.0,
            connect_timeout: limits.connect_timeout.0,
            client,
            failing: Cell::new(false),
        })
    }

    /// Where it connects to.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The newest connection that can take a request now.
    pub(crate) fn checkout(self: &Rc<Self>) -> Option<Lease> {
        let mut idle = self.idle.borrow_mut();
        let now = Instant::now();
        let mut busy = 0;
        for at in (0..idle.len()).rev() {
            let candidate = &idle[at];
            if candidate.sender.is_ready() && !self.is_expired(candidate, now) {
                let Idle { sender, .. } = idle.remove(at);
                return Some(Lease { sender, pool: Rc::clone(self) });
            }
            if candidate.sender.is_closed() || self.is_expired(candidate, now) {
                idle.remove(at);
                continue;
            }
            busy += 1;
            if busy == BUSY_LOOKED_AT {
                break;
            }
        }
        None
    }

    /// Makes a new connection.
    ///
    /// # Errors
    /// When no address accepts within the time limit.
    pub(crate) async fn connect(self: &Rc<Self>) -> Result<Lease, ConnectError> {
        let (sender, connection) = self.open().await?;
        tokio::task::spawn_local(log_end(connection));
        Ok(Lease { sender, pool: Rc::clone(self) })
    }

    /// Makes a new connection whose protocol may be switched.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub(crate) async fn connect_for_upgrade(self: &Rc<Self>) -> Result<Lease, ConnectError> {
        let (sender, connection) = self.open().await?;
        tokio::task::spawn_local(log_end(connection.with_upgrades()));
        Ok(Lease { sender, pool: Rc::clone(self) })
    }

    async fn open(
        &self,
    ) -> Result<(SendRequest<Payload>, Connection<TokioIo<TcpStream>, Payload>), ConnectError> {
        let connected = tokio::time::timeout(self.connect_timeout, dial(&self.target.addresses)).await;
        let connected =
            connected.map_err(|_| ConnectError::Timeout).and_then(|result| result.map_err(ConnectError::Io));
        self.note(connected.as_ref().err());
        let handshake = self.client.handshake(TokioIo::new(connected?)).await;
        Ok(handshake.map_err(io::Error::other)?)
    }

    /// Drops connections that are closed or idle too long.
    pub(crate) fn sweep(&self, now: Instant) {
        self.idle.borrow_mut().retain(|idle| !idle.sender.is_closed() && !self.is_expired(idle, now));
    }

    fn is_expired(&self, idle: &Idle, now: Instant) -> bool {
        now.saturating_duration_since(idle.since) > self.idle_timeout
    }

    fn note(&self, error: Option<&ConnectError>) {
        let Target { role, url, .. } = &self.target;
        match (error, self.failing.replace(error.is_some())) {
            (Some(error), false) => tracing::warn!(%role, url, %error, "cannot connect; is it running?"),
            (None, true) => tracing::info!(%role, url, "connected again"),
            _ => {}
        }
    }
}

impl Lease {
    /// Back to the pool, for the next request.
    pub(crate) fn give_back(self) {
        let mut idle = self.pool.idle.borrow_mut();
        if idle.len() < self.pool.idle_limit && !self.sender.is_closed() {
            idle.push(Idle { sender: self.sender, since: Instant::now() });
        }
    }
}

/// Drives a connection; how it ends is told to whoever waits for a response on it.
async fn log_end(connection: impl Future<Output = hyper::Result<()>>) {
    if let Err(error) = connection.await {
        tracing::trace!(%error, "upstream connection ended");
    }
}

async fn dial(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut refused = io::ErrorKind::AddrNotAvailable.into();
    for &address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Requests go out whole; waiting for more to send would only add latency.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}
