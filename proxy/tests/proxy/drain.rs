//! Stopping: what is in flight finishes or is counted, and nothing is forgotten.

use crate::rig::{Rig, get, post};
use crate::server::{Gate, Reply, Server, message, ok};
use parallax_exchange::{DropReason, MissingReason, Outcome};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn gated(gate: &Arc<Gate>) -> Server {
    let gate = Arc::clone(gate);
    Server::start(move |_| Reply::Gated(Vec::new(), Arc::clone(&gate), message("200 OK", &[], "late")))
}

#[test]
fn a_drain_waits_for_live_requests_and_copies() {
    let gate = Gate::closed();
    let (primary, candidate, control) = (gated(&gate), gated(&gate), Server::start(|_| ok("x")));
    let rig = Rig::of(&primary, &candidate, &control);
    let address = rig.proxy.address();
    let mut client = rig.client();
    client.send(get("/a"));
    rig.eventually(|stats| stats.roles["control"].responses == 1);
    let draining = std::thread::spawn(|| rig.drain());
    // The listener goes first; then the rest may finish.
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    gate.open();
    assert_eq!(client.response().text(), "late");
    let rest = draining.join().unwrap();
    rest.assert_conserved(0);
    let exchange = &rest.exchanges[0];
    assert!(!exchange.outcomes.primary.as_ref().unwrap().is_missing());
    assert!(!exchange.outcomes.candidate.as_ref().unwrap().is_missing());
}

#[test]
fn what_is_not_done_by_the_deadline_is_recorded_as_shut_down() {
    let gate = Gate::closed();
    let (primary, candidate) = (Server::start(|_| ok("x")), gated(&gate));
    let rig = Rig::of(&primary, &candidate, &primary);
    let mut client = rig.client();
    client.send(get("/a")).response();
    client.send("POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc");
    rig.eventually(|stats| stats.in_flight == 2);
    let rest = rig.drain_within(Duration::from_millis(50));
    rest.assert_conserved(0);
    let candidate = rest.exchanges[0].outcomes.candidate.as_ref();
    assert!(
        matches!(candidate, Some(Outcome::Missing { reason: MissingReason::Shutdown, .. })),
        "{candidate:?}"
    );
    assert_eq!(rest.admissions.dropped[&DropReason::RequestCut], 1);
    gate.open();
}

#[test]
fn a_drain_under_load_answers_every_request_that_it_took() {
    let [primary, candidate, control] = [(); 3].map(|()| Server::start(|request| ok(&request.body)));
    let rig = Rig::of(&primary, &candidate, &control);
    let (address, stop) = (rig.proxy.address(), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let (mut whole, mut cut) = (0u64, 0u64);
                while !stop.load(Ordering::SeqCst) {
                    // A client whose connection is refused has nothing more to count.
                    let Ok(stream) = TcpStream::connect(address) else { break };
                    let mut client = crate::client::Client::on(stream);
                    while client.try_send(post("/a", "abc").as_bytes()).is_ok() {
                        match client.try_response_to("POST") {
                            Some(response) => {
                                assert_eq!(response.text(), "abc");
                                whole += 1;
                            }
                            None => {
                                cut += 1;
                                break;
                            }
                        }
                    }
                }
                (whole, cut)
            })
        })
        .collect();
    rig.eventually(|stats| stats.requests > 200);
    let rest = rig.drain();
    stop.store(true, Ordering::SeqCst);
    let whole: u64 = clients.into_iter().map(|client| client.join().unwrap_or((0, 0)).0).sum();
    rest.assert_conserved(0);
    assert_eq!(rest.stats.requests, whole, "each request that was taken was answered whole");
    assert!(rest.exchanges.len() as u64 >= 200);
}

#[test]
fn dropping_a_proxy_stops_it() {
    let primary = Server::start(|_| ok("x"));
    let rig = Rig::of(&primary, &primary, &primary);
    let address = rig.proxy.address();
    rig.get("/a");
    drop(rig);
    assert!(TcpStream::connect(address).is_err());
}
