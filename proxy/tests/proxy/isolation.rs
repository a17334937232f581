//! Whatever a shadow does, the client gets the primary's bytes, at once.

use crate::client::Response;
use crate::rig::{Rig, config, get, post, role};
use crate::server::{Gate, Reply, Server, message, ok};
use parallax_config::Span;
use parallax_exchange::{Exchange, MissingReason, Outcome};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

fn primary() -> Server {
    Server::start(|request| {
        match request.target.as_str() {
        "/chunked" => Reply::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: 1\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".to_vec()),
        "/empty" => Reply::Raw(message("204 No Content", &[("x-a", "1"), ("x-a", "2")], "")),
        "/teapot" => Reply::Raw(message("418 Own Words", &[("set-cookie", "a=1"), ("set-cookie", "b=2")], "short")),
        _ => ok(format!("{} {}", request.method, request.body.len())),
    }
    })
}

const TARGETS: [&str; 4] = ["/plain", "/chunked", "/empty", "/teapot"];

fn ask_all(rig: &Rig) -> Vec<Response> {
    let mut client = rig.client();
    let mut responses: Vec<_> = TARGETS.map(|target| client.send(get(target)).response()).into();
    responses.push(client.send(post("/post", &"x".repeat(3000))).response());
    responses
}

/// Asks everything with the faulty shadow in both places; the answers must be those of a proxy
/// without shadows, byte for byte. Returns what was recorded of the shadow.
fn harmless(shadow: &str, change: impl FnOnce(&mut parallax_config::Config)) -> Vec<Exchange> {
    let primary = primary();
    let plain = ask_all(&Rig::start(&config(&primary)));
    let mut config = config(&primary);
    config.roles.candidate = role(shadow);
    config.roles.control = role(shadow);
    config.policy.shadow_timeout = Span::millis(150);
    change(&mut config);
    let rig = Rig::start(&config);
    assert_eq!(ask_all(&rig), plain);
    let exchanges: Vec<_> = (0..plain.len()).map(|_| rig.exchange()).collect();
    rig.drain().assert_conserved(plain.len() as u64);
    exchanges
}

fn assert_missing(exchanges: &[Exchange], reason: MissingReason) {
    for exchange in exchanges {
        assert!(
            exchange.outcomes.primary.as_ref().is_some_and(|primary| !primary.is_missing()),
            "{exchange:?}"
        );
        for shadow in [&exchange.outcomes.candidate, &exchange.outcomes.control] {
            match shadow {
                Some(Outcome::Missing { reason: found, .. }) => assert_eq!(*found, reason),
                other => panic!("{other:?} instead of {reason:?}"),
            }
        }
    }
}

#[test]
fn a_shadow_that_refuses_connections() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_missing(&harmless(&format!("http://{free}"), |_| {}), MissingReason::Connect);
}

#[test]
fn a_shadow_that_accepts_and_never_answers() {
    let shadow = Server::start(|_| Reply::Hang);
    assert_missing(&harmless(&shadow.url(), |_| {}), MissingReason::Timeout);
}

#[test]
fn a_shadow_that_never_reads() {
    // The kernel accepts for it and buffers what it does not read.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    assert_missing(&harmless(&url, |_| {}), MissingReason::Timeout);
}

#[test]
fn a_shadow_that_closes_without_an_answer() {
    let shadow = Server::start(|_| Reply::RawClose(Vec::new()));
    assert_missing(&harmless(&shadow.url(), |_| {}), MissingReason::Reset);
}

#[test]
fn a_shadow_that_resets_in_the_middle_of_its_answer() {
    let shadow =
        Server::start(|_| Reply::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec()));
    assert_missing(&harmless(&shadow.url(), |_| {}), MissingReason::Reset);
}

#[test]
fn a_shadow_that_ends_its_answer_early() {
    let shadow = Server::start(|_| {
        Reply::RawClose(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab".to_vec())
    });
    assert_missing(&harmless(&shadow.url(), |_| {}), MissingReason::Reset);
}

#[test]
fn a_shadow_that_answers_garbage() {
    let shadow = Server::start(|_| Reply::RawClose(b"\x16\x03\x01 what?\r\n\r\n".repeat(3)));
    assert_missing(&harmless(&shadow.url(), |_| {}), MissingReason::Protocol);
}

#[test]
fn a_shadow_whose_chunks_are_garbage() {
    let shadow = Server::start(|_| {
        Reply::RawClose(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n".to_vec())
    });
    assert_missing(&harmless(&shadow.url(), |_| {}), MissingReason::Protocol);
}

#[test]
fn a_shadow_with_endless_headers() {
    let shadow = Server::raw(|mut stream| {
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(format!("x-pad: {}\r\n", "a".repeat(4096)).as_bytes()).is_ok() {}
    });
    assert_missing(&harmless(&shadow.url(), |_| {}), MissingReason::Protocol);
}

#[test]
fn a_shadow_with_an_endless_body() {
    let shadow = Server::raw(|mut stream| {
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        while stream.write_all(format!("1000\r\n{}\r\n", "a".repeat(4096)).as_bytes()).is_ok() {}
    });
    assert_missing(&harmless(&shadow.url(), |_| {}), MissingReason::Timeout);
}

#[test]
fn a_shadow_that_switches_protocols_unasked() {
    let shadow = Server::start(|_| {
        Reply::Raw(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec())
    });
    assert_missing(&harmless(&shadow.url(), |_| {}), MissingReason::Protocol);
}

#[test]
fn a_slow_shadow_is_not_waited_for() {
    let gate = Gate::closed();
    let slow = Arc::clone(&gate);
    let shadow =
        Server::start(move |_| Reply::Gated(Vec::new(), Arc::clone(&slow), message("200 OK", &[], "late")));
    let primary = primary();
    let rig = Rig::of(&primary, &shadow, &shadow);
    // The client has its answers before the shadow may give one.
    assert_eq!(ask_all(&rig).len(), 5);
    gate.open();
    for _ in 0..5 {
        let exchange = rig.exchange();
        let candidate = exchange.outcomes.candidate.as_ref().and_then(Outcome::response).expect("an answer");
        assert_eq!(candidate.body.bytes().as_ref(), b"late");
        assert!(candidate.timing.done_ns > exchange.outcomes.primary.as_ref().unwrap().timing().done_ns);
    }
}

#[test]
fn only_the_role_that_fails_is_missing_and_it_recovers_by_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let [primary, control] = [primary(), primary()];
    let mut config = config(&primary);
    config.roles.candidate = role(format!("http://{address}"));
    config.roles.control = role(control.url());
    let rig = Rig::start(&config);
    rig.get("/plain");
    let exchange = rig.exchange();
    assert!(exchange.outcomes.candidate.unwrap().is_missing());
    assert!(!exchange.outcomes.control.unwrap().is_missing());
    let _back = Server::start_on(TcpListener::bind(address).unwrap(), |_| ok("back"));
    rig.get("/plain");
    assert!(!rig.exchange().outcomes.candidate.unwrap().is_missing());
}
