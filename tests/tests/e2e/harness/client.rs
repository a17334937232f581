//! Clients: one request, or a stream of them at a rate.

use bytes::Bytes;
use http::header::{HOST, HeaderMap};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A request to be sent any number of times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: impl Into<Bytes>) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    fn build(&self, host: &str, number: u64) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::builder().method(self.method).uri(&self.path).header(HOST, host);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        // Each request is a session of its own, so that each is a unit of evidence.
        request = request.header("x-session", format!("s-{number}"));
        request.body(Full::new(self.body.clone())).expect("the test's request is well-formed")
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends one request on a connection of its own.
pub(crate) fn send(address: SocketAddr, request: &Request) -> Result<Answer, BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut connection = Connection::new(address);
        connection.exchange(request, 0).await
    })
}

/// Gets a path; panics without an answer.
pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, &Request::get(path)).unwrap_or_else(|error| panic!("GET http://{address}{path}: {error}"))
}

/// Traffic in the background.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Sent>>,
}

/// What the client saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Answers by status.
    pub(crate) status: BTreeMap<u16, u64>,
    /// Requests without an answer, by reason.
    pub(crate) failed: BTreeMap<String, u64>,
}

impl Load {
    /// Sends `requests` in turn, from the start again at their end, `rate` a second over a few
    /// connections, until stopped.
    pub(crate) fn start(address: SocketAddr, requests: Vec<Request>, rate: f64, connections: u64) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let plan = Plan { requests, rate: Some(rate), is_endless: true };
        Self { stop, thread: Some(plan.spawn(address, connections, stopped)) }
    }

    /// Sends each request once, as fast as the answers come.
    pub(crate) fn times(address: SocketAddr, requests: Vec<Request>, connections: u64) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let plan = Plan { requests, rate: None, is_endless: false };
        Self { stop, thread: Some(plan.spawn(address, connections, stopped)) }
    }

    /// Waits until each request is answered and says what became of them.
    pub(crate) fn finish(mut self) -> Sent {
        self.thread.take().expect("it is finished once").join().expect("the client does not panic")
    }

    /// Ends the traffic and says what became of it.
    pub(crate) fn stop(mut self) -> Sent {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("it is stopped once").join().expect("the client does not panic")
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Plan {
    requests: Vec<Request>,
    /// Requests a second; as fast as they are answered without.
    rate: Option<f64>,
    is_endless: bool,
}

impl Plan {
    fn spawn(self, address: SocketAddr, connections: u64, stop: Arc<AtomicBool>) -> JoinHandle<Sent> {
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            LocalSet::new().block_on(&runtime, drive(address, Rc::new(self), connections, stop))
        })
    }

    /// When request `number` is due, `None` past the end of the plan.
    fn due(&self, number: u64, started: Instant) -> Option<Instant> {
        if !self.is_endless && number >= self.requests.len() as u64 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a test sends far fewer than 2^52")]
        let offset = self.rate.map_or(0.0, |rate| number as f64 / rate);
        Some(started + Duration::from_secs_f64(offset))
    }
}

async fn drive(address: SocketAddr, plan: Rc<Plan>, connections: u64, stop: Arc<AtomicBool>) -> Sent {
    let started = Instant::now();
    let workers = (0..connections).map(|worker| {
        let (plan, stop) = (Rc::clone(&plan), Arc::clone(&stop));
        tokio::task::spawn_local(async move {
            let mut sent = Sent::default();
            let mut connection = Connection::new(address);
            for number in (worker..).step_by(usize::try_from(connections).expect("a few")) {
                let Some(due) = plan.due(number, started) else { break };
                tokio::time::sleep_until(due.into()).await;
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let turn = usize::try_from(number).expect("64 bits") % plan.requests.len();
                match connection.exchange(&plan.requests[turn], number).await {
                    Ok(answer) => *sent.status.entry(answer.status).or_default() += 1,
                    Err(error) => *sent.failed.entry(error.to_string()).or_default() += 1,
                }
            }
            sent
        })
    });
    let mut total = Sent::default();
    for worker in workers.collect::<Vec<_>>() {
        let sent = worker.await.expect("a worker does not panic");
        for (status, count) in sent.status {
            *total.status.entry(status).or_default() += count;
        }
        for (error, count) in sent.failed {
            *total.failed.entry(error).or_default() += count;
        }
    }
    total
}

/// A connection that is made when it is needed, and made again when it was closed.
struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    fn new(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    async fn exchange(&mut self, request: &Request, number: u64) -> Result<Answer, BoxError> {
        let mut sender = match self.sender.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.connect().await?,
        };
        let request = request.build(&self.address.to_string(), number);
        let exchange = async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, BoxError>(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        let answer =
            tokio::time::timeout(ANSWER_LIMIT, exchange).await.map_err(|_| "no answer in time")??;
        self.sender = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, BoxError> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its error comes out of the exchange as well.
        tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}
