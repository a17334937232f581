//! Writing `.gor` files: what GoReplay reads.

use super::MARK;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING};
use parallax_exchange::{Body, Exchange, ExchangeId, Outcome, Response};
use std::io::{self, Write};

/// Why an exchange cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum GorError {
    /// GoReplay would take a part of the body for the end of the record.
    #[error(
        "exchange {0} holds the mark that separates .gor records, which the format cannot escape; keep it in the native format"
    )]
    Mark(ExchangeId),
    /// Half a body cannot be told from a whole one.
    #[error(
        "a body of exchange {0} was cut when it was recorded, which a .gor record cannot say; keep it in the native format"
    )]
    Cut(ExchangeId),
    /// The sink refused.
    #[error("failed to write the recording")]
    Io(#[from] io::Error),
}

/// Writes exchanges to `sink`: each request, then the primary's answer and, as an answer of a replay,
/// the candidate's.
///
/// Losses: the control's outcomes, outcomes without a response, labels and cluster keys have no place in
/// the format.
///
/// # Errors
/// [`GorError`]; what was written before stays.
pub fn write_gor<E: std::borrow::Borrow<Exchange>>(
    sink: &mut dyn Write,
    exchanges: impl IntoIterator<Item = E>,
) -> Result<u64, GorError> {
    let mut count = 0;
    let mut payload = Vec::new();
    for exchange in exchanges {
        let exchange = exchange.borrow();
        let mut record = |kind: u8, time_ns: u64, latency_ns: u64, body: &Body, payload: &[u8]| {
            check(exchange.id, body, payload)?;
            let ExchangeId { proxy, epoch, sequence } = exchange.id;
            writeln!(sink, "{kind} {proxy:08x}{epoch:08x}{sequence:016x} {time_ns} {latency_ns}")?;
            sink.write_all(payload)?;
            sink.write_all(b"\n")?;
            sink.write_all(MARK)?;
            sink.write_all(b"\n").map_err(GorError::from)
        };
        request(exchange, &mut payload);
        record(1, exchange.admitted_ns, 0, &exchange.request.body, &payload)?;
        for (kind, outcome) in [(2, &exchange.outcomes.primary), (3, &exchange.outcomes.candidate)] {
            let Some(Outcome::Response(answer)) = outcome else { continue };
            response(answer, &mut payload);
            let timing = answer.timing;
            let after = if kind == 2 { timing.done_ns } else { timing.sent_ns };
            record(kind, exchange.admitted_ns + after, timing.latency_ns(), &answer.body, &payload)?;
        }
        count += 1;
    }
    sink.flush()?;
    Ok(count)
}

fn check(id: ExchangeId, body: &Body, payload: &[u8]) -> Result<(), GorError> {
    if body.is_cut() {
        return Err(GorError::Cut(id));
    }
    match memchr::memmem::find(payload, MARK) {
        Some(at) if at > 0 && payload[at - 1] == b'\n' => Err(GorError::Mark(id)),
        _ => Ok(()),
    }
}

fn request(exchange: &Exchange, out: &mut Vec<u8>) {
    let request = &exchange.request;
    out.clear();
    out.extend_from_slice(format!("{} {} HTTP/1.1\r\n", request.method, request.target).as_bytes());
    if !request.authority.is_empty() {
        push(out, &HOST, request.authority.as_bytes());
    }
    message(&request.headers, &request.body, !request.body.is_empty(), out);
}

fn response(response: &Response, out: &mut Vec<u8>) {
    let reason = response.status.canonical_reason().unwrap_or("-");
    out.clear();
    out.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", response.status.as_u16()).as_bytes());
    let has_body = !matches!(response.status.as_u16(), 204 | 304);
    message(&response.headers, &response.body, has_body, out);
}

/// Headers and body; the length is told, because the recorded framing has been taken off.
fn message(headers: &HeaderMap, body: &Body, has_length: bool, out: &mut Vec<u8>) {
    for (name, value) in headers {
        if ![HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(name) {
            push(out, name, value.as_bytes());
        }
    }
    if has_length {
        push(out, &CONTENT_LENGTH, body.len().to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body.bytes());
}

fn push(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}
