//! The example files under `deploy/`, asked as their gates would ask: against a running console.

#[path = "../examples/preview/canned.rs"]
mod canned;

use parallax_comparator::report::Report;
use parallax_comparator::verdict::State;
use parallax_console::{Board, Console, Running};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

/// The only document of a file under `deploy/`.
fn read(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file);
    let text = std::fs::read_to_string(&path).expect("the example exists");
    let document: Value = serde_saphyr::from_str(&text).expect("the example is YAML");
    for field in ["apiVersion", "kind", "metadata", "spec"] {
        assert!(!document[field].is_null(), "{file} has no {field}");
    }
    document
}

fn console(state: State, is_final: bool) -> Running {
    let board = Board::new();
    board.publish(canned::publish(canned::verdict("r1", state, is_final), Report::default()));
    Console::start(SocketAddr::from(([127, 0, 0, 1], 0)), board).expect("a free port")
}

/// Sends what Go's client would, and returns status and body.
fn ask(console: &Running, method: &str, target: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let mut stream = TcpStream::connect(console.address()).expect("the console listens");
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: console\r\nUser-Agent: Go-http-client/1.1\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).expect("the console reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the console answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"), body.to_owned())
}

/// The path and query of a URL, with the arguments of an analysis filled in.
fn target(url: &Value, run: &str, digest: &str) -> String {
    let url = url.as_str().expect("a URL").replace("{{args.run}}", run).replace("{{args.digest}}", digest);
    assert!(!url.contains("{{"), "an argument is left in {url}");
    let rest = url.strip_prefix("http://").expect("plain HTTP inside the cluster");
    rest[rest.find('/').expect("a path")..].to_owned()
}

/// What Argo's conditions make of `$.promote`, as its own code was seen to do.
fn phase(metric: &Value, console: &Running, run: &str, digest: &str) -> &'static str {
    let (status, body) = ask(console, "GET", &target(&metric["provider"]["web"]["url"], run, digest), "");
    if !(200..300).contains(&status) {
        return "Error";
    }
    let document: Value = serde_json::from_str(&body).expect("a 2xx carries complete JSON");
    match document.get("promote").expect("`promote` is always there") {
        Value::Bool(true) => "Successful",
        Value::Bool(false) => "Failed",
        Value::Null => "Inconclusive",
        other => panic!("{other} is an error to the conditions"),
    }
}

fn webhooks(canary: &Value) -> &Vec<Value> {
    canary["spec"]["analysis"]["webhooks"].as_array().expect("webhooks")
}

#[test]
fn argos_metric_has_both_conditions_and_waits_for_free() {
    let template = read("argo/analysis-template.yaml");
    assert_eq!(template["kind"], "AnalysisTemplate");
    let metric = &template["spec"]["metrics"][0];
    assert_eq!(metric["successCondition"], "result == true");
    assert_eq!(metric["failureCondition"], "result == false");
    assert_eq!(metric["provider"]["web"]["jsonPath"], "{$.promote}");
    assert_eq!(metric["consecutiveSuccessLimit"], 1, "the first promote ends it");
    assert_eq!(metric["failureLimit"], 0, "the first reject ends it");
    assert!(metric["inconclusiveLimit"].as_u64() >= metric["count"].as_u64(), "waiting must not end it");
    assert!(metric["consecutiveErrorLimit"].as_u64() > Some(4), "a restart of the console must not end it");
}

#[test]
fn argos_metric_gets_the_phase_that_each_verdict_means() {
    let template = read("argo/analysis-template.yaml");
    let metric = &template["spec"]["metrics"][0];
    for (state, is_final, expected) in [
        (State::Promote, true, "Successful"),
        (State::Reject, true, "Failed"),
        (State::Invalid, true, "Failed"),
        (State::Invalid, false, "Inconclusive"),
        (State::Wait, false, "Inconclusive"),
        (State::Inconclusive, true, "Inconclusive"),
    ] {
        let console = console(state, is_final);
        for run in ["latest", "r1"] {
            assert_eq!(phase(metric, &console, run, canned::DIGEST), expected, "{state:?}, final {is_final}");
        }
        assert_eq!(phase(metric, &console, "r1", "sha256:0"), "Error", "another build's verdict");
        assert_eq!(phase(metric, &console, "latest", "sha256:0"), "Error", "no run of that build");
        assert_eq!(phase(metric, &console, "r2", canned::DIGEST), "Error", "no such run");
    }
}

#[test]
fn argos_job_asks_once_and_leaves_time_for_the_command() {
    let template = read("argo/analysis-template-job.yaml");
    let job = &template["spec"]["metrics"][0]["provider"]["job"]["spec"];
    assert_eq!(job["backoffLimit"], 0);
    let pod = &job["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never");
    let arguments = pod["containers"][0]["args"].as_array().expect("arguments");
    assert_eq!(arguments[..2], ["verdict", "wait"]);
    let deadline = arguments.iter().find_map(|text| text.as_str()?.strip_prefix("--deadline="));
    let deadline = humantime::parse_duration(deadline.expect("a deadline")).expect("a time");
    assert!(job["activeDeadlineSeconds"].as_u64() > Some(deadline.as_secs()));
}

#[test]
fn flaggers_hooks_ask_the_address_of_their_own_type() {
    let canary = read("flagger/canary.yaml");
    let types: Vec<_> = webhooks(&canary).iter().map(|hook| hook["type"].as_str().expect("a type")).collect();
    assert_eq!(types, ["confirm-rollout", "rollout", "confirm-promotion", "rollback"]);
    for hook in webhooks(&canary) {
        let path = target(&hook["url"], "", "");
        assert_eq!(path.rsplit('/').next(), hook["type"].as_str(), "the polarity is the address's");
        assert!(hook["metadata"]["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")));
    }
}

#[test]
fn flaggers_hooks_get_the_status_that_each_verdict_means() {
    let canary = read("flagger/canary.yaml");
    for (state, expected) in [
        (State::Promote, [200, 200, 200, 409]),
        (State::Wait, [409, 200, 409, 409]),
        (State::Inconclusive, [409, 200, 409, 409]),
        (State::Reject, [409, 409, 409, 200]),
        (State::Invalid, [409, 409, 409, 200]),
    ] {
        let console = console(state, state != State::Wait);
        let sent = json!({
            "name": "collector", "namespace": "events", "phase": "Progressing", "checksum": "1",
            "metadata": {"digest": canned::DIGEST},
        });
        let ask = |hook: &Value| ask(&console, "POST", &target(&hook["url"], "", ""), &sent.to_string()).0;
        let statuses: Vec<_> = webhooks(&canary).iter().map(ask).collect();
        assert_eq!(statuses, expected, "{state:?}");
    }
}

/// A run in `state` with evidence of region `eu`, all of it proved.
fn with_region(state: State) -> parallax_comparator::report::Published {
    let mut verdict = canned::verdict("r1", state, state != State::Wait);
    let line = json!({
        "slice": {"region": "eu"}, "check": "mismatch", "required": true, "state": "promote", "tau": 0.0005,
        "delta": 0.002, "n": 5000, "n_required": 2925, "need_units": 0, "worse": 1, "better": 1,
        "log_e_reject": -1.0, "log_e_reject_plain": -1.0, "log_threshold_reject": 3.0, "log_e_promote": 5.0,
        "log_e_promote_plain": 5.0, "log_threshold_promote": 4.6, "estimate": 0.0, "cs": [-0.001, 0.001],
        "deff": 1.0, "guard": "off", "examples": [],
    });
    verdict.checks.push(serde_json::from_value(line).expect("a line of a verdict"));
    canned::publish(verdict, Report::default())
}

#[test]
fn a_region_is_waited_for_streamed_and_listed_by_digest() {
    let board = Board::new();
    board.publish(with_region(State::Wait));
    let console = Console::start(SocketAddr::from(([127, 0, 0, 1], 0)), board.clone()).expect("a free port");
    let digest = canned::DIGEST;
    let mut stream = TcpStream::connect(console.address()).expect("the console listens");
    write!(stream, "GET /v1/events?candidate={digest}&region=eu HTTP/1.1\r\nHost: console\r\n\r\n")
        .expect("a request");
    let mut seen = String::new();
    let mut until = |part: &str| {
        let mut buffer = [0; 4096];
        while !seen.contains(part) {
            let read = stream.read(&mut buffer).expect("the stream goes on");
            assert!(read > 0, "the stream ended without {part}: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    };
    until("\"verdict\":\"wait\"");
    let poll = format!("/v1/verdicts/latest?candidate={digest}&region=eu&wait=60s");
    let (status, body) = std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&console, "GET", &poll, ""));
        board.publish(with_region(State::Promote));
        asked.join().expect("the poll is answered")
    });
    let document: Value = serde_json::from_str(&body).expect("complete JSON");
    assert_eq!((status, &document["verdict"]), (200, &json!("promote")), "{body}");
    assert_eq!(document["slice"], json!({"region": "eu"}));
    until("\"verdict\":\"promote\"");

    let list = |query: &str| {
        let (status, body) = ask(&console, "GET", &format!("/v1/verdicts?{query}"), "");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).expect("complete JSON")["verdicts"].clone()
    };
    let history = list(&format!("candidate={digest}&region=eu"));
    assert_eq!(history[0]["verdict"], "promote", "{history}");
    let states: Vec<_> = history[0]["changes"].as_array().expect("changes").iter().collect();
    assert_eq!(states.len(), 2, "wait, then promote: {history}");
    assert_eq!(list("region=us"), json!([]));
    assert_eq!(ask(&console, "GET", "/v1/verdicts/latest?candidate=sha256:other&region=eu", "").0, 404);

    // A run that gave up vouches for no region.
    board.publish(with_region(State::Inconclusive));
    let (_, body) = ask(&console, "GET", "/v1/verdicts/r1?region=eu", "");
    let document: Value = serde_json::from_str(&body).expect("complete JSON");
    assert_ne!(document["promote"], json!(true), "{body}");
}
