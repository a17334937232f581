//! Small HTTP servers inside the test process, for behaviour that no real server shows on demand.

use super::local;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// A server that answers each request, its body already read, by a function.
pub(crate) struct Upstream {
    address: SocketAddr,
    served: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    pub(crate) fn start<F>(answer: F) -> Self
    where
        F: Fn(&Request<Bytes>) -> Response<Bytes> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind(local(0)).expect("a loopback port can be bound");
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let address = listener.local_addr().expect("it has an address");
        let (stop, stopped) = oneshot::channel();
        let served = Arc::<AtomicU64>::default();
        let counter = Arc::clone(&served);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let serve = serve(listener, Rc::new(answer), counter);
            LocalSet::new().block_on(&runtime, async {
                tokio::select! { () = serve => {}, _ = stopped => {} }
            });
        });
        Self { address, served, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests answered so far.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            // A panic of the answering function has been printed; the test fails by its consequence.
            let _ = thread.join();
        }
    }
}

async fn serve<F>(listener: std::net::TcpListener, answer: Rc<F>, served: Arc<AtomicU64>)
where
    F: Fn(&Request<Bytes>) -> Response<Bytes> + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener).expect("the runtime takes the socket");
    while let Ok((stream, _)) = listener.accept().await {
        let (answer, served) = (Rc::clone(&answer), Arc::clone(&served));
        let service = service_fn(move |request: Request<Incoming>| {
            let (answer, served) = (Rc::clone(&answer), Arc::clone(&served));
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                let response = answer(&Request::from_parts(head, body)).map(Full::new);
                served.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(response)
            }
        });
        // A client that hangs up ends its connection with an error; that is its right.
        tokio::task::spawn_local(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
