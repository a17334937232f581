//! What runs out: queues, memory, places, descriptors, the disk. Copies and evidence go without, counted;
//! live traffic does not.

use super::front::{Front, Place};
use super::shadow::{self, Behaviour, Server};
use super::{LOAD, load, note, unaccounted, url};
use crate::harness::alone;

/// What is scarce, how that is brought about, and where it is counted at the end.
struct Scarcity {
    name: &'static str,
    limits: &'static str,
    shell: &'static str,
    candidate: Behaviour,
    /// In the document at the end, or else in the state before.
    counted: &'static str,
    /// The exit code: evidence that is lost is not hidden.
    code: i32,
}

const SCARCE: &[Scarcity] = &[
    Scarcity {
        name: "queue full",
        // Less than the exchange of one large request and its echo, so that it does not depend on the disk.
        limits: "body_bytes = 400000\nqueue_bytes = 500000\nqueue_exchanges = 1",
        shell: "true",
        candidate: shadow::healthy,
        counted: "/stats/lost",
        code: 30,
    },
    Scarcity {
        name: "memory budget exhausted",
        limits: "body_bytes = 400000\ncopy_bytes = 400000",
        shell: "true",
        candidate: shadow::silent,
        counted: "/admissions/shed/bytes",
        code: 30,
    },
    Scarcity {
        name: "places in flight exhausted",
        limits: "copies_in_flight = 2",
        shell: "true",
        candidate: shadow::silent,
        counted: "/admissions/shed/in_flight",
        code: 130,
    },
    Scarcity {
        name: "places of one role exhausted",
        limits: "role_in_flight = 2",
        shell: "true",
        candidate: shadow::silent,
        counted: "/stats/roles/candidate/missing/refused",
        code: 130,
    },
    Scarcity {
        name: "descriptors exhausted",
        limits: "",
        shell: "ulimit -n 64",
        candidate: shadow::silent,
        counted: "/stats/roles/candidate/missing/refused",
        code: 130,
    },
    Scarcity {
        name: "log's disk full",
        limits: "",
        // As ENOSPC, and without a mount: a write beyond 32 KiB of one file fails.
        shell: "trap '' XFSZ && ulimit -f 64",
        candidate: shadow::healthy,
        counted: "/recorded/failed",
        code: 74,
    },
];

#[test]
fn nothing_that_runs_out_is_missed_by_live_traffic() {
    let _alone = alone();
    let (primary, healthy) = (Server::start(shadow::primary), Server::start(shadow::healthy));
    let plain = Front::start(&Place { primary: url(&primary), ..Place::default() });
    let mut wrong = Vec::new();
    for scarce in SCARCE {
        let candidate = Server::start(scarce.candidate);
        let place = Place {
            primary: url(&primary),
            candidate: Some(url(&candidate)),
            control: Some(url(&healthy)),
            limits: scarce.limits.to_owned(),
            shell: scarce.shell,
            ..Place::default()
        };
        let front = Front::start(&place);
        let mut seen = load::drive(plain.address(), &[front.address()], LOAD);
        let (mut seen, reference) = (seen.remove(1), seen.remove(0));
        seen.compare(&reference);
        note(format_args!(
            "{}: p50 p90 without {:?} {:?}, with {:?} {:?}",
            scarce.name,
            reference.quantile(50),
            reference.quantile(90),
            seen.quantile(50),
            seen.quantile(90)
        ));
        let mut defects = seen.wrong.clone();
        let state = front.settled();
        let outcome = front.end();
        let document = outcome.document();
        let at = |pointer: &str| document.at(pointer).as_u64().or(state.at(pointer).as_u64()).unwrap_or(0);
        if at(scarce.counted) == 0 {
            defects.push(format!("{} is 0: {state} {outcome}", scarce.counted));
        }
        if outcome.code != scarce.code {
            defects.push(format!("exit code {} instead of {}: {outcome}", outcome.code, scarce.code));
        }
        defects.extend(unaccounted(&outcome, seen.answers));
        wrong.extend(defects.into_iter().map(|defect| format!("{}: {defect}", scarce.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// More clients than the process has descriptors for: those that are served go on being served.
#[test]
fn more_clients_than_descriptors_do_not_end_those_that_are_served() {
    let _alone = alone();
    let (primary, candidate) = (Server::start(shadow::primary), Server::start(shadow::silent));
    let place = Place { primary: url(&primary), candidate: Some(url(&candidate)), ..Place::default() };
    let plain = Front::start(&Place { candidate: None, ..place.clone() });
    let front = Front::start(&Place { shell: "ulimit -n 64", ..place });
    let (mut expected, mut served) =
        (super::wire::Client::new(plain.address()), super::wire::Client::new(front.address()));
    let mut both = |number: u64| {
        let request = load::request(number);
        (expected.ask(&request).expect("an answer"), served.ask(&request).expect("an answer"))
    };
    let (reference, answer) = both(0);
    assert_eq!(answer, reference);
    let client = super::wire::Client::new(front.address());
    // Each is taken or refused at once; none waits.
    let crowd: Vec<_> = (0..100).map(|_| client.connect().expect("the kernel accepts")).collect();
    for number in 1..60 {
        let (reference, answer) = both(number);
        assert_eq!(answer, reference);
    }
    assert!(front.state().count("/stats/connections_refused") > 0);
    drop(crowd);
    front.end().expect_code(130);
}

/// The same where the process judges: it goes on serving and judging, and says what it cannot keep.
#[test]
fn a_full_disk_under_a_run_that_judges_costs_the_log_and_no_answer() {
    let _alone = alone();
    let [primary, candidate] = [(); 2].map(|()| Server::start(shadow::primary));
    let plain = Front::start(&Place { primary: url(&primary), ..Place::default() });
    let front = Front::start(&Place {
        primary: url(&primary),
        candidate: Some(url(&candidate)),
        shell: "trap '' XFSZ && ulimit -f 64",
        judges: true,
        ..Place::default()
    });
    let mut seen = load::drive(plain.address(), &[front.address()], LOAD);
    let (mut seen, reference) = (seen.remove(1), seen.remove(0));
    seen.compare(&reference);
    assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
    let outcome = front.end();
    let document = outcome.document();
    assert!(outcome.stderr.contains("the log cannot be written; judging goes on"), "{outcome}");
    assert_eq!(document.count("/exposure/compared"), seen.answers, "{outcome}");
}
