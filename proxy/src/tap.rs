//! Turning a response that passes by into an outcome.
//!
//! The live response and the copies' responses go through the same code, so that what is recorded
//! of the three roles cannot differ by how they were read.

use crate::capture::Capture;
use crate::pending::Pending;
use crate::upstream::classify;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parallax_exchange::{MissingReason, Outcome, Response, Role, Timing};
use std::rc::Rc;
use std::time::Instant;

/// One role's place in an exchange; it is always settled, at the latest when it is dropped.
pub(crate) struct Seat {
    pending: Rc<Pending>,
    role: Role,
    sent: Instant,
    settled: bool,
}

impl Seat {
    /// The place of `role`, whose request is sent at `sent`.
    pub(crate) fn new(pending: Rc<Pending>, role: Role, sent: Instant) -> Self {
        Self { pending, role, sent, settled: false }
    }

    /// The exchange.
    pub(crate) fn pending(&self) -> &Rc<Pending> {
        &self.pending
    }

    /// Whose place it is.
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// The request is sent at this moment.
    pub(crate) fn sent_now(&mut self) {
        self.sent = Instant::now();
    }

    /// There is no response.
    pub(crate) fn miss(mut self, reason: MissingReason) {
        self.settle_missing(reason);
    }

    /// The head of the response has arrived; its end-to-end headers are `headers`.
    pub(crate) fn tap(self, status: StatusCode, headers: HeaderMap) -> Tap {
        let head_ns = self.pending.nanos(Instant::now());
        let capture = self.pending.capture();
        Tap { seat: self, status, headers, head_ns, capture, trailers: HeaderMap::new() }
    }

    fn settle_missing(&mut self, reason: MissingReason) {
        self.settled = true;
        let outcome = self.pending.missing(reason, self.sent);
        self.pending.settle(self.role, outcome, None);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // A task that is dropped unfinished: the runtime is being shut down.
        if !self.settled {
            self.settle_missing(MissingReason::Shutdown);
        }
    }
}

/// A response being recorded.
pub(crate) struct Tap {
    seat: Seat,
    status: StatusCode,
    headers: HeaderMap,
    head_ns: u64,
    capture: Capture,
    trailers: HeaderMap,
}

impl Tap {
    /// The exchange.
    pub(crate) fn pending(&self) -> &Rc<Pending> {
        self.seat.pending()
    }

    /// Takes the next frame.
    pub(crate) fn see(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.capture.push(data);
        } else if let Some(trailers) = frame.trailers_ref() {
            self.trailers.clone_from(trailers);
        }
    }

    /// Reads the rest of `body`; true if it was complete. What is not complete by `deadline` is
    /// missing for the reason `late`.
    pub(crate) async fn read_to_end(
        mut self,
        mut body: Incoming,
        deadline: tokio::time::Instant,
        late: MissingReason,
    ) -> bool {
        let all = async {
            while let Some(frame) = body.frame().await {
                self.see(&frame?);
            }
            Ok::<_, hyper::Error>(())
        };
        let reason = match tokio::time::timeout_at(deadline, all).await {
            Ok(Ok(())) => {
                self.end();
                return true;
            }
            Ok(Err(error)) => classify(&error).reason(),
            Err(_) => late,
        };
        self.fail(reason);
        false
    }

    /// The response is complete.
    pub(crate) fn end(mut self) {
        self.seat.settled = true;
        let pending = &self.seat.pending;
        if self.capture.is_overdrawn() {
            pending.lose();
        }
        let (body, hold) = self.capture.finish();
        let timing = Timing {
            sent_ns: pending.nanos(self.seat.sent),
            head_ns: self.head_ns,
            done_ns: pending.nanos(Instant::now()),
        };
        let response =
            Response { status: self.status, headers: self.headers, body, trailers: self.trailers, timing };
        pending.settle(self.seat.role, Outcome::Response(Box::new(response)), Some(hold));
    }

    /// The response will not be complete.
    pub(crate) fn fail(self, reason: MissingReason) {
        self.seat.miss(reason);
    }
}
