//! The body of a live response: the primary's frames as they come, seen by the mirror in passing.

use crate::connection::Busy;
use crate::observe::Watch;
use crate::pool::Lease;
use crate::seat::Seat;
use crate::upstream::classify;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use parallax_exchange::MissingReason;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The body of a live response.
pub(crate) struct Answer {
    content: Content,
    /// Held on a connection with several streams until the body has been sent.
    _busy: Option<Busy>,
    /// Present if somebody is to be told of the request.
    watch: Option<Watch>,
}

/// What a poll of a body gives.
type Polled = Poll<Option<Result<Frame<Bytes>, hyper::Error>>>;

enum Content {
    /// Of the proxy's own; empty once sent.
    Own(Bytes),
    /// The primary's.
    Primary(Watched),
}

/// A response that passes by.
pub(crate) struct Stream {
    body: Incoming,
    /// Present until the last frame.
    ends: Option<Ends>,
}

/// What is to be done when the response ends.
struct Ends {
    /// The connection that the body comes from.
    lease: Lease,
    /// Present if the exchange is mirrored.
    seat: Option<Seat>,
}

impl Answer {
    /// A body of the proxy's own.
    pub(crate) fn own(bytes: Bytes) -> Self {
        Self { content: Content::Own(bytes), _busy: None, watch: None }
    }

    /// The same body; its stream is open until it has been sent.
    pub(crate) fn during(self, busy: Busy) -> Self {
        Self { _busy: Some(busy), ..self }
    }

    /// The same body; what is told of its request is told when it ends.
    pub(crate) fn watched(self, watch: Watch) -> Self {
        let mut answer = Self { watch: Some(watch), ..self };
        answer.look(&Poll::Pending);
        answer
    }

    /// Notes what a poll gave.
    fn look(&mut self, polled: &Polled) {
        let Some(watch) = &mut self.watch else { return };
        if let Poll::Ready(Some(Ok(frame))) = polled {
            watch.see(frame);
        }
        if matches!(polled, Poll::Ready(None)) || self.content.is_end_stream() {
            watch.complete();
        }
    }

    /// The primary's body, from the connection `lease`, recorded through `seat`.
    pub(crate) fn primary(body: Incoming, lease: Lease, seat: Option<Seat>) -> Self {
        let mut stream = Stream { body, ends: Some(Ends { lease, seat }) };
        if stream.body.is_end_stream() {
            stream.end();
        }
        Self { content: Content::Primary(Watched(Some(stream))), _busy: None, watch: None }
    }
}

impl Stream {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => self.end(),
            Poll::Ready(Some(Err(error))) => self.fail(classify(error).reason()),
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(Ends { seat: Some(seat), .. }) = &self.ends {
                    seat.see(frame);
                }
                if self.body.is_end_stream() {
                    self.end();
                }
            }
        }
        polled
    }

    fn end(&mut self) {
        if let Some(Ends { lease, seat }) = self.ends.take() {
            lease.give_back();
            if let Some(seat) = seat {
                seat.end();
            }
        }
    }

    fn fail(&mut self, reason: MissingReason) {
        if let Some(Ends { seat: Some(seat), .. }) = self.ends.take() {
            seat.miss(reason);
        }
    }

    /// The client left before the end. An admitted exchange still needs the primary's outcome, or
    /// the comparison would leave out just the requests that clients give up on: the rest is read
    /// apart from the client, for as long as a copy may take.
    fn outlive_client(self) {
        let Some(Ends { lease, seat: Some(seat) }) = self.ends else { return };
        let pending = seat.pending();
        if !pending.is_admitted() {
            return;
        }
        let (core, deadline) = (Rc::clone(pending.core()), pending.deadline());
        core.spawn(async move {
            if seat.read_to_end(self.body, deadline, MissingReason::ClientGone).await {
                lease.give_back();
            }
        });
    }
}

/// A [`Stream`] that outlives its client; empty only while it is dropped.
pub(crate) struct Watched(Option<Stream>);

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(stream) = self.0.take() {
            stream.outlive_client();
        }
    }
}

impl Content {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        match self {
            Self::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Primary(watched) => {
                watched.0.as_mut().map_or(Poll::Ready(None), |stream| stream.poll_frame(cx))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_empty(),
            Self::Primary(watched) => watched.0.as_ref().is_none_or(|stream| stream.body.is_end_stream()),
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let answer = self.get_mut();
        let polled = answer.content.poll_frame(cx);
        answer.look(&polled);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Primary(watched) => {
                watched.0.as_ref().map_or_else(SizeHint::default, |stream| stream.body.size_hint())
            }
        }
    }
}
