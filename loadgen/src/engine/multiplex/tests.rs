//! Runs over HTTP/2 against servers of the `h2` crate, which the tests script stream by stream.

use crate::engine::{Options, Run};
use crate::target::{Protocol, Speaks};
use crate::{LoadReport, Plan, Rendering, Source, Stop, Target};
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use parallax_exchange::{Body, Request};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the server does with its n-th request.
#[derive(Clone, Copy)]
enum Act {
    Reply(u16, usize),
    After(u64),
    Reset,
    Grpc(u16),
}

struct Server {
    address: SocketAddr,
    connections: Arc<AtomicU64>,
}

/// A server on a thread of its own, which lives as long as the test's process.
fn serve(script: fn(u64) -> Act) -> Server {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    let (connections, requests) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let seen = Arc::clone(&connections);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((socket, _)) = listener.accept().await {
                seen.fetch_add(1, Ordering::Relaxed);
                tokio::task::spawn_local(connection(socket, script, Arc::clone(&requests)));
            }
        });
    });
    Server { address, connections }
}

async fn connection(socket: tokio::net::TcpStream, script: fn(u64) -> Act, requests: Arc<AtomicU64>) {
    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let act = script(requests.fetch_add(1, Ordering::Relaxed));
        tokio::task::spawn_local(async move {
            let is_grpc = request.headers().get("te").is_some_and(|te| te == "trailers");
            let mut body = request.into_body();
            while let Some(Ok(data)) = body.data().await {
                let _ = body.flow_control().release_capacity(data.len());
            }
            let answer = |status| Response::builder().status(status).body(()).expect("a head");
            match act {
                Act::Reset => respond.send_reset(h2::Reason::INTERNAL_ERROR),
                Act::Reply(status, length) => {
                    if let Ok(mut stream) = respond.send_response(answer(status), length == 0)
                        && length > 0
                    {
                        let _ = stream.send_data(Bytes::from(vec![b'x'; length]), true);
                    }
                }
                Act::After(millis) => {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    let _ = respond.send_response(answer(200), true);
                }
                Act::Grpc(status) => {
                    assert!(is_grpc, "a call of gRPC says that it takes trailers");
                    if let Ok(mut stream) = respond.send_response(answer(200), false) {
                        let _ = stream.send_data(Bytes::from_static(&[0, 0, 0, 0, 0]), false);
                        let mut trailers = HeaderMap::new();
                        trailers.insert("grpc-status", status.into());
                        let _ = stream.send_trailers(trailers);
                    }
                }
            }
        });
    }
}

fn run(server: &Server, protocol: Protocol, rate: &str, millis: u64, options: Options) -> LoadReport {
    let speaks = Speaks { protocol, ..Speaks::default() };
    let target = Target::speaking(&format!("http://{}/a", server.address), &speaks).expect("a target");
    let body = Body::whole("a body");
    let request = Request { method: Method::POST, target: "/a?b=c".to_owned(), body, ..Request::default() };
    let source = Source::new([request], &target, &Rendering::default(), "the test").expect("a source");
    let plan = Plan::constant(rate.parse().expect("a rate"), Duration::from_millis(millis)).expect("a plan");
    crate::run(&Run { target, plan, source, options }, &Stop::default(), &mut ()).expect("a server")
}

#[test]
fn many_requests_share_one_connection_and_are_timed_each_for_itself() {
    // Every tenth answer takes 80 ms while the others overtake it on the same connection.
    let server = serve(|number| if number % 10 == 0 { Act::After(80) } else { Act::Reply(200, 70_000) });
    let document = run(&server, Protocol::Http2, "200/s", 300, Options::default()).document;
    assert_eq!((document.completed, document.status[&200]), (60, 60), "{document:?}");
    assert_eq!((document.connections.opened, server.connections.load(Ordering::Relaxed)), (1, 1));
    let first = document.first_byte_ns;
    assert_eq!((first.count, document.service_ns.count), (60, 60));
    assert!(first.max >= 80_000_000, "{first:?}");
    assert!(first.p50 < 60_000_000, "a slow stream held up the others: {first:?}");
    assert!(document.bytes.received > 54 * 70_000, "{:?}", document.bytes);
}

#[test]
fn streams_beyond_the_limit_open_another_connection_and_then_wait() {
    let server = serve(|_| Act::After(60));
    let options = Options { streams: 2, connections: 3, ..Options::default() };
    let document = run(&server, Protocol::Http2, "200/s", 200, options).document;
    assert_eq!(document.completed, 40);
    assert_eq!(document.connections.opened, 3, "{document:?}");
    assert_eq!(document.connect_ns.count, 2, "all but the one that was open before the start");
    // 6 at once of 60 ms each are 100 a second: half of what is due has to wait.
    assert!(document.connections.queued > 10, "{document:?}");
    assert!(document.latency_ns.max > 120_000_000, "{:?}", document.latency_ns);
    assert!(document.service_ns.p50 < document.latency_ns.max, "{:?}", document.service_ns);
}

#[test]
fn a_stream_that_is_reset_costs_itself_and_no_other() {
    let server = serve(|number| match number % 4 {
        0 => Act::Reset,
        1 => Act::Reply(503, 3),
        _ => Act::Reply(204, 0),
    });
    let document = run(&server, Protocol::Http2, "200/s", 200, Options::default()).document;
    assert_eq!(document.errors.get("reset"), Some(&10), "{document:?}");
    assert_eq!((document.status[&503], document.status[&204], document.http_errors), (10, 20, 10));
    assert_eq!(document.connections.opened, 1);
}

#[test]
fn a_stream_without_an_answer_is_a_timeout() {
    let server = serve(|number| if number % 2 == 0 { Act::After(60_000) } else { Act::Reply(200, 1) });
    let options = Options { timeout: Duration::from_millis(100), ..Options::default() };
    let document = run(&server, Protocol::Http2, "100/s", 200, options).document;
    assert_eq!((document.errors.get("timeout"), document.completed), (Some(&10), 10), "{document:?}");
    assert!(document.latency_ns.max >= 99_900_000);
}

#[test]
fn a_call_of_grpc_succeeds_by_its_own_status() {
    let server = serve(|number| Act::Grpc(if number % 5 == 0 { 13 } else { 0 }));
    let report = run(&server, Protocol::Grpc, "200/s", 200, Options::default());
    let document = &report.document;
    assert_eq!((document.status[&200], document.http_errors), (40, 8), "{document:?}");
    assert_eq!(document.grpc_status.iter().collect::<Vec<_>>(), [(&0, &32), (&13, &8)]);
    assert_eq!(document.latency_by_class_ns["5xx"].count, 8);
    assert!(report.summary().contains("gRPC status  0: 32  13: 8"), "{}", report.summary());
}

#[test]
fn a_server_that_closes_is_replaced_by_another_connection() {
    // It does not speak HTTP/2 at all, and hangs up on whoever does.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let server = Server { address, connections: Arc::default() };
    let document = run(&server, Protocol::Http2, "100/s", 100, Options::default()).document;
    assert_eq!((document.completed, document.latency_ns.count), (0, 10), "{document:?}");
    assert_eq!(document.errors.values().sum::<u64>(), 10, "{document:?}");
}
