//! A server that plays a script and stamps every request.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) enum Act {
    /// Answers with a status and this many bytes.
    Reply(u16, usize),
    /// The same in chunks, and closes the connection in good order.
    ChunkedAndClose(u16),
    /// Answers after a while.
    After(Duration),
    /// Resets the connection.
    Reset,
    /// Promises more than it sends.
    Truncate,
    /// Says something else than HTTP.
    Garbage,
    /// Never answers.
    Hang,
}

type Script = dyn Fn(u64) -> Act + Send + Sync;

/// The server; it ends when it is dropped.
pub(in crate::engine) struct Oracle {
    pub(in crate::engine) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    count: AtomicU64,
    ended: AtomicBool,
    /// The head and the arrival time of every request.
    seen: Mutex<Vec<(Instant, String)>>,
}

impl Oracle {
    /// Starts a server; `script` says what becomes of the n-th request, counted from 0.
    pub(in crate::engine) fn start(script: impl Fn(u64) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            count: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            seen: Mutex::new(Vec::new()),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub(in crate::engine) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The requests so far, in the order in which the server saw them.
    pub(in crate::engine) fn seen(&self) -> Vec<(Instant, String)> {
        self.shared.seen.lock().expect("no test panics with it").clone()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address); // Wakes the accepting thread.
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let mut held = Vec::new();
    while let Some(head) = read_request(&mut stream, &mut held) {
        let number = shared.count.fetch_add(1, Ordering::Relaxed);
        shared.seen.lock().expect("no test panics with it").push((Instant::now(), head));
        if !act(&mut stream, (shared.script)(number)) {
            return;
        }
    }
}

/// Plays one act; whether the connection goes on.
fn act(stream: &mut TcpStream, act: Act) -> bool {
    match act {
        Act::Reply(status, length) => reply(stream, status, length),
        Act::After(delay) => {
            std::thread::sleep(delay);
            reply(stream, 200, 2)
        }
        Act::ChunkedAndClose(status) => {
            let text = format!(
                "HTTP/1.1 {status} X\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            );
            let _ = stream.write_all(text.as_bytes());
            false
        }
        Act::Truncate => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
            false
        }
        Act::Garbage => {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n");
            false
        }
        Act::Reset => {
            // Closing with linger 0 sends RST instead of FIN.
            let _ = socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
            false
        }
        Act::Hang => {
            let _ = stream.read(&mut [0; 16]); // Until the client gives up.
            let _ = stream.shutdown(Shutdown::Both);
            false
        }
    }
}

fn reply(stream: &mut TcpStream, status: u16, length: usize) -> bool {
    let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length));
    stream.write_all(text.as_bytes()).is_ok()
}

/// One request with a length; its head. `held` keeps what belongs to the next.
fn read_request(stream: &mut TcpStream, held: &mut Vec<u8>) -> Option<String> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&held[..end]).into_owned();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let whole = end + 4 + length.map_or(0, |length| length.parse().expect("a number"));
            if held.len() >= whole {
                held.drain(..whole);
                return Some(head);
            }
        }
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => held.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
}
