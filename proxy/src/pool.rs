//! One role's upstream connections on one core: bounded, dropped when idle too long.
//!
//! With HTTP/1.1 the newest idle connection is used first, which keeps few of them hot and lets the
//! others expire. With HTTP/2 requests share connections up to a number of streams, and those who
//! find none wait for one attempt to connect, not each for one of its own. Where a role has several
//! addresses, requests go round them ([`Balance`]). Nothing is shared between
//! roles or cores, so a role that hangs can exhaust only its own pool.

use crate::balance::Balance;
use crate::line::{Address, Line};
use crate::local::Local;
use crate::paced::{Pace, TURN, TURN_H2};
use crate::payload::Payload;
use crate::settings::Settings;
use crate::target::{Target, resolve_all};
use crate::wire::{Sent, Shared, Wire};
use http::Request;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use parallax_config::Protocol;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_rustls::client::TlsStream;

/// How many connections that still finish their last answer are looked at before a new one is made.
const BUSY_LOOKED_AT: usize = 8;

/// Streams on one HTTP/2 connection: the least that RFC 9113 (6.5.2) recommends a server to allow.
const STREAMS: usize = 100;

/// What a stream may send before it is read. Together the streams of a connection fit into the
/// connection's window, so that one client that reads slowly cannot stop the others.
const STREAM_WINDOW: u32 = 64 << 10;

/// A connection that does not answer a ping for this long is dead; asked only while streams are open.
const PING: Duration = Duration::from_secs(5);

/// One role's connections.
pub(crate) struct Pool {
    target: Target,
    balance: Balance,
    /// When the names were looked up last; in the future while it is being done.
    resolved: Cell<Instant>,
    resolve_interval: Duration,
    pace: Pace,
    idle: RefCell<Vec<Idle>>,
    shared: RefCell<Vec<Kept>>,
    /// The attempt to make a shared connection that is under way.
    opening: RefCell<Option<Attempt>>,
    idle_limit: usize,
    idle_timeout: Duration,
    connect_timeout: Duration,
    h1: http1::Builder,
    h2: http2::Builder<Local>,
    /// Whether the last attempt to connect failed, so that only changes are logged.
    failing: Cell<bool>,
}

/// Where those who wait for an attempt to connect learn how it ended.
type Attempt = watch::Receiver<Option<Result<(), ConnectError>>>;

struct Idle {
    address: Address,
    sender: http1::SendRequest<Payload>,
    since: Instant,
}

/// A shared connection, and when it was last seen in use.
struct Kept {
    address: Address,
    connection: Shared,
    used: Cell<Instant>,
}

/// A connection in use; give it back once its response has been read to the end.
pub(crate) struct Lease {
    wire: Wire,
    pool: Rc<Pool>,
    address: Address,
    asked: Option<Asked>,
}

/// A request that one of several addresses has not answered yet.
struct Asked {
    pool: Rc<Pool>,
    address: Address,
    excused: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.excused {
            return;
        }
        self.pool.tell(&self.address, self.pool.balance.unanswered(&self.address, Instant::now()));
    }
}

/// Why no connection could be made.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("connecting took too long")]
    Timeout,
    #[error("{0}")]
    Failed(io::ErrorKind),
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Timeout,
            kind => Self::Failed(kind),
        }
    }
}

impl From<hyper::Error> for ConnectError {
    fn from(_: hyper::Error) -> Self {
        Self::Failed(io::ErrorKind::ConnectionAborted)
    }
}

impl Pool {
    /// An empty pool for `target`, which is read at `pace`.
    pub(crate) fn new(target: Target, settings: &Settings, pace: Pace) -> Rc<Self> {
        let limits = &settings.limits;
        let mut h1 = http1::Builder::new();
        h1.max_buf_size(settings.head_bytes()).max_header_size(settings.head_bytes());
        let mut h2 = http2::Builder::new(Local);
        h2.timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(settings.head_bytes()).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW * STREAMS as u32)
            .max_send_buf_size(STREAM_WINDOW as usize)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        Rc::new(Self {
            balance: Balance::new(&target.addresses),
            resolved: Cell::new(Instant::now()),
            resolve_interval: limits.resolve_interval.0,
            target,
            pace,
            idle: RefCell::default(),
            shared: RefCell::default(),
            opening: RefCell::default(),
            idle_limit: limits.idle_connections,
            idle_timeout: limits.idle_timeout.0,
            connect_timeout: limits.connect_timeout.0,
            h1,
            h2,
            failing: Cell::new(false),
        })
    }

    /// Where it connects to.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Whether a connection's protocol may be switched: not where streams share it.
    pub(crate) fn can_switch(&self) -> bool {
        self.target.protocol == Protocol::H1
    }

    /// A connection that can take a request now.
    pub(crate) fn checkout(self: &Rc<Self>) -> Option<Lease> {
        let now = Instant::now();
        let turn = if self.balance.is_single() { None } else { self.balance.turn(now) };
        let is_it = |address: &Address| turn.as_ref().is_none_or(|turn| turn == address);
        let (wire, address) = match self.target.protocol {
            Protocol::H1 => {
                let idle = self.newest(now, is_it)?;
                (Wire::H1(idle.sender), idle.address)
            }
            Protocol::H2 => {
                let shared = self.shared.borrow();
                let kept = shared.iter().find(|kept| kept.has_room() && is_it(&kept.address))?;
                (Wire::H2(kept.connection.stream()), kept.address.clone())
            }
        };
        if turn.is_some() {
            self.balance.taken(&address);
        }
        Some(self.lease(wire, address))
    }

    fn lease(self: &Rc<Self>, wire: Wire, address: Address) -> Lease {
        Lease { wire, pool: Rc::clone(self), address, asked: None }
    }

    fn newest(&self, now: Instant, is_it: impl Fn(&Address) -> bool) -> Option<Idle> {
        let mut idle = self.idle.borrow_mut();
        let mut busy = 0;
        for at in (0..idle.len()).rev() {
            let candidate = &idle[at];
            if !is_it(&candidate.address) {
                continue;
            }
            if candidate.sender.is_ready() && !self.is_expired(candidate.since, now) {
                return Some(idle.remove(at));
            }
            if candidate.sender.is_closed() || self.is_expired(candidate.since, now) {
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

    /// A connection that was made just now.
    ///
    /// # Errors
    /// When no address accepts within the time limit.
    pub(crate) async fn connect(self: &Rc<Self>) -> Result<Lease, ConnectError> {
        if self.target.protocol == Protocol::H2 {
            return self.connect_shared().await;
        }
        let (stream, address) = self.dial().await?;
        let sender = match stream {
            Dialled::Plain(stream) => {
                let (sender, connection) =
                    self.h1.handshake(TokioIo::new(self.pace.stream(stream, TURN))).await?;
                tokio::task::spawn_local(log_end(connection));
                sender
            }
            Dialled::Tls(stream) => {
                let (sender, connection) =
                    self.h1.handshake(TokioIo::new(self.pace.stream(stream, TURN))).await?;
                tokio::task::spawn_local(log_end(connection));
                sender
            }
        };
        Ok(self.lease(Wire::H1(sender), address))
    }

    /// A new HTTP/1.1 connection whose protocol may be switched.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub(crate) async fn connect_for_upgrade(self: &Rc<Self>) -> Result<Lease, ConnectError> {
        let (stream, address) = self.dial().await?;
        let sender = match stream {
            Dialled::Plain(stream) => {
                let (sender, connection) = self.h1.handshake(TokioIo::new(stream)).await?;
                tokio::task::spawn_local(log_end(connection.with_upgrades()));
                sender
            }
            Dialled::Tls(stream) => {
                let (sender, connection) = self.h1.handshake(TokioIo::new(stream)).await?;
                tokio::task::spawn_local(log_end(connection.with_upgrades()));
                sender
            }
        };
        Ok(self.lease(Wire::H1(sender), address))
    }

    async fn connect_shared(self: &Rc<Self>) -> Result<Lease, ConnectError> {
        loop {
            if let Some(lease) = self.checkout() {
                return Ok(lease);
            }
            let mut attempt = self.attempt();
            // The attempt's task ends with an answer, unless the runtime itself ends.
            let ended = attempt.wait_for(Option::is_some).await.ok().and_then(|result| *result);
            ended.unwrap_or(Err(ConnectError::Failed(io::ErrorKind::ConnectionAborted)))?;
        }
    }

    /// The attempt to connect that is under way, or a new one.
    fn attempt(self: &Rc<Self>) -> Attempt {
        let mut opening = self.opening.borrow_mut();
        opening
            .get_or_insert_with(|| {
                let (tell, told) = watch::channel(None);
                let pool = Rc::clone(self);
                // A task of its own, because whoever asked first may leave first.
                tokio::task::spawn_local(async move {
                    let result = pool.open_shared().await;
                    *pool.opening.borrow_mut() = None;
                    tell.send_replace(Some(result));
                });
                told
            })
            .clone()
    }

    async fn open_shared(&self) -> Result<(), ConnectError> {
        let (stream, address) = self.dial().await?;
        let sender = match stream {
            Dialled::Plain(stream) => {
                let (sender, connection) =
                    self.h2.handshake(TokioIo::new(self.pace.stream(stream, TURN_H2))).await?;
                tokio::task::spawn_local(log_end(connection));
                sender
            }
            Dialled::Tls(stream) => {
                let (sender, connection) =
                    self.h2.handshake(TokioIo::new(self.pace.stream(stream, TURN_H2))).await?;
                tokio::task::spawn_local(log_end(connection));
                sender
            }
        };
        let kept = Kept { address, connection: Shared::new(sender), used: Cell::new(Instant::now()) };
        self.shared.borrow_mut().push(kept);
        Ok(())
    }

    /// Connects to the address whose turn it is, or to the next that takes a connection.
    async fn dial(&self) -> Result<(Dialled, Address), ConnectError> {
        let addresses = self.balance.order(Instant::now());
        // Each has its part, so that one that is silent does not spend the time of the others.
        let each = self.connect_timeout / u32::try_from(addresses.len()).unwrap_or(1).max(1);
        let mut failure = io::ErrorKind::AddrNotAvailable.into();
        for address in addresses {
            let connected = tokio::time::timeout(each, dial(&self.target, &address)).await;
            match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(stream) => {
                    self.note(None);
                    if !self.balance.is_single() && self.target.protocol == Protocol::H1 {
                        self.balance.taken(&address);
                    }
                    return Ok((stream, address));
                }
                Err(error) => {
                    if !self.balance.is_single() {
                        self.tell(&address, self.balance.refused(&address, Instant::now()));
                    }
                    failure = error;
                }
            }
        }
        self.note(Some(&failure));
        Err(failure.into())
    }

    fn tell(&self, address: &Address, is_left_out: bool) {
        if is_left_out {
            let Target { role, url, .. } = &self.target;
            tracing::warn!(%role, url, %address, "an address does not answer; it is left out for a while");
        }
    }

    /// Looks the names up again, apart from everything else; the old addresses stay where that fails.
    fn resolve(self: &Rc<Self>, now: Instant) {
        if now.saturating_duration_since(self.resolved.get()) < self.resolve_interval
            || !self.target.has_names()
        {
            return;
        }
        self.resolved.set(now);
        let pool = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let places = Arc::clone(&pool.target.places);
            // The resolver blocks, so it has a thread of its own.
            let found = tokio::task::spawn_blocking(move || resolve_all(&places)).await;
            pool.resolved.set(Instant::now());
            match found {
                Ok(Ok(addresses)) if !addresses.is_empty() => pool.move_to(&addresses),
                Ok(Err(error)) => {
                    let Target { role, url, .. } = &pool.target;
                    tracing::warn!(%role, url, %error, "cannot resolve the host again; its addresses stay");
                }
                _ => {}
            }
        });
    }

    /// New requests go to `addresses`; connections elsewhere end with the requests on them.
    fn move_to(&self, addresses: &[Address]) {
        self.balance.replace(addresses);
        self.idle.borrow_mut().retain(|idle| self.balance.contains(&idle.address));
        self.shared.borrow_mut().retain(|kept| self.balance.contains(&kept.address));
    }

    /// Drops connections that are closed or idle too long.
    pub(crate) fn sweep(self: &Rc<Self>, now: Instant) {
        self.resolve(now);
        self.idle.borrow_mut().retain(|idle| !idle.sender.is_closed() && !self.is_expired(idle.since, now));
        self.shared.borrow_mut().retain(|kept| {
            if kept.connection.open() > 0 {
                kept.used.set(now);
            }
            !kept.connection.is_closed() && !self.is_expired(kept.used.get(), now)
        });
    }

    fn is_expired(&self, since: Instant, now: Instant) -> bool {
        now.saturating_duration_since(since) > self.idle_timeout
    }

    fn note(&self, error: Option<&io::Error>) {
        let Target { role, url, .. } = &self.target;
        match (error, self.failing.replace(error.is_some())) {
            (Some(error), false) => tracing::warn!(%role, url, %error, "cannot connect; is it running?"),
            (None, true) => tracing::info!(%role, url, "connected again"),
            _ => {}
        }
    }
}

impl Kept {
    fn has_room(&self) -> bool {
        self.connection.open() < STREAMS && !self.connection.is_closed()
    }
}

impl Lease {
    /// Hands `request` to the connection, at once; the future waits for the head of the response.
    pub(crate) fn send(&mut self, request: Request<Payload>) -> impl Future<Output = Sent> + use<> {
        if !self.pool.balance.is_single() {
            self.asked =
                Some(Asked { pool: Rc::clone(&self.pool), address: self.address.clone(), excused: false });
        }
        self.wire.send(request, &self.pool.target)
    }

    /// The head of an answer has come.
    pub(crate) fn answered(&mut self) {
        if self.excuse() && self.pool.balance.answered(&self.address) {
            let Target { role, url, .. } = &self.pool.target;
            tracing::info!(%role, url, address = %self.address, "an address answers again");
        }
    }

    /// That there is no answer is not the address's fault: a kept connection was closed, as it may be.
    pub(crate) fn excuse(&mut self) -> bool {
        self.asked.take().map(|mut asked| asked.excused = true).is_some()
    }

    /// Back to the pool, for the next request.
    pub(crate) fn give_back(self) {
        let Wire::H1(sender) = self.wire else { return };
        let mut idle = self.pool.idle.borrow_mut();
        let fits = idle.len() < self.pool.idle_limit && self.pool.balance.contains(&self.address);
        if fits && !sender.is_closed() {
            idle.push(Idle { address: self.address, sender, since: Instant::now() });
        }
    }
}

/// Drives a connection; how it ends is told to whoever waits for a response on it.
async fn log_end(connection: impl Future<Output = hyper::Result<()>>) {
    if let Err(error) = connection.await {
        tracing::trace!(%error, "upstream connection ended");
    }
}

/// A connection on which nothing has been said yet.
enum Dialled {
    Plain(Line),
    Tls(Box<TlsStream<Line>>),
}

async fn dial(target: &Target, address: &Address) -> io::Result<Dialled> {
    let stream = Line::connect(address).await?;
    match &target.tls {
        None => Ok(Dialled::Plain(stream)),
        Some(tls) => Ok(Dialled::Tls(Box::new(tls.connect(stream).await?))),
    }
}
