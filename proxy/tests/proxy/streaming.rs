//! Large bodies flow; the proxy holds only what the mirror may keep.

use crate::client::PATIENCE;
use crate::rig::{Rig, config, get};
use crate::server::{Gate, Reply, Server, message, ok};
use parallax_config::Span;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use xxhash_rust::xxh3::xxh3_64;

const LARGE: usize = 8 << 20;

/// Reads forever, reporting how much it has read, and answers once `LARGE` bytes of body have come.
fn sink(seen: Arc<AtomicUsize>) -> Server {
    Server::raw(move |mut stream| {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if seen.fetch_add(count, Ordering::SeqCst) + count >= LARGE {
                let _ = stream.write_all(&message("200 OK", &[], "got it"));
                return;
            }
        }
    })
}

#[test]
fn an_upload_reaches_the_primary_before_it_ends() {
    let seen = Arc::new(AtomicUsize::new(0));
    let primary = sink(Arc::clone(&seen));
    let rig = Rig::start(&config(&primary));
    let mut client = rig.client();
    client.send(format!("POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE}\r\n\r\n"));
    client.send(vec![b'x'; LARGE / 2]);
    let start = std::time::Instant::now();
    while seen.load(Ordering::SeqCst) < LARGE / 2 {
        assert!(start.elapsed() < PATIENCE, "the first half was held back");
        std::thread::yield_now();
    }
    client.send(vec![b'x'; LARGE / 2]);
    assert_eq!(client.response().text(), "got it");
}

#[test]
fn a_download_reaches_the_client_before_it_ends() {
    let gate = Gate::closed();
    let rest = Arc::clone(&gate);
    let body: Vec<u8> = (0..LARGE).map(|at| (at % 251) as u8).collect();
    let sent = body.clone();
    let primary = Server::start(move |_| {
        let message = message("200 OK", &[], &sent);
        Reply::Gated(message[..LARGE / 2].to_vec(), Arc::clone(&rest), message[LARGE / 2..].to_vec())
    });
    let shadow = Server::start(|_| ok("small"));
    let rig = Rig::of(&primary, &shadow, &shadow);
    let mut client = rig.client();
    client.send(get("/down")).wait_for_bytes(LARGE / 2);
    gate.open();
    assert_eq!(client.response().body, body);

    // Beyond the cap: the first bytes, the length and the digest, so that nothing is left out silently.
    let recorded = rig.exchange().outcomes.primary.unwrap().response().unwrap().body.clone();
    assert!(recorded.is_cut());
    assert_eq!(recorded.len(), LARGE as u64);
    assert_eq!(recorded.bytes()[..], body[..1 << 20]);
    assert_eq!(recorded.cut_digest(), Some(xxh3_64(&body)));
}

#[test]
fn a_streamed_upload_is_admitted_when_its_last_byte_has_passed() {
    let [primary, candidate, control] =
        [(); 3].map(|()| Server::start(|request| ok(request.body.len().to_string())));
    let rig = Rig::of(&primary, &candidate, &control);
    let mut client = rig.client();
    client.send("POST /up HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
    rig.eventually(|stats| stats.in_flight == 1);
    assert_eq!((candidate.received().len(), control.received().len()), (0, 0));
    client.send("6\r\n world\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "11");
    let exchange = rig.exchange();
    assert_eq!(exchange.request.body.bytes().as_ref(), b"hello world");
    // The primary had its request before the admission: its clock starts with the admission.
    assert_eq!(exchange.outcomes.primary.as_ref().unwrap().timing().sent_ns, 0);
    for server in [&primary, &candidate, &control] {
        let received = server.received().remove(0);
        assert_eq!(
            received.header("transfer-encoding"),
            Some("chunked"),
            "each role gets the client's framing"
        );
        assert_eq!(received.body, b"hello world");
    }
    rig.drain().assert_conserved(1);
}

#[test]
fn an_early_answer_does_not_wait_for_the_upload() {
    let primary = Server::raw(|mut stream| {
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer);
        let _ = stream.write_all(&message("413 Payload Too Large", &[], "no"));
        // Keeps the connection, so that the answer is not lost in a reset.
        while let Ok(1..) = stream.read(&mut buffer) {}
    });
    let rig = Rig::start(&config(&primary));
    let mut client = rig.client();
    client.send("POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nabc");
    assert_eq!(client.response().status, 413);
}

#[test]
fn a_live_stream_outlasts_the_time_limit_of_its_exchange() {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let primary = Server::raw(move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n");
        let _ = receiver.lock().unwrap().recv();
        let _ = stream.write_all(b"3\r\ntwo\r\n0\r\n\r\n");
    });
    let shadow = Server::start(|_| ok("x"));
    let rig = Rig::with(&primary, &shadow, &shadow, |config| config.policy.shadow_timeout = Span::millis(50));
    let mut client = rig.client();
    client.send(get("/events"));
    let exchange = rig.exchange();
    assert!(exchange.outcomes.primary.unwrap().is_missing(), "the exchange is closed in time");
    let stats = rig.proxy.stats();
    assert_eq!((stats.in_flight, stats.held_bytes), (0, 0), "and holds nothing more");
    sender.send(()).unwrap();
    assert_eq!(client.response().text(), "onetwo", "the client's stream goes on");
}
