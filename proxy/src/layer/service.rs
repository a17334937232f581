//! The `tower` side: layer, service, future.

use crate::layer::answering::Answering;
use crate::layer::asking::Asking;
use crate::layer::door::Door;
use crate::layer::tapped::Tapped;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Mirrors what passes it; made by [`Mirror::layer`](crate::layer::Mirror::layer).
#[derive(Debug, Clone)]
pub struct Layer {
    door: Arc<Door>,
}

impl Layer {
    pub(crate) fn new(door: Arc<Door>) -> Self {
        Self { door }
    }
}

impl<S> tower::Layer<S> for Layer {
    type Service = Service<S>;

    fn layer(&self, inner: S) -> Service<S> {
        Service { inner, door: Arc::clone(&self.door) }
    }
}

/// A service whose requests are mirrored.
#[derive(Debug, Clone)]
pub struct Service<S> {
    inner: S,
    door: Arc<Door>,
}

impl<S, B, R> tower::Service<Request<B>> for Service<S>
where
    S: tower::Service<Request<Tapped<B, Asking>>, Response = Response<R>>,
    B: Body<Data = Bytes>,
    R: Body<Data = Bytes>,
{
    type Response = Response<Tapped<R, Answering>>;
    type Error = S::Error;
    type Future = Mirrored<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Mirrored<S::Future> {
        let (asking, mut answering) = self.door.open(&request).unzip();
        let request = request.map(|body| Tapped::new(body, asking));
        if let Some(answering) = &mut answering {
            answering.sent_now();
        }
        Mirrored { inner: self.inner.call(request), answering }
    }
}

pin_project! {
    /// The service's answer, watched.
    #[derive(Debug)]
    pub struct Mirrored<F> {
        #[pin]
        inner: F,
        answering: Option<Answering>,
    }
}

impl<F, R, E> Future for Mirrored<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<Tapped<R, Answering>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = ready!(this.inner.poll(cx));
        let answering = this.answering.take();
        Poll::Ready(match answered {
            Ok(response) => {
                let answering = answering.map(|mut answering| {
                    answering.begin(&response);
                    answering
                });
                Ok(response.map(|body| Tapped::new(body, answering)))
            }
            Err(error) => {
                if let Some(answering) = answering {
                    answering.fail();
                }
                Err(error)
            }
        })
    }
}
