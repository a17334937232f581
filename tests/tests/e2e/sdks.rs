//! Profiles against the vendors' own clients: each client sends events through `parallax run` to three
//! equal collectors that answer what the vendor's endpoint answers.
//!
//! Equal collectors still differ in what is new each time (ids, stamps, cookies): the profile must know.
//! What each role received is written down, read by the same profile with `recording inspect`, and
//! joined by event id: the candidate must have got exactly the primary's events, and among them every
//! event whose id the client told.
//!
//! The clients run in a network of their own where that is allowed (`tests/sdks/alone.py`), so none can
//! report to its vendor.

mod answers;
mod collector;

use crate::harness::rig::{Rig, Trial};
use crate::harness::tools::{directory, need, need_program};
use crate::harness::{Document, Process, Request, Upstream, alone, parallax, root, send, wait_for};
use bytes::Bytes;
use collector::Collector;
use http::Response;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Events that each client is asked to send in each way that it has.
const COUNT: usize = 12;

const CLIENT_LIMIT: Duration = Duration::from_secs(40);

/// A policy that promotes nothing: only what was compared is asked for.
const POLICY: &str = r#"
[policy]
window = "200ms"
shadow_timeout = "5s"
seal_delay = "6s"
deadline = "1h"
"#;

/// A client of a vendor.
enum Client {
    Python(&'static str),
    Node(&'static str),
}

/// What a client told.
struct Told {
    ids: Vec<String>,
    marks: Vec<String>,
}

/// Events by their ids, each with its canonical forms: equal ids may come more than once.
type Events = BTreeMap<String, Vec<String>>;

impl Client {
    fn name(&self) -> String {
        match self {
            Self::Python(name) => format!("{name} (Python)"),
            Self::Node(name) => format!("{name} (Node)"),
        }
    }

    /// The command that sends to a local port; `None` (said loudly) where the client is not installed.
    fn command(&self, test: &str, port: u16) -> Option<Command> {
        let home = directory().join("sdks");
        let scripts = root().join("tests/sdks");
        let python = need(test, home.join("python/.installed"), "sdks")?.with_file_name("bin/python");
        let modules = need(test, home.join("node/.installed"), "sdks")?.with_file_name("node_modules");
        let mut command = Command::new(&python);
        command.arg(scripts.join("alone.py")).arg(port.to_string());
        let name = match self {
            Self::Python(name) => {
                command.arg(&python).arg(scripts.join("send.py"));
                name
            }
            Self::Node(name) => {
                command.arg(need_program(test, "node", "apt")?).arg(scripts.join("send.cjs"));
                name
            }
        };
        command.args([name.to_string(), format!("http://127.0.0.1:{port}"), COUNT.to_string()]);
        command.env("NODE_PATH", modules).env("PYTHONDONTWRITEBYTECODE", "1");
        Some(command)
    }

    /// Runs it to its end.
    fn send(&self, test: &str, port: u16) -> Option<Told> {
        let name = self.name();
        let ended = Process::start(&name, &mut self.command(test, port)?).wait(CLIENT_LIMIT);
        assert!(ended.status.success(), "{name} failed:\n{}\n{}", ended.stdout, ended.stderr);
        let last = ended.stdout.lines().last().unwrap_or_default();
        let told: Value = serde_json::from_str(last).unwrap_or_else(|error| {
            panic!("{name} told no JSON ({error}):\n{}\n{}", ended.stdout, ended.stderr)
        });
        let list = |member: &str| {
            let elements = told[member].as_array().cloned().unwrap_or_default();
            elements.iter().filter_map(|element| element.as_str().map(str::to_owned)).collect()
        };
        Some(Told { ids: list("ids"), marks: list("marks") })
    }
}

/// Runs every client of a family, one after another, each against collectors of its own.
///
/// Returns the events of each; fewer where a client is not installed.
fn prove(profile: &str, paths: &[&str], clients: &[Client]) -> Vec<Events> {
    let _alone = alone();
    let one = |client| prove_one(&format!("sdks, {}", Client::name(client)), profile, paths, client);
    clients.iter().map_while(one).collect()
}

/// The primary's events, after all that is said above held.
fn prove_one(test: &str, profile: &str, paths: &[&str], client: &Client) -> Option<Events> {
    let collectors = [Collector::start(), Collector::start(), Collector::start()];
    let [primary, candidate, control] = &collectors;
    let mut tables = String::new();
    for (number, path) in paths.iter().enumerate() {
        tables += &format!(
            "[[routes]]\nname = \"route-{number}\"\npath = \"{path}\"\nmethods = [\"GET\", \"POST\"]\nprofile = \"{profile}\"\n"
        );
    }
    let mut rig = Rig::start(&Trial {
        primary: primary.url(),
        candidate: candidate.url(),
        control: control.url(),
        tables,
        policy: POLICY,
        args: vec!["--capture"],
        env: Vec::new(),
    });
    let told = client.send(test, rig.address().port())?;
    wait_for("the copies", Duration::from_secs(10), || {
        let mirrored = primary.received_below(paths);
        (mirrored > 0 && [candidate, control].iter().all(|copy| copy.received() == mirrored)).then_some(())
    });
    let document = rig.interrupt().document();
    assert_no_difference(test, &document, primary.received_below(paths));

    let folder = tempfile::tempdir().expect("a temporary directory");
    let [ours, theirs] =
        [primary, candidate].map(|collector| events(test, profile, collector, folder.path()));
    assert_eq!(ours, theirs, "{test}: the candidate's events are not the primary's");
    for id in &told.ids {
        assert!(ours.contains_key(id), "{test}: {id} was sent and is not there; there are {:?}", ours.keys());
    }
    for mark in &told.marks {
        let marked = |forms: &Vec<String>| forms.iter().any(|json| json.contains(&format!("{mark}\"")));
        assert!(ours.values().any(marked), "{test}: no event carries the mark {mark}: {ours:?}");
    }
    Some(ours)
}

/// Everything was compared, and nothing differed.
fn assert_no_difference(test: &str, document: &Document, mirrored: u64) {
    let compared = document.count("/report/conservation/compared");
    assert_eq!(compared, mirrored, "{test}: not everything was compared\n{document}");
    let differences = document.at("/report/differences").as_array().cloned().unwrap_or_default();
    assert!(differences.is_empty(), "{test}: equal collectors differ: {differences:?}");
}

/// The events that a collector received, read by the product itself.
fn events(test: &str, profile: &str, collector: &Collector, folder: &Path) -> Events {
    let [requests, list] = ["requests.jsonl", "events.jsonl"].map(|name| folder.join(name));
    std::fs::write(&requests, collector.requests()).expect("the requests can be written");
    let [requests, list_name] = [&requests, &list].map(|path| path.to_str().expect("a plain path"));
    let args =
        ["recording", "inspect", requests, "--profile", profile, "--events", list_name, "--format", "json"];
    let document = parallax(args).run(Duration::from_secs(20)).expect_code(0).document();
    let counted = document.count(&format!("/events/profiles/{profile}/events"));
    let text = std::fs::read_to_string(&list).expect("the list was written");
    let mut events = Events::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("each event is a line of JSON");
        let id = line["id"].as_str().expect("each event has an id").to_owned();
        events.entry(id).or_default().push(line["event"].to_string());
    }
    events.values_mut().for_each(|forms| forms.sort_unstable());
    let listed: usize = events.values().map(Vec::len).sum();
    assert!(listed > 0, "{test}: no events: {document}");
    assert_eq!(listed as u64, counted, "{test}: {document}");
    events
}

#[test]
fn statsig_clients_are_mirrored_and_joined() {
    let clients = [
        Client::Python("statsig"),
        Client::Python("statsig_core"),
        Client::Node("statsig"),
        Client::Node("statsig_core"),
        Client::Node("statsig_js"),
    ];
    prove("statsig", &["/v1/{*rest}", "/v2/{*rest}"], &clients);
}

#[test]
fn segment_clients_are_mirrored_and_joined() {
    prove("segment", &["/v1/{*rest}"], &[Client::Python("segment"), Client::Node("segment")]);
}

#[test]
fn rudderstack_clients_are_mirrored_and_joined() {
    prove("rudderstack", &["/v1/{*rest}"], &[Client::Python("rudderstack"), Client::Node("rudderstack")]);
}

#[test]
fn snowplow_clients_are_mirrored_and_joined() {
    let paths = ["/i", "/com.snowplowanalytics.snowplow/tp2"];
    prove("snowplow", &paths, &[Client::Python("snowplow"), Client::Node("snowplow")]);
}

#[test]
fn posthog_clients_are_mirrored_and_joined() {
    prove("posthog", &["/{*rest}"], &[Client::Python("posthog"), Client::Node("posthog")]);
}

#[test]
fn amplitude_clients_are_mirrored_and_joined() {
    let paths = ["/2/httpapi", "/batch"];
    prove("amplitude", &paths, &[Client::Python("amplitude"), Client::Node("amplitude")]);
}

#[test]
fn mixpanel_clients_are_mirrored_and_joined() {
    prove("mixpanel", &["/{*rest}"], &[Client::Python("mixpanel"), Client::Node("mixpanel")]);
}

#[test]
fn cloudevents_clients_are_mirrored_and_joined() {
    let clients = [Client::Python("cloudevents"), Client::Node("cloudevents")];
    for events in prove("cloudevents", &["/events"], &clients) {
        // Each event was sent in two modes by the one client and in three by the other.
        for (id, mut forms) in events {
            assert!(forms.len() >= 2, "{id}: {forms:?}");
            forms.dedup();
            assert_eq!(forms.len(), 1, "{id} is not the same in every mode: {forms:#?}");
        }
    }
}

#[test]
fn opentelemetry_clients_are_mirrored_and_joined() {
    let clients = [Client::Python("otlp"), Client::Node("otlp_json"), Client::Node("otlp_protobuf")];
    prove("otlp", &["/v1/{*rest}"], &clients);
}

/// The planted fault: an endpoint that refuses one event of a batch, as Amplitude's does.
#[test]
fn an_event_that_only_the_candidate_refuses_is_told_by_its_position() {
    let _alone = alone();
    let primary = Collector::start();
    let candidate = Upstream::start(|_| {
        let body = r#"{"code":400,"error":"invalid","events_with_invalid_fields":{"time":[1]}}"#;
        let answer = Response::builder().status(400).header("content-type", "application/json");
        answer.body(Bytes::from_static(body.as_bytes())).expect("the answer is well-formed")
    });
    let mut rig = Rig::start(&Trial {
        primary: primary.url(),
        candidate: candidate.url(),
        tables: "[[routes]]\nname = \"ingest\"\npath = \"/2/httpapi\"\nmethods = [\"POST\"]\n\
                 profile = \"amplitude\"\n"
            .to_owned(),
        policy: POLICY,
        ..Trial::default()
    });
    let batch =
        r#"{"api_key":"key","events":[{"event_type":"a","user_id":"u"},{"event_type":"b","user_id":"u"}]}"#;
    let answer = send(rig.address(), &Request::new("POST", "/2/httpapi").json(batch)).expect("an answer");
    assert_eq!(answer.status, 200, "the client gets the primary's answer");
    wait_for("the copy", Duration::from_secs(10), || (candidate.served() == 1).then_some(()));
    let document = rig.interrupt().document();
    let rows = document.at("/report/differences").as_array().cloned().unwrap_or_default();
    let has =
        |part: &str, pattern: &str| rows.iter().any(|row| row["in"] == part && row["pattern"] == pattern);
    assert!(has("event", "*") && has("status", ""), "{rows:?}");
}
