//! The bytes of a connection: a non-blocking socket, with TLS on it or without.
//!
//! rustls does no I/O of its own, so the same loop that waits for sockets drives it: whatever reads or
//! writes here also carries the handshake and its alerts on.

use crate::target::{Protocol, Target};
use rustls::ClientConnection;
use socket2::{Domain, Protocol as Kind, Socket, Type};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A socket, and TLS where it is spoken.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Transport {
    /// Begins to open a connection; it is open when [`Self::handshake`] says so.
    pub(super) fn open(target: &Target, address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Kind::TCP))?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                Err(error)
            }
            _ => Self::new(socket.into(), target),
        }
    }

    /// Opens a connection completely; the socket does not block afterwards.
    pub(super) fn opened(target: &Target, address: SocketAddr, limit: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(limit))?;
        let mut transport = Self::new(stream, target)?;
        if let Some(tls) = &mut transport.tls {
            while tls.is_handshaking() {
                tls.complete_io(&mut transport.stream)?;
            }
            transport.check_protocol(target)?;
        }
        transport.stream.set_nonblocking(true)?;
        Ok(transport)
    }

    fn new(stream: TcpStream, target: &Target) -> io::Result<Self> {
        let tls = target.tls().map(|tls| ClientConnection::new(tls.config.clone(), tls.name.clone()));
        let tls = tls.transpose().map_err(io::Error::other)?.map(Box::new);
        Ok(Self { stream, tls })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether a read that did not fill its buffer has emptied the socket.
    pub(super) fn is_plain(&self) -> bool {
        self.tls.is_none()
    }

    /// Carries the opening on once the socket is ready; whether it has ended.
    pub(super) fn handshake(&mut self, target: &Target) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        let Some(tls) = &mut self.tls else { return Ok(true) };
        while tls.is_handshaking() {
            match tls.complete_io(&mut self.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.flush()?;
        self.check_protocol(target)?;
        Ok(true)
    }

    /// HTTP/2 over TLS is only spoken where both sides have said so.
    fn check_protocol(&self, target: &Target) -> io::Result<()> {
        let Some(tls) = &self.tls else { return Ok(()) };
        let is_h2 = tls.alpn_protocol() == Some(b"h2");
        if target.protocol() != Protocol::Http1 && !is_h2 {
            return Err(io::Error::other("the server does not offer HTTP/2 on its TLS port (ALPN `h2`)"));
        }
        Ok(())
    }

    /// Bytes that have come; `WouldBlock` if none have, 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return again(|| self.stream.read(buffer)) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            again(|| tls.read_tls(&mut self.stream))?;
            let processed = tls.process_new_packets();
            // What the protocol has to say to the peer, an alert too, is said even if it was the last.
            while tls.wants_write() {
                match again(|| tls.write_tls(&mut self.stream)) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            processed.map_err(io::Error::other)?;
        }
    }

    /// Takes bytes to be sent, as many as there is room for; `WouldBlock` where there is none.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return again(|| self.stream.write(bytes)) };
        let taken = tls.writer().write(bytes)?;
        self.flush()?;
        if taken == 0 && !bytes.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// Sends what TLS holds back, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match again(|| tls.write_tls(&mut self.stream)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Once more after a signal.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
