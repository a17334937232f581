//! A server that does as it is told, misdeeds included.

use crate::client::{find, header, unchunk};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// What a server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and keeps the connection.
    Raw(Vec<u8>),
    /// Sends these bytes and closes.
    RawClose(Vec<u8>),
    /// Sends these bytes, then resets the connection.
    Reset(Vec<u8>),
    /// Sends the first bytes, waits for the gate, sends the rest.
    Gated(Vec<u8>, Arc<Gate>, Vec<u8>),
    /// Never answers, and keeps the connection.
    Hang,
}

/// `200` with a body.
pub(crate) fn ok(body: impl AsRef<[u8]>) -> Reply {
    Reply::Raw(message("200 OK", &[], body))
}

/// A response with `content-length`.
pub(crate) fn message(status: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\n{lines}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Closed until somebody opens it.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    pub(crate) fn closed() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }

    pub(crate) fn wait(&self) {
        drop(self.changed.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
    }
}

type Serve = dyn Fn(&Shared, SocketAddr, TcpStream) + Send + Sync;

/// A server; it stops when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    streams: Mutex<HashMap<SocketAddr, TcpStream>>,
    stopped: AtomicBool,
}

impl Server {
    /// Answers each request as `behaviour` says.
    pub(crate) fn start(behaviour: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").expect("bind"), behaviour)
    }

    pub(crate) fn start_on(
        listener: TcpListener,
        behaviour: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::spawn(listener, Box::new(move |shared, peer, stream| shared.serve(peer, stream, &behaviour)))
    }

    /// Does with each connection what `serve` does.
    pub(crate) fn raw(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        Self::spawn(listener, Box::new(move |_, _, stream| serve(stream)))
    }

    fn spawn(listener: TcpListener, serve: Box<Serve>) -> Self {
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let (accepting, serve) = (Arc::clone(&shared), Arc::new(serve));
        std::thread::spawn(move || {
            while let Ok((stream, peer)) = listener.accept() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let _ = stream.set_nodelay(true);
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                accepting.streams.lock().unwrap().insert(peer, stream.try_clone().expect("clone"));
                let (serving, serve) = (Arc::clone(&accepting), Arc::clone(&serve));
                std::thread::spawn(move || {
                    serve(&serving, peer, stream);
                    serving.streams.lock().unwrap().remove(&peer);
                });
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request that was read to its end.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// How many connections it has accepted.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Closes every connection, as a server does with idle ones.
    pub(crate) fn close_connections(&self) {
        for (_, stream) in self.shared.streams.lock().unwrap().drain() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees that it is to stop.
        let _ = TcpStream::connect(self.address);
        self.close_connections();
    }
}

impl Shared {
    fn serve(&self, peer: SocketAddr, mut stream: TcpStream, behaviour: &impl Fn(&Received) -> Reply) {
        let mut read = Vec::new();
        while let Some(request) = read_request(&mut stream, &mut read) {
            self.received.lock().unwrap().push(request.clone());
            let kept = match behaviour(&request) {
                Reply::Raw(bytes) => stream.write_all(&bytes).is_ok(),
                Reply::RawClose(bytes) => {
                    let _ = stream.write_all(&bytes);
                    false
                }
                Reply::Reset(bytes) => {
                    let _ = stream.write_all(&bytes);
                    // A close that does not linger is a reset; the other handle must go first.
                    self.streams.lock().unwrap().remove(&peer);
                    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger");
                    false
                }
                Reply::Gated(first, gate, rest) => {
                    let begun = stream.write_all(&first).is_ok();
                    gate.wait();
                    begun && stream.write_all(&rest).is_ok()
                }
                Reply::Hang => {
                    let _ = stream.read(&mut [0; 1]);
                    false
                }
            };
            if !kept {
                return;
            }
        }
    }
}

fn read_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Received> {
    let head_end = read_until(stream, read, |read| find(read, b"\r\n\r\n").map(|at| at + 4))?;
    let head = String::from_utf8_lossy(&read[..head_end]).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let (body, end) = if header(&headers, "transfer-encoding").is_some() {
        read_until(stream, read, |read| {
            unchunk(&read[head_end..]).map(|(body, used)| (body, head_end + used))
        })?
    } else {
        let length = header(&headers, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let end = head_end + length;
        read_until(stream, read, |read| (read.len() >= end).then(|| (read[head_end..end].to_vec(), end)))?
    };
    read.drain(..end);
    Some(Received { method, target, headers, body })
}

fn read_until<T>(
    stream: &mut TcpStream,
    read: &mut Vec<u8>,
    mut done: impl FnMut(&[u8]) -> Option<T>,
) -> Option<T> {
    loop {
        if let Some(found) = done(read) {
            return Some(found);
        }
        let mut buffer = [0; 16 << 10];
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => read.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
}
