//! One connection of HTTP/2 and the requests on it.

use super::call::{Answer, Call, Step};
use crate::engine::clock;
use crate::engine::connection::{Arrival, Flight};
use crate::engine::tally::Failure;
use crate::engine::transport::Transport;
use crate::source::Source;
use crate::target::{Protocol, Target};
use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of answers in flight on a connection, and on one stream: answers are thrown away as they come, so
/// only the peer's pace is to count.
const WINDOW: u32 = 16 << 20;

/// A connection and its requests.
pub(super) struct Link {
    state: State,
    /// The socket, to be waited for; the bytes go through the state.
    socket: OwnedFd,
    /// When it was begun; 0 for one that was open before the start.
    pub(super) opened_ns: u64,
    streams: usize,
    calls: Vec<Option<Call>>,
    free: Vec<usize>,
    signals: Arc<Signals>,
    traffic: Rc<Traffic>,
}

/// How a request ended.
pub(super) struct Ended {
    pub(super) flight: Flight,
    pub(super) result: Result<Answer, (Failure, String)>,
}

#[expect(clippy::large_enum_variant, reason = "a connection is open for nearly all of its life")]
enum State {
    Opening(Transport),
    Greeting(Pin<Box<dyn Future<Output = Result<Opened, h2::Error>>>>),
    Open(Opened),
    Closed,
}

type Opened = (SendRequest<Bytes>, Connection<Pipe, Bytes>);

/// Who asked to be polled.
#[derive(Default)]
struct Signals {
    link: AtomicBool,
    calls: Mutex<Vec<usize>>,
}

struct LinkWaker(Arc<Signals>);

impl Wake for LinkWaker {
    fn wake(self: Arc<Self>) {
        self.0.link.store(true, Ordering::Relaxed);
    }
}

struct CallWaker(Arc<Signals>, usize);

impl Wake for CallWaker {
    fn wake(self: Arc<Self>) {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner).push(self.1);
    }
}

impl Link {
    /// Begins to open a connection.
    pub(super) fn open(target: &Target, address: SocketAddr, streams: usize, now: u64) -> io::Result<Self> {
        Self::new(Transport::open(target, address)?, streams, now)
    }

    /// Takes over an open transport; the protocol is begun when it is first driven.
    pub(super) fn opened(transport: Transport, streams: usize) -> io::Result<Self> {
        Self::new(transport, streams, 0)
    }

    fn new(transport: Transport, streams: usize, opened_ns: u64) -> io::Result<Self> {
        let socket = transport.stream().try_clone()?.into();
        let signals = Arc::new(Signals { link: AtomicBool::new(opened_ns == 0), ..Signals::default() });
        Ok(Self {
            state: State::Opening(transport),
            socket,
            opened_ns,
            streams,
            calls: Vec::new(),
            free: Vec::new(),
            signals,
            traffic: Rc::default(),
        })
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The socket has news.
    pub(super) fn mark(&self) {
        self.signals.link.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_marked(&self) -> bool {
        self.signals.link.load(Ordering::Relaxed)
    }

    pub(super) fn is_opening(&self) -> bool {
        matches!(self.state, State::Opening(_) | State::Greeting(_))
    }

    /// Requests under way.
    pub(super) fn calls(&self) -> usize {
        self.calls.len() - self.free.len()
    }

    /// Whether another request may be sent: by our own limit and by the server's.
    pub(super) fn has_room(&self) -> bool {
        match &self.state {
            State::Open((_, connection)) => {
                self.calls() < self.streams.min(connection.max_concurrent_send_streams())
            }
            _ => false,
        }
    }

    pub(super) fn arrivals(&self) -> impl Iterator<Item = Arrival> + '_ {
        self.calls.iter().flatten().map(|call| call.flight.arrival)
    }

    /// Hands a request over; it is on the wire when the link has been driven.
    pub(super) fn send(
        &mut self,
        source: &Source,
        arrival: Arrival,
        now: u64,
        keeps: bool,
        protocol: Protocol,
    ) -> Result<(), (Flight, String)> {
        let flight = Flight { arrival, sent_ns: now, first_ns: 0 };
        let State::Open((sender, _)) = &mut self.state else {
            return Err((flight, "the connection is closed".to_owned()));
        };
        let call =
            Call::begin(sender, source, flight, keeps, protocol).map_err(|why| (flight, why.to_string()))?;
        let place = self.free.pop().unwrap_or_else(|| {
            self.calls.push(None);
            self.calls.len() - 1
        });
        self.calls[place] = Some(call);
        self.signals.calls.lock().unwrap_or_else(PoisonError::into_inner).push(place);
        self.mark();
        Ok(())
    }

    /// Carries everything on as far as it goes without waiting; `Err` when the connection is over.
    pub(super) fn drive(&mut self, target: &Target, ended: &mut Vec<Ended>) -> io::Result<()> {
        let waker = Waker::from(Arc::new(LinkWaker(Arc::clone(&self.signals))));
        let mut context = Context::from_waker(&waker);
        while self.signals.link.swap(false, Ordering::Relaxed) {
            let over = self.advance(target, &mut context);
            self.poll_calls(ended);
            match over {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => return Err(io::Error::other("the server closed the connection")),
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn advance(&mut self, target: &Target, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.state {
                State::Opening(transport) => match transport.handshake(target) {
                    Ok(false) => return Poll::Pending,
                    Ok(true) => self.greet(),
                    Err(error) => return Poll::Ready(Err(error)),
                },
                State::Greeting(greeting) => match greeting.as_mut().poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(opened)) => self.state = State::Open(opened),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                },
                State::Open((_, connection)) => {
                    return Pin::new(connection).poll(context).map_err(io::Error::other);
                }
                State::Closed => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Sends the preface and our settings.
    fn greet(&mut self) {
        let State::Opening(transport) = std::mem::replace(&mut self.state, State::Closed) else { return };
        let pipe = Pipe { transport, traffic: Rc::clone(&self.traffic) };
        let mut builder = Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).enable_push(false);
        self.state = State::Greeting(Box::pin(async move { builder.handshake(pipe).await }));
    }

    fn poll_calls(&mut self, ended: &mut Vec<Ended>) {
        loop {
            let places =
                std::mem::take(&mut *self.signals.calls.lock().unwrap_or_else(PoisonError::into_inner));
            if places.is_empty() {
                return;
            }
            let now = clock::now_ns();
            for place in places {
                let Some(Some(call)) = self.calls.get_mut(place) else { continue };
                let waker = Waker::from(Arc::new(CallWaker(Arc::clone(&self.signals), place)));
                if let Step::Ended(result) = call.poll(&mut Context::from_waker(&waker), now) {
                    ended.push(Ended { flight: call.flight, result });
                    self.calls[place] = None;
                    self.free.push(place);
                }
            }
        }
    }

    /// Gives up the requests for which `is_over` holds of their due time; their streams are reset.
    pub(super) fn take_over(&mut self, is_over: impl Fn(u64) -> bool) -> Vec<Flight> {
        let mut over = Vec::new();
        for (place, slot) in self.calls.iter_mut().enumerate() {
            if let Some(call) = slot.take_if(|call| is_over(call.flight.arrival.due_ns)) {
                over.push(call.flight);
                self.free.push(place);
            }
        }
        if !over.is_empty() {
            self.mark();
        }
        over
    }

    /// Gives up every request.
    pub(super) fn take_flights(&mut self) -> Vec<Flight> {
        self.calls.drain(..).flatten().map(|call| call.flight).collect()
    }

    pub(super) fn take_sent(&self) -> u64 {
        self.traffic.sent.take()
    }

    pub(super) fn take_received(&self) -> u64 {
        self.traffic.received.take()
    }
}

/// Bytes since they were last asked for.
#[derive(Default)]
struct Traffic {
    sent: Cell<u64>,
    received: Cell<u64>,
}

/// A transport as `h2` wants it. It registers no waker: the lane's own poll tells when it is ready, and
/// the whole connection is polled then.
struct Pipe {
    transport: Transport,
    traffic: Rc<Traffic>,
}

fn ready<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        other => Poll::Ready(other),
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.transport.read(buffer.initialize_unfilled());
        ready(read).map_ok(|count| {
            self.traffic.received.set(self.traffic.received.get() + count as u64);
            buffer.advance(count);
        })
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.transport.write(bytes);
        ready(written).map_ok(|count| {
            self.traffic.sent.set(self.traffic.sent.get() + count as u64);
            count
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready(self.transport.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}
