//! Joining by request.

use super::*;
use crate::diff::render;
use http::{Method, StatusCode};
use parallax_exchange::{CopyOrder, MissingReason, Outcomes, Request, Response, Timing};
use proptest::prelude::*;

fn exchange(sequence: u64, target: &str, body: &str, outcome: Option<Outcome>) -> Exchange {
    Exchange {
        id: ExchangeId { proxy: 0, epoch: 0, sequence },
        admitted_ns: sequence,
        cluster_key: 0,
        labels: Vec::new(),
        order: CopyOrder::default(),
        sample_ppm: 1_000_000,
        request: Request {
            method: Method::POST,
            target: target.to_owned(),
            body: Body::whole(body.as_bytes().to_vec()),
            ..Request::default()
        },
        outcomes: Outcomes { primary: outcome, ..Outcomes::default() },
    }
}

fn answer(status: u16, body: &str) -> Option<Outcome> {
    let status = StatusCode::from_u16(status).unwrap();
    let body = Body::whole(body.as_bytes().to_vec());
    Some(Outcome::Response(Box::new(Response { status, body, ..Response::default() })))
}

fn join(limits: JoinLimits, left: Vec<Exchange>, right: Vec<Exchange>) -> Recordings {
    let comparer = Comparer::new(&[], &[]).unwrap();
    let mut join = Join::new(&comparer, [Role::Primary; 2], limits);
    left.into_iter().for_each(|exchange| join.add(Side::Left, exchange));
    right.into_iter().for_each(|exchange| join.add(Side::Right, exchange));
    join.finish()
}

fn found(recordings: &Recordings) -> Vec<String> {
    let of = |joined: &Joined| {
        format!("{} {:?} {:?}", joined.request, joined.difference.kind, joined.difference.part)
    };
    recordings.differences.iter().map(of).collect()
}

#[test]
fn the_nth_occurrence_of_a_request_goes_with_the_nth() {
    let left = vec![
        exchange(0, "/a", "x", answer(200, "1")),
        exchange(1, "/a", "x", answer(200, "2")),
        exchange(2, "/a", "y", answer(200, "3")),
        exchange(3, "/b", "", answer(200, "4")),
    ];
    let right = vec![
        exchange(10, "/a", "y", answer(200, "3")),
        exchange(11, "/a", "x", answer(200, "1")),
        exchange(12, "/c", "", answer(200, "5")),
        exchange(13, "/a", "x", answer(500, "2")),
    ];
    let recordings = join(JoinLimits::default(), left, right);
    assert_eq!(
        found(&recordings),
        ["POST /a Value Status", "POST /b Missing Status", "POST /c Extra Status"]
    );
    let tally = Tally {
        left: 4,
        right: 4,
        joined: 3,
        equal: 2,
        different: 1,
        missing: 1,
        extra: 1,
        ..Tally::default()
    };
    assert_eq!((recordings.exchanges, recordings.equal, recordings.truncated), (tally, false, false));
    assert!(recordings.differences[0].left_id.is_some() && recordings.differences[1].right_id.is_none());
    assert_eq!(recordings.summary(), "3 exchanges joined: 2 equal, 1 different; 1 missing, 1 extra");
}

#[test]
fn an_answer_and_none_differ_and_requests_alone_are_not_compared() {
    let missing = |reason| Some(Outcome::Missing { reason, timing: Timing::default() });
    let left = vec![
        exchange(0, "/a", "", answer(200, "")),
        exchange(1, "/b", "", missing(MissingReason::Timeout)),
        exchange(2, "/c", "", missing(MissingReason::Timeout)),
        exchange(3, "/d", "", None),
    ];
    let right = vec![
        exchange(0, "/a", "", missing(MissingReason::Reset)),
        exchange(1, "/b", "", missing(MissingReason::Timeout)),
        exchange(2, "/c", "", None),
        exchange(3, "/d", "", None),
    ];
    let recordings = join(JoinLimits::default(), left, right);
    assert_eq!(found(&recordings), ["POST /a Value Status", "POST /c Missing Status"]);
    assert_eq!(recordings.differences[0].difference.right.as_deref(), Some("no answer: reset"));
    assert_eq!((recordings.exchanges.joined, recordings.exchanges.unanswered), (4, 1));
}

#[test]
fn what_waits_too_long_is_given_up_and_told() {
    let all = |order: &mut dyn Iterator<Item = u64>| {
        order.map(|n| exchange(n, &format!("/{n}"), "", answer(200, "same"))).collect::<Vec<_>>()
    };
    let limits = JoinLimits { waiting_bytes: 10_000, ..JoinLimits::default() };
    let recordings = join(limits, all(&mut (0..20)), all(&mut (0..20)));
    assert!(recordings.exchanges.given_up > 0 && recordings.truncated && !recordings.equal);
    assert!(recordings.summary().contains("given up"));
    assert!(join(JoinLimits::default(), all(&mut (0..20)), all(&mut (0..20).rev())).equal);
}

#[test]
fn lists_are_bounded_and_counts_are_not() {
    let all = |body: &str| {
        (0..50).map(|n| exchange(n, "/", "", answer(200, &format!("{{\"k{n}x\":{body}}}")))).collect()
    };
    let limits = JoinLimits { differences: 5, places: 3, ..JoinLimits::default() };
    let recordings = join(limits, all("1"), all("2"));
    assert_eq!(
        (recordings.differences.len(), recordings.exchanges.different, recordings.truncated),
        (5, 50, true)
    );
    assert_eq!(recordings.places.iter().map(|place| place.exchanges).collect::<Vec<_>>(), [1, 1, 1, 47]);
    assert_eq!(recordings.places[3].pattern, "other");
}

#[test]
fn the_document_is_a_diff_with_the_request_of_each_difference() {
    let recordings = join(
        JoinLimits::default(),
        vec![exchange(0, "/a?b", "", answer(200, "[1]"))],
        vec![exchange(0, "/a?b", "", answer(200, "[2]"))],
    );
    let text = serde_json::to_string(&recordings).unwrap();
    assert_eq!(serde_json::from_str::<Recordings>(&text).unwrap(), recordings);
    let document: crate::diff::Document = serde_json::from_str(&text).unwrap();
    assert_eq!(document.differences[0].path, "/0");
    assert_eq!(recordings.document().differences[0].note.as_deref(), Some("POST /a?b"));
}

proptest! {
    #[test]
    fn the_interleaving_of_two_recordings_means_nothing(
        left in prop::collection::vec((0_u8..4, 0_u8..3), 0..12),
        right in prop::collection::vec((0_u8..4, 0_u8..3), 0..12),
        turns: u32,
    ) {
        let of = |all: &[(u8, u8)]| -> Vec<Exchange> {
            let one = |(n, (target, body)): (usize, &(u8, u8))| {
                exchange(n as u64, &format!("/{target}"), "", answer(200, &body.to_string()))
            };
            all.iter().enumerate().map(one).collect()
        };
        let comparer = Comparer::new(&[], &[]).unwrap();
        let mut mixed = Join::new(&comparer, [Role::Primary; 2], JoinLimits::default());
        let (mut l, mut r) = (of(&left).into_iter(), of(&right).into_iter());
        for turn in 0..64 {
            let (side, next) = if turns >> (turn % 32) & 1 == 0 { (Side::Left, l.next()) } else { (Side::Right, r.next()) };
            next.into_iter().for_each(|exchange| mixed.add(side, exchange));
        }
        l.for_each(|exchange| mixed.add(Side::Left, exchange));
        r.for_each(|exchange| mixed.add(Side::Right, exchange));
        let (mixed, plain) = (mixed.finish(), join(JoinLimits::default(), of(&left), of(&right)));
        prop_assert_eq!(mixed.exchanges, plain.exchanges);
        prop_assert_eq!(mixed.places, plain.places);
        let tally = plain.exchanges;
        prop_assert_eq!((tally.joined + tally.missing, tally.joined + tally.extra), (tally.left, tally.right));
        prop_assert_eq!(tally.equal + tally.different + tally.unanswered, tally.joined);
    }
}

#[test]
fn credentials_are_not_listed() {
    let target = "/a?api_key=s3cr3t-1&page=2";
    let left = vec![exchange(0, target, "", answer(200, r#"{"token":"s3cr3t-2","n":1}"#))];
    let right = vec![exchange(1, target, "", answer(200, r#"{"token":"s3cr3t-3","n":2}"#))];
    let recordings = join(JoinLimits::default(), left, right);
    let text = serde_json::to_string(&recordings).unwrap() + &render::terminal(&recordings.document(), false);
    assert!(text.contains("page=2") && text.contains("/token") && !text.contains("s3cr3t"), "{text}");
}
