//! What the proxy answers itself: never a hang, always a reason and a trace id.

use crate::answer::Answer;
use crate::upstream::Failure;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

/// The header of the proxy's own answers that names the request in logs and traces: 32 hexadecimal
/// digits, those of the request's `traceparent` if it has one.
pub const TRACE_HEADER: HeaderName = HeaderName::from_static("x-parallax-trace");

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Why a request is refused before it reaches the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No `Host`, or several.
    Host,
    /// A tunnel.
    Connect,
    /// The body broke off or is not framed as HTTP.
    Body,
}

impl Refusal {
    /// The answer; the connection ends with it, because what follows on it cannot be trusted.
    pub(crate) fn answer(self, trace: &TraceId) -> Response<Answer> {
        let (status, error, message) = match self {
            Self::Host => (StatusCode::BAD_REQUEST, "bad_host", "a request needs exactly one Host header"),
            Self::Connect => (StatusCode::NOT_IMPLEMENTED, "connect", "this proxy makes no tunnels"),
            Self::Body => (StatusCode::BAD_REQUEST, "bad_body", "the request body is not framed as HTTP"),
        };
        let mut response = answer(status, error, message, trace);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// The answer where the primary gave none.
pub(crate) fn unanswered(failure: Failure, trace: &TraceId) -> Response<Answer> {
    let (status, error, message) = match failure {
        Failure::Connect => {
            (StatusCode::BAD_GATEWAY, "primary_unreachable", "the primary cannot be connected to")
        }
        Failure::ConnectTimeout => (
            StatusCode::GATEWAY_TIMEOUT,
            "primary_connect_timeout",
            "the primary did not accept a connection in time",
        ),
        Failure::Reset => {
            (StatusCode::BAD_GATEWAY, "primary_closed", "the primary closed the connection without an answer")
        }
        Failure::Protocol => (StatusCode::BAD_GATEWAY, "primary_garbled", "the primary's answer is not HTTP"),
        Failure::Timeout => {
            (StatusCode::GATEWAY_TIMEOUT, "primary_timeout", "the primary did not answer in time")
        }
        Failure::RequestCut => return Refusal::Body.answer(trace),
    };
    answer(status, error, message, trace)
}

fn answer(status: StatusCode, error: &str, message: &str, trace: &TraceId) -> Response<Answer> {
    let TraceId(trace) = trace;
    let body = format!("{{\"error\":\"{error}\",\"message\":\"{message}\",\"trace_id\":\"{trace}\"}}\n");
    let mut response = Response::new(Answer::own(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
        .insert(TRACE_HEADER, HeaderValue::try_from(trace).expect("hexadecimal digits are a header value"));
    response
}

/// Where the name of a request comes from; the name itself is made only if it is needed.
pub(crate) struct Trace(Option<HeaderValue>);

/// The name of a request in logs and in the proxy's own answers.
pub(crate) struct TraceId(String);

impl Trace {
    /// The request with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(headers.get(TRACEPARENT).cloned())
    }

    /// The W3C trace id of the request, or `fallback` as one.
    pub(crate) fn named(&self, fallback: impl FnOnce() -> u128) -> TraceId {
        let given = self.0.as_ref().and_then(|value| trace_id(value.to_str().ok()?));
        TraceId(given.map_or_else(|| format!("{:032x}", fallback().max(1)), str::to_owned))
    }
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The trace id of `version-traceid-parentid-flags` (W3C Trace Context, 3.2); all zeros is none.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, id) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let valid = version.len() == 2
        && version != "ff"
        && id.len() == 32
        && is_hex(id)
        && id.bytes().any(|byte| byte != b'0');
    valid.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_taken_only_from_a_valid_traceparent() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")), Some(id));
        assert_eq!(trace_id(&format!("ff-{id}-00f067aa0ba902b7-01")), None);
        assert_eq!(trace_id(&format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))), None);
        assert_eq!(trace_id(&format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase())), None);
        assert_eq!(trace_id("00-abc-def-01"), None);
        assert_eq!(Trace(None).named(|| 255).to_string(), format!("{:0>32}", "ff"));
    }
}
