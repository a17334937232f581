//! Bad input: each mistake gets a clear message that names the place and the remedy, and its exit code.

use crate::harness::tools::has_command;
use crate::harness::{Request, Rig, Trial, Upstream, free_port, get, parallax, send};
use bytes::Bytes;
use http::Response;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// A configuration file in a directory that lives as long as the test.
struct File {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

fn config(text: &str) -> File {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("parallax.toml");
    std::fs::write(&path, text).expect("the file can be written");
    File { _directory: directory, path }
}

fn run(file: &File) -> crate::harness::Outcome {
    let args: [&std::ffi::OsStr; 3] = ["run".as_ref(), "--config".as_ref(), file.path.as_os_str()];
    parallax(args).dir(file.path.parent().expect("it lies in a directory")).run(SOON)
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_a_suggestion() {
    let file = config(
        "[roles.primary]\nurl = \"http://127.0.0.1:1\"\n[roles.candidate]\nurl = \"http://127.0.0.1:2\"\n\
         [policy]\naplha = 0.05\n",
    );
    let outcome = run(&file).expect_code(2);
    assert!(outcome.stderr.contains("parallax.toml:6:1: policy.aplha: unknown key"), "{outcome}");
    assert!(outcome.stderr.contains("did you mean `policy.alpha`?"), "{outcome}");
    assert_eq!(outcome.stdout, "", "stdout is for results");
}

#[test]
fn a_candidate_at_the_proxys_own_address_is_refused() {
    let port = free_port();
    let file = config(&format!(
        "[listen]\naddress = \"127.0.0.1:{port}\"\n[roles.primary]\nurl = \"http://127.0.0.1:1\"\n\
         [roles.candidate]\nurl = \"http://localhost:{port}\"\n"
    ));
    let outcome = run(&file).expect_code(2);
    assert!(outcome.stderr.contains("roles.candidate.url"), "{outcome}");
    assert!(outcome.stderr.contains("where this proxy itself listens"), "{outcome}");
}

#[test]
fn a_port_in_use_is_named() {
    let upstream = Upstream::start(|_| Response::new(Bytes::new()));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let file = config(&format!(
        "[listen]\naddress = \"127.0.0.1:{port}\"\n[console]\naddress = \"127.0.0.1:0\"\n\
         [roles.primary]\nurl = \"{}\"\n",
        upstream.url()
    ));
    let outcome = run(&file).expect_code(2);
    assert!(outcome.stderr.contains(&format!("127.0.0.1:{port}")), "{outcome}");
    assert!(outcome.stderr.to_lowercase().contains("in use"), "{outcome}");
    assert_eq!(upstream.served(), 0);
}

#[test]
fn a_refused_primary_is_a_502_with_a_reason_and_a_trace() {
    let dead = format!("http://127.0.0.1:{}", free_port());
    let mut rig = Rig::start(&Trial { primary: dead, ..Trial::default() });
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = Request::get("/orders").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let answer = send(rig.address(), &request).expect("the proxy answers");
    assert_eq!(answer.status, 502, "{}", answer.text());
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("the reason is JSON");
    assert_eq!(body["error"], "primary_unreachable", "{body}");
    assert_eq!(body["trace_id"], trace, "{body}");
    assert_eq!(answer.headers["x-parallax-trace"], trace);
    rig.interrupt().expect_code(130);
}

#[test]
fn a_malformed_request_is_refused_and_does_not_hang() {
    let upstream = Upstream::start(|_| Response::new(Bytes::from_static(b"ok")));
    let rig = Rig::start(&Trial { primary: upstream.url(), ..Trial::default() });
    let broken = [
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n",
        "\u{1}\u{2}\u{3}\r\n\r\n",
    ];
    for text in broken {
        let mut stream = TcpStream::connect(rig.address()).expect("the proxy takes connections");
        stream.set_read_timeout(Some(SOON)).expect("a limit can be set");
        stream.write_all(text.as_bytes()).expect("the request can be sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap_or_else(|error| panic!("no end after {text:?}: {error}"));
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{text:?}: {answer}");
    }
    assert_eq!(upstream.served(), 0, "a malformed request reached the primary");
    assert_eq!(get(rig.address(), "/").status, 200, "the proxy serves on");
}

#[test]
fn a_corrupt_log_is_damaged_data() {
    if !has_command("corrupt log", "verdict") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("00000000000000000000.plx"), b"this is no log").expect("a file");
    let log = directory.path().to_str().expect("a plain path");
    let outcome = parallax(["verdict", "verify", "--log", log]).run(SOON).expect_code(65);
    assert!(outcome.stderr.contains(log), "the message does not name the log\n{outcome}");
}

#[test]
fn an_interrupt_ends_cleanly_with_what_is_there() {
    let upstream = Upstream::start(|_| Response::new(Bytes::from_static(b"ok")));
    let url = upstream.url();
    let mut rig = Rig::start(&Trial { primary: url.clone(), candidate: url, ..Trial::default() });
    assert_eq!(get(rig.address(), "/").status, 200);
    let outcome = rig.interrupt().expect_code(130);
    assert_eq!(outcome.document().at("/partial"), true, "{outcome}");
}

#[test]
fn unknown_arguments_are_usage() {
    let outcome = parallax(["run", "--confg", "x.toml"]).run(SOON).expect_code(2);
    assert!(outcome.stderr.contains("--config"), "no suggestion\n{outcome}");
    parallax(["demo", "--regression", "gremlins"]).run(SOON).expect_code(2);
}
