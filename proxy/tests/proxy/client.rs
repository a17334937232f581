//! A client that says exactly what it is told and keeps exactly what it gets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Long enough for a busy machine; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A response as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Without the status line; names as they came.
    pub(crate) headers: Vec<(String, String)>,
    /// Chunk framing undone.
    pub(crate) body: Vec<u8>,
    /// Every byte.
    pub(crate) raw: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(crate) fn header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).expect("connect"))
    }

    pub(crate) fn on(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("set a timeout");
        stream.set_nodelay(true).expect("set nodelay");
        Self { stream, read: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).expect("send");
        self
    }

    /// Sends as far as the peer lets it.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The response to a request with `method`.
    pub(crate) fn response_to(&mut self, method: &str) -> Response {
        self.try_response_to(method).expect("a whole response")
    }

    pub(crate) fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// `None` where the connection ended before the response was whole.
    pub(crate) fn try_response_to(&mut self, method: &str) -> Option<Response> {
        let head_end = self.read_until(|read| find(read, b"\r\n\r\n").map(|at| at + 4))?;
        let head = String::from_utf8_lossy(&self.read[..head_end]).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        if status == 100 {
            self.read.drain(..head_end);
            return self.try_response_to(method);
        }
        let bodyless = method == "HEAD" || status == 204 || status == 304;
        let (body, end) = if bodyless {
            (Vec::new(), head_end)
        } else if header(&headers, "transfer-encoding").is_some() {
            self.read_until(|read| unchunk(&read[head_end..]).map(|(body, used)| (body, head_end + used)))?
        } else if let Some(length) =
            header(&headers, "content-length").and_then(|length| length.parse::<usize>().ok())
        {
            let end = head_end + length;
            self.read_until(|read| (read.len() >= end).then(|| (read[head_end..end].to_vec(), end)))?
        } else {
            self.read_to_end();
            (self.read[head_end..].to_vec(), self.read.len())
        };
        let raw = self.read.drain(..end).collect();
        Some(Response { status, headers, body, raw })
    }

    /// Waits until at least `count` bytes have come that no response has taken.
    pub(crate) fn wait_for_bytes(&mut self, count: usize) -> &[u8] {
        self.read_until(|read| (read.len() >= count).then_some(())).expect("more bytes");
        &self.read
    }

    /// Waits until `needle` has come; how many bytes there are up to its end.
    pub(crate) fn wait_for(&mut self, needle: &[u8]) -> usize {
        self.read_until(|read| find(read, needle).map(|at| at + needle.len())).expect("more bytes")
    }

    /// Everything up to the end of the connection, whether it is closed or reset.
    pub(crate) fn read_to_end(&mut self) -> &[u8] {
        while self.read_some() {}
        &self.read
    }

    fn read_until<T>(&mut self, mut done: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = done(&self.read) {
                return Some(found);
            }
            if !self.read_some() {
                return None;
            }
        }
    }

    fn read_some(&mut self) -> bool {
        let mut buffer = vec![0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.read.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => {
                panic!("no answer in time: {error}; so far {:?}", String::from_utf8_lossy(&self.read))
            }
        }
    }
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The body of a chunked message and its length on the wire; `None` while it is not whole.
pub(crate) fn unchunk(mut bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (all, mut body) = (bytes.len(), Vec::new());
    loop {
        let line = find(bytes, b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..line]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            // Trailers end with an empty line.
            let end = find(&bytes[line..], b"\r\n\r\n")? + line + 4;
            return Some((body, all - bytes.len() + end));
        }
        body.extend_from_slice(bytes.get(line + 2..line + 2 + size)?);
        bytes = bytes.get(line + 2 + size + 2..)?;
    }
}
