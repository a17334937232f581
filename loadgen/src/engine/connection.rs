//! One connection of a lane: its bytes, and the request it carries.

use super::reply::Reader;
use super::transport::Transport;
use crate::source::{Learned, Source};
use crate::target::Target;
use std::io;
use std::net::{SocketAddr, TcpStream};

/// A planned request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) index: u64,
    /// The intended start, on the clock of the run.
    pub(crate) due_ns: u64,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Being opened.
    Connecting,
    /// Open and free.
    Idle,
    /// Carrying a request.
    Busy(Flight),
}

/// A request on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flight {
    pub(crate) arrival: Arrival,
    /// When its first byte went out.
    pub(crate) sent_ns: u64,
    /// When the first byte of the reply came; 0 before.
    pub(crate) first_ns: u64,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    transport: Transport,
    pub(crate) phase: Phase,
    pub(crate) reader: Reader,
    pub(crate) opened_ns: u64,
    /// Which lap's bytes: those of the source, or rewritten ones in `lap`.
    request: u64,
    is_rewritten: bool,
    lap: Vec<u8>,
    written: usize,
    /// The reply as it came, where it is wanted.
    kept: Vec<u8>,
}

/// Replies are kept up to this many bytes, and as long as that says that they are longer.
pub(crate) const KEPT_MAX: usize = 1 << 20;

impl Connection {
    /// Begins to open a connection; see [`Self::handshake`].
    pub(crate) fn open(target: &Target, address: SocketAddr, now_ns: u64) -> io::Result<Self> {
        Ok(Self::new(Transport::open(target, address)?, Phase::Connecting, now_ns))
    }

    /// Takes over an open connection.
    pub(crate) fn opened(transport: Transport, now_ns: u64) -> Self {
        Self::new(transport, Phase::Idle, now_ns)
    }

    fn new(transport: Transport, phase: Phase, opened_ns: u64) -> Self {
        let reader = Reader::default();
        Self {
            transport,
            phase,
            reader,
            opened_ns,
            request: 0,
            is_rewritten: false,
            lap: Vec::new(),
            written: 0,
            kept: Vec::new(),
        }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.transport.stream()
    }

    /// Carries the opening on, when the socket has become ready; whether the connection is open.
    pub(crate) fn handshake(&mut self, target: &Target) -> io::Result<bool> {
        self.transport.handshake(target)
    }

    /// Whether a read of `count` bytes into a buffer of `room` has emptied the socket.
    pub(crate) fn is_drained(&self, count: usize, room: usize) -> bool {
        count < room && self.transport.is_plain()
    }

    /// Puts a request on an idle connection; nothing is written yet.
    pub(crate) fn begin(&mut self, source: &Source, arrival: Arrival, learned: &Learned, now_ns: u64) {
        let (request, lap) = source.of(arrival.index);
        self.request = arrival.index;
        self.is_rewritten = request.varies(lap);
        if let Some(generated) = source.generate(arrival.index) {
            self.is_rewritten = true;
            self.lap.clear();
            self.lap.extend_from_slice(&generated.bytes);
        } else if self.is_rewritten {
            request.write_lap(lap, learned, &mut self.lap);
        }
        self.written = 0;
        self.kept.clear();
        self.reader.start(request.is_head);
        self.phase = Phase::Busy(Flight { arrival, sent_ns: now_ns, first_ns: 0 });
    }

    /// Writes as much of the request as the socket takes; returns how much that was.
    pub(crate) fn write(&mut self, source: &Source) -> io::Result<usize> {
        let before = self.written;
        loop {
            let bytes: &[u8] = if self.is_rewritten { &self.lap } else { &source.of(self.request).0.bytes };
            let rest = &bytes[self.written..];
            if rest.is_empty() {
                self.transport.flush()?;
                return Ok(self.written - before);
            }
            match self.transport.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(self.written - before),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the request is on the wire completely.
    pub(crate) fn is_written(&self, source: &Source) -> bool {
        let length = if self.is_rewritten { self.lap.len() } else { source.of(self.request).0.bytes.len() };
        self.written == length
    }

    /// Keeps bytes of the reply, one more than [`KEPT_MAX`] at most.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        let room = (KEPT_MAX + 1).saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The kept reply.
    pub(crate) fn take_kept(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }

    /// Reads what has come; `None` if nothing has, `Some(0)` at the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.transport.read(buffer) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}
