//! HTTP as the RFCs have it, on both sides.

use crate::rig::{Rig, config, get};
use crate::server::{Received, Reply, Server, message, ok};

/// A rig whose primary tells what it was sent.
fn rig() -> (Rig, Server) {
    let primary =
        Server::start(|request| ok(format!("{} {} {}", request.method, request.target, request.body.len())));
    (Rig::start(&config(&primary)), primary)
}

fn told(request: &str) -> Received {
    let (rig, primary) = rig();
    rig.client().send(request).response();
    primary.received().remove(0)
}

fn refused(request: impl AsRef<[u8]>) -> u16 {
    let (rig, primary) = rig();
    let mut client = rig.client();
    let response = client.send(request).response();
    assert!(client.read_to_end().is_empty(), "what follows cannot be trusted, so the connection ends");
    assert!(primary.received().is_empty());
    response.status
}

#[test]
fn hop_by_hop_headers_end_here_and_the_rest_arrives_as_sent() {
    let received = told(
        "GET /a?b=%20c HTTP/1.1\r\nHost: Shop.Example:8080\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\
         Keep-Alive: timeout=5\r\nX-Twice: a,b\r\nX-Twice: c\r\nProxy-Authorization: Basic eA==\r\n\r\n",
    );
    assert_eq!(received.target, "/a?b=%20c");
    assert_eq!(received.header("host"), Some("Shop.Example:8080"));
    assert_eq!(received.header("via"), Some("1.1 parallax"));
    for gone in ["connection", "x-hop", "keep-alive", "proxy-authorization"] {
        assert_eq!(received.header(gone), None, "{gone}");
    }
    let twice: Vec<_> = received
        .headers
        .iter()
        .filter(|(name, _)| name == "x-twice")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(twice, ["a,b", "c"], "neither joined nor split");
}

#[test]
fn an_absolute_target_is_sent_as_a_path() {
    let received = told("GET http://other.example/x?y HTTP/1.1\r\nhost: ignored\r\n\r\n");
    assert_eq!((received.target.as_str(), received.header("host")), ("/x?y", Some("other.example")));
}

#[test]
fn an_old_client_without_a_host_is_served() {
    let (rig, primary) = rig();
    let mut client = rig.client();
    let response = client.send("GET /old HTTP/1.0\r\n\r\n").response();
    assert_eq!(response.text(), "GET /old 0");
    assert!(client.read_to_end().is_empty(), "HTTP/1.0 closes");
    assert_eq!(primary.received()[0].header("host"), Some(primary.url().trim_start_matches("http://")));
}

#[test]
fn ambiguous_or_broken_requests_are_refused() {
    for request in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\nab",
        "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n",
        "G\x01T / HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        assert_eq!(refused(request), 400, "{request}");
    }
    assert_eq!(refused("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n"), 501);
}

#[test]
fn both_lengths_leave_no_room_for_a_smuggled_request() {
    // The chunked length holds, the other does not travel on, and the connection ends.
    let (rig, primary) = rig();
    let mut client = rig.client();
    client.send(
        "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\
         GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n",
    );
    assert_eq!(client.response().text(), "POST /a 0");
    assert!(client.read_to_end().is_empty());
    let received = primary.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("content-length"), None);
}

#[test]
fn heads_over_the_limit_are_a_431() {
    let primary = Server::start(|_| ok(""));
    let mut config = config(&primary);
    config.limits.header_bytes = 8 << 10;
    let rig = Rig::start(&config);
    let padding = "a".repeat(20 << 10);
    let headers = format!("GET / HTTP/1.1\r\nhost: a\r\nx-pad: {padding}\r\n\r\n");
    let target = get(&format!("/{padding}"));
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x-a: b\r\n".repeat(101));
    for request in [headers, target, many] {
        let mut client = rig.client();
        let _ = client.try_send(request.as_bytes());
        assert_eq!(client.response().status, 431);
    }
}

#[test]
fn a_client_that_sends_no_head_is_let_go() {
    let primary = Server::start(|_| ok(""));
    let mut config = config(&primary);
    config.limits.header_timeout = parallax_config::Span::millis(50);
    let rig = Rig::start(&config);
    let mut client = rig.client();
    client.send("GET / HT");
    client.read_to_end();
    rig.eventually(|stats| stats.connections == 0);
}

#[test]
fn head_204_and_304_have_no_body_and_keep_the_connection() {
    let primary = Server::start(|request| match request.target.as_str() {
        "/204" => Reply::Raw(b"HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n".to_vec()),
        "/304" => {
            Reply::Raw(b"HTTP/1.1 304 Not Modified\r\netag: \"v\"\r\ncontent-length: 7\r\n\r\n".to_vec())
        }
        _ if request.method == "HEAD" => {
            Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n".to_vec())
        }
        _ => ok("body"),
    });
    let shadow = Server::start(|request| {
        if request.method == "HEAD" { Reply::Raw(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()) } else { ok("") }
    });
    let rig = Rig::of(&primary, &shadow, &shadow);
    let mut client = rig.client();
    let head = client.send("HEAD /a HTTP/1.1\r\nhost: a\r\n\r\n").response_to("HEAD");
    assert_eq!(head.header("content-length"), Some("1234"));
    assert_eq!(client.send(get("/204")).response().header("x-a"), Some("b"));
    assert_eq!(client.send(get("/304")).response().header("etag"), Some("\"v\""));
    assert_eq!(client.send(get("/a")).response().text(), "body");
    (0..4).for_each(|_| drop(rig.exchange()));
    assert_eq!(primary.connections(), 1);
}

#[test]
fn trailers_pass_and_are_recorded() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n";
    let primary = Server::start(|_| Reply::Raw(answer.to_vec()));
    let rig = Rig::of(&primary, &primary, &primary);
    let response = rig.client().send("GET /a HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n").response();
    assert!(response.raw.ends_with(b"0\r\nx-sum: 7\r\n\r\n"), "{}", String::from_utf8_lossy(&response.raw));
    let exchange = rig.exchange();
    for outcome in [exchange.outcomes.primary, exchange.outcomes.candidate] {
        assert_eq!(outcome.unwrap().response().unwrap().trailers["x-sum"], "7");
    }
}

#[test]
fn a_client_that_asks_first_is_told_to_continue() {
    let (rig, primary) = rig();
    let mut client = rig.client();
    client.send("POST /a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n");
    assert_eq!(client.wait_for_bytes(25), b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    assert_eq!(client.response().text(), "POST /a 3");
    assert_eq!(primary.received()[0].header("expect"), None, "the question was answered here");
}

#[test]
fn a_get_with_a_body_arrives_with_it() {
    let (rig, _primary) = rig();
    let response = rig
        .client()
        .send("GET /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        .response();
    assert_eq!(response.text(), "GET /a 3");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (rig, _primary) = rig();
    let mut client = rig.client();
    client.send((0..20).map(|at| get(&format!("/{at}"))).collect::<String>());
    for at in 0..20 {
        assert_eq!(client.response().text(), format!("GET /{at} 0"));
    }
}

#[test]
fn a_response_without_a_length_is_framed_anew() {
    let primary =
        Server::start(|_| Reply::RawClose(b"HTTP/1.0 200 OK\r\nx-a: b\r\n\r\nuntil the end".to_vec()));
    let rig = Rig::start(&config(&primary));
    let mut client = rig.client();
    assert_eq!(client.send(get("/a")).response().text(), "until the end");
    assert_eq!(client.send(get("/b")).response().text(), "until the end", "the client's connection is kept");
}

#[test]
fn nothing_is_added_to_a_response() {
    let primary = Server::start(|_| Reply::Raw(message("299 Fine", &[("x-a", "1")], "b")));
    let rig = Rig::start(&config(&primary));
    let response = rig.get("/");
    assert_eq!(
        String::from_utf8_lossy(&response.raw),
        "HTTP/1.1 299 Fine\r\nx-a: 1\r\ncontent-length: 1\r\n\r\nb"
    );
}
