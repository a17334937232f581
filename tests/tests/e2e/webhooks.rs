//! Real event bodies: the 329 recorded webhook deliveries of `@octokit/webhooks-examples`.
//!
//! They are posted as events through `parallax run` to a small collector, captured, replayed from the
//! recording, and the verdict is recomputed from the log.

use crate::harness::rig::Trial;
use crate::harness::tools::{directory, has_command, need};
use crate::harness::{Request, Rig, Upstream, alone, parallax};
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use std::time::Duration;

const TABLES: &str = r#"
[[routes]]
name = "events"
path = "/events/{kind}"
methods = ["POST"]
"#;

const RATE: f64 = 100.0;

/// The bodies as requests: each event's kind is in the path and in GitHub's header.
fn events(test: &str) -> Option<Vec<Request>> {
    let file = "webhooks/node_modules/@octokit/webhooks-examples/api.github.com/index.json";
    let file = need(test, directory().join(file), "webhooks")?;
    let text = std::fs::read_to_string(file).expect("the package can be read");
    let kinds: Vec<Value> = serde_json::from_str(&text).expect("the package holds JSON");
    let mut requests = Vec::new();
    for kind in &kinds {
        let name = kind["name"].as_str().expect("each event has a name");
        for body in kind["examples"].as_array().into_iter().flatten() {
            let request = Request::new("POST", format!("/events/{name}")).header("x-github-event", name);
            requests.push(request.json(body.to_string()));
        }
    }
    assert!(requests.len() > 300, "only {} bodies", requests.len());
    Some(requests)
}

/// A collector that answers with what it understood of an event.
///
/// `forgets_senders` is the planted regression: who caused an event is lost when it was a bot.
fn collector(forgets_senders: bool) -> Upstream {
    Upstream::start(move |request| {
        let event: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let sender = &event["sender"];
        let forgotten = forgets_senders && sender["type"] == "Bot";
        let answer = json!({
            "success": event.is_object(),
            "kind": request.uri().path().rsplit('/').next(),
            "action": event["action"],
            "repository": event["repository"]["full_name"],
            "sender": if forgotten { &Value::Null } else { &sender["login"] },
            "fields": event.as_object().map_or(0, serde_json::Map::len),
        });
        Response::builder()
            .status(if event.is_object() { 202 } else { 400 })
            .header("content-type", "application/json")
            .body(Bytes::from(answer.to_string()))
            .expect("the answer is well-formed")
    })
}

/// Runs the trial with a good or a bad candidate and the arguments; the rig still holds the log.
fn run(test: &str, is_bad: bool, args: Vec<&'static str>) -> Option<(Rig, crate::harness::Outcome)> {
    let events = events(test)?;
    let servers = [collector(false), collector(is_bad), collector(false)];
    let mut rig = Rig::start(&Trial {
        primary: servers[0].url(),
        candidate: servers[1].url(),
        control: servers[2].url(),
        tables: TABLES.to_owned(),
        args,
        ..Trial::default()
    });
    let (outcome, sent) = rig.judge(events, RATE);
    assert_eq!(sent.status.keys().collect::<Vec<_>>(), [&202], "{sent:?}");
    Some((rig, outcome))
}

#[test]
fn a_lost_sender_is_rejected_at_its_path() {
    let _alone = alone();
    let Some((_rig, outcome)) = run("webhooks, reject", true, Vec::new()) else { return };
    let document = outcome.expect_code(10).document();
    document.expect_verdict("reject");
    document.expect_culprit("body:/sender");
    assert_eq!(document.culprit_paths().len(), 1, "{:?}", document.culprit_paths());
}

#[test]
fn a_captured_run_is_verified_inspected_and_replayed() {
    if !["verdict", "recording", "replay"].iter().all(|command| has_command("webhooks, capture", command)) {
        return;
    }
    let _alone = alone();
    let Some((rig, outcome)) = run("webhooks, capture", false, vec!["--capture"]) else { return };
    let document = outcome.expect_code(0).document();
    document.expect_verdict("promote");
    let soon = Duration::from_secs(60);
    let log = rig.log();
    let log = log.to_str().expect("a plain path");

    let verified = parallax(["verdict", "verify", "--log", log, "--format", "json"]).run(soon).expect_code(0);
    let verified = verified.document();
    assert_eq!(verified.text("/schema"), "parallax.verification/1", "{verified}");
    assert_eq!((verified.at("/equal"), verified.at("/ended")), (&true.into(), &true.into()), "{verified}");
    assert_eq!(verified.text("/verdict/verdict"), "promote", "{verified}");

    let inspected =
        parallax(["recording", "inspect", log, "--format", "json"]).run(soon).expect_code(0).document();
    assert_eq!(inspected.text("/schema"), "parallax.recording/1", "{inspected}");
    let recorded = inspected.count("/requests");
    assert!(recorded >= document.count("/report/conservation/compared"), "{inspected}\n{document}");

    let target = collector(false);
    let args = ["replay", log, "--target", &target.url(), "--rate", "500/s", "--format", "json"];
    let outcome = parallax(args).run(soon);
    let replayed = outcome.document();
    // On starved cores the generator must say that its latencies are not the target's; the counts hold.
    let is_trusted = replayed.text("/integrity/verdict") == "trustworthy";
    assert_eq!(outcome.code, if is_trusted { 0 } else { 30 }, "{replayed}");
    assert_eq!(replayed.text("/schema"), "parallax.load/1", "{replayed}");
    assert_eq!(replayed.count("/completed"), recorded, "{replayed}");
    assert_eq!(replayed.sum("/errors"), 0, "{replayed}");
    assert_eq!(target.served(), recorded);
}
