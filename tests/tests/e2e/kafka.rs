//! Against a real Apache Kafka, with kcat as the other side.

use crate::harness::kafka::Broker;
use crate::harness::tools::skip;
use crate::harness::{Document, parallax};
use std::fmt::Write as _;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// A record a line: the key, and an event with this value.
fn events(numbers: impl Iterator<Item = u64>, value: impl Fn(u64) -> u64) -> String {
    numbers.fold(String::new(), |mut text, n| {
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, r#"k{n}|{{"id": "e{n}", "at": {}, "value": {}}}"#, 1_764_000_000 + n, value(n));
        text
    })
}

fn outputs(primary: &str, candidate: &str, code: i32) -> Document {
    let sources = ["outputs", "--primary", primary, "--candidate", candidate];
    let how = ["--id", "/id", "--time", "/at", "--format", "json"];
    parallax(sources.iter().chain(&how)).run(SOON).expect_code(code).document()
}

fn counts(document: &Document) -> [u64; 5] {
    ["matched", "missing", "extra", "duplicate", "different"]
        .map(|class| document.count(&format!("/counts/{class}")))
}

#[test]
fn topics_written_by_another_producer_are_compared_whatever_their_order_and_partitions() {
    let test = "topics_written_by_another_producer_are_compared_whatever_their_order_and_partitions";
    let Some(broker) = Broker::start(test) else { return };
    broker.produce("old", &events(0..500, |n| n));
    // Backwards, under other keys and so in other partitions.
    broker.produce("same", &events((0..500).rev(), |n| n).replace('k', "other"));
    // 10 are missing, 5 are new, 3 come twice, and of those left 7 have another value.
    broker.produce("changed", &events(10..505, |n| if (100..107).contains(&n) { n + 1 } else { n }));
    broker.produce("changed", &events(200..203, |n| n));

    let equal = outputs(&broker.url("old"), &broker.url("same"), 0);
    assert_eq!(counts(&equal), [500, 0, 0, 0, 0], "{equal}");
    let changed = outputs(&broker.url("old"), &broker.url("changed"), 10);
    assert_eq!(counts(&changed), [483, 10, 5, 3, 7], "{changed}");

    // A range of time: nothing is older than the records, and all of them are newer.
    let until = |topic: &str| broker.url(topic) + "?to=2020-01-01T00:00:00Z";
    let before = outputs(&until("old"), &until("same"), 0);
    assert_eq!(counts(&before), [0; 5], "{before}");
    let from = |topic: &str| broker.url(topic) + "?from=2020-01-01T00:00:00Z";
    let since = outputs(&from("old"), &from("same"), 0);
    assert_eq!(counts(&since), [500, 0, 0, 0, 0], "{since}");

    // The broker crashes and comes back: what it acknowledged is there.
    broker.kill();
    broker.restart();
    let again = outputs(&broker.url("old"), &broker.url("changed"), 10);
    assert_eq!(counts(&again), counts(&changed));
}

#[test]
fn a_broker_that_is_not_there_is_named() {
    let test = "a_broker_that_is_not_there_is_named";
    let nobody = "kafka://127.0.0.1:9/old";
    let asked = ["outputs", "--primary", nobody, "--candidate", nobody, "--id", "/id"];
    let outcome = parallax(asked).run(SOON);
    if outcome.stderr.contains("no Kafka client") {
        skip(test, "this binary is built without the feature `kafka`");
        return;
    }
    let outcome = outcome.expect_code(69);
    assert!(outcome.stderr.contains("no broker answers at 127.0.0.1:9"), "{outcome}");
}
