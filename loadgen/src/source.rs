//! What is sent: requests rendered to bytes before the clock starts.
//!
//! Request `i` of a run is request `i mod n` of the source, in lap `i / n`. Rendering ahead leaves
//! nothing to do at the due time but one write, and makes a run's bytes a function of the index.

mod links;
mod patch;

pub(crate) use links::{learn, link};
pub use patch::IdPlace;
pub(crate) use patch::Learned;

use crate::events::Generator;
use crate::target::{Protocol, Target};
use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use links::Learn;
use parallax_exchange::Request;
use patch::{Fill, Patch};
use std::borrow::Borrow;
use std::ops::Range;
use std::sync::Arc;

/// Requests that a run cycles through; at least one.
#[derive(Debug, Clone)]
pub struct Source {
    requests: Vec<Rendered>,
    generated: Option<Arc<Generated>>,
    sessions: Option<Arc<Sessions>>,
}

/// Whose each request is, for session order.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// By request: its session, numbered in the order in which they begin.
    of: Vec<u32>,
    count: usize,
}

impl Sessions {
    /// Of the sessions' keys, one for each request.
    pub(crate) fn new(keys: impl IntoIterator<Item = u64>) -> Self {
        let mut numbers = std::collections::HashMap::new();
        let of: Vec<u32> = keys
            .into_iter()
            .map(|key| {
                let next = numbers.len() as u32;
                *numbers.entry(key).or_insert(next)
            })
            .collect();
        Self { of, count: numbers.len() }
    }

    /// The session of an arrival; it is the same in every lap.
    pub(crate) fn of(&self, index: u64) -> u32 {
        self.of[(index % self.of.len() as u64) as usize]
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

/// Requests that are made when they are due: the first one is rendered as a sample.
#[derive(Debug)]
struct Generated {
    generator: Generator,
    target: Target,
    rendering: Rendering,
}

/// A request as bytes.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    pub(crate) bytes: Bytes,
    /// What differs each time, in order.
    patches: Vec<Patch>,
    /// What is taken from the answer.
    pub(crate) learns: Vec<Learn>,
    host_at: Range<usize>,
    /// The digits of `Content-Length`; empty where there is none.
    length_at: Range<usize>,
    body_at: usize,
    pub(crate) is_head: bool,
    /// The same for a protocol that shares connections.
    shared: Option<Box<Shared>>,
}

/// A request as HTTP/2 wants it: a head to be encoded by the connection, and a body.
#[derive(Debug, Clone)]
struct Shared {
    head: http::Request<()>,
    body: Bytes,
}

/// Why a request cannot be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There is nothing to send.
    #[error("there is no request to send: {0} holds none")]
    Empty(String),
    /// `CONNECT` and the like.
    #[error("request {index}: the method {method} makes no exchange and cannot be sent")]
    Method {
        /// Counts from 1.
        index: usize,
        /// The method.
        method: Method,
    },
    /// Session order where connections are shared.
    #[error(
        "session order is for HTTP/1.1: over HTTP/2 all sessions share connections; leave one of the two out"
    )]
    Order,
    /// A target that is not a path.
    #[error(
        "request {index}: `{target}` is not a path; it must begin with `/` and hold no space or control character"
    )]
    Path {
        /// Counts from 1.
        index: usize,
        /// The path as given.
        target: String,
    },
}

/// How requests are rendered for a target.
#[derive(Debug, Clone, Default)]
pub struct Rendering {
    /// Keeps each request's own host, where it has one, instead of the target's.
    pub keep_host: bool,
    /// Names the header that identifies a session: from the second lap on, `-LAP` is added to its value,
    /// so that every lap has sessions of its own.
    pub lap_header: Option<HeaderName>,
    /// Where ids lie that every lap but the first gets its own of.
    pub ids: Vec<IdPlace>,
    /// Keeps each session's requests in order on one connection; by time alone otherwise. For recordings, and
    /// for HTTP/1.1.
    pub order: Option<SessionOrder>,
}

/// How a recording is replayed in session order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOrder {
    /// What tells sessions apart.
    pub by: SessionKey,
    /// Whether values that a recorded answer gave, and that come again in later requests of the session, are
    /// replaced by those of the live answer. The recording must hold its answers.
    pub remap: bool,
}

/// What tells sessions apart; a request without it is a session of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionKey {
    /// The cluster key, as it was recorded.
    Recorded,
    /// A request header's value.
    Header(HeaderName),
    /// A cookie's value.
    Cookie(String),
}

/// Headers that belong to a connection, and those that rendering writes itself.
const NOT_COPIED: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
];

impl Source {
    /// Renders `requests` for `target`.
    ///
    /// The length is computed from the body, hop-by-hop headers are left out. `from` says in errors
    /// where the requests are from.
    ///
    /// # Errors
    /// [`SourceError`] for no request at all or the first that cannot be sent.
    pub fn new<R: Borrow<Request>>(
        requests: impl IntoIterator<Item = R>,
        target: &Target,
        rendering: &Rendering,
        from: &str,
    ) -> Result<Self, SourceError> {
        let requests = requests.into_iter().enumerate();
        let rendered: Result<Vec<_>, _> =
            requests.map(|(index, request)| render(index + 1, request.borrow(), target, rendering)).collect();
        match rendered?.as_slice() {
            [] => Err(SourceError::Empty(from.to_owned())),
            requests => Ok(Self { requests: requests.to_vec(), generated: None, sessions: None }),
        }
    }

    /// Makes request `i` of `generator` for arrival `i`, when it is due: some microseconds of work then, and
    /// no memory that grows with the run.
    ///
    /// # Errors
    /// [`SourceError`] where the first request cannot be sent.
    pub fn generated(
        generator: Generator,
        target: &Target,
        rendering: &Rendering,
    ) -> Result<Self, SourceError> {
        let first = render(1, &generator.request(0), target, rendering)?;
        let generated = Generated { generator, target: target.clone(), rendering: rendering.clone() };
        Ok(Self { requests: vec![first], generated: Some(Arc::new(generated)), sessions: None })
    }

    /// The same, to be sent in session order.
    pub(crate) fn in_order_of(self, sessions: Sessions) -> Self {
        Self { sessions: Some(Arc::new(sessions)), ..self }
    }

    /// Whether requests share connections.
    pub(crate) fn is_shared(&self) -> bool {
        self.requests.iter().any(|request| request.shared.is_some())
    }

    /// Whose each request is, where that decides on the order.
    pub(crate) fn sessions(&self) -> Option<&Sessions> {
        self.sessions.as_deref()
    }

    /// The request of an arrival, where requests are made when they are due.
    pub(crate) fn generate(&self, index: u64) -> Option<Rendered> {
        let Generated { generator, target, rendering } = self.generated.as_deref()?;
        // Requests of one generator differ in their bodies alone, and the first one could be rendered.
        render(1, &generator.request(index), target, rendering).ok()
    }

    /// How many different requests there are; 1 where each is made when it is due.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Never: a source holds at least one request.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The request of an arrival and its lap.
    pub(crate) fn of(&self, index: u64) -> (&Rendered, u64) {
        let requests = self.requests.len() as u64;
        (&self.requests[(index % requests) as usize], index / requests)
    }
}

impl Source {
    /// Head and body of an arrival's request for HTTP/2.
    ///
    /// # Panics
    /// If the source was not made for a target that speaks it.
    pub(crate) fn shared(&self, index: u64) -> (http::Request<()>, Bytes) {
        let generated = self.generate(index);
        let (request, lap) = generated.as_ref().map_or_else(|| self.of(index), |request| (request, 0));
        let shared = request.shared.as_deref().expect("a source is made for its target's protocol");
        if request.varies(lap) {
            let mut bytes = Vec::new();
            request.write_lap(lap, &Learned::default(), &mut bytes);
            if let Some(rewritten) = shared.rewritten(&bytes) {
                return rewritten;
            }
        }
        (shared.head.clone(), shared.body.clone())
    }
}

impl Rendered {
    /// Whether this lap's bytes differ from [`Self::bytes`].
    pub(crate) fn varies(&self, lap: u64) -> bool {
        let varies = |patch: &Patch| lap > 0 || matches!(patch.fill, Fill::Learned(_));
        self.patches.iter().any(varies)
    }

    /// Places that a learned value goes to, and those of them for which there is one.
    pub(crate) fn learned(&self, learned: &Learned) -> (u64, u64) {
        let variables = self.patches.iter().filter_map(|patch| match patch.fill {
            Fill::Learned(variable) => Some(variable),
            _ => None,
        });
        variables.fold((0, 0), |(all, known), variable| {
            (all + 1, known + u64::from(learned.get(variable).is_some()))
        })
    }

    /// The bytes of `lap` into `out`, which is cleared first.
    pub(crate) fn write_lap(&self, lap: u64, learned: &Learned, out: &mut Vec<u8>) {
        out.clear();
        // The body first, because its length comes before it: behind the head's end in `out`, and moved.
        let in_body = self.patches.partition_point(|patch| patch.at.start < self.body_at);
        let (head, body) = self.patches.split_at(in_body);
        self.write_patched(0..self.length_at.start, head, lap, learned, out);
        let digits_at = out.len();
        self.write_patched(self.length_at.end..self.body_at, head, lap, learned, out);
        let body_at = out.len();
        self.write_patched(self.body_at..self.bytes.len(), body, lap, learned, out);
        if !self.length_at.is_empty() {
            let mut digits = Vec::with_capacity(20);
            push_number(&mut digits, (out.len() - body_at) as u64);
            out.splice(digits_at..digits_at, digits);
        }
    }

    /// A part of the bytes with those of the patches that lie in it.
    fn write_patched(
        &self,
        part: Range<usize>,
        patches: &[Patch],
        lap: u64,
        learned: &Learned,
        out: &mut Vec<u8>,
    ) {
        let mut from = part.start;
        for Patch { at, fill } in
            patches.iter().filter(|patch| patch.at.start >= part.start && patch.at.end <= part.end)
        {
            out.extend_from_slice(&self.bytes[from..at.start]);
            fill.write(&self.bytes[at.clone()], lap, learned, out);
            from = at.end;
        }
        out.extend_from_slice(&self.bytes[from..part.end]);
    }
}

impl Shared {
    /// The same for a rewritten request, given as HTTP/1.1; `None` where that is none any more.
    fn rewritten(&self, bytes: &[u8]) -> Option<(http::Request<()>, Bytes)> {
        let mut fields = [httparse::EMPTY_HEADER; 128];
        let mut request = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(length) = request.parse(bytes).ok()? else { return None };
        let mut head = self.head.clone();
        let mut uri = head.uri().clone().into_parts();
        uri.path_and_query = Some(request.path?.parse().ok()?);
        *head.uri_mut() = http::Uri::from_parts(uri).ok()?;
        for field in request.headers.iter() {
            let name: HeaderName = field.name.parse().ok()?;
            if head.headers().contains_key(&name) && !NOT_COPIED.contains(&name) {
                head.headers_mut().insert(name, HeaderValue::from_bytes(field.value).ok()?);
            }
        }
        let body = &bytes[length..];
        let is_grpc = head.headers().contains_key(header::TE);
        if !is_grpc && !body.is_empty() {
            head.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
        }
        Some((head, if is_grpc { grpc_message(body) } else { Bytes::copy_from_slice(body) }))
    }
}

/// One message of gRPC: not compressed, its length, its bytes.
fn grpc_message(body: &[u8]) -> Bytes {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    Bytes::from([&[0], &length[..], body].concat())
}

/// Appends decimal digits without an allocation.
fn push_number(out: &mut Vec<u8>, number: u64) {
    let begin = out.len();
    let mut left = number;
    loop {
        out.push(b'0' + (left % 10) as u8);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out[begin..].reverse();
}

fn render(
    index: usize,
    request: &Request,
    target: &Target,
    rendering: &Rendering,
) -> Result<Rendered, SourceError> {
    let Request { method, target: path, authority, headers, body } = request;
    if method == Method::CONNECT {
        return Err(SourceError::Method { index, method: method.clone() });
    }
    let is_path = path.starts_with('/') || path == "*";
    if !is_path || path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(SourceError::Path { index, target: path.clone() });
    }
    let body = body.bytes();
    let mut out = Vec::with_capacity(256 + body.len());
    out.extend_from_slice(format!("{method} {path} HTTP/1.1\r\n").as_bytes());
    let keeps_host = rendering.keep_host && !authority.is_empty();
    push_header(&mut out, &header::HOST, if keeps_host { authority } else { target.authority() }.as_bytes());
    let host_at = patch::fields(&out, out.len(), "host").next().unwrap_or_default();
    push_headers(&mut out, headers);
    let mut length_at = out.len()..out.len();
    if !body.is_empty() || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        push_header(&mut out, &header::CONTENT_LENGTH, body.len().to_string().as_bytes());
        length_at = length_at.start + "content-length: ".len()..out.len() - 2;
    }
    out.extend_from_slice(b"\r\n");
    let body_at = out.len();
    out.extend_from_slice(body);
    let lap_header = rendering.lap_header.as_ref().map(|name| IdPlace::Header(name.as_str().to_owned()));
    let places: Vec<IdPlace> = lap_header.into_iter().chain(rendering.ids.iter().cloned()).collect();
    let patches = if places.is_empty() { Vec::new() } else { patch::ids(&out, body_at, &places) };
    let shared = target.protocol().is_multiplexed().then(|| {
        let host = if keeps_host { authority } else { target.authority() };
        shared(index, request, host, target).map(Box::new)
    });
    Ok(Rendered {
        bytes: out.into(),
        patches,
        learns: Vec::new(),
        host_at,
        length_at,
        body_at,
        is_head: method == Method::HEAD,
        shared: shared.transpose()?,
    })
}

fn shared(index: usize, request: &Request, host: &str, target: &Target) -> Result<Shared, SourceError> {
    let is_grpc = target.protocol() == Protocol::Grpc;
    let url = format!("{}://{host}{}", target.scheme(), request.target);
    let refused = |_| SourceError::Path { index, target: request.target.clone() };
    let mut head =
        http::Request::builder().method(request.method.clone()).uri(url).body(()).map_err(refused)?;
    *head.version_mut() = http::Version::HTTP_2;
    let kept = request.headers.iter().filter(|(name, _)| !NOT_COPIED.contains(name) && *name != "keep-alive");
    for (name, value) in kept {
        head.headers_mut().append(name, value.clone());
    }
    let body = request.body.bytes();
    let body = if is_grpc {
        head.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
        head.headers_mut()
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/grpc"));
        grpc_message(body)
    } else {
        if !body.is_empty() {
            head.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
        }
        Bytes::copy_from_slice(body)
    };
    Ok(Shared { head, body })
}

/// The request's own headers.
fn push_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers.iter().filter(|(name, _)| !NOT_COPIED.contains(name)) {
        push_header(out, name, value.as_bytes());
    }
}

fn push_header(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use parallax_exchange::Body;

    fn target() -> Target {
        Target::parse("http://127.0.0.1:8080").expect("a target")
    }

    fn text(source: &Source, index: u64) -> String {
        let (request, lap) = source.of(index);
        let mut out = request.bytes.to_vec();
        if request.varies(lap) {
            request.write_lap(lap, &Learned::default(), &mut out);
        }
        String::from_utf8(out).expect("text")
    }

    fn post(session: &'static str, body: &'static str) -> Request {
        let headers =
            [("x-session-id", session), ("connection", "close"), ("content-length", "999"), ("x-last", "1")];
        let header = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        Request {
            method: Method::POST,
            target: "/v1/events?a=b%20c".to_owned(),
            authority: "recorded.example".to_owned(),
            headers: headers.map(header).into_iter().collect(),
            body: Body::whole(body),
        }
    }

    #[test]
    fn a_request_is_rendered_with_its_own_length_and_the_targets_host() {
        let source = Source::new([post("s-1", "{}")], &target(), &Rendering::default(), "the test").unwrap();
        assert_eq!(
            text(&source, 0),
            "POST /v1/events?a=b%20c HTTP/1.1\r\nhost: 127.0.0.1:8080\r\nx-session-id: s-1\r\n\
             x-last: 1\r\ncontent-length: 2\r\n\r\n{}"
        );
    }

    #[test]
    fn every_lap_has_sessions_of_its_own() {
        let rendering = Rendering {
            keep_host: true,
            lap_header: Some(HeaderName::from_static("x-session-id")),
            ..Rendering::default()
        };
        let source = Source::new([post("s-1", "{}"), post("s-2", "")], &target(), &rendering, "").unwrap();
        assert_eq!(source.len(), 2);
        let session = |index| {
            let text = text(&source, index);
            let line = text.lines().find(|line| line.starts_with("x-session-id")).expect("a session");
            line.to_owned()
        };
        assert_eq!(session(0), "x-session-id: s-1");
        assert_eq!(session(3), "x-session-id: s-2-1");
        assert_eq!(session(2 * 1907), "x-session-id: s-1-1907");
        assert!(text(&source, 2).contains("host: recorded.example\r\n"));
        assert!(text(&source, 2).ends_with("x-last: 1\r\ncontent-length: 2\r\n\r\n{}"));
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        let none = Source::new::<Request>([], &target(), &Rendering::default(), "empty.jsonl").unwrap_err();
        assert!(none.to_string().contains("empty.jsonl"), "{none}");
        let refused = |request: Request| {
            let requests = [post("s", ""), request];
            Source::new(requests, &target(), &Rendering::default(), "").unwrap_err().to_string()
        };
        let connect = refused(Request { method: Method::CONNECT, ..post("s", "") });
        assert!(connect.contains("request 2"), "{connect}");
        for target in ["", "http://a/", "/a b", "/a\r\nx: y", "a"] {
            let error = refused(Request { target: target.to_owned(), ..post("s", "") });
            assert!(error.contains("is not a path"), "{error}");
        }
    }
}
