//! `parallax rules`, run as a user runs it, on recordings written here.

use http::{HeaderValue, StatusCode};
use parallax_exchange::log::{self, Limits, Record};
use parallax_exchange::{
    Body, CopyOrder, Exchange, ExchangeId, Label, Outcome, Outcomes, Request, Response, Timing,
};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn answer(body: &str) -> Option<Outcome> {
    let mut response = Response {
        status: StatusCode::OK,
        body: Body::whole(body.to_owned()),
        timing: Timing { sent_ns: 0, head_ns: 1_000, done_ns: 2_000 },
        ..Response::default()
    };
    response.headers.insert("content-type", HeaderValue::from_static("application/json"));
    Some(Outcome::Response(Box::new(response)))
}

fn exchange(sequence: u64, [primary, candidate, control]: [&str; 3]) -> Record {
    Record::Exchange(Box::new(Exchange {
        id: ExchangeId { proxy: 1, epoch: 1, sequence },
        admitted_ns: 1_764_000_000_000_000_000 + sequence,
        cluster_key: sequence,
        labels: vec![Label { name: "route".into(), value: "ingest".into() }],
        order: CopyOrder::CandidateFirst,
        sample_ppm: 1_000_000,
        request: Request { target: "/v1/events".to_owned(), ..Request::default() },
        outcomes: Outcomes {
            primary: answer(primary),
            candidate: answer(candidate),
            control: answer(control),
        },
    }))
}

/// Each answer has its own id and time; in one exchange of ten the candidate loses the time.
fn record(directory: &Path) {
    let file = directory.join("recording.plx");
    let mut writer = log::open_writer(
        file.to_str().expect("a path in UTF-8"),
        Limits { segment_bytes: 1 << 30, total_bytes: 1 << 30 },
    )
    .expect("a new file");
    for sequence in 0..100 {
        let body = |role: u64| {
            let at = 1_764_000_000_000 + 1_000 * sequence + 7 * role;
            format!(r#"{{"id":"{:08x}-0000-4000-8000-{sequence:012x}","at":{at},"ok":true}}"#, role + 1)
        };
        let [primary, mut candidate, control] = [body(0), body(1), body(2)];
        if sequence % 10 == 3 {
            candidate = candidate.replace("\"ok\":true", "\"ok\":false");
        }
        writer.append(&exchange(sequence, [&primary, &candidate, &control])).expect("an append");
    }
    writer.sync().expect("a sync");
}

fn rules(directory: &Path, text: &str) {
    std::fs::write(directory.join("rules.toml"), text).expect("a file");
}

fn parallax(directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parallax"));
    command.current_dir(directory).env("NO_COLOR", "1").args(args).output().expect("the binary runs")
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

const LINT: [&str; 5] = ["rules", "lint", "recording.plx", "--rules", "rules.toml"];

#[test]
fn lint_is_clean_with_narrow_rules_and_names_the_one_that_hides_a_fault() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    record(directory.path());
    let narrow = "[[rules]]\nat = \"body:/id\"\naction = \"class:uuid\"\nowner = \"a\"\n\
                  [[rules]]\nat = \"body:/at\"\naction = \"tolerate:1s\"\nowner = \"a\"\n";
    rules(directory.path(), narrow);
    let clean = parallax(directory.path(), &LINT);
    assert_eq!(clean.status.code(), Some(0), "{}", String::from_utf8_lossy(&clean.stdout));
    rules(directory.path(), &format!("{narrow}[[rules]]\nat = \"body:/ok\"\naction = \"ignore\"\n"));
    let found = parallax(directory.path(), &[&LINT[..], &["--format", "json"]].concat());
    assert_eq!(found.status.code(), Some(10));
    let found = document(&found);
    assert_eq!(found["schema"], "parallax.rules-lint/1");
    assert_eq!(found["findings"][0]["kind"], "hides_candidate", "{found:#}");
    assert_eq!(found["findings"][0]["places"][0]["candidate_only"], 10, "{found:#}");
    assert_eq!(found["rules"][0]["candidate"], 100, "{found:#}");
    let allowed = ["--allow", "hides_candidate", "--allow", "ownerless"];
    assert_eq!(parallax(directory.path(), &[&LINT[..], &allowed].concat()).status.code(), Some(0));
}

#[test]
fn lint_says_what_is_missing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    record(directory.path());
    let without_rules = parallax(directory.path(), &LINT[..3]);
    assert_eq!(without_rules.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&without_rules.stderr).contains("--rules"));
    let nowhere = parallax(directory.path(), &["rules", "lint", "nowhere.plx", "--rules", "rules.toml"]);
    assert_eq!(nowhere.status.code(), Some(74), "{}", String::from_utf8_lossy(&nowhere.stderr));
}

#[test]
fn suggested_rules_lint_clean_once_somebody_answers_for_them() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    record(directory.path());
    let suggest = ["rules", "suggest", "recording.plx"];
    let json = document(&parallax(directory.path(), &[&suggest[..], &["--format", "json"]].concat()));
    assert_eq!(json["schema"], "parallax.rules-suggest/1");
    let rules_of = |json: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rules = json["rules"].as_array().into_iter().flatten();
        rules.map(|rule| (text(&rule["at"]), text(&rule["action"]))).collect()
    };
    let expected = [("body:/at", "tolerate:50ms"), ("body:/id", "class:uuid")];
    assert_eq!(rules_of(&json), expected.map(|(at, action)| (at.to_owned(), action.to_owned())), "{json:#}");
    let toml = parallax(directory.path(), &[&suggest[..], &["--format", "toml"]].concat());
    assert_eq!(toml.status.code(), Some(0));
    let toml = String::from_utf8(toml.stdout).expect("TOML is UTF-8");
    // As written nobody answers for them, and that is what lint says.
    rules(directory.path(), &toml);
    assert_eq!(parallax(directory.path(), &LINT).status.code(), Some(10));
    rules(directory.path(), &toml.replace("owner = \"\"", "owner = \"ingest team\""));
    let clean = parallax(directory.path(), &LINT);
    assert_eq!(clean.status.code(), Some(0), "{}", String::from_utf8_lossy(&clean.stdout));
}

#[test]
fn without_a_control_there_is_nothing_to_learn_from() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("recording.plx");
    let limits = Limits { segment_bytes: 1 << 30, total_bytes: 1 << 30 };
    let mut writer = log::open_writer(file.to_str().expect("UTF-8"), limits).expect("a new file");
    let Record::Exchange(mut alone) = exchange(0, ["{}", "[]", "{}"]) else { unreachable!("made so") };
    alone.outcomes.control = None;
    writer.append(&Record::Exchange(alone)).expect("an append");
    let output = parallax(directory.path(), &["rules", "suggest", "recording.plx"]);
    assert_eq!(output.status.code(), Some(20));
    assert!(String::from_utf8_lossy(&output.stdout).contains("without answers of a control"));
}
