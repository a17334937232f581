//! A sample event collector: the service that the demo validates.
//!
//! It is small but shaped like the real thing: batches of events in, one answer per event out, a
//! document of feature flags, a look-up by session. Answers are a pure function of the request, so
//! that two instances of one build agree on every byte but `Date`; a [`Fault`] turns an instance into
//! a build with one known regression. The server is `hyper` on a thread of its own, so that a demo
//! may run three of them beside a proxy without sharing a runtime.

mod events;
mod fault;
mod reply;

pub use fault::Fault;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use reply::{Asked, Reply};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// Largest request body that is accepted, in bytes; a longer one gets 413.
pub const BODY_MAX: usize = 1 << 20;

/// Builds and starts collectors.
#[derive(Debug, Clone, Copy)]
pub struct Collector;

impl Collector {
    /// Starts a collector on `address` (port 0 chooses one) with a planted `fault`.
    ///
    /// `seed` drives nothing but the noise of [`Fault::Flaky`]: give each role its own.
    ///
    /// # Errors
    /// The operating system's, when the address cannot be bound or the thread not started.
    pub fn start(address: SocketAddr, fault: Fault, seed: u64) -> io::Result<Handle> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = Arc::<AtomicU64>::default();
        let (stop, stopped) = oneshot::channel();
        let counter = Arc::clone(&served);
        let thread = std::thread::Builder::new().name("collector".to_owned()).spawn(move || {
            let state =
                Rc::new(State { fault, noise: RefCell::new(fastrand::Rng::with_seed(seed)), counter });
            LocalSet::new().block_on(&runtime, serve(listener, state, stopped));
        })?;
        Ok(Handle { address, served, stop: Some(stop), thread: Some(thread) })
    }
}

/// A running collector; it ends when this is dropped.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    served: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests whose head arrived, those without an answer included.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Closes the listener and every connection, and waits for the thread to end.
    pub fn stop(self) {}
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            // A panic over there has been printed already; here there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// What the connections of one instance share.
struct State {
    fault: Fault,
    noise: RefCell<fastrand::Rng>,
    counter: Arc<AtomicU64>,
}

/// The client gets no answer: its connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the planted fault closes the connection without an answer")]
struct HungUp;

async fn serve(listener: std::net::TcpListener, state: Rc<State>, mut stopped: oneshot::Receiver<()>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the sample collector cannot listen"),
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                tokio::task::spawn_local(connection(stream, Rc::clone(&state)));
            }
            Err(error) => {
                // Out of descriptors, most likely: waiting lets connections end.
                tracing::warn!(%error, "the sample collector cannot accept");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }
}

async fn connection(stream: tokio::net::TcpStream, state: Rc<State>) {
    let service = service_fn(move |request| answer(Rc::clone(&state), request));
    let served =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the sample collector ended early");
    }
}

async fn answer(state: Rc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HungUp> {
    let arrived = Instant::now();
    state.counter.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return Ok(render(&Reply::problem(StatusCode::PAYLOAD_TOO_LARGE, "body above 1 MiB")));
        }
        Err(_) => return Err(HungUp), // The client went away inside its own request.
    };
    let noisy = state.fault.is_noisy(&mut state.noise.borrow_mut());
    let asked = Asked { method: &parts.method, uri: &parts.uri, body: &body };
    let reply = reply::to(&asked, state.fault, noisy).ok_or(HungUp)?;
    if let Some(delay) = state.fault.delay(&parts.method, arrived.elapsed()) {
        tokio::time::sleep(delay).await;
    }
    Ok(render(&reply))
}

fn render(reply: &Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body.to_string())));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(reply.cache));
    response
}

#[cfg(test)]
mod tests;
