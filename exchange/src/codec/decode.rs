//! Building an exchange from the messages.

use super::{fields, wire};
use crate::{
    Body, CopyOrder, Exchange, ExchangeId, Label, MissingReason, Outcome, Outcomes, Request, Response, Timing,
};
use bytes::Bytes;
use http::{Method, StatusCode};
use prost::Message;
use std::sync::Arc;

/// Why bytes are not an exchange.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// Not protobuf, or cut short.
    #[error("not a protobuf message: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// A text that is not UTF-8.
    #[error("{0} is not UTF-8")]
    Text(&'static str),
    /// No request at all.
    #[error("there is no request")]
    NoRequest,
    /// Not an HTTP method.
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    /// Not a status from 100 to 999.
    #[error("{0} is not an HTTP status")]
    Status(u32),
    /// Not a header name.
    #[error("`{0}` is not a header name")]
    FieldName(String),
    /// A header value with bytes that no header may hold.
    #[error("the value of header `{0}` holds a control character")]
    FieldValue(String),
    /// Header names and values do not pair up.
    #[error("{names} header names but {values} values")]
    UnpairedField {
        /// How many names there are.
        names: usize,
        /// How many values there are.
        values: usize,
    },
    /// More header fields than a map can hold (24,576 names).
    #[error("too many header fields")]
    TooManyFields,
}

/// Reads an exchange as [`super::encode`] wrote it, in this build or another.
///
/// Bodies and header values are slices of `bytes`.
///
/// # Errors
/// [`DecodeError`] names the first part that cannot be an exchange; nothing panics.
pub fn decode(bytes: Bytes) -> Result<Exchange, DecodeError> {
    let wire = wire::Exchange::decode(bytes)?;
    Ok(Exchange {
        id: ExchangeId { proxy: wire.proxy, epoch: wire.epoch, sequence: wire.sequence },
        admitted_ns: wire.admitted_ns,
        cluster_key: wire.cluster_key,
        labels: wire.labels.iter().map(label).collect::<Result<_, _>>()?,
        order: order(wire.order),
        sample_ppm: wire.sample_ppm,
        request: request(wire.request.ok_or(DecodeError::NoRequest)?)?,
        outcomes: Outcomes {
            primary: wire.primary.map(outcome).transpose()?,
            candidate: wire.candidate.map(outcome).transpose()?,
            control: wire.control.map(outcome).transpose()?,
        },
    })
}

fn text<'a>(what: &'static str, bytes: &'a [u8]) -> Result<&'a str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Text(what))
}

fn label(label: &wire::Label) -> Result<Label, DecodeError> {
    Ok(Label {
        name: Arc::from(text("a label's name", &label.name)?),
        value: Arc::from(text("a label's value", &label.value)?),
    })
}

fn request(request: wire::Request) -> Result<Request, DecodeError> {
    Ok(Request {
        method: Method::from_bytes(&request.method)
            .map_err(|_| DecodeError::Method(String::from_utf8_lossy(&request.method).into_owned()))?,
        target: text("the target", &request.target)?.to_owned(),
        authority: text("the authority", &request.authority)?.to_owned(),
        headers: fields::read(&request.headers)?,
        body: body(request.body),
    })
}

fn outcome(outcome: wire::Outcome) -> Result<Outcome, DecodeError> {
    Ok(match outcome.kind {
        Some(wire::Kind::Response(wire)) => Outcome::Response(Box::new(response(wire)?)),
        Some(wire::Kind::Missing(missing)) => {
            Outcome::Missing { reason: reason(missing.reason), timing: timing(missing.timing) }
        }
        None => Outcome::Missing { reason: MissingReason::Unknown, timing: Timing::default() },
    })
}

fn response(response: wire::Response) -> Result<Response, DecodeError> {
    let status = u16::try_from(response.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    Ok(Response {
        status: status.ok_or(DecodeError::Status(response.status))?,
        headers: fields::read(&response.headers)?,
        body: body(response.body),
        trailers: fields::read(&response.trailers)?,
        timing: timing(response.timing),
    })
}

pub(super) fn order(number: i32) -> CopyOrder {
    match number {
        1 => CopyOrder::ControlFirst,
        _ => CopyOrder::CandidateFirst,
    }
}

pub(super) fn reason(number: i32) -> MissingReason {
    match number {
        1 => MissingReason::Connect,
        2 => MissingReason::Reset,
        3 => MissingReason::Timeout,
        4 => MissingReason::Protocol,
        5 => MissingReason::Refused,
        6 => MissingReason::ClientGone,
        7 => MissingReason::Shutdown,
        _ => MissingReason::Unknown,
    }
}

fn body(body: Option<wire::Body>) -> Body {
    let wire::Body { bytes, length, digest } = body.unwrap_or_default();
    match length {
        Some(length) => Body::cut(bytes, length, digest),
        None => Body::whole(bytes),
    }
}

fn timing(timing: Option<wire::Timing>) -> Timing {
    let wire::Timing { sent_ns, head_ns, done_ns } = timing.unwrap_or_default();
    Timing { sent_ns, head_ns, done_ns }
}
