//! A body that passes through unchanged while somebody watches it.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Who watches a body. Dropped before [`Watch::end`], the body was not read to its end.
pub trait Watch {
    /// The next frame.
    fn see(&mut self, frame: &Frame<Bytes>);
    /// The body is complete.
    fn end(self);
}

pin_project! {
    /// A body as it was, frame by frame; what passes is mirrored.
    #[derive(Debug)]
    pub struct Tapped<B, W> {
        #[pin]
        body: B,
        watch: Option<W>,
    }
}

impl<B: Body, W: Watch> Tapped<B, W> {
    /// `body` under `watch`.
    pub(crate) fn new(body: B, watch: Option<W>) -> Self {
        let mut watch = watch;
        // Nobody reads a body of which it is known that nothing comes.
        if body.is_end_stream()
            && let Some(watch) = watch.take()
        {
            watch.end();
        }
        Self { body, watch }
    }
}

impl<B: Body<Data = Bytes>, W: Watch> Body for Tapped<B, W> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let polled = this.body.as_mut().poll_frame(cx);
        let Some(watch) = this.watch else { return polled };
        match &polled {
            Poll::Pending => return polled,
            Poll::Ready(Some(Ok(frame))) => watch.see(frame),
            Poll::Ready(Some(Err(_))) => *this.watch = None,
            Poll::Ready(None) => {}
        }
        let is_over = matches!(polled, Poll::Ready(None)) || this.body.is_end_stream();
        if is_over && let Some(watch) = this.watch.take() {
            watch.end();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
