//! Shadows that misbehave, each in one way, and a primary that tells the client what it was sent.
//!
//! All of them are plain sockets: no HTTP library would send what these do. One thread each, so that
//! hundreds of copies that nobody answers cost the test nothing.

use super::wire::{Head, read_message};
use crate::harness::local;
use socket2::{Domain, SockRef, Socket, Type};
use std::future::Future;
use std::net::{SocketAddr, TcpListener, TcpStream as Blocking};
use std::pin::Pin;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// How long a slow shadow takes: well above what a live request may differ by.
const SLOW: Duration = Duration::from_millis(300);

/// A head of the size that the issue names.
const HUGE: usize = 10 << 20;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What a server does with one connection.
pub(super) type Behaviour = fn(TcpStream) -> Pin<Box<dyn Future<Output = ()>>>;

/// A server on a thread of its own, until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(behaviour: Behaviour) -> Self {
        Self::on(TcpListener::bind(local(0)).expect("a loopback port can be bound"), behaviour)
    }

    pub(super) fn on(listener: TcpListener, behaviour: Behaviour) -> Self {
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let address = listener.local_addr().expect("it has an address");
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            LocalSet::new().block_on(&runtime, async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("the runtime takes it");
                let serve = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::task::spawn_local(behaviour(stream));
                    }
                };
                tokio::select! { () = serve => {}, _ = stopped => {} }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a server of the tests does not panic");
        }
    }
}

/// An address to which the kernel answers nothing: its queue of connections is full.
pub(super) struct BlackHole {
    listener: TcpListener,
    /// What fills the queue.
    filling: Vec<Blocking>,
}

impl BlackHole {
    pub(super) fn open() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&local(0).into()).expect("a loopback port can be bound");
        socket.listen(0).expect("it listens");
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().expect("it has an address");
        let mut filling = Vec::new();
        // The queue takes one more than was asked for; what comes then gets no answer.
        while let Ok(stream) = Blocking::connect_timeout(&address, Duration::from_millis(100)) {
            filling.push(stream);
            assert!(filling.len() < 16, "the queue of a listener has an end");
        }
        Self { listener, filling }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("it has an address")
    }

    /// It answers from now on.
    pub(super) fn close(self) -> Server {
        drop(self.filling);
        Server::on(self.listener, healthy)
    }
}

/// An address at which nobody listens.
pub(super) fn refused() -> SocketAddr {
    TcpListener::bind(local(0)).and_then(|listener| listener.local_addr()).expect("a port that was free")
}

/// Echoes each request, head and body, as it came.
pub(super) fn primary(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        while let Some((head, body)) = read_message(&mut stream).await {
            if stream.write_all(&echo(&head, &body)).await.is_err() {
                return;
            }
        }
    })
}

fn echo(head: &Head, body: &[u8]) -> Vec<u8> {
    let text = [head.bytes(), body].concat();
    let head = match head.path() {
        "/empty" => return b"HTTP/1.1 204 No Content\r\nx-a: 1\r\nx-a: 2\r\n\r\n".to_vec(),
        "/chunked" => {
            let head = "HTTP/1.1 200 Fine By Me\r\ntransfer-encoding: chunked\r\nx-b: y\r\n\r\n";
            let size = format!("{head}{:x}\r\n", text.len());
            return [size.as_bytes(), &text, b"\r\n0\r\n\r\n"].concat();
        }
        "/teapot" => "HTTP/1.1 418 Own Words\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n",
        _ => "HTTP/1.1 200 OK\r\nx-spelling:  Kept \r\n",
    };
    let head = format!("{head}content-length: {}\r\n\r\n", text.len());
    [head.as_bytes(), &text].concat()
}

pub(super) fn healthy(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        while read_message(&mut stream).await.is_some() {
            if stream.write_all(OK).await.is_err() {
                return;
            }
        }
    })
}

pub(super) fn slow(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        while read_message(&mut stream).await.is_some() {
            tokio::time::sleep(SLOW).await;
            if stream.write_all(OK).await.is_err() {
                return;
            }
        }
    })
}

/// A byte now and then, for ever.
pub(super) fn trickling(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        if read_message(&mut stream).await.is_none() {
            return;
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
}

pub(super) fn silent(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        while read_message(&mut stream).await.is_some() {}
    })
}

/// Takes the connection and leaves what comes in the kernel's smallest buffer.
pub(super) fn never_reading(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        // What the kernel makes of it differs; less than a large request is all that is needed.
        let _ = SockRef::from(&stream).set_recv_buffer_size(4096);
        std::future::pending::<()>().await;
        drop(stream);
    })
}

pub(super) fn resetting(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        if read_message(&mut stream).await.is_none() {
            return;
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nabc").await;
        // Closing now sends a reset.
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    })
}

/// Resets after the first bytes of the request, while the rest of it is still being sent.
pub(super) fn resetting_early(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        let _ = stream.read(&mut [0; 64]).await;
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    })
}

/// Says that it will say no more in the middle of an answer, and goes on listening.
pub(super) fn half_closing(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        if read_message(&mut stream).await.is_none() {
            return;
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
        let _ = stream.shutdown().await;
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
    })
}

pub(super) fn endless_body(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        if read_message(&mut stream).await.is_none() {
            return;
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
        while stream.write_all(&chunk).await.is_ok() {}
    })
}

/// Interim answers for ever, and never one that counts.
pub(super) fn endless_interim(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        if read_message(&mut stream).await.is_none() {
            return;
        }
        let hints = format!("HTTP/1.1 103 Early Hints\r\nlink: <{}>\r\n\r\n", "a".repeat(500)).repeat(64);
        while stream.write_all(hints.as_bytes()).await.is_ok() {}
    })
}

/// One header of ten megabytes.
pub(super) fn huge_header(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        if read_message(&mut stream).await.is_none() {
            return;
        }
        let head = [b"HTTP/1.1 200 OK\r\nx-huge: ".as_slice(), &vec![b'x'; HUGE], b"\r\n\r\n"].concat();
        let _ = stream.write_all(&head).await;
    })
}

/// Ten megabytes of small headers.
pub(super) fn many_headers(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        if read_message(&mut stream).await.is_none() {
            return;
        }
        let line = b"x-many: 0123456789\r\n";
        let head = [b"HTTP/1.1 200 OK\r\n".as_slice(), &line.repeat(HUGE / line.len()), b"\r\n"].concat();
        let _ = stream.write_all(&head).await;
    })
}

pub(super) fn garbage(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        if read_message(&mut stream).await.is_some() {
            let _ = stream.write_all(&b"\x16\x03\x01 what?\r\n\r\n".repeat(100)).await;
        }
    })
}

/// One answer too many for each request: what follows must not become the answer to the next.
pub(super) fn answering_twice(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        while read_message(&mut stream).await.is_some() {
            if stream.write_all(&[OK, OK].concat()).await.is_err() {
                return;
            }
        }
    })
}

/// Answers the client's hello with the alert `handshake_failure` (RFC 8446, 6.2).
pub(super) fn refusing_tls(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, 40]).await;
    })
}

/// Asks for a sign of life without end (RFC 9113, 6.7), and answers no request.
pub(super) fn pinging(stream: TcpStream) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let (mut incoming, mut outgoing) = stream.into_split();
        tokio::task::spawn_local(async move {
            let mut rest = vec![0; 64 << 10];
            while incoming.read(&mut rest).await.is_ok_and(|count| count > 0) {}
        });
        // A SETTINGS frame with nothing in it, as each server begins.
        let _ = outgoing.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
        let pings = [&[0, 0, 8, 6, 0, 0, 0, 0, 0], b"are you?".as_slice()].concat().repeat(100);
        while outgoing.write_all(&pings).await.is_ok() {}
    })
}
