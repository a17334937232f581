//! Apache Flume 1.9.0 and 1.11.0: an event collector of which only the output tells what it does.
//!
//! Both versions write the same records. Five faults are planted in the newer one by configuration
//! alone; the HTTP answers of four of them are those of the sound pipeline, status for status. Each
//! must be found in what was written, with the counts that follow from the traffic.
//!
//! All pipelines of one version live in one JVM: a JVM costs seconds.

use crate::harness::servers::{Pipeline, flume};
use crate::harness::{Document, Request, local, parallax, send, wait_for};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Events by number; each is of one of seven users.
fn numbers() -> impl Iterator<Item = u64> + Clone {
    (0..400).chain(1000..1005).chain(2000..2303)
}

fn event(number: u64, pad: usize) -> String {
    let user = number % 7;
    let pad = "x".repeat(pad);
    let at = 1_764_000_000 + number;
    let body = format!(
        r#"{{"event": "e{number}", "at": {at}, "value": {number}.5, "user": "u{user}", "pad": "{pad}"}}"#
    );
    format!(r#"{{"headers":{{"kind":"purchase"}},"body":{}}}"#, serde_json::Value::from(body))
}

fn batch(numbers: impl Iterator<Item = u64>, pad: usize) -> Request {
    let events: Vec<_> = numbers.map(|number| event(number, pad)).collect();
    Request::new("POST", "/").json(format!("[{}]", events.join(",")))
}

/// Batches of 20, one of 300 large events, one that no channel takes, and what is no batch at all.
fn traffic() -> Vec<Request> {
    let mut all: Vec<Request> = (0..20).map(|n| batch(n * 20..n * 20 + 20, 0)).collect();
    all.extend([batch(1000..1005, 0), batch(2000..2300, 900), batch(2300..2303, 0), batch(3000..9000, 0)]);
    all.extend(["[{", "{}", ""].map(|body| Request::new("POST", "/").json(body)));
    all.push(Request::get("/"));
    all
}

/// The statuses of all answers of a pipeline.
fn answers(pipeline: &Pipeline, traffic: &[Request]) -> Vec<u16> {
    let answer = |request| send(local(pipeline.port), request).expect("an answer").status;
    traffic.iter().map(answer).collect()
}

fn lines(directory: &Path) -> usize {
    let files = std::fs::read_dir(directory).expect("the pipeline's directory");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        std::fs::read(file.expect("a file").path()).expect("a file")
    };
    files.map(|file| read(file).iter().filter(|byte| **byte == b'\n').count()).sum()
}

/// A line is the headers as Java prints a map, and the body.
const LINE: &str = r"^\{(?<headers>[^}]*)\} (?<value>.*)$";

fn compare(directory: &Path, candidate: &str, more: &[&str], code: i32) -> Document {
    let sources = ["outputs", "--primary", "old", "--control", "control", "--candidate", candidate];
    let how = ["--id", "/event", "--time", "/at", "--line", LINE, "--format", "json"];
    let outcome = parallax(sources.iter().chain(&how).chain(more)).dir(directory).run(SOON);
    outcome.expect_code(code).document()
}

/// matched, missing, extra, duplicate, different
fn counts(document: &Document) -> [u64; 5] {
    ["matched", "missing", "extra", "duplicate", "different"]
        .map(|class| document.count(&format!("/counts/{class}")))
}

#[test]
fn planted_faults_are_found_in_what_was_written() {
    let test = "planted_faults_are_found_in_what_was_written";
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = directory.path();
    let old = [Pipeline::new("old", ""), Pipeline::new("control", "")];
    let new = [
        Pipeline::new("sound", ""),
        Pipeline::new(
            "loss",
            r#"sources.{}.interceptors=i
               sources.{}.interceptors.i.type=regex_filter
               sources.{}.interceptors.i.regex="user": "u3"
               sources.{}.interceptors.i.excludeEvents=true"#,
        ),
        Pipeline::new(
            "corruption",
            r#"sources.{}.interceptors=i
               sources.{}.interceptors.i.type=search_replace
               sources.{}.interceptors.i.searchPattern="value": 1[0-9]+[.]5
               sources.{}.interceptors.i.replaceString="value": 999"#,
        ),
        Pipeline::new(
            "twice",
            r"sources.{}.channels={} second
              channels.second.type=memory
              channels.second.capacity=20000
              channels.second.transactionCapacity=5000
              sinks.second.type=file_roll
              sinks.second.sink.directory={out}
              sinks.second.sink.pathManager.prefix=second
              sinks.second.sink.rollInterval=0
              sinks.second.sink.serializer=HEADER_AND_TEXT
              sinks.second.channel=second",
        ),
        Pipeline::new("volatile", "sources.{}.interceptors=i\nsources.{}.interceptors.i.type=timestamp"),
        Pipeline::new("overload", "channels.{}.capacity=150\nchannels.{}.transactionCapacity=100"),
    ];
    let Some(_old) = flume(test, "1.9.0", &old, at) else { return };
    let Some(_new) = flume(test, "1.11.0", &new, at) else { return };

    let traffic = traffic();
    let expected = answers(&old[0], &traffic);
    assert_eq!(expected.iter().filter(|status| **status == 200).count(), 23, "{expected:?}");
    for pipeline in old[1..].iter().chain(&new) {
        let answers = answers(pipeline, &traffic);
        let same = answers.iter().zip(&expected).filter(|(ours, theirs)| ours == theirs).count();
        let refused = usize::from(pipeline.name == "overload");
        assert_eq!(same, expected.len() - refused, "{}: {answers:?} for {expected:?}", pipeline.name);
    }
    let all = numbers().count();
    let lost = numbers().filter(|number| number % 7 == 3).count();
    let large = (2000..2300).count();
    for (pipeline, records) in
        old.iter().chain(&new).zip([all, all, all, all - lost, all, all * 2, all, all - large])
    {
        wait_for(pipeline.name, SOON, || (lines(&at.join(pipeline.name)) >= records).then_some(()));
    }

    let sound = compare(at, "sound", &[], 0);
    assert_eq!(counts(&sound), [708, 0, 0, 0, 0], "{sound}");
    assert_eq!(sound.count("/control/counts/matched"), 708, "{sound}");

    let loss = compare(at, "loss", &["--tallies", "loss.jsonl"], 10);
    assert_eq!(counts(&loss), [607, 101, 0, 0, 0], "{loss}");
    parallax(["verdict", "judge", "loss.jsonl"]).dir(at).run(SOON).expect_code(10);

    let corruption = compare(at, "corruption", &[], 10);
    assert_eq!(counts(&corruption), [593, 0, 0, 0, 115], "{corruption}");
    assert_eq!(corruption.count("/by_path/~1value"), 115, "{corruption}");

    let twice = compare(at, "twice", &[], 10);
    assert_eq!(counts(&twice), [708, 0, 0, 708, 0], "{twice}");

    let overload = compare(at, "overload", &[], 10);
    assert_eq!(counts(&overload), [408, 300, 0, 0, 0], "{overload}");

    let volatile = compare(at, "volatile", &[], 10);
    assert_eq!(counts(&volatile), [0, 0, 0, 0, 708], "{volatile}");
    assert_eq!(volatile.count("/by_path/header:headers"), 708, "{volatile}");
    let rule = "[[rules]]\nat = \"header:headers\"\naction = \"rewrite:(, )?timestamp=[0-9]+(, )? => \"\n";
    std::fs::write(at.join("rules.toml"), rule).expect("a file");
    let masked = compare(at, "volatile", &["--rules", "rules.toml"], 0);
    assert_eq!(counts(&masked), [708, 0, 0, 0, 0], "{masked}");
}
