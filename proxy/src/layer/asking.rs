//! A request on its way into the service.

use crate::capture::Capture;
use crate::compact;
use crate::inbound::Inbound;
use crate::layer::intake::{Asked, Event, Requested};
use crate::layer::purse::SharedHold;
use crate::layer::tapped::Watch;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use std::time::Instant;
use tokio::sync::mpsc::OwnedPermit;

/// Watches a request's body; whatever becomes of it is said exactly once.
#[derive(Debug)]
pub struct Asking(Option<Open>);

struct Open {
    token: u64,
    inbound: Inbound,
    /// The length of the body, where it is known.
    expected: Option<u64>,
    capture: Capture<SharedHold>,
    trailers: Option<Box<HeaderMap>>,
    permit: OwnedPermit<Event>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Open").field("token", &self.token).finish_non_exhaustive()
    }
}

impl Asking {
    pub(crate) fn new(
        token: u64,
        inbound: Inbound,
        expected: Option<u64>,
        capture: Capture<SharedHold>,
        permit: OwnedPermit<Event>,
    ) -> Self {
        Self(Some(Open { token, inbound, expected, capture, trailers: None, permit }))
    }

    /// Says what became of the request.
    fn say(&mut self, what: impl FnOnce(Capture<SharedHold>, Option<Box<HeaderMap>>) -> Requested) {
        if let Some(Open { token, inbound, capture, trailers, permit, .. }) = self.0.take() {
            let at = Instant::now();
            let body = what(capture, trailers);
            permit.send(Event::Asked(Box::new(Asked { token, inbound, at, body })));
        }
    }
}

impl Watch for Asking {
    fn see(&mut self, frame: &Frame<Bytes>) {
        let Some(open) = &mut self.0 else { return };
        if let Some(trailers) = frame.trailers_ref() {
            open.trailers = Some(Box::new(compact::headers(trailers)));
        } else if let Some(data) = frame.data_ref() {
            open.capture.push(data);
            if let Some(reason) = open.capture.defect() {
                // Said at once, so that no bytes are held for a copy that will never be.
                self.say(|_, _| Requested::Shed(reason));
            }
        }
    }

    fn end(mut self) {
        self.say(|capture, trailers| {
            let (body, hold) = capture.finish();
            Requested::Whole { body, trailers, _hold: hold }
        });
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let Some(open) = &self.0 else { return };
        // Who has read as much as was announced need not ask whether there is more.
        let is_whole = open.expected == Some(open.capture.length());
        self.say(|capture, trailers| {
            if is_whole {
                let (body, hold) = capture.finish();
                Requested::Whole { body, trailers, _hold: hold }
            } else {
                Requested::Cut
            }
        });
    }
}
