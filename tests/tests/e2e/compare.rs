//! `parallax compare`: judges of one group, killed again and again, against a real Apache Kafka.

use crate::harness::kafka::Broker;
use crate::harness::{Document, Load, Outcome, Request, Upstream, free_port, local, parallax, wait_for};
use bytes::Bytes;
use http::Response;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(90);

/// Judges killed before one is left alone, and crashes of the broker among them; a hundred by hand:
/// `PARALLAX_KILLS=100`.
fn kills() -> u64 {
    std::env::var("PARALLAX_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Answers with its path, and rarely with something else if it is broken: too rarely for a verdict before the end, as a run
/// that is decided is over, and the next judge begins another.
fn server(is_broken: bool) -> Upstream {
    Upstream::start(move |request| {
        let path = request.uri().path().to_owned();
        let is_hit = is_broken && path.ends_with("77") && path.len() == 4;
        Response::new(Bytes::from(if is_hit { "broken".to_owned() } else { path }))
    })
}

/// Mirrors requests into the log's topics for as long as `meanwhile` lasts.
fn mirror(directory: &Path, port: u16, meanwhile: impl FnOnce()) {
    let args = ["proxy", "--config", "parallax.toml", "--format", "json"];
    let mut process = parallax(args).dir(directory).start().listening(port, SOON);
    let requests =
        (0..2000).map(|n| Request::get(format!("/{n}")).header("x-session-id", format!("s{n}"))).collect();
    let load = Load::start(local(port), requests, 100.0, 4);
    meanwhile();
    let sent = load.stop();
    assert!(sent.failed.is_empty(), "{:?}", sent.failed);
    process.interrupt();
    let document = Outcome::of(&mut process, SOON).expect_code(130).document();
    let count = sent.status.values().sum::<u64>();
    assert_eq!((document.count("/recorded/exchanges"), document.count("/recorded/failed")), (count, 0));
}

fn judge(group: &str) -> [&str; 9] {
    ["compare", "--config", "parallax.toml", "--group", group, "--until", "end", "--format", "json"]
}

/// What a run found, without its name and the time at which it was judged.
fn found(outcome: &Outcome) -> Value {
    let document: Document = outcome.document();
    let mut value = document.at("").clone();
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| {
                !["run", "started", "started_ns", "updated", "now_ns"].contains(&name.as_str())
            });
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

#[test]
fn judges_that_are_killed_find_what_an_undisturbed_one_finds() {
    let test = "judges_that_are_killed_find_what_an_undisturbed_one_finds";
    let quick = "group.consumer.min.session.timeout.ms=1000\ngroup.consumer.session.timeout.ms=2000\n\
                 group.consumer.min.heartbeat.interval.ms=200\ngroup.consumer.heartbeat.interval.ms=300";
    let Some(broker) = Broker::start_with(test, quick) else { return };
    let (primary, candidate, control) = (server(false), server(true), server(false));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let port = free_port();
    let config = format!(
        "key = [\"header:x-session-id\"]\n[listen]\naddress = \"127.0.0.1:{port}\"\nthreads = 1\n\
         [log]\nurl = \"{}?partitions=3\"\n[roles.primary]\nurl = \"{}\"\n[roles.candidate]\nurl = \"{}\"\n\
         [roles.control]\nurl = \"{}\"\n[policy]\nwindow = \"500ms\"\nshadow_timeout = \"500ms\"\nseal_delay = \"1s\"\n",
        broker.url("log"),
        primary.url(),
        candidate.url(),
        control.url(),
    );
    std::fs::write(directory.path().join("parallax.toml"), config).expect("a file");
    let seed = std::env::var("PARALLAX_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    mirror(directory.path(), port, || {
        for kill in 0..kills() {
            let process = parallax(judge("storm")).dir(directory.path()).start();
            // Long enough to lead once the one before counts as gone, and anywhere in its work then.
            std::thread::sleep(Duration::from_millis(random.u64(500..5_000)));
            process.signal("KILL");
            if kill % 3 == 1 {
                broker.kill();
                broker.restart();
            }
        }
        wait_for("enough copies", SOON, || (candidate.served() >= 800).then_some(()));
    });
    let storm = parallax(judge("storm")).dir(directory.path()).run(SOON).expect_code(20);
    assert!(!storm.stderr.contains(" 1 cuts"), "killed judges had sealed windows: {}", storm.stderr);
    let calm = parallax(judge("calm")).dir(directory.path()).run(SOON).expect_code(20);
    assert_eq!(found(&storm), found(&calm), "seed {seed}\n{}\n{}", storm.stderr, calm.stderr);
}
