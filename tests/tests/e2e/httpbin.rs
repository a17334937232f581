//! httpbin 0.7.0 and 0.10.4: real software in two released versions that truly differ.
//!
//! What changed between them is known from comparing their answers directly: `/json` exists only in
//! the new one, three redirects became relative, error pages are written differently, and
//! `/response-headers` repeats its own length in the body. Everything else is the same JSON with other
//! spacing. Only what legitimately varies is masked: the marker that copies carry, which httpbin
//! echoes to whoever asks for the request's headers.

use crate::harness::rig::Trial;
use crate::harness::servers::httpbin;
use crate::harness::{Request, Rig, alone};

const OLD: &str = "0.7.0";
const NEW: &str = "0.10.4";

/// Requests a second; each is sent to three servers.
const RATE: f64 = 60.0;

const TABLES: &str = r#"
[[routes]]
name = "all"
path = "/{*rest}"
methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

[[rules]]
at = "body:/headers/X-Parallax-Copy"
action = "ignore"
"#;

/// The same validation for every pair of versions.
fn trial(
    test: &str,
    primary: &str,
    candidate: &str,
) -> Option<(Trial, [crate::harness::servers::Server; 3])> {
    let servers = [httpbin(test, primary)?, httpbin(test, candidate)?, httpbin(test, primary)?];
    let trial = Trial {
        primary: servers[0].url(),
        candidate: servers[1].url(),
        control: servers[2].url(),
        tables: TABLES.to_owned(),
        ..Trial::default()
    };
    Some((trial, servers))
}

/// One event in each encoding that the service takes.
fn posts(path: &str, method: &'static str) -> Vec<Request> {
    let request = || Request::new(method, path);
    vec![
        request().json(r#"{"events":[{"name":"purchase","value":12.50,"user":{"id":"u-1"}}]}"#),
        request().header("content-type", "application/x-www-form-urlencoded").body("a=1&b=2&a=3"),
        request().header("content-type", "text/plain").body("grüße"),
        request(),
    ]
}

fn unchanged() -> Vec<Request> {
    let gets = ["/get", "/get?a=1&a=2&b=%20x", "/get?c=%C3%BC"].map(Request::get);
    posts("/post", "POST").into_iter().chain(gets).collect()
}

/// Every family of endpoint, the changed ones among them.
fn everything() -> Vec<Request> {
    let gets = [
        "/headers",
        "/ip",
        "/user-agent",
        "/xml",
        "/html",
        "/robots.txt",
        "/deny",
        "/encoding/utf8",
        "/gzip",
        "/deflate",
        "/brotli",
        "/image/png",
        "/image/svg",
        "/cookies",
        "/links/3/0",
        "/base64/SFRUUEJJTg==",
        "/range/64",
        "/bytes/32?seed=7",
        "/stream/3",
        "/uuid",
        "/cache",
        "/cache/60",
        "/etag/abc",
        "/anything/x/y?q=1",
        "/basic-auth/u/p",
        "/bearer",
        "/status/204",
        "/status/418",
        "/status/500",
        "/json",
        "/relative-redirect/1",
        "/redirect-to?url=%2Fget&status_code=307",
        "/cookies/set?k=v",
        "/response-headers?X-A=1&X-A=2",
        "/nosuch",
    ];
    let mut requests: Vec<Request> = gets.into_iter().map(Request::get).collect();
    for (path, method) in [("/post", "POST"), ("/put", "PUT"), ("/patch", "PATCH"), ("/delete", "DELETE")] {
        requests.extend(posts(path, method));
    }
    requests.push(Request::new("HEAD", "/get"));
    requests.push(Request::new("OPTIONS", "/post"));
    requests.extend(unchanged());
    requests
}

#[test]
fn the_new_version_is_rejected_on_the_whole_traffic_naming_what_changed() {
    let test = "httpbin, whole traffic";
    let _alone = alone();
    let Some((trial, _servers)) = trial(test, OLD, NEW) else { return };
    let mut rig = Rig::start(&trial);
    let (outcome, sent) = rig.judge(everything(), RATE);
    let document = outcome.expect_code(10).document();
    document.expect_verdict("reject");
    for place in ["status", "header:location", "body:/Content-Length"] {
        document.expect_culprit(place);
    }
    // What both versions say alike is not blamed, and neither is what every answer varies in.
    for (part, pattern, _) in document.culprit_paths() {
        let is_innocent = match part.as_str() {
            "body" => pattern == "/uuid" || pattern.starts_with("/json"),
            "header" => ["date", "content-length", "etag"].contains(&pattern.as_str()),
            _ => false,
        };
        assert!(
            !is_innocent,
            "{part}:{pattern} is blamed: {}\n{document}",
            document.at("/report/differences")
        );
    }
    assert!(sent.status[&200] > 100, "{sent:?}");
}

#[test]
fn the_new_version_is_promoted_on_what_did_not_change() {
    let test = "httpbin, /get and /post";
    let _alone = alone();
    let Some((trial, _servers)) = trial(test, OLD, NEW) else { return };
    let mut rig = Rig::start(&trial);
    let (outcome, sent) = rig.judge(unchanged(), RATE);
    outcome.expect_code(0).document().expect_verdict("promote");
    assert_eq!(sent.status.keys().collect::<Vec<_>>(), [&200], "{sent:?}");
}

#[test]
fn the_same_version_three_times_is_promoted_on_the_whole_traffic() {
    let test = "httpbin, A/A";
    let _alone = alone();
    let Some((trial, _servers)) = trial(test, NEW, NEW) else { return };
    let mut rig = Rig::start(&trial);
    let (outcome, _) = rig.judge(everything(), RATE);
    outcome.expect_code(0).document().expect_verdict("promote");
}
