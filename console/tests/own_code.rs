//! The example files under `deploy/`, read and asked by the gates' own Go code (`tests/gates`), against a
//! console in every state.
//!
//! Needs Go, and the modules that `tests/setup.sh gates` downloads.

#[path = "../examples/preview/canned.rs"]
mod canned;

use parallax_comparator::report::Report;
use parallax_comparator::verdict::State;
use parallax_console::{Board, Console, Running};
use serde_json::Value;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Every state that a gate can meet: the verdict, and whether it is final.
const STATES: [(State, bool); 6] = [
    (State::Promote, true),
    (State::Reject, true),
    (State::Invalid, true),
    (State::Invalid, false),
    (State::Wait, false),
    (State::Inconclusive, true),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The program, built once; `None`, said loudly, where Go or its modules are missing.
fn program() -> Option<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gates");
        let mut go = Command::new("go");
        go.args(["build", "-o"]).arg(&program).arg(".").current_dir(root().join("tests/gates"));
        let output = go.output().map_err(|error| format!("go cannot be run: {error}"))?;
        if output.status.success() {
            Ok(program)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into())
        }
    });
    match built {
        Ok(program) => Some(program),
        Err(why) => {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
            // Not eprintln: the runner would hold it back, as the test passes.
            let _ = writeln!(std::io::stderr(), "SKIPPED gates' own code: {why}; run tests/setup.sh gates");
            None
        }
    }
}

/// Runs the program below the repository; its one document.
fn gates(program: &Path, console: &str, args: &[&str]) -> Value {
    let mut command = Command::new(program);
    let output = command.args(args).env("CONSOLE", console).current_dir(root().join("tests/gates")).output();
    let output = output.expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {errors}"))
}

fn console(state: Option<(State, bool)>) -> Running {
    let board = Board::new();
    if let Some((state, is_final)) = state {
        board.publish(canned::publish(canned::verdict("r1", state, is_final), Report::default()));
    }
    Console::start(SocketAddr::from(([127, 0, 0, 1], 0)), board).expect("a free port")
}

#[test]
fn every_file_is_what_the_published_schemas_want() {
    let Some(program) = program() else { return };
    let files = [
        "../../deploy/argo/analysis-template.yaml",
        "../../deploy/argo/analysis-template-job.yaml",
        "../../deploy/argo-cd/applications.yaml",
        "../../deploy/argo-cd/presync-gate.yaml",
        "../../deploy/flagger/canary.yaml",
    ];
    let checked = gates(program, "", &[&["check"][..], &files].concat());
    let checked = checked.as_array().expect("a list");
    assert_eq!(checked.len(), 6, "two applications lie in one file");
    for one in checked {
        assert_eq!(one["problems"], serde_json::json!([]), "{one:#}");
    }
}

#[test]
fn the_check_sees_a_slip_in_each_kind() {
    let Some(program) = program() else { return };
    for (file, right, wrong) in [
        ("argo/analysis-template.yaml", "failureLimit", "failuresLimit"),
        ("argo/analysis-template.yaml", "interval: 30s", "interval: soon"),
        ("argo-cd/applications.yaml", "repoURL", "repoUrl"),
        ("argo-cd/presync-gate.yaml", "backoffLimit", "backofLimit"),
        ("flagger/canary.yaml", "type: rollback", "type: roll-back"),
        ("flagger/canary.yaml", "threshold", "treshold"),
    ] {
        let text = std::fs::read_to_string(root().join("deploy").join(file)).expect("the example exists");
        let changed = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{wrong}.yaml").replace(' ', "-"));
        std::fs::write(&changed, text.replacen(right, wrong, 1)).expect("a file");
        let checked = gates(program, "", &["check", changed.to_str().expect("a text")]);
        let is_seen = |one: &Value| one["problems"].as_array().is_some_and(|problems| !problems.is_empty());
        assert!(checked.as_array().expect("a list").iter().any(is_seen), "{wrong}: {checked:#}");
    }
}

#[test]
fn argos_own_provider_gets_the_phase_that_each_verdict_means() {
    let Some(program) = program() else { return };
    let phase = |console: &Running, args: &[&str]| {
        let args = [&["argo", "../../deploy/argo/analysis-template.yaml"][..], args].concat();
        let measured = gates(program, &console.address().to_string(), &args);
        measured[0]["phase"].as_str().expect("a phase").to_owned()
    };
    let digest = format!("digest={}", canned::DIGEST);
    for (state, is_final) in STATES {
        let console = console(Some((state, is_final)));
        let expected = match (state, is_final) {
            (State::Promote, _) => "Successful",
            (State::Reject, _) | (State::Invalid, true) => "Failed",
            _ => "Inconclusive",
        };
        assert_eq!(phase(&console, &[&digest]), expected, "{state:?}, final {is_final}");
        assert_eq!(phase(&console, &[&digest, "run=r1"]), expected, "{state:?}, final {is_final}");
        assert_eq!(phase(&console, &["digest=sha256:0"]), "Error", "no run of that build");
        assert_eq!(phase(&console, &["digest=sha256:0", "run=r1"]), "Error", "another build's verdict");
        assert_eq!(phase(&console, &[&digest, "run=r2"]), "Error", "no such run");
    }
    assert_eq!(phase(&console(None), &[&digest]), "Error", "nothing is published yet");
}

#[test]
fn argos_conditions_may_read_the_whole_document_in_every_state() {
    let Some(program) = program() else { return };
    // As in the specification: the digest is compared by the condition, not by the console.
    let template = root().join("deploy/argo/analysis-template.yaml");
    let mut text = std::fs::read_to_string(template).expect("the example exists");
    for (written, whole) in [
        ("?candidate={{args.digest}}", ""),
        ("{$.promote}", "{$}"),
        ("result == true", "result.verdict == \"promote\" && result.candidate.digest == \"{{args.digest}}\""),
        (
            "result == false",
            "result.final && (result.verdict == \"reject\" || result.verdict == \"invalid\")",
        ),
    ] {
        assert!(text.contains(written), "{written}");
        text = text.replace(written, whole);
    }
    let changed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("whole-document.yaml");
    std::fs::write(&changed, text).expect("a file");
    let phase = |console: &Running, digest: &str| {
        let args = ["argo", changed.to_str().expect("a text"), &format!("digest={digest}")];
        let measured = gates(program, &console.address().to_string(), &args);
        measured[0]["phase"].as_str().expect("a phase").to_owned()
    };
    for (state, is_final) in STATES {
        let console = console(Some((state, is_final)));
        let (own, other) = match (state, is_final) {
            (State::Promote, _) => ("Successful", "Inconclusive"),
            (State::Reject, _) | (State::Invalid, true) => ("Failed", "Failed"),
            _ => ("Inconclusive", "Inconclusive"),
        };
        assert_eq!(phase(&console, canned::DIGEST), own, "{state:?}, final {is_final}");
        assert_eq!(phase(&console, "sha256:0"), other, "{state:?}, final {is_final}, another build");
    }
    assert_eq!(phase(&console(None), canned::DIGEST), "Error", "nothing is published yet");
}

#[test]
fn flaggers_own_client_takes_the_answers_as_the_hooks_mean_them() {
    let Some(program) = program() else { return };
    let ask = |console: &Running, digest: &str| {
        let address = console.address().to_string();
        let answers = gates(program, &address, &["flagger", "../../deploy/flagger/canary.yaml", digest]);
        answers.as_array().expect("a list").clone()
    };
    let successes = |answers: &[Value]| answers.iter().map(|one| one["success"] == true).collect::<Vec<_>>();
    for (state, is_final) in STATES {
        let console = console(Some((state, is_final)));
        let answers = ask(&console, canned::DIGEST);
        let hooks: Vec<_> = answers.iter().map(|one| one["hook"].as_str().expect("a type")).collect();
        assert_eq!(hooks, ["confirm-rollout", "rollout", "confirm-promotion", "rollback"]);
        let expected = match (state, is_final) {
            (State::Promote, _) => [true, true, true, false],
            // Success of a rollback hook rolls back.
            (State::Reject, _) | (State::Invalid, true) => [false, false, false, true],
            _ => [false, true, false, false],
        };
        assert_eq!(successes(&answers), expected, "{state:?}, final {is_final}");
        for refusal in answers.iter().filter(|one| one["success"] == false) {
            let message = refusal["message"].as_str().expect("a text");
            assert!(message.starts_with("parallax run r1: ") && message.trim_end().lines().count() == 1);
        }
        assert_eq!(successes(&ask(&console, "sha256:0")), [false; 4], "another build's verdict");
    }
    assert_eq!(successes(&ask(&console(None), canned::DIGEST)), [false; 4], "nothing is published yet");
}
