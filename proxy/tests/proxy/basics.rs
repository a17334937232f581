//! What a healthy rig does.

use crate::rig::{Rig, get};
use crate::server::{Server, ok};
use parallax_exchange::{CopyOrder, Outcome, Role};

fn body(outcome: &Option<Outcome>) -> Vec<u8> {
    outcome.as_ref().and_then(Outcome::response).expect("a response").body.bytes().to_vec()
}

#[test]
fn the_client_gets_the_primarys_answer_and_the_exchange_holds_all_three() {
    let [primary, candidate, control] = ["one", "two", "three"].map(|text| Server::start(move |_| ok(text)));
    let rig = Rig::of(&primary, &candidate, &control);
    assert_eq!(rig.get("/a?b=c").text(), "one");
    let exchange = rig.exchange();
    assert_eq!(exchange.request.target, "/a?b=c");
    assert_eq!(exchange.request.authority, "shop.example");
    assert_eq!(exchange.labels[0].value.as_ref(), "all");
    assert_eq!(body(&exchange.outcomes.primary), b"one");
    assert_eq!(body(&exchange.outcomes.candidate), b"two");
    assert_eq!(body(&exchange.outcomes.control), b"three");
    rig.drain().assert_conserved(1);
}

#[test]
fn copies_say_what_the_primary_was_told_plus_the_marker() {
    let [primary, candidate, control] = [(); 3].map(|()| Server::start(|_| ok("")));
    let rig = Rig::of(&primary, &candidate, &control);
    rig.post("/a", "hello");
    let exchange = rig.exchange();
    let told = primary.received().remove(0);
    assert_eq!(told.header("x-forwarded-for"), Some("127.0.0.1"));
    for (server, role) in [(&candidate, "candidate"), (&control, "control")] {
        let copy = server.received().remove(0);
        assert_eq!(copy.header("x-parallax-copy"), Some(role));
        assert_eq!((&copy.method, &copy.target, &copy.body), (&told.method, &told.target, &told.body));
        let unmarked: Vec<_> =
            copy.headers.iter().filter(|(name, _)| name != "x-parallax-copy").cloned().collect();
        assert_eq!(unmarked, told.headers);
    }
    assert_eq!(exchange.request.body.bytes().as_ref(), b"hello");
    assert!(!exchange.request.headers.contains_key("x-forwarded-for"), "recorded as the client sent it");
}

#[test]
fn the_send_order_follows_the_exchange_id_and_is_recorded() {
    let [primary, candidate, control] = [(); 3].map(|()| Server::start(|_| ok("")));
    let rig = Rig::of(&primary, &candidate, &control);
    let mut client = rig.client();
    let mut candidate_first = 0;
    for _ in 0..64 {
        client.send(get("/a")).response();
        let exchange = rig.exchange();
        let expected =
            if exchange.id.digest() & 1 == 0 { CopyOrder::CandidateFirst } else { CopyOrder::ControlFirst };
        assert_eq!(exchange.order, expected);
        let sent = |role| exchange.outcomes.of(role).unwrap().timing().sent_ns;
        let first_sent = if expected == CopyOrder::CandidateFirst { Role::Candidate } else { Role::Control };
        assert!(sent(first_sent) <= sent(Role::Candidate).max(sent(Role::Control)));
        candidate_first += u32::from(expected == CopyOrder::CandidateFirst);
    }
    assert!((10..=54).contains(&candidate_first), "{candidate_first} of 64 is no coin");
}

#[test]
fn connections_are_kept_on_both_sides() {
    let [primary, candidate, control] = [(); 3].map(|()| Server::start(|_| ok("x")));
    let rig = Rig::of(&primary, &candidate, &control);
    let mut client = rig.client();
    for _ in 0..20 {
        client.send(get("/a")).response();
        rig.exchange();
    }
    assert_eq!([&primary, &candidate, &control].map(Server::connections), [1, 1, 1]);
}
