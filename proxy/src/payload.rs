//! The body of a request on its way to a role.
//!
//! A live upload is streamed: frames go to the primary as they come, and the mirror sees them pass.
//! A body that lay complete behind the head is sent in one write. A copy always has its whole body.

use crate::capture::Capture;
use crate::compact;
use crate::pending::Pending;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

/// The body of a request on its way to a role.
pub(crate) enum Payload {
    /// All of it, or what is left: empty once sent, trailers last.
    Whole(Bytes, Option<Box<HeaderMap>>),
    /// The rest of it is still with the client.
    Stream(Box<Upload>),
}

impl Payload {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::Whole(Bytes::new(), None)
    }

    /// The body, if all of it is here.
    pub(crate) fn complete(&self) -> Option<Bytes> {
        match self {
            Self::Whole(bytes, _) => Some(bytes.clone()),
            Self::Stream(_) => None,
        }
    }

    /// Whether nothing has to be sent; such a request can be repeated without a copy of its body.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Whole(bytes, None) if bytes.is_empty())
    }
}

/// How far an upload has come, for the watch on the primary's silence.
#[derive(Debug, Clone)]
pub(crate) struct Progress(Rc<Cell<Instant>>);

impl Progress {
    /// The upload moved just now.
    pub(crate) fn now() -> Self {
        Self(Rc::new(Cell::new(Instant::now())))
    }

    /// When the upload last moved.
    pub(crate) fn last(&self) -> Instant {
        self.0.get()
    }
}

/// A body that is streamed from the client.
pub(crate) struct Upload {
    first: Option<Frame<Bytes>>,
    rest: Incoming,
    progress: Progress,
    mirror: Option<Mirror>,
}

/// What the mirror takes from an upload.
struct Mirror {
    pending: Rc<Pending>,
    capture: Capture,
    trailers: Option<Box<HeaderMap>>,
}

impl Upload {
    /// Streams `first`, then `rest`; `pending` is admitted once the last byte has passed.
    pub(crate) fn new(
        first: Option<Frame<Bytes>>,
        rest: Incoming,
        progress: Progress,
        pending: Option<Rc<Pending>>,
    ) -> Self {
        let mirror = pending.map(|pending| Mirror { capture: pending.capture(), trailers: None, pending });
        Self { first, rest, progress, mirror }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.first.take() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn see(&mut self, frame: &Frame<Bytes>) {
        let Some(mirror) = &mut self.mirror else { return };
        if let Some(trailers) = frame.trailers_ref() {
            mirror.trailers = Some(Box::new(compact::headers(trailers)));
        } else if let Some(data) = frame.data_ref() {
            mirror.capture.push(data);
            if let Some(reason) = mirror.capture.defect() {
                // Said at once, so that no bytes are held for a copy that will never be.
                mirror.pending.shed(reason);
                self.mirror = None;
            }
        }
    }

    fn complete(&mut self) {
        if let Some(Mirror { pending, capture, trailers }) = self.mirror.take() {
            pending.admit(capture, trailers);
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes, trailers) if bytes.is_empty() => {
                Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(*trailers))))
            }
            Self::Whole(bytes, _) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(upload) => {
                let polled = upload.poll_next(cx);
                match &polled {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(Ok(frame))) => upload.see(frame),
                    // The client's request is cut: dropping the mirror's part counts it.
                    Poll::Ready(Some(Err(_))) => upload.mirror = None,
                    Poll::Ready(None) => {}
                }
                upload.progress.0.set(Instant::now());
                let ended = matches!(polled, Poll::Ready(None))
                    || (upload.first.is_none() && upload.rest.is_end_stream());
                if ended {
                    upload.complete();
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes, trailers) => bytes.is_empty() && trailers.is_none(),
            Self::Stream(upload) => upload.first.is_none() && upload.rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes, _) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(upload) => {
                let first =
                    upload.first.as_ref().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64);
                upload
                    .rest
                    .size_hint()
                    .exact()
                    .map_or_else(SizeHint::default, |rest| SizeHint::with_exact(first + rest))
            }
        }
    }
}
