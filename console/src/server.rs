//! The console's thread: one OS thread, one current-thread runtime, one accept loop.
//!
//! The loop is written out, rather than `axum::serve`, because that sets no time limit for a request
//! head and no limit on connections; both are needed by a port that people and scripts can reach.

use crate::api::{self, Context};
use crate::board::Board;
use crate::limits;
use crate::webhook::{self, Webhook};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Starts consoles.
#[derive(Debug)]
pub struct Console;

/// A console that serves until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Why a console cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process listens there.
    #[error(
        "the console's address {address} is in use; stop what listens there, or set `console.address` \
         (or --console) to another port, 0 for any"
    )]
    InUse {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address cannot be listened on.
    #[error(
        "the console cannot listen on {address}; set `console.address` (or --console) to an address of this machine"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no thread or no poller.
    #[error("the console's thread cannot start; the limit on threads or open files may be too low")]
    Thread(#[source] io::Error),
}

impl Console {
    /// Listens on `address` (port 0: any free port) and serves `board` from a thread of its own.
    ///
    /// # Errors
    /// [`StartError`] where the address is taken or not ours, or where no thread can be had.
    pub fn start(address: SocketAddr, board: Board) -> Result<Running, StartError> {
        Self::start_with(address, board, None)
    }

    /// [`Console::start`], with a webhook that hears of each change of state.
    ///
    /// # Errors
    /// The same.
    pub fn start_with(
        address: SocketAddr,
        board: Board,
        webhook: Option<Webhook>,
    ) -> Result<Running, StartError> {
        let listener = listen(address)?;
        let bound = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, Context::new(board, stopped), webhook)) {
                    tracing::error!(%error, "the console has stopped");
                }
                runtime.shutdown_background();
            })
            .map_err(StartError::Thread)?;
        Ok(Running { address: bound, stop, thread: Some(thread) })
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends streams and long polls, lets other requests finish (2 s at most), delivers what waits for
    /// the webhook (10 s at most), and joins the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the console's thread panicked");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn listen(address: SocketAddr) -> Result<std::net::TcpListener, StartError> {
    let listener = std::net::TcpListener::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::InUse { address, source },
        _ => StartError::Listen { address, source },
    })?;
    listener.set_nonblocking(true).map_err(|source| StartError::Listen { address, source })?;
    Ok(listener)
}

async fn serve(
    listener: std::net::TcpListener,
    mut context: Context,
    webhook: Option<Webhook>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let connections = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let delivery = webhook.map(|webhook| {
        let counters = context.webhook.insert(Arc::default()).clone();
        tokio::spawn(webhook::deliver(webhook, context.board.clone(), counters, context.stopped.clone()))
    });
    let mut stopped = context.stopped.clone();
    let mut upkeep = tokio::time::interval(limits::UPKEEP);
    let service = TowerToHyperService::new(api::router(context.clone()));
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            _ = upkeep.tick() => {
                if let Some(metrics) = context.board.metrics() {
                    metrics.run_upkeep();
                }
            }
            (stream, permit) = accept(&listener, &connections) => {
                let connection = http1().serve_connection(TokioIo::new(stream), service.clone());
                let connection = graceful.watch(connection);
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a console connection ended early");
                    }
                    drop(permit);
                });
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(limits::DRAIN, graceful.shutdown()).await.is_err() {
        tracing::debug!("console requests were cut by the stop");
    }
    if let Some(delivery) = delivery
        && delivery.await.is_err()
    {
        tracing::error!("the webhook's task panicked");
    }
    Ok(())
}

/// The next connection, once there is room for one.
async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let permit = connections.clone().acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                prepare(&stream);
                return (stream, permit);
            }
            Err(error) => {
                // Out of file descriptors, or a peer that left at once: other connections go on.
                tracing::warn!(%error, "the console cannot accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// Settings without which a connection still works, so a refusal is no reason to drop it.
fn prepare(stream: &TcpStream) {
    // Answers are small and complete: waiting to fill a segment only adds latency.
    let _ = stream.set_nodelay(true);
    // A reader that went away, or takes nothing, gives its place back.
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(limits::UNREAD));
}

fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD)
        .max_buf_size(limits::HEAD_BYTES)
        .half_close(false);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::published;
    use parallax_comparator::verdict::State;
    use std::io::{Read, Write};

    fn anywhere() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn send(address: SocketAddr, request: &str) -> std::net::TcpStream {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    #[test]
    fn a_console_serves_what_is_published_over_a_real_socket() {
        let board = Board::new();
        let running = Console::start(anywhere(), board.clone()).unwrap();
        board.publish(published("r1", State::Promote));
        let request = "GET /v1/verdicts/r1 HTTP/1.1\r\nhost: console\r\nconnection: close\r\n\r\n";
        let mut answer = String::new();
        send(running.address(), request).read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())));
        let document: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(document["promote"], true);
        running.stop();
    }

    #[test]
    fn a_port_in_use_is_named_with_a_remedy() {
        let first = Console::start(anywhere(), Board::new()).unwrap();
        let error = Console::start(first.address(), Board::new()).unwrap_err();
        assert!(matches!(error, StartError::InUse { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&first.address().to_string()) && text.contains("console.address"), "{text}");
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 0));
        let error = Console::start(elsewhere, Board::new()).unwrap_err();
        assert!(error.to_string().contains("192.0.2.1"), "{error}");
    }

    #[test]
    fn stopping_ends_open_streams_and_frees_the_port() {
        let running = Console::start(anywhere(), Board::new()).unwrap();
        let address = running.address();
        let mut stream = send(address, "GET /v1/events HTTP/1.1\r\nhost: console\r\n\r\n");
        let mut start = [0; 15];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 200 OK");
        running.stop();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(b"0\r\n\r\n"), "the stream ends in whole");
        assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
    }
}
