//! One client's connection.

use crate::core::Core;
use crate::forward::Forwarded;
use crate::live;
use crate::proxy::Stop;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::TcpStream;

/// What all requests of a connection share.
pub(crate) struct Client {
    /// The cluster key of requests that name none.
    pub(crate) key: u64,
    pub(crate) forwarded: Forwarded,
}

/// How connections are served, the same for all of a core.
pub(crate) fn server(core: &Core) -> Builder {
    let mut server = Builder::new();
    server
        .timer(TokioTimer::new())
        // Also bounds how long a kept connection may be silent between two requests.
        .header_read_timeout(core.settings.limits.header_timeout.0)
        .max_buf_size(core.settings.head_bytes())
        .max_header_size(core.settings.head_bytes())
        // The response is the primary's: nothing is added to it.
        .auto_date_header(false);
    server
}

/// Serves requests until the client leaves or `stop` says to finish.
pub(crate) async fn serve(
    open: Open,
    server: Rc<Builder>,
    stream: TcpStream,
    peer: SocketAddr,
    mut stop: Stop,
) {
    let core = &open.0;
    // Responses go out as they come; waiting for more to send would only add latency.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the client left before it was served");
        return;
    }
    let client = Rc::new(Client { key: core.unique(), forwarded: Forwarded::for_client(peer.ip()) });
    let service = service_fn(|request| live::serve(Rc::clone(core), Rc::clone(&client), request));
    let mut connection =
        std::pin::pin!(server.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let served = tokio::select! {
        biased;
        served = connection.as_mut() => served,
        _ = stop.wait_for(Option::is_some) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "client connection ended early");
    }
}

/// Counts an open connection of a core.
pub(crate) struct Open(Rc<Core>);

impl Open {
    /// One more.
    pub(crate) fn new(core: &Rc<Core>) -> Self {
        core.counters.connections.add(1);
        Self(Rc::clone(core))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.connections.subtract(1);
    }
}
