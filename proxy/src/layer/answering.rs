//! An answer on its way out of the service.

use crate::capture::Capture;
use crate::compact;
use crate::forward::remove_hop_by_hop;
use crate::layer::intake::{Answer, Answered, Event};
use crate::layer::purse::SharedHold;
use crate::layer::tapped::Watch;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::{Body, Frame};
use parallax_exchange::MissingReason;
use std::time::Instant;
use tokio::sync::mpsc::OwnedPermit;

/// Watches an answer, from the call of the service to the last byte; whatever becomes of it is said
/// exactly once.
#[derive(Debug)]
pub struct Answering(Option<Open>);

struct Open {
    token: u64,
    is_head: bool,
    sent: Instant,
    head: Option<Head>,
    capture: Capture<SharedHold>,
    trailers: HeaderMap,
    permit: OwnedPermit<Event>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Open").field("token", &self.token).finish_non_exhaustive()
    }
}

struct Head {
    status: StatusCode,
    headers: HeaderMap,
    at: Instant,
    /// The length of the body, where it is known.
    expected: Option<u64>,
}

impl Answering {
    pub(crate) fn new(
        token: u64,
        method: &Method,
        capture: Capture<SharedHold>,
        permit: OwnedPermit<Event>,
    ) -> Self {
        let is_head = method == Method::HEAD;
        let sent = Instant::now();
        Self(Some(Open { token, is_head, sent, head: None, capture, trailers: HeaderMap::new(), permit }))
    }

    /// The service is asked now.
    pub(crate) fn sent_now(&mut self) {
        if let Some(open) = &mut self.0 {
            open.sent = Instant::now();
        }
    }

    /// The service has answered, up to the body.
    pub(crate) fn begin<B: Body>(&mut self, response: &Response<B>) {
        let Some(open) = &mut self.0 else { return };
        let status = response.status();
        let mut headers = compact::headers(response.headers());
        remove_hop_by_hop(&mut headers);
        let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let has_none = open.is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        // Of such an answer the server does not even look at the body.
        let expected = if has_none { Some(0) } else { announced.or(response.body().size_hint().exact()) };
        open.head = Some(Head { status, headers, at: Instant::now(), expected });
    }

    /// The service has failed without an answer.
    pub(crate) fn fail(mut self) {
        self.say(Err(MissingReason::Reset));
    }

    fn say(&mut self, result: Result<(), MissingReason>) {
        let Some(Open { token, sent, head, capture, trailers, permit, .. }) = self.0.take() else { return };
        let answer = match (result, head) {
            (Ok(()), Some(Head { status, headers, at, .. })) => {
                let is_overdrawn = capture.is_overdrawn();
                let (body, hold) = capture.finish();
                Ok(Answer { status, headers, head: at, body, trailers, is_overdrawn, _hold: hold })
            }
            (Ok(()), None) => Err(MissingReason::Protocol),
            (Err(reason), _) => Err(reason),
        };
        let done = Instant::now();
        permit.send(Event::Answered(Box::new(Answered { token, sent, done, answer })));
    }
}

impl Watch for Answering {
    fn see(&mut self, frame: &Frame<Bytes>) {
        let Some(open) = &mut self.0 else { return };
        if let Some(data) = frame.data_ref() {
            open.capture.push(data);
        } else if let Some(trailers) = frame.trailers_ref() {
            open.trailers = compact::headers(trailers);
        }
    }

    fn end(mut self) {
        self.say(Ok(()));
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Some(open) = &self.0 else { return };
        // A server that has sent as much as was announced need not ask whether there is more.
        let is_whole = open.head.as_ref().is_some_and(|head| head.expected == Some(open.capture.length()));
        self.say(if is_whole { Ok(()) } else { Err(MissingReason::ClientGone) });
    }
}
