//! Reading a whole HTTP response from a file (`message/http`), as `curl -i` and proxies write them.
//!
//! Files are not connections: lines may end without a carriage return, the version may be `HTTP/2`,
//! an interim `100 Continue` may come first, and a body may already be dechunked although its
//! header says otherwise. All of that is read; what is no response at all is an error.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use parallax_exchange::{Body, Response};
use std::borrow::Cow;

/// The bytes are no HTTP response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The head does not end.
    #[error("no HTTP response: the head does not end with an empty line")]
    Incomplete,
    /// The head is not HTTP.
    #[error("no HTTP response: {0} in the head (it starts with `HTTP/1.1 200 OK`)")]
    Head(httparse::Error),
    /// The status is not between 100 and 999.
    #[error("no HTTP response: {0} is not a status")]
    Status(u16),
}

/// Most headers that are read.
const HEADERS_MAX: usize = 512;

/// Reads one response.
///
/// # Errors
/// The bytes do not start with a complete head of a response.
pub fn response(bytes: &[u8]) -> Result<Response, MessageError> {
    let mut bytes = modern(bytes);
    loop {
        let (status, headers, length) = head(&bytes)?;
        if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            bytes = Cow::Owned(modern(&bytes[length..]).into_owned());
            continue;
        }
        let (body, trailers) = body(&headers, &bytes[length..]);
        return Ok(Response { status, headers, body: Body::whole(body), trailers, ..Response::default() });
    }
}

/// The bytes with a later HTTP version written as 1.1, whose syntax files use for all of them.
fn modern(bytes: &[u8]) -> Cow<'_, [u8]> {
    let rest = [&b"HTTP/2.0 "[..], b"HTTP/2 ", b"HTTP/3.0 ", b"HTTP/3 "]
        .into_iter()
        .find_map(|v| bytes.strip_prefix(v));
    match rest {
        Some(rest) => Cow::Owned([b"HTTP/1.1 ", rest].concat()),
        None => Cow::Borrowed(bytes),
    }
}

fn head(bytes: &[u8]) -> Result<(StatusCode, HeaderMap, usize), MessageError> {
    let mut storage = vec![httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut storage);
    let httparse::Status::Complete(length) = parsed.parse(bytes).map_err(MessageError::Head)? else {
        return Err(MessageError::Incomplete);
    };
    let code = parsed.code.unwrap_or_default();
    let status = StatusCode::from_u16(code).map_err(|_| MessageError::Status(code))?;
    Ok((status, header_map(parsed.headers), length))
}

fn header_map(parsed: &[httparse::Header<'_>]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(header.value)) {
            headers.append(name, value);
        }
    }
    headers
}

/// The body and the trailers after a head.
fn body(headers: &HeaderMap, rest: &[u8]) -> (Vec<u8>, HeaderMap) {
    let chunked = headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .any(|value| value.as_bytes().to_ascii_lowercase().ends_with(b"chunked"));
    if chunked && let Some(read) = dechunk(rest) {
        return read;
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    // Editors end a file with a line break of their own.
    let body = match announced.and_then(|length: usize| rest.split_at_checked(length)) {
        Some((body, after)) if after.trim_ascii().is_empty() => body,
        _ => rest,
    };
    (body.to_vec(), HeaderMap::new())
}

/// Undoes the chunked coding; `None` where the bytes are not chunks.
fn dechunk(mut rest: &[u8]) -> Option<(Vec<u8>, HeaderMap)> {
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((start, length))) = httparse::parse_chunk_size(rest) else {
            return None;
        };
        rest = &rest[start..];
        if length == 0 {
            break;
        }
        let (chunk, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        body.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n")?;
    }
    let mut storage = vec![httparse::EMPTY_HEADER; HEADERS_MAX];
    let trailers = match httparse::parse_headers(rest, &mut storage) {
        Ok(httparse::Status::Complete((_, trailers))) => header_map(trailers),
        _ => HeaderMap::new(),
    };
    Some((body, trailers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (u16, Vec<u8>, usize) {
        let response = response(text.as_bytes()).unwrap();
        (response.status.as_u16(), response.body.bytes().to_vec(), response.trailers.len())
    }

    #[test]
    fn heads_are_read_as_tools_write_them() {
        assert_eq!(read("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody"), (200, b"body".to_vec(), 0));
        assert_eq!(read("HTTP/2 404 \nA: b\n\nx"), (404, b"x".to_vec(), 0));
        assert_eq!(read("HTTP/1.1 100 Continue\r\n\r\nHTTP/2 201\r\n\r\n"), (201, vec![], 0));
        assert_eq!(read("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok\n"), (200, b"ok".to_vec(), 0));
        assert_eq!(read("HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nok"), (200, b"ok".to_vec(), 0));
    }

    #[test]
    fn chunks_are_joined_and_trailers_kept() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(
            read(&format!("{head}2\r\nab\r\n1;x=y\r\nc\r\n0\r\nSum: 1\r\n\r\n")),
            (200, b"abc".to_vec(), 1)
        );
        assert_eq!(read(&format!("{head}{{\"a\":1}}")), (200, b"{\"a\":1}".to_vec(), 0));
    }

    #[test]
    fn what_is_no_response_is_told() {
        assert_eq!(response(b"HTTP/1.1 200 OK\r\nA: b\r\n").unwrap_err(), MessageError::Incomplete);
        assert!(matches!(response(b"{\"a\":1}").unwrap_err(), MessageError::Head(_)));
        assert!(matches!(response(b"GET / HTTP/1.1\r\n\r\n").unwrap_err(), MessageError::Head(_)));
    }
}
