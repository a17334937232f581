//! HTTP/1.x messages in the middle of a file: where they end, and what they say.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{Method, StatusCode};
use parallax_exchange::{Body, Request, Response};

/// Most headers of a message.
const HEADERS_MAX: usize = 256;

struct Head {
    length: usize,
    start: Start,
    headers: HeaderMap,
}

enum Start {
    Request { method: Method, target: String },
    Response { status: StatusCode },
}

/// The length of the message at the beginning of `bytes` by its own framing; `None` where that is not
/// told (an answer that ends with its connection) or the bytes are not HTTP.
///
/// It may be more than there are bytes.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let head = head(bytes).ok()?;
    if is_chunked(&head.headers) {
        return Some(head.length + chunks(&bytes[head.length..])?.0);
    }
    match content_length(&head.headers) {
        Some(length) if has_body(&head.start) => head.length.checked_add(length),
        Some(_) => Some(head.length),
        None => match head.start {
            Start::Request { .. } => Some(head.length),
            Start::Response { .. } => (!has_body(&head.start)).then_some(head.length),
        },
    }
}

/// Whether a whole message is one whose end only the end of its connection tells.
pub(super) fn ends_with_connection(bytes: &[u8]) -> bool {
    head(bytes).is_ok_and(|head| {
        matches!(head.start, Start::Response { .. })
            && has_body(&head.start)
            && !is_chunked(&head.headers)
            && content_length(&head.headers).is_none()
    })
}

/// The request in a payload.
pub(super) fn request(payload: &[u8], is_cut: bool) -> Result<Request, String> {
    let mut head = head(payload)?;
    let Start::Request { method, target } = head.start else {
        return Err("an answer in a request's place".to_owned());
    };
    let body = body(&payload[head.length..], &mut head.headers, is_cut);
    let host = head.headers.remove(HOST);
    let host = host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
    let (authority, target) = split_target(&target, host);
    Ok(Request { method, target, authority, headers: head.headers, body })
}

/// The response in a payload.
pub(super) fn response(payload: &[u8], is_cut: bool) -> Result<Response, String> {
    let mut head = head(payload)?;
    let Start::Response { status } = head.start else {
        return Err("a request in an answer's place".to_owned());
    };
    let body = body(&payload[head.length..], &mut head.headers, is_cut);
    Ok(Response { status, headers: head.headers, body, ..Response::default() })
}

/// The response at the end of what came on a connection: interim ones (1xx) are skipped.
pub(crate) fn reply(mut bytes: &[u8]) -> Result<Response, String> {
    loop {
        let head = head(bytes)?;
        match head.start {
            Start::Response { status } if status.is_informational() => bytes = &bytes[head.length..],
            _ => return response(bytes, false),
        }
    }
}

/// The target of a request to a proxy names the host too.
fn split_target(target: &str, host: &str) -> (String, String) {
    let Some(rest) = target.strip_prefix("http://") else { return (host.to_owned(), target.to_owned()) };
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('?') => (rest[..at].to_owned(), format!("/{}", &rest[at..])),
        Some(at) => (rest[..at].to_owned(), rest[at..].to_owned()),
        None => (rest.to_owned(), "/".to_owned()),
    }
}

/// The body without its chunk framing.
fn body(bytes: &[u8], headers: &mut HeaderMap, is_cut: bool) -> Body {
    let whole = match is_chunked(headers).then(|| chunks(bytes)).flatten() {
        Some((_, body)) => body.into(),
        None => Bytes::copy_from_slice(bytes),
    };
    let length = content_length(headers).map_or(whole.len() as u64 + 1, |length| length as u64);
    headers.remove(TRANSFER_ENCODING);
    if is_cut {
        // Nobody knows the digest of the bytes that are missing.
        return Body::cut(whole, length, 0);
    }
    Body::whole(whole)
}

fn head(bytes: &[u8]) -> Result<Head, String> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let bad = |error: httparse::Error| format!("the message is not HTTP: {error}");
    let cut = || "the message's head is cut".to_owned();
    if bytes.starts_with(b"HTTP/") {
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = response.parse(bytes).map_err(bad)? else {
            return Err(cut());
        };
        let status = StatusCode::from_u16(response.code.unwrap_or_default());
        let status = status.map_err(|_| "its status is no number from 100 to 999".to_owned())?;
        return Ok(Head { length, start: Start::Response { status }, headers: copy(response.headers)? });
    }
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = request.parse(bytes).map_err(bad)? else { return Err(cut()) };
    let method =
        request.method.unwrap_or_default().parse().map_err(|_| "its method is malformed".to_owned())?;
    let target = request.path.unwrap_or_default().to_owned();
    Ok(Head { length, start: Start::Request { method, target }, headers: copy(request.headers)? })
}

fn copy(headers: &[httparse::Header<'_>]) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let bad = || format!("its header `{}` is malformed", header.name);
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| bad())?;
        map.append(name, HeaderValue::from_bytes(header.value).map_err(|_| bad())?);
    }
    Ok(map)
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
    last.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
}

fn has_body(start: &Start) -> bool {
    match start {
        Start::Request { .. } => true,
        Start::Response { status } => !status.is_informational() && !matches!(status.as_u16(), 204 | 304),
    }
}

/// How many bytes a chunked body takes, and what is in it; `None` where it is cut or malformed.
fn chunks(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    let mut at = 0;
    let mut body = Vec::new();
    loop {
        let httparse::Status::Complete((line, size)) = httparse::parse_chunk_size(&bytes[at..]).ok()? else {
            return None;
        };
        at += line;
        if size == 0 {
            break;
        }
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        body.extend_from_slice(bytes.get(at..end)?);
        at = end + bytes.get(end..)?.starts_with(b"\r\n").then_some(2)?;
    }
    loop {
        let line = bytes.get(at..)?.iter().position(|&byte| byte == b'\n')? + 1;
        let is_last = bytes[at..at + line].trim_ascii().is_empty();
        at += line;
        if is_last {
            return Some((at, body));
        }
    }
}
