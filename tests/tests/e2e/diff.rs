//! `parallax diff`: bodies by their types, and recordings joined by request.

use crate::harness::parallax;
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// A `.gor` recording: method, target, request body, status, answer.
fn gor(exchanges: &[(&str, &str, &str, u16, &str)]) -> String {
    let mark = "\n\u{1f435}\u{1f648}\u{1f649}\n";
    let one = |(n, (method, target, body, status, answer)): (usize, &(&str, &str, &str, u16, &str))| {
        let (sent, came) = (1_700_000_000_000_000_000 + n * 1_000, 1_700_000_000_000_000_500 + n * 1_000);
        format!(
            "1 {n:024x} {sent} 0\n{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}{mark}\
             2 {n:024x} {came} 500\nHTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}{mark}",
            body.len(),
            answer.len(),
        )
    };
    exchanges.iter().enumerate().map(one).collect()
}

fn diff(directory: &Path, args: &[&str], code: i32) -> crate::harness::Outcome {
    parallax(["diff"].into_iter().chain(args.iter().copied())).dir(directory).run(SOON).expect_code(code)
}

#[test]
fn two_recordings_are_joined_by_request() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let dir = directory.path();
    let file = |name: &str, text: String| std::fs::write(dir.join(name), text).expect("a file");
    let left = [
        ("GET", "/items", "", 200, r#"{"n":1,"at":5}"#),
        ("POST", "/events", "a", 202, "{}"),
        ("GET", "/items", "", 200, r#"{"n":2,"at":6}"#),
        ("GET", "/gone", "", 404, "{}"),
    ];
    let same = [left[1], ("GET", "/items", "", 200, r#"{"at":9,"n":1.0}"#), left[3], left[2]];
    let other = [left[0], ("POST", "/events", "a", 500, "{}"), ("POST", "/events", "b", 202, "{}"), left[3]];
    file("left.gor", gor(&left));
    file("same.gor", gor(&same));
    file("other.gor", gor(&other));
    file("rules.toml", "[[rules]]\nat = \"body:/at\"\naction = \"ignore\"\n".to_owned());

    let equal =
        diff(dir, &["left.gor", "same.gor", "--rules", "rules.toml", "--format", "json"], 0).document();
    assert_eq!((equal.text("/schema"), equal.at("/equal")), ("parallax.diff/1", &true.into()), "{equal}");
    assert_eq!((equal.count("/exchanges/joined"), equal.count("/exchanges/equal")), (4, 4), "{equal}");

    let found = diff(dir, &["left.gor", "other.gor", "--format", "json"], 10).document();
    for (place, count) in [("joined", 3), ("equal", 2), ("different", 1), ("missing", 1), ("extra", 1)] {
        assert_eq!(found.count(&format!("/exchanges/{place}")), count, "{place}: {found}");
    }
    assert_eq!(found.text("/differences/0/request"), "POST /events", "{found}");
    assert_eq!(found.text("/differences/0/right"), "500", "{found}");

    let text = diff(dir, &["left.gor", "other.gor"], 10).stdout;
    assert!(text.starts_with("3 exchanges joined: 2 equal, 1 different; 1 missing, 1 extra\n"), "{text}");
    assert!(diff(dir, &["left.gor", "other.gor", "--format", "junit"], 10).stdout.contains("failures=\"3\""));
    assert!(diff(dir, &["left.gor", "other.gor", "--format", "html"], 10).stdout.contains("(4 exchanges)"));

    // The native format says the same.
    for name in ["left", "other"] {
        parallax(["recording", "convert", &format!("{name}.gor"), &format!("{name}.plx")])
            .dir(dir)
            .run(SOON)
            .expect_code(0);
    }
    let native = diff(dir, &["left.plx", "other.plx", "--format", "json"], 10).document();
    assert_eq!(native.at("/places"), found.at("/places"));
    assert_eq!(native.at("/exchanges"), found.at("/exchanges"));
}

#[test]
fn what_cannot_be_compared_says_why() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let dir = directory.path();
    std::fs::write(dir.join("a.gor"), gor(&[("GET", "/", "", 200, "{}")])).expect("a file");
    std::fs::write(dir.join("a.json"), "{}").expect("a file");
    let usage = diff(dir, &["a.gor", "a.json"], 2);
    assert!(usage.stderr.contains("one of the two is a recording"), "{usage}");
    let patch = diff(dir, &["a.gor", "a.gor", "--format", "patch"], 2);
    assert!(patch.stderr.contains("recordings have no patch"), "{patch}");
    let none = diff(dir, &["a.gor", "a.gor", "--left-role", "control", "--right-role", "control"], 65);
    assert!(none.stderr.contains("no answer of the control in a.gor"), "{none}");
    let absent = diff(dir, &["absent.plx", "a.gor"], 74);
    assert!(absent.stderr.contains("absent.plx"), "{absent}");
    std::fs::write(dir.join("set"), b"\xff").expect("a file");
    let set = diff(dir, &["a.json", "a.json", "--descriptors", "set"], 2);
    assert!(set.stderr.contains("protoc --include_imports"), "{set}");
    let config = "descriptors = \"set\"\n[roles.primary]\nurl = \"http://127.0.0.1:1\"\n[listen]\naddress = \"127.0.0.1:0\"\n[console]\naddress = \"127.0.0.1:0\"\n";
    std::fs::write(dir.join("run.toml"), config).expect("a file");
    let run = parallax(["run", "--config", "run.toml", "--for", "1s"]).dir(dir).run(SOON).expect_code(2);
    assert!(run.stderr.contains("set cannot be used (key descriptors)"), "{run}");
}

#[test]
fn files_are_compared_by_what_their_names_promise() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let dir = directory.path();
    let file = |name: &str, text: &[u8]| std::fs::write(dir.join(name), text).expect("a file");
    file("a.csv", b"id,n\n1,2\n");
    file("b.csv", b"id,n\n1,3\n");
    file("a.cbor", b"\xa1\x61n\x01");
    file("b.cbor", b"\xbf\x61n\x18\x02\xff");
    let path = |left: &str, right: &str| {
        diff(dir, &[left, right, "--format", "json"], 10).document().text("/differences/0/path").to_owned()
    };
    assert_eq!(path("a.csv", "b.csv"), "/rows/0/n");
    assert_eq!(path("a.cbor", "b.cbor"), "/n");
}
