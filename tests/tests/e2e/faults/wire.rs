//! HTTP/1.1 as bytes: just enough to know where a message of these tests ends.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream as Blocking};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Longer than any answer of these tests takes on a machine that stalls.
const PATIENCE: Duration = Duration::from_secs(20);

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// The head of a message, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head(Vec<u8>);

/// How a body is framed.
enum Framing {
    Length(usize),
    Chunked,
}

impl Head {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path of a request.
    pub(super) fn path(&self) -> &str {
        let text = std::str::from_utf8(&self.0).unwrap_or_default();
        text.split(' ').nth(1).and_then(|target| target.split('?').next()).unwrap_or_default()
    }

    fn value(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.0);
        let lines = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        let found = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        found.map(|value| value.trim().to_owned()).next()
    }

    fn framing(&self) -> Framing {
        if self.value("transfer-encoding").is_some() {
            return Framing::Chunked;
        }
        let length = self.value("content-length").and_then(|value| value.parse().ok());
        Framing::Length(length.unwrap_or(0))
    }
}

/// The next request of a connection: its head, and its body without framing; `None` at the end.
pub(super) async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> Option<(Head, Vec<u8>)> {
    let mut held = Vec::new();
    let end = loop {
        if let Some(end) = end_of_head(&held) {
            break end;
        }
        more(stream, &mut held).await?;
    };
    let rest = held.split_off(end);
    let head = Head(held);
    let mut held = rest;
    loop {
        if let Some(body) = whole_body(&head, &held) {
            return Some((head, body));
        }
        more(stream, &mut held).await?;
    }
}

async fn more(stream: &mut (impl AsyncRead + Unpin), held: &mut Vec<u8>) -> Option<()> {
    stream.read_buf(held).await.ok().filter(|&count| count > 0).map(|_| ())
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD)?;
    Some(at + END_OF_HEAD.len())
}

/// The body, once all of it is there.
fn whole_body(head: &Head, bytes: &[u8]) -> Option<Vec<u8>> {
    match head.framing() {
        Framing::Length(length) => (bytes.len() >= length).then(|| bytes[..length].to_vec()),
        Framing::Chunked => unchunked(bytes),
    }
}

fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..line]).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let chunk = bytes.get(line + 2..line + 2 + size + 2)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
        bytes = &bytes[line + 2 + size + 2..];
    }
}

/// A client's connection, made again when the proxy says that it closes.
pub(super) struct Client {
    address: SocketAddr,
    stream: Option<Blocking>,
}

/// An answer as it came: the bytes of the head, and the body without framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request, whole, and reads the whole answer.
    pub(super) fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        stream.write_all(request)?;
        let answer = read_answer(&mut stream, request.starts_with(b"HEAD "))?;
        self.stream = Some(stream);
        Ok(answer)
    }

    /// A new connection, to do with as a bad client does.
    pub(super) fn connect(&self) -> io::Result<Blocking> {
        let stream = Blocking::connect_timeout(&self.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}

/// Reads a whole answer; one to HEAD has no body, whatever its head says.
pub(super) fn read_answer(stream: &mut Blocking, is_head: bool) -> io::Result<Answer> {
    let mut held = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let mut head: Option<Head> = None;
    loop {
        if head.is_none()
            && let Some(end) = end_of_head(&held)
        {
            let rest = held.split_off(end);
            head = Some(Head(std::mem::replace(&mut held, rest)));
        }
        if let Some(head) = &head {
            let body = if is_head { Some(Vec::new()) } else { whole_body(head, &held) };
            if let Some(body) = body {
                return Ok(Answer { head: String::from_utf8_lossy(&head.0).into_owned(), body });
            }
        }
        match stream.read(&mut buffer)? {
            0 if head.is_none() && held.is_empty() => return Err(io::ErrorKind::ConnectionAborted.into()),
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut")),
            count => held.extend_from_slice(&buffer[..count]),
        }
    }
}
