//! One role's place in an exchange: through it everything is recorded that the role does.
//!
//! The live response and the copies' responses go through the same code, so that what is recorded
//! of the three roles cannot differ by how they were read.

use crate::pending::Pending;
use crate::upstream::classify;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parallax_exchange::{MissingReason, Role};
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

    /// The head of the response has arrived; its end-to-end headers are `headers`.
    pub(crate) fn begin(&self, status: StatusCode, headers: &HeaderMap) {
        self.pending.begin(self.role, status, headers);
    }

    /// The next frame of the response has arrived.
    pub(crate) fn see(&self, frame: &Frame<Bytes>) {
        self.pending.see(self.role, frame);
    }

    /// The response is complete.
    pub(crate) fn end(mut self) {
        self.settled = true;
        self.pending.end(self.role, self.sent);
    }

    /// There will be no complete response.
    pub(crate) fn miss(mut self, reason: MissingReason) {
        self.settled = true;
        self.pending.miss(self.role, reason, self.sent);
    }

    /// Reads the rest of `body`; what is not complete by `deadline` is missing for the reason
    /// `late`. True if it was complete.
    pub(crate) async fn read_to_end(
        self,
        body: Incoming,
        deadline: tokio::time::Instant,
        late: MissingReason,
    ) -> bool {
        match tokio::time::timeout_at(deadline, self.see_rest(body)).await.unwrap_or(Err(late)) {
            Ok(()) => {
                self.end();
                true
            }
            Err(reason) => {
                self.miss(reason);
                false
            }
        }
    }

    /// Takes all frames of `body`, or says why it broke off.
    pub(crate) async fn see_rest(&self, mut body: Incoming) -> Result<(), MissingReason> {
        while let Some(frame) = body.frame().await {
            self.see(&frame.map_err(|error| classify(&error).reason())?);
        }
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // A task that is dropped unfinished: the runtime is being shut down.
        if !self.settled {
            self.pending.miss(self.role, MissingReason::Shutdown, self.sent);
        }
    }
}
