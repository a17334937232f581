//! Never harm: whatever shadows do and however little there is of anything, live traffic is as it is
//! without mirroring.
//!
//! Each fault is met by three proxies before one primary: one without shadows, one whose candidate has
//! the fault, and one whose control has it. They get the same requests in turn (see `load`); answers
//! must be equal byte for byte, with what the primary was sent inside them, and come as soon. That the
//! fault was there, and is counted under its name, is asserted as well.

mod clients;
mod front;
mod load;
mod scarce;
mod shadow;
mod wire;

use crate::harness::{Document, Outcome, alone, wait_for};
use front::{Front, Place, SOON};
use load::Seen;
use shadow::{Behaviour, BlackHole, Server};
use std::any::Any;
use std::time::Duration;

/// How long each fault is met: longer than a copy may take, so that its end is part of it.
const LOAD: Duration = Duration::from_millis(700);

/// What the proxy may hold beside its budgets.
const MEMORY: u64 = 64 << 20;

/// Budgets of these proxies, in bytes: of copies, and of what waits for the log.
const BUDGETS: u64 = 32 << 20;

const LIMITS: &str = "copy_bytes = 16777216\nqueue_bytes = 16777216";

/// A shadow's fault, and how its outcomes are counted.
struct Fault {
    name: &'static str,
    shadow: Shadow,
    /// The reason of its missing outcomes; none where it answers.
    missing: Option<&'static str>,
}

enum Shadow {
    Server(Behaviour),
    Tls(Behaviour),
    H2(Behaviour),
    Refused,
    BlackHole,
}

const fn server(name: &'static str, behaviour: Behaviour, missing: &'static str) -> Fault {
    Fault { name, shadow: Shadow::Server(behaviour), missing: Some(missing) }
}

const FAULTS: &[Fault] = &[
    Fault { name: "slow", shadow: Shadow::Server(shadow::slow), missing: None },
    server("trickling", shadow::trickling, "timeout"),
    Fault { name: "dead", shadow: Shadow::Refused, missing: Some("connect") },
    Fault { name: "black-holed", shadow: Shadow::BlackHole, missing: Some("connect") },
    server("silent", shadow::silent, "timeout"),
    server("never reading", shadow::never_reading, "timeout"),
    server("resetting mid-body", shadow::resetting, "reset"),
    server("resetting mid-request", shadow::resetting_early, "reset"),
    server("half-closing", shadow::half_closing, "reset"),
    server("endless body", shadow::endless_body, "timeout"),
    server("endless 103", shadow::endless_interim, "timeout"),
    server("10 MB header", shadow::huge_header, "protocol"),
    server("10 MB of headers", shadow::many_headers, "protocol"),
    server("garbage", shadow::garbage, "protocol"),
    Fault { name: "answering twice", shadow: Shadow::Server(shadow::answering_twice), missing: None },
    Fault { name: "failing TLS", shadow: Shadow::Tls(shadow::refusing_tls), missing: Some("connect") },
    Fault { name: "silent TLS", shadow: Shadow::Tls(shadow::silent), missing: Some("connect") },
    Fault { name: "HTTP/2 silent", shadow: Shadow::H2(shadow::silent), missing: Some("timeout") },
    Fault { name: "HTTP/2 garbage", shadow: Shadow::H2(shadow::garbage), missing: Some("reset") },
    Fault { name: "HTTP/2 endless pings", shadow: Shadow::H2(shadow::pinging), missing: Some("timeout") },
];

/// What stands at the place of a faulty shadow, until it is dropped.
type Standing = Option<Box<dyn Any>>;

impl Shadow {
    fn stand(&self) -> (String, Standing) {
        match self {
            Self::Server(behaviour) => {
                let server = Server::start(*behaviour);
                (url(&server), Some(Box::new(server)))
            }
            Self::Tls(behaviour) => {
                let server = Server::start(*behaviour);
                (format!("https://{}", server.address()), Some(Box::new(server)))
            }
            Self::H2(behaviour) => {
                let server = Server::start(*behaviour);
                (format!("h2://{}", server.address()), Some(Box::new(server)))
            }
            Self::Refused => (format!("http://{}", shadow::refused()), None),
            Self::BlackHole => {
                let hole = BlackHole::open();
                (format!("http://{}", hole.address()), Some(Box::new(hole)))
            }
        }
    }
}

/// Shown with `--nocapture`.
#[expect(clippy::print_stdout, reason = "what was measured is for whoever runs one test to look at it")]
fn note(what: std::fmt::Arguments<'_>) {
    println!("{what}");
}

fn url(server: &Server) -> String {
    format!("http://{}", server.address())
}

/// The count at `pointer`; reasons that did not occur are not there.
fn count(document: &Document, pointer: &str) -> u64 {
    document.at(pointer).as_u64().unwrap_or(0)
}

/// What is not as it should be with the proxy that a fault has met, after `seen`.
fn defects(front: Front, seen: &Seen, role: &str, other: &str, missing: Option<&str>) -> Vec<String> {
    let mut wrong = seen.wrong.clone();
    let mut expect = |holds: bool, what: &str, document: &Document| {
        if !holds {
            wrong.push(format!("{what}: {document}"));
        }
    };
    let memory = front.memory();
    let state = front.settled();
    let stats = |pointer: &str| count(&state, &format!("/stats/{pointer}"));
    match missing {
        Some(reason) => {
            expect(stats(&format!("roles/{role}/missing/{reason}")) > 0, "the fault was not met", &state);
        }
        None => expect(stats(&format!("roles/{role}/responses")) > 0, "the shadow never answered", &state),
    }
    expect(stats(&format!("roles/{other}/responses")) > 0, "the healthy shadow never answered", &state);
    expect(stats("primary_failures") + stats("requests_refused") == 0, "live requests failed", &state);
    expect(memory < MEMORY + BUDGETS, &format!("{memory} bytes of memory"), &state);
    wrong.extend(unaccounted(&front.end(), seen.answers));
    wrong
}

/// What is missing in the books of a proxy that was sent this many requests.
fn unaccounted(outcome: &Outcome, requests: u64) -> Vec<String> {
    let document = outcome.document();
    let at = |pointer: &str| document.count(pointer);
    let ends = ["/recorded/exchanges", "/recorded/failed", "/stats/lost"].map(at).iter().sum::<u64>();
    let laws = [
        (at("/stats/requests") == requests, "requests"),
        (at("/admissions/offered") == requests, "requests at the mirror"),
        (at("/admissions/mirrored") == ends + document.sum("/admissions/shed"), "ends of copies"),
    ];
    let broken = laws.into_iter().filter(|(holds, _)| !holds);
    broken.map(|(_, what)| format!("{requests} requests, but other {what}: {outcome}")).collect()
}

#[test]
fn no_fault_of_a_shadow_changes_a_byte_or_delays_an_answer() {
    let _alone = alone();
    let (primary, healthy) = (Server::start(shadow::primary), Server::start(shadow::healthy));
    let place = Place { primary: url(&primary), limits: LIMITS.to_owned(), ..Place::default() };
    let plain = Front::start(&place);
    let mut wrong = Vec::new();
    for fault in FAULTS {
        let (faulty, standing) = fault.shadow.stand();
        let sound = url(&healthy);
        let [candidate, control] = [(&faulty, &sound), (&sound, &faulty)].map(|(candidate, control)| {
            let roles = (Some(candidate.clone()), Some(control.clone()));
            Front::start(&Place { candidate: roles.0, control: roles.1, ..place.clone() })
        });
        let mut seen = load::drive(plain.address(), &[candidate.address(), control.address()], LOAD);
        let reference = seen.remove(0);
        for seen in &mut seen {
            seen.compare(&reference);
        }
        let quantiles = |seen: &Seen| format!("{:?} {:?}", seen.quantile(50), seen.quantile(90));
        note(format_args!(
            "{}: p50 p90 without {}, candidate {}, control {}, {} each",
            fault.name,
            quantiles(&reference),
            quantiles(&seen[0]),
            quantiles(&seen[1]),
            reference.answers,
        ));
        let roles = [(candidate, "candidate", "control"), (control, "control", "candidate")];
        for ((front, role, other), seen) in roles.into_iter().zip(&seen) {
            let defects = defects(front, seen, role, other, fault.missing);
            wrong.extend(defects.into_iter().map(|defect| format!("{} {role}: {defect}", fault.name)));
        }
        wrong.extend(reference.wrong.iter().map(|defect| format!("{}: {defect}", fault.name)));
        drop(standing);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn mirroring_resumes_by_itself_when_a_black_hole_ends() {
    let (primary, hole) = (Server::start(shadow::primary), BlackHole::open());
    let candidate = Some(format!("http://{}", hole.address()));
    let front = Front::start(&Place { primary: url(&primary), candidate, ..Place::default() });
    let mut client = wire::Client::new(front.address());
    let mut ask = || client.ask(&load::request(0)).expect("an answer");
    let answer = ask();
    wait_for("a copy that nobody took", SOON, || {
        (count(&front.state(), "/stats/roles/candidate/missing/connect") > 0).then_some(())
    });
    let _back = hole.close();
    wait_for("a copy that is answered", SOON, || {
        assert_eq!(ask(), answer);
        (count(&front.state(), "/stats/roles/candidate/responses") > 0).then_some(())
    });
    front.end().expect_code(130);
}

#[test]
fn memory_stays_flat_before_shadows_that_never_end_and_never_read() {
    let _alone = alone();
    let [primary, candidate, control] =
        [shadow::primary, shadow::endless_body, shadow::never_reading].map(Server::start);
    let place = Place { primary: url(&primary), limits: LIMITS.to_owned(), ..Place::default() };
    let plain = Front::start(&place);
    let roles = (Some(url(&candidate)), Some(url(&control)));
    let front = Front::start(&Place { candidate: roles.0, control: roles.1, ..place });
    let mut requests = 0;
    let mut load = || {
        let seen = load::drive(plain.address(), &[front.address()], LOAD);
        assert!(seen[1].wrong.is_empty(), "{:?}", seen[1].wrong);
        requests += seen[1].answers;
        front.memory()
    };
    // Until every buffer has been used once.
    let before = load().max(load());
    let after = load();
    assert!(after < before + (8 << 20), "{before} bytes, then {after}");
    assert!(after < MEMORY + BUDGETS, "{after} bytes");
    front.settled();
    assert_eq!(unaccounted(&front.end(), requests), Vec::<String>::new());
}
