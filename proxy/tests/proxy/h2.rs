//! HTTP/2 on both sides: streams, trailers, resets, connections.

use crate::client::PATIENCE;
use crate::rig::{Rig, config, role};
use crate::server::{Gate, Reply, Server, message, ok};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parallax_config::{Protocol, Role as RoleConfig, Span};
use parallax_exchange::{DropReason, Outcome, Role};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};

type Body = BoxBody<Bytes, Infallible>;

/// Runs `test` with a limit.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("in time") })
}

async fn connect(address: SocketAddr) -> SendRequest<Body> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed()
}

/// A body in frames, the last of them trailers.
fn with_trailers(parts: &[&'static str], trailers: &[(&'static str, &'static str)]) -> Body {
    let mut map = HeaderMap::new();
    trailers.iter().for_each(|&(name, value)| drop(map.insert(name, value.parse().unwrap())));
    let frames = parts.iter().map(|&part| Frame::data(Bytes::from_static(part.as_bytes())));
    let frames: Vec<_> = frames.chain([Frame::trailers(map)]).map(Ok::<_, Infallible>).collect();
    StreamBody::new(futures_util::stream::iter(frames)).boxed()
}

fn request(method: &str, address: SocketAddr, path: &str, body: Body) -> Request<Body> {
    Request::builder().method(method).uri(format!("http://{address}{path}")).body(body).unwrap()
}

async fn collect(response: Response<Incoming>) -> (StatusCode, String, HeaderMap) {
    let status = response.status();
    let collected = response.into_body().collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    (status, String::from_utf8_lossy(&collected.to_bytes()).into_owned(), trailers)
}

/// A server of HTTP/2 alone: answers with what it got, and with trailers.
struct Echo {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Echo {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(Self::answer)));
                }
            });
        });
        Self { address, connections }
    }

    async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let (parts, body) = request.into_parts();
        let collected = body.collect().await.unwrap();
        let given = collected.trailers().cloned().unwrap_or_default();
        let text = format!("{} {} ", parts.method, parts.uri);
        let body = [Bytes::from(text), collected.to_bytes()].concat();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        given.get("x-sum").into_iter().for_each(|sum| drop(trailers.insert("x-sum", sum.clone())));
        let frames = [Frame::data(Bytes::from(body)), Frame::trailers(trailers)].map(Ok::<_, Infallible>);
        Ok(Response::new(StreamBody::new(futures_util::stream::iter(frames)).boxed()))
    }

    fn role(&self) -> RoleConfig {
        RoleConfig { protocol: Protocol::H2, ..RoleConfig::at(format!("http://{}", self.address)) }
    }
}

/// A proxy before three servers of HTTP/2.
fn multiplexed() -> (Rig, [Echo; 3]) {
    let echoes = [(); 3].map(|()| Echo::start());
    let [primary, candidate, control] = &echoes;
    let mut config = crate::rig::bare(&primary.role().url);
    config.routes = vec![crate::rig::route("all", "/{*rest}")];
    config.roles.primary = primary.role();
    config.roles.candidate = Some(candidate.role());
    config.roles.control = Some(control.role());
    (Rig::start(&config), echoes)
}

#[test]
fn one_listener_speaks_both_versions() {
    let primary = Server::start(|request| ok(request.header("via").unwrap_or("none").as_bytes()));
    let rig = Rig::start(&config(&primary));
    let address = rig.proxy.address();
    assert_eq!(rig.get("/a").text(), "1.1 parallax");
    run(async {
        let mut sender = connect(address).await;
        let response = sender.send_request(request("GET", address, "/a", full(""))).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(collect(response).await.1, "2.0 parallax");
    });
}

#[test]
fn a_client_of_http2_reaches_servers_of_http1_with_one_host_and_one_line_of_cookies() {
    let echo = || {
        Server::start(|request| {
            let header = |name| request.header(name).unwrap_or("none");
            let hosts = request.headers.iter().filter(|(name, _)| name == "host").count();
            let seen = format!("{} {} {hosts}", header("host"), header("cookie"));
            Reply::Raw(message(
                "200 OK",
                &[("connection", "keep-alive")],
                [seen.as_bytes(), &request.body].concat(),
            ))
        })
    };
    let (primary, candidate, control) = (echo(), echo(), echo());
    let rig = Rig::of(&primary, &candidate, &control);
    let address = rig.proxy.address();
    let answer = run(async {
        let mut sender = connect(address).await;
        let mut request = request("POST", address, "/cookies", with_trailers(&[" one", " two"], &[]));
        request.headers_mut().append("cookie", "a=1".parse().unwrap());
        request.headers_mut().append("cookie", "b=2".parse().unwrap());
        collect(sender.send_request(request).await.unwrap()).await
    });
    let expected = format!("{address} a=1; b=2 1 one two");
    assert_eq!((answer.0, answer.1), (StatusCode::OK, expected.clone()));
    let exchange = rig.exchange();
    assert_eq!(exchange.request.authority, address.to_string());
    assert_eq!(exchange.request.body.bytes(), " one two");
    for role in Role::ALL {
        let response = exchange.outcomes.of(role).and_then(Outcome::response).expect("a response");
        assert_eq!(response.body.bytes(), expected.as_bytes(), "{role}");
    }
    rig.drain().assert_conserved(1);
}

#[test]
fn trailers_pass_both_ways_and_are_copied_and_captured() {
    let (rig, _echoes) = multiplexed();
    let address = rig.proxy.address();
    let (status, body, trailers) = run(async {
        let mut sender = connect(address).await;
        let body = with_trailers(&["abc"], &[("x-sum", "3")]);
        collect(sender.send_request(request("POST", address, "/sum?x=1", body)).await.unwrap()).await
    });
    assert_eq!((status, body), (StatusCode::OK, format!("POST http://{address}/sum?x=1 abc")));
    assert_eq!((trailers["grpc-status"].as_bytes(), trailers["x-sum"].as_bytes()), (&b"0"[..], &b"3"[..]));
    let exchange = rig.exchange();
    for role in Role::ALL {
        let response = exchange.outcomes.of(role).and_then(Outcome::response).expect("a response");
        assert_eq!(response.trailers, trailers, "{role} got the request's trailers and sent its own");
    }
    rig.drain().assert_conserved(1);
}

#[test]
fn a_client_of_http1_reaches_servers_of_http2() {
    let (rig, _echoes) = multiplexed();
    assert_eq!(rig.post("/a", "abc").text(), "POST http://shop.example/a abc");
    assert_eq!(rig.get("/b").text(), "GET http://shop.example/b ");
    assert_eq!(rig.client().send("HEAD /c HTTP/1.1\r\nhost: x\r\n\r\n").response_to("HEAD").body, b"");
    rig.eventually(|stats| stats.exchanges == 3);
    let exchange = rig.exchange();
    assert!(exchange.outcomes.candidate.as_ref().is_some_and(|outcome| outcome.response().is_some()));
    rig.drain().assert_conserved(1);
}

#[test]
fn many_requests_share_few_connections() {
    let (rig, echoes) = multiplexed();
    let address = rig.proxy.address();
    run(async {
        let sender = connect(address).await;
        let all = (0..250).map(|number| {
            let mut sender = sender.clone();
            async move {
                let path = format!("/{number}");
                let response = sender.send_request(request("GET", address, &path, full(""))).await.unwrap();
                assert_eq!(collect(response).await.1, format!("GET http://{address}{path} "));
            }
        });
        futures_util::future::join_all(all).await;
    });
    rig.eventually(|stats| stats.exchanges == 250);
    for echo in &echoes {
        let connections = echo.connections.load(Ordering::SeqCst);
        assert!((1..=3).contains(&connections), "{connections} connections for 250 requests");
    }
    rig.drain().assert_conserved(0);
}

#[test]
fn a_role_of_http2_that_is_gone_is_said_once_for_each_request() {
    let primary = Server::start(|_| ok("x"));
    let mut config = config(&primary);
    config.roles.candidate =
        Some(RoleConfig { protocol: Protocol::H2, ..role("http://127.0.0.1:9").unwrap() });
    let rig = Rig::start(&config);
    assert_eq!(rig.get("/a").text(), "x");
    assert_eq!(rig.get("/b").text(), "x");
    let stats = rig.eventually(|stats| stats.exchanges == 2);
    assert_eq!(stats.roles["candidate"].missing["connect"], 2);
}

#[test]
fn what_a_client_must_not_send_is_refused_on_its_stream_alone() {
    let primary = Server::start(|_| ok("x"));
    let rig = Rig::start(&config(&primary));
    let address = rig.proxy.address();
    run(async {
        let mut sender = connect(address).await;
        let tunnel = Request::builder().method("CONNECT").uri(address.to_string()).body(full("")).unwrap();
        let refused = sender.send_request(tunnel).await.unwrap();
        assert_eq!(refused.status(), StatusCode::NOT_IMPLEMENTED);
        let response = sender.send_request(request("GET", address, "/a", full(""))).await.unwrap();
        assert_eq!(collect(response).await.1, "x", "the connection goes on");
    });
}

#[test]
fn a_stream_that_its_client_resets_is_counted_and_hurts_no_other() {
    let gate = Arc::new(Gate::default());
    let primary = Server::start({
        let gate = Arc::clone(&gate);
        move |request| match request.target.as_str() {
            "/slow" => Reply::Gated(Vec::new(), Arc::clone(&gate), message("200 OK", &[], "late")),
            _ => ok("quick"),
        }
    });
    let candidate = Server::start(|_| ok("copy"));
    let mut config = config(&primary);
    config.roles.candidate = role(candidate.url());
    let rig = Rig::start(&config);
    let address = rig.proxy.address();
    run(async {
        let sender = connect(address).await;
        let (mut one, mut other) = (sender.clone(), sender.clone());
        // Its body never ends; dropping the future resets the stream.
        let endless = StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let upload = tokio::spawn(one.send_request(request("POST", address, "/up", endless.boxed())));
        let slow = tokio::spawn(other.send_request(request("GET", address, "/slow", full(""))));
        while rig.proxy.stats().requests < 2 {
            tokio::task::yield_now().await;
        }
        upload.abort();
        slow.abort();
        let mut third = sender.clone();
        let response = third.send_request(request("GET", address, "/quick", full(""))).await.unwrap();
        assert_eq!(collect(response).await.1, "quick");
    });
    // The upload is no exchange; the slow one was complete, so its client's impatience changes nothing.
    rig.eventually(|stats| stats.dropped.get("request_cut") == Some(&1));
    gate.open();
    rig.eventually(|stats| stats.exchanges == 2);
    let rest = rig.drain();
    assert_eq!(rest.admissions.dropped[&DropReason::RequestCut], 1);
    rest.assert_conserved(0);
}

#[test]
fn a_client_that_opens_streams_only_to_reset_them_is_stopped_and_no_other_notices() {
    let primary = Server::start(|_| ok("x"));
    let mut config = config(&primary);
    config.limits.h2_resets = 10;
    let rig = Rig::start(&config);
    let address = rig.proxy.address();
    // The preface, empty settings, then HEADERS (GET / of a.example) and RST_STREAM over and over.
    let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for stream in (1..20_001u32).step_by(2) {
        flood.extend_from_slice(b"\0\0\x0e\x01\x05");
        flood.extend_from_slice(&stream.to_be_bytes());
        flood.extend_from_slice(b"\x82\x86\x84\x41\x09a.example");
        flood.extend_from_slice(b"\0\0\x04\x03\0");
        flood.extend_from_slice(&stream.to_be_bytes());
        flood.extend_from_slice(&8u32.to_be_bytes());
    }
    let mut attacker = std::net::TcpStream::connect(address).unwrap();
    attacker.set_read_timeout(Some(PATIENCE)).unwrap();
    // The proxy may close before all of it was taken.
    let _ = std::io::Write::write_all(&mut attacker, &flood);
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut attacker, &mut answer);
    // GOAWAY (type 7) with ENHANCE_YOUR_CALM (11) ends it.
    let goaway = answer.windows(17).any(|frame| frame[3] == 7 && frame[13..17] == 11u32.to_be_bytes());
    assert!(goaway, "{answer:?}");
    assert_eq!(rig.get("/after").text(), "x");
    assert!(rig.proxy.stats().requests < 10_000, "{:?}", rig.proxy.stats());
}

#[test]
fn an_idle_client_is_told_to_go_and_a_busy_one_is_not() {
    let gate = Arc::new(Gate::default());
    let primary = Server::start({
        let gate = Arc::clone(&gate);
        move |_| {
            Reply::Gated(
                message("200 OK", &[], "abc")[..30].to_vec(),
                Arc::clone(&gate),
                message("200 OK", &[], "abc")[30..].to_vec(),
            )
        }
    });
    let mut config = config(&primary);
    config.limits.header_timeout = Span(std::time::Duration::from_millis(200));
    let rig = Rig::start(&config);
    let address = rig.proxy.address();
    run(async {
        let mut sender = connect(address).await;
        let started = std::time::Instant::now();
        let waiting = tokio::spawn(sender.send_request(request("GET", address, "/", full(""))));
        while started.elapsed() < std::time::Duration::from_millis(500) {
            tokio::task::yield_now().await;
        }
        gate.open();
        assert_eq!(collect(waiting.await.unwrap().unwrap()).await.1, "abc");
        while !sender.is_closed() {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(rig.eventually(|stats| stats.connections == 0).requests, 1);
}

#[test]
fn a_drain_lets_open_streams_finish() {
    let gate = Arc::new(Gate::default());
    let primary = Server::start({
        let gate = Arc::clone(&gate);
        move |_| Reply::Gated(Vec::new(), Arc::clone(&gate), message("200 OK", &[], "whole"))
    });
    let rig = Rig::start(&config(&primary));
    let address = rig.proxy.address();
    let client = std::thread::spawn(move || {
        run(async {
            let mut sender = connect(address).await;
            collect(sender.send_request(request("GET", address, "/", full(""))).await.unwrap()).await.1
        })
    });
    rig.eventually(|stats| stats.requests == 1);
    let opener = std::thread::spawn(move || {
        while std::net::TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
        gate.open();
    });
    let rest = rig.drain();
    opener.join().unwrap();
    assert_eq!(client.join().unwrap(), "whole");
    rest.assert_conserved(0);
}
