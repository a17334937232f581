//! Every bound is kept, every refusal is counted with its reason, and the client notices none.

use crate::rig::{Rig, config, get, post, role};
use crate::server::{Gate, Reply, Server, message, ok};
use parallax_exchange::{MissingReason, Outcome, QueueLimits, ShedReason};
use std::sync::Arc;

fn echo() -> Server {
    Server::start(|request| ok(&request.body))
}

#[test]
fn a_body_over_the_cap_is_shed_at_once_where_its_length_is_known() {
    let [primary, candidate, control] = [(); 3].map(|()| echo());
    let rig = Rig::with(&primary, &candidate, &control, |config| config.limits.body_bytes = 10);
    let long = "x".repeat(11);
    assert_eq!(rig.post("/a", &long).text(), long);
    assert_eq!(rig.post("/a", &long[1..]).text(), long[1..]);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!(rest.admissions.shed[&ShedReason::BodyTooLarge], 1);
    assert_eq!((rest.exchanges.len(), candidate.received().len()), (1, 1));
}

#[test]
fn a_chunked_body_that_outgrows_the_cap_is_shed_on_the_way() {
    let [primary, candidate, control] = [(); 3].map(|()| echo());
    let rig = Rig::with(&primary, &candidate, &control, |config| config.limits.body_bytes = 10);
    let mut client = rig.client();
    client.send("POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n8\r\nabcdefgh\r\n");
    rig.eventually(|stats| stats.in_flight == 1);
    client.send("3\r\nijk\r\n");
    rig.eventually(|stats| stats.in_flight == 0 && stats.held_bytes == 0);
    client.send("1\r\nl\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "abcdefghijkl");
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!(rest.admissions.shed[&ShedReason::BodyTooLarge], 1);
    assert_eq!(candidate.connections(), 0);
}

#[test]
fn exchanges_over_the_limit_are_shed_for_all_roles_alike() {
    let gate = Gate::closed();
    let slow = Arc::clone(&gate);
    let shadow =
        Server::start(move |_| Reply::Gated(Vec::new(), Arc::clone(&slow), message("200 OK", &[], "")));
    let primary = echo();
    let rig = Rig::with(&primary, &shadow, &shadow, |config| config.limits.copies_in_flight = 2);
    let mut client = rig.client();
    for _ in 0..5 {
        assert_eq!(client.send(post("/a", "b")).response().text(), "b");
    }
    gate.open();
    drop(client);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!((rest.admissions.shed[&ShedReason::InFlight], rest.exchanges.len()), (3, 2));
    assert_eq!((rest.admissions.candidate_offered, rest.admissions.control_offered), (2, 2));
}

#[test]
fn a_role_over_its_own_limit_is_refused_alone_and_counts_as_offered() {
    let gate = Gate::closed();
    let slow = Arc::clone(&gate);
    let candidate =
        Server::start(move |_| Reply::Gated(Vec::new(), Arc::clone(&slow), message("200 OK", &[], "")));
    let (primary, control) = (echo(), echo());
    let rig = Rig::with(&primary, &candidate, &control, |config| config.limits.role_in_flight = 2);
    let mut client = rig.client();
    for _ in 0..5 {
        client.send(post("/a", "b")).response();
        rig.eventually(|stats| stats.roles["control"].responses == stats.roles["primary"].responses);
    }
    gate.open();
    drop(client);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!(rest.stats.roles["candidate"].missing["refused"], 3);
    assert_eq!(rest.stats.roles["control"].responses, 5);
    assert_eq!((rest.admissions.candidate_offered, rest.admissions.control_offered), (5, 5));
    let refused = rest.exchanges.iter().filter(|exchange| {
        matches!(exchange.outcomes.candidate, Some(Outcome::Missing { reason: MissingReason::Refused, .. }))
    });
    assert_eq!(refused.count(), 3);
}

#[test]
fn uploads_beyond_the_byte_budget_are_shed() {
    let [primary, candidate, control] = [(); 3].map(|()| echo());
    let rig = Rig::with(&primary, &candidate, &control, |config| config.limits.copy_bytes = 100);
    let body = "x".repeat(101);
    assert_eq!(rig.post("/a", &body).text(), body);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!(rest.admissions.shed[&ShedReason::Bytes], 1);
}

#[test]
fn an_exchange_whose_answers_overrun_the_byte_budget_is_lost_and_counted() {
    let [primary, candidate, control] = [(); 3].map(|()| Server::start(|_| ok("x".repeat(60))));
    let rig = Rig::with(&primary, &candidate, &control, |config| config.limits.copy_bytes = 100);
    assert_eq!(rig.get("/a").text().len(), 60);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!((rest.stats.lost, rest.exchanges.len()), (1, 0));
}

#[test]
fn a_full_queue_loses_evidence_and_says_so() {
    let [primary, candidate, control] = [(); 3].map(|()| echo());
    let mut config = config(&primary);
    config.roles.candidate = role(candidate.url());
    config.roles.control = role(control.url());
    let rig = Rig::start_with_queue(&config, QueueLimits { count: 2, bytes: 1 << 20 });
    let mut client = rig.client();
    for _ in 0..6 {
        assert_eq!(client.send(get("/a")).response().status, 200);
    }
    drop(client);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!((rest.stats.lost, rest.exchanges.len()), (4, 2));
    // A gap in the sequence tells a reader of the log as well.
    assert!(rest.exchanges.iter().all(|exchange| exchange.id.sequence < 6));
}

#[test]
fn a_connection_over_the_limit_is_turned_away_at_once() {
    let primary = echo();
    let mut config = config(&primary);
    config.limits.connections = 1;
    let rig = Rig::start(&config);
    let mut first = rig.client();
    first.send(get("/a")).response();
    let mut second = rig.client();
    let told = String::from_utf8_lossy(second.read_to_end()).into_owned();
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 503"), "{told}");
    assert_eq!(first.send(get("/a")).response().status, 200);
    rig.eventually(|stats| stats.connections_refused == 1);
    drop(first);
    rig.eventually(|stats| stats.connections == 0);
    assert_eq!(rig.get("/a").status, 200, "a place that is given back is given again");
}
