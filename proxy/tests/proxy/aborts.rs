//! Clients that leave: what they began is finished where it can be compared, and counted where not.

use crate::rig::{Rig, get};
use crate::server::{Gate, Reply, Server, message, ok};
use parallax_config::Span;
use parallax_exchange::{DropReason, MissingReason, Outcome};
use std::sync::Arc;

fn gated(gate: &Arc<Gate>, first: usize) -> Server {
    let gate = Arc::clone(gate);
    Server::start(move |_| {
        let message = message("200 OK", &[], "x".repeat(1000));
        Reply::Gated(message[..first].to_vec(), Arc::clone(&gate), message[first..].to_vec())
    })
}

fn healthy() -> Server {
    Server::start(|_| ok("x".repeat(1000)))
}

#[test]
fn a_client_that_leaves_before_the_answer_does_not_cancel_the_exchange() {
    let gate = Gate::closed();
    let (primary, candidate, control) = (gated(&gate, 0), gated(&gate, 0), healthy());
    let rig = Rig::of(&primary, &candidate, &control);
    let mut client = rig.client();
    client.send(get("/a"));
    rig.eventually(|stats| stats.roles["control"].responses == 1);
    drop(client);
    rig.eventually(|stats| stats.connections == 0);
    gate.open();
    let exchange = rig.exchange();
    for outcome in [exchange.outcomes.primary, exchange.outcomes.candidate, exchange.outcomes.control] {
        assert_eq!(outcome.unwrap().response().expect("complete").body.len(), 1000);
    }
    rig.drain().assert_conserved(1);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_the_answer_leaves_a_whole_outcome() {
    let gate = Gate::closed();
    let (primary, candidate, control) = (gated(&gate, 500), healthy(), healthy());
    let rig = Rig::of(&primary, &candidate, &control);
    let mut client = rig.client();
    client.send(get("/a")).wait_for_bytes(300);
    drop(client);
    rig.eventually(|stats| stats.connections == 0);
    gate.open();
    let exchange = rig.exchange();
    assert_eq!(exchange.outcomes.primary.unwrap().response().expect("complete").body.len(), 1000);
    rig.drain().assert_conserved(1);
}

#[test]
fn reading_on_for_a_client_that_left_ends_with_the_time_limit() {
    let gate = Gate::closed();
    let (primary, candidate, control) = (gated(&gate, 500), healthy(), healthy());
    let rig =
        Rig::with(&primary, &candidate, &control, |config| config.policy.shadow_timeout = Span::millis(100));
    let mut client = rig.client();
    client.send(get("/a")).wait_for_bytes(300);
    drop(client);
    let outcome = rig.exchange().outcomes.primary.unwrap();
    assert!(matches!(outcome, Outcome::Missing { reason: MissingReason::ClientGone, .. }), "{outcome:?}");
    gate.open();
    rig.drain().assert_conserved(1);
}

#[test]
fn an_upload_that_breaks_off_is_dropped_and_never_copied() {
    let [primary, candidate, control] = [(); 3].map(|()| healthy());
    let rig = Rig::of(&primary, &candidate, &control);
    let mut client = rig.client();
    client.send("POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nabc");
    rig.eventually(|stats| stats.in_flight == 1);
    drop(client);
    rig.eventually(|stats| stats.dropped.get("request_cut") == Some(&1));
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!(rest.admissions.dropped[&DropReason::RequestCut], 1);
    assert_eq!((candidate.connections(), control.connections()), (0, 0));
}

#[test]
fn a_request_whose_chunks_are_garbage_is_answered_and_dropped() {
    let [primary, candidate, control] = [(); 3].map(|()| healthy());
    let rig = Rig::of(&primary, &candidate, &control);
    let mut client = rig.client();
    client.send("POST /up HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");
    assert_eq!(client.response().status, 400);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!(rest.admissions.dropped[&DropReason::RequestCut], 1);
}
