//! The conservation law under everything at once: whatever happens, each request is counted once.

use crate::client::Client;
use crate::rig::{Rig, get, post};
use crate::server::{Reply, Server, message, ok};
use fastrand::Rng;
use parallax_config::Span;
use parallax_exchange::{DropReason, ShedReason};
use std::net::SocketAddr;
use std::sync::Mutex;

/// A server that misbehaves at random, from a seed.
fn moody(seed: u64, faults: bool) -> Server {
    let random = Mutex::new(Rng::with_seed(seed));
    Server::start(move |request| {
        let mood = random.lock().unwrap().u8(..if faults { 12 } else { 6 });
        match mood {
            0 => Reply::Raw(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec(),
            ),
            1 => Reply::RawClose(message("200 OK", &[("connection", "close")], "bye")),
            2 => Reply::Raw(message("200 OK", &[], "x".repeat(5_000))),
            6 => Reply::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec()),
            7 => Reply::RawClose(Vec::new()),
            8 => Reply::RawClose(b"garbage\r\n\r\n".to_vec()),
            9 => Reply::Hang,
            _ => ok(&request.body),
        }
    })
}

/// One client's action, chosen at random; none of them may break the law.
fn act(address: SocketAddr, random: &mut Rng) {
    let mut client = Client::connect(address);
    let body = "x".repeat(random.usize(0..3_000));
    match random.u8(..9) {
        0 => drop(client.send(get("/in/a")).try_response_to("GET")),
        1 => drop(client.send(post("/in/a", &body)).try_response_to("POST")),
        2 => drop(client.send(post("/out", &body)).try_response_to("POST")),
        3 => drop(
            client
                .send("GET /in/a HTTP/1.1\r\nhost: a\r\nx-parallax-copy: control\r\n\r\n")
                .try_response_to("GET"),
        ),
        // Leaves at once, with the request whole, half a head, or half a body.
        4 => drop(client.send(get("/in/a"))),
        5 => drop(client.send("GET /in/a HTTP/1.1\r\nho")),
        6 => drop(client.send("POST /in/a HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc")),
        // Too large, known at once or only on the way.
        7 => drop(client.send(post("/in/a", &"x".repeat(10_000))).try_response_to("POST")),
        _ => {
            let chunk = format!("1000\r\n{}\r\n", "y".repeat(4096));
            let head = "POST /in/a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
            client.send(head);
            if (0..3).all(|_| client.try_send(chunk.as_bytes()).is_ok())
                && client.try_send(b"0\r\n\r\n").is_ok()
            {
                drop(client.try_response_to("POST"));
            }
        }
    }
}

fn holds(
    seed: u64,
    primary_fails: bool,
    change: impl FnOnce(&mut parallax_config::Config),
) -> crate::rig::Rest {
    let (primary, candidate, control) =
        (moody(seed, primary_fails), moody(seed + 1, true), moody(seed + 2, true));
    let rig = Rig::with(&primary, &candidate, &control, |config| {
        config.routes[0].path = "/in/{*rest}".to_owned();
        config.limits.body_bytes = 8_192;
        config.limits.primary_timeout = Span::millis(50);
        config.policy.shadow_timeout = Span::millis(50);
        change(config);
    });
    std::thread::scope(|scope| {
        for client in 0..4 {
            let address = rig.proxy.address();
            scope.spawn(move || {
                let mut random = Rng::with_seed(seed * 31 + client);
                (0..60).for_each(|_| act(address, &mut random));
            });
        }
    });
    let rest = rig.drain();
    rest.assert_conserved(0);
    let admissions = &rest.admissions;
    assert_eq!(admissions.candidate_offered, admissions.control_offered);
    assert_eq!(admissions.mirrored - admissions.shed_total(), admissions.candidate_offered);
    rest
}

#[test]
fn the_law_holds_whatever_clients_and_shadows_do() {
    for seed in [1, 2, 3] {
        let rest = holds(seed, false, |_| {});
        let admissions = rest.admissions;
        assert!(admissions.not_selected > 0 && admissions.dropped[&DropReason::Loop] > 0, "{admissions:?}");
        assert!(admissions.dropped[&DropReason::RequestCut] > 0, "{admissions:?}");
        assert!(admissions.shed[&ShedReason::BodyTooLarge] > 0, "{admissions:?}");
        assert!(rest.exchanges.len() > 20, "{}", rest.exchanges.len());
    }
}

#[test]
fn the_law_holds_when_the_primary_fails_too() {
    holds(7, true, |_| {});
}

#[test]
fn the_law_holds_when_every_budget_is_tight() {
    let rest = holds(11, false, |config| {
        config.limits.copies_in_flight = 2;
        config.limits.role_in_flight = 1;
        config.limits.copy_bytes = 6_000;
        config.listen.threads = Some(2);
    });
    assert!(rest.admissions.shed_total() > 0);
}
