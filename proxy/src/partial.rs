//! A response that is being recorded: its head, and what of its body and trailers has passed.
//!
//! It belongs to the exchange and not to the connection that it comes from, so that it goes when the
//! exchange is closed, however long the connection lasts.

use crate::capture::{Capture, Hold};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use parallax_exchange::{Response, Timing};

/// A response that is being recorded.
pub(crate) struct Partial {
    status: StatusCode,
    headers: HeaderMap,
    head_ns: u64,
    capture: Capture,
    trailers: HeaderMap,
}

impl Partial {
    /// A response whose head arrived `head_ns` after admission.
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, head_ns: u64, capture: Capture) -> Self {
        Self { status, headers, head_ns, capture, trailers: HeaderMap::new() }
    }

    /// Takes the next frame.
    pub(crate) fn see(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.capture.push(data);
        } else if let Some(trailers) = frame.trailers_ref() {
            self.trailers.clone_from(trailers);
        }
    }

    /// Whether what was captured is not what was sent, because the byte budget ran out.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.capture.is_overdrawn()
    }

    /// The whole response and what it holds of the byte budget.
    pub(crate) fn finish(self, sent_ns: u64, done_ns: u64) -> (Response, Hold) {
        let (body, hold) = self.capture.finish();
        let timing = Timing { sent_ns, head_ns: self.head_ns, done_ns };
        (Response { status: self.status, headers: self.headers, body, trailers: self.trailers, timing }, hold)
    }
}
