//! Reading an HTTP/1.1 reply without keeping it.
//!
//! A generator needs the status, and to know where the reply ends; the body is counted and dropped in
//! the receive buffer. That, and no allocation for a reply whose head comes in one piece, is why this
//! is not `hyper`: the client of a load test has to cost less than the server it measures.

use std::mem::MaybeUninit;

/// Longest head that is accepted, in bytes.
const HEAD_MAX: usize = 64 * 1024;

/// Most headers that are accepted in a reply.
const HEADERS_MAX: usize = 128;

/// A complete reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Complete {
    /// From 200 to 999.
    pub(crate) status: u16,
    /// Whether the connection may carry another request.
    pub(crate) keep_alive: bool,
    /// How many of the bytes just fed belong to this reply.
    pub(crate) used: usize,
}

/// The bytes are not an HTTP/1.x reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reply is not HTTP/1.1: {0}")]
pub(crate) struct Malformed(&'static str);

/// Follows one reply through the bytes of a connection.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    state: State,
    /// The first part of a head that came in several pieces.
    head: Vec<u8>,
    status: u16,
    keep_alive: bool,
    /// The request was HEAD: whatever the head says, no body follows.
    is_bodiless: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Head,
    /// So many bytes of the body to come, at least 1.
    Length(u64),
    Chunked(Chunk),
    UntilClose,
}

/// Where a chunked body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// In the digits of a size; how many there were.
    Size { size: u64, digits: u8 },
    /// Between the size and the end of its line.
    Extension { size: u64 },
    /// In the data.
    Data { left: u64 },
    /// In the line end after the data.
    DataEnd,
    /// At (`is_empty`) or in a line of the trailer.
    Trailer { is_empty: bool },
}

enum Body {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

impl Reader {
    /// Gets ready for the reply to another request.
    pub(crate) fn start(&mut self, is_bodiless: bool) {
        self.state = State::Head;
        self.head.clear();
        self.is_bodiless = is_bodiless;
    }

    /// Takes the next bytes; `Some` when the reply ends within them.
    ///
    /// # Errors
    /// [`Malformed`]; the connection is of no use then.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Complete>, Malformed> {
        let mut at = 0;
        if self.state == State::Head {
            let Some((used, body)) = self.feed_head(bytes)? else { return Ok(None) };
            at = used;
            self.state = match body {
                Body::None => return Ok(Some(self.complete(at))),
                Body::Length(length) => State::Length(length),
                Body::Chunked => State::Chunked(Chunk::Size { size: 0, digits: 0 }),
                Body::UntilClose => State::UntilClose,
            };
        }
        let rest = &bytes[at..];
        match self.state {
            State::Length(left) if rest.len() as u64 >= left => Ok(Some(self.complete(at + left as usize))),
            State::Length(left) => {
                self.state = State::Length(left - rest.len() as u64);
                Ok(None)
            }
            State::Chunked(chunk) => self.feed_chunks(chunk, rest, at),
            State::UntilClose | State::Head => Ok(None),
        }
    }

    /// The connection ended; `Some` if that is how this reply ends.
    pub(crate) fn end(&self) -> Option<u16> {
        (self.state == State::UntilClose).then_some(self.status)
    }

    fn complete(&self, used: usize) -> Complete {
        Complete { status: self.status, keep_alive: self.keep_alive, used }
    }

    /// Takes bytes of the head: how many belong to it, and what follows, once it is whole.
    ///
    /// Interim replies (1xx) are skipped.
    fn feed_head(&mut self, bytes: &[u8]) -> Result<Option<(usize, Body)>, Malformed> {
        let mut at = 0;
        loop {
            let before = self.head.len();
            let parsed = if before == 0 {
                parse(&bytes[at..])?
            } else {
                self.head.extend_from_slice(&bytes[at..]);
                parse(&self.head)?
            };
            let Some(head) = parsed else {
                if before == 0 {
                    self.head.extend_from_slice(&bytes[at..]);
                }
                let is_too_long = self.head.len() > HEAD_MAX;
                return if is_too_long { Err(Malformed("its head is above 64 KiB")) } else { Ok(None) };
            };
            self.head.clear();
            at += head.length - before;
            if head.status >= 200 {
                self.status = head.status;
                self.keep_alive = head.keep_alive;
                return Ok(Some((at, self.body(&head)?)));
            }
            if head.status == 101 {
                return Err(Malformed("it switches protocols"));
            }
        }
    }

    /// How the body is framed: RFC 9112, section 6.3.
    fn body(&mut self, head: &Head) -> Result<Body, Malformed> {
        if self.is_bodiless || matches!(head.status, 204 | 304) {
            return Ok(Body::None);
        }
        match (head.is_chunked, head.length_of_body) {
            (true, None) => Ok(Body::Chunked),
            (true, Some(_)) => Err(Malformed("it has both Content-Length and Transfer-Encoding")),
            (false, Some(0)) => Ok(Body::None),
            (false, Some(length)) => Ok(Body::Length(length)),
            (false, None) => {
                self.keep_alive = false;
                Ok(Body::UntilClose)
            }
        }
    }

    fn feed_chunks(
        &mut self,
        mut chunk: Chunk,
        bytes: &[u8],
        before: usize,
    ) -> Result<Option<Complete>, Malformed> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            chunk = match chunk {
                Chunk::Data { left } => {
                    let taken = left.min((bytes.len() - at + 1) as u64);
                    at += taken as usize - 1;
                    if taken == left { Chunk::DataEnd } else { Chunk::Data { left: left - taken } }
                }
                Chunk::Trailer { is_empty: true } if byte == b'\n' => {
                    return Ok(Some(self.complete(before + at)));
                }
                other => other.step(byte)?,
            };
        }
        self.state = State::Chunked(chunk);
        Ok(None)
    }
}

impl Chunk {
    /// The place after one byte of framing.
    fn step(self, byte: u8) -> Result<Self, Malformed> {
        Ok(match (self, byte) {
            (Self::Size { size, digits: 1.. }, b'\n') | (Self::Extension { size }, b'\n') => {
                if size == 0 {
                    Self::Trailer { is_empty: true }
                } else {
                    Self::Data { left: size }
                }
            }
            (Self::Size { size, digits: 1.. }, b';' | b'\r' | b' ' | b'\t') => Self::Extension { size },
            (Self::Size { size, digits: digits @ ..16 }, _) => {
                let digit =
                    (byte as char).to_digit(16).ok_or(Malformed("a chunk size is not hexadecimal"))?;
                Self::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (Self::Size { .. }, _) => return Err(Malformed("a chunk size is above 2^64")),
            (Self::Extension { .. }, _) | (Self::DataEnd, b'\r') => self,
            (Self::DataEnd, b'\n') => Self::Size { size: 0, digits: 0 },
            (Self::DataEnd, _) => return Err(Malformed("a chunk is longer than its size")),
            (Self::Trailer { is_empty }, b'\r') => Self::Trailer { is_empty },
            (Self::Trailer { .. }, _) => Self::Trailer { is_empty: byte == b'\n' },
            (Self::Data { .. }, _) => self, // Taken as a whole by the caller.
        })
    }
}

/// What matters of a head.
struct Head {
    length: usize,
    status: u16,
    keep_alive: bool,
    is_chunked: bool,
    length_of_body: Option<u64>,
}

fn parse(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, bytes, &mut headers)
        .map_err(|error| Malformed(describe(error)))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let mut head = Head {
        length,
        status: response.code.unwrap_or_default(),
        keep_alive: response.version == Some(1),
        is_chunked: false,
        length_of_body: None,
    };
    if head.status < 100 {
        return Err(Malformed("its status is below 100"));
    }
    for header in response.headers.iter() {
        read_header(&mut head, header)?;
    }
    Ok(Some(head))
}

fn read_header(head: &mut Head, header: &httparse::Header<'_>) -> Result<(), Malformed> {
    let is = |name: &str| header.name.eq_ignore_ascii_case(name);
    match header.name.len() {
        10 if is("connection") => {
            for token in header.value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                if token.eq_ignore_ascii_case(b"close") {
                    head.keep_alive = false;
                } else if token.eq_ignore_ascii_case(b"keep-alive") {
                    head.keep_alive = true;
                }
            }
        }
        14 if is("content-length") => {
            let length = std::str::from_utf8(header.value).ok().and_then(|text| text.trim().parse().ok());
            let length = length.ok_or(Malformed("its Content-Length is not a number"))?;
            if head.length_of_body.is_some_and(|other| other != length) {
                return Err(Malformed("it has two different Content-Lengths"));
            }
            head.length_of_body = Some(length);
        }
        17 if is("transfer-encoding") => {
            let last = header.value.rsplit(|&byte| byte == b',').next().unwrap_or_default();
            head.is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        }
        _ => {}
    }
    Ok(())
}

fn describe(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::TooManyHeaders => "it has more than 128 headers",
        httparse::Error::Version => "its first line does not begin with HTTP/1",
        httparse::Error::Status => "its status line is malformed",
        httparse::Error::HeaderName | httparse::Error::HeaderValue => "a header of it is malformed",
        _ => "its head is malformed",
    }
}

#[cfg(test)]
mod tests;
