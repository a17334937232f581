//! A primary in trouble: the client gets an answer with a reason and a name, never a hang.

use crate::rig::{Rig, bare, config, get, post, role, route};
use crate::server::{Reply, Server, ok};
use parallax_config::Span;
use parallax_exchange::{MissingReason, Outcome};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

fn answer_of(primary: &Server) -> (u16, String) {
    let mut config = config(primary);
    config.limits.primary_timeout = Span::millis(100);
    let rig = Rig::start(&config);
    let response = rig.get("/a");
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("x-parallax-trace").map(str::len), Some(32));
    (response.status, response.text())
}

#[test]
fn a_primary_that_refuses_is_a_502_with_a_reason_and_the_callers_trace_id() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = bare(&format!("http://{free}"));
    let shadow = Server::start(|_| ok("alive"));
    config.roles.candidate = role(shadow.url());
    config.routes = vec![route("all", "/{*rest}")];
    let rig = Rig::start(&config);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request =
        format!("GET /a HTTP/1.1\r\nhost: a\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\r\n");
    let response = rig.client().send(request).response();
    assert_eq!(response.status, 502);
    assert_eq!(response.header("x-parallax-trace"), Some(trace));
    let text = response.text();
    assert!(text.contains("\"error\":\"primary_unreachable\"") && text.contains(trace), "{text}");
    let exchange = rig.exchange();
    let primary = exchange.outcomes.primary.unwrap();
    assert!(matches!(primary, Outcome::Missing { reason: MissingReason::Connect, .. }), "{primary:?}");
    assert!(!exchange.outcomes.candidate.unwrap().is_missing());
    let rest = rig.drain();
    rest.assert_conserved(1);
    assert_eq!(rest.stats.primary_failures, 1);
}

#[test]
fn a_primary_that_never_answers_is_a_504() {
    let (status, text) = answer_of(&Server::start(|_| Reply::Hang));
    assert_eq!(status, 504);
    assert!(text.contains("primary_timeout"), "{text}");
}

#[test]
fn a_primary_that_closes_is_a_502() {
    let (status, text) = answer_of(&Server::start(|_| Reply::RawClose(Vec::new())));
    assert_eq!(status, 502);
    assert!(text.contains("primary_closed"), "{text}");
}

#[test]
fn a_primary_that_answers_garbage_is_a_502() {
    let (status, text) = answer_of(&Server::start(|_| Reply::RawClose(b"nonsense\r\n\r\n".to_vec())));
    assert_eq!(status, 502);
    assert!(text.contains("primary_garbled"), "{text}");
}

#[test]
fn a_response_that_breaks_off_is_cut_for_the_client_too() {
    let primary =
        Server::start(|_| Reply::RawClose(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec()));
    let shadow = Server::start(|_| ok("0123456789"));
    let rig = Rig::of(&primary, &shadow, &shadow);
    let mut client = rig.client();
    client.send(get("/a"));
    assert!(client.try_response_to("GET").is_none(), "a cut response must not look whole");
    let primary = rig.exchange().outcomes.primary.unwrap();
    assert!(matches!(primary, Outcome::Missing { reason: MissingReason::Reset, .. }), "{primary:?}");
}

#[test]
fn an_idle_connection_that_the_primary_closed_is_replaced_unseen() {
    let primary = Server::start(|_| ok("x"));
    let rig = Rig::start(&config(&primary));
    let mut client = rig.client();
    client.send(get("/a")).response();
    for _ in 0..20 {
        primary.close_connections();
        assert_eq!(client.send(get("/a")).response().status, 200);
    }
}

#[test]
fn a_read_that_a_kept_connection_swallowed_is_sent_once_more_and_a_write_is_not() {
    // Closes each connection on its second request, as a server does that times out just then.
    let served = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&served);
    let primary = Server::start(move |_| match count.fetch_add(1, Ordering::SeqCst) % 2 {
        0 => ok("x"),
        _ => Reply::RawClose(Vec::new()),
    });
    let rig = Rig::start(&config(&primary));
    let mut client = rig.client();
    assert_eq!(client.send(get("/a")).response().status, 200);
    assert_eq!(client.send(get("/a")).response().status, 200);
    assert_eq!(served.load(Ordering::SeqCst), 3, "asked twice");
    assert_eq!(client.send(post("/a", "b")).response().status, 502);
    assert_eq!(served.load(Ordering::SeqCst), 4, "asked once");
}
