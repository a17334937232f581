//! The webhook against a receiver that fails first: retries, ids, signatures, and the end of a run.

use crate::harness::{Load, Request, Rig, Trial, Upstream, get, local, wait_for};
use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECRET: &str = "a secret of more than sixteen bytes";

/// What the receiver got, refused or not.
type Received = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// Refuses the first requests with these statuses, then takes everything.
fn receiver(refusals: &'static [u16]) -> (Upstream, Received) {
    let received = Received::default();
    let inbox = Arc::clone(&received);
    let server = Upstream::start(move |request| {
        let mut inbox = inbox.lock().expect("no test panics while holding it");
        inbox.push((request.headers().clone(), request.body().clone()));
        let status = refusals.get(inbox.len() - 1).copied().unwrap_or(204);
        Response::builder().status(status).body(Bytes::new()).expect("a status")
    });
    (server, received)
}

/// HMAC-SHA256 in base64, by Python's standard library.
fn hmac(secret: &str, message: &[u8]) -> String {
    use std::io::Write as _;
    let code = "import base64,hashlib,hmac,sys\n\
                mac=hmac.new(sys.argv[1].encode(),sys.stdin.buffer.read(),hashlib.sha256)\n\
                print(base64.b64encode(mac.digest()).decode())";
    let mut python = Command::new("python3");
    python.args(["-c", code, secret]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().expect("python3 runs");
    child.stdin.take().expect("it is piped").write_all(message).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    String::from_utf8(output.stdout).expect("base64").trim().to_owned()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_else(|| panic!("no {name}: {headers:?}"))
}

#[test]
fn every_change_of_state_reaches_a_receiver_that_fails_first() {
    let (server, received) = receiver(&[500, 302]);
    let role = Upstream::start(|_| Response::new(Bytes::from_static(b"ok")));
    let tables =
        format!("[webhook]\nurl = \"{}/parallax?team=a\"\nsecret_env = \"TEST_HOOK_SECRET\"\n", server.url());
    let trial = Trial {
        primary: role.url(),
        candidate: role.url(),
        tables,
        policy: "[policy]\nself_test = true\nwindow = \"100ms\"\nseal_delay = \"300ms\"\n\
                 shadow_timeout = \"200ms\"\nminimum_time = \"8s\"\ndeadline = \"9s\"\nfutility_looks = 1000\n",
        env: vec![("TEST_HOOK_SECRET", SECRET)],
        ..Trial::default()
    };
    let mut rig = Rig::start(&trial);
    let load = Load::start(rig.address(), vec![Request::get("/")], 50.0, 2);
    let count = || received.lock().expect("unpoisoned").len();
    wait_for("three attempts", Duration::from_secs(30), || (count() >= 3).then_some(()));
    let metrics = wait_for("the counters", Duration::from_secs(10), || {
        let metrics = get(local(rig.console()), "/metrics").text();
        metrics.contains("parallax_webhook_events_total{outcome=\"delivered\"} 1").then_some(metrics)
    });
    assert!(metrics.contains("parallax_webhook_attempts_total{outcome=\"refused\"} 2"), "{metrics}");
    let (outcome, _) = rig.end(load);
    assert!(outcome.code != 2 && outcome.code != 101, "{outcome}");

    let received = received.lock().expect("unpoisoned");
    let events: Vec<Value> =
        received.iter().map(|(_, body)| serde_json::from_slice(body).expect("complete JSON")).collect();
    let id = |index: usize| events[index]["id"].as_str().expect("an id").to_owned();
    assert_eq!((id(0), id(1)), (id(1), id(2)), "a retry is the same event");
    assert_eq!(events[0]["data"]["verdict"], "wait");
    let last = events.last().expect("some");
    assert_eq!(last["data"]["final"], true, "the final verdict is told before the run ends: {last:#}");
    assert_eq!(last["data"]["verdict"], outcome.document().0["verdict"], "{last:#}");
    for (headers, body) in received.iter() {
        assert_eq!(header(headers, "content-type"), "application/cloudevents+json; charset=utf-8");
        let signed = format!("{}.{}.", header(headers, "webhook-id"), header(headers, "webhook-timestamp"));
        let expected = format!("v1,{}", hmac(SECRET, &[signed.as_bytes(), body].concat()));
        assert_eq!(header(headers, "webhook-signature"), expected);
    }
}
