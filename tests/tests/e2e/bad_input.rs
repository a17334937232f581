//! Bad input: each mistake gets a clear message that names the place and the remedy, and its exit code.

use crate::harness::{Upstream, free_port, parallax};
use bytes::Bytes;
use http::Response;
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
