//! Zipkin 2.23.19 and 3.5.1: an event collector whose major version changed nothing that clients see.
//!
//! All answers are equal but the `Server` header, which names the version of the web framework and is
//! masked. A JVM that has served 1,500 requests less than its peer answers 1.44 times slower at the
//! median, so every instance gets the same warm-up before the validation begins; the policy's own
//! `warm_up` covers what connecting through the proxy adds.

use crate::harness::rig::Trial;
use crate::harness::servers::{Server, zipkin};
use crate::harness::{Load, Request, Rig, alone, wait_for};
use std::fmt::Write as _;
use std::time::Duration;

const OLD: &str = "2.23.19";
const NEW: &str = "3.5.1";

/// Posts that each instance serves before it is measured.
const WARM_UP_POSTS: u64 = 2_500;

const TABLES: &str = r#"
[[routes]]
name = "spans"
path = "/api/v2/spans"
methods = ["POST"]

[[routes]]
name = "queries"
path = "/{*rest}"

[[rules]]
at = "header:server"
action = "ignore"
"#;

/// A batch of spans: one trace of a request through four services.
fn batch(number: u64) -> Request {
    const SERVICES: [&str; 4] = ["web", "api", "cart", "pay"];
    let trace = format!("{:016x}", 0x5ca1_ab1e_0000_0000 + number);
    let mut spans = String::new();
    for (depth, service) in SERVICES.iter().enumerate() {
        let parent = if depth == 0 { String::new() } else { format!(r#""parentId":"{depth:016x}","#) };
        let comma = if depth == 0 { "" } else { "," };
        let (id, at) = (depth + 1, 1_795_000_000_000_000 + number * 1_000 + depth as u64 * 100);
        // Writing to a String cannot fail.
        let _ = write!(
            spans,
            r#"{comma}{{"traceId":"{trace}",{parent}"id":"{id:016x}","kind":"SERVER","name":"call {service}",
               "timestamp":{at},"duration":{},"localEndpoint":{{"serviceName":"{service}","ipv4":"10.0.0.{id}"}},
               "tags":{{"http.method":"GET","http.path":"/checkout/{number}","http.status_code":"200"}}}}"#,
            4_000 - depth * 500,
        );
    }
    Request::new("POST", "/api/v2/spans").json(format!("[{spans}]"))
}

/// Batches, broken batches, and questions whose answers the warm-up has fixed.
fn traffic() -> Vec<Request> {
    let post = |body: &'static str| Request::new("POST", "/api/v2/spans").json(body);
    let mut requests: Vec<Request> = (0..20).map(batch).collect();
    requests.extend(["[{", "{}", r#"[{"id":"1"}]"#, r#"[{"traceId":"zz","id":"1"}]"#].map(post));
    requests
        .extend((0..8).map(|number| {
            Request::get(format!("/api/v2/trace/{:016x}", 0x5ca1_ab1e_0000_0000_u64 + number))
        }));
    requests.extend(
        ["/api/v2/services", "/api/v2/spans?serviceName=web", "/health", "/api/v2/trace/zz"]
            .map(Request::get),
    );
    requests
}

/// Sends the same posts to every instance, and waits until each has answered them.
fn warm(servers: &[Server]) {
    let loads: Vec<Load> = servers
        .iter()
        .map(|server| Load::times(server.address(), (0..WARM_UP_POSTS).map(batch).collect(), 4))
        .collect();
    for load in loads {
        let sent = load.finish();
        assert_eq!(sent.status.get(&202), Some(&WARM_UP_POSTS), "{sent:?}");
    }
    // What was posted is stored in the background; the questions come when it is there.
    let last = Request::get(format!("/api/v2/trace/{:016x}", 0x5ca1_ab1e_0000_0000_u64 + WARM_UP_POSTS - 1));
    for server in servers {
        wait_for("the spans to be stored", Duration::from_secs(20), || {
            let answer = crate::harness::send(server.address(), &last).ok()?;
            (answer.status == 200).then_some(())
        });
    }
}

#[test]
fn the_new_major_version_is_promoted_once_server_is_masked() {
    let test = "Zipkin";
    let _alone = alone();
    let Some(primary) = zipkin(test, OLD) else { return };
    let Some(candidate) = zipkin(test, NEW) else { return };
    let Some(control) = zipkin(test, OLD) else { return };
    let servers = [primary, candidate, control];
    warm(&servers);
    let mut rig = Rig::start(&Trial {
        primary: servers[0].url(),
        candidate: servers[1].url(),
        control: servers[2].url(),
        tables: TABLES.to_owned(),
        ..Trial::default()
    });
    let (outcome, sent) = rig.judge(traffic(), 60.0);
    outcome.expect_code(0).document().expect_verdict("promote");
    assert!(sent.status.get(&202).is_some_and(|count| *count > 100), "{sent:?}");
}
