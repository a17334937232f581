//! The W3C trace context of a request: to which trace it belongs, and under which span.
//!
//! Every role gets the same `traceparent`, so that it cannot be the reason for a difference.

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A span's place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// Of the whole trace; never 0.
    pub trace_id: u128,
    /// Of the span; never 0.
    pub span_id: u64,
    /// The span that caused this one; none where the trace begins here.
    pub parent_id: Option<u64>,
    /// Whether the trace is kept.
    pub sampled: bool,
}

impl Trace {
    /// What a request says of its caller's span; none where it says nothing that is valid
    /// (W3C Trace Context, 3.2).
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        parse(headers.get(TRACEPARENT)?.to_str().ok()?)
    }

    /// A span under it.
    pub(crate) fn child(self, span_id: u64) -> Self {
        Self { span_id: span_id.max(1), parent_id: Some(self.span_id), ..self }
    }

    /// The first span of a trace.
    pub(crate) fn root(trace_id: u128, span_id: u64, sampled: bool) -> Self {
        Self { trace_id: trace_id.max(1), span_id: span_id.max(1), parent_id: None, sampled }
    }

    /// Tells a role that its work belongs under this span.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        let Self { trace_id, span_id, sampled, .. } = self;
        let text = format!("00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(sampled));
        headers.insert(TRACEPARENT, HeaderValue::try_from(text).expect("hexadecimal digits and dashes"));
        if self.parent_id.is_none() {
            // It belongs to a context that there is not (3.3).
            headers.remove(TRACESTATE);
        }
    }
}

/// `version-traceid-parentid-flags`; a later version may have more after it.
fn parse(text: &str) -> Option<Trace> {
    let mut parts = text.split('-');
    let version = u8::try_from(hex(parts.next()?, 2)?).ok().filter(|version| *version != 0xff)?;
    let trace_id = hex(parts.next()?, 32).filter(|id| *id != 0)?;
    let span_id = u64::try_from(hex(parts.next()?, 16)?).ok().filter(|id| *id != 0)?;
    let flags = hex(parts.next()?, 2)?;
    let is_whole = version != 0 || parts.next().is_none();
    is_whole.then_some(Trace { trace_id, span_id, parent_id: None, sampled: flags & 1 == 1 })
}

/// Exactly `length` lower-case digits.
fn hex(text: &str, length: usize) -> Option<u128> {
    let is_hex = text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex { u128::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn only_a_valid_traceparent_is_a_context() {
        let context = parse(&format!("00-{ID}-00f067aa0ba902b7-01")).unwrap();
        assert_eq!(
            format!("{:032x} {:016x}", context.trace_id, context.span_id),
            format!("{ID} 00f067aa0ba902b7")
        );
        assert!(context.sampled && !parse(&format!("00-{ID}-00f067aa0ba902b7-02")).unwrap().sampled);
        assert!(parse(&format!("01-{ID}-00f067aa0ba902b7-01-more")).is_some());
        for wrong in [
            format!("ff-{ID}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{ID}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            format!("00-{ID}-00f067aa0ba902b7-01-more"),
            format!("00-{ID}-00f067aa0ba902b7"),
            "00-abc-def-01".to_owned(),
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_role_is_told_the_trace_and_the_span_above_it() {
        let caller = parse(&format!("00-{ID}-00f067aa0ba902b7-01")).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(TRACESTATE, HeaderValue::from_static("a=b"));
        caller.child(255).write(&mut headers);
        assert_eq!(headers[TRACEPARENT], format!("00-{ID}-00000000000000ff-01"));
        assert_eq!(headers[TRACESTATE], "a=b");
        Trace::root(0, 0, false).write(&mut headers);
        assert_eq!(headers[TRACEPARENT], format!("00-{:032x}-{:016x}-00", 1, 1));
        assert!(!headers.contains_key(TRACESTATE));
    }
}
