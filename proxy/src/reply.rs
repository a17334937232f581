//! What the proxy answers itself: never a hang, always a reason and a trace id.

use crate::answer::Answer;
use crate::context::Trace;
use crate::upstream::Failure;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

/// The header of the proxy's own answers that names the request in logs and traces: 32 hexadecimal
/// digits, those of the request's `traceparent` if it has one.
pub const TRACE_HEADER: HeaderName = HeaderName::from_static("x-parallax-trace");

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
    /// Its name in the access log and in traces.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Host => "bad_host",
            Self::Connect => "connect",
            Self::Body => "bad_body",
        }
    }

    /// The answer; the connection ends with it, because what follows on it cannot be trusted.
    pub(crate) fn answer(self, trace: &TraceId) -> Response<Answer> {
        let (status, message) = match self {
            Self::Host => (StatusCode::BAD_REQUEST, "a request needs exactly one Host header"),
            Self::Connect => (StatusCode::NOT_IMPLEMENTED, "this proxy makes no tunnels"),
            Self::Body => (StatusCode::BAD_REQUEST, "the request body is not framed as HTTP"),
        };
        let mut response = answer(status, self.name(), message, trace);
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

/// The name of a request in logs and in the proxy's own answers.
pub(crate) struct TraceId(String);

impl TraceId {
    /// The id of the trace, or `fallback` as one.
    pub(crate) fn of(trace: Option<Trace>, fallback: impl FnOnce() -> u128) -> Self {
        let id = trace.map_or_else(|| fallback().max(1), |trace| trace.trace_id);
        Self(format!("{id:032x}"))
    }
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
