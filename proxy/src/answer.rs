//! The body of a live response: the primary's frames as they come, seen by the mirror in passing.

use crate::connection::Busy;
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
}

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
        Self { content: Content::Own(bytes), _busy: None }
    }

    /// The same body; its stream is open until it has been sent.
    pub(crate) fn during(self, busy: Busy) -> Self {
        Self { _busy: Some(busy), ..self }
    }

    /// The primary's body, from the connection `lease`, recorded through `seat`.
    pub(crate) fn primary(body: Incoming, lease: Lease, seat: Option<Seat>) -> Self {
        let mut stream = Stream { body, ends: Some(Ends { lease, seat }) };
        if stream.body.is_end_stream() {
            stream.end();
        }
        Self { content: Content::Primary(Watched(Some(stream))), _busy: None }
    }
}

impl Stream {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
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

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.get_mut().content {
            Content::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Primary(watched) => {
                watched.0.as_mut().map_or(Poll::Ready(None), |stream| stream.poll_frame(cx))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Own(bytes) => bytes.is_empty(),
            Content::Primary(watched) => watched.0.as_ref().is_none_or(|stream| stream.body.is_end_stream()),
        }
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
