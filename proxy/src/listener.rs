//! Listening: one socket per core on the same address, so that the kernel spreads connections.

use crate::StartError;
use crate::connection::{self, Open};
use crate::core::Core;
use crate::proxy::Stop;
use socket2::{Domain, Protocol, Socket, Type};
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 4096;

/// Wait after an accept that failed for want of descriptors or memory: trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What a client over the connection limit is told, if it still listens.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Binds `count` sockets to one address; with port 0 to one free port.
///
/// # Errors
/// [`StartError::InUse`] or [`StartError::Listen`].
pub(crate) fn bind(address: SocketAddr, count: usize) -> Result<Vec<TcpListener>, StartError> {
    let error = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::InUse { address },
        _ => StartError::Listen { address, source },
    };
    if address.port() != 0 {
        // Sockets that share a port do not notice those of another process that does the same.
        socket(address, false).map_err(error)?;
    }
    let first = socket(address, true).map_err(error)?;
    let bound = first.local_addr().map_err(error)?;
    let mut all = vec![first];
    for _ in 1..count {
        all.push(socket(bound, true).map_err(error)?);
    }
    Ok(all)
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart need not wait for connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections until `stop` says to finish.
///
/// # Errors
/// When the socket cannot be registered with the runtime.
pub(crate) async fn run(core: &Rc<Core>, listener: TcpListener, stop: Stop) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut stopped = stop.clone();
    let admit = |accepted| admit(core, &stop, accepted);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(Option::is_some) => break,
        };
        if let Err(error) = admit(accepted) {
            core.counters.accept_errors.add(1);
            tracing::warn!(%error, "cannot accept a connection; raise the limit of open files if this repeats");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
    // The kernel would reset what it has accepted already when the socket closes.
    for _ in 0..BACKLOG {
        match poll_fn(|cx| Poll::Ready(listener.poll_accept(cx))).await {
            Poll::Ready(accepted) => drop(admit(accepted)),
            Poll::Pending => break,
        }
    }
    Ok(())
}

/// Serves an accepted connection, or refuses it where the limit is reached.
fn admit(core: &Rc<Core>, stop: &Stop, accepted: io::Result<(TcpStream, SocketAddr)>) -> io::Result<()> {
    let (stream, peer) = match accepted {
        Ok(accepted) => accepted,
        // The client left while it was waiting.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => return Ok(()),
        Err(error) => return Err(error),
    };
    let setup = core.setup();
    if core.counters.connections.get() < setup.connections as u64 {
        core.spawn(connection::serve(Open::new(core), Rc::clone(&setup.server), stream, peer, stop.clone()));
    } else {
        core.counters.connections_refused.add(1);
        if setup.settings.tls.is_none() {
            // As far as it goes without waiting; then the connection closes.
            let _ = stream.try_write(FULL);
        }
    }
    Ok(())
}
