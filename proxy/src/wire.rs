//! One connection to a role, whichever version of HTTP it speaks.
//!
//! A request is written for HTTP/1.1 everywhere else; what HTTP/2 wants otherwise is changed here,
//! at the last moment, and the change can be made twice without harm, because a request that could
//! not be sent comes back and goes out on another connection.

use crate::payload::Payload;
use crate::target::Target;
use futures_util::future::Either;
use http::header::{HOST, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

/// A connection that takes a request.
pub(crate) enum Wire {
    /// Nobody else's until the response has been read.
    H1(http1::SendRequest<Payload>),
    /// Shared; this is one stream of it.
    H2(Stream),
}

/// One stream of a shared connection.
pub(crate) struct Stream {
    sender: http2::SendRequest<Payload>,
    open: Rc<Cell<usize>>,
}

/// A shared connection, as a pool keeps it.
pub(crate) struct Shared {
    sender: http2::SendRequest<Payload>,
    open: Rc<Cell<usize>>,
}

/// What a sent request ends in; with the request itself if it was not sent.
pub(crate) type Sent = Result<Response<Incoming>, TrySendError<Request<Payload>>>;

impl Wire {
    /// Hands `request` to the connection, at once; the future waits for the head of the response.
    pub(crate) fn send(
        &mut self,
        request: Request<Payload>,
        target: &Target,
    ) -> impl Future<Output = Sent> + use<> {
        match self {
            Self::H1(sender) => Either::Left(sender.try_send_request(request)),
            Self::H2(stream) => Either::Right(stream.sender.try_send_request(absolute(request, target))),
        }
    }
}

impl Shared {
    /// A connection without streams.
    pub(crate) fn new(sender: http2::SendRequest<Payload>) -> Self {
        Self { sender, open: Rc::default() }
    }

    /// Streams that are open.
    pub(crate) fn open(&self) -> usize {
        self.open.get()
    }

    /// Whether nothing can be sent on it any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Opens a stream.
    pub(crate) fn stream(&self) -> Stream {
        self.open.set(self.open.get() + 1);
        Stream { sender: self.sender.clone(), open: Rc::clone(&self.open) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
    }
}

/// The request with its host in the target, as HTTP/2 carries it (RFC 9113, 8.3.1).
fn absolute(mut request: Request<Payload>, target: &Target) -> Request<Payload> {
    let headers = request.headers_mut();
    let host = headers.remove(HOST);
    // Frames have lengths of their own.
    headers.remove(TRANSFER_ENCODING);
    if request.uri().authority().is_none() {
        let named = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
        let path = request.uri().path_and_query().cloned();
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if target.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = named.or_else(|| Authority::try_from(target.authority.as_bytes()).ok());
        parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    *request.version_mut() = Version::HTTP_2;
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use parallax_config::Role as RoleConfig;
    use parallax_exchange::Role;

    #[test]
    fn a_request_for_http2_carries_its_host_in_the_target_and_no_framing_however_often_it_is_made_so() {
        let target = Target::new(Role::Primary, &RoleConfig::at("http://127.0.0.1:9")).unwrap();
        let request = |host: Option<&str>| {
            let mut builder = Request::get("/a?b=c").header("transfer-encoding", "chunked").header("x", "1");
            if let Some(host) = host {
                builder = builder.header("host", host);
            }
            absolute(absolute(builder.body(Payload::empty()).unwrap(), &target), &target)
        };
        let sent = request(Some("shop.example"));
        assert_eq!(sent.uri(), "http://shop.example/a?b=c");
        assert_eq!(sent.headers().keys().collect::<Vec<_>>(), ["x"]);
        assert_eq!(sent.version(), Version::HTTP_2);
        assert_eq!(request(None).uri(), "http://127.0.0.1:9/a?b=c");
    }
}
