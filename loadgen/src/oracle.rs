//! A server that plays a script and stamps every request: the truth that the generator is held to.
//!
//! A thread for each connection and nothing clever: what it says of arrival times must not depend on the
//! machinery that it is there to check.

use crate::engine::clock;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// Answers with a status and this many bytes.
    Reply(u16, usize),
    /// The same in chunks, and closes the connection in good order.
    ChunkedAndClose(u16),
    /// Answers after a while.
    #[cfg(test)]
    After(Duration),
    /// Answers at this moment of the run's clock, or at once where it has passed.
    At(u64),
    /// Resets the connection.
    Reset,
    /// Promises more than it sends.
    Truncate,
    /// Says something else than HTTP.
    Garbage,
    /// Never answers.
    #[cfg(test)]
    Hang,
}

/// Of the number of a request and the moment at which its last byte was read.
type Script = dyn Fn(u64, u64) -> Act + Send + Sync;

/// The server; it ends when it is dropped.
pub(crate) struct Oracle {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    count: AtomicU64,
    ended: AtomicBool,
    /// The arrival time and the head of every request.
    seen: Mutex<Vec<(u64, String)>>,
}

impl Oracle {
    /// Starts a server; `script` says what becomes of the n-th request, counted from 0.
    ///
    /// # Errors
    /// Of the operating system, which may have no port left.
    pub(crate) fn start(script: impl Fn(u64) -> Act + Send + Sync + 'static) -> io::Result<Self> {
        Self::play(move |number, _| script(number))
    }

    /// Starts a server whose script knows also when each request arrived.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn play(script: impl Fn(u64, u64) -> Act + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
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
        Ok(Self { address, shared })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The requests so far with their arrival times, in the order in which the server saw them.
    pub(crate) fn seen(&self) -> Vec<(u64, String)> {
        self.shared.seen().clone()
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Vec<(u64, String)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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
        let now_ns = clock::now_ns();
        let number = shared.count.fetch_add(1, Ordering::Relaxed);
        shared.seen().push((now_ns, head));
        if !act(&mut stream, (shared.script)(number, now_ns)) {
            return;
        }
    }
}

/// Plays one act; whether the connection goes on.
fn act(stream: &mut TcpStream, act: Act) -> bool {
    match act {
        Act::Reply(status, length) => reply(stream, status, length),
        #[cfg(test)]
        Act::After(delay) => {
            std::thread::sleep(delay);
            reply(stream, 200, 2)
        }
        Act::At(at_ns) => {
            std::thread::sleep(Duration::from_nanos(at_ns.saturating_sub(clock::now_ns())));
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
        #[cfg(test)]
        Act::Hang => {
            let _ = stream.read(&mut [0; 16]); // Until the client gives up.
            let _ = stream.shutdown(std::net::Shutdown::Both);
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
            let length = length.and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
            let whole = end + 4 + length;
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
