//! One connection of a lane: a non-blocking socket and the request it carries.

use super::reply::Reader;
use crate::source::Source;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read, Write};
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
    stream: TcpStream,
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
    /// Begins to open a connection; it is open when it becomes writable without an error.
    pub(crate) fn open(address: SocketAddr, now_ns: u64) -> io::Result<Self> {
        let socket =
            Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                Err(error)
            }
            _ => Ok(Self::new(socket.into(), Phase::Connecting, now_ns)),
        }
    }

    /// Takes over an open connection.
    pub(crate) fn opened(stream: TcpStream, now_ns: u64) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream, Phase::Idle, now_ns))
    }

    fn new(stream: TcpStream, phase: Phase, opened_ns: u64) -> Self {
        let reader = Reader::default();
        Self {
            stream,
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
        &self.stream
    }

    /// Puts a request on an idle connection; nothing is written yet.
    pub(crate) fn begin(&mut self, source: &Source, arrival: Arrival, now_ns: u64) {
        let (request, lap) = source.of(arrival.index);
        self.request = arrival.index;
        self.is_rewritten = request.varies(lap);
        if self.is_rewritten {
            request.write_lap(lap, &mut self.lap);
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
                return Ok(self.written - before);
            }
            match self.stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(self.written - before),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
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
        loop {
            match self.stream.read(buffer) {
                Ok(count) => return Ok(Some(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
